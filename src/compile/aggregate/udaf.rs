//! The functions as DataFusion takes them: for SELECT, and to plan the queries of views.

use std::sync::Arc;

use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::DataFusionError;
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::expr::AggregateFunctionParams;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, ReversedUDAF, Signature, Volatility,
};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;
use datafusion::scalar::ScalarValue;

use super::definition::{self, NAMES};
use super::rows::{Grouped, Shape, Single};
use crate::compile::plan::AggregateFunction;
use crate::error::Error;

/// The functions.
pub fn functions() -> Vec<Arc<AggregateUDF>> {
    NAMES
        .iter()
        .map(|(name, function)| {
            let signature = Signature::user_defined(Volatility::Immutable);
            Arc::new(AggregateUDF::new_from_impl(Udaf { name, function: *function, signature }))
        })
        .collect()
}

/// One name of a function.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Udaf {
    name: &'static str,
    function: AggregateFunction,
    signature: Signature,
}

fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

impl AggregateUDFImpl for Udaf {
    fn name(&self) -> &str {
        self.name
    }

    /// As DataFusion's, but with the casts in it, which tell `stddev(x)` from `stddev(x::real)`.
    fn schema_name(&self, parameters: &AggregateFunctionParams) -> PlanResult<String> {
        let arguments: Vec<String> = parameters.args.iter().map(ToString::to_string).collect();
        let distinct = if parameters.distinct { "DISTINCT " } else { "" };
        let order: Vec<String> = parameters.order_by.iter().map(ToString::to_string).collect();
        let order = if order.is_empty() { String::new() } else { format!(" ORDER BY {}", order.join(",")) };
        let filter = parameters.filter.as_ref().map_or_else(String::new, |filter| format!(" FILTER (WHERE {filter})"));
        Ok(format!("{}({distinct}{}{order}){filter}", self.name, arguments.join(",")))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> PlanResult<Vec<DataType>> {
        definition::coerced(self.name, self.function, arguments).map_err(external)
    }

    fn return_type(&self, arguments: &[DataType]) -> PlanResult<DataType> {
        let fields: Vec<FieldRef> = arguments.iter().map(|kind| Arc::new(Field::new("", kind.clone(), true))).collect();
        Ok(self.return_field(&fields)?.data_type().clone())
    }

    fn return_field(&self, arguments: &[FieldRef]) -> PlanResult<FieldRef> {
        definition::output(self.name, self.function, arguments).map(Arc::new).map_err(external)
    }

    /// The rows as they came: one array per argument.
    fn state_fields(&self, arguments: StateFieldsArgs) -> PlanResult<Vec<FieldRef>> {
        let columns = arguments.input_fields.iter().chain(arguments.ordering_fields).enumerate();
        let list = |(at, field): (usize, &FieldRef)| {
            let name = format_state_name(arguments.name, &at.to_string());
            Arc::new(Field::new(name, DataType::new_list(field.data_type().clone(), true), true))
        };
        Ok(columns.map(list).collect())
    }

    fn accumulator(&self, arguments: AccumulatorArgs) -> PlanResult<Box<dyn Accumulator>> {
        Single::new(self.shape(&arguments)?).map(|single| Box::new(single) as Box<dyn Accumulator>).map_err(external)
    }

    fn groups_accumulator_supported(&self, _arguments: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, arguments: AccumulatorArgs) -> PlanResult<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Grouped::new(self.shape(&arguments)?)))
    }

    fn supports_within_group_clause(&self) -> bool {
        self.function.is_ordered_set()
    }

    /// Rows are sorted here: sorting all of them once for several calls with different orders is not possible.
    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Beneficial
    }

    fn with_beneficial_ordering(self: Arc<Self>, _: bool) -> PlanResult<Option<Arc<dyn AggregateUDFImpl>>> {
        Ok(Some(self))
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::NotSupported
    }

    fn default_value(&self, data_type: &DataType) -> PlanResult<ScalarValue> {
        match self.function {
            AggregateFunction::RegrCount => Ok(ScalarValue::Int64(Some(0))),
            _ => ScalarValue::try_from(data_type),
        }
    }
}

impl Udaf {
    /// What a call keeps of its rows and makes of them.
    fn shape(&self, call: &AccumulatorArgs) -> PlanResult<Shape> {
        let arguments = call.exprs.len();
        let place = definition::constant_argument(self.function).filter(|place| *place < arguments);
        let constant = place.and_then(|place| constant(&call.exprs[place]));
        let skipped = place.filter(|_| constant.is_some());
        let order: Vec<SortOptions> = call.order_bys.iter().map(|sort| sort.options).collect();
        let used: Vec<usize> = (0..arguments).filter(|at| Some(*at) != skipped).collect();
        let given_types = call.expr_fields.iter().map(|field| Ok(field.data_type().clone()));
        let order_types = call.order_bys.iter().map(|sort| sort.expr.data_type(call.schema));
        Ok(Shape {
            function: self.function,
            fields: used.iter().map(|at| Arc::clone(&call.expr_fields[*at])).collect(),
            used,
            given: arguments,
            types: given_types.chain(order_types).collect::<PlanResult<_>>()?,
            constant,
            distinct: call.is_distinct && !self.function.ignores_copies(),
            order,
            output: call.return_type().clone(),
        })
    }
}

fn constant(expression: &Arc<dyn PhysicalExpr>) -> Option<ScalarValue> {
    expression.downcast_ref::<Literal>().map(|literal| literal.value().clone())
}

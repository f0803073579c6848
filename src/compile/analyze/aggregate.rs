//! `sum` and `avg` with PostgreSQL's results: exact over integers and numeric, which DataFusion sums with silent overflow and
//! averages in floating point. Result types are those of [`AggregateFunction`].

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, FieldRef};
use datafusion::common::{DataFusionError, plan_err};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::expr::AggregateFunctionParams;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::totals::{Figure, Totals};
use crate::compile::aggregate as rows;
use crate::compile::plan::AggregateFunction;
use crate::types::SqlType;

/// Digits that a sum may have before the point beyond those of its values: as many rows are nowhere.
const SUM_DIGITS: u8 = 14;

/// The functions.
pub(super) fn functions() -> Vec<Arc<AggregateUDF>> {
    [Figure::Sum, Figure::Average]
        .into_iter()
        .map(|what| {
            let signature = Signature::user_defined(Volatility::Immutable);
            Arc::new(AggregateUDF::new_from_impl(Exact { what, signature }))
        })
        .collect()
}

/// `sum`.
pub(super) fn sum() -> Arc<AggregateUDF> {
    let signature = Signature::user_defined(Volatility::Immutable);
    Arc::new(AggregateUDF::new_from_impl(Exact { what: Figure::Sum, signature }))
}

/// `sum` or `avg`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Exact {
    what: Figure,
    signature: Signature,
}

impl AggregateUDFImpl for Exact {
    fn name(&self) -> &str {
        match self.what {
            Figure::Sum => "sum",
            Figure::Average => "avg",
        }
    }

    /// As DataFusion's, but with the casts in it, which tell `sum(x)` from `sum(x::smallint)`.
    fn schema_name(&self, parameters: &AggregateFunctionParams) -> PlanResult<String> {
        let arguments: Vec<String> = parameters.args.iter().map(ToString::to_string).collect();
        let distinct = if parameters.distinct { "DISTINCT " } else { "" };
        let filter = parameters.filter.as_ref().map_or_else(String::new, |filter| format!(" FILTER (WHERE {filter})"));
        Ok(format!("{}({distinct}{}){filter}", self.name(), arguments.join(",")))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> PlanResult<Vec<DataType>> {
        let [argument] = arguments else {
            return plan_err!("function {} takes one argument", self.name());
        };
        Ok(vec![match argument {
            DataType::Int8 | DataType::UInt8 => DataType::Int16,
            DataType::UInt16 => DataType::Int32,
            DataType::UInt32 => DataType::Int64,
            DataType::UInt64 => DataType::Decimal128(20, 0),
            DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
                DataType::Decimal128(*precision, *scale)
            }
            DataType::Decimal256(_, scale) => DataType::Decimal128(DECIMAL128_MAX_PRECISION, *scale),
            DataType::Null | DataType::Float16 => DataType::Float64,
            DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Float32 | DataType::Float64 => {
                argument.clone()
            }
            DataType::Decimal128(..) | DataType::LargeBinary | DataType::Interval(_) | DataType::Time64(_) => {
                argument.clone()
            }
            other => {
                let kind = SqlType::of(&Field::new("", other.clone(), true));
                return plan_err!("function {}({kind}) does not exist", self.name());
            }
        }])
    }

    fn return_type(&self, arguments: &[DataType]) -> PlanResult<DataType> {
        let sum = |precision: u8, scale| match precision + SUM_DIGITS {
            precision @ ..=DECIMAL128_MAX_PRECISION => DataType::Decimal128(precision, scale),
            _ => DataType::LargeBinary,
        };
        Ok(match (self.what, arguments) {
            // Planned as sums of their parts.
            (_, [DataType::Interval(_) | DataType::Time64(_)]) => SqlType::Interval.arrow(),
            (Figure::Sum, [DataType::Int16 | DataType::Int32]) => DataType::Int64,
            (Figure::Sum, [DataType::Int64]) => sum(19, 0),
            (Figure::Sum, [DataType::Decimal128(precision, scale)]) => sum(*precision, *scale),
            (Figure::Sum, [DataType::Float32]) => DataType::Float32,
            (Figure::Average, [DataType::Int16 | DataType::Int32 | DataType::Int64]) => DataType::LargeBinary,
            (Figure::Average, [DataType::Decimal128(..)]) | (_, [DataType::LargeBinary]) => DataType::LargeBinary,
            (_, [DataType::Float32 | DataType::Float64]) => DataType::Float64,
            _ => return plan_err!("function {} does not exist for these arguments", self.name()),
        })
    }

    fn state_fields(&self, arguments: StateFieldsArgs) -> PlanResult<Vec<FieldRef>> {
        let field = |name: &str, kind| Arc::new(Field::new(format_state_name(arguments.name, name), kind, true));
        let input = arguments.input_fields[0].data_type();
        if arguments.is_distinct || *input == DataType::LargeBinary {
            return Ok(vec![field("values", DataType::new_list(input.clone(), true))]);
        }
        Ok(vec![field("sum", Totals::sum_type(input)), field("count", DataType::Int64)])
    }

    fn accumulator(&self, arguments: AccumulatorArgs) -> PlanResult<Box<dyn Accumulator>> {
        if let Some(shape) = self.any_numeric(&arguments) {
            let single = rows::Single::new(shape).map_err(|error| DataFusionError::External(Box::new(error)))?;
            return Ok(Box::new(single));
        }
        let totals = self.totals(&arguments);
        if arguments.is_distinct {
            return Ok(Box::new(Distinct { totals, seen: HashSet::new(), values: Vec::new() }));
        }
        Ok(Box::new(Single { totals }))
    }

    fn groups_accumulator_supported(&self, arguments: AccumulatorArgs) -> bool {
        !arguments.is_distinct || self.any_numeric(&arguments).is_some()
    }

    fn create_groups_accumulator(&self, arguments: AccumulatorArgs) -> PlanResult<Box<dyn GroupsAccumulator>> {
        if let Some(shape) = self.any_numeric(&arguments) {
            return Ok(Box::new(rows::Grouped::new(shape)));
        }
        Ok(Box::new(Grouped { totals: self.totals(&arguments) }))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }
}

impl Exact {
    /// A call over numerics of any size keeps its rows until all are there.
    fn any_numeric(&self, arguments: &AccumulatorArgs) -> Option<rows::Shape> {
        let field = arguments.expr_fields.first().filter(|field| *field.data_type() == DataType::LargeBinary)?;
        let function = if self.what == Figure::Sum { AggregateFunction::Sum } else { AggregateFunction::Avg };
        Some(rows::Shape {
            function,
            fields: vec![Arc::clone(field)],
            used: vec![0],
            given: 1,
            types: vec![DataType::LargeBinary],
            constant: None,
            distinct: arguments.is_distinct,
            order: Vec::new(),
            output: arguments.return_type().clone(),
        })
    }

    fn totals(&self, arguments: &AccumulatorArgs) -> Totals {
        Totals::new(self.what, arguments.expr_fields[0].data_type(), arguments.return_type())
    }
}

/// Totals of one group.
#[derive(Debug)]
struct Single {
    totals: Totals,
}

impl Accumulator for Single {
    fn update_batch(&mut self, values: &[ArrayRef]) -> PlanResult<()> {
        self.totals.grow(1);
        self.totals.add(&values[0], |_| Some(0), 1)
    }

    fn evaluate(&mut self) -> PlanResult<ScalarValue> {
        self.totals.grow(1);
        // A window asks again after more rows came and went.
        ScalarValue::try_from_array(&self.totals.clone().results(EmitTo::All)?, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.totals.size()
    }

    fn state(&mut self) -> PlanResult<Vec<ScalarValue>> {
        self.totals.grow(1);
        self.totals.partial(EmitTo::All)?.iter().map(|column| ScalarValue::try_from_array(column, 0)).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> PlanResult<()> {
        self.totals.grow(1);
        self.totals.merge(states, |_| 0)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> PlanResult<()> {
        self.totals.add(&values[0], |_| Some(0), -1)
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }
}

/// Totals of many groups.
struct Grouped {
    totals: Totals,
}

impl GroupsAccumulator for Grouped {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        groups: usize,
    ) -> PlanResult<()> {
        self.totals.grow(groups);
        match filter {
            None => self.totals.add(&values[0], |row| Some(group_indices[row]), 1),
            Some(filter) => {
                let passes = |row| filter.value(row) && datafusion::arrow::array::Array::is_valid(filter, row);
                self.totals.add(&values[0], |row| passes(row).then(|| group_indices[row]), 1)
            }
        }
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> PlanResult<ArrayRef> {
        self.totals.results(emit_to)
    }

    fn state(&mut self, emit_to: EmitTo) -> PlanResult<Vec<ArrayRef>> {
        self.totals.partial(emit_to)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], groups: usize) -> PlanResult<()> {
        self.totals.grow(groups);
        self.totals.merge(values, |row| group_indices[row])
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> PlanResult<Vec<ArrayRef>> {
        let mut each_row = Grouped { totals: self.totals.empty() };
        let rows: Vec<usize> = (0..values[0].len()).collect();
        each_row.update_batch(values, &rows, filter, rows.len())?;
        each_row.totals.partial(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.totals.size()
    }
}

/// Each value once.
#[derive(Debug)]
struct Distinct {
    totals: Totals,
    seen: HashSet<ScalarValue>,
    /// The values in the order they came, so that a sum of floats does not depend on hash seeds.
    values: Vec<ScalarValue>,
}

impl Accumulator for Distinct {
    fn update_batch(&mut self, values: &[ArrayRef]) -> PlanResult<()> {
        for row in 0..values[0].len() {
            let value = ScalarValue::try_from_array(&values[0], row)?;
            if !value.is_null() && self.seen.insert(value.clone()) {
                self.values.push(value);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> PlanResult<ScalarValue> {
        let mut single = Single { totals: self.totals.empty() };
        if !self.values.is_empty() {
            single.update_batch(&[ScalarValue::iter_to_array(self.values.iter().cloned())?])?;
        }
        single.evaluate()
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.totals.size() + ScalarValue::size_of_vec(&self.values) * 2
    }

    fn state(&mut self) -> PlanResult<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::List(ScalarValue::new_list_nullable(&self.values, self.totals.input()))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> PlanResult<()> {
        for row in 0..states[0].len() {
            let list = ScalarValue::try_from_array(&states[0], row)?;
            if let ScalarValue::List(list) = list {
                self.update_batch(&[list.value(0)])?;
            }
        }
        Ok(())
    }
}

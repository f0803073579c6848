//! The functions as DataFusion's planner knows them: names, arguments and results as PostgreSQL has them. DataFusion never runs them.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::internal_err;
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::type_coercion::binary::type_union_coercion;
use datafusion::logical_expr::{
    PartitionEvaluator, Signature, Volatility, WindowFunctionDefinition, WindowUDF, WindowUDFImpl,
};

use super::Function;
use crate::compile::analyze::any_numeric::united;
use crate::compile::function::external;
use crate::error::{Error, code};
use crate::types::SqlType;

const FUNCTIONS: [Function; 11] = [
    Function::RowNumber,
    Function::Rank,
    Function::DenseRank,
    Function::PercentRank,
    Function::CumeDist,
    Function::Ntile,
    Function::Lag,
    Function::Lead,
    Function::FirstValue,
    Function::LastValue,
    Function::NthValue,
];

/// Aggregates that may stand before OVER.
const AGGREGATES: [&str; 36] = [
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "covar_pop",
    "covar_samp",
    "every",
    "json_agg",
    "json_object_agg",
    "jsonb_agg",
    "jsonb_object_agg",
    "max",
    "min",
    "regr_avgx",
    "regr_avgy",
    "regr_count",
    "regr_intercept",
    "regr_r2",
    "regr_slope",
    "regr_sxx",
    "regr_sxy",
    "regr_syy",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "string_agg",
    "sum",
    "var",
    "var_pop",
    "var_samp",
    "variance",
];

/// Whether a function only exists with OVER.
pub(in crate::compile) fn needs_window(name: &str) -> bool {
    FUNCTIONS.iter().any(|known| known.name() == name)
}

/// Whether a function may stand before OVER.
pub(in crate::compile) fn takes_window(name: &str) -> bool {
    needs_window(name) || AGGREGATES.contains(&name)
}

/// All functions that only exist with OVER.
pub(in crate::compile) fn functions() -> Vec<Arc<WindowUDF>> {
    let planned = |at: usize| WindowUDF::new_from_impl(Planned { at, signature: signature(&FUNCTIONS[at]) });
    (0..FUNCTIONS.len()).map(|at| Arc::new(planned(at))).collect()
}

/// Our function for one that the planner found.
pub(super) fn function(definition: &WindowFunctionDefinition) -> Option<Function> {
    match definition {
        WindowFunctionDefinition::AggregateUDF(function) => Some(Function::Aggregate(Arc::clone(function))),
        WindowFunctionDefinition::WindowUDF(function) => {
            FUNCTIONS.into_iter().find(|known| known.name() == function.name())
        }
    }
}

fn signature(function: &Function) -> Signature {
    match arguments(function) {
        (0, 0) => Signature::nullary(Volatility::Immutable),
        _ => Signature::user_defined(Volatility::Immutable),
    }
}

/// How many arguments a function takes, at least and at most.
fn arguments(function: &Function) -> (usize, usize) {
    match function {
        Function::Ntile | Function::FirstValue | Function::LastValue => (1, 1),
        Function::NthValue => (2, 2),
        Function::Lag | Function::Lead => (1, 3),
        _ => (0, 0),
    }
}

/// A function for the planner.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Planned {
    /// Which of the functions.
    at: usize,
    signature: Signature,
}

impl Planned {
    fn function(&self) -> &'static Function {
        const ALL: &[Function; 11] = &FUNCTIONS;
        &ALL[self.at]
    }

    /// The types that arguments are converted to; `None` if there is no such function.
    fn types(&self, given: &[DataType]) -> Option<Vec<DataType>> {
        let function = self.function();
        let (least, most) = arguments(function);
        if !(least..=most).contains(&given.len()) {
            return None;
        }
        let is_integer = |kind: &DataType| matches!(kind, DataType::Int16 | DataType::Int32 | DataType::Null);
        let known = |kind: &DataType| if kind.is_null() { DataType::Utf8 } else { kind.clone() };
        match (function, given) {
            (Function::Ntile, [buckets]) => is_integer(buckets).then(|| vec![DataType::Int32]),
            (_, []) => Some(Vec::new()),
            (_, [value]) => Some(vec![known(value)]),
            (_, [value, offset]) => is_integer(offset).then(|| vec![known(value), DataType::Int32]),
            // They are converted when all types are SQL's.
            (_, [value, offset, default])
                if is_integer(offset) && united(&[value.clone(), default.clone()]).is_some() =>
            {
                Some(vec![value.clone(), DataType::Int32, default.clone()])
            }
            (_, [value, offset, default]) => {
                // A text is read as the value's type; nothing else becomes a text.
                if *value == DataType::Utf8 && !matches!(default, DataType::Utf8 | DataType::Null) {
                    return None;
                }
                let common = match (value, default) {
                    (value, DataType::Utf8 | DataType::Null) => known(value),
                    (float @ (DataType::Float32 | DataType::Float64), DataType::Decimal128(..))
                    | (DataType::Decimal128(..), float @ (DataType::Float32 | DataType::Float64)) => float.clone(),
                    _ => known(&type_union_coercion(value, default)?),
                };
                is_integer(offset).then(|| vec![common.clone(), DataType::Int32, common])
            }
            _ => None,
        }
    }

    fn undefined(&self, given: &[DataType]) -> Error {
        let name = |kind: &DataType| match kind {
            DataType::Null => "unknown".to_string(),
            kind => SqlType::of(&Field::new("", kind.clone(), true)).to_string(),
        };
        let names: Vec<String> = given.iter().map(name).collect();
        let message = format!("function {}({}) does not exist", self.name(), names.join(", "));
        Error::new(code::UNDEFINED_FUNCTION, message).hint("no function takes these types: an explicit cast may help")
    }
}

impl WindowUDFImpl for Planned {
    fn name(&self) -> &str {
        self.function().name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Never fails: DataFusion would wrap the error. [`WindowUDFImpl::field`] does.
    fn coerce_types(&self, given: &[DataType]) -> PlanResult<Vec<DataType>> {
        Ok(self.types(given).unwrap_or_else(|| given.to_vec()))
    }

    fn field(&self, arguments: WindowUDFFieldArgs) -> PlanResult<FieldRef> {
        let given: Vec<DataType> = arguments.input_fields().iter().map(|field| field.data_type().clone()).collect();
        if self.types(&given).is_none() {
            return Err(external(self.undefined(&given)));
        }
        let kind = match self.function() {
            Function::PercentRank | Function::CumeDist => DataType::Float64,
            Function::Ntile => DataType::Int32,
            Function::RowNumber | Function::Rank | Function::DenseRank => DataType::Int64,
            // The same type as the value, with what Arrow does not tell of it.
            _ => match arguments.get_input_field(0) {
                Some(value) => {
                    return Ok(Arc::new(value.as_ref().clone().with_name(arguments.name()).with_nullable(true)));
                }
                None => DataType::Null,
            },
        };
        Ok(Arc::new(Field::new(arguments.name(), kind, true)))
    }

    fn partition_evaluator(&self, _arguments: PartitionEvaluatorArgs) -> PlanResult<Box<dyn PartitionEvaluator>> {
        internal_err!("{} is not run by DataFusion", self.name())
    }
}

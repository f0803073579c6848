//! The value of a group that has one row, and the complaint about groups that have more: a subquery in place of a value.

use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::common::{DataFusionError, internal_err};
use datafusion::error::Result as PlanResult;
use datafusion::functions_aggregate::first_last::first_value_udaf;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, GroupsAccumulator, ReturnFieldArgs, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::Expr;

use crate::error::{Error, code};

/// The aggregate's name, for what turns plans into operators.
pub(in crate::compile) const SINGLE_VALUE: &str = "single_value";

/// The value of a group's row. For groups of several rows it is any of theirs.
pub(super) fn single_value(value: Expr) -> Expr {
    let function = AggregateUDF::new_from_impl(SingleValue { signature: Signature::any(1, Volatility::Immutable) });
    function.call(vec![value])
}

/// `value` if `rows`, of which it is one, are at most 1; otherwise error 21000.
pub(super) fn only_value(value: Expr, rows: Expr) -> Expr {
    let function = ScalarUDF::new_from_impl(OnlyValue { signature: Signature::any(2, Volatility::Immutable) });
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(function), vec![value, rows]))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SingleValue {
    signature: Signature,
}

/// DataFusion's `first_value` under a name that no query can write.
impl AggregateUDFImpl for SingleValue {
    fn name(&self) -> &str {
        SINGLE_VALUE
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> PlanResult<DataType> {
        match arguments {
            [argument] => Ok(argument.clone()),
            _ => internal_err!("single_value takes one argument"),
        }
    }

    fn return_field(&self, arguments: &[FieldRef]) -> PlanResult<FieldRef> {
        match arguments {
            [argument] => Ok(Arc::new(argument.as_ref().clone().with_name(self.name()).with_nullable(true))),
            _ => internal_err!("single_value takes one argument"),
        }
    }

    fn accumulator(&self, arguments: AccumulatorArgs) -> PlanResult<Box<dyn Accumulator>> {
        first_value_udaf().accumulator(arguments)
    }

    fn state_fields(&self, arguments: StateFieldsArgs) -> PlanResult<Vec<FieldRef>> {
        first_value_udaf().state_fields(arguments)
    }

    fn groups_accumulator_supported(&self, arguments: AccumulatorArgs) -> bool {
        first_value_udaf().groups_accumulator_supported(arguments)
    }

    fn create_groups_accumulator(&self, arguments: AccumulatorArgs) -> PlanResult<Box<dyn GroupsAccumulator>> {
        first_value_udaf().create_groups_accumulator(arguments)
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OnlyValue {
    signature: Signature,
}

impl ScalarUDFImpl for OnlyValue {
    fn name(&self) -> &str {
        "only_value"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> PlanResult<DataType> {
        match arguments {
            [value, DataType::Int64] => Ok(value.clone()),
            _ => internal_err!("only_value takes a value and a count"),
        }
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> PlanResult<FieldRef> {
        match arguments.arg_fields {
            [value, _] => Ok(Arc::new(value.as_ref().clone().with_name(self.name()).with_nullable(true))),
            _ => internal_err!("only_value takes a value and a count"),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> PlanResult<ColumnarValue> {
        let [value, rows] = arguments.args.as_slice() else {
            return internal_err!("only_value takes a value and a count");
        };
        let rows = rows.to_array(arguments.number_rows)?;
        if rows.as_primitive::<Int64Type>().iter().flatten().any(|rows| rows > 1) {
            let message = "more than one row returned by a subquery used as an expression";
            return Err(DataFusionError::External(Box::new(Error::new(code::CARDINALITY_VIOLATION, message))));
        }
        Ok(value.clone())
    }
}

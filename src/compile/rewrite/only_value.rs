//! The only item of a list, as a subquery in place of a value demands it.

use datafusion::arrow::array::{Array, AsArray, UInt64Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, internal_err};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use crate::error::{Error, code};

/// NULL for no list; an error for a list of several items.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct OnlyValue {
    signature: Signature,
}

impl Default for OnlyValue {
    fn default() -> Self {
        OnlyValue { signature: Signature::any(1, Volatility::Immutable) }
    }
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
            [DataType::List(item)] => Ok(item.data_type().clone()),
            _ => internal_err!("only_value takes a list"),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> PlanResult<ColumnarValue> {
        let lists = arguments.args[0].to_array(arguments.number_rows)?;
        let lists = lists.as_list::<i32>();
        let mut places: Vec<Option<u64>> = Vec::with_capacity(lists.len());
        for row in 0..lists.len() {
            let length = if lists.is_valid(row) { lists.value_length(row) } else { 0 };
            if length > 1 {
                let message = "more than one row returned by a subquery used as an expression";
                return Err(DataFusionError::External(Box::new(Error::new(code::CARDINALITY_VIOLATION, message))));
            }
            places.push((length == 1).then(|| lists.value_offsets()[row] as u64));
        }
        Ok(ColumnarValue::Array(take(lists.values(), &UInt64Array::from(places), None)?))
    }
}

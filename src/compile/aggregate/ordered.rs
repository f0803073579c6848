//! Functions of the rows of one group in order: `array_agg`, `string_agg`, `mode` and those in files of their own.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::partition;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::scalar::ScalarValue;

use super::json::{self, Json};
use super::order::lengths;
use super::percentile;
use crate::batch::scalar;
use crate::canonical::comparable;
use crate::compile::function::check_accumulated;
use crate::compile::plan::AggregateFunction;
use crate::error::{Error, Result};

/// A call of a function that needs all rows.
pub struct Ordered {
    function: AggregateFunction,
    /// The argument that is the same for all rows.
    constant: Option<ScalarValue>,
    output: DataType,
    /// How the arguments are written, where they are.
    json: Vec<Json>,
}

impl Ordered {
    /// `function` over columns `arguments` with an argument that is the same for all rows, if it has one.
    pub fn new(
        function: AggregateFunction,
        arguments: &[FieldRef],
        constant: Option<ScalarValue>,
        output: &DataType,
    ) -> Result<Ordered> {
        let written = if function.makes_json() { arguments } else { &[] };
        let json = written.iter().map(Json::new).collect::<Result<_>>()?;
        Ok(Ordered { function, constant, output: output.clone(), json })
    }

    /// Whether rows whose first argument is NULL change nothing.
    pub fn skips_nulls(&self) -> bool {
        use AggregateFunction::{AnyValue, Mode, PercentileCont, PercentileDisc, StringAgg};
        matches!(self.function, StringAgg | Mode | PercentileCont | PercentileDisc | AnyValue)
    }

    /// The result for a group whose arguments are `arguments`, in order. Errors: those that PostgreSQL raises.
    pub fn evaluate(&self, arguments: &[ArrayRef]) -> Result<ScalarValue> {
        let Some(first) = arguments.first() else { return Err(Error::internal("an aggregate without an argument")) };
        match self.function {
            AggregateFunction::PercentileCont | AggregateFunction::PercentileDisc => {
                percentile::over(self.function, first, self.fraction(arguments)?, &self.output)
            }
            _ if first.is_empty() => Ok(ScalarValue::Null),
            AggregateFunction::ArrayAgg => self.array(first),
            AggregateFunction::StringAgg => self.text(first, arguments.get(1)),
            AggregateFunction::JsonAgg => json::array(&self.json, arguments).map(json::text),
            AggregateFunction::JsonObjectAgg => json::object(&self.json, arguments).map(json::text),
            AggregateFunction::JsonbAgg => json::canonical(&json::array(&self.json, arguments)?),
            AggregateFunction::JsonbObjectAgg => json::canonical(&json::object(&self.json, arguments)?),
            AggregateFunction::Mode => mode(first),
            AggregateFunction::AnyValue => value(first, 0),
            other => Err(Error::internal(format!("{} is a sum over its rows", other.name()))),
        }
    }

    /// The fractions of a percentile: all rows of a group have the same.
    fn fraction(&self, arguments: &[ArrayRef]) -> Result<Option<ScalarValue>> {
        match (&self.constant, arguments.get(1).filter(|fractions| !fractions.is_empty())) {
            (None, Some(fractions)) => value(fractions, 0).map(Some),
            (constant, _) => Ok(constant.clone()),
        }
    }

    fn array(&self, values: &ArrayRef) -> Result<ScalarValue> {
        let DataType::List(item) = &self.output else { return Err(Error::internal("array_agg answers an array")) };
        check_accumulated(values, 0..values.len())?;
        let offsets = OffsetBuffer::from_lengths([values.len()]);
        let list = ListArray::try_new(Arc::clone(item), offsets, ArrayRef::clone(values), None);
        Ok(ScalarValue::List(Arc::new(list.map_err(|error| Error::internal(error.to_string()))?)))
    }

    /// The values, each but the first after its delimiter; NULL as a delimiter is none.
    fn text(&self, values: &ArrayRef, delimiters: Option<&ArrayRef>) -> Result<ScalarValue> {
        let constant = self.constant.as_ref().map(ScalarValue::to_array).transpose();
        let constant = constant.map_err(|error| Error::internal(error.to_string()))?;
        let mut joined: Option<Vec<u8>> = None;
        for row in (0..values.len()).filter(|row| values.is_valid(*row)) {
            let delimiter = match (&constant, delimiters) {
                (Some(constant), _) => bytes(constant, 0),
                (None, Some(delimiters)) => bytes(delimiters, row),
                (None, None) => None,
            };
            match &mut joined {
                None => joined = bytes(values, row).map(<[u8]>::to_vec),
                Some(joined) => {
                    joined.extend_from_slice(delimiter.unwrap_or_default());
                    joined.extend_from_slice(bytes(values, row).unwrap_or_default());
                }
            }
        }
        if self.output == DataType::Binary {
            return Ok(ScalarValue::Binary(joined));
        }
        let text = joined.map(String::from_utf8).transpose();
        Ok(ScalarValue::Utf8(text.map_err(|_| Error::internal("joined texts are no text"))?))
    }
}

fn bytes(values: &ArrayRef, row: usize) -> Option<&[u8]> {
    if values.is_null(row) {
        return None;
    }
    match values.data_type() {
        DataType::Binary => Some(values.as_binary::<i32>().value(row)),
        _ => values.as_string_opt::<i32>().map(|texts| texts.value(row).as_bytes()),
    }
}

/// The most frequent value, the first of several.
fn mode(values: &ArrayRef) -> Result<ScalarValue> {
    // Intervals are equal if they are equally long, numerics whatever zeros they end with.
    let keys = match values.data_type() {
        DataType::Interval(_) => lengths(values),
        _ => comparable(values),
    };
    let runs = partition(&[keys]).map_err(|error| Error::internal(error.to_string()))?;
    let runs = runs.ranges().into_iter().filter(|run| values.is_valid(run.start));
    // The first of several longest ones: `max_by_key` would answer the last.
    let longest = runs.rev().max_by_key(|run| run.len());
    longest.map_or(Ok(ScalarValue::Null), |run| value(values, run.start))
}

/// One value of a column.
pub(super) fn value(values: &ArrayRef, row: usize) -> Result<ScalarValue> {
    scalar(values, row).map_err(|error| Error::internal(error.to_string()))
}

//! `percentile_cont` and `percentile_disc`, for one fraction or an array of them.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::scalar::ScalarValue;

use super::ordered::value;
use crate::error::{Error, Result, code};

/// The value between the two sorted values that are nearest to each fraction of the way.
pub(super) fn continuous(values: &ArrayRef, fractions: Option<&ScalarValue>) -> Result<ScalarValue> {
    let Some(numbers) = values.as_primitive_opt::<Float64Type>() else {
        return Err(Error::internal("percentile_cont is over double precision"));
    };
    let (first, rows) = present(values);
    each(fractions, &DataType::Float64, rows, |fraction| {
        let place = fraction * (rows - 1) as f64;
        let (low, high) = (numbers.value(first + place.floor() as usize), numbers.value(first + place.ceil() as usize));
        // Equal neighbours need no way between them, which infinities do not have.
        let between = if place.floor() == place.ceil() { low } else { low + (place - place.floor()) * (high - low) };
        Ok(ScalarValue::Float64(Some(between)))
    })
}

/// The first sorted value that is at least each fraction of the way.
pub(super) fn discrete(values: &ArrayRef, fractions: Option<&ScalarValue>, output: &DataType) -> Result<ScalarValue> {
    let item = match (fractions.map(ScalarValue::data_type), output) {
        (Some(DataType::List(_)), DataType::List(item)) => item.data_type(),
        _ => output,
    };
    let (first, rows) = present(values);
    each(fractions, item, rows, |fraction| {
        let number = (fraction * rows as f64).ceil().max(1.0) as usize;
        value(values, first + number - 1)
    })
}

/// Where the sorted values that are not NULL begin, and how many there are.
fn present(values: &ArrayRef) -> (usize, usize) {
    let nulls = values.null_count();
    let nulls_first = nulls > 0 && !values.is_empty() && values.is_null(0);
    (if nulls_first { nulls } else { 0 }, values.len() - nulls)
}

/// `percentile` of the fraction, or of each in an array of them; NULL for NULL and for no rows.
fn each(
    fractions: Option<&ScalarValue>,
    item: &DataType,
    rows: usize,
    percentile: impl Fn(f64) -> Result<ScalarValue>,
) -> Result<ScalarValue> {
    match fractions {
        Some(ScalarValue::Float64(Some(fraction))) => {
            let fraction = checked(*fraction)?;
            if rows == 0 { Ok(ScalarValue::Null) } else { percentile(fraction) }
        }
        Some(ScalarValue::List(list)) if list.is_valid(0) && rows > 0 => {
            let fractions = list.value(0);
            let Some(fractions) = fractions.as_primitive_opt::<Float64Type>() else {
                return Err(Error::internal("fractions are double precision"));
            };
            let null = ScalarValue::try_from(item).map_err(|error| Error::internal(error.to_string()))?;
            let checked = fractions.iter().map(|fraction| fraction.map(checked).transpose());
            let checked = checked.collect::<Result<Vec<_>>>()?;
            let values = checked.into_iter().map(|fraction| fraction.map_or(Ok(null.clone()), &percentile));
            let values = values.collect::<Result<Vec<_>>>()?;
            Ok(ScalarValue::List(ScalarValue::new_list_nullable(&values, item)))
        }
        _ => Ok(ScalarValue::Null),
    }
}

fn checked(fraction: f64) -> Result<f64> {
    if (0.0..=1.0).contains(&fraction) {
        return Ok(fraction);
    }
    let message = format!("percentile value {fraction} is not between 0 and 1");
    Err(Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, message))
}

//! `width_bucket(operand, low, high, count)`: the number of the bucket, of `count` between `low` and `high`, in which a number falls;
//! `width_bucket(operand, thresholds)`: how many of the ascending thresholds are not above it.

use datafusion::arrow::array::make_comparator;
use datafusion::arrow::array::{Array, ArrayRef, Int32Array};
use datafusion::arrow::compute::SortOptions;

use super::super::definition::{Argument, Call, Definition, Types};
use super::super::overload::{Kind, overload};
use super::out_of_range;
use crate::canonical::comparable;
use crate::decimal::Decimal;
use crate::error::{Error, Result, code};
use crate::types::SqlType;

/// SQLSTATE `invalid_argument_for_width_bucket_function`.
const INVALID_ARGUMENT: &str = "2201G";

pub(super) static DEFINITION: Definition = Definition::immutable("width_bucket", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    use Kind::{Double, Integer, Numeric};
    if let [operand, thresholds] = arguments {
        let Some(SqlType::Array(item)) = &thresholds.sql_type else { return Ok(None) };
        let is_numeric = |kind: Option<&SqlType>| kind.is_some_and(SqlType::is_numeric);
        if is_numeric(Some(item)) && is_numeric(operand.sql_type.as_ref()) {
            let types = vec![SqlType::NUMERIC, SqlType::Array(Box::new(SqlType::NUMERIC))];
            return Ok(Some((types, SqlType::Integer)));
        }
        let fits = operand.is_untyped() || operand.sql_type.as_ref() == Some(item.as_ref());
        if matches!(**item, SqlType::Array(_)) {
            return Err(Error::new(code::ARRAY_SUBSCRIPT_ERROR, "thresholds must be one-dimensional array"));
        }
        return Ok(fits.then(|| (vec![item.as_ref().clone(), SqlType::Array(item.clone())], SqlType::Integer)));
    }
    overload(
        arguments,
        &[(&[Double, Double, Double, Integer], Integer), (&[Numeric, Numeric, Numeric, Integer], Integer)],
    )
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    if call.arguments.len() == 2 {
        return thresholds(call);
    }
    let is_double = *call.arguments[0].data_type() == SqlType::Double.arrow();
    call.column::<_, Int32Array>(|row| {
        let count = call.integer(3).value(row);
        if count <= 0 {
            return Err(Error::new(INVALID_ARGUMENT, "count must be greater than zero"));
        }
        let bucket = if is_double { double(call, row, count)? } else { exact(call, row, count)? };
        i32::try_from(bucket).map_err(|_| out_of_range("integer"))
    })
}

fn equal_bounds() -> Error {
    Error::new(INVALID_ARGUMENT, "lower bound cannot equal upper bound")
}

fn double(call: &Call, row: usize, count: i32) -> Result<i64> {
    let [operand, low, high] = [0, 1, 2].map(|at| call.double(at).value(row));
    if operand.is_nan() || low.is_nan() || high.is_nan() {
        return Err(Error::new(INVALID_ARGUMENT, "operand, lower bound, and upper bound cannot be NaN"));
    }
    if low.is_infinite() || high.is_infinite() {
        return Err(Error::new(INVALID_ARGUMENT, "lower and upper bounds must be finite"));
    }
    if low == high {
        return Err(equal_bounds());
    }
    let (below, above) = if low < high { (operand < low, operand >= high) } else { (operand > low, operand <= high) };
    Ok(match (below, above) {
        (true, _) => 0,
        (_, true) => i64::from(count) + 1,
        // Halves, so that the difference does not overflow.
        _ => {
            ((f64::from(count) * (operand / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)) as i64)
                .min(i64::from(count) - 1)
                + 1
        }
    })
}

fn exact(call: &Call, row: usize, count: i32) -> Result<i64> {
    let [operand, low, high] = [0, 1, 2].map(|at| call.decimal(at, row));
    let values = [&operand, &low, &high];
    if values.contains(&&Decimal::NaN) {
        return Err(Error::new(INVALID_ARGUMENT, "operand, lower bound, and upper bound cannot be NaN"));
    }
    if low.number().is_none() || high.number().is_none() {
        return Err(Error::new(INVALID_ARGUMENT, "lower and upper bounds must be finite"));
    }
    let direction = low.compare(&high);
    if direction.is_eq() {
        return Err(equal_bounds());
    }
    // Seen from the lower bound on.
    if operand.compare(&low) == direction {
        return Ok(0);
    }
    if operand.compare(&high) != direction {
        return Ok(i64::from(count) + 1);
    }
    let part = operand.subtract(&low)?.multiply(&Decimal::from(i64::from(count)))?;
    let bucket = part.divide_whole(&high.subtract(&low)?)?.to_i128().and_then(|bucket| i64::try_from(bucket).ok());
    bucket.map(|bucket| bucket + 1).ok_or_else(|| out_of_range("integer"))
}

fn thresholds(call: &Call) -> Result<ArrayRef> {
    let lists = call.list(1);
    let internal = |error: datafusion::arrow::error::ArrowError| Error::internal(error.to_string());
    let (thresholds, operands) = (comparable(lists.values()), comparable(&call.arguments[0]));
    let order = make_comparator(thresholds.as_ref(), operands.as_ref(), SortOptions::default()).map_err(internal)?;
    call.column::<_, Int32Array>(|row| {
        let offsets = lists.value_offsets();
        let range = offsets[row] as usize..offsets[row + 1] as usize;
        if range.clone().any(|at| lists.values().is_null(at)) {
            return Err(Error::new("22004", "thresholds array must not contain NULLs"));
        }
        Ok(range.filter(|at| order(*at, row).is_le()).count() as i32)
    })
}

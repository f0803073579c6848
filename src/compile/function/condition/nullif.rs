//! `nullif(a, b)`: NULL if `a = b`, else `a`.

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::compute::kernels::cmp::eq;
use datafusion::arrow::compute::kernels::nullif::nullif;

use super::super::cast::convert;
use super::super::definition::{Argument, Call, Definition, Types};
use super::common_type::common_type;
use crate::canonical::comparable;
use crate::error::{Error, Result, code};
use crate::types::SqlType;

pub(super) static DEFINITION: Definition = Definition::immutable("nullif", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    let [value, other] = arguments else { return Ok(None) };
    // A time is compared with an interval as one.
    if let (Some(SqlType::Time), Some(SqlType::Interval)) | (Some(SqlType::Interval), Some(SqlType::Time)) =
        (&value.sql_type, &other.sql_type)
    {
        return Ok(Some((vec![SqlType::Interval; 2], SqlType::Interval)));
    }
    let common = common_type(arguments, "NULLIF").map_err(|error| {
        if ![code::DATATYPE_MISMATCH, code::CANNOT_COERCE].contains(&error.code) {
            return error;
        }
        let name = |argument: &Argument| argument.or_text().to_string();
        let message = format!("operator does not exist: {} = {}", name(value), name(other));
        Error::new(code::UNDEFINED_FUNCTION, message)
            .hint("No operator matches the given name and argument types. You might need to add explicit type casts.")
    })?;
    // Integers, and reals and doubles, are compared as they are.
    use SqlType::{BigInt, Date, Double, Integer, Real, SmallInt, Text, Timestamp, TimestampTz, Varchar};
    let own = match (&value.sql_type, &common) {
        (Some(own @ (SmallInt | Integer | BigInt)), SmallInt | Integer | BigInt) if !value.is_untyped() => own.clone(),
        (Some(own @ (Real | Double)), Real | Double) if !value.is_untyped() => own.clone(),
        (Some(own @ (Date | Timestamp | TimestampTz)), Date | Timestamp | TimestampTz) if !value.is_untyped() => {
            own.clone()
        }
        (_, Varchar(_)) => Text,
        // A real beside anything else is a double.
        (_, Real) => Double,
        _ => common.clone(),
    };
    let other = if own == Double { Double } else { common };
    Ok(Some((vec![own.clone(), other], own)))
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let internal = |error: datafusion::arrow::error::ArrowError| Error::internal(error.to_string());
    let (value, other) = (&call.arguments[0], &call.arguments[1]);
    let types = [value, other]
        .map(|side| SqlType::of(&datafusion::arrow::datatypes::Field::new("", side.data_type().clone(), true)));
    let compared = if value.data_type() == other.data_type() {
        eq(&comparable(value), &comparable(other))
    } else {
        eq(&convert(value, &types[0], &types[1], call.time_zone)?, other)
    };
    let same = compared.map_err(internal)?;
    let is_same: ArrayRef = std::sync::Arc::new(same);
    nullif(value, is_same.as_boolean()).map_err(internal)
}

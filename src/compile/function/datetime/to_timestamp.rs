//! `to_timestamp(seconds)`: the instant that many seconds after 1970-01-01 00:00 UTC.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::Float64Type;

use super::super::definition::{Argument, Call, Definition, Types, strict};
use crate::error::{Error, Result, code};
use crate::types::SqlType;

pub(in crate::compile::function) static DEFINITION: Definition = Definition::immutable("to_timestamp", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    use SqlType::{BigInt, Double, Integer, Numeric, Real, SmallInt, TimestampTz};
    match arguments {
        [seconds] => Ok(match &seconds.sql_type {
            None | Some(SmallInt | Integer | BigInt | Real | Double | Numeric(..)) => Some((vec![Double], TimestampTz)),
            _ => None,
        }),
        [_, _] => {
            Err(Error::unsupported("to_timestamp(text, pattern) is not supported")
                .hint("cast the text: x::timestamptz"))
        }
        _ => Ok(None),
    }
}

/// `to_date(text, pattern)`: refused, since DataFusion's function of that name has other patterns.
pub(in crate::compile::function) static TO_DATE: Definition = Definition::immutable(
    "to_date",
    |_| Err(Error::unsupported("to_date is not supported").hint("cast the text: x::date")),
    |_| Err(Error::unsupported("to_date is not supported")),
);

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let seconds = call.arguments[0].as_primitive::<Float64Type>();
    let out_of_range =
        |value: f64| Error::new(code::DATETIME_FIELD_OVERFLOW, format!("timestamp out of range: \"{value}\""));
    let values = strict(call, |row| {
        let value = seconds.value(row);
        let micros = (value * 1e6).round_ties_even();
        // The cast keeps what fits; the bound is the greatest double below 2^63.
        if micros.is_finite() && micros.abs() < 9.223_372_036_854_775e18 {
            Ok(micros as i64)
        } else {
            Err(out_of_range(value))
        }
    })?;
    Ok(Arc::new(TimestampMicrosecondArray::from(values).with_data_type(call.result.arrow())))
}

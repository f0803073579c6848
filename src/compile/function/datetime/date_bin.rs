//! `date_bin(stride, time [, origin])`: the begin of the bin that a time is in. Bins are `stride` long, and one begins at `origin`; without
//! an origin, at 1970-01-01 00:00 (UTC for instants), which PostgreSQL does not have.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::IntervalMonthDayNano;

use super::super::definition::{Argument, Call, Definition, Types, strict};
use super::{intervals, micros_of, timestamps};
use crate::error::{Error, Result, code};
use crate::format::text::calendar::{DAY_US, is_finite};
use crate::types::SqlType;

pub(in crate::compile::function) static DEFINITION: Definition = Definition::immutable("date_bin", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    let ([stride, time] | [stride, time, _]) = arguments else { return Ok(None) };
    if !stride.is_untyped() && stride.sql_type != Some(SqlType::Interval) {
        return Ok(None);
    }
    let result = match &time.sql_type {
        Some(SqlType::Timestamp) => SqlType::Timestamp,
        Some(SqlType::TimestampTz | SqlType::Date) => SqlType::TimestampTz,
        _ if time.is_untyped() => SqlType::TimestampTz,
        _ => return Ok(None),
    };
    let wanted = [SqlType::Interval, result.clone(), result.clone()].into_iter().take(arguments.len()).collect();
    Ok(Some((wanted, result)))
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let (strides, times) = (intervals(&call.arguments[0]), timestamps(&call.arguments[1]));
    let values = strict(call, |row| {
        let origin = call.arguments.get(2).map_or(0, |origins| timestamps(origins).value(row));
        bin(stride_micros(strides.value(row))?, times.value(row), origin)
    })?;
    Ok(Arc::new(TimestampMicrosecondArray::from(values).with_data_type(call.result.arrow())))
}

/// A width of bins in µs. Errors: 0A000 for months, 22008 for what is not longer than nothing.
pub(in crate::compile) fn stride_micros(stride: IntervalMonthDayNano) -> Result<i64> {
    if stride.months != 0 {
        return Err(Error::unsupported("timestamps cannot be binned into intervals containing months or years"));
    }
    let micros = i64::from(stride.days).checked_mul(DAY_US).and_then(|days| days.checked_add(micros_of(stride)));
    match micros {
        Some(micros) if micros > 0 => Ok(micros),
        Some(_) => Err(Error::new(code::DATETIME_FIELD_OVERFLOW, "stride must be greater than zero")),
        None => Err(Error::new(code::DATETIME_FIELD_OVERFLOW, "interval out of range")),
    }
}

fn bin(stride: i64, time: i64, origin: i64) -> Result<i64> {
    if !is_finite(origin) {
        return Err(Error::new(code::DATETIME_FIELD_OVERFLOW, "origin out of range"));
    }
    if !is_finite(time) {
        return Ok(time);
    }
    let since = i128::from(time) - i128::from(origin);
    let start = i128::from(origin) + since.div_euclid(i128::from(stride)) * i128::from(stride);
    i64::try_from(start).map_err(|_| Error::new(code::DATETIME_FIELD_OVERFLOW, "timestamp out of range"))
}

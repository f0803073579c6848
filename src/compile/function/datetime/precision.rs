//! `to_precision(time, digits)`: what a cast to `timestamp(2)` and its like becomes. `interval_fields(interval, field)`: an interval without
//! what is below a field, as `INTERVAL '…' HOUR` has it.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, AsArray, IntervalMonthDayNanoArray, Time64MicrosecondArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{Int32Type, IntervalMonthDayNano, Time64MicrosecondType};

use super::super::definition::{Argument, Call, Definition, Types, strict, texts};
use super::{intervals, micros_of, timestamps};
use crate::error::Result;
use crate::precision;
use crate::types::SqlType;

pub(in crate::compile::function) static PRECISION: Definition = Definition::immutable("to_precision", types, round);
pub(in crate::compile::function) static FIELDS: Definition =
    Definition::immutable("interval_fields", field_types, leave_out);

fn types(arguments: &[Argument]) -> Types {
    let [time, digits] = arguments else { return Ok(None) };
    Ok(match time.or_text() {
        kind @ (SqlType::Timestamp | SqlType::TimestampTz | SqlType::Time | SqlType::Interval)
            if digits.is_integer() =>
        {
            Some((vec![kind.clone(), SqlType::Integer], kind))
        }
        _ => None,
    })
}

fn field_types(arguments: &[Argument]) -> Types {
    Ok((arguments.len() == 2).then(|| (vec![SqlType::Interval, SqlType::Text], SqlType::Interval)))
}

fn round(call: &Call) -> Result<ArrayRef> {
    let digits = call.arguments[1].as_primitive::<Int32Type>();
    let rounded = |micros: i64, row: usize| precision::rounded(micros, digits.value(row));
    let values = &call.arguments[0];
    Ok(match &call.result {
        SqlType::Interval => {
            let spans = strict(call, |row| {
                let span = intervals(values).value(row);
                Ok(IntervalMonthDayNano { nanoseconds: rounded(micros_of(span), row) * 1_000, ..span })
            })?;
            Arc::new(IntervalMonthDayNanoArray::from(spans))
        }
        SqlType::Time => {
            let times = values.as_primitive::<Time64MicrosecondType>();
            Arc::new(Time64MicrosecondArray::from(strict(call, |row| Ok(rounded(times.value(row), row)))?))
        }
        result => {
            let times = strict(call, |row| Ok(rounded(timestamps(values).value(row), row)))?;
            Arc::new(TimestampMicrosecondArray::from(times).with_data_type(result.arrow()))
        }
    })
}

fn leave_out(call: &Call) -> Result<ArrayRef> {
    let fields = texts(&call.arguments[1]);
    let spans = strict(call, |row| Ok(precision::cut(intervals(&call.arguments[0]).value(row), fields.value(row))))?;
    Ok(Arc::new(IntervalMonthDayNanoArray::from(spans)))
}

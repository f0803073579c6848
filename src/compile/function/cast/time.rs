//! Between date, timestamp and timestamptz: local times are those of the session's zone.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, AsArray, Date32Array, IntervalMonthDayNanoArray, Time64MicrosecondArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{
    Date32Type, IntervalMonthDayNano, IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType,
};

use crate::error::{Error, Result, code};
use crate::format::text::TimeZone;
use crate::format::text::calendar::{DAY_US, SECOND_US, is_finite};
use crate::types::SqlType;

/// Converts dates, timestamps and instants.
pub(super) fn convert(values: &ArrayRef, from: &SqlType, to: &SqlType, zone: TimeZone) -> Result<ArrayRef> {
    // First to local time, then on.
    let local: Vec<Option<i64>> = match from {
        SqlType::Date => {
            let start = |day: i32| match day {
                i32::MIN => Ok(i64::MIN),
                i32::MAX => Ok(i64::MAX),
                day => i64::from(day).checked_mul(DAY_US).ok_or_else(|| out_of_range(to)),
            };
            let days = values.as_primitive::<Date32Type>().iter();
            days.map(|day| day.map(start).transpose()).collect::<Result<_>>()?
        }
        SqlType::TimestampTz => {
            let instants = values.as_primitive::<TimestampMicrosecondType>().iter();
            instants.map(|micros| micros.map(|micros| local_micros(micros, zone)).transpose()).collect::<Result<_>>()?
        }
        _ => values.as_primitive::<TimestampMicrosecondType>().iter().collect(),
    };
    let local = local.into_iter();
    Ok(match to {
        SqlType::Date => {
            let day = |micros: i64| match micros {
                i64::MIN => Ok(i32::MIN),
                i64::MAX => Ok(i32::MAX),
                micros => i32::try_from(micros.div_euclid(DAY_US)).map_err(|_| out_of_range(to)),
            };
            Arc::new(local.map(|micros| micros.map(day).transpose()).collect::<Result<Date32Array>>()?)
        }
        SqlType::TimestampTz => {
            let instants = local.map(|micros| micros.map(|micros| utc_micros(micros, zone)).transpose());
            Arc::new(instants.collect::<Result<TimestampMicrosecondArray>>()?.with_data_type(to.arrow()))
        }
        _ => Arc::new(local.collect::<TimestampMicrosecondArray>()),
    })
}

/// Times of day of timestamps, instants and intervals, and intervals of times of day.
pub(super) fn of_day(values: &ArrayRef, from: &SqlType, zone: TimeZone) -> Result<ArrayRef> {
    let day = |micros: i64| micros.rem_euclid(DAY_US);
    Ok(match from {
        SqlType::Time => {
            let times = values.as_primitive::<Time64MicrosecondType>().iter();
            let span = |micros: i64| IntervalMonthDayNano { months: 0, days: 0, nanoseconds: micros * 1_000 };
            Arc::new(times.map(|micros| micros.map(span)).collect::<IntervalMonthDayNanoArray>())
        }
        SqlType::Interval => {
            let spans = values.as_primitive::<IntervalMonthDayNanoType>().iter();
            let times = spans.map(|span| span.map(|span| day(span.nanoseconds / 1_000)));
            Arc::new(times.collect::<Time64MicrosecondArray>())
        }
        from => {
            let local = |micros: i64| match from {
                SqlType::TimestampTz => local_micros(micros, zone),
                _ => Ok(micros),
            };
            // Infinity has no time of day.
            let times = values.as_primitive::<TimestampMicrosecondType>().iter();
            let times = times.map(|micros| micros.filter(|micros| is_finite(*micros)));
            let times = times.map(|micros| micros.map(|micros| local(micros).map(day)).transpose());
            Arc::new(times.collect::<Result<Time64MicrosecondArray>>()?)
        }
    })
}

/// The local time of an instant in a zone, both in µs since 1970-01-01.
pub(in crate::compile::function) fn local_micros(micros: i64, zone: TimeZone) -> Result<i64> {
    if !is_finite(micros) {
        return Ok(micros);
    }
    let offset = zone.offset_at(micros.div_euclid(SECOND_US));
    micros.checked_add(i64::from(offset) * SECOND_US).ok_or_else(|| out_of_range(&SqlType::Timestamp))
}

/// The instant of a local time in a zone, both in µs since 1970-01-01.
pub(in crate::compile::function) fn utc_micros(micros: i64, zone: TimeZone) -> Result<i64> {
    if !is_finite(micros) {
        return Ok(micros);
    }
    let offset = zone.offset_at_local(micros.div_euclid(SECOND_US));
    micros.checked_sub(i64::from(offset) * SECOND_US).ok_or_else(|| out_of_range(&SqlType::TimestampTz))
}

fn out_of_range(target: &SqlType) -> Error {
    let name = if *target == SqlType::Date { "date" } else { "timestamp" };
    Error::new(code::DATETIME_FIELD_OVERFLOW, format!("{name} out of range"))
}

//! `make_date`, `make_time`, `make_timestamp`, `make_timestamptz`, `make_interval`: times from their fields. Negative years are BC.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, AsArray, Date32Array, IntervalMonthDayNanoArray, Time64MicrosecondArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{Float64Type, Int32Type, IntervalMonthDayNano};

use super::super::cast::utc_micros;
use super::super::definition::{Argument, Call, Definition, Types, strict, texts};
use super::timezone::iso_zone_of;
use crate::error::{Error, Result, code};
use crate::format::text::calendar::{DAY_US, HOUR_US, MINUTE_US, days_from_civil, days_in_month};
use crate::types::SqlType;

pub(in crate::compile::function) static DATE: Definition =
    Definition::immutable("make_date", |arguments| types(arguments, 3, 0, &[SqlType::Date]), date);
pub(in crate::compile::function) static TIME: Definition =
    Definition::immutable("make_time", |arguments| types(arguments, 2, 1, &[SqlType::Time]), time);
pub(in crate::compile::function) static TIMESTAMP: Definition =
    Definition::immutable("make_timestamp", |arguments| types(arguments, 5, 1, &[SqlType::Timestamp]), timestamp);
pub(in crate::compile::function) static TIMESTAMPTZ: Definition = Definition::immutable(
    "make_timestamptz",
    |arguments| match types(arguments, 5, 1, &[SqlType::TimestampTz])? {
        Some(found) => Ok(Some(found)),
        None => types(arguments, 5, 1, &[SqlType::TimestampTz, SqlType::Text]),
    },
    timestamp,
);
pub(in crate::compile::function) static INTERVAL: Definition =
    Definition::immutable("make_interval", |arguments| types(arguments, 6, 1, &[SqlType::Interval]), interval);

/// `integers` whole numbers, then `doubles`, then the types of `result` after its first, which is the result's.
fn types(arguments: &[Argument], integers: usize, doubles: usize, result: &[SqlType]) -> Types {
    use SqlType::{BigInt, Double, Integer, Numeric, Real, SmallInt};
    let mut wanted = vec![Integer; integers];
    wanted.extend(vec![Double; doubles]);
    wanted.extend(result[1..].iter().cloned());
    let fits = |(argument, wanted): (&Argument, &SqlType)| {
        argument.is_untyped()
            || match (&argument.sql_type, wanted) {
                (_, Integer) => argument.is_integer(),
                (Some(SmallInt | Integer | BigInt | Real | Double | Numeric(..) | SqlType::AnyNumeric(_)), Double) => {
                    true
                }
                (Some(given), wanted) => given == wanted,
                (None, _) => true,
            }
    };
    let fits = arguments.len() == wanted.len() && arguments.iter().zip(&wanted).all(fits);
    Ok(fits.then(|| (wanted, result[0].clone())))
}

fn integer(call: &Call, at: usize, row: usize) -> i64 {
    call.arguments[at].as_primitive::<Int32Type>().value(row).into()
}

fn double(call: &Call, at: usize, row: usize) -> f64 {
    call.arguments[at].as_primitive::<Float64Type>().value(row)
}

fn days(call: &Call, row: usize) -> Result<i64> {
    let [year, month, day] = [0, 1, 2].map(|at| integer(call, at, row));
    let out_of_range = || {
        let message = format!("date field value out of range: {year}-{month:02}-{day:02}");
        Error::new(code::DATETIME_FIELD_OVERFLOW, message)
    };
    if year == 0 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return Err(out_of_range());
    }
    let year = if year < 0 { year + 1 } else { year };
    let (month, day) = (month as u32, day as u32);
    if day > days_in_month(year, month) || !(-4712..=5_874_897).contains(&year) {
        return Err(out_of_range());
    }
    Ok(days_from_civil(year, month, day))
}

/// µs since midnight of hour, minute and second from argument `at` on.
fn micros(call: &Call, at: usize, row: usize) -> Result<i64> {
    let (hour, minute, second) = (integer(call, at, row), integer(call, at + 1, row), double(call, at + 2, row));
    let seconds = (second * 1e6).round_ties_even();
    let in_range = (0..=24).contains(&hour) && (0..=59).contains(&minute) && (0.0..=60e6).contains(&seconds);
    let micros = hour * HOUR_US + minute * MINUTE_US + if in_range { seconds as i64 } else { 0 };
    if !in_range || micros > DAY_US {
        let second = if second.fract() == 0.0 { format!("{second:02}") } else { format!("{second}") };
        let message = format!("time field value out of range: {hour}:{minute:02}:{second}");
        return Err(Error::new(code::DATETIME_FIELD_OVERFLOW, message));
    }
    Ok(micros)
}

fn date(call: &Call) -> Result<ArrayRef> {
    let days = strict(call, |row| Ok(days(call, row)? as i32))?;
    Ok(Arc::new(Date32Array::from(days)))
}

fn time(call: &Call) -> Result<ArrayRef> {
    Ok(Arc::new(Time64MicrosecondArray::from(strict(call, |row| micros(call, 0, row))?)))
}

fn timestamp(call: &Call) -> Result<ArrayRef> {
    let values = strict(call, |row| {
        let out_of_range = || Error::new(code::DATETIME_FIELD_OVERFLOW, "timestamp out of range");
        let start = days(call, row)?.checked_mul(DAY_US).ok_or_else(out_of_range)?;
        let local = start.checked_add(micros(call, 3, row)?).ok_or_else(out_of_range)?;
        if call.result == SqlType::Timestamp {
            return Ok(local);
        }
        let zone = call.arguments.get(6).map_or(Ok(call.time_zone), |zones| iso_zone_of(texts(zones).value(row)))?;
        utc_micros(local, zone)
    })?;
    Ok(Arc::new(TimestampMicrosecondArray::from(values).with_data_type(call.result.arrow())))
}

fn interval(call: &Call) -> Result<ArrayRef> {
    let out_of_range = || Error::new(code::DATETIME_FIELD_OVERFLOW, "interval out of range");
    let spans = strict(call, |row| {
        let [years, months, weeks, days, hours, minutes] = [0, 1, 2, 3, 4, 5].map(|at| integer(call, at, row));
        let micros = (double(call, 6, row) * 1e6).round_ties_even();
        if !micros.is_finite() || micros.abs() > (i64::MAX / 2_000) as f64 {
            return Err(out_of_range());
        }
        let micros = hours * HOUR_US + minutes * MINUTE_US + micros as i64;
        Ok(IntervalMonthDayNano {
            months: i32::try_from(years * 12 + months).map_err(|_| out_of_range())?,
            days: i32::try_from(weeks * 7 + days).map_err(|_| out_of_range())?,
            nanoseconds: micros.checked_mul(1_000).ok_or_else(out_of_range)?,
        })
    })?;
    Ok(Arc::new(IntervalMonthDayNanoArray::from(spans)))
}

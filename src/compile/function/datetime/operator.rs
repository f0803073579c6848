//! `+` and `-` on dates, timestamps and intervals, `*` and `/` on intervals.
//!
//! Adding an interval adds its months (a day that the month does not have becomes its last), then its days, then its time; for instants
//! months and days are those of the session's zone.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, AsArray, Date32Array, Float64Array, Int32Array, IntervalMonthDayNanoArray, Time64MicrosecondArray,
    TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Float64Type, Int32Type, IntervalMonthDayNano, Time64MicrosecondType,
};

use super::super::cast::{local_micros, utc_micros};
use super::super::definition::{Argument, Call, Definition, Types, strict};
use super::{Civil, intervals, micros_of, timestamps};
use crate::error::{Error, Result, code};
use crate::format::text::TimeZone;
use crate::format::text::calendar::{DATE_INFINITY, DAY_US, days_from_civil, days_in_month, is_finite};
use crate::types::SqlType;

pub(in crate::compile::function) static ADD: Definition =
    Definition::immutable("+", |arguments| types(arguments, '+'), add);
pub(in crate::compile::function) static SUBTRACT: Definition =
    Definition::immutable("-", |arguments| types(arguments, '-'), subtract);
pub(in crate::compile::function) static MULTIPLY: Definition =
    Definition::immutable("*", |arguments| types(arguments, '*'), multiply);
pub(in crate::compile::function) static DIVIDE: Definition =
    Definition::immutable("/", |arguments| types(arguments, '/'), divide);

/// Operand types and result; a constant text or NULL beside a time is of the type that fits.
fn types(arguments: &[Argument], operator: char) -> Types {
    use SqlType::{Date, Double, Integer, Interval, SmallInt, Time, Timestamp, TimestampTz};
    let [left, right] = arguments else { return Ok(None) };
    let known = |argument: &Argument| match &argument.sql_type {
        _ if argument.is_untyped() => None,
        other => other.clone(),
    };
    let (left, right) = (known(left), known(right));
    let number = |other: &SqlType| {
        matches!(
            other,
            SmallInt
                | Integer
                | SqlType::BigInt
                | SqlType::Real
                | Double
                | SqlType::Numeric(..)
                | SqlType::AnyNumeric(_)
        )
    };
    let types = |left: SqlType, right: SqlType, result: SqlType| Ok(Some((vec![left, right], result)));
    match (operator, left, right) {
        ('+' | '-', Some(time @ (Timestamp | TimestampTz)), Some(Interval)) => types(time.clone(), Interval, time),
        ('+', Some(time @ (Timestamp | TimestampTz)), None) => types(time.clone(), Interval, time),
        ('+' | '-', Some(Time), Some(Interval)) | ('+', Some(Time), None) => types(Time, Interval, Time),
        ('+', Some(Interval), Some(Time)) => types(Interval, Time, Time),
        ('+', Some(Time), Some(Time)) => {
            Err(Error::new("42725", "operator is not unique: time without time zone + time without time zone")
                .hint("cast one of them to interval"))
        }
        ('-', Some(Time), Some(Time) | None) | ('-', None, Some(Time)) => types(Time, Time, Interval),
        ('+', Some(time @ (Timestamp | TimestampTz)), Some(Time)) => types(time.clone(), Interval, time),
        ('+', Some(Time), Some(time @ (Timestamp | TimestampTz))) => types(Interval, time.clone(), time),
        ('-', Some(time @ (Timestamp | TimestampTz)), Some(Time)) => types(time.clone(), Interval, time),
        ('+' | '-', Some(Date), Some(Time)) => types(Timestamp, Interval, Timestamp),
        ('-', Some(Interval), Some(Time)) => types(Interval, Interval, Interval),
        ('+', Some(Time), Some(Date)) => types(Interval, Timestamp, Timestamp),
        ('+' | '-', Some(Date), Some(Interval)) => types(Timestamp, Interval, Timestamp),
        ('+' | '-', Some(Date), Some(Integer | SmallInt)) => types(Date, Integer, Date),
        ('-', Some(Date), Some(Date) | None) | ('-', None, Some(Date)) => types(Date, Date, Integer),
        ('+', Some(Interval), Some(time @ (Timestamp | TimestampTz))) => types(Interval, time.clone(), time),
        ('+', Some(Interval), Some(Date)) => types(Interval, Timestamp, Timestamp),
        ('+', Some(Integer | SmallInt), Some(Date)) => types(Integer, Date, Date),
        ('+' | '-', Some(Interval), Some(Interval) | None) | ('+' | '-', None, Some(Interval)) => {
            types(Interval, Interval, Interval)
        }
        ('-', Some(TimestampTz), Some(Date | Timestamp | TimestampTz) | None)
        | ('-', Some(Date | Timestamp) | None, Some(TimestampTz)) => types(TimestampTz, TimestampTz, Interval),
        ('-', Some(Timestamp), Some(Date | Timestamp) | None) | ('-', Some(Date) | None, Some(Timestamp)) => {
            types(Timestamp, Timestamp, Interval)
        }
        // A time is the interval since midnight there.
        ('*' | '/', Some(Interval | Time), Some(other)) if number(&other) => types(Interval, Double, Interval),
        ('*' | '/', Some(Interval), None) => types(Interval, Double, Interval),
        ('*', Some(other), Some(Interval | Time)) if number(&other) => types(Double, Interval, Interval),
        _ => Ok(None),
    }
}

fn add(call: &Call) -> Result<ArrayRef> {
    let (left, right) = (&call.arguments[0], &call.arguments[1]);
    let left_is_time = !matches!(left.data_type(), DataType::Interval(_));
    match &call.result {
        SqlType::Interval => {
            let sums = strict(call, |row| combined(intervals(left).value(row), intervals(right).value(row)))?;
            Ok(Arc::new(IntervalMonthDayNanoArray::from(sums)))
        }
        SqlType::Date => {
            let (dates, days) = if *left.data_type() == SqlType::Date.arrow() { (left, right) } else { (right, left) };
            shift_dates(call, dates, days, 1)
        }
        SqlType::Time if left_is_time => turn(call, left, right, 1),
        SqlType::Time => turn(call, right, left, 1),
        _ if left_is_time => shift_times(call, left, right, 1),
        _ => shift_times(call, right, left, 1),
    }
}

fn subtract(call: &Call) -> Result<ArrayRef> {
    let (left, right) = (&call.arguments[0], &call.arguments[1]);
    let from_time = matches!(left.data_type(), DataType::Timestamp(..));
    match &call.result {
        SqlType::Interval if from_time => {
            let (left, right) = (timestamps(left), timestamps(right));
            let spans = strict(call, |row| {
                if !is_finite(left.value(row)) || !is_finite(right.value(row)) {
                    return Err(infinite("timestamps"));
                }
                let micros = left.value(row).checked_sub(right.value(row)).ok_or_else(interval_overflow)?;
                let days = i32::try_from(micros / DAY_US).map_err(|_| interval_overflow())?;
                Ok(IntervalMonthDayNano { months: 0, days, nanoseconds: micros % DAY_US * 1_000 })
            })?;
            Ok(Arc::new(IntervalMonthDayNanoArray::from(spans)))
        }
        SqlType::Interval if *left.data_type() == SqlType::Time.arrow() => {
            let (left, right) =
                (left.as_primitive::<Time64MicrosecondType>(), right.as_primitive::<Time64MicrosecondType>());
            let spans =
                strict(call, |row| Ok(IntervalMonthDayNano::new(0, 0, (left.value(row) - right.value(row)) * 1_000)))?;
            Ok(Arc::new(IntervalMonthDayNanoArray::from(spans)))
        }
        SqlType::Interval => {
            let spans =
                strict(call, |row| combined(intervals(left).value(row), negated(intervals(right).value(row))?))?;
            Ok(Arc::new(IntervalMonthDayNanoArray::from(spans)))
        }
        SqlType::Integer => {
            let (left, right) = (left.as_primitive::<Date32Type>(), right.as_primitive::<Date32Type>());
            let days = strict(call, |row| {
                if [left.value(row), right.value(row)].iter().any(|day| DATE_INFINITY.contains(day)) {
                    return Err(infinite("dates"));
                }
                left.value(row).checked_sub(right.value(row)).ok_or_else(|| out_of_range("date"))
            })?;
            Ok(Arc::new(Int32Array::from(days)))
        }
        SqlType::Date => shift_dates(call, left, right, -1),
        SqlType::Time => turn(call, left, right, -1),
        _ => shift_times(call, left, right, -1),
    }
}

fn turn(call: &Call, times: &ArrayRef, spans: &ArrayRef, sign: i64) -> Result<ArrayRef> {
    let (times, spans) = (times.as_primitive::<Time64MicrosecondType>(), intervals(spans));
    let turned = strict(call, |row| Ok(turned(times.value(row), spans.value(row), sign)))?;
    Ok(Arc::new(Time64MicrosecondArray::from(turned)))
}

fn shift_dates(call: &Call, dates: &ArrayRef, days: &ArrayRef, sign: i32) -> Result<ArrayRef> {
    let (dates, days) = (dates.as_primitive::<Date32Type>(), days.as_primitive::<Int32Type>());
    let shifted = strict(call, |row| {
        if DATE_INFINITY.contains(&dates.value(row)) {
            return Ok(dates.value(row));
        }
        let days = days.value(row).checked_mul(sign);
        days.and_then(|days| dates.value(row).checked_add(days)).ok_or_else(|| out_of_range("date"))
    })?;
    Ok(Arc::new(Date32Array::from(shifted)))
}

fn shift_times(call: &Call, times: &ArrayRef, spans: &ArrayRef, sign: i32) -> Result<ArrayRef> {
    let (times, spans) = (timestamps(times), intervals(spans));
    let zone = (call.result == SqlType::TimestampTz).then_some(call.time_zone);
    let shifted = strict(call, |row| {
        let span = if sign < 0 { negated(spans.value(row))? } else { spans.value(row) };
        shifted(times.value(row), span, zone)
    })?;
    Ok(Arc::new(TimestampMicrosecondArray::from(shifted).with_data_type(call.result.arrow())))
}

/// A time of day plus an interval's time, within the day.
fn turned(micros: i64, span: IntervalMonthDayNano, sign: i64) -> i64 {
    (i128::from(micros) + i128::from(sign) * i128::from(micros_of(span))).rem_euclid(i128::from(DAY_US)) as i64
}

/// A time, local or with `zone` an instant, plus an interval.
pub(in crate::compile) fn shifted(micros: i64, span: IntervalMonthDayNano, zone: Option<TimeZone>) -> Result<i64> {
    if !is_finite(micros) {
        return Ok(micros);
    }
    let moved = if span.months == 0 && span.days == 0 {
        micros
    } else {
        let local = zone.map_or(Ok(micros), |zone| local_micros(micros, zone))?;
        let moved = add_days(local, span.months, span.days).ok_or_else(|| out_of_range("timestamp"))?;
        zone.map_or(Ok(moved), |zone| utc_micros(moved, zone))?
    };
    moved.checked_add(micros_of(span)).ok_or_else(|| out_of_range("timestamp"))
}

fn add_days(local: i64, months: i32, days: i32) -> Option<i64> {
    let civil = Civil::of(local);
    let since_zero = civil.year * 12 + i64::from(civil.month) - 1 + i64::from(months);
    let (year, month) = (since_zero.div_euclid(12), u32::try_from(since_zero.rem_euclid(12)).ok()? + 1);
    let day = civil.day.min(days_in_month(year, month));
    let day = days_from_civil(year, month, day).checked_add(i64::from(days))?;
    day.checked_mul(DAY_US)?.checked_add(civil.micros)
}

fn combined(a: IntervalMonthDayNano, b: IntervalMonthDayNano) -> Result<IntervalMonthDayNano> {
    let months = a.months.checked_add(b.months);
    let days = a.days.checked_add(b.days);
    let nanoseconds = a.nanoseconds.checked_add(b.nanoseconds);
    match (months, days, nanoseconds) {
        (Some(months), Some(days), Some(nanoseconds)) => Ok(IntervalMonthDayNano { months, days, nanoseconds }),
        _ => Err(interval_overflow()),
    }
}

pub(in crate::compile) fn negated(span: IntervalMonthDayNano) -> Result<IntervalMonthDayNano> {
    match (span.months.checked_neg(), span.days.checked_neg(), span.nanoseconds.checked_neg()) {
        (Some(months), Some(days), Some(nanoseconds)) => Ok(IntervalMonthDayNano { months, days, nanoseconds }),
        _ => Err(interval_overflow()),
    }
}

/// The interval that is so much of the way from one to another.
pub(in crate::compile) fn between(
    low: IntervalMonthDayNano,
    high: IntervalMonthDayNano,
    share: f64,
) -> Result<IntervalMonthDayNano> {
    let way = combined(high, negated(low)?)?;
    combined(scaled(way, |value| value * share)?, low)
}

fn multiply(call: &Call) -> Result<ArrayRef> {
    scale(call, |value, factor| value * factor)
}

fn divide(call: &Call) -> Result<ArrayRef> {
    let divisors = call.arguments[1].as_primitive::<Float64Type>();
    let is_division = |row: usize| call.arguments.iter().all(|argument| argument.is_valid(row));
    if (0..call.rows).any(|row| is_division(row) && divisors.value(row) == 0.0) {
        return Err(Error::new(code::DIVISION_BY_ZERO, "division by zero"));
    }
    scale(call, |value, divisor| value / divisor)
}

fn scale(call: &Call, apply: fn(f64, f64) -> f64) -> Result<ArrayRef> {
    let (spans, factors) = match call.arguments[0].data_type() {
        DataType::Interval(_) => (&call.arguments[0], &call.arguments[1]),
        _ => (&call.arguments[1], &call.arguments[0]),
    };
    let (spans, factors): (_, &Float64Array) = (intervals(spans), factors.as_primitive::<Float64Type>());
    let scaled = strict(call, |row| scaled(spans.value(row), |value| apply(value, factors.value(row))))?;
    Ok(Arc::new(IntervalMonthDayNanoArray::from(scaled)))
}

/// An interval times or by a number, as PostgreSQL's `interval_mul`: what a month or a day has after the point goes down to days (30 a
/// month) and time (24 hours a day).
fn scaled(span: IntervalMonthDayNano, apply: impl Fn(f64) -> f64) -> Result<IntervalMonthDayNano> {
    let whole = |value: f64| match value.is_finite() && value.abs() < f64::from(i32::MAX) {
        true => Ok(value.trunc() as i32),
        false => Err(interval_overflow()),
    };
    let months = apply(f64::from(span.months));
    let days = apply(f64::from(span.days));
    let (whole_months, mut whole_days) = (whole(months)?, whole(days)?);
    // Six digits of the rest of a month count; the time of a fraction of a day is rounded to µs.
    let round = |value: f64| (value * 1e6).round_ties_even() / 1e6;
    let rest_days = round((months - f64::from(whole_months)) * 30.0);
    let mut seconds = round((days - f64::from(whole_days) + rest_days - rest_days.trunc()) * 86_400.0);
    if seconds.abs() >= 86_400.0 {
        whole_days = whole_days.checked_add((seconds / 86_400.0) as i32).ok_or_else(interval_overflow)?;
        seconds -= (seconds / 86_400.0).trunc() * 86_400.0;
    }
    let whole_days = whole_days.checked_add(rest_days.trunc() as i32).ok_or_else(interval_overflow)?;
    let micros = (apply(micros_of(span) as f64) + seconds * 1e6).round_ties_even();
    if !micros.is_finite() || micros.abs() >= (i64::MAX / 1_000) as f64 {
        return Err(interval_overflow());
    }
    Ok(IntervalMonthDayNano { months: whole_months, days: whole_days, nanoseconds: micros as i64 * 1_000 })
}

fn infinite(what: &str) -> Error {
    Error::new(code::DATETIME_FIELD_OVERFLOW, format!("cannot subtract infinite {what}"))
}

fn interval_overflow() -> Error {
    Error::new(code::DATETIME_FIELD_OVERFLOW, "interval out of range")
}

fn out_of_range(what: &str) -> Error {
    Error::new(code::DATETIME_FIELD_OVERFLOW, format!("{what} out of range"))
}

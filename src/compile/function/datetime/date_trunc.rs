//! `date_trunc(unit, time [, zone])`: the begin of the unit that a time is in. Instants are cut in the session's zone or the given one.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, IntervalMonthDayNanoArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::IntervalMonthDayNano;

use super::super::cast::{local_micros, utc_micros};
use super::super::definition::{Argument, Call, Definition, Types, strict, texts};
use super::timezone::zone_of;
use super::{Civil, intervals, timestamps};
use crate::error::{Error, Result, code};
use crate::format::text::calendar::{DAY_US, HOUR_US, MINUTE_US, SECOND_US, days_from_civil, is_finite};
use crate::types::SqlType;

pub(in crate::compile::function) static DEFINITION: Definition = Definition::immutable("date_trunc", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    let (unit, time, zone) = match arguments {
        [unit, time] => (unit, time, None),
        [unit, time, zone] => (unit, time, Some(zone)),
        _ => return Ok(None),
    };
    let is_text = |argument: &Argument| argument.or_text().is_text();
    if !is_text(unit) || zone.is_some_and(|zone| !is_text(zone)) {
        return Ok(None);
    }
    let result = match &time.sql_type {
        Some(SqlType::Timestamp) if zone.is_none() => SqlType::Timestamp,
        Some(SqlType::Interval | SqlType::Time) if zone.is_none() => SqlType::Interval,
        Some(SqlType::Timestamp | SqlType::TimestampTz | SqlType::Date) => SqlType::TimestampTz,
        _ if time.is_untyped() => SqlType::TimestampTz,
        _ => return Ok(None),
    };
    let mut wanted = vec![SqlType::Text, result.clone()];
    wanted.extend(zone.map(|_| SqlType::Text));
    Ok(Some((wanted, result)))
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let units = texts(&call.arguments[0]);
    if call.result == SqlType::Interval {
        let values = strict(call, |row| truncate_interval(units.value(row), intervals(&call.arguments[1]).value(row)))?;
        return Ok(Arc::new(IntervalMonthDayNanoArray::from(values)));
    }
    let times = timestamps(&call.arguments[1]);
    let values = strict(call, |row| {
        if !is_finite(times.value(row)) {
            return Ok(times.value(row));
        }
        let (unit, micros) = (Unit::parse(units.value(row), &call.result)?, times.value(row));
        if call.result == SqlType::Timestamp {
            return Ok(unit.truncate(micros));
        }
        let zone = call.arguments.get(2).map_or(Ok(call.time_zone), |zones| zone_of(texts(zones).value(row)))?;
        let local = local_micros(micros, zone)?;
        let start = unit.truncate(local);
        // Below a day, the offset is that of the time itself, so that an hour that happens twice stays two hours.
        if unit < Unit::Day { Ok(micros - (local - start)) } else { utc_micros(start, zone) }
    })?;
    Ok(Arc::new(TimestampMicrosecondArray::from(values).with_data_type(call.result.arrow())))
}

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unit {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    Decade,
    Century,
    Millennium,
}

impl Unit {
    /// The unit of a name, in PostgreSQL's spellings.
    fn parse(name: &str, sql_type: &SqlType) -> Result<Unit> {
        let lower = name.to_ascii_lowercase();
        Unit::named(&lower).ok_or_else(|| match lower.as_str() {
            "timezone" | "timezone_hour" | "timezone_minute" | "epoch" | "dow" | "isodow" | "doy" | "isoyear"
            | "julian" => Error::unsupported(format!("unit \"{lower}\" not supported for type {sql_type}")),
            _ => unknown_unit(name, sql_type),
        })
    }

    /// The unit of a name in lower case.
    pub(super) fn named(name: &str) -> Option<Unit> {
        Some(match name {
            "microsecond" | "microseconds" | "us" | "usec" | "usecs" | "useconds" | "usecond" => Unit::Microsecond,
            "millisecond" | "milliseconds" | "ms" | "msec" | "msecs" | "mseconds" | "msecond" => Unit::Millisecond,
            "second" | "seconds" | "s" | "sec" | "secs" => Unit::Second,
            "minute" | "minutes" | "m" | "min" | "mins" => Unit::Minute,
            "hour" | "hours" | "h" | "hr" | "hrs" => Unit::Hour,
            "day" | "days" | "d" => Unit::Day,
            "week" | "weeks" | "w" => Unit::Week,
            "month" | "months" | "mon" | "mons" => Unit::Month,
            "quarter" | "qtr" => Unit::Quarter,
            "year" | "years" | "y" | "yr" | "yrs" => Unit::Year,
            "decade" | "decades" | "dec" | "decs" => Unit::Decade,
            "century" | "centuries" | "c" | "cent" => Unit::Century,
            "millennium" | "millennia" | "mil" | "mils" => Unit::Millennium,
            _ => return None,
        })
    }

    /// The begin of the unit around a local time in µs.
    fn truncate(self, local: i64) -> i64 {
        let down = |unit: i64| local - local.rem_euclid(unit);
        let civil = Civil::of(local);
        let date = |year: i64, month: u32| days_from_civil(year, month, 1).saturating_mul(DAY_US);
        // Centuries and millennia begin with year 1; before it they end with 1 BC.
        let years = |length: i64| (civil.year - 1).div_euclid(length) * length + 1;
        match self {
            Unit::Microsecond => local,
            Unit::Millisecond => down(1_000),
            Unit::Second => down(SECOND_US),
            Unit::Minute => down(MINUTE_US),
            Unit::Hour => down(HOUR_US),
            Unit::Day => down(DAY_US),
            Unit::Week => (civil.days - civil.iso_weekday() + 1) * DAY_US,
            Unit::Month => date(civil.year, civil.month),
            Unit::Quarter => date(civil.year, (civil.month - 1) / 3 * 3 + 1),
            Unit::Year => date(civil.year, 1),
            Unit::Decade => date(civil.year.div_euclid(10) * 10, 1),
            Unit::Century => date(years(100), 1),
            Unit::Millennium => date(years(1_000), 1),
        }
    }
}

pub(super) fn unknown_unit(name: &str, sql_type: &SqlType) -> Error {
    Error::new(
        code::INVALID_PARAMETER_VALUE,
        format!("unit \"{}\" not recognized for type {sql_type}", name.to_ascii_lowercase()),
    )
}

/// Units of an interval are cut towards zero.
fn truncate_interval(name: &str, interval: IntervalMonthDayNano) -> Result<IntervalMonthDayNano> {
    let unit = Unit::parse(name, &SqlType::Interval)?;
    let IntervalMonthDayNano { months, days, nanoseconds } = interval;
    let time = |unit_us: i64| IntervalMonthDayNano {
        months,
        days,
        nanoseconds: nanoseconds - nanoseconds % (unit_us * 1_000),
    };
    let months_of = |length: i32| IntervalMonthDayNano { months: months - months % length, days: 0, nanoseconds: 0 };
    Ok(match unit {
        Unit::Microsecond => time(1),
        Unit::Millisecond => time(1_000),
        Unit::Second => time(SECOND_US),
        Unit::Minute => time(MINUTE_US),
        Unit::Hour => time(HOUR_US),
        Unit::Day => IntervalMonthDayNano { months, days, nanoseconds: 0 },
        Unit::Week => {
            return Err(Error::unsupported("unit \"week\" not supported for type interval")
                .detail("Months usually have fractional weeks."));
        }
        Unit::Month => months_of(1),
        Unit::Quarter => months_of(3),
        Unit::Year => months_of(12),
        Unit::Decade => months_of(120),
        Unit::Century => months_of(1_200),
        Unit::Millennium => months_of(12_000),
    })
}

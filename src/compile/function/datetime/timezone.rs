//! `timezone(zone, timestamp)`: what `timestamp AT TIME ZONE zone` becomes. A timestamp is taken as local time of the zone and becomes
//! an instant; an instant becomes the local time of the zone.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::IntervalMonthDayNano;

use super::super::cast::{local_micros, utc_micros};
use super::super::definition::{Argument, Call, Definition, Types, strict, texts};
use super::{intervals, micros_of, timestamps};
use crate::error::{Error, Result, code};
use crate::format::text::TimeZone;
use crate::format::text::calendar::SECOND_US;
use crate::types::SqlType;

pub(in crate::compile::function) static DEFINITION: Definition = Definition::immutable("timezone", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    let [zone, time] = arguments else { return Ok(None) };
    let (wanted, result) = match &time.sql_type {
        Some(SqlType::Timestamp) => (SqlType::Timestamp, SqlType::TimestampTz),
        _ if time.is_untyped() => (SqlType::TimestampTz, SqlType::Timestamp),
        Some(SqlType::TimestampTz | SqlType::Date) => (SqlType::TimestampTz, SqlType::Timestamp),
        _ => return Ok(None),
    };
    match zone.or_text() {
        SqlType::Text | SqlType::Varchar(_) | SqlType::Char(_) => Ok(Some((vec![SqlType::Text, wanted], result))),
        SqlType::Interval => Ok(Some((vec![SqlType::Interval, wanted], result))),
        _ => Ok(None),
    }
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let times = timestamps(&call.arguments[1]);
    let converted = |zone: TimeZone, row: usize| match call.result {
        SqlType::Timestamp => local_micros(times.value(row), zone),
        _ => utc_micros(times.value(row), zone),
    };
    if call.given[0] == SqlType::Interval {
        let offsets = intervals(&call.arguments[0]);
        let values = strict(call, |row| converted(offset_of(offsets.value(row))?, row))?;
        return Ok(Arc::new(TimestampMicrosecondArray::from(values).with_data_type(call.result.arrow())));
    }
    let zones = texts(&call.arguments[0]);
    let mut known: Option<(&str, TimeZone)> = None;
    let values = strict(call, |row| {
        let name = zones.value(row);
        let zone = match known {
            Some((same, zone)) if same == name => zone,
            _ => zone_of(name)?,
        };
        known = Some((name, zone));
        converted(zone, row)
    })?;
    Ok(Arc::new(TimestampMicrosecondArray::from(values).with_data_type(call.result.arrow())))
}

/// The zone so far east of Greenwich.
fn offset_of(offset: IntervalMonthDayNano) -> Result<TimeZone> {
    if offset.months != 0 || offset.days != 0 {
        let message = "interval time zone must not include months or days";
        return Err(Error::new(code::INVALID_PARAMETER_VALUE, message));
    }
    i32::try_from(micros_of(offset) / SECOND_US)
        .map(TimeZone::Fixed)
        .map_err(|_| Error::new(code::DATETIME_FIELD_OVERFLOW, "interval out of range"))
}

/// A zone by its name, its abbreviation or, with ISO 8601's sign, its offset. Errors: 22023.
pub(super) fn iso_zone_of(name: &str) -> Result<TimeZone> {
    match name.as_bytes().first() {
        Some(b'0'..=b'9') => {
            let message = format!("invalid input syntax for type numeric time zone: \"{name}\"");
            let hint = "Numeric time zones must have \"-\" or \"+\" as first character.";
            Err(Error::new(code::INVALID_PARAMETER_VALUE, message).hint(hint))
        }
        Some(b'+' | b'-') => match zone_of(name)? {
            TimeZone::Fixed(seconds) => Ok(TimeZone::Fixed(-seconds)),
            named => Ok(named),
        },
        _ => zone_of(name),
    }
}

/// A zone by its name, its abbreviation or, with POSIX's sign, its offset.
pub(super) fn zone_of(name: &str) -> Result<TimeZone> {
    if let Some(zone) = TimeZone::abbreviated(&name.to_ascii_lowercase()) {
        return Ok(zone);
    }
    let digits = name.trim_start_matches(['+', '-']);
    if (digits.len() < name.len() || digits.len() <= 2)
        && let Ok(hours) = digits.parse::<i32>()
        && hours <= 15
    {
        let west = if name.starts_with('-') { -hours } else { hours };
        return Ok(TimeZone::Fixed(-west * 3_600));
    }
    TimeZone::parse(name)
        .map_err(|_| Error::new(code::INVALID_PARAMETER_VALUE, format!("time zone \"{name}\" not recognized")))
}

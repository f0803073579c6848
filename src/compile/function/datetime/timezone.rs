//! `timezone(zone, timestamp)`: what `timestamp AT TIME ZONE zone` becomes. A timestamp is taken as local time of the zone and becomes
//! an instant; an instant becomes the local time of the zone.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, TimestampMicrosecondArray};

use super::super::cast::{local_micros, utc_micros};
use super::super::definition::{Argument, Call, Definition, Types, strict, texts};
use super::timestamps;
use crate::error::{Error, Result, code};
use crate::format::text::TimeZone;
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
        SqlType::Text | SqlType::Varchar(_) => Ok(Some((vec![SqlType::Text, wanted], result))),
        SqlType::Interval => Err(Error::unsupported("AT TIME ZONE with an interval is not supported")),
        _ => Ok(None),
    }
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let (zones, times) = (texts(&call.arguments[0]), timestamps(&call.arguments[1]));
    let mut known: Option<(&str, TimeZone)> = None;
    let values = strict(call, |row| {
        let name = zones.value(row);
        let zone = match known {
            Some((same, zone)) if same == name => zone,
            _ => zone_of(name)?,
        };
        known = Some((name, zone));
        match call.result {
            SqlType::Timestamp => local_micros(times.value(row), zone),
            _ => utc_micros(times.value(row), zone),
        }
    })?;
    Ok(Arc::new(TimestampMicrosecondArray::from(values).with_data_type(call.result.arrow())))
}

pub(super) fn zone_of(name: &str) -> Result<TimeZone> {
    TimeZone::parse(name)
        .map_err(|_| Error::new(code::INVALID_PARAMETER_VALUE, format!("time zone \"{name}\" not recognized")))
}

//! `justify_hours`: 24 hours as days; `justify_days`: 30 days as months; `justify_interval`: both, with one sign. `isfinite`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, IntervalMonthDayNanoArray};
use datafusion::arrow::datatypes::{DataType, Date32Type, IntervalMonthDayNano};

use super::super::definition::{Argument, Call, Definition, Types, strict};
use super::{intervals, timestamps};
use crate::error::{Error, Result, code};
use crate::format::text::calendar::{DATE_INFINITY, DAY_US, is_finite};
use crate::types::SqlType;

pub(in crate::compile::function) static HOURS: Definition =
    Definition::immutable("justify_hours", types, |call| justify(call, hours));
pub(in crate::compile::function) static DAYS: Definition =
    Definition::immutable("justify_days", types, |call| justify(call, days));
pub(in crate::compile::function) static INTERVAL: Definition =
    Definition::immutable("justify_interval", types, |call| justify(call, both));
/// Times without an end do not exist here.
pub(in crate::compile::function) static ISFINITE: Definition =
    Definition::immutable("isfinite", finite_types, |call| {
        let value = &call.arguments[0];
        let finite = |row: usize| match value.data_type() {
            DataType::Date32 => !DATE_INFINITY.contains(&value.as_primitive::<Date32Type>().value(row)),
            DataType::Timestamp(..) => is_finite(timestamps(value).value(row)),
            _ => true,
        };
        let finite = (0..call.rows).map(|row| value.is_valid(row).then(|| finite(row)));
        Ok(Arc::new(finite.collect::<BooleanArray>()))
    });

const DAY_NS: i64 = DAY_US * 1_000;

fn types(arguments: &[Argument]) -> Types {
    let [span] = arguments else { return Ok(None) };
    let fits = span.is_untyped() || span.sql_type == Some(SqlType::Interval);
    Ok(fits.then(|| (vec![SqlType::Interval], SqlType::Interval)))
}

fn finite_types(arguments: &[Argument]) -> Types {
    let [time] = arguments else { return Ok(None) };
    Ok(match &time.sql_type {
        Some(kind @ (SqlType::Date | SqlType::Timestamp | SqlType::TimestampTz | SqlType::Interval)) => {
            Some((vec![kind.clone()], SqlType::Boolean))
        }
        _ => None,
    })
}

/// Months, days, ns.
type Fields = (i64, i64, i64);

fn justify(call: &Call, how: fn(Fields) -> Fields) -> Result<ArrayRef> {
    let out_of_range = || Error::new(code::DATETIME_FIELD_OVERFLOW, "interval out of range");
    let spans = strict(call, |row| {
        let span = intervals(&call.arguments[0]).value(row);
        let (months, days, nanoseconds) = how((span.months.into(), span.days.into(), span.nanoseconds));
        let months = i32::try_from(months).map_err(|_| out_of_range())?;
        let days = i32::try_from(days).map_err(|_| out_of_range())?;
        Ok(IntervalMonthDayNano { months, days, nanoseconds })
    })?;
    Ok(Arc::new(IntervalMonthDayNanoArray::from(spans)))
}

fn hours((months, days, time): Fields) -> Fields {
    let (days, time) = (days + time / DAY_NS, time % DAY_NS);
    let (days, time) = one_sign(days, time, DAY_NS);
    (months, days, time)
}

fn days((months, days, time): Fields) -> Fields {
    let (months, days) = (months + days / 30, days % 30);
    let (months, days) = one_sign(months, days, 30);
    (months, days, time)
}

fn both((months, days, time): Fields) -> Fields {
    let (mut days, mut time) = (days + time / DAY_NS, time % DAY_NS);
    let mut months = months + days / 30;
    days %= 30;
    if months > 0 && (days < 0 || days == 0 && time < 0) {
        (months, days) = (months - 1, days + 30);
    } else if months < 0 && (days > 0 || days == 0 && time > 0) {
        (months, days) = (months + 1, days - 30);
    }
    (days, time) = one_sign(days, time, DAY_NS);
    (months, days, time)
}

/// Moves one of the larger unit to the smaller if their signs differ.
fn one_sign(large: i64, small: i64, size: i64) -> (i64, i64) {
    if large > 0 && small < 0 {
        (large - 1, small + size)
    } else if large < 0 && small > 0 {
        (large + 1, small - size)
    } else {
        (large, small)
    }
}

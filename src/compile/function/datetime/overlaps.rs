//! `overlaps(a, b, c, d)`: what `(a, b) OVERLAPS (c, d)` becomes: whether two periods share a moment. A period is given by its ends in any
//! order, or its start and length; it does not hold its end, unless that is its start, too.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::datatypes::{Time64MicrosecondType, TimestampMicrosecondType};

use super::super::definition::{Argument, Call, Definition, Types};
use super::intervals;
use super::operator::shifted;
use crate::error::Result;
use crate::types::SqlType;

pub(in crate::compile::function) static DEFINITION: Definition = Definition::immutable("overlaps", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    use SqlType::{Date, Interval, Time, Timestamp, TimestampTz};
    let [a, b, c, d] = arguments else { return Ok(None) };
    let known = |argument: &Argument| if argument.is_untyped() { None } else { argument.sql_type.clone() };
    let mut time = None;
    for kind in [a, b, c, d].into_iter().filter_map(known) {
        time = match (time, kind) {
            (time, Interval) => time,
            (None | Some(Timestamp), Date | Timestamp) => Some(Timestamp),
            (None | Some(TimestampTz), TimestampTz) => Some(TimestampTz),
            (Some(TimestampTz), Date | Timestamp) | (Some(Timestamp), TimestampTz) => Some(TimestampTz),
            (None | Some(Time), Time) => Some(Time),
            _ => return Ok(None),
        };
    }
    let Some(time) = time else { return Ok(None) };
    if known(a) == Some(Interval) || known(c) == Some(Interval) {
        return Ok(None);
    }
    let end = |argument: &Argument| if known(argument) == Some(Interval) { Interval } else { time.clone() };
    let (b, d) = (end(b), end(d));
    Ok(Some((vec![time.clone(), b, time, d], SqlType::Boolean)))
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let rows = (0..call.rows).map(|row| {
        let first = (moment(call, 0, row), end(call, 0, row)?);
        let second = (moment(call, 2, row), end(call, 2, row)?);
        Ok(overlap(first, second))
    });
    Ok(Arc::new(rows.collect::<Result<BooleanArray>>()?))
}

fn moment(call: &Call, at: usize, row: usize) -> Option<i64> {
    let values = &call.arguments[at];
    values.is_valid(row).then(|| match values.as_primitive_opt::<Time64MicrosecondType>() {
        Some(times) => times.value(row),
        None => values.as_primitive::<TimestampMicrosecondType>().value(row),
    })
}

/// The end of the period whose start is argument `at`.
fn end(call: &Call, at: usize, row: usize) -> Result<Option<i64>> {
    let ends = &call.arguments[at + 1];
    if *ends.data_type() != SqlType::Interval.arrow() {
        return Ok(moment(call, at + 1, row));
    }
    match moment(call, at, row).filter(|_| ends.is_valid(row)) {
        Some(start) => {
            let zoned = *call.arguments[at].data_type() == SqlType::TimestampTz.arrow();
            shifted(start, intervals(ends).value(row), zoned.then_some(call.time_zone)).map(Some)
        }
        None => Ok(None),
    }
}

type Period = (Option<i64>, Option<i64>);

/// SQL's three-valued answer: unknown where the missing ends decide.
fn overlap(first: Period, second: Period) -> Option<bool> {
    let ((start, end), (other_start, other_end)) = (ordered(first)?, ordered(second)?);
    match start.cmp(&other_start) {
        std::cmp::Ordering::Equal => end.and(other_end).map(|_| true),
        std::cmp::Ordering::Greater => within(start, other_end, end),
        std::cmp::Ordering::Less => within(other_start, end, other_end),
    }
}

/// Whether the later start is before the end of the earlier period.
fn within(start: i64, end_of_earlier: Option<i64>, end_of_later: Option<i64>) -> Option<bool> {
    if start < end_of_earlier? {
        return Some(true);
    }
    end_of_later.map(|_| false)
}

/// The period with its earlier moment first; `None` if both are NULL.
fn ordered(period: Period) -> Option<(i64, Option<i64>)> {
    match period {
        (None, None) => None,
        (Some(start), None) => Some((start, None)),
        (None, Some(end)) => Some((end, None)),
        (Some(a), Some(b)) => Some((a.min(b), Some(a.max(b)))),
    }
}

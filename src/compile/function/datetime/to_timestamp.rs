//! `to_timestamp(seconds)`: the instant that many seconds after 1970-01-01 00:00 UTC. `to_timestamp(text, pattern)` and `to_date(text,
//! pattern)`: what a text says by a pattern.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Date32Array, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::Float64Type;

use super::super::cast::utc_micros;
use super::super::definition::{Argument, Call, Definition, Types, strict, texts};
use super::pattern::{Parsed, Token, parse, tokens};
use crate::error::{Error, Result, code};
use crate::format::text::calendar::{DAY_US, INFINITY, SECOND_US};
use crate::types::SqlType;

pub(in crate::compile::function) static DEFINITION: Definition = Definition::immutable("to_timestamp", types, evaluate);
pub(in crate::compile::function) static TO_DATE: Definition = Definition::immutable(
    "to_date",
    |arguments| Ok(by_pattern(arguments).then(|| (vec![SqlType::Text; 2], SqlType::Date))),
    to_date,
);

fn types(arguments: &[Argument]) -> Types {
    use SqlType::{BigInt, Double, Integer, Numeric, Real, SmallInt, TimestampTz};
    if let [seconds] = arguments {
        return Ok(match &seconds.sql_type {
            None | Some(SmallInt | Integer | BigInt | Real | Double | Numeric(..) | SqlType::AnyNumeric(_)) => {
                Some((vec![Double], TimestampTz))
            }
            _ => None,
        });
    }
    Ok(by_pattern(arguments).then(|| (vec![SqlType::Text; 2], TimestampTz)))
}

fn by_pattern(arguments: &[Argument]) -> bool {
    let is_text = |argument: &Argument| argument.or_text().is_text();
    arguments.len() == 2 && arguments.iter().all(is_text)
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let values = match call.arguments.as_slice() {
        [seconds] => {
            let seconds = seconds.as_primitive::<Float64Type>();
            strict(call, |row| instant(seconds.value(row)))?
        }
        _ => read(call, |parsed| match parsed.offset {
            Some(offset) => Ok(parsed.local - offset * SECOND_US),
            None => utc_micros(parsed.local, call.time_zone),
        })?,
    };
    Ok(Arc::new(TimestampMicrosecondArray::from(values).with_data_type(call.result.arrow())))
}

fn to_date(call: &Call) -> Result<ArrayRef> {
    let days = read(call, |parsed| Ok(parsed.local.div_euclid(DAY_US) as i32))?;
    Ok(Arc::new(Date32Array::from(days)))
}

/// What each row's text says by its pattern.
fn read<T>(call: &Call, mut answer: impl FnMut(Parsed) -> Result<T>) -> Result<Vec<Option<T>>> {
    let (values, patterns) = (texts(&call.arguments[0]), texts(&call.arguments[1]));
    let mut known: Option<(&str, Vec<Token>)> = None;
    strict(call, |row| {
        let pattern = patterns.value(row);
        if known.as_ref().is_none_or(|(same, _)| *same != pattern) {
            known = Some((pattern, tokens(pattern)));
        }
        let tokens = known.as_ref().map_or(&[][..], |(_, tokens)| tokens.as_slice());
        answer(parse(values.value(row), tokens)?)
    })
}

/// Seconds since 1970-01-01 UTC in µs.
fn instant(seconds: f64) -> Result<i64> {
    if seconds.is_infinite() {
        return Ok(INFINITY[usize::from(seconds > 0.0)]);
    }
    let micros = (seconds * 1e6).round_ties_even();
    // The cast keeps what fits; the bound is the greatest double below 2^63.
    if micros.is_finite() && micros.abs() < 9.223_372_036_854_775e18 {
        return Ok(micros as i64);
    }
    let message = if seconds.is_nan() {
        "timestamp cannot be NaN".to_string()
    } else {
        format!("timestamp out of range: \"{seconds}\"")
    };
    Err(Error::new(code::DATETIME_FIELD_OVERFLOW, message))
}

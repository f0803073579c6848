//! `generate_series[](start, stop [, step])` of integers, bigints, numerics, timestamps and instants, and
//! `generate_subscripts[](array, dimension [, reverse])`. A step of 0 is an error.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int32Array, Int64Array, LargeBinaryArray, LargeBinaryBuilder, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{Int32Type, Int64Type, IntervalMonthDayNano};

use super::super::array::dimension::Flat;
use super::super::datetime::operator::shifted;
use super::super::datetime::{intervals, timestamps};
use super::super::definition::{Argument, Call, Definition, Types};
use super::{ELEMENTS_MAX, lists, too_many};
use crate::claim;
use crate::decimal::{Decimal, encoding};
use crate::error::{Error, Result, code};
use crate::types::SqlType;

pub(in crate::compile::function) static SERIES: Definition =
    Definition::immutable("generate_series[]", types, evaluate);
pub(in crate::compile::function) static SUBSCRIPTS: Definition =
    Definition::immutable("generate_subscripts[]", subscript_types, subscripts);

/// Elements between two looks whether anybody waits for them.
const CHECK_ELEMENTS: usize = 65_536;
/// Elements of a series that becomes a constant of a plan at most; longer ones are made when the plan runs.
const FOLDED_MAX: usize = 1_000;

fn types(arguments: &[Argument]) -> Types {
    use SqlType::{AnyNumeric, BigInt, Date, Integer, Interval, Numeric, SmallInt, Text, Timestamp, TimestampTz};
    if !matches!(arguments.len(), 2 | 3) {
        return Ok(None);
    }
    let known: Vec<SqlType> = arguments
        .iter()
        .filter(|argument| !argument.is_untyped())
        .filter_map(|argument| argument.sql_type.clone())
        .collect();
    let times = &known[..known.len().min(2)];
    if times.iter().any(|kind| matches!(kind, Timestamp | TimestampTz | Date)) {
        // Among the types of times, the one with a zone is preferred.
        let time = if times.iter().any(|kind| *kind != Timestamp) && !times.contains(&Timestamp)
            || times.contains(&TimestampTz)
        {
            TimestampTz
        } else {
            Timestamp
        };
        let types = vec![time.clone(), time.clone(), Interval];
        return Ok((arguments.len() == 3).then(|| (types, SqlType::Array(Box::new(time)))));
    }
    let mut number = Integer;
    for kind in &known {
        match kind {
            SmallInt | Integer => {}
            BigInt => number = if matches!(number, Integer) { BigInt } else { number },
            Numeric(..) | AnyNumeric(_) => number = SqlType::NUMERIC,
            Text => return Ok(None),
            _ => return Ok(None),
        }
    }
    Ok(Some((vec![number.clone(); arguments.len()], SqlType::Array(Box::new(number)))))
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let SqlType::Array(kind) = &call.result else { return Err(Error::internal("a series is an array")) };
    let mut lengths = Vec::with_capacity(call.rows);
    let elements: ArrayRef = match kind.as_ref() {
        SqlType::Integer => {
            let value = |argument: &ArrayRef, row| i128::from(argument.as_primitive::<Int32Type>().value(row));
            // What lies between two integers is one.
            Arc::new(Int32Array::from(numbers(call, value, |number| number as i32, &mut lengths)?))
        }
        SqlType::BigInt => {
            let value = |argument: &ArrayRef, row| i128::from(argument.as_primitive::<Int64Type>().value(row));
            Arc::new(Int64Array::from(numbers(call, value, |number| number as i64, &mut lengths)?))
        }
        SqlType::AnyNumeric(_) => Arc::new(decimals(call, &mut lengths)?),
        _ => Arc::new(times(call, kind, &mut lengths)?),
    };
    lists(call, lengths, elements)
}

/// The rows of a call without NULLs; a row with one has no array.
fn check_folding(length: usize) -> Result<()> {
    if length > FOLDED_MAX && claim::is_folding() { Err(too_many()) } else { Ok(()) }
}

fn is_null(call: &Call, row: usize) -> bool {
    call.arguments.iter().any(|argument| argument.is_null(row))
}

fn decimals(call: &Call, lengths: &mut Vec<Option<usize>>) -> Result<LargeBinaryArray> {
    let mut elements = LargeBinaryBuilder::new();
    let mut total = 0;
    for row in 0..call.rows {
        if is_null(call, row) {
            lengths.push(None);
            continue;
        }
        let (start, stop) = (call.decimal(0, row), call.decimal(1, row));
        let step = if call.arguments.len() > 2 { call.decimal(2, row) } else { Decimal::from(1) };
        for (name, value) in [("start", &start), ("stop", &stop), ("step size", &step)] {
            let what = match value {
                Decimal::Number(_) => continue,
                Decimal::NaN => "NaN",
                _ => "infinity",
            };
            return Err(Error::new(
                code::INVALID_PARAMETER_VALUE,
                format!("{name} {}cannot be {what}", if name == "step size" { "" } else { "value " }),
            ));
        }
        if step.sign() == 0 {
            return Err(zero_step());
        }
        let begins = total;
        let mut next = start;
        while if step.sign() > 0 { next.compare(&stop).is_le() } else { next.compare(&stop).is_ge() } {
            if total >= ELEMENTS_MAX {
                return Err(too_many());
            }
            check_folding(total)?;
            if total.is_multiple_of(CHECK_ELEMENTS) {
                claim::check()?;
            }
            elements.append_value(encoding::encoded(&next));
            total += 1;
            next = next.add(&step)?;
        }
        lengths.push(Some(total - begins));
    }
    Ok(elements.finish())
}

fn numbers<T>(
    call: &Call,
    value: impl Fn(&ArrayRef, usize) -> i128,
    element: impl Fn(i128) -> T,
    lengths: &mut Vec<Option<usize>>,
) -> Result<Vec<T>> {
    let mut elements = Vec::new();
    for row in 0..call.rows {
        if is_null(call, row) {
            lengths.push(None);
            continue;
        }
        let (start, stop) = (value(&call.arguments[0], row), value(&call.arguments[1], row));
        let step = call.arguments.get(2).map_or(1, |step| value(step, row));
        if step == 0 {
            return Err(zero_step());
        }
        let span = stop.checked_sub(start).ok_or_else(too_many)?;
        let length = if span.signum() == -step.signum() { 0 } else { span / step + 1 };
        let length = usize::try_from(length).ok().filter(|length| elements.len() + length <= ELEMENTS_MAX);
        let length = length.ok_or_else(too_many)?;
        check_folding(length)?;
        elements.reserve(length);
        for first in (0..length).step_by(CHECK_ELEMENTS) {
            claim::check()?;
            let last = length.min(first + CHECK_ELEMENTS);
            elements.extend((first as i128..last as i128).map(|number| element(start + number * step)));
        }
        lengths.push(Some(length));
    }
    Ok(elements)
}

fn times(call: &Call, kind: &SqlType, lengths: &mut Vec<Option<usize>>) -> Result<TimestampMicrosecondArray> {
    let zone = (*kind == SqlType::TimestampTz).then_some(call.time_zone);
    let mut elements: Vec<i64> = Vec::new();
    for row in 0..call.rows {
        if is_null(call, row) {
            lengths.push(None);
            continue;
        }
        let (start, stop) = (timestamps(&call.arguments[0]).value(row), timestamps(&call.arguments[1]).value(row));
        let step = intervals(&call.arguments[2]).value(row);
        let sign = sign(step);
        if sign == 0 {
            return Err(zero_step());
        }
        let begins = elements.len();
        let mut next = start;
        while if sign > 0 { next <= stop } else { next >= stop } {
            if elements.len() >= ELEMENTS_MAX {
                return Err(too_many());
            }
            check_folding(elements.len())?;
            if elements.len().is_multiple_of(CHECK_ELEMENTS) {
                claim::check()?;
            }
            elements.push(next);
            next = shifted(next, step, zone)?;
        }
        lengths.push(Some(elements.len() - begins));
    }
    Ok(TimestampMicrosecondArray::from(elements).with_data_type(kind.arrow()))
}

/// As PostgreSQL compares intervals: a month is 30 days, a day 24 hours.
fn sign(step: IntervalMonthDayNano) -> i128 {
    let days = i128::from(step.months) * 30 + i128::from(step.days);
    (days * 86_400_000_000_000 + i128::from(step.nanoseconds)).signum()
}

fn zero_step() -> Error {
    Error::new(code::INVALID_PARAMETER_VALUE, "step size cannot equal zero")
}

fn subscript_types(arguments: &[Argument]) -> Types {
    let types = match arguments {
        [array, _] => vec![array.or_text(), SqlType::Integer],
        [array, _, _] => vec![array.or_text(), SqlType::Integer, SqlType::Boolean],
        _ => return Ok(None),
    };
    let integers = SqlType::Array(Box::new(SqlType::Integer));
    Ok(matches!(types.first(), Some(SqlType::Array(_))).then_some((types, integers)))
}

fn subscripts(call: &Call) -> Result<ArrayRef> {
    let arrays = Flat::new(&call.arguments[0]);
    let mut elements: Vec<i32> = Vec::new();
    let mut lengths = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        if is_null(call, row) {
            lengths.push(None);
            continue;
        }
        let dimension = call.arguments[1].as_primitive::<Int32Type>().value(row);
        let at = usize::try_from(dimension).ok().and_then(|dimension| dimension.checked_sub(1));
        let length = at.and_then(|at| arrays.lengths(row).get(at).copied()).unwrap_or(0) as i32;
        let reverse = call.arguments.get(2).is_some_and(|reverse| reverse.as_boolean().value(row));
        if reverse {
            elements.extend((1..=length).rev())
        } else {
            elements.extend(1..=length)
        }
        lengths.push(Some(length as usize));
    }
    lists(call, lengths, Arc::new(Int32Array::from(elements)))
}

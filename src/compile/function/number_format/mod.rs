//! `to_char(number, pattern)` and `to_number(text, pattern)` with the signs of the C locale: `.` and `,`, `+` and `-`, no currency.

// What a pattern says.
mod pattern;
// Texts → numbers.
mod read;
// Digits → texts.
mod write;

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, LargeBinaryArray, StringArray};
use datafusion::arrow::datatypes::{Decimal128Type, Float32Type};

use super::datetime;
use super::definition::{Argument, Call, Definition, Types};
use super::math::bit;
use crate::decimal::{Decimal, encoding};
use crate::error::{Error, Result, code};
use crate::format::text::number::write_decimal;
use crate::types::SqlType;
use pattern::Pattern;

/// Of numbers; of times it is [`datetime::to_char`].
pub(super) static TO_CHAR: Definition = Definition::immutable("to_char", char_types, to_char);
pub(super) static TO_NUMBER: Definition = Definition::immutable("to_number", number_types, to_number);

fn is_number(sql_type: &Option<SqlType>) -> bool {
    use SqlType::{BigInt, Double, Integer, Real, SmallInt};
    sql_type.as_ref().is_some_and(SqlType::is_numeric)
        || matches!(sql_type, Some(SmallInt | Integer | BigInt | Real | Double))
}

fn is_text(argument: &Argument) -> bool {
    argument.is_text()
}

fn char_types(arguments: &[Argument]) -> Types {
    match arguments {
        [number, pattern] if is_number(&number.sql_type) && is_text(pattern) => {
            Ok(Some((vec![number.or_text(), SqlType::Text], SqlType::Text)))
        }
        [number, _] if is_number(&number.sql_type) => Ok(None),
        _ => (datetime::to_char::DEFINITION.types)(arguments),
    }
}

fn to_char(call: &Call) -> Result<ArrayRef> {
    if !is_number(&Some(call.given[0].clone())) {
        return (datetime::to_char::DEFINITION.evaluate)(call);
    }
    let mut known: Option<(String, Pattern)> = None;
    let rows = (0..call.rows).map(|row| {
        if call.arguments.iter().any(|argument| argument.is_null(row)) {
            return Ok(None);
        }
        let text = call.text(1).value(row);
        if known.as_ref().is_none_or(|(of, _)| of != text) {
            known = Some((text.to_string(), Pattern::of(text)?));
        }
        let Some((_, pattern)) = &known else { return Ok(None) };
        if text.is_empty() {
            return Ok(Some(String::new()));
        }
        written(call, row, pattern).map(Some)
    });
    Ok(Arc::new(rows.collect::<Result<StringArray>>()?))
}

fn written(call: &Call, row: usize, pattern: &Pattern) -> Result<String> {
    match &call.given[0] {
        SqlType::Real => {
            write::double(f64::from(call.arguments[0].as_primitive::<Float32Type>().value(row)), 6, pattern)
        }
        SqlType::Double => write::double(call.double(0).value(row), 15, pattern),
        SqlType::Numeric(_, scale) => {
            write::decimal(call.arguments[0].as_primitive::<Decimal128Type>().value(row), *scale, pattern)
        }
        SqlType::AnyNumeric(_) => write::any(&call.decimal(0, row), pattern),
        // Floats are exact enough for them, and PostgreSQL takes these.
        SqlType::SmallInt | SqlType::Integer if pattern.scientific => {
            write::double(bit::integer(call, 0, row) as f64, 15, pattern)
        }
        _ => write::decimal(i128::from(bit::integer(call, 0, row)), 0, pattern),
    }
}

fn number_types(arguments: &[Argument]) -> Types {
    let [text, pattern] = arguments else { return Ok(None) };
    if !is_text(text) || !is_text(pattern) {
        return Ok(None);
    }
    if let Some(pattern) = &pattern.text {
        Pattern::of(pattern)?;
    }
    Ok(Some((vec![SqlType::Text; 2], SqlType::NUMERIC)))
}

fn to_number(call: &Call) -> Result<ArrayRef> {
    let rows = (0..call.rows).map(|row| {
        let pattern_missing = call.arguments.iter().any(|argument| argument.is_null(row));
        if pattern_missing || call.text(1).value(row).is_empty() {
            return Ok(None);
        }
        let pattern = Pattern::of(call.text(1).value(row))?;
        let scale = (pattern.post + pattern.shift).min(38);
        let units = read::number(call.text(0).value(row), &pattern, scale as i8)?;
        Ok(Some(encoding::encoded(&Decimal::new(units, scale as u32))))
    });
    Ok(Arc::new(rows.collect::<Result<LargeBinaryArray>>()?))
}

/// A decimal's digits, with its point if it has digits after it, and whether it is negative.
fn digits(value: i128, scale: i8) -> (String, bool) {
    let mut out = Vec::new();
    write_decimal(value, scale, &mut out);
    let text = String::from_utf8_lossy(&out).into_owned();
    match text.strip_prefix('-') {
        Some(digits) => (digits.to_string(), true),
        None => (text, false),
    }
}

fn syntax(message: &str) -> Error {
    Error::new(code::SYNTAX_ERROR, message)
}

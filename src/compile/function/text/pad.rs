//! `lpad(text, length [, fill])`, `rpad`, `repeat(text, number)`.

use datafusion::arrow::array::ArrayRef;

use super::super::call::check_size;
use super::super::definition::{Argument, Call, Definition, Types};
use super::super::overload::{Kind, overload};
use super::slice::offset;
use crate::error::Result;

pub(super) static LPAD: Definition = Definition::immutable("lpad", types, |call| pad(call, true));
pub(super) static RPAD: Definition = Definition::immutable("rpad", types, |call| pad(call, false));
pub(super) static REPEAT: Definition = Definition::immutable(
    "repeat",
    |arguments| overload(arguments, &[(&[Kind::Text, Kind::Integer], Kind::Text)]),
    repeat,
);

fn types(arguments: &[Argument]) -> Types {
    use Kind::{Integer, Text};
    overload(arguments, &[(&[Text, Integer], Text), (&[Text, Integer, Text], Text)])
}

/// Fills up to a number of characters, or cuts to it on the right.
fn pad(call: &Call, left: bool) -> Result<ArrayRef> {
    call.texts(|row| {
        let (text, length) = (call.text(0).value(row), call.integer(1).value(row).max(0) as usize);
        let fill = if call.arguments.len() > 2 { call.text(2).value(row) } else { " " };
        let letters = text.chars().count();
        if letters >= length || fill.is_empty() {
            return Ok(text[..offset(text, length)].to_string());
        }
        let missing = length - letters;
        let widest = fill.chars().map(char::len_utf8).max().unwrap_or(1);
        check_size(text.len() + missing.saturating_mul(widest))?;
        let padding: String = fill.chars().cycle().take(missing).collect();
        Ok(if left { padding + text } else { text.to_string() + &padding })
    })
}

fn repeat(call: &Call) -> Result<ArrayRef> {
    call.texts(|row| {
        let (text, times) = (call.text(0).value(row), call.integer(1).value(row).max(0) as usize);
        check_size(text.len().saturating_mul(times))?;
        Ok(text.repeat(times))
    })
}

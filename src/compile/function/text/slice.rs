//! `left`, `right`, `substr` (`substring(… FROM … FOR …)`) of texts and bytes.

use std::ops::Range;

use datafusion::arrow::array::ArrayRef;

use super::super::definition::{Argument, Call, Definition, Types};
use super::super::overload::{Kind, overload};
use crate::error::{Error, Result};
use crate::types::SqlType;

/// SQLSTATE `substring_error`.
const SUBSTRING_ERROR: &str = "22011";

pub(super) static LEFT: Definition = Definition::immutable("left", ends_types, |call| ends(call, true));
pub(super) static RIGHT: Definition = Definition::immutable("right", ends_types, |call| ends(call, false));
pub(in super::super) static SUBSTR: Definition = Definition::immutable("substr", types, evaluate);

fn ends_types(arguments: &[Argument]) -> Types {
    overload(arguments, &[(&[Kind::Text, Kind::Integer], Kind::Text)])
}

/// The first characters; of a negative number all but the last.
fn ends(call: &Call, left: bool) -> Result<ArrayRef> {
    call.texts(|row| {
        let (text, number) = (call.text(0).value(row), call.integer(1).value(row));
        let magnitude = number.unsigned_abs() as usize;
        let letters = || text.chars().count();
        Ok(match (left, number < 0) {
            (true, false) => &text[..offset(text, magnitude)],
            (true, true) => &text[..offset(text, letters().saturating_sub(magnitude))],
            (false, false) => &text[offset(text, letters().saturating_sub(magnitude))..],
            (false, true) => &text[offset(text, magnitude)..],
        })
    })
}

pub(in super::super) fn types(arguments: &[Argument]) -> Types {
    use Kind::{Bytea, Integer, Text};
    overload(
        arguments,
        &[
            (&[Text, Integer], Text),
            (&[Text, Integer, Integer], Text),
            (&[Bytea, Integer], Bytea),
            (&[Bytea, Integer, Integer], Bytea),
        ],
    )
}

pub(in super::super) fn evaluate(call: &Call) -> Result<ArrayRef> {
    let range = |row: usize| {
        let count = if call.arguments.len() > 2 { Some(call.integer(2).value(row)) } else { None };
        window(call.integer(1).value(row), count)
    };
    if call.result == SqlType::Bytea {
        return call.binaries(|row| {
            let bytes = call.bytes(0).value(row);
            let range = range(row)?;
            Ok(&bytes[range.start.min(bytes.len())..range.end.min(bytes.len())])
        });
    }
    call.texts(|row| {
        let text = call.text(0).value(row);
        let range = range(row)?;
        let start = offset(text, range.start);
        let length = offset(&text[start..], range.end - range.start);
        Ok(&text[start..start + length])
    })
}

/// The places, from 0, of `count` characters from the one numbered `start`, from 1; places before the first are counted but not there.
fn window(start: i32, count: Option<i32>) -> Result<Range<usize>> {
    let first = i64::from(start) - 1;
    let end = match count {
        Some(count) if count < 0 => {
            return Err(Error::new(SUBSTRING_ERROR, "negative substring length not allowed"));
        }
        Some(count) => first + i64::from(count),
        None => i64::MAX,
    };
    let start = first.max(0) as usize;
    Ok(start..(end.max(0) as usize).max(start))
}

/// The byte at which the character with this number, from 0, starts; the text's length if there are not so many.
pub(in super::super) fn offset(text: &str, letters: usize) -> usize {
    if text.is_ascii() {
        return letters.min(text.len());
    }
    text.char_indices().nth(letters).map_or(text.len(), |(at, _)| at)
}

//! `split_part(text, delimiter, number)`: a part by its number, from 1, or from the end if the number is negative.

use datafusion::arrow::array::ArrayRef;

use super::super::definition::{Call, Definition};
use super::super::overload::{Kind, overload};
use crate::error::{Error, Result, code};

pub(super) static DEFINITION: Definition = Definition::immutable(
    "split_part",
    |arguments| overload(arguments, &[(&[Kind::Text, Kind::Text, Kind::Integer], Kind::Text)]),
    evaluate,
);

fn evaluate(call: &Call) -> Result<ArrayRef> {
    call.texts(|row| {
        let (text, delimiter) = (call.text(0).value(row), call.text(1).value(row));
        part(text, delimiter, call.integer(2).value(row))
    })
}

fn part<'a>(text: &'a str, delimiter: &str, number: i32) -> Result<&'a str> {
    let place = number.unsigned_abs() as usize;
    let Some(place) = place.checked_sub(1) else {
        return Err(Error::new(code::INVALID_PARAMETER_VALUE, "field position must not be zero"));
    };
    // Without a delimiter the text is the only part.
    if delimiter.is_empty() {
        return Ok(if place == 0 { text } else { "" });
    }
    let found = match number > 0 {
        true => text.split(delimiter).nth(place),
        // From the start, since delimiters that overlap are found so.
        false => {
            let parts: Vec<&str> = text.split(delimiter).collect();
            parts.len().checked_sub(place + 1).map(|at| parts[at])
        }
    };
    Ok(found.unwrap_or_default())
}

//! Patterns: LIKE, SIMILAR TO, and PostgreSQL's regular expressions.

// `regexp_match`, `regexp_substr`, `regexp_instr`, `substring(… FROM pattern)`.
mod capture;
// `LIKE`, `ILIKE`.
pub(super) mod like;
// `~` and its like, `regexp_like`.
pub(super) mod matching;
// `regexp_count`, `regexp_split_to_array`.
mod occurrence;
// Regular expressions.
mod regex;
// `regexp_replace`.
mod replacement;
// `SIMILAR TO`.
mod similar;

use super::definition::{Argument, Call, Definition};
use super::text::case::{lower, upper};
use crate::error::{Error, Result, code};
use crate::types::SqlType;
use regex::Flags;

pub(super) static DEFINITIONS: &[&Definition] = &[
    &capture::INSTR,
    &capture::MATCH,
    &capture::MATCHES,
    &capture::SUBSTR,
    &capture::SUBSTRING,
    &like::ESCAPED,
    &matching::LIKE,
    &occurrence::COUNT,
    &occurrence::SPLIT_TO_ARRAY,
    &replacement::DEFINITION,
    &similar::DEFINITION,
];

/// The flags of a call, and whether `g` is among them.
fn flags(letters: &str) -> Result<(Flags, bool)> {
    let mut flags = Flags::default();
    let mut all = false;
    for letter in letters.chars() {
        match letter {
            'g' => all = true,
            letter => flags.set(letter)?,
        }
    }
    Ok((flags, all))
}

/// The flags of a function that has no use for `g`.
fn flags_of_one(letters: &str, function: &str) -> Result<Flags> {
    match flags(letters)? {
        (flags, false) => Ok(flags),
        (_, true) => {
            let message = format!("{function} does not support the \"global\" option");
            let error = Error::new(code::INVALID_PARAMETER_VALUE, message);
            Err(if function == "regexp_match()" {
                error.hint("Use the regexp_matches function instead.")
            } else {
                error
            })
        }
    }
}

/// A text argument of a row, or what stands for it if it is not given.
fn text_or<'a>(call: &'a Call, at: usize, row: usize, otherwise: &'a str) -> &'a str {
    if call.arguments.len() > at { call.text(at).value(row) } else { otherwise }
}

/// An integer argument of a row that is at least `least`. Errors: 22023 with the parameter's name.
fn integer_or(call: &Call, at: usize, row: usize, name: &str, least: i32, otherwise: i32) -> Result<i32> {
    if call.arguments.len() <= at {
        return Ok(otherwise);
    }
    let value = call.integer(at).value(row);
    if value < least {
        let message = format!("invalid value for parameter \"{name}\": {value}");
        return Err(Error::new(code::INVALID_PARAMETER_VALUE, message));
    }
    Ok(value)
}

/// The byte at which the character numbered `start`, from 1, begins; `None` behind the end.
fn byte_of(text: &str, start: i32) -> Option<usize> {
    let letters = usize::try_from(start).ok()?.checked_sub(1)?;
    text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(letters)
}

/// The types of a pattern's operator, which sees blanks at the end of char(n).
fn with_blanks(types: (Vec<SqlType>, SqlType), arguments: &[Argument]) -> (Vec<SqlType>, SqlType) {
    let (mut wanted, result) = types;
    if let (Some(first), Some(given @ SqlType::Char(_))) =
        (wanted.first_mut(), arguments.first().and_then(|given| given.sql_type.as_ref()))
    {
        *first = given.clone();
    }
    (wanted, result)
}

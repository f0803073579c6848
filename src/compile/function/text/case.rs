//! `lower(text)`, `upper(text)`, `initcap(text)`: letters change one by one, as in PostgreSQL in the C.UTF-8 locale (`ß` has no upper case).

use datafusion::arrow::array::ArrayRef;

use super::super::definition::{Argument, Call, Definition, Types};
use super::super::overload::{Kind, overload};
use crate::error::Result;

pub(in super::super) static LOWER: Definition =
    Definition::immutable("lower", types, |call| evaluate(call, |text| text.chars().map(lower).collect()));
pub(in super::super) static UPPER: Definition =
    Definition::immutable("upper", types, |call| evaluate(call, |text| text.chars().map(upper).collect()));
pub(in super::super) static INITCAP: Definition =
    Definition::immutable("initcap", types, |call| evaluate(call, initcap));

fn types(arguments: &[Argument]) -> Types {
    overload(arguments, &[(&[Kind::Text], Kind::Text)])
}

fn evaluate(call: &Call, change: fn(&str) -> String) -> Result<ArrayRef> {
    call.texts(|row| Ok(change(call.text(0).value(row))))
}

/// The lower case of a letter.
pub(in super::super) fn lower(letter: char) -> char {
    if letter.is_ascii() {
        return letter.to_ascii_lowercase();
    }
    // The only letter whose lower case is longer.
    if letter == 'İ' { 'i' } else { only(letter.to_lowercase(), letter) }
}

/// The upper case of a letter, itself if it has none of one letter.
pub(in super::super) fn upper(letter: char) -> char {
    if letter.is_ascii() { letter.to_ascii_uppercase() } else { only(letter.to_uppercase(), letter) }
}

fn only(mut letters: impl Iterator<Item = char>, otherwise: char) -> char {
    match (letters.next(), letters.next()) {
        (Some(letter), None) => letter,
        _ => otherwise,
    }
}

/// Words start with an upper case letter; they consist of letters and digits.
fn initcap(text: &str) -> String {
    let mut inside = false;
    let change = |letter: char| {
        let changed = if inside { lower(letter) } else { upper(letter) };
        inside = letter.is_alphabetic() || letter.is_ascii_digit();
        changed
    };
    text.chars().map(change).collect()
}

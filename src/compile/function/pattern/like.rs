//! `text LIKE pattern` and `ILIKE`, which are the operators `~~` and `~~*`; `like_escape(pattern, escape)` gives patterns with another
//! escape character the usual one.

use std::borrow::Cow;

use datafusion::arrow::array::{ArrayRef, BooleanArray};

use super::super::definition::{Argument, Call, Definition, Types};
use super::super::overload::{Kind, overload};
use super::{lower, with_blanks};
use crate::error::{Error, Result};
use crate::types::SqlType;

/// SQLSTATE `invalid_escape_sequence`.
const INVALID_ESCAPE_SEQUENCE: &str = "22025";

pub(in super::super) static LIKE: Definition = Definition::immutable("~~", types, |call| evaluate(call, false, false));
pub(in super::super) static NOT_LIKE: Definition =
    Definition::immutable("!~~", types, |call| evaluate(call, false, true));
pub(in super::super) static ILIKE: Definition =
    Definition::immutable("~~*", text_types, |call| evaluate(call, true, false));
pub(in super::super) static NOT_ILIKE: Definition =
    Definition::immutable("!~~*", text_types, |call| evaluate(call, true, true));
pub(super) static ESCAPED: Definition = Definition::immutable(
    "like_escape",
    |arguments| overload(arguments, &[(&[Kind::Text, Kind::Text], Kind::Text)]),
    |call| call.texts(|row| escaped(call.text(0).value(row), call.text(1).value(row))),
);

fn types(arguments: &[Argument]) -> Types {
    use Kind::{Boolean, Bytea, Text};
    Ok(overload(arguments, &[(&[Text, Text], Boolean), (&[Bytea, Bytea], Boolean)])?
        .map(|types| with_blanks(types, arguments)))
}

fn text_types(arguments: &[Argument]) -> Types {
    Ok(overload(arguments, &[(&[Kind::Text, Kind::Text], Kind::Boolean)])?.map(|types| with_blanks(types, arguments)))
}

/// The pattern with backslashes for escape characters.
fn escaped(pattern: &str, escape: &str) -> Result<String> {
    let mut letters = escape.chars();
    let escape = match (letters.next(), letters.next()) {
        (escape, None) => escape,
        _ => {
            return Err(Error::new(INVALID_ESCAPE_SEQUENCE, "invalid escape string")
                .hint("Escape string must be empty or one character."));
        }
    };
    if escape == Some('\\') {
        return Ok(pattern.to_string());
    }
    let mut out = String::with_capacity(pattern.len());
    let mut after_escape = false;
    for letter in pattern.chars() {
        if Some(letter) == escape && !after_escape {
            out.push('\\');
            after_escape = true;
            continue;
        }
        if letter == '\\' && !after_escape {
            out.push('\\');
        }
        out.push(letter);
        after_escape = false;
    }
    Ok(out)
}

fn evaluate(call: &Call, any_case: bool, negated: bool) -> Result<ArrayRef> {
    // Patterns are mostly the same in every row.
    let mut known: Option<(Vec<u8>, Pattern)> = None;
    let is_binary = *call.arguments[0].data_type() == SqlType::Bytea.arrow();
    call.column::<_, BooleanArray>(|row| {
        let (value, pattern): (Cow<'_, [u8]>, &[u8]) = match is_binary {
            true => (call.bytes(0).value(row).into(), call.bytes(1).value(row)),
            false => (call.text(0).value(row).as_bytes().into(), call.text(1).value(row).as_bytes()),
        };
        if known.as_ref().is_none_or(|(text, _)| text != pattern) {
            let folded = if any_case { folded(pattern) } else { pattern.to_vec() };
            known = Some((pattern.to_vec(), Pattern::of(&folded)));
        }
        let value = if any_case { Cow::Owned(self::folded(&value)) } else { value };
        let matches = match &known {
            Some((_, pattern)) => pattern.matches(&value, !is_binary)?,
            None => false,
        };
        Ok(matches != negated)
    })
}

fn folded(text: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(text).chars().map(lower).collect::<String>().into_bytes()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Byte(u8),
    /// `_`
    One,
    /// `%`
    Any,
    /// An escape character at the end.
    Broken,
}

/// A pattern: the usual forms are found with searches of their own.
#[derive(Debug)]
enum Pattern {
    Exact(Vec<u8>),
    Prefix(Vec<u8>),
    Suffix(Vec<u8>),
    Contains(Vec<u8>),
    Items(Vec<Item>),
}

impl Pattern {
    fn of(pattern: &[u8]) -> Pattern {
        let mut items = Vec::with_capacity(pattern.len());
        let mut bytes = pattern.iter();
        while let Some(byte) = bytes.next() {
            match byte {
                b'%' if items.last() == Some(&Item::Any) => {}
                b'%' => items.push(Item::Any),
                b'_' => items.push(Item::One),
                b'\\' => items.push(bytes.next().map_or(Item::Broken, |byte| Item::Byte(*byte))),
                byte => items.push(Item::Byte(*byte)),
            }
        }
        let plain = |items: &[Item]| -> Option<Vec<u8>> {
            items.iter().map(|item| if let Item::Byte(byte) = item { Some(*byte) } else { None }).collect()
        };
        let simple = match items.as_slice() {
            [Item::Any, middle @ .., Item::Any] => plain(middle).map(Pattern::Contains),
            [Item::Any, rest @ ..] => plain(rest).map(Pattern::Suffix),
            [rest @ .., Item::Any] => plain(rest).map(Pattern::Prefix),
            all => plain(all).map(Pattern::Exact),
        };
        simple.unwrap_or(Pattern::Items(items))
    }

    /// Errors: 22025 if the text gets to an escape character at the pattern's end.
    fn matches(&self, text: &[u8], by_letter: bool) -> Result<bool> {
        Ok(match self {
            Pattern::Exact(bytes) => text == bytes.as_slice(),
            Pattern::Prefix(bytes) => text.starts_with(bytes),
            Pattern::Suffix(bytes) => text.ends_with(bytes),
            Pattern::Contains(bytes) => memchr::memmem::find(text, bytes).is_some(),
            Pattern::Items(items) => return items_match(items, text, by_letter),
        })
    }
}

/// Goes back to the last `%` only: what is before it is matched as early as it can be.
fn items_match(items: &[Item], text: &[u8], by_letter: bool) -> Result<bool> {
    let width = |at: usize| {
        if by_letter { 1 + text[at + 1..].iter().take_while(|byte| **byte & 0xC0 == 0x80).count() } else { 1 }
    };
    let (mut item, mut at) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let step = match items.get(item) {
            Some(Item::Any) => {
                retry = Some((item + 1, at));
                Some(0)
            }
            Some(Item::Broken) if at < text.len() => {
                return Err(Error::new(INVALID_ESCAPE_SEQUENCE, "LIKE pattern must not end with escape character"));
            }
            Some(Item::One) if at < text.len() => Some(width(at)),
            Some(Item::Byte(byte)) if text.get(at) == Some(byte) => Some(1),
            None if at == text.len() => return Ok(true),
            _ => None,
        };
        match (step, retry) {
            (Some(step), _) => (item, at) = (item + 1, at + step),
            (None, Some((after, from))) if from < text.len() => {
                let from = from + width(from);
                retry = Some((after, from));
                (item, at) = (after, from);
            }
            _ => return Ok(false),
        }
    }
}

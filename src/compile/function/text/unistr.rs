//! `unistr(text)`: characters written as `\XXXX`, `\+XXXXXX`, `\uXXXX` or `\UXXXXXXXX`.

use datafusion::arrow::array::ArrayRef;

use super::super::definition::{Call, Definition};
use super::super::overload::{Kind, overload};
use crate::error::{Error, Result, code};

pub(super) static DEFINITION: Definition = Definition::immutable(
    "unistr",
    |arguments| overload(arguments, &[(&[Kind::Text], Kind::Text)]),
    |call: &Call| -> Result<ArrayRef> { call.texts(|row| unescaped(call.text(0).value(row))) },
);

fn unescaped(text: &str) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut high: Option<u32> = None;
    while let Some(letter) = rest.chars().next() {
        let tail = &rest[letter.len_utf8()..];
        if letter != '\\' || tail.starts_with('\\') {
            let length = if letter == '\\' { 2 } else { letter.len_utf8() };
            check_no_half(high)?;
            out.push(letter);
            rest = &rest[length..];
            continue;
        }
        let (skip, digits) = match tail.chars().next() {
            Some('+') => (1, 6),
            Some('u') => (1, 4),
            Some('U') => (1, 8),
            _ => (0, 4),
        };
        let code = tail.get(skip..skip + digits).filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let Some(code) = code.and_then(|code| u32::from_str_radix(code, 16).ok()) else {
            return Err(Error::new(code::SYNTAX_ERROR, "invalid Unicode escape")
                .hint("Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX."));
        };
        rest = &tail[skip + digits..];
        high = match (high, code) {
            (None, 0xD800..=0xDBFF) => Some(code),
            (Some(high), 0xDC00..=0xDFFF) => {
                out.extend(char::from_u32(0x1_0000 + ((high & 0x3FF) << 10) + (code & 0x3FF)));
                None
            }
            (high, code) => {
                check_no_half(high)?;
                out.push(letter_of(code)?);
                None
            }
        };
    }
    check_no_half(high)?;
    Ok(out)
}

fn letter_of(code: u32) -> Result<char> {
    match char::from_u32(code).filter(|letter| *letter != '\0') {
        Some(letter) => Ok(letter),
        None if (0xDC00..=0xDFFF).contains(&code) => check_no_half(Some(code)).map(|()| char::default()),
        None => Err(Error::new(code::INVALID_PARAMETER_VALUE, format!("invalid Unicode code point: {code:04X}"))),
    }
}

fn check_no_half(half: Option<u32>) -> Result<()> {
    match half {
        Some(_) => Err(Error::new(code::SYNTAX_ERROR, "invalid Unicode surrogate pair")),
        None => Ok(()),
    }
}

//! `encode(bytea, format)`, `decode(text, format)`; the formats are `hex`, `base64` with lines of 76 characters, and `escape`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use datafusion::arrow::array::ArrayRef;

use super::super::definition::{Call, Definition};
use super::super::overload::{Kind, overload};
use crate::error::{Error, Result, code};
use crate::format::text::bytea::write_hex_digits;

/// Characters of a line of base64.
const LINE: usize = 76;

pub(super) static ENCODE: Definition = Definition::immutable(
    "encode",
    |arguments| overload(arguments, &[(&[Kind::Bytea, Kind::Text], Kind::Text)]),
    |call: &Call| -> Result<ArrayRef> { call.texts(|row| encoded(call.bytes(0).value(row), call.text(1).value(row))) },
);
pub(super) static DECODE: Definition = Definition::immutable(
    "decode",
    |arguments| overload(arguments, &[(&[Kind::Text, Kind::Text], Kind::Bytea)]),
    |call: &Call| -> Result<ArrayRef> {
        call.binaries(|row| decoded(call.text(0).value(row), call.text(1).value(row)))
    },
);

fn invalid(message: impl Into<String>) -> Error {
    Error::new(code::INVALID_PARAMETER_VALUE, message)
}

fn unknown(format: &str) -> Error {
    invalid(format!("unrecognized encoding: \"{format}\""))
}

fn encoded(bytes: &[u8], format: &str) -> Result<String> {
    let mut out = Vec::new();
    match format.to_ascii_lowercase().as_str() {
        "hex" => write_hex_digits(bytes, &mut out),
        "escape" => to_escape(bytes, &mut out),
        "base64" => {
            let digits = STANDARD.encode(bytes);
            for (number, line) in digits.as_bytes().chunks(LINE).enumerate() {
                if number > 0 {
                    out.push(b'\n');
                }
                out.extend_from_slice(line);
            }
        }
        _ => return Err(unknown(format)),
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// Zeros and what is not ASCII in octal digits, backslashes twice.
fn to_escape(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        match byte {
            0 | 0x80.. => out.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
            b'\\' => out.extend_from_slice(b"\\\\"),
            byte => out.push(*byte),
        }
    }
}

fn decoded(text: &str, format: &str) -> Result<Vec<u8>> {
    match format.to_ascii_lowercase().as_str() {
        "hex" => from_hex(text),
        "base64" => from_base64(text),
        "escape" => from_escape(text.as_bytes()),
        _ => Err(unknown(format)),
    }
}

fn from_hex(text: &str) -> Result<Vec<u8>> {
    let digit = |letter: char| match letter.to_digit(16) {
        Some(digit) => Ok(digit as u8),
        None => Err(invalid(format!("invalid hexadecimal digit: \"{letter}\""))),
    };
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        // Between bytes, not between the digits of one.
        if matches!(letter, ' ' | '\n' | '\t' | '\r') {
            continue;
        }
        let upper = digit(letter)?;
        let lower = letters.next().ok_or_else(|| invalid("invalid hexadecimal data: odd number of digits"))?;
        bytes.push(upper << 4 | digit(lower)?);
    }
    Ok(bytes)
}

fn from_base64(text: &str) -> Result<Vec<u8>> {
    let symbols: String = text.chars().filter(|letter| !matches!(letter, ' ' | '\n' | '\t' | '\r')).collect();
    let symbol = symbols.chars().find(|letter| !matches!(letter, 'A'..='Z' | 'a'..='z' | '0'..='9' | '+' | '/' | '='));
    if let Some(symbol) = symbol {
        return Err(invalid(format!("invalid symbol \"{symbol}\" found while decoding base64 sequence")));
    }
    STANDARD.decode(symbols).map_err(|_| {
        invalid("invalid base64 end sequence")
            .hint("Input data is missing padding, is truncated, or is otherwise corrupted.")
    })
}

fn from_escape(text: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        rest = match rest {
            [] => return Ok(out),
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', rest @ ..] => {
                out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest
            }
            [b'\\', b'\\', rest @ ..] => {
                out.push(b'\\');
                rest
            }
            [b'\\', ..] => {
                return Err(Error::new(code::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type bytea"));
            }
            [byte, rest @ ..] => {
                out.push(*byte);
                rest
            }
        };
    }
}

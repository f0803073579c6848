//! Binary strings: PostgreSQL's `hex` and `escape` formats.

use crate::error::{Error, Result, code};

/// Writes `\x0123…`.
pub(crate) fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"\\x");
    write_hex_digits(bytes, out);
}

/// Writes two digits a byte.
pub(crate) fn write_hex_digits(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(bytes.len() * 2);
    for byte in bytes {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

/// Writes printable ASCII as it is, a backslash twice and every other byte as `\` and three octal digits.
pub(crate) fn write_escape(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x20..=0x7e => out.push(*byte),
            _ => {
                let digit = |shift: u8| b'0' + (byte >> shift & 7);
                out.extend_from_slice(&[b'\\', digit(6), digit(3), digit(0)]);
            }
        }
    }
}

/// Reads either format and appends the bytes to `out`, which is unspecified beyond its former length after an error.
pub(crate) fn parse(text: &[u8], out: &mut Vec<u8>) -> Result<()> {
    match text.strip_prefix(b"\\x") {
        Some(digits) => parse_hex(digits, out),
        None => parse_escape(text, out),
    }
}

/// Reads pairs of hexadecimal digits, between which there may be white space.
pub(crate) fn parse_hex(text: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let mut high = None;
    for (at, byte) in text.iter().enumerate() {
        if high.is_none() && matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
            continue;
        }
        let Some(digit) = char::from(*byte).to_digit(16) else {
            let bad = String::from_utf8_lossy(&text[at..]).chars().next().unwrap_or_default();
            let message = format!("invalid hexadecimal digit: \"{bad}\"");
            return Err(Error::new(code::INVALID_PARAMETER_VALUE, message));
        };
        match high.take() {
            None => high = Some(digit),
            Some(first) => out.push((first << 4 | digit) as u8),
        }
    }
    match high {
        None => Ok(()),
        Some(_) => Err(Error::new(code::INVALID_PARAMETER_VALUE, "invalid hexadecimal data: odd number of digits")),
    }
}

fn parse_escape(mut text: &[u8], out: &mut Vec<u8>) -> Result<()> {
    loop {
        text = match text {
            [] => return Ok(()),
            [b'\\', b'\\', rest @ ..] => {
                out.push(b'\\');
                rest
            }
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', rest @ ..] => {
                out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest
            }
            [b'\\', ..] => {
                return Err(Error::new(code::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type bytea"));
            }
            [byte, rest @ ..] => {
                out.push(*byte);
                rest
            }
        }
    }
}

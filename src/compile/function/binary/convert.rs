//! `convert_to(text, encoding)`, `convert_from(bytea, encoding)`, `convert(bytea, from, to)` for UTF8, LATIN1 and SQL_ASCII.

use datafusion::arrow::array::ArrayRef;

use super::super::definition::{Call, Definition};
use super::super::overload::{Kind, overload};
use crate::error::{Error, Result, code};
use crate::format::text::check_no_nul;

pub(super) static CONVERT_TO: Definition = Definition::immutable(
    "convert_to",
    |arguments| overload(arguments, &[(&[Kind::Text, Kind::Text], Kind::Bytea)]),
    |call: &Call| -> Result<ArrayRef> {
        call.binaries(|row| written(call.text(0).value(row), encoding(call.text(1).value(row), "destination")?))
    },
);
pub(super) static CONVERT_FROM: Definition = Definition::immutable(
    "convert_from",
    |arguments| overload(arguments, &[(&[Kind::Bytea, Kind::Text], Kind::Text)]),
    |call: &Call| -> Result<ArrayRef> {
        call.texts(|row| {
            let bytes = call.bytes(0).value(row);
            check_no_nul(bytes)?;
            read(bytes, encoding(call.text(1).value(row), "source")?)
        })
    },
);
pub(super) static CONVERT: Definition = Definition::immutable(
    "convert",
    |arguments| overload(arguments, &[(&[Kind::Bytea, Kind::Text, Kind::Text], Kind::Bytea)]),
    |call: &Call| -> Result<ArrayRef> {
        call.binaries(|row| {
            let from = encoding(call.text(1).value(row), "source")?;
            let to = encoding(call.text(2).value(row), "destination")?;
            written(&read(call.bytes(0).value(row), from)?, to)
        })
    },
);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Latin1,
}

/// The encoding of a name; punctuation and case do not count.
fn encoding(name: &str, which: &str) -> Result<Encoding> {
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    match plain.as_str() {
        "utf8" | "unicode" | "sqlascii" => Ok(Encoding::Utf8),
        "latin1" | "iso88591" => Ok(Encoding::Latin1),
        "latin2" | "latin9" | "win1252" | "windows1252" | "win1250" | "win1251" | "sjis" | "eucjp" | "gbk" | "big5" => {
            Err(Error::unsupported(format!("encoding \"{name}\" is not supported")).hint("UTF8 and LATIN1 are"))
        }
        _ => {
            let message = format!("invalid {which} encoding name \"{name}\"");
            Err(Error::new(code::INVALID_PARAMETER_VALUE, message))
        }
    }
}

fn written(text: &str, encoding: Encoding) -> Result<Vec<u8>> {
    if encoding == Encoding::Utf8 {
        return Ok(text.as_bytes().to_vec());
    }
    let byte = |letter: char| {
        u8::try_from(letter as u32).map_err(|_| {
            let bytes = hex(letter.encode_utf8(&mut [0; 4]).as_bytes());
            let message = format!(
                "character with byte sequence {bytes} in encoding \"UTF8\" has no equivalent in encoding \"LATIN1\""
            );
            Error::new("22P05", message)
        })
    };
    text.chars().map(byte).collect()
}

fn read(bytes: &[u8], encoding: Encoding) -> Result<String> {
    if encoding == Encoding::Latin1 {
        return Ok(bytes.iter().map(|byte| char::from(*byte)).collect());
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_string()),
        Err(error) => {
            let wrong = &bytes[error.valid_up_to()..];
            // As many as the first byte announces.
            let announced = match wrong.first() {
                Some(0xC0..=0xDF) => 2,
                Some(0xE0..=0xEF) => 3,
                Some(0xF0..=0xF7) => 4,
                _ => 1,
            };
            let shown = hex(&wrong[..announced.min(wrong.len())]);
            Err(Error::new("22021", format!("invalid byte sequence for encoding \"UTF8\": {shown}")))
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("0x{byte:02x}")).collect::<Vec<_>>().join(" ")
}

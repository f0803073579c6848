//! `ascii(text)`, `chr(code)`, `to_hex(number)`.

use datafusion::arrow::array::{ArrayRef, Int32Array};

use super::super::definition::{Call, Definition};
use super::super::overload::{Kind, overload};
use crate::error::{Error, Result, code};

/// SQLSTATE `program_limit_exceeded`.
const PROGRAM_LIMIT_EXCEEDED: &str = "54000";

pub(super) static ASCII: Definition =
    Definition::immutable("ascii", |arguments| overload(arguments, &[(&[Kind::Text], Kind::Integer)]), ascii);
pub(super) static CHR: Definition =
    Definition::immutable("chr", |arguments| overload(arguments, &[(&[Kind::Integer], Kind::Text)]), chr);
pub(super) static TO_HEX: Definition = Definition::immutable(
    "to_hex",
    |arguments| overload(arguments, &[(&[Kind::Integer], Kind::Text), (&[Kind::BigInt], Kind::Text)]),
    to_hex,
);

fn ascii(call: &Call) -> Result<ArrayRef> {
    let code = |text: &str| text.chars().next().map_or(0, |letter| letter as i32);
    call.column::<_, Int32Array>(|row| Ok(code(call.text(0).value(row))))
}

fn chr(call: &Call) -> Result<ArrayRef> {
    call.texts(|row| letter(call.integer(0).value(row)).map(String::from))
}

fn letter(number: i32) -> Result<char> {
    let error = |message: &str| Err(Error::new(PROGRAM_LIMIT_EXCEEDED, message));
    match u32::try_from(number) {
        Err(_) => Err(Error::new(code::INVALID_PARAMETER_VALUE, "character number must be positive")),
        Ok(0) => error("null character not permitted"),
        Ok(code) if code > char::MAX as u32 => error(&format!("requested character too large for encoding: {code}")),
        Ok(code) => match char::from_u32(code) {
            Some(letter) => Ok(letter),
            None => error(&format!("requested character not valid for encoding: {code}")),
        },
    }
}

fn to_hex(call: &Call) -> Result<ArrayRef> {
    match call.arguments[0].data_type() {
        datafusion::arrow::datatypes::DataType::Int64 => {
            call.texts(|row| Ok(format!("{:x}", call.bigint(0).value(row))))
        }
        _ => call.texts(|row| Ok(format!("{:x}", call.integer(0).value(row)))),
    }
}

//! `normalize(text [, form])`: Unicode's normal forms NFC, NFD, NFKC and NFKD.

use datafusion::arrow::array::ArrayRef;
use unicode_normalization::UnicodeNormalization;

use super::super::definition::{Call, Definition};
use super::super::overload::{Kind, overload};
use crate::error::{Error, Result, code};

pub(super) static DEFINITION: Definition = Definition::immutable(
    "normalize",
    |arguments| overload(arguments, &[(&[Kind::Text], Kind::Text), (&[Kind::Text, Kind::Text], Kind::Text)]),
    evaluate,
);

fn evaluate(call: &Call) -> Result<ArrayRef> {
    call.texts(|row| {
        let text = call.text(0).value(row).chars();
        let form = if call.arguments.len() > 1 { call.text(1).value(row) } else { "NFC" };
        Ok(match form.to_ascii_uppercase().as_str() {
            "NFC" => text.nfc().collect::<String>(),
            "NFD" => text.nfd().collect(),
            "NFKC" => text.nfkc().collect(),
            "NFKD" => text.nfkd().collect(),
            _ => {
                let message = format!("invalid normalization form: {form}");
                return Err(Error::new(code::INVALID_PARAMETER_VALUE, message));
            }
        })
    })
}

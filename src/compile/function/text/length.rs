//! `length(text)` and `char_length(text)` in characters, `octet_length` in bytes, `bit_length` in bits; of bytea, too.

use datafusion::arrow::array::{ArrayRef, Int32Array};

use super::super::definition::{Argument, Call, Definition};
use super::super::overload::{Kind, overload};
use crate::error::Result;
use crate::types::SqlType;

pub(super) static LENGTH: Definition = Definition::immutable(
    "length",
    |arguments| overload(arguments, &[(&[Kind::Text], Kind::Integer), (&[Kind::Bytea], Kind::Integer)]),
    |call| evaluate(call, |text| text.chars().count(), 1),
);
pub(super) static CHAR_LENGTH: Definition = Definition {
    aliases: &["character_length"],
    ..Definition::immutable(
        "char_length",
        |arguments| overload(arguments, &[(&[Kind::Text], Kind::Integer)]),
        |call| evaluate(call, |text| text.chars().count(), 1),
    )
};
pub(super) static OCTET_LENGTH: Definition = Definition::immutable(
    "octet_length",
    |arguments| match arguments {
        // The only one that counts blanks at the end of char(n).
        [Argument { sql_type: Some(given @ SqlType::Char(_)), .. }] => {
            Ok(Some((vec![given.clone()], SqlType::Integer)))
        }
        _ => overload(arguments, &[(&[Kind::Text], Kind::Integer), (&[Kind::Bytea], Kind::Integer)]),
    },
    |call| evaluate(call, str::len, 1),
);
pub(super) static BIT_LENGTH: Definition = Definition::immutable(
    "bit_length",
    |arguments| overload(arguments, &[(&[Kind::Text], Kind::Integer), (&[Kind::Bytea], Kind::Integer)]),
    |call| evaluate(call, str::len, 8),
);

fn evaluate(call: &Call, count: fn(&str) -> usize, factor: usize) -> Result<ArrayRef> {
    let is_binary = *call.arguments[0].data_type() == SqlType::Bytea.arrow();
    call.column::<_, Int32Array>(|row| {
        let length = if is_binary { call.bytes(0).value(row).len() } else { count(call.text(0).value(row)) };
        Ok((length * factor) as i32)
    })
}

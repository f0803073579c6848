//! `btrim(text [, characters])`, `ltrim`, `rtrim` of texts and bytes: what `trim(both … from …)` becomes.

use datafusion::arrow::array::ArrayRef;

use super::super::definition::{Argument, Call, Definition, Types};
use super::super::overload::{Kind, overload};
use crate::error::Result;
use crate::types::SqlType;

pub(super) static BTRIM: Definition = Definition::immutable("btrim", types, |call| evaluate(call, true, true));
pub(super) static LTRIM: Definition = Definition::immutable("ltrim", types, |call| evaluate(call, true, false));
pub(super) static RTRIM: Definition = Definition::immutable("rtrim", types, |call| evaluate(call, false, true));

fn types(arguments: &[Argument]) -> Types {
    use Kind::{Bytea, Text};
    overload(arguments, &[(&[Text], Text), (&[Text, Text], Text), (&[Bytea, Bytea], Bytea)])
}

fn evaluate(call: &Call, left: bool, right: bool) -> Result<ArrayRef> {
    if call.result == SqlType::Bytea {
        return call.binaries(|row| {
            let (mut bytes, set) = (call.bytes(0).value(row), call.bytes(1).value(row));
            while left && bytes.first().is_some_and(|first| set.contains(first)) {
                bytes = &bytes[1..];
            }
            while right && bytes.last().is_some_and(|last| set.contains(last)) {
                bytes = &bytes[..bytes.len() - 1];
            }
            Ok(bytes)
        });
    }
    call.texts(|row| {
        let mut text = call.text(0).value(row);
        let set = if call.arguments.len() > 1 { call.text(1).value(row) } else { " " };
        if left {
            text = text.trim_start_matches(|letter| set.contains(letter));
        }
        if right {
            text = text.trim_end_matches(|letter| set.contains(letter));
        }
        Ok(text)
    })
}

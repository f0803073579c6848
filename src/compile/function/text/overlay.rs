//! `overlay(value PLACING new FROM start [FOR count])` of texts and bytes.

use datafusion::arrow::array::ArrayRef;

use super::super::definition::{Argument, Call, Definition, Types};
use super::super::overload::{Kind, overload};
use super::slice::offset;
use crate::error::{Error, Result};
use crate::types::SqlType;

/// SQLSTATE `substring_error`.
const SUBSTRING_ERROR: &str = "22011";

pub(super) static DEFINITION: Definition = Definition::immutable("overlay", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    use Kind::{Bytea, Integer, Text};
    overload(
        arguments,
        &[
            (&[Text, Text, Integer], Text),
            (&[Text, Text, Integer, Integer], Text),
            (&[Bytea, Bytea, Integer], Bytea),
            (&[Bytea, Bytea, Integer, Integer], Bytea),
        ],
    )
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let places = |row: usize, length: usize| {
        let count = if call.arguments.len() > 3 { i64::from(call.integer(3).value(row)) } else { length as i64 };
        let start = i64::from(call.integer(2).value(row));
        if start <= 0 {
            return Err(Error::new(SUBSTRING_ERROR, "negative substring length not allowed"));
        }
        // What is before the new part, and where the rest goes on.
        Ok((start as usize - 1, (start - 1 + count).max(0) as usize))
    };
    if call.result == SqlType::Bytea {
        return call.binaries(|row| {
            let (old, new) = (call.bytes(0).value(row), call.bytes(1).value(row));
            let (before, after) = places(row, new.len())?;
            Ok([&old[..before.min(old.len())], new, &old[after.min(old.len())..]].concat())
        });
    }
    call.texts(|row| {
        let (old, new) = (call.text(0).value(row), call.text(1).value(row));
        let (before, after) = places(row, new.chars().count())?;
        Ok([&old[..offset(old, before)], new, &old[offset(old, after)..]].concat())
    })
}

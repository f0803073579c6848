//! `replace(text, from, to)`, `translate(text, from, to)`, `reverse(text)`.

use std::collections::HashMap;

use datafusion::arrow::array::ArrayRef;

use super::super::call::check_size;
use super::super::definition::{Argument, Call, Definition, Types};
use super::super::overload::{Kind, overload};
use crate::error::Result;

pub(super) static REPLACE: Definition = Definition::immutable("replace", types, replace);
pub(super) static TRANSLATE: Definition = Definition::immutable("translate", types, translate);
pub(super) static REVERSE: Definition = Definition::immutable(
    "reverse",
    |arguments| overload(arguments, &[(&[Kind::Text], Kind::Text)]),
    |call| call.texts(|row| Ok(call.text(0).value(row).chars().rev().collect::<String>())),
);

fn types(arguments: &[Argument]) -> Types {
    overload(arguments, &[(&[Kind::Text, Kind::Text, Kind::Text], Kind::Text)])
}

fn replace(call: &Call) -> Result<ArrayRef> {
    call.texts(|row| {
        let (text, from, to) = (call.text(0).value(row), call.text(1).value(row), call.text(2).value(row));
        if from.is_empty() {
            return Ok(text.to_string());
        }
        if to.len() > from.len() {
            check_size(text.len() / from.len() * to.len())?;
        }
        Ok(text.replace(from, to))
    })
}

/// Characters become those at the same place; those without one go.
fn translate(call: &Call) -> Result<ArrayRef> {
    call.texts(|row| {
        let mut targets = call.text(2).value(row).chars();
        let mut table: HashMap<char, Option<char>> = HashMap::new();
        for letter in call.text(1).value(row).chars() {
            // The first place of a letter counts.
            let target = targets.next();
            table.entry(letter).or_insert(target);
        }
        let change = |letter: char| table.get(&letter).copied().unwrap_or(Some(letter));
        Ok(call.text(0).value(row).chars().filter_map(change).collect::<String>())
    })
}

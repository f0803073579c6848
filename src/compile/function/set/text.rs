//! `string_to_table[](text, delimiter [, null])`: the parts of a text. A delimiter that is NULL takes every character, an empty one the
//! whole text; parts that equal the third argument are NULL.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, StringArray};

use super::super::definition::{Argument, Call, Definition, Types, texts};
use super::lists;
use crate::error::Result;
use crate::types::SqlType;

pub(in crate::compile::function) static DEFINITION: Definition =
    Definition::immutable("string_to_table[]", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    let fits = |argument: &Argument| argument.is_text();
    let known = matches!(arguments.len(), 2 | 3) && arguments.iter().all(fits);
    Ok(known.then(|| (vec![SqlType::Text; arguments.len()], SqlType::Array(Box::new(SqlType::Text)))))
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let [values, delimiters, ..] = call.arguments.as_slice() else { return Ok(Arc::new(StringArray::new_null(0))) };
    let (values, delimiters) = (texts(values), texts(delimiters));
    let nulls = call.arguments.get(2).map(texts);
    let mut elements: Vec<Option<&str>> = Vec::new();
    let mut lengths = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        if values.is_null(row) {
            lengths.push(None);
            continue;
        }
        let (value, start) = (values.value(row), elements.len());
        let null = nulls.filter(|nulls| nulls.is_valid(row)).map(|nulls| nulls.value(row));
        let mut add = |part| elements.push(if null == Some(part) { None } else { Some(part) });
        if value.is_empty() {
            // No part at all.
        } else if delimiters.is_null(row) {
            value.char_indices().for_each(|(at, letter)| add(&value[at..at + letter.len_utf8()]));
        } else if delimiters.value(row).is_empty() {
            add(value);
        } else {
            value.split(delimiters.value(row)).for_each(add);
        }
        lengths.push(Some(elements.len() - start));
    }
    lists(call, lengths, Arc::new(elements.into_iter().collect::<StringArray>()))
}

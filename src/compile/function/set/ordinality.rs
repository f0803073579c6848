//! `ordinality[](array, …)`: 1, 2, … as far as the longest array goes.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array};

use super::super::definition::{Argument, Call, Definition, Types};
use super::lists;
use crate::error::Result;
use crate::types::SqlType;

pub(in crate::compile::function) static DEFINITION: Definition = Definition::immutable("ordinality[]", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    let kinds: Option<Vec<SqlType>> = arguments.iter().map(|argument| argument.sql_type.clone()).collect();
    let Some(kinds) = kinds.filter(|kinds| !kinds.is_empty()) else { return Ok(None) };
    let arrays = kinds.iter().all(|kind| matches!(kind, SqlType::Array(_)));
    Ok(arrays.then(|| (kinds, SqlType::Array(Box::new(SqlType::BigInt)))))
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let mut elements: Vec<i64> = Vec::new();
    let mut lengths = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let length = |array: &ArrayRef| if array.is_null(row) { 0 } else { array.as_list::<i32>().value_length(row) };
        let longest = call.arguments.iter().map(length).max().unwrap_or(0).max(0);
        elements.extend(1..=i64::from(longest));
        lengths.push(Some(longest as usize));
    }
    lists(call, lengths, Arc::new(Int64Array::from(elements)))
}

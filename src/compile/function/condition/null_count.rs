//! `num_nulls(…)`, `num_nonnulls(…)`: how many arguments are NULL, or are not.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int32Array};

use super::super::definition::{Argument, Call, Definition, Types};
use crate::error::Result;
use crate::types::SqlType;

pub(super) static NULLS: Definition = Definition::immutable("num_nulls", types, |call| evaluate(call, true));
pub(super) static NONNULLS: Definition = Definition::immutable("num_nonnulls", types, |call| evaluate(call, false));

fn types(arguments: &[Argument]) -> Types {
    let types = arguments.iter().map(Argument::or_text).collect();
    Ok((!arguments.is_empty()).then_some((types, SqlType::Integer)))
}

fn evaluate(call: &Call, nulls: bool) -> Result<ArrayRef> {
    let count = |row: usize| call.arguments.iter().filter(|argument| argument.is_null(row) == nulls).count() as i32;
    Ok(Arc::new((0..call.rows).map(|row| Some(count(row))).collect::<Int32Array>()))
}

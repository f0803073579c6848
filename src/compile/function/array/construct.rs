//! `array(…)`: what `ARRAY[…]` becomes.

use datafusion::arrow::array::{Array, ArrayRef};

use super::super::definition::{Argument, Call, Definition, Types};
use super::gather::{Gather, range};
use super::{array_of, common_type};
use crate::error::{Error, Result, code};
use crate::types::SqlType;

pub(in crate::compile::function) static DEFINITION: Definition = Definition::immutable("array", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    if arguments.is_empty() {
        return Err(Error::new(code::INDETERMINATE_DATATYPE, "cannot determine type of empty array")
            .hint("Explicitly cast to the desired type, for example ARRAY[]::integer[]."));
    }
    let all: Vec<&Argument> = arguments.iter().collect();
    match common_type(&all) {
        Some(item) => Ok(Some((vec![item.clone(); arguments.len()], array_of(item)))),
        None => {
            let mut kinds =
                arguments.iter().filter(|argument| !argument.is_untyped()).filter_map(|a| a.sql_type.clone());
            let first = kinds.next().unwrap_or(SqlType::Text);
            let other = kinds.find(|kind| super::wider(first.clone(), kind.clone()).is_none()).unwrap_or(SqlType::Text);
            let message = format!("ARRAY types {} and {} cannot be matched", bare(&first), bare(&other));
            Err(Error::new(code::DATATYPE_MISMATCH, message))
        }
    }
}

/// A type's name without precision.
fn bare(kind: &SqlType) -> String {
    kind.to_string().split('(').next().unwrap_or_default().to_string()
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let SqlType::Array(item) = &call.result else { return Err(Error::internal("ARRAY makes an array")) };
    let mut made = Gather::new(item);
    let sources: Vec<usize> = call.arguments.iter().map(|values| made.source(values)).collect();
    for row in 0..call.rows {
        if matches!(**item, SqlType::Array(_)) {
            check_lengths(call, row)?;
        }
        sources.iter().for_each(|source| made.take(*source, row));
        made.close();
    }
    made.finish()
}

fn check_lengths(call: &Call, row: usize) -> Result<()> {
    let length = |values: &ArrayRef| if values.is_null(row) { 0 } else { range(values, row).len() };
    let mut lengths = call.arguments.iter().map(length);
    let first = lengths.next();
    match lengths.all(|length| Some(length) == first) {
        true => Ok(()),
        false => {
            Err(Error::new("2202E", "multidimensional arrays must have array expressions with matching dimensions"))
        }
    }
}

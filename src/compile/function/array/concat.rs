//! `array_append`, `array_prepend`, `array_cat`, and `||` with an array on one side.

use datafusion::arrow::array::{Array, ArrayRef};

use super::super::definition::{Argument, Call, Definition, Types};
use super::gather::{Gather, items, range};
use super::{array_of, items_of, wider, with_item};
use crate::error::{Error, Result};
use crate::types::SqlType;

pub(in crate::compile::function) static APPEND: Definition =
    Definition::immutable("array_append", append_types, evaluate);
pub(in crate::compile::function) static PREPEND: Definition =
    Definition::immutable("array_prepend", prepend_types, evaluate);
pub(in crate::compile::function) static CAT: Definition = Definition::immutable("array_cat", cat_types, evaluate);
pub(in crate::compile::function) static OPERATOR: Definition = Definition::immutable("||", cat_types, evaluate);
pub(in crate::compile::function) static OPERATOR_APPEND: Definition =
    Definition::immutable("||", append_types, evaluate);
pub(in crate::compile::function) static OPERATOR_PREPEND: Definition =
    Definition::immutable("||", prepend_types, evaluate);

fn append_types(arguments: &[Argument]) -> Types {
    let [array, item] = arguments else { return Ok(None) };
    Ok(with_item(array, item).map(|item| (vec![array_of(item.clone()), item.clone()], array_of(item))))
}

fn prepend_types(arguments: &[Argument]) -> Types {
    let [item, array] = arguments else { return Ok(None) };
    Ok(with_item(array, item).map(|item| (vec![item.clone(), array_of(item.clone())], array_of(item))))
}

fn cat_types(arguments: &[Argument]) -> Types {
    let [left, right] = arguments else { return Ok(None) };
    let item = match (items_of(left), items_of(right)) {
        // An array of arrays takes one more.
        (Some(SqlType::Array(inner)), Some(other)) if *inner == other => {
            return Ok(Some((
                vec![array_of(SqlType::Array(inner)), array_of(other.clone())],
                array_of(array_of(other)),
            )));
        }
        (Some(other), Some(SqlType::Array(inner))) if *inner == other => {
            return Ok(Some((
                vec![array_of(other.clone()), array_of(SqlType::Array(inner))],
                array_of(array_of(other)),
            )));
        }
        (Some(left), Some(right)) => wider(left, right),
        (Some(item), None) if right.is_untyped() => Some(item),
        (None, Some(item)) if left.is_untyped() => Some(item),
        _ => None,
    };
    Ok(item.map(|item| (vec![array_of(item.clone()); 2], array_of(item))))
}

/// Joins arrays and items; a NULL array adds nothing, a NULL item is an item.
fn evaluate(call: &Call) -> Result<ArrayRef> {
    let SqlType::Array(item) = &call.result else { return Err(Error::internal("|| makes an array")) };
    let mut made = Gather::new(item);
    let is_array: Vec<bool> = call.arguments.iter().map(|values| *values.data_type() == call.result.arrow()).collect();
    let sources: Vec<usize> = call
        .arguments
        .iter()
        .zip(&is_array)
        .map(|(values, is_array)| made.source(if *is_array { items(values) } else { values }))
        .collect();
    let arrays_only = is_array.iter().all(|is_array| *is_array);
    for row in 0..call.rows {
        if arrays_only && call.arguments.iter().all(|values| values.is_null(row)) {
            made.null();
            continue;
        }
        for ((values, is_array), source) in call.arguments.iter().zip(&is_array).zip(&sources) {
            if !is_array {
                made.take(*source, row);
            } else if !values.is_null(row) {
                range(values, row).for_each(|position| made.take(*source, position));
            }
        }
        made.close();
    }
    made.finish()
}

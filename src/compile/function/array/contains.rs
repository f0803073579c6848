//! `a @> b`, `a <@ b`, `a && b`: whether an array holds all, or any, items of another one. NULL equals nothing.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray};
use datafusion::arrow::datatypes::DataType;

use super::super::definition::{Argument, Call, Definition, Types, strict};
use super::super::order::sort_key::items_equal;
use super::gather::{items, range};
use super::{array_of, items_of, wider};
use crate::error::{Error, Result};
use crate::types::SqlType;

pub(in crate::compile::function) static CONTAINS: Definition =
    Definition::immutable("@>", types, |call| compare(call, |call, row| all(call, row, 0, 1)));
pub(in crate::compile::function) static CONTAINED: Definition =
    Definition::immutable("<@", types, |call| compare(call, |call, row| all(call, row, 1, 0)));
pub(in crate::compile::function) static OVERLAPS: Definition =
    Definition::immutable("&&", types, |call| compare(call, any));

fn types(arguments: &[Argument]) -> Types {
    let [left, right] = arguments else { return Ok(None) };
    let item = match (items_of(left), items_of(right)) {
        (Some(left), Some(right)) => wider(left, right),
        (Some(item), None) if right.is_untyped() => Some(item),
        (None, Some(item)) if left.is_untyped() => Some(item),
        _ => None,
    };
    Ok(item.map(|item| (vec![array_of(item); 2], SqlType::Boolean)))
}

fn compare(call: &Call, holds: fn(&Call, usize) -> Result<bool>) -> Result<ArrayRef> {
    Ok(Arc::new(BooleanArray::from(strict(call, |row| holds(call, row))?)))
}

fn all(call: &Call, row: usize, outer: usize, inner: usize) -> Result<bool> {
    for position in range(&call.arguments[inner], row) {
        if !has(call, row, outer, inner, position)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn any(call: &Call, row: usize) -> Result<bool> {
    for position in range(&call.arguments[1], row) {
        if has(call, row, 0, 1, position)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the row's array `outer` has the item at `position` of `inner`.
fn has(call: &Call, row: usize, outer: usize, inner: usize, position: usize) -> Result<bool> {
    let (candidates, wanted) = (items(&call.arguments[outer]), items(&call.arguments[inner]));
    let DataType::List(item) = call.arguments[outer].data_type() else {
        return Err(Error::internal("what holds items is an array"));
    };
    let item = SqlType::of(item);
    if wanted.is_null(position) {
        return Ok(false);
    }
    for candidate in range(&call.arguments[outer], row) {
        if items_equal(&item, (candidates, candidate), (wanted, position))? {
            return Ok(true);
        }
    }
    Ok(false)
}

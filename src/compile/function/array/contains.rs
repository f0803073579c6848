//! `a @> b`, `a <@ b`, `a && b`: whether an array holds all, or any, items of another one. NULL equals nothing.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray};

use super::super::definition::{Argument, Call, Definition, Types, strict};
use super::gather::{items, range};
use super::{array_of, items_of, wider};
use crate::error::Result;
use crate::flow::canonical::{Equality, values_equal};
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

fn compare(call: &Call, holds: fn(&Call, usize) -> bool) -> Result<ArrayRef> {
    Ok(Arc::new(BooleanArray::from(strict(call, |row| Ok(holds(call, row)))?)))
}

fn all(call: &Call, row: usize, outer: usize, inner: usize) -> bool {
    range(&call.arguments[inner], row).all(|position| has(call, row, outer, inner, position))
}

fn any(call: &Call, row: usize) -> bool {
    range(&call.arguments[1], row).any(|position| has(call, row, 0, 1, position))
}

/// Whether the row's array `outer` has the item at `position` of `inner`.
fn has(call: &Call, row: usize, outer: usize, inner: usize, position: usize) -> bool {
    let (candidates, wanted) = (items(&call.arguments[outer]), items(&call.arguments[inner]));
    let same = |candidate| values_equal(candidates.as_ref(), candidate, wanted.as_ref(), position, Equality::Key);
    !wanted.is_null(position) && range(&call.arguments[outer], row).any(same)
}

//! `a @> b`, `a <@ b`, `a && b`: whether an array holds all, or any, items of another one. NULL equals nothing.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray};

use super::super::definition::{Argument, Call, Definition, Types, strict};
use super::super::order::sort_key::items_equal;
use super::dimension::Flat;
use super::of_both;
use crate::error::Result;
use crate::types::SqlType;

pub(in crate::compile::function) static CONTAINS: Definition =
    Definition::immutable("@>", types, |call| compare(call, |[left, right], row| all(left, right, row)));
pub(in crate::compile::function) static CONTAINED: Definition =
    Definition::immutable("<@", types, |call| compare(call, |[left, right], row| all(right, left, row)));
pub(in crate::compile::function) static OVERLAPS: Definition =
    Definition::immutable("&&", types, |call| compare(call, any));

fn types(arguments: &[Argument]) -> Types {
    let [left, right] = arguments else { return Ok(None) };
    Ok(of_both(left, right).map(|(element, dimensions)| {
        (dimensions.map(|dimensions| element.clone().array_of(dimensions)).to_vec(), SqlType::Boolean)
    }))
}

/// Whether something holds for the two arrays of a row.
type Holds = fn(&[Flat; 2], usize) -> Result<bool>;

fn compare(call: &Call, holds: Holds) -> Result<ArrayRef> {
    let parts = [0, 1].map(|at| Flat::new(&call.arguments[at]));
    Ok(Arc::new(BooleanArray::from(strict(call, |row| holds(&parts, row))?)))
}

fn all(outer: &Flat, inner: &Flat, row: usize) -> Result<bool> {
    for position in inner.range(row) {
        if !has(outer, row, &inner.elements, position)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn any([left, right]: &[Flat; 2], row: usize) -> Result<bool> {
    for position in right.range(row) {
        if has(left, row, &right.elements, position)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the row's array has the element at `position`.
fn has(outer: &Flat, row: usize, wanted: &ArrayRef, position: usize) -> Result<bool> {
    if wanted.is_null(position) {
        return Ok(false);
    }
    for candidate in outer.range(row) {
        if items_equal(&outer.element, (&outer.elements, candidate), (wanted, position))? {
            return Ok(true);
        }
    }
    Ok(false)
}

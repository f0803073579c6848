//! `array_position(array, value [, start])`: where the value is first, NULL if nowhere. `array_positions`: everywhere it is.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int32Array, ListArray};
use datafusion::arrow::datatypes::Int32Type;

use super::super::definition::{Argument, Call, Definition, Types};
use super::gather::{items, range};
use super::{array_of, with_item};
use crate::error::{Error, Result};
use crate::flow::canonical::{Equality, values_equal};
use crate::types::SqlType;

pub(in crate::compile::function) static POSITION: Definition = Definition::immutable("array_position", types, first);
pub(in crate::compile::function) static POSITIONS: Definition =
    Definition::immutable("array_positions", all_types, all);

fn types(arguments: &[Argument]) -> Types {
    let ([array, value] | [array, value, _]) = arguments else { return Ok(None) };
    Ok(with_item(array, value).map(|item| {
        let wanted = [array_of(item.clone()), item, SqlType::Integer];
        (wanted[..arguments.len()].to_vec(), SqlType::Integer)
    }))
}

fn all_types(arguments: &[Argument]) -> Types {
    let [array, value] = arguments else { return Ok(None) };
    Ok(with_item(array, value).map(|item| (vec![array_of(item.clone()), item], array_of(SqlType::Integer))))
}

/// The numbers, from 1, of the items that are the row's value.
fn found(call: &Call, row: usize) -> impl Iterator<Item = i32> + '_ {
    let (lists, wanted) = (&call.arguments[0], &call.arguments[1]);
    let range = range(lists, row);
    let start = range.start;
    range
        .filter(move |position| values_equal(items(lists).as_ref(), *position, wanted.as_ref(), row, Equality::Key))
        .map(move |position| (position - start + 1) as i32)
}

fn first(call: &Call) -> Result<ArrayRef> {
    let mut positions = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        if call.arguments[0].is_null(row) {
            positions.push(None);
            continue;
        }
        let start = match call.arguments.get(2) {
            Some(starts) if starts.is_null(row) => {
                return Err(Error::new("22004", "initial position must not be null"));
            }
            Some(starts) => starts.as_primitive::<Int32Type>().value(row),
            None => 1,
        };
        positions.push(found(call, row).find(|position| *position >= start));
    }
    Ok(Arc::new(Int32Array::from(positions)))
}

fn all(call: &Call) -> Result<ArrayRef> {
    let rows = (0..call.rows)
        .map(|row| (!call.arguments[0].is_null(row)).then(|| found(call, row).map(Some).collect::<Vec<_>>()));
    Ok(Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(rows)))
}

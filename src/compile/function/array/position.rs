//! `array_position(array, value [, start])`: where the value is first, NULL if nowhere. `array_positions`: everywhere it is.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int32Array, ListArray};
use datafusion::arrow::datatypes::Int32Type;

use super::super::definition::{Argument, Call, Definition, Types};
use super::super::order::sort_key::items_equal;
use super::dimension::Flat;
use super::{array_of, with_item};
use crate::error::{Error, Result};
use crate::types::SqlType;

pub(in crate::compile::function) static POSITION: Definition = Definition::immutable("array_position", types, first);
pub(in crate::compile::function) static POSITIONS: Definition =
    Definition::immutable("array_positions", all_types, all);

fn types(arguments: &[Argument]) -> Types {
    let ([array, value] | [array, value, _]) = arguments else { return Ok(None) };
    Ok(with_item(array, value).map(|(item, dimensions)| {
        let wanted = [item.clone().array_of(dimensions), item, SqlType::Integer];
        (wanted[..arguments.len()].to_vec(), SqlType::Integer)
    }))
}

fn all_types(arguments: &[Argument]) -> Types {
    let [array, value] = arguments else { return Ok(None) };
    Ok(with_item(array, value)
        .map(|(item, dimensions)| (vec![item.clone().array_of(dimensions), item], array_of(SqlType::Integer))))
}

/// The numbers, from 1, of the items that are the row's value.
fn found(call: &Call, row: usize) -> Result<Vec<i32>> {
    let (arrays, wanted) = (Flat::new(&call.arguments[0]), &call.arguments[1]);
    if arrays.lengths(row).len() > 1 {
        return Err(Error::unsupported("searching for elements in multidimensional arrays is not supported"));
    }
    let mut positions = Vec::new();
    for (number, position) in arrays.range(row).enumerate() {
        if items_equal(&arrays.element, (&arrays.elements, position), (wanted, row))? {
            positions.push(number as i32 + 1);
        }
    }
    Ok(positions)
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
        positions.push(found(call, row)?.into_iter().find(|position| *position >= start));
    }
    Ok(Arc::new(Int32Array::from(positions)))
}

fn all(call: &Call) -> Result<ArrayRef> {
    let mut rows = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        rows.push(match call.arguments[0].is_null(row) {
            true => None,
            false => Some(found(call, row)?.into_iter().map(Some).collect::<Vec<_>>()),
        });
    }
    Ok(Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(rows)))
}

//! `array_remove(array, value)` and `array_replace(array, value, other)`: NULL is found as a value.

use datafusion::arrow::array::{Array, ArrayRef};

use super::super::definition::{Argument, Call, Definition, Types};
use super::super::order::sort_key::items_equal;
use super::dimension::{Flat, shaped};
use super::gather::Gather;
use super::with_item;
use crate::error::{Error, Result};
use crate::types::SqlType;

pub(in crate::compile::function) static REMOVE: Definition = Definition::immutable("array_remove", types, evaluate);
pub(in crate::compile::function) static REPLACE: Definition = Definition::immutable("array_replace", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    let Some((array, values)) = arguments.split_first() else { return Ok(None) };
    let mut found: Option<(SqlType, usize)> = None;
    for value in values {
        found = match (found, with_item(array, value)) {
            (_, None) => return Ok(None),
            (None, known) => known,
            (Some((item, dimensions)), Some((other, _))) => super::wider(item, other).map(|item| (item, dimensions)),
        };
    }
    Ok(found.map(|(item, dimensions)| {
        let kind = item.clone().array_of(dimensions);
        let mut wanted = vec![kind.clone()];
        wanted.extend(values.iter().map(|_| item.clone()));
        (wanted, kind)
    }))
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let (arrays, wanted) = (Flat::new(&call.arguments[0]), &call.arguments[1]);
    let mut made = Gather::new(&arrays.element);
    let source = made.source(&arrays.elements);
    let replacement = call.arguments.get(2).map(|values| made.source(values));
    let mut shapes = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        if call.arguments[0].is_null(row) {
            shapes.push(None);
            continue;
        }
        let mut lengths = arrays.lengths(row);
        if replacement.is_none() && lengths.len() > 1 {
            let message = "removing elements from multidimensional arrays is not supported";
            return Err(Error::unsupported(message));
        }
        for position in arrays.range(row) {
            let found = items_equal(&arrays.element, (&arrays.elements, position), (wanted, row))?;
            match (found, replacement) {
                (false, _) => made.take(source, position),
                (true, Some(replacement)) => made.take(replacement, row),
                // Only arrays of one dimension get shorter.
                (true, None) => lengths[0] -= 1,
            }
        }
        shapes.push(Some(if lengths == [0] { Vec::new() } else { lengths }));
    }
    shaped(&call.result, &shapes, made.elements()?)
}

//! `array_remove(array, value)` and `array_replace(array, value, other)`: NULL is found as a value.

use datafusion::arrow::array::{Array, ArrayRef};

use super::super::definition::{Argument, Call, Definition, Types};
use super::super::order::sort_key::items_equal;
use super::gather::{Gather, items, range};
use super::{array_of, with_item};
use crate::error::{Error, Result};
use crate::types::SqlType;

pub(in crate::compile::function) static REMOVE: Definition = Definition::immutable("array_remove", types, evaluate);
pub(in crate::compile::function) static REPLACE: Definition = Definition::immutable("array_replace", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    let Some((array, values)) = arguments.split_first() else { return Ok(None) };
    let mut item = None;
    for value in values {
        let found = with_item(array, value);
        item = match (item, found) {
            (_, None) => return Ok(None),
            (None, found) => found,
            (Some(known), Some(found)) => super::wider(known, found),
        };
    }
    Ok(item.map(|item| {
        let mut wanted = vec![array_of(item.clone())];
        wanted.extend(values.iter().map(|_| item.clone()));
        (wanted, array_of(item))
    }))
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let SqlType::Array(item) = &call.result else { return Err(Error::internal("an array is made")) };
    let (lists, wanted) = (&call.arguments[0], &call.arguments[1]);
    let mut made = Gather::new(item);
    let all = items(lists);
    let source = made.source(all);
    let replacement = call.arguments.get(2).map(|values| made.source(values));
    for row in 0..call.rows {
        if lists.is_null(row) {
            made.null();
            continue;
        }
        for position in range(lists, row) {
            let found = items_equal(item, (all, position), (wanted, row))?;
            match (found, replacement) {
                (false, _) => made.take(source, position),
                (true, Some(replacement)) => made.take(replacement, row),
                (true, None) => {}
            }
        }
        made.close();
    }
    made.finish()
}

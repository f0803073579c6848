//! `array_fill(value, ARRAY[length])`.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::Int32Type;

use super::super::definition::{Argument, Call, Definition, Types};
use super::array_of;
use super::gather::{Gather, items, range};
use crate::error::{Error, Result, code};
use crate::types::SqlType;

/// Items of an array at most, as in PostgreSQL.
const ITEMS_MAX: i32 = 134_217_727;

pub(in crate::compile::function) static DEFINITION: Definition = Definition::immutable("array_fill", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    let ([value, _] | [value, _, _]) = arguments else { return Ok(None) };
    let Some(item) = value.sql_type.clone() else {
        let message = "could not determine polymorphic type because input has type unknown";
        return Err(Error::new(code::DATATYPE_MISMATCH, message));
    };
    let mut wanted = vec![item.clone()];
    wanted.extend(arguments[1..].iter().map(|_| array_of(SqlType::Integer)));
    Ok(Some((wanted, array_of(item))))
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let mut made = Gather::new(&call.given[0]);
    let source = made.source(&call.arguments[0]);
    for row in 0..call.rows {
        if call.arguments[1..].iter().any(|bounds| bounds.is_null(row)) {
            return Err(Error::new("22004", "dimension array or low bound array cannot be null"));
        }
        let one_based = |bounds: &ArrayRef| bounds_of(bounds, row).map(|bounds| bounds.iter().all(|bound| *bound == 1));
        if let Some(lower) = call.arguments.get(2)
            && !one_based(lower)?
        {
            return Err(Error::unsupported("array lower bounds other than 1 are not supported"));
        }
        let lengths = bounds_of(&call.arguments[1], row)?;
        let length = match lengths.as_slice() {
            [] => 0,
            [length] => *length,
            _ => return Err(Error::unsupported("array_fill with more than one dimension is not supported")),
        };
        if !(0..=ITEMS_MAX).contains(&length) {
            let message = format!("array size exceeds the maximum allowed ({ITEMS_MAX})");
            return Err(Error::new("54000", message));
        }
        (0..length).for_each(|_| made.take(source, row));
        made.close();
    }
    made.finish()
}

fn bounds_of(bounds: &ArrayRef, row: usize) -> Result<Vec<i32>> {
    let all = items(bounds).as_primitive::<Int32Type>();
    let bound = |position: usize| match all.is_null(position) {
        true => Err(Error::new("22004", "dimension values cannot be null")),
        false => Ok(all.value(position)),
    };
    range(bounds, row).map(bound).collect()
}

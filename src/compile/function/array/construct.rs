//! `array(…)`: what `ARRAY[…]` becomes.

use datafusion::arrow::array::{Array, ArrayRef};

use super::super::cast::dimensions;
use super::super::condition::common_type::common_type;
use super::super::definition::{Argument, Call, Definition, Types};
use super::array_of;
use super::dimension::Flat;
use super::gather::Gather;
use crate::error::{Error, Result, code};
use crate::types::{SqlType, uneven_arrays};

pub(in crate::compile::function) static DEFINITION: Definition = Definition::immutable("array", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    if arguments.is_empty() {
        return Err(Error::new(code::INDETERMINATE_DATATYPE, "cannot determine type of empty array")
            .hint("Explicitly cast to the desired type, for example ARRAY[]::integer[]."));
    }
    let mut dimensions = arguments.iter().filter_map(dimensions);
    let first = dimensions.next();
    if dimensions.any(|found| Some(found) != first) {
        return Err(uneven_arrays());
    }
    let item = common_type(arguments, "ARRAY")?;
    Ok(Some((vec![item.clone(); arguments.len()], array_of(item))))
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let SqlType::Array(item) = &call.result else { return Err(Error::internal("ARRAY makes an array")) };
    let mut made = Gather::new(item);
    let sources: Vec<usize> = call.arguments.iter().map(|values| made.source(values)).collect();
    let of_arrays = matches!(**item, SqlType::Array(_));
    let parts: Vec<Flat> = call.arguments.iter().filter(|_| of_arrays).map(Flat::new).collect();
    for row in 0..call.rows {
        // An array of empty arrays is empty.
        if !of_arrays || is_filled(call, &parts, row)? {
            sources.iter().for_each(|source| made.take(*source, row));
        }
        made.close();
    }
    made.finish()
}

/// Whether the row's arrays have elements; NULL is like an empty one. Errors: 2202E for arrays of different shapes.
fn is_filled(call: &Call, parts: &[Flat], row: usize) -> Result<bool> {
    let lengths = |(values, part): (&ArrayRef, &Flat)| if values.is_null(row) { Vec::new() } else { part.lengths(row) };
    let mut shapes = call.arguments.iter().zip(parts).map(lengths);
    let first = shapes.next().unwrap_or_default();
    match shapes.all(|shape| shape == first) {
        true => Ok(!first.is_empty()),
        false => Err(uneven_arrays()),
    }
}

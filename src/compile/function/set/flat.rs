//! `unnest[](array)`: what `unnest` goes through, which are the innermost elements of arrays of arrays.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, UInt64Array};
use datafusion::arrow::compute::take;

use super::super::array::dimension::Flat;
use super::super::definition::{Argument, Call, Definition, Types};
use super::lists;
use crate::error::{Error, Result};
use crate::types::SqlType;

pub(in crate::compile::function) static DEFINITION: Definition = Definition::immutable("unnest[]", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    let [Argument { sql_type: Some(array @ SqlType::Array(_)), .. }] = arguments else { return Ok(None) };
    Ok(Some((vec![array.clone()], array.element().clone().array_of(1))))
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let arrays = &call.arguments[0];
    if *arrays.data_type() == call.result.arrow() {
        return Ok(Arc::clone(arrays));
    }
    let flat = Flat::new(arrays);
    let mut positions: Vec<u64> = Vec::new();
    let lengths = (0..call.rows).map(|row| {
        let range = if arrays.is_valid(row) { flat.range(row) } else { 0..0 };
        positions.extend(range.clone().map(|position| position as u64));
        arrays.is_valid(row).then_some(range.len())
    });
    let lengths = lengths.collect();
    let elements = take(&flat.elements, &UInt64Array::from(positions), None);
    lists(call, lengths, elements.map_err(|error| Error::internal(error.to_string()))?)
}

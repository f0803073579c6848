//! `unnest[](array)`: what `unnest` goes through, which are the innermost elements of arrays of arrays.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, UInt32Array};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Field};

use super::super::definition::{Argument, Call, Definition, Types};
use super::lists;
use crate::error::{Error, Result};
use crate::types::SqlType;

pub(in crate::compile::function) static DEFINITION: Definition = Definition::immutable("unnest[]", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    let [Argument { sql_type: Some(array @ SqlType::Array(_)), .. }] = arguments else { return Ok(None) };
    let mut flat = array.clone();
    while let SqlType::Array(item) = &flat
        && matches!(item.as_ref(), SqlType::Array(_))
    {
        flat = item.as_ref().clone();
    }
    Ok(Some((vec![array.clone()], flat)))
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let mut array = Arc::clone(&call.arguments[0]);
    while let DataType::List(item) = array.data_type()
        && matches!(item.data_type(), DataType::List(_))
    {
        let (outer, inner) = (array.as_list::<i32>(), array.as_list::<i32>().values());
        let inner = inner.as_list::<i32>();
        let mut lengths = Vec::with_capacity(outer.len());
        let mut positions: Vec<u32> = Vec::new();
        for row in 0..outer.len() {
            let start = positions.len();
            let range =
                if outer.is_valid(row) { outer.value_offsets()[row]..outer.value_offsets()[row + 1] } else { 0..0 };
            for item in range.filter(|item| inner.is_valid(*item as usize)) {
                let item = item as usize;
                positions.extend((inner.value_offsets()[item]..inner.value_offsets()[item + 1]).map(|at| at as u32));
            }
            lengths.push(outer.is_valid(row).then_some(positions.len() - start));
        }
        let positions = UInt32Array::from(positions);
        let elements = take(inner.values(), &positions, None).map_err(|error| Error::internal(error.to_string()))?;
        array = list_of(lengths, elements)?;
    }
    match array.data_type() == call.arguments[0].data_type() {
        true => Ok(array),
        false => {
            let flat = array.as_list::<i32>();
            let lengths = (0..flat.len()).map(|row| flat.is_valid(row).then(|| flat.value_length(row) as usize));
            lists(call, lengths.collect(), Arc::clone(flat.values()))
        }
    }
}

/// Lists one after the other over all their elements.
fn list_of(lengths: Vec<Option<usize>>, elements: ArrayRef) -> Result<ArrayRef> {
    let nulls: NullBuffer = lengths.iter().map(Option::is_some).collect();
    let offsets = OffsetBuffer::from_lengths(lengths.into_iter().map(Option::unwrap_or_default));
    let item = Arc::new(Field::new("item", elements.data_type().clone(), true));
    let list = ListArray::try_new(item, offsets, elements, Some(nulls));
    Ok(Arc::new(list.map_err(|error| Error::internal(error.to_string()))?))
}

//! What set-returning functions answer, as arrays: `generate_series(1, 3)` is planned as `unnest` of `generate_series[](1, 3)`. No query
//! can name these functions by accident.

// `unnest`.
pub(super) mod flat;
// `generate_series`, `generate_subscripts`.
pub(super) mod series;
// `WITH ORDINALITY`.
pub(super) mod ordinality;
// `jsonb_array_elements`, `jsonb_each`, `jsonb_to_recordset` and their like.
pub(super) mod jsonb;
// `string_to_table`.
pub(super) mod text;

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, ListArray, StringArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::DataType;

use super::definition::Call;
use crate::error::{Error, Result};

/// Elements that the arrays of one batch may have.
const ELEMENTS_MAX: usize = 100_000_000;

/// The arrays of a call: `lengths` of them, NULL where there is none, over all their elements.
pub(super) fn lists(call: &Call, lengths: Vec<Option<usize>>, elements: ArrayRef) -> Result<ArrayRef> {
    let DataType::List(item) = call.result.arrow() else {
        return Err(Error::internal("a set-returning function answers an array"));
    };
    if elements.len() > ELEMENTS_MAX {
        return Err(too_many());
    }
    let nulls: NullBuffer = lengths.iter().map(Option::is_some).collect();
    let offsets = OffsetBuffer::from_lengths(lengths.into_iter().map(Option::unwrap_or_default));
    let lists = ListArray::try_new(item, offsets, elements, Some(nulls));
    Ok(Arc::new(lists.map_err(|error| Error::internal(error.to_string()))?))
}

fn too_many() -> Error {
    Error::new("54000", format!("a set-returning function answers more than {ELEMENTS_MAX} rows"))
}

/// Runs `values` for every row where no argument is NULL and puts what it appends into arrays of texts.
fn text_lists(call: &Call, mut values: impl FnMut(usize, &mut Vec<Option<String>>) -> Result<()>) -> Result<ArrayRef> {
    let mut elements: Vec<Option<String>> = Vec::new();
    let mut lengths = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        if call.arguments.iter().any(|argument| argument.is_null(row)) {
            lengths.push(None);
            continue;
        }
        let start = elements.len();
        values(row, &mut elements)?;
        lengths.push(Some(elements.len() - start));
    }
    lists(call, lengths, Arc::new(elements.into_iter().collect::<StringArray>()))
}

//! The shapes of arrays: what is below all their dimensions, and arrays of several dimensions made of it.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, new_empty_array};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, Field};

use super::gather::range;
use crate::error::{Error, Result, code};
use crate::types::{SqlType, other_dimensions};

/// Arrays of any number of dimensions, seen as what they are made of.
pub(in crate::compile::function) struct Flat {
    /// The lists of each dimension, the outermost first.
    levels: Vec<ArrayRef>,
    /// What all arrays are made of.
    pub(in crate::compile::function) elements: ArrayRef,
    /// The type of that.
    pub(in crate::compile::function) element: SqlType,
}

impl Flat {
    pub(in crate::compile::function) fn new(arrays: &ArrayRef) -> Flat {
        let (mut levels, mut elements) = (Vec::new(), Arc::clone(arrays));
        let mut field = Field::new("", arrays.data_type().clone(), true);
        while let DataType::List(item) = field.data_type() {
            let values = Arc::clone(elements.as_list::<i32>().values());
            levels.push(std::mem::replace(&mut elements, values));
            field = item.as_ref().clone();
        }
        Flat { levels, elements, element: SqlType::of(&field) }
    }

    /// Whether the values are arrays.
    pub(in crate::compile::function) fn is_array(&self) -> bool {
        !self.levels.is_empty()
    }

    /// Where the elements of a row's array are.
    pub(in crate::compile::function) fn range(&self, row: usize) -> Range<usize> {
        let offset = |lists: &ArrayRef, at: usize| lists.as_list::<i32>().value_offsets()[at] as usize;
        self.levels.iter().fold(row..row + 1, |rows, lists| offset(lists, rows.start)..offset(lists, rows.end))
    }

    /// The lengths of the dimensions of a row's array, the outermost first; none for an empty one.
    pub(in crate::compile::function) fn lengths(&self, row: usize) -> Vec<usize> {
        lengths(&self.levels, row)
    }
}

fn lengths(levels: &[ArrayRef], row: usize) -> Vec<usize> {
    let mut at = row;
    let mut found = Vec::with_capacity(levels.len());
    for lists in levels {
        let inner = range(lists, at);
        if inner.is_empty() {
            return Vec::new();
        }
        found.push(inner.len());
        at = inner.start;
    }
    found
}

/// Arrays, of which each has the lengths of `shapes` (no array for `None`), over all their elements. The type tells how many dimensions.
/// Errors: 0A000 for a shape of another number of dimensions.
pub(in crate::compile::function) fn shaped(
    sql_type: &SqlType,
    shapes: &[Option<Vec<usize>>],
    elements: ArrayRef,
) -> Result<ArrayRef> {
    let dimensions = sql_type.dimensions();
    let mut lists = elements;
    for level in (0..dimensions).rev() {
        let mut sizes = Vec::new();
        for shape in shapes.iter().map(|shape| shape.as_deref().unwrap_or_default()) {
            match (shape.len(), level) {
                // An empty array has nothing below it.
                (0, 0) => sizes.push(0),
                (0, _) => {}
                (found, _) if found != dimensions => {
                    return Err(other_dimensions(found, dimensions, sql_type.element()));
                }
                _ => sizes.resize(sizes.len() + shape[..level].iter().product::<usize>(), shape[level]),
            }
        }
        let nulls = (level == 0).then(|| shapes.iter().map(Option::is_some).collect::<NullBuffer>());
        let item = sql_type.element().clone().array_of(dimensions - level - 1).field("item");
        let made = ListArray::try_new(Arc::new(item), OffsetBuffer::from_lengths(sizes), lists, nulls);
        lists = Arc::new(made.map_err(|error| Error::internal(error.to_string()))?);
    }
    Ok(lists)
}

/// Whether arrays can be the items of one array; values of other types always can. Errors: those of PostgreSQL's `array_agg`.
pub(in crate::compile) fn check_accumulated(values: &ArrayRef, rows: impl IntoIterator<Item = usize>) -> Result<()> {
    if values.as_list_opt::<i32>().is_none() {
        return Ok(());
    }
    let arrays = Flat::new(values);
    let mut first = None;
    for row in rows {
        if values.is_null(row) {
            return Err(Error::new(code::NULL_VALUE_NOT_ALLOWED, "cannot accumulate null arrays"));
        }
        let lengths = arrays.lengths(row);
        let message = match first.get_or_insert_with(|| lengths.clone()) {
            first if first.is_empty() => "cannot accumulate empty arrays",
            first if *first != lengths => "cannot accumulate arrays of different dimensionality",
            _ => continue,
        };
        return Err(Error::new(code::ARRAY_SUBSCRIPT_ERROR, message));
    }
    Ok(())
}

/// Arrays as arrays of a type of other dimensions, which only empty ones are. Errors: 0A000 for another one.
pub(in crate::compile::function) fn fitted(arrays: &ArrayRef, wanted: &SqlType) -> Result<ArrayRef> {
    let flat = Flat::new(arrays);
    let shapes: Vec<_> = (0..arrays.len()).map(|row| arrays.is_valid(row).then(|| flat.lengths(row))).collect();
    if let Some(other) = shapes.iter().flatten().find(|lengths| !lengths.is_empty()) {
        return Err(other_dimensions(other.len(), wanted.dimensions(), wanted.element()));
    }
    shaped(wanted, &shapes, new_empty_array(&wanted.element().arrow()))
}

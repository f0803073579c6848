//! Arrays put together from items of other arrays.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, new_empty_array};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::interleave;
use datafusion::arrow::error::ArrowError;

use crate::error::{Error, Result};
use crate::types::SqlType;

/// Builds one array per row; items are taken from the sources.
pub(in crate::compile::function) struct Gather {
    item: SqlType,
    /// Items of each source, all of the item type.
    sources: Vec<ArrayRef>,
    taken: Vec<(usize, usize)>,
    lengths: Vec<usize>,
    nulls: Vec<bool>,
    started: usize,
}

impl Gather {
    /// For arrays of `item`.
    pub(in crate::compile::function) fn new(item: &SqlType) -> Self {
        let item = item.clone();
        Gather { item, sources: Vec::new(), taken: Vec::new(), lengths: Vec::new(), nulls: Vec::new(), started: 0 }
    }

    /// Adds a source of items; its number is for [`Gather::take`].
    pub(in crate::compile::function) fn source(&mut self, items: &ArrayRef) -> usize {
        self.sources.push(Arc::clone(items));
        self.sources.len() - 1
    }

    /// Adds an item to the row's array.
    pub(in crate::compile::function) fn take(&mut self, source: usize, position: usize) {
        self.taken.push((source, position));
    }

    /// Ends the row's array.
    pub(in crate::compile::function) fn close(&mut self) {
        self.lengths.push(self.taken.len() - self.started);
        self.nulls.push(true);
        self.started = self.taken.len();
    }

    /// The row is NULL.
    pub(in crate::compile::function) fn null(&mut self) {
        self.lengths.push(0);
        self.nulls.push(false);
        self.started = self.taken.len();
    }

    /// What was taken for all rows.
    pub(in crate::compile::function) fn elements(&self) -> Result<ArrayRef> {
        if self.taken.is_empty() {
            return Ok(new_empty_array(&self.item.arrow()));
        }
        let sources: Vec<&dyn Array> = self.sources.iter().map(AsRef::as_ref).collect();
        interleave(&sources, &self.taken).map_err(internal)
    }

    /// The arrays.
    pub(in crate::compile::function) fn finish(self) -> Result<ArrayRef> {
        let items = self.elements()?;
        let offsets = OffsetBuffer::from_lengths(self.lengths);
        let field = Arc::new(self.item.field("item"));
        let lists = ListArray::try_new(field, offsets, items, Some(NullBuffer::from(self.nulls)));
        Ok(Arc::new(lists.map_err(internal)?))
    }
}

fn internal(error: ArrowError) -> Error {
    Error::internal(error.to_string())
}

/// Where the items of a row's array are among [`ListArray::values`].
pub(super) fn range(lists: &ArrayRef, row: usize) -> std::ops::Range<usize> {
    let offsets = lists.as_list::<i32>().value_offsets();
    offsets[row] as usize..offsets[row + 1] as usize
}

/// The items of all rows.
pub(super) fn items(lists: &ArrayRef) -> &ArrayRef {
    lists.as_list::<i32>().values()
}

//! Indexes of a relation: from the values of some columns to the rows that have them. They are changed with the rows, at a cost that
//! depends on the changes only.
//!
//! An index names rows by their [`Key`], not by their place, so rows may move. Memory: about 50 to 90 bytes per row and index, if the
//! values are different.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::row::{RowConverter, SortField};
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::changes::{Key, KeySet, arrow_error, split};
use crate::canonical::comparable;
use crate::catalog::RelationId;
use crate::clock;
use crate::error::Result;

/// How the values of an index become keys: the same for all versions of a relation's content.
pub struct IndexKeys {
    /// Which index.
    pub id: RelationId,
    /// Positions of its columns.
    pub columns: Vec<usize>,
    seed: u64,
}

impl IndexKeys {
    pub(super) fn new(id: RelationId, columns: Vec<usize>) -> Arc<IndexKeys> {
        Arc::new(IndexKeys { id, columns, seed: clock::random_u64() })
    }

    /// The key of every row; `None` where a value is NULL, which is equal to nothing.
    pub fn of(&self, rows: &RecordBatch) -> Result<Vec<Option<Key>>> {
        let columns: Vec<ArrayRef> = self.columns.iter().map(|column| Arc::clone(rows.column(*column))).collect();
        self.of_values(&columns, rows.num_rows())
    }

    /// The key of every row of values for the index's columns.
    pub fn of_values(&self, columns: &[ArrayRef], rows: usize) -> Result<Vec<Option<Key>>> {
        let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
        let canonical: Vec<ArrayRef> = columns.iter().map(comparable).collect();
        let converter = RowConverter::new(fields).map_err(arrow_error)?;
        let encoded = converter.convert_columns(&canonical).map_err(arrow_error)?;
        let key = |row: usize| {
            let is_null = columns.iter().any(|column| column.is_null(row));
            (!is_null).then(|| split(xxh3_128_with_seed(encoded.row(row).as_ref(), self.seed)))
        };
        Ok((0..rows).map(key).collect())
    }
}

/// Rows by value.
pub(super) struct Index {
    pub(super) keys: Arc<IndexKeys>,
    rows: HashTable<(Key, Rows)>,
}

/// The rows of one value.
enum Rows {
    One(Key),
    /// Two or more, or what is left of them. Boxed: the set itself would double the size of the common case.
    #[allow(clippy::box_collection)]
    Many(Box<KeySet>),
}

impl Index {
    pub(super) fn new(keys: Arc<IndexKeys>) -> Index {
        Index { keys, rows: HashTable::new() }
    }

    /// Notes a row that is there now.
    pub(super) fn add(&mut self, value: Key, row: Key) {
        match self.rows.find_mut(value[0], |(other, _)| *other == value) {
            Some((_, Rows::Many(rows))) => {
                rows.insert(row);
            }
            Some((_, rows)) => {
                let Rows::One(first) = rows else { return };
                *rows = Rows::Many(Box::new(KeySet::from_iter([*first, row])));
            }
            None => {
                self.rows.insert_unique(value[0], (value, Rows::One(row)), |(value, _)| value[0]);
            }
        }
    }

    /// Forgets a row that is gone.
    pub(super) fn remove(&mut self, value: Key, row: Key) {
        let Ok(mut entry) = self.rows.find_entry(value[0], |(other, _)| *other == value) else { return };
        let is_empty = match &mut entry.get_mut().1 {
            Rows::One(only) => *only == row,
            Rows::Many(rows) => {
                rows.remove(&row);
                rows.is_empty()
            }
        };
        if is_empty {
            entry.remove();
        }
    }

    /// The rows with a value.
    pub(super) fn rows(&self, value: &Key) -> Vec<Key> {
        match self.rows.find(value[0], |(other, _)| other == value) {
            Some((_, Rows::One(row))) => vec![*row],
            Some((_, Rows::Many(rows))) => rows.iter().copied().collect(),
            None => Vec::new(),
        }
    }
}

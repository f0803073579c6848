//! The changes of one relation at one tick, with equal rows merged.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int64Array, RecordBatchOptions};
use datafusion::arrow::compute::interleave;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::row::{RowConverter, SortField};
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::canonical::canonical_row;
use crate::clock;
use crate::error::{Error, Result};
use crate::flow::Delta;

/// Identity of a row: a keyed 128-bit hash of its canonical encoding. Among n rows two different ones share a key with
/// probability n²/2¹²⁹ (10⁻²¹ for a billion rows), so equal keys are taken as equal rows.
pub type Key = [u64; 2];

/// Values by [`Key`].
pub type KeyMap<T> = HashMap<Key, T, BuildHasherDefault<KeyHasher>>;

/// Several [`Key`]s.
pub type KeySet = HashSet<Key, BuildHasherDefault<KeyHasher>>;

/// Takes the first half of a [`Key`] for its hash: that is one already.
#[derive(Default)]
pub struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.first_chunk().map_or(self.0, |first| u64::from_ne_bytes(*first));
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Computes the keys of rows of one schema.
pub struct Keys {
    converter: RowConverter,
    seed: u64,
}

impl Keys {
    /// For rows of `schema`. Fails for column types that have no canonical encoding.
    pub(super) fn new(schema: &SchemaRef) -> Result<Keys> {
        let fields = schema.fields().iter().map(|field| SortField::new(field.data_type().clone())).collect();
        let converter = RowConverter::new(fields).map_err(arrow_error)?;
        Ok(Keys { converter, seed: clock::random_u64() })
    }

    /// The key of every row.
    pub(super) fn of(&self, rows: &RecordBatch) -> Result<Vec<Key>> {
        if rows.num_columns() == 0 {
            return Ok(vec![[0, 0]; rows.num_rows()]);
        }
        let columns: Vec<ArrayRef> = rows.columns().iter().map(canonical_row).collect();
        let encoded = self.converter.convert_columns(&columns).map_err(arrow_error)?;
        Ok(encoded.iter().map(|row| split(xxh3_128_with_seed(row.as_ref(), self.seed))).collect())
    }
}

/// Distinct rows with their summed weights (never zero) and keys; retracted rows come first.
pub(super) struct Changes {
    /// The rows, in the relation's schema.
    pub(super) rows: RecordBatch,
    /// Weight of each row.
    pub(super) weights: Vec<i64>,
    /// Key of each row.
    pub(super) keys: Vec<Key>,
}

impl Changes {
    /// Merges equal rows of `deltas`; `None` if nothing remains.
    pub(super) fn consolidate(schema: &SchemaRef, keys: &Keys, deltas: &[Delta]) -> Result<Option<Changes>> {
        let rows = deltas.iter().map(|delta| delta.rows.num_rows()).sum();
        let mut index: HashTable<(Key, usize)> = HashTable::with_capacity(rows);
        let mut merged: Vec<(Key, (usize, usize), i64)> = Vec::with_capacity(rows);
        for (batch, delta) in deltas.iter().enumerate() {
            for (row, key) in keys.of(&delta.rows)?.into_iter().enumerate() {
                let weight = delta.weight(row);
                match index.find(key[0], |(other, _)| *other == key) {
                    Some(&(_, place)) => merged[place].2 += weight,
                    None => {
                        index.insert_unique(key[0], (key, merged.len()), |(key, _)| key[0]);
                        merged.push((key, (batch, row), weight));
                    }
                }
            }
        }
        merged.retain(|(_, _, weight)| *weight != 0);
        if merged.is_empty() {
            return Ok(None);
        }
        merged.sort_by_key(|(_, _, weight)| *weight > 0);
        let places: Vec<(usize, usize)> = merged.iter().map(|(_, place, _)| *place).collect();
        let batches: Vec<&RecordBatch> = deltas.iter().map(|delta| &delta.rows).collect();
        Ok(Some(Changes {
            rows: gather(schema, &batches, &places)?,
            weights: merged.iter().map(|(_, _, weight)| *weight).collect(),
            keys: merged.iter().map(|(key, _, _)| *key).collect(),
        }))
    }

    /// As a delta for subscribers.
    pub(super) fn delta(&self) -> Delta {
        if self.weights.iter().all(|weight| *weight == 1) {
            return Delta::insert(self.rows.clone());
        }
        Delta::weighted(self.rows.clone(), Int64Array::from(self.weights.clone()))
    }
}

/// The rows at `places` (batch, row) as one batch of `schema`.
pub(super) fn gather(schema: &SchemaRef, batches: &[&RecordBatch], places: &[(usize, usize)]) -> Result<RecordBatch> {
    let columns = (0..schema.fields().len())
        .map(|column| {
            let values: Vec<&dyn Array> = batches.iter().map(|rows| rows.column(column).as_ref()).collect();
            interleave(&values, places)
        })
        .collect::<Result<Vec<_>, ArrowError>>()
        .map_err(arrow_error)?;
    with_schema(schema, columns, places.len())
}

/// A batch of `schema`; the row count matters where there are no columns.
pub(super) fn with_schema(schema: &SchemaRef, columns: Vec<ArrayRef>, row_count: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(row_count));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(arrow_error)
}

/// An Arrow kernel's refusal of data that we made ourselves is our own bug.
pub(super) fn arrow_error(error: ArrowError) -> Error {
    Error::internal(format!("a materialized relation cannot be kept: {error}"))
}

pub(super) fn split(hash: u128) -> Key {
    [hash as u64, (hash >> 64) as u64]
}

//! Batches of rows with weights: the Z-sets that flow between operators.

use datafusion::arrow::array::{Int64Array, UInt64Array};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

use crate::error::Result;

/// Rows with weights: +1 is an insert, −1 a delete.
#[derive(Debug, Clone)]
pub struct Delta {
    /// The rows.
    pub rows: RecordBatch,
    /// Weight of each row; `None` means +1 for all, the append-only fast path.
    pub weights: Option<Int64Array>,
    /// Hash of the key columns that the receiver asked for, where the sender computed it.
    pub hash: Option<UInt64Array>,
}

impl Delta {
    /// Rows that are all inserted.
    pub fn insert(rows: RecordBatch) -> Self {
        Delta { rows, weights: None, hash: None }
    }

    /// Rows with weights.
    pub fn weighted(rows: RecordBatch, weights: Int64Array) -> Self {
        Delta { rows, weights: Some(weights), hash: None }
    }

    /// Weight of row `i`.
    pub fn weight(&self, i: usize) -> i64 {
        self.weights.as_ref().map_or(1, |weights| weights.value(i))
    }
}

/// Hash of the key columns of every row: a fixed function of the canonical values; 0 for every row if there are no keys.
pub fn hash_rows(rows: &RecordBatch, keys: &[usize]) -> UInt64Array {
    todo!()
}

/// The worker among `workers` that owns `hash`: contiguous ranges, (hash · workers) >> 64.
pub fn worker_of(hash: u64, workers: usize) -> usize {
    ((u128::from(hash) * workers as u128) >> 64) as usize
}

/// Splits by owner of each row's hash; element w goes to worker w (it may have no rows).
pub fn partition(delta: &Delta, hashes: &UInt64Array, workers: usize) -> Result<Vec<Delta>> {
    todo!()
}

/// Sums the weights of equal rows and drops zeros; deltas that are all +1 are only concatenated. `None` if nothing remains.
pub fn consolidate(deltas: Vec<Delta>, schema: &SchemaRef) -> Result<Option<Delta>> {
    todo!()
}

/// All rows in one delta, nothing merged. `None` if there are none.
pub fn concat(deltas: Vec<Delta>, schema: &SchemaRef) -> Result<Option<Delta>> {
    todo!()
}

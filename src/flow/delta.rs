//! Batches of rows with weights: the Z-sets that flow between operators.

use datafusion::arrow::array::{Int64Array, UInt64Array};
use datafusion::arrow::record_batch::RecordBatch;

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

//! Immutable contents of a relation at one tick.

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

/// The rows of a relation at one tick. Weights are expanded: a row that is there twice comes twice.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Columns.
    pub schema: SchemaRef,
    /// Rows, in no order.
    pub batches: Vec<RecordBatch>,
}

impl Snapshot {
    /// Number of rows.
    pub fn row_count(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }
}

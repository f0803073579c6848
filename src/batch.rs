//! Record batches: how they are made, and what their failures are.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::error::Result as PlanResult;
use datafusion::scalar::ScalarValue;

use crate::error::{Error, Result};

/// A batch that may have rows without columns.
pub fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(arrow_error)
}

/// One value of a column. DataFusion's own way there loses what the items of an array are tagged with.
pub fn scalar(values: &ArrayRef, row: usize) -> PlanResult<ScalarValue> {
    match values.as_list_opt::<i32>() {
        Some(lists) => Ok(ScalarValue::List(Arc::new(lists.slice(row, 1)))),
        None => ScalarValue::try_from_array(values, row),
    }
}

/// An Arrow kernel that fails on valid input is our bug or a batch beyond Arrow's limits; it quarantines the view.
pub fn arrow_error(error: ArrowError) -> Error {
    Error::internal(error.to_string())
}

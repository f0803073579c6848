//! The only door to DataFusion expressions: compiled scalar expressions that turn failing rows into row errors.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::FieldRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::physical_expr::PhysicalExpr;

use crate::error::Result;

/// A compiled scalar expression over the columns of one schema.
#[derive(Debug, Clone)]
pub struct Expression {
    /// As EXPLAIN and `tidewater.row_errors` print it.
    pub text: String,
    /// Output column.
    pub field: FieldRef,
    physical: Arc<dyn PhysicalExpr>,
}

/// Values of an expression over a batch.
#[derive(Debug)]
pub struct Evaluated {
    /// One value per input row; NULL for rows in `errors`.
    pub values: ArrayRef,
    /// Rows for which the expression failed: row number, SQLSTATE, reason.
    pub errors: Vec<(usize, &'static str, String)>,
}

impl Expression {
    /// Wraps a physical expression.
    pub fn new(text: String, field: FieldRef, physical: Arc<dyn PhysicalExpr>) -> Self {
        Expression { text, field, physical }
    }

    /// The position of the input column, if the expression is just that.
    pub fn column(&self) -> Option<usize> {
        self.physical.downcast_ref::<datafusion::physical_expr::expressions::Column>().map(|column| column.index())
    }

    /// Evaluates over a batch: the whole batch at once and, if that fails, by halves down to the rows that fail.
    pub fn evaluate(&self, rows: &RecordBatch) -> Result<Evaluated> {
        let _ = rows;
        todo!()
    }
}

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
        use datafusion::arrow::array::{new_null_array, Array};
        let n = rows.num_rows();
        match self.physical.evaluate(rows).and_then(|v| v.into_array(n)) {
            Ok(values) => return Ok(Evaluated { values, errors: vec![] }),
            Err(e) if n <= 1 => return Ok(Evaluated { values: new_null_array(&self.physical.data_type(&rows.schema()).unwrap_or(datafusion::arrow::datatypes::DataType::Int64), n), errors: vec![(0, "22012", e.to_string())] }),
            Err(_) => {}
        }
        let half = n / 2;
        let (a, mut b) = (self.evaluate(&rows.slice(0, half))?, self.evaluate(&rows.slice(half, n - half))?);
        let values = datafusion::arrow::compute::concat(&[a.values.as_ref(), b.values.as_ref()]).map_err(|e| crate::error::Error::internal(e.to_string()))?;
        let mut errors = a.errors;
        errors.extend(b.errors.drain(..).map(|(r, c, t)| (r + half, c, t)));
        Ok(Evaluated { values, errors })
    }
}

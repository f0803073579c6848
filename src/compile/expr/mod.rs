//! The only door to DataFusion expressions: compiled scalar expressions that turn failing rows into row errors.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, new_null_array};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::FieldRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::DataFusionError;
use datafusion::physical_expr::PhysicalExpr;

use crate::error::{Error, Result, code};

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

    /// Evaluates over a batch: the whole batch at once and, if that fails, by halves down to the rows that fail. A row fails on its own
    /// account only: `b <> 0 AND a / b > 1` and CASE never look at a branch that the row does not take, although DataFusion may look
    /// at it for a batch of rows.
    ///
    /// Errors: XX000 where the expression does not fit the batch, which is no row's fault.
    pub fn evaluate(&self, rows: &RecordBatch) -> Result<Evaluated> {
        let mut errors = Vec::new();
        let values = match self.values(rows) {
            Ok(values) => values,
            Err(error) => {
                let mut pieces = Vec::new();
                self.halves(rows, 0..rows.num_rows(), error, &mut pieces, &mut errors)?;
                let pieces: Vec<_> = pieces.iter().map(|piece| piece.as_ref()).collect();
                match pieces.is_empty() {
                    true => new_null_array(self.field.data_type(), 0),
                    false => concat(&pieces).map_err(|error| Error::internal(error.to_string()))?,
                }
            }
        };
        Ok(Evaluated { values, errors })
    }

    /// The values of `range`, for which the evaluation failed with `error`, in pieces.
    fn halves(
        &self,
        rows: &RecordBatch,
        range: Range<usize>,
        error: DataFusionError,
        pieces: &mut Vec<ArrayRef>,
        errors: &mut Vec<(usize, &'static str, String)>,
    ) -> Result<()> {
        if range.len() <= 1 {
            let error = reason(&error);
            if error.code == code::INTERNAL_ERROR {
                return Err(error);
            }
            errors.extend(range.clone().map(|row| (row, error.code, error.message.clone())));
            pieces.push(new_null_array(self.field.data_type(), range.len()));
            return Ok(());
        }
        let middle = range.start + range.len() / 2;
        for half in [range.start..middle, middle..range.end] {
            match self.values(&rows.slice(half.start, half.len())) {
                Ok(values) => pieces.push(values),
                Err(error) => self.halves(rows, half, error, pieces, errors)?,
            }
        }
        Ok(())
    }

    fn values(&self, rows: &RecordBatch) -> Result<ArrayRef, DataFusionError> {
        self.physical.evaluate(rows)?.into_array(rows.num_rows())
    }
}

/// PostgreSQL's code and words for what went wrong while an expression was evaluated.
pub(in crate::compile) fn reason(error: &DataFusionError) -> Error {
    match error {
        DataFusionError::External(inner) => match inner.downcast_ref::<Error>() {
            Some(error) => error.clone(),
            None => match inner.downcast_ref::<DataFusionError>() {
                Some(inner) => reason(inner),
                None => Error::internal(inner.to_string()),
            },
        },
        DataFusionError::ArrowError(inner, _) => arrow_reason(inner),
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => reason(inner),
        DataFusionError::Shared(inner) => reason(inner),
        // A function of DataFusion's that does not take a value says so with these.
        DataFusionError::Execution(message) => Error::new(code::INVALID_PARAMETER_VALUE, first_line(message)),
        other => Error::internal(other.to_string()),
    }
}

fn arrow_reason(error: &ArrowError) -> Error {
    match error {
        ArrowError::DivideByZero => Error::new(code::DIVISION_BY_ZERO, "division by zero"),
        ArrowError::ArithmeticOverflow(message) => Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, message),
        ArrowError::CastError(message) => Error::new(code::INVALID_TEXT_REPRESENTATION, first_line(message)),
        ArrowError::ParseError(message) => Error::new(code::INVALID_DATETIME_FORMAT, first_line(message)),
        ArrowError::ComputeError(message) | ArrowError::InvalidArgumentError(message) => {
            Error::new(code::INVALID_PARAMETER_VALUE, first_line(message))
        }
        ArrowError::ExternalError(inner) => match inner.downcast_ref::<DataFusionError>() {
            Some(inner) => reason(inner),
            None => inner.downcast_ref::<Error>().cloned().unwrap_or_else(|| Error::internal(inner.to_string())),
        },
        other => Error::internal(other.to_string()),
    }
}

/// A reason without the backtrace that may follow it.
fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests;

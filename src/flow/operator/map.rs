//! Filter and projection: row by row, weights stay.
//!
//! `SELECT 10 / x WHERE x < 5`:
//!
//! | input | output | errors |
//! |---|---|---|
//! | +(2) −(4) +(7) +(0) | +(5) −(2) | +division by zero for (0) |

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::SchemaRef;

use super::row_json::row_json;
use crate::compile::expr::{Evaluated, Expression};
use crate::error::Result;
use crate::flow::delta::{arrow_error, batch, take_rows};
use crate::flow::{Delta, Operator, Output, RowError, Step, Tick};

/// See the [module](self).
pub struct Map {
    input: SchemaRef,
    filter: Option<Expression>,
    columns: Option<Vec<Expression>>,
    schema: SchemaRef,
}

impl Map {
    /// Rows of `input` for which `filter` is true, then `columns` over them (`None`: the rows themselves), cast to
    /// `schema`. One input.
    pub fn new(
        input: SchemaRef,
        filter: Option<Expression>,
        columns: Option<Vec<Expression>>,
        schema: SchemaRef,
    ) -> Result<Map> {
        Ok(Map { input, filter, columns, schema })
    }

    /// The output of one delta; errors go to `errors`.
    fn map(&self, delta: Delta, errors: &mut Vec<RowError>) -> Result<Delta> {
        let delta = match &self.filter {
            Some(filter) => keep(delta, filter, errors)?,
            None => delta,
        };
        let Some(columns) = &self.columns else {
            let rows = batch(&self.schema, delta.rows.columns().to_vec(), delta.rows.num_rows())?;
            return Ok(Delta { rows, weights: delta.weights, hash: None });
        };
        let rows = delta.rows.num_rows();
        let mut failed = vec![false; rows];
        let mut values = Vec::with_capacity(columns.len());
        for (expression, field) in columns.iter().zip(self.schema.fields()) {
            let evaluated = expression.evaluate(&delta.rows)?;
            report(expression, &delta, &evaluated, &mut failed, errors);
            values.push(if evaluated.values.data_type() == field.data_type() {
                evaluated.values
            } else {
                cast(&evaluated.values, field.data_type()).map_err(arrow_error)?
            });
        }
        self.without(failed, values, delta)
    }

    /// The projected rows that did not fail.
    fn without(&self, failed: Vec<bool>, values: Vec<ArrayRef>, delta: Delta) -> Result<Delta> {
        let rows = delta.rows.num_rows();
        if !failed.contains(&true) {
            return Ok(Delta { rows: batch(&self.schema, values, rows)?, weights: delta.weights, hash: None });
        }
        // Failed rows hold NULLs, which columns that are declared NOT NULL refuse: they leave before the schema is put
        // on.
        let fields: Vec<_> =
            self.schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
        let loose: SchemaRef = Arc::new(datafusion::arrow::datatypes::Schema::new(fields));
        let all = Delta { rows: batch(&loose, values, rows)?, weights: delta.weights, hash: None };
        let good = (0..rows as u32).filter(|row| !failed[*row as usize]).collect();
        let kept = take_rows(&all, good)?;
        let rows = batch(&self.schema, kept.rows.columns().to_vec(), kept.rows.num_rows())?;
        Ok(Delta { rows, ..kept })
    }
}

impl Operator for Map {
    fn step(&mut self, _: &Tick, inputs: &mut [Vec<Delta>], out: &mut Output) -> Result<Step> {
        for delta in inputs.iter_mut().flat_map(|input| input.drain(..)) {
            if delta.rows.num_rows() == 0 {
                continue;
            }
            // Row errors and expressions name columns as the plan does, whatever the sender called them.
            let rows = batch(&self.input, delta.rows.columns().to_vec(), delta.rows.num_rows())?;
            let mapped = self.map(Delta { rows, ..delta }, &mut out.errors)?;
            if mapped.rows.num_rows() > 0 {
                out.rows.push(mapped);
            }
        }
        Ok(Step::Done)
    }
}

/// The rows for which `condition` is true.
fn keep(delta: Delta, condition: &Expression, errors: &mut Vec<RowError>) -> Result<Delta> {
    let passing = passing(&delta, condition, errors)?;
    take_rows(&delta, passing)
}

/// The positions of the rows for which `condition` is true; rows for which it fails are errors.
pub(super) fn passing(delta: &Delta, condition: &Expression, errors: &mut Vec<RowError>) -> Result<Vec<u32>> {
    let evaluated = condition.evaluate(&delta.rows)?;
    let mut failed = vec![false; delta.rows.num_rows()];
    report(condition, delta, &evaluated, &mut failed, errors);
    let values = evaluated.values.as_boolean();
    let kept = (0..delta.rows.num_rows()).filter(|row| values.is_valid(*row) && values.value(*row) && !failed[*row]);
    Ok(kept.map(|row| row as u32).collect())
}

/// Appends the errors of rows that had none so far, and marks them: a row has one error, that of its first failing
/// expression.
fn report(
    expression: &Expression,
    delta: &Delta,
    evaluated: &Evaluated,
    failed: &mut [bool],
    errors: &mut Vec<RowError>,
) {
    for (row, code, reason) in &evaluated.errors {
        if std::mem::replace(&mut failed[*row], true) {
            continue;
        }
        errors.push(RowError {
            expression: expression.text.clone(),
            code,
            reason: reason.clone(),
            row: row_json(&delta.rows, *row),
            weight: delta.weight(*row),
        });
    }
}

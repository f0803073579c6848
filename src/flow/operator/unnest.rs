//! Arrays to rows: one row per element, the other columns repeated, weights kept.
//!
//! | input | output |
//! |---|---|
//! | `+(1, [a, b]) −(2, [c]) +(3, [])` | +(1, a) +(1, b) −(2, c) |
//!
//! Several arrays are read side by side; the shorter ones are filled up with NULLs. An outer one keeps rows whose arrays have no
//! element, with NULLs.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::SchemaRef;

use crate::error::{Error, Result};
use crate::flow::delta::{arrow_error, batch};
use crate::flow::{Delta, Operator, Output, Step, Tick};

/// Rows per output batch at most, unless one row has more.
const BATCH_ROWS: usize = 16_384;

/// See the [module](self).
pub struct Unnest {
    columns: Vec<usize>,
    outer: bool,
    schema: SchemaRef,
}

impl Unnest {
    /// Replaces the array columns at `columns` by their elements; the output has `schema`. One input.
    pub fn new(columns: Vec<usize>, outer: bool, schema: SchemaRef) -> Unnest {
        Unnest { columns, outer, schema }
    }

    /// The rows from `lengths`: how many each input row becomes.
    fn expand(&self, delta: &Delta, first: usize, lengths: &[usize]) -> Result<Delta> {
        let total = lengths.iter().sum();
        let mut positions: Vec<u32> = Vec::with_capacity(total);
        for (row, length) in lengths.iter().enumerate() {
            positions.resize(positions.len() + length, (first + row) as u32);
        }
        let positions = UInt32Array::from(positions);
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(delta.rows.num_columns());
        for (at, column) in delta.rows.columns().iter().enumerate() {
            columns.push(match self.columns.contains(&at) {
                true => elements(lists(column)?, first, lengths)?,
                false => take(column, &positions, None).map_err(arrow_error)?,
            });
        }
        let weights = delta
            .weights
            .as_ref()
            .map(|weights| positions.values().iter().map(|row| weights.value(*row as usize)).collect::<Int64Array>());
        Ok(Delta { rows: batch(&self.schema, columns, total)?, weights, hash: None })
    }
}

impl Operator for Unnest {
    fn step(&mut self, _: &Tick, inputs: &mut [Vec<Delta>], out: &mut Output) -> Result<Step> {
        for delta in inputs.iter_mut().flat_map(|input| input.drain(..)) {
            let arrays = self.columns.iter().map(|at| lists(delta.rows.column(*at))).collect::<Result<Vec<_>>>()?;
            let longest = |row: usize| arrays.iter().map(|array| length(array, row)).max().unwrap_or(0);
            let least = usize::from(self.outer);
            let lengths: Vec<usize> = (0..delta.rows.num_rows()).map(|row| longest(row).max(least)).collect();
            let mut first = 0;
            while first < lengths.len() {
                let mut end = first;
                let mut rows = 0;
                while end < lengths.len() && (rows == 0 || rows + lengths[end] <= BATCH_ROWS) {
                    rows += lengths[end];
                    end += 1;
                }
                if rows > 0 {
                    out.rows.push(self.expand(&delta, first, &lengths[first..end])?);
                }
                first = end;
            }
        }
        Ok(Step::Done)
    }
}

fn lists(column: &ArrayRef) -> Result<&ListArray> {
    column.as_list_opt::<i32>().ok_or_else(|| Error::internal("what is unnested is no array"))
}

fn length(array: &ListArray, row: usize) -> usize {
    if array.is_null(row) { 0 } else { array.value_length(row) as usize }
}

/// The elements of the arrays from row `first` on, each filled up to its length with NULLs.
fn elements(array: &ListArray, first: usize, lengths: &[usize]) -> Result<ArrayRef> {
    let mut positions: Vec<Option<u32>> = Vec::with_capacity(lengths.iter().sum());
    for (row, wanted) in lengths.iter().enumerate() {
        let (start, own) = (array.value_offsets()[first + row] as u32, length(array, first + row) as u32);
        positions.extend((start..start + own).map(Some));
        positions.resize(positions.len() + wanted - own as usize, None);
    }
    let positions = Arc::new(UInt32Array::from(positions));
    take(array.values(), positions.as_ref(), None).map_err(arrow_error)
}

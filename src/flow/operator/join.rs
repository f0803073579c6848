//! Inner equi-join: ΔL ⋈ R⁻ + L ⋈ ΔR, where R⁻ is the right input before the tick and L the left one after it.
//!
//! `l JOIN r USING (k)`:
//!
//! | tick | left | right | output |
//! |---|---|---|---|
//! | 1 | +(1, a) | +(1, x) | +(1, a, 1, x) |
//! | 2 | −(1, a) +(1, b) | +(1, y) | −(1, a, 1, x) +(1, b, 1, x) +(1, b, 1, y) |

use datafusion::arrow::array::{Array, ArrayRef, Int64Array, UInt32Array};
use datafusion::arrow::compute::take_arrays;
use datafusion::arrow::datatypes::SchemaRef;

use super::map::keep;
use crate::compile::expr::Expression;
use crate::error::{Error, Result};
use crate::flow::delta::{arrow_error, batch, consolidate, multiply_weights, take_rows};
use crate::flow::hash::hash_columns;
use crate::flow::state::{Matches, StateTable};
use crate::flow::{Delta, Operator, Output, RowError, Step, Tick};

/// Rows per output batch at most.
const BATCH_ROWS: usize = 16_384;
/// Rows of a tick that are put into one batch to cancel each other; more go out as they are, with the same sum.
const CONSOLIDATED_ROWS_MAX: usize = 1 << 20;

/// See the [module](self).
pub struct Join {
    left: Side,
    right: Side,
    residual: Option<Expression>,
    schema: SchemaRef,
}

/// An input with all rows that it has.
struct Side {
    keys: Vec<usize>,
    null_equal: bool,
    rows: StateTable,
}

impl Join {
    /// Joins inputs 0 and 1, each partitioned by the hash of its keys; keys have equal types in pairs. NULL keys match
    /// each other only if `null_equal`. `residual` is a further condition over the columns of `schema`: the left ones,
    /// then the right ones.
    pub fn new(
        left: SchemaRef,
        right: SchemaRef,
        left_keys: Vec<usize>,
        right_keys: Vec<usize>,
        null_equal: bool,
        residual: Option<Expression>,
        schema: SchemaRef,
    ) -> Result<Join> {
        let types = |schema: &SchemaRef, keys: &[usize]| -> Vec<_> {
            keys.iter().map(|key| schema.field(*key).data_type().clone()).collect()
        };
        if types(&left, &left_keys) != types(&right, &right_keys) {
            return Err(Error::internal("the keys of a join differ in type"));
        }
        let left = Side { keys: left_keys.clone(), null_equal, rows: StateTable::new(left, left_keys)? };
        let right = Side { keys: right_keys.clone(), null_equal, rows: StateTable::new(right, right_keys)? };
        Ok(Join { left, right, residual, schema })
    }

    /// Appends the pairs of `matches` that satisfy the residual.
    fn emit(
        &self,
        probe: &Keyed,
        matches: &Matches,
        state: &StateTable,
        probe_is_left: bool,
        out: &mut Output,
    ) -> Result<()> {
        for start in (0..matches.len()).step_by(BATCH_ROWS) {
            let range = start..(start + BATCH_ROWS).min(matches.len());
            let positions = UInt32Array::from(matches.probe[range.clone()].to_vec());
            let mut left = take_arrays(probe.delta.rows.columns(), &positions, None).map_err(arrow_error)?;
            let mut right = state.gather(matches, range.clone())?;
            if !probe_is_left {
                std::mem::swap(&mut left, &mut right);
            }
            left.append(&mut right);
            let rows = batch(&self.schema, left, range.len())?;
            let mut delta = Delta::insert(rows);
            let weights = &matches.weights[range];
            if probe.delta.weights.is_some() || weights.iter().any(|weight| *weight != 1) {
                let products: Vec<i64> = positions
                    .values()
                    .iter()
                    .zip(weights)
                    .map(|(row, weight)| multiply_weights(probe.delta.weight(*row as usize), *weight))
                    .collect::<Result<_>>()?;
                delta.weights = Some(Int64Array::from(products));
            }
            let kept = match &self.residual {
                Some(residual) => keep(delta, residual, &mut out.errors)?,
                None => delta,
            };
            if kept.rows.num_rows() > 0 {
                out.rows.push(kept);
            }
        }
        Ok(())
    }
}

impl Operator for Join {
    fn step(&mut self, _: &Tick, inputs: &mut [Vec<Delta>], out: &mut Output) -> Result<Step> {
        let [left, right] = inputs else { return Err(Error::internal("a join has two inputs")) };
        let mut changes = Output::default();
        for delta in self.left.changes(left)? {
            let matches = self.right.rows.probe(&delta.keys, &delta.hashes);
            self.emit(&delta, &matches, &self.right.rows, true, &mut changes)?;
            self.left.rows.apply(&delta.delta, &delta.hashes)?;
        }
        for delta in self.right.changes(right)? {
            let matches = self.left.rows.probe(&delta.keys, &delta.hashes);
            self.emit(&delta, &matches, &self.left.rows, false, &mut changes)?;
            self.right.rows.apply(&delta.delta, &delta.hashes)?;
        }
        out.errors.append(&mut merge_errors(changes.errors));
        let rows: usize = changes.rows.iter().map(|delta| delta.rows.num_rows()).sum();
        if rows <= CONSOLIDATED_ROWS_MAX && changes.rows.iter().any(Delta::retracts) {
            // Rows that changed on both sides, and rows that wait in the state with their negation, give pairs that
            // cancel.
            out.rows.extend(consolidate(changes.rows, &self.schema)?);
        } else {
            out.rows.append(&mut changes.rows);
        }
        Ok(Step::Done)
    }

    fn bytes(&self) -> usize {
        self.left.rows.bytes() + self.right.rows.bytes()
    }

    fn states(&mut self) -> Vec<(&'static str, &mut StateTable)> {
        vec![("left", &mut self.left.rows), ("right", &mut self.right.rows)]
    }
}

/// A delta with its key columns and their hashes.
struct Keyed {
    delta: Delta,
    keys: Vec<ArrayRef>,
    hashes: Vec<u64>,
}

impl Side {
    /// The input of a tick without rows that can never match.
    fn changes(&self, input: &mut Vec<Delta>) -> Result<Vec<Keyed>> {
        let mut deltas = std::mem::take(input);
        if deltas.iter().any(Delta::retracts) {
            deltas = consolidate(deltas, self.rows.schema())?.into_iter().collect();
        }
        let mut changes = Vec::with_capacity(deltas.len());
        for mut delta in deltas {
            let is_null = |row: &u32| self.keys.iter().any(|key| delta.rows.column(*key).is_null(*row as usize));
            if !self.null_equal && self.keys.iter().any(|key| delta.rows.column(*key).null_count() > 0) {
                let kept = (0..delta.rows.num_rows() as u32).filter(|row| !is_null(row)).collect();
                delta = take_rows(&delta, kept)?;
            }
            let keys: Vec<ArrayRef> = self.keys.iter().map(|key| delta.rows.column(*key).clone()).collect();
            let hashes = hash_columns(&keys, delta.rows.num_rows());
            changes.push(Keyed { delta, keys, hashes });
        }
        Ok(changes)
    }
}

/// Sums the weights of equal errors and drops zeros, in the order of first appearance.
fn merge_errors(errors: Vec<RowError>) -> Vec<RowError> {
    let mut positions = std::collections::HashMap::new();
    let mut merged: Vec<RowError> = Vec::with_capacity(errors.len());
    for error in errors {
        let weight = error.weight;
        let at = *positions.entry(RowError { weight: 0, ..error.clone() }).or_insert(merged.len());
        match merged.get_mut(at) {
            Some(same) => same.weight = same.weight.saturating_add(weight),
            None => merged.push(error),
        }
    }
    merged.retain(|error| error.weight != 0);
    merged
}

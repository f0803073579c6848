//! What joins share: deltas with their keys, pairs of matching rows, and the settled output of a tick.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int64Array, UInt32Array};
use datafusion::arrow::compute::take_arrays;
use datafusion::arrow::datatypes::SchemaRef;

use super::map::passing;
use crate::compile::expr::Expression;
use crate::error::{Error, Result};
use crate::flow::delta::{arrow_error, batch, consolidate, multiply_weights, take_rows};
use crate::flow::hash::hash_columns;
use crate::flow::state::{Matches, StateTable};
use crate::flow::{Delta, Output, RowError};

/// Rows per output batch at most.
pub(super) const BATCH_ROWS: usize = 16_384;
/// Rows of a tick that are put into one batch to cancel each other; more go out as they are, with the same sum.
const CONSOLIDATED_ROWS_MAX: usize = 1 << 20;
/// Pairs that are listed at once, where every row matches every other.
const PAIRS_MAX: usize = 1 << 20;

/// The keys of one input of a join.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    pub(super) columns: Vec<usize>,
    /// Whether NULLs match each other.
    pub(super) null_equal: bool,
}

/// A delta with its key columns and their hashes.
pub(super) struct Keyed {
    pub(super) delta: Delta,
    pub(super) keys: Vec<ArrayRef>,
    pub(super) hashes: Vec<u64>,
}

/// Refuses keys whose types differ in pairs.
pub(super) fn require_equal_types(
    left: &SchemaRef,
    right: &SchemaRef,
    left_keys: &[usize],
    right_keys: &[usize],
) -> Result<()> {
    let types = |schema: &SchemaRef, keys: &[usize]| -> Vec<_> {
        keys.iter().map(|key| schema.field(*key).data_type().clone()).collect()
    };
    if types(left, left_keys) != types(right, right_keys) {
        return Err(Error::internal("the keys of a join differ in type"));
    }
    Ok(())
}

impl Keys {
    /// The input of a tick, consolidated: rows that may match, and rows that never do, since a key is NULL.
    pub(super) fn changes(&self, input: &mut Vec<Delta>, schema: &SchemaRef) -> Result<(Vec<Keyed>, Vec<Delta>)> {
        let mut deltas = std::mem::take(input);
        if deltas.iter().any(Delta::retracts) {
            deltas = consolidate(deltas, schema)?.into_iter().collect();
        }
        let mut changes = Vec::with_capacity(deltas.len());
        let mut never = Vec::new();
        for mut delta in deltas.into_iter().filter(|delta| delta.rows.num_rows() > 0) {
            let has_nulls = self.columns.iter().any(|key| delta.rows.column(*key).null_count() > 0);
            if !self.null_equal && has_nulls {
                let is_null = |row: &u32| self.columns.iter().any(|key| delta.rows.column(*key).is_null(*row as usize));
                let (null, kept) = (0..delta.rows.num_rows() as u32).partition(is_null);
                never.push(take_rows(&delta, null)?);
                delta = take_rows(&delta, kept)?;
            }
            changes.push(self.keyed(delta));
        }
        Ok((changes, never))
    }

    /// The delta with its keys.
    pub(super) fn keyed(&self, delta: Delta) -> Keyed {
        let keys: Vec<ArrayRef> = self.columns.iter().map(|key| delta.rows.column(*key).clone()).collect();
        let hashes = hash_columns(&keys, delta.rows.num_rows());
        Keyed { delta, keys, hashes }
    }
}

impl Keyed {
    /// The delta in pieces, so that each has a bounded number of matches where, without keys, it matches every row of `others`.
    pub(super) fn pieces(self, others: &StateTable) -> Vec<Keyed> {
        let rows = self.hashes.len();
        let size = if self.keys.is_empty() { (PAIRS_MAX / others.len().max(1)).max(1) } else { rows };
        if size >= rows {
            return vec![self];
        }
        let piece = |start: usize| {
            let length = size.min(rows - start);
            let weights = self.delta.weights.as_ref().map(|weights| weights.slice(start, length));
            let delta = Delta { rows: self.delta.rows.slice(start, length), weights, hash: None };
            Keyed { delta, keys: Vec::new(), hashes: vec![0; length] }
        };
        (0..rows).step_by(size).map(piece).collect()
    }
}

/// How pairs of rows are made.
pub(super) struct Pairs<'a> {
    /// The left columns, then the right ones.
    pub(super) schema: &'a SchemaRef,
    /// A further condition over those columns.
    pub(super) residual: Option<&'a Expression>,
    /// Whether the probing rows are the left ones.
    pub(super) probe_is_left: bool,
    /// How many of the state's columns are the row.
    pub(super) width: usize,
}

impl Pairs<'_> {
    /// Hands the pairs that satisfy the residual to `each`, some at a time: the pairs with the products of their weights, and their
    /// positions in `matches`. Pairs for which the residual fails are errors and no pairs.
    pub(super) fn each(
        &self,
        probe: &Keyed,
        matches: &Matches,
        state: &StateTable,
        errors: &mut Vec<RowError>,
        mut each: impl FnMut(Delta, &[u32]) -> Result<()>,
    ) -> Result<()> {
        for start in (0..matches.len()).step_by(BATCH_ROWS) {
            let range = start..(start + BATCH_ROWS).min(matches.len());
            let positions = UInt32Array::from(matches.probe[range.clone()].to_vec());
            let mut left = take_arrays(probe.delta.rows.columns(), &positions, None).map_err(arrow_error)?;
            let mut right = state.gather(matches, range.clone())?;
            right.truncate(self.width);
            if !self.probe_is_left {
                std::mem::swap(&mut left, &mut right);
            }
            left.append(&mut right);
            let mut delta = Delta::insert(batch(self.schema, left, range.len())?);
            let weights = &matches.weights[range.clone()];
            if probe.delta.weights.is_some() || weights.iter().any(|weight| *weight != 1) {
                let pairs = positions.values().iter().zip(weights);
                let products = pairs
                    .map(|(row, weight)| multiply_weights(probe.delta.weight(*row as usize), *weight))
                    .collect::<Result<Vec<i64>>>()?;
                delta.weights = Some(Int64Array::from(products));
            }
            let Some(residual) = self.residual else {
                let all: Vec<u32> = (range.start as u32..range.end as u32).collect();
                each(delta, &all)?;
                continue;
            };
            let passing = passing(&delta, residual, errors)?;
            if !passing.is_empty() {
                let places: Vec<u32> = passing.iter().map(|row| start as u32 + row).collect();
                each(take_rows(&delta, passing)?, &places)?;
            }
        }
        Ok(())
    }
}

/// Appends the output of a tick without what cancels: rows that changed on both sides, and rows that wait in the state with their
/// negation, give pairs that do.
pub(super) fn settle(changes: Output, schema: &SchemaRef, out: &mut Output) -> Result<()> {
    out.errors.append(&mut merge_errors(changes.errors));
    let rows: usize = changes.rows.iter().map(|delta| delta.rows.num_rows()).sum();
    if rows <= CONSOLIDATED_ROWS_MAX && changes.rows.iter().any(Delta::retracts) {
        out.rows.extend(consolidate(changes.rows, schema)?);
    } else {
        out.rows.extend(changes.rows.into_iter().filter(|delta| delta.rows.num_rows() > 0));
    }
    Ok(())
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

/// A delta of `columns` with weights.
pub(super) fn weighted(schema: &SchemaRef, columns: Vec<ArrayRef>, weights: Vec<i64>) -> Result<Delta> {
    let rows = batch(&Arc::clone(schema), columns, weights.len())?;
    Ok(if weights.iter().all(|weight| *weight == 1) {
        Delta::insert(rows)
    } else {
        Delta::weighted(rows, weights.into())
    })
}

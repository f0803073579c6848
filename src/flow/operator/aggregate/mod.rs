//! GROUP BY.
//!
//! `SELECT k, count(*), sum(x) GROUP BY k`:
//!
//! | tick | input | output |
//! |---|---|---|
//! | 1 | +(1, 10) +(1, 5) | +(1, 2, 15) |
//! | 2 | −(1, 5) +(2, 7) | −(1, 2, 15) +(1, 1, 10) +(2, 1, 7) |
//! | 3 | −(1, 10) +(1, 10) | |
//!
//! A tick is taken in at once: find the groups of all rows, read the old values of the touched groups, update the
//! accumulators column by column, read the new values, emit what differs. Since accumulators are sums over the rows,
//! the input is not consolidated first. A group exists while it has rows; without keys, the one group always does. A
//! group with a value beyond its type is a row error instead of a row until its value is back in range.

mod accumulator;
// Aggregates over the different values of a group.
mod by_value;
mod count;
mod distinct;
// DISTINCT over numerics.
mod distinct_numeric;
mod extreme;
mod mode;
mod percentile;
mod rows;
mod sum;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt32Array};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::kernels::cmp::not_distinct;
use datafusion::arrow::compute::{concat, interleave, take};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;

use self::accumulator::{accumulator, columns};
use super::row_json::row_json;
use crate::canonical::{Equality, values_equal};
use crate::compile::aggregate::{Accumulator, Values};
use crate::compile::plan::AggregateCall;
use crate::error::{Error, Result};
use crate::flow::delta::{add_weights, arrow_error, batch};
use crate::flow::state::GroupIndex;
use crate::flow::{Delta, Operator, Output, RowError, Step, Tick};

/// Groups per output batch at most; each gives up to two rows.
const BATCH_GROUPS: usize = 16_384;

/// See the [module](self).
pub struct Aggregate {
    keys: Vec<usize>,
    calls: Vec<Call>,
    schema: SchemaRef,
    /// Keys of groups that exist here even without rows.
    constant_groups: Option<RecordBatch>,
    started: bool,
    index: GroupIndex,
    groups: Vec<Group>,
    /// Groups that hold something.
    held: u64,
    step: u64,
}

/// What is kept of a group besides the accumulators.
#[derive(Clone, Copy, Default)]
struct Group {
    rows: i64,
    /// Number of the step that touched it last.
    touched: u64,
    /// Whether it exists even without rows.
    constant: bool,
    /// Whether it has rows, or its accumulators hold something.
    held: bool,
}

struct Call {
    call: AggregateCall,
    /// What the accumulators take.
    columns: Vec<usize>,
    accumulator: Box<dyn Accumulator>,
}

/// What touched groups looked like at one moment.
struct Snapshot {
    /// Whether the group has an output row.
    present: Vec<bool>,
    calls: Vec<Values>,
}

impl Aggregate {
    /// Groups the rows of `input` by the columns `keys`; input is partitioned by their hash (without keys: all to
    /// worker 0). `append_only`: the input never retracts. `emits_empty`: without keys, for the worker that gets the
    /// rows: it emits the row of the empty input at its first step, which must happen even without input.
    pub fn new(
        input: SchemaRef,
        keys: Vec<usize>,
        calls: Vec<AggregateCall>,
        schema: SchemaRef,
        append_only: bool,
        emits_empty: bool,
    ) -> Result<Aggregate> {
        let types: Vec<DataType> = keys.iter().map(|key| input.field(*key).data_type().clone()).collect();
        let index = GroupIndex::new(&types, "GROUP BY or DISTINCT")?;
        let call = |call: AggregateCall| {
            Ok(Call { accumulator: accumulator(&call, &input, append_only)?, columns: columns(&call), call })
        };
        let calls = calls.into_iter().map(call).collect::<Result<Vec<_>>>()?;
        if schema.fields().len() != keys.len() + calls.len() {
            return Err(Error::internal("the schema of an aggregate does not have its keys and calls"));
        }
        let no_keys = || batch(&Schema::empty().into(), Vec::new(), 1);
        let constant_groups = (emits_empty && keys.is_empty()).then(no_keys).transpose()?;
        Ok(Aggregate {
            keys,
            calls,
            schema,
            constant_groups,
            started: false,
            index,
            groups: Vec::new(),
            held: 0,
            step: 0,
        })
    }

    /// The same with groups that exist here even without rows: one row of keys for each.
    pub fn with_constant_groups(mut self, keys: RecordBatch) -> Aggregate {
        self.constant_groups = Some(keys);
        self
    }

    /// Makes the groups that exist without rows; answers their numbers.
    fn start(&mut self) -> Result<Vec<u32>> {
        let Some(keys) = self.constant_groups.take() else { return Ok(Vec::new()) };
        let groups = self.index.locate(keys.columns(), keys.num_rows())?;
        self.groups.resize(self.index.capacity().max(self.groups.len()), Group::default());
        for group in &groups {
            let group = &mut self.groups[*group as usize];
            (group.constant, group.touched) = (true, self.step);
        }
        Ok(groups)
    }

    /// The groups of the rows of each delta, and every group among them once.
    fn locate(&mut self, deltas: &[Delta]) -> Result<(Vec<Vec<u32>>, Vec<u32>)> {
        self.step += 1;
        let mut located = Vec::with_capacity(deltas.len());
        let mut touched = self.start()?;
        for delta in deltas {
            let columns: Vec<ArrayRef> = self.keys.iter().map(|key| delta.rows.column(*key).clone()).collect();
            let groups = self.index.locate(&columns, delta.rows.num_rows())?;
            self.groups.resize(self.index.capacity().max(self.groups.len()), Group::default());
            for group in &groups {
                let last = &mut self.groups[*group as usize].touched;
                if *last != self.step {
                    *last = self.step;
                    touched.push(*group);
                }
            }
            located.push(groups);
        }
        let groups = self.index.capacity();
        self.groups.resize(groups.max(self.groups.len()), Group::default());
        self.calls.iter_mut().for_each(|call| call.accumulator.grow(groups));
        Ok((located, touched))
    }

    /// Adds rows to their groups.
    fn update(&mut self, delta: &Delta, groups: &[u32]) -> Result<()> {
        let weights = delta.weight_values();
        match weights {
            None => groups.iter().for_each(|group| self.groups[*group as usize].rows += 1),
            Some(weights) => {
                for (group, weight) in groups.iter().zip(weights) {
                    let rows = &mut self.groups[*group as usize].rows;
                    *rows = add_weights(*rows, *weight)?;
                }
            }
        }
        for Call { call, columns, accumulator } in &mut self.calls {
            let mut arguments: Vec<ArrayRef> =
                columns.iter().map(|column| delta.rows.column(*column).clone()).collect();
            match call.filter {
                None => accumulator.update(groups, &arguments, weights)?,
                Some(filter) => {
                    let kept = true_rows(delta.rows.column(filter).as_boolean());
                    let groups: Vec<u32> = kept.values().iter().map(|row| groups[*row as usize]).collect();
                    let weights: Option<Vec<i64>> =
                        weights.map(|weights| kept.values().iter().map(|row| weights[*row as usize]).collect());
                    for argument in &mut arguments {
                        *argument = take(argument, &kept, None).map_err(arrow_error)?;
                    }
                    accumulator.update(&groups, &arguments, weights.as_deref())?;
                }
            }
        }
        Ok(())
    }

    /// What `groups` look like now.
    fn snapshot(&self, groups: &[u32]) -> Result<Snapshot> {
        let state: Vec<Group> = groups.iter().map(|group| self.groups[*group as usize]).collect();
        let rows: Vec<i64> = state.iter().map(|group| group.rows).collect();
        let mut present: Vec<bool> =
            state.iter().map(|group| group.rows > 0 || group.constant && self.started).collect();
        let mut calls: Vec<Values> =
            self.calls.iter().map(|call| call.accumulator.values(groups, &rows)).collect::<Result<_>>()?;
        for values in &mut calls {
            values.errors.retain(|(position, ..)| present[*position]);
        }
        for (position, ..) in calls.iter().flat_map(|values| &values.errors) {
            present[*position] = false;
        }
        Ok(Snapshot { present, calls })
    }

    /// Emits the difference between two snapshots of `groups`.
    fn emit(&self, groups: &[u32], before: &Snapshot, after: &Snapshot, out: &mut Output) -> Result<()> {
        self.emit_errors(groups, before, -1, out)?;
        self.emit_errors(groups, after, 1, out)?;
        let (removed, added) = changes(before, after, groups.len())?;
        let rows = removed.len() + added.len();
        if rows == 0 {
            return Ok(());
        }
        let keys = self.index.columns(groups)?;
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        for key in &keys {
            columns.push(difference(key, key, &removed, &added)?);
        }
        for (before, after) in before.calls.iter().zip(&after.calls) {
            columns.push(difference(&before.values, &after.values, &removed, &added)?);
        }
        let rows = batch(&self.schema, columns, rows)?;
        out.rows.push(if removed.is_empty() {
            Delta::insert(rows)
        } else {
            let weights: Vec<i64> =
                std::iter::repeat_n(-1, removed.len()).chain(std::iter::repeat_n(1, added.len())).collect();
            Delta::weighted(rows, weights.into())
        });
        Ok(())
    }

    /// Emits the row errors of a snapshot with weight `weight`; equal ones of the old and the new snapshot cancel
    /// downstream.
    fn emit_errors(&self, groups: &[u32], snapshot: &Snapshot, weight: i64, out: &mut Output) -> Result<()> {
        for (Call { call, .. }, values) in self.calls.iter().zip(&snapshot.calls) {
            for (position, code, reason) in &values.errors {
                let fields: Vec<Field> =
                    self.schema.fields()[..self.keys.len()].iter().map(|field| field.as_ref().clone()).collect();
                let keys = batch(&Schema::new(fields).into(), self.index.columns(&groups[*position..=*position])?, 1)?;
                out.errors.push(RowError {
                    expression: call.field.name().clone(),
                    code,
                    reason: reason.clone(),
                    row: row_json(&keys, 0),
                    weight,
                });
            }
        }
        Ok(())
    }

    /// Clears groups without rows, and forgets them but for those that exist without.
    fn sweep(&mut self, groups: &[u32]) {
        for group in groups {
            let at = *group as usize;
            // Input that takes away other rows than it gave leaves sums behind; they stay until the right rows come.
            let Group { rows, constant, held: before, .. } = self.groups[at];
            let held = rows != 0 || !self.calls.iter().all(|call| call.accumulator.is_empty(at));
            self.held = self.held + u64::from(held) - u64::from(before);
            self.groups[at].held = held;
            if !held {
                self.calls.iter_mut().for_each(|call| call.accumulator.clear(at));
            }
            if !held && !constant {
                self.index.remove(*group);
            }
        }
    }
}

impl Operator for Aggregate {
    fn step(&mut self, _: &Tick, inputs: &mut [Vec<Delta>], out: &mut Output) -> Result<Step> {
        let [input] = inputs else { return Err(Error::internal("an aggregate has one input")) };
        let deltas = std::mem::take(input);
        let (located, touched) = self.locate(&deltas)?;
        let chunks = || touched.chunks(BATCH_GROUPS);
        let before = chunks().map(|groups| self.snapshot(groups)).collect::<Result<Vec<_>>>()?;
        self.started = true;
        for (delta, groups) in deltas.iter().zip(&located) {
            self.update(delta, groups)?;
        }
        for (groups, before) in chunks().zip(&before) {
            self.emit(groups, before, &self.snapshot(groups)?, out)?;
        }
        self.sweep(&touched);
        Ok(Step::Done)
    }

    fn bytes(&self) -> usize {
        let calls: usize = self.calls.iter().map(|call| call.accumulator.bytes()).sum();
        self.index.bytes() + self.groups.capacity() * size_of::<Group>() + calls
    }

    fn state_rows(&self) -> u64 {
        self.held + self.calls.iter().map(|call| call.accumulator.entries()).sum::<u64>()
    }
}

/// Positions where `values` is true.
fn true_rows(values: &BooleanArray) -> UInt32Array {
    values
        .iter()
        .enumerate()
        .filter(|(_, value)| *value == Some(true))
        .map(|(row, _)| row as u32)
        .collect::<Vec<_>>()
        .into()
}

/// Positions of the groups whose old row goes, and of those whose new row comes; none for rows that stay as they are.
fn changes(before: &Snapshot, after: &Snapshot, groups: usize) -> Result<(Vec<usize>, Vec<usize>)> {
    let mut equal = BooleanBuffer::new_set(groups);
    for (before, after) in before.calls.iter().zip(&after.calls) {
        let (before, after) = (&before.values, &after.values);
        let same = if before.data_type().is_nested() {
            BooleanBuffer::collect_bool(groups, |at| {
                values_equal(before.as_ref(), at, after.as_ref(), at, Equality::Row)
            })
        } else {
            not_distinct(before, after).map_err(arrow_error)?.values().clone()
        };
        equal = &equal & &same;
        if equal.count_set_bits() == 0 {
            // Usual where a count is among the calls: the rest need not be compared.
            break;
        }
    }
    let list = |present: &[bool], other: &[bool]| -> Vec<usize> {
        (0..groups).filter(|at| present[*at] && !(other[*at] && equal.value(*at))).collect()
    };
    Ok((list(&before.present, &after.present), list(&after.present, &before.present)))
}

/// Old values at `removed`, then new values at `added`.
fn difference(before: &ArrayRef, after: &ArrayRef, removed: &[usize], added: &[usize]) -> Result<ArrayRef> {
    let all = (before.len(), after.len());
    let column = match (removed.len(), added.len()) {
        (0, rows) if rows == all.1 => Ok(after.clone()),
        // Positions are distinct and in order: as many as there are rows means all of them.
        (old, new) if (old, new) == all => concat(&[before.as_ref(), after.as_ref()]),
        _ => {
            let positions = removed.iter().map(|at| (0, *at)).chain(added.iter().map(|at| (1, *at)));
            interleave(&[before.as_ref(), after.as_ref()], &positions.collect::<Vec<_>>())
        }
    };
    column.map_err(arrow_error)
}

//! Semi, anti and mark join by keys: what becomes of a left row depends on whether the right input has its key.
//!
//! `l SEMI JOIN r USING (k)`; of `r` only the number of rows by key is kept:
//!
//! | tick | left | right | output |
//! |---|---|---|---|
//! | 1 | +(1, a) +(2, b) | +(1) +(1) | +(1, a) |
//! | 2 | | −(1) +(2) | +(2, b) |
//! | 3 | −(2, b) | −(1) | −(1, a) −(2, b) |
//!
//! A tick costs its changes plus the left rows of the keys that the right input gains or loses. The output is linear in the left
//! input: left rows may be anywhere if every worker has the whole right input.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::arrow::datatypes::{DataType, SchemaRef};

use super::keyed::{BATCH_ROWS, Keys, require_equal_types, settle, weighted};
use crate::compile::plan::JoinKind;
use crate::error::{Error, Result};
use crate::flow::delta::{add_weights, batch, take_rows};
use crate::flow::hash::hash_columns;
use crate::flow::state::{GroupIndex, StateTable};
use crate::flow::{Delta, Operator, Output, Step, Tick};

/// See the [module](self).
pub struct Presence {
    kind: JoinKind,
    left_keys: Keys,
    left: StateTable,
    right_keys: Keys,
    right: SchemaRef,
    /// The keys of the right input, and while a tick runs those of its left rows.
    index: GroupIndex,
    groups: Vec<Group>,
    schema: SchemaRef,
    step: u64,
}

/// What is kept of a key.
#[derive(Clone, Copy, Default)]
struct Group {
    rows: i64,
    /// Rows before the tick that touched it last.
    before: i64,
    /// Number of the tick that touched it last.
    touched: u64,
}

impl Presence {
    /// A join of `kind` Semi, Anti or Mark of inputs 0 and 1 by keys of equal types in pairs. Both are partitioned by the hash of their
    /// keys; without keys the right one must be whole on every worker. NULL keys match each other only if `null_equal`. `schema` are
    /// the left columns, for Mark with a boolean one after them.
    pub fn new(
        kind: JoinKind,
        left: SchemaRef,
        right: SchemaRef,
        left_keys: Vec<usize>,
        right_keys: Vec<usize>,
        null_equal: bool,
        schema: SchemaRef,
    ) -> Result<Presence> {
        require_equal_types(&left, &right, &left_keys, &right_keys)?;
        if !matches!(kind, JoinKind::Semi | JoinKind::Anti | JoinKind::Mark) {
            return Err(Error::internal("a presence join shows only the left input"));
        }
        let types: Vec<DataType> = right_keys.iter().map(|key| right.field(*key).data_type().clone()).collect();
        Ok(Presence {
            kind,
            left: StateTable::new(left, left_keys.clone())?,
            left_keys: Keys { columns: left_keys, null_equal },
            right_keys: Keys { columns: right_keys, null_equal },
            right,
            index: GroupIndex::new(&types, "a join")?,
            groups: Vec::new(),
            schema,
            step: 0,
        })
    }

    /// The groups of some keys; those that this tick had not touched are added to `touched`.
    fn locate(&mut self, keys: &[ArrayRef], rows: usize, touched: &mut Vec<u32>) -> Result<Vec<u32>> {
        let located = self.index.locate(keys, rows)?;
        self.groups.resize(self.index.capacity().max(self.groups.len()), Group::default());
        for at in &located {
            let group = &mut self.groups[*at as usize];
            if group.touched != self.step {
                *group = Group { rows: group.rows, before: group.rows, touched: self.step };
                touched.push(*at);
            }
        }
        Ok(located)
    }

    /// Counts the changes of the right input.
    fn count(&mut self, input: &mut Vec<Delta>, touched: &mut Vec<u32>) -> Result<()> {
        let (changes, _) = self.right_keys.changes(input, &self.right)?;
        for change in changes {
            let located = self.locate(&change.keys, change.hashes.len(), touched)?;
            for (row, at) in located.iter().enumerate() {
                let rows = &mut self.groups[*at as usize].rows;
                *rows = add_weights(*rows, change.delta.weight(row))?;
            }
        }
        Ok(())
    }

    /// Emits the left rows, as they were before the tick, of the keys that appeared or vanished.
    fn flip(&self, touched: &[u32], out: &mut Output) -> Result<()> {
        let is_flipped = |at: &u32| {
            let group = self.groups[*at as usize];
            (group.before > 0) != (group.rows > 0)
        };
        let flipped: Vec<u32> = touched.iter().copied().filter(is_flipped).collect();
        if flipped.is_empty() {
            return Ok(());
        }
        let keys = self.index.columns(&flipped)?;
        let matches = self.left.probe(&keys, &hash_columns(&keys, flipped.len()));
        for start in (0..matches.len()).step_by(BATCH_ROWS) {
            let range = start..(start + BATCH_ROWS).min(matches.len());
            let now = |at: usize| self.groups[flipped[matches.probe[at] as usize] as usize].rows > 0;
            let present: Vec<bool> = range.clone().map(now).collect();
            let weights = matches.weights[range.clone()].to_vec();
            let columns = self.left.gather(&matches, range)?;
            out.rows.extend(self.flipped(columns, &present, weights)?);
        }
        Ok(())
    }

    /// The change of left rows whose key now is `present` and was not, or the other way round.
    fn flipped(&self, mut columns: Vec<ArrayRef>, present: &[bool], weights: Vec<i64>) -> Result<Vec<Delta>> {
        let signed = |comes: bool| -> Vec<i64> {
            let weights = present.iter().zip(&weights);
            weights.map(|(present, weight)| if *present == comes { *weight } else { -weight }).collect()
        };
        if self.kind != JoinKind::Mark {
            return Ok(vec![weighted(&self.schema, columns, signed(self.kind == JoinKind::Semi))?]);
        }
        let mut unmarked = columns.clone();
        let before: Vec<bool> = present.iter().map(|present| !present).collect();
        unmarked.push(Arc::new(BooleanArray::from(before)));
        columns.push(Arc::new(BooleanArray::from(present.to_vec())));
        let removed = weights.iter().map(|weight| -weight).collect();
        Ok(vec![weighted(&self.schema, unmarked, removed)?, weighted(&self.schema, columns, weights)?])
    }

    /// What left rows give whose keys are `present` or not.
    fn shown(&self, delta: &Delta, present: &[bool]) -> Result<Delta> {
        let mut columns = delta.rows.columns().to_vec();
        if self.kind == JoinKind::Mark {
            columns.push(Arc::new(BooleanArray::from(present.to_vec())));
            let rows = batch(&self.schema, columns, present.len())?;
            return Ok(Delta { rows, weights: delta.weights.clone(), hash: None });
        }
        let wanted = self.kind == JoinKind::Semi;
        let kept = (0..present.len() as u32).filter(|row| present[*row as usize] == wanted).collect();
        let rows = batch(&self.schema, columns, present.len())?;
        take_rows(&Delta { rows, weights: delta.weights.clone(), hash: None }, kept)
    }
}

impl Operator for Presence {
    fn step(&mut self, _: &Tick, inputs: &mut [Vec<Delta>], out: &mut Output) -> Result<Step> {
        let [left, right] = inputs else { return Err(Error::internal("a join has two inputs")) };
        self.step += 1;
        let mut changes = Output::default();
        let mut touched = Vec::new();
        self.count(right, &mut touched)?;
        self.flip(&touched, &mut changes)?;
        let (keyed, never) = self.left_keys.changes(left, self.left.schema())?;
        for delta in never {
            changes.rows.push(self.shown(&delta, &vec![false; delta.rows.num_rows()])?);
        }
        for change in keyed {
            let located = self.locate(&change.keys, change.hashes.len(), &mut touched)?;
            let present: Vec<bool> = located.iter().map(|at| self.groups[*at as usize].rows > 0).collect();
            changes.rows.push(self.shown(&change.delta, &present)?);
            self.left.apply(&change.delta, &change.hashes)?;
        }
        for at in touched.into_iter().filter(|at| self.groups[*at as usize].rows == 0) {
            self.index.remove(at);
        }
        settle(changes, &self.schema, out)?;
        Ok(Step::Done)
    }

    fn bytes(&self) -> usize {
        self.left.bytes() + self.index.bytes() + self.groups.capacity() * size_of::<Group>()
    }

    fn state_rows(&self) -> u64 {
        self.left.rows() + self.index.len()
    }

    fn states(&mut self) -> Vec<(&'static str, &mut StateTable)> {
        vec![("left", &mut self.left)]
    }
}

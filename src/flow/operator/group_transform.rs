//! The generic operator: Δout = F(group after) − F(group before) for every changed group.
//!
//! It is right for every F, at the cost of reading the whole of each changed group. The fast operators must agree with
//! it.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;

use crate::error::{Error, Result};
use crate::flow::delta::{merge, take_rows};
use crate::flow::hash::hash_columns;
use crate::flow::state::{GroupIndex, StateTable};
use crate::flow::{Delta, Operator, Output, Step, Tick};

/// A function from the rows of one group to rows.
pub trait GroupFunction: Send {
    /// The result for a group that consists of `rows`: distinct rows in no useful order, with their weights. Must
    /// depend on nothing else.
    fn evaluate(&self, rows: &Delta) -> Result<Delta>;
}

/// See the [module](self).
pub struct GroupTransform {
    keys: Vec<usize>,
    function: Box<dyn GroupFunction>,
    schema: SchemaRef,
    /// Whether the one group without keys has a result here even without rows.
    emits_empty: bool,
    started: bool,
    rows: StateTable,
}

impl GroupTransform {
    /// Applies `function`, whose rows have `schema`, to the rows of `input` by the columns `keys`; input is partitioned
    /// by their hash. With `emits_empty`, and without keys, the result for no rows is emitted at the first step; groups
    /// with keys that have no rows have no result.
    pub fn new(
        input: SchemaRef,
        keys: Vec<usize>,
        function: Box<dyn GroupFunction>,
        schema: SchemaRef,
        emits_empty: bool,
    ) -> Result<GroupTransform> {
        let rows = StateTable::new(input, keys.clone())?;
        let emits_empty = emits_empty && keys.is_empty();
        Ok(GroupTransform { keys, function, schema, emits_empty, started: false, rows })
    }

    /// The results for the groups with these keys, their weights multiplied by `sign`.
    fn results(&self, keys: &[ArrayRef], hashes: &[u64], sign: i64, out: &mut Vec<Delta>) -> Result<()> {
        for group in self.rows.groups(keys, hashes)? {
            if group.rows.num_rows() == 0 && !(self.emits_empty && self.started) {
                continue;
            }
            let result = self.function.evaluate(&group)?;
            let weights: Int64Array = (0..result.rows.num_rows()).map(|row| sign * result.weight(row)).collect();
            out.push(Delta::weighted(result.rows, weights));
        }
        Ok(())
    }

    /// The keys that occur in `delta`, each once.
    fn changed(&self, delta: &Delta) -> Result<Vec<ArrayRef>> {
        let columns: Vec<ArrayRef> = self.keys.iter().map(|key| delta.rows.column(*key).clone()).collect();
        let types: Vec<DataType> = columns.iter().map(|column| column.data_type().clone()).collect();
        let mut index = GroupIndex::new(&types, "a key")?;
        let groups = index.locate(&columns, delta.rows.num_rows())?;
        let mut seen = 0;
        let firsts = groups.iter().enumerate().filter(|(_, group)| {
            // Numbers are given out in order, so a new one is the least not seen yet.
            let new = **group == seen;
            seen += u32::from(new);
            new
        });
        let firsts = firsts.map(|(row, _)| row as u32).collect();
        let keys = take_rows(&Delta::insert(delta.rows.clone()), firsts)?;
        Ok(self.keys.iter().map(|key| keys.rows.column(*key).clone()).collect())
    }
}

impl Operator for GroupTransform {
    fn step(&mut self, _: &Tick, inputs: &mut [Vec<Delta>], out: &mut Output) -> Result<Step> {
        let [input] = inputs else { return Err(Error::internal("a group transform has one input")) };
        let first = self.emits_empty && !self.started;
        let delta = match merge(std::mem::take(input), self.rows.schema())? {
            Some(delta) => delta,
            None if first => Delta::insert(RecordBatch::new_empty(Arc::clone(self.rows.schema()))),
            None => return Ok(Step::Done),
        };
        let changed = self.changed(&delta)?;
        let groups = changed.first().map_or(1, |column| column.len());
        let hashes = hash_columns(&changed, groups);
        let mut changes = Vec::new();
        self.results(&changed, &hashes, -1, &mut changes)?;
        self.started = true;
        let keys: Vec<ArrayRef> = self.keys.iter().map(|key| delta.rows.column(*key).clone()).collect();
        self.rows.apply(&delta, &hash_columns(&keys, delta.rows.num_rows()))?;
        self.results(&changed, &hashes, 1, &mut changes)?;
        out.rows.extend(merge(changes, &self.schema)?);
        Ok(Step::Done)
    }

    fn bytes(&self) -> usize {
        self.rows.bytes()
    }

    fn state_rows(&self) -> u64 {
        self.rows.rows()
    }

    fn states(&mut self) -> Vec<(&'static str, &mut StateTable)> {
        vec![("rows", &mut self.rows)]
    }
}

//! EXCEPT and INTERSECT, with ALL or without: per row, how many copies each side has.
//!
//! `l EXCEPT ALL r`:
//!
//! | tick | l | r | output |
//! |---|---|---|---|
//! | 1 | +(a) +(a) +(b) | +(a) | +(a) +(b) |
//! | 2 | | +(a) +(a) | −(a) |
//! | 3 | | −(a) −(a) | +(a) |
//!
//! A tick costs the rows that change; the state has one entry per different row of either side.

use std::collections::BTreeMap;

use datafusion::arrow::array::{Array, Int64Array};
use datafusion::arrow::datatypes::{DataType, SchemaRef};

use crate::compile::plan::SetOperator;
use crate::error::{Error, Result};
use crate::flow::delta::{add_weights, batch};
use crate::flow::state::GroupIndex;
use crate::flow::{Delta, Operator, Output, Step, Tick};

/// See the [module](self).
pub struct SetOperation {
    operator: SetOperator,
    all: bool,
    schema: SchemaRef,
    index: GroupIndex,
    /// Copies on the left and on the right, by group.
    copies: Vec<(i64, i64)>,
}

impl SetOperation {
    /// Rows of `schema`, which come with one more column: not NULL for rows of the left side. The input is partitioned by the hash
    /// of the columns of `schema`. With `all`, equal rows count.
    pub fn new(operator: SetOperator, all: bool, schema: SchemaRef) -> Result<SetOperation> {
        let types: Vec<DataType> = schema.fields().iter().map(|field| field.data_type().clone()).collect();
        let what = match operator {
            SetOperator::Except => "EXCEPT",
            SetOperator::Intersect => "INTERSECT",
        };
        let index = GroupIndex::new(&types, what)?;
        Ok(SetOperation { operator, all, schema, index, copies: Vec::new() })
    }

    /// How many copies of a row come out.
    fn result(&self, (left, right): (i64, i64)) -> i64 {
        match (self.operator, self.all) {
            (SetOperator::Except, true) => left.saturating_sub(right.max(0)).max(0),
            (SetOperator::Except, false) => i64::from(left > 0 && right <= 0),
            (SetOperator::Intersect, true) => left.min(right).max(0),
            (SetOperator::Intersect, false) => i64::from(left > 0 && right > 0),
        }
    }
}

impl Operator for SetOperation {
    fn step(&mut self, _: &Tick, inputs: &mut [Vec<Delta>], out: &mut Output) -> Result<Step> {
        let [input] = inputs else { return Err(Error::internal("a set operation has one input")) };
        let mut before: BTreeMap<u32, i64> = BTreeMap::new();
        for delta in std::mem::take(input) {
            let columns = &delta.rows.columns()[..self.schema.fields().len()];
            let side = delta.rows.column(columns.len());
            let groups = self.index.locate(columns, delta.rows.num_rows())?;
            self.copies.resize(self.index.capacity(), (0, 0));
            for (row, group) in groups.into_iter().enumerate() {
                let copies = self.copies[group as usize];
                before.entry(group).or_insert_with(|| self.result(copies));
                let copies = &mut self.copies[group as usize];
                let count = if side.is_valid(row) { &mut copies.0 } else { &mut copies.1 };
                *count = add_weights(*count, delta.weight(row))?;
            }
        }
        let changes = before.iter().map(|(group, old)| (*group, self.result(self.copies[*group as usize]) - old));
        let (groups, weights): (Vec<u32>, Vec<i64>) = changes.filter(|(_, weight)| *weight != 0).unzip();
        if !groups.is_empty() {
            let rows = batch(&self.schema, self.index.columns(&groups)?, groups.len())?;
            let inserts = weights.iter().all(|weight| *weight == 1);
            out.rows.push(if inserts { Delta::insert(rows) } else { Delta::weighted(rows, Int64Array::from(weights)) });
        }
        for group in before.into_keys().filter(|group| self.copies[*group as usize] == (0, 0)) {
            self.index.remove(group);
        }
        Ok(Step::Done)
    }

    fn bytes(&self) -> usize {
        self.index.bytes() + self.copies.capacity() * size_of::<(i64, i64)>()
    }

    fn state_rows(&self) -> u64 {
        self.index.len()
    }
}

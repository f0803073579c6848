//! Calls with DISTINCT: a row counts when the first of its kind comes to a group, and is taken away when the last one
//! goes.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int64Array, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::DataType;

use crate::compile::aggregate::{Accumulator, Values};
use crate::error::Result;
use crate::flow::delta::{add_weights, arrow_error};
use crate::flow::state::GroupIndex;

/// Feeds another accumulator with different arguments only. Arguments that are NULL are left out, as they are there.
pub(super) struct Distinct {
    inner: Box<dyn Accumulator>,
    /// Numbers for pairs of a group and arguments.
    index: GroupIndex,
    /// How often each pair is there.
    counts: Vec<i64>,
}

impl Distinct {
    /// For arguments of these types.
    pub(super) fn new(inner: Box<dyn Accumulator>, types: &[DataType]) -> Result<Distinct> {
        let keys: Vec<DataType> = std::iter::once(&DataType::Int64).chain(types).cloned().collect();
        Ok(Distinct { inner, index: GroupIndex::new(&keys, "DISTINCT")?, counts: Vec::new() })
    }

    /// Counts the pairs; answers the rows at which one comes or goes, with its new presence as a weight.
    fn changes(&mut self, pairs: &[u32], weights: Option<&[i64]>) -> Result<(Vec<u32>, Vec<i64>)> {
        self.counts.resize(self.index.capacity().max(self.counts.len()), 0);
        let (mut rows, mut presence) = (Vec::new(), Vec::new());
        for (row, pair) in pairs.iter().enumerate() {
            let count = &mut self.counts[*pair as usize];
            let before = *count > 0;
            *count = add_weights(*count, weights.map_or(1, |weights| weights[row]))?;
            if before != (*count > 0) {
                rows.push(row as u32);
                presence.push(if before { -1 } else { 1 });
            }
        }
        Ok((rows, presence))
    }

    /// Forgets pairs that are gone.
    fn sweep(&mut self, mut pairs: Vec<u32>) {
        pairs.retain(|pair| self.counts[*pair as usize] == 0);
        pairs.sort_unstable();
        pairs.dedup();
        pairs.into_iter().for_each(|pair| self.index.remove(pair));
    }
}

impl Accumulator for Distinct {
    fn grow(&mut self, groups: usize) {
        self.inner.grow(groups);
    }

    fn update(&mut self, groups: &[u32], arguments: &[ArrayRef], weights: Option<&[i64]>) -> Result<()> {
        let is_present = |row: &u32| arguments.iter().all(|argument| argument.is_valid(*row as usize));
        let rows: Vec<u32> = (0..groups.len() as u32).filter(is_present).collect();
        let weights: Option<Vec<i64>> = weights.map(|weights| rows.iter().map(|row| weights[*row as usize]).collect());
        let groups: Vec<u32> = rows.iter().map(|row| groups[*row as usize]).collect();
        let arguments = taken(arguments, rows)?;
        let numbers: Int64Array = groups.iter().map(|group| i64::from(*group)).collect();
        let mut keys: Vec<ArrayRef> = vec![Arc::new(numbers)];
        keys.extend(arguments.iter().cloned());
        let pairs = self.index.locate(&keys, groups.len())?;
        let (rows, presence) = self.changes(&pairs, weights.as_deref())?;
        let groups: Vec<u32> = rows.iter().map(|row| groups[*row as usize]).collect();
        self.inner.update(&groups, &taken(&arguments, rows)?, Some(&presence))?;
        self.sweep(pairs);
        Ok(())
    }

    fn values(&self, groups: &[u32], rows: &[i64]) -> Result<Values> {
        self.inner.values(groups, rows)
    }

    fn is_empty(&self, group: usize) -> bool {
        self.inner.is_empty(group)
    }

    fn clear(&mut self, group: usize) {
        self.inner.clear(group);
    }

    fn entries(&self) -> u64 {
        self.index.len() + self.inner.entries()
    }

    fn bytes(&self) -> usize {
        self.inner.bytes() + self.index.bytes() + self.counts.capacity() * size_of::<i64>()
    }
}

fn taken(columns: &[ArrayRef], rows: Vec<u32>) -> Result<Vec<ArrayRef>> {
    let rows = UInt32Array::from(rows);
    columns.iter().map(|column| take(column, &rows, None).map_err(arrow_error)).collect()
}

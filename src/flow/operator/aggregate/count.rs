//! `count(*)` and `count(x)`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array};

use crate::compile::aggregate::{Accumulator, Values, for_each_row};
use crate::error::Result;

/// `count(*)`: the number of rows, which the operator keeps anyway.
pub(super) struct CountRows;

/// `count(x)`, and counts with a filter.
#[derive(Default)]
pub(super) struct Count {
    counts: Vec<i64>,
}

impl Accumulator for CountRows {
    fn grow(&mut self, _: usize) {}

    fn update(&mut self, _: &[u32], _: &[ArrayRef], _: Option<&[i64]>) -> Result<()> {
        Ok(())
    }

    fn values(&self, _: &[u32], rows: &[i64]) -> Result<Values> {
        Ok(Values { values: Arc::new(Int64Array::from(rows.to_vec())), errors: Vec::new() })
    }

    fn is_empty(&self, _: usize) -> bool {
        true
    }

    fn clear(&mut self, _: usize) {}

    fn bytes(&self) -> usize {
        0
    }
}

impl Accumulator for Count {
    fn grow(&mut self, groups: usize) {
        self.counts.resize(groups.max(self.counts.len()), 0);
    }

    fn update(&mut self, groups: &[u32], arguments: &[ArrayRef], weights: Option<&[i64]>) -> Result<()> {
        // A count is at most the number of rows, whose sum the operator checks: wrapping on the way does no harm.
        for_each_row(groups, arguments.first(), weights, |_, group, weight| {
            self.counts[group] = self.counts[group].wrapping_add(weight);
        });
        Ok(())
    }

    fn values(&self, groups: &[u32], _: &[i64]) -> Result<Values> {
        let counts: Vec<i64> = groups.iter().map(|group| self.counts[*group as usize]).collect();
        CountRows.values(groups, &counts)
    }

    fn is_empty(&self, group: usize) -> bool {
        self.counts[group] == 0
    }

    fn clear(&mut self, group: usize) {
        self.counts[group] = 0;
    }

    fn bytes(&self) -> usize {
        self.counts.capacity() * size_of::<i64>()
    }
}

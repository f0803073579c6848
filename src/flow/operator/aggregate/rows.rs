//! Aggregates that need the rows of a group in order: a sorted bag of encoded rows per group. A group that changes is
//! computed anew from all of its rows, so a tick costs as much as the groups are large that it touches.

use std::collections::BTreeMap;

use datafusion::arrow::array::{Array, ArrayRef, UInt64Array};
use datafusion::arrow::compute::take_arrays;
use datafusion::arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;

use crate::canonical::{Equality, comparable, values_equal};
use crate::compile::aggregate::{Accumulator, Ordered, RowOrder, Values, column_of};
use crate::error::Result;
use crate::flow::delta::arrow_error;

/// See the [module](self).
pub(super) struct SortedRows {
    function: Ordered,
    order: RowOrder,
    /// Whether equal arguments count once.
    distinct: bool,
    output: DataType,
    /// The rows with their weights. A row that a tick takes away before it gives it has a negative one for a moment.
    slots: Vec<BTreeMap<Box<[u8]>, i64>>,
    /// Different rows of all groups.
    entries: u64,
}

impl SortedRows {
    pub(super) fn new(function: Ordered, order: RowOrder, distinct: bool, output: DataType) -> SortedRows {
        SortedRows { function, order, distinct, output, slots: Vec::new(), entries: 0 }
    }

    fn value(&self, group: u32) -> Result<ScalarValue> {
        let rows = self.slots[group as usize].iter().filter(|(_, weight)| **weight > 0);
        let copies = |weight: i64| if self.distinct { 1 } else { weight as usize };
        let rows = rows.flat_map(|(row, weight)| std::iter::repeat_n(row.as_ref(), copies(*weight)));
        let arguments = self.order.decode(rows)?;
        if !self.distinct || !arguments.iter().any(|column| *column.data_type() == DataType::LargeBinary) {
            return self.function.evaluate(&arguments);
        }
        // Numerics that differ in their zeros only are neighbours.
        let keys: Vec<ArrayRef> = arguments.iter().map(comparable).collect();
        let same = |row: usize, column: &ArrayRef| values_equal(column, row - 1, column, row, Equality::Key);
        let rows = arguments.first().map_or(0, |column| column.len());
        let kept = (0..rows).filter(|row| *row == 0 || !keys.iter().all(|column| same(*row, column)));
        let kept = UInt64Array::from_iter_values(kept.map(|row| row as u64));
        self.function.evaluate(&take_arrays(&arguments, &kept, None).map_err(arrow_error)?)
    }
}

impl Accumulator for SortedRows {
    fn grow(&mut self, groups: usize) {
        self.slots.resize(groups.max(self.slots.len()), BTreeMap::new());
    }

    fn update(&mut self, groups: &[u32], columns: &[ArrayRef], weights: Option<&[i64]>) -> Result<()> {
        let skipped = columns.first().filter(|_| self.function.skips_nulls());
        let encoded = self.order.encode(columns)?;
        for (row, group) in groups.iter().enumerate() {
            let weight = weights.map_or(1, |weights| weights[row]);
            if weight == 0 || skipped.is_some_and(|column| column.is_null(row)) {
                continue;
            }
            let (slot, key) = (&mut self.slots[*group as usize], encoded.row(row));
            match slot.get_mut(key.data()) {
                // Within the number of rows of the group, whose sum the operator checks.
                Some(sum) => {
                    *sum = sum.wrapping_add(weight);
                    if *sum == 0 {
                        slot.remove(key.data());
                        self.entries -= 1;
                    }
                }
                None => {
                    slot.insert(key.data().into(), weight);
                    self.entries += 1;
                }
            }
        }
        Ok(())
    }

    fn values(&self, groups: &[u32], _: &[i64]) -> Result<Values> {
        column_of(groups.iter().map(|group| self.value(*group)), &self.output)
    }

    fn is_empty(&self, group: usize) -> bool {
        self.slots[group].is_empty()
    }

    fn clear(&mut self, group: usize) {
        self.entries -= self.slots[group].len() as u64;
        self.slots[group] = BTreeMap::new();
    }

    fn entries(&self) -> u64 {
        self.entries
    }

    fn bytes(&self) -> usize {
        // B-tree nodes are two thirds full on average.
        let entry = |row: &[u8]| 3 * size_of::<(Box<[u8]>, i64)>() / 2 + row.len();
        let entries: usize = self.slots.iter().flat_map(|rows| rows.keys()).map(|row| entry(row)).sum();
        self.slots.capacity() * size_of::<BTreeMap<Box<[u8]>, i64>>() + entries
    }
}

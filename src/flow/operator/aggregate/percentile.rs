//! `percentile_cont` and `percentile_disc` of a constant fraction: the sorted values of a group, and for each fraction a mark near its value
//! that knows how many values are before it. A change moves a mark by as many values as changed, however large the group is.

use std::collections::BTreeMap;
use std::ops::Bound;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;

use crate::compile::aggregate::{Accumulator, Percentile, RowOrder, Values, column_of, only};
use crate::error::{Error, Result};

/// See the [module](self).
pub(super) struct Percentiles {
    percentile: Percentile,
    order: RowOrder,
    output: DataType,
    slots: Vec<Sorted>,
    /// Different values of all groups.
    entries: u64,
}

/// The values of a group.
#[derive(Default)]
struct Sorted {
    /// With their weights. A value that a tick takes away before it gives it has a negative one for a moment.
    values: BTreeMap<Box<[u8]>, i64>,
    /// Sum of the weights that are positive, as all sums here.
    rows: i64,
    /// By number of the fraction.
    marks: Vec<Mark>,
}

/// A place in the order: before all values that are not less than `value`, which need not be one of the group.
#[derive(Clone, Default)]
struct Mark {
    value: Box<[u8]>,
    /// Rows before it.
    before: i64,
}

impl Percentiles {
    pub(super) fn new(percentile: Percentile, order: RowOrder, output: DataType) -> Percentiles {
        Percentiles { percentile, order, output, slots: Vec::new(), entries: 0 }
    }

    fn value(&self, group: u32) -> Result<ScalarValue> {
        let slot = &self.slots[group as usize];
        self.percentile.evaluate(usize::try_from(slot.rows).unwrap_or(0), |number, place| {
            let start = slot.marks.get(number).cloned().unwrap_or_default();
            let found = slot.find(&start, place as i64).ok_or_else(|| Error::internal("a place beyond the values"))?;
            let column = self.order.decode(std::iter::once(found.0))?;
            ScalarValue::try_from_array(only(&column)?, 0).map_err(|error| Error::internal(error.to_string()))
        })
    }
}

impl Sorted {
    /// Changes how often a value is there; answers by how many the different values are more.
    fn add(&mut self, value: &[u8], weight: i64) -> i64 {
        let (before, after) = match self.values.get_mut(value) {
            Some(sum) => {
                let before = *sum;
                // Within the number of rows of the group, whose sum the operator checks.
                *sum = sum.wrapping_add(weight);
                (before, *sum)
            }
            None => {
                self.values.insert(value.into(), weight);
                (0, weight)
            }
        };
        if after == 0 {
            self.values.remove(value);
        }
        let change = after.max(0) - before.max(0);
        self.rows += change;
        for mark in self.marks.iter_mut().filter(|mark| *value < *mark.value) {
            mark.before += change;
        }
        i64::from(after != 0) - i64::from(before != 0)
    }

    /// The value at a place, and how many rows are before it. Costs the values between the place and `start`.
    fn find(&self, start: &Mark, place: i64) -> Option<(&[u8], i64)> {
        let mut before = start.before;
        if place >= before {
            for (value, weight) in self.values.range::<[u8], _>((Bound::Included(&*start.value), Bound::Unbounded)) {
                let weight = (*weight).max(0);
                if place < before + weight {
                    return Some((value, before));
                }
                before += weight;
            }
            return None;
        }
        for (value, weight) in self.values.range::<[u8], _>((Bound::Unbounded, Bound::Excluded(&*start.value))).rev() {
            before -= (*weight).max(0);
            if place >= before {
                return Some((value, before));
            }
        }
        None
    }

    /// Brings the marks to `places`.
    fn mark(&mut self, places: &[usize]) {
        self.marks.resize(places.len(), Mark::default());
        for (number, place) in places.iter().enumerate() {
            let found = self.find(&self.marks[number], *place as i64);
            if let Some(mark) = found.map(|(value, before)| Mark { value: value.into(), before }) {
                self.marks[number] = mark;
            }
        }
    }
}

impl Accumulator for Percentiles {
    fn grow(&mut self, groups: usize) {
        self.slots.resize_with(groups.max(self.slots.len()), Sorted::default);
    }

    fn update(&mut self, groups: &[u32], columns: &[ArrayRef], weights: Option<&[i64]>) -> Result<()> {
        let values = only(columns)?;
        let encoded = self.order.encode(columns)?;
        for (row, group) in groups.iter().enumerate().filter(|(row, _)| values.is_valid(*row)) {
            let weight = weights.map_or(1, |weights| weights[row]);
            if weight != 0 {
                let more = self.slots[*group as usize].add(encoded.row(row).data(), weight);
                self.entries = self.entries.wrapping_add_signed(more);
            }
        }
        let mut touched = groups.to_vec();
        touched.sort_unstable();
        touched.dedup();
        for group in touched {
            let slot = &mut self.slots[group as usize];
            slot.mark(&self.percentile.places(usize::try_from(slot.rows).unwrap_or(0)));
        }
        Ok(())
    }

    fn values(&self, groups: &[u32], _: &[i64]) -> Result<Values> {
        column_of(groups.iter().map(|group| self.value(*group)), &self.output)
    }

    fn is_empty(&self, group: usize) -> bool {
        self.slots[group].values.is_empty()
    }

    fn clear(&mut self, group: usize) {
        self.entries -= self.slots[group].values.len() as u64;
        self.slots[group] = Sorted::default();
    }

    fn entries(&self) -> u64 {
        self.entries
    }

    fn bytes(&self) -> usize {
        // B-tree nodes are two thirds full on average.
        let entry = |value: &[u8]| 3 * size_of::<(Box<[u8]>, i64)>() / 2 + value.len();
        let slot = |slot: &Sorted| {
            let marks: usize = slot.marks.iter().map(|mark| size_of::<Mark>() + mark.value.len()).sum();
            marks + slot.values.keys().map(|value| entry(value)).sum::<usize>()
        };
        self.slots.capacity() * size_of::<Sorted>() + self.slots.iter().map(slot).sum::<usize>()
    }
}

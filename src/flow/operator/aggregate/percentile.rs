//! `percentile_cont` and `percentile_disc` of a constant fraction: the sorted values of a group, and for each fraction a mark near its value
//! that knows how many values are before it. A change moves a mark by as many values as changed, however large the group is.

use std::collections::BTreeMap;
use std::ops::Bound;

use datafusion::scalar::ScalarValue;

use super::by_value::{ByValue, Slot};
use crate::compile::aggregate::Percentile;
use crate::error::{Error, Result};

/// The values of a group.
#[derive(Default)]
pub(super) struct Sorted {
    /// With their weights, which are not 0.
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

impl ByValue for Percentile {
    type Slot = Sorted;

    fn settle(&self, slot: &mut Sorted) {
        slot.mark(&self.places(usize::try_from(slot.rows).unwrap_or(0)));
    }

    fn value(&self, slot: &Sorted, decode: &dyn Fn(&[u8]) -> Result<ScalarValue>) -> Result<ScalarValue> {
        self.evaluate(usize::try_from(slot.rows).unwrap_or(0), |number, place| {
            let start = slot.marks.get(number).cloned().unwrap_or_default();
            let found = slot.find(&start, place as i64).ok_or_else(|| Error::internal("a place beyond the values"))?;
            decode(found.0)
        })
    }
}

impl Slot for Sorted {
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

    fn len(&self) -> usize {
        self.values.len()
    }

    fn bytes(&self) -> usize {
        // B-tree nodes are two thirds full on average.
        let entry = |value: &[u8]| 3 * size_of::<(Box<[u8]>, i64)>() / 2 + value.len();
        let marks: usize = self.marks.iter().map(|mark| size_of::<Mark>() + mark.value.len()).sum();
        marks + self.values.keys().map(|value| entry(value)).sum::<usize>()
    }
}

impl Sorted {
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

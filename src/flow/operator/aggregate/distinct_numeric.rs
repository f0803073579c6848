//! Calls with DISTINCT over numerics of any size: 1.5 and 1.50 count once, as the one with the fewest digits that is there.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, LargeBinaryBuilder};

use crate::compile::aggregate::{Accumulator, Values, only};
use crate::error::Result;

/// How often each form of a value is there, by its last bytes, which tell the digits after the point.
type Forms = BTreeMap<[u8; 2], i64>;

/// Feeds another accumulator with different values only.
pub(super) struct DistinctNumeric {
    inner: Box<dyn Accumulator>,
    /// By group and key of the value.
    values: HashMap<(u32, Box<[u8]>), Forms>,
}

impl DistinctNumeric {
    pub(super) fn new(inner: Box<dyn Accumulator>) -> DistinctNumeric {
        DistinctNumeric { inner, values: HashMap::new() }
    }
}

/// The form that stands for a value.
fn shown(forms: &Forms) -> Option<[u8; 2]> {
    forms.iter().find(|(_, count)| **count > 0).map(|(form, _)| *form)
}

impl Accumulator for DistinctNumeric {
    fn grow(&mut self, groups: usize) {
        self.inner.grow(groups);
    }

    fn update(&mut self, groups: &[u32], arguments: &[ArrayRef], weights: Option<&[i64]>) -> Result<()> {
        let values = only(arguments)?.as_binary::<i64>();
        let (mut changed, mut column, mut signs) = (Vec::new(), LargeBinaryBuilder::new(), Vec::new());
        for (row, group) in groups.iter().enumerate() {
            let weight = weights.map_or(1, |weights| weights[row]);
            let Some((key, form)) = values.value(row).split_last_chunk::<2>().filter(|_| values.is_valid(row)) else {
                continue;
            };
            let entry = (*group, Box::from(key));
            let forms = self.values.entry(entry.clone()).or_default();
            let before = shown(forms);
            let count = forms.entry(*form).or_default();
            *count = count.wrapping_add(weight);
            if *count == 0 {
                forms.remove(form);
            }
            let after = shown(forms);
            if forms.is_empty() {
                self.values.remove(&entry);
            }
            if before == after {
                continue;
            }
            for (form, sign) in [(before, -1), (after, 1)] {
                if let Some(form) = form {
                    changed.push(*group);
                    column.append_value([key, form.as_slice()].concat());
                    signs.push(sign);
                }
            }
        }
        self.inner.update(&changed, &[Arc::new(column.finish())], Some(&signs))
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
        self.values.len() as u64 + self.inner.entries()
    }

    fn bytes(&self) -> usize {
        let entry = |key: &[u8]| 2 * size_of::<(u32, Box<[u8]>, Forms)>() + key.len();
        self.inner.bytes() + self.values.keys().map(|(_, key)| entry(key)).sum::<usize>()
    }
}

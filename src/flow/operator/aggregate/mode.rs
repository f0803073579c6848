//! `mode`: how often each value of a group is there, and the values by that. A change costs a logarithm of the different values.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;

use crate::compile::aggregate::{Accumulator, RowOrder, Values, column_of, only};
use crate::error::{Error, Result};

/// See the [module](self).
pub(super) struct Modes {
    order: RowOrder,
    output: DataType,
    slots: Vec<Counted>,
    /// Different values of all groups.
    entries: u64,
}

/// The values of a group.
#[derive(Default)]
struct Counted {
    /// How often each is there: negative for a moment where a tick takes a value away before it gives it.
    counts: HashMap<Arc<[u8]>, i64>,
    /// The most frequent first, of several the first in order.
    ranks: BTreeSet<(Reverse<i64>, Arc<[u8]>)>,
}

impl Modes {
    /// Of values in `order`, where values are equal if their encodings are.
    pub(super) fn new(order: RowOrder, output: DataType) -> Modes {
        Modes { order, output, slots: Vec::new(), entries: 0 }
    }

    fn value(&self, group: u32) -> Result<ScalarValue> {
        let Some((Reverse(1..), value)) = self.slots[group as usize].ranks.first() else {
            return Ok(ScalarValue::Null);
        };
        let column = self.order.decode(std::iter::once(value.as_ref()))?;
        ScalarValue::try_from_array(only(&column)?, 0).map_err(|error| Error::internal(error.to_string()))
    }
}

impl Counted {
    /// Changes how often a value is there; answers by how many the different values are more.
    fn add(&mut self, value: &[u8], weight: i64) -> i64 {
        let (value, before) = match self.counts.get_key_value(value) {
            Some((value, count)) => (Arc::clone(value), *count),
            None => (value.into(), 0),
        };
        // Within the number of rows of the group, whose sum the operator checks.
        let after = before.wrapping_add(weight);
        self.ranks.remove(&(Reverse(before), Arc::clone(&value)));
        if after == 0 {
            self.counts.remove(&value);
        } else {
            self.ranks.insert((Reverse(after), Arc::clone(&value)));
            self.counts.insert(value, after);
        }
        i64::from(after != 0) - i64::from(before != 0)
    }
}

impl Accumulator for Modes {
    fn grow(&mut self, groups: usize) {
        self.slots.resize_with(groups.max(self.slots.len()), Counted::default);
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
        Ok(())
    }

    fn values(&self, groups: &[u32], _: &[i64]) -> Result<Values> {
        column_of(groups.iter().map(|group| self.value(*group)), &self.output)
    }

    fn is_empty(&self, group: usize) -> bool {
        self.slots[group].counts.is_empty()
    }

    fn clear(&mut self, group: usize) {
        self.entries -= self.slots[group].counts.len() as u64;
        self.slots[group] = Counted::default();
    }

    fn entries(&self) -> u64 {
        self.entries
    }

    fn bytes(&self) -> usize {
        let entry = |value: &[u8]| 3 * size_of::<(Arc<[u8]>, i64)>() + 2 * size_of::<usize>() + value.len();
        let values: usize = self.slots.iter().flat_map(|slot| slot.counts.keys()).map(|value| entry(value)).sum();
        self.slots.capacity() * size_of::<Counted>() + values
    }
}

//! `mode`: how often each value of a group is there, and the values by that. A change costs a logarithm of the different values.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use datafusion::scalar::ScalarValue;

use super::by_value::{ByValue, Slot};
use crate::error::Result;

/// See the [module](self); values are equal if their encodings are.
pub(super) struct Mode;

/// The values of a group.
#[derive(Default)]
pub(super) struct Counted {
    /// How often each is there: not 0.
    counts: HashMap<Arc<[u8]>, i64>,
    /// The most frequent first, of several the first in order.
    ranks: BTreeSet<(Reverse<i64>, Arc<[u8]>)>,
}

impl ByValue for Mode {
    type Slot = Counted;

    fn settle(&self, _: &mut Counted) {}

    fn value(&self, slot: &Counted, decode: &dyn Fn(&[u8]) -> Result<ScalarValue>) -> Result<ScalarValue> {
        match slot.ranks.first() {
            Some((Reverse(1..), value)) => decode(value),
            _ => Ok(ScalarValue::Null),
        }
    }
}

impl Slot for Counted {
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

    fn len(&self) -> usize {
        self.counts.len()
    }

    fn bytes(&self) -> usize {
        let entry = |value: &Arc<[u8]>| 3 * size_of::<(Arc<[u8]>, i64)>() + 2 * size_of::<usize>() + value.len();
        self.counts.keys().map(entry).sum()
    }
}

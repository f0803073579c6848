//! Aggregates over the different values of a group, which are kept with how often each is there.

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;

use crate::compile::aggregate::{Accumulator, RowOrder, Values, column_of, only};
use crate::error::{Error, Result};

/// An aggregate of this kind.
pub(super) trait ByValue: Send + Sync {
    /// The values of a group.
    type Slot: Slot;

    /// Called when rows have come or gone.
    fn settle(&self, slot: &mut Self::Slot);

    /// The result for a group; `decode` makes values of their encodings.
    fn value(&self, slot: &Self::Slot, decode: &dyn Fn(&[u8]) -> Result<ScalarValue>) -> Result<ScalarValue>;
}

/// The values of a group. A value that a tick takes away before it gives it is there less than no times for a moment.
pub(super) trait Slot: Default + Send + Sync {
    /// Changes how often a value is there; answers by how many the different values are more. `weight` is not 0.
    fn add(&mut self, value: &[u8], weight: i64) -> i64;

    /// Different values.
    fn len(&self) -> usize;

    /// Memory held beyond its own size, in bytes (an estimate).
    fn bytes(&self) -> usize;
}

/// See the [module](self).
pub(super) struct Valued<F: ByValue> {
    function: F,
    order: RowOrder,
    output: DataType,
    slots: Vec<F::Slot>,
    /// Different values of all groups.
    entries: u64,
}

impl<F: ByValue> Valued<F> {
    /// Of values in `order`.
    pub(super) fn new(function: F, order: RowOrder, output: DataType) -> Valued<F> {
        Valued { function, order, output, slots: Vec::new(), entries: 0 }
    }

    fn decoded(&self, value: &[u8]) -> Result<ScalarValue> {
        let column = self.order.decode(std::iter::once(value))?;
        ScalarValue::try_from_array(only(&column)?, 0).map_err(|error| Error::internal(error.to_string()))
    }
}

impl<F: ByValue> Accumulator for Valued<F> {
    fn grow(&mut self, groups: usize) {
        self.slots.resize_with(groups.max(self.slots.len()), F::Slot::default);
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
        touched.into_iter().for_each(|group| self.function.settle(&mut self.slots[group as usize]));
        Ok(())
    }

    fn values(&self, groups: &[u32], _: &[i64]) -> Result<Values> {
        let decode = |value: &[u8]| self.decoded(value);
        let value = |group: &u32| self.function.value(&self.slots[*group as usize], &decode);
        column_of(groups.iter().map(value), &self.output)
    }

    fn is_empty(&self, group: usize) -> bool {
        self.slots[group].len() == 0
    }

    fn clear(&mut self, group: usize) {
        self.entries -= self.slots[group].len() as u64;
        self.slots[group] = F::Slot::default();
    }

    fn entries(&self) -> u64 {
        self.entries
    }

    fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<F::Slot>() + self.slots.iter().map(F::Slot::bytes).sum::<usize>()
    }
}

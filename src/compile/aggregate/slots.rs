//! Accumulators that keep one value per group, for functions whose results are not made in bulk.

use datafusion::arrow::array::{ArrayRef, new_empty_array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;

use super::{Accumulator, Values};
use crate::error::{Error, Result, code};

/// What is kept of a group and what is made of it.
pub(super) trait Figure: Send + Sync {
    /// What is kept; the default is what is kept of no rows.
    type Slot: Default + Clone + Send + Sync;

    /// Adds rows to the slots of their groups.
    fn add(
        &self,
        slots: &mut [Self::Slot],
        groups: &[u32],
        arguments: &[ArrayRef],
        weights: Option<&[i64]>,
    ) -> Result<()>;

    /// The result; an error where PostgreSQL raises one.
    fn value(&self, slot: &Self::Slot) -> Result<ScalarValue>;

    /// Whether a slot is that of no rows.
    fn is_empty(&self, slot: &Self::Slot) -> bool;

    /// Memory that a slot holds besides itself, in bytes.
    fn heap_bytes(&self, slot: &Self::Slot) -> usize;
}

/// The slots of all groups.
pub(super) struct Slots<F: Figure> {
    figure: F,
    output: DataType,
    slots: Vec<F::Slot>,
}

impl<F: Figure + 'static> Slots<F> {
    /// No groups yet; results are of type `output`.
    pub(super) fn boxed(figure: F, output: &DataType) -> Box<dyn Accumulator>
    where
        F::Slot: 'static,
    {
        Box::new(Slots { figure, output: output.clone(), slots: Vec::new() })
    }
}

impl<F: Figure> Accumulator for Slots<F> {
    fn grow(&mut self, groups: usize) {
        self.slots.resize(groups.max(self.slots.len()), F::Slot::default());
    }

    fn update(&mut self, groups: &[u32], arguments: &[ArrayRef], weights: Option<&[i64]>) -> Result<()> {
        self.figure.add(&mut self.slots, groups, arguments, weights)
    }

    fn values(&self, groups: &[u32], _: &[i64]) -> Result<Values> {
        column(groups.iter().map(|group| self.figure.value(&self.slots[*group as usize])), &self.output)
    }

    fn is_empty(&self, group: usize) -> bool {
        self.figure.is_empty(&self.slots[group])
    }

    fn clear(&mut self, group: usize) {
        self.slots[group] = F::Slot::default();
    }

    fn bytes(&self) -> usize {
        let held: usize = self.slots.iter().map(|slot| self.figure.heap_bytes(slot)).sum();
        self.slots.capacity() * size_of::<F::Slot>() + held
    }
}

/// Results as a column of type `output`; those that failed on account of their rows are NULL and among the errors.
pub fn column(results: impl Iterator<Item = Result<ScalarValue>>, output: &DataType) -> Result<Values> {
    let null = ScalarValue::try_from(output).map_err(|error| Error::internal(error.to_string()))?;
    let (mut values, mut errors) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(value) if value.is_null() => values.push(null.clone()),
            Ok(value) => values.push(value),
            Err(error) if error.code == code::INTERNAL_ERROR => return Err(error),
            Err(error) => {
                errors.push((values.len(), error.code, error.message));
                values.push(null.clone());
            }
        }
    }
    let values = match values.is_empty() {
        true => new_empty_array(output),
        false => ScalarValue::iter_to_array(values).map_err(|error| Error::internal(error.to_string()))?,
    };
    // Scalars do not know what the items of their arrays are called and tagged with.
    let values = cast(&values, output).map_err(|error| Error::internal(error.to_string()))?;
    Ok(Values { values, errors })
}

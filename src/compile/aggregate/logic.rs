//! `bool_and` and `bool_or`: how often true and false came.

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;

use super::slots::{Figure, Slots};
use super::{Accumulator, for_each_row, only};
use crate::compile::plan::AggregateFunction;
use crate::error::Result;

/// The accumulators of `function`.
pub(super) fn accumulator(function: AggregateFunction, output: &DataType) -> Result<Box<dyn Accumulator>> {
    Ok(Slots::boxed(Logic { all: function == AggregateFunction::BoolAnd }, output))
}

struct Logic {
    /// Whether all values must be true rather than one.
    all: bool,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    trues: i64,
    falses: i64,
}

impl Figure for Logic {
    type Slot = Counts;

    fn add(&self, slots: &mut [Counts], groups: &[u32], arguments: &[ArrayRef], weights: Option<&[i64]>) -> Result<()> {
        let argument = only(arguments)?;
        let values = argument.as_boolean();
        // Counts are at most the number of rows, whose sum the operator checks: wrapping on the way does no harm.
        for_each_row(groups, Some(argument), weights, |row, group, weight| {
            let slot = &mut slots[group];
            let count = if values.value(row) { &mut slot.trues } else { &mut slot.falses };
            *count = count.wrapping_add(weight);
        });
        Ok(())
    }

    fn value(&self, slot: &Counts) -> Result<ScalarValue> {
        let known = slot.trues > 0 || slot.falses > 0;
        let value = if self.all { slot.falses <= 0 } else { slot.trues > 0 };
        Ok(ScalarValue::Boolean(known.then_some(value)))
    }

    fn is_empty(&self, slot: &Counts) -> bool {
        slot.trues == 0 && slot.falses == 0
    }

    fn heap_bytes(&self, _: &Counts) -> usize {
        0
    }
}

//! `sum` and `avg` of numerics of any size.

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;

use super::slots::{Figure, Slots};
use super::{Accumulator, for_each_row, only};
use crate::decimal::{Total, encoding};
use crate::error::Result;

/// The accumulators of `sum`, or of `avg`.
pub(super) fn accumulator(average: bool, output: &DataType) -> Box<dyn Accumulator> {
    Slots::boxed(Totals { average }, output)
}

struct Totals {
    average: bool,
}

impl Figure for Totals {
    type Slot = Total;

    fn add(&self, slots: &mut [Total], groups: &[u32], arguments: &[ArrayRef], weights: Option<&[i64]>) -> Result<()> {
        let argument = only(arguments)?;
        let values = argument.as_binary::<i64>();
        for_each_row(groups, Some(argument), weights, |row, group, weight| {
            slots[group].add_encoded(values.value(row), weight);
        });
        Ok(())
    }

    fn value(&self, slot: &Total) -> Result<ScalarValue> {
        if slot.values() == 0 {
            return Ok(ScalarValue::Null);
        }
        let value = if self.average { slot.average()? } else { slot.sum()? };
        Ok(ScalarValue::LargeBinary(Some(encoding::encoded(&value))))
    }

    fn is_empty(&self, slot: &Total) -> bool {
        slot.is_empty()
    }

    fn heap_bytes(&self, slot: &Total) -> usize {
        slot.heap_bytes()
    }
}

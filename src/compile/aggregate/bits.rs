//! `bit_and`, `bit_or`, `bit_xor`: how often each bit came.

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Int16Type, Int32Type, Int64Type};
use datafusion::scalar::ScalarValue;

use super::slots::{Figure, Slots};
use super::{Accumulator, for_each_row, only};
use crate::compile::plan::AggregateFunction;
use crate::error::{Error, Result};

/// The accumulators of `function` over integers, which answer the same type.
pub(super) fn accumulator(function: AggregateFunction, output: &DataType) -> Result<Box<dyn Accumulator>> {
    let width = match output {
        DataType::Int16 => 16,
        DataType::Int32 => 32,
        DataType::Int64 => 64,
        other => return Err(Error::internal(format!("{} does not answer {other}", function.name()))),
    };
    Ok(Slots::boxed(Bits { function, width }, output))
}

struct Bits {
    function: AggregateFunction,
    width: usize,
}

#[derive(Clone, Default)]
struct Counts {
    values: i64,
    /// How often each bit was set, the lowest first; none before the first value.
    ones: Vec<i64>,
}

impl Bits {
    fn add_values(
        &self,
        slots: &mut [Counts],
        groups: &[u32],
        argument: &ArrayRef,
        weights: Option<&[i64]>,
        value: impl Fn(usize) -> i64,
    ) {
        for_each_row(groups, Some(argument), weights, |row, group, weight| {
            let slot = &mut slots[group];
            slot.values = slot.values.wrapping_add(weight);
            slot.ones.resize(self.width, 0);
            let mut rest = value(row) as u64 & (u64::MAX >> (64 - self.width));
            while rest != 0 {
                let count = &mut slot.ones[rest.trailing_zeros() as usize];
                *count = count.wrapping_add(weight);
                rest &= rest - 1;
            }
        });
    }
}

impl Figure for Bits {
    type Slot = Counts;

    fn add(&self, slots: &mut [Counts], groups: &[u32], arguments: &[ArrayRef], weights: Option<&[i64]>) -> Result<()> {
        let argument = only(arguments)?;
        match argument.data_type() {
            DataType::Int16 => {
                let values = argument.as_primitive::<Int16Type>().values();
                self.add_values(slots, groups, argument, weights, |row| i64::from(values[row]));
            }
            DataType::Int32 => {
                let values = argument.as_primitive::<Int32Type>().values();
                self.add_values(slots, groups, argument, weights, |row| i64::from(values[row]));
            }
            DataType::Int64 => {
                let values = argument.as_primitive::<Int64Type>().values();
                self.add_values(slots, groups, argument, weights, |row| values[row]);
            }
            other => return Err(Error::internal(format!("{} over {other}", self.function.name()))),
        }
        Ok(())
    }

    fn value(&self, slot: &Counts) -> Result<ScalarValue> {
        let is_set = |count: &i64| match self.function {
            AggregateFunction::BitAnd => *count == slot.values,
            AggregateFunction::BitOr => *count > 0,
            _ => *count & 1 == 1,
        };
        let bits = slot.ones.iter().rev().fold(0_u64, |bits, count| bits << 1 | u64::from(is_set(count)));
        let bits = (slot.values > 0).then_some(bits);
        // The casts cut off what is beyond the width: nothing.
        Ok(match self.width {
            16 => ScalarValue::Int16(bits.map(|bits| bits as i16)),
            32 => ScalarValue::Int32(bits.map(|bits| bits as i32)),
            _ => ScalarValue::Int64(bits.map(|bits| bits as i64)),
        })
    }

    fn is_empty(&self, slot: &Counts) -> bool {
        slot.values == 0 && slot.ones.iter().all(|count| *count == 0)
    }

    fn heap_bytes(&self, slot: &Counts) -> usize {
        slot.ones.capacity() * size_of::<i64>()
    }
}

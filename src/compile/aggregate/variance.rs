//! `var_pop`, `var_samp`, `stddev_pop`, `stddev_samp`: from exact sums of the values and of their squares, so that the variance is
//! that of the values and not that of a history. Numbers give numeric, floats give double precision.

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
};
use datafusion::scalar::ScalarValue;
use num_bigint::BigInt;

use super::exact_sum::{ExactSum, PRODUCT_EXPONENT};
use super::ratio::{float, float_root};
use super::slots::{Figure, Slots};
use super::{Accumulator, for_each_row, only, overflow};
use crate::compile::plan::AggregateFunction;
use crate::decimal::{Deviation, Squares, encoding};
use crate::error::{Error, Result};

/// The accumulators of `function` over numbers.
pub(super) fn accumulator(
    function: AggregateFunction,
    arguments: &[DataType],
    output: &DataType,
) -> Result<Box<dyn Accumulator>> {
    let kind = Kind {
        sample: matches!(function, AggregateFunction::VarSamp | AggregateFunction::StddevSamp),
        root: matches!(function, AggregateFunction::StddevPop | AggregateFunction::StddevSamp),
        output: output.clone(),
    };
    match arguments {
        [DataType::Float32 | DataType::Float64] => Ok(Slots::boxed(Floats { kind }, output)),
        [DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::LargeBinary] => {
            Ok(Slots::boxed(Numbers { kind, scale: 0 }, output))
        }
        [DataType::Decimal128(_, scale)] if *scale >= 0 => {
            Ok(Slots::boxed(Numbers { kind, scale: scale.unsigned_abs().into() }, output))
        }
        _ => Err(Error::internal(format!("{} over {arguments:?}", function.name()))),
    }
}

/// Which of the four.
struct Kind {
    /// Divides by the number of values less one.
    sample: bool,
    /// Takes the square root.
    root: bool,
    output: DataType,
}

impl Kind {
    /// N·(N or N−1), by which N·Σx² − (Σx)² is divided; `None` for too few values.
    fn divisor(&self, count: i64) -> Option<BigInt> {
        let least = if self.sample { 2 } else { 1 };
        (count >= least).then(|| BigInt::from(count) * (count - i64::from(self.sample)))
    }
}

/// Integers and numeric.
struct Numbers {
    kind: Kind,
    /// Digits after the point of values that all have as many.
    scale: u32,
}

impl Numbers {
    fn add_values(
        &self,
        slots: &mut [Squares],
        groups: &[u32],
        argument: &ArrayRef,
        weights: Option<&[i64]>,
        value: impl Fn(usize) -> i128,
    ) {
        for_each_row(groups, Some(argument), weights, |row, group, weight| {
            slots[group].add_small(value(row), self.scale, weight);
        });
    }
}

impl Figure for Numbers {
    type Slot = Squares;

    fn add(
        &self,
        slots: &mut [Squares],
        groups: &[u32],
        arguments: &[ArrayRef],
        weights: Option<&[i64]>,
    ) -> Result<()> {
        let argument = only(arguments)?;
        match argument.data_type() {
            DataType::Int16 => {
                let values = argument.as_primitive::<Int16Type>().values();
                self.add_values(slots, groups, argument, weights, |row| i128::from(values[row]));
            }
            DataType::Int32 => {
                let values = argument.as_primitive::<Int32Type>().values();
                self.add_values(slots, groups, argument, weights, |row| i128::from(values[row]));
            }
            DataType::Int64 => {
                let values = argument.as_primitive::<Int64Type>().values();
                self.add_values(slots, groups, argument, weights, |row| i128::from(values[row]));
            }
            DataType::Decimal128(..) => {
                let values = argument.as_primitive::<Decimal128Type>().values();
                self.add_values(slots, groups, argument, weights, |row| values[row]);
            }
            DataType::LargeBinary => {
                let values = argument.as_binary::<i64>();
                for_each_row(groups, Some(argument), weights, |row, group, weight| {
                    slots[group].add_encoded(values.value(row), weight);
                });
            }
            other => return Err(Error::internal(format!("a variance of {other}"))),
        }
        Ok(())
    }

    fn value(&self, slot: &Squares) -> Result<ScalarValue> {
        let deviation = Deviation { sample: self.kind.sample, root: self.kind.root };
        Ok(ScalarValue::LargeBinary(slot.figure(deviation)?.map(|value| encoding::encoded(&value))))
    }

    fn is_empty(&self, slot: &Squares) -> bool {
        slot.is_empty()
    }

    fn heap_bytes(&self, slot: &Squares) -> usize {
        slot.heap_bytes()
    }
}

/// Floats.
struct Floats {
    kind: Kind,
}

#[derive(Clone, Default)]
struct FloatSums {
    count: i64,
    sum: ExactSum,
    squares: ExactSum,
}

impl Floats {
    fn add_values(
        slots: &mut [FloatSums],
        groups: &[u32],
        argument: &ArrayRef,
        weights: Option<&[i64]>,
        value: impl Fn(usize) -> f64,
    ) {
        for_each_row(groups, Some(argument), weights, |row, group, weight| {
            let slot = &mut slots[group];
            let value = value(row);
            slot.count = slot.count.wrapping_add(weight);
            slot.sum.add(value, weight);
            slot.squares.add_product(value, value, weight);
        });
    }
}

impl Figure for Floats {
    type Slot = FloatSums;

    fn add(
        &self,
        slots: &mut [FloatSums],
        groups: &[u32],
        arguments: &[ArrayRef],
        weights: Option<&[i64]>,
    ) -> Result<()> {
        let argument = only(arguments)?;
        if *argument.data_type() == DataType::Float32 {
            let values = argument.as_primitive::<Float32Type>().values();
            Self::add_values(slots, groups, argument, weights, |row| f64::from(values[row]));
        } else {
            let values = argument.as_primitive::<Float64Type>().values();
            Self::add_values(slots, groups, argument, weights, |row| values[row]);
        }
        Ok(())
    }

    fn value(&self, slot: &FloatSums) -> Result<ScalarValue> {
        let Some(divisor) = self.kind.divisor(slot.count) else { return Ok(ScalarValue::Null) };
        if slot.sum.special().is_some() {
            return Ok(ScalarValue::Float64(Some(f64::NAN)));
        }
        let sum = slot.sum.integer();
        let numerator = slot.squares.integer() * slot.count - &sum * &sum;
        let value = match self.kind.root {
            true => float_root(&numerator, &divisor, PRODUCT_EXPONENT),
            false => float(&numerator, &divisor, PRODUCT_EXPONENT),
        };
        if value.is_infinite() {
            return Err(overflow(&self.kind.output));
        }
        Ok(ScalarValue::Float64(Some(value)))
    }

    fn is_empty(&self, slot: &FloatSums) -> bool {
        slot.count == 0 && slot.sum.is_zero() && slot.squares.is_zero()
    }

    fn heap_bytes(&self, slot: &FloatSums) -> usize {
        slot.sum.bytes() + slot.squares.bytes()
    }
}

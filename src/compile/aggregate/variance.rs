//! `var_pop`, `var_samp`, `stddev_pop`, `stddev_samp`: from exact sums of the values and of their squares, so that the variance is
//! that of the values and not that of a history. Numbers give numeric, floats give double precision.

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
};
use datafusion::scalar::ScalarValue;
use num_bigint::BigInt;

use super::exact_sum::{ExactSum, PRODUCT_EXPONENT};
use super::ratio::{float, float_root, power_of_ten, rounded};
use super::slots::{Figure, Slots};
use super::{Accumulator, for_each_row, only, overflow};
use crate::compile::plan::AggregateFunction;
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
        [DataType::Int16 | DataType::Int32 | DataType::Int64] => Ok(Slots::boxed(Numbers { kind, scale: 0 }, output)),
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
    /// Digits after the point of the values.
    scale: u32,
}

#[derive(Clone, Default)]
struct NumberSums {
    count: i64,
    sum: BigInt,
    squares: BigInt,
}

impl Numbers {
    fn add_values(
        slots: &mut [NumberSums],
        groups: &[u32],
        argument: &ArrayRef,
        weights: Option<&[i64]>,
        value: impl Fn(usize) -> i128,
    ) {
        for_each_row(groups, Some(argument), weights, |row, group, weight| {
            let slot = &mut slots[group];
            let value = value(row);
            let weighted = BigInt::from(value) * weight;
            slot.count = slot.count.wrapping_add(weight);
            slot.squares += &weighted * value;
            slot.sum += weighted;
        });
    }
}

impl Figure for Numbers {
    type Slot = NumberSums;

    fn add(
        &self,
        slots: &mut [NumberSums],
        groups: &[u32],
        arguments: &[ArrayRef],
        weights: Option<&[i64]>,
    ) -> Result<()> {
        let argument = only(arguments)?;
        match argument.data_type() {
            DataType::Int16 => {
                let values = argument.as_primitive::<Int16Type>().values();
                Self::add_values(slots, groups, argument, weights, |row| i128::from(values[row]));
            }
            DataType::Int32 => {
                let values = argument.as_primitive::<Int32Type>().values();
                Self::add_values(slots, groups, argument, weights, |row| i128::from(values[row]));
            }
            DataType::Int64 => {
                let values = argument.as_primitive::<Int64Type>().values();
                Self::add_values(slots, groups, argument, weights, |row| i128::from(values[row]));
            }
            DataType::Decimal128(..) => {
                let values = argument.as_primitive::<Decimal128Type>().values();
                Self::add_values(slots, groups, argument, weights, |row| values[row]);
            }
            other => return Err(Error::internal(format!("a variance of {other}"))),
        }
        Ok(())
    }

    fn value(&self, slot: &NumberSums) -> Result<ScalarValue> {
        let DataType::Decimal128(digits, scale) = self.kind.output else {
            return Err(Error::internal("a variance of numbers is numeric"));
        };
        let Some(divisor) = self.kind.divisor(slot.count) else { return Ok(ScalarValue::Null) };
        let numerator = &slot.squares * slot.count - &slot.sum * &slot.sum;
        let divisor = divisor * power_of_ten(2 * self.scale);
        let scale_digits = u32::from(scale.unsigned_abs());
        let value = if self.kind.root {
            // One digit more than is shown, so that the root can be rounded.
            let square = numerator * power_of_ten(2 * scale_digits + 2) / divisor;
            rounded(&square.sqrt(), &BigInt::from(10))
        } else {
            rounded(&(numerator * power_of_ten(scale_digits)), &divisor)
        };
        let value = i128::try_from(value).ok().filter(|value| *value < 10_i128.pow(digits.into()));
        let value = value.ok_or_else(|| overflow(&self.kind.output))?;
        Ok(ScalarValue::Decimal128(Some(value), digits, scale))
    }

    fn is_empty(&self, slot: &NumberSums) -> bool {
        slot.count == 0 && slot.squares == BigInt::ZERO && slot.sum == BigInt::ZERO
    }

    fn heap_bytes(&self, slot: &NumberSums) -> usize {
        (slot.sum.bits() + slot.squares.bits()) as usize / 8
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

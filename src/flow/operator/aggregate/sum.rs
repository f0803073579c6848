//! `sum` and `avg`, exact for every type.
//!
//! Integers and decimals are summed in 128 bits where no 2⁶⁴ rows can overflow them, else in 256; floats in an
//! [`ExactSum`]. Only the result is rounded and checked against its type, so that an overflow goes away with the rows that
//! caused it. Sums of numerics of any size are those of [`crate::compile::aggregate`].

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Float32Array, Float64Array, Int64Array, LargeBinaryBuilder,
};
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, i256,
};
use num_bigint::BigInt;

use crate::compile::aggregate::{
    Accumulator, ExactSum, Precision, Values, for_each_row, null_buffer, only, out_of_range,
};
use crate::decimal::{Decimal, encoding, small_quotient};
use crate::error::{Error, Result};

/// Digits of a decimal of which 2⁶³ can be added 2⁶³ times within 128 bits.
const NARROW_DIGITS: u8 = 18;

/// The accumulators of `sum(argument)`.
pub(super) fn sum(argument: &DataType, output: &DataType) -> Result<Box<dyn Accumulator>> {
    build(argument, output, false)
}

/// The accumulators of `avg(argument)`.
pub(super) fn average(argument: &DataType, output: &DataType) -> Result<Box<dyn Accumulator>> {
    build(argument, output, true)
}

fn build(argument: &DataType, output: &DataType, average: bool) -> Result<Box<dyn Accumulator>> {
    let fits = match (argument, output) {
        (DataType::Int16 | DataType::Int32 | DataType::Int64, DataType::Int64) => !average,
        (DataType::Int16 | DataType::Int32 | DataType::Int64, DataType::Decimal128(_, scale)) => {
            *scale >= 0 && !average
        }
        (DataType::Decimal128(_, from), DataType::Decimal128(_, to)) => to >= from && !average,
        (DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Decimal128(..), DataType::LargeBinary) => true,
        (DataType::Float32, DataType::Float32) => !average,
        (DataType::Float32 | DataType::Float64, DataType::Float64) => true,
        _ => false,
    };
    if !fits {
        let name = if average { "avg" } else { "sum" };
        return Err(Error::unsupported(format!("{name}({argument}) that answers {output} is not supported")));
    }
    let (argument, output) = (argument.clone(), output.clone());
    Ok(match argument {
        DataType::Float32 | DataType::Float64 => Box::new(FloatSum { slots: Vec::new(), output, average }),
        DataType::Decimal128(digits, _) if digits > NARROW_DIGITS => {
            Box::new(NumberSum::<i256> { slots: Vec::new(), argument, output, average })
        }
        _ => Box::new(NumberSum::<i128> { slots: Vec::new(), argument, output, average }),
    })
}

/// An integer wide enough for the sum of all rows.
trait Wide: Copy + Default + PartialEq + Send + Sync {
    fn add(&mut self, value: i128, weight: i64);
    fn wide(self) -> i256;
    fn narrow(self) -> Option<i128>;
}

impl Wide for i128 {
    #[inline]
    fn add(&mut self, value: i128, weight: i64) {
        *self = self.wrapping_add(value.wrapping_mul(i128::from(weight)));
    }

    fn wide(self) -> i256 {
        i256::from_i128(self)
    }

    fn narrow(self) -> Option<i128> {
        Some(self)
    }
}

impl Wide for i256 {
    #[inline]
    fn add(&mut self, value: i128, weight: i64) {
        let product = match weight {
            1 => i256::from_i128(value),
            weight => i256::from_i128(value).wrapping_mul(i256::from_i128(i128::from(weight))),
        };
        *self = self.wrapping_add(product);
    }

    fn wide(self) -> i256 {
        self
    }

    fn narrow(self) -> Option<i128> {
        self.to_i128()
    }
}

/// Sum and number of the values that are not NULL.
#[derive(Clone, Copy, Default, PartialEq)]
struct Slot<S> {
    sum: S,
    count: i64,
}

/// Sums of integers and decimals.
struct NumberSum<S> {
    slots: Vec<Slot<S>>,
    argument: DataType,
    output: DataType,
    average: bool,
}

impl<S: Wide> NumberSum<S> {
    fn add(&mut self, groups: &[u32], argument: &ArrayRef, weights: Option<&[i64]>, value: impl Fn(usize) -> i128) {
        for_each_row(groups, Some(argument), weights, |row, group, weight| {
            let slot = &mut self.slots[group];
            slot.sum.add(value(row), weight);
            slot.count = slot.count.wrapping_add(weight);
        });
    }

    /// The sum of a group in units of the output's scale; `None` for a value beyond 128 bits.
    #[inline]
    fn result(&self, slot: &Slot<S>, factor: i128) -> Option<i128> {
        slot.sum.narrow().and_then(|sum| sum.checked_mul(factor))
    }

    /// Sums or averages as numerics of any size.
    fn any_values(&self, groups: &[u32]) -> Values {
        let scale = if let DataType::Decimal128(_, scale) = self.argument { scale } else { 0 };
        let scale = u32::from(scale.unsigned_abs());
        let (mut values, mut errors, mut bytes) = (LargeBinaryBuilder::new(), Vec::new(), Vec::new());
        for (position, group) in groups.iter().enumerate() {
            let slot = &self.slots[*group as usize];
            if slot.count == 0 || self.average && slot.count < 0 {
                values.append_null();
                continue;
            }
            let small = slot.sum.narrow().map(|sum| (sum, scale));
            let small = match self.average {
                true => small.and_then(|sum| small_quotient(sum, (i128::from(slot.count), 0))),
                false => small,
            };
            if let Some((units, scale)) = small {
                bytes.clear();
                encoding::write_small(units, scale, &mut bytes);
                values.append_value(&bytes);
                continue;
            }
            let sum = Decimal::new(BigInt::from_signed_bytes_be(&slot.sum.wide().to_be_bytes()), scale);
            match if self.average { sum.divide(&Decimal::from(slot.count)) } else { Ok(sum) } {
                Ok(value) => values.append_value(encoding::encoded(&value)),
                Err(error) => {
                    errors.push((position, error.code, error.message));
                    values.append_null();
                }
            }
        }
        Values { values: Arc::new(values.finish()), errors }
    }
}

impl<S: Wide> Accumulator for NumberSum<S> {
    fn grow(&mut self, groups: usize) {
        self.slots.resize(groups.max(self.slots.len()), Slot::default());
    }

    fn update(&mut self, groups: &[u32], arguments: &[ArrayRef], weights: Option<&[i64]>) -> Result<()> {
        let argument = only(arguments)?;
        match argument.data_type() {
            DataType::Int16 => {
                let values = argument.as_primitive::<Int16Type>().values();
                self.add(groups, argument, weights, |row| i128::from(values[row]));
            }
            DataType::Int32 => {
                let values = argument.as_primitive::<Int32Type>().values();
                self.add(groups, argument, weights, |row| i128::from(values[row]));
            }
            DataType::Int64 => {
                let values = argument.as_primitive::<Int64Type>().values();
                self.add(groups, argument, weights, |row| i128::from(values[row]));
            }
            DataType::Decimal128(..) => {
                let values = argument.as_primitive::<Decimal128Type>().values();
                self.add(groups, argument, weights, |row| values[row]);
            }
            other => return Err(Error::internal(format!("sum was built for {}, not {other}", self.argument))),
        }
        Ok(())
    }

    fn values(&self, groups: &[u32], _: &[i64]) -> Result<Values> {
        if self.output == DataType::LargeBinary {
            return Ok(self.any_values(groups));
        }
        let from = if let DataType::Decimal128(_, scale) = self.argument { scale } else { 0 };
        let (limit, to) = match self.output {
            DataType::Decimal128(digits, scale) => (10_i128.pow(u32::from(digits)), scale),
            _ => (i128::from(i64::MAX) + 1, 0),
        };
        let is_integer = self.output == DataType::Int64;
        let lowest = if is_integer { -limit } else { 1 - limit };
        let factor = 10_i128.pow((to - from).unsigned_abs().into());
        let mut errors = Vec::new();
        let mut nulls = Vec::new();
        let mut numbers: Vec<i128> = Vec::with_capacity(groups.len());
        // The slots lie anywhere in memory: a loop that does nothing but read them lets the processor wait for many at
        // once.
        let slots: Vec<Slot<S>> = groups.iter().map(|group| self.slots[*group as usize]).collect();
        for (position, slot) in slots.iter().enumerate() {
            if slot.count == 0 {
                nulls.push(position);
                numbers.push(0);
                continue;
            }
            match self.result(slot, factor) {
                Some(number) if number >= lowest && number < limit => numbers.push(number),
                _ => {
                    let (code, reason) = out_of_range(&self.output);
                    errors.push((position, code, reason));
                    nulls.push(position);
                    numbers.push(0);
                }
            }
        }
        let nulls = null_buffer(&nulls, groups.len());
        let values: ArrayRef = if is_integer {
            // Within range: checked above.
            let numbers: Vec<i64> = numbers.into_iter().map(|number| number as i64).collect();
            Arc::new(Int64Array::new(numbers.into(), nulls))
        } else {
            Arc::new(Decimal128Array::new(numbers.into(), nulls).with_data_type(self.output.clone()))
        };
        Ok(Values { values, errors })
    }

    fn is_empty(&self, group: usize) -> bool {
        self.slots[group] == Slot::default()
    }

    fn clear(&mut self, group: usize) {
        self.slots[group] = Slot::default();
    }

    fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot<S>>()
    }
}

/// Sums of floats.
struct FloatSum {
    slots: Vec<(ExactSum, i64)>,
    output: DataType,
    average: bool,
}

impl FloatSum {
    fn add(&mut self, groups: &[u32], argument: &ArrayRef, weights: Option<&[i64]>, value: impl Fn(usize) -> f64) {
        for_each_row(groups, Some(argument), weights, |row, group, weight| {
            let (sum, count) = &mut self.slots[group];
            sum.add(value(row), weight);
            *count = count.wrapping_add(weight);
        });
    }
}

impl Accumulator for FloatSum {
    fn grow(&mut self, groups: usize) {
        self.slots.resize(groups.max(self.slots.len()), Default::default());
    }

    fn update(&mut self, groups: &[u32], arguments: &[ArrayRef], weights: Option<&[i64]>) -> Result<()> {
        let argument = only(arguments)?;
        if *argument.data_type() == DataType::Float32 {
            let values = argument.as_primitive::<Float32Type>().values();
            self.add(groups, argument, weights, |row| f64::from(values[row]));
        } else {
            let values = argument.as_primitive::<Float64Type>().values();
            self.add(groups, argument, weights, |row| values[row]);
        }
        Ok(())
    }

    fn values(&self, groups: &[u32], _: &[i64]) -> Result<Values> {
        let single = self.output == DataType::Float32;
        let precision = if single { Precision::Single } else { Precision::Double };
        let mut errors = Vec::new();
        let mut numbers: Vec<Option<f64>> = Vec::with_capacity(groups.len());
        for (position, group) in groups.iter().enumerate() {
            let (sum, count) = &self.slots[*group as usize];
            let value = if *count == 0 { None } else { Some(sum.value(precision)) };
            if value == Some(None) {
                let (code, reason) = out_of_range(&self.output);
                errors.push((position, code, reason));
            }
            numbers.push(value.flatten().map(|sum| if self.average { sum / *count as f64 } else { sum }));
        }
        let values: ArrayRef = if single {
            // The sum was rounded to single precision: the cast loses nothing.
            Arc::new(numbers.into_iter().map(|number| number.map(|n| n as f32)).collect::<Float32Array>())
        } else {
            Arc::new(Float64Array::from(numbers))
        };
        Ok(Values { values, errors })
    }

    fn is_empty(&self, group: usize) -> bool {
        let (sum, count) = &self.slots[group];
        *count == 0 && sum.is_zero()
    }

    fn clear(&mut self, group: usize) {
        self.slots[group] = Default::default();
    }

    fn bytes(&self) -> usize {
        let sums: usize = self.slots.iter().map(|(sum, _)| sum.bytes()).sum();
        self.slots.capacity() * size_of::<(ExactSum, i64)>() + sums
    }
}

//! Sums and counts by group, as `sum` and `avg` need them: integers and numeric exactly in 256 bits, which no realistic number of
//! rows overflows, checked only at the end.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, Decimal128Array, Decimal256Array, Float32Array, Float64Array,
    Int64Array, LargeBinaryArray, PrimitiveArray,
};
use datafusion::arrow::datatypes::{
    DECIMAL256_MAX_PRECISION, DataType, Decimal128Type, Decimal256Type, DecimalType, Float32Type, Float64Type,
    Int16Type, Int32Type, Int64Type, i256,
};
use datafusion::common::{DataFusionError, internal_err};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::EmitTo;
use num_bigint::BigInt;

use crate::decimal::{Decimal, encoding};
use crate::error::{Error, code};

/// What is made of a sum and a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Figure {
    /// The sum.
    Sum,
    /// The sum by the count.
    Average,
}

/// Sums and counts of non-null values by group.
#[derive(Debug, Clone)]
pub(super) struct Totals {
    figure: Figure,
    input: DataType,
    output: DataType,
    sums: Sums,
    counts: Vec<i64>,
}

#[derive(Debug, Clone)]
enum Sums {
    Exact(Vec<i256>),
    Float(Vec<f64>),
}

impl Totals {
    /// No groups yet; `input` and `output` are the types of the values and of the results.
    pub(super) fn new(figure: Figure, input: &DataType, output: &DataType) -> Self {
        let sums = if input.is_floating() { Sums::Float(Vec::new()) } else { Sums::Exact(Vec::new()) };
        Totals { figure, input: input.clone(), output: output.clone(), sums, counts: Vec::new() }
    }

    /// The same without groups.
    pub(super) fn empty(&self) -> Self {
        Totals::new(self.figure, &self.input, &self.output)
    }

    /// Type of the values.
    pub(super) fn input(&self) -> &DataType {
        &self.input
    }

    /// Type of the sums in [`Totals::partial`].
    pub(super) fn sum_type(input: &DataType) -> DataType {
        match input {
            DataType::Decimal128(_, scale) => DataType::Decimal256(DECIMAL256_MAX_PRECISION, *scale),
            other if other.is_floating() => DataType::Float64,
            _ => DataType::Decimal256(DECIMAL256_MAX_PRECISION, 0),
        }
    }

    /// Makes room for `groups` groups.
    pub(super) fn grow(&mut self, groups: usize) {
        if self.counts.len() >= groups {
            return;
        }
        self.counts.resize(groups, 0);
        match &mut self.sums {
            Sums::Exact(sums) => sums.resize(groups, i256::ZERO),
            Sums::Float(sums) => sums.resize(groups, 0.0),
        }
    }

    /// Adds each value to the group of its row (`None`: to no group), or takes it away if `sign` is -1.
    pub(super) fn add(
        &mut self,
        values: &ArrayRef,
        group: impl Fn(usize) -> Option<usize>,
        sign: i64,
    ) -> PlanResult<()> {
        let counts = &mut self.counts;
        match (&mut self.sums, values.data_type()) {
            (Sums::Exact(sums), DataType::Int16) => exact::<Int16Type>(sums, counts, values, group, sign, i256::from),
            (Sums::Exact(sums), DataType::Int32) => exact::<Int32Type>(sums, counts, values, group, sign, i256::from),
            (Sums::Exact(sums), DataType::Int64) => exact::<Int64Type>(sums, counts, values, group, sign, i256::from),
            (Sums::Exact(sums), DataType::Decimal128(..)) => {
                exact::<Decimal128Type>(sums, counts, values, group, sign, i256::from);
            }
            (Sums::Float(sums), DataType::Float32) => {
                each::<Float32Type>(values, group, |group, value| {
                    sums[group] += f64::from(value) * sign as f64;
                    counts[group] += sign;
                });
            }
            (Sums::Float(sums), DataType::Float64) => {
                each::<Float64Type>(values, group, |group, value| {
                    sums[group] += value * sign as f64;
                    counts[group] += sign;
                });
            }
            (_, other) => return internal_err!("cannot sum {other}"),
        }
        Ok(())
    }

    /// Adds what [`Totals::partial`] gave elsewhere.
    pub(super) fn merge(&mut self, states: &[ArrayRef], group: impl Fn(usize) -> usize) -> PlanResult<()> {
        let added = states[1].as_primitive::<Int64Type>();
        for row in 0..added.len() {
            self.counts[group(row)] += added.value(row);
        }
        match &mut self.sums {
            Sums::Exact(sums) => each::<Decimal256Type>(
                &states[0],
                |row| Some(group(row)),
                |group, value| {
                    sums[group] = sums[group].wrapping_add(value);
                },
            ),
            Sums::Float(sums) => {
                each::<Float64Type>(&states[0], |row| Some(group(row)), |group, value| sums[group] += value);
            }
        }
        Ok(())
    }

    /// Sums and counts, removed from here.
    pub(super) fn partial(&mut self, emit_to: EmitTo) -> PlanResult<Vec<ArrayRef>> {
        let counts = emit_to.take_needed(&mut self.counts);
        let sums: ArrayRef = match &mut self.sums {
            Sums::Exact(sums) => {
                let array = Decimal256Array::from(emit_to.take_needed(sums));
                Arc::new(array.with_data_type(Self::sum_type(&self.input)))
            }
            Sums::Float(sums) => Arc::new(Float64Array::from(emit_to.take_needed(sums))),
        };
        Ok(vec![sums, Arc::new(Int64Array::from(counts))])
    }

    /// Results, removed from here: NULL for groups without a value.
    pub(super) fn results(&mut self, emit_to: EmitTo) -> PlanResult<ArrayRef> {
        let counts = emit_to.take_needed(&mut self.counts);
        let (figure, input_scale) = (self.figure, scale(&self.input));
        match &mut self.sums {
            Sums::Float(sums) => {
                let sums = emit_to.take_needed(sums);
                let values = sums.into_iter().zip(counts).map(|(sum, count)| match figure {
                    _ if count == 0 => None,
                    Figure::Sum => Some(sum),
                    Figure::Average => Some(sum / count as f64),
                });
                Ok(match self.output {
                    DataType::Float32 => {
                        Arc::new(values.map(|value| value.map(|v| v as f32)).collect::<Float32Array>())
                    }
                    _ => Arc::new(values.collect::<Float64Array>()),
                })
            }
            Sums::Exact(sums) => {
                let sums = emit_to.take_needed(sums);
                if self.output == DataType::LargeBinary {
                    return any_results(sums, counts, figure, input_scale);
                }
                let values = sums.into_iter().zip(counts).map(|(sum, count)| match figure {
                    _ if count == 0 => Ok(None),
                    _ => Ok(Some(sum)),
                });
                exact_results(values, &self.output)
            }
        }
    }

    /// Bytes held beside the struct itself.
    pub(super) fn size(&self) -> usize {
        let sums = match &self.sums {
            Sums::Exact(sums) => sums.capacity() * size_of::<i256>(),
            Sums::Float(sums) => sums.capacity() * size_of::<f64>(),
        };
        sums + self.counts.capacity() * size_of::<i64>()
    }
}

fn each<T: ArrowPrimitiveType>(
    values: &ArrayRef,
    group: impl Fn(usize) -> Option<usize>,
    mut add: impl FnMut(usize, T::Native),
) {
    let values: &PrimitiveArray<T> = values.as_primitive();
    for row in 0..values.len() {
        if let Some(group) = group(row).filter(|_| values.is_valid(row)) {
            add(group, values.value(row));
        }
    }
}

fn exact<T: ArrowPrimitiveType>(
    sums: &mut [i256],
    counts: &mut [i64],
    values: &ArrayRef,
    group: impl Fn(usize) -> Option<usize>,
    sign: i64,
    widen: impl Fn(T::Native) -> i256,
) {
    each::<T>(values, group, |group, value| {
        let value = widen(value);
        sums[group] = if sign < 0 { sums[group].wrapping_sub(value) } else { sums[group].wrapping_add(value) };
        counts[group] += sign;
    });
}

/// Sums or averages as numerics of any size.
fn any_results(sums: Vec<i256>, counts: Vec<i64>, figure: Figure, scale: i8) -> PlanResult<ArrayRef> {
    let scale = u32::from(scale.unsigned_abs());
    let result = |(sum, count): (i256, i64)| {
        let total = Decimal::new(BigInt::from_signed_bytes_be(&sum.to_be_bytes()), scale);
        let value = match figure {
            _ if count == 0 => return Ok(None),
            Figure::Sum => total,
            Figure::Average => total.divide(&Decimal::from(count)).map_err(external)?,
        };
        Ok(Some(encoding::encoded(&value)))
    };
    let values: LargeBinaryArray = sums.into_iter().zip(counts).map(result).collect::<PlanResult<_>>()?;
    Ok(Arc::new(values))
}

fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

fn exact_results(values: impl Iterator<Item = PlanResult<Option<i256>>>, output: &DataType) -> PlanResult<ArrayRef> {
    if *output == DataType::Int64 {
        let narrow = |value: i256| {
            value.to_i128().and_then(|value| i64::try_from(value).ok()).ok_or_else(|| out_of_range("bigint"))
        };
        let values: Vec<Option<i64>> = values.map(|value| value?.map(narrow).transpose()).collect::<PlanResult<_>>()?;
        return Ok(Arc::new(Int64Array::from(values)));
    }
    let DataType::Decimal128(precision, _) = output else {
        return internal_err!("sums cannot become {output}");
    };
    let narrow = |value: i256| {
        let fits = |value: &i128| Decimal128Type::validate_decimal_precision(*value, *precision, 0).is_ok();
        value.to_i128().filter(fits).ok_or_else(|| out_of_range("numeric"))
    };
    let values: Vec<Option<i128>> = values.map(|value| value?.map(narrow).transpose()).collect::<PlanResult<_>>()?;
    Ok(Arc::new(Decimal128Array::from(values).with_data_type(output.clone())))
}

fn scale(kind: &DataType) -> i8 {
    match kind {
        DataType::Decimal128(_, scale) => *scale,
        _ => 0,
    }
}

fn out_of_range(kind: &str) -> DataFusionError {
    DataFusionError::External(Box::new(Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, format!("{kind} out of range"))))
}

//! RANGE with offsets: which rows are within a distance, as PostgreSQL's `in_range` functions tell.

use std::ops::Range;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
    TimestampMicrosecondType, i256,
};
use datafusion::scalar::ScalarValue;

use crate::batch::arrow_error;
use crate::canonical::interval_nanoseconds;
use crate::compile::function::{negated, shifted};
use crate::decimal::{Decimal, encoding};
use crate::error::{Error, Result};
use crate::format::text::TimeZone;
use crate::format::text::calendar::DAY_US;

/// A column to order by with the offsets of a frame's start and end. Offsets are bigint for whole numbers, double precision for
/// floats, numeric for numeric, interval for times and intervals, and not negative.
pub(super) struct Distances<'a> {
    nulls: Vec<bool>,
    descending: bool,
    values: Values,
    offsets: [Option<&'a ScalarValue>; 2],
    zone: Option<TimeZone>,
}

enum Values {
    /// Whole numbers, numeric as its digits, intervals as nanoseconds. With how many digits after the point numeric has.
    Exact(Vec<i256>, i8),
    Float(Vec<f64>),
    /// Numerics of any size.
    Any(Vec<Decimal>),
    /// µs.
    Time(Vec<i64>),
}

impl<'a> Distances<'a> {
    pub(super) fn new(
        column: &ArrayRef,
        descending: bool,
        zone: TimeZone,
        start: Option<&'a ScalarValue>,
        end: Option<&'a ScalarValue>,
    ) -> Result<Distances<'a>> {
        let offsets = [start, end];
        let finest = |scale: i8| {
            let scales = offsets.iter().flatten().map(|offset| match offset {
                ScalarValue::Decimal128(_, _, scale) => *scale,
                _ => 0,
            });
            scales.fold(scale, i8::max)
        };
        let cast_to = |kind: &DataType| cast(column, kind).map_err(arrow_error);
        let values = match column.data_type() {
            DataType::Int16 | DataType::Int32 | DataType::Int64 => {
                let column = cast_to(&DataType::Int64)?;
                let values = column.as_primitive::<Int64Type>().values();
                Values::Exact(values.iter().map(|value| i256::from(*value)).collect(), 0)
            }
            DataType::Decimal128(_, scale) => {
                let finest = finest(*scale);
                let values = column.as_primitive::<Decimal128Type>().values();
                Values::Exact(values.iter().map(|value| scaled(*value, finest - scale)).collect(), finest)
            }
            DataType::Float32 | DataType::Float64 => {
                let column = cast_to(&DataType::Float64)?;
                Values::Float(column.as_primitive::<Float64Type>().values().to_vec())
            }
            DataType::LargeBinary => {
                let values = column.as_binary::<i64>().iter();
                Values::Any(values.map(|value| value.map_or(Decimal::NaN, encoding::read)).collect())
            }
            DataType::Date32 => {
                let days = column.as_primitive::<Date32Type>().values();
                Values::Time(days.iter().map(|days| i64::from(*days).saturating_mul(DAY_US)).collect())
            }
            DataType::Timestamp(..) => {
                Values::Time(column.as_primitive::<TimestampMicrosecondType>().values().to_vec())
            }
            DataType::Interval(_) => {
                let values = column.as_primitive::<IntervalMonthDayNanoType>().values();
                Values::Exact(values.iter().map(|value| i256::from_i128(interval_nanoseconds(*value))).collect(), 0)
            }
            other => return Err(Error::internal(format!("RANGE over a column of type {other}"))),
        };
        let nulls = (0..column.len()).map(|row| column.is_null(row)).collect();
        let instant = matches!(column.data_type(), DataType::Timestamp(_, Some(_)));
        Ok(Distances { nulls, descending, values, offsets, zone: instant.then_some(zone) })
    }

    /// The rows of a partition that are not NULL.
    pub(super) fn known(&self, partition: &Range<usize>) -> Range<usize> {
        let nulls = &self.nulls[partition.clone()];
        let first = nulls.iter().position(|null| !null).unwrap_or(nulls.len());
        let last = nulls.iter().rposition(|null| !null).map_or(first, |last| last + 1);
        partition.start + first..partition.start + last
    }

    /// The first of the rows `known` that is not before the offset from `row`.
    pub(super) fn start(&self, row: usize, preceding: bool, known: &Range<usize>) -> usize {
        let inside = self.inside(row, 0, preceding != self.descending, self.descending);
        partition_point(known, |other| !inside(other))
    }

    /// After the last of the rows `known` that is not behind the offset from `row`.
    pub(super) fn end(&self, row: usize, preceding: bool, known: &Range<usize>) -> usize {
        let inside = self.inside(row, 1, preceding != self.descending, !self.descending);
        partition_point(known, inside)
    }

    /// Tells whether another row's value is at most (`less`) or at least the value of `row` plus or minus (`subtract`) an offset.
    fn inside(&self, row: usize, offset: usize, subtract: bool, less: bool) -> Box<dyn Fn(usize) -> bool + '_> {
        let Some(offset) = self.offsets[offset] else { return Box::new(|_| true) };
        match &self.values {
            Values::Exact(values, scale) => {
                let offset = exact(offset, *scale);
                let bound = if subtract { values[row].wrapping_sub(offset) } else { values[row].wrapping_add(offset) };
                Box::new(move |other| if less { values[other] <= bound } else { values[other] >= bound })
            }
            Values::Time(values) => {
                let span = match offset {
                    ScalarValue::IntervalMonthDayNano(Some(span)) => *span,
                    _ => IntervalMonthDayNano::ZERO,
                };
                let span = if subtract { negated(span) } else { Ok(span) };
                // What lies beyond all times is before or behind all of them.
                let beyond = if subtract { i64::MIN } else { i64::MAX };
                let bound = span.and_then(|span| shifted(values[row], span, self.zone)).unwrap_or(beyond);
                Box::new(move |other| if less { values[other] <= bound } else { values[other] >= bound })
            }
            Values::Any(values) => {
                let offset = match offset {
                    ScalarValue::LargeBinary(Some(bytes)) => encoding::read(bytes),
                    _ => Decimal::zero(),
                };
                let base = values[row].clone();
                Box::new(move |other| any_inside(&values[other], &base, &offset, subtract, less))
            }
            Values::Float(values) => {
                let offset = match offset {
                    ScalarValue::Float64(Some(offset)) => *offset,
                    _ => 0.0,
                };
                let base = values[row];
                Box::new(move |other| float_inside(values[other], base, offset, subtract, less))
            }
        }
    }
}

/// PostgreSQL's `in_range_float8_float8`: NaN is equal to itself and greater than all numbers.
fn float_inside(value: f64, base: f64, offset: f64, subtract: bool, less: bool) -> bool {
    if value.is_nan() {
        return base.is_nan() || !less;
    }
    if base.is_nan() {
        return less;
    }
    if offset.is_infinite() && base.is_infinite() && (if subtract { base > 0.0 } else { base < 0.0 }) {
        return true;
    }
    let bound = if subtract { base - offset } else { base + offset };
    if less { value <= bound } else { value >= bound }
}

/// PostgreSQL's `in_range_numeric_numeric`.
fn any_inside(value: &Decimal, base: &Decimal, offset: &Decimal, subtract: bool, less: bool) -> bool {
    if *value == Decimal::NaN {
        return *base == Decimal::NaN || !less;
    }
    if *base == Decimal::NaN {
        return less;
    }
    let towards = if subtract { Decimal::Infinity } else { Decimal::NegativeInfinity };
    if *offset == Decimal::Infinity && *base == towards {
        return true;
    }
    let bound = if subtract { base.subtract(offset) } else { base.add(offset) };
    // What overflows lies beyond all numbers.
    let beyond = if subtract { Decimal::NegativeInfinity } else { Decimal::Infinity };
    let order = value.compare(&bound.unwrap_or(beyond));
    if less { order.is_le() } else { order.is_ge() }
}

fn exact(offset: &ScalarValue, scale: i8) -> i256 {
    match offset {
        ScalarValue::Int64(Some(offset)) => i256::from(*offset),
        ScalarValue::Decimal128(Some(offset), _, own) => scaled(*offset, scale - own),
        ScalarValue::IntervalMonthDayNano(Some(span)) => i256::from_i128(interval_nanoseconds(*span)),
        _ => i256::ZERO,
    }
}

/// With `digits` more digits after the point: at most 38, so that 256 bits hold it.
fn scaled(value: i128, digits: i8) -> i256 {
    let factor = i256::from_i128(10).wrapping_pow(u32::from(digits.max(0).unsigned_abs()));
    i256::from_i128(value).wrapping_mul(factor)
}

/// The first of `rows` for which `before` does not hold; it holds for all rows before one for which it holds.
fn partition_point(rows: &Range<usize>, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (rows.start, rows.end);
    while low < high {
        let middle = low + (high - low) / 2;
        if before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

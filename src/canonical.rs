//! When two values are the same: canonical values, equality of rows and of keys.
//!
//! As keys (GROUP BY, DISTINCT, joins, ORDER BY) values are equal as in PostgreSQL: NULL and NULL (where NULLs match at
//! all), −0.0 and 0.0, any two NaN, intervals of equal length with 30-day months and 24-hour days. As rows, when a
//! delete looks for its insert, the same holds except that intervals are compared field by field, so that `1 month` can
//! be replaced by `30 days`.
//!
//! Numerics of any size are the same here only if they end with the same zeros: a key comes back as it was. Where queries
//! compare them, they compare their sort keys, which have no such zeros ([`comparable`]).

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, GenericListArray, LargeBinaryArray, StructArray};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Date64Type, Decimal128Type, DurationMicrosecondType, DurationSecondType,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, IntervalUnit, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use datafusion::arrow::record_batch::RecordBatch;

use crate::decimal::encoding;
use crate::error::{Error, Result};

const DAY: i128 = 86_400_000_000_000;
const MONTH: i128 = 30 * DAY;

/// Which notion of equality is meant; see the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Equality {
    /// Of keys.
    Key,
    /// Of whole rows.
    Row,
}

/// Refuses schemas with a type that state cannot hold; `what` names the construct.
pub fn require_supported<'a>(types: impl IntoIterator<Item = &'a DataType>, what: &str) -> Result<()> {
    for data_type in types {
        if !is_supported(data_type) {
            return Err(Error::unsupported(format!("{what} over a column of type {data_type} is not supported")));
        }
    }
    Ok(())
}

/// −0.0 as 0.0 and every NaN as the one positive quiet NaN, which sorts above all numbers.
#[inline]
pub fn canonical_f64(value: f64) -> f64 {
    if value == 0.0 {
        0.0
    } else if value.is_nan() {
        f64::NAN
    } else {
        value
    }
}

/// Length of an interval in ns with 30-day months and 24-hour days: what PostgreSQL compares.
pub fn interval_nanoseconds(interval: IntervalMonthDayNano) -> i128 {
    i128::from(interval.months) * MONTH + i128::from(interval.days) * DAY + i128::from(interval.nanoseconds)
}

/// A column as keys: equal keys become identical, also in the row format of Arrow, and sort there as PostgreSQL sorts
/// them.
pub fn canonical_key(column: &ArrayRef) -> ArrayRef {
    canonical(column, Equality::Key)
}

/// A column whose values are identical where queries take them for equal, and sort as they do: [`canonical_key`] with
/// numerics that have the least number of digits after the point.
pub fn comparable(column: &ArrayRef) -> ArrayRef {
    match column.as_binary_opt::<i64>() {
        Some(values) => {
            Arc::new(values.iter().map(|value| value.map(encoding::canonical)).collect::<LargeBinaryArray>())
        }
        None => canonical_key(column),
    }
}

/// A column as part of whole rows: values that are equal as rows become identical.
pub fn canonical_row(column: &ArrayRef) -> ArrayRef {
    canonical(column, Equality::Row)
}

/// Whether row `i` of `left` and row `j` of `right` are the same row.
pub fn rows_equal(left: &RecordBatch, i: usize, right: &RecordBatch, j: usize) -> bool {
    left.columns().iter().zip(right.columns()).all(|(l, r)| values_equal(l.as_ref(), i, r.as_ref(), j, Equality::Row))
}

/// Whether two values of one type are equal; two NULLs are.
pub fn values_equal(left: &dyn Array, i: usize, right: &dyn Array, j: usize, equality: Equality) -> bool {
    match (left.is_null(i), right.is_null(j)) {
        (false, false) => {}
        (true, true) => return true,
        _ => return false,
    }
    match left.data_type() {
        DataType::Boolean => left.as_boolean().value(i) == right.as_boolean().value(j),
        DataType::Int8 => same::<Int8Type>(left, i, right, j),
        DataType::Int16 => same::<Int16Type>(left, i, right, j),
        DataType::Int32 => same::<Int32Type>(left, i, right, j),
        DataType::Int64 => same::<Int64Type>(left, i, right, j),
        DataType::UInt8 => same::<UInt8Type>(left, i, right, j),
        DataType::UInt16 => same::<UInt16Type>(left, i, right, j),
        DataType::UInt32 => same::<UInt32Type>(left, i, right, j),
        DataType::UInt64 => same::<UInt64Type>(left, i, right, j),
        DataType::Float32 => {
            let (l, r) = (left.as_primitive::<Float32Type>().value(i), right.as_primitive::<Float32Type>().value(j));
            l == r || l.is_nan() && r.is_nan()
        }
        DataType::Float64 => {
            let (l, r) = (left.as_primitive::<Float64Type>().value(i), right.as_primitive::<Float64Type>().value(j));
            l == r || l.is_nan() && r.is_nan()
        }
        DataType::Decimal128(..) => same::<Decimal128Type>(left, i, right, j),
        DataType::Date32 => same::<Date32Type>(left, i, right, j),
        DataType::Date64 => same::<Date64Type>(left, i, right, j),
        DataType::Time64(TimeUnit::Microsecond) => same::<Time64MicrosecondType>(left, i, right, j),
        DataType::Duration(TimeUnit::Microsecond) => same::<DurationMicrosecondType>(left, i, right, j),
        DataType::Duration(TimeUnit::Second) => same::<DurationSecondType>(left, i, right, j),
        DataType::Timestamp(TimeUnit::Second, _) => same::<TimestampSecondType>(left, i, right, j),
        DataType::Timestamp(TimeUnit::Millisecond, _) => same::<TimestampMillisecondType>(left, i, right, j),
        DataType::Timestamp(TimeUnit::Microsecond, _) => same::<TimestampMicrosecondType>(left, i, right, j),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => same::<TimestampNanosecondType>(left, i, right, j),
        DataType::Interval(_) => {
            let l = left.as_primitive::<IntervalMonthDayNanoType>().value(i);
            let r = right.as_primitive::<IntervalMonthDayNanoType>().value(j);
            l == r || equality == Equality::Key && interval_nanoseconds(l) == interval_nanoseconds(r)
        }
        DataType::Utf8 => left.as_string::<i32>().value(i) == right.as_string::<i32>().value(j),
        DataType::Binary => left.as_binary::<i32>().value(i) == right.as_binary::<i32>().value(j),
        DataType::LargeBinary => left.as_binary::<i64>().value(i) == right.as_binary::<i64>().value(j),
        DataType::List(_) => lists_equal(left.as_list::<i32>(), i, right.as_list::<i32>(), j, equality),
        DataType::Struct(_) => {
            let (left, right) = (left.as_struct().columns(), right.as_struct().columns());
            left.len() == right.len()
                && left.iter().zip(right).all(|(l, r)| values_equal(l.as_ref(), i, r.as_ref(), j, equality))
        }
        DataType::Null => true,
        // Constructors refuse every other type (`require_supported`).
        _ => false,
    }
}

fn same<T: ArrowPrimitiveType>(left: &dyn Array, i: usize, right: &dyn Array, j: usize) -> bool {
    left.as_primitive::<T>().value(i) == right.as_primitive::<T>().value(j)
}

fn lists_equal(
    left: &GenericListArray<i32>,
    i: usize,
    right: &GenericListArray<i32>,
    j: usize,
    equality: Equality,
) -> bool {
    let (l, r) = (left.value(i), right.value(j));
    l.len() == r.len() && (0..l.len()).all(|k| values_equal(l.as_ref(), k, r.as_ref(), k, equality))
}

/// The types of `values_equal`, `hash_rows` and `canonical`.
fn is_supported(data_type: &DataType) -> bool {
    match data_type {
        DataType::Null | DataType::Boolean | DataType::Utf8 | DataType::Binary | DataType::LargeBinary => true,
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => true,
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => true,
        DataType::Float32 | DataType::Float64 | DataType::Decimal128(..) => true,
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => true,
        DataType::Time64(unit) => *unit == TimeUnit::Microsecond,
        DataType::Duration(unit) => matches!(unit, TimeUnit::Microsecond | TimeUnit::Second),
        DataType::Interval(unit) => *unit == IntervalUnit::MonthDayNano,
        DataType::List(item) => is_supported(item.data_type()),
        DataType::Struct(fields) => fields.iter().all(|field| is_supported(field.data_type())),
        _ => false,
    }
}

fn canonical(column: &ArrayRef, equality: Equality) -> ArrayRef {
    match column.data_type() {
        DataType::Float32 => {
            let values = column.as_primitive::<Float32Type>();
            if values.values().iter().all(|v| v.to_bits() == (canonical_f64(f64::from(*v)) as f32).to_bits()) {
                return Arc::clone(column);
            }
            Arc::new(values.unary::<_, Float32Type>(|v| canonical_f64(f64::from(v)) as f32))
        }
        DataType::Float64 => {
            let values = column.as_primitive::<Float64Type>();
            if values.values().iter().all(|v| v.to_bits() == canonical_f64(*v).to_bits()) {
                return Arc::clone(column);
            }
            Arc::new(values.unary::<_, Float64Type>(canonical_f64))
        }
        DataType::Interval(IntervalUnit::MonthDayNano) if equality == Equality::Key => {
            let values = column.as_primitive::<IntervalMonthDayNanoType>();
            Arc::new(values.unary::<_, IntervalMonthDayNanoType>(justified))
        }
        DataType::List(item) => {
            let lists = column.as_list::<i32>();
            let values = canonical(lists.values(), equality);
            if Arc::ptr_eq(&values, lists.values()) {
                return Arc::clone(column);
            }
            let (offsets, nulls) = (lists.offsets().clone(), lists.nulls().cloned());
            Arc::new(GenericListArray::new(Arc::clone(item), offsets, values, nulls))
        }
        DataType::Struct(fields) => {
            let rows = column.as_struct();
            let columns: Vec<ArrayRef> = rows.columns().iter().map(|field| canonical(field, equality)).collect();
            if columns.iter().zip(rows.columns()).all(|(made, given)| Arc::ptr_eq(made, given)) {
                return Arc::clone(column);
            }
            // Also right for rows without fields, which have a length of their own.
            match StructArray::try_new_with_length(fields.clone(), columns, rows.nulls().cloned(), rows.len()) {
                Ok(made) => Arc::new(made),
                Err(_) => Arc::clone(column),
            }
        }
        _ => Arc::clone(column),
    }
}

/// The interval of equal length whose fields have one sign, fewer than 30 days and less than 24 hours. Comparing its
/// fields in order compares lengths, since division that truncates is monotone. Lengths beyond 2³¹ months stay as they
/// are.
fn justified(interval: IntervalMonthDayNano) -> IntervalMonthDayNano {
    let length = interval_nanoseconds(interval);
    let (months, rest) = (length / MONTH, length % MONTH);
    match i32::try_from(months) {
        // The remainders are below 30 days and one day, so the casts lose nothing.
        Ok(months) => IntervalMonthDayNano::new(months, (rest / DAY) as i32, (rest % DAY) as i64),
        Err(_) => interval,
    }
}

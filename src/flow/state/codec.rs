//! Order-preserving encodings of columns: values of at most 64 bits as integers, all else as bytes.
//!
//! Comparing encodings compares values as PostgreSQL does (C collation, NaN above all numbers, intervals by length).

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray, StringArray, StringBuilder};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::arrow::row::{RowConverter, Rows, SortField};

use crate::canonical::{canonical_f64, canonical_key, require_supported};
use crate::error::{Error, Result};
use crate::flow::delta::arrow_error;

/// How the values of some columns are encoded.
#[derive(Debug)]
pub enum Codec {
    /// One column of at most 64 bits: order-preserving integers, NULLs apart.
    Fixed(DataType),
    /// One text column: its bytes, NULLs apart.
    Text,
    /// Any columns in Arrow's row format, NULLs inside.
    Rows(Box<RowConverter>),
}

/// Encoded values of a batch.
pub enum Encoded {
    /// Of [`Codec::Fixed`].
    Fixed(Vec<u64>, Option<NullBuffer>),
    /// Of [`Codec::Text`].
    Text(StringArray),
    /// Of [`Codec::Rows`].
    Rows(Rows),
}

impl Codec {
    /// The cheapest codec for columns of these types; `what` names the construct in the error for types that have none.
    pub fn new(types: &[DataType], what: &str) -> Result<Codec> {
        require_supported(types, what)?;
        match types {
            [data_type] if is_fixed(data_type) => Ok(Codec::Fixed(data_type.clone())),
            [DataType::Utf8] => Ok(Codec::Text),
            _ => {
                // NULL items of an array are greater than others.
                let order = SortOptions { descending: false, nulls_first: false };
                let fields = types.iter().map(|data_type| SortField::new_with_options(data_type.clone(), order));
                Ok(Codec::Rows(Box::new(RowConverter::new(fields.collect()).map_err(arrow_error)?)))
            }
        }
    }

    /// Encodes the columns.
    pub fn encode(&self, columns: &[ArrayRef]) -> Result<Encoded> {
        match (self, columns) {
            (Codec::Fixed(data_type), [column]) => {
                Ok(Encoded::Fixed(encode_fixed(column, data_type)?, column.nulls().cloned()))
            }
            (Codec::Text, [column]) => Ok(Encoded::Text(column.as_string::<i32>().clone())),
            (Codec::Rows(converter), columns) => {
                let canonical: Vec<ArrayRef> = columns.iter().map(canonical_key).collect();
                Ok(Encoded::Rows(converter.convert_columns(&canonical).map_err(arrow_error)?))
            }
            _ => Err(Error::internal("a codec for one column was given another number of columns")),
        }
    }

    /// Columns from encodings; `None` is NULL. Only for codecs of bytes.
    pub fn decode<'a>(&'a self, values: impl Iterator<Item = Option<&'a [u8]>>) -> Result<Vec<ArrayRef>> {
        match self {
            Codec::Text => {
                let mut builder = StringBuilder::new();
                for value in values {
                    let text = value.map(|bytes| std::str::from_utf8(bytes)).transpose();
                    builder.append_option(text.map_err(|error| Error::internal(error.to_string()))?);
                }
                Ok(vec![Arc::new(builder.finish())])
            }
            Codec::Rows(converter) => decode_rows(converter, values),
            Codec::Fixed(_) => Err(Error::internal("a codec of integers was given bytes")),
        }
    }
}

/// Decodes Arrow's row format. Its NULLs are inside the bytes, but a value that was never set has none.
fn decode_rows<'a>(
    converter: &'a RowConverter,
    values: impl Iterator<Item = Option<&'a [u8]>>,
) -> Result<Vec<ArrayRef>> {
    let parser = converter.parser();
    let mut positions: Vec<Option<u32>> = Vec::new();
    let mut present = Vec::new();
    for value in values {
        positions.push(value.is_some().then_some(present.len() as u32));
        present.extend(value);
    }
    let columns = converter.convert_rows(present.iter().map(|bytes| parser.parse(bytes))).map_err(arrow_error)?;
    if present.len() == positions.len() {
        return Ok(columns);
    }
    let positions = datafusion::arrow::array::UInt32Array::from(positions);
    datafusion::arrow::compute::take_arrays(&columns, &positions, None).map_err(arrow_error)
}

/// Whether values of the type are encoded as integers.
pub(crate) fn is_fixed(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Boolean
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Float32
            | DataType::Float64
            | DataType::Date32
            | DataType::Timestamp(TimeUnit::Microsecond, _)
    )
}

const SIGN: u64 = 1 << 63;

fn signed(value: i64) -> u64 {
    value as u64 ^ SIGN
}

/// Flips floats so that integers compare as they do: the sign of positive ones, all bits of negative ones.
fn float(value: f64) -> u64 {
    let bits = canonical_f64(value).to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

/// Order-preserving integers from a column of `data_type`; those under NULLs mean nothing.
pub(crate) fn encode_fixed(column: &ArrayRef, data_type: &DataType) -> Result<Vec<u64>> {
    fn map<T: ArrowPrimitiveType>(column: &ArrayRef, encode: impl Fn(T::Native) -> u64) -> Vec<u64> {
        column.as_primitive::<T>().values().iter().map(|value| encode(*value)).collect()
    }
    if column.data_type() != data_type {
        return Err(Error::internal(format!("a column of {data_type} was expected, not {}", column.data_type())));
    }
    Ok(match data_type {
        DataType::Boolean => column.as_boolean().values().iter().map(u64::from).collect(),
        DataType::Int16 => map::<Int16Type>(column, |v| signed(i64::from(v))),
        DataType::Int32 => map::<Int32Type>(column, |v| signed(i64::from(v))),
        DataType::Int64 => map::<Int64Type>(column, signed),
        DataType::Float32 => map::<Float32Type>(column, |v| float(f64::from(v))),
        DataType::Float64 => map::<Float64Type>(column, float),
        DataType::Date32 => map::<Date32Type>(column, |v| signed(i64::from(v))),
        DataType::Timestamp(TimeUnit::Microsecond, _) => map::<TimestampMicrosecondType>(column, signed),
        other => return Err(Error::internal(format!("{other} has no encoding as an integer"))),
    })
}

/// A column of `data_type` from order-preserving integers; those under NULLs are ignored.
pub(crate) fn decode_fixed(
    values: impl Iterator<Item = u64>,
    nulls: Option<NullBuffer>,
    data_type: &DataType,
) -> Result<ArrayRef> {
    fn map<T: ArrowPrimitiveType>(
        values: impl Iterator<Item = u64>,
        nulls: Option<NullBuffer>,
        data_type: &DataType,
        decode: impl Fn(u64) -> T::Native,
    ) -> ArrayRef {
        let values: Vec<T::Native> = values.map(decode).collect();
        Arc::new(PrimitiveArray::<T>::new(values.into(), nulls).with_data_type(data_type.clone()))
    }
    let signed = |bits: u64| (bits ^ SIGN) as i64;
    let float = |bits: u64| f64::from_bits(if bits & SIGN == 0 { !bits } else { bits ^ SIGN });
    Ok(match data_type {
        DataType::Boolean => {
            Arc::new(BooleanArray::new(values.map(|bits| bits != 0).collect::<Vec<_>>().into(), nulls))
        }
        DataType::Int16 => map::<Int16Type>(values, nulls, data_type, |b| signed(b) as i16),
        DataType::Int32 => map::<Int32Type>(values, nulls, data_type, |b| signed(b) as i32),
        DataType::Int64 => map::<Int64Type>(values, nulls, data_type, signed),
        DataType::Float32 => map::<Float32Type>(values, nulls, data_type, |b| float(b) as f32),
        DataType::Float64 => map::<Float64Type>(values, nulls, data_type, float),
        DataType::Date32 => map::<Date32Type>(values, nulls, data_type, |b| signed(b) as i32),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            map::<TimestampMicrosecondType>(values, nulls, data_type, signed)
        }
        other => return Err(Error::internal(format!("{other} has no encoding as an integer"))),
    })
}

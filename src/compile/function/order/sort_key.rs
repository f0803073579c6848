//! `sort_key(x)`: a value that compares as PostgreSQL compares `x`: the length in ns for intervals; for jsonb, arrays and rows bytes, each as
//! the letter of that number, since windows have no order over bytes; numerics of any size with the least number of
//! digits. NULL for NULL; equal keys mean equal values.
//!
//! jsonb: null < string < number < boolean < array < object; arrays and objects by their size first, then by what is in them; a scalar
//! is compared with an array as if it was an array of it, which makes an empty array the least of all. Arrays: element by
//! element, NULL last, then by their dimensions; rows field by field in the same way, as PostgreSQL compares values of row types (`ROW(…) = ROW(…)` is not one of them).

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder, Decimal128Array, StringArray};
use datafusion::arrow::datatypes::{
    Date32Type, Decimal128Type, DurationSecondType, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType,
};

use super::super::array::dimension::Flat;
use super::super::cast;
use super::super::definition::{Argument, Call, Definition, Types, texts};
use super::super::jsonb::{content, elements, kind, members};
use super::{length, number};
use crate::canonical::comparable;
use crate::decimal::encoding;
use crate::error::{Error, Result};
use crate::types::SqlType;

pub(in crate::compile) static DEFINITION: Definition = Definition::immutable("sort_key", types, evaluate);

/// Ends a list of items; less than what any item begins with.
const END: u8 = 0;
const ITEM: u8 = 1;
const NULL_ITEM: u8 = 2;

fn types(arguments: &[Argument]) -> Types {
    let [value] = arguments else { return Ok(None) };
    let Some(sql_type) = &value.sql_type else { return Ok(Some((vec![SqlType::Text], SqlType::Text))) };
    Ok(match sql_type {
        SqlType::Interval => Some((vec![SqlType::Interval], SqlType::Numeric(38, 0))),
        SqlType::Jsonb | SqlType::Array(_) | SqlType::Row(_) | SqlType::Char(_) => {
            Some((vec![sql_type.clone()], SqlType::Text))
        }
        SqlType::AnyNumeric(_) => Some((vec![SqlType::NUMERIC], SqlType::NUMERIC)),
        _ => None,
    })
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let values = &call.arguments[0];
    if let SqlType::Interval = call.given[0] {
        let lengths = values.as_primitive::<IntervalMonthDayNanoType>().iter().map(|span| span.map(length));
        let lengths: Decimal128Array = lengths.collect();
        return Ok(Arc::new(lengths.with_data_type(call.result.arrow())));
    }
    match call.given[0] {
        SqlType::AnyNumeric(_) => return Ok(comparable(values)),
        SqlType::Char(_) => return Ok(cast::trimmed(values)),
        _ => {}
    }
    let keys = keys(&call.given[0], values)?;
    let letters = |key: &[u8]| key.iter().map(|byte| char::from(*byte)).collect::<String>();
    Ok(Arc::new(keys.iter().map(|key| key.map(letters)).collect::<StringArray>()))
}

/// Bytes that compare as PostgreSQL compares the values; NULL for NULL.
pub(in crate::compile) fn keys(sql_type: &SqlType, values: &ArrayRef) -> Result<BinaryArray> {
    let mut keys = BinaryBuilder::new();
    let mut key = Vec::new();
    for row in 0..values.len() {
        if values.is_null(row) {
            keys.append_null();
            continue;
        }
        key.clear();
        append_item(sql_type, values, row, &mut key)?;
        keys.append_value(&key);
    }
    Ok(keys.finish())
}

/// Appends the key of a value that is not NULL.
fn append(sql_type: &SqlType, values: &ArrayRef, row: usize, out: &mut Vec<u8>) -> Result<()> {
    match sql_type {
        SqlType::Jsonb => append_jsonb(texts(values).value(row), out),
        SqlType::Array(_) => {
            let arrays = Flat::new(values);
            for at in arrays.range(row) {
                if arrays.elements.is_null(at) {
                    out.push(NULL_ITEM);
                } else {
                    out.push(ITEM);
                    append_item(&arrays.element, &arrays.elements, at, out)?;
                }
            }
            out.push(END);
            append_lengths(&arrays.lengths(row), out);
            Ok(())
        }
        SqlType::Row(kind) => {
            let fields = kind.fields.iter().zip(values.as_struct().columns());
            fields.into_iter().try_for_each(|((_, sql_type), values)| {
                out.push(if values.is_null(row) { NULL_ITEM } else { ITEM });
                if values.is_null(row) { Ok(()) } else { append_item(sql_type, values, row, out) }
            })
        }
        other => Err(Error::internal(format!("{other} has no sort key"))),
    }
}

/// Of arrays of the same elements the one of fewer dimensions is less. That of one dimension needs no length.
fn append_lengths(lengths: &[usize], out: &mut Vec<u8>) {
    out.push(lengths.len() as u8);
    if lengths.len() > 1 {
        lengths.iter().for_each(|length| integer(*length as i64, out));
    }
}

/// Whether two items of a type are equal; two NULLs are.
pub(in crate::compile::function) fn items_equal(
    sql_type: &SqlType,
    (left, at): (&ArrayRef, usize),
    (right, other): (&ArrayRef, usize),
) -> Result<bool> {
    if left.is_null(at) || right.is_null(other) {
        return Ok(left.is_null(at) && right.is_null(other));
    }
    let (mut one, mut two) = (Vec::new(), Vec::new());
    append_item(sql_type, left, at, &mut one)?;
    append_item(sql_type, right, other, &mut two)?;
    Ok(one == two)
}

/// Appends an item's key, which is not the beginning of another one.
pub(in crate::compile::function) fn append_item(
    sql_type: &SqlType,
    items: &ArrayRef,
    at: usize,
    out: &mut Vec<u8>,
) -> Result<()> {
    match sql_type {
        SqlType::Boolean => out.push(u8::from(items.as_boolean().value(at))),
        SqlType::SmallInt => integer(items.as_primitive::<Int16Type>().value(at).into(), out),
        SqlType::Integer => integer(items.as_primitive::<Int32Type>().value(at).into(), out),
        SqlType::BigInt => integer(items.as_primitive::<Int64Type>().value(at), out),
        SqlType::Real => float(items.as_primitive::<Float32Type>().value(at).into(), out),
        SqlType::Double => float(items.as_primitive::<Float64Type>().value(at), out),
        SqlType::Numeric(_, scale) => {
            let mut encoded = Vec::new();
            let units = items.as_primitive::<Decimal128Type>().value(at);
            encoding::write_small(units, u32::from(scale.unsigned_abs()), &mut encoded);
            bytes(encoding::key(&encoded), out);
        }
        SqlType::AnyNumeric(_) => bytes(encoding::key(items.as_binary::<i64>().value(at)), out),
        SqlType::Char(_) => bytes(cast::trim(texts(items).value(at)).as_bytes(), out),
        SqlType::Text | SqlType::Varchar(_) | SqlType::Uuid | SqlType::Json => {
            bytes(texts(items).value(at).as_bytes(), out);
        }
        SqlType::Bytea => bytes(items.as_binary::<i32>().value(at), out),
        SqlType::Date => integer(items.as_primitive::<Date32Type>().value(at).into(), out),
        SqlType::Time => integer(items.as_primitive::<Time64MicrosecondType>().value(at), out),
        SqlType::Timestamp | SqlType::TimestampTz => {
            integer(items.as_primitive::<TimestampMicrosecondType>().value(at), out);
        }
        SqlType::Interval => {
            let span = length(items.as_primitive::<IntervalMonthDayNanoType>().value(at));
            out.extend_from_slice(&(span as u128 ^ (1 << 127)).to_be_bytes());
        }
        SqlType::Jsonb => {
            let mut key = Vec::new();
            append_jsonb(texts(items).value(at), &mut key)?;
            bytes(&key, out);
        }
        SqlType::Array(_) | SqlType::Row(_) => append(sql_type, items, at, out)?,
        SqlType::Enum(_) => integer(items.as_primitive::<DurationSecondType>().value(at), out),
        SqlType::Named(name) => return Err(Error::internal(format!("a value has the type {name}"))),
    }
    Ok(())
}

fn integer(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&(value as u64 ^ (1 << 63)).to_be_bytes());
}

fn float(value: f64, out: &mut Vec<u8>) {
    // Zero has no sign, and there is one NaN, above all numbers.
    let bits = match value {
        value if value.is_nan() => 0x7FF8_0000_0000_0000,
        0.0 => 0,
        value => value.to_bits(),
    };
    let ordered = if bits >> 63 == 1 { !bits } else { bits ^ (1 << 63) };
    out.extend_from_slice(&ordered.to_be_bytes());
}

/// Bytes with an end that is less than any further byte.
fn bytes(value: &[u8], out: &mut Vec<u8>) {
    for byte in value {
        out.push(*byte);
        if *byte == 0 {
            out.push(0xff);
        }
    }
    out.extend_from_slice(&[0, 0]);
}

fn append_jsonb(document: &str, out: &mut Vec<u8>) -> Result<()> {
    match kind(document) {
        "object" => append_inner(document, out),
        "array" => {
            let elements = elements(document)?;
            array_head(elements.len(), out);
            out.push(1);
            elements.into_iter().try_for_each(|element| append_inner(element, out))
        }
        _ => {
            array_head(1, out);
            out.push(0);
            append_inner(document, out)
        }
    }
}

fn array_head(length: usize, out: &mut Vec<u8>) {
    out.push(4);
    out.extend_from_slice(&(length as u32).to_be_bytes());
}

fn append_inner(document: &str, out: &mut Vec<u8>) -> Result<()> {
    match kind(document) {
        "null" => out.push(0),
        "string" => {
            out.push(1);
            out.extend_from_slice(content(document)?.as_bytes());
            out.push(0);
        }
        "number" => {
            out.push(2);
            number::append(document.trim(), out);
        }
        "boolean" => out.extend_from_slice(&[3, u8::from(document.trim_start().starts_with('t'))]),
        "array" => {
            let elements = elements(document)?;
            array_head(elements.len(), out);
            elements.into_iter().try_for_each(|element| append_inner(element, out))?;
        }
        _ => {
            let members = members(document)?;
            out.push(5);
            out.extend_from_slice(&(members.len() as u32).to_be_bytes());
            for (name, value) in members {
                out.extend_from_slice(name.as_bytes());
                out.push(0);
                append_inner(value, out)?;
            }
        }
    }
    Ok(())
}

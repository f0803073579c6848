//! Arrays of one SQL type → arrays of another.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, ListArray, StringArray, StructArray, new_null_array,
};

use super::super::array::dimension;
use super::super::definition::texts;
use super::{blank, number, time};
use crate::error::{Error, Result, code};
use crate::format::text::{ColumnBuilder, TextOptions, TimeZone, Writer};
use crate::types::{RowType, SqlType};

/// Whether PostgreSQL has the cast.
pub(super) fn exists(from: &SqlType, to: &SqlType) -> bool {
    use SqlType::{
        Array, Boolean, Char, Date, Enum, Integer, Interval, Json, Jsonb, Row, Text, Time, Timestamp, TimestampTz,
        Varchar,
    };
    match (from, to) {
        _ if from == to => true,
        (Array(_), Array(_)) => exists(from.element(), to.element()),
        (Row(from), Row(to)) => {
            from.fields.len() == to.fields.len()
                && from.fields.iter().zip(&to.fields).all(|((_, from), (_, to))| exists(from, to))
        }
        // Texts are read and everything can be written.
        (Text | Varchar(_) | Char(_), _) | (_, Text | Varchar(_) | Char(_)) => true,
        (Enum(_), _) | (_, Enum(_)) => false,
        (Boolean, Integer) | (Integer, Boolean) => true,
        (Json, Jsonb) | (Jsonb, Json) => true,
        (Json, _) => false,
        (Time, Interval) | (Interval | Timestamp | TimestampTz, Time) => true,
        (Time, _) | (_, Time) => false,
        (Jsonb, to) => *to == Boolean || number::is_number(to),
        (Date | Timestamp | TimestampTz, Date | Timestamp | TimestampTz) => true,
        (Interval, _) | (_, Interval) => false,
        (from, to) => number::is_number(from) && number::is_number(to),
    }
}

/// Converts values. Errors are PostgreSQL's, for the first value that has no place in the other type.
pub(in crate::compile::function) fn convert(
    values: &ArrayRef,
    from: &SqlType,
    to: &SqlType,
    zone: TimeZone,
) -> Result<ArrayRef> {
    use SqlType::{
        Array as List, Boolean, Char, Date, Integer, Interval, Json, Jsonb, Row, Text, Time, Timestamp, TimestampTz,
        Uuid, Varchar,
    };
    if values.null_count() == values.len() {
        return Ok(new_null_array(&to.arrow(), values.len()));
    }
    match (from, to) {
        _ if from == to => Ok(Arc::clone(values)),
        (List(_), List(_)) if from.dimensions() != to.dimensions() => {
            let from = from.element().clone().array_of(to.dimensions());
            convert(&dimension::fitted(values, &from)?, &from, to, zone)
        }
        (List(item), List(target)) => lists(values, item, target, zone),
        (Char(_), Text | Varchar(_)) => Ok(blank::trimmed(values)),
        (Char(_), Char(0)) => Ok(Arc::clone(values)),
        (from, Char(letters)) => {
            let texts = convert(values, from, &Text, zone)?;
            Ok(if *letters == 0 { texts } else { blank::padded(&truncated(&texts, *letters), *letters) })
        }
        (Char(_), to) => read(values, to, zone),
        (Row(from), Row(to)) if exists(&Row(from.clone()), &Row(to.clone())) => rows(values, from, to, zone),
        (Text | Varchar(_), Text) | (Uuid | Json | Jsonb, Text) | (Jsonb, Json) => Ok(Arc::clone(values)),
        (Text | Varchar(_), Varchar(_)) => Ok(Arc::clone(values)),
        (Text | Varchar(_), to) | (Json, to @ Jsonb) => read(values, to, zone),
        (Time, Interval) | (Interval | Timestamp | TimestampTz, Time) => time::of_day(values, from, zone),
        (Boolean, Text | Varchar(_)) => {
            let words = values.as_boolean().iter().map(|value| value.map(|value| if value { "true" } else { "false" }));
            Ok(Arc::new(words.collect::<StringArray>()))
        }
        (_, Text | Varchar(_)) => written(values, from, zone),
        (Boolean, Integer) => {
            Ok(Arc::new(values.as_boolean().iter().map(|value| value.map(i32::from)).collect::<Int32Array>()))
        }
        (Integer, Boolean) => {
            let integers = values.as_primitive::<datafusion::arrow::datatypes::Int32Type>();
            Ok(Arc::new(integers.iter().map(|value| value.map(|value| value != 0)).collect::<BooleanArray>()))
        }
        (Jsonb, to) => scalars(values, to, zone),
        (Date | Timestamp | TimestampTz, Date | Timestamp | TimestampTz) => time::convert(values, from, to, zone),
        (from, to) if exists(from, to) => number::convert(values, from, to),
        (from, to) => Err(Error::new(code::CANNOT_COERCE, format!("cannot cast type {from} to {to}"))),
    }
}

/// Texts as values of a type.
pub(super) fn read(values: &ArrayRef, to: &SqlType, zone: TimeZone) -> Result<ArrayRef> {
    let mut column = ColumnBuilder::new(to).with_time_zone(zone);
    for text in texts(values) {
        match text {
            Some(text) => column.append_text(text)?,
            None => column.append_null(),
        }
    }
    Ok(column.finish())
}

/// Texts cut to a number of characters.
pub(super) fn truncated(values: &ArrayRef, letters: u32) -> ArrayRef {
    let cut = |text: &str| -> usize { text.char_indices().nth(letters as usize).map_or(text.len(), |(at, _)| at) };
    Arc::new(texts(values).iter().map(|text| text.map(|text| &text[..cut(text)])).collect::<StringArray>())
}

/// Values as texts.
fn written(values: &ArrayRef, from: &SqlType, time_zone: TimeZone) -> Result<ArrayRef> {
    let writer = Writer::new(&from.field(""), &TextOptions { time_zone, ..TextOptions::default() })?;
    let column = writer.bind(values)?;
    let mut bytes = Vec::new();
    let mut texts = Vec::with_capacity(values.len());
    for row in 0..values.len() {
        bytes.clear();
        texts.push(if column.is_null(row) {
            None
        } else {
            column.write(row, &mut bytes);
            Some(String::from_utf8_lossy(&bytes).into_owned())
        });
    }
    Ok(Arc::new(StringArray::from(texts)))
}

/// JSON scalars as numbers and booleans.
fn scalars(values: &ArrayRef, to: &SqlType, zone: TimeZone) -> Result<ArrayRef> {
    let is_number = number::is_number(to);
    for json in texts(values).iter().flatten() {
        let kind = super::super::jsonb::kind(json);
        if kind != if is_number { "number" } else { "boolean" } {
            let message = format!("cannot cast jsonb {kind} to type {to}");
            return Err(Error::new(code::INVALID_PARAMETER_VALUE, message));
        }
    }
    match to {
        // Integers are read as numeric first: `1.5` is rounded and not refused.
        SqlType::SmallInt | SqlType::Integer | SqlType::BigInt => {
            number::convert(&read(values, &SqlType::NUMERIC, zone)?, &SqlType::NUMERIC, to)
        }
        to => read(values, to, zone),
    }
}

/// Rows, field by field.
fn rows(values: &ArrayRef, from: &RowType, to: &RowType, zone: TimeZone) -> Result<ArrayRef> {
    let rows = values.as_struct();
    let mut columns = Vec::with_capacity(to.fields.len());
    for (at, ((_, from), (_, to))) in from.fields.iter().zip(&to.fields).enumerate() {
        // What is below a NULL is no value, which a conversion could refuse.
        columns.push(item(&super::super::row::values_of(rows, at)?, from, to, zone)?);
    }
    let fields = to.fields.iter().map(|(name, sql_type)| Arc::new(sql_type.field(name))).collect();
    let made = StructArray::try_new_with_length(fields, columns, rows.nulls().cloned(), rows.len());
    Ok(Arc::new(made.map_err(|error| Error::internal(error.to_string()))?))
}

/// Values inside of others; a text that is too long is cut, as a cast asks for.
fn item(values: &ArrayRef, from: &SqlType, to: &SqlType, zone: TimeZone) -> Result<ArrayRef> {
    match to {
        SqlType::Varchar(letters) => Ok(truncated(&convert(values, from, &SqlType::Text, zone)?, *letters)),
        to => convert(values, from, to, zone),
    }
}

fn lists(values: &ArrayRef, from: &SqlType, target: &SqlType, zone: TimeZone) -> Result<ArrayRef> {
    let lists = values.as_list::<i32>();
    let items = item(lists.values(), from, target, zone)?;
    let list =
        ListArray::try_new(Arc::new(target.field("item")), lists.offsets().clone(), items, lists.nulls().cloned());
    Ok(Arc::new(list.map_err(|error| Error::internal(error.to_string()))?))
}

//! `subscript(array, n, …)` and `slice(array, from, to, …)`: what `a[n]` and `a[from:to]` become; `trim_array`. What is outside of the
//! array is NULL, or left out of a slice. A document has members and elements: `j['a'][0]`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int32Array, StringArray, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::Int32Type;

use super::super::definition::{Argument, Call, Definition, Types, strict, texts};
use super::super::jsonb::extract::at_steps;
use super::gather::{Gather, items, range};
use crate::error::{Error, Result, code};
use crate::types::SqlType;

pub(in crate::compile::function) static SUBSCRIPT: Definition =
    Definition::immutable("subscript", subscript_types, subscript);
pub(in crate::compile::function) static SLICE: Definition = Definition::immutable("slice", slice_types, slice);
pub(in crate::compile::function) static TRIM: Definition = Definition::immutable("trim_array", trim_types, trim);

fn is_number(argument: &Argument) -> bool {
    argument.is_integer() || argument.sql_type == Some(SqlType::BigInt)
}

fn not_subscriptable(kind: &SqlType) -> Error {
    let message = format!("cannot subscript type {kind} because it does not support subscripting");
    Error::new(code::DATATYPE_MISMATCH, message)
}

fn subscript_types(arguments: &[Argument]) -> Types {
    let Some((value, steps)) = arguments.split_first() else { return Ok(None) };
    if value.sql_type == Some(SqlType::Jsonb) {
        let step = |step: &Argument| match step.or_text() {
            SqlType::SmallInt | SqlType::Integer | SqlType::BigInt => SqlType::BigInt,
            _ => SqlType::Text,
        };
        let mut wanted = vec![SqlType::Jsonb];
        wanted.extend(steps.iter().map(step));
        return Ok(Some((wanted, SqlType::Jsonb)));
    }
    let kind = value.or_text();
    if !matches!(kind, SqlType::Array(_)) {
        return Err(not_subscriptable(&kind));
    }
    if !steps.iter().all(is_number) {
        return Err(Error::new(code::DATATYPE_MISMATCH, "array subscript must have type integer"));
    }
    let mut item = kind.clone();
    for _ in steps {
        // As in PostgreSQL, where the number of dimensions is no part of the type, too many subscripts lead nowhere.
        if let SqlType::Array(inner) = item {
            item = *inner;
        }
    }
    while let SqlType::Array(inner) = item {
        item = *inner;
    }
    let mut wanted = vec![kind];
    wanted.extend(steps.iter().map(|_| SqlType::Integer));
    Ok(Some((wanted, item)))
}

fn subscript(call: &Call) -> Result<ArrayRef> {
    if call.given[0] == SqlType::Jsonb {
        let documents = texts(&call.arguments[0]);
        let found =
            strict(call, |row| Ok(at_steps(documents.value(row), &call.arguments[1..], row)?.map(str::to_string)))?;
        return Ok(Arc::new(found.into_iter().map(Option::flatten).collect::<StringArray>()));
    }
    let mut values = Arc::clone(&call.arguments[0]);
    let mut at: Vec<Option<u32>> = (0..call.rows as u32).map(Some).collect();
    for numbers in &call.arguments[1..] {
        if !matches!(values.data_type(), datafusion::arrow::datatypes::DataType::List(_)) {
            at.iter_mut().for_each(|position| *position = None);
            break;
        }
        let numbers: &Int32Array = numbers.as_primitive::<Int32Type>();
        for (row, position) in at.iter_mut().enumerate() {
            *position = position.and_then(|list| {
                let list = list as usize;
                if values.is_null(list) || numbers.is_null(row) {
                    return None;
                }
                let range = range(&values, list);
                let offset = usize::try_from(numbers.value(row)).ok()?.checked_sub(1)?;
                (offset < range.len()).then(|| (range.start + offset) as u32)
            });
        }
        values = Arc::clone(items(&values));
    }
    // Too few subscripts lead to no item.
    if *values.data_type() != call.result.arrow() {
        return Ok(datafusion::arrow::array::new_null_array(&call.result.arrow(), call.rows));
    }
    take(&values, &UInt32Array::from(at), None).map_err(|error| Error::internal(error.to_string()))
}

fn slice_types(arguments: &[Argument]) -> Types {
    let Some((value, bounds)) = arguments.split_first() else { return Ok(None) };
    let kind = value.or_text();
    match kind {
        SqlType::Jsonb => return Err(Error::new(code::DATATYPE_MISMATCH, "jsonb subscript does not support slices")),
        SqlType::Array(_) => {}
        other => return Err(not_subscriptable(&other)),
    }
    if !bounds.iter().all(is_number) {
        return Err(Error::new(code::DATATYPE_MISMATCH, "array subscript must have type integer"));
    }
    if bounds.len() > 2 {
        return Err(Error::unsupported("slices of more than one dimension are not supported"));
    }
    Ok(Some((vec![kind.clone(), SqlType::Integer, SqlType::Integer], kind)))
}

fn slice(call: &Call) -> Result<ArrayRef> {
    let (from, to) = (call.arguments[1].as_primitive::<Int32Type>(), call.arguments[2].as_primitive::<Int32Type>());
    part(call, |row, _| Ok((i64::from(from.value(row)) - 1, i64::from(to.value(row)))))
}

/// The items from one offset to another of each row's array.
fn part(call: &Call, mut bounds: impl FnMut(usize, usize) -> Result<(i64, i64)>) -> Result<ArrayRef> {
    let SqlType::Array(item) = &call.result else { return Err(Error::internal("a slice is an array")) };
    let lists = &call.arguments[0];
    let mut made = Gather::new(item);
    let source = made.source(items(lists));
    for row in 0..call.rows {
        if call.arguments.iter().any(|argument| argument.is_null(row)) {
            made.null();
            continue;
        }
        let range = range(lists, row);
        let (from, to) = bounds(row, range.len())?;
        let from = usize::try_from(from).unwrap_or(0);
        let to = usize::try_from(to).unwrap_or(0).min(range.len());
        (from..to).for_each(|offset| made.take(source, range.start + offset));
        made.close();
    }
    made.finish()
}

fn trim_types(arguments: &[Argument]) -> Types {
    let [array, count] = arguments else { return Ok(None) };
    let kind = array.or_text();
    let fits = matches!(kind, SqlType::Array(_)) && is_number(count);
    Ok(fits.then(|| (vec![kind.clone(), SqlType::Integer], kind)))
}

fn trim(call: &Call) -> Result<ArrayRef> {
    let counts = call.arguments[1].as_primitive::<Int32Type>();
    part(call, |row, length| {
        let count = i64::from(counts.value(row));
        if !(0..=length as i64).contains(&count) {
            let message = format!("number of elements to trim must be between 0 and {length}");
            return Err(Error::new("2202E", message));
        }
        Ok((0, length as i64 - count))
    })
}

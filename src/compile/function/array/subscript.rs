//! `subscript(array, n, …)` and `slice(array, from, to, …)`: what `a[n]` and `a[from:to]` become; `trim_array`. What is outside of the
//! array is NULL, or left out of a slice. A document has members and elements: `j['a'][0]`.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int32Array, StringArray, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::Int32Type;

use super::super::definition::{Argument, Call, Definition, Types, strict, texts};
use super::super::jsonb::extract::at_steps;
use super::dimension::{Flat, shaped};
use super::gather::{Gather, items, range};
use crate::error::{Error, Result, code};
use crate::types::{DIMENSIONS_MAX, SqlType, too_many_dimensions};

pub(in crate::compile::function) static SUBSCRIPT: Definition =
    Definition::immutable("subscript", subscript_types, subscript);
pub(in crate::compile::function) static SLICE: Definition = Definition::immutable("slice", slice_types, slice);
pub(in crate::compile::function) static TRIM: Definition = Definition::immutable("trim_array", trim_types, trim);

fn is_number(argument: &Argument) -> bool {
    argument.is_integer() || argument.sql_type == Some(SqlType::BigInt)
}

/// Whether PostgreSQL assigns it to an integer.
fn is_subscript(argument: &Argument) -> bool {
    is_number(argument) || matches!(argument.sql_type, Some(SqlType::Numeric(..) | SqlType::Real | SqlType::Double))
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
    if !steps.iter().all(is_subscript) {
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
    if !bounds.iter().all(is_subscript) {
        return Err(Error::new(code::DATATYPE_MISMATCH, "array subscript must have type integer"));
    }
    if bounds.len() / 2 > DIMENSIONS_MAX {
        return Err(too_many_dimensions(bounds.len() / 2));
    }
    let mut wanted = vec![kind.clone()];
    wanted.extend(bounds.iter().map(|_| SqlType::Integer));
    Ok(Some((wanted, kind)))
}

fn slice(call: &Call) -> Result<ArrayRef> {
    let bounds: Vec<&Int32Array> = call.arguments[1..].iter().map(|bound| bound.as_primitive::<Int32Type>()).collect();
    let arrays = Flat::new(&call.arguments[0]);
    let mut made = Gather::new(&arrays.element);
    let source = made.source(&arrays.elements);
    let mut shapes = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        if call.arguments.iter().any(|argument| argument.is_null(row)) {
            shapes.push(None);
            continue;
        }
        let parts = parts(&arrays.lengths(row), bounds.chunks(2).map(|pair| (pair[0].value(row), pair[1].value(row))));
        let places = places(arrays.range(row).start, &arrays.lengths(row), &parts);
        places.iter().for_each(|place| made.take(source, *place));
        shapes.push(Some(parts.into_iter().map(|part| part.len()).collect()));
    }
    shaped(&call.result, &shapes, made.elements()?)
}

/// What a slice takes of each dimension; nothing at all where it is empty. Dimensions without bounds stay as they are.
fn parts(lengths: &[usize], bounds: impl ExactSizeIterator<Item = (i32, i32)>) -> Vec<Range<usize>> {
    if lengths.len() < bounds.len() {
        return Vec::new();
    }
    let mut parts: Vec<Range<usize>> = lengths.iter().map(|length| 0..*length).collect();
    for (part, (from, to)) in parts.iter_mut().zip(bounds) {
        let offset = |bound: i64| usize::try_from(bound).unwrap_or(0);
        *part = offset(i64::from(from) - 1)..offset(i64::from(to)).min(part.end);
    }
    if parts.iter().any(Range::is_empty) { Vec::new() } else { parts }
}

/// Where the elements of a slice are, of an array that begins at `start`.
fn places(start: usize, lengths: &[usize], parts: &[Range<usize>]) -> Vec<usize> {
    if parts.is_empty() {
        return Vec::new();
    }
    let mut places = vec![start];
    for (dimension, part) in parts.iter().enumerate() {
        let stride: usize = lengths[dimension + 1..].iter().product();
        places = places.iter().flat_map(|place| part.clone().map(move |at| place + at * stride)).collect();
    }
    places
}

fn trim_types(arguments: &[Argument]) -> Types {
    let [array, count] = arguments else { return Ok(None) };
    let kind = array.or_text();
    let fits = matches!(kind, SqlType::Array(_)) && is_number(count);
    Ok(fits.then(|| (vec![kind.clone(), SqlType::Integer], kind)))
}

/// The array without so many at the end of its first dimension.
fn trim(call: &Call) -> Result<ArrayRef> {
    let SqlType::Array(item) = &call.result else { return Err(Error::internal("trim_array makes an array")) };
    let (lists, counts) = (&call.arguments[0], call.arguments[1].as_primitive::<Int32Type>());
    let mut made = Gather::new(item);
    let source = made.source(items(lists));
    for row in 0..call.rows {
        if lists.is_null(row) || counts.is_null(row) {
            made.null();
            continue;
        }
        let range = range(lists, row);
        let count = usize::try_from(counts.value(row)).ok().filter(|count| *count <= range.len());
        let Some(count) = count else {
            let message = format!("number of elements to trim must be between 0 and {}", range.len());
            return Err(Error::new(code::ARRAY_SUBSCRIPT_ERROR, message));
        };
        (range.start..range.end - count).for_each(|position| made.take(source, position));
        made.close();
    }
    made.finish()
}

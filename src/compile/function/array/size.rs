//! `array_length`, `array_lower`, `array_upper`, `array_ndims`, `array_dims`, `cardinality`. An empty array has no dimensions.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Int32Array, StringArray};
use datafusion::arrow::datatypes::Int32Type;

use super::super::definition::{Argument, Call, Definition, Types, strict};
use super::dimension::Flat;
use crate::error::{Error, Result, code};
use crate::types::SqlType;

pub(in crate::compile::function) static LENGTH: Definition =
    Definition::immutable("array_length", of_dimension, |call| dimension(call, |length| length));
pub(in crate::compile::function) static LOWER: Definition =
    Definition::immutable("array_lower", of_dimension, |call| dimension(call, |_| 1));
pub(in crate::compile::function) static UPPER: Definition =
    Definition::immutable("array_upper", of_dimension, |call| dimension(call, |length| length));
pub(in crate::compile::function) static NDIMS: Definition = Definition::immutable(
    "array_ndims",
    |arguments| whole(arguments, SqlType::Integer),
    |call| {
        let arrays = Flat::new(&call.arguments[0]);
        let found = strict(call, |row| Ok(arrays.lengths(row).len()))?;
        Ok(Arc::new(found.into_iter().map(|n| n.filter(|n| *n > 0).map(|n| n as i32)).collect::<Int32Array>()))
    },
);
pub(in crate::compile::function) static DIMS: Definition = Definition::immutable(
    "array_dims",
    |arguments| whole(arguments, SqlType::Text),
    |call| {
        let arrays = Flat::new(&call.arguments[0]);
        let found = strict(call, |row| {
            let bounds = arrays.lengths(row).into_iter().map(|length| format!("[1:{length}]"));
            Ok(bounds.collect::<String>())
        })?;
        Ok(Arc::new(found.into_iter().map(|text| text.filter(|text| !text.is_empty())).collect::<StringArray>()))
    },
);
pub(in crate::compile::function) static CARDINALITY: Definition = Definition::immutable(
    "cardinality",
    |arguments| whole(arguments, SqlType::Integer),
    |call| {
        let arrays = Flat::new(&call.arguments[0]);
        let found = strict(call, |row| Ok(arrays.range(row).len() as i32))?;
        Ok(Arc::new(Int32Array::from(found)))
    },
);

fn of_dimension(arguments: &[Argument]) -> Types {
    let [array, dimension] = arguments else { return Ok(None) };
    Ok(array_type(array)?
        .filter(|_| dimension.is_integer())
        .map(|array| (vec![array, SqlType::Integer], SqlType::Integer)))
}

fn whole(arguments: &[Argument], result: SqlType) -> Types {
    let [array] = arguments else { return Ok(None) };
    Ok(array_type(array)?.map(|array| (vec![array], result)))
}

/// Errors: 42804 for a constant, whose type nothing tells.
fn array_type(array: &Argument) -> Result<Option<SqlType>> {
    match &array.sql_type {
        Some(kind @ SqlType::Array(_)) => Ok(Some(kind.clone())),
        _ if array.is_untyped() => Err(Error::new(
            code::DATATYPE_MISMATCH,
            "could not determine polymorphic type because input has type unknown",
        )),
        _ => Ok(None),
    }
}

fn dimension(call: &Call, answer: fn(i32) -> i32) -> Result<ArrayRef> {
    let dimensions = call.arguments[1].as_primitive::<Int32Type>();
    let arrays = Flat::new(&call.arguments[0]);
    let found = strict(call, |row| {
        let at = usize::try_from(dimensions.value(row) - 1).ok();
        Ok(at.and_then(|at| arrays.lengths(row).get(at).copied()))
    })?;
    Ok(Arc::new(
        found.into_iter().map(|length| length.flatten().map(|length| answer(length as i32))).collect::<Int32Array>(),
    ))
}

//! `array_fill(value, ARRAY[length, …])`.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::Int32Type;

use super::super::definition::{Argument, Call, Definition, Types};
use super::array_of;
use super::dimension::{Flat, shaped};
use super::gather::Gather;
use crate::error::{Error, Result, code};
use crate::types::{DIMENSIONS_MAX, SqlType, too_many_dimensions};

/// Items of an array at most, as in PostgreSQL.
const ITEMS_MAX: usize = 134_217_727;

pub(in crate::compile::function) static DEFINITION: Definition = Definition::immutable("array_fill", types, evaluate);

/// The parser adds the number of dimensions where there is more than one.
fn types(arguments: &[Argument]) -> Types {
    let (arguments, dimensions) = match arguments {
        [rest @ .., Argument { integer: Some(count), .. }] if rest.len() > 1 => (rest, usize::try_from(*count).ok()),
        all => (all, None),
    };
    let ([value, _] | [value, _, _]) = arguments else { return Ok(None) };
    let Some(item) = value.sql_type.clone() else {
        let message = "could not determine polymorphic type because input has type unknown";
        return Err(Error::new(code::DATATYPE_MISMATCH, message));
    };
    if let SqlType::Array(_) = item {
        let message = format!("could not find array type for data type {item}");
        return Err(Error::new(code::UNDEFINED_OBJECT, message));
    }
    let mut wanted = vec![item.clone()];
    wanted.extend(arguments[1..].iter().map(|_| array_of(SqlType::Integer)));
    wanted.extend(dimensions.map(|_| SqlType::Integer));
    match dimensions {
        Some(count @ DIMENSIONS_MAX..) if count > DIMENSIONS_MAX => Err(too_many_dimensions(count)),
        dimensions => Ok(Some((wanted, item.array_of(dimensions.unwrap_or(1))))),
    }
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let mut made = Gather::new(&call.given[0]);
    let source = made.source(&call.arguments[0]);
    let bounds: Vec<Flat> = call.arguments[1..].iter().map(Flat::new).filter(|part| part.is_array()).collect();
    let mut shapes = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        if call.arguments[1..].iter().any(|bounds| bounds.is_null(row)) {
            return Err(Error::new("22004", "dimension array or low bound array cannot be null"));
        }
        if let Some(lower) = bounds.get(1)
            && bounds_of(lower, row)?.iter().any(|bound| *bound != 1)
        {
            return Err(Error::unsupported("array lower bounds other than 1 are not supported"));
        }
        let lengths = bounds_of(&bounds[0], row)?;
        let size = lengths.iter().copied().fold(1, usize::saturating_mul);
        if size > ITEMS_MAX {
            let message = format!("array size exceeds the maximum allowed ({ITEMS_MAX})");
            return Err(Error::new(code::PROGRAM_LIMIT_EXCEEDED, message));
        }
        if size == 0 || lengths.is_empty() {
            shapes.push(Some(Vec::new()));
            continue;
        }
        (0..size).for_each(|_| made.take(source, row));
        shapes.push(Some(lengths));
    }
    shaped(&call.result, &shapes, made.elements()?)
}

/// The lengths, or lower bounds, of a row.
fn bounds_of(bounds: &Flat, row: usize) -> Result<Vec<usize>> {
    if bounds.lengths(row).len() > 1 {
        return Err(Error::new(code::ARRAY_SUBSCRIPT_ERROR, "wrong number of array subscripts")
            .detail("Dimension array must be one dimensional."));
    }
    let all = bounds.elements.as_primitive::<Int32Type>();
    let bound = |position: usize| match all.is_null(position) {
        true => Err(Error::new(code::NULL_VALUE_NOT_ALLOWED, "dimension values cannot be null")),
        false => usize::try_from(all.value(position)).map_err(|_| {
            let message = format!("array size exceeds the maximum allowed ({ITEMS_MAX})");
            Error::new(code::PROGRAM_LIMIT_EXCEEDED, message)
        }),
    };
    bounds.range(row).map(bound).collect()
}

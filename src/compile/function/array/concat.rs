//! `array_append`, `array_prepend`, `array_cat`, and `||` with an array on one side.

use datafusion::arrow::array::{Array, ArrayRef};

use super::super::definition::{Argument, Call, Definition, Types};
use super::dimension::{Flat, shaped};
use super::gather::Gather;
use super::{array_of, of_both, with_item};
use crate::error::{Error, Result, code};
use crate::types::SqlType;

pub(in crate::compile::function) static APPEND: Definition = Definition::immutable("array_append", append_types, add);
pub(in crate::compile::function) static PREPEND: Definition =
    Definition::immutable("array_prepend", prepend_types, add);
pub(in crate::compile::function) static CAT: Definition = Definition::immutable("array_cat", cat_types, cat);
pub(in crate::compile::function) static OPERATOR: Definition = Definition::immutable("||", cat_types, cat);
pub(in crate::compile::function) static OPERATOR_APPEND: Definition = Definition::immutable("||", append_types, add);
pub(in crate::compile::function) static OPERATOR_PREPEND: Definition = Definition::immutable("||", prepend_types, add);

fn append_types(arguments: &[Argument]) -> Types {
    let [array, item] = arguments else { return Ok(None) };
    Ok(with_item(array, item)
        .map(|(item, dimensions)| (vec![item.clone().array_of(dimensions), item.clone()], array_of(item))))
}

fn prepend_types(arguments: &[Argument]) -> Types {
    let [item, array] = arguments else { return Ok(None) };
    Ok(with_item(array, item)
        .map(|(item, dimensions)| (vec![item.clone(), item.clone().array_of(dimensions)], array_of(item))))
}

fn cat_types(arguments: &[Argument]) -> Types {
    let [left, right] = arguments else { return Ok(None) };
    Ok(of_both(left, right).map(|(element, dimensions)| {
        let wanted = dimensions.map(|dimensions| element.clone().array_of(dimensions)).to_vec();
        (wanted, element.array_of(dimensions[0].max(dimensions[1])))
    }))
}

/// Adds an item, which may be NULL, to arrays; a NULL array is like an empty one. Errors: 22000 for one of more dimensions.
fn add(call: &Call) -> Result<ArrayRef> {
    let SqlType::Array(item) = &call.result else { return Err(Error::internal("|| makes an array")) };
    let mut made = Gather::new(item);
    let parts: Vec<Flat> = call.arguments.iter().map(Flat::new).collect();
    let is_array: Vec<bool> = call.arguments.iter().map(|values| *values.data_type() != item.arrow()).collect();
    let sources: Vec<usize> = parts.iter().map(|part| made.source(&part.elements)).collect();
    for row in 0..call.rows {
        for (at, values) in call.arguments.iter().enumerate() {
            if !is_array[at] {
                made.take(sources[at], row);
            } else if values.is_valid(row) {
                if parts[at].lengths(row).len() > 1 {
                    return Err(Error::new("22000", "argument must be empty or one-dimensional array"));
                }
                parts[at].range(row).for_each(|position| made.take(sources[at], position));
            }
        }
        made.close();
    }
    made.finish()
}

/// Joins arrays; a NULL one adds nothing.
fn cat(call: &Call) -> Result<ArrayRef> {
    let mut made = Gather::new(call.result.element());
    let parts: Vec<Flat> = call.arguments.iter().map(Flat::new).collect();
    let sources: Vec<usize> = parts.iter().map(|part| made.source(&part.elements)).collect();
    let mut shapes = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let mut shape: Option<Vec<usize>> = None;
        for (at, part) in parts.iter().enumerate().filter(|(at, _)| call.arguments[*at].is_valid(row)) {
            part.range(row).for_each(|position| made.take(sources[at], position));
            let lengths = part.lengths(row);
            shape = Some(shape.map_or(Ok(lengths.clone()), |before| joined(before, lengths))?);
        }
        shapes.push(shape);
    }
    shaped(&call.result, &shapes, made.elements()?)
}

/// The shape of one array after the other. Errors: 2202E if they do not go together.
fn joined(left: Vec<usize>, right: Vec<usize>) -> Result<Vec<usize>> {
    let fits = match (left.as_slice(), right.as_slice()) {
        ([], _) => return Ok(right),
        (_, []) => return Ok(left),
        ([first, inner @ ..], [other, rest @ ..]) if inner == rest => {
            return Ok([&[first + other], inner].concat());
        }
        ([first, inner @ ..], whole) if inner == whole => Some((first, &left)),
        (whole, [first, inner @ ..]) if inner == whole => Some((first, &right)),
        _ => None,
    };
    match fits {
        Some((first, longer)) => Ok([&[first + 1], &longer[1..]].concat()),
        None => {
            let detail = match left.len() == right.len() {
                true => "Arrays with differing element dimensions are not compatible for concatenation.",
                false => "Arrays with differing dimensions are not compatible for concatenation.",
            };
            Err(Error::new(code::ARRAY_SUBSCRIPT_ERROR, "cannot concatenate incompatible arrays").detail(detail))
        }
    }
}

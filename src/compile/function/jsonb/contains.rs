//! `a @> b`, `b <@ a`: whether a document holds another one: an object the members, an array the elements in any order, at the same
//! depth; an array also a scalar that is its element.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray};

use super::super::definition::{Argument, Call, Definition, Types, strict, texts};
use super::{elements, kind, members};
use crate::error::Result;
use crate::types::SqlType;

pub(in crate::compile::function) static CONTAINS: Definition =
    Definition::immutable("@>", types, |call| evaluate(call, 0, 1));
pub(in crate::compile::function) static CONTAINED: Definition =
    Definition::immutable("<@", types, |call| evaluate(call, 1, 0));

fn types(arguments: &[Argument]) -> Types {
    let is_document = |argument: &Argument| argument.is_untyped() || argument.sql_type == Some(SqlType::Jsonb);
    let fits = arguments.len() == 2 && arguments.iter().all(is_document);
    Ok(fits.then(|| (vec![SqlType::Jsonb, SqlType::Jsonb], SqlType::Boolean)))
}

fn evaluate(call: &Call, outer: usize, inner: usize) -> Result<ArrayRef> {
    let (outer, inner) = (texts(&call.arguments[outer]), texts(&call.arguments[inner]));
    let values = strict(call, |row| {
        let (outer, inner) = (outer.value(row), inner.value(row));
        // Only at the top may a scalar stand for the array that holds just it.
        if kind(outer) == "array" && !["array", "object"].contains(&kind(inner)) {
            return Ok(elements(outer)?.into_iter().any(|element| same_scalar(element, inner)));
        }
        holds(outer, inner)
    })?;
    Ok(Arc::new(BooleanArray::from(values)))
}

fn holds(outer: &str, inner: &str) -> Result<bool> {
    match (kind(outer), kind(inner)) {
        ("object", "object") => {
            let outer = members(outer)?;
            for (name, value) in members(inner)? {
                let Some((_, found)) = outer.iter().find(|(known, _)| *known == name) else { return Ok(false) };
                if !holds(found, value)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        ("array", "array") => {
            let outer = elements(outer)?;
            for wanted in elements(inner)? {
                let mut found = false;
                for element in &outer {
                    found = found || holds(element, wanted)?;
                }
                if !found {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        _ => Ok(same_scalar(outer, inner)),
    }
}

fn same_scalar(a: &str, b: &str) -> bool {
    a == b || kind(a) == "number" && kind(b) == "number" && shortest(a) == shortest(b)
}

/// A canonical number without zeros that do not count: 1.50 is 1.5.
fn shortest(number: &str) -> &str {
    match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    }
}

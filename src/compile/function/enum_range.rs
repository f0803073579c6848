//! `enum_first(e)`, `enum_last(e)`, `enum_range(e)`, `enum_range(from, to)`: labels of an enum type as they are now. The first three look
//! at the type of their argument only.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, DurationSecondArray};
use datafusion::arrow::datatypes::DurationSecondType;
use datafusion::logical_expr::Volatility;

use super::array::{array_of, gather::Gather};
use super::definition::{Argument, Call, Definition, Types};
use crate::enumeration::EnumType;
use crate::error::{Error, Result, code};
use crate::types::SqlType;

pub(super) static DEFINITIONS: &[&Definition] = &[&FIRST, &LAST, &RANGE];

static FIRST: Definition = stable("enum_first", one_type, |call| end(call, true));
static LAST: Definition = stable("enum_last", one_type, |call| end(call, false));
static RANGE: Definition = stable("enum_range", range_types, range);

/// Types get more labels.
const fn stable(
    name: &'static str,
    types: fn(&[Argument]) -> Types,
    evaluate: fn(&Call) -> Result<ArrayRef>,
) -> Definition {
    Definition { name, aliases: &[], volatility: Volatility::Stable, types, evaluate }
}

fn one_type(arguments: &[Argument]) -> Types {
    let [Argument { sql_type: Some(found @ SqlType::Enum(_)), .. }] = arguments else { return undetermined(arguments) };
    Ok(Some((vec![found.clone()], found.clone())))
}

fn range_types(arguments: &[Argument]) -> Types {
    if !(1..=2).contains(&arguments.len()) {
        return Ok(None);
    }
    let found = arguments.iter().find_map(|argument| match &argument.sql_type {
        Some(SqlType::Enum(found)) => Some(found.clone()),
        _ => None,
    });
    let Some(found) = found.map(SqlType::Enum) else { return undetermined(arguments) };
    if arguments.iter().any(|argument| !argument.is_untyped() && argument.sql_type.as_ref() != Some(&found)) {
        return Ok(None);
    }
    Ok(Some((vec![found.clone(); arguments.len()], array_of(found))))
}

fn undetermined(arguments: &[Argument]) -> Types {
    if arguments.is_empty() || arguments.iter().any(|argument| !argument.is_untyped()) {
        return Ok(None);
    }
    let message = "could not determine polymorphic type because input has type unknown";
    Err(Error::new(code::DATATYPE_MISMATCH, message))
}

/// The type that the call is about.
fn labels_of(call: &Call) -> Result<EnumType> {
    match &call.result {
        SqlType::Enum(found) => Ok(found.clone()),
        SqlType::Array(item) => match item.as_ref() {
            SqlType::Enum(found) => Ok(found.clone()),
            other => Err(Error::internal(format!("{other} is no enum"))),
        },
        other => Err(Error::internal(format!("{other} is no enum"))),
    }
}

fn end(call: &Call, first: bool) -> Result<ArrayRef> {
    let labels = labels_of(call)?.labels();
    let found = if first { labels.iter().next() } else { labels.iter().next_back() };
    let Some(found) = found else {
        let message = format!("enum {} contains no values", labels.type_name);
        return Err(Error::new(code::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
    };
    Ok(Arc::new(DurationSecondArray::from_value(found.value, call.rows)))
}

fn range(call: &Call) -> Result<ArrayRef> {
    let found = labels_of(call)?;
    let labels = found.labels();
    let all: ArrayRef = Arc::new(DurationSecondArray::from_iter_values(labels.iter().map(|label| label.value)));
    let mut made = Gather::new(&SqlType::Enum(found));
    let source = made.source(&all);
    let bound = |at: usize, row: usize| {
        let given = call.arguments.get(at)?;
        let values = given.as_primitive::<DurationSecondType>();
        values.is_valid(row).then(|| values.value(row))
    };
    for row in 0..call.rows {
        // With one argument its value does not matter.
        let is_range = call.arguments.len() == 2;
        let (from, to) = if is_range { (bound(0, row), bound(1, row)) } else { (None, None) };
        for (at, label) in labels.iter().enumerate() {
            if from.is_none_or(|from| label.value >= from) && to.is_none_or(|to| label.value <= to) {
                made.take(source, at);
            }
        }
        made.close();
    }
    made.finish()
}

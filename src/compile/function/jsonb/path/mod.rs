//! SQL/JSON paths: `$.a[*] ? (@ > 1)`. `jsonb_path_exists`, `jsonb_path_match`, `jsonb_path_query_array`, `jsonb_path_query_first`, and the
//! operators `@?` and `@@`. Not supported, and refused: `.datetime()` and the functions whose names end in `_tz`.

// Paths applied to documents.
mod evaluate;
// Numbers in paths.
mod number;
// Texts as trees.
mod parse;
// Paths as trees.
mod tree;

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray};

use self::evaluate::{Failure, Run, query};
use self::tree::Path;
use super::super::definition::{Argument, Call, Definition, Types, texts};
use super::argument::{document, is_document, is_text};
use super::value::Json;
use crate::error::{Error, Result, code};
use crate::types::SqlType;

pub(in crate::compile::function) static EXISTS: Definition = Definition::immutable(
    "jsonb_path_exists",
    |arguments| types(arguments, SqlType::Boolean),
    |call| flags(call, false, |items| Ok(Some(!items.is_empty()))),
);
pub(in crate::compile::function) static MATCH: Definition = Definition::immutable(
    "jsonb_path_match",
    |arguments| types(arguments, SqlType::Boolean),
    |call| flags(call, false, single_boolean),
);
pub(in crate::compile::function) static ARRAY: Definition = Definition::immutable(
    "jsonb_path_query_array",
    |arguments| types(arguments, SqlType::Jsonb),
    |call| documents(call, |items| Some(Json::Array(items))),
);
pub(in crate::compile::function) static FIRST: Definition = Definition::immutable(
    "jsonb_path_query_first",
    |arguments| types(arguments, SqlType::Jsonb),
    |call| documents(call, |items| items.into_iter().next()),
);
/// Failures are unknown to the operators.
pub(in crate::compile::function) static HAS: Definition = Definition {
    aliases: &["jsonb_path_exists_opr"],
    ..Definition::immutable("@?", operator_types, |call| flags(call, true, |items| Ok(Some(!items.is_empty()))))
};
pub(in crate::compile::function) static HOLDS: Definition = Definition {
    aliases: &["jsonb_path_match_opr"],
    ..Definition::immutable("@@", operator_types, |call| flags(call, true, single_boolean))
};

fn types(arguments: &[Argument], result: SqlType) -> Types {
    if !(2..=4).contains(&arguments.len()) {
        return Ok(None);
    }
    let wanted = [SqlType::Jsonb, SqlType::Text, SqlType::Jsonb, SqlType::Boolean];
    let fits = arguments.iter().zip(&wanted).enumerate().all(|(at, (argument, wanted))| match at {
        1 => is_text(&argument.or_text()),
        _ => is_document(argument, wanted),
    });
    Ok(fits.then(|| (wanted[..arguments.len()].to_vec(), result)))
}

fn operator_types(arguments: &[Argument]) -> Types {
    if arguments.len() == 2 { types(arguments, SqlType::Boolean) } else { Ok(None) }
}

/// The items that the path leads to in each row, or `None` for NULL: where an argument is NULL, or where silence hides a failure.
fn each<T>(
    call: &Call,
    is_operator: bool,
    mut answer: impl FnMut(Vec<Json>) -> std::result::Result<Option<T>, Failure>,
) -> Result<Vec<Option<T>>> {
    let paths = texts(&call.arguments[1]);
    let mut known: Option<(&str, Path)> = None;
    let mut answers = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        if call.arguments.iter().any(|argument| argument.is_null(row)) {
            answers.push(None);
            continue;
        }
        let text = paths.value(row);
        if known.as_ref().is_none_or(|(same, _)| *same != text) {
            known = Some((text, parse::path(text)?));
        }
        let Some((_, path)) = &known else { continue };
        let variables = match call.arguments.get(2) {
            Some(variables) => match document(variables, row)? {
                Json::Object(members) => members,
                _ => {
                    return Err(Error::new(code::INVALID_PARAMETER_VALUE, "\"vars\" argument is not an object")
                        .detail("Jsonpath parameters should be encoded as key-value pairs of \"vars\" object."));
                }
            },
            None => Vec::new(),
        };
        let silent = is_operator || call.arguments.get(3).is_some_and(|flags| flags.as_boolean().value(row));
        let root = document(&call.arguments[0], row)?;
        let run = Run::new(path, &root, &variables);
        match query(&run, path, &root).and_then(&mut answer) {
            Ok(found) => answers.push(found),
            Err(failure) if silent && failure.can_be_silent => answers.push(None),
            Err(failure) => return Err(failure.error),
        }
    }
    Ok(answers)
}

fn flags(
    call: &Call,
    is_operator: bool,
    answer: impl FnMut(Vec<Json>) -> std::result::Result<Option<bool>, Failure>,
) -> Result<ArrayRef> {
    Ok(Arc::new(BooleanArray::from(each(call, is_operator, answer)?)))
}

fn documents(call: &Call, answer: fn(Vec<Json>) -> Option<Json>) -> Result<ArrayRef> {
    let found = each(call, false, |items| Ok(answer(items).map(|item| item.text())))?;
    Ok(Arc::new(StringArray::from(found)))
}

fn single_boolean(items: Vec<Json>) -> std::result::Result<Option<bool>, Failure> {
    match items.as_slice() {
        [Json::Boolean(value)] => Ok(Some(*value)),
        [Json::Null] => Ok(None),
        _ => Err(Failure::new("22038", "single boolean result is expected")),
    }
}

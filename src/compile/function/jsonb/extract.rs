//! Parts of JSON documents: `->` and `->>` (a member by name, an element by number, from the end if negative), `#>` and `#>>` (by path),
//! `jsonb_extract_path` and `jsonb_extract_path_text`. What is not there is NULL; with `>>` and `_text` the part is text, JSON's null NULL.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::Int64Type;

use super::super::definition::{Argument, Call, Definition, Types, texts};
use super::argument::is_document;
use super::{content, elements, kind, members};
use crate::error::{Error, Result};
use crate::types::SqlType;

pub(in crate::compile::function) static MEMBER: Definition =
    Definition::immutable("->", |arguments| step_types(arguments, SqlType::Jsonb), step);
pub(in crate::compile::function) static MEMBER_TEXT: Definition =
    Definition::immutable("->>", |arguments| step_types(arguments, SqlType::Text), step);
pub(in crate::compile::function) static AT_PATH: Definition =
    Definition::immutable("#>", |arguments| path_types(arguments, SqlType::Jsonb), along_path);
pub(in crate::compile::function) static AT_PATH_TEXT: Definition =
    Definition::immutable("#>>", |arguments| path_types(arguments, SqlType::Text), along_path);
pub(in crate::compile::function) static PATH: Definition = Definition::immutable(
    "jsonb_extract_path",
    |arguments| names_types(arguments, SqlType::Jsonb, SqlType::Jsonb),
    along_names,
);
pub(in crate::compile::function) static PATH_TEXT: Definition = Definition::immutable(
    "jsonb_extract_path_text",
    |arguments| names_types(arguments, SqlType::Jsonb, SqlType::Text),
    along_names,
);
pub(in crate::compile::function) static JSON_PATH: Definition = Definition::immutable(
    "json_extract_path",
    |arguments| names_types(arguments, SqlType::Json, SqlType::Json),
    along_names,
);
pub(in crate::compile::function) static JSON_PATH_TEXT: Definition = Definition::immutable(
    "json_extract_path_text",
    |arguments| names_types(arguments, SqlType::Json, SqlType::Text),
    along_names,
);

fn step_types(arguments: &[Argument], result: SqlType) -> Types {
    let [document, step] = arguments else { return Ok(None) };
    let Some((given, result)) = document_types(document, result) else { return Ok(None) };
    Ok(match step.or_text() {
        SqlType::Text | SqlType::Varchar(_) | SqlType::Char(_) => Some((vec![given, SqlType::Text], result)),
        SqlType::SmallInt | SqlType::Integer => Some((vec![given, SqlType::BigInt], result)),
        _ => None,
    })
}

fn path_types(arguments: &[Argument], result: SqlType) -> Types {
    let [document, path] = arguments else { return Ok(None) };
    let texts = SqlType::Array(Box::new(SqlType::Text));
    let is_path = path.is_untyped() || path.sql_type.as_ref() == Some(&texts);
    let types = document_types(document, result).filter(|_| is_path);
    Ok(types.map(|(given, result)| (vec![given, texts], result)))
}

fn names_types(arguments: &[Argument], given: SqlType, result: SqlType) -> Types {
    let Some((document, names)) = arguments.split_first() else { return Ok(None) };
    let are_texts = names.iter().all(|name| name.or_text().is_text());
    let fits = are_texts && is_document(document, &given);
    let mut wanted = vec![given];
    wanted.extend(names.iter().map(|_| SqlType::Text));
    Ok(fits.then_some((wanted, result)))
}

/// The document's type, and the result's: a part of json is json. A constant text is jsonb: `'{"a":1}' -> 'a'` has no other meaning.
fn document_types(argument: &Argument, result: SqlType) -> Option<(SqlType, SqlType)> {
    match &argument.sql_type {
        Some(SqlType::Json) => Some((SqlType::Json, if result == SqlType::Jsonb { SqlType::Json } else { result })),
        _ if is_document(argument, &SqlType::Jsonb) => Some((SqlType::Jsonb, result)),
        _ => None,
    }
}

fn step(call: &Call) -> Result<ArrayRef> {
    let by_number = *call.arguments[1].data_type() == SqlType::BigInt.arrow();
    parts(call, |row, document| match by_number {
        // A scalar of jsonb is kept as an array of it.
        true if call.given[0] != SqlType::Json && !["array", "object"].contains(&kind(document)) => {
            let number = call.arguments[1].as_primitive::<Int64Type>().value(row);
            Ok(Some(document).filter(|_| number == 0 || number == -1))
        }
        true => element(document, call.arguments[1].as_primitive::<Int64Type>().value(row)),
        false => member(document, texts(&call.arguments[1]).value(row)),
    })
}

fn along_path(call: &Call) -> Result<ArrayRef> {
    let paths = call.arguments[1].as_list::<i32>();
    parts(call, |row, document| {
        let names = paths.value(row);
        follow(document, texts(&names).iter())
    })
}

fn along_names(call: &Call) -> Result<ArrayRef> {
    let names: Vec<&StringArray> = call.arguments[1..].iter().map(texts).collect();
    parts(call, |row, document| {
        follow(document, names.iter().map(|names| names.is_valid(row).then(|| names.value(row))))
    })
}

/// The part that `find` finds in each row's document, as JSON or as text.
fn parts(call: &Call, mut find: impl for<'a> FnMut(usize, &'a str) -> Result<Option<&'a str>>) -> Result<ArrayRef> {
    let documents = texts(&call.arguments[0]);
    let mut found: Vec<Option<Cow<str>>> = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        if call.arguments.iter().any(|argument| argument.is_null(row)) {
            found.push(None);
            continue;
        }
        let part = find(row, documents.value(row))?;
        found.push(match part {
            Some(part) if call.result == SqlType::Text => match kind(part) {
                "null" => None,
                "string" => {
                    let text = content(part)?;
                    if text.contains('\0') {
                        return Err(Error::new("22P05", "unsupported Unicode escape sequence")
                            .detail("\\u0000 cannot be converted to text."));
                    }
                    Some(Cow::Owned(text))
                }
                _ => Some(Cow::Borrowed(part)),
            },
            part => part.map(Cow::Borrowed),
        });
    }
    Ok(Arc::new(found.into_iter().collect::<StringArray>()))
}

fn follow<'a, 'b>(document: &'a str, path: impl Iterator<Item = Option<&'b str>>) -> Result<Option<&'a str>> {
    let mut part = document;
    for name in path {
        let Some(name) = name else { return Ok(None) };
        let next = match kind(part) {
            "object" => member(part, name)?,
            "array" => match name.trim().parse() {
                Ok(number) => element(part, number)?,
                Err(_) => None,
            },
            _ => None,
        };
        match next {
            Some(next) => part = next,
            None => return Ok(None),
        }
    }
    Ok(Some(part))
}

/// The part that subscripts lead to: a text is a member's name or an element's number.
pub(in crate::compile::function) fn at_steps<'a>(
    document: &'a str,
    steps: &[ArrayRef],
    row: usize,
) -> Result<Option<&'a str>> {
    let mut part = document;
    for step in steps {
        let by_number = *step.data_type() == SqlType::BigInt.arrow();
        let name = match by_number {
            true => step.as_primitive::<Int64Type>().value(row).to_string(),
            false => texts(step).value(row).to_string(),
        };
        match follow(part, std::iter::once(Some(name.as_str())))? {
            Some(next) => part = next,
            None => return Ok(None),
        }
    }
    Ok(Some(part))
}

fn member<'a>(document: &'a str, name: &str) -> Result<Option<&'a str>> {
    if kind(document) != "object" {
        return Ok(None);
    }
    Ok(members(document)?.into_iter().rfind(|(known, _)| known == name).map(|(_, value)| value))
}

fn element(document: &str, number: i64) -> Result<Option<&str>> {
    if kind(document) != "array" {
        return Ok(None);
    }
    let elements = elements(document)?;
    let length = i64::try_from(elements.len()).unwrap_or(i64::MAX);
    let at = if number < 0 { number.saturating_add(length) } else { number };
    Ok(usize::try_from(at).ok().and_then(|at| elements.get(at).copied()))
}

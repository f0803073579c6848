//! The parts of documents: `json[b]_array_elements`, `json[b]_object_keys`, `json[b]_each`, `json[b]_to_recordset`, some also as text.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, StringArray};

use super::super::cast::type_of;
use super::super::definition::{Argument, Call, Definition, Types, texts};
use super::super::jsonb::{content, elements, kind, members};
use super::super::row::populate::literal;
use super::{lists, text_lists};
use crate::error::{Error, Result, code};
use crate::types::SqlType;

/// All of them: those of jsonb, then those of json.
pub(in crate::compile::function) static DEFINITIONS: &[&Definition] = &[
    &Definition::immutable("jsonb_array_elements[]", of_jsonb, |call| array_elements(call, json)),
    &Definition::immutable("jsonb_array_elements_text[]", of_jsonb, |call| array_elements(call, as_text)),
    &Definition::immutable("jsonb_object_keys[]", of_jsonb, object_keys),
    &Definition::immutable("jsonb_each_keys[]", of_jsonb, |call| each(call, |key, _| Ok(Some(key)))),
    &Definition::immutable("jsonb_each_values[]", of_jsonb, |call| each(call, |_, value| json(value))),
    &Definition::immutable("jsonb_each_text_values[]", of_jsonb, |call| each(call, |_, value| as_text(value))),
    &Definition::immutable("jsonb_to_recordset[]", field_of_jsonb, recordset),
    &Definition::immutable("jsonb_to_record[]", field_of_jsonb, record),
    &Definition::immutable("jsonb[]", |arguments| named(arguments, SqlType::Jsonb), same),
    &Definition::immutable("json_array_elements[]", of_json, |call| array_elements(call, json)),
    &Definition::immutable("json_array_elements_text[]", of_json, |call| array_elements(call, as_text)),
    &Definition::immutable("json_object_keys[]", of_json, object_keys),
    &Definition::immutable("json_each_keys[]", of_json, |call| each(call, |key, _| Ok(Some(key)))),
    &Definition::immutable("json_each_values[]", of_json, |call| each(call, |_, value| json(value))),
    &Definition::immutable("json_each_text_values[]", of_json, |call| each(call, |_, value| as_text(value))),
    &Definition::immutable("json_to_recordset[]", field_of_json, recordset),
    &Definition::immutable("json_to_record[]", field_of_json, record),
    &Definition::immutable("json[]", |arguments| named(arguments, SqlType::Json), same),
];

fn of_jsonb(arguments: &[Argument]) -> Types {
    let [document] = arguments else { return Ok(None) };
    Ok(texts_of(document, SqlType::Jsonb, vec![]))
}

fn of_json(arguments: &[Argument]) -> Types {
    let [document] = arguments else { return Ok(None) };
    Ok(texts_of(document, SqlType::Json, vec![]))
}

fn field_of_jsonb(arguments: &[Argument]) -> Types {
    let ([document, _] | [document, _, _]) = arguments else { return Ok(None) };
    Ok(texts_of(document, SqlType::Jsonb, vec![SqlType::Text; arguments.len() - 1]))
}

fn field_of_json(arguments: &[Argument]) -> Types {
    let ([document, _] | [document, _, _]) = arguments else { return Ok(None) };
    Ok(texts_of(document, SqlType::Json, vec![SqlType::Text; arguments.len() - 1]))
}

/// Texts out of a document, and further arguments.
fn texts_of(document: &Argument, wanted: SqlType, more: Vec<SqlType>) -> Option<(Vec<SqlType>, SqlType)> {
    let fits = document.is_untyped() || document.sql_type.as_ref() == Some(&wanted);
    let types = std::iter::once(wanted).chain(more).collect();
    fits.then(|| (types, SqlType::Array(Box::new(SqlType::Text))))
}

/// Tells the planner what texts are.
fn named(arguments: &[Argument], name: SqlType) -> Types {
    let [value] = arguments else { return Ok(None) };
    Ok((value.or_text().arrow() == SqlType::Text.arrow()).then(|| (vec![value.or_text()], name)))
}

fn same(call: &Call) -> Result<ArrayRef> {
    Ok(Arc::clone(&call.arguments[0]))
}

fn json(value: &str) -> Result<Option<String>> {
    Ok(Some(value.to_string()))
}

/// As `->>` answers it.
fn as_text(value: &str) -> Result<Option<String>> {
    match kind(value) {
        "null" => Ok(None),
        "string" => content(value).map(Some),
        _ => Ok(Some(value.to_string())),
    }
}

fn array_elements(call: &Call, shown: fn(&str) -> Result<Option<String>>) -> Result<ArrayRef> {
    let documents = texts(&call.arguments[0]);
    text_lists(call, |row, found| {
        let document = documents.value(row);
        let what = match kind(document) {
            "array" => {
                for element in elements(document)? {
                    found.push(shown(element)?);
                }
                return Ok(());
            }
            "object" => "an object",
            _ => "a scalar",
        };
        Err(invalid(format!("cannot extract elements from {what}")))
    })
}

fn object_keys(call: &Call) -> Result<ArrayRef> {
    let documents = texts(&call.arguments[0]);
    text_lists(call, |row, found| {
        let document = documents.value(row);
        let what = match kind(document) {
            "object" => {
                found.extend(members(document)?.into_iter().map(|(key, _)| Some(key)));
                return Ok(());
            }
            "array" => "an array",
            _ => "a scalar",
        };
        Err(invalid(format!("cannot call jsonb_object_keys on {what}")))
    })
}

fn each(call: &Call, part: impl Fn(String, &str) -> Result<Option<String>>) -> Result<ArrayRef> {
    let documents = texts(&call.arguments[0]);
    text_lists(call, |row, found| {
        let document = documents.value(row);
        if kind(document) != "object" {
            return Err(invalid("cannot call jsonb_each on a non-object".to_string()));
        }
        for (key, value) in members(document)? {
            found.push(part(key, value)?);
        }
        Ok(())
    })
}

/// The member of an object as a text that its type reads; NULL if it has none of that name. A third argument names types of arrays, whose
/// literals are not those of JSON.
fn field(call: &Call, row: usize, document: &str) -> Result<Option<String>> {
    let name = texts(&call.arguments[1]).value(row);
    let Some((_, value)) = members(document)?.into_iter().find(|(key, _)| key == name) else { return Ok(None) };
    match call.arguments.get(2).and_then(|types| type_of(texts(types).value(row))) {
        Some(array) => literal(&array, value),
        None => as_text(value),
    }
}

fn recordset(call: &Call) -> Result<ArrayRef> {
    let documents = texts(&call.arguments[0]);
    text_lists(call, |row, found| {
        let document = documents.value(row);
        if kind(document) != "array" {
            return Err(invalid("cannot call jsonb_to_recordset on a non-array".to_string()));
        }
        for element in elements(document)? {
            if kind(element) != "object" {
                return Err(invalid("argument of jsonb_to_recordset must be an array of objects".to_string()));
            }
            found.push(field(call, row, element)?);
        }
        Ok(())
    })
}

fn record(call: &Call) -> Result<ArrayRef> {
    let documents = texts(&call.arguments[0]);
    // One row for any document, and for none.
    let mut fields: Vec<Option<String>> = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let document = documents.is_valid(row).then(|| documents.value(row));
        if document.is_some_and(|document| kind(document) != "object") {
            return Err(invalid("cannot call jsonb_to_record on a non-object".to_string()));
        }
        fields.push(document.map_or(Ok(None), |document| field(call, row, document))?);
    }
    lists(call, vec![Some(1); call.rows], Arc::new(fields.into_iter().collect::<StringArray>()))
}

fn invalid(message: String) -> Error {
    Error::new(code::INVALID_PARAMETER_VALUE, message)
}

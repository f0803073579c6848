//! The parts of jsonb documents: `jsonb_array_elements`, `jsonb_object_keys`, `jsonb_each`, `jsonb_to_recordset`, each also as text.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, StringArray};

use super::super::definition::{Argument, Call, Definition, Types, texts};
use super::super::jsonb::{content, elements, kind, members};
use super::{lists, text_lists};
use crate::error::{Error, Result, code};
use crate::types::SqlType;

pub(in crate::compile::function) static ELEMENTS: Definition =
    Definition::immutable("jsonb_array_elements[]", document_types, |call| array_elements(call, json));
pub(in crate::compile::function) static ELEMENTS_TEXT: Definition =
    Definition::immutable("jsonb_array_elements_text[]", document_types, |call| array_elements(call, as_text));
pub(in crate::compile::function) static KEYS: Definition =
    Definition::immutable("jsonb_object_keys[]", document_types, object_keys);
pub(in crate::compile::function) static EACH_KEYS: Definition =
    Definition::immutable("jsonb_each_keys[]", document_types, |call| each(call, |key, _| Ok(Some(key))));
pub(in crate::compile::function) static EACH_VALUES: Definition =
    Definition::immutable("jsonb_each_values[]", document_types, |call| each(call, |_, value| json(value)));
pub(in crate::compile::function) static EACH_TEXT_VALUES: Definition =
    Definition::immutable("jsonb_each_text_values[]", document_types, |call| each(call, |_, value| as_text(value)));
pub(in crate::compile::function) static RECORDSET: Definition =
    Definition::immutable("jsonb_to_recordset[]", field_types, recordset);
pub(in crate::compile::function) static RECORD: Definition =
    Definition::immutable("jsonb_to_record[]", field_types, record);
/// Tells the planner that texts are jsonb.
pub(in crate::compile::function) static AS_JSONB: Definition =
    Definition::immutable("jsonb[]", as_jsonb_types, |call| Ok(Arc::clone(&call.arguments[0])));

fn is_document(argument: &Argument) -> bool {
    argument.is_untyped() || argument.sql_type == Some(SqlType::Jsonb)
}

fn document_types(arguments: &[Argument]) -> Types {
    let [document] = arguments else { return Ok(None) };
    Ok(is_document(document).then(|| (vec![SqlType::Jsonb], SqlType::Array(Box::new(SqlType::Text)))))
}

fn field_types(arguments: &[Argument]) -> Types {
    let [document, _] = arguments else { return Ok(None) };
    let types = (vec![SqlType::Jsonb, SqlType::Text], SqlType::Array(Box::new(SqlType::Text)));
    Ok(is_document(document).then_some(types))
}

fn as_jsonb_types(arguments: &[Argument]) -> Types {
    let [value] = arguments else { return Ok(None) };
    Ok((value.or_text().arrow() == SqlType::Text.arrow()).then(|| (vec![value.or_text()], SqlType::Jsonb)))
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

/// The member of an object as text; NULL if it has none of that name.
fn field(document: &str, name: &str) -> Result<Option<String>> {
    let found = members(document)?.into_iter().find(|(key, _)| key == name);
    found.map_or(Ok(None), |(_, value)| as_text(value))
}

fn recordset(call: &Call) -> Result<ArrayRef> {
    let (documents, names) = (texts(&call.arguments[0]), texts(&call.arguments[1]));
    text_lists(call, |row, found| {
        let document = documents.value(row);
        if kind(document) != "array" {
            return Err(invalid("cannot call jsonb_to_recordset on a non-array".to_string()));
        }
        for element in elements(document)? {
            if kind(element) != "object" {
                return Err(invalid("argument of jsonb_to_recordset must be an array of objects".to_string()));
            }
            found.push(field(element, names.value(row))?);
        }
        Ok(())
    })
}

fn record(call: &Call) -> Result<ArrayRef> {
    let (documents, names) = (texts(&call.arguments[0]), texts(&call.arguments[1]));
    // One row for any document, and for none.
    let mut fields: Vec<Option<String>> = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let document = documents.is_valid(row).then(|| documents.value(row));
        if document.is_some_and(|document| kind(document) != "object") {
            return Err(invalid("cannot call jsonb_to_record on a non-object".to_string()));
        }
        fields.push(document.map_or(Ok(None), |document| field(document, names.value(row)))?);
    }
    lists(call, vec![Some(1); call.rows], Arc::new(fields.into_iter().collect::<StringArray>()))
}

fn invalid(message: String) -> Error {
    Error::new(code::INVALID_PARAMETER_VALUE, message)
}

//! `json[b]_populate_record(row, document)`, `json[b]_populate_recordset[](row, documents)`: documents as rows of the type of `row`, which
//! also gives the values of fields that a document does not have.
//!
//! A value is read as PostgreSQL reads it: an object as a row, an array as an array, and anything else by way of its text.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, StructArray, UInt32Array};
use datafusion::arrow::compute::kernels::zip::zip;
use datafusion::arrow::compute::take;

use super::super::definition::{Argument, Call, Definition, Types, texts};
use super::super::jsonb::{content, elements, kind, members};
use super::super::set::lists;
use super::{rows, values_of};
use crate::error::{Error, Result, code};
use crate::format::text::{ColumnBuilder, TimeZone};
use crate::types::{RowType, SqlType};

pub(super) static RECORD: Definition =
    Definition::immutable("jsonb_populate_record", |arguments| types(arguments, SqlType::Jsonb, false), record);
pub(super) static JSON_RECORD: Definition =
    Definition::immutable("json_populate_record", |arguments| types(arguments, SqlType::Json, false), record);
pub(super) static RECORDS: Definition =
    Definition::immutable("jsonb_populate_recordset[]", |arguments| types(arguments, SqlType::Jsonb, true), records);
pub(super) static JSON_RECORDS: Definition =
    Definition::immutable("json_populate_recordset[]", |arguments| types(arguments, SqlType::Json, true), records);

fn types(arguments: &[Argument], document: SqlType, set: bool) -> Types {
    let [row, given] = arguments else { return Ok(None) };
    let Some(kind @ SqlType::Row(_)) = &row.sql_type else {
        let message = "could not determine row type for result of json_populate_record";
        let hint = "Provide a non-null record argument, or call the function in the FROM clause using a column definition list.";
        return Err(Error::new(code::DATATYPE_MISMATCH, message).hint(hint));
    };
    if !given.is_untyped() && given.sql_type.as_ref() != Some(&document) {
        return Ok(None);
    }
    let result = if set { SqlType::Array(Box::new(kind.clone())) } else { kind.clone() };
    Ok(Some((vec![kind.clone(), document], result)))
}

fn row_type(call: &Call) -> Result<&RowType> {
    call.given[0].row().ok_or_else(|| Error::internal("a row is populated"))
}

fn record(call: &Call) -> Result<ArrayRef> {
    let documents = texts(&call.arguments[1]);
    let documents: Vec<Option<&str>> =
        (0..call.rows).map(|row| documents.is_valid(row).then(|| documents.value(row))).collect();
    populated(row_type(call)?, rows(&call.arguments[0]), &documents, call.time_zone)
}

fn records(call: &Call) -> Result<ArrayRef> {
    let documents = texts(&call.arguments[1]);
    let (mut bases, mut found, mut lengths) = (Vec::new(), Vec::new(), Vec::with_capacity(call.rows));
    for row in 0..call.rows {
        if documents.is_null(row) {
            lengths.push(None);
            continue;
        }
        let document = documents.value(row);
        if kind(document) != "array" {
            return Err(invalid("cannot call jsonb_populate_recordset on a non-array"));
        }
        let elements = elements(document)?;
        lengths.push(Some(elements.len()));
        for element in elements {
            if kind(element) != "object" {
                return Err(invalid("argument of jsonb_populate_recordset must be an array of objects"));
            }
            bases.push(row as u32);
            found.push(Some(element));
        }
    }
    let bases = take(call.arguments[0].as_ref(), &UInt32Array::from(bases), None);
    let bases = bases.map_err(|error| Error::internal(error.to_string()))?;
    let items = populated(row_type(call)?, rows(&bases), &found, call.time_zone)?;
    lists(call, lengths, items)
}

/// The rows of documents; a row without a document is the base.
fn populated(row: &RowType, bases: &StructArray, documents: &[Option<&str>], zone: TimeZone) -> Result<ArrayRef> {
    let mut read = Vec::with_capacity(documents.len());
    for document in documents {
        read.push(match document {
            Some(document) if kind(document) == "null" => Vec::new(),
            Some(document) => object(document)?,
            None => Vec::new(),
        });
    }
    let mut columns = Vec::with_capacity(row.fields.len());
    for (at, (name, sql_type)) in row.fields.iter().enumerate() {
        let mut column = ColumnBuilder::new(sql_type).with_time_zone(zone);
        let mut is_given = Vec::with_capacity(read.len());
        for members in &read {
            // Of equal names in json the last one counts.
            let found = members.iter().rev().find(|(key, _)| key == name);
            is_given.push(found.is_some());
            match found.map_or(Ok(None), |(_, value)| literal(sql_type, value))? {
                Some(text) => column.append_text(&text)?,
                None => column.append_null(),
            }
        }
        let given = column.finish();
        columns.push(match is_given.iter().all(|given| *given) || bases.null_count() == bases.len() {
            true => given,
            false => zip(&BooleanArray::from(is_given), &given, &values_of(bases, at)?)
                .map_err(|error| Error::internal(error.to_string()))?,
        });
    }
    let is_row = |at: usize| documents[at].is_some_and(|document| kind(document) != "null") || bases.is_valid(at);
    let nulls: Vec<bool> = (0..documents.len()).map(is_row).collect();
    let fields = row.fields.iter().map(|(name, sql_type)| Arc::new(sql_type.field(name))).collect();
    let made = StructArray::try_new_with_length(fields, columns, Some(nulls.into()), documents.len());
    Ok(Arc::new(made.map_err(|error| Error::internal(error.to_string()))?))
}

fn object(document: &str) -> Result<Vec<(String, &str)>> {
    match kind(document) {
        "object" => members(document),
        "array" => Err(invalid("cannot call populate_composite on an array")),
        _ => Err(invalid("cannot call populate_composite on a scalar")),
    }
}

/// A value as the text that its type reads; `None` for null.
pub(in crate::compile::function) fn literal(sql_type: &SqlType, value: &str) -> Result<Option<String>> {
    let found = kind(value);
    if found == "null" {
        return Ok(None);
    }
    Ok(Some(match sql_type {
        SqlType::Json | SqlType::Jsonb => value.to_string(),
        _ if found == "string" => content(value)?,
        SqlType::Row(row) => {
            let members = object(value)?;
            let field = |(name, sql_type): &(String, SqlType)| {
                let value = members.iter().rev().find(|(key, _)| key == name);
                let text = value.map_or(Ok(None), |(_, value)| literal(sql_type, value))?;
                Ok(text.map(|text| quoted(&text)).unwrap_or_default())
            };
            format!("({})", row.fields.iter().map(field).collect::<Result<Vec<_>>>()?.join(","))
        }
        SqlType::Array(item) => {
            if found != "array" {
                return Err(Error::new(code::INVALID_TEXT_REPRESENTATION, "expected JSON array"));
            }
            let is_array = |value: &str| matches!(**item, SqlType::Array(_)) && kind(value) == "array";
            let item = |value: &str| match literal(item, value)? {
                Some(text) if is_array(value) => Ok(text),
                Some(text) => Ok(quoted(&text)),
                None => Ok("NULL".to_string()),
            };
            format!("{{{}}}", elements(value)?.into_iter().map(item).collect::<Result<Vec<_>>>()?.join(","))
        }
        _ => value.to_string(),
    }))
}

/// A text in quotes, as literals of rows and of arrays have it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn invalid(message: &str) -> Error {
    Error::new(code::INVALID_PARAMETER_VALUE, message)
}

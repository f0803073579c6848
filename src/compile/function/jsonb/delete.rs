//! `document - name`, `document - names`, `document - number` and `document #- path`: a document without some of its parts.

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::Int32Type;

use super::super::definition::{Argument, Call, Definition, Types, texts};
use super::argument::{documents, is_document, is_path, is_text, path, texts_type};
use super::change::{Change, change};
use super::value::Json;
use crate::error::{Error, Result, code};
use crate::types::SqlType;

pub(in crate::compile::function) static DELETE: Definition = Definition::immutable("-", types, evaluate);

pub(in crate::compile::function) static DELETE_PATH: Definition =
    Definition { aliases: &["jsonb_delete_path"], ..Definition::immutable("#-", path_types, along_path) };

fn types(arguments: &[Argument]) -> Types {
    let [document, part] = arguments else { return Ok(None) };
    if document.sql_type != Some(SqlType::Jsonb) {
        return Ok(None);
    }
    let part = match part.or_text() {
        kind if is_text(&kind) => SqlType::Text,
        _ if part.is_integer() => SqlType::Integer,
        SqlType::Array(item) if is_text(&item) => texts_type(),
        _ => return Ok(None),
    };
    Ok(Some((vec![SqlType::Jsonb, part], SqlType::Jsonb)))
}

fn path_types(arguments: &[Argument]) -> Types {
    let [document, part] = arguments else { return Ok(None) };
    let fits = is_document(document, &SqlType::Jsonb) && is_path(part);
    Ok(fits.then(|| (vec![SqlType::Jsonb, texts_type()], SqlType::Jsonb)))
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let parts = &call.arguments[1];
    documents(call, |row, document| {
        if document.is_scalar() {
            return Err(refused("cannot delete from scalar"));
        }
        if *parts.data_type() == SqlType::Integer.arrow() {
            return without_number(document, parts.as_primitive::<Int32Type>().value(row)).map(Some);
        }
        let names = match *parts.data_type() == SqlType::Text.arrow() {
            true => vec![Some(texts(parts).value(row).to_string())],
            false => path(parts, row),
        };
        Ok(Some(names.iter().flatten().fold(document, |document, name| without_name(document, name))))
    })
}

fn without_name(document: Json, name: &str) -> Json {
    match document {
        Json::Object(members) => Json::Object(members.into_iter().filter(|(known, _)| known != name).collect()),
        Json::Array(elements) => {
            let kept = |element: &Json| !matches!(element, Json::String(content) if content == name);
            Json::Array(elements.into_iter().filter(kept).collect())
        }
        scalar => scalar,
    }
}

fn without_number(document: Json, number: i32) -> Result<Json> {
    let Json::Array(mut elements) = document else {
        return Err(refused("cannot delete from object using integer index"));
    };
    let at = if number < 0 { i64::from(number) + elements.len() as i64 } else { i64::from(number) };
    if let Some(at) = usize::try_from(at).ok().filter(|at| *at < elements.len()) {
        elements.remove(at);
    }
    Ok(Json::Array(elements))
}

fn along_path(call: &Call) -> Result<ArrayRef> {
    documents(call, |row, document| {
        let path = path(&call.arguments[1], row);
        if document.is_scalar() {
            return Err(refused("cannot delete path in scalar"));
        }
        if path.is_empty() {
            return Ok(Some(document));
        }
        change(document, &path, &Change::Delete).map(Some)
    })
}

fn refused(message: &str) -> Error {
    Error::new(code::INVALID_PARAMETER_VALUE, message)
}

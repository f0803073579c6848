//! `document ? name`, `document ?| names`, `document ?& names`: whether an object has members, or an array strings, of these names.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray};

use super::super::definition::{Argument, Call, Definition, Types, strict, texts};
use super::argument::{document, is_document, is_path, is_text, path, texts_type};
use super::value::{Json, find};
use crate::error::Result;
use crate::types::SqlType;

pub(in crate::compile::function) static ONE: Definition =
    Definition { aliases: &["jsonb_exists"], ..Definition::immutable("?", one_types, one) };
pub(in crate::compile::function) static ANY: Definition = Definition {
    aliases: &["jsonb_exists_any"],
    ..Definition::immutable("?|", several_types, |call| several(call, false))
};
pub(in crate::compile::function) static ALL: Definition = Definition {
    aliases: &["jsonb_exists_all"],
    ..Definition::immutable("?&", several_types, |call| several(call, true))
};

fn one_types(arguments: &[Argument]) -> Types {
    let [document, name] = arguments else { return Ok(None) };
    let fits = is_document(document, &SqlType::Jsonb) && is_text(&name.or_text());
    Ok(fits.then(|| (vec![SqlType::Jsonb, SqlType::Text], SqlType::Boolean)))
}

fn several_types(arguments: &[Argument]) -> Types {
    let [document, names] = arguments else { return Ok(None) };
    let fits = is_document(document, &SqlType::Jsonb) && is_path(names);
    Ok(fits.then(|| (vec![SqlType::Jsonb, texts_type()], SqlType::Boolean)))
}

fn one(call: &Call) -> Result<ArrayRef> {
    let names = texts(&call.arguments[1]);
    let found = strict(call, |row| Ok(has(&document(&call.arguments[0], row)?, names.value(row))))?;
    Ok(Arc::new(BooleanArray::from(found)))
}

fn several(call: &Call, all: bool) -> Result<ArrayRef> {
    let found = strict(call, |row| {
        let document = document(&call.arguments[0], row)?;
        let names = path(&call.arguments[1], row);
        // NULL names are passed over.
        let mut names = names.iter().flatten();
        Ok(if all { names.all(|name| has(&document, name)) } else { names.any(|name| has(&document, name)) })
    })?;
    Ok(Arc::new(BooleanArray::from(found)))
}

fn has(document: &Json, name: &str) -> bool {
    match document {
        Json::Object(members) => find(members, name).is_ok(),
        Json::Array(elements) => {
            elements.iter().any(|element| matches!(element, Json::String(content) if content == name))
        }
        Json::String(content) => content == name,
        _ => false,
    }
}

//! What arguments of JSON functions may be, and what results are made of.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringArray};

use super::super::array::dimension::Flat;
use super::super::definition::{Argument, Call, strict, texts};
use super::value::Json;
use crate::error::Result;
use crate::types::SqlType;

/// Whether an argument is a document of the type `jsonb` (or `json`), or a constant that is read as one.
pub(super) fn is_document(argument: &Argument, sql_type: &SqlType) -> bool {
    argument.is_untyped() || argument.sql_type.as_ref() == Some(sql_type)
}

/// Whether an argument is an array of texts, or a constant that is read as one.
pub(super) fn is_path(argument: &Argument) -> bool {
    argument.is_untyped() || matches!(&argument.sql_type, Some(kind @ SqlType::Array(_)) if is_text(kind.element()))
}

pub(super) fn is_text(sql_type: &SqlType) -> bool {
    sql_type.is_text()
}

/// `text[]`.
pub(super) fn texts_type() -> SqlType {
    SqlType::Array(Box::new(SqlType::Text))
}

/// A row's array of texts.
pub(super) fn path(values: &ArrayRef, row: usize) -> Vec<Option<String>> {
    let arrays = Flat::new(values);
    let items = arrays.elements.slice(arrays.range(row).start, arrays.range(row).len());
    texts(&items).iter().map(|item| item.map(str::to_string)).collect()
}

/// Runs `value` over the documents of the first argument for every row where no argument is NULL; `None` is NULL.
pub(super) fn documents(call: &Call, mut value: impl FnMut(usize, Json) -> Result<Option<Json>>) -> Result<ArrayRef> {
    let given = texts(&call.arguments[0]);
    let made = strict(call, |row| Ok(value(row, Json::parse(given.value(row))?)?.map(|made| made.text())))?;
    Ok(Arc::new(made.into_iter().map(Option::flatten).collect::<StringArray>()))
}

/// The document in a row of an argument.
pub(super) fn document(values: &ArrayRef, row: usize) -> Result<Json> {
    Json::parse(texts(values).value(row))
}

//! `fields(row, 'number')`: stands for `(row).*` until the row's type is known. It is never evaluated: asking for its type is an error
//! that tells the row's fields, after which the query is planned once more with the fields in its place.

use std::sync::Arc;

use super::super::definition::{Argument, Definition, Types};
use crate::error::{Error, code};
use crate::types::{RowType, SqlType};

/// Code of the error that tells the fields. No client sees it.
const TOLD: &str = "row.*";

pub(in crate::compile) static DEFINITION: Definition =
    Definition::immutable("fields", types, |_| Err(Error::internal("fields of a row that are not replaced")));

fn types(arguments: &[Argument]) -> Types {
    let [value, number] = arguments else { return Ok(None) };
    let Some(row) = value.sql_type.as_ref().and_then(SqlType::row) else {
        let message = format!("type {} is not composite", value.shown_type());
        return Err(Error::new(code::WRONG_OBJECT_TYPE, message));
    };
    let names =
        RowType { name: None, fields: row.fields.iter().map(|(name, _)| (name.clone(), SqlType::Text)).collect() };
    let told = SqlType::Row(Arc::new(names)).spelled();
    Err(Error::new(TOLD, told).hint(number.text.clone().unwrap_or_default()))
}

/// Number and names of the fields that an error tells.
pub(in crate::compile) fn told(error: &Error) -> Option<(String, Vec<String>)> {
    if error.code != TOLD {
        return None;
    }
    let text = |_: &str| Some(SqlType::Text);
    let row = RowType::read(&error.message, text)?;
    Some((error.hint.clone()?, row.fields.into_iter().map(|(name, _)| name).collect()))
}

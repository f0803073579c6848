//! `jsonb_array_length(document)`: how many elements an array has. 22023 for what is none.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int32Array};

use super::super::definition::{Argument, Call, Definition, Types, strict, texts};
use super::argument::is_document;
use super::{elements, kind};
use crate::error::{Error, Result, code};
use crate::types::SqlType;

pub(in crate::compile::function) static DEFINITION: Definition =
    Definition { aliases: &["json_array_length"], ..Definition::immutable("jsonb_array_length", types, evaluate) };

fn types(arguments: &[Argument]) -> Types {
    let [document] = arguments else { return Ok(None) };
    let given = if document.sql_type == Some(SqlType::Json) { SqlType::Json } else { SqlType::Jsonb };
    Ok(is_document(document, &given).then(|| (vec![given], SqlType::Integer)))
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let documents = texts(&call.arguments[0]);
    let lengths = strict(call, |row| {
        let document = documents.value(row);
        let what = match kind(document) {
            "array" => return Ok(i32::try_from(elements(document)?.len()).unwrap_or(i32::MAX)),
            "object" => "a non-array",
            _ => "a scalar",
        };
        Err(Error::new(code::INVALID_PARAMETER_VALUE, format!("cannot get array length of {what}")))
    })?;
    Ok(Arc::new(Int32Array::from(lengths)))
}

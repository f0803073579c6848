//! `jsonb_typeof(document)`: `object`, `array`, `string`, `number`, `boolean` or `null`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringArray};

use super::super::definition::{Argument, Call, Definition, Types, texts};
use super::argument::is_document;
use super::kind;
use crate::error::Result;
use crate::types::SqlType;

pub(in crate::compile::function) static DEFINITION: Definition =
    Definition { aliases: &["json_typeof"], ..Definition::immutable("jsonb_typeof", types, evaluate) };

fn types(arguments: &[Argument]) -> Types {
    let [document] = arguments else { return Ok(None) };
    let given = if document.sql_type == Some(SqlType::Json) { SqlType::Json } else { SqlType::Jsonb };
    Ok(is_document(document, &given).then(|| (vec![given], SqlType::Text)))
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    Ok(Arc::new(texts(&call.arguments[0]).iter().map(|document| document.map(kind)).collect::<StringArray>()))
}

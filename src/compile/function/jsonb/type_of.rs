//! `jsonb_typeof(document)`: `object`, `array`, `string`, `number`, `boolean` or `null`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringArray};

use super::super::definition::{Argument, Call, Definition, Types, texts};
use super::kind;
use crate::error::Result;
use crate::types::SqlType;

pub(in crate::compile::function) static DEFINITION: Definition =
    Definition { aliases: &["json_typeof"], ..Definition::immutable("jsonb_typeof", types, evaluate) };

fn types(arguments: &[Argument]) -> Types {
    let [document] = arguments else { return Ok(None) };
    let fits = document.is_untyped() || document.sql_type == Some(SqlType::Jsonb);
    Ok(fits.then(|| (vec![SqlType::Jsonb], SqlType::Text)))
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    Ok(Arc::new(texts(&call.arguments[0]).iter().map(|document| document.map(kind)).collect::<StringArray>()))
}

//! `pg_typeof(value)`: the name of its type. The analyzer replaces the call by the name, since a constant's type is known only there.

use super::definition::{Argument, Call, Definition, Types};
use crate::error::Result;
use crate::types::SqlType;
use datafusion::arrow::array::{ArrayRef, StringArray};
use std::sync::Arc;

/// The function's name.
pub(in crate::compile) const NAME: &str = "pg_typeof";

pub(super) static DEFINITION: Definition = Definition::immutable(NAME, types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    let [value] = arguments else { return Ok(None) };
    Ok(Some((vec![value.or_text()], SqlType::Text)))
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let name = call.given.first().map(crate::compile::analyze::strict::plain_name);
    Ok(Arc::new(StringArray::from(vec![name; call.rows])))
}

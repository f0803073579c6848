//! `values(a, b, …)`: `a` as a value of the type that all have in common. The cells of VALUES become it, with other cells of their column.
//! Queries do not name it.

use std::sync::Arc;

use super::super::definition::{Argument, Definition, Types};
use super::common_type::common_type;
use crate::error::Error;
use crate::types::SqlType;

pub(super) static DEFINITION: Definition = Definition::immutable("values", types, |call| {
    call.arguments.first().map(Arc::clone).ok_or_else(|| Error::internal("a cell of VALUES has no value"))
});

fn types(arguments: &[Argument]) -> Types {
    if arguments.is_empty() {
        return Ok(None);
    }
    let common = match common_type(arguments, "VALUES")? {
        // The cells have different digits.
        SqlType::Numeric(..) => SqlType::NUMERIC,
        other => other,
    };
    Ok(Some((vec![common.clone(); arguments.len()], common)))
}

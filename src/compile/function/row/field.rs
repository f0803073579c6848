//! `field(row, 'name')`: what `(row).name` becomes.

use super::super::definition::{Argument, Definition, Types};
use super::{rows, values_of};
use crate::error::{Error, code};
use crate::types::SqlType;

pub(super) static DEFINITION: Definition = Definition::immutable("field", types, |call| {
    let SqlType::Row(row) = &call.given[0] else { return Err(Error::internal("a field is one of a row")) };
    // The name is a constant; without rows there is none to read it from.
    if call.rows == 0 {
        return Ok(datafusion::arrow::array::new_empty_array(&call.result.arrow()));
    }
    let (at, _) = row.field(call.text(1).value(0)).ok_or_else(|| Error::internal("a field that does not exist"))?;
    values_of(rows(&call.arguments[0]), at)
});

fn types(arguments: &[Argument]) -> Types {
    let [value, name] = arguments else { return Ok(None) };
    let name = name.text.as_deref().unwrap_or_default();
    let Some(SqlType::Row(row)) = &value.sql_type else {
        let kind = value.shown_type();
        let message = format!("column notation .{name} applied to type {kind}, which is not a composite type");
        return Err(Error::new(code::WRONG_OBJECT_TYPE, message));
    };
    match row.field(name) {
        Some((_, field)) => Ok(Some((vec![SqlType::Row(row.clone()), SqlType::Text], field.clone()))),
        None => {
            let message = match &row.name {
                Some(composite) => format!("column \"{name}\" not found in data type {}", composite.name),
                None => format!("could not identify column \"{name}\" in record data type"),
            };
            Err(Error::new(code::UNDEFINED_COLUMN, message))
        }
    }
}

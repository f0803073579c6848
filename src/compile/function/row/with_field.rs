//! `with_field(row, 'name', value)`: the row with another value in one field; what `SET column.field = value` becomes. A row that is NULL
//! becomes one whose other fields are.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;

use super::super::definition::{Argument, Definition, Types};
use super::{rows, rows_of, values_of};
use crate::error::{Error, Result, code};
use crate::types::SqlType;

pub(super) static DEFINITION: Definition = Definition::immutable("with_field", types, |call| {
    let SqlType::Row(row) = &call.result else { return Err(Error::internal("with_field makes a row")) };
    if call.rows == 0 {
        return Ok(datafusion::arrow::array::new_empty_array(&call.result.arrow()));
    }
    let (set, _) = row.field(call.text(1).value(0)).ok_or_else(|| Error::internal("a field that does not exist"))?;
    let given = rows(&call.arguments[0]);
    let value = |at| match at == set {
        true => Ok(Arc::clone(&call.arguments[2])),
        false => values_of(given, at),
    };
    let columns: Vec<ArrayRef> = (0..row.fields.len()).map(value).collect::<Result<_>>()?;
    rows_of(row, columns, call.rows)
});

fn types(arguments: &[Argument]) -> Types {
    let [row, name, _] = arguments else { return Ok(None) };
    let name = name.text.as_deref().unwrap_or_default();
    let Some(SqlType::Row(kind)) = &row.sql_type else {
        let message =
            format!("cannot assign to field \"{name}\" because its type {} is not a composite type", row.shown_type());
        return Err(Error::new(code::DATATYPE_MISMATCH, message));
    };
    match kind.field(name) {
        Some((_, field)) => {
            let kind = SqlType::Row(kind.clone());
            Ok(Some((vec![kind.clone(), SqlType::Text, field.clone()], kind)))
        }
        None => {
            let message = format!(
                "cannot assign to field \"{name}\" because there is no such column in data type {}",
                kind.shown_name()
            );
            Err(Error::new(code::UNDEFINED_COLUMN, message))
        }
    }
}

//! `row(…)`: what `ROW(a, b)` and `(a, b)` become. `row[](which, …)`: the same, with some arguments whose fields stand for them, as in
//! `ROW(t.*, 1)`; `which` has `1` for each of them and `0` for the others. `record('name', value, …)`: fields with names.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;

use super::super::definition::{Argument, Call, Definition, Types};
use super::{rows, rows_of, values_of};
use crate::error::{Error, Result};
use crate::types::{RowType, SqlType};

pub(super) static ROW: Definition = Definition::immutable("row", row_types, |call| {
    let SqlType::Row(row) = &call.result else { return Err(Error::internal("ROW makes a row")) };
    rows_of(row, call.arguments.clone(), call.rows)
});

pub(super) static SPREAD: Definition = Definition::immutable("row[]", spread_types, spread);

pub(super) static RECORD: Definition = Definition::immutable("record", record_types, |call| {
    let SqlType::Row(row) = &call.result else { return Err(Error::internal("record makes a row")) };
    rows_of(row, call.arguments.iter().skip(1).step_by(2).cloned().collect(), call.rows)
});

fn row_types(arguments: &[Argument]) -> Types {
    let types: Vec<SqlType> = arguments.iter().map(Argument::or_text).collect();
    let row = RowType::anonymous(types.iter().cloned());
    Ok(Some((types, SqlType::Row(Arc::new(row)))))
}

fn spread_types(arguments: &[Argument]) -> Types {
    let Some((which, values)) = arguments.split_first() else { return Ok(None) };
    let flags = which.text.as_deref().unwrap_or_default();
    let mut fields = Vec::new();
    for (value, flag) in values.iter().zip(flags.chars()) {
        match value.sql_type.as_ref().and_then(SqlType::row) {
            Some(row) if flag == '1' => fields.extend(row.fields.iter().map(|(_, sql_type)| sql_type.clone())),
            None if flag == '1' => return Ok(None),
            _ => fields.push(value.or_text()),
        }
    }
    let types = std::iter::once(SqlType::Text).chain(values.iter().map(Argument::or_text)).collect();
    Ok(Some((types, SqlType::Row(Arc::new(RowType::anonymous(fields))))))
}

fn spread(call: &Call) -> Result<ArrayRef> {
    let SqlType::Row(row) = &call.result else { return Err(Error::internal("ROW makes a row")) };
    let flags = if call.rows == 0 { "" } else { call.text(0).value(0) };
    if call.rows == 0 {
        return Ok(datafusion::arrow::array::new_empty_array(&call.result.arrow()));
    }
    let mut columns = Vec::with_capacity(row.fields.len());
    for (values, flag) in call.arguments[1..].iter().zip(flags.chars()) {
        if flag == '1' {
            let given = rows(values);
            for at in 0..given.num_columns() {
                columns.push(values_of(given, at)?);
            }
        } else {
            columns.push(Arc::clone(values));
        }
    }
    rows_of(row, columns, call.rows)
}

fn record_types(arguments: &[Argument]) -> Types {
    let mut types = Vec::with_capacity(arguments.len());
    let mut fields = Vec::with_capacity(arguments.len() / 2);
    for pair in arguments.chunks(2) {
        let [name, value] = pair else { return Ok(None) };
        types.extend([SqlType::Text, value.or_text()]);
        fields.push((name.text.clone().unwrap_or_default(), value.or_text()));
    }
    Ok(Some((types, SqlType::Row(Arc::new(RowType { name: None, fields })))))
}

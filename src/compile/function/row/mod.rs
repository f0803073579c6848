//! Values with fields: `ROW(…)`, whole rows of relations, their fields, `IS NULL` over them. Queries do not name these functions; what
//! is written becomes calls of them.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StructArray, make_array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::prelude::{Expr, lit};

use super::definition::{Argument, Definition, Types};
use crate::error::{Error, Result};
use crate::types::{RowType, SqlType};

// `row`, `record`.
mod construct;
// `field`.
mod field;
// `jsonb_populate_record`, `jsonb_populate_recordset`.
pub(super) mod populate;
// `row_is_null`, `row_is_not_null`.
pub(in crate::compile) mod null_test;
// `with_field`.
mod with_field;
// `(row).*`.
pub(in crate::compile) mod star;

/// All of them.
pub(super) static DEFINITIONS: &[&Definition] = &[
    &construct::ROW,
    &construct::SPREAD,
    &construct::RECORD,
    &field::DEFINITION,
    &null_test::IS_NULL,
    &null_test::IS_NOT_NULL,
    &populate::RECORD,
    &populate::RECORDS,
    &populate::JSON_RECORD,
    &populate::JSON_RECORDS,
    &star::DEFINITION,
    &with_field::DEFINITION,
];

/// A row of values, each with its field's name before it.
pub(in crate::compile) fn record(arguments: Vec<Expr>) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(super::udf(&construct::RECORD), arguments))
}

/// A field of a row.
pub(in crate::compile) fn field_of(row: Expr, name: &str) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(super::udf(&field::DEFINITION), vec![row, lit(name)]))
}

/// The values of a field; NULL where the row is.
pub(super) fn values_of(rows: &StructArray, at: usize) -> Result<ArrayRef> {
    let values = rows.column(at);
    let Some(nulls) = rows.nulls() else { return Ok(Arc::clone(values)) };
    let nulls = NullBuffer::union(Some(nulls), values.nulls());
    let data = values.to_data().into_builder().nulls(nulls).build();
    Ok(make_array(data.map_err(|error| Error::internal(error.to_string()))?))
}

/// Rows of values, none of which is NULL as a whole.
fn rows_of(row: &RowType, columns: Vec<ArrayRef>, rows: usize) -> Result<ArrayRef> {
    let fields = row.fields.iter().map(|(name, sql_type)| Arc::new(sql_type.field(name))).collect();
    let made = StructArray::try_new_with_length(fields, columns, None, rows);
    Ok(Arc::new(made.map_err(|error| Error::internal(error.to_string()))?))
}

/// A function of rows alone.
fn of_row(arguments: &[Argument], result: SqlType) -> Types {
    let [row] = arguments else { return Ok(None) };
    Ok(row.sql_type.clone().filter(|sql_type| sql_type.row().is_some()).map(|sql_type| (vec![sql_type], result)))
}

/// The rows of an argument.
fn rows(values: &ArrayRef) -> &StructArray {
    values.as_struct()
}

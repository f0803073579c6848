//! Rows under construction: a column buffer for each field.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StructArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::Fields;

use super::column::ColumnBuilder;
use crate::error::Result;
use crate::types::{RowType, SqlType};

/// A column of rows under construction.
#[derive(Debug)]
pub(super) struct Parts {
    fields: Fields,
    /// One per field.
    pub(super) columns: Vec<ColumnBuilder>,
    /// Finished rows.
    pub(super) rows: usize,
}

impl Parts {
    /// No rows of a type.
    pub(super) fn new(row: &RowType) -> Parts {
        let fields = row.fields.iter().map(|(name, sql_type)| Arc::new(sql_type.field(name))).collect();
        let columns = row.fields.iter().map(|(_, sql_type)| ColumnBuilder::new(sql_type)).collect();
        Parts { fields, columns, rows: 0 }
    }

    /// No rows of a struct with just these fields.
    pub(super) fn for_fields(fields: &Fields) -> Result<Parts> {
        let columns = fields.iter().map(|field| ColumnBuilder::for_field(field)).collect::<Result<_>>()?;
        Ok(Parts { fields: fields.clone(), columns, rows: 0 })
    }

    /// The name of a field.
    pub(super) fn name(&self, at: usize) -> &str {
        self.fields[at].name()
    }

    /// The type of a field.
    pub(super) fn sql_type(&self, at: usize) -> SqlType {
        SqlType::of(&self.fields[at])
    }

    /// Ends the row whose values were appended to the columns; fields without one are NULL.
    pub(super) fn close(&mut self) {
        self.rows += 1;
        for column in &mut self.columns {
            if column.len() < self.rows {
                column.append_null();
            }
        }
    }

    /// Appends a row that is NULL.
    pub(super) fn push_null(&mut self) {
        self.close();
    }

    /// Cuts off what comes after `rows` rows, unfinished ones included.
    pub(super) fn truncate(&mut self, rows: usize) {
        self.rows = self.rows.min(rows);
        self.columns.iter_mut().for_each(|column| column.truncate(self.rows));
    }

    /// The rows as an array; there are none afterwards.
    pub(super) fn finish(&mut self, nulls: Option<NullBuffer>) -> ArrayRef {
        let columns: Vec<ArrayRef> = self.columns.iter_mut().map(ColumnBuilder::finish).collect();
        let rows = std::mem::take(&mut self.rows);
        if columns.is_empty() {
            return Arc::new(StructArray::new_empty_fields(rows, nulls));
        }
        // Each column has a value for every row, since rows are closed as a whole.
        Arc::new(StructArray::new(self.fields.clone(), columns, nulls))
    }
}

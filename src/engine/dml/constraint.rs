//! Constraints: NOT NULL and CHECK row by row, unique keys against what the transaction sees.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};

use super::{Changed, Session};
use crate::catalog::Index;
use crate::compile::analyze::Rows;
use crate::compile::parse::Query;
use crate::error::{Error, Result, Subject, code};
use crate::format::text::{TextOptions, Writer};
use crate::types::SqlType;
use crate::view::Key;

/// Characters of a value at most, in messages.
const VALUE_LETTERS_MAX: usize = 64;

/// A violated constraint.
pub(in crate::engine) struct Violation {
    /// The first row that violates one.
    pub(in crate::engine) row: usize,
    pub(in crate::engine) error: Error,
}

/// A unique index and the keys of some rows in it; `None` where a value is NULL.
pub(super) struct Unique {
    pub(super) index: Arc<Index>,
    pub(super) keys: Vec<Option<Key>>,
}

impl Session {
    /// The first row, in order, that violates NOT NULL or CHECK.
    pub(in crate::engine) async fn violation(
        &mut self,
        table: &Changed,
        columns: &[ArrayRef],
        rows: usize,
    ) -> Result<Option<Violation>> {
        let mut first: Option<Violation> = None;
        let earlier = |row: usize, first: &Option<Violation>| first.as_ref().is_none_or(|first| row < first.row);
        for (at, column) in table.table.columns.iter().enumerate() {
            if !column.not_null || columns[at].null_count() == 0 {
                continue;
            }
            if let Some(row) = (0..rows).find(|row| columns[at].is_null(*row)).filter(|row| earlier(*row, &first)) {
                first = Some(Violation { row, error: not_null(table, at, columns, row, &self.text_options())? });
            }
        }
        if table.table.checks.is_empty() || rows == 0 {
            return Ok(first);
        }
        let conditions: Vec<&str> = table.table.checks.iter().map(|check| check.condition.as_str()).collect();
        let query = Query::over_rows(&conditions)?;
        let over = Rows::default().with(table.relation.local_name(), &table.relation.schema);
        let tested = self.evaluate(&query, &over, columns, rows, &[]).await?;
        for (check, result) in table.table.checks.iter().zip(tested.columns()) {
            let Some(result) = result.as_boolean_opt() else { continue };
            let is_violated = |row: &usize| result.is_valid(*row) && !result.value(*row);
            if let Some(row) = (0..rows).find(is_violated).filter(|row| earlier(*row, &first)) {
                let message = format!(
                    "new row for relation \"{}\" violates check constraint \"{}\"",
                    table.relation.local_name(),
                    check.name
                );
                let error = Error::new(code::CHECK_VIOLATION, message)
                    .detail(failing_row(columns, row, table, &self.text_options())?)
                    .about(Subject { constraint: Some(check.name.clone()), ..table.subject() });
                first = Some(Violation { row, error });
            }
        }
        Ok(first)
    }

    /// The unique indexes of a table with the keys of rows.
    pub(super) fn uniques(&self, table: &Changed, rows: &RecordBatch) -> Result<Vec<Unique>> {
        let catalog = self.engine.catalog();
        let keys = self.engine.runtime().store().index_keys(table.relation.id);
        let mut uniques = Vec::new();
        for index in catalog.indexes_of(table.relation.id).filter(|index| index.is_unique()) {
            let keys = keys.iter().find(|keys| keys.id == index.id);
            let keys = keys.ok_or_else(|| Error::internal("an index is not kept"))?.of(rows)?;
            uniques.push(Unique { index: Arc::clone(index), keys });
        }
        Ok(uniques)
    }

    /// How many rows, as the transaction sees them, have each key.
    pub(super) fn counts(&self, table: &Changed, unique: &Unique) -> Result<Vec<i64>> {
        let mut counts = self.engine.runtime().store().count(table.relation.id, unique.index.id, &unique.keys)?;
        if let Some(overlay) = self.open.as_ref().and_then(|open| open.overlay(table.relation.id)) {
            for (count, key) in counts.iter_mut().zip(&unique.keys) {
                *count += key.as_ref().map_or(0, |key| overlay.count(unique.index.id, key));
            }
        }
        Ok(counts)
    }

    /// Tests the keys of rows that the transaction has already.
    pub(in crate::engine) fn check_unique(&self, table: &Changed, rows: &RecordBatch) -> Result<()> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        for unique in self.uniques(table, rows)? {
            if let Some(row) = self.counts(table, &unique)?.iter().position(|count| *count > 1) {
                return Err(self.duplicate(table, &unique.index, rows.columns(), row));
            }
        }
        Ok(())
    }

    /// 23505.
    pub(in crate::engine) fn duplicate(
        &self,
        table: &Changed,
        index: &Index,
        columns: &[ArrayRef],
        row: usize,
    ) -> Error {
        let names: Vec<&str> = index.columns.iter().map(|column| table.column_name(*column)).collect();
        let options = self.text_options();
        let value = |column: &usize| shown(&columns[*column], &table.sql_type(*column), row, &options);
        let values = index.columns.iter().map(value).collect::<Result<Vec<_>>>().unwrap_or_default();
        let message = format!("duplicate key value violates unique constraint \"{}\"", index.name);
        Error::new(code::UNIQUE_VIOLATION, message)
            .detail(format!("Key ({})=({}) already exists.", names.join(", "), values.join(", ")))
            .about(Subject { constraint: Some(index.name.clone()), ..table.subject() })
    }

    fn text_options(&self) -> TextOptions {
        TextOptions { time_zone: self.zone(), ..TextOptions::default() }
    }
}

fn not_null(table: &Changed, column: usize, columns: &[ArrayRef], row: usize, options: &TextOptions) -> Result<Error> {
    let name = table.column_name(column);
    let message = format!(
        "null value in column \"{name}\" of relation \"{}\" violates not-null constraint",
        table.relation.local_name()
    );
    Ok(Error::new(code::NOT_NULL_VIOLATION, message)
        .detail(failing_row(columns, row, table, options)?)
        .about(Subject { column: Some(name.to_string()), ..table.subject() }))
}

/// `Failing row contains (1, null, x).`
fn failing_row(columns: &[ArrayRef], row: usize, table: &Changed, options: &TextOptions) -> Result<String> {
    let value = |(at, column): (usize, &ArrayRef)| {
        let text = shown(column, &table.sql_type(at), row, options)?;
        Ok(match text.char_indices().nth(VALUE_LETTERS_MAX) {
            Some((end, _)) => format!("{}...", &text[..end]),
            None => text,
        })
    };
    let values = columns.iter().enumerate().map(value).collect::<Result<Vec<_>>>()?;
    Ok(format!("Failing row contains ({}).", values.join(", ")))
}

fn shown(column: &ArrayRef, sql_type: &SqlType, row: usize, options: &TextOptions) -> Result<String> {
    if column.is_null(row) {
        return Ok("null".to_string());
    }
    let writer = Writer::new(&sql_type.field(""), options)?;
    let mut bytes = Vec::new();
    writer.bind(column)?.write(row, &mut bytes);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

//! COPY … FROM: rows that come as columns.

use datafusion::arrow::array::ArrayRef;

use super::Session;
use crate::catalog::ColumnValue;
use crate::compile::parse::CopyFrom;
use crate::engine::Outcome;
use crate::error::{Error, Result, code};
use crate::format::text::TimeZone;
use crate::types::SqlType;

/// The columns that a COPY fills.
pub struct CopyColumns {
    /// Name and type of each.
    pub columns: Vec<(String, SqlType)>,
    /// The session's zone.
    pub zone: TimeZone,
}

impl Session {
    /// What a COPY must bring: the named columns, or all that are not generated.
    pub fn copy_columns(&self, copy: &CopyFrom) -> Result<CopyColumns> {
        let table = self.changed(&copy.table)?;
        let column = |at: &usize| (table.column_name(*at).to_string(), table.sql_type(*at));
        Ok(CopyColumns { columns: self.copied(copy)?.iter().map(column).collect(), zone: self.zone() })
    }

    /// Inserts the rows of a COPY. Answers their number.
    pub async fn copy_rows(&mut self, copy: &CopyFrom, columns: Vec<ArrayRef>, rows: usize) -> Result<usize> {
        self.refuse_change("COPY FROM")?;
        let targets = self.copied(copy)?;
        self.start_reading().await?;
        let mut count = 0;
        let copied = self
            .writing(async |session| {
                let table = session.locked(&copy.table).await?;
                count = session.insert_given(&table, targets, columns, rows).await?;
                Ok(Outcome::Done(String::new()))
            })
            .await;
        if copied.is_err() {
            self.fail_transaction();
        }
        copied.map(|_| count)
    }

    fn copied(&self, copy: &CopyFrom) -> Result<Vec<usize>> {
        let table = self.changed(&copy.table)?;
        let is_generated = |at: &usize| matches!(table.table.columns[*at].value, ColumnValue::Generated(_));
        let columns = table.columns(copy.columns.as_deref())?;
        if copy.columns.is_none() {
            return Ok(columns.into_iter().filter(|at| !is_generated(at)).collect());
        }
        match columns.iter().find(|at| is_generated(at)) {
            Some(at) => {
                let message = format!("column \"{}\" is a generated column", table.column_name(*at));
                Err(Error::new(code::INVALID_COLUMN_REFERENCE, message)
                    .detail("Generated columns cannot be used in COPY."))
            }
            None => Ok(columns),
        }
    }
}

//! INSERT, UPDATE, DELETE, TRUNCATE: rows are computed against what the transaction sees while it holds the table, tested, and wait in
//! the transaction until its end.
//!
//! Constraints are tested at the end of each statement: an UPDATE may pass through states that violate a key (`SET id = id + 1`), where
//! PostgreSQL's answer depends on the order in which it comes upon the rows.

// UPDATE, DELETE, TRUNCATE.
mod change;
// ON CONFLICT.
mod conflict;
// NOT NULL, CHECK, unique.
mod constraint;
// COPY FROM.
mod copy;
// Columns whose values are not given.
mod default;
// INSERT.
mod insert;
// VALUES.
mod values;

pub use copy::CopyColumns;

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch};
use datafusion::arrow::datatypes::FieldRef;
use datafusion::scalar::ScalarValue;

use super::{Description, Outcome, Session, ready_rows};
use crate::catalog::{Relation, RelationId, RelationKind, Table};
use crate::compile::analyze;
use crate::compile::function::Target;
use crate::compile::parse::Query;
use crate::error::{Error, Result, Subject, code};
use crate::flow::{Delta, delta};
use crate::format::text::TimeZone;
use crate::types::SqlType;

/// Types of parameters, by number from 1; `None` = not known yet.
type Hints = Vec<Option<FieldRef>>;

/// A table that a statement changes.
#[derive(Clone)]
pub(super) struct Changed {
    relation: Arc<Relation>,
    table: Arc<Table>,
}

impl Changed {
    /// 42809 for what DML cannot change.
    pub(super) fn new(relation: Arc<Relation>) -> Result<Changed> {
        match &relation.kind {
            RelationKind::Table(table) => Ok(Changed { table: Arc::clone(table), relation }),
            kind => {
                let message = format!("cannot change {} \"{}\"", kind.noun(), relation.local_name());
                Err(Error::new(code::WRONG_OBJECT_TYPE, message).hint("INSERT, UPDATE and DELETE work on tables"))
            }
        }
    }

    fn width(&self) -> usize {
        self.relation.schema.fields().len()
    }

    fn column_name(&self, column: usize) -> &str {
        self.relation.schema.field(column).name()
    }

    fn sql_type(&self, column: usize) -> SqlType {
        SqlType::of(self.relation.schema.field(column))
    }

    /// What an error about the table names.
    fn subject(&self) -> Subject {
        self.relation.subject()
    }

    /// Positions of the named columns; all without a list.
    fn columns(&self, names: Option<&[String]>) -> Result<Vec<usize>> {
        let Some(names) = names else { return Ok((0..self.width()).collect()) };
        let mut columns = Vec::with_capacity(names.len());
        for name in names {
            let at = self.relation.schema.index_of(name).map_err(|_| {
                let known: Vec<&str> =
                    self.relation.schema.fields().iter().map(|field| field.name().as_str()).collect();
                let message =
                    format!("column \"{name}\" of relation \"{}\" does not exist", self.relation.local_name());
                Error::new(code::UNDEFINED_COLUMN, message).hint(format!("its columns are: {}", known.join(", ")))
            })?;
            if columns.contains(&at) {
                let message = format!("column \"{name}\" specified more than once");
                return Err(Error::new(code::DUPLICATE_COLUMN, message));
            }
            columns.push(at);
        }
        Ok(columns)
    }

    fn batch(&self, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
        delta::batch(&self.relation.schema, columns, rows)
    }
}

impl Session {
    /// The relation of that name, which must be a table that DML may change.
    pub(super) fn changed(&self, name: &str) -> Result<Changed> {
        Changed::new(self.relation(name)?)
    }

    /// The same, held by the transaction.
    pub(super) async fn locked(&mut self, name: &str) -> Result<Changed> {
        let before = self.changed(name)?;
        self.lock(before.relation.id).await?;
        // It may have been changed or dropped meanwhile.
        let table = self.changed(name)?;
        if table.relation.id != before.relation.id {
            self.lock(table.relation.id).await?;
        }
        Ok(table)
    }

    /// How values get into a column.
    fn assignment_to<'a>(&self, table: &'a Changed, column: usize) -> Target<'a> {
        Target { name: table.column_name(column), sql_type: table.sql_type(column), zone: self.zone() }
    }

    pub(super) fn zone(&self) -> TimeZone {
        self.setting("timezone").and_then(|name| TimeZone::parse(&name).ok()).unwrap_or_default()
    }

    /// Evaluates expressions over rows.
    async fn evaluate(
        &mut self,
        query: &Query,
        columns: &analyze::Rows,
        rows: &[ArrayRef],
        count: usize,
        parameters: &[ScalarValue],
    ) -> Result<RecordBatch> {
        let select = self.plan_over(query, columns, &self.parameter_hints(parameters))?;
        let rows = delta::batch(&columns.schema(), rows.to_vec(), count)?;
        self.collect_planned(select, Some(rows), parameters).await
    }

    /// Describes RETURNING.
    fn describe_returning(
        &mut self,
        returning: Option<&Query>,
        columns: &analyze::Rows,
        description: &mut Description,
    ) -> Result<()> {
        if let Some(returning) = returning {
            let hints: Hints = description.parameters.iter().cloned().map(Some).collect();
            let select = self.plan_over(returning, columns, &hints)?;
            description.parameters = select.parameters;
            description.columns = Some(select.schema);
        }
        Ok(())
    }

    /// What a statement answers that changed rows.
    async fn answer(&mut self, changes: Changes<'_>, parameters: &[ScalarValue]) -> Result<Outcome> {
        let Changes { verb, count, returning, columns, rows, table, mark } = changes;
        let Some(returning) = returning else { return Ok(Outcome::Done(format!("{verb} {count}"))) };
        let select = self.plan_over(returning, &columns, &self.parameter_hints(parameters))?;
        let schema = Arc::clone(&select.schema);
        let rows = delta::batch(&columns.schema(), rows, count)?;
        let answer = if select.relations.contains(&table) {
            self.before(table, mark, async |session| session.collect_planned(select, Some(rows), parameters).await)
                .await?
        } else {
            self.collect_planned(select, Some(rows), parameters).await?
        };
        Ok(Outcome::Rows { schema, rows: ready_rows(vec![answer]), verb, live: false })
    }
}

/// What a statement changed.
struct Changes<'a> {
    /// `INSERT 0`, `UPDATE`, `DELETE`.
    verb: &'static str,
    count: usize,
    returning: Option<&'a Query>,
    /// What RETURNING sees.
    columns: analyze::Rows,
    rows: Vec<ArrayRef>,
    table: RelationId,
    /// Before the statement.
    mark: usize,
}

/// Rows that go.
pub(super) fn deletes(rows: RecordBatch) -> Delta {
    let weights = Int64Array::from(vec![-1; rows.num_rows()]);
    Delta::weighted(rows, weights)
}

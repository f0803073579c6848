//! INSERT.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::FieldRef;
use datafusion::scalar::ScalarValue;

use super::values::cell_hints;
use super::{Changed, Changes, Hints, Session};
use crate::catalog::ColumnValue;
use crate::compile::analyze::Rows;
use crate::compile::parse::{Cell, Insert, InsertSource, OnConflict, Overriding, Query, Values};
use crate::engine::{Description, Outcome};
use crate::error::{Error, Result, code};
use crate::flow::Delta;
use crate::types::SqlType;

/// The columns that an INSERT gives and their values.
struct Given {
    targets: Vec<usize>,
    columns: Vec<ArrayRef>,
    rows: usize,
}

impl Session {
    pub(in crate::engine) fn describe_insert(
        &mut self,
        insert: &Insert,
        hints: &[Option<FieldRef>],
    ) -> Result<Description> {
        let table = self.changed(&insert.table)?;
        let mut description = Description { parameters: Vec::new(), columns: None };
        let hints = self.insert_hints(&table, insert, hints)?;
        let mut plan = |session: &Session, query: &Query, over: Option<&Rows>| -> Result<()> {
            let hints: Hints = match description.parameters.is_empty() {
                true => hints.clone(),
                false => description.parameters.iter().cloned().map(Some).collect(),
            };
            let select = match over {
                Some(rows) => session.plan_over(query, rows, &hints)?,
                None => session.plan(query, &hints)?,
            };
            description.parameters = select.parameters;
            Ok(())
        };
        match &insert.source {
            InsertSource::Default => {}
            InsertSource::Values(values) => {
                for query in &values.expressions.queries {
                    plan(self, query, None)?;
                }
            }
            InsertSource::Query { query, .. } => plan(self, query, None)?,
        }
        if let OnConflict::Update { query, .. } = &insert.on_conflict {
            plan(self, query, Some(&conflict_rows(&table, insert)))?;
        }
        if description.parameters.is_empty() {
            let known = |(at, hint): (usize, Option<FieldRef>)| {
                hint.unwrap_or_else(|| Arc::new(SqlType::Text.field(&format!("${}", at + 1))))
            };
            description.parameters = hints.into_iter().enumerate().map(known).collect();
        }
        self.describe_returning(insert.returning.as_ref(), &own_rows(&table, insert), &mut description)?;
        Ok(description)
    }

    /// The types of parameters that are whole values.
    fn insert_hints(&self, table: &Changed, insert: &Insert, hints: &[Option<FieldRef>]) -> Result<Hints> {
        let targets = table.columns(insert.columns.as_deref())?;
        let mut hints = hints.to_vec();
        if let InsertSource::Values(values) = &insert.source {
            let column = |at: usize| targets.get(at % values.width.max(1)).copied().unwrap_or(usize::MAX);
            hints = cell_hints(table, values.cells.iter().enumerate().map(|(at, cell)| (cell, column(at))), &hints);
        }
        if let InsertSource::Query { parameters, .. } = &insert.source {
            let cells: Vec<Cell> = parameters.iter().map(|(_, number)| Cell::Parameter(*number)).collect();
            let columns = parameters.iter().map(|(at, _)| targets.get(*at).copied().unwrap_or(usize::MAX));
            hints = cell_hints(table, cells.iter().zip(columns), &hints);
        }
        if let OnConflict::Update { columns, values, .. } = &insert.on_conflict {
            let columns = table.columns(Some(columns))?;
            hints = cell_hints(table, values.iter().zip(columns), &hints);
        }
        Ok(hints)
    }

    pub(in crate::engine) async fn insert(&mut self, insert: &Insert, parameters: &[ScalarValue]) -> Result<Outcome> {
        self.writing(async |session| {
            let table = session.locked(&insert.table).await?;
            let mark = session.mark(table.relation.id);
            let hints = session.insert_hints(&table, insert, &session.parameter_hints(parameters))?;
            let given = session.given(&table, insert, &hints, parameters).await?;
            let (columns, rows) = session.complete(&table, given, insert.overriding).await?;
            let rows = table.batch(columns, rows)?;
            let changed = match &insert.on_conflict {
                OnConflict::Error => session.insert_rows(&table, rows).await?,
                _ => session.insert_or(&table, rows, insert, parameters).await?,
            };
            let changes = Changes {
                verb: "INSERT 0",
                count: changed.num_rows(),
                returning: insert.returning.as_ref(),
                columns: own_rows(&table, insert),
                rows: changed.columns().to_vec(),
                table: table.relation.id,
                mark,
            };
            session.answer(changes, parameters).await
        })
        .await
    }

    /// Inserts rows of values for `columns`, as COPY reads them.
    pub(in crate::engine) async fn insert_given(
        &mut self,
        table: &Changed,
        targets: Vec<usize>,
        columns: Vec<ArrayRef>,
        rows: usize,
    ) -> Result<usize> {
        let given = Given { targets, columns, rows };
        let (columns, rows) = self.complete(table, given, Overriding::System).await?;
        let rows = table.batch(columns, rows)?;
        self.insert_rows(table, rows).await.map(|rows| rows.num_rows())
    }

    /// The values that the statement gives.
    async fn given(
        &mut self,
        table: &Changed,
        insert: &Insert,
        hints: &Hints,
        parameters: &[ScalarValue],
    ) -> Result<Given> {
        let mut targets = table.columns(insert.columns.as_deref())?;
        let width = match &insert.source {
            InsertSource::Default => return Ok(Given { targets: Vec::new(), columns: Vec::new(), rows: 1 }),
            InsertSource::Values(values) => values.width,
            InsertSource::Query { query, .. } => self.plan(query, hints)?.schema.fields().len(),
        };
        if width > targets.len() {
            return Err(Error::new(code::SYNTAX_ERROR, "INSERT has more expressions than target columns"));
        }
        if insert.columns.is_some() && width < targets.len() {
            return Err(Error::new(code::SYNTAX_ERROR, "INSERT has more target columns than expressions"));
        }
        targets.truncate(width);
        check_given(table, &targets, insert)?;
        match &insert.source {
            InsertSource::Default => Ok(Given { targets: Vec::new(), columns: Vec::new(), rows: 1 }),
            InsertSource::Values(values) => self.values(table, targets, values, hints, parameters).await,
            InsertSource::Query { query, literals, .. } => {
                let rows = self.collect(query, hints, parameters).await?;
                let mut columns = Vec::with_capacity(width);
                for (at, column) in targets.iter().enumerate() {
                    let target = self.assignment_to(table, *column);
                    columns.push(match literals.contains(&at) {
                        true => target.read(rows.column(at))?,
                        false => target.assign(rows.column(at), &SqlType::of(rows.schema_ref().field(at)))?,
                    });
                }
                Ok(Given { targets, columns, rows: rows.num_rows() })
            }
        }
    }

    async fn values(
        &mut self,
        table: &Changed,
        targets: Vec<usize>,
        values: &Values,
        hints: &Hints,
        parameters: &[ScalarValue],
    ) -> Result<Given> {
        let evaluated = self.evaluated(&values.expressions, hints, parameters).await?;
        let rows = values.cells.len() / values.width.max(1);
        let mut columns = Vec::with_capacity(targets.len());
        for (at, column) in targets.iter().enumerate() {
            let cells: Vec<&Cell> = values.cells.iter().skip(at).step_by(values.width).collect();
            columns.push(self.cells(table, *column, &cells, &evaluated, parameters).await?);
        }
        Ok(Given { targets, columns, rows })
    }

    /// All columns of the rows: the given ones, the others from their defaults.
    async fn complete(
        &mut self,
        table: &Changed,
        given: Given,
        overriding: Overriding,
    ) -> Result<(Vec<ArrayRef>, usize)> {
        let mut columns = Vec::with_capacity(table.width());
        for (column, definition) in table.table.columns.iter().enumerate() {
            let ignored = overriding == Overriding::User && matches!(definition.value, ColumnValue::Identity { .. });
            let at = given.targets.iter().position(|target| *target == column).filter(|_| !ignored);
            columns.push(match at {
                Some(at) => Arc::clone(&given.columns[at]),
                None => self.default_values(table, column, given.rows).await?,
            });
        }
        self.generate(table, &mut columns, given.rows).await?;
        Ok((columns, given.rows))
    }

    /// Inserts complete rows; a conflict is an error.
    async fn insert_rows(&mut self, table: &Changed, rows: RecordBatch) -> Result<RecordBatch> {
        let violation = self.violation(table, rows.columns(), rows.num_rows()).await?;
        let tested = violation.as_ref().map_or(rows.num_rows(), |violation| violation.row);
        let uniques = self.uniques(table, &rows)?;
        // The first row in order tells what is wrong, and of its constraints the first.
        let mut first: Option<(usize, usize)> = None;
        for (number, unique) in uniques.iter().enumerate() {
            let counts = self.counts(table, unique)?;
            let mut seen = HashSet::with_capacity(tested);
            let is_taken = |row: &usize| unique.keys[*row].is_some_and(|key| counts[*row] > 0 || !seen.insert(key));
            let found = (0..first.map_or(tested, |(row, _)| row)).find(is_taken);
            first = found.map(|row| (row, number)).or(first);
        }
        if let Some((row, number)) = first {
            return Err(self.duplicate(table, &uniques[number].index, rows.columns(), row));
        }
        if let Some(violation) = violation {
            return Err(violation.error);
        }
        self.change(table.relation.id, vec![Delta::insert(rows.clone())])?;
        Ok(rows)
    }
}

/// What RETURNING of an INSERT sees.
fn own_rows(table: &Changed, insert: &Insert) -> Rows {
    Rows::default().with(&insert.alias, &table.relation.schema)
}

/// What ON CONFLICT DO UPDATE sees: the row that is there, and the one that was to be inserted.
pub(super) fn conflict_rows(table: &Changed, insert: &Insert) -> Rows {
    own_rows(table, insert).with("excluded", &table.relation.schema)
}

/// 428C9 for values of columns that make their own.
fn check_given(table: &Changed, targets: &[usize], insert: &Insert) -> Result<()> {
    for (at, column) in targets.iter().enumerate() {
        let is_default = match &insert.source {
            InsertSource::Values(values) => {
                values.cells.iter().skip(at).step_by(values.width).all(|cell| *cell == Cell::Default)
            }
            _ => false,
        };
        let name = table.column_name(*column);
        let refused = |detail: String| {
            let message = format!("cannot insert a non-DEFAULT value into column \"{name}\"");
            Error::new(code::GENERATED_ALWAYS, message).detail(detail)
        };
        match &table.table.columns[*column].value {
            ColumnValue::Generated(_) if !is_default => {
                return Err(refused(format!("Column \"{name}\" is a generated column.")));
            }
            ColumnValue::Identity { always: true, .. } if !is_default && insert.overriding == Overriding::No => {
                return Err(refused(format!("Column \"{name}\" is an identity column defined as GENERATED ALWAYS."))
                    .hint("Use OVERRIDING SYSTEM VALUE to override."));
            }
            _ => {}
        }
    }
    Ok(())
}

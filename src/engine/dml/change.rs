//! UPDATE, DELETE, TRUNCATE.

use datafusion::arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::FieldRef;
use datafusion::scalar::ScalarValue;

use super::values::cell_hints;
use super::{Changed, Changes, Session, deletes};
use crate::catalog::ColumnValue;
use crate::compile::analyze::Rows;
use crate::compile::parse::{Cell, Change, Update};
use crate::engine::{Description, Outcome};
use crate::error::{Error, Result, code};
use crate::flow::Delta;
use crate::flow::delta::arrow_error;
use crate::view::{Key, KeyMap};

impl Session {
    pub(in crate::engine) fn describe_update(
        &mut self,
        update: &Update,
        hints: &[Option<FieldRef>],
    ) -> Result<Description> {
        let table = self.changed(&update.change.table)?;
        let columns = table.columns(Some(&update.columns))?;
        let hints = cell_hints(&table, update.values.iter().zip(columns), hints);
        self.describe_delete(&update.change, &hints)
    }

    pub(in crate::engine) fn describe_delete(
        &mut self,
        change: &Change,
        hints: &[Option<FieldRef>],
    ) -> Result<Description> {
        let table = self.changed(&change.table)?;
        let mut description = Description { parameters: self.plan(&change.query, hints)?.parameters, columns: None };
        let rows = self.joined_rows(&table, change)?;
        self.describe_returning(change.returning.as_ref(), &rows, &mut description)?;
        Ok(description)
    }

    pub(in crate::engine) async fn update(&mut self, update: &Update, parameters: &[ScalarValue]) -> Result<Outcome> {
        self.writing(async |session| {
            let table = session.locked(&update.change.table).await?;
            let mark = session.mark(table.relation.id);
            let set = table.columns(Some(&update.columns))?;
            check_set(&table, &set, &update.values)?;
            let hints =
                cell_hints(&table, update.values.iter().zip(set.iter().copied()), &session.parameter_hints(parameters));
            let first = update.values.iter().filter(|value| matches!(value, Cell::Expression(_))).count();
            let found = session.collect(&update.change.query, &hints, parameters).await?;
            let found = session.one_match_per_row(&table, &update.change, found, first)?;
            let rows = found.num_rows();
            let old = found.columns()[first..first + table.width()].to_vec();
            let mut new = old.clone();
            for (column, value) in set.iter().zip(&update.values) {
                new[*column] = session.set_values(&table, *column, value, &found, parameters).await?;
            }
            session.generate(&table, &mut new, rows).await?;
            if let Some(violation) = session.violation(&table, &new, rows).await? {
                return Err(violation.error);
            }
            let (old, new) = (table.batch(old, rows)?, table.batch(new, rows)?);
            session.change(table.relation.id, vec![deletes(old), Delta::insert(new.clone())])?;
            session.check_unique(&table, &new)?;
            let others = &found.columns()[first + table.width()..];
            let changes = session.changes("UPDATE", &table, &update.change, mark, &new, others)?;
            session.answer(changes, parameters).await
        })
        .await
    }

    pub(in crate::engine) async fn delete(&mut self, change: &Change, parameters: &[ScalarValue]) -> Result<Outcome> {
        self.writing(async |session| {
            let table = session.locked(&change.table).await?;
            let mark = session.mark(table.relation.id);
            let found = session.collect(&change.query, &session.parameter_hints(parameters), parameters).await?;
            let found = session.one_match_per_row(&table, change, found, 0)?;
            let old = table.batch(found.columns()[..table.width()].to_vec(), found.num_rows())?;
            session.change(table.relation.id, vec![deletes(old.clone())])?;
            let changes = session.changes("DELETE", &table, change, mark, &old, &found.columns()[table.width()..])?;
            session.answer(changes, parameters).await
        })
        .await
    }

    pub(in crate::engine) async fn truncate(&mut self, names: &[String], restart: bool) -> Result<Outcome> {
        self.writing(async |session| {
            for name in names {
                let table = session.locked(name).await?;
                let rows = session.current_rows(table.relation.id).await?;
                session.change(table.relation.id, rows.into_iter().map(deletes).collect())?;
                for column in table.table.columns.iter().filter(|_| restart) {
                    if let ColumnValue::Serial(sequence) | ColumnValue::Identity { sequence, .. } = &column.value {
                        sequence.restart();
                    }
                }
            }
            Ok(Outcome::Done("TRUNCATE TABLE".into()))
        })
        .await
    }

    /// With FROM or USING a row may match several times: it is changed once, by its first match, as PostgreSQL does. Of equal rows each
    /// is changed once. The table's columns begin at `first`.
    fn one_match_per_row(
        &self,
        table: &Changed,
        change: &Change,
        found: RecordBatch,
        first: usize,
    ) -> Result<RecordBatch> {
        if !change.has_from {
            return Ok(found);
        }
        let id = table.relation.id;
        let store = self.engine.runtime().store();
        let own = table.batch(found.columns()[first..first + table.width()].to_vec(), found.num_rows())?;
        let keys = match self.open.as_ref().and_then(|open| open.overlay(id)) {
            Some(overlay) => overlay.row_keys(&own)?,
            None => store.overlay(id)?.row_keys(&own)?,
        };
        let mut left: KeyMap<i64> = KeyMap::default();
        for (key, weight) in keys.iter().zip(store.weights(id, &keys)?) {
            let own = self.open.as_ref().and_then(|open| open.overlay(id)).map_or(0, |overlay| overlay.weight(key));
            left.insert(*key, weight + own);
        }
        let first_match = |key: &Key| {
            let left = left.get_mut(key)?;
            *left -= 1;
            Some(*left >= 0)
        };
        let mask: BooleanArray = keys.iter().map(first_match).collect();
        filter_record_batch(&found, &mask).map_err(arrow_error)
    }

    /// What RETURNING of an UPDATE or DELETE sees: the table's columns, then those of FROM or USING.
    fn joined_rows(&self, table: &Changed, change: &Change) -> Result<Rows> {
        let mut rows = Rows::default().with(&change.alias, &table.relation.schema);
        for (name, columns) in &change.others {
            rows = rows.with(name, &self.plan(columns, &[])?.schema);
        }
        Ok(rows)
    }

    fn changes<'a>(
        &self,
        verb: &'static str,
        table: &Changed,
        change: &'a Change,
        mark: usize,
        own: &RecordBatch,
        others: &[ArrayRef],
    ) -> Result<Changes<'a>> {
        Ok(Changes {
            verb,
            count: own.num_rows(),
            returning: change.returning.as_ref(),
            columns: self.joined_rows(table, change)?,
            rows: [own.columns(), others].concat(),
            table: table.relation.id,
            mark,
        })
    }
}

/// 428C9 for columns that make their own values, unless they are set to DEFAULT.
pub(super) fn check_set(table: &Changed, set: &[usize], values: &[Cell]) -> Result<()> {
    for (column, _) in set.iter().zip(values).filter(|(_, value)| **value != Cell::Default) {
        let name = table.column_name(*column);
        let detail = match &table.table.columns[*column].value {
            ColumnValue::Generated(_) => format!("Column \"{name}\" is a generated column."),
            ColumnValue::Identity { always: true, .. } => {
                format!("Column \"{name}\" is an identity column defined as GENERATED ALWAYS.")
            }
            _ => continue,
        };
        let message = format!("column \"{name}\" can only be updated to DEFAULT");
        return Err(Error::new(code::GENERATED_ALWAYS, message).detail(detail));
    }
    Ok(())
}

//! INSERT … ON CONFLICT.

use std::collections::{HashMap, HashSet};

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, UInt32Array};
use datafusion::arrow::compute::{interleave, take};
use datafusion::scalar::ScalarValue;

use super::change::check_set;
use super::constraint::Unique;
use super::insert::conflict_rows;
use super::{Changed, Session, deletes};
use crate::compile::parse::{Conflict, Insert, OnConflict};
use crate::error::{Error, Result, code};
use crate::flow::Delta;
use crate::flow::delta::arrow_error;
use crate::view::{Key, Lookup, Read};

/// What becomes of a row.
#[derive(Clone, Copy)]
enum Fate {
    Insert,
    Skip,
    /// The row at this place of the rows that are there is updated.
    Update(usize),
}

/// Rows that are there, and what they become.
struct Updates {
    old: RecordBatch,
    new: RecordBatch,
    /// Whether WHERE holds.
    wanted: Vec<bool>,
    /// The row that is there, as a number: several pairs can have the same.
    there: Vec<u32>,
    /// By row that was to be inserted: the place in the others.
    by_row: HashMap<usize, usize>,
}

impl Session {
    /// Inserts complete rows where they conflict with none, and does what ON CONFLICT says with the others. Answers the rows that were
    /// inserted or updated.
    pub(super) async fn insert_or(
        &mut self,
        table: &Changed,
        rows: RecordBatch,
        insert: &Insert,
        parameters: &[ScalarValue],
    ) -> Result<RecordBatch> {
        if let Some(violation) = self.violation(table, rows.columns(), rows.num_rows()).await? {
            return Err(violation.error);
        }
        let uniques = self.uniques(table, &rows)?;
        let (target, updates) = match &insert.on_conflict {
            OnConflict::Update { target, .. } => (target, true),
            OnConflict::Nothing(target) => (target, false),
            OnConflict::Error => return Err(Error::internal("no ON CONFLICT")),
        };
        let arbiters = arbiters(table, &uniques, target)?;
        let counts = uniques.iter().map(|unique| self.counts(table, unique)).collect::<Result<Vec<_>>>()?;
        let updates = match updates {
            true => {
                Some(self.updates(table, &rows, &uniques[arbiters[0]], &counts[arbiters[0]], insert, parameters).await?)
            }
            false => None,
        };
        let mut seen: Vec<HashSet<Key>> = uniques.iter().map(|_| HashSet::new()).collect();
        let mut touched: HashSet<u32> = HashSet::new();
        let mut fates = Vec::with_capacity(rows.num_rows());
        for row in 0..rows.num_rows() {
            let conflicts = |number: usize, seen: &[HashSet<Key>]| {
                uniques[number].keys[row].is_some_and(|key| counts[number][row] > 0 || seen[number].contains(&key))
            };
            if arbiters.iter().any(|number| conflicts(*number, &seen)) {
                fates.push(match &updates {
                    None => Fate::Skip,
                    Some(updates) => updates.fate(row, &mut touched)?,
                });
                continue;
            }
            if let Some(number) = (0..uniques.len()).find(|number| conflicts(*number, &seen)) {
                return Err(self.duplicate(table, &uniques[number].index, rows.columns(), row));
            }
            for (unique, seen) in uniques.iter().zip(&mut seen) {
                seen.extend(unique.keys[row]);
            }
            fates.push(Fate::Insert);
        }
        self.settle(table, &rows, &fates, updates).await
    }

    /// Applies what was decided.
    async fn settle(
        &mut self,
        table: &Changed,
        rows: &RecordBatch,
        fates: &[Fate],
        updates: Option<Updates>,
    ) -> Result<RecordBatch> {
        let place = |(row, fate): (usize, &Fate)| match fate {
            Fate::Insert => Some((0, row)),
            Fate::Update(at) => Some((1, *at)),
            Fate::Skip => None,
        };
        let places: Vec<(usize, usize)> = fates.iter().enumerate().filter_map(place).collect();
        let updated: Vec<u32> = places.iter().filter(|(from, _)| *from == 1).map(|(_, at)| *at as u32).collect();
        let new = updates.as_ref().map_or_else(|| RecordBatch::new_empty(rows.schema()), |updates| updates.new.clone());
        let column = |at: usize| interleave(&[rows.column(at).as_ref(), new.column(at).as_ref()], &places);
        let columns = (0..table.width()).map(column).collect::<Result<Vec<_>, _>>().map_err(arrow_error)?;
        let changed = table.batch(columns, places.len())?;
        let mut deltas = Vec::new();
        if let (Some(updates), false) = (&updates, updated.is_empty()) {
            let chosen = taken(updates.new.columns(), &updated)?;
            if let Some(violation) = self.violation(table, &chosen, updated.len()).await? {
                return Err(violation.error);
            }
            deltas.push(deletes(table.batch(taken(updates.old.columns(), &updated)?, updated.len())?));
        }
        deltas.push(Delta::insert(changed.clone()));
        self.change(table.relation.id, deltas)?;
        self.check_unique(table, &changed)?;
        Ok(changed)
    }

    /// The rows that are there for the rows that conflict, and what DO UPDATE makes of them.
    async fn updates(
        &mut self,
        table: &Changed,
        rows: &RecordBatch,
        arbiter: &Unique,
        counts: &[i64],
        insert: &Insert,
        parameters: &[ScalarValue],
    ) -> Result<Updates> {
        let OnConflict::Update { columns, values, query, .. } = &insert.on_conflict else {
            return Err(Error::internal("no DO UPDATE"));
        };
        let set = table.columns(Some(columns))?;
        check_set(table, &set, values)?;
        let conflicting: Vec<usize> = (0..rows.num_rows()).filter(|row| counts[*row] > 0).collect();
        let existing = self.rows_with(table, arbiter, &conflicting).await?;
        let places = existing_places(self, table, arbiter, &existing)?;
        let found = |row: &usize| arbiter.keys[*row].and_then(|key| places.get(&key)).copied();
        let pairs: Vec<(usize, usize)> = conflicting.iter().filter_map(|row| Some((*row, found(row)?))).collect();
        let (there, given): (Vec<u32>, Vec<u32>) = pairs.iter().map(|(row, at)| (*at as u32, *row as u32)).unzip();
        let old = taken(existing.columns(), &there)?;
        let both = [old.clone(), taken(rows.columns(), &given)?].concat();
        let evaluated = self.evaluate(query, &conflict_rows(table, insert), &both, pairs.len(), parameters).await?;
        let mut new = old.clone();
        for (column, cell) in set.iter().zip(values) {
            new[*column] = self.set_values(table, *column, cell, &evaluated, parameters).await?;
        }
        self.generate(table, &mut new, pairs.len()).await?;
        let condition = evaluated.column(0).as_boolean_opt();
        let condition =
            condition.ok_or_else(|| Error::new(code::DATATYPE_MISMATCH, "argument of WHERE must be type boolean"))?;
        Ok(Updates {
            old: table.batch(old, pairs.len())?,
            new: table.batch(new, pairs.len())?,
            wanted: condition.iter().map(|value| value == Some(true)).collect(),
            there,
            by_row: pairs.iter().enumerate().map(|(at, (row, _))| (*row, at)).collect(),
        })
    }

    /// The rows that the transaction sees with the keys of `rows`.
    async fn rows_with(&mut self, table: &Changed, unique: &Unique, rows: &[usize]) -> Result<RecordBatch> {
        let mut values: Vec<Key> = rows.iter().filter_map(|row| unique.keys[*row]).collect();
        values.sort_unstable();
        values.dedup();
        let lookup = Lookup { index: unique.index.id, values };
        let overlay = self.open.as_ref().and_then(|open| open.overlay(table.relation.id));
        let read = Read { id: table.relation.id, lookup: Some(&lookup), overlay };
        let (_, mut snapshots) = self.engine.runtime().read(&[read], 0).await?;
        let batches = snapshots.pop().map(|snapshot| snapshot.batches).unwrap_or_default();
        let columns = batches.first().map(|batch| batch.columns().to_vec());
        match columns {
            Some(columns) => table.batch(columns, batches[0].num_rows()),
            None => Ok(RecordBatch::new_empty(table.relation.schema.clone())),
        }
    }
}

impl Updates {
    /// What becomes of a row that conflicts.
    fn fate(&self, row: usize, touched: &mut HashSet<u32>) -> Result<Fate> {
        let twice = || {
            let message = "ON CONFLICT DO UPDATE command cannot affect row a second time";
            Error::new(code::CARDINALITY_VIOLATION, message).hint(
                "Ensure that no rows proposed for insertion within the same command have duplicate constrained values.",
            )
        };
        // Without a row that was there, it conflicts with one of the same statement.
        let at = *self.by_row.get(&row).ok_or_else(twice)?;
        if touched.contains(&self.there[at]) {
            return Err(twice());
        }
        if !self.wanted[at] {
            return Ok(Fate::Skip);
        }
        touched.insert(self.there[at]);
        Ok(Fate::Update(at))
    }
}

/// Where the row with each key is among the rows that are there.
fn existing_places(
    session: &Session,
    table: &Changed,
    arbiter: &Unique,
    existing: &RecordBatch,
) -> Result<HashMap<Key, usize>> {
    let uniques = session.uniques(table, existing)?;
    let same = uniques.iter().find(|unique| unique.index.id == arbiter.index.id);
    let keys = same.map(|unique| unique.keys.as_slice()).unwrap_or_default();
    Ok(keys.iter().enumerate().filter_map(|(at, key)| Some(((*key)?, at))).collect())
}

fn taken(columns: &[ArrayRef], rows: &[u32]) -> Result<Vec<ArrayRef>> {
    let rows = UInt32Array::from(rows.to_vec());
    columns.iter().map(|column| take(column, &rows, None)).collect::<Result<_, _>>().map_err(arrow_error)
}

/// The unique indexes that ON CONFLICT is about; with a target, one at least.
fn arbiters(table: &Changed, uniques: &[Unique], target: &Conflict) -> Result<Vec<usize>> {
    let matches = |unique: &Unique, columns: &[usize]| {
        unique.index.columns.len() == columns.len()
            && columns.iter().all(|column| unique.index.columns.contains(column))
    };
    match target {
        Conflict::Any => Ok((0..uniques.len()).collect()),
        Conflict::Columns(names) => {
            let mut columns = Vec::new();
            for name in names {
                let at = table.relation.schema.index_of(name);
                let at =
                    at.map_err(|_| Error::new(code::UNDEFINED_COLUMN, format!("column \"{name}\" does not exist")))?;
                if !columns.contains(&at) {
                    columns.push(at);
                }
            }
            let found: Vec<usize> = (0..uniques.len()).filter(|at| matches(&uniques[*at], &columns)).collect();
            match found.is_empty() {
                false => Ok(found),
                true => {
                    let message = "there is no unique or exclusion constraint matching the ON CONFLICT specification";
                    Err(Error::new(code::INVALID_COLUMN_REFERENCE, message))
                }
            }
        }
        Conflict::Constraint(name) => {
            let found = uniques.iter().position(|unique| unique.index.name == *name && unique.index.is_constraint());
            found.map(|at| vec![at]).ok_or_else(|| {
                let message = format!("constraint \"{name}\" for table \"{}\" does not exist", table.relation.name);
                Error::new(code::UNDEFINED_OBJECT, message)
            })
        }
    }
}

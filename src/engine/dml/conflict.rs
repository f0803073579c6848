//! INSERT … ON CONFLICT.

use std::collections::HashMap;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, UInt32Array};
use datafusion::arrow::compute::{interleave, take};
use datafusion::scalar::ScalarValue;

use super::change::check_set;
use super::constraint::{Unique, Violation};
use super::insert::conflict_rows;
use super::{Changed, Session, deletes};
use crate::compile::parse::{Conflict, Insert, OnConflict};
use crate::error::{Error, Result, code};
use crate::flow::Delta;
use crate::flow::delta::arrow_error;
use crate::view::{Key, KeyMap, KeySet, Lookup, Read};

/// What becomes of a row.
#[derive(Clone, Copy)]
enum Fate {
    Insert,
    Skip,
    /// The pair of this number is updated.
    Update(usize),
}

/// Rows that are there, each with a row that conflicts with it, and what they become.
struct Updates {
    old: RecordBatch,
    new: RecordBatch,
    /// Whether WHERE holds.
    wanted: Vec<bool>,
    /// The first wanted pair that violates NOT NULL or CHECK.
    violation: Option<Violation>,
    /// By row that was to be inserted: the number of the pair.
    by_row: HashMap<usize, usize>,
}

/// The keys of one unique index while the rows are gone through.
struct Taken {
    unique: Unique,
    /// By row that is to be inserted: how many rows have its key before the statement.
    before: Vec<i64>,
    /// Keys of the pairs' rows, before and after; how many rows have the latter before the statement.
    old: Vec<Option<Key>>,
    new: Vec<Option<Key>>,
    new_before: Vec<i64>,
    /// What the statement changed so far.
    changed: KeyMap<i64>,
    /// Keys of rows that the statement inserted or updated.
    own: KeySet,
}

impl Taken {
    fn is_taken(&self, key: Option<Key>, before: i64) -> bool {
        key.is_some_and(|key| before + self.changed.get(&key).copied().unwrap_or(0) > 0)
    }

    fn conflicts(&self, row: usize) -> bool {
        self.is_taken(self.unique.keys[row], self.before[row])
    }

    fn add(&mut self, key: Option<Key>) {
        if let Some(key) = key {
            *self.changed.entry(key).or_default() += 1;
            self.own.insert(key);
        }
    }

    fn update(&mut self, pair: usize) {
        if let Some(old) = self.old[pair] {
            *self.changed.entry(old).or_default() -= 1;
        }
        self.add(self.new[pair]);
    }
}

impl Session {
    /// Inserts complete rows where they conflict with none, and does what ON CONFLICT says with the others, one after the other.
    /// Answers the rows that were inserted or updated.
    pub(super) async fn insert_or(
        &mut self,
        table: &Changed,
        rows: RecordBatch,
        insert: &Insert,
        parameters: &[ScalarValue],
    ) -> Result<RecordBatch> {
        self.refuse_if_changed(table.relation.id)?;
        let violation = self.violation(table, rows.columns(), rows.num_rows()).await?;
        let tested = violation.as_ref().map_or(rows.num_rows(), |violation| violation.row);
        let uniques = self.uniques(table, &rows)?;
        let (target, updates) = match &insert.on_conflict {
            OnConflict::Update { target, .. } => (target, true),
            OnConflict::Nothing(target) => (target, false),
            OnConflict::Error => return Err(Error::internal("no ON CONFLICT")),
        };
        let arbiters = arbiters(table, &uniques, target)?;
        let mut before = uniques.iter().map(|unique| self.counts(table, unique)).collect::<Result<Vec<_>>>()?;
        let updates = match (updates, arbiters.first()) {
            (true, Some(first)) => {
                Some(self.updates(table, &rows, &uniques[*first], &before[*first], insert, parameters).await?)
            }
            _ => None,
        };
        let mut taken = Vec::with_capacity(uniques.len());
        for (unique, before) in uniques.into_iter().zip(before.drain(..)) {
            taken.push(self.taken(table, unique, before, updates.as_ref())?);
        }
        let mut fates = Vec::with_capacity(rows.num_rows());
        for row in 0..tested {
            fates.push(self.fate(table, &rows, row, &arbiters, &mut taken, updates.as_ref())?);
        }
        match violation {
            Some(violation) => Err(violation.error),
            None => self.settle(table, &rows, &fates, updates),
        }
    }

    fn taken(&self, table: &Changed, unique: Unique, before: Vec<i64>, updates: Option<&Updates>) -> Result<Taken> {
        let (mut old, mut new, mut new_before) = (Vec::new(), Vec::new(), Vec::new());
        if let Some(updates) = updates {
            let same = |rows| -> Result<Option<Unique>> {
                Ok(self.uniques(table, rows)?.into_iter().find(|other| other.index.id == unique.index.id))
            };
            old = same(&updates.old)?.map(|unique| unique.keys).unwrap_or_default();
            if let Some(unique) = same(&updates.new)? {
                new_before = self.counts(table, &unique)?;
                new = unique.keys;
            }
        }
        Ok(Taken { unique, before, old, new, new_before, changed: KeyMap::default(), own: KeySet::default() })
    }

    /// Decides about one row, after those before it.
    fn fate(
        &self,
        table: &Changed,
        rows: &RecordBatch,
        row: usize,
        arbiters: &[usize],
        taken: &mut [Taken],
        updates: Option<&Updates>,
    ) -> Result<Fate> {
        let Some(arbiter) = arbiters.iter().find(|number| taken[**number].conflicts(row)) else {
            if let Some(other) = taken.iter().find(|taken| taken.conflicts(row)) {
                return Err(self.duplicate(table, &other.unique.index, rows.columns(), row));
            }
            for taken in taken.iter_mut() {
                taken.add(taken.unique.keys[row]);
            }
            return Ok(Fate::Insert);
        };
        let Some(updates) = updates else { return Ok(Fate::Skip) };
        let is_own = taken[*arbiter].unique.keys[row].is_some_and(|key| taken[*arbiter].own.contains(&key));
        let pair = match updates.by_row.get(&row) {
            Some(pair) if !is_own => *pair,
            _ => {
                let message = "ON CONFLICT DO UPDATE command cannot affect row a second time";
                return Err(Error::new(code::CARDINALITY_VIOLATION, message).hint(
                    "Ensure that no rows proposed for insertion within the same command have duplicate constrained values.",
                ));
            }
        };
        if !updates.wanted[pair] {
            return Ok(Fate::Skip);
        }
        if let Some(violation) = updates.violation.as_ref().filter(|violation| violation.row == pair) {
            return Err(violation.error.clone());
        }
        for taken in taken.iter_mut() {
            if taken.new[pair] != taken.old[pair] && taken.is_taken(taken.new[pair], taken.new_before[pair]) {
                return Err(self.duplicate(table, &taken.unique.index, updates.new.columns(), pair));
            }
            taken.update(pair);
        }
        Ok(Fate::Update(pair))
    }

    /// Applies what was decided.
    fn settle(
        &mut self,
        table: &Changed,
        rows: &RecordBatch,
        fates: &[Fate],
        updates: Option<Updates>,
    ) -> Result<RecordBatch> {
        let place = |(row, fate): (usize, &Fate)| match fate {
            Fate::Insert => Some((0, row)),
            Fate::Update(pair) => Some((1, *pair)),
            Fate::Skip => None,
        };
        let places: Vec<(usize, usize)> = fates.iter().enumerate().filter_map(place).collect();
        let updated: Vec<u32> = places.iter().filter(|(from, _)| *from == 1).map(|(_, pair)| *pair as u32).collect();
        let new = updates.as_ref().map_or_else(|| RecordBatch::new_empty(rows.schema()), |updates| updates.new.clone());
        let column = |at: usize| interleave(&[rows.column(at).as_ref(), new.column(at).as_ref()], &places);
        let columns = (0..table.width()).map(column).collect::<Result<Vec<_>, _>>().map_err(arrow_error)?;
        let changed = table.batch(columns, places.len())?;
        let mut deltas = vec![Delta::insert(changed.clone())];
        if let (Some(updates), false) = (&updates, updated.is_empty()) {
            deltas.push(deletes(table.batch(picked(updates.old.columns(), &updated)?, updated.len())?));
        }
        self.change(table.relation.id, deltas)?;
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
        let old = picked(existing.columns(), &there)?;
        let both = [old.clone(), picked(rows.columns(), &given)?].concat();
        let evaluated = self.evaluate(query, &conflict_rows(table, insert), &both, pairs.len(), parameters).await?;
        let mut new = old.clone();
        for (column, cell) in set.iter().zip(values) {
            new[*column] = self.set_values(table, *column, cell, &evaluated, parameters).await?;
        }
        self.generate(table, &mut new, pairs.len()).await?;
        let condition = evaluated.column(0).as_boolean_opt();
        let condition =
            condition.ok_or_else(|| Error::new(code::DATATYPE_MISMATCH, "argument of WHERE must be type boolean"))?;
        let wanted: Vec<bool> = condition.iter().map(|value| value == Some(true)).collect();
        let chosen: Vec<u32> = (0..pairs.len() as u32).filter(|pair| wanted[*pair as usize]).collect();
        let violation = self.violation(table, &picked(&new, &chosen)?, chosen.len()).await?;
        let violation = violation.map(|found| Violation { row: chosen[found.row] as usize, ..found });
        Ok(Updates {
            old: table.batch(old, pairs.len())?,
            new: table.batch(new, pairs.len())?,
            wanted,
            violation,
            by_row: pairs.iter().enumerate().map(|(pair, (row, _))| (*row, pair)).collect(),
        })
    }

    /// The rows that the transaction sees with the keys of `rows`.
    async fn rows_with(&mut self, table: &Changed, unique: &Unique, rows: &[usize]) -> Result<RecordBatch> {
        let mut values: Vec<Key> = rows.iter().filter_map(|row| unique.keys[*row]).collect();
        values.sort_unstable();
        values.dedup();
        let lookup = Lookup { index: unique.index.id, values };
        let overlay = self.open.as_ref().and_then(|open| open.overlay(table.relation.id));
        let read = Read { id: table.relation.id, lookup: Some(&lookup), overlay, as_of: None };
        let (_, mut snapshots) = self.engine.runtime().read(&[read], 0).await?;
        let batches = snapshots.pop().map(|snapshot| snapshot.batches).unwrap_or_default();
        let columns = batches.first().map(|batch| batch.columns().to_vec());
        match columns {
            Some(columns) => table.batch(columns, batches[0].num_rows()),
            None => Ok(RecordBatch::new_empty(table.relation.schema.clone())),
        }
    }
}

/// Where the row with each key is among the rows that are there.
fn existing_places(
    session: &Session,
    table: &Changed,
    arbiter: &Unique,
    existing: &RecordBatch,
) -> Result<KeyMap<usize>> {
    let uniques = session.uniques(table, existing)?;
    let same = uniques.iter().find(|unique| unique.index.id == arbiter.index.id);
    let keys = same.map(|unique| unique.keys.as_slice()).unwrap_or_default();
    Ok(keys.iter().enumerate().filter_map(|(at, key)| Some(((*key)?, at))).collect())
}

fn picked(columns: &[ArrayRef], rows: &[u32]) -> Result<Vec<ArrayRef>> {
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
                let message =
                    format!("constraint \"{name}\" for table \"{}\" does not exist", table.relation.local_name());
                Error::new(code::UNDEFINED_OBJECT, message)
            })
        }
    }
}

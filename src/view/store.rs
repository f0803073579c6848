//! Materialized contents of all relations, one committed tick at a time.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use tokio::sync::watch;

use super::changes::{Changes, Key, Keys};
use super::contents::{Bag, Contents, Log};
use super::found::Found;
use super::index::{Index, IndexKeys};
use super::past::{Past, Pin, Pins};
use super::{Overlay, Snapshot};
use crate::catalog::RelationId;
use crate::error::{Error, Result, code};
use crate::flow::Delta;

/// Whether a relation can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Availability {
    /// Not yet: it is catching up.
    Pending,
    /// Yes.
    Ready,
    /// No more: why.
    Failed(String),
}

/// The contents of all relations at the last committed tick. One thread commits; any thread reads.
///
/// Memory: the rows of every relation once, about 40 bytes of index and weight per row of a relation that can retract, and the
/// versions that snapshots still hold.
pub struct Store {
    state: RwLock<State>,
    revision: watch::Sender<u64>,
    pins: Arc<Pins>,
    past_bytes_max: usize,
}

#[derive(Default)]
struct State {
    tick: u64,
    closed: bool,
    /// Whether relations keep changes of the past.
    has_past: bool,
    relations: HashMap<RelationId, Relation>,
}

struct Relation {
    name: String,
    schema: SchemaRef,
    keys: Arc<Keys>,
    availability: Availability,
    /// `None`: only the changes are handed on.
    contents: Option<Contents>,
    append_only: bool,
    past: Past,
}

/// What a commit does to one relation, computed before the lock is taken.
enum Prepared {
    Log(Vec<RecordBatch>),
    /// The changes and the keys of their rows; merged where somebody wants to see them.
    Bag {
        deltas: Vec<Delta>,
        row_keys: Vec<Vec<Key>>,
    },
}

/// What is read of a relation.
#[derive(Clone, Copy)]
pub struct Read<'a> {
    /// Which relation.
    pub id: RelationId,
    /// Only the rows with some values; `None` for all.
    pub lookup: Option<&'a Lookup>,
    /// What the reader's own transaction changed.
    pub overlay: Option<&'a Overlay>,
    /// A pinned tick; `None` for the last committed one.
    pub as_of: Option<u64>,
}

/// Rows by value.
pub struct Lookup {
    /// The index.
    pub index: RelationId,
    /// The values, as the index's [`IndexKeys`] make them.
    pub values: Vec<Key>,
}

impl From<RelationId> for Read<'_> {
    fn from(id: RelationId) -> Self {
        Read { id, lookup: None, overlay: None, as_of: None }
    }
}

impl Default for Store {
    fn default() -> Self {
        Store::new(usize::MAX)
    }
}

impl Store {
    /// Empty. Keeps `past_bytes_max` at most of what changed since ticks that are still read.
    pub fn new(past_bytes_max: usize) -> Store {
        Store { state: RwLock::default(), revision: watch::Sender::new(0), pins: Arc::default(), past_bytes_max }
    }

    /// Adds a relation, empty. `append_only`: no row is ever retracted; `keep`: whether it can be read.
    pub fn create(
        &self,
        id: RelationId,
        name: &str,
        schema: SchemaRef,
        append_only: bool,
        keep: bool,
        availability: Availability,
    ) -> Result<()> {
        let keys = Arc::new(Keys::new(&schema)?);
        let contents = keep.then(|| Contents::new(append_only));
        let relation = Relation {
            name: name.to_string(),
            schema,
            keys,
            availability,
            contents,
            append_only,
            past: Past::default(),
        };
        self.write().relations.insert(id, relation);
        Ok(())
    }

    /// Removes a relation; those who wait for it get an error.
    pub fn remove(&self, id: RelationId) {
        // The contents are dropped after the lock: that may take a while.
        let removed = self.write().relations.remove(&id);
        drop(removed);
        self.revise();
    }

    /// Changes whether a relation can be read; the contents of a failed one are given up.
    pub fn set_availability(&self, id: RelationId, availability: Availability) {
        let mut given_up = None;
        let mut state = self.write();
        let tick = state.tick;
        if let Some(relation) = state.relations.get_mut(&id) {
            if matches!(availability, Availability::Ready) {
                // Nobody reads it as of a time when it was not complete.
                relation.past.cut(tick.saturating_sub(1));
            }
            if let (Availability::Failed(_), Some(contents)) = (&availability, &mut relation.contents) {
                given_up = Some(std::mem::replace(contents, Contents::new(relation.append_only)));
            }
            relation.availability = availability;
        }
        drop(state);
        drop(given_up);
        self.revise();
    }

    /// Whether a relation can be read; `None` if it is not there.
    pub fn availability(&self, id: RelationId) -> Option<Availability> {
        self.read().relations.get(&id).map(|relation| relation.availability.clone())
    }

    /// Whether a relation never retracts a row; `None` if it is not there.
    pub fn append_only(&self, id: RelationId) -> Option<bool> {
        self.read().relations.get(&id).map(|relation| relation.append_only)
    }

    /// The last committed tick.
    pub fn tick(&self) -> u64 {
        self.read().tick
    }

    /// Tells of every commit and every change of availability.
    pub fn revisions(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// Commits a tick: the changes of all relations become visible at once. Answers, for the relations for which they are `wanted`,
    /// the consolidated changes, and why a relation could not take its changes: its content is then undefined, it has to fail.
    pub fn commit(
        &self,
        tick: u64,
        changes: Vec<(RelationId, Vec<Delta>)>,
        wanted: &dyn Fn(RelationId) -> bool,
    ) -> Vec<(RelationId, Result<Vec<Delta>>)> {
        let prepare = |(id, deltas)| (id, guard(|| self.prepare(id, deltas, wanted(id))));
        let prepared: Vec<_> = changes.into_iter().map(prepare).collect();
        let mut answers = Vec::with_capacity(prepared.len());
        let mut state = self.write();
        let oldest = self.pins.oldest();
        state.forget_past(oldest);
        for (id, prepared) in prepared {
            let answer = match (prepared, state.relations.get_mut(&id)) {
                (Err(error), _) => Err(error),
                (Ok(Some(prepared)), Some(relation)) => guard(|| relation.apply(prepared)).inspect(|deltas| {
                    if let Some(oldest) = oldest {
                        relation.past.add(tick, deltas, oldest);
                    }
                }),
                _ => Ok(Vec::new()),
            };
            answers.push((id, answer));
        }
        state.bound_past(&self.pins, self.past_bytes_max);
        state.tick = tick;
        drop(state);
        self.revise();
        answers
    }

    /// The content of a relation at the last committed tick, readable or not.
    pub fn snapshot(&self, id: RelationId) -> Result<(u64, Snapshot)> {
        let (tick, schema, frozen) = {
            let state = self.read();
            let relation = state.relation(id)?;
            (state.tick, Arc::clone(&relation.schema), relation.contents()?.freeze(None))
        };
        Ok((tick, Snapshot { schema, batches: frozen.batches()? }))
    }

    /// Makes rows of a relation findable by the values of `columns`. Takes a while for many rows, during which nothing is committed.
    pub fn add_index(&self, relation: RelationId, index: RelationId, columns: Vec<usize>) -> Result<()> {
        match self.write().relations.get_mut(&relation) {
            Some(Relation { schema, keys, contents: Some(contents), .. }) => {
                contents.add_index(schema, keys, IndexKeys::new(index, columns))
            }
            _ => Ok(()),
        }
    }

    /// Puts other columns and rows in the place of a relation's, with indexes over them. Nobody is told of changes: those who read the
    /// relation read columns that stay what they are.
    pub fn replace(
        &self,
        id: RelationId,
        schema: SchemaRef,
        rows: Vec<RecordBatch>,
        indexes: &[(RelationId, Vec<usize>)],
    ) -> Result<()> {
        let keys = Arc::new(Keys::new(&schema)?);
        let deltas: Vec<Delta> = rows.into_iter().map(Delta::insert).collect();
        let row_keys = deltas.iter().map(|delta| keys.of(&delta.rows)).collect::<Result<Vec<_>>>()?;
        let indexes = indexes.iter().map(|(id, columns)| Index::new(IndexKeys::new(*id, columns.clone()))).collect();
        let mut bag = Bag::with_indexes(indexes);
        bag.apply(&schema, &keys, &deltas, &row_keys)?;
        let mut state = self.write();
        let tick = state.tick;
        let relation = state.relations.get_mut(&id).ok_or_else(|| State::unknown(id))?;
        relation.past.cut(tick);
        relation.schema = schema;
        relation.keys = keys;
        let before = relation.contents.replace(Contents::Bag(bag));
        drop(state);
        drop(before);
        Ok(())
    }

    /// Forgets an index.
    pub fn remove_index(&self, relation: RelationId, index: RelationId) {
        if let Some(Contents::Bag(bag)) =
            self.write().relations.get_mut(&relation).and_then(|one| one.contents.as_mut())
        {
            bag.remove_index(index);
        }
    }

    /// How the indexes of a relation make keys.
    pub fn index_keys(&self, relation: RelationId) -> Vec<Arc<IndexKeys>> {
        match self.read().relations.get(&relation).and_then(|relation| relation.contents.as_ref()) {
            Some(Contents::Bag(bag)) => bag.index_keys(),
            _ => Vec::new(),
        }
    }

    /// No changes yet of a table, for a transaction.
    pub fn overlay(&self, id: RelationId) -> Result<Overlay> {
        let state = self.read();
        let relation = state.relation(id)?;
        let indexes = match &relation.contents {
            Some(Contents::Bag(bag)) => bag.index_keys(),
            _ => Vec::new(),
        };
        Ok(Overlay::new(Arc::clone(&relation.schema), Arc::clone(&relation.keys), &indexes))
    }

    /// How many committed rows have each of the values of an index.
    pub fn count(&self, relation: RelationId, index: RelationId, values: &[Option<Key>]) -> Result<Vec<i64>> {
        let state = self.read();
        let Some(Contents::Bag(bag)) = &state.relation(relation)?.contents else { return Ok(vec![0; values.len()]) };
        let Some(index) = bag.index(index) else { return Ok(vec![0; values.len()]) };
        let count = |value: &Key| index.rows(value).iter().map(|row| bag.weight(row)).sum();
        Ok(values.iter().map(|value| value.as_ref().map_or(0, count)).collect())
    }

    /// How often each of the rows is there, by identity.
    pub fn weights(&self, relation: RelationId, rows: &[Key]) -> Result<Vec<i64>> {
        let state = self.read();
        match &state.relation(relation)?.contents {
            Some(Contents::Bag(bag)) => Ok(rows.iter().map(|row| bag.weight(row)).collect()),
            _ => Ok(vec![0; rows.len()]),
        }
    }

    /// Keeps the last committed tick readable until the pin is dropped. Memory: what changes meanwhile.
    pub fn pin(&self) -> Pin {
        // The lock keeps commits away until it is noted.
        let state = self.read();
        self.pins.pin(state.tick)
    }

    /// Whether a relation changed after a pinned tick.
    pub fn changed_since(&self, id: RelationId, tick: u64) -> Result<bool> {
        Ok(self.read().relation(id)?.past.changed_since(tick))
    }

    /// Snapshots of relations at the last committed tick, the same for all; `None` if that is before `at_least` or one of them is not
    /// ready: try again after the next revision.
    pub fn try_read(&self, reads: &[Read<'_>], at_least: u64) -> Result<Option<(u64, Vec<Snapshot>)>> {
        let mut found = Vec::with_capacity(reads.len());
        let tick = {
            let state = self.read();
            let mut ready = state.tick >= at_least;
            for read in reads {
                let relation = state.relation(read.id)?;
                match &relation.availability {
                    Availability::Ready => {}
                    Availability::Pending => ready = false,
                    Availability::Failed(why) => return Err(relation.failed(why)),
                }
            }
            if !ready {
                return if state.closed { Err(shut_down()) } else { Ok(None) };
            }
            for read in reads {
                let relation = state.relation(read.id)?;
                found.push((Arc::clone(&relation.schema), relation.find(read)?));
            }
            state.tick
        };
        let snapshots = found
            .into_iter()
            .map(|(schema, found)| Ok(Snapshot { schema, batches: found.batches()? }))
            .collect::<Result<Vec<_>>>()?;
        Ok(Some((tick, snapshots)))
    }

    /// Nothing will be committed any more: those who wait get an error.
    pub fn close(&self) {
        self.write().closed = true;
        self.revise();
    }

    /// Does what needs no exclusive access.
    fn prepare(&self, id: RelationId, deltas: Vec<Delta>, wanted: bool) -> Result<Option<Prepared>> {
        let (schema, keys, append_only) = match self.read().relations.get(&id) {
            Some(relation) => (Arc::clone(&relation.schema), Arc::clone(&relation.keys), relation.append_only),
            None => return Ok(None),
        };
        if append_only {
            // Kept as a bag once it has an index, which is only known under the lock.
            return Ok(Some(Prepared::Log(Log::prepare(&schema, &deltas)?)));
        }
        if wanted {
            let changes = Changes::consolidate(&schema, &keys, &deltas)?;
            return Ok(
                changes.map(|changes| Prepared::Bag { deltas: vec![changes.delta()], row_keys: vec![changes.keys] })
            );
        }
        let row_keys = deltas.iter().map(|delta| keys.of(&delta.rows)).collect::<Result<_>>()?;
        Ok(Some(Prepared::Bag { deltas, row_keys }))
    }

    fn revise(&self) {
        self.revision.send_modify(|revision| *revision += 1);
    }

    // Whoever panics while holding the lock is a guarded change of one relation, which then fails: poisoning says nothing more.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Lets go of the past if nobody reads it any more.
    fn forget_past(&mut self, oldest: Option<u64>) {
        if oldest.is_none() && self.has_past {
            self.relations.values_mut().for_each(|relation| relation.past.clear());
        }
        self.has_past = oldest.is_some();
    }

    /// Lets the oldest readers of the past go while more than `bytes_max` are kept for them.
    fn bound_past(&mut self, pins: &Pins, bytes_max: usize) {
        while self.has_past && self.relations.values().map(|kept| kept.past.bytes()).sum::<usize>() > bytes_max {
            let Some((kept, oldest)) = pins.give_up() else { return };
            self.relations.values_mut().for_each(|relation| relation.past.give_up(kept, oldest));
        }
    }

    fn relation(&self, id: RelationId) -> Result<&Relation> {
        self.relations.get(&id).ok_or_else(|| State::unknown(id))
    }

    fn unknown(id: RelationId) -> Error {
        Error::new(code::UNDEFINED_TABLE, format!("relation with OID {} does not exist", id.0))
    }
}

impl Relation {
    fn apply(&mut self, prepared: Prepared) -> Result<Vec<Delta>> {
        match (prepared, &mut self.contents) {
            (Prepared::Log(rows), contents) => {
                let deltas: Vec<Delta> = rows.iter().cloned().map(Delta::insert).collect();
                match contents {
                    Some(Contents::Log(log)) => log.append(&self.schema, rows)?,
                    Some(Contents::Bag(bag)) => {
                        let row_keys = rows.iter().map(|rows| self.keys.of(rows)).collect::<Result<Vec<_>>>()?;
                        bag.apply(&self.schema, &self.keys, &deltas, &row_keys)?;
                    }
                    None => {}
                }
                Ok(deltas)
            }
            (Prepared::Bag { deltas, row_keys }, contents) => {
                if let Some(Contents::Bag(bag)) = contents {
                    bag.apply(&self.schema, &self.keys, &deltas, &row_keys)?;
                }
                Ok(deltas)
            }
        }
    }

    fn contents(&self) -> Result<&Contents> {
        self.contents.as_ref().ok_or_else(|| {
            Error::new(
                code::OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("\"{}\" keeps no rows: only its changes can be read", self.name),
            )
        })
    }

    fn find(&self, read: &Read<'_>) -> Result<Found> {
        let Some(past) = self.past_of(read)? else { return self.find_now(read) };
        let Contents::Log(log) = self.contents()? else {
            return self.find_now(&Read { overlay: Some(&past), ..*read });
        };
        Ok(Found::Without { frozen: log.freeze(), keys: Arc::clone(&self.keys), removed: past.removed() })
    }

    /// What leads from the contents to what is read as of an earlier tick; `None` if nothing does.
    fn past_of(&self, read: &Read<'_>) -> Result<Option<Overlay>> {
        let Some(tick) = read.as_of else { return Ok(None) };
        let indexes = match self.contents()? {
            Contents::Bag(bag) => bag.index_keys(),
            Contents::Log(_) => Vec::new(),
        };
        let none = Overlay::new(Arc::clone(&self.schema), Arc::clone(&self.keys), &indexes);
        self.past.overlay(tick, none, read.overlay)
    }

    fn find_now(&self, read: &Read<'_>) -> Result<Found> {
        let contents = self.contents()?;
        if let (Some(lookup), Contents::Bag(bag)) = (read.lookup, contents)
            && let Some(rows) = bag.find(&self.schema, lookup.index, &lookup.values, read.overlay)?
        {
            return Ok(Found::Rows(rows));
        }
        let Some(overlay) = read.overlay else {
            return Ok(Found::All { frozen: contents.freeze(None), added: Vec::new() });
        };
        Ok(Found::All { frozen: contents.freeze(Some(&overlay.removed())), added: overlay.added()? })
    }

    fn failed(&self, why: &str) -> Error {
        Error::new(code::OBJECT_NOT_IN_PREREQUISITE_STATE, format!("\"{}\" failed: {why}", self.name))
            .hint("drop it and create it again; everything else goes on")
    }
}

/// A panic over the rows of one relation is an error of that relation: the others go on.
fn guard<T>(run: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(Error::internal("a bug in keeping the rows of a relation")))
}

/// The engine is going down.
pub(crate) fn shut_down() -> Error {
    Error::new(code::ADMIN_SHUTDOWN, "the engine is shutting down")
}

//! Materialized contents of all relations, one committed tick at a time.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use tokio::sync::watch;

use super::changes::{Key, Keys};
use super::contents::{Bag, Contents};
use super::index::{Index, IndexKeys};
use super::past::{Past, Pin, Pins};
use super::relation::Relation;
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
/// Each relation has its lock: a commit holds those of the relations that it changes until its tick is the last one, so whoever has
/// the locks of several relations sees one tick of them, and reads of other relations do not wait for it. Locks are taken in the order
/// of the relations' ids, then that of the tick.
///
/// Memory: the rows of every relation once, about 40 bytes of index and weight per row of a relation that can retract, and the
/// versions that snapshots still hold.
pub struct Store {
    state: RwLock<State>,
    /// Held by a commit, and while a tick is pinned: no commit may pass over it.
    committing: Mutex<Committing>,
    revision: watch::Sender<u64>,
    pins: Arc<Pins>,
    past_bytes_max: usize,
}

#[derive(Default)]
struct State {
    tick: u64,
    closed: bool,
    relations: HashMap<RelationId, Arc<RwLock<Relation>>>,
}

/// What only commits look at.
#[derive(Default)]
struct Committing {
    /// Whether relations keep changes of the past.
    has_past: bool,
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
        let (state, committing, pins) = (RwLock::default(), Mutex::default(), Arc::default());
        Store { state, committing, revision: watch::Sender::new(0), pins, past_bytes_max }
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
        self.write().relations.insert(id, Arc::new(RwLock::new(relation)));
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
        if let Ok(relation) = self.relation(id) {
            let mut relation = write(&relation);
            if matches!(availability, Availability::Ready) {
                // Nobody reads it as of a time when it was not complete.
                relation.past.cut(self.tick().saturating_sub(1));
            }
            let empty = Contents::new(relation.append_only);
            if let (Availability::Failed(_), Some(contents)) = (&availability, &mut relation.contents) {
                given_up = Some(std::mem::replace(contents, empty));
            }
            relation.availability = availability;
        }
        drop(given_up);
        self.revise();
    }

    /// Whether a relation can be read; `None` if it is not there.
    pub fn availability(&self, id: RelationId) -> Option<Availability> {
        self.relation(id).ok().map(|relation| read(&relation).availability.clone())
    }

    /// Whether a relation never retracts a row; `None` if it is not there.
    pub fn append_only(&self, id: RelationId) -> Option<bool> {
        self.relation(id).ok().map(|relation| read(&relation).append_only)
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
        let known = changes.into_iter().map(|(id, deltas)| (id, deltas, self.relation(id).ok()));
        let mut relations = BTreeMap::new();
        let mut prepared = Vec::new();
        for (id, deltas, relation) in known {
            let shape = relation.as_ref().map(|relation| read(relation).shape());
            let prepare = || shape.map_or(Ok(None), |shape| shape.prepare(deltas, wanted(id)));
            prepared.push((id, guard(prepare)));
            relations.extend(relation.map(|relation| (id, relation)));
        }
        let mut committing = self.committing();
        let oldest = self.pins.oldest();
        let mut locked: BTreeMap<RelationId, RwLockWriteGuard<Relation>> =
            relations.iter().map(|(id, relation)| (*id, write(relation))).collect();
        let mut answers = Vec::with_capacity(prepared.len());
        for (id, prepared) in prepared {
            let answer = match (prepared, locked.get_mut(&id)) {
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
        self.write().tick = tick;
        drop(locked);
        if committing.has_past || oldest.is_some() {
            self.bound_past(oldest);
        }
        committing.has_past = oldest.is_some();
        drop(committing);
        self.revise();
        answers
    }

    /// Lets go of the past if nobody reads it any more, and of the oldest readers of the past while more than is allowed is kept for
    /// them.
    fn bound_past(&self, oldest: Option<u64>) {
        let relations: Vec<Arc<RwLock<Relation>>> = self.read().relations.values().cloned().collect();
        if oldest.is_none() {
            relations.iter().for_each(|relation| write(relation).past.clear());
        }
        while relations.iter().map(|relation| read(relation).past.bytes()).sum::<usize>() > self.past_bytes_max {
            let Some((kept, oldest)) = self.pins.give_up() else { return };
            relations.iter().for_each(|relation| write(relation).past.give_up(kept, oldest));
        }
    }

    /// The content of a relation at the last committed tick, readable or not.
    pub fn snapshot(&self, id: RelationId) -> Result<(u64, Snapshot)> {
        let (tick, schema, frozen) = {
            let relation = self.relation(id)?;
            let relation = read(&relation);
            (self.tick(), Arc::clone(&relation.schema), relation.contents()?.freeze(None))
        };
        Ok((tick, Snapshot { schema, batches: frozen.batches()? }))
    }

    /// Makes rows of a relation findable by the values of `columns`. Takes a while for many rows, during which it is not changed.
    pub fn add_index(&self, relation: RelationId, index: RelationId, columns: Vec<usize>) -> Result<()> {
        let Ok(relation) = self.relation(relation) else { return Ok(()) };
        let mut relation = write(&relation);
        let Relation { schema, keys, contents, .. } = &mut *relation;
        contents.as_mut().map_or(Ok(()), |contents| contents.add_index(schema, keys, IndexKeys::new(index, columns)))
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
        let relation = self.relation(id)?;
        let mut relation = write(&relation);
        relation.past.cut(self.tick());
        relation.schema = schema;
        relation.keys = keys;
        let before = relation.contents.replace(Contents::Bag(bag));
        drop(relation);
        drop(before);
        Ok(())
    }

    /// Forgets an index.
    pub fn remove_index(&self, relation: RelationId, index: RelationId) {
        let Ok(relation) = self.relation(relation) else { return };
        if let Some(Contents::Bag(bag)) = &mut write(&relation).contents {
            bag.remove_index(index);
        }
    }

    /// How the indexes of a relation make keys.
    pub fn index_keys(&self, relation: RelationId) -> Vec<Arc<IndexKeys>> {
        let Ok(relation) = self.relation(relation) else { return Vec::new() };
        match &read(&relation).contents {
            Some(Contents::Bag(bag)) => bag.index_keys(),
            _ => Vec::new(),
        }
    }

    /// No changes yet of a table, for a transaction.
    pub fn overlay(&self, id: RelationId) -> Result<Overlay> {
        let relation = self.relation(id)?;
        let relation = read(&relation);
        let indexes = match &relation.contents {
            Some(Contents::Bag(bag)) => bag.index_keys(),
            _ => Vec::new(),
        };
        Ok(Overlay::new(Arc::clone(&relation.schema), Arc::clone(&relation.keys), &indexes))
    }

    /// How many committed rows have each of the values of an index.
    pub fn count(&self, relation: RelationId, index: RelationId, values: &[Option<Key>]) -> Result<Vec<i64>> {
        let relation = self.relation(relation)?;
        let relation = read(&relation);
        let Some(Contents::Bag(bag)) = &relation.contents else { return Ok(vec![0; values.len()]) };
        let Some(index) = bag.index(index) else { return Ok(vec![0; values.len()]) };
        let count = |value: &Key| index.rows(value).iter().map(|row| bag.weight(row)).sum();
        Ok(values.iter().map(|value| value.as_ref().map_or(0, count)).collect())
    }

    /// How often each of the rows is there, by identity.
    pub fn weights(&self, relation: RelationId, rows: &[Key]) -> Result<Vec<i64>> {
        let relation = self.relation(relation)?;
        match &read(&relation).contents {
            Some(Contents::Bag(bag)) => Ok(rows.iter().map(|row| bag.weight(row)).collect()),
            _ => Ok(vec![0; rows.len()]),
        }
    }

    /// Keeps the last committed tick readable until the pin is dropped. Waits for a commit that has begun. Memory: what changes
    /// meanwhile.
    pub fn pin(&self) -> Pin {
        // Keeps commits away until it is noted.
        let _committing = self.committing();
        self.pins.pin(self.tick())
    }

    /// Whether a relation changed after a pinned tick.
    pub fn changed_since(&self, id: RelationId, tick: u64) -> Result<bool> {
        Ok(read(&*self.relation(id)?).past.changed_since(tick))
    }

    /// Snapshots of relations at the last committed tick, the same for all; `None` if that is before `at_least` or one of them is not
    /// ready: try again after the next revision.
    pub fn try_read(&self, reads: &[Read<'_>], at_least: u64) -> Result<Option<(u64, Vec<Snapshot>)>> {
        let mut found = Vec::with_capacity(reads.len());
        let tick = {
            let mut relations = BTreeMap::new();
            for read in reads {
                relations.insert(read.id, self.relation(read.id)?);
            }
            let locked: BTreeMap<RelationId, RwLockReadGuard<Relation>> =
                relations.iter().map(|(id, relation)| (*id, read(relation))).collect();
            let (tick, closed) = {
                let state = self.read();
                (state.tick, state.closed)
            };
            let mut ready = tick >= at_least;
            for relation in locked.values() {
                match &relation.availability {
                    Availability::Ready => {}
                    Availability::Pending => ready = false,
                    Availability::Failed(why) => return Err(relation.failed(why)),
                }
            }
            if !ready {
                return if closed { Err(shut_down()) } else { Ok(None) };
            }
            for (read, relation) in reads.iter().filter_map(|read| Some((read, locked.get(&read.id)?))) {
                found.push((Arc::clone(&relation.schema), relation.find(read)?));
            }
            tick
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

    fn revise(&self) {
        self.revision.send_modify(|revision| *revision += 1);
    }

    fn relation(&self, id: RelationId) -> Result<Arc<RwLock<Relation>>> {
        let relation = self.read().relations.get(&id).cloned();
        relation.ok_or_else(|| Error::new(code::UNDEFINED_TABLE, format!("relation with OID {} does not exist", id.0)))
    }

    fn committing(&self) -> MutexGuard<'_, Committing> {
        self.committing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

// Whoever panics while holding a lock is a guarded change of one relation, which then fails: poisoning says nothing more.
fn read(relation: &RwLock<Relation>) -> RwLockReadGuard<'_, Relation> {
    relation.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(relation: &RwLock<Relation>) -> RwLockWriteGuard<'_, Relation> {
    relation.write().unwrap_or_else(PoisonError::into_inner)
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

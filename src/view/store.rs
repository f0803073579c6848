//! Materialized contents of all relations, one committed tick at a time.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use datafusion::arrow::datatypes::SchemaRef;
use tokio::sync::watch;

use super::Snapshot;
use super::changes::{Changes, Keys};
use super::contents::{Contents, Frozen, Log};
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
}

#[derive(Default)]
struct State {
    tick: u64,
    closed: bool,
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
}

/// What a commit does to one relation, computed before the lock is taken.
enum Prepared {
    Log(Vec<datafusion::arrow::record_batch::RecordBatch>),
    Bag(Changes),
}

impl Default for Store {
    fn default() -> Self {
        Store { state: RwLock::default(), revision: watch::Sender::new(0) }
    }
}

impl Store {
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
        let relation = Relation { name: name.to_string(), schema, keys, availability, contents, append_only };
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
        if let Some(relation) = self.write().relations.get_mut(&id) {
            if let (Availability::Failed(_), Some(contents)) = (&availability, &mut relation.contents) {
                given_up = Some(std::mem::replace(contents, Contents::new(relation.append_only)));
            }
            relation.availability = availability;
        }
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

    /// Commits a tick: the changes of all relations become visible at once. Answers what each relation's readers see change, or why
    /// a relation could not take its changes (which is then as before).
    pub fn commit(&self, tick: u64, changes: Vec<(RelationId, Vec<Delta>)>) -> Vec<(RelationId, Result<Vec<Delta>>)> {
        let prepared: Vec<_> = changes.iter().map(|(id, deltas)| (*id, self.prepare(*id, deltas))).collect();
        let mut answers = Vec::with_capacity(prepared.len());
        let mut state = self.write();
        for (id, prepared) in prepared {
            let answer = match (prepared, state.relations.get_mut(&id)) {
                (Err(error), _) => Err(error),
                (Ok(Some(prepared)), Some(relation)) => relation.apply(prepared),
                _ => Ok(Vec::new()),
            };
            answers.push((id, answer));
        }
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
            (state.tick, Arc::clone(&relation.schema), relation.freeze()?)
        };
        Ok((tick, Snapshot { schema, batches: frozen.batches()? }))
    }

    /// Snapshots of relations at the last committed tick, the same for all; `None` if that is before `at_least` or one of them is not
    /// ready: try again after the next revision.
    pub fn try_read(&self, ids: &[RelationId], at_least: u64) -> Result<Option<(u64, Vec<Snapshot>)>> {
        let mut frozen = Vec::with_capacity(ids.len());
        let tick = {
            let state = self.read();
            let mut ready = state.tick >= at_least;
            for id in ids {
                let relation = state.relation(*id)?;
                match &relation.availability {
                    Availability::Ready => {}
                    Availability::Pending => ready = false,
                    Availability::Failed(why) => return Err(relation.failed(why)),
                }
            }
            if !ready {
                return if state.closed { Err(shut_down()) } else { Ok(None) };
            }
            for id in ids {
                let relation = state.relation(*id)?;
                frozen.push((Arc::clone(&relation.schema), relation.freeze()?));
            }
            state.tick
        };
        let snapshots = frozen
            .into_iter()
            .map(|(schema, frozen)| Ok(Snapshot { schema, batches: frozen.batches()? }))
            .collect::<Result<Vec<_>>>()?;
        Ok(Some((tick, snapshots)))
    }

    /// Nothing will be committed any more: those who wait get an error.
    pub fn close(&self) {
        self.write().closed = true;
        self.revise();
    }

    fn prepare(&self, id: RelationId, deltas: &[Delta]) -> Result<Option<Prepared>> {
        let (schema, keys, append_only) = match self.read().relations.get(&id) {
            Some(relation) => (Arc::clone(&relation.schema), Arc::clone(&relation.keys), relation.append_only),
            None => return Ok(None),
        };
        if append_only {
            return Ok(Some(Prepared::Log(Log::prepare(&schema, deltas)?)));
        }
        Ok(Changes::consolidate(&schema, &keys, deltas)?.map(Prepared::Bag))
    }

    fn revise(&self) {
        self.revision.send_modify(|revision| *revision += 1);
    }

    // A panic while the lock was held leaves the relation being changed at worst short of some changes, and the panicking commit
    // quarantines it; the others are whole, so poisoning is ignored.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn relation(&self, id: RelationId) -> Result<&Relation> {
        self.relations
            .get(&id)
            .ok_or_else(|| Error::new(code::UNDEFINED_TABLE, format!("relation with OID {} does not exist", id.0)))
    }
}

impl Relation {
    fn apply(&mut self, prepared: Prepared) -> Result<Vec<Delta>> {
        match (prepared, &mut self.contents) {
            (Prepared::Log(rows), contents) => {
                let deltas = rows.iter().cloned().map(Delta::insert).collect();
                if let Some(Contents::Log(log)) = contents {
                    log.append(&self.schema, rows)?;
                }
                Ok(deltas)
            }
            (Prepared::Bag(changes), contents) => {
                if let Some(Contents::Bag(bag)) = contents {
                    bag.apply(&self.schema, &self.keys, &changes)?;
                }
                Ok(vec![changes.delta()])
            }
        }
    }

    fn freeze(&self) -> Result<Frozen> {
        match &self.contents {
            Some(contents) => Ok(contents.freeze()),
            None => Err(Error::new(
                code::OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("\"{}\" keeps no rows: only its changes can be read", self.name),
            )),
        }
    }

    fn failed(&self, why: &str) -> Error {
        Error::new(code::OBJECT_NOT_IN_PREREQUISITE_STATE, format!("\"{}\" failed: {why}", self.name))
            .hint("drop it and create it again; everything else goes on")
    }
}

/// The engine is going down.
pub(crate) fn shut_down() -> Error {
    Error::new(code::ADMIN_SHUTDOWN, "the engine is shutting down")
}

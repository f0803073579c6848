//! Transactions: one becomes one tick. A transaction holds the tables that it changed until its end; its changes lie over what is
//! committed, where only its own statements see them. Readers never wait for it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::definitions::{Definitions, Mark};
use super::isolation::Reads;
use super::lock::{Held, Locks};
use super::settings::Settings;
use super::{Engine, Outcome, Session};
use crate::catalog::RelationId;
use crate::compile::parse::TransactionModes;
use crate::error::{Error, Result, code};
use crate::flow::Delta;
use crate::view::Overlay;

/// A transaction that has begun and not ended.
pub(super) struct OpenTransaction {
    /// After an error only its end is accepted, or the way back to a savepoint.
    pub(super) failed: bool,
    /// Whether it began with a message of several statements, and ends with it.
    pub(super) is_group: bool,
    /// What `now()` shows: µs since 1970-01-01 UTC.
    pub(super) now: i64,
    /// What it reads.
    pub(super) reads: Reads,
    /// Whether it began with BEGIN, and not with a statement of its own.
    pub(super) is_block: bool,
    held: Held,
    locks: Arc<Locks>,
    /// The definitions that it changed.
    pub(super) definitions: Option<Definitions>,
    /// What it changed, by table.
    overlays: HashMap<RelationId, Overlay>,
    savepoints: Vec<Savepoint>,
    /// Settings at BEGIN, for ROLLBACK.
    settings: Settings,
    /// Settings before SET LOCAL, for COMMIT.
    local: Vec<(String, Option<String>)>,
}

/// A place to come back to.
struct Savepoint {
    name: String,
    /// Changes so far; tables that are not here had none.
    marks: HashMap<RelationId, usize>,
    definitions: Option<Mark>,
    settings: Settings,
}

impl OpenTransaction {
    pub(super) fn settings_changed(&mut self, name: &str, before: Settings, local: bool) {
        if local {
            self.local.push((name.to_string(), before.get(name)));
        }
    }

    /// The same after an error, for whoever goes on without it; `None` if there is a savepoint to come back to.
    pub(super) fn failed_copy(&self, locks: &Arc<Locks>) -> Option<OpenTransaction> {
        self.savepoints.is_empty().then(|| OpenTransaction {
            failed: true,
            is_group: self.is_group,
            now: self.now,
            reads: Reads::default(),
            is_block: self.is_block,
            held: locks.hold(),
            locks: Arc::clone(locks),
            definitions: None,
            overlays: HashMap::new(),
            savepoints: Vec::new(),
            settings: self.settings.clone(),
            local: Vec::new(),
        })
    }

    /// Whether it changed rows.
    pub(super) fn has_changes(&self) -> bool {
        !self.overlays.is_empty()
    }

    /// What it changed of a table.
    pub(super) fn overlay(&self, table: RelationId) -> Option<&Overlay> {
        self.overlays.get(&table)
    }

    /// Undoes it and waits until that is done, also if the wait is given up.
    async fn give_up(mut self) -> Result<()> {
        let Some(definitions) = self.definitions.take() else { return Ok(()) };
        let undone = tokio::spawn(async move {
            let undone = definitions.undo().await;
            drop(self);
            undone
        });
        undone.await.map_err(|error| Error::internal(format!("definitions were not undone: {error}")))?
    }

    fn undo(&mut self) {
        self.overlays.clear();
        // Tables whose definitions changed are given back when those are undone.
        if self.definitions.is_none() {
            self.held.release();
        }
    }
}

/// A transaction that ends otherwise than by COMMIT undoes its definitions.
impl Drop for OpenTransaction {
    fn drop(&mut self) {
        if let Some(definitions) = self.definitions.take() {
            let held = std::mem::replace(&mut self.held, self.locks.hold());
            definitions.undo_later(held);
        }
    }
}

impl Session {
    /// `is_block` tells whether BEGIN begins it.
    pub(super) fn new_transaction(&self, is_block: bool) -> OpenTransaction {
        OpenTransaction {
            failed: false,
            is_group: false,
            now: self.engine.inner.clock.now_micros(),
            reads: Reads::default(),
            is_block,
            held: self.engine.inner.locks.hold(),
            locks: Arc::clone(&self.engine.inner.locks),
            definitions: None,
            overlays: HashMap::new(),
            savepoints: Vec::new(),
            settings: self.settings.clone(),
            local: Vec::new(),
        }
    }

    pub(super) fn begin(&mut self, modes: TransactionModes, tag: &'static str) -> Result<Outcome> {
        if self.open.as_ref().is_some_and(|open| open.is_group) {
            self.begin_block(modes)?;
        } else if self.open.is_some() {
            self.notice("WARNING", code::ACTIVE_SQL_TRANSACTION, "there is already a transaction in progress");
        } else {
            self.open = Some(self.new_transaction(true));
            self.set_modes(modes)?;
        }
        Ok(Outcome::Done(tag.into()))
    }

    pub(super) async fn commit(&mut self) -> Result<Outcome> {
        if self.open.as_ref().is_some_and(|open| open.failed) {
            return self.rollback().await;
        }
        self.warn_of_group();
        if self.open.is_some() {
            self.end_block().await?;
        } else {
            self.notice("WARNING", code::NO_ACTIVE_SQL_TRANSACTION, "there is no transaction in progress");
        }
        Ok(Outcome::Done("COMMIT".into()))
    }

    /// Commits the open transaction.
    pub(super) async fn end_block(&mut self) -> Result<()> {
        let Some(open) = self.close() else { return Ok(()) };
        for (name, value) in open.local.iter().rev() {
            self.settings.set(name, value.as_deref())?;
        }
        self.settings.end_transaction();
        self.end(open).await
    }

    /// Leaves the open transaction.
    fn close(&mut self) -> Option<OpenTransaction> {
        self.engine.scope = None;
        self.open.take()
    }

    pub(super) async fn rollback(&mut self) -> Result<Outcome> {
        self.warn_of_group();
        match self.close() {
            None => self.notice("WARNING", code::NO_ACTIVE_SQL_TRANSACTION, "there is no transaction in progress"),
            Some(open) => {
                self.settings = open.settings.clone();
                open.give_up().await?;
            }
        }
        Ok(Outcome::Done("ROLLBACK".into()))
    }

    pub(super) fn savepoint(&mut self, name: &str) -> Result<Outcome> {
        let settings = self.settings.clone();
        let open = self.block().ok_or_else(|| outside("SAVEPOINT"))?;
        let marks = open.overlays.iter().map(|(table, overlay)| (*table, overlay.mark())).collect();
        let definitions = open.definitions.as_ref().map(Definitions::mark);
        open.savepoints.push(Savepoint { name: name.to_string(), marks, definitions, settings });
        Ok(Outcome::Done("SAVEPOINT".into()))
    }

    pub(super) fn release(&mut self, name: &str) -> Result<Outcome> {
        let open = self.block().ok_or_else(|| outside("RELEASE SAVEPOINT"))?;
        let at = open.position(name)?;
        open.savepoints.truncate(at);
        Ok(Outcome::Done("RELEASE".into()))
    }

    pub(super) async fn roll_back_to(&mut self, name: &str) -> Result<Outcome> {
        let block = self.open.as_mut().filter(|open| !open.is_group);
        let open = block.ok_or_else(|| outside("ROLLBACK TO SAVEPOINT"))?;
        let at = open.position(name)?;
        open.savepoints.truncate(at + 1);
        let savepoint = &open.savepoints[at];
        for (table, overlay) in &mut open.overlays {
            overlay.roll_back(savepoint.marks.get(table).copied().unwrap_or(0))?;
        }
        self.settings = savepoint.settings.clone();
        if let Some(definitions) = &mut open.definitions {
            definitions.roll_back_to(savepoint.definitions.as_ref()).await?;
        }
        open.failed = false;
        Ok(Outcome::Done("ROLLBACK".into()))
    }

    /// Marks an open transaction as failed after an error: without a savepoint to come back to, its changes are undone and its tables
    /// given back at once. One of several statements of a message ends.
    pub fn fail_transaction(&mut self) {
        if self.open.as_ref().is_some_and(|open| open.is_group) {
            if let Some(open) = self.close() {
                self.settings = open.settings.clone();
            }
            return;
        }
        if let Some(open) = &mut self.open {
            open.failed = true;
            if open.savepoints.is_empty() {
                open.undo();
            }
        }
    }

    /// Seals the transaction's changes as one tick.
    pub(super) async fn end(&mut self, mut open: OpenTransaction) -> Result<()> {
        let mut changes: Vec<(RelationId, Delta)> = Vec::new();
        for (table, overlay) in &open.overlays {
            if open.definitions.as_ref().is_some_and(|definitions| !definitions.keeps(*table)) {
                continue;
            }
            changes.extend(overlay.changes()?.into_iter().map(|delta| (*table, delta)));
        }
        if changes.is_empty() && open.definitions.is_none() {
            return Ok(());
        }
        let serial = self.serialized(&open).await?;
        self.fate.commit()?;
        // In a task of its own: a cancelled COMMIT must not give the tables back before its tick is known.
        let engine = self.engine.clone();
        let written = tokio::spawn(async move {
            if !changes.is_empty() {
                let tick = engine.runtime().write(changes).await?;
                engine.inner.last_write.fetch_max(tick, Ordering::AcqRel);
                if serial.is_some() {
                    engine.runtime().committed(tick).await?;
                }
            }
            let definitions = open.definitions.take();
            if let Some(definitions) = &definitions {
                definitions.publish();
            }
            drop((open, serial));
            match definitions {
                Some(definitions) => definitions.stop_dropped().await,
                None => Ok::<(), Error>(()),
            }
        });
        written.await.map_err(|error| Error::internal(format!("the write was lost: {error}")))?
    }

    /// Runs a statement that writes, in the open transaction or in one of its own.
    pub(super) async fn writing<F>(&mut self, run: F) -> Result<Outcome>
    where
        F: AsyncFnOnce(&mut Session) -> Result<Outcome>,
    {
        if self.open.is_some() {
            return run(self).await;
        }
        self.open = Some(self.new_transaction(false));
        // Undoes it on an error, and when the statement is canceled.
        let own = Implicit(self);
        let answer = run(own.0).await;
        if let Some(open) = own.0.close() {
            match &answer {
                Ok(_) => own.0.end(open).await?,
                Err(_) => open.give_up().await?,
            }
        }
        answer
    }

    /// Takes a table for the transaction, and waits until what was written before is committed.
    pub(super) async fn lock(&mut self, table: RelationId) -> Result<()> {
        self.lock_unless(table, None).await
    }

    /// As [`Session::lock`], but 55P03 at once if somebody else has it and its name is given.
    pub(super) async fn lock_unless(&mut self, table: RelationId, nowait: Option<&str>) -> Result<()> {
        let Some(open) = &self.open else { return Err(Error::internal("no transaction")) };
        take(&self.engine, &open.held, table, self.setting_milliseconds("lock_timeout"), nowait).await
    }

    /// Runs a query as the transaction saw a table at `mark`: a statement's own subqueries do not see what it changes.
    pub(super) async fn before<T>(
        &mut self,
        table: RelationId,
        mark: usize,
        run: impl AsyncFnOnce(&mut Session) -> Result<T>,
    ) -> Result<T> {
        let overlay = self.open.as_mut().and_then(|open| open.overlays.get_mut(&table));
        let undone = overlay.map(|overlay| overlay.roll_back(mark)).transpose()?;
        let answer = run(self).await;
        if let Some(undone) = undone {
            self.change(table, undone)?;
        }
        answer
    }

    /// How much of a table was changed so far, to come back to.
    pub(super) fn mark(&self, table: RelationId) -> usize {
        self.open.as_ref().and_then(|open| open.overlays.get(&table)).map_or(0, Overlay::mark)
    }

    /// Adds changes of a table that the transaction holds.
    pub(super) fn change(&mut self, table: RelationId, changes: Vec<Delta>) -> Result<()> {
        if changes.iter().all(|delta| delta.rows.num_rows() == 0) {
            return Ok(());
        }
        self.check_current(table, &changes)?;
        let Some(open) = &mut self.open else { return Err(Error::internal("no transaction")) };
        let overlay = match open.overlays.entry(table) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(first) => first.insert(self.engine.runtime().store().overlay(table)?),
        };
        overlay.apply(changes)
    }
}

/// A session in a transaction that ends with its statement.
struct Implicit<'a>(&'a mut Session);

impl Drop for Implicit<'_> {
    fn drop(&mut self) {
        drop(self.0.close());
    }
}

impl OpenTransaction {
    fn position(&self, name: &str) -> Result<usize> {
        let found = self.savepoints.iter().rposition(|savepoint| savepoint.name == name);
        found.ok_or_else(|| Error::new(code::INVALID_SAVEPOINT, format!("savepoint \"{name}\" does not exist")))
    }
}

fn outside(what: &str) -> Error {
    Error::new(code::NO_ACTIVE_SQL_TRANSACTION, format!("{what} can only be used in transaction blocks"))
}

/// Takes a table for `held`; see [`Session::lock_unless`]. A `timeout_ms` of 0 is none.
pub(super) async fn take(
    engine: &Engine,
    held: &Held,
    table: RelationId,
    timeout_ms: u64,
    nowait: Option<&str>,
) -> Result<()> {
    if !held.holds(table) {
        let lock = held.lock(table);
        if let Some(name) = nowait {
            tokio::time::timeout(Duration::ZERO, lock).await.map_err(|_| {
                let message = format!("could not obtain lock on row in relation \"{name}\"");
                Error::new(code::LOCK_NOT_AVAILABLE, message)
            })??;
        } else if timeout_ms == 0 {
            lock.await?;
        } else {
            tokio::time::timeout(Duration::from_millis(timeout_ms), lock).await.map_err(|_| {
                Error::new(code::LOCK_NOT_AVAILABLE, "canceling statement due to lock timeout")
                    .hint("a transaction that has changed the table is open")
            })??;
        }
    }
    engine.runtime().committed(engine.last_write()).await.map(|_| ())
}

//! Modes of transactions. READ ONLY refuses what changes something. REPEATABLE READ reads everything as of the tick before its first
//! query, and changes only rows that are still as they were then; SERIALIZABLE also commits changes only while what it read is still so.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::OwnedMutexGuard;

use super::transaction::OpenTransaction;
use super::{Outcome, Session};
use crate::catalog::RelationId;
use crate::compile::parse::{Kind, TransactionModes};
use crate::error::{Error, Result, code};
use crate::flow::Delta;
use crate::view::{KeyMap, Pin};

/// What a transaction reads.
#[derive(Default)]
pub(super) struct Reads {
    /// Whether a query ran.
    started: bool,
    /// As of when, unless every query reads what is committed by then.
    pub(super) pin: Option<Pin>,
    /// The relations that a serializable transaction has read.
    relations: Option<HashSet<RelationId>>,
}

impl Reads {
    /// The tick that is read; `None` for the last one.
    pub(super) fn as_of(&self) -> Option<u64> {
        self.pin.as_ref().map(Pin::tick)
    }

    /// Notes what is read.
    pub(super) fn note(&mut self, ids: &[RelationId]) {
        if let Some(relations) = &mut self.relations {
            relations.extend(ids);
        }
    }

    /// What a serializable transaction has read.
    pub(super) fn serializable(&self) -> Option<&HashSet<RelationId>> {
        self.relations.as_ref()
    }
}

impl Session {
    /// Gives the transaction that begins its modes.
    pub(super) fn set_modes(&mut self, modes: TransactionModes) -> Result<()> {
        let default = |name: &str| self.settings.get(name).unwrap_or_default();
        let isolation = modes.isolation.map_or_else(|| default("default_transaction_isolation"), str::to_string);
        let read_only = modes.read_only.map_or_else(|| default("default_transaction_read_only"), on_off);
        self.set_here("transaction_isolation", &isolation)?;
        self.set_here("transaction_read_only", &read_only)
    }

    /// SET TRANSACTION and SET SESSION CHARACTERISTICS.
    pub(super) fn set_transaction(&mut self, modes: TransactionModes, session: bool) -> Result<Outcome> {
        let values = [("isolation", modes.isolation.map(str::to_string)), ("read_only", modes.read_only.map(on_off))];
        let given = values.into_iter().filter_map(|(name, value)| Some((name, value?)));
        if session {
            for (name, value) in given {
                self.settings.set(&format!("default_transaction_{name}"), Some(&value))?;
            }
        } else if self.open.is_none() {
            let message = "SET TRANSACTION can only be used in transaction blocks";
            self.notice("WARNING", code::NO_ACTIVE_SQL_TRANSACTION, message);
        } else {
            for (name, value) in given {
                self.set_mode(&format!("transaction_{name}"), &value)?;
            }
        }
        Ok(Outcome::Done("SET".into()))
    }

    /// Changes a mode of the open transaction; 25001 if it is too late. Outside of transactions there is nothing to change.
    pub(super) fn set_mode(&mut self, name: &str, value: &str) -> Result<()> {
        let Some(open) = &self.open else { return Ok(()) };
        let before = self.settings.get(name);
        let mut checked = self.settings.clone();
        checked.set(name, Some(value))?;
        if open.reads.started && before != checked.get(name) {
            let message = match name {
                "transaction_isolation" => "SET TRANSACTION ISOLATION LEVEL must be called before any query",
                _ => "transaction read-write mode must be set before any query",
            };
            // A transaction may become read only at any time.
            if name == "transaction_isolation" || before.as_deref() == Some("on") {
                return Err(Error::new(code::ACTIVE_SQL_TRANSACTION, message));
            }
        }
        self.set_here(name, value)
    }

    /// Sets a setting until the end of the transaction.
    fn set_here(&mut self, name: &str, value: &str) -> Result<()> {
        let before = self.settings.clone();
        self.settings.set(name, Some(value))?;
        if let Some(open) = &mut self.open {
            open.settings_changed(name, before, true);
        }
        Ok(())
    }

    /// Refuses what a read-only transaction may not do, 25006.
    pub(super) fn refuse_if_read_only(&self, kind: &Kind, text: &str) -> Result<()> {
        let Some(verb) = change(kind, text) else { return Ok(()) };
        self.refuse_change(&verb)
    }

    /// The same for a change that has no statement here.
    pub(super) fn refuse_change(&self, verb: &str) -> Result<()> {
        if self.settings.get("transaction_read_only").as_deref() != Some("on") {
            return Ok(());
        }
        let message = format!("cannot execute {verb} in a read-only transaction");
        Err(Error::new(code::READ_ONLY_SQL_TRANSACTION, message))
    }

    /// Before the first query of a transaction: fixes what it reads, if its isolation asks for that.
    pub(super) async fn start_reading(&mut self) -> Result<()> {
        let isolation = self.settings.get("transaction_isolation");
        let Some(open) = self.open.as_mut().filter(|open| !open.reads.started) else { return Ok(()) };
        open.reads.started = true;
        let serializable = match isolation.as_deref() {
            Some("repeatable read") => false,
            Some("serializable") => true,
            _ => return Ok(()),
        };
        open.reads.relations = serializable.then(HashSet::new);
        let runtime = self.engine.runtime();
        runtime.committed(self.engine.inner.last_write.load(Ordering::Acquire)).await?;
        let pin = runtime.store().pin();
        if let Some(open) = &mut self.open {
            open.reads.pin = Some(pin);
        }
        Ok(())
    }

    /// 40001 for the removal of rows that are not what the transaction saw.
    pub(super) fn check_current(&self, table: RelationId, changes: &[Delta]) -> Result<()> {
        let Some(tick) = self.open.as_ref().and_then(|open| open.reads.as_of()) else { return Ok(()) };
        let store = self.engine.runtime().store();
        if !store.changed_since(table, tick)? {
            return Ok(());
        }
        let own = self.open.as_ref().and_then(|open| open.overlay(table));
        let none = store.overlay(table)?;
        for delta in changes {
            let keys = none.row_keys(&delta.rows)?;
            let mut weights: KeyMap<i64> = KeyMap::default();
            for (row, key) in keys.iter().enumerate() {
                *weights.entry(*key).or_insert(0) += delta.weight(row);
            }
            let (keys, weights): (Vec<_>, Vec<i64>) = weights.into_iter().filter(|(_, weight)| *weight < 0).unzip();
            for ((key, weight), there) in keys.iter().zip(weights).zip(store.weights(table, &keys)?) {
                let own = own.map_or(0, |overlay| overlay.weight(key));
                if there + own + weight < 0 {
                    return Err(concurrent("could not serialize access due to concurrent update"));
                }
            }
        }
        Ok(())
    }

    /// Keeps other serializable transactions from committing while this one does. 40001 if what it read has changed: of two that read what
    /// the other one writes, only one commits. `None` for transactions that are not serializable.
    pub(super) async fn serialized(&self, open: &OpenTransaction) -> Result<Option<OwnedMutexGuard<()>>> {
        let (Some(read), Some(tick)) = (open.reads.serializable(), open.reads.as_of()) else { return Ok(None) };
        let serial = Arc::clone(&self.engine.inner.serializing).lock_owned().await;
        for id in read {
            // What was dropped since cannot be asked.
            if self.engine.runtime().store().changed_since(*id, tick).unwrap_or(true) {
                let message = "could not serialize access due to read/write dependencies among transactions";
                return Err(concurrent(message));
            }
        }
        Ok(Some(serial))
    }

    /// 40001 if others changed the table since the transaction began to read.
    pub(super) fn refuse_if_changed(&self, table: RelationId) -> Result<()> {
        let Some(tick) = self.open.as_ref().and_then(|open| open.reads.as_of()) else { return Ok(()) };
        match self.engine.runtime().store().changed_since(table, tick)? {
            true => Err(concurrent("could not serialize access due to concurrent update")),
            false => Ok(()),
        }
    }
}

/// 40001.
pub(super) fn concurrent(message: &str) -> Error {
    Error::new(code::SERIALIZATION_FAILURE, message).hint("The transaction might succeed if retried.")
}

fn on_off(value: bool) -> String {
    if value { "on" } else { "off" }.to_string()
}

/// What a statement changes, by its command; `None` for what only reads.
fn change(kind: &Kind, text: &str) -> Option<String> {
    let words = |count: usize| {
        let words: Vec<&str> = text.split_whitespace().take(count).collect();
        Some(words.join(" ").to_uppercase())
    };
    match kind {
        Kind::Query(query) => query.locks().map(|locks| format!("SELECT FOR {}", locks.strength)),
        Kind::Lock { writers: true, .. } => Some("LOCK TABLE".into()),
        Kind::Insert(_) => Some("INSERT".into()),
        Kind::Update(_) => Some("UPDATE".into()),
        Kind::Delete(_) => Some("DELETE".into()),
        Kind::Truncate { .. } => Some("TRUNCATE TABLE".into()),
        Kind::CreateView(view) if view.materialized => Some("CREATE MATERIALIZED VIEW".into()),
        Kind::CreateView(_) => Some("CREATE VIEW".into()),
        Kind::CreateIndex(_) => Some("CREATE INDEX".into()),
        Kind::CreateStream(_)
        | Kind::CreateTable(_)
        | Kind::CreateSink(_)
        | Kind::DropIndex { .. }
        | Kind::CreateSchema { .. }
        | Kind::DropSchema { .. }
        | Kind::Alter(_)
        | Kind::Drop(_) => words(2),
        Kind::Comment { .. } => Some("COMMENT".into()),
        _ => None,
    }
}

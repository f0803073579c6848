//! Transactions: one becomes one tick. Writers are serial: the first write takes the writer's lock and the end of the transaction gives
//! it back. Readers never wait for it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use super::settings::Settings;
use super::{Outcome, Session};
use crate::catalog::RelationId;
use crate::error::{Error, Result, code};
use crate::flow::Delta;

/// A primary key in comparable form.
pub(super) type Key = Box<[u8]>;

/// What only writers look at, behind the writer's lock.
#[derive(Default)]
pub(super) struct Writer {
    /// Primary keys in use, the open transaction's included.
    keys: HashMap<RelationId, HashSet<Key>>,
}

impl Writer {
    /// Forgets a dropped table.
    pub(super) fn forget(&mut self, table: RelationId) {
        self.keys.remove(&table);
    }
}

/// A transaction that has begun and not ended.
pub(super) struct OpenTransaction {
    /// After an error only its end is accepted.
    pub(super) failed: bool,
    /// The writer's lock, from the first write on.
    writer: Option<OwnedMutexGuard<Writer>>,
    /// Changes so far, in order.
    pub(super) pending: Vec<(RelationId, Delta)>,
    /// Keys added (true) and removed (false), in order, to be undone by ROLLBACK.
    key_log: Vec<(RelationId, Key, bool)>,
    /// Settings at BEGIN, for ROLLBACK.
    settings: Settings,
    /// Settings before SET LOCAL, for COMMIT.
    local: Vec<(String, Option<String>)>,
}

impl OpenTransaction {
    pub(super) fn new(settings: Settings) -> Self {
        OpenTransaction {
            failed: false,
            writer: None,
            pending: Vec::new(),
            key_log: Vec::new(),
            settings,
            local: Vec::new(),
        }
    }

    pub(super) fn settings_changed(&mut self, name: &str, before: Settings, local: bool) {
        if local {
            self.local.push((name.to_string(), before.get(name)));
        }
    }

    pub(super) fn add_key(&mut self, table: RelationId, key: Key) {
        if let Some(writer) = &mut self.writer {
            writer.keys.entry(table).or_default().insert(key.clone());
            self.key_log.push((table, key, true));
        }
    }

    pub(super) fn remove_key(&mut self, table: RelationId, key: Key) {
        if let Some(writer) = &mut self.writer {
            writer.keys.entry(table).or_default().remove(&key);
            self.key_log.push((table, key, false));
        }
    }

    pub(super) fn has_key(&self, table: RelationId, key: &[u8]) -> bool {
        self.writer.as_ref().is_some_and(|writer| writer.keys.get(&table).is_some_and(|keys| keys.contains(key)))
    }

    fn undo(&mut self) {
        if let Some(writer) = &mut self.writer {
            for (table, key, added) in self.key_log.drain(..).rev() {
                let keys = writer.keys.entry(table).or_default();
                if added {
                    keys.remove(&key)
                } else {
                    keys.insert(key)
                };
            }
        }
        self.pending.clear();
    }
}

impl Drop for OpenTransaction {
    /// A connection that goes away rolls back.
    fn drop(&mut self) {
        self.undo();
    }
}

impl Session {
    pub(super) fn begin(&mut self) -> Result<Outcome> {
        if self.open.is_some() {
            self.notice("WARNING", code::ACTIVE_SQL_TRANSACTION, "there is already a transaction in progress");
        } else {
            self.open = Some(OpenTransaction::new(self.settings.clone()));
        }
        Ok(Outcome::Done("BEGIN".into()))
    }

    pub(super) async fn commit(&mut self) -> Result<Outcome> {
        match self.open.take() {
            None => {
                self.notice("WARNING", code::NO_ACTIVE_SQL_TRANSACTION, "there is no transaction in progress");
                Ok(Outcome::Done("COMMIT".into()))
            }
            Some(open) if open.failed => {
                self.open = Some(open);
                self.rollback()
            }
            Some(open) => {
                for (name, value) in open.local.iter().rev() {
                    self.settings.set(name, value.as_deref())?;
                }
                self.end(open).await?;
                Ok(Outcome::Done("COMMIT".into()))
            }
        }
    }

    pub(super) fn rollback(&mut self) -> Result<Outcome> {
        match self.open.take() {
            None => self.notice("WARNING", code::NO_ACTIVE_SQL_TRANSACTION, "there is no transaction in progress"),
            Some(open) => self.settings = open.settings.clone(),
        }
        Ok(Outcome::Done("ROLLBACK".into()))
    }

    /// Marks an open transaction as failed after an error: its changes are undone at once, and the writer's lock is given back.
    pub fn fail_transaction(&mut self) {
        if let Some(open) = &mut self.open {
            open.undo();
            open.writer = None;
            open.failed = true;
        }
    }

    /// Seals the transaction's changes as one tick.
    async fn end(&mut self, mut open: OpenTransaction) -> Result<()> {
        let changes = std::mem::take(&mut open.pending);
        if changes.is_empty() {
            return Ok(());
        }
        // In a task of its own: a cancelled COMMIT must not leave the keys and the rows apart.
        let engine = self.engine.clone();
        let written = tokio::spawn(async move {
            let tick = engine.runtime().write(changes).await?;
            open.key_log.clear();
            engine.inner.last_write.fetch_max(tick, Ordering::AcqRel);
            Ok::<(), Error>(())
        });
        written.await.map_err(|error| Error::internal(format!("the write was lost: {error}")))?
    }

    /// Runs a statement that writes, in the open transaction or in one of its own.
    pub(super) async fn writing<F>(&mut self, run: F) -> Result<Outcome>
    where
        F: AsyncFnOnce(&mut Session) -> Result<Outcome>,
    {
        let implicit = self.open.is_none();
        if implicit {
            self.open = Some(OpenTransaction::new(self.settings.clone()));
        }
        let answer = match self.lock_writer().await {
            Ok(()) => run(self).await,
            Err(error) => Err(error),
        };
        if implicit && let Some(open) = self.open.take() {
            // Dropped on an error, which undoes it.
            if answer.is_ok() {
                self.end(open).await?;
            }
        }
        answer
    }

    async fn lock_writer(&mut self) -> Result<()> {
        let timeout_ms = self.setting_milliseconds("lock_timeout");
        let Some(open) = &mut self.open else { return Ok(()) };
        if open.writer.is_none() {
            let lock = Arc::clone(&self.engine.inner.writer).lock_owned();
            open.writer = Some(if timeout_ms == 0 {
                lock.await
            } else {
                tokio::time::timeout(Duration::from_millis(timeout_ms), lock).await.map_err(|_| {
                    Error::new(code::LOCK_NOT_AVAILABLE, "canceling statement due to lock timeout")
                        .hint("another transaction that writes is open")
                })?
            });
        }
        Ok(())
    }
}

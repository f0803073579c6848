//! LOCK TABLE, SELECT … FOR UPDATE and FOR SHARE. Transactions lock whole tables against other writers, so all of them do the same; readers
//! are never kept out: they see what was committed.

use std::sync::Arc;

use super::lock::Held;
use super::transaction::take;
use super::{Outcome, Session};
use crate::catalog::{Relation, RelationId, RelationKind};
use crate::compile::parse::RowLocks;
use crate::error::{Error, Result, code};

impl Session {
    /// `writers`: whether others are to be kept from changing the tables until the transaction ends.
    pub(super) async fn lock_tables(&mut self, names: &[String], writers: bool) -> Result<Outcome> {
        if self.open.is_none() {
            let message = "LOCK TABLE can only be used in transaction blocks";
            return Err(Error::new(code::NO_ACTIVE_SQL_TRANSACTION, message));
        }
        for name in names {
            let relation = self.relation(name)?;
            if !matches!(relation.kind, RelationKind::Table(_)) {
                let message = format!("cannot lock relation \"{}\"", relation.local_name());
                let detail = format!("This operation is not supported for {}s.", relation.kind.noun());
                return Err(Error::new(code::WRONG_OBJECT_TYPE, message).detail(detail));
            }
            if writers {
                self.locked(name).await?;
            }
        }
        Ok(Outcome::Done("LOCK TABLE".into()))
    }

    /// Locks the tables that a query reads before it reads them, so that it sees their newest rows and nobody changes those before the
    /// transaction ends; outside of a transaction, before the answer is dropped. 40001 where the transaction reads as of an earlier time
    /// and a table was changed since; 55P03 where it must not wait.
    pub(super) async fn lock_rows(&mut self, locks: &RowLocks, relations: &[RelationId]) -> Result<Option<Held>> {
        let catalog = self.engine.catalog();
        let named = locks.relations.iter().map(|name| self.relation(name));
        let named: Vec<Arc<Relation>> = named.collect::<Result<_>>()?;
        // A plain view stands for what it reads, of which the plan only knows that the query reads it.
        let is_all = named.is_empty() || named.iter().any(|named| matches!(named.kind, RelationKind::View { .. }));
        let timeout_ms = self.setting_milliseconds("lock_timeout");
        let own = self.open.is_none().then(|| self.engine.inner.locks.hold());
        for relation in relations.iter().filter_map(|id| catalog.by_id(*id)) {
            if !is_all && !named.iter().any(|named| named.id == relation.id) {
                continue;
            }
            if !matches!(relation.kind, RelationKind::Table(_)) {
                let (noun, name) = (relation.kind.noun(), relation.local_name());
                return Err(Error::new(code::WRONG_OBJECT_TYPE, format!("cannot lock rows in {noun} \"{name}\"")));
            }
            let nowait = locks.nowait.then(|| relation.local_name());
            match &own {
                Some(own) => take(&self.engine, own, relation.id, timeout_ms, nowait).await?,
                None => {
                    self.lock_unless(relation.id, nowait).await?;
                    self.refuse_if_changed(relation.id)?;
                }
            }
        }
        Ok(own)
    }
}

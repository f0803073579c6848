//! LOCK TABLE, SELECT … FOR UPDATE and FOR SHARE. Transactions lock whole tables against other writers, so all of them do the same; readers
//! are never kept out: they see what was committed.

use super::{Outcome, Session};
use crate::catalog::{RelationId, RelationKind};
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
    /// transaction ends. Outside of a transaction the lock would end with the statement. 40001 where the transaction reads as of an
    /// earlier time and a table was changed since.
    pub(super) async fn lock_rows(&mut self, locks: &RowLocks, relations: &[RelationId]) -> Result<()> {
        let catalog = self.engine.catalog();
        for relation in relations.iter().filter_map(|id| catalog.by_id(*id)) {
            let is_table = matches!(relation.kind, RelationKind::Table(_));
            if !is_table && !locks.names_relations {
                let (noun, name) = (relation.kind.noun(), relation.local_name());
                return Err(Error::new(code::WRONG_OBJECT_TYPE, format!("cannot lock rows in {noun} \"{name}\"")));
            }
            if is_table && self.open.is_some() {
                self.lock(relation.id).await?;
                self.refuse_if_changed(relation.id)?;
            }
        }
        Ok(())
    }
}

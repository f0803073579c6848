//! Several statements in one message are one transaction, unless they say otherwise with BEGIN, COMMIT or ROLLBACK.

use super::Session;
use super::transaction::OpenTransaction;
use crate::catalog::{RelationId, RelationKind};
use crate::compile::parse::TransactionModes;
use crate::error::{Result, code};

impl Session {
    /// Begins the transaction of a message's statements, if none is open.
    pub fn begin_group(&mut self) -> Result<()> {
        if self.open.is_some() {
            return Ok(());
        }
        let mut group = self.new_transaction(true);
        group.is_group = true;
        self.open = Some(group);
        self.set_modes(TransactionModes::default())
    }

    /// BEGIN among a message's statements: those before it are part of the block.
    pub(super) fn begin_block(&mut self, modes: TransactionModes) -> Result<()> {
        self.set_transaction(modes, false)?;
        if let Some(open) = &mut self.open {
            open.is_group = false;
        }
        Ok(())
    }

    /// Commits the transaction of a message's statements, if that is the open one.
    pub async fn end_group(&mut self) -> Result<()> {
        if !self.open.as_ref().is_some_and(|open| open.is_group) {
            return Ok(());
        }
        self.end_block().await
    }

    /// Commits what a message's statements changed before a query reads views, which show what is committed.
    pub(super) async fn show_changes(&mut self, read: &[RelationId]) -> Result<()> {
        let catalog = self.engine.catalog();
        let is_view = |id: &RelationId| {
            let kind = catalog.by_id(*id).map(|relation| &relation.kind);
            matches!(kind, Some(RelationKind::MaterializedView { .. }))
        };
        let group = self.open.as_ref().filter(|open| open.is_group && open.has_changes());
        if group.is_none() || !read.iter().any(is_view) {
            return Ok(());
        }
        self.end_group().await?;
        self.begin_group()
    }

    /// The open transaction, if BEGIN began it.
    pub(super) fn block(&mut self) -> Option<&mut OpenTransaction> {
        self.open.as_mut().filter(|open| !open.is_group)
    }

    /// Tells a client that COMMIT and ROLLBACK had no BEGIN; they end the message's transaction all the same.
    pub(super) fn warn_of_group(&mut self) {
        if self.open.as_ref().is_some_and(|open| open.is_group) {
            self.notice("WARNING", code::NO_ACTIVE_SQL_TRANSACTION, "there is no transaction in progress");
        }
    }
}

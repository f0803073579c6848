//! Several statements in one message are one transaction, unless they say otherwise with BEGIN, COMMIT or ROLLBACK.

use super::transaction::OpenTransaction;
use super::Session;
use crate::compile::parse::TransactionModes;
use crate::error::{Result, code};

impl Session {
    /// Begins the transaction of a message's statements, if none is open.
    pub fn begin_group(&mut self) -> Result<()> {
        if self.open.is_some() {
            return Ok(());
        }
        self.open = Some(OpenTransaction { is_group: true, ..self.new_transaction() });
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

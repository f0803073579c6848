//! Pipelines: what a client executes by the extended protocol up to its Sync is one transaction, unless it says otherwise with BEGIN,
//! COMMIT or ROLLBACK.

use super::connection::Connection;
use super::failure::Attempt;
use super::query::is_of_group;
use crate::compile::parse::Kind;
use crate::engine::Transaction;

impl Connection {
    /// Makes the statement that is executed next part of its pipeline's transaction, or ends that before what cannot be.
    pub(super) async fn join_pipeline(&mut self, kind: &Kind) -> Attempt<()> {
        if matches!(kind, Kind::Fetch { .. }) {
            return Ok(());
        }
        if !is_of_group(kind) {
            return self.end_pipeline().await;
        }
        // Alone before its Sync, a statement is a transaction by itself.
        let is_alone = !self.pipelined && self.socket.next_kind() == Some(b'S');
        if !is_alone && self.session.transaction() == Transaction::Idle {
            self.session.begin_group()?;
            self.pipelined = true;
        }
        Ok(())
    }

    /// Commits what the pipeline's statements did, unless they opened a transaction block.
    pub(super) async fn end_pipeline(&mut self) -> Attempt<()> {
        if std::mem::take(&mut self.pipelined) { self.end_group().await } else { Ok(()) }
    }
}

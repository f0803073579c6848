//! The simple protocol: a text of statements, each answered before the next one runs; an error skips the rest. Several of them are one
//! transaction.

use std::sync::Arc;

use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::response::EmptyQueryResponse;

use super::connection::Connection;
use super::decode::Parameters;
use super::encode::{Formats, row_description};
use super::failure::Attempt;
use super::rows::{DataRows, Pace};
use super::statement::Reply;
use crate::compile::parse::{Kind, Statement};

impl Connection {
    /// Answers a Query message, up to but without ReadyForQuery.
    pub(super) async fn simple_query(&mut self, sql: String) -> Attempt<()> {
        self.statements.remove("");
        self.portals.remove("");
        let statements = self.parse(sql).await?;
        if statements.is_empty() {
            self.socket.put(&PgWireBackendMessage::EmptyQueryResponse(EmptyQueryResponse::new()))?;
        }
        let last = statements.len() - usize::from(!statements.is_empty());
        let is_group = last > 0;
        for (at, statement) in statements.into_iter().enumerate() {
            self.start_clock();
            if is_group && is_of_group(&statement.kind) {
                self.session.begin_group()?;
            } else if is_group {
                self.end_group().await?;
            }
            let tag = self.answer(&Arc::new(statement)).await?;
            if is_group && at == last {
                self.end_group().await?;
            }
            self.complete(tag)?;
        }
        Ok(())
    }

    /// Commits what the message's statements did, unless they opened a transaction block.
    pub(super) async fn end_group(&mut self) -> Attempt<()> {
        let ended = self.session.work(&mut self.interrupt, |session| session.end_group()).await?;
        self.note_transaction(true);
        Ok(ended?)
    }

    async fn answer(&mut self, statement: &Arc<Statement>) -> Attempt<String> {
        let reply = self.start(statement, &Parameters::default()).await?;
        let formats = Formats::default();
        let format = DataRows::new(formats.clone(), self.text_options());
        Ok(match reply {
            Reply::Done(tag) => tag,
            Reply::Rows(mut results) => {
                self.socket.put(&row_description(&results.schema, &formats)?)?;
                let pace = Pace::default();
                let sent = results.send(&format, &mut self.socket, &mut self.interrupt, pace).await?;
                results.tag(sent.rows)
            }
            Reply::Fetch(mut fetch) => {
                let schema = self.cursor(&fetch.cursor)?.results.schema.clone();
                self.socket.put(&row_description(&schema, &formats)?)?;
                let sent = self.fetch(&mut fetch, None, &format).await?;
                format!("FETCH {}", sent.rows)
            }
            Reply::Copy(copy) => self.copy_out(copy).await?,
            Reply::CopyIn(copy) => self.copy_in(&copy).await?,
        })
    }
}

/// Whether a statement takes part in the transaction of its message. Before others that transaction ends: definitions take effect at once,
/// FLUSH and subscriptions show what was written before.
pub(super) fn is_of_group(kind: &Kind) -> bool {
    match kind {
        Kind::Comment { .. } | Kind::Subscribe(_) | Kind::Flush | Kind::Discard { .. } => false,
        Kind::Declare { statement, .. } => !matches!(statement.kind, Kind::Subscribe(_)),
        kind => !kind.is_definition(),
    }
}

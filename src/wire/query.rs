//! The simple protocol: a text of statements, each answered before the next one runs; an error skips the rest.

use std::sync::Arc;

use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::response::EmptyQueryResponse;

use super::connection::Connection;
use super::encode::{Formats, row_description};
use super::failure::Attempt;
use super::rows::{DataRows, Pace};
use super::statement::Reply;
use crate::compile::parse::Statement;

impl Connection {
    /// Answers a Query message, up to but without ReadyForQuery.
    pub(super) async fn simple_query(&mut self, sql: String) -> Attempt<()> {
        self.statements.remove("");
        self.portals.remove("");
        let statements = self.parse(sql).await?;
        if statements.is_empty() {
            self.socket.put(&PgWireBackendMessage::EmptyQueryResponse(EmptyQueryResponse::new()))?;
        }
        for statement in statements {
            self.start_clock();
            self.answer(&Arc::new(statement)).await?;
        }
        Ok(())
    }

    async fn answer(&mut self, statement: &Arc<Statement>) -> Attempt<()> {
        let reply = self.start(statement, &[]).await?;
        let formats = Formats::default();
        let format = DataRows::new(formats.clone(), self.text_options());
        let tag = match reply {
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
        };
        Ok(self.complete(tag)?)
    }
}

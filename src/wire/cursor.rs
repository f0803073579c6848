//! Cursors of SQL: DECLARE, FETCH, CLOSE, over queries and subscriptions, in both protocols.
//!
//! FETCH from a query's cursor returns as many rows as it asks for while there are any. FETCH from a subscription waits for one row
//! (or for its timeout) and returns what is ready then; with timeout 0 it returns what is ready now.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::connection::Connection;
use super::decode::Parameters;
use super::failure::{Attempt, code};
use super::rows::{Pace, Results, RowFormat};
use super::statement::check_limit;
use crate::clock;
use crate::compile::parse::{Kind, Statement};
use crate::engine::Transaction;
use crate::error::{Error, Result};

/// Open cursors of a session.
const CURSORS_MAX: usize = 1024;

/// An open cursor.
pub(super) struct Cursor {
    /// What it reads.
    pub(super) results: Results,
    lifetime: Lifetime,
}

/// How long a cursor lives, if nobody closes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lifetime {
    /// Until its transaction ends.
    Transaction,
    /// WITH HOLD inside of a transaction: until its rollback, for the session's life after its commit.
    Held,
    /// For the session's life.
    Session,
}

impl Cursor {
    /// Whether it is still there after its transaction ended; a held one is the session's from then on.
    pub(super) fn survives(&mut self, committed: bool) -> bool {
        match self.lifetime {
            Lifetime::Transaction => false,
            Lifetime::Held => {
                self.lifetime = Lifetime::Session;
                committed
            }
            Lifetime::Session => true,
        }
    }
}

/// A FETCH that is being answered.
pub(super) struct Fetch {
    /// The cursor.
    pub(super) cursor: String,
    /// Rows still to be returned at most; `None` for ALL.
    left: Option<u64>,
    /// How long to wait for the first row.
    timeout: Option<Duration>,
}

/// What a FETCH sent.
pub(super) struct Fetched {
    /// Rows.
    pub(super) rows: u64,
    /// Whether the FETCH is answered, or waits for its portal to be executed again.
    pub(super) done: bool,
}

impl Fetch {
    /// `FETCH count FROM cursor WITH (timeout = timeout_ms)`.
    pub(super) fn new(cursor: String, count: Option<u64>, timeout_ms: Option<u64>) -> Self {
        Fetch { cursor, left: count, timeout: timeout_ms.map(Duration::from_millis) }
    }
}

impl Connection {
    /// Opens a cursor over `statement`.
    pub(super) async fn declare(
        &mut self,
        name: &str,
        statement: &Statement,
        hold: bool,
        parameters: &Parameters,
    ) -> Attempt<()> {
        let in_transaction = self.session.transaction() != Transaction::Idle;
        let lifetime = match (in_transaction, hold) {
            (true, false) => Lifetime::Transaction,
            (true, true) => Lifetime::Held,
            (false, _) => Lifetime::Session,
        };
        // Whoever reads a subscription reads for long: it does not need a transaction around it.
        if !in_transaction && !hold && !matches!(statement.kind, Kind::Subscribe(_)) {
            let message = "DECLARE CURSOR can only be used in transaction blocks";
            return Err(Error::new(code::NO_ACTIVE_SQL_TRANSACTION, message)
                .hint("use BEGIN first, or DECLARE … CURSOR WITH HOLD")
                .into());
        }
        if self.cursors.contains_key(name) || self.portals.contains_key(name) {
            return Err(Error::new(code::DUPLICATE_CURSOR, format!("cursor \"{name}\" already exists")).into());
        }
        check_limit(self.cursors.len(), CURSORS_MAX, "cursors", "CLOSE those that are not needed")?;
        let results = self.start_rows(&Arc::new(statement.clone()), parameters, "DECLARE").await?;
        self.cursors.insert(name.to_string(), Cursor { results, lifetime });
        Ok(())
    }

    /// The open cursor of that name; 34000 if there is none.
    pub(super) fn cursor(&self, name: &str) -> Result<&Cursor> {
        self.cursors.get(name).ok_or_else(|| no_cursor(name))
    }

    /// Sends rows of a cursor, at most `rows_max` of them now.
    pub(super) async fn fetch(
        &mut self,
        fetch: &mut Fetch,
        rows_max: Option<u64>,
        format: &dyn RowFormat,
    ) -> Attempt<Fetched> {
        let mut cursor = self.cursors.remove(&fetch.cursor).ok_or_else(|| no_cursor(&fetch.cursor))?;
        let limit = match (fetch.left, rows_max) {
            (Some(left), Some(rows_max)) => Some(left.min(rows_max)),
            (left, rows_max) => left.or(rows_max),
        };
        let pace = Pace {
            rows_max: limit,
            stop_when_idle: cursor.results.live,
            wait_until: fetch.timeout.and_then(|timeout| Instant::from_std(clock::instant()).checked_add(timeout)),
        };
        let taken = cursor.results.taken();
        let result = cursor.results.send(format, &mut self.socket, &mut self.interrupt, pace).await;
        // After an error the client does not know which rows it has: a cursor that moved is closed, as PostgreSQL does.
        if result.is_ok() || cursor.results.taken() == taken {
            self.cursors.insert(fetch.cursor.clone(), cursor);
        }
        let sent = result?;
        fetch.left = fetch.left.map(|left| left - sent.rows);
        let suspended = rows_max == Some(sent.rows) && fetch.left != Some(0);
        Ok(Fetched { rows: sent.rows, done: sent.ended || !suspended })
    }

    /// Closes a cursor, or all; returns the command tag.
    pub(super) fn close(&mut self, name: Option<&str>) -> Result<String> {
        match name {
            Some(name) => {
                self.cursors.remove(name).ok_or_else(|| no_cursor(name))?;
                Ok("CLOSE CURSOR".to_string())
            }
            None => {
                self.cursors.clear();
                Ok("CLOSE CURSOR ALL".to_string())
            }
        }
    }
}

fn no_cursor(name: &str) -> Error {
    Error::new(code::INVALID_CURSOR_NAME, format!("cursor \"{name}\" does not exist"))
}

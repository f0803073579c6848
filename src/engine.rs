//! The façade: what the Postgres port, the command line and embedding programs call. Async ends here.

use std::pin::Pin;
use std::sync::Arc;

use datafusion::arrow::datatypes::{FieldRef, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::scalar::ScalarValue;
use futures::Stream;

use crate::compile::parse::Statement;
use crate::error::Result;

/// Batches of a result, as they become ready; an error is the last item.
pub type Rows = Pin<Box<dyn Stream<Item = Result<RecordBatch>> + Send>>;

/// A running engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {}

/// One connection's state: settings, transaction, last write. Statements of a session run one after the other.
pub struct Session {}

/// What a statement needs and answers, before it runs.
#[derive(Debug, Clone)]
pub struct Description {
    /// Types of `$1…`, by number; from the statement and, where it does not tell, from the client's hints.
    pub parameters: Vec<FieldRef>,
    /// Result columns; `None` for a statement without result.
    pub columns: Option<SchemaRef>,
}

/// What a statement answers.
pub enum Outcome {
    /// Rows. The command tag is `verb` and, for everything but SHOW and EXPLAIN, the number of rows.
    Rows {
        /// Columns (names as PostgreSQL gives them, duplicates allowed; types by [`crate::types::SqlType::of`]).
        schema: SchemaRef,
        /// The rows.
        rows: Rows,
        /// `SELECT`, `SHOW`, `EXPLAIN`, `SUBSCRIBE`.
        verb: &'static str,
        /// Whether rows come for ever (a subscription): suspend a portal as soon as some rows were sent and none is ready.
        live: bool,
    },
    /// No rows; the complete command tag, e.g. `CREATE TABLE` or `INSERT 0 3`.
    Done(String),
}

/// Transaction state, as ReadyForQuery tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transaction {
    /// None is open.
    Idle,
    /// One is open.
    Open,
    /// One is open and failed: only ROLLBACK and COMMIT are accepted.
    Failed,
}

/// Messages beside results.
#[derive(Debug, Clone)]
pub struct Notice {
    /// `NOTICE`, `WARNING`, `INFO`.
    pub severity: &'static str,
    /// SQLSTATE.
    pub code: &'static str,
    /// Text.
    pub message: String,
}

impl Engine {
    /// A session for `user`.
    pub fn session(&self, user: &str) -> Session {
        todo!()
    }
}

impl Session {
    /// Splits text into statements (PostgreSQL's grammar and ours). Empty text is an empty vector.
    pub fn parse(&self, sql: &str) -> Result<Vec<Statement>> {
        todo!()
    }

    /// What a statement needs and answers. `hints` are the client's parameter types (`None` = not given).
    pub async fn describe(&mut self, statement: &Statement, hints: &[Option<FieldRef>]) -> Result<Description> {
        todo!()
    }

    /// Runs one statement. Dropping the future or the returned rows cancels it.
    pub async fn execute(&mut self, statement: &Statement, parameters: &[ScalarValue]) -> Result<Outcome> {
        todo!()
    }

    /// Where the session's transaction stands.
    pub fn transaction(&self) -> Transaction {
        todo!()
    }

    /// Marks an open transaction as failed after an error that the caller raised itself (cancel, encoding, protocol).
    pub fn fail_transaction(&mut self) {
        todo!()
    }

    /// The value of a setting as SHOW prints it (`TimeZone`, `DateStyle`, `bytea_output`, …).
    pub fn setting(&self, name: &str) -> Option<String> {
        todo!()
    }

    /// Sets a setting for the session (start-up packet, SET).
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        todo!()
    }

    /// Settings changed since the last call that clients want to be told of (ParameterStatus).
    pub fn changed_settings(&mut self) -> Vec<(String, String)> {
        todo!()
    }

    /// Notices raised since the last call.
    pub fn notices(&mut self) -> Vec<Notice> {
        todo!()
    }
}

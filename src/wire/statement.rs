//! Starts a statement: most are the engine's; cursors, COPY and prepared statements are the protocol's own and are run here.

use std::sync::Arc;

use super::connection::Connection;
use super::copy::CopyOut;
use super::cursor::Fetch;
use super::decode::Parameters;
use super::failure::Attempt;
use super::rows::Results;
use crate::compile::parse::{CopyFrom, CopyOptions, Kind, Statement};
use crate::engine::{Outcome, Transaction};
use crate::error::{Error, Result, code};

/// Texts up to this length are parsed at once.
const PARSED_HERE_BYTES: usize = 128;
/// Parentheses in them at most: what nests may take the parser long.
const PARSED_HERE_LEVELS: usize = 6;

/// What answers rows that it changed, by its command tag.
const CHANGES: [&str; 3] = ["INSERT 0", "UPDATE", "DELETE"];

/// What a started statement answers.
pub(super) enum Reply {
    /// Nothing but a command tag.
    Done(String),
    /// Rows.
    Rows(Results),
    /// Rows of a cursor.
    Fetch(Fetch),
    /// COPY data.
    Copy(CopyOut),
    /// COPY data that the client sends.
    CopyIn(CopyFrom),
}

impl Connection {
    /// Splits text into statements.
    pub(super) async fn parse(&mut self, sql: String) -> Attempt<Vec<Statement>> {
        self.start_clock();
        let nests = sql.bytes().filter(|byte| matches!(byte, b'(' | b'[')).count() > PARSED_HERE_LEVELS;
        let parsed = if sql.len() <= PARSED_HERE_BYTES && !nests {
            self.session.here()?.parse(&sql)
        } else {
            self.session.work(&mut self.interrupt, |session| Box::pin(async move { session.parse(&sql) })).await?
        };
        Ok(parsed?)
    }

    /// Starts a statement with the values of its parameters.
    pub(super) async fn start(&mut self, statement: &Arc<Statement>, parameters: &Parameters) -> Attempt<Reply> {
        let Kind::Execute { name, arguments, literals } = &statement.kind else {
            return self.start_resolved(statement, parameters).await;
        };
        self.refuse_if_failed()?;
        let given = arguments.as_ref().map(|query| (query, literals.as_slice()));
        let (prepared, arguments) = self.arguments(statement, name, given, parameters).await?;
        match &prepared.statement {
            Some(inner) if !matches!(inner.kind, Kind::Execute { .. }) => self.start_resolved(inner, &arguments).await,
            _ => {
                let message = format!("prepared statement \"{name}\" cannot be executed by EXECUTE");
                Err(Error::new(code::INVALID_SQL_STATEMENT_NAME, message).into())
            }
        }
    }

    async fn start_resolved(&mut self, statement: &Arc<Statement>, parameters: &Parameters) -> Attempt<Reply> {
        match &statement.kind {
            Kind::Declare { cursor, statement, hold } => {
                self.refuse_if_failed()?;
                self.declare(cursor, statement, *hold, parameters).await?;
                Ok(Reply::Done("DECLARE CURSOR".to_string()))
            }
            Kind::Fetch { cursor, count, timeout_ms } => {
                self.refuse_if_failed()?;
                self.cursor(cursor)?;
                Ok(Reply::Fetch(Fetch::new(cursor.clone(), *count, *timeout_ms)))
            }
            Kind::Close { cursor } => {
                self.refuse_if_failed()?;
                Ok(Reply::Done(self.close(cursor.as_deref())?))
            }
            Kind::CopyTo { statement, options } => {
                self.refuse_if_failed()?;
                let statement = Arc::new(self.without_generated(statement)?);
                let results = self.start_rows(&statement, parameters, "COPY").await?;
                Ok(Reply::Copy(CopyOut::new(results, options)?))
            }
            Kind::CopyFrom(copy) => {
                self.refuse_if_failed()?;
                Ok(Reply::CopyIn(copy.clone()))
            }
            Kind::Prepare { name, types, statement } => {
                self.refuse_if_failed()?;
                self.prepare(name, types, statement).await?;
                Ok(Reply::Done("PREPARE".to_string()))
            }
            Kind::Deallocate { name } => {
                self.refuse_if_failed()?;
                Ok(Reply::Done(self.deallocate(name.as_deref())?))
            }
            _ => self.start_in_engine(statement, parameters).await,
        }
    }

    /// COPY of a whole table leaves generated columns out, as COPY FROM does.
    fn without_generated(&self, statement: &Statement) -> Result<Statement> {
        let Kind::Query(query) = &statement.kind else { return Ok(statement.clone()) };
        let Some(table) = query.whole_relation() else { return Ok(statement.clone()) };
        let copy = CopyFrom { table: table.to_string(), columns: None, options: CopyOptions::default() };
        // What is no table has no generated columns.
        let Ok(columns) = self.session.here()?.copy_columns(&copy) else { return Ok(statement.clone()) };
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let names: Vec<String> = columns.columns.iter().map(|(name, _)| quoted(name)).collect();
        let relation: Vec<String> = table.splitn(2, '.').map(quoted).collect();
        let made = self.session.here()?.parse(&format!("SELECT {} FROM {}", names.join(", "), relation.join(".")))?;
        Ok(made.into_iter().next().unwrap_or_else(|| statement.clone()))
    }

    /// Starts a statement inside `verb` (DECLARE, COPY, EXECUTE), which needs its rows.
    pub(super) async fn start_rows(
        &mut self,
        statement: &Arc<Statement>,
        parameters: &Parameters,
        verb: &str,
    ) -> Attempt<Results> {
        if !is_readable(&statement.kind) {
            return Err(Error::unsupported(format!("{verb} takes a query or SUBSCRIBE only")).into());
        }
        match self.start_in_engine(statement, parameters).await? {
            Reply::Rows(results) => Ok(results),
            _ => Err(Error::internal(format!("the statement of {verb} returned no rows")).into()),
        }
    }

    async fn start_in_engine(&mut self, statement: &Arc<Statement>, parameters: &Parameters) -> Attempt<Reply> {
        let (run, given) = (Arc::clone(statement), parameters.clone());
        let outcome = self
            .session
            .work(&mut self.interrupt, |session| {
                Box::pin(async move { session.execute(&run, &given.values, &given.types).await })
            })
            .await?;
        self.note_transaction(matches!(&outcome, Ok(Outcome::Done(tag)) if tag == "COMMIT"));
        if matches!((&statement.kind, &outcome), (Kind::Discard { all: true }, Ok(_))) {
            self.statements.clear();
            self.portals.clear();
            self.cursors.clear();
        }
        Ok(match outcome.map_err(|error| placed(error, statement))? {
            Outcome::Done(tag) => Reply::Done(tag),
            Outcome::Rows { schema, rows, verb, live } => {
                let committed = CHANGES.contains(&verb) && self.session.transaction() == Transaction::Idle;
                let mut results = Results::new(schema, rows, verb, live);
                results.committed = committed;
                Reply::Rows(results)
            }
        })
    }
}

/// Counts an error's position from the start of the client's text, where `statement` is only a part of it.
pub(super) fn placed(mut error: Error, statement: &Statement) -> Error {
    error.position = error.position.map(|position| position + statement.offset);
    error
}

/// Whether a statement is one that cursors and COPY can read.
pub(super) fn is_readable(kind: &Kind) -> bool {
    matches!(kind, Kind::Query(_) | Kind::Subscribe(_))
}

/// Refuses what would be one too many of a session's `what`, 53400.
pub(super) fn check_limit(count: usize, count_max: usize, what: &str, hint: &str) -> Result<()> {
    if count < count_max {
        return Ok(());
    }
    let message = format!("a session can have at most {count_max} {what}");
    Err(Error::new(code::CONFIGURATION_LIMIT_EXCEEDED, message).hint(hint))
}

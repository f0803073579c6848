//! The façade: what the Postgres port, the command line and embedding programs call. In: statements; out: rows and command tags.
//! Async ends here: below are plain threads. Never: sockets of clients, operators.

use std::pin::Pin;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, RwLock};

use datafusion::arrow::datatypes::{FieldRef, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use futures::Stream;

use crate::catalog::{Catalog, DATABASE, PUBLIC, Relation, RelationId, RelationKind};
use crate::clock::Clock;
use crate::compile::analyze::error::similar;
use crate::compile::parse::{Kind, Statement, same_statement};
use crate::connector::{Sink, Source};
use crate::error::{Error, Result, code};
use crate::flow::runtime::{Runtime, RuntimeOptions, Statistics, StreamSpec};

// ALTER.
mod alter;
// COMMENT ON.
mod comment;
// CREATE and DROP.
mod ddl;
// Definitions of an open transaction.
mod definitions;
// INSERT, UPDATE, DELETE, TRUNCATE.
mod dml;
// Whether a statement may still be canceled.
mod fate;
// Several statements of one message.
mod group;
// READ ONLY, REPEATABLE READ, SERIALIZABLE.
mod isolation;
// What functions do to a session.
mod effect;
// Locks of tables.
mod lock;
// Schemas and the search path.
mod namespace;
// Definitions as SHOW CREATE prints them.
mod redefine;
// CREATE OR REPLACE VIEW.
mod replace;
// Names → relations for the planner, and SELECT.
mod read;
/// Statements of a session, one after the other.
mod session;
// Configuration parameters.
mod settings;
// SHOW, DESCRIBE, EXPLAIN.
mod show;
// Threads that write the changes of a relation outside.
mod sink;
// SUBSCRIBE.
mod subscribe;
// `tidewater.*`: what the engine knows of itself.
mod system;
// CREATE TABLE, CREATE INDEX.
mod table;
// Rows for which an expression fails.
mod row_error;
// LOCK TABLE, FOR UPDATE.
mod row_lock;
// Transactions.
mod transaction;
// CREATE TYPE.
mod user_type;

pub use dml::CopyColumns;
pub use fate::Fate;
pub use session::Session;

/// Batches of a result, as they become ready; an error is the last item.
pub type Rows = Pin<Box<dyn Stream<Item = Result<RecordBatch>> + Send>>;

/// How often an input is asked whether all of it is there.
const COMPLETE_INTERVAL: std::time::Duration = std::time::Duration::from_millis(20);

/// A running engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
    /// The catalog of an open transaction that changes definitions.
    scope: Option<Arc<definitions::Scope>>,
}

struct Inner {
    runtime: Runtime,
    clock: Clock,
    started_at: i64,
    /// The current version; replaced as a whole, so that a reader's clone stays consistent.
    catalog: RwLock<Arc<Catalog>>,
    /// The relations of the schema `tidewater`, as catalogs describe them.
    system: std::sync::OnceLock<Vec<Arc<Relation>>>,
    /// Tables that transactions have changed.
    locks: Arc<lock::Locks>,
    /// Held while a serializable transaction looks whether what it read is still so, and commits.
    serializing: Arc<tokio::sync::Mutex<()>>,
    /// Tick of the last write of any session: no read is of an earlier one, so that what was written once is seen by everybody.
    last_write: AtomicU64,
    /// Sinks that run.
    sinks: std::sync::Mutex<Vec<sink::RunningSink>>,
    /// Whether sinks may write; while definitions are applied they wait.
    sinks_open: tokio::sync::watch::Sender<bool>,
}

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
        /// `SELECT`, `SHOW`, `EXPLAIN`, `SUBSCRIBE`, `INSERT 0`, `UPDATE`, `DELETE`.
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
    /// Starts an engine that keeps everything in memory.
    pub fn start(options: RuntimeOptions, clock: Clock) -> Result<Engine> {
        let runtime = Runtime::start(options, clock.clone())?;
        Ok(Engine {
            inner: Arc::new(Inner {
                runtime,
                started_at: clock.now_micros(),
                clock,
                catalog: RwLock::default(),
                system: std::sync::OnceLock::new(),
                locks: Arc::default(),
                serializing: Arc::default(),
                last_write: AtomicU64::new(0),
                sinks: std::sync::Mutex::default(),
                sinks_open: tokio::sync::watch::Sender::new(true),
            }),
            scope: None,
        })
    }

    /// The tick of the last write of any session.
    fn last_write(&self) -> u64 {
        self.inner.last_write.load(std::sync::atomic::Ordering::Acquire)
    }

    /// A session for `user`.
    pub fn session(&self, user: &str) -> Session {
        Session::new(self.clone(), user)
    }

    /// Applies SQL text as configuration: statements run in order; a CREATE whose relation exists with the same definition is
    /// left alone, with another definition it is an error that names it. With `wait`, queries wait until bounded inputs are read.
    /// `each` is given what every statement answered. Errors carry the position in `sql`.
    pub async fn apply(&self, sql: &str, wait: bool, mut each: impl AsyncFnMut(Outcome) -> Result<()>) -> Result<()> {
        let mut session = self.session(DATABASE);
        for statement in session.parse(sql)? {
            let placed = |mut error: Error| {
                // A position counts from the start of the whole text; without one, the statement's start is named.
                error.position = error.position.or(Some(statement.offset + 1));
                error
            };
            if self.already_applied(&statement).map_err(placed)? {
                continue;
            }
            if wait && matches!(statement.kind, Kind::Query(_)) {
                // What sinks may keep for later is bounded; inputs are not.
                self.open_sinks(true);
                self.finished().await?;
            }
            let outcome = session.execute(&statement, &[]).await.map_err(placed)?;
            each(outcome).await.map_err(placed)?;
        }
        match session.transaction() {
            Transaction::Idle => Ok(()),
            _ => Err(Error::new(code::ACTIVE_SQL_TRANSACTION, "the text ends inside a transaction").hint("add COMMIT")),
        }
    }

    /// Lets sinks write, or makes those that are created from now on wait until they may: what a failing statement follows
    /// has then left nothing outside.
    pub fn open_sinks(&self, open: bool) {
        self.inner.sinks_open.send_replace(open);
    }

    /// Stops, and takes back what definitions made outside and nothing has used: topics. What cannot be taken back is logged.
    pub async fn undo(&self) {
        let catalog = self.catalog();
        let sources = catalog.iter().filter_map(|relation| match &relation.kind {
            RelationKind::Stream { source, .. } => Some(Arc::clone(source)),
            _ => None,
        });
        let sources: Vec<Arc<dyn Source>> = sources.collect();
        let sinks: Vec<Arc<dyn Sink>> = {
            let sinks = self.inner.sinks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            sinks.iter().map(|sink| Arc::clone(&sink.target)).collect()
        };
        self.stop().await;
        let undone = tokio::task::spawn_blocking(move || {
            let answers = sources.iter().map(|source| source.undo()).chain(sinks.iter().map(|sink| sink.undo()));
            for error in answers.filter_map(Result::err) {
                tracing::warn!("{error}");
            }
        });
        // A panic of the connector was told already.
        let _ = undone.await;
    }

    /// Waits until all bounded inputs are read and every view shows them.
    pub async fn finished(&self) -> Result<()> {
        for relation in self.catalog().iter() {
            if let RelationKind::Stream { source, .. } = &relation.kind {
                while !source.is_complete() {
                    tokio::time::sleep(COMPLETE_INTERVAL).await;
                }
            }
        }
        self.inner.runtime.finished().await
    }

    /// Stops all inputs, then waits until sinks have written what was committed. Errors: what keeps a sink from writing.
    pub async fn finish(&self) -> Result<()> {
        self.inner.runtime.stop().await;
        sink::finish_all(&self.inner.sinks).await
    }

    /// Counters for a status line: ticks, rows in, dataflows.
    pub fn statistics(&self) -> Statistics {
        self.inner.runtime.statistics()
    }

    /// The catalog as it is now; in a transaction that changes definitions, as that one sees it.
    pub fn catalog(&self) -> Arc<Catalog> {
        if let Some(scope) = &self.scope {
            return scope.catalog();
        }
        Arc::clone(&self.inner.catalog.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// When the engine started: µs since 1970-01-01 UTC.
    pub fn started_at(&self) -> i64 {
        self.inner.started_at
    }

    /// Stops sinks, sources and workers.
    pub async fn stop(&self) {
        sink::stop_all(&self.inner.sinks);
        self.inner.runtime.stop().await;
    }

    /// What runs the views.
    pub fn runtime(&self) -> &Runtime {
        &self.inner.runtime
    }

    /// Changes the catalog of a transaction that changes definitions.
    fn change_catalog<T>(&self, change: impl FnOnce(&mut Catalog) -> Result<T>) -> Result<T> {
        let mut next = Catalog::clone(&self.catalog());
        let answer = change(&mut next)?;
        match &self.scope {
            Some(scope) => scope.replace(next),
            None => self.publish(next),
        }
        Ok(answer)
    }

    /// Lets everybody see a version of the catalog.
    fn publish(&self, next: Catalog) {
        *self.inner.catalog.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(next);
    }

    /// The relation of that full name, or the error that PostgreSQL gives with similar names as hint.
    fn relation(&self, name: &str) -> Result<Arc<Relation>> {
        let catalog = self.catalog();
        catalog.get(name).cloned().ok_or_else(|| unknown_relation(&catalog, name))
    }

    fn already_applied(&self, statement: &Statement) -> Result<bool> {
        let catalog = self.catalog();
        match &statement.kind {
            Kind::CreateSchema { name, .. } => return Ok(catalog.has_schema(name)),
            Kind::CreateType(create) => return Ok(catalog.find_type(&create.name, &[PUBLIC.to_string()]).is_some()),
            Kind::CreateIndex(create) => {
                let same = |name: &String| catalog.index(name).is_some();
                return Ok(create.name.as_ref().is_some_and(same));
            }
            _ => {}
        }
        let Some(name) = created_name(&statement.kind) else { return Ok(false) };
        match catalog.find(name, &[PUBLIC.to_string()]) {
            None => Ok(false),
            Some(relation) if same_statement(&relation.definition, &statement.text) => Ok(true),
            Some(relation) => Err(Error::new(
                code::DUPLICATE_TABLE,
                format!("{} \"{name}\" already exists with another definition", relation.kind.noun()),
            )
            .detail(format!("it was made by: {}", relation.definition))
            .hint("changing a running definition is not supported: drop it first or give the new one another name")),
        }
    }
}

/// The relation that a statement makes.
fn created_name(kind: &Kind) -> Option<&str> {
    match kind {
        Kind::CreateStream(create) => Some(&create.name),
        Kind::CreateTable(create) => Some(&create.name),
        Kind::CreateView(create) => Some(&create.name),
        Kind::CreateSink(create) => Some(&create.name),
        _ => None,
    }
}

fn unknown_relation(catalog: &Catalog, name: &str) -> Error {
    let error = Error::new(code::UNDEFINED_TABLE, format!("relation \"{name}\" does not exist"));
    match similar(name, catalog.iter().map(|relation| relation.name.as_str())) {
        None => error.hint("SHOW STREAMS, SHOW TABLES and SHOW VIEWS list what exists"),
        Some(other) => error.hint(format!("did you mean \"{other}\"?")),
    }
}

/// What the runtime needs to know of a stream.
fn stream_spec(relation: &Relation) -> Option<StreamSpec> {
    match &relation.kind {
        RelationKind::Stream { source, options, layout } => Some(StreamSpec {
            id: relation.id,
            name: relation.name.clone(),
            source: Arc::clone(source),
            options: options.clone(),
            layout: layout.clone(),
        }),
        _ => None,
    }
}

/// Rows that are there already.
fn ready_rows(batches: Vec<RecordBatch>) -> Rows {
    Box::pin(futures::stream::iter(batches.into_iter().map(Ok)))
}

/// Whether `id` may be read by a SELECT of the runtime's snapshots.
fn is_kept(kind: &RelationKind) -> bool {
    matches!(kind, RelationKind::Table(_) | RelationKind::MaterializedView { .. })
}

/// Identities without duplicates, in order.
fn distinct(mut ids: Vec<RelationId>) -> Vec<RelationId> {
    ids.sort_unstable();
    ids.dedup();
    ids
}

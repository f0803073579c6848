//! Ticks, workers and sources. [`Runtime`] is the handle: commands in, tickets and snapshots out. The only code that knows timely.
//!
//! One coordinator thread seals ticks from what sources and writers queued; N worker threads (timely) run the dataflows; one
//! thread per active stream reads and decodes. A tick is committed when every dataflow that it touches has finished it: then the
//! output deltas of all views at that tick enter the [`Store`](crate::view::Store) at once.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;

use crate::catalog::RelationId;
use crate::clock::Clock;
use crate::compile::plan::Plan;
use crate::connector::{Options, Source};
use crate::error::Result;
use crate::flow::{Delta, RowError};
use crate::format::{Layout, Rejected};
use crate::view::{Snapshot, Subscription};

/// Limits and sizes of the runtime.
#[derive(Debug, Clone)]
pub struct RuntimeOptions {
    /// Worker threads.
    pub workers: usize,
    /// Longest time that rows wait for a tick while the engine is busy, in ms (default 100).
    pub tick_interval_ms: u64,
    /// Ticks in flight at most (default 3).
    pub ticks_in_flight_max: usize,
    /// Bytes of decoded rows in one tick at most (default 16 MiB); sources pause behind it.
    pub tick_bytes_max: usize,
    /// Rejected records kept for `tidewater.rejected_records`, by bytes of payload (default 64 MiB); older ones make room, counted.
    pub rejected_bytes_max: usize,
}

impl Default for RuntimeOptions {
    fn default() -> Self {
        RuntimeOptions {
            workers: 1,
            tick_interval_ms: 100,
            ticks_in_flight_max: 3,
            tick_bytes_max: 16 << 20,
            rejected_bytes_max: 64 << 20,
        }
    }
}

/// What the runtime needs to know of a stream; reading starts when the first dataflow needs it and stops with the last.
#[derive(Clone)]
pub struct StreamSpec {
    /// Identity.
    pub id: RelationId,
    /// Name, for system relations.
    pub name: String,
    /// Where its records come from.
    pub source: Arc<dyn Source>,
    /// WITH options: `format`, `max_rows_per_second`, `on_error` ('store' | 'skip' | 'fail').
    pub options: Options,
    /// Columns.
    pub layout: Layout,
}

/// How the result of a dataflow is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Materialized: readable and subscribable.
    Result,
    /// Only its changes are handed on (subscriptions to streams or queries); nothing is kept.
    Changes,
}

/// A row of `tidewater.sources`.
#[derive(Debug, Clone)]
pub struct SourceStatus {
    /// Stream.
    pub name: String,
    /// `kafka`, …
    pub connector: &'static str,
    /// `idle` (nobody reads), `running`, `reconnecting`, `finished`, `failed`.
    pub state: String,
    /// Partition; `None` where the state belongs to the whole stream (idle).
    pub partition: Option<i32>,
    /// Next position that a tick will take.
    pub position: Option<i64>,
    /// End of the partition when last looked at.
    pub end: Option<i64>,
    /// Rows since the start.
    pub rows: u64,
    /// Records rejected since the start.
    pub rejected: u64,
    /// Last error.
    pub last_error: Option<String>,
    /// When: µs since 1970-01-01 UTC.
    pub last_error_at: Option<i64>,
}

/// Counters for the status line and `tidewater.ticks`.
#[derive(Debug, Clone, Default)]
pub struct Statistics {
    /// Last committed tick.
    pub tick: u64,
    /// Rows that sources and writers have put in.
    pub rows_in: u64,
    /// Dataflows that run.
    pub dataflows: usize,
}

/// A kept rejected record with its stream's name.
#[derive(Debug, Clone)]
pub struct RejectedRow {
    /// Stream.
    pub stream: String,
    /// The record.
    pub record: Rejected,
}

/// State of a dataflow for `tidewater.views`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ViewState {
    /// Catching up with what its inputs held when it was made.
    Hydrating,
    /// Up to date.
    Running,
    /// Quarantined: why.
    Failed(String),
}

/// Handle of the running engine core. Cheap to clone; every method may be called from any thread or task.
#[derive(Clone)]
pub struct Runtime {
    inner: Arc<()>,
}

impl Runtime {
    /// Starts the coordinator and the workers.
    pub fn start(options: RuntimeOptions, clock: Clock) -> Result<Runtime> {
        let _ = (options, clock);
        todo!()
    }

    /// Registers a stream. Nothing is read yet.
    pub async fn add_stream(&self, spec: StreamSpec) -> Result<()> {
        todo!()
    }

    /// Registers a table: a relation whose changes come through [`Runtime::write`]. It is readable at once, empty.
    pub async fn add_table(&self, id: RelationId, name: &str, schema: SchemaRef) -> Result<()> {
        todo!()
    }

    /// Installs a dataflow for `plan` whose result is relation `id`. Answers as soon as it runs; reads of it wait until it has
    /// caught up with all that its inputs held when it was made: tables and views at the install tick, streams up to
    /// their end at that moment (so a new reader of a stream that others already read gets the records before the shared position by a
    /// second, bounded reader).
    pub async fn add_dataflow(&self, id: RelationId, name: &str, plan: Arc<Plan>, keep: Keep) -> Result<()> {
        todo!()
    }

    /// Removes a stream, table or dataflow that no dataflow reads any more; works for quarantined ones too.
    pub async fn remove(&self, id: RelationId) -> Result<()> {
        todo!()
    }

    /// Puts changes of tables into one tick (all or nothing) and answers its number once it is sealed. The caller made sure that
    /// retracted rows exist and keys stay unique.
    pub async fn write(&self, changes: Vec<(RelationId, Delta)>) -> Result<u64> {
        todo!()
    }

    /// Snapshots of relations (tables, materialized views) at one committed tick, the same for all, not before `at_least`; waits until
    /// dataflows among them are hydrated. A quarantined one is an error that says why (SQLSTATE 55000).
    pub async fn read(&self, ids: &[RelationId], at_least: u64) -> Result<(u64, Vec<Snapshot>)> {
        todo!()
    }

    /// Changes of a table or dataflow: with `snapshot`, first its content at one tick; then the changes of every later tick that
    /// has any (and, with `progress`, an empty change per committed tick). Ends when the relation is dropped.
    pub async fn subscribe(&self, id: RelationId, snapshot: bool, progress: bool) -> Result<Subscription> {
        todo!()
    }

    /// Returns when everything written to tables before, and everything that the sources of running dataflows held before, is committed.
    pub async fn flush(&self) -> Result<()> {
        todo!()
    }

    /// Waits until every bounded source in use has ended and is committed (`run --exit`).
    pub async fn finished(&self) -> Result<()> {
        todo!()
    }

    /// State of a dataflow.
    pub fn view_state(&self, id: RelationId) -> Option<ViewState> {
        todo!()
    }

    /// Rows of `tidewater.sources`.
    pub fn sources(&self) -> Vec<SourceStatus> {
        todo!()
    }

    /// Rows of `tidewater.row_errors`: dataflow name and error with the sum of its weights (zero sums are gone).
    pub fn row_errors(&self) -> Vec<(String, RowError)> {
        todo!()
    }

    /// Rows of `tidewater.rejected_records`.
    pub fn rejected(&self) -> Vec<RejectedRow> {
        todo!()
    }

    /// Counters.
    pub fn statistics(&self) -> Statistics {
        todo!()
    }

    /// Stops sources, workers and coordinator; returns when their threads ended (at most about a second).
    pub async fn stop(&self) {
        todo!()
    }
}

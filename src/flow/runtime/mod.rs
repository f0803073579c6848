//! Ticks, workers and sources. [`Runtime`] is the handle: commands in, tickets and snapshots out. The only code that knows timely.
//!
//! One coordinator thread seals ticks from what sources and writers queued; N worker threads (timely) run the dataflows; one
//! thread per active stream reads and decodes. A tick is committed when every dataflow that it touches has finished it: then the
//! output deltas of all views at that tick enter the [`Store`] at once.
//!
//! # The life of a tick
//! 1. Reader threads ([`source`]) and [`Runtime::write`] queue deltas at the coordinator.
//! 2. The coordinator seals a tick when the engine is idle and the oldest input has waited 1 ms, when a quarter of
//!    [`RuntimeOptions::tick_bytes_max`] is queued, or when [`RuntimeOptions::tick_interval_ms`] is over. It deals the deltas to the
//!    workers and names the dataflows that read what changed, directly or through others; all others are not touched.
//! 3. Each worker feeds its share to those dataflows. A plan is cut into fragments where rows must change workers ([`render`]); a
//!    fragment runs once per tick, when nothing more can arrive for it. Outputs are fed to the dataflows that read them.
//! 4. When all workers have reported, ticks are committed in order: store, subscriptions, positions, system relations.
//!
//! # Dataflows that come later
//! A dataflow begins at a tick of its own, with nothing else in flight, which carries what its tables and views hold. A stream that
//! nobody reads is read from its start; one that is read already is caught up with by a second, bounded reader from its start to the
//! positions sealed so far, while newer rows flow to all alike: the sum of both is the stream, and sums are all that operators know.
//!
//! # Failures
//! A panic or error in an operator quarantines its dataflow and those that read it: they emit nothing more, but their time goes
//! on, so nothing else waits. A stream whose reader ends with an error is shown as failed in `tidewater.sources`; its views keep
//! serving what they have, except with `on_error = 'fail'`, where they answer with the error.
//!
//! # Memory
//! Bounded by [`RuntimeOptions`]: all readers together have at most 2 × `tick_bytes_max` waiting (each at least one batch), a tick
//! holds at most `tick_bytes_max` (or one larger write, or what a new dataflow finds in its tables and views, which is shared with
//! the store), at most `ticks_in_flight_max` ticks are not committed, a subscriber has at most 1024 changes or 64 MiB waiting, row
//! errors take 16 MiB per dataflow, rejected records `rejected_bytes_max`. Not bounded here: operator state and results.

// The timely container.
mod batch;
// The coordinator thread.
mod coordinator;
// What the coordinator is told.
mod event;
// Fragments as timely operators.
mod fragment;
// Plan → fragments.
mod recursion;
mod render;
// Records that could not be decoded.
mod rejected;
// Reader threads.
pub(crate) mod source;
// What the system relations show.
mod status;
// Worker threads.
mod worker;

#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use tokio::sync::oneshot;

use crate::catalog::RelationId;
use crate::clock::Clock;
use crate::compile::plan::Plan;
use crate::connector::{Options, Source};
use crate::error::{Error, Result, code};
use crate::flow::{Delta, RowError};
use crate::format::{Layout, Rejected};
use crate::view::store::shut_down;
use crate::view::{Availability, Read, Snapshot, Store, Subscription};
use coordinator::Coordinator;
use event::{AlteredTable, Event, NewDataflow, Reply, Request};
use source::{OnError, StreamOptions};
use status::Status;

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
    /// `idle` (nobody reads), `starting`, `running`, `reconnecting`, `finished`, `failed`.
    pub state: String,
    /// Partition; `None` where the state belongs to the whole stream (idle).
    pub partition: Option<i32>,
    /// Next position that a tick will take.
    pub position: Option<i64>,
    /// End of the partition when last looked at.
    pub end: Option<i64>,
    /// Rows of the partition since the start; of all of them while the stream is not read.
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

/// Handle of the running engine core. Cheap to clone; every method may be called from any thread or task. When the last handle is
/// dropped the engine stops as by [`Runtime::stop`], without waiting.
#[derive(Clone)]
pub struct Runtime {
    inner: Arc<Inner>,
}

struct Inner {
    workers: usize,
    events: Sender<Event>,
    store: Arc<Store>,
    status: Arc<Status>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let (reply, _) = oneshot::channel();
        let _ = self.events.send(Event::Request(Request::Stop(reply)));
    }
}

impl Runtime {
    /// Starts the coordinator and the workers.
    pub fn start(options: RuntimeOptions, clock: Clock) -> Result<Runtime> {
        if options.workers == 0 || options.ticks_in_flight_max == 0 || options.tick_bytes_max == 0 {
            return Err(Error::new(
                code::INVALID_PARAMETER_VALUE,
                "workers, ticks in flight and bytes per tick must be at least 1",
            ));
        }
        let workers = options.workers;
        let store = Arc::new(Store::default());
        let status = Arc::new(Status::new(options.rejected_bytes_max));
        let (events, receiver) = mpsc::channel();
        let channel = (events.clone(), receiver);
        let coordinator = Coordinator::new(options, clock, Arc::clone(&store), Arc::clone(&status), channel)?;
        let ended = Arc::clone(&store);
        thread::Builder::new()
            .name("coordinator".into())
            .spawn(move || {
                // A bug there ends everything: those who wait get an error instead of waiting for ever.
                if catch_unwind(AssertUnwindSafe(|| coordinator.run())).is_err() {
                    tracing::error!("the coordinator panicked");
                }
                ended.close();
            })
            .map_err(|error| Error::internal(format!("cannot start a thread: {error}")))?;
        Ok(Runtime { inner: Arc::new(Inner { workers, events, store, status }) })
    }

    /// Registers a stream. Nothing is read yet. Fails if an option of the runtime or the format has an invalid value.
    pub async fn add_stream(&self, spec: StreamSpec) -> Result<()> {
        self.ask(|reply| Request::AddStream(spec, reply)).await
    }

    /// Registers a table: a relation whose changes come through [`Runtime::write`]. It is readable at once, empty.
    pub async fn add_table(&self, id: RelationId, name: &str, schema: SchemaRef) -> Result<()> {
        let name = name.to_string();
        self.ask(|reply| Request::AddTable { id, name, schema, reply }).await
    }

    /// Puts other columns and rows in the place of a table's, with its indexes. The caller made sure that nobody writes to it, and that
    /// the columns that dataflows read stay what and where they are.
    pub async fn alter_table(
        &self,
        id: RelationId,
        schema: SchemaRef,
        rows: Vec<RecordBatch>,
        indexes: Vec<(RelationId, Vec<usize>)>,
    ) -> Result<()> {
        self.ask(|reply| Request::AlterTable(AlteredTable { id, schema, rows, indexes }, reply)).await
    }

    /// Installs a dataflow for `plan` whose result is relation `id`. Answers as soon as it runs; reads of it wait until it has
    /// caught up with all that its inputs held when it was made: tables and views at the install tick, streams up to
    /// their end at that moment (so a new reader of a stream that others already read gets the records before the shared position by a
    /// second, bounded reader). With [`Keep::Changes`] it begins with its first subscription, so that this misses nothing.
    pub async fn add_dataflow(&self, id: RelationId, name: &str, plan: Arc<Plan>, keep: Keep) -> Result<()> {
        let dataflow = self.render(id, name, &plan, keep)?;
        self.ask(|reply| Request::AddDataflow(dataflow, reply)).await
    }

    /// Builds the operators for all workers, here on the caller's thread: what a plan asks for in vain is told at once.
    fn render(&self, id: RelationId, name: &str, plan: &Plan, keep: Keep) -> Result<NewDataflow> {
        let append_only = |relation: RelationId| self.is_append_only(relation);
        let rendered = catch_unwind(AssertUnwindSafe(|| render::render(plan, self.inner.workers, &append_only)));
        let plans = rendered.unwrap_or_else(|panic| Err(Error::internal(fragment::panic_message(panic.as_ref()))))?;
        Ok(NewDataflow {
            id,
            name: name.to_string(),
            schema: plan.schema(),
            append_only: render::is_append_only(plan, &append_only),
            keep,
            inputs: render::relations(plan),
            plans,
        })
    }

    /// Whether rows of a relation only ever come. Streams are not in the store, and never retract.
    pub fn is_append_only(&self, id: RelationId) -> bool {
        self.inner.store.append_only(id).unwrap_or(true)
    }

    /// Removes a stream, table or dataflow that no dataflow reads any more; works for quarantined ones too.
    pub async fn remove(&self, id: RelationId) -> Result<()> {
        self.ask(|reply| Request::Remove(id, reply)).await
    }

    /// Puts changes of tables into one tick (all or nothing) and answers its number once it is sealed. The caller made sure that
    /// retracted rows exist and keys stay unique.
    pub async fn write(&self, changes: Vec<(RelationId, Delta)>) -> Result<u64> {
        self.ask(|reply| Request::Write(changes, reply)).await
    }

    /// Snapshots of relations (tables, materialized views) at one committed tick, the same for all, not before `at_least`; waits until
    /// dataflows among them are hydrated. A quarantined one is an error that says why (SQLSTATE 55000).
    pub async fn read(&self, reads: &[Read<'_>], at_least: u64) -> Result<(u64, Vec<Snapshot>)> {
        let mut revisions = self.inner.store.revisions();
        loop {
            // Marked as seen before the look: a commit in between is noticed.
            revisions.borrow_and_update();
            if let Some(read) = self.inner.store.try_read(reads, at_least)? {
                return Ok(read);
            }
            revisions.changed().await.map_err(|_| shut_down())?;
        }
    }

    /// The committed contents, for indexes and transactions.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Waits until what was sealed as tick `at_least` is committed. Answers the last tick that is.
    pub async fn committed(&self, at_least: u64) -> Result<u64> {
        self.read(&[], at_least).await.map(|(tick, _)| tick)
    }

    /// Changes of a table or dataflow: with `snapshot`, first its content at one tick; then the changes of every later tick that
    /// has any (and, with `progress`, an empty change per committed tick; a reader that lags far behind is spared those). Waits
    /// until a dataflow is hydrated. Of a dataflow that keeps only changes, `snapshot` gives all changes since it began (their sum is
    /// its content), without it those since it is hydrated. The last item is an error that tells why it ended, e.g. because the
    /// relation was dropped.
    pub async fn subscribe(&self, id: RelationId, snapshot: bool, progress: bool) -> Result<Subscription> {
        self.ask(|reply| Request::Subscribe { id, snapshot, progress, reply }).await
    }

    /// Returns when everything written to tables before, and everything that the sources of running dataflows held before, is committed.
    /// Fails if a source does not tell where it ends; one that never ends is not waited for.
    pub async fn flush(&self) -> Result<()> {
        self.ask(Request::Flush).await
    }

    /// Waits until every bounded source in use has ended and is committed (`run --exit`). Sources that go on, like a topic, are read
    /// up to where they end now; those that never end and never pause are not waited for.
    pub async fn finished(&self) -> Result<()> {
        self.flush().await
    }

    /// State of a dataflow.
    pub fn view_state(&self, id: RelationId) -> Option<ViewState> {
        self.inner.store.availability(id).map(|availability| match availability {
            Availability::Pending => ViewState::Hydrating,
            Availability::Ready => ViewState::Running,
            Availability::Failed(why) => ViewState::Failed(why),
        })
    }

    /// Rows of `tidewater.sources`.
    pub fn sources(&self) -> Vec<SourceStatus> {
        self.inner.status.sources()
    }

    /// Rows that the operators of a dataflow hold on all workers, besides its result: 0 when all that it read has gone again. `None` for
    /// one that is not built yet, or gone.
    pub fn state_rows(&self, id: RelationId) -> Option<u64> {
        self.inner.status.state_rows(id)
    }

    /// How many rows a dataflow leaves out because an expression fails for them.
    pub fn row_error_count(&self, id: RelationId) -> i64 {
        self.inner.status.row_error_count(id)
    }

    /// Rows of `tidewater.row_errors`: dataflow name and error with the sum of its weights (zero sums are gone).
    /// As of `tick`, one of the last that were committed.
    pub fn row_errors(&self, tick: u64) -> Vec<(String, RowError)> {
        self.inner.status.row_errors(tick)
    }

    /// Keeps records that an ad-hoc read could not decode, as the stream's `on_error` says; answers whether they are kept.
    /// Errors: 22000 naming the first record, if the stream fails on errors.
    pub fn reject(&self, spec: &StreamSpec, records: Vec<Rejected>) -> Result<bool> {
        let on_error = StreamOptions::parse(&spec.options)?.on_error;
        let failure = on_error.failure(spec, &records);
        if on_error != OnError::Skip {
            self.inner.status.store_rejected(spec.id, &spec.name, records);
        }
        failure.map_or(Ok(on_error != OnError::Skip), Err)
    }

    /// Rows of `tidewater.rejected_records`.
    pub fn rejected(&self) -> Vec<RejectedRow> {
        self.inner.status.rejected()
    }

    /// Counters.
    pub fn statistics(&self) -> Statistics {
        self.inner.status.statistics()
    }

    /// Stops sources, workers and coordinator; returns when their threads ended (at most about a second).
    pub async fn stop(&self) {
        let (reply, stopped) = oneshot::channel();
        if self.inner.events.send(Event::Request(Request::Stop(reply))).is_ok() {
            // Dropped unanswered by a coordinator that was already stopping.
            let _ = stopped.await;
        }
    }

    /// Sends a request and waits for its answer; a coordinator that is gone answers by dropping it.
    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.inner.events.send(Event::Request(request(reply))).map_err(|_| shut_down())?;
        answer.await.map_err(|_| shut_down())?
    }
}

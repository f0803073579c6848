//! The coordinator thread: owns what exists, seals ticks, commits them in order.

// Rows that are there when a dataflow begins.
mod backfill;
// Dataflows: how they begin, catch up, fail and end.
mod dataflows;
// Waiting until what is there now is committed.
mod flush;
// Readers of streams.
mod streams;
// Sealing and committing.
mod ticks;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use datafusion::arrow::datatypes::SchemaRef;
use tokio::sync::oneshot;

use self::dataflows::Dataflow;
use self::flush::Waiter;
use self::streams::{ReaderState, StreamState};
use self::ticks::InFlight;
use super::event::{AlteredTable, Event, ReaderId, Reply, Request};
use super::source::{self, StreamOptions};
use super::status::Status;
use super::worker::{self, Command, WorkerHandle};
use super::{RuntimeOptions, StreamSpec};
use crate::catalog::RelationId;
use crate::clock::{self, Clock};
use crate::error::{Error, Result, code};
use crate::flow::Delta;
use crate::view::store::shut_down;
use crate::view::subscription::Publisher;
use crate::view::{Availability, Change, Store, Subscription};

/// How long stopping waits for threads.
const STOP_WAIT: Duration = Duration::from_millis(900);
/// Events that are handled before ticks are looked at again.
const EVENTS_MAX: usize = 256;

/// The state of the coordinator thread.
pub(super) struct Coordinator {
    options: RuntimeOptions,
    clock: Clock,
    store: Arc<Store>,
    status: Arc<Status>,
    events: Receiver<Event>,
    /// For threads that report here.
    sender: Sender<Event>,
    workers: Vec<WorkerHandle>,
    /// Why no dataflow can run any more, if a worker was lost.
    worker_lost: Option<String>,

    tables: HashMap<RelationId, Table>,
    streams: HashMap<RelationId, StreamState>,
    /// By age: a dataflow reads only older ones, so this order is topological.
    dataflows: BTreeMap<u64, Dataflow>,
    ages: HashMap<RelationId, u64>,
    /// Ages of dataflows that catch up or have subscribers waiting for them.
    unsettled: BTreeSet<u64>,
    readers: BTreeMap<ReaderId, ReaderState>,
    /// The reader that was served last: the next tick begins with the one after it.
    served: ReaderId,
    publishers: HashMap<RelationId, Vec<Publisher>>,
    /// Bytes that each reader may have waiting.
    reader_share: Arc<AtomicUsize>,
    /// Cloned into every reader thread; see [`source::ReaderTask::alive`].
    alive: (Sender<()>, Receiver<()>),
    /// The last identity or age given.
    last_number: u64,

    writes: VecDeque<PendingWrite>,
    /// Number of the last write accepted and committed.
    write_accepted: u64,
    write_committed: u64,
    /// What waits for a tick, and since when something does.
    queued_bytes: usize,
    queued_since: Option<Instant>,
    in_flight: VecDeque<InFlight>,
    sealed: u64,
    committed: u64,
    now: i64,
    next_worker: usize,
    /// What happens when no tick is in flight.
    barriers: VecDeque<Barrier>,
    /// Dataflows that begin when what they read takes part in ticks.
    delayed: Vec<(RelationId, Option<Reply<()>>)>,
    waiters: Vec<Waiter>,
}

/// A relation that [`Request::Write`] changes.
struct Table {
    name: String,
    schema: SchemaRef,
}

/// Changes of tables that belong into one tick.
struct PendingWrite {
    number: u64,
    changes: Vec<(RelationId, Delta)>,
    bytes: usize,
    reply: Reply<u64>,
}

/// Someone who waits for a dataflow to catch up.
struct Subscriber {
    snapshot: bool,
    progress: bool,
    reply: Reply<Subscription>,
}

/// Something that needs all ticks before it committed and none after it begun.
enum Barrier {
    /// The asker, if one waits, is told when the dataflow runs.
    Install(RelationId, Option<Reply<()>>),
    Remove(RelationId, Reply<()>),
    /// The dataflow has all that its inputs held.
    Join(RelationId),
    /// Behind others: it has to see what they do.
    Flush(Reply<()>),
}

impl Coordinator {
    /// Starts workers and makes the state; [`Coordinator::run`] is the thread.
    pub(super) fn new(
        options: RuntimeOptions,
        clock: Clock,
        store: Arc<Store>,
        status: Arc<Status>,
        (sender, events): (Sender<Event>, Receiver<Event>),
    ) -> Result<Coordinator> {
        let workers = worker::start(options.workers, &sender)?;
        let reader_share = Arc::new(AtomicUsize::new(options.tick_bytes_max));
        Ok(Coordinator {
            options,
            clock,
            store,
            status,
            events,
            sender,
            workers,
            worker_lost: None,
            tables: HashMap::new(),
            streams: HashMap::new(),
            dataflows: BTreeMap::new(),
            ages: HashMap::new(),
            unsettled: BTreeSet::new(),
            readers: BTreeMap::new(),
            served: ReaderId(0),
            publishers: HashMap::new(),
            reader_share,
            alive: mpsc::channel(),
            last_number: 0,
            writes: VecDeque::new(),
            write_accepted: 0,
            write_committed: 0,
            queued_bytes: 0,
            queued_since: None,
            in_flight: VecDeque::new(),
            sealed: 0,
            committed: 0,
            now: i64::MIN,
            next_worker: 0,
            barriers: VecDeque::new(),
            delayed: Vec::new(),
            waiters: Vec::new(),
        })
    }

    /// Runs until it is told to stop.
    pub(super) fn run(mut self) {
        loop {
            let first = match self.deadline() {
                None => self.events.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => self.events.recv_timeout(at.saturating_duration_since(clock::instant())),
            };
            let mut event = match first {
                Ok(event) => Some(event),
                Err(RecvTimeoutError::Timeout) => None,
                // Cannot happen: the coordinator holds a sender itself.
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut handled = 0;
            while let Some(now) = event {
                match now {
                    Event::Request(Request::Stop(reply)) => return self.stop(reply),
                    now => self.handle(now),
                }
                handled += 1;
                event = if handled < EVENTS_MAX { self.events.try_recv().ok() } else { None };
            }
            self.advance();
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Request(request) => self.request(request),
            Event::Reader(reader, message) => self.reader_message(reader, message),
            Event::Report(report) => self.report(report),
            Event::WorkerLost(why) => self.lose_worker(why),
            // Told after a stop only.
            Event::WorkersEnded => {}
        }
    }

    fn request(&mut self, request: Request) {
        match request {
            Request::AddStream(spec, reply) => answer(reply, self.add_stream(spec)),
            Request::AddTable { id, name, schema, reply } => answer(reply, self.add_table(id, name, schema)),
            Request::AlterTable(altered, reply) => answer(reply, self.alter_table(altered)),
            Request::AddDataflow(dataflow, reply) => self.add_dataflow(dataflow, reply),
            Request::Remove(id, reply) => self.barriers.push_back(Barrier::Remove(id, reply)),
            Request::Write(changes, reply) => self.accept_write(changes, reply),
            Request::Subscribe { id, snapshot, progress, reply } => self.subscribe(id, snapshot, progress, reply),
            // What waits for its turn to begin is part of what a flush waits for.
            Request::Flush(reply) if !self.barriers.is_empty() => self.barriers.push_back(Barrier::Flush(reply)),
            Request::Flush(reply) => self.flush(reply),
            Request::FlushUntil { targets, writes, reply } => self.flush_until(targets, writes, reply),
            // Taken by the caller: it ends the thread.
            Request::Stop(_) => {}
        }
    }

    /// Commits, seals and answers whatever has become possible.
    fn advance(&mut self) {
        self.commit_finished();
        self.begin_delayed();
        if self.barriers.is_empty() {
            self.continue_backfills();
        }
        while self.in_flight.is_empty() {
            match self.barriers.pop_front() {
                None => break,
                Some(Barrier::Install(id, reply)) if self.reads_backfilling(id) => self.delayed.push((id, reply)),
                Some(Barrier::Join(id)) => self.join(id),
                Some(Barrier::Install(id, reply)) => {
                    let installed = self.install(id);
                    if let Some(reply) = reply {
                        if installed.is_err() {
                            // The asker is told: nothing is to be left of it (if something reads it already, it stays, failed).
                            let _ = self.remove(id);
                        }
                        answer(reply, installed);
                    }
                }
                Some(Barrier::Flush(reply)) => self.flush(reply),
                Some(Barrier::Remove(id, reply)) => {
                    let removed = self.remove(id);
                    answer(reply, removed);
                }
            }
        }
        if self.barriers.is_empty() {
            self.seal_due();
        }
        self.settle();
        self.answer_waiters();
    }

    fn add_table(&mut self, id: RelationId, name: String, schema: SchemaRef) -> Result<()> {
        self.check_new(id, &name)?;
        self.store.create(id, &name, Arc::clone(&schema), false, true, Availability::Ready)?;
        self.tables.insert(id, Table { name, schema });
        Ok(())
    }

    /// Puts other columns and rows in the place of a table's. Dataflows read the columns that they have always read; subscriptions end,
    /// since their clients were told of others.
    fn alter_table(&mut self, altered: AlteredTable) -> Result<()> {
        let AlteredTable { id, schema, rows, indexes } = altered;
        let Some(table) = self.tables.get_mut(&id) else {
            return Err(Error::new(code::UNDEFINED_TABLE, format!("table with OID {} does not exist", id.0)));
        };
        self.store.replace(id, Arc::clone(&schema), rows, &indexes)?;
        table.schema = schema;
        let message = format!("\"{}\" was altered", table.name);
        self.end_subscriptions(id, &Error::new(code::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
        Ok(())
    }

    fn add_stream(&mut self, spec: StreamSpec) -> Result<()> {
        self.check_new(spec.id, &spec.name)?;
        let options = StreamOptions::parse(&spec.options)?;
        if spec.options.get("format").is_some() {
            source::decoder(&spec)?;
        }
        self.status.begin_stream(spec.id, &spec.name, spec.source.connector(), None);
        self.streams.insert(spec.id, StreamState { spec, options, reader: None });
        Ok(())
    }

    fn check_new(&self, id: RelationId, name: &str) -> Result<()> {
        let known = self.tables.contains_key(&id) || self.streams.contains_key(&id) || self.ages.contains_key(&id);
        if known {
            return Err(Error::internal(format!("relation \"{name}\" (OID {}) exists already", id.0)));
        }
        Ok(())
    }

    fn accept_write(&mut self, changes: Vec<(RelationId, Delta)>, reply: Reply<u64>) {
        for (id, delta) in &changes {
            let Some(table) = self.tables.get(id) else {
                let message = format!("relation with OID {} is not a table", id.0);
                return answer(reply, Err(Error::new(code::WRONG_OBJECT_TYPE, message)));
            };
            let types_of = |schema: &SchemaRef| -> Vec<_> {
                schema.fields().iter().map(|field| field.data_type().clone()).collect()
            };
            if types_of(&table.schema) != types_of(&delta.rows.schema()) {
                return answer(reply, Err(Error::internal(format!("rows do not fit table \"{}\"", table.name))));
            }
        }
        self.write_accepted += 1;
        let bytes = changes.iter().map(|(_, delta)| delta.rows.get_array_memory_size()).sum();
        self.writes.push_back(PendingWrite { number: self.write_accepted, changes, bytes, reply });
        self.queue(bytes);
    }

    /// Starts a subscription at the committed tick; on a dataflow, once that has caught up.
    fn subscribe(&mut self, id: RelationId, snapshot: bool, progress: bool, reply: Reply<Subscription>) {
        if self.ages.contains_key(&id) {
            return self.subscribe_dataflow(id, Subscriber { snapshot, progress, reply });
        }
        if !self.tables.contains_key(&id) {
            let message = format!("relation with OID {} has no changes to subscribe to", id.0);
            return answer(reply, Err(Error::new(code::WRONG_OBJECT_TYPE, message)));
        }
        let subscribed = self.start_subscription(id, snapshot, progress);
        answer(reply, subscribed);
    }

    /// Runs on the thread that commits, so nothing is committed between the snapshot and the first change.
    fn start_subscription(&mut self, id: RelationId, snapshot: bool, progress: bool) -> Result<Subscription> {
        let (mut publisher, subscription) = Publisher::channel(progress);
        if snapshot {
            let (tick, snapshot) = self.store.snapshot(id)?;
            let delta = snapshot.batches.into_iter().map(Delta::insert).collect();
            publisher.publish_snapshot(Change { tick, delta });
        }
        self.publishers.entry(id).or_default().push(publisher);
        Ok(subscription)
    }

    /// Ends all subscriptions of a relation.
    fn end_subscriptions(&mut self, id: RelationId, error: &Error) {
        for publisher in self.publishers.remove(&id).unwrap_or_default() {
            publisher.finish(error.clone());
        }
    }

    /// No tick that touches a dataflow will be finished any more: all dataflows fail, tables go on.
    fn lose_worker(&mut self, why: String) {
        let ids: Vec<RelationId> = self.dataflows.values().map(|dataflow| dataflow.id).collect();
        for id in ids {
            self.fail_dataflow(id, why.clone());
        }
        self.in_flight.iter_mut().for_each(InFlight::give_up_outputs);
        self.worker_lost.get_or_insert(why);
    }

    fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Ends everything and waits for the threads, a bounded time: a reader may be deep in a connector.
    fn stop(mut self, reply: oneshot::Sender<()>) {
        self.store.close();
        self.readers.values().for_each(|reader| reader.control.stop());
        self.workers.iter().for_each(|worker| worker.send(Command::Stop));
        let relations: HashSet<RelationId> = self.publishers.keys().copied().collect();
        for id in relations {
            self.end_subscriptions(id, &shut_down());
        }
        let until = clock::instant() + STOP_WAIT;
        loop {
            match self.events.recv_timeout(until.saturating_duration_since(clock::instant())) {
                Ok(Event::WorkersEnded) | Err(_) => break,
                Ok(_) => {}
            }
        }
        let (own, ended) = self.alive;
        drop(own);
        // Answers when the last reader thread has let go of its end.
        let _ = ended.recv_timeout(until.saturating_duration_since(clock::instant()));
        let _ = reply.send(());
    }
}

/// Answers a request; an asker that is gone needs no answer.
fn answer<T>(reply: Reply<T>, result: Result<T>) {
    let _ = reply.send(result);
}

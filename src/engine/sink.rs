//! Sinks: a thread per sink that encodes the changes of a relation and writes them, at least once, in tick order.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use datafusion::arrow::datatypes::FieldRef;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{Engine, ddl, stream_spec};
use crate::catalog::{Relation, RelationId, RelationKind};
use crate::compile::plan::Plan;
use crate::connector::{Connector, Options, Sink, SinkRecord, SinkWriter};
use crate::error::{Error, Result, code};
use crate::flow::Delta;
use crate::flow::runtime::Keep;
use crate::format::Encoder;
use crate::view::{Change, Subscription};

/// How long a write may stay unacknowledged before that is told.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes of changes that may wait for a target that is away.
const BACKLOG_BYTES_MAX: usize = 256 << 20;
/// How long a target may take nothing while the end waits for it.
const FINISH_TIMEOUT: Duration = Duration::from_secs(15);
/// Pause between tries while the target is away.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// A checked definition of a sink.
pub(super) struct SinkSpec {
    name: String,
    /// Where records go.
    pub(super) target: Arc<dyn Sink>,
    value: Box<dyn Encoder>,
    key: Option<(Vec<usize>, Box<dyn Encoder>)>,
}

/// A sink that runs; for `tidewater.sinks` and DROP.
pub(super) struct RunningSink {
    pub(super) id: RelationId,
    pub(super) status: Arc<Status>,
    pub(super) target: Arc<dyn Sink>,
    /// The dataflow made for a sink from a stream.
    ephemeral: Option<RelationId>,
    stop: tokio::sync::oneshot::Sender<()>,
    /// Loses its sender when the thread has ended.
    ended: tokio::sync::oneshot::Receiver<()>,
}

/// What `tidewater.sinks` shows.
pub(super) struct Status {
    pub(super) name: String,
    pub(super) connector: &'static str,
    pub(super) records: AtomicU64,
    pub(super) tick: AtomicU64,
    pub(super) last_error: Mutex<Option<String>>,
    stopped: AtomicBool,
}

impl SinkSpec {
    pub(super) fn new(
        name: &str,
        from: &Relation,
        append_only: bool,
        options: &Options,
        connector: &'static Connector,
    ) -> Result<SinkSpec> {
        let Some(make) = connector.sink else {
            return Err(Error::unsupported(format!("connector \"{}\" cannot write", connector.name)));
        };
        let format = ddl::format(options, connector.name)?
            .ok_or_else(|| Error::new(code::FDW_INVALID_OPTION_NAME, "option \"format\" is missing"))?;
        let Some(encoder) = format.encoder else {
            return Err(
                Error::unsupported(format!("format \"{}\" cannot write", format.name)).hint("use format = 'json'")
            );
        };
        let fields: Vec<FieldRef> = from.schema.fields().iter().map(Arc::clone).collect();
        let key = match options.get("key") {
            None if !append_only => {
                return Err(Error::new(
                    code::INVALID_PARAMETER_VALUE,
                    format!("rows of \"{}\" can change and go, which a topic without keys cannot tell", from.name),
                )
                .hint(
                    "name the columns that identify a row: key = 'a, b'; a row that goes is written as a null value",
                ));
            }
            None => None,
            Some(list) => {
                let columns = key_columns(list, from)?;
                let fields: Vec<FieldRef> = columns.iter().map(|&i| Arc::clone(&fields[i])).collect();
                Some((columns, encoder(options, &fields)?))
            }
        };
        Ok(SinkSpec { name: name.to_string(), target: make(options)?, value: encoder(options, &fields)?, key })
    }
}

fn key_columns(list: &str, from: &Relation) -> Result<Vec<usize>> {
    let position = |name: &str| {
        let name = name.trim();
        from.schema.index_of(name).map_err(|_| {
            Error::new(code::UNDEFINED_COLUMN, format!("key column \"{name}\" of \"{}\" does not exist", from.name))
        })
    };
    list.split(',').map(position).collect()
}

/// Subscribes and starts the thread.
pub(super) async fn start(engine: &Engine, id: RelationId, from: &Relation, spec: SinkSpec) -> Result<RunningSink> {
    let runtime = engine.runtime();
    let ephemeral = match stream_spec(from) {
        None => None,
        Some(stream) => {
            let own = engine.change_catalog(|catalog| Ok(catalog.next_id()))?;
            let columns = (0..stream.layout.schema.fields().len()).collect();
            let plan = Plan::Source {
                relation: from.id,
                name: from.name.clone(),
                columns,
                schema: Arc::clone(&stream.layout.schema),
            };
            runtime.add_dataflow(own, &format!("sink {}", spec.name), Arc::new(plan), Keep::Changes).await?;
            Some(own)
        }
    };
    if let RelationKind::View { .. } = from.kind {
        return Err(Error::unsupported(format!("\"{}\" is a plain view: a sink cannot read it", from.name))
            .hint("make it a materialized view"));
    }
    let subscription = runtime.subscribe(ephemeral.unwrap_or(from.id), true, false).await?;
    let writer = spec.target.open()?;
    let status = Arc::new(Status {
        name: spec.name.clone(),
        connector: spec.target.connector(),
        records: AtomicU64::new(0),
        tick: AtomicU64::new(0),
        last_error: Mutex::default(),
        stopped: AtomicBool::new(false),
    });
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let (end, ended) = tokio::sync::oneshot::channel();
    let target = Arc::clone(&spec.target);
    let worker = Worker { spec, writer, status: Arc::clone(&status), open: engine.inner.sinks_open.subscribe() };
    let backlog = Backlog::collect(subscription);
    let handle = tokio::runtime::Handle::current();
    std::thread::Builder::new()
        .name(format!("sink {}", status.name))
        .spawn(move || {
            worker.run(backlog, stopped, &handle);
            drop(end);
        })
        .map_err(|error| Error::new(code::INSUFFICIENT_RESOURCES, format!("cannot start a thread: {error}")))?;
    Ok(RunningSink { id, status, target, ephemeral, stop, ended })
}

/// Stops one sink and what was made for it.
pub(super) async fn stop_one(engine: &Engine, id: RelationId) -> Result<()> {
    let found = {
        let mut sinks = engine.inner.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        sinks.iter().position(|sink| sink.id == id).map(|at| sinks.swap_remove(at))
    };
    if let Some(sink) = found {
        sink.status.stopped.store(true, Ordering::Release);
        let _ = sink.stop.send(());
        if let Some(ephemeral) = sink.ephemeral {
            engine.runtime().remove(ephemeral).await?;
        }
    }
    Ok(())
}

/// Tells all sinks to stop; what was not yet acknowledged is written again by the next run of the same definitions.
pub(super) fn stop_all(sinks: &Mutex<Vec<RunningSink>>) {
    for sink in sinks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        sink.status.stopped.store(true, Ordering::Release);
        let _ = sink.stop.send(());
    }
}

/// Waits until all sinks have written what their relations committed before the runtime stopped. Errors: a sink that lost changes, or
/// whose target took nothing for [`FINISH_TIMEOUT`].
pub(super) async fn finish_all(sinks: &Mutex<Vec<RunningSink>>) -> Result<()> {
    let running = std::mem::take(&mut *sinks.lock().unwrap_or_else(PoisonError::into_inner));
    for RunningSink { status, mut ended, stop, .. } in running {
        let mut written = status.records.load(Ordering::Relaxed);
        while tokio::time::timeout(FINISH_TIMEOUT, &mut ended).await.is_err() {
            let now = status.records.load(Ordering::Relaxed);
            if now == written {
                status.stopped.store(true, Ordering::Release);
                break;
            }
            written = now;
        }
        drop(stop);
        if let Some(reason) = status.last_error.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let message = format!("sink \"{}\" has not written everything: {reason}", status.name);
            return Err(Error::new(code::FDW_ERROR, message));
        }
        if status.stopped.load(Ordering::Acquire) {
            let message = format!("sink \"{}\" has not written everything in time", status.name);
            return Err(Error::new(code::FDW_ERROR, message));
        }
    }
    Ok(())
}

/// Changes that wait to be written. A subscription ends when its reader is slow; a target may be away for long.
struct Backlog {
    changes: UnboundedReceiver<Result<Change>>,
    bytes: Arc<AtomicUsize>,
}

impl Backlog {
    /// Takes over a subscription on a task of its own, which ends with it or with the backlog.
    fn collect(subscription: Subscription) -> Backlog {
        let (sender, changes) = unbounded_channel();
        let bytes = Arc::new(AtomicUsize::new(0));
        tokio::spawn(move_over(subscription, sender, Arc::clone(&bytes)));
        Backlog { changes, bytes }
    }

    async fn next(&mut self) -> Option<Result<Change>> {
        let change = self.changes.recv().await;
        if let Some(Ok(change)) = &change {
            self.bytes.fetch_sub(bytes_of(change), Ordering::Relaxed);
        }
        change
    }
}

async fn move_over(mut subscription: Subscription, backlog: UnboundedSender<Result<Change>>, bytes: Arc<AtomicUsize>) {
    loop {
        let change = tokio::select! {
            () = backlog.closed() => return,
            change = subscription.changes.recv() => change,
        };
        let Some(change) = change else { return };
        let size = change.as_ref().map_or(0, bytes_of);
        // A snapshot may be larger alone.
        let waiting = bytes.fetch_add(size, Ordering::Relaxed);
        if waiting > 0 && waiting + size > BACKLOG_BYTES_MAX {
            let error = Error::new(
                code::CONFIGURATION_LIMIT_EXCEEDED,
                format!("sink stopped: {} MiB of changes waited for its target", BACKLOG_BYTES_MAX >> 20),
            );
            let _ = backlog.send(Err(error.hint("drop the sink and create it again when the target is back")));
            return;
        }
        if backlog.send(change).is_err() {
            return;
        }
    }
}

fn bytes_of(change: &Change) -> usize {
    change.delta.iter().map(|delta| delta.rows.get_array_memory_size()).sum()
}

struct Worker {
    spec: SinkSpec,
    writer: Box<dyn SinkWriter>,
    status: Arc<Status>,
    /// Whether it may write.
    open: tokio::sync::watch::Receiver<bool>,
}

impl Worker {
    fn run(
        mut self,
        mut backlog: Backlog,
        mut stopped: tokio::sync::oneshot::Receiver<()>,
        handle: &tokio::runtime::Handle,
    ) {
        let stop = handle.block_on(async {
            tokio::select! {
                biased;
                _ = &mut stopped => true,
                opened = self.open.wait_for(|open| *open) => opened.is_err(),
            }
        });
        if stop {
            return;
        }
        loop {
            let change = handle.block_on(async {
                tokio::select! {
                    biased;
                    _ = &mut stopped => None,
                    change = backlog.next() => change,
                }
            });
            match change {
                None => return,
                Some(Ok(change)) => self.write_change(&change),
                // The end of everything is none of the sink's trouble.
                Some(Err(error)) if error.code == code::ADMIN_SHUTDOWN => return,
                Some(Err(error)) => return self.fail(&error),
            }
        }
    }

    /// Writes until the target has acknowledged: trouble outside is waited out, shown in `tidewater.sinks`.
    fn write_change(&mut self, change: &Change) {
        while !self.status.stopped.load(Ordering::Acquire) {
            let written = self.records(change).and_then(|records| {
                let count = records.len() as u64;
                self.writer.write(records)?;
                self.flush()?;
                Ok(count)
            });
            match written {
                Ok(count) => {
                    self.status.records.fetch_add(count, Ordering::Relaxed);
                    self.status.tick.store(change.tick, Ordering::Release);
                    *self.status.last_error.lock().unwrap_or_else(PoisonError::into_inner) = None;
                    return;
                }
                Err(error) => {
                    self.fail(&error);
                    std::thread::sleep(RETRY_PAUSE);
                    if let Ok(writer) = self.spec.target.open() {
                        self.writer = writer;
                    }
                }
            }
        }
    }

    /// Waits for the target as long as the writer itself has not given up: what it still holds need not be written twice.
    fn flush(&mut self) -> Result<()> {
        loop {
            match self.writer.flush(FLUSH_TIMEOUT) {
                Err(error) if is_late(&error) && !self.status.stopped.load(Ordering::Acquire) => self.fail(&error),
                done => return done,
            }
        }
    }

    fn fail(&self, error: &Error) {
        tracing::warn!(sink = self.status.name, error = error.message, "sink");
        *self.status.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.message.clone());
    }

    /// The records of one tick. With a key only its last state counts: a value if a row is there, else a tombstone.
    fn records(&mut self, change: &Change) -> Result<Vec<SinkRecord>> {
        let mut records = Vec::new();
        let mut gone: HashMap<Vec<u8>, usize> = HashMap::new();
        let mut order: Vec<Vec<u8>> = Vec::new();
        for delta in &change.delta {
            let values = self.spec.value.encode(&delta.rows, &[])?;
            match &mut self.spec.key {
                None => records.extend(repeated(delta, values)),
                Some((columns, encoder)) => {
                    let keys = encoder.encode(&delta.rows, columns)?;
                    for (i, (key, value)) in keys.into_iter().zip(values).enumerate() {
                        if delta.weight(i) > 0 {
                            gone.remove(&key);
                            records.push(SinkRecord { key: Some(key), value: Some(value) });
                        } else if gone.insert(key.clone(), i).is_none() {
                            order.push(key);
                        }
                    }
                }
            }
        }
        let written: std::collections::HashSet<&Vec<u8>> =
            records.iter().filter_map(|record| record.key.as_ref()).collect();
        let tombstones: Vec<SinkRecord> = order
            .iter()
            .filter(|key| gone.contains_key(*key) && !written.contains(key))
            .map(|key| SinkRecord { key: Some(key.clone()), value: None })
            .collect();
        Ok(tombstones.into_iter().chain(records).collect())
    }
}

/// Whether a writer only told that nothing is acknowledged yet; it keeps what it was given.
fn is_late(error: &Error) -> bool {
    [code::CONNECTION_FAILURE, code::FDW_UNABLE_TO_ESTABLISH_CONNECTION].contains(&error.code)
}

fn repeated(delta: &Delta, values: Vec<Vec<u8>>) -> impl Iterator<Item = SinkRecord> {
    values.into_iter().enumerate().flat_map(|(i, value)| {
        let times = usize::try_from(delta.weight(i)).unwrap_or(0);
        std::iter::repeat_n(SinkRecord { key: None, value: Some(value) }, times)
    })
}

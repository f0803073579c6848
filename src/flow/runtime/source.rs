//! Reader threads: one per stream that is read, and one per catch-up of a later dataflow. Each reads, decodes, and hands rows with
//! their positions to the coordinator; it pauses while what it handed over waits for a tick.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use datafusion::arrow::array::{Array, RecordBatchOptions};
use datafusion::arrow::record_batch::RecordBatch;

use super::StreamSpec;
use super::event::{Event, ReaderId, ReaderMessage};
use super::status::{Status, StreamStatus};
use crate::clock::{self, Clock};
use crate::connector::{OnDeleted, Options, Positions, Read, Reader};
use crate::error::{Error, Result, code};
use crate::format::{Decoder, FORMATS, Include, Rejected};

/// Records of one read at most.
const READ_RECORDS: usize = 4096;
/// How long a read waits before the thread looks whether it should stop.
const READ_WAIT: Duration = Duration::from_millis(50);
/// First and longest pause before a source that could not be reached is tried again.
const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));
/// How often the end of a source is looked up while the reader is behind it.
const END_REFRESH: Duration = Duration::from_secs(5);
/// Looking up the end may take this part of the time at most, as 1/n.
const END_REFRESH_SHARE: u32 = 50;

/// Bytes that a message is counted with besides its rows.
const MESSAGE_BYTES: usize = 256;

/// What happens to records that cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnError {
    /// They are kept as rows of `tidewater.rejected_records`.
    Store,
    /// They are only counted.
    Skip,
    /// They are kept, and the stream and all that reads it fails.
    Fail,
}

impl OnError {
    /// The error that these records are, if any is one.
    pub(super) fn failure(self, spec: &StreamSpec, rejected: &[Rejected]) -> Option<Error> {
        let first = rejected.first().filter(|_| self == OnError::Fail)?;
        Some(Error::new(
            code::DATA_CORRUPTED,
            format!(
                "stream \"{}\": record at partition {}, offset {} of \"{}\" cannot be decoded: {}",
                spec.name, first.partition, first.offset, first.topic, first.reason
            ),
        ))
    }
}

/// Options of a stream that belong to the runtime.
#[derive(Debug, Clone, Copy)]
pub(super) struct StreamOptions {
    pub(super) on_error: OnError,
    pub(super) rows_per_second_max: Option<u64>,
}

impl StreamOptions {
    /// Reads `on_error` and `max_rows_per_second`.
    pub(super) fn parse(options: &Options) -> Result<StreamOptions> {
        let on_error = match options.get("on_error").map(str::to_ascii_lowercase).as_deref() {
            None | Some("store") => OnError::Store,
            Some("skip") => OnError::Skip,
            Some("fail") => OnError::Fail,
            Some(other) => {
                return Err(invalid(format!("invalid value for option \"on_error\": \"{other}\""))
                    .hint("use 'store', 'skip' or 'fail'"));
            }
        };
        let rows_per_second_max = match options.get("max_rows_per_second") {
            None => None,
            Some(text) => match text.trim().parse::<u64>() {
                Ok(rate) if rate > 0 => Some(rate),
                _ => {
                    return Err(invalid(format!("invalid value for option \"max_rows_per_second\": \"{text}\""))
                        .hint("use a whole number of rows, at least 1"));
                }
            },
        };
        Ok(StreamOptions { on_error, rows_per_second_max })
    }
}

/// A connector's reader with the stream's decoder behind it.
pub(crate) struct DecodingReader {
    spec: StreamSpec,
    reader: Box<dyn Reader>,
    /// Made when the first encoded record comes: connectors that make rows themselves need none.
    decoder: Option<Box<dyn Decoder>>,
}

/// What a [`DecodingReader`] read.
pub(crate) enum DecodedRead {
    /// Rows of one partition (maybe none, if only the position moved), and the position after them.
    Rows { rows: RecordBatch, rejected: Vec<Rejected>, partition: i32, next: i64 },
    /// Nothing now.
    Idle,
    /// Nothing ever again.
    End,
}

impl DecodingReader {
    /// Opens the stream's source; see [`Source::open`](crate::connector::Source::open).
    pub(crate) fn open(
        spec: &StreamSpec,
        from: &Positions,
        until: Option<&Positions>,
        on_deleted: OnDeleted,
    ) -> Result<DecodingReader> {
        let headers = spec.layout.includes.contains(&Include::Headers);
        let mut reader = spec.source.open(from, until, headers)?;
        reader.on_deleted(on_deleted);
        Ok(DecodingReader { spec: spec.clone(), reader, decoder: None })
    }

    /// Reads and decodes at most `records_max` records of one partition; waits at most `wait` for the first.
    pub(crate) fn read(&mut self, records_max: usize, wait: Duration) -> Result<DecodedRead> {
        let (rows, rejected, partition, next) = match self.reader.read(records_max, wait)? {
            Read::Idle => return Ok(DecodedRead::Idle),
            Read::End => return Ok(DecodedRead::End),
            Read::Position { partition, next } => (self.no_rows(), Vec::new(), partition, next),
            Read::Rows { rows, partition, next } => (self.fit(rows)?, Vec::new(), partition, next),
            Read::Records(batch) => {
                let Some(last) = batch.records.last() else { return Ok(DecodedRead::Idle) };
                let next = last.offset + 1;
                let partition = batch.partition;
                let decoded = self.decoder()?.decode(&batch);
                (self.fit(decoded.rows)?, decoded.rejected, partition, next)
            }
        };
        Ok(DecodedRead::Rows { rows, rejected, partition, next })
    }

    /// Records that the origin deleted while they were to be read; see [`OnDeleted::Pass`].
    pub(crate) fn deleted(&self) -> u64 {
        self.reader.status().deleted
    }

    fn no_rows(&self) -> RecordBatch {
        RecordBatch::new_empty(Arc::clone(&self.spec.layout.schema))
    }

    fn decoder(&mut self) -> Result<&mut Box<dyn Decoder>> {
        let decoder = match self.decoder.take() {
            Some(decoder) => decoder,
            None => decoder(&self.spec)?,
        };
        Ok(self.decoder.insert(decoder))
    }

    /// The rows under the stream's own schema: connectors may differ in metadata and nullability.
    fn fit(&self, rows: RecordBatch) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let schema = Arc::clone(&self.spec.layout.schema);
        RecordBatch::try_new_with_options(schema, rows.columns().to_vec(), &options).map_err(|error| {
            Error::internal(format!("rows of stream \"{}\" do not fit its columns: {error}", self.spec.name))
        })
    }
}

/// The decoder that a stream's options ask for.
pub(super) fn decoder(spec: &StreamSpec) -> Result<Box<dyn Decoder>> {
    let name = spec.options.get("format").unwrap_or("json").to_ascii_lowercase();
    let format = FORMATS.iter().find(|format| format.name == name).ok_or_else(|| {
        let known: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
        invalid(format!("unknown format \"{name}\"")).hint(format!("known formats: {}", known.join(", ")))
    })?;
    (format.decoder)(&spec.options, &spec.layout)
}

fn invalid(message: String) -> Error {
    Error::new(code::INVALID_PARAMETER_VALUE, message)
}

/// Lets the coordinator hold back and stop a reader thread.
#[derive(Debug, Default)]
pub(super) struct Control {
    state: Mutex<ControlState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct ControlState {
    stopped: bool,
    /// Bytes handed over that no tick has taken.
    queued: usize,
}

impl Control {
    /// Asks the thread to end.
    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    /// A tick took `bytes` of what was handed over.
    pub(super) fn release(&self, bytes: usize) {
        let mut state = self.lock();
        state.queued = state.queued.saturating_sub(bytes);
        self.changed.notify_all();
    }

    fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    /// Waits until `bytes` more may be handed over: always if nothing is waiting, so one huge batch passes alone. Answers whether
    /// to go on.
    fn acquire(&self, bytes: usize, share: &AtomicUsize) -> bool {
        let mut state = self.lock();
        while !state.stopped && state.queued > 0 && state.queued + bytes > share.load(Ordering::Relaxed) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.queued += bytes;
        !state.stopped
    }

    /// Sleeps for `duration`, less if it is stopped. Answers whether to go on.
    fn sleep(&self, duration: Duration) -> bool {
        let until = clock::instant() + duration;
        let mut state = self.lock();
        loop {
            let left = until.saturating_duration_since(clock::instant());
            if state.stopped || left.is_zero() {
                return !state.stopped;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, ControlState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a reader thread works with.
pub(super) struct ReaderTask {
    pub(super) id: ReaderId,
    pub(super) spec: StreamSpec,
    pub(super) options: StreamOptions,
    /// For a catch-up: where the shared reader took over (exclusive). What it finds is neither counted nor stored as rejected again.
    pub(super) until: Option<Positions>,
    /// Whether the stream's reading has ended with an error, so that a source that cannot be opened is not waited for.
    pub(super) is_hopeless: bool,
    pub(super) control: Arc<Control>,
    /// Bytes that this thread may have waiting for a tick; shared by all readers and adapted to their number.
    pub(super) share: Arc<AtomicUsize>,
    pub(super) status: Arc<Status>,
    pub(super) events: Sender<Event>,
    pub(super) clock: Clock,
    /// Dropped when the thread ends, so that stopping can wait for it.
    pub(super) alive: Sender<()>,
}

impl ReaderTask {
    /// Starts the thread. A thread that cannot be started is told as a failure of the reader.
    pub(super) fn spawn(self) {
        let (id, events) = (self.id, self.events.clone());
        let spawned = thread::Builder::new().name(format!("read {}", self.spec.name)).spawn(move || {
            let alive = self.alive.clone();
            self.run();
            drop(alive);
        });
        if let Err(error) = spawned {
            let error = Error::new(code::INSUFFICIENT_RESOURCES, format!("cannot start a thread: {error}"));
            let _ = events.send(Event::Reader(id, ReaderMessage::Failed { error, fails_readers: false }));
        }
    }

    fn run(self) {
        let done = match self.open() {
            Ok(Some(mut reader)) => self.read_on(&mut reader),
            Ok(None) => Ok(()),
            Err(failure) => Err(failure),
        };
        if let Err(failure) = done {
            self.note("failed", Some(&failure.error));
            self.send(ReaderMessage::Failed { error: failure.error, fails_readers: failure.fails_readers });
        }
    }

    /// Opens the source, trying until it is there; `None` if it was stopped. Whoever waits for a source that never comes fails with it.
    fn open(&self) -> Result<Option<DecodingReader>, Failure> {
        let mut pause = RETRY.0;
        loop {
            if self.control.is_stopped() {
                return Ok(None);
            }
            match self.try_open() {
                Ok(reader) => {
                    self.note("running", None);
                    return Ok(Some(reader));
                }
                Err(error) if self.is_hopeless || error.code == code::OBJECT_NOT_IN_PREREQUISITE_STATE => {
                    return Err(Failure { error, fails_readers: true });
                }
                Err(error) => {
                    self.note("reconnecting", Some(&error));
                    if !self.control.sleep(pause) {
                        return Ok(None);
                    }
                    pause = (pause * 2).min(RETRY.1);
                }
            }
        }
    }

    fn try_open(&self) -> Result<DecodingReader> {
        let start = self.spec.source.start()?;
        let end = self.spec.source.end()?;
        // A catch-up must not read what the shared reader reads: partitions that it took from their start, and all after `until`.
        let until = self.until.as_ref().map(|until| {
            start
                .iter()
                .map(|(partition, from)| (*partition, *until.get(partition).unwrap_or(from).max(from)))
                .collect()
        });
        let reader = DecodingReader::open(&self.spec, &start, until.as_ref(), OnDeleted::PassAtStart)?;
        self.update(|status| {
            status.set_positions(&start);
            end.iter().for_each(|end| status.set_ends(end));
        });
        self.send(ReaderMessage::Opened { start, end });
        Ok(reader)
    }

    fn read_on(&self, reader: &mut DecodingReader) -> Result<(), Failure> {
        let mut throttle = Throttle::new(self.options.rows_per_second_max);
        let mut ends = EndRefresh::new();
        let mut last_status = reader.reader.status();
        while !self.control.is_stopped() {
            let read = reader.read(throttle.records_max(), READ_WAIT)?;
            let status = reader.reader.status();
            if status != last_status {
                self.update(|stream| stream.set_reader(&status));
                last_status = status;
            }
            match read {
                DecodedRead::Idle => self.update(StreamStatus::caught_up),
                DecodedRead::End => {
                    self.note("finished", None);
                    self.send(ReaderMessage::End);
                    return Ok(());
                }
                DecodedRead::Rows { rows, rejected, partition, next } => {
                    let records = rows.num_rows() + rejected.len();
                    self.reject(rejected)?;
                    self.update(|stream| stream.add_rows(partition, rows.num_rows() as u64));
                    let bytes = bytes_of(&rows);
                    if !self.control.acquire(bytes, &self.share) {
                        return Ok(());
                    }
                    self.send(ReaderMessage::Rows { rows, bytes, partition, next });
                    if !throttle.pause(records).is_none_or(|pause| self.control.sleep(pause)) {
                        return Ok(());
                    }
                    if self.until.is_none() && ends.due() {
                        if let Ok(Some(end)) = self.spec.source.end() {
                            self.update(|stream| stream.set_ends(&end));
                        }
                        ends.done();
                    }
                }
            }
        }
        Ok(())
    }

    /// Keeps or counts rejected records; with `on_error = 'fail'` the first one ends the reader.
    fn reject(&self, rejected: Vec<Rejected>) -> Result<(), Failure> {
        let failure = self.options.on_error.failure(&self.spec, &rejected);
        if self.until.is_none() && !rejected.is_empty() {
            self.update(|stream| stream.rejected += rejected.len() as u64);
            if self.options.on_error != OnError::Skip {
                self.status.store_rejected(self.spec.id, &self.spec.name, rejected);
            }
        }
        failure.map_or(Ok(()), |error| Err(Failure { error, fails_readers: true }))
    }

    fn note(&self, state: &str, error: Option<&Error>) {
        let now = self.clock.now_micros();
        self.update(|stream| {
            stream.state = state.to_string();
            if let Some(error) = error {
                stream.last_error = Some(error.message.clone());
                stream.last_error_at = Some(now);
            }
        });
    }

    /// Changes the row of `tidewater.sources`; a catch-up has none.
    fn update(&self, change: impl FnOnce(&mut StreamStatus)) {
        if self.until.is_none() {
            self.status.update_stream(self.spec.id, self.id, change);
        }
    }

    fn send(&self, message: ReaderMessage) {
        // A coordinator that is gone stops this thread by its control.
        let _ = self.events.send(Event::Reader(self.id, message));
    }
}

/// Why a reader ends.
struct Failure {
    error: Error,
    fails_readers: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure { error, fails_readers: false }
    }
}

/// Spreads records evenly over time.
struct Throttle {
    rate: Option<u64>,
    /// When the records so far are paid for.
    paid_at: Instant,
}

impl Throttle {
    fn new(rate: Option<u64>) -> Throttle {
        Throttle { rate, paid_at: clock::instant() }
    }

    /// A twentieth of a second's records, so that a throttled stream flows instead of jumping.
    fn records_max(&self) -> usize {
        self.rate.map_or(READ_RECORDS, |rate| (rate / 20).clamp(1, READ_RECORDS as u64) as usize)
    }

    /// How long to wait after `records`, if at all.
    fn pause(&mut self, records: usize) -> Option<Duration> {
        let rate = self.rate?;
        let now = clock::instant();
        self.paid_at = self.paid_at.max(now) + Duration::from_secs_f64(records as f64 / rate as f64);
        Some(self.paid_at - now)
    }
}

/// Decides when the end of a source is looked up again, so that slow look-ups do not slow reading.
struct EndRefresh {
    next: Instant,
    begun: Instant,
}

impl EndRefresh {
    fn new() -> EndRefresh {
        let now = clock::instant();
        EndRefresh { next: now + END_REFRESH, begun: now }
    }

    fn due(&mut self) -> bool {
        self.begun = clock::instant();
        self.begun >= self.next
    }

    fn done(&mut self) {
        let now = clock::instant();
        self.next = now + END_REFRESH.max((now - self.begun) * END_REFRESH_SHARE);
    }
}

/// Bytes of the rows themselves (batches may be slices of larger buffers) and of the message that carries them.
fn bytes_of(rows: &RecordBatch) -> usize {
    MESSAGE_BYTES
        + rows.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or(0)).sum::<usize>()
}

//! Readers of streams: one that all dataflows share, and one for the catch-up of each dataflow that came later.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use datafusion::arrow::record_batch::RecordBatch;

use super::Coordinator;
use super::dataflows::Wait;
use crate::catalog::RelationId;
use crate::connector::Positions;
use crate::error::{Error, Result, code};
use crate::flow::runtime::StreamSpec;
use crate::flow::runtime::event::{ReaderId, ReaderMessage};
use crate::flow::runtime::source::{Control, ReaderTask, StreamOptions};

/// A stream.
pub(super) struct StreamState {
    pub(super) spec: StreamSpec,
    pub(super) options: StreamOptions,
    /// The reader that all dataflows share, while any needs it.
    pub(super) reader: Option<ReaderId>,
}

/// A reader thread as the coordinator knows it.
pub(super) struct ReaderState {
    pub(super) stream: RelationId,
    /// The dataflow that catches up by it; `None` for the shared reader.
    pub(super) only: Option<RelationId>,
    pub(super) control: Arc<Control>,
    /// What it handed over and no tick has taken.
    pub(super) queue: VecDeque<QueuedRows>,
    /// Set once the source was reached: where it ended then, if it ends.
    pub(super) opened: Option<Option<Positions>>,
    /// Positions after the last sealed tick.
    pub(super) sealed: Positions,
    /// Positions after the last committed tick.
    pub(super) committed: Positions,
    /// The last tick that took something of it.
    pub(super) last_tick: u64,
    ended: bool,
    failed: Option<ReaderFailure>,
}

impl Drop for ReaderState {
    /// However it is let go, the thread ends.
    fn drop(&mut self) {
        self.control.stop();
    }
}

/// Why a reader failed.
#[derive(Debug, Clone)]
struct ReaderFailure {
    error: Error,
    /// Whether those who read the stream fail with it.
    fails_readers: bool,
}

/// Rows that wait for a tick.
pub(super) struct QueuedRows {
    pub(super) rows: RecordBatch,
    pub(super) bytes: usize,
    pub(super) partition: i32,
    pub(super) next: i64,
}

impl ReaderState {
    /// Whether it has ended, one way or the other, and all that it read is committed.
    pub(super) fn is_finished(&self, committed: u64) -> bool {
        (self.ended || self.failed.is_some()) && self.queue.is_empty() && self.last_tick <= committed
    }

    /// Whether everything before `ends` is committed, or nothing more will come.
    pub(super) fn has_reached(&self, ends: &Positions, committed: u64) -> bool {
        let reached = |(partition, end): (&i32, &i64)| {
            *end <= 0 || self.committed.get(partition).is_some_and(|position| position >= end)
        };
        self.is_finished(committed) || (self.opened.is_some() && ends.iter().all(reached))
    }

    /// Whether it still reads.
    pub(super) fn is_active(&self) -> bool {
        !self.ended && self.failed.is_none()
    }
}

impl Coordinator {
    /// Makes `dataflow` a reader of `stream`. If others read it already, a catch-up reads what came before the shared position.
    pub(super) fn attach(&mut self, stream: RelationId, dataflow: RelationId, waits: &mut Vec<Wait>) -> Result<()> {
        let shared = self.streams.get(&stream).and_then(|stream| stream.reader);
        let Some((shared, state)) = shared.and_then(|id| self.readers.get(&id).map(|state| (id, state))) else {
            let reader = self.start_reader(stream, None, None, false)?;
            waits.push(Wait::End { reader, opened: reader });
            return Ok(());
        };
        let is_final = |failure: &&ReaderFailure| {
            failure.fails_readers || failure.error.code == code::OBJECT_NOT_IN_PREREQUISITE_STATE
        };
        if let Some(failure) = state.failed.as_ref().filter(is_final) {
            return Err(failure.error.clone());
        }
        if state.opened.is_none() && state.failed.is_none() {
            waits.push(Wait::End { reader: shared, opened: shared });
            return Ok(());
        }
        let (until, is_hopeless) = (state.sealed.clone(), state.failed.is_some());
        let catch_up = self.start_reader(stream, Some(dataflow), Some(until), is_hopeless)?;
        waits.push(Wait::CatchUp(catch_up));
        waits.push(Wait::End { reader: shared, opened: catch_up });
        Ok(())
    }

    fn start_reader(
        &mut self,
        stream: RelationId,
        only: Option<RelationId>,
        until: Option<Positions>,
        is_hopeless: bool,
    ) -> Result<ReaderId> {
        let id = ReaderId(self.number());
        let Some(state) = self.streams.get_mut(&stream) else {
            return Err(Error::new(code::UNDEFINED_TABLE, format!("stream with OID {} does not exist", stream.0)));
        };
        if only.is_none() {
            state.reader = Some(id);
            self.status.begin_stream(stream, &state.spec.name, state.spec.source.connector(), Some(id));
        }
        let control = Arc::new(Control::default());
        let task = ReaderTask {
            id,
            spec: state.spec.clone(),
            options: state.options,
            until,
            is_hopeless,
            control: Arc::clone(&control),
            share: Arc::clone(&self.reader_share),
            status: Arc::clone(&self.status),
            events: self.sender.clone(),
            clock: self.clock.clone(),
            alive: self.alive.0.clone(),
        };
        self.readers.insert(
            id,
            ReaderState {
                stream,
                only,
                control,
                queue: VecDeque::new(),
                opened: None,
                sealed: Positions::new(),
                committed: Positions::new(),
                last_tick: 0,
                ended: false,
                failed: None,
            },
        );
        self.share_out();
        task.spawn();
        Ok(id)
    }

    /// What a reader thread has to say; one that was let go has no say any more.
    pub(super) fn reader_message(&mut self, id: ReaderId, message: ReaderMessage) {
        let Some(reader) = self.readers.get_mut(&id) else { return };
        match message {
            ReaderMessage::Opened { start, end } => {
                reader.sealed = start.clone();
                reader.committed = start;
                reader.opened = Some(end);
            }
            ReaderMessage::Rows { rows, bytes, partition, next } => {
                reader.queue.push_back(QueuedRows { rows, bytes, partition, next });
                self.queue(bytes);
            }
            ReaderMessage::End => reader.ended = true,
            ReaderMessage::Failed { error, fails_readers } => {
                reader.failed = Some(ReaderFailure { error: error.clone(), fails_readers });
                let (stream, only) = (reader.stream, reader.only);
                tracing::error!("reading a stream ended: {error}");
                match only {
                    Some(dataflow) => self.fail_dataflow(dataflow, error.message),
                    None if fails_readers => self.fail_readers_of(stream, &error.message),
                    None => {}
                }
            }
        }
    }

    /// Lets go of readers that nobody needs any more. A shared reader that failed is kept for as long as dataflows that failed with it
    /// are there: new ones get its error too.
    pub(super) fn release_readers(&mut self) {
        let useless: Vec<ReaderId> = self
            .readers
            .iter()
            .filter(|(_, reader)| !self.needs_reader(reader.stream, reader.only))
            .filter(|(_, reader)| reader.failed.is_none() || reader.only.is_some() || !self.is_read(reader.stream))
            .map(|(id, _)| *id)
            .collect();
        for id in useless {
            let Some(reader) = self.readers.remove(&id) else { continue };
            let queued: usize = reader.queue.iter().map(|batch| batch.bytes).sum();
            self.queued_bytes = self.queued_bytes.saturating_sub(queued);
            if reader.only.is_none() {
                self.status.end_stream(reader.stream);
                if let Some(stream) = self.streams.get_mut(&reader.stream) {
                    stream.reader = None;
                }
            }
        }
        self.share_out();
    }

    /// Divides what may wait for ticks among the readers.
    fn share_out(&self) {
        let share = 2 * self.options.tick_bytes_max / self.readers.len().max(1);
        self.reader_share.store(share, Ordering::Relaxed);
    }
}

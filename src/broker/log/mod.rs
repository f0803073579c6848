//! The log of one partition: record batches, kept as they came, in the order of their offsets.

mod producer;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::ResponseError;
use tokio::sync::Notify;

use super::batch::{self, Header, PREFIX_BYTES};

pub(super) use self::producer::{Producer, Producers};

/// What a batch costs beside its bytes: its entry, and the bookkeeping of the shared buffer.
const BATCH_OVERHEAD_BYTES: usize = 112;

/// A moment on both clocks: the one for durations, and the one for records.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// Monotonic.
    pub(super) instant: Instant,
    /// Milliseconds since 1970.
    pub(super) millis: i64,
}

/// A batch in the log.
#[derive(Debug)]
pub(super) struct Batch {
    /// Offset of its first record.
    pub(super) base: i64,
    /// Offset of its last record.
    pub(super) last: i64,
    /// The greatest timestamp of its records; -1 for a control batch, which has none that counts.
    pub(super) max_timestamp: i64,
    /// The greatest timestamp of the log up to here, so that timestamps can be looked up by bisection.
    max_timestamp_so_far: i64,
    appended: Instant,
    /// Its bytes after the first [`PREFIX_BYTES`].
    pub(super) body: Bytes,
}

impl Batch {
    /// Bytes on the wire.
    pub(super) fn size(&self) -> usize {
        PREFIX_BYTES + self.body.len()
    }

    fn memory(&self) -> usize {
        self.size() + BATCH_OVERHEAD_BYTES
    }
}

/// A transaction that was aborted: read_committed readers skip its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Aborted {
    pub(super) producer_id: i64,
    /// Offset of its first record.
    pub(super) first: i64,
    /// Offset of the control record that ends it.
    pub(super) last: i64,
}

/// The log of one partition.
#[derive(Debug, Default)]
pub(super) struct Log {
    batches: VecDeque<Batch>,
    start: i64,
    end: i64,
    memory: usize,
    producers: Producers,
    /// First offset of each open transaction, by producer.
    open: BTreeMap<i64, i64>,
    /// In the order of `last`.
    aborted: VecDeque<Aborted>,
    /// Readers that wait for more records. A reader that has gone away leaves a dead entry, which the next reader removes.
    waiting: Vec<Weak<Notify>>,
}

impl Log {
    /// The first offset that can be read.
    pub(super) fn start(&self) -> i64 {
        self.start
    }

    /// The offset that the next record gets; also the high watermark, for there are no followers.
    pub(super) fn end(&self) -> i64 {
        self.end
    }

    /// The last stable offset: no open transaction has written below it.
    pub(super) fn stable_end(&self) -> i64 {
        self.open.values().copied().min().unwrap_or(self.end)
    }

    /// Bytes of memory that the records take.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }

    /// Bytes of the records on the wire.
    pub(super) fn size(&self) -> usize {
        self.memory - self.batches.len() * BATCH_OVERHEAD_BYTES
    }

    /// Appends a producer's batch and returns its base offset: that of the first time if the producer sends it again.
    ///
    /// # Errors
    /// Those of an idempotent producer's sequence and epoch: 45, 46, 47.
    pub(super) fn append(&mut self, header: &Header, body: Bytes, now: Moment) -> Result<i64, ResponseError> {
        let base = self.end;
        if header.producer_id >= 0 {
            if let Some(earlier) = self.producers.admit(header, base, now)? {
                return Ok(earlier);
            }
            if header.is_transactional() {
                self.open.entry(header.producer_id).or_insert(base);
            }
        }
        self.push(body, header.last_offset_delta, header.max_timestamp, now);
        Ok(base)
    }

    /// Ends the transaction of a producer with a control record. Nothing happens if it wrote nothing here.
    pub(super) fn end_transaction(&mut self, producer_id: i64, epoch: i16, commit: bool, now: Moment) {
        self.producers.end_transaction(producer_id, epoch, now);
        let Some(first) = self.open.remove(&producer_id) else { return };
        let marker = self.end;
        self.push(batch::marker(producer_id, epoch, commit, now.millis), 0, -1, now);
        if !commit {
            self.aborted.push_back(Aborted { producer_id, first, last: marker });
        }
    }

    /// The batches from the one that holds `offset` on.
    pub(super) fn read(&self, offset: i64) -> impl Iterator<Item = &Batch> {
        let first = self.batches.partition_point(|batch| batch.last < offset);
        self.batches.range(first..)
    }

    /// The aborted transactions that touch the offsets from `first` to `last`.
    pub(super) fn aborted(&self, first: i64, last: i64) -> impl Iterator<Item = &Aborted> {
        let from = self.aborted.partition_point(|aborted| aborted.last < first);
        self.aborted.range(from..).filter(move |aborted| aborted.first <= last)
    }

    /// The first batch with a record whose timestamp is at least `timestamp`.
    pub(super) fn find_timestamp(&self, timestamp: i64) -> Option<&Batch> {
        let first = self.batches.partition_point(|batch| batch.max_timestamp_so_far < timestamp);
        // The greatest timestamp so far may have come from a batch that was dropped since.
        self.batches.range(first..).find(|batch| batch.max_timestamp >= timestamp)
    }

    /// The first batch with the greatest timestamp of the log; `None` if it holds no records.
    pub(super) fn find_max_timestamp(&self) -> Option<&Batch> {
        let greatest = self.batches.iter().map(|batch| batch.max_timestamp).max().filter(|greatest| *greatest >= 0)?;
        self.batches.iter().find(|batch| batch.max_timestamp == greatest)
    }

    /// Forgets the records before `offset`, which is at most the end.
    pub(super) fn delete_before(&mut self, offset: i64) {
        self.start = self.start.max(offset.min(self.end));
        while self.batches.front().is_some_and(|batch| batch.last < self.start) {
            self.drop_first();
        }
    }

    /// Drops the oldest batches as long as at least `bytes` remain without them.
    pub(super) fn retain_bytes(&mut self, bytes: usize) {
        while self.batches.front().is_some_and(|batch| self.size() - batch.size() >= bytes) {
            self.drop_first();
        }
    }

    /// Drops the batches that were appended more than `age` ago.
    pub(super) fn retain_age(&mut self, age: Duration, now: Instant) {
        while self.batches.front().is_some_and(|batch| now.saturating_duration_since(batch.appended) > age) {
            self.drop_first();
        }
    }

    /// Drops the oldest batch unless it is the only one. Returns the memory that this frees.
    pub(super) fn shed(&mut self) -> usize {
        let before = self.memory;
        if self.batches.len() > 1 {
            self.drop_first();
        }
        before - self.memory
    }

    /// Forgets producers that wrote nothing for a day, as Apache Kafka does by default.
    pub(super) fn expire_producers(&mut self, now: Instant) {
        let open = &self.open;
        self.producers.expire(now, |producer_id| open.contains_key(&producer_id));
    }

    /// The producers that the log remembers, with the first offset of an open transaction.
    pub(super) fn producers(&self) -> impl Iterator<Item = (i64, &Producer, Option<i64>)> {
        self.producers.iter().map(|(id, producer)| (id, producer, self.open.get(&id).copied()))
    }

    /// Wakes `reader` at the next change, once.
    pub(super) fn wake_on_change(&mut self, reader: &Arc<Notify>) {
        self.waiting.retain(|known| known.strong_count() > 0 && !std::ptr::eq(known.as_ptr(), Arc::as_ptr(reader)));
        self.waiting.push(Arc::downgrade(reader));
    }

    /// Wakes the readers that wait.
    pub(super) fn wake(&mut self) {
        for reader in self.waiting.drain(..).filter_map(|reader| reader.upgrade()) {
            reader.notify_one();
        }
    }

    fn push(&mut self, body: Bytes, last_offset_delta: i32, max_timestamp: i64, now: Moment) {
        let before = self.batches.back().map_or(-1, |batch| batch.max_timestamp_so_far);
        let batch = Batch {
            base: self.end,
            last: self.end + i64::from(last_offset_delta),
            max_timestamp,
            max_timestamp_so_far: before.max(max_timestamp),
            appended: now.instant,
            body,
        };
        self.end = batch.last + 1;
        self.memory += batch.memory();
        self.batches.push_back(batch);
        self.wake();
    }

    fn drop_first(&mut self) {
        let Some(batch) = self.batches.pop_front() else { return };
        self.memory -= batch.memory();
        self.start = self.start.max(batch.last + 1);
        while self.aborted.front().is_some_and(|aborted| aborted.last < self.start) {
            self.aborted.pop_front();
        }
    }
}

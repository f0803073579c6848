//! What the system relations show: sources, rejected records, row errors, counters. Written by the runtime's threads, read by anyone.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::event::ReaderId;
use super::rejected::RejectedRecords;
use super::{RejectedRow, SourceStatus, Statistics};
use crate::catalog::RelationId;
use crate::connector::{Positions, ReaderStatus};
use crate::flow::RowError;
use crate::format::Rejected;

/// Bytes of row errors that are kept per dataflow; more are only counted.
const ROW_ERROR_BYTES_MAX: usize = 16 << 20;
/// Changes of row errors that are remembered, so that a read of an earlier tick can take them back.
const ROW_ERROR_CHANGES_MAX: usize = 100_000;

/// All of it.
#[derive(Debug)]
pub(super) struct Status {
    streams: Mutex<BTreeMap<RelationId, StreamStatus>>,
    rejected: Mutex<RejectedRecords>,
    row_errors: Mutex<AllRowErrors>,
    /// Rows that the operators of each dataflow hold.
    state_rows: Mutex<BTreeMap<RelationId, Arc<AtomicU64>>>,
    tick: AtomicU64,
    rows_in: AtomicU64,
    dataflows: AtomicUsize,
}

/// One stream.
#[derive(Debug)]
pub(super) struct StreamStatus {
    name: String,
    connector: &'static str,
    /// The reader whose state this is: one that was stopped has no say any more.
    reader: Option<ReaderId>,
    pub(super) state: String,
    partitions: BTreeMap<i32, PartitionStatus>,
    /// Rows of all partitions, when the stream is read no more.
    read_before: u64,
    pub(super) rejected: u64,
    pub(super) last_error: Option<String>,
    pub(super) last_error_at: Option<i64>,
}

#[derive(Debug, Default)]
struct PartitionStatus {
    position: Option<i64>,
    end: Option<i64>,
    rows: u64,
}

impl StreamStatus {
    fn new(name: String, connector: &'static str, reader: Option<ReaderId>) -> StreamStatus {
        StreamStatus {
            name,
            connector,
            reader,
            state: if reader.is_some() { "starting" } else { "idle" }.to_string(),
            partitions: BTreeMap::new(),
            read_before: 0,
            rejected: 0,
            last_error: None,
            last_error_at: None,
        }
    }

    /// What ticks will take next.
    pub(super) fn set_positions(&mut self, positions: &Positions) {
        for (partition, position) in positions {
            let status = self.partitions.entry(*partition).or_default();
            status.position = Some(*position);
            status.end = status.end.map(|end| end.max(*position));
        }
    }

    /// Rows that were read of a partition.
    pub(super) fn add_rows(&mut self, partition: i32, rows: u64) {
        self.partitions.entry(partition).or_default().rows += rows;
    }

    /// Where the partitions end.
    pub(super) fn set_ends(&mut self, ends: &Positions) {
        for (partition, end) in ends {
            self.partitions.entry(*partition).or_default().end = Some(*end);
        }
    }

    /// The reader found nothing more: what was taken is all there is.
    pub(super) fn caught_up(&mut self) {
        for partition in self.partitions.values_mut() {
            partition.end = partition.end.max(partition.position);
        }
    }

    /// What the connector tells.
    pub(super) fn set_reader(&mut self, status: &ReaderStatus) {
        self.state = status.state.to_string();
        if status.last_error.is_some() {
            self.last_error.clone_from(&status.last_error);
            self.last_error_at = status.last_error_at;
        }
    }

    fn rows(&self) -> Vec<SourceStatus> {
        let row = |partition: Option<(&i32, &PartitionStatus)>| SourceStatus {
            name: self.name.clone(),
            connector: self.connector,
            state: self.state.clone(),
            partition: partition.map(|(partition, _)| *partition),
            position: partition.and_then(|(_, status)| status.position),
            end: partition.and_then(|(_, status)| status.end),
            rows: partition.map_or(self.read_before, |(_, status)| status.rows),
            rejected: self.rejected,
            last_error: self.last_error.clone(),
            last_error_at: self.last_error_at,
        };
        if self.partitions.is_empty() {
            return vec![row(None)];
        }
        self.partitions.iter().map(|partition| row(Some(partition))).collect()
    }
}

/// Row errors of all dataflows, and what the last ticks changed.
#[derive(Debug, Default)]
struct AllRowErrors {
    now: BTreeMap<RelationId, RowErrors>,
    changes: VecDeque<(u64, RelationId, RowError)>,
}

/// Row errors of one dataflow with the sum of their weights.
#[derive(Debug, Clone)]
struct RowErrors {
    name: String,
    sums: HashMap<RowError, i64>,
    bytes: usize,
    /// Sum of the weights of errors for which there was no room.
    not_kept: i64,
    /// Sum of the weights of all.
    count: i64,
}

impl RowErrors {
    fn add(&mut self, mut error: RowError) {
        // The weight is not part of an error's identity.
        let weight = std::mem::replace(&mut error.weight, 0);
        self.count += weight;
        let bytes = error.expression.len() + error.reason.len() + error.row.len() + size_of::<RowError>();
        if let Some(sum) = self.sums.get_mut(&error) {
            *sum += weight;
            if *sum == 0 {
                self.sums.remove(&error);
                self.bytes -= bytes;
            }
        } else if self.bytes + bytes > ROW_ERROR_BYTES_MAX || (weight < 0 && self.not_kept > 0) {
            self.not_kept += weight;
        } else if weight != 0 {
            self.bytes += bytes;
            self.sums.insert(error, weight);
        }
    }

    fn rows(&self) -> Vec<(String, RowError)> {
        let row = |error: RowError| (self.name.clone(), error);
        let kept = self.sums.iter().map(|(error, sum)| row(RowError { weight: *sum, ..error.clone() }));
        let not_kept = (self.not_kept != 0).then(|| {
            row(RowError {
                expression: String::new(),
                code: crate::error::code::CONFIGURATION_LIMIT_EXCEEDED,
                reason: "more errors than are kept".to_string(),
                row: "{}".to_string(),
                weight: self.not_kept,
            })
        });
        kept.chain(not_kept).collect()
    }
}

impl Status {
    /// Nothing yet; rejected records may take `rejected_bytes_max`.
    pub(super) fn new(rejected_bytes_max: usize) -> Status {
        Status {
            streams: Mutex::default(),
            rejected: Mutex::new(RejectedRecords::new(rejected_bytes_max)),
            row_errors: Mutex::default(),
            state_rows: Mutex::default(),
            tick: AtomicU64::new(0),
            rows_in: AtomicU64::new(0),
            dataflows: AtomicUsize::new(0),
        }
    }

    /// A stream is known, and read by nobody or from now on by `reader`.
    pub(super) fn begin_stream(&self, id: RelationId, name: &str, connector: &'static str, reader: Option<ReaderId>) {
        lock(&self.streams).insert(id, StreamStatus::new(name.to_string(), connector, reader));
    }

    /// A stream is read no more: its counters stay, its positions belong to nobody.
    pub(super) fn end_stream(&self, id: RelationId) {
        if let Some(stream) = lock(&self.streams).get_mut(&id) {
            stream.reader = None;
            stream.state = "idle".to_string();
            stream.read_before = stream.partitions.values().map(|partition| partition.rows).sum();
            stream.partitions.clear();
        }
    }

    /// A stream is gone.
    pub(super) fn remove_stream(&self, id: RelationId) {
        let mut streams = lock(&self.streams);
        streams.remove(&id);
        lock(&self.rejected).forget(id);
    }

    /// Changes a stream's status on behalf of `reader`, if that still reads it.
    pub(super) fn update_stream(&self, id: RelationId, reader: ReaderId, change: impl FnOnce(&mut StreamStatus)) {
        if let Some(stream) = lock(&self.streams).get_mut(&id).filter(|stream| stream.reader == Some(reader)) {
            change(stream);
        }
    }

    /// Keeps rejected records of a stream that is there, each once; the oldest make room.
    pub(super) fn store_rejected(&self, id: RelationId, stream: &str, records: Vec<Rejected>) {
        let streams = lock(&self.streams);
        if streams.contains_key(&id) {
            let mut rejected = lock(&self.rejected);
            records.into_iter().for_each(|record| rejected.push(id, stream, record));
        }
    }

    /// Adds errors of a tick that is about to be committed.
    pub(super) fn add_row_errors(&self, tick: u64, id: RelationId, dataflow: &str, errors: Vec<RowError>) {
        if errors.is_empty() {
            return;
        }
        let mut row_errors = lock(&self.row_errors);
        let AllRowErrors { now, changes } = &mut *row_errors;
        changes.extend(errors.iter().map(|error| (tick, id, error.clone())));
        let old = changes.len().saturating_sub(ROW_ERROR_CHANGES_MAX);
        changes.drain(..old);
        let dataflow = now.entry(id).or_insert_with(|| RowErrors {
            name: dataflow.to_string(),
            sums: HashMap::new(),
            bytes: 0,
            not_kept: 0,
            count: 0,
        });
        for error in errors {
            dataflow.add(error);
        }
    }

    /// How many rows a dataflow leaves out because an expression fails for them.
    pub(super) fn row_error_count(&self, id: RelationId) -> i64 {
        lock(&self.row_errors).now.get(&id).map_or(0, |errors| errors.count)
    }

    /// A dataflow is gone or failed.
    pub(super) fn forget_row_errors(&self, id: RelationId) {
        let mut row_errors = lock(&self.row_errors);
        row_errors.now.remove(&id);
        row_errors.changes.retain(|(_, of, _)| *of != id);
    }

    /// A dataflow is built; answers where its fragments count the rows that they hold.
    pub(super) fn begin_dataflow(&self, id: RelationId) -> Arc<AtomicU64> {
        Arc::clone(lock(&self.state_rows).entry(id).or_default())
    }

    /// A dataflow is gone.
    pub(super) fn end_dataflow(&self, id: RelationId) {
        lock(&self.state_rows).remove(&id);
    }

    /// Rows that the operators of a dataflow hold; `None` for one that is not built.
    pub(super) fn state_rows(&self, id: RelationId) -> Option<u64> {
        lock(&self.state_rows).get(&id).map(|rows| rows.load(Ordering::Relaxed))
    }

    pub(super) fn set_tick(&self, tick: u64) {
        self.tick.store(tick, Ordering::Relaxed);
    }

    pub(super) fn add_rows_in(&self, rows: u64) {
        self.rows_in.fetch_add(rows, Ordering::Relaxed);
    }

    pub(super) fn set_dataflows(&self, dataflows: usize) {
        self.dataflows.store(dataflows, Ordering::Relaxed);
    }

    pub(super) fn sources(&self) -> Vec<SourceStatus> {
        lock(&self.streams).values().flat_map(StreamStatus::rows).collect()
    }

    pub(super) fn rejected(&self) -> Vec<RejectedRow> {
        lock(&self.rejected).rows()
    }

    /// As of a tick that was committed lately.
    pub(super) fn row_errors(&self, tick: u64) -> Vec<(String, RowError)> {
        let row_errors = lock(&self.row_errors);
        let later = row_errors.changes.iter().rev().take_while(|(changed, ..)| *changed > tick);
        let mut taken_back: BTreeMap<RelationId, RowErrors> = BTreeMap::new();
        for (_, id, error) in later {
            if let Some(now) = row_errors.now.get(id) {
                let then = taken_back.entry(*id).or_insert_with(|| now.clone());
                then.add(RowError { weight: -error.weight, ..error.clone() });
            }
        }
        let of_tick = |(id, now)| taken_back.get(id).unwrap_or(now);
        row_errors.now.iter().map(of_tick).flat_map(RowErrors::rows).collect()
    }

    pub(super) fn statistics(&self) -> Statistics {
        Statistics {
            tick: self.tick.load(Ordering::Relaxed),
            rows_in: self.rows_in.load(Ordering::Relaxed),
            dataflows: self.dataflows.load(Ordering::Relaxed),
        }
    }
}

// What a panicking thread left half changed is a counter or a status at worst.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_errors_are_of_the_tick_that_is_asked_for() {
        let status = Status::new(0);
        let error = |row: &str, weight| RowError {
            expression: "1 / x".to_string(),
            code: crate::error::code::DIVISION_BY_ZERO,
            reason: "division by zero".to_string(),
            row: row.to_string(),
            weight,
        };
        let view = RelationId(9);
        status.add_row_errors(1, view, "v", vec![error("a", 1), error("b", 2)]);
        status.add_row_errors(2, view, "v", vec![error("a", -1), error("c", 1)]);
        status.add_row_errors(4, view, "v", vec![error("b", -1)]);
        let at = |tick| {
            let mut rows: Vec<_> =
                status.row_errors(tick).into_iter().map(|(_, error)| (error.row, error.weight)).collect();
            rows.sort();
            rows
        };
        let of = |rows: &[(&str, i64)]| rows.iter().map(|(row, weight)| (row.to_string(), *weight)).collect::<Vec<_>>();
        assert_eq!(at(0), of(&[]));
        assert_eq!(at(1), of(&[("a", 1), ("b", 2)]));
        assert_eq!(at(3), of(&[("b", 2), ("c", 1)]));
        assert_eq!(at(4), of(&[("b", 1), ("c", 1)]));
        status.forget_row_errors(view);
        assert_eq!(at(1), of(&[]));
    }
}

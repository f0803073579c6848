//! What reads of streams left out of their rows.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::format::Rejected;

/// What one statement's reads of streams left out, by stream. Written by the reading threads, taken by the statement's session.
#[derive(Debug, Default)]
pub struct LeftOut {
    streams: Mutex<BTreeMap<String, Stream>>,
}

/// What was left out of one stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Omission {
    /// Records that cannot be decoded.
    pub rejected: u64,
    /// Whether those are rows of `tidewater.rejected_records`.
    pub kept: bool,
    /// Records that the origin deleted while the stream was read.
    pub deleted: u64,
}

#[derive(Debug, Default)]
struct Stream {
    /// Since the last time that it was taken.
    omission: Omission,
    /// The last rejected record of each partition: a statement may read a stream more than once.
    last: BTreeMap<i32, i64>,
    /// The most that one read found deleted.
    deleted: u64,
}

impl LeftOut {
    /// A read of `stream` found records that cannot be decoded, in the order of their offsets.
    pub fn add_rejected(&self, stream: &str, records: &[(i32, i64)], kept: bool) {
        self.change(stream, |stream| {
            for (partition, offset) in records {
                let last = stream.last.entry(*partition).or_insert(i64::MIN);
                stream.omission.rejected += u64::from(offset > last);
                *last = (*last).max(*offset);
            }
            stream.omission.kept = kept;
        });
    }

    /// A read of `stream` has found so many records deleted so far.
    pub fn set_deleted(&self, stream: &str, records: u64) {
        self.change(stream, |stream| {
            stream.omission.deleted += records.saturating_sub(stream.deleted);
            stream.deleted = stream.deleted.max(records);
        });
    }

    /// What was left out since the last call, of the streams where it was anything.
    pub fn take(&self) -> Vec<(String, Omission)> {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = streams.iter_mut().map(|(name, stream)| (name.clone(), std::mem::take(&mut stream.omission)));
        taken.filter(|(_, omission)| omission.rejected + omission.deleted > 0).collect()
    }

    fn change(&self, stream: &str, change: impl FnOnce(&mut Stream)) {
        // Counters only: a thread that panicked left them usable.
        change(self.streams.lock().unwrap_or_else(PoisonError::into_inner).entry(stream.to_string()).or_default());
    }
}

/// The places of records.
pub(super) fn places(records: &[Rejected]) -> Vec<(i32, i64)> {
    records.iter().map(|record| (record.partition, record.offset)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_once_however_often_a_statement_reads_it() {
        let left_out = LeftOut::default();
        left_out.add_rejected("s", &[(0, 3), (1, 3), (0, 7)], true);
        left_out.add_rejected("s", &[(0, 3)], true);
        left_out.set_deleted("s", 5);
        left_out.set_deleted("s", 2);
        left_out.set_deleted("t", 0);
        assert_eq!(left_out.take(), [("s".to_string(), Omission { rejected: 3, kept: true, deleted: 5 })]);
        left_out.add_rejected("s", &[(0, 7), (0, 8)], false);
        assert_eq!(left_out.take(), [("s".to_string(), Omission { rejected: 1, kept: false, deleted: 0 })]);
        assert_eq!(left_out.take(), []);
    }
}

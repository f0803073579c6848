//! Records that could not be decoded, each once however often its stream is read.

use std::collections::{HashMap, VecDeque};

use super::RejectedRow;
use crate::catalog::RelationId;
use crate::format::Rejected;

/// A record's place: stream, partition, offset. A stream never reads on in another topic of the same name.
type Place = (RelationId, i32, i64);

/// The rejected records that were found last, bounded by bytes.
#[derive(Debug)]
pub(super) struct RejectedRecords {
    bytes_max: usize,
    bytes: usize,
    rows: HashMap<Place, RejectedRow>,
    /// The keys of `rows` in the order in which they were found.
    order: VecDeque<Place>,
}

impl RejectedRecords {
    pub(super) fn new(bytes_max: usize) -> RejectedRecords {
        RejectedRecords { bytes_max, bytes: 0, rows: HashMap::new(), order: VecDeque::new() }
    }

    /// Keeps a record; the oldest make room. One that is known takes the place of what was known of it: a file may have changed.
    pub(super) fn push(&mut self, id: RelationId, stream: &str, record: Rejected) {
        let place = (id, record.partition, record.offset);
        let row = RejectedRow { stream: stream.to_string(), record };
        self.bytes += bytes_of(&row);
        match self.rows.insert(place, row) {
            Some(before) => self.bytes -= bytes_of(&before),
            None => self.order.push_back(place),
        }
        while self.bytes > self.bytes_max && self.order.len() > 1 {
            let oldest = self.order.pop_front().and_then(|place| self.rows.remove(&place));
            self.bytes -= oldest.as_ref().map_or(0, bytes_of);
        }
    }

    /// A stream is gone.
    pub(super) fn forget(&mut self, stream: RelationId) {
        self.order.retain(|(id, ..)| *id != stream);
        self.rows.retain(|(id, ..), _| *id != stream);
        self.bytes = self.rows.values().map(bytes_of).sum();
    }

    pub(super) fn rows(&self) -> Vec<RejectedRow> {
        self.order.iter().filter_map(|place| self.rows.get(place)).cloned().collect()
    }
}

fn bytes_of(row: &RejectedRow) -> usize {
    let record = &row.record;
    let raw = record.key.as_ref().map_or(0, Vec::len) + record.payload.as_ref().map_or(0, Vec::len);
    raw + record.reason.len() + record.topic.len() + size_of::<RejectedRow>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: i64, payload: &str) -> Rejected {
        Rejected {
            topic: "t".into(),
            partition: 0,
            offset,
            timestamp_ms: -1,
            key: None,
            payload: Some(payload.into()),
            reason: "broken".into(),
        }
    }

    #[test]
    fn a_record_is_kept_once_and_the_oldest_make_room() {
        let one = bytes_of(&RejectedRow { stream: String::new(), record: record(0, "xxxx") });
        let mut kept = RejectedRecords::new(3 * one);
        let places = |kept: &RejectedRecords| kept.rows().iter().map(|row| row.record.offset).collect::<Vec<_>>();
        for offset in [1, 2, 1, 3, 2] {
            kept.push(RelationId(7), "s", record(offset, "xxxx"));
        }
        assert_eq!(places(&kept), [1, 2, 3]);
        kept.push(RelationId(8), "other", record(1, "yyyy"));
        assert_eq!(places(&kept), [2, 3, 1]);
        kept.push(RelationId(7), "s", record(3, "zzzz"));
        assert_eq!(kept.rows()[1].record.payload.as_deref(), Some(b"zzzz".as_slice()));
        kept.forget(RelationId(7));
        assert_eq!((places(&kept), kept.bytes), (vec![1], one));
    }
}

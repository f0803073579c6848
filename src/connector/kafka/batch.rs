//! From librdkafka's messages to [`RawBatch`]es: grouped by partition, copied into one arena each, and only what lies between a
//! partition's position and its end.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::native::Message;
use crate::connector::{Positions, RawBatch, RawRecord, Read};

/// Where a reader stands in every partition, and what it has taken but not handed out yet.
pub(super) struct Progress {
    topic: Arc<str>,
    headers: bool,
    bounded: bool,
    partitions: BTreeMap<i32, Partition>,
    /// Taken in while it is not sure yet that the topic is still the one that is read.
    held: VecDeque<Read>,
    pending: VecDeque<Read>,
}

/// One partition's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Partition {
    /// The next offset that is wanted. What lies before it was handed out already.
    next: i64,
    /// The first offset that is not wanted any more.
    until: i64,
}

impl Partition {
    /// Whether the record at `offset` is wanted; moves the position behind it.
    fn admit(&mut self, offset: i64) -> bool {
        let wanted = (self.next..self.until).contains(&offset);
        self.next = self.next.max(offset.saturating_add(1)).min(self.until.max(self.next));
        wanted
    }

    fn is_finished(&self) -> bool {
        self.next >= self.until
    }
}

/// The records of one partition in a batch of messages.
struct Group {
    number: i32,
    partition: Partition,
    members: Vec<usize>,
    bytes: usize,
}

impl Progress {
    /// Nothing read yet. With `until`, only its partitions are ever wanted.
    pub(super) fn new(topic: &str, headers: bool, until: Option<&Positions>) -> Progress {
        let bounded = until.is_some();
        let partitions = until.into_iter().flatten();
        let partitions = partitions.map(|(number, until)| (*number, Partition { next: 0, until: *until })).collect();
        Progress { topic: topic.into(), headers, bounded, partitions, held: VecDeque::new(), pending: VecDeque::new() }
    }

    /// Sets a partition's first position; answers whether there is anything to read from it.
    pub(super) fn begin(&mut self, number: i32, next: i64) -> bool {
        if self.bounded && !self.partitions.contains_key(&number) {
            return false;
        }
        let partition = self.partitions.entry(number).or_insert(Partition { next, until: i64::MAX });
        partition.next = next;
        !partition.is_finished()
    }

    /// Whether the partition is known.
    pub(super) fn knows(&self, number: i32) -> bool {
        self.partitions.contains_key(&number)
    }

    /// All known partitions.
    pub(super) fn partitions(&self) -> Vec<i32> {
        self.partitions.keys().copied().collect()
    }

    /// The next offset that is wanted of each known partition.
    pub(super) fn positions(&self) -> Positions {
        self.partitions.iter().map(|(number, partition)| (*number, partition.next)).collect()
    }

    /// Whether the reader reads to an end rather than for ever.
    pub(super) fn is_bounded(&self) -> bool {
        self.bounded
    }

    /// Whether the partition was read to its end.
    pub(super) fn is_finished(&self, number: i32) -> bool {
        self.partitions.get(&number).is_some_and(Partition::is_finished)
    }

    /// Whether all was read and handed out.
    pub(super) fn is_over(&self) -> bool {
        self.bounded
            && self.held.is_empty()
            && self.pending.is_empty()
            && self.partitions.values().all(Partition::is_finished)
    }

    /// Takes in the records among `messages` (events are skipped). Answers the partitions they came from.
    pub(super) fn accept(&mut self, messages: &[Message<'_>]) -> Vec<i32> {
        let mut groups: Vec<Group> = Vec::new();
        let mut current = 0;
        for (index, message) in messages.iter().enumerate() {
            if message.error().is_some() {
                continue;
            }
            let number = message.partition();
            if groups.get(current).is_none_or(|group| group.number != number) {
                let Some(partition) = self.partitions.get(&number) else { continue };
                current = groups.iter().position(|group| group.number == number).unwrap_or_else(|| {
                    groups.push(Group { number, partition: *partition, members: Vec::new(), bytes: 0 });
                    groups.len() - 1
                });
            }
            let group = &mut groups[current];
            if group.partition.admit(message.offset()) {
                group.members.push(index);
                group.bytes += message.value().map_or(0, <[u8]>::len) + message.key().map_or(0, <[u8]>::len);
            }
        }
        for group in &groups {
            self.finish(group, messages);
        }
        groups.iter().map(|group| group.number).collect()
    }

    /// Notes that a partition has nothing before `next` (its end was reached): a position without a row, if it moved. Answers
    /// by how much.
    pub(super) fn reached(&mut self, number: i32, next: i64) -> u64 {
        let Some(partition) = self.partitions.get_mut(&number) else { return 0 };
        let next = next.min(partition.until);
        let passed = u64::try_from(next - partition.next).unwrap_or(0);
        if passed > 0 {
            partition.next = next;
            self.held.push_back(Read::Position { partition: number, next });
        }
        passed
    }

    /// How many reads are held back.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// Lets go of the first `count` reads that are held back.
    pub(super) fn release(&mut self, count: usize) {
        let count = count.min(self.held.len());
        self.pending.extend(self.held.drain(..count));
    }

    /// What to hand out next, at most `records_max` records of it.
    pub(super) fn take(&mut self, records_max: usize) -> Option<Read> {
        match self.pending.pop_front()? {
            Read::Records(mut batch) if batch.records.len() > records_max.max(1) => {
                let first = split_front(&mut batch, records_max.max(1));
                self.pending.push_front(Read::Records(batch));
                Some(Read::Records(first))
            }
            read => Some(read),
        }
    }

    fn finish(&mut self, group: &Group, messages: &[Message<'_>]) {
        let mut position = None;
        if let Some(last) = group.members.last() {
            position = Some(messages[*last].offset() + 1);
            self.held.push_back(Read::Records(self.copy(group, messages)));
        }
        // Behind the last wanted record only unwanted ones came: the end lies in a gap of the log.
        if group.partition.is_finished() && position != Some(group.partition.next) && !self.is_finished(group.number) {
            self.held.push_back(Read::Position { partition: group.number, next: group.partition.next });
        }
        self.partitions.insert(group.number, group.partition);
    }

    fn copy(&self, group: &Group, messages: &[Message<'_>]) -> RawBatch {
        let mut arena = Vec::with_capacity(group.bytes);
        let mut records = Vec::with_capacity(group.members.len());
        for index in &group.members {
            let message = &messages[*index];
            let mut put = |part: Option<&[u8]>| {
                let start = arena.len();
                part.map(|part| {
                    arena.extend_from_slice(part);
                    start..arena.len()
                })
            };
            records.push(RawRecord {
                key: put(message.key()),
                value: put(message.value()),
                offset: message.offset(),
                timestamp_ms: message.timestamp_ms(),
                headers: if self.headers { message.headers() } else { Vec::new() },
            });
        }
        RawBatch { topic: Arc::clone(&self.topic), partition: group.number, arena, records }
    }
}

/// Splits off the first `count` records with their bytes.
fn split_front(batch: &mut RawBatch, count: usize) -> RawBatch {
    let rest = batch.records.split_off(count);
    let records = std::mem::replace(&mut batch.records, rest);
    let mut first = RawBatch { topic: Arc::clone(&batch.topic), partition: batch.partition, ..RawBatch::default() };
    for mut record in records {
        for range in [&mut record.key, &mut record.value].into_iter().flatten() {
            let start = first.arena.len();
            first.arena.extend_from_slice(&batch.arena[range.clone()]);
            *range = start..first.arena.len();
        }
        first.records.push(record);
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_admitted_once_and_only_before_the_end() {
        let mut partition = Partition { next: 5, until: 8 };
        let admitted: Vec<i64> =
            [3, 4, 5, 5, 6, 4, 9, 7].into_iter().filter(|offset| partition.admit(*offset)).collect();
        assert_eq!(admitted, [5, 6]);
        assert_eq!(partition, Partition { next: 8, until: 8 });
        assert!(partition.is_finished());
    }

    #[test]
    fn an_end_in_a_gap_of_the_log_is_reached_by_position() {
        let mut progress = Progress::new("t", false, Some(&Positions::from([(0, 10), (1, 4)])));
        assert!(progress.begin(0, 7) && !progress.begin(1, 4) && !progress.begin(2, 0));
        assert!(!progress.is_over());
        progress.reached(0, 12);
        assert!(!progress.is_over() && progress.take(1).is_none(), "held back");
        progress.release(1);
        assert!(matches!(progress.take(1), Some(Read::Position { partition: 0, next: 10 })));
        assert!(progress.is_over() && progress.take(1).is_none());
    }

    #[test]
    fn a_batch_is_handed_out_in_parts_of_the_asked_size() {
        let mut progress = Progress::new("t", false, None);
        let record = |offset, key, value| RawRecord { key, value, offset, timestamp_ms: -1, headers: Vec::new() };
        let records = vec![
            record(0, Some(0..1), Some(1..3)),
            record(1, None, None),
            record(2, None, Some(3..3)),
            record(3, None, Some(3..5)),
        ];
        progress.pending.push_back(Read::Records(RawBatch {
            arena: b"kaabb".to_vec(),
            records,
            ..RawBatch::default()
        }));
        let mut values = Vec::new();
        while let Some(Read::Records(batch)) = progress.take(2) {
            assert!(batch.records.len() <= 2);
            for record in &batch.records {
                values.push((record.offset, record.value.clone().map(|range| batch.arena[range].to_vec())));
            }
        }
        assert_eq!(values, [(0, Some(b"aa".to_vec())), (1, None), (2, Some(Vec::new())), (3, Some(b"bb".to_vec()))]);
    }
}

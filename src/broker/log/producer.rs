//! What a partition remembers of idempotent producers, to recognise batches that are sent twice, lost or fenced.
//!
//! Rules of Apache Kafka's `ProducerAppendInfo` and `ProducerStateEntry`: the last five batches of a producer are remembered.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use kafka_protocol::ResponseError;

use super::{Header, Moment};

/// Batches of a producer that can be recognised: as many as it may have in flight.
const REMEMBERED_BATCHES: usize = 5;
/// `producer.id.expiration.ms` of Apache Kafka.
const EXPIRATION: Duration = Duration::from_secs(24 * 60 * 60);

/// The producers of a partition, by id.
#[derive(Debug, Default)]
pub(in crate::broker) struct Producers(HashMap<i64, Producer>);

/// One producer.
#[derive(Debug)]
pub(in crate::broker) struct Producer {
    pub(in crate::broker) epoch: i16,
    /// Timestamp of its last batch or control record, milliseconds since 1970.
    pub(in crate::broker) last_timestamp: i64,
    seen: Instant,
    /// Oldest first; only of this epoch.
    recent: VecDeque<Sent>,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    first_sequence: i32,
    last_sequence: i32,
    base: i64,
}

impl Producer {
    /// Sequence number of its last record, -1 if its epoch has none.
    pub(in crate::broker) fn last_sequence(&self) -> i32 {
        self.recent.back().map_or(-1, |sent| sent.last_sequence)
    }
}

impl Producers {
    /// Notes a batch that would get offset `base`; the base offset of the first time if the batch was there before.
    ///
    /// # Errors
    /// `INVALID_PRODUCER_EPOCH` (fenced), `OUT_OF_ORDER_SEQUENCE_NUMBER` (a batch is missing), `DUPLICATE_SEQUENCE_NUMBER` (it was
    /// there, too long ago to tell where).
    pub(super) fn admit(&mut self, header: &Header, base: i64, now: Moment) -> Result<Option<i64>, ResponseError> {
        let sent = Sent { first_sequence: header.base_sequence, last_sequence: header.last_sequence(), base };
        let new =
            Producer { epoch: header.producer_epoch, last_timestamp: 0, seen: now.instant, recent: VecDeque::new() };
        // An unknown producer may begin anywhere: its earlier records may have been deleted.
        let known = self.0.contains_key(&header.producer_id);
        let producer = self.0.entry(header.producer_id).or_insert(new);
        if header.producer_epoch < producer.epoch {
            return Err(ResponseError::InvalidProducerEpoch);
        }
        if header.producer_epoch > producer.epoch {
            if sent.first_sequence != 0 {
                return Err(ResponseError::OutOfOrderSequenceNumber);
            }
            producer.epoch = header.producer_epoch;
            producer.recent.clear();
        } else if known {
            let is_same = |earlier: &&Sent| {
                earlier.first_sequence == sent.first_sequence && earlier.last_sequence == sent.last_sequence
            };
            if let Some(earlier) = producer.recent.iter().find(is_same) {
                return Ok(Some(earlier.base));
            }
            let last = producer.last_sequence();
            if sent.first_sequence != last.wrapping_add(1) & i32::MAX {
                let before = producer.recent.front().is_some_and(|oldest| sent.last_sequence < oldest.first_sequence);
                return Err(if before {
                    ResponseError::DuplicateSequenceNumber
                } else {
                    ResponseError::OutOfOrderSequenceNumber
                });
            }
        }
        producer.recent.push_back(sent);
        if producer.recent.len() > REMEMBERED_BATCHES {
            producer.recent.pop_front();
        }
        producer.last_timestamp = header.max_timestamp;
        producer.seen = now.instant;
        Ok(None)
    }

    /// Notes the end of a transaction: a newer epoch fences the producer's older ones from now on.
    pub(super) fn end_transaction(&mut self, producer_id: i64, epoch: i16, now: Moment) {
        if let Some(producer) = self.0.get_mut(&producer_id) {
            producer.seen = now.instant;
            producer.last_timestamp = now.millis;
            if epoch > producer.epoch {
                producer.epoch = epoch;
                producer.recent.clear();
            }
        }
    }

    /// Forgets those that were silent for a day and of which `is_open` does not say that a transaction is open.
    pub(super) fn expire(&mut self, now: Instant, is_open: impl Fn(i64) -> bool) {
        self.0.retain(|id, producer| now.saturating_duration_since(producer.seen) < EXPIRATION || is_open(*id));
    }

    /// All of them, with their ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, &Producer)> {
        self.0.iter().map(|(id, producer)| (*id, producer))
    }
}

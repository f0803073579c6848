//! ListOffsets and OffsetForLeaderEpoch: where a partition begins and ends, and where a point in time lies.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult};
use kafka_protocol::messages::{
    ListOffsetsRequest, ListOffsetsResponse, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
};

use super::batch;
use super::log::Batch;
use super::protocol::{Call, LEADER_EPOCH};
use super::state::{Core, State};

/// The timestamps that ask for something else than a time.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;

/// Tells offsets: of the start, of the end, of the greatest timestamp, or of the first record at or after a timestamp.
pub(super) fn list(core: &Core, call: &Call, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let is_committed = request.isolation_level == 1;
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let index = partition.partition_index;
            let found = find(&core.lock(), &topic.name, index, partition.timestamp, is_committed);
            let response = ListOffsetsPartitionResponse::default()
                .with_partition_index(index)
                .with_timestamp(-1)
                .with_offset(-1)
                .with_leader_epoch(-1);
            // The lock is released: looking into a batch means to decompress it.
            match found.map(Found::resolve) {
                Err(error) => response.with_error_code(error.code()),
                Ok(None) => response,
                Ok(Some((timestamp, offset))) => response
                    .with_timestamp(timestamp)
                    .with_offset(offset)
                    .with_leader_epoch(if call.version >= 4 { LEADER_EPOCH } else { -1 }),
            }
        });
        let partitions = partitions.collect();
        ListOffsetsTopicResponse::default().with_name(topic.name).with_partitions(partitions)
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

/// Tells where the only leader epoch ends: at the end of the log.
pub(super) fn for_leader_epoch(
    core: &Core,
    _: &Call,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let state = core.lock();
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let response = EpochEndOffset::default().with_partition(partition.partition);
            match state.topics.log(&topic.topic, partition.partition) {
                Err(error) => response.with_error_code(error.code()).with_leader_epoch(-1).with_end_offset(-1),
                Ok(log) if partition.leader_epoch == LEADER_EPOCH => {
                    response.with_leader_epoch(LEADER_EPOCH).with_end_offset(log.end())
                }
                Ok(_) => response.with_leader_epoch(-1).with_end_offset(-1),
            }
        });
        let partitions = partitions.collect();
        OffsetForLeaderTopicResult::default().with_topic(topic.topic).with_partitions(partitions)
    });
    OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
}

/// What the log says; a timestamp is still to be looked for in its batch.
enum Found {
    Nothing,
    Offset(i64),
    Batch { base: i64, body: Bytes, timestamp: i64, max_timestamp: i64 },
}

impl Found {
    fn in_batch(batch: &Batch, timestamp: i64) -> Found {
        Found::Batch { base: batch.base, body: batch.body.clone(), timestamp, max_timestamp: batch.max_timestamp }
    }

    /// Timestamp (-1 if it was not asked for) and offset.
    fn resolve(self) -> Option<(i64, i64)> {
        match self {
            Found::Nothing => None,
            Found::Offset(offset) => Some((-1, offset)),
            // If the batch cannot be decoded, reading from its first record misses nothing.
            Found::Batch { base, body, timestamp, max_timestamp } => {
                batch::find_timestamp(base, &body, timestamp).or(Some((max_timestamp, base)))
            }
        }
    }
}

fn find(
    state: &State,
    topic: &str,
    partition: i32,
    timestamp: i64,
    is_committed: bool,
) -> Result<Found, ResponseError> {
    let log = state.topics.log(topic, partition)?;
    let end = if is_committed { log.stable_end() } else { log.end() };
    Ok(match timestamp {
        LATEST => Found::Offset(end),
        EARLIEST => Found::Offset(log.start()),
        MAX_TIMESTAMP => {
            log.find_max_timestamp().map_or(Found::Nothing, |batch| Found::in_batch(batch, batch.max_timestamp))
        }
        timestamp if timestamp < 0 => return Err(ResponseError::UnsupportedVersion),
        timestamp => log
            .find_timestamp(timestamp)
            .filter(|batch| batch.base < end)
            .map_or(Found::Nothing, |batch| Found::in_batch(batch, timestamp)),
    })
}

//! Produce: checks the header of each batch and appends it as it is.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};

use super::batch::{self, Header};
use super::log::Moment;
use super::protocol::{Call, Refusal, verdict};
use super::state::{Core, State};
use super::topic::Appended;
use super::transaction::Identity;

/// Appends the batches of a request that took `frame_bytes` on the wire. The outcome of each partition stands for itself.
pub(super) fn produce(core: &Core, _: &Call, request: ProduceRequest, frame_bytes: usize) -> ProduceResponse {
    let now = core.now();
    let transactional_id = request.transactional_id.as_ref().map(|id| id.as_str());
    let responses = request.topic_data.into_iter().map(|topic| {
        let partitions = topic.partition_data.into_iter().map(|partition| {
            let records = own(partition.records.unwrap_or_default(), frame_bytes);
            // Header and checksum are read before the lock is taken.
            let outcome = batch::split(records).and_then(|(header, body)| {
                append(&mut core.lock(), transactional_id, (&topic.name, partition.index), &header, body, now)
            });
            let (code, message) = verdict(&outcome);
            let response = PartitionProduceResponse::default()
                .with_index(partition.index)
                .with_error_code(code)
                .with_error_message(message);
            match outcome {
                Ok(appended) => response
                    .with_base_offset(appended.base)
                    .with_log_append_time_ms(appended.append_time)
                    .with_log_start_offset(appended.log_start),
                Err(_) => response.with_base_offset(-1).with_log_append_time_ms(-1),
            }
        });
        let partitions = partitions.collect();
        TopicProduceResponse::default().with_name(topic.name).with_partition_responses(partitions)
    });
    ProduceResponse::default().with_responses(responses.collect())
}

fn append(
    state: &mut State,
    transactional_id: Option<&str>,
    (topic, partition): (&str, i32),
    header: &Header,
    body: Bytes,
    now: Moment,
) -> Result<Appended, Refusal> {
    if header.is_transactional() {
        let producer = Identity { id: header.producer_id, epoch: header.producer_epoch };
        let id = transactional_id.filter(|_| producer.id >= 0).ok_or(ResponseError::InvalidTxnState)?;
        state.topics.log(topic, partition)?;
        state.transactions.check_write(id, producer, topic, partition)?;
    }
    state.topics.append(topic, partition, header, body, now)
}

/// Records that share the buffer of their request keep all of it alive: those that are the smaller part of it are copied out.
fn own(records: Bytes, frame_bytes: usize) -> Bytes {
    if records.len() * 2 < frame_bytes { Bytes::copy_from_slice(&records) } else { records }
}

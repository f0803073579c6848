//! Fetch: record batches from an offset on, shared with the log; waits until there are enough.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchRequest};
use kafka_protocol::messages::fetch_response::{AbortedTransaction, PartitionData};
use kafka_protocol::messages::{ProducerId, TopicName};
use kafka_protocol::protocol::Encodable;
use tokio::sync::Notify;

use crate::clock;

use super::batch;
use super::frame::Frame;
use super::protocol::Call;
use super::state::{Core, State};

/// The first version with compact strings and tagged fields.
const FLEXIBLE: i16 = 12;

/// Appends the body of the response to `frame`: at once if there is something to tell, else within the time that the client waits.
///
/// # Errors
/// If the response cannot be encoded, which is a mistake in this module.
pub(super) async fn fetch(core: &Core, call: &Call, request: FetchRequest, frame: &mut Frame) -> std::io::Result<()> {
    let deadline = clock::instant() + Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let reader = Arc::new(Notify::new());
    let answer = loop {
        let left = deadline.saturating_duration_since(clock::instant());
        let answer = collect(&mut core.lock(), &request, (!left.is_zero()).then_some(&reader));
        if answer.is_enough || left.is_zero() {
            break answer;
        }
        // Whether the time is up is seen when it is looked again.
        let _ = tokio::time::timeout(left, reader.notified()).await;
    };
    encode(&answer, call.version, frame)
}

/// The answer to a fetch, before it is encoded.
struct Answer {
    topics: Vec<(TopicName, Vec<Read>)>,
    is_enough: bool,
}

/// What was read of a partition.
struct Read {
    /// Everything but the records.
    head: PartitionData,
    /// Base offsets and bodies.
    batches: Vec<(i64, Bytes)>,
    bytes: usize,
}

/// Reads what there is. If that is not enough and there is a `reader`, it is woken when one of the partitions changes.
fn collect(state: &mut State, request: &FetchRequest, reader: Option<&Arc<Notify>>) -> Answer {
    let mut bytes = 0;
    let mut has_error = false;
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in &topic.partitions {
            let read = read(state, request, &topic.topic, partition, bytes);
            bytes += read.bytes;
            has_error |= read.head.error_code != 0;
            partitions.push(read);
        }
        topics.push((topic.topic.clone(), partitions));
    }
    let is_enough = has_error || bytes >= usize::try_from(request.min_bytes).unwrap_or(0);
    if let Some(reader) = reader.filter(|_| !is_enough) {
        for topic in &request.topics {
            for partition in &topic.partitions {
                state.topics.wake_on_change(&topic.topic, partition.partition, reader);
            }
        }
    }
    Answer { topics, is_enough }
}

/// Reads a partition, of which at least one batch is returned if nothing was read before, however large it is.
fn read(state: &State, request: &FetchRequest, topic: &str, partition: &FetchPartition, bytes_before: usize) -> Read {
    let is_committed = request.isolation_level == 1;
    let mut head = PartitionData::default()
        .with_partition_index(partition.partition)
        .with_high_watermark(-1)
        .with_last_stable_offset(-1)
        .with_aborted_transactions(is_committed.then(Vec::new))
        .with_records(Some(Bytes::new()));
    let log = match state.topics.log(topic, partition.partition) {
        Ok(log) => log,
        Err(error) => return Read { head: head.with_error_code(error.code()), batches: Vec::new(), bytes: 0 },
    };
    head.high_watermark = log.end();
    head.last_stable_offset = log.stable_end();
    head.log_start_offset = log.start();
    if partition.fetch_offset < log.start() || partition.fetch_offset > log.end() {
        head.error_code = ResponseError::OffsetOutOfRange.code();
        return Read { head, batches: Vec::new(), bytes: 0 };
    }
    let limit = if is_committed { log.stable_end() } else { log.end() };
    let bytes_max =
        limit_bytes(request.max_bytes).saturating_sub(bytes_before).min(limit_bytes(partition.partition_max_bytes));
    let mut batches = Vec::new();
    let mut bytes = 0;
    let mut last = -1;
    for batch in log.read(partition.fetch_offset).take_while(|batch| batch.base < limit) {
        let is_first = bytes == 0 && bytes_before == 0;
        if !is_first && bytes + batch.size() > bytes_max {
            break;
        }
        bytes += batch.size();
        last = batch.last;
        batches.push((batch.base, batch.body.clone()));
    }
    if let (true, Some((first, _))) = (is_committed, batches.first()) {
        let aborted = log.aborted(*first, last).map(|aborted| {
            AbortedTransaction::default()
                .with_producer_id(ProducerId(aborted.producer_id))
                .with_first_offset(aborted.first)
        });
        head.aborted_transactions = Some(aborted.collect());
    }
    Read { head, batches, bytes }
}

fn limit_bytes(count: i32) -> usize {
    usize::try_from(count).unwrap_or(0)
}

/// Writes a FetchResponse of version 4 to 12. By hand, because the generated encoder copies records: twice, as it wants the batches of a
/// partition in one piece.
fn encode(answer: &Answer, version: i16, frame: &mut Frame) -> std::io::Result<()> {
    let is_flexible = version >= FLEXIBLE;
    let tail = frame.tail();
    // No throttling; since version 7 no error and no session: every request names all its partitions.
    tail.put_i32(0);
    if version >= 7 {
        tail.put_i16(0);
        tail.put_i32(0);
    }
    put_length(tail, is_flexible, answer.topics.len());
    for (name, partitions) in &answer.topics {
        let tail = frame.tail();
        if is_flexible {
            put_length(tail, true, name.len());
        } else {
            // It came in a string of the protocol, which is no longer than that.
            tail.put_i16(name.len() as i16);
        }
        tail.put_slice(name.as_bytes());
        put_length(tail, is_flexible, partitions.len());
        for read in partitions {
            read.head.encode(frame.tail(), version).map_err(std::io::Error::other)?;
            put_records(frame, is_flexible, read);
        }
        put_no_tags(frame.tail(), is_flexible);
    }
    put_no_tags(frame.tail(), is_flexible);
    Ok(())
}

/// Puts the records in the place of the empty ones with which the head of the partition was encoded.
fn put_records(frame: &mut Frame, is_flexible: bool, read: &Read) {
    let tail = frame.tail();
    // They are the last field: a length of one byte and no tagged fields, or a length of four bytes.
    tail.truncate(tail.len() - if is_flexible { 2 } else { 4 });
    put_length(tail, is_flexible, read.bytes);
    for (base, body) in &read.batches {
        frame.tail().put_slice(&batch::prefix(*base, body));
        frame.share(body);
    }
    put_no_tags(frame.tail(), is_flexible);
}

/// The length of an array, a string or of bytes; compact lengths are one more, as a varint.
fn put_length(tail: &mut BytesMut, is_flexible: bool, length: usize) {
    if !is_flexible {
        // All lengths are bounded by those of a request.
        return tail.put_i32(length as i32);
    }
    let mut rest = length + 1;
    while rest >= 0x80 {
        tail.put_u8(rest as u8 | 0x80);
        rest >>= 7;
    }
    tail.put_u8(rest as u8);
}

fn put_no_tags(tail: &mut BytesMut, is_flexible: bool) {
    if is_flexible {
        tail.put_u8(0);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Buf;
    use kafka_protocol::messages::FetchResponse;
    use kafka_protocol::messages::fetch_response::FetchableTopicResponse;
    use kafka_protocol::protocol::StrBytes;

    use super::super::batch::{prefix, split, tests::batch};
    use super::*;

    fn read(index: i32, batches: &[(i64, Bytes)]) -> Read {
        let aborted = AbortedTransaction::default().with_producer_id(ProducerId(4)).with_first_offset(2);
        let head = PartitionData::default()
            .with_partition_index(index)
            .with_high_watermark(9)
            .with_last_stable_offset(8)
            .with_aborted_transactions(Some(vec![aborted]))
            .with_records(Some(Bytes::new()));
        let bytes = batches.iter().map(|(_, body)| batch::PREFIX_BYTES + body.len()).sum();
        Read { head, batches: batches.to_vec(), bytes }
    }

    /// The same as the generated encoder writes.
    fn generated(answer: &Answer, version: i16) -> Vec<u8> {
        let topics = answer.topics.iter().map(|(name, partitions)| {
            let partitions = partitions.iter().map(|read| {
                let records: Vec<u8> = read
                    .batches
                    .iter()
                    .flat_map(|(base, body)| [&prefix(*base, body)[..], &body[..]].concat())
                    .collect();
                read.head.clone().with_records(Some(records.into()))
            });
            FetchableTopicResponse::default().with_topic(name.clone()).with_partitions(partitions.collect())
        });
        let response = FetchResponse::default().with_responses(topics.collect());
        let mut bytes = BytesMut::new();
        response.encode(&mut bytes, version).unwrap();
        bytes.to_vec()
    }

    #[test]
    fn writes_what_the_generated_encoder_writes_in_every_version() {
        let (_, small) = split(batch(&[1, 2], None, false)).unwrap();
        let (_, large) = split(batch(&vec![1; 20_000], None, false)).unwrap();
        let name = |name| TopicName(StrBytes::from_static_str(name));
        let long: &'static str = "a.long.name.whose.length.does.not.fit.into.one.byte.of.a.varint.because.it.has.more.than.127.characters\
                                  .which.is.why.it.goes.on.and.on";
        let topics = vec![
            (name("t"), vec![read(0, &[(0, small.clone()), (2, large)]), read(1, &[])]),
            (name(long), vec![read(0, &[(7, small)])]),
            (name("none"), vec![]),
        ];
        let answer = Answer { topics, is_enough: true };
        for version in 4..=FLEXIBLE {
            let mut frame = Frame::default();
            encode(&answer, version, &mut frame).unwrap();
            let mut outgoing = frame.finish();
            let mut bytes = vec![0; outgoing.remaining()];
            outgoing.copy_to_slice(&mut bytes);
            assert_eq!(bytes[4..], generated(&answer, version), "version {version}");
        }
    }
}

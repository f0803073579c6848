//! The calls that librdkafka has and its Rust binding lacks: one queue for all partitions, read in batches, and topic descriptions.
//! The only unsafe code of the connector.
#![allow(unsafe_code, reason = "librdkafka's batch reading and topic descriptions have no safe binding")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::ptr::{NonNull, null, null_mut};
use std::slice;
use std::time::Duration;

use bytes::Bytes;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka_sys as sys;

use super::errors::Events;

/// A consumer whose partitions are read through one queue of our own, and which can ask for the description of its topic.
///
/// `rd_kafka_destroy` waits for ever while a queue of the client exists, so the order of the fields, which is the order of their
/// drop, matters: queues first.
pub(super) struct QueuedConsumer {
    records: Queue,
    descriptions: Queue,
    consumer: BaseConsumer<Events>,
    topic: CString,
}

impl QueuedConsumer {
    /// Wraps a consumer of `topic`. A topic name with a NUL byte is answered with `None`.
    pub(super) fn new(consumer: BaseConsumer<Events>, topic: &str) -> Option<QueuedConsumer> {
        let topic = CString::new(topic).ok()?;
        let (records, descriptions) = (Queue::new(&consumer)?, Queue::new(&consumer)?);
        Some(QueuedConsumer { records, descriptions, consumer, topic })
    }

    /// The consumer, for everything that has a safe binding.
    pub(super) fn consumer(&self) -> &BaseConsumer<Events> {
        &self.consumer
    }

    /// Sends a partition's records to our queue. Must be called before the partition is assigned: librdkafka keeps an
    /// application's forwarding then, and no record can slip into the consumer's own queue.
    pub(super) fn forward(&self, partition: i32) {
        // SAFETY: client and topic live as long as `self`. The partition's queue may be null (no such partition handle), else it is
        // a reference of ours that is given back at once; forwarding keeps its own reference to our queue.
        unsafe {
            let client = self.consumer.client().native_ptr();
            let queue = sys::rd_kafka_queue_get_partition(client, self.topic.as_ptr(), partition);
            if !queue.is_null() {
                sys::rd_kafka_queue_forward(queue, self.records.0.as_ptr());
                sys::rd_kafka_queue_destroy(queue);
            }
        }
    }

    /// At most `max` messages, as soon as there is one; none after `wait`.
    ///
    /// `rd_kafka_consume_batch_queue` waits its whole time limit for the batch to be full, so the first message is waited for
    /// alone and the others are taken without waiting.
    pub(super) fn consume(&self, max: usize, wait: Duration) -> Vec<Message<'_>> {
        let mut first = null_mut();
        let wait = c_int::try_from(wait.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: the queue is alive and there is room for the one pointer asked for.
        let count = unsafe { sys::rd_kafka_consume_batch_queue(self.records.0.as_ptr(), wait, &mut first, 1) };
        let Some(first) = NonNull::new(first).filter(|_| count == 1) else { return Vec::new() };
        let mut messages = Vec::with_capacity(max.max(1));
        messages.push(Message { raw: first, consumer: PhantomData });
        let room = messages.capacity() - messages.len();
        // SAFETY: the pointer is to `room` elements of spare capacity; `Message` is transparent over a pointer; librdkafka fills
        // the first `count` of them with messages that we own from then on, and never with null.
        unsafe {
            let spare = messages.as_mut_ptr().add(1).cast::<*mut sys::rd_kafka_message_t>();
            let count = sys::rd_kafka_consume_batch_queue(self.records.0.as_ptr(), 0, spare, room);
            messages.set_len(1 + usize::try_from(count).unwrap_or(0));
        }
        messages
    }

    /// Asks for the topic's description; the answer is fetched with [`QueuedConsumer::description`].
    pub(super) fn request_description(&self, timeout: Duration) {
        let timeout = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
        let mut names = [self.topic.as_ptr()];
        let mut reason: [c_char; 128] = [0; 128];
        // SAFETY: collection and options are made, used and destroyed here (librdkafka copies them); the name outlives the call;
        // the answer goes to a queue that lives as long as `self`, and librdkafka keeps its own reference until it was sent.
        unsafe {
            let client = self.consumer.client().native_ptr();
            let topics = sys::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
            let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
            let options = sys::rd_kafka_AdminOptions_new(client, operation);
            sys::rd_kafka_AdminOptions_set_request_timeout(options, timeout, reason.as_mut_ptr(), reason.len());
            sys::rd_kafka_DescribeTopics(client, topics, options, self.descriptions.0.as_ptr());
            sys::rd_kafka_AdminOptions_destroy(options);
            sys::rd_kafka_TopicCollection_destroy(topics);
        }
    }

    /// The answer to [`QueuedConsumer::request_description`], `None` if there is none within `wait`.
    pub(super) fn description(&self, wait: Duration) -> Option<Result<TopicDescription, (Code, String)>> {
        let wait = c_int::try_from(wait.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: the event is ours until it is destroyed below; nothing read from it outlives it.
        unsafe {
            let event = sys::rd_kafka_queue_poll(self.descriptions.0.as_ptr(), wait);
            if event.is_null() {
                return None;
            }
            let description = describe(event);
            sys::rd_kafka_event_destroy(event);
            Some(description)
        }
    }
}

/// What brokers say about a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TopicDescription {
    /// The topic's identity, another one after it was deleted and created again; 0 where the broker is too old to tell.
    pub(super) id: u128,
    /// Partitions and whether each has a leader now.
    pub(super) partitions: Vec<(i32, bool)>,
}

/// One message of the queue: a record, or an event in a record's place. Given back to librdkafka on drop, before its consumer.
#[repr(transparent)]
pub(super) struct Message<'c> {
    raw: NonNull<sys::rd_kafka_message_t>,
    consumer: PhantomData<&'c QueuedConsumer>,
}

// Fields are read through the raw pointer, never through a reference to the whole struct: its error code is an enum in the binding,
// and a broker may send a code that the enum does not have.
impl Message<'_> {
    /// The partition it belongs to.
    pub(super) fn partition(&self) -> i32 {
        // SAFETY: the message is alive as long as `self`.
        unsafe { (*self.raw.as_ptr()).partition }
    }

    /// A record's offset; of an event, the position it happened at.
    pub(super) fn offset(&self) -> i64 {
        // SAFETY: as above.
        unsafe { (*self.raw.as_ptr()).offset }
    }

    /// The error that this event tells of; `None` for a record.
    pub(super) fn error(&self) -> Option<Code> {
        // SAFETY: as above; the code has the size of an i32.
        let raw = unsafe { (&raw const (*self.raw.as_ptr()).err).cast::<i32>().read() };
        (raw != 0).then(|| sys::rd_kafka_resp_err_t::try_from(raw).map_or(Code::Unknown, Code::from))
    }

    /// The text of an event.
    pub(super) fn error_text(&self) -> String {
        // SAFETY: as above; the text belongs to the message and is copied.
        unsafe { text(sys::rd_kafka_message_errstr(self.raw.as_ptr())) }
    }

    /// A record's value; `None` if it is null.
    pub(super) fn value(&self) -> Option<&[u8]> {
        // SAFETY: as above; a payload that is not null has `len` bytes and lives as long as the message.
        unsafe { bytes((*self.raw.as_ptr()).payload, (*self.raw.as_ptr()).len) }
    }

    /// A record's key; `None` if it is null.
    pub(super) fn key(&self) -> Option<&[u8]> {
        // SAFETY: as for the value.
        unsafe { bytes((*self.raw.as_ptr()).key, (*self.raw.as_ptr()).key_len) }
    }

    /// ms since 1970-01-01 UTC, −1 if the record has none.
    pub(super) fn timestamp_ms(&self) -> i64 {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: as above; librdkafka only writes one of the enum's values.
        unsafe { sys::rd_kafka_message_timestamp(self.raw.as_ptr(), &mut kind) }
    }

    /// A record's headers in order, duplicates kept.
    pub(super) fn headers(&self) -> Vec<(String, Option<Bytes>)> {
        let mut headers = null_mut();
        let mut found = Vec::new();
        // SAFETY: as above; headers belong to the message, names and values are copied before it goes.
        unsafe {
            let code = sys::rd_kafka_message_headers(self.raw.as_ptr(), &mut headers);
            if code != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return found;
            }
            let (mut name, mut value, mut size) = (null(), null(), 0);
            while sys::rd_kafka_header_get_all(headers, found.len(), &mut name, &mut value, &mut size)
                == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
            {
                found.push((text(name), bytes(value, size).map(Bytes::copy_from_slice)));
            }
        }
        found
    }
}

impl Drop for Message<'_> {
    fn drop(&mut self) {
        // SAFETY: the message is ours and nothing else points to it.
        unsafe { sys::rd_kafka_message_destroy(self.raw.as_ptr()) }
    }
}

/// A queue that we made.
struct Queue(NonNull<sys::rd_kafka_queue_t>);

// SAFETY: librdkafka's queues are locked inside; any thread may use or destroy them.
unsafe impl Send for Queue {}

impl Queue {
    fn new(consumer: &BaseConsumer<Events>) -> Option<Queue> {
        // SAFETY: the client is alive; the caller drops the queue before the consumer (see the fields of `QueuedConsumer`).
        NonNull::new(unsafe { sys::rd_kafka_queue_new(consumer.client().native_ptr()) }).map(Queue)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the queue is ours and not used after this.
        unsafe { sys::rd_kafka_queue_destroy(self.0.as_ptr()) }
    }
}

/// Names of the options that have a default value in this librdkafka.
pub(super) fn defaulted_option_names() -> Vec<String> {
    let mut count = 0;
    // SAFETY: the configuration is made and destroyed here; the dump is an array of `count` name and value pairs, freed after its
    // names were copied.
    unsafe {
        let configuration = sys::rd_kafka_conf_new();
        let pairs = sys::rd_kafka_conf_dump(configuration, &mut count);
        let names = slice::from_raw_parts(pairs, count).iter().step_by(2).map(|name| text(*name)).collect();
        sys::rd_kafka_conf_dump_free(pairs, count);
        sys::rd_kafka_conf_destroy(configuration);
        names
    }
}

/// Reads the answer to a description request.
///
/// # Safety
/// `event` is a live event.
unsafe fn describe(event: *mut sys::rd_kafka_event_t) -> Result<TopicDescription, (Code, String)> {
    // SAFETY: everything reached from the event lives as long as it, and arrays have the counts that librdkafka tells.
    unsafe {
        let code = sys::rd_kafka_event_error(event);
        if code != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err((code.into(), text(sys::rd_kafka_event_error_string(event))));
        }
        let (result, mut count) = (sys::rd_kafka_event_DescribeTopics_result(event), 0);
        let missing = || Err((Code::UnknownTopicOrPartition, "no description in the answer".to_string()));
        if result.is_null() {
            return missing();
        }
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        if count == 0 || topics.is_null() {
            return missing();
        }
        let topic = *topics;
        let error = sys::rd_kafka_TopicDescription_error(topic);
        if !error.is_null() && sys::rd_kafka_error_code(error) != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err((sys::rd_kafka_error_code(error).into(), text(sys::rd_kafka_error_string(error))));
        }
        let id = sys::rd_kafka_TopicDescription_topic_id(topic);
        let id = if id.is_null() {
            0
        } else {
            let high = sys::rd_kafka_Uuid_most_significant_bits(id).cast_unsigned();
            u128::from(high) << 64 | u128::from(sys::rd_kafka_Uuid_least_significant_bits(id).cast_unsigned())
        };
        let partitions = sys::rd_kafka_TopicDescription_partitions(topic, &mut count);
        let partitions = if partitions.is_null() { &[] } else { slice::from_raw_parts(partitions, count) };
        let led = |partition: *const sys::rd_kafka_TopicPartitionInfo_t| {
            let leader = sys::rd_kafka_TopicPartitionInfo_leader(partition);
            !leader.is_null() && sys::rd_kafka_Node_id(leader) >= 0
        };
        let partitions = partitions
            .iter()
            .map(|partition| (sys::rd_kafka_TopicPartitionInfo_partition(*partition), led(*partition)));
        Ok(TopicDescription { id, partitions: partitions.collect() })
    }
}

/// Copies a C string.
///
/// # Safety
/// `string` is null or ends with a NUL byte.
unsafe fn text(string: *const c_char) -> String {
    if string.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(string) }.to_string_lossy().into_owned()
}

/// A byte slice, `None` for null.
///
/// # Safety
/// `start` is null or points to `length` bytes that live for `'a`.
unsafe fn bytes<'a>(start: *const c_void, length: usize) -> Option<&'a [u8]> {
    // SAFETY: the caller's promise.
    (!start.is_null()).then(|| unsafe { slice::from_raw_parts(start.cast(), length) })
}

//! Apache Kafka: topics as sources and sinks, through librdkafka. In: options; out: raw records with offsets, or acknowledged writes.
//! Never: consumer groups (positions are ours), decoding.
//!
//! A reader forwards the queues of its partitions to one queue of its own and takes records from there in batches: half the cost of
//! one call per record. Its positions are the truth: what lies before them is dropped, so nothing is doubled however often librdkafka
//! reconnects.

use std::sync::Arc;

use super::Connector;

// From messages to batches.
mod batch;
// Questions to the brokers.
mod client;
// Topics that are not there yet.
mod creation;
// What librdkafka says, made readable.
mod errors;
// Services that are not Kafka.
mod foreign;
// Calls that have no safe binding.
mod native;
// Options.
mod options;
// Reading.
mod reader;
// Writing.
mod sink;
// A topic as a source.
mod source;
// The topic's identity.
#[cfg(test)]
mod tests;
mod watch;

/// `connector = 'kafka'`.
pub const CONNECTOR: Connector = Connector {
    name: "kafka",
    source: |options, _| Ok(Arc::new(source::KafkaSource::new(options::KafkaOptions::source(options)?))),
    sink: Some(|options| Ok(Arc::new(sink::KafkaSink::new(options::KafkaOptions::sink(options)?)))),
    columns: |_| Ok(None),
};

//! Tests against Apache Kafka: the brokers at `KAFKA_BROKERS` if it is set, else the embedded one. First the connector alone, then
//! the whole engine by SQL.

#[path = "kafka/cluster.rs"]
mod cluster;
#[path = "kafka/engine/mod.rs"]
mod engine;
// Parts of it are for other test binaries.
#[allow(dead_code)]
#[path = "harness/mod.rs"]
mod harness;
#[path = "kafka/reader.rs"]
mod reader;
#[path = "kafka/sink.rs"]
mod sink;
#[path = "kafka/trouble.rs"]
mod trouble;

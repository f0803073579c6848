//! Tests against Apache Kafka: the brokers at `KAFKA_BROKERS` if it is set, else the embedded one.

#[path = "kafka/cluster.rs"]
mod cluster;
#[path = "kafka/reader.rs"]
mod reader;
#[path = "kafka/sink.rs"]
mod sink;
#[path = "kafka/trouble.rs"]
mod trouble;

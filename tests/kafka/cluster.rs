//! The brokers that the tests talk to, and what they need of them beside Tidewater.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use datafusion::arrow::datatypes::Schema;
use futures::executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tidewater::broker::{Broker, BrokerOptions};
use tidewater::connector::kafka::CONNECTOR;
use tidewater::connector::{Options, Positions, RawRecord, Read, Reader, Sink, Source};
use tidewater::error::Result;
use tokio::runtime::Runtime;

/// Longest time that a test waits for something that must happen.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Where the brokers of all tests are.
pub fn brokers() -> &'static str {
    static BROKERS: OnceLock<(String, Option<(Runtime, Broker)>)> = OnceLock::new();
    &BROKERS
        .get_or_init(|| match std::env::var("KAFKA_BROKERS") {
            Ok(brokers) => (brokers, None),
            Err(_) => {
                let (runtime, broker) = own_broker();
                (broker.address().to_string(), Some((runtime, broker)))
            }
        })
        .0
}

/// An embedded broker of a test's own.
pub fn own_broker() -> (Runtime, Broker) {
    let runtime = Runtime::new().expect("a runtime");
    let options = BrokerOptions { auto_create_topics: false, ..BrokerOptions::default() };
    let broker = runtime.block_on(Broker::start(options)).expect("an embedded broker");
    (runtime, broker)
}

/// A name that no other test and no earlier run uses.
pub fn topic_name(test: &str) -> String {
    format!("connector-{test}-{:016x}", tidewater::clock::random_u64())
}

pub fn admin(brokers: &str) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", brokers).create().expect("an admin client")
}

pub fn create_topic(brokers: &str, topic: &str, partitions: i32) {
    let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    let results = block_on(admin(brokers).create_topics([&new], &AdminOptions::new())).expect("an answer");
    assert_eq!(results, [Ok(topic.to_string())]);
}

pub fn delete_topic(brokers: &str, topic: &str) {
    let results = block_on(admin(brokers).delete_topics(&[topic], &AdminOptions::new())).expect("an answer");
    assert_eq!(results, [Ok(topic.to_string())]);
}

/// A producer that does what a test says, nothing else.
pub fn producer(brokers: &str, more: &[(&str, &str)]) -> BaseProducer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("linger.ms", "5");
    for (name, value) in more {
        config.set(*name, *value);
    }
    config.create().expect("a producer")
}

pub fn send(producer: &BaseProducer, topic: &str, partition: i32, key: Option<&[u8]>, value: Option<&[u8]>) {
    let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).partition(partition);
    (record.key, record.payload) = (key, value);
    producer.send(record).map_err(|(error, _)| error).expect("room in the queue");
}

pub fn send_with_headers(producer: &BaseProducer, topic: &str, value: &[u8], timestamp_ms: i64, headers: OwnedHeaders) {
    let record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).partition(0).payload(value);
    producer
        .send(record.timestamp(timestamp_ms).headers(headers))
        .map_err(|(error, _)| error)
        .expect("room in the queue");
}

/// Writes `count` numbered records to each of `partitions`.
pub fn fill(brokers: &str, topic: &str, partitions: i32, numbers: std::ops::Range<i64>) {
    let producer = producer(brokers, &[]);
    for number in numbers {
        for partition in 0..partitions {
            send(&producer, topic, partition, None, Some(format!("{partition}-{number}").as_bytes()));
        }
    }
    flush(&producer);
}

pub fn flush(producer: &BaseProducer) {
    producer.flush(PATIENCE).expect("everything is acknowledged");
}

fn options(brokers: &str, topic: &str, more: &[(&str, &str)]) -> Options {
    let ours = [("connector", "kafka"), ("format", "json"), ("brokers", brokers), ("topic", topic)];
    Options(ours.iter().chain(more).map(|(name, value)| (name.to_string(), value.to_string())).collect())
}

pub fn source(brokers: &str, topic: &str, more: &[(&str, &str)]) -> Arc<dyn Source> {
    (CONNECTOR.source)(&options(brokers, topic, more), &Arc::new(Schema::empty())).expect("valid options")
}

pub fn sink(brokers: &str, topic: &str, more: &[(&str, &str)]) -> Result<Arc<dyn Sink>> {
    CONNECTOR.sink.expect("Kafka has sinks")(&options(brokers, topic, more))
}

/// A record with its key and value.
pub type Parts = (RawRecord, Option<Vec<u8>>, Option<Vec<u8>>);

/// What a reader has given: records by partition and offset, and where it stands.
#[derive(Debug, Default)]
pub struct Taken {
    pub records: BTreeMap<(i32, i64), Parts>,
    pub positions: Positions,
}

impl Taken {
    /// Adds what `read` holds; a record that came before, or a position that goes back, fails the test.
    pub fn add(&mut self, read: Read) {
        match read {
            Read::Records(batch) => {
                for record in batch.records {
                    let bytes =
                        |range: &Option<std::ops::Range<usize>>| range.clone().map(|range| batch.arena[range].to_vec());
                    let (key, value, offset) = (bytes(&record.key), bytes(&record.value), record.offset);
                    self.advance(batch.partition, offset + 1);
                    let before = self.records.insert((batch.partition, offset), (record, key, value));
                    assert!(before.is_none(), "offset {offset} of partition {} came twice", batch.partition);
                }
            }
            Read::Position { partition, next } => self.advance(partition, next),
            Read::Idle | Read::End => {}
            Read::Rows { .. } => panic!("Kafka gives no rows"),
        }
    }

    pub fn values(&self) -> Vec<String> {
        let text = |value: &Option<Vec<u8>>| {
            value.as_ref().map_or("null".into(), |value| String::from_utf8_lossy(value).into_owned())
        };
        self.records.values().map(|(_, _, value)| text(value)).collect()
    }

    fn advance(&mut self, partition: i32, next: i64) {
        let before = self.positions.insert(partition, next);
        assert!(before.is_none_or(|before| before < next), "partition {partition}: {next} after {before:?}");
    }
}

/// Reads until `enough`, or to the end of a bounded reader.
pub fn read_until(reader: &mut dyn Reader, taken: &mut Taken, mut enough: impl FnMut(&Taken) -> bool) -> Result<()> {
    let begun = Instant::now();
    while !enough(taken) {
        assert!(
            begun.elapsed() < PATIENCE,
            "waited in vain; status {:?}, positions {:?}",
            reader.status(),
            taken.positions
        );
        match reader.read(4096, Duration::from_millis(100))? {
            Read::End => return Ok(()),
            read => taken.add(read),
        }
    }
    Ok(())
}

/// Everything from `from` to `until`.
pub fn read_all(source: &dyn Source, from: &Positions, until: &Positions, headers: bool) -> Taken {
    let mut reader = source.open(from, Some(until), headers).expect("opens");
    let mut taken = Taken::default();
    read_until(reader.as_mut(), &mut taken, |_| false).expect("reads");
    taken
}

/// Numbered values as [`fill`] writes them, in the order of partitions and offsets.
pub fn filled(partitions: i32, numbers: std::ops::Range<i64>) -> Vec<String> {
    (0..partitions).flat_map(|partition| numbers.clone().map(move |number| format!("{partition}-{number}"))).collect()
}

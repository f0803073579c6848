//! A broker on its own runtime, librdkafka clients for it, and a client for single requests.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{OwnedHeaders, OwnedMessage};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Message, Offset, TopicPartitionList};
use tidewater::broker::{Broker, BrokerOptions};
use tokio::runtime::Runtime;

/// How long anything may take on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Timestamp of the first record of [`Harness::produce`].
pub const FIRST_TIMESTAMP: i64 = 1_700_000_000_000;

/// A running broker.
pub struct Harness {
    pub runtime: Runtime,
    pub broker: Option<Broker>,
    pub address: String,
}

impl Harness {
    /// With default options.
    pub fn start() -> Harness {
        Harness::with(BrokerOptions::default())
    }

    /// With these options.
    pub fn with(options: BrokerOptions) -> Harness {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let broker = runtime.block_on(Broker::start(options)).unwrap();
        let address = broker.address().to_string();
        Harness { runtime, broker: Some(broker), address }
    }

    /// Settings of a librdkafka client.
    pub fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.address);
        config
    }

    /// A librdkafka admin client.
    pub fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.config().create().unwrap()
    }

    /// Creates a topic.
    pub fn create(&self, topic: &str, partitions: i32) {
        self.create_with(topic, partitions, &[]);
    }

    /// Creates a topic with settings.
    pub fn create_with(&self, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
        let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        for (name, value) in settings {
            new = new.set(name, value);
        }
        let admin = self.admin();
        let results = self.runtime.block_on(admin.create_topics(&[new], &AdminOptions::new())).unwrap();
        results.into_iter().for_each(|result| drop(result.unwrap()));
    }

    /// Produces `count` records in one go, the key `k<i>`, two headers, the payload [`payload`], a second between the timestamps.
    pub fn produce(&self, topic: &str, count: usize, codec: &str) {
        let producer: FutureProducer =
            self.config().set("compression.type", codec).set("linger.ms", "20").create().unwrap();
        let header = |key, value| rdkafka::message::Header { key, value };
        let sent: Vec<_> = (0..count)
            .map(|index| {
                let (key, payload) = (format!("k{index}"), payload(index));
                let headers = OwnedHeaders::new().insert(header("h1", Some("v1"))).insert(header("h2", None));
                let mut record = FutureRecord::to(topic).key(&key).headers(headers);
                record = record.timestamp(FIRST_TIMESTAMP + index as i64 * 1000);
                record.payload = payload.as_deref();
                producer.send_result(record).map_err(|(error, _)| error).unwrap()
            })
            .collect();
        for delivery in sent {
            self.runtime.block_on(delivery).unwrap().map_err(|(error, _)| error).unwrap();
        }
    }

    /// A consumer that reads partitions 0 to `partitions` - 1 from `start` on.
    pub fn reader(&self, topic: &str, partitions: i32, start: Offset, isolation: &str) -> BaseConsumer {
        let mut config = self.config();
        config.set("group.id", "reader").set("enable.auto.commit", "false").set("isolation.level", isolation);
        let consumer: BaseConsumer = config.set("auto.offset.reset", "error").create().unwrap();
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions {
            list.add_partition_offset(topic, partition, start).unwrap();
        }
        consumer.assign(&list).unwrap();
        consumer
    }

    /// The payloads of the first `count` records of a topic of `partitions`, sorted.
    pub fn payloads(&self, topic: &str, partitions: i32, count: usize, isolation: &str) -> Vec<String> {
        let reader = self.reader(topic, partitions, Offset::Beginning, isolation);
        let mut payloads: Vec<String> =
            read(&reader, count).iter().map(|message| text(message.payload().unwrap_or_default())).collect();
        payloads.sort();
        payloads
    }

    /// One request on a connection of its own.
    pub fn ask<Q: Request>(&self, version: i16, request: Q) -> Q::Response {
        self.connect().ask(version, request)
    }

    /// A connection for single requests.
    pub fn connect(&self) -> Connection {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Connection(stream)
    }
}

/// A client that speaks the bare protocol.
pub struct Connection(TcpStream);

impl Connection {
    /// Sends a request and waits for its response.
    pub fn ask<Q: Request>(&mut self, version: i16, request: Q) -> Q::Response {
        self.send(version, request);
        let mut length = [0; 4];
        self.0.read_exact(&mut length).unwrap();
        let mut body = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut body).unwrap();
        let mut body = Bytes::from(body);
        let header = ResponseHeader::decode(&mut body, Q::Response::header_version(version)).unwrap();
        assert_eq!(header.correlation_id, i32::from(Q::KEY));
        let response = Q::Response::decode(&mut body, version).unwrap();
        assert!(body.is_empty(), "the response has {} bytes too many", body.len());
        response
    }

    /// Sends a request without waiting.
    pub fn send<Q: Request>(&mut self, version: i16, request: Q) {
        let header = RequestHeader::default()
            .with_request_api_key(Q::KEY)
            .with_request_api_version(version)
            .with_correlation_id(i32::from(Q::KEY))
            .with_client_id(Some(StrBytes::from_static_str("raw")));
        let mut bytes = BytesMut::new();
        header.encode(&mut bytes, Q::header_version(version)).unwrap();
        request.encode(&mut bytes, version).unwrap();
        self.0.write_all(&(bytes.len() as u32).to_be_bytes()).unwrap();
        self.0.write_all(&bytes).unwrap();
    }
}

/// Payload of record `index`; the fourth has none.
pub fn payload(index: usize) -> Option<String> {
    (index != 3).then(|| format!("value-{index}-{}", "x".repeat(100)))
}

/// Reads until there are `count` records.
pub fn read(consumer: &BaseConsumer, count: usize) -> Vec<OwnedMessage> {
    let begun = Instant::now();
    let mut messages = Vec::new();
    while messages.len() < count {
        assert!(begun.elapsed() < PATIENCE, "{} of {count} records after {PATIENCE:?}", messages.len());
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            messages.push(message.unwrap().detach());
        }
    }
    messages
}

/// Calls `probe` until it says yes.
pub fn wait_until(what: &str, mut probe: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !probe() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not after {PATIENCE:?}");
        std::thread::yield_now();
    }
}

/// A name that no other call returns.
pub fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A string of the protocol.
pub fn string(value: &str) -> StrBytes {
    StrBytes::from_string(value.to_string())
}

/// Bytes as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

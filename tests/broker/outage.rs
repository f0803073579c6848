//! A broker that dies and comes back.

use std::net::TcpStream;
use std::time::Duration;

use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Message, Offset, TopicPartitionList};

use crate::harness::{Harness, PATIENCE, read, text};

#[test]
fn a_paused_broker_refuses_connections_and_comes_back_with_everything() {
    let mut harness = Harness::start();
    harness.create("t", 1);
    let reader = harness.reader("t", 1, Offset::Beginning, "read_committed");
    let producer: BaseProducer = harness.config().set("enable.idempotence", "true").create().unwrap();
    let send = |payload: &str| producer.send(BaseRecord::<(), _>::to("t").payload(payload)).unwrap();
    send("before");
    assert_eq!(read(&reader, 1)[0].payload().map(text), Some("before".into()));
    let mut committed = TopicPartitionList::new();
    committed.add_partition_offset("t", 0, Offset::Offset(1)).unwrap();
    reader.commit(&committed, CommitMode::Sync).unwrap();

    let mut broker = harness.broker.take().unwrap();
    harness.runtime.block_on(broker.pause());
    assert!(TcpStream::connect(&harness.address).is_err());
    send("during");
    producer.poll(Duration::from_millis(100));
    harness.runtime.block_on(broker.resume()).unwrap();
    send("after");
    producer.flush(PATIENCE).unwrap();

    // The reader's errors of the outage are not of interest.
    let mut payloads = Vec::new();
    let begun = std::time::Instant::now();
    while payloads.len() < 2 && begun.elapsed() < PATIENCE {
        if let Some(Ok(message)) = reader.poll(Duration::from_millis(100)) {
            payloads.push(text(message.payload().unwrap()));
        }
    }
    assert_eq!(payloads, ["during", "after"], "each once");
    let committed = reader.committed(PATIENCE).unwrap();
    assert_eq!(committed.elements()[0].offset(), Offset::Offset(1));
    harness.runtime.block_on(broker.stop());
    assert!(TcpStream::connect(&harness.address).is_err());
}

#[test]
fn another_protocol_ends_only_its_own_connection() {
    use std::io::{Read, Write};
    let harness = Harness::start();
    let mut stream = TcpStream::connect(&harness.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // A reset is an end, too.
    let _ = stream.read_to_end(&mut answer);
    assert_eq!(answer, b"");
    harness.create("t", 1);
}

#[test]
fn an_address_in_use_is_a_clear_error() {
    let harness = Harness::start();
    let options = tidewater::broker::BrokerOptions { listen: harness.address.parse().unwrap(), ..Default::default() };
    let error = harness.runtime.block_on(tidewater::broker::Broker::start(options)).unwrap_err();
    assert_eq!(error.code, "08006");
    assert!(error.message.contains(&harness.address) && error.hint.is_some(), "{error}");
}

//! Producing and consuming.

use std::time::{Duration, Instant};

use futures::StreamExt;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ProduceRequest, TopicName};
use rdkafka::consumer::{BaseConsumer, Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Headers;
use rdkafka::producer::{BaseProducer, BaseRecord, FutureProducer, FutureRecord, Producer};
use rdkafka::{Message, Offset, Timestamp};
use tidewater::broker::BrokerOptions;

use crate::harness::{FIRST_TIMESTAMP, Harness, PATIENCE, payload, read, string, text};

fn survives_the_way(codec: &str) {
    let harness = Harness::start();
    harness.create("t", 1);
    harness.produce("t", 50, codec);
    let messages = read(&harness.reader("t", 1, Offset::Beginning, "read_committed"), 50);
    for (index, message) in messages.iter().enumerate() {
        assert_eq!(message.offset(), index as i64);
        assert_eq!(message.key(), Some(format!("k{index}").as_bytes()));
        assert_eq!(message.payload().map(text), payload(index));
        assert_eq!(message.timestamp(), Timestamp::CreateTime(FIRST_TIMESTAMP + index as i64 * 1000));
        let headers: Vec<_> =
            message.headers().unwrap().iter().map(|header| (header.key, header.value.map(text))).collect();
        assert_eq!(headers, [("h1", Some("v1".to_string())), ("h2", None)]);
    }
}

#[test]
fn uncompressed_records_survive_the_way() {
    survives_the_way("none");
}

#[test]
fn gzip_records_survive_the_way() {
    survives_the_way("gzip");
}

#[test]
fn snappy_records_survive_the_way() {
    survives_the_way("snappy");
}

#[test]
fn lz4_records_survive_the_way() {
    survives_the_way("lz4");
}

#[test]
fn zstd_records_survive_the_way() {
    survives_the_way("zstd");
}

#[test]
fn reading_resumes_inside_a_batch() {
    let harness = Harness::start();
    harness.create("t", 1);
    harness.produce("t", 50, "lz4");
    let messages = read(&harness.reader("t", 1, Offset::Offset(25), "read_committed"), 25);
    assert_eq!(messages.iter().map(Message::offset).collect::<Vec<_>>(), (25..50).collect::<Vec<_>>());
}

#[test]
fn a_topic_comes_into_being_when_it_is_produced_to() {
    let harness = Harness::with(BrokerOptions { default_partitions: 3, ..BrokerOptions::default() });
    harness.produce("t", 5, "none");
    let reader = harness.reader("t", 3, Offset::Beginning, "read_committed");
    assert_eq!(read(&reader, 5).len(), 5);
    assert_eq!(reader.fetch_metadata(Some("t"), PATIENCE).unwrap().topics()[0].partitions().len(), 3);
}

#[test]
fn no_topic_comes_into_being_where_that_is_switched_off() {
    let harness = Harness::with(BrokerOptions { auto_create_topics: false, ..BrokerOptions::default() });
    let admin = harness.admin();
    let metadata = admin.inner().fetch_metadata(Some("t"), PATIENCE).unwrap();
    let error = metadata.topics()[0].error().map(RDKafkaErrorCode::from);
    assert_eq!(error, Some(RDKafkaErrorCode::UnknownTopicOrPartition));
}

#[test]
fn a_waiting_fetch_is_answered_when_a_record_arrives() {
    let harness = Harness::start();
    harness.create("t", 1);
    let mut config = harness.config();
    config.set("group.id", "g").set("fetch.wait.max.ms", "60000").set("socket.timeout.ms", "90000");
    let consumer: BaseConsumer = config.create().unwrap();
    let mut list = rdkafka::TopicPartitionList::new();
    list.add_partition_offset("t", 0, Offset::Beginning).unwrap();
    consumer.assign(&list).unwrap();
    let producer: BaseProducer = harness.config().set("linger.ms", "0").create().unwrap();
    for index in 0..20 {
        producer.send(BaseRecord::<(), _>::to("t").payload(&index.to_string())).unwrap();
        assert_eq!(read(&consumer, 1)[0].payload().map(text), Some(index.to_string()));
    }
}

#[test]
fn a_stream_consumer_reads_all_partitions() {
    let harness = Harness::start();
    harness.create("t", 2);
    harness.produce("t", 200, "snappy");
    // The consumer's timers belong to a runtime.
    let _runtime = harness.runtime.enter();
    let consumer: StreamConsumer =
        harness.config().set("group.id", "g").set("auto.offset.reset", "earliest").create().unwrap();
    consumer.subscribe(&["t"]).unwrap();
    let read = async {
        let mut stream = consumer.stream().take(200);
        while let Some(message) = stream.next().await {
            message.unwrap();
        }
    };
    harness.runtime.block_on(async { tokio::time::timeout(PATIENCE, read).await }).unwrap();
}

#[test]
fn an_idempotent_producer_writes_everything_once() {
    let harness = Harness::start();
    harness.create("t", 2);
    let producer: FutureProducer = harness.config().set("enable.idempotence", "true").create().unwrap();
    let sent: Vec<_> = (0..1000)
        .map(|index| {
            let payload = index.to_string();
            producer
                .send_result(FutureRecord::to("t").key(&payload).payload(&payload))
                .map_err(|error| error.0)
                .unwrap()
        })
        .collect();
    for delivery in sent {
        harness.runtime.block_on(delivery).unwrap().unwrap();
    }
    let mut expected: Vec<String> = (0..1000).map(|index| index.to_string()).collect();
    expected.sort();
    assert_eq!(harness.payloads("t", 2, 1000, "read_committed"), expected);
}

#[test]
fn records_without_acknowledgement_arrive() {
    let harness = Harness::start();
    harness.create("t", 1);
    let producer: BaseProducer = harness.config().set("acks", "0").create().unwrap();
    producer.send(BaseRecord::<(), str>::to("t").payload("a")).unwrap();
    producer.flush(PATIENCE).unwrap();
    assert_eq!(harness.payloads("t", 1, 1, "read_committed"), ["a"]);
}

#[test]
fn a_batch_that_is_too_large_is_refused_and_the_producer_goes_on() {
    let harness = Harness::start();
    harness.create_with("t", 1, &[("max.message.bytes", "1000")]);
    let producer: FutureProducer = harness.config().create().unwrap();
    let send = |payload: &str| {
        let record = FutureRecord::<(), str>::to("t").payload(payload);
        let delivery = harness.runtime.block_on(producer.send(record, PATIENCE));
        delivery.map(|delivery| delivery.offset).map_err(|(error, _)| error)
    };
    let refused = send(&"x".repeat(2000));
    assert_eq!(refused, Err(KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge)));
    assert_eq!(send("small"), Ok(0));
}

#[test]
fn the_brokers_time_is_used_where_the_topic_says_so() {
    let harness = Harness::start();
    harness.create_with("t", 1, &[("message.timestamp.type", "LogAppendTime")]);
    harness.produce("t", 3, "zstd");
    let messages = read(&harness.reader("t", 1, Offset::Beginning, "read_committed"), 3);
    for message in messages {
        assert!(matches!(message.timestamp(), Timestamp::LogAppendTime(time) if time > FIRST_TIMESTAMP));
    }
}

#[test]
fn a_damaged_batch_is_refused() {
    let harness = Harness::start();
    harness.create("t", 1);
    let partition = PartitionProduceData::default().with_records(Some(vec![1; 100].into()));
    let topic = TopicProduceData::default().with_name(TopicName(string("t"))).with_partition_data(vec![partition]);
    let request = ProduceRequest::default().with_acks(-1).with_topic_data(vec![topic]);
    let response = harness.ask(9, request);
    let partition = &response.responses[0].partition_responses[0];
    assert_eq!((partition.error_code, partition.base_offset), (87, -1));
    assert!(partition.error_message.is_some());
}

#[test]
fn memory_is_bounded_by_dropping_the_oldest_records() {
    let harness = Harness::with(BrokerOptions { memory_max_bytes: 1 << 20, ..BrokerOptions::default() });
    harness.create("t", 1);
    harness.create("small", 1);
    harness.produce("small", 1, "none");
    let producer: BaseProducer = harness.config().set("batch.size", "65536").create().unwrap();
    let payload = "x".repeat(1000);
    for _ in 0..4000 {
        let begun = Instant::now();
        while let Err((error, _)) = producer.send(BaseRecord::<(), _>::to("t").payload(&payload)) {
            assert!(begun.elapsed() < PATIENCE, "{error}");
            producer.poll(Duration::from_millis(10));
        }
    }
    producer.flush(PATIENCE).unwrap();
    let (low, high) = producer.client().fetch_watermarks("t", 0, PATIENCE).unwrap();
    assert_eq!(high, 4000);
    assert!((3000..4000).contains(&low), "about 1 MB remains, but the log begins at {low}");
    assert_eq!(producer.client().fetch_watermarks("small", 0, PATIENCE).unwrap(), (0, 1), "the largest partition pays");
}

//! Offsets: of timestamps, of the ends of a log, and what retention and deletion leave.

use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{ListOffsetsRequest, TopicName};
use rdkafka::admin::AdminOptions;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Message, Offset, TopicPartitionList};

use crate::harness::{FIRST_TIMESTAMP, Harness, PATIENCE, read, string, wait_until};

#[test]
fn a_timestamp_is_found_inside_a_batch() {
    let harness = Harness::start();
    harness.create("t", 1);
    harness.produce("t", 50, "lz4");
    harness.produce("t", 50, "none");
    let reader = harness.reader("t", 1, Offset::Beginning, "read_uncommitted");
    let offset_at = |timestamp| {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset("t", 0, Offset::Offset(timestamp)).unwrap();
        reader.offsets_for_times(list, PATIENCE).unwrap().elements()[0].offset()
    };
    assert_eq!(offset_at(FIRST_TIMESTAMP + 20_500), Offset::Offset(21));
    assert_eq!(offset_at(0), Offset::Offset(0));
    assert_eq!(offset_at(FIRST_TIMESTAMP + 1_000_000), Offset::End);
    assert_eq!(reader.fetch_watermarks("t", 0, PATIENCE).unwrap(), (0, 100));
}

#[test]
fn the_greatest_timestamp_is_found() {
    let harness = Harness::start();
    harness.create("t", 2);
    harness.produce("t", 0, "none");
    let ask = |partition| {
        let partition = ListOffsetsPartition::default().with_partition_index(partition).with_timestamp(-3);
        let topic = ListOffsetsTopic::default().with_name(TopicName(string("t"))).with_partitions(vec![partition]);
        let response = harness.ask(7, ListOffsetsRequest::default().with_topics(vec![topic]));
        let partition = &response.topics[0].partitions[0];
        (partition.error_code, partition.offset, partition.timestamp)
    };
    assert_eq!(ask(0), (0, -1, -1), "an empty partition has none");
    let harness_produce = |timestamp: i64| {
        let producer: rdkafka::producer::FutureProducer = harness.config().create().unwrap();
        let record = rdkafka::producer::FutureRecord::<(), str>::to("t").partition(0).payload("v").timestamp(timestamp);
        harness.runtime.block_on(producer.send(record, PATIENCE)).unwrap();
    };
    [1000, 3000, 2000].into_iter().for_each(harness_produce);
    assert_eq!(ask(0), (0, 1, 3000));
    assert_eq!(ask(2), (3, -1, -1));
}

#[test]
fn deleted_records_are_gone_and_reading_them_is_an_error() {
    let harness = Harness::start();
    harness.create("t", 1);
    harness.produce("t", 50, "none");
    let admin = harness.admin();
    let delete = |offset| {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset("t", 0, offset).unwrap();
        let results = harness.runtime.block_on(admin.delete_records(&list, &AdminOptions::new())).unwrap();
        results.elements()[0].error().map(|()| results.elements()[0].offset())
    };
    assert_eq!(delete(Offset::Offset(20)), Ok(Offset::Offset(20)));
    assert_eq!(delete(Offset::Offset(51)), Err(KafkaError::OffsetFetch(RDKafkaErrorCode::OffsetOutOfRange)));
    let low = read(&harness.reader("t", 1, Offset::Beginning, "read_committed"), 30)[0].offset();
    assert_eq!(low, 20);
    let reader = harness.reader("t", 1, Offset::Offset(10), "read_committed");
    wait_until("an error", || match reader.poll(PATIENCE) {
        Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset))) => true,
        other => panic!("{other:?}"),
    });
    assert_eq!(delete(Offset::End), Ok(Offset::Offset(50)));
    assert_eq!(reader.fetch_watermarks("t", 0, PATIENCE).unwrap(), (50, 50));
}

#[test]
fn retention_by_bytes_drops_the_oldest_batches() {
    let harness = Harness::start();
    harness.create_with("t", 1, &[("retention.bytes", "10000")]);
    for _ in 0..5 {
        harness.produce("t", 50, "none");
    }
    let admin = harness.admin();
    let (low, high) = admin.inner().fetch_watermarks("t", 0, PATIENCE).unwrap();
    assert_eq!(high, 250);
    assert!((50..=200).contains(&low), "two of five batches of 7 kB remain, or a little more, from {low} on");
}

#[test]
fn retention_by_time_drops_old_batches_and_counts_from_their_arrival() {
    let harness = Harness::start();
    harness.create_with("short", 1, &[("retention.ms", "1")]);
    harness.create("default", 1);
    for topic in ["short", "default"] {
        harness.produce(topic, 5, "none");
    }
    let admin = harness.admin();
    let low = |topic| admin.inner().fetch_watermarks(topic, 0, PATIENCE).unwrap().0;
    wait_until("retention", || low("short") == 5);
    assert_eq!(low("default"), 0, "records with timestamps of years ago are kept");
}

//! Transactions.

use std::time::{Duration, Instant};

use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::{
    DescribeProducersRequest, DescribeTransactionsRequest, ListTransactionsRequest, TopicName, TransactionalId,
};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

use crate::harness::{Harness, PATIENCE, string, unique};

fn producer(harness: &Harness, id: &str) -> BaseProducer {
    let mut config = harness.config();
    config.set("transactional.id", id).set("transaction.timeout.ms", "60000");
    let producer: BaseProducer = config.create().unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    producer
}

fn send(producer: &BaseProducer, payload: &str, count: i32) {
    for index in 0..count {
        producer.send(BaseRecord::<(), _>::to("t").payload(payload).partition(index % 2)).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
}

#[test]
fn only_committed_records_are_seen_and_offsets_come_with_them() {
    let harness = Harness::start();
    harness.create("t", 2);
    harness.create("source", 1);
    let producer = producer(&harness, "id");
    producer.begin_transaction().unwrap();
    send(&producer, "a", 10);
    let reader = harness.reader("t", 2, Offset::Beginning, "read_committed");
    let end = |isolation: &str| {
        let reader = harness.reader("t", 2, Offset::Beginning, isolation);
        reader.fetch_watermarks("t", 0, PATIENCE).unwrap().1
    };
    assert_eq!(end("read_uncommitted"), 5);
    assert!(reader.poll(Duration::from_millis(500)).is_none(), "an open transaction is not seen");
    producer.commit_transaction(PATIENCE).unwrap();

    producer.begin_transaction().unwrap();
    send(&producer, "b", 10);
    producer.abort_transaction(PATIENCE).unwrap();

    producer.begin_transaction().unwrap();
    send(&producer, "c", 10);
    let mut config = harness.config();
    let group: BaseConsumer = config.set("group.id", "g").set("enable.auto.commit", "false").create().unwrap();
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset("source", 0, Offset::Offset(7)).unwrap();
    group.assign(&offsets).unwrap();
    producer.send_offsets_to_transaction(&offsets, &group.group_metadata().unwrap(), PATIENCE).unwrap();
    producer.commit_transaction(PATIENCE).unwrap();
    assert_eq!(group.committed(PATIENCE).unwrap().elements()[0].offset(), Offset::Offset(7));

    let expected = |tags: &[&str]| tags.iter().flat_map(|tag| vec![tag.to_string(); 10]).collect::<Vec<_>>();
    assert_eq!(harness.payloads("t", 2, 20, "read_committed"), expected(&["a", "c"]));
    assert_eq!(harness.payloads("t", 2, 30, "read_uncommitted"), expected(&["a", "b", "c"]));
}

#[test]
fn the_second_producer_of_an_id_fences_the_first() {
    let harness = Harness::start();
    harness.create("t", 2);
    let first = producer(&harness, "id");
    first.begin_transaction().unwrap();
    send(&first, "old", 1);
    let second = producer(&harness, "id");
    second.begin_transaction().unwrap();
    send(&second, "new", 1);
    second.commit_transaction(PATIENCE).unwrap();
    let error = first.commit_transaction(PATIENCE).unwrap_err();
    assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::Fenced));
    assert_eq!(harness.payloads("t", 2, 1, "read_committed"), ["new"]);
}

#[test]
fn a_transaction_that_times_out_frees_its_readers() {
    let harness = Harness::start();
    harness.create("t", 1);
    let mut config = harness.config();
    config.set("transactional.id", "id").set("transaction.timeout.ms", "1000").set("message.timeout.ms", "1000");
    let hanging: BaseProducer = config.create().unwrap();
    hanging.init_transactions(PATIENCE).unwrap();
    hanging.begin_transaction().unwrap();
    send(&hanging, "hanging", 1);
    let begun = Instant::now();
    harness.produce("t", 1, "none");
    assert_eq!(harness.payloads("t", 1, 1, "read_committed").len(), 1);
    assert!(begun.elapsed() > Duration::from_millis(500), "the open transaction held the reader back");
    assert!(hanging.commit_transaction(PATIENCE).is_err());
}

#[test]
fn a_timeout_beyond_15_minutes_is_refused() {
    let harness = Harness::start();
    let mut config = harness.config();
    config.set("transactional.id", "id").set("transaction.timeout.ms", "900001");
    let producer: BaseProducer = config.create().unwrap();
    let error = producer.init_transactions(PATIENCE).unwrap_err();
    assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::InvalidTransactionTimeout));
}

#[test]
fn open_transactions_are_listed_and_described() {
    let harness = Harness::start();
    harness.create("t", 2);
    let (open, done) = (unique("open"), unique("done"));
    let (open_producer, done_producer) = (producer(&harness, &open), producer(&harness, &done));
    for producer in [&open_producer, &done_producer] {
        producer.begin_transaction().unwrap();
        send(producer, "x", 3);
    }
    done_producer.commit_transaction(PATIENCE).unwrap();

    let list = |states: &[&str]| {
        let filters = states.iter().map(|state| string(state)).collect();
        let response =
            harness.ask(1, ListTransactionsRequest::default().with_duration_filter(-1).with_state_filters(filters));
        let unknown: Vec<String> = response.unknown_state_filters.iter().map(|state| state.to_string()).collect();
        let listed: Vec<(String, String)> = response
            .transaction_states
            .iter()
            .map(|state| (state.transactional_id.to_string(), state.transaction_state.to_string()))
            .collect();
        (listed, unknown)
    };
    let entry = |id: &str, state: &str| (id.to_string(), state.to_string());
    assert_eq!(list(&[]).0, [entry(&done, "CompleteCommit"), entry(&open, "Ongoing")]);
    assert_eq!(list(&["Ongoing", "Odd"]), (vec![entry(&open, "Ongoing")], vec!["Odd".to_string()]));

    let ids = [&open, "none"].map(|id| TransactionalId(string(id))).to_vec();
    let response = harness.ask(0, DescribeTransactionsRequest::default().with_transactional_ids(ids));
    let [described, missing] = &response.transaction_states[..] else { panic!("{response:?}") };
    assert_eq!((described.error_code, described.transaction_state.as_str()), (0, "Ongoing"));
    assert_eq!(described.transaction_timeout_ms, 60_000);
    assert!(described.transaction_start_time_ms > 0);
    assert_eq!(described.topics[0].partitions, [0, 1]);
    assert_eq!(missing.error_code, 105);

    let topic = TopicRequest::default().with_name(TopicName(string("t"))).with_partition_indexes(vec![0, 9]);
    let response = harness.ask(0, DescribeProducersRequest::default().with_topics(vec![topic]));
    let [partition, missing] = &response.topics[0].partitions[..] else { panic!("{response:?}") };
    let mut producers: Vec<_> = partition
        .active_producers
        .iter()
        .map(|producer| (producer.last_sequence, producer.current_txn_start_offset))
        .collect();
    producers.sort_unstable();
    assert_eq!(producers, [(1, -1), (1, 0)]);
    assert_eq!(missing.error_code, 3);
}

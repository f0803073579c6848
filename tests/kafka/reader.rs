//! Positions and reading while nothing goes wrong.

use std::time::{Duration, Instant};

use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::Producer;
use tidewater::connector::{Positions, Read};

use crate::cluster::*;

#[test]
fn everything_is_read_once_from_any_position() {
    let (brokers, topic) = (brokers(), topic_name("positions"));
    create_topic(brokers, &topic, 4);
    fill(brokers, &topic, 4, 0..3000);
    let source = source(brokers, &topic, &[]);
    let start = source.start().expect("reachable");
    assert_eq!(start, Positions::from([(0, 0), (1, 0), (2, 0), (3, 0)]));
    let end = source.end().expect("reachable").expect("pauses");
    assert_eq!(end, Positions::from([(0, 3000), (1, 3000), (2, 3000), (3, 3000)]));
    let all = read_all(source.as_ref(), &start, &end, false);
    assert_eq!((all.values(), &all.positions), (filled(4, 0..3000), &end));
    let some = read_all(
        source.as_ref(),
        &Positions::from([(0, 2999), (1, 3000), (2, 17)]),
        &Positions::from([(0, 3000), (1, 3000), (2, 20)]),
        false,
    );
    assert_eq!(some.values(), ["0-2999", "2-17", "2-18", "2-19"]);
    assert!(read_all(source.as_ref(), &end, &end, false).records.is_empty());
}

#[test]
fn partitions_that_end_in_one_go_are_let_go_once() {
    let (brokers, topic) = (brokers(), topic_name("ends"));
    create_topic(brokers, &topic, 4);
    // The last record and the end of three partitions come together, while the fourth goes on.
    fill(brokers, &topic, 3, 0..3);
    let producer = producer(brokers, &[]);
    for _ in 0..20_000 {
        send(&producer, &topic, 3, None, Some(b"more"));
    }
    flush(&producer);
    let source = source(brokers, &topic, &[]);
    let (start, end) = (source.start().expect("reachable"), source.end().expect("reachable").expect("pauses"));
    for _ in 0..30 {
        assert_eq!(read_all(source.as_ref(), &start, &end, false).records.len(), 20_009);
    }
}

#[test]
fn a_reader_for_ever_goes_on_with_what_comes_and_asks_for_no_more_than_it_may() {
    let (brokers, topic) = (brokers(), topic_name("tail"));
    create_topic(brokers, &topic, 2);
    fill(brokers, &topic, 2, 0..100);
    let latest = source(brokers, &topic, &[("start", "latest")]);
    let start = latest.start().expect("reachable");
    assert_eq!(start, Positions::from([(0, 100), (1, 100)]));
    let mut reader = latest.open(&start, None, false).expect("opens");
    assert!(matches!(reader.read(10, Duration::from_millis(300)), Ok(Read::Idle)));
    assert_eq!(reader.status().state, "running");
    fill(brokers, &topic, 2, 100..200);
    let mut taken = Taken::default();
    let begun = Instant::now();
    while taken.records.len() < 200 {
        let read = reader.read(10, Duration::from_millis(100)).expect("reads");
        assert!(!matches!(&read, Read::Records(batch) if batch.records.len() > 10));
        assert!(begun.elapsed() < PATIENCE);
        taken.add(read);
    }
    assert_eq!(taken.values(), filled(2, 100..200));
}

#[test]
fn keys_nulls_headers_and_times_arrive_as_they_were_written() {
    let (brokers, topic) = (brokers(), topic_name("parts"));
    create_topic(brokers, &topic, 1);
    let producer = producer(brokers, &[]);
    send(&producer, &topic, 0, Some(b"k"), Some(b"v"));
    send(&producer, &topic, 0, Some(b"k"), None);
    send(&producer, &topic, 0, Some(b""), Some(b""));
    send(&producer, &topic, 0, None, Some(b"\xff\x00"));
    let headers = OwnedHeaders::new()
        .insert(Header { key: "a", value: Some("1") })
        .insert(Header { key: "b", value: None::<&str> })
        .insert(Header { key: "a", value: Some("") });
    send_with_headers(&producer, &topic, b"h", 1_700_000_000_123, headers);
    flush(&producer);
    let source = source(brokers, &topic, &[]);
    let taken = read_all(source.as_ref(), &Positions::new(), &Positions::from([(0, 5)]), true);
    let parts: Vec<_> = taken.records.values().map(|(_, key, value)| (key.as_deref(), value.as_deref())).collect();
    let expected = [
        (Some(&b"k"[..]), Some(&b"v"[..])),
        (Some(b"k"), None),
        (Some(b""), Some(b"")),
        (None, Some(b"\xff\x00")),
        (None, Some(b"h")),
    ];
    assert_eq!(parts, expected);
    let last = &taken.records[&(0, 4)].0;
    assert_eq!(last.timestamp_ms, 1_700_000_000_123);
    let headers: Vec<_> = last.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
    assert_eq!(headers, [("a", Some(&b"1"[..])), ("b", None), ("a", Some(&b""[..]))]);
    let without = read_all(source.as_ref(), &Positions::new(), &Positions::from([(0, 5)]), false);
    assert!(without.records.values().all(|(record, ..)| record.headers.is_empty()));
}

#[test]
fn a_bounded_reader_ends_behind_markers_and_aborted_records() {
    let (brokers, topic) = (brokers(), topic_name("transactions"));
    create_topic(brokers, &topic, 2);
    let producer = producer(brokers, &[("transactional.id", &topic)]);
    producer.init_transactions(PATIENCE).expect("a coordinator");
    for (value, commit) in [("a", true), ("b", false), ("c", true), ("d", false)] {
        producer.begin_transaction().expect("idle");
        send(&producer, &topic, 0, None, Some(value.as_bytes()));
        flush(&producer);
        if commit { producer.commit_transaction(PATIENCE) } else { producer.abort_transaction(PATIENCE) }
            .expect("a transaction");
    }
    let source = source(brokers, &topic, &[]);
    let end = source.end().expect("reachable").expect("pauses");
    assert_eq!(end, Positions::from([(0, 8), (1, 0)]), "four records and four markers");
    let taken = read_all(source.as_ref(), &Positions::new(), &end, false);
    assert_eq!(taken.values(), ["a", "c"]);
    assert_eq!(taken.positions, Positions::from([(0, 8)]));
}

#[test]
fn new_partitions_are_read_from_their_beginning() {
    use rdkafka::admin::{AdminOptions, NewPartitions};
    let (brokers, topic) = (brokers(), topic_name("grow"));
    create_topic(brokers, &topic, 1);
    fill(brokers, &topic, 1, 0..10);
    let source = source(brokers, &topic, &[("kafka.topic.metadata.refresh.interval.ms", "200")]);
    let mut reader = source.open(&source.start().expect("reachable"), None, false).expect("opens");
    let mut taken = Taken::default();
    read_until(reader.as_mut(), &mut taken, |taken| taken.records.len() == 10).expect("reads");
    let grown = [NewPartitions::new(&topic, 3)];
    let results = futures::executor::block_on(admin(brokers).create_partitions(&grown, &AdminOptions::new()));
    assert_eq!(results.expect("an answer"), [Ok(topic.clone())]);
    fill(brokers, &topic, 3, 10..20);
    read_until(reader.as_mut(), &mut taken, |taken| taken.records.len() == 40).expect("reads");
    assert_eq!(taken.positions, Positions::from([(0, 20), (1, 10), (2, 10)]));
}

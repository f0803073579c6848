//! Brokers and topics that are not there, or not any more.

use std::time::{Duration, Instant};

use futures::executor::block_on;
use rdkafka::admin::AdminOptions;
use rdkafka::{Offset, TopicPartitionList};
use tidewater::broker::{Broker, BrokerOptions};
use tidewater::connector::{OnDeleted, Positions, Read};
use tidewater::error::{Error, code};

use crate::cluster::*;

#[test]
fn a_broker_that_cannot_be_reached_is_told_within_ten_seconds() {
    for (brokers, reason) in [("127.0.0.1:1", "Connection refused"), ("no-such-host.invalid:9092", "resolve")] {
        let begun = Instant::now();
        let error = source(brokers, "bids", &[]).start().expect_err("nobody is there");
        let seconds_max = if reason == "Connection refused" { 4 } else { 10 };
        assert!(begun.elapsed() < Duration::from_secs(seconds_max), "{:?}", begun.elapsed());
        assert_eq!(error.code, code::FDW_UNABLE_TO_ESTABLISH_CONNECTION);
        assert!(error.message.starts_with(&format!("cannot connect to Kafka at \"{brokers}\": ")), "{error}");
        assert!(error.message.contains(reason) && error.hint.is_some(), "{error}");
    }
}

#[test]
fn a_missing_topic_is_told_at_once_with_the_ones_that_exist() {
    let (brokers, topic) = (brokers(), topic_name("missing"));
    create_topic(brokers, &topic, 1);
    let begun = Instant::now();
    let error = source(brokers, &format!("{topic}s"), &[]).start().expect_err("no such topic");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(error.code, code::FDW_TABLE_NOT_FOUND);
    assert!(error.message.starts_with(&format!("topic \"{topic}s\" does not exist on the brokers at ")), "{error}");
    assert!(error.hint.as_deref().is_some_and(|hint| hint.contains(&format!("\"{topic}\""))), "{error}");
    let error = source(brokers, &format!("{topic}s"), &[]).open(&Positions::new(), None, false).err();
    assert_eq!(error.map(|error| error.code), Some(code::FDW_TABLE_NOT_FOUND));
}

/// Reads until the reader gives up.
fn read_to_error(source: &dyn tidewater::connector::Source, from: &Positions) -> Error {
    let mut reader = match source.open(from, None, false) {
        Ok(reader) => reader,
        Err(error) => return error,
    };
    let mut taken = Taken::default();
    read_until(reader.as_mut(), &mut taken, |_| false).expect_err("the reader gives up")
}

#[test]
fn records_that_were_deleted_before_they_were_read_are_counted() {
    let (brokers, topic) = (brokers(), topic_name("retention"));
    create_topic(brokers, &topic, 1);
    fill(brokers, &topic, 1, 0..100);
    let mut until = TopicPartitionList::new();
    until.add_partition_offset(&topic, 0, Offset::Offset(40)).expect("an offset");
    let deleted = block_on(admin(brokers).delete_records(&until, &AdminOptions::new())).expect("an answer");
    assert!(deleted.elements().iter().all(|partition| partition.error().is_ok()));
    let source = source(brokers, &topic, &[]);
    assert_eq!(source.start(), Ok(Positions::from([(0, 40)])));
    let error = read_to_error(source.as_ref(), &Positions::from([(0, 10)]));
    assert!(error.message.starts_with("30 offsets of partition 0") && error.message.contains("(10 to 39)"), "{error}");
    let error = read_to_error(source.as_ref(), &Positions::from([(0, 101)]));
    assert!(error.message.contains("ends at offset 100, but was read up to 101"), "{error}");
}

#[test]
fn reading_goes_on_behind_what_was_deleted_where_that_is_asked_for() {
    let (brokers, topic) = (brokers(), topic_name("passed"));
    create_topic(brokers, &topic, 1);
    // In small batches: each is fetched as a whole.
    (0..20).for_each(|batch| fill(brokers, &topic, 1, batch * 50..batch * 50 + 50));
    let delete = |until: i64| {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&topic, 0, Offset::Offset(until)).expect("an offset");
        block_on(admin(brokers).delete_records(&list, &AdminOptions::new())).expect("an answer");
    };
    // Little is fetched ahead.
    let source =
        source(brokers, &topic, &[("kafka.fetch.message.max.bytes", "1000"), ("kafka.queued.min.messages", "1")]);
    let (from, until) = (Positions::from([(0, 10)]), Positions::from([(0, 1000)]));
    // What is read first, and until where records are deleted before and after it.
    for (on_deleted, first, second) in [(OnDeleted::PassAtStart, 100, 500), (OnDeleted::Pass, 600, 900)] {
        delete(first);
        let mut reader = source.open(&from, Some(&until), false).expect("opens");
        reader.on_deleted(on_deleted);
        let mut taken = Taken::default();
        read_until(reader.as_mut(), &mut taken, |taken| !taken.records.is_empty()).expect("begins");
        assert_eq!((taken.records.keys().next(), reader.status().deleted), (Some(&(0, first)), 0));
        delete(second);
        match read_until(reader.as_mut(), &mut taken, |_| false) {
            Err(error) => {
                assert_eq!(on_deleted, OnDeleted::PassAtStart);
                assert!(error.message.contains("were deleted by the broker"), "{error}");
            }
            Ok(()) => {
                assert_eq!(on_deleted, OnDeleted::Pass);
                let (read, deleted) = (taken.records.len() as u64, reader.status().deleted);
                assert!(deleted > 0 && read + deleted == 1000 - first as u64, "{read} read, {deleted} deleted");
            }
        }
    }
}

#[test]
fn a_topic_that_was_created_again_is_not_read_on() {
    let (brokers, topic) = (brokers(), topic_name("again"));
    create_topic(brokers, &topic, 1);
    fill(brokers, &topic, 1, 0..10);
    let source = source(brokers, &topic, &[("kafka.topic.metadata.refresh.interval.ms", "200")]);
    let mut reader = source.open(&source.start().expect("reachable"), None, false).expect("opens");
    let mut taken = Taken::default();
    read_until(reader.as_mut(), &mut taken, |taken| taken.records.len() == 10).expect("reads");
    delete_topic(brokers, &topic);
    let begun = Instant::now();
    while reader.status().state == "running" {
        assert!(begun.elapsed() < PATIENCE);
        assert!(matches!(reader.read(10, Duration::from_millis(50)), Ok(Read::Idle)));
    }
    assert!(reader.status().last_error.is_some_and(|text| text.contains("does not exist")));
    create_again(brokers, &topic);
    fill(brokers, &topic, 1, 0..20);
    let error = read_until(reader.as_mut(), &mut taken, |_| false).expect_err("another topic");
    assert!(error.message.contains("created again"), "{error}");
    // A reader that is opened later knows the source's topic too.
    let error = read_to_error(source.as_ref(), &Positions::from([(0, 10)]));
    assert!(error.message.contains("created again"), "{error}");
}

#[test]
fn no_record_of_a_topic_that_was_created_again_is_read_however_long_it_is() {
    for round in 0..10 {
        let (brokers, topic) = (brokers(), topic_name("longer"));
        create_topic(brokers, &topic, 1);
        fill(brokers, &topic, 1, 0..10);
        // With a look at the topic only now and then.
        let source = source(brokers, &topic, &[("kafka.topic.metadata.refresh.interval.ms", "60000")]);
        let mut reader = source.open(&source.start().expect("reachable"), None, false).expect("opens");
        let mut taken = Taken::default();
        read_until(reader.as_mut(), &mut taken, |taken| taken.records.len() == 10).expect("reads");
        delete_topic(brokers, &topic);
        // Long enough that nobody can do it by hand sooner.
        std::thread::sleep(Duration::from_millis(60));
        create_again(brokers, &topic);
        fill(brokers, &topic, 1, 1000..1000 + 30);
        let error = read_until(reader.as_mut(), &mut taken, |_| false).expect_err("another topic");
        assert!(error.message.contains("created again"), "round {round}: {error}");
        assert_eq!(taken.values(), filled(1, 0..10), "round {round}");
    }
}

#[test]
fn a_broker_that_comes_back_with_another_topic_is_not_read_on() {
    for round in 0..10 {
        let (runtime, broker) = own_broker();
        let listen = broker.address();
        let brokers = listen.to_string();
        create_topic(&brokers, "again", 2);
        fill(&brokers, "again", 2, 0..500);
        let source = source(&brokers, "again", &[]);
        let mut reader = source.open(&source.start().expect("reachable"), None, false).expect("opens");
        let mut taken = Taken::default();
        read_until(reader.as_mut(), &mut taken, |taken| taken.records.len() == 1000).expect("reads");
        // In odd rounds the reader does not see that the broker is away, and what is there when it looks again is long.
        runtime.block_on(broker.stop());
        if round % 2 == 0 {
            let begun = Instant::now();
            while reader.status().state == "running" {
                assert!(begun.elapsed() < PATIENCE);
                assert!(!matches!(reader.read(100, Duration::from_millis(20)).expect("waits"), Read::Records(_)));
            }
        }
        let options = BrokerOptions { listen, auto_create_topics: false, ..BrokerOptions::default() };
        let broker = runtime.block_on(Broker::start(options)).expect("the port is free");
        create_topic(&brokers, "again", 2);
        fill(&brokers, "again", 2, 10_000..10_000 + 1_500);
        let error = read_until(reader.as_mut(), &mut taken, |_| false).expect_err("another topic");
        assert!(error.message.contains("created again"), "round {round}: {error}");
        assert_eq!(taken.values(), filled(2, 0..500), "round {round}");
        runtime.block_on(broker.stop());
    }
}

/// A broker may need a moment until the name of a deleted topic is free.
fn create_again(brokers: &str, topic: &str) {
    use rdkafka::admin::{NewTopic, TopicReplication};
    let begun = Instant::now();
    loop {
        let new = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
        let results = block_on(admin(brokers).create_topics([&new], &AdminOptions::new())).expect("an answer");
        if results[0].is_ok() {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{results:?}");
    }
}

#[test]
fn a_broker_that_dies_and_comes_back_costs_nothing() {
    let (runtime, mut broker) = own_broker();
    let brokers = broker.address().to_string();
    create_topic(&brokers, "survivor", 2);
    fill(&brokers, "survivor", 2, 0..1000);
    let source = source(&brokers, "survivor", &[]);
    let start = source.start().expect("reachable");
    let mut reader = source.open(&start, None, false).expect("opens");
    let mut taken = Taken::default();
    read_until(reader.as_mut(), &mut taken, |taken| taken.records.len() >= 500).expect("reads");
    runtime.block_on(broker.pause());
    let begun = Instant::now();
    while reader.status().state == "running" {
        assert!(begun.elapsed() < PATIENCE);
        taken.add(reader.read(100, Duration::from_millis(20)).expect("waits"));
    }
    let status = reader.status();
    assert_eq!(status.state, "reconnecting");
    assert!(status.last_error.is_some() && status.last_error_at.is_some(), "{status:?}");
    assert!(!status.last_error.is_some_and(|text| text.contains("brokers are down")));
    // A reader can be opened while nobody is there: the positions tell what to read.
    let mut patient = source.open(&start, None, false).expect("opens");
    runtime.block_on(broker.resume()).expect("the port is free");
    fill(&brokers, "survivor", 2, 1000..1100);
    read_until(reader.as_mut(), &mut taken, |taken| taken.records.len() == 2200).expect("goes on");
    assert_eq!(taken.values(), filled(2, 0..1100));
    let begun = Instant::now();
    while reader.status().state != "running" {
        assert!(begun.elapsed() < PATIENCE);
        assert!(matches!(reader.read(100, Duration::from_millis(20)), Ok(Read::Idle)));
    }
    let mut all = Taken::default();
    read_until(patient.as_mut(), &mut all, |all| all.records.len() == 2200).expect("begins late");
    assert_eq!(all.values(), filled(2, 0..1100));
}

/// Answers every connection with the same bytes, once the client has said something.
fn service(answer: &'static [u8]) -> String {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut said = [0; 64];
            if stream.read(&mut said).is_ok_and(|length| length > 0) {
                let _ = stream.write_all(answer);
            }
        }
    });
    address
}

#[test]
fn what_is_not_kafka_is_named() {
    for (answer, reason) in [
        (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n".as_slice(), "is an HTTP server, not Kafka"),
        (b"E\0\0\0\x1aSFATAL\0C0A000\0Mno\0\0\0\0\0\0", "is a PostgreSQL server"),
        (b"220 mail ready\r\n", "is not Kafka (it answered \"220 mail ready\")"),
    ] {
        let address = service(answer);
        let begun = Instant::now();
        let error = source(&address, "bids", &[]).start().expect_err("not Kafka");
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        assert_eq!(error.code, code::FDW_UNABLE_TO_ESTABLISH_CONNECTION);
        assert!(error.message.contains(&address) && error.message.contains(reason), "{error}");
        assert!(error.hint.is_some_and(|hint| hint.contains("Kafka listener")));
    }
}

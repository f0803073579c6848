//! Writing.

use std::time::{Duration, Instant};

use tidewater::connector::{Positions, SinkRecord};
use tidewater::error::code;

use crate::cluster::*;

fn record(key: Option<&str>, value: Option<&str>) -> SinkRecord {
    SinkRecord { key: key.map(|key| key.as_bytes().to_vec()), value: value.map(|value| value.as_bytes().to_vec()) }
}

#[test]
fn what_was_flushed_is_there_in_order_and_where_java_would_put_it() {
    let (brokers, topic) = (brokers(), topic_name("sink"));
    create_topic(brokers, &topic, 4);
    let sink = sink(brokers, &topic, &[]).expect("valid");
    sink.check().expect("exists");
    let mut writer = sink.open().expect("opens");
    let keys = ["alpha", "beta", "gamma", "delta"];
    let written = |round: i32| keys.map(|key| record(Some(key), Some(&format!("{key}-{round}")))).to_vec();
    for round in 0..500 {
        writer.write(written(round)).expect("room");
    }
    writer.write(vec![record(Some("alpha"), None)]).expect("room");
    let begun = Instant::now();
    writer.flush(PATIENCE).expect("acknowledged");
    assert!(begun.elapsed() < Duration::from_secs(5));
    let source = source(brokers, &topic, &[]);
    let taken = read_all(source.as_ref(), &Positions::new(), &source.end().expect("reachable").expect("pauses"), false);
    assert_eq!(taken.records.len(), 2001);
    for (key, hash) in keys.iter().zip(JAVA_MURMUR2) {
        let of_key: Vec<_> =
            taken.records.iter().filter(|(_, (_, found, _))| found.as_deref() == Some(key.as_bytes())).collect();
        let partition = (hash & 0x7fff_ffff) % 4;
        assert!(of_key.iter().all(|((found, _), _)| *found == partition), "{key} belongs to {partition}");
        let values: Vec<_> = of_key.iter().map(|(_, (_, _, value))| value.as_deref()).collect();
        let mut expected: Vec<_> = (0..500).map(|round| Some(format!("{key}-{round}").into_bytes())).collect();
        expected.extend((*key == "alpha").then_some(None));
        assert_eq!(values, expected.iter().map(Option::as_deref).collect::<Vec<_>>());
    }
}

/// `org.apache.kafka.common.utils.Utils.murmur2` of alpha, beta, gamma and delta.
const JAVA_MURMUR2: [i32; 4] = [1_337_910_568, -739_400_544, -1_267_324_642, 1_249_681_418];

#[test]
fn a_topic_must_exist_unless_the_sink_may_create_it() {
    let (brokers, topic) = (brokers(), topic_name("created"));
    let error = sink(brokers, &topic, &[]).expect("valid").check().expect_err("missing");
    assert_eq!(error.code, code::FDW_TABLE_NOT_FOUND);
    assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("create_topic = 'true'")), "{error}");
    let creating = sink(brokers, &topic, &[("create_topic", "true"), ("partitions", "3")]).expect("valid");
    creating.check().expect("created");
    creating.check().expect("exists");
    assert_eq!(source(brokers, &topic, &[]).start().expect("reachable").len(), 3);
    let another = topic_name("created");
    let creating = sink(brokers, &another, &[("create_topic", "true")]).expect("valid");
    creating.check().expect("created with as many partitions as the broker likes");
    assert_eq!(source(brokers, &another, &[]).start().expect("reachable").len(), 1);
}

#[test]
fn lost_records_and_contradicting_options_are_told() {
    let (brokers, topic) = (brokers(), topic_name("lost"));
    create_topic(brokers, &topic, 1);
    let mut writer = sink(brokers, &topic, &[]).expect("valid").open().expect("opens");
    let error = writer.write(vec![record(None, Some(&"x".repeat(2 << 20)))]).expect_err("too large for the client");
    assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("message.max.bytes")), "{error}");
    writer.write(vec![record(None, Some("small"))]).expect("still usable");
    writer.flush(PATIENCE).expect("acknowledged");
    let error =
        sink(brokers, &topic, &[("kafka.acks", "1")]).expect("valid by itself").check().expect_err("not idempotent");
    assert!(error.message.contains("acks"), "{error}");
    let mut writer =
        sink("127.0.0.1:1", &topic, &[("kafka.message.timeout.ms", "300")]).expect("valid").open().expect("opens");
    writer.write(vec![record(None, Some("gone"))]).expect("queued");
    let error = writer.flush(PATIENCE).expect_err("never acknowledged");
    assert!(error.message.contains("could not be written"), "{error}");
    assert!(error.detail.as_deref().is_some_and(|detail| detail.contains("Connection refused")), "{error}");
    writer.write(vec![record(None, Some("gone"))]).expect("queued");
    let error = writer.flush(Duration::from_millis(50)).expect_err("not yet acknowledged");
    assert!(error.message.contains("Connection refused"), "{error}");
}

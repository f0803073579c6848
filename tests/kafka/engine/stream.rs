//! What is in a topic is in the stream and its views: rows, metadata, history and what comes later, at every moment the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::BaseRecord;

use super::*;

fn bid(number: i64) -> String {
    format!(r#"{{"auction": {}, "price": {number}, "bidder": "b{}"}}"#, number % 7, number % 3)
}

const BID: &str = "(auction BIGINT, price BIGINT, bidder TEXT)";

/// What `SELECT auction, count(*), sum(price)` makes of the bids.
fn totals(numbers: std::ops::Range<i64>) -> Vec<Vec<String>> {
    let of = |auction: i64| numbers.clone().filter(move |number| number % 7 == auction);
    (0..7).map(|auction| row([&auction, &of(auction).count(), &of(auction).sum::<i64>()])).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_json_topic_feeds_an_aggregate_and_a_pass_through_view() {
    let world = World::start("feeds", 3).await;
    world.produce(3, (0..300).map(bid));
    world.create_stream("bids", BID, "").await;
    world.run("CREATE MATERIALIZED VIEW totals AS SELECT auction, count(*) AS n, sum(price) AS total FROM bids GROUP BY auction").await;
    world.run("CREATE MATERIALIZED VIEW high AS SELECT price, bidder FROM bids WHERE price % 100 >= 90").await;
    for end in [300, 600] {
        if end == 600 {
            world.produce(3, (300..600).map(bid));
        }
        world.flush().await;
        assert_eq!(world.rows("SELECT * FROM totals ORDER BY auction").await, totals(0..end));
        let high =
            (0..end).filter(|number| number % 100 >= 90).map(|number| row([&number, &format!("b{}", number % 3)]));
        assert_eq!(world.rows("SELECT * FROM high ORDER BY price").await, high.collect::<Vec<_>>());
        let all = (0..end).map(|number| row([&(number % 7), &number, &format!("b{}", number % 3)]));
        assert_eq!(world.rows("SELECT * FROM bids ORDER BY price").await, all.collect::<Vec<_>>());
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn key_partition_offset_timestamp_and_headers_are_columns() {
    let world = World::start("include", 2).await;
    let producer = cluster::producer(world.brokers, &[]);
    let header = |key, value: Option<&'static [u8]>| Header { key, value };
    let headers = OwnedHeaders::new()
        .insert(header("a", Some(b"1")))
        .insert(header("b", None))
        .insert(header("a", Some(b"\xff")));
    let to = |partition| BaseRecord::<[u8], [u8]>::to(&world.topic).partition(partition);
    let full = to(1).key(b"k1").payload(br#"{"id": 1}"#).timestamp(1_700_000_000_123).headers(headers);
    producer.send(full).map_err(|(error, _)| error).expect("room");
    let second = to(1).key(b"").payload(br#"{"id": 2}"#).timestamp(1);
    producer.send(second).map_err(|(error, _)| error).expect("room");
    let bare = to(0).payload(br#"{"id": 3}"#).timestamp(1_000);
    producer.send(bare).map_err(|(error, _)| error).expect("room");
    tokio::task::block_in_place(|| cluster::flush(&producer));
    let columns = "(id BIGINT) INCLUDE key, partition AS p INCLUDE offset AS o, timestamp AS t, headers AS h";
    world.create_stream("parts", columns, "").await;
    world.run("CREATE MATERIALIZED VIEW copy AS SELECT * FROM parts").await;
    world.flush().await;
    let expected = [
        [
            "1",
            r"\x6b31",
            "1",
            "0",
            "2023-11-14 22:13:20.123+00",
            r#"[{"key": "a", "value": "1"}, {"key": "b", "value": null}, {"key": "a", "value": null, "base64": "/w=="}]"#,
        ],
        ["2", r"\x", "1", "1", "1970-01-01 00:00:00.001+00", "[]"],
        ["3", "NULL", "0", "0", "1970-01-01 00:00:01+00", "[]"],
    ];
    for relation in ["copy", "parts"] {
        assert_eq!(world.rows(&format!("SELECT * FROM {relation} ORDER BY id")).await, expected, "{relation}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_from_the_latest_has_what_came_after_it_was_created() {
    let world = World::start("latest", 2).await;
    world.produce(2, (0..100).map(bid));
    world.create_stream("bids", BID, ", start = 'latest'").await;
    world.produce(2, (100..150).map(bid));
    world.run("CREATE MATERIALIZED VIEW early AS SELECT count(*) AS n, min(price) AS low FROM bids").await;
    world.produce(2, (150..200).map(bid));
    world.flush().await;
    assert_eq!(world.rows("SELECT * FROM early").await, [["100", "100"]]);
    world.run("CREATE MATERIALIZED VIEW late AS SELECT count(*) AS n, min(price) AS low FROM bids").await;
    world.produce(2, (200..210).map(bid));
    world.flush().await;
    for relation in ["early", "late"] {
        assert_eq!(world.rows(&format!("SELECT * FROM {relation}")).await, [["110", "100"]], "{relation}");
    }
    assert_eq!(world.rows("SELECT count(*), min(price) FROM bids").await, [["110", "100"]]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flush_returns_when_all_that_was_produced_is_in_the_views() {
    let world = World::start("flush", 3).await;
    world.create_stream("bids", BID, "").await;
    world.run("CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n, sum(price) AS total FROM bids").await;
    world.run("CREATE MATERIALIZED VIEW over_it AS SELECT n + 1 AS n1 FROM counted").await;
    for round in 0..20 {
        world.produce(3, (round * 50..(round + 1) * 50).map(bid));
        world.flush().await;
        let n = (round + 1) * 50;
        assert_eq!(world.rows("SELECT * FROM counted").await, [row([&n, &(n * (n - 1) / 2)])]);
        assert_eq!(world.rows("SELECT * FROM over_it").await, [row([&(n + 1)])]);
    }
    world.stop().await;
}

/// The bank on a topic: what is credited is debited, whoever looks and whenever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_views_of_one_stream_agree_at_every_read() {
    let world = World::start("agree", 3).await;
    world.create_stream("transfers", "(source INTEGER, target INTEGER, amount BIGINT)", "").await;
    for (view, account) in [("credits", "target"), ("debits", "source")] {
        let sql = format!(
            "CREATE MATERIALIZED VIEW {view} AS SELECT {account} AS account, sum(amount) AS total FROM transfers GROUP BY {account}"
        );
        world.run(&sql).await;
    }
    let transfer = |i: i64| format!(r#"{{"source": {}, "target": {}, "amount": {}}}"#, i % 10, i * 7 % 11, i % 50);
    world.produce(3, (0..10).map(transfer));
    world.flush().await;
    let done = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn(read_both(world.server.connect().await, Arc::clone(&done)));
    for round in 0..100 {
        world.produce(3, (10 + round * 40..10 + (round + 1) * 40).map(transfer));
    }
    world.flush().await;
    done.store(true, Ordering::Release);
    let (reads, sums) = reader.await.expect("agrees");
    assert!(reads > 20 && sums > 5, "{reads} reads saw {sums} different sums");
    let total: i64 = (0..4010).map(|i| i % 50).sum();
    assert_eq!(world.rows("SELECT sum(total) FROM credits").await, [row([&total])]);
    world.stop().await;
}

/// Reads both views at once until it is done; how often, and how many different sums it saw.
async fn read_both(client: Client, done: Arc<AtomicBool>) -> (usize, usize) {
    let (mut reads, mut sums) = (0, std::collections::BTreeSet::new());
    while !done.load(Ordering::Acquire) {
        let both = "SELECT (SELECT sum(total) FROM credits), (SELECT sum(total) FROM debits)";
        let found = rows(&client, both).await;
        assert_eq!(found[0][0], found[0][1]);
        sums.insert(found[0][0].clone());
        reads += 1;
    }
    (reads, sums.len())
}

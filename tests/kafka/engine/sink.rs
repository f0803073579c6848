//! Views into topics.

use std::collections::BTreeMap;

use super::outage::own_broker;
use super::*;

fn sink(name: &str, from: &str, brokers: &str, topic: &str, more: &str) -> String {
    let options = format!("connector = 'kafka', brokers = '{brokers}', topic = '{topic}', format = 'json'{more}");
    format!("CREATE SINK {name} FROM {from} WITH ({options})")
}

fn payment(number: i64) -> String {
    format!(r#"{{"account": {}, "amount": {}}}"#, number % 13, number * 31 % 101 - 50)
}

/// Reads the topic again and again until it is as it should be.
async fn until(brokers: &str, topic: &str, mut enough: impl FnMut(&Taken) -> bool) -> Taken {
    let begun = Instant::now();
    loop {
        let taken = consume(brokers, topic);
        if enough(&taken) {
            return taken;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "{} records: {:?}",
            taken.records.len(),
            taken.values().iter().take(5).collect::<Vec<_>>()
        );
        tokio::time::sleep(LOOK).await;
    }
}

/// The last value of every key, without those whose last is a tombstone.
fn compacted(taken: &Taken) -> BTreeMap<String, String> {
    let mut last = BTreeMap::new();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    for (_, key, value) in taken.records.values() {
        let key = text(key.as_ref().expect("every record has a key"));
        match value {
            Some(value) => last.insert(key, text(value)),
            None => last.remove(&key),
        };
    }
    last
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_an_append_only_view_become_values() {
    let world = World::start("values", 2).await;
    world.produce(2, (0..100).map(payment));
    world.create_stream("payments", "(account BIGINT, amount NUMERIC(8,2))", "").await;
    world
        .run("CREATE MATERIALIZED VIEW large AS SELECT account, amount, 'ü\"' AS note FROM payments WHERE amount > 0")
        .await;
    let out = format!("{}-out", world.topic);
    world.run(&sink("out", "large", world.brokers, &out, ", create_topic = 'true', partitions = 1")).await;
    world.produce(2, (100..300).map(payment));
    let large = (0..300).filter(|number| number * 31 % 101 - 50 > 0);
    let value =
        |number: i64| format!(r#"{{"account":{},"amount":{}.00,"note":"ü\""}}"#, number % 13, number * 31 % 101 - 50);
    let mut expected: Vec<String> = large.map(value).collect();
    let taken = until(world.brokers, &out, |taken| taken.records.len() >= expected.len()).await;
    let mut values = taken.values();
    values.sort();
    expected.sort();
    assert_eq!(values, expected);
    assert!(taken.records.values().all(|(_, key, _)| key.is_none()));
    let told = [["out", "kafka", &expected.len().to_string(), "NULL"]];
    assert_eq!(world.rows("SELECT name, connector, records, last_error FROM tidewater.sinks").await, told);
    // A dropped sink writes no more.
    world.run("DROP SINK out").await;
    world.produce(2, (300..400).map(payment));
    world.flush().await;
    assert_eq!(consume(world.brokers, &out).records.len(), expected.len());
    world.stop().await;
}

/// Checks that the last value per key on the topic is what the view holds.
async fn check_equal(world: &World, out: &str) -> Taken {
    world.flush().await;
    let view = world.rows("SELECT account, total FROM positive ORDER BY account").await;
    let entry = |row: &Vec<String>| {
        (format!(r#"{{"account":{}}}"#, row[0]), format!(r#"{{"account":{},"total":{}}}"#, row[0], row[1]))
    };
    let expected: BTreeMap<String, String> = view.iter().map(entry).collect();
    until(world.brokers, out, |taken| compacted(taken) == expected).await
}

const TOTALS: &str = "
    CREATE MATERIALIZED VIEW totals AS SELECT account, sum(amount) AS total FROM payments GROUP BY account;
    CREATE MATERIALIZED VIEW positive AS SELECT account, total FROM totals WHERE total > 0";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_value_per_key_is_the_view() {
    let world = World::start("keyed", 3).await;
    world.create_stream("payments", "(account BIGINT, amount BIGINT)", "").await;
    world.run(TOTALS).await;
    let out = format!("{}-out", world.topic);
    world.produce(3, (0..200).map(payment));
    world
        .run(&sink("out", "positive", world.brokers, &out, ", key = 'account', create_topic = 'true', partitions = 3"))
        .await;
    check_equal(&world, &out).await;
    for round in 1..10 {
        world.produce(3, (round * 200..(round + 1) * 200).map(payment));
        check_equal(&world, &out).await;
    }
    // One account goes for good: a tombstone.
    world.produce(3, [r#"{"account": 99, "amount": 5}"#]);
    check_equal(&world, &out).await;
    world.produce(3, [r#"{"account": 99, "amount": -5}"#]);
    let taken = check_equal(&world, &out).await;
    let of_99: Vec<_> =
        taken.records.values().filter(|(_, key, _)| key.as_deref() == Some(br#"{"account":99}"#)).collect();
    assert_eq!(of_99.len(), 2);
    assert!(of_99[0].2.is_some() && of_99[1].2.is_none());
    let error =
        world.client.batch_execute(&sink("more", "positive", world.brokers, &out, "")).await.expect_err("no key");
    assert_eq!(error.code().map(tokio_postgres::error::SqlState::code), Some("22023"));
    world.stop().await;
}

/// More changes than a subscriber may leave waiting, and a broker that is away for all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_waits_for_its_broker_and_then_delivers_everything() {
    let (mut broker, brokers) = own_broker().await;
    create_topic(&brokers, "rows", 1).await;
    create_topic(&brokers, "state", 1).await;
    let server = Server::start(2).await;
    let client = server.connect().await;
    run(&client, "CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT)").await;
    run(&client, "CREATE MATERIALIZED VIEW totals AS SELECT id % 10 AS k, sum(n) AS total FROM t GROUP BY id % 10")
        .await;
    run(&client, &sink("state", "totals", &brokers, "state", ", key = 'k'")).await;
    run(&client, "INSERT INTO t VALUES (0, 0)").await;
    until(&brokers, "state", |taken| taken.records.len() == 1).await;
    broker.pause().await;
    for id in 1..1_500 {
        run(&client, &format!("INSERT INTO t VALUES ({id}, {id})")).await;
    }
    eventually(&client, "SELECT last_error IS NOT NULL FROM tidewater.sinks", &[&["t"]]).await;
    let view = rows(&client, "SELECT k, total FROM totals ORDER BY k").await;
    broker.resume().await.expect("the port is free");
    let entry =
        |row: &Vec<String>| (format!(r#"{{"k":{}}}"#, row[0]), format!(r#"{{"k":{},"total":{}}}"#, row[0], row[1]));
    let expected: BTreeMap<String, String> = view.iter().map(entry).collect();
    assert_eq!(expected.len(), 10);
    until(&brokers, "state", |taken| compacted(taken) == expected).await;
    eventually(&client, "SELECT last_error FROM tidewater.sinks", &[&["NULL"]]).await;
    server.stop().await;
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_sunk_around_an_outage_arrive_at_least_once() {
    let world = World::start("around", 1).await;
    let (mut broker, brokers) = own_broker().await;
    create_topic(&brokers, "out", 1).await;
    world.create_stream("numbers", "(id BIGINT)", "").await;
    world.run("CREATE MATERIALIZED VIEW even AS SELECT id FROM numbers WHERE id % 2 = 0").await;
    world.run(&sink("out", "even", &brokers, "out", "")).await;
    for round in 0..30_i64 {
        match round {
            10 => broker.pause().await,
            20 => broker.resume().await.expect("the port is free"),
            _ => {}
        }
        world.produce(1, (round * 100..(round + 1) * 100).map(|number| format!(r#"{{"id": {number}}}"#)));
        world.flush().await;
    }
    let expected: std::collections::BTreeSet<String> =
        (0..3_000).step_by(2).map(|id| format!(r#"{{"id":{id}}}"#)).collect();
    until(&brokers, "out", |taken| taken.values().into_iter().collect::<std::collections::BTreeSet<_>>() == expected)
        .await;
    world.stop().await;
    broker.stop().await;
}

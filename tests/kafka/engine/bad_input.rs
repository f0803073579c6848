//! Records that are no rows: each is told with its bytes and its place, and nothing beside it suffers.

use super::*;

const COLUMNS: &str = "(id BIGINT, name TEXT, amount NUMERIC(10,2))";

/// Good and bad records in turn, in one partition; `None` is a null value. For bad ones, what the reason must name.
fn records() -> Vec<(Option<Vec<u8>>, Option<&'static str>)> {
    let good = |text: &str| (Some(text.as_bytes().to_vec()), None);
    let bad = |bytes: &[u8], reason| (Some(bytes.to_vec()), Some(reason));
    let huge = "x".repeat(1_500_000);
    vec![
        good(r#"{"id": 0, "name": "first", "amount": 1.25}"#),
        bad(br#"{"id": 1, "name": "#, "byte"),
        good(r#"{"id": 2, "name": "missing amount"}"#),
        bad(br#"{"id": "three", "name": "wrong type"}"#, "id"),
        good(r#"{"id": 4, "name": "extra", "amount": "4.50", "more": {"deep": [1, 2, {"x": null}]}}"#),
        bad(b"", "empty"),
        (None, Some("null")),
        bad(b"{\"id\": 7, \"name\": \"\xff\xfe\"}", "UTF-8"),
        good(&format!(r#"{{"id": 8, "name": "{huge}", "amount": 8}}"#)),
        bad(format!(r#"{{"id": 9, "name": "{huge}", "amount": }}"#).as_bytes(), "amount"),
        bad(br#"[{"id": 10}]"#, "object"),
        bad(br#"{"id": 11} {"id": 12}"#, "byte"),
        good(r#"{"id": 12, "name": null, "amount": null}"#),
        good("{}"),
    ]
}

fn send_all(world: &World) {
    tokio::task::block_in_place(|| {
        let producer = cluster::producer(world.brokers, &[("message.max.bytes", "8388608")]);
        for (value, _) in records() {
            cluster::send(&producer, &world.topic, 0, None, value.as_deref());
        }
        cluster::flush(&producer);
    });
}

const GOOD: [[&str; 4]; 6] = [
    ["0", "0", "5", "1.25"],
    ["2", "2", "14", "NULL"],
    ["4", "4", "5", "4.50"],
    ["8", "8", "1500000", "8.00"],
    ["12", "12", "NULL", "NULL"],
    ["13", "NULL", "NULL", "NULL"],
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_bad_record_is_kept_with_its_place_and_every_good_one_is_a_row() {
    let world = World::start("bad", 1).await;
    let other = cluster::topic_name("beside");
    create_topic(world.brokers, &other, 1).await;
    produce(world.brokers, &other, 1, (0..100).map(|i| format!(r#"{{"id": {i}}}"#)));
    world.create_stream("input", &format!("{COLUMNS} INCLUDE offset AS o"), "").await;
    world.run(&stream("beside", "(id BIGINT)", world.brokers, &other, "")).await;
    world.run("CREATE MATERIALIZED VIEW rows_of_it AS SELECT o, id, length(name) AS size, amount FROM input").await;
    world.run("CREATE MATERIALIZED VIEW undisturbed AS SELECT count(*) AS n FROM beside").await;
    send_all(&world);
    world.flush().await;
    assert_eq!(world.rows("SELECT * FROM rows_of_it ORDER BY o").await, GOOD);
    assert_eq!(world.rows("SELECT o, id, length(name), amount FROM input ORDER BY o").await, GOOD);
    check_rejected(&world).await;
    let sources = "SELECT name, state, rows, rejected FROM tidewater.sources ORDER BY name";
    assert_eq!(world.rows(sources).await, [["beside", "running", "100", "0"], ["input", "running", "6", "8"]]);
    // A second view and a second batch: bad records are told once each.
    world.run("CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM input").await;
    world.produce(1, [r#"{"id": 14, "amount": 1e999}"#, r#"{"id": 15}"#]);
    world.flush().await;
    assert_eq!(world.rows("SELECT n FROM counted").await, [["7"]]);
    assert_eq!(world.rows("SELECT count(*) FROM rows_of_it").await, [["7"]]);
    assert_eq!(world.rows("SELECT count(*), max(\"offset\") FROM tidewater.rejected_records").await, [["9", "14"]]);
    assert_eq!(world.rows("SELECT n FROM undisturbed").await, [["100"]]);
    assert_eq!(world.rows("SELECT name, state FROM tidewater.views WHERE state <> 'running'").await, [[""; 0]; 0]);
    world.stop().await;
}

async fn check_rejected(world: &World) {
    let sql = "SELECT source, topic, partition, \"offset\", key, payload, \"timestamp\" IS NOT NULL, reason
               FROM tidewater.rejected_records ORDER BY \"offset\"";
    let found = world.client.query(sql, &[]).await.expect("readable");
    let records = records();
    let bad: Vec<_> =
        records.iter().enumerate().filter_map(|(i, (value, why))| why.map(|why| (i, value, why))).collect();
    assert_eq!(found.len(), bad.len());
    for (row, (offset, value, why)) in found.iter().zip(bad) {
        assert_eq!(row.get::<_, &str>(0), "input");
        assert_eq!(row.get::<_, &str>(1), world.topic);
        assert_eq!((row.get::<_, i32>(2), row.get::<_, i64>(3)), (0, offset as i64));
        assert_eq!(row.get::<_, Option<&[u8]>>(4), None);
        assert_eq!(row.get::<_, Option<&[u8]>>(5), value.as_deref(), "the bytes of offset {offset}");
        assert!(row.get::<_, bool>(6));
        let reason: &str = row.get(7);
        assert!(reason.contains(why), "offset {offset}: {reason}");
        assert!(reason.len() < 1000, "offset {offset}: a reason of {} bytes", reason.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn skipped_records_are_counted_and_not_kept() {
    let world = World::start("skip", 1).await;
    send_all(&world);
    world.create_stream("input", COLUMNS, ", on_error = 'skip'").await;
    world.run("CREATE MATERIALIZED VIEW ids AS SELECT id FROM input").await;
    world.flush().await;
    let expected = GOOD.map(|row| [row[1]]);
    assert_eq!(world.rows("SELECT id FROM ids ORDER BY id NULLS LAST").await, expected);
    assert_eq!(world.rows("SELECT count(*) FROM tidewater.rejected_records").await, [["0"]]);
    let sources = "SELECT state, rows, rejected, last_error FROM tidewater.sources";
    assert_eq!(world.rows(sources).await, [["running", "6", "8", "NULL"]]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_fails_on_errors_says_which_record_and_only_its_views_fail() {
    let world = World::start("fail", 1).await;
    world.produce(1, [r#"{"id": 1}"#, r#"{"id": "two"}"#, r#"{"id": 3}"#]);
    world.create_stream("strict", "(id BIGINT)", ", on_error = 'fail'").await;
    world.create_stream("lenient", "(id BIGINT)", "").await;
    world.run("CREATE MATERIALIZED VIEW failing AS SELECT id FROM strict").await;
    world.run("CREATE MATERIALIZED VIEW going AS SELECT id FROM lenient").await;
    world.flush().await;
    eventually(&world.client, "SELECT state FROM tidewater.sources WHERE name = 'strict'", &[&["failed"]]).await;
    eventually(&world.client, "SELECT state FROM tidewater.views WHERE name = 'failing'", &[&["failed"]]).await;
    let error = world.client.simple_query("SELECT * FROM failing").await.expect_err("failed");
    let error = error.as_db_error().expect("of the server");
    assert_eq!(error.code().code(), "55000");
    let told = format!("{} {}", error.message(), error.detail().unwrap_or_default());
    assert!(told.contains("offset 1") && told.contains(&world.topic), "{told}");
    assert_eq!(world.rows("SELECT id FROM going ORDER BY id").await, [["1"], ["3"]]);
    // What failed can be dropped and made again another way.
    world.run("DROP STREAM strict CASCADE").await;
    world.create_stream("strict", "(id BIGINT)", ", on_error = 'store'").await;
    world.run("CREATE MATERIALIZED VIEW failing AS SELECT count(*) AS n FROM strict").await;
    world.flush().await;
    assert_eq!(world.rows("SELECT n FROM failing").await, [["2"]]);
    world.stop().await;
}

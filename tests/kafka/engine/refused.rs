//! Streams and sinks that cannot be: told in time, with what to do, and nothing stays behind.

use super::*;

/// Runs a statement that must fail within 10 s; SQLSTATE, message and hint.
async fn refused(client: &Client, sql: &str) -> (String, String, String) {
    let begun = Instant::now();
    let error = client.batch_execute(sql).await.expect_err(sql);
    assert!(begun.elapsed() < Duration::from_secs(10), "{sql}: {:?}", begun.elapsed());
    let error = error.as_db_error().unwrap_or_else(|| panic!("{sql}: {error:?}"));
    let hint = error.hint().unwrap_or_else(|| panic!("{sql}: \"{}\" has no hint", error.message()));
    (error.code().code().to_string(), error.message().to_string(), hint.to_string())
}

async fn check_nothing_left(world: &World) {
    for sql in [
        "SHOW STREAMS",
        "SHOW SOURCES",
        "SHOW VIEWS",
        "SELECT name FROM tidewater.sources",
        "SELECT name FROM tidewater.sinks",
    ] {
        assert!(world.rows(sql).await.is_empty(), "{sql}: {:?}", world.rows(sql).await);
    }
    let error = world.client.simple_query("SELECT * FROM input").await.expect_err("there is none");
    assert_eq!(error.code().map(tokio_postgres::error::SqlState::code), Some("42P01"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_that_are_not_there_are_told_within_ten_seconds() {
    let world = World::start("nobody", 1).await;
    // A port where somebody listens and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let silent = silent.local_addr().expect("bound").to_string();
    for (brokers, reason) in
        [("127.0.0.1:1", "refused"), ("no-such-host.invalid:9092", "resolve"), (silent.as_str(), "")]
    {
        let (code, message, hint) = refused(&world.client, &stream("input", "(id BIGINT)", brokers, "any", "")).await;
        assert_eq!(code, "HV00N", "{message}");
        assert!(message.contains(brokers) && message.contains(reason), "{message}");
        assert!(!hint.is_empty());
        check_nothing_left(&world).await;
    }
    // The name is free for the right one.
    world.create_stream("input", "(id BIGINT)", "").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_topic_is_told_with_the_one_that_was_meant() {
    let world = World::start("meant", 1).await;
    let wrong = format!("{}x", world.topic);
    let (code, message, hint) =
        refused(&world.client, &stream("input", "(id BIGINT)", world.brokers, &wrong, "")).await;
    assert_eq!(code, "HV00R");
    assert!(message.contains(&format!("\"{wrong}\" does not exist")), "{message}");
    assert!(hint.contains(&format!("\"{}\"", world.topic)), "{hint}");
    check_nothing_left(&world).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_option_is_named() {
    let world = World::start("options", 1).await;
    let with = |more: &str| stream("input", "(id BIGINT)", world.brokers, &world.topic, more);
    let cases = [
        (with(", tpoic = 'x'"), "HV00D", "tpoic", "did you mean \"topic\"?"),
        (with(", kafka.fetch.wait = '5'"), "HV00D", "fetch.wait", "fetch.wait.max.ms"),
        (with(", kafka.fetch.wait.max.ms = 'soon'"), "22023", "fetch.wait.max.ms", "librdkafka"),
        (with(", max_rows_per_second = 0"), "22023", "max_rows_per_second", "above 0"),
        (with(", on_error = 'explode'"), "22023", "on_error", "skip"),
        (with("").replace("'json'", "'jsno'"), "HV00D", "jsno", "json"),
        (with("").replace("'kafka'", "'kafak'"), "HV00D", "kafak", "kafka"),
        (with("").replace("topic =", "start ="), "22023", "topic", "topic"),
    ];
    for (sql, code, names, hint) in cases {
        let found = refused(&world.client, &sql).await;
        assert_eq!(found.0, code, "{sql}: {found:?}");
        assert!(found.1.contains(names) && found.2.contains(hint), "{sql}: {found:?}");
        check_nothing_left(&world).await;
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_cannot_write_is_refused() {
    let world = World::start("target", 1).await;
    world.run("CREATE TABLE t (a BIGINT PRIMARY KEY, b BIGINT)").await;
    world.run("CREATE MATERIALIZED VIEW v AS SELECT a % 2 AS k, sum(b) AS total FROM t GROUP BY a % 2").await;
    let sink = |brokers: &str, topic: &str, more: &str| {
        format!(
            "CREATE SINK out FROM v WITH (connector = 'kafka', brokers = '{brokers}', topic = '{topic}', format = 'json'{more})"
        )
    };
    let (key, missing) = (", key = 'k'", format!("{}-not-there", world.topic));
    let cases = [
        (sink(world.brokers, &world.topic, ""), "22023", "without keys", "key ="),
        (sink(world.brokers, &missing, key), "HV00R", "does not exist", "create_topic"),
        (sink("127.0.0.1:1", "any", key), "HV00N", "127.0.0.1:1", ""),
    ];
    for (sql, code, names, hint) in cases {
        let found = refused(&world.client, &sql).await;
        assert_eq!(found.0, code, "{sql}: {found:?}");
        assert!(found.1.contains(names) && found.2.contains(hint), "{sql}: {found:?}");
        assert!(world.rows("SELECT name FROM tidewater.sinks").await.is_empty());
    }
    let error =
        world.client.batch_execute(&sink(world.brokers, &world.topic, ", key = 'nix'")).await.expect_err("no column");
    assert_eq!(error.code().map(tokio_postgres::error::SqlState::code), Some("42703"));
    // Nothing depends on the view: no half of a sink is left.
    world.run("DROP MATERIALIZED VIEW v").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_postgres_port_is_not_kafka() {
    let world = World::start("port", 1).await;
    let own = world.server.port.address().to_string();
    let error = world.client.batch_execute(&stream("s", "(id BIGINT)", &own, "t", "")).await.expect_err("not Kafka");
    let error = error.as_db_error().expect("of the server");
    assert!(error.message().contains("is a PostgreSQL server"), "{error:?}");
    world.stop().await;
}

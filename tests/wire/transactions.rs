//! Statements that are given up are not applied, and their connection goes on; isolation between connections.

use std::time::Duration;

use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

use crate::harness::{Server, rows, run};

/// Enough for a statement that takes its time.
const ROWS: usize = 100_000;

async fn sum(client: &tokio_postgres::Client) -> Vec<Vec<String>> {
    rows(client, "SELECT count(*), sum(v) FROM t").await
}

/// Whatever the moment of the timeout: either the statement says that it succeeded and did, or it failed and did nothing, also later.
#[tokio::test(flavor = "multi_thread")]
async fn what_timed_out_is_never_applied() {
    let server = Server::start(1).await;
    let other = server.connect().await;
    run(&other, "CREATE TABLE t (id BIGINT PRIMARY KEY, v BIGINT)").await;
    run(&other, &format!("INSERT INTO t SELECT g, 0 FROM generate_series(1, {ROWS}) g")).await;
    let mut timeouts = 0;
    for milliseconds in [5, 20, 40, 80, 160] {
        let client = server.connect().await;
        let before = sum(&other).await;
        run(&client, &format!("SET statement_timeout = {milliseconds}")).await;
        let updated = client.batch_execute("UPDATE t SET v = v + 1").await;
        // Not by SET, which would have no more time than the others.
        drop(client);
        let after = sum(&server.connect().await).await;
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_eq!(sum(&other).await, after, "after {milliseconds} ms");
        match updated {
            Ok(()) => assert_ne!(before, after),
            Err(error) => {
                assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED));
                assert_eq!(before, after);
                timeouts += 1;
            }
        }
    }
    assert!(timeouts > 0);
    server.stop().await;
}

/// The connection answers at once after what it gave up, in a transaction too.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_goes_on_after_a_timeout() {
    let server = Server::start(1).await;
    let client = server.connect().await;
    run(&client, "CREATE TABLE t (id BIGINT PRIMARY KEY, v BIGINT)").await;
    let long = format!("INSERT INTO t SELECT g, g FROM generate_series(1, {}) g", ROWS * 10);
    run(&client, "BEGIN").await;
    run(&client, "SET LOCAL statement_timeout = 30").await;
    let error = client.batch_execute(&long).await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED));
    let error = client.batch_execute("SELECT 1").await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::IN_FAILED_SQL_TRANSACTION));
    run(&client, "ROLLBACK").await;
    assert_eq!(rows(&client, "SHOW statement_timeout").await, [["0"]]);
    assert_eq!(rows(&client, "SELECT count(*) FROM t").await, [["0"]]);
    let (token, query) = (client.cancel_token(), "SELECT count(*) FROM generate_series(1, 5000000)");
    let canceled = async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        token.cancel_query(NoTls).await.unwrap();
    };
    let (answer, ()) = tokio::join!(client.batch_execute(query), canceled);
    assert_eq!(answer.unwrap_err().code(), Some(&SqlState::QUERY_CANCELED));
    let next = tokio::time::timeout(Duration::from_millis(300), rows(&client, "SELECT 1"));
    assert_eq!(next.await.expect("the next statement waits"), [["1"]]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeatable_read_is_of_one_tick() {
    let server = Server::start(2).await;
    let (one, other) = (server.connect().await, server.connect().await);
    run(&other, "CREATE TABLE t (id BIGINT PRIMARY KEY, v BIGINT); INSERT INTO t VALUES (1, 1), (2, 2)").await;
    run(
        &other,
        "CREATE TABLE u (id BIGINT PRIMARY KEY); CREATE MATERIALIZED VIEW s AS SELECT sum(v) AS v FROM t; FLUSH",
    )
    .await;
    run(&one, "BEGIN ISOLATION LEVEL REPEATABLE READ").await;
    assert_eq!(rows(&one, "SELECT v FROM t WHERE id = 1").await, [["1"]]);
    run(&other, "UPDATE t SET v = 10 WHERE id = 1; INSERT INTO t VALUES (3, 3)").await;
    run(&other, "INSERT INTO u VALUES (1)").await;
    // What others changed is not seen, in relations that were not read yet either; what it changes itself is.
    for sql in ["SELECT v FROM s", "SELECT sum(v) FROM t"] {
        assert_eq!(rows(&one, sql).await, [["3"]], "{sql}");
    }
    assert_eq!(rows(&one, "SELECT count(*) FROM u").await, [["0"]]);
    run(&one, "UPDATE t SET v = 20 WHERE id = 2").await;
    assert_eq!(rows(&one, "SELECT id, v FROM t ORDER BY id").await, [["1", "1"], ["2", "20"]]);
    assert_eq!(rows(&one, "SELECT v FROM t WHERE id = 1").await, [["1"]]);
    let error = one.batch_execute("UPDATE t SET v = v + 1 WHERE id = 1").await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::T_R_SERIALIZATION_FAILURE));
    run(&one, "ROLLBACK").await;
    assert_eq!(rows(&one, "SELECT sum(v) FROM t").await, [["15"]]);
    server.stop().await;
}

/// Two transactions that each read what the other one writes: one of them fails.
#[tokio::test(flavor = "multi_thread")]
async fn serializable_transactions_have_an_order() {
    let server = Server::start(1).await;
    let (one, other) = (server.connect().await, server.connect().await);
    run(&one, "CREATE TABLE a (v BIGINT); CREATE TABLE b (v BIGINT)").await;
    for client in [&one, &other] {
        run(client, "BEGIN ISOLATION LEVEL SERIALIZABLE").await;
    }
    assert_eq!(rows(&one, "SELECT count(*) FROM a").await, [["0"]]);
    assert_eq!(rows(&other, "SELECT count(*) FROM b").await, [["0"]]);
    run(&one, "INSERT INTO b VALUES (1)").await;
    run(&other, "INSERT INTO a VALUES (1)").await;
    run(&one, "COMMIT").await;
    let error = other.batch_execute("COMMIT").await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::T_R_SERIALIZATION_FAILURE));
    assert_eq!(rows(&one, "SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)").await, [["0", "1"]]);
    server.stop().await;
}

/// Parameters of the types that travel as text are of those types.
#[tokio::test(flavor = "multi_thread")]
async fn parameters_keep_their_types() {
    use tokio_postgres::types::Type;
    let server = Server::start(1).await;
    let client = server.connect().await;
    run(
        &client,
        "CREATE TABLE t (j JSONB, u UUID); INSERT INTO t VALUES ('{\"a\": 1}', '00000000-0000-0000-0000-000000000005')",
    )
    .await;
    for (sql, types) in [
        ("SELECT $1", Type::JSONB),
        ("SELECT $1->>'a'", Type::JSONB),
        ("SELECT jsonb_typeof($1)", Type::JSONB),
        ("SELECT count(*) FROM t WHERE j @> $1", Type::JSONB),
        ("SELECT v FROM (VALUES ($1)) x (v)", Type::JSONB),
        ("SELECT $1", Type::UUID),
        ("SELECT count(*) FROM t WHERE u = $1", Type::UUID),
        ("SELECT $1", Type::JSON),
    ] {
        let statement = client.prepare_typed(sql, std::slice::from_ref(&types)).await.unwrap();
        assert_eq!(statement.params(), std::slice::from_ref(&types), "{sql}");
        let value = match types {
            Type::UUID => "00000000-0000-0000-0000-000000000005",
            _ => "{\"a\": 1}",
        };
        let found = client.query(&statement, &[&Text(value)]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        assert_eq!(found.len(), 1, "{sql}");
        if sql.contains("count") {
            assert_eq!(found[0].get::<_, i64>(0), 1, "{sql}");
        }
    }
    server.stop().await;
}

/// A value that is sent as text.
#[derive(Debug)]
struct Text(&'static str);

impl tokio_postgres::types::ToSql for Text {
    fn to_sql(
        &self,
        _: &tokio_postgres::types::Type,
        out: &mut bytes::BytesMut,
    ) -> Result<tokio_postgres::types::IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(tokio_postgres::types::IsNull::No)
    }

    fn accepts(_: &tokio_postgres::types::Type) -> bool {
        true
    }

    fn encode_format(&self, _: &tokio_postgres::types::Type) -> tokio_postgres::types::Format {
        tokio_postgres::types::Format::Text
    }

    tokio_postgres::types::to_sql_checked!();
}

/// What FOR UPDATE and LOCK TABLE found stays as it is until the transaction ends; readers go on.
#[tokio::test(flavor = "multi_thread")]
async fn locked_rows_are_not_changed_by_others() {
    let server = Server::start(1).await;
    let (client, other) = (server.connect().await, server.connect().await);
    run(&client, "CREATE TABLE t (id BIGINT PRIMARY KEY, v BIGINT); INSERT INTO t VALUES (1, 10)").await;
    for lock in ["SELECT v FROM t WHERE id = 1 FOR UPDATE", "LOCK TABLE t"] {
        run(&client, "BEGIN").await;
        run(&client, lock).await;
        run(&other, "SET lock_timeout = 100").await;
        let error = other.batch_execute("UPDATE t SET v = v + 1").await.unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::LOCK_NOT_AVAILABLE), "{lock}");
        assert_eq!(rows(&other, "SELECT v FROM t").await, rows(&client, "SELECT v FROM t").await);
        run(&client, "UPDATE t SET v = v + 1; COMMIT").await;
        run(&other, "UPDATE t SET v = v + 1").await;
    }
    assert_eq!(rows(&client, "SELECT v FROM t").await, [["14"]]);
    // Two who count up what they read lose nothing.
    let count = async |client: &tokio_postgres::Client| {
        for _ in 0..25 {
            run(client, "BEGIN").await;
            let v: i64 = rows(client, "SELECT v FROM t WHERE id = 1 FOR UPDATE").await[0][0].parse().unwrap();
            run(client, &format!("UPDATE t SET v = {} WHERE id = 1; COMMIT", v + 1)).await;
        }
    };
    run(&other, "SET lock_timeout = 0").await;
    tokio::join!(count(&client), count(&other));
    assert_eq!(rows(&client, "SELECT v FROM t").await, [["64"]]);
    // As of an earlier time a lock would be of rows that are gone.
    run(&client, "BEGIN ISOLATION LEVEL REPEATABLE READ").await;
    assert_eq!(rows(&client, "SELECT v FROM t").await, [["64"]]);
    run(&other, "UPDATE t SET v = 0").await;
    let error = client.batch_execute("SELECT v FROM t FOR UPDATE").await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::T_R_SERIALIZATION_FAILURE));
    run(&client, "ROLLBACK").await;
    server.stop().await;
}

/// A statement of its own waits for who holds the rows that it locks, and sees what that one did.
#[tokio::test(flavor = "multi_thread")]
async fn rows_are_locked_outside_of_transactions_too() {
    let server = Server::start(1).await;
    let (one, other) = (server.connect().await, server.connect().await);
    run(&other, "CREATE TABLE t (id BIGINT PRIMARY KEY, v BIGINT); INSERT INTO t VALUES (1, 1)").await;
    run(&one, "BEGIN; UPDATE t SET v = 2").await;
    let error = other.simple_query("SELECT v FROM t FOR UPDATE NOWAIT").await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::LOCK_NOT_AVAILABLE));
    assert!(error.as_db_error().is_some_and(|error| error.message().contains("relation \"t\"")), "{error:?}");
    run(&other, "SET lock_timeout = '50ms'").await;
    let error = other.simple_query("SELECT v FROM t FOR SHARE").await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::LOCK_NOT_AVAILABLE));
    run(&other, "RESET lock_timeout").await;
    assert_eq!(rows(&other, "SELECT v FROM t").await, [["1"]], "who locks nothing waits for nobody");
    let mut waiting = Box::pin(rows(&other, "SELECT v FROM t FOR NO KEY UPDATE"));
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut waiting).await.is_err(), "it does not wait");
    run(&one, "COMMIT").await;
    assert_eq!(waiting.await, [["2"]]);
    // The statement's lock went with it.
    run(&one, "UPDATE t SET v = 3").await;
    run(&one, "BEGIN").await;
    assert_eq!(rows(&one, "SELECT v FROM t FOR UPDATE NOWAIT").await, [["3"]]);
    let error = other.simple_query("SELECT v FROM t AS x FOR KEY SHARE OF x NOWAIT").await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::LOCK_NOT_AVAILABLE));
    run(&one, "COMMIT").await;
    server.stop().await;
}

//! The Postgres port over the real engine: values in both formats, subscriptions in each of their forms, cancel, passwords.
//! What the protocol does message by message is tested beside it, in `src/wire/tests`.

// COPY.
mod copy;
// Several statements before one Sync.
mod pipeline;
// Transactions, timeouts.
mod transactions;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::{StreamExt, TryStreamExt, pin_mut};
use tidewater::wire::{self, Authentication, Passwords, WireOptions};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, NoTls};

use crate::harness::{Server, rows, run};

/// What never comes fails a test instead of hanging it.
const PATIENCE: Duration = Duration::from_secs(10);

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("nothing came")
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_the_same_in_text_and_binary() {
    let server = Server::start(1).await;
    let client = server.connect().await;
    let cases: &[(&str, Type, &str)] = &[
        ("true", Type::BOOL, "t"),
        ("-7::smallint", Type::INT2, "-7"),
        ("2147483647", Type::INT4, "2147483647"),
        ("9223372036854775807", Type::INT8, "9223372036854775807"),
        ("1.5::real", Type::FLOAT4, "1.5"),
        ("-0.1::double precision", Type::FLOAT8, "-0.1"),
        ("12.340::numeric(10,3)", Type::NUMERIC, "12.340"),
        ("'grün'", Type::TEXT, "grün"),
        ("'\\x00ff'::bytea", Type::BYTEA, "\\x00ff"),
        ("date '2024-02-29'", Type::DATE, "2024-02-29"),
        ("timestamp '2024-02-29 12:34:56.789'", Type::TIMESTAMP, "2024-02-29 12:34:56.789"),
        ("timestamptz '2024-02-29 12:34:56+02'", Type::TIMESTAMPTZ, "2024-02-29 10:34:56+00"),
        ("interval '1 year 2 days 03:04:05'", Type::INTERVAL, "1 year 2 days 03:04:05"),
    ];
    for (expression, pg_type, text) in cases {
        let sql = format!("SELECT {expression} AS v");
        assert_eq!(rows(&client, &sql).await, [[*text]], "{sql}");
        let statement = client.prepare(&sql).await.unwrap();
        assert_eq!(statement.columns()[0].type_(), pg_type, "{sql}");
        assert_eq!(client.query(&statement, &[]).await.unwrap().len(), 1, "{sql}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters() {
    let server = Server::start(1).await;
    let client = server.connect().await;
    let instant = SystemTime::UNIX_EPOCH + Duration::from_micros(1_700_000_000_123_456);
    let row = client
        .query_one(
            "SELECT $1::bigint + 1, $2::text || '!', $3::boolean, $4::double precision, $5::timestamptz, $6::bytea, $7::int[]",
            &[&41_i64, &"a", &true, &0.5_f64, &instant, &b"\0\xff".as_slice(), &vec![1, 2, 3]],
        )
        .await
        .unwrap();
    assert_eq!(row.get::<_, i64>(0), 42);
    assert_eq!(row.get::<_, &str>(1), "a!");
    assert!(row.get::<_, bool>(2));
    assert_eq!(row.get::<_, f64>(3), 0.5);
    assert_eq!(row.get::<_, SystemTime>(4), instant);
    assert_eq!(row.get::<_, &[u8]>(5), b"\0\xff");
    assert_eq!(row.get::<_, Vec<i32>>(6), [1, 2, 3]);
    let nothing: [&(dyn ToSql + Sync); 1] = [&None::<i64>];
    assert_eq!(client.query_one("SELECT $1::bigint", &nothing).await.unwrap().get::<_, Option<i64>>(0), None);
    server.stop().await;
}

/// A portal that is asked for a few rows at a time returns all, each once.
#[tokio::test(flavor = "multi_thread")]
async fn portals_in_parts() {
    let server = Server::start(1).await;
    let mut client = server.connect().await;
    run(&client, "CREATE TABLE numbers (n BIGINT PRIMARY KEY); INSERT INTO numbers VALUES (1), (2), (3), (4), (5)")
        .await;
    let transaction = client.transaction().await.unwrap();
    let portal = transaction.bind("SELECT n FROM numbers ORDER BY n", &[]).await.unwrap();
    let mut seen: Vec<i64> = Vec::new();
    for rows_max in [2, 1, i32::MAX] {
        seen.extend(transaction.query_portal(&portal, rows_max).await.unwrap().iter().map(|row| row.get::<_, i64>(0)));
    }
    assert_eq!(seen, [1, 2, 3, 4, 5]);
    transaction.commit().await.unwrap();
    server.stop().await;
}

async fn table(client: &Client) {
    run(client, "CREATE TABLE t (id BIGINT PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a')").await;
}

/// The first row comes although the statement never ends, and a cancel request ends it at once.
#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_come_row_by_row_and_can_be_cancelled() {
    let server = Server::start(1).await;
    let (client, writer) = (server.connect().await, server.connect().await);
    table(&writer).await;
    let none: [&(dyn ToSql + Sync); 0] = [];
    let stream = soon(client.query_raw("SUBSCRIBE TO t", none)).await.unwrap();
    pin_mut!(stream);
    assert!(soon(stream.next()).await.unwrap().is_ok());
    run(&writer, "INSERT INTO t VALUES (2, 'b')").await;
    assert!(soon(stream.next()).await.unwrap().is_ok());
    client.cancel_token().cancel_query(NoTls).await.unwrap();
    let error = soon(stream.try_collect::<Vec<_>>()).await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED));
    // The session goes on.
    assert_eq!(rows(&client, "SELECT count(*) FROM t").await, [["2"]]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_by_cursor_and_copy() {
    let server = Server::start(1).await;
    let (client, writer) = (server.connect().await, server.connect().await);
    table(&writer).await;
    run(&client, "DECLARE c CURSOR FOR SUBSCRIBE TO t").await;
    assert_eq!(soon(rows(&client, "FETCH 10 FROM c")).await.len(), 1);
    assert_eq!(soon(rows(&client, "FETCH 10 FROM c WITH (timeout = '0s')")).await.len(), 0);
    run(&writer, "INSERT INTO t VALUES (2, 'b')").await;
    assert_eq!(soon(rows(&client, "FETCH 10 FROM c")).await.len(), 1);
    run(&client, "CLOSE c").await;
    let copied = soon(client.copy_out("COPY (SUBSCRIBE TO t) TO STDOUT")).await.unwrap();
    pin_mut!(copied);
    assert!(soon(copied.next()).await.unwrap().unwrap().ends_with(b"\n"));
    client.cancel_token().cancel_query(NoTls).await.unwrap();
    let error = soon(copied.try_collect::<Vec<_>>()).await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED));
    assert_eq!(rows(&client, "SELECT 1").await, [["1"]]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_have_their_code_and_place() {
    let server = Server::start(1).await;
    let client = server.connect().await;
    for (sql, code, position) in [
        ("SELECT 1; SELEC 2", SqlState::SYNTAX_ERROR, Some("11")),
        ("SELECT * FROM nowhere", SqlState::UNDEFINED_TABLE, None),
        ("FETCH 1 FROM nowhere", SqlState::INVALID_CURSOR_NAME, None),
        ("EXECUTE nowhere", SqlState::INVALID_SQL_STATEMENT_NAME, None),
        ("DECLARE c CURSOR FOR SELECT 1", SqlState::NO_ACTIVE_SQL_TRANSACTION, None),
    ] {
        let error = client.simple_query(sql).await.unwrap_err();
        let error = error.as_db_error().unwrap();
        assert_eq!(error.code(), &code, "{sql}: {error}");
        if let Some(position) = position {
            let original = error.position().map(|position| format!("{position:?}"));
            assert!(original.as_ref().is_some_and(|original| original.contains(position)), "{sql}: {original:?}");
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prepared_statements_of_sql() {
    let server = Server::start(1).await;
    let client = server.connect().await;
    run(&client, "PREPARE add (bigint, bigint) AS SELECT $1 + $2 AS sum").await;
    assert_eq!(rows(&client, "EXECUTE add (40, 1 + 1)").await, [["42"]]);
    assert!(client.simple_query("EXECUTE add (1)").await.is_err());
    run(&client, "DEALLOCATE ALL").await;
    assert!(client.simple_query("EXECUTE add (40, 2)").await.is_err());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_have_their_own_settings() {
    let server = Server::start(1).await;
    let (berlin, utc) = (server.connect().await, server.connect().await);
    run(&berlin, "SET TimeZone = 'Europe/Berlin'").await;
    let noon = "SELECT timestamptz '2024-07-01 12:00:00+00'";
    assert_eq!(rows(&berlin, noon).await, [["2024-07-01 14:00:00+02"]]);
    assert_eq!(rows(&utc, noon).await, [["2024-07-01 12:00:00+00"]]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords() {
    let server = Server::start(1).await;
    let passwords = Arc::new(Passwords::parse("ann:p:ä ss\nbob:other\n").unwrap());
    let mut options = WireOptions::new(([127, 0, 0, 1], 0).into());
    options.authentication = Authentication::Password(passwords);
    let port = wire::serve(server.engine.clone(), options).await.unwrap();
    let connect = async |user: &str, password: &str| {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(port.address().port()).dbname("tidewater");
        config.user(user).password(password).connect(NoTls).await
    };
    let (client, connection) = connect("ann", "p:ä ss").await.unwrap();
    tokio::spawn(connection);
    assert_eq!(rows(&client, "SELECT 1").await, [["1"]]);
    for (user, password) in [("ann", "wrong"), ("bob", "p:ä ss"), ("eve", "p:ä ss")] {
        let error = connect(user, password).await.err().unwrap();
        let error = error.as_db_error().unwrap();
        assert_eq!(error.code(), &SqlState::INVALID_PASSWORD);
        assert_eq!(error.message(), format!("password authentication failed for user \"{user}\""));
    }
    port.stop().await;
    server.stop().await;
}

/// The number in a cancel request is the one that SQL tells.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_have_numbers() {
    let server = Server::start(1).await;
    let (one, other) = (server.connect().await, server.connect().await);
    let number = async |client: &tokio_postgres::Client| rows(client, "SELECT pg_backend_pid()").await;
    let (first, second) = (number(&one).await, number(&other).await);
    assert_ne!(first, second);
    assert_eq!(first, number(&one).await);
    server.stop().await;
}

/// A read of a view tells how many rows expressions failed for, also in views below it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_tell_of_rows_that_are_left_out() {
    let server = Server::start(1).await;
    let address = server.port.address();
    let parameters = format!("host={} port={} user=tidewater", address.ip(), address.port());
    let (client, mut connection) = tokio_postgres::connect(&parameters, NoTls).await.unwrap();
    let (sender, mut notices) = tokio::sync::mpsc::unbounded_channel();
    let messages = futures::stream::poll_fn(move |context| connection.poll_message(context));
    tokio::spawn(messages.try_for_each(move |message| {
        if let AsyncMessage::Notice(notice) = message {
            sender.send(notice.message().to_string()).unwrap();
        }
        futures::future::ok(())
    }));
    let script = "CREATE TABLE t (id BIGINT PRIMARY KEY, n INTEGER);
        CREATE MATERIALIZED VIEW quotients AS SELECT id, 12 / n AS q FROM t;
        CREATE MATERIALIZED VIEW total AS SELECT sum(q) AS s FROM quotients;
        INSERT INTO t VALUES (1, 3), (2, 0), (3, 0)";
    run(&client, script).await;
    assert_eq!(rows(&client, "SELECT * FROM total").await, [["4"]]);
    let notice = soon(notices.recv()).await.unwrap();
    assert!(notice.starts_with("view \"quotients\" leaves out 2 rows"), "{notice}");
    run(&client, "UPDATE t SET n = 6 WHERE n = 0").await;
    assert_eq!(rows(&client, "SELECT * FROM total").await, [["8"]]);
    assert!(notices.try_recv().is_err(), "nothing is left out any more");
    server.stop().await;
}

/// A write that is canceled while it waits for another writer leaves nothing behind: no transaction, no lock.
#[tokio::test(flavor = "multi_thread")]
async fn a_canceled_write_leaves_no_transaction() {
    let server = Server::start(1).await;
    let (writer, waiting) = (server.connect().await, server.connect().await);
    run(&writer, "CREATE TABLE t (a BIGINT PRIMARY KEY)").await;
    run(&writer, "BEGIN; INSERT INTO t VALUES (1)").await;
    run(&waiting, "SET statement_timeout = 100").await;
    for _ in 0..2 {
        let error = soon(waiting.batch_execute("INSERT INTO t VALUES (2)")).await.unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED), "{error}");
    }
    run(&writer, "COMMIT").await;
    run(&waiting, "SET statement_timeout = 0; INSERT INTO t VALUES (3)").await;
    assert_eq!(rows(&waiting, "SELECT a FROM t ORDER BY a").await, [["1"], ["3"]]);
    server.stop().await;
}

/// Subqueries in subqueries are planned once each; what would grow without measure is refused.
#[tokio::test(flavor = "multi_thread")]
async fn nested_statements_are_planned_or_refused_at_once() {
    let server = Server::start(1).await;
    let client = server.connect().await;
    let nested = |open: &str, close: &str, depth| format!("SELECT {}1{} AS v", open.repeat(depth), close.repeat(depth));
    assert_eq!(rows(&client, &nested("(SELECT ", "+1)", 40)).await, [["41"]]);
    assert_eq!(rows(&client, &nested("coalesce(", ",2)", 10)).await, [["1"]]);
    let error = client.batch_execute(&nested("coalesce(", ",2)", 25)).await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::STATEMENT_TOO_COMPLEX), "{error}");
    server.stop().await;
}

//! Statements that end early end their work too: what they computed with is free again.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio_postgres::Client;

use crate::process::{Running, connect, rows, tidewater};

/// Queries that would compute for minutes, each in another operator.
const ENDLESS: [&str; 8] = [
    "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b WHERE a <> b",
    "SELECT count(*) FROM generate_series(1, 100000) a JOIN generate_series(1, 100000) b ON a % 2 = b % 2 AND a + b < 0",
    "SELECT a FROM generate_series(1, 50000000) a ORDER BY md5(a::text) LIMIT 1",
    "SELECT count(*) FROM (SELECT a FROM generate_series(1, 30000000) a ORDER BY md5(a::text) OFFSET 1) x",
    "WITH RECURSIVE r(n) AS (SELECT 1::bigint UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
    "SELECT count(*) FROM generate_series(1, 100000000) a WHERE repeat('x', 5000) || a LIKE '%y%z%'",
    "SELECT a % 30000000, count(*) FROM generate_series(1, 100000000) a GROUP BY 1 ORDER BY 2 LIMIT 1",
    "SELECT count(*) FROM (SELECT a FROM generate_series(1, 50000000) a UNION SELECT a FROM generate_series(1, 50000000) a) x",
];

async fn served() -> (Running, String) {
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--workers", "1"];
    let mut server = Running::start(&mut tidewater(Path::new("."), &arguments));
    let address = server.address_after("listens on ");
    (server, address)
}

/// Waits until the server has nothing to do; answers how long that took.
async fn rest(server: &Running) -> Duration {
    let begun = Instant::now();
    loop {
        let before = server.processor_time();
        tokio::time::sleep(Duration::from_millis(200)).await;
        if server.processor_time() - before < Duration::from_millis(100) {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "it goes on computing");
    }
}

async fn canceled(client: &Client, sql: &str) {
    let error = client.simple_query(sql).await.expect_err("it is canceled");
    assert_eq!(error.code().map(|code| code.code()), Some("57014"), "{sql}: {error:?}");
}

#[tokio::test]
#[ignore = "measures processor time: cargo test --release --test cli cancel -- --ignored"]
async fn a_statement_that_times_out_computes_no_longer() {
    let (server, address) = served().await;
    let client = connect(&address).await;
    rows(&client, "SET statement_timeout = '500ms'").await;
    for sql in ENDLESS {
        canceled(&client, sql).await;
        let took = rest(&server).await;
        assert!(took < Duration::from_secs(3), "{sql}: {took:?}");
    }
    // What is written takes its rows from a query too.
    rows(&client, "CREATE TABLE t (a BIGINT)").await;
    canceled(&client, &format!("INSERT INTO t {}", ENDLESS[0])).await;
    let took = rest(&server).await;
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test]
#[ignore = "measures processor time: cargo test --release --test cli cancel -- --ignored"]
async fn a_canceled_statement_and_one_without_client_compute_no_longer() {
    let (server, address) = served().await;
    let client = connect(&address).await;
    for sql in &ENDLESS[..2] {
        let token = client.cancel_token();
        let cancel = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            token.cancel_query(tokio_postgres::NoTls).await.unwrap();
        };
        tokio::join!(canceled(&client, sql), cancel);
        let took = rest(&server).await;
        assert!(took < Duration::from_secs(3), "{sql}: {took:?}");
        let gone = connect(&address).await;
        let unanswered = tokio::time::timeout(Duration::from_millis(300), gone.simple_query(sql)).await;
        assert!(unanswered.is_err(), "{sql}: {unanswered:?}");
        drop(gone);
        // A peer may close its sending side and still read for some seconds.
        let took = rest(&server).await;
        assert!(took < Duration::from_secs(10), "{sql}: {took:?}");
    }
}

//! Statements and transactions of many rows: right, and in a time that does not grow with the square of anything.
//!
//! `BULK_ROWS` (40,000) is how many. With `--nocapture` the time of each step is printed.

use std::fmt::Write;
use std::time::{Duration, Instant};

use futures::SinkExt;
use futures::future::try_join_all;
use tokio_postgres::Client;

use crate::harness::{Server, rows, run};

const TABLES: &str = "
    CREATE TABLE t (id BIGINT PRIMARY KEY, k INTEGER NOT NULL, v NUMERIC(12,2), s TEXT);
    CREATE MATERIALIZED VIEW m AS SELECT k, count(*) AS n, sum(v) AS v FROM t GROUP BY k;
";

/// A million rows take this long on a slow machine; what is quadratic takes hours.
const SECONDS_PER_MILLION: u64 = 600;

struct Bulk {
    client: Client,
    rows: u64,
}

impl Bulk {
    /// Runs a step; afterwards the table and the view hold `count` rows whose `v` add up to `sum`.
    async fn step(&self, name: &str, work: impl Future<Output = ()>, (count, sum): (u64, &str)) {
        let start = Instant::now();
        let limit = Duration::from_secs(30 + SECONDS_PER_MILLION * self.rows / 1_000_000);
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| panic!("{name} takes longer than {limit:?}"));
        let done = start.elapsed();
        let want = [[count.to_string(), sum.to_string()]];
        for relation in ["SELECT count(*), sum(v) FROM t", "SELECT coalesce(sum(n), 0), sum(v) FROM m"] {
            assert_eq!(rows(&self.client, relation).await, want, "{name}: {relation}");
        }
        println!("{name}: {done:.2?}, visible in the view after {:.2?}", start.elapsed());
    }

    async fn sql(&self, name: &str, sql: &str, expected: (u64, &str)) {
        self.step(name, run(&self.client, sql), expected).await;
    }

    /// One row by one, pipelined, with prepared statements, as drivers do.
    async fn single_inserts(&self, count: u64) {
        let insert = self.client.prepare("INSERT INTO t VALUES ($1, $2, 1, $3)").await.unwrap();
        let texts: Vec<(i64, String)> = (1..=count as i64).map(|id| (id, format!("row {id}"))).collect();
        for part in texts.chunks(1000) {
            let one = async |(id, text): &(i64, String)| {
                self.client.execute(&insert, &[id, &((*id % 100) as i32), text]).await
            };
            assert_eq!(try_join_all(part.iter().map(one)).await.unwrap().iter().sum::<u64>(), part.len() as u64);
        }
    }

    /// Savepoints in which rows are inserted; every second one is undone.
    async fn savepoints(&self, count: u64) {
        for id in 1..=count {
            let end = if id % 2 == 0 { "RELEASE" } else { "ROLLBACK TO" };
            run(&self.client, &format!("SAVEPOINT s; INSERT INTO t VALUES ({id}, 1, 1, ''); {end} s")).await;
        }
    }

    async fn copy(&self) {
        let mut sink = std::pin::pin!(self.client.copy_in::<_, bytes::Bytes>("COPY t FROM STDIN").await.unwrap());
        for start in (0..self.rows).step_by(1000) {
            let mut text = String::new();
            (start..self.rows.min(start + 1000))
                .for_each(|id| writeln!(text, "{id}\t{}\t1.00\trow {id}", id % 1000).unwrap());
            sink.send(text.into()).await.unwrap();
        }
        assert_eq!(sink.finish().await.unwrap(), self.rows);
    }

    /// A statement of a few megabytes.
    fn long_insert(&self) -> String {
        let rows: Vec<String> = (0..self.rows)
            .map(|id| format!("({id}, {}, 1.00, 'row ''{id}'' {}')", id % 1000, "x".repeat(30)))
            .collect();
        format!("INSERT INTO t VALUES {}", rows.join(", "))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_rows() {
    let count = std::env::var("BULK_ROWS").map_or(40_000, |text| text.parse().unwrap());
    let server = Server::start(2).await;
    let bulk = Bulk { client: server.connect().await, rows: count };
    let series = |from: u64| {
        format!("SELECT i, i % 1000, 1.00, 'row ' || i FROM generate_series({from}, {}) g(i)", from + count - 1)
    };
    let sum = |times: u64| format!("{}.00", times * count);
    let (once, twice, seven) = (sum(1), sum(2), sum(7));
    run(&bulk.client, TABLES).await;
    bulk.sql("INSERT … SELECT", &format!("INSERT INTO t {}", series(0)), (count, &once)).await;
    bulk.sql("UPDATE", "UPDATE t SET v = v + 1, s = s || '!'", (count, &twice)).await;
    let upsert =
        format!("INSERT INTO t {} ON CONFLICT (id) DO UPDATE SET v = t.v + excluded.v + 4, s = excluded.s", series(0));
    bulk.sql("ON CONFLICT DO UPDATE", &upsert, (count, &seven)).await;
    let ignored = format!("INSERT INTO t {} ON CONFLICT DO NOTHING", series(0));
    bulk.sql("ON CONFLICT DO NOTHING", &ignored, (count, &seven)).await;
    bulk.sql("INSERT, ROLLBACK", &format!("BEGIN; INSERT INTO t {}; ROLLBACK", series(count)), (count, &seven)).await;
    let undone =
        format!("BEGIN; SAVEPOINT s; INSERT INTO t {}; UPDATE t SET k = 0; ROLLBACK TO s; COMMIT", series(count));
    bulk.sql("INSERT, UPDATE, ROLLBACK TO", &undone, (count, &seven)).await;
    bulk.sql("CREATE TABLE AS", "CREATE TABLE u AS SELECT * FROM t", (count, &seven)).await;
    assert_eq!(
        rows(&bulk.client, "SELECT count(*), min(s), max(k) FROM u").await,
        [[count.to_string(), "row 0".into(), "999".into()]]
    );
    bulk.sql(
        "DELETE by half",
        "DELETE FROM t WHERE id % 2 = 0; INSERT INTO t SELECT * FROM u WHERE id % 2 = 0",
        (count, &seven),
    )
    .await;
    run(&bulk.client, "DELETE FROM t").await;
    bulk.step("COPY", bulk.copy(), (count, &once)).await;
    run(&bulk.client, "TRUNCATE t").await;
    bulk.sql("INSERT of a long list", &bulk.long_insert(), (count, &once)).await;
    bulk.sql("DELETE", "DELETE FROM t", (0, "NULL")).await;
    let singles = count / 10;
    let sum = format!("{singles}.00");
    let transaction = async {
        run(&bulk.client, "BEGIN").await;
        bulk.single_inserts(singles).await;
        run(&bulk.client, "COMMIT").await;
    };
    bulk.step("single INSERTs in a transaction", transaction, (singles, &sum)).await;
    let updates: Vec<String> = (1..=singles / 16)
        .map(|id| format!("UPDATE t SET v = v + 1 WHERE id = {id}; UPDATE t SET v = v - 1 WHERE id = {id}"))
        .collect();
    bulk.sql("single UPDATEs in a transaction", &format!("BEGIN; {}; COMMIT", updates.join("; ")), (singles, &sum))
        .await;
    run(&bulk.client, "DELETE FROM t").await;
    let transaction = async {
        run(&bulk.client, "BEGIN").await;
        bulk.savepoints(singles / 4 * 2).await;
        run(&bulk.client, "COMMIT").await;
    };
    bulk.step("savepoints", transaction, (singles / 4, &format!("{}.00", singles / 4))).await;
    server.stop().await;
}

//! The 22 queries of TPC-H as views: made before, between and after the rows, which come in random order and then change. After each
//! phase every view equals PostgreSQL's answer.
//!
//! `TPCH_SCALE` (0.01) is the scale factor. With `--nocapture` the times are printed: filling, making each view, transactions, memory.
//! `TPCH_WORKERS` (both 1 and 4) and `TPCH_ORACLE=0` (no comparison) are for measuring.

mod data;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio_postgres::Client;

use super::{Random, is_close};
use crate::harness::{Postgres, Server, rows, run};

const TABLES: &str = include_str!("tables.sql");

/// What PostgreSQL needs to answer within seconds.
const INDEXES: &str = "CREATE INDEX ON lineitem (l_partkey, l_suppkey); CREATE INDEX ON orders (o_custkey); ANALYZE";

/// Quotients, whose number of digits differs.
const QUOTIENTS: &[&str] = &["avg_qty", "avg_price", "avg_disc", "mkt_share", "promo_revenue", "avg_yearly"];

/// Rounds of changes; each takes rows out, gives those of the round before back, and changes others.
const ROUNDS: u64 = 10;

/// Rounds after which all views are compared.
const COMPARED: [u64; 3] = [2, 6, ROUNDS - 1];

/// Name and text of the queries.
fn queries() -> Vec<(&'static str, &'static str)> {
    let parts = include_str!("queries.sql").split("\n-- ").skip(1);
    let query =
        |part: &'static str| part.split_once('\n').map(|(name, text)| (name, text.trim().trim_end_matches(';')));
    parts.map(|part| query(part).expect("a name, then a query")).collect()
}

/// A number given from outside.
fn setting(name: &str, default: f64) -> f64 {
    std::env::var(name)
        .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

/// One of ours and PostgreSQL with the same tables.
struct Pair {
    ours: Client,
    theirs: Option<Client>,
    workers: usize,
    /// Views that exist, with their queries.
    views: Vec<(&'static str, &'static str)>,
}

impl Pair {
    async fn both(&self, sql: &str) {
        run(&self.ours, sql).await;
        if let Some(theirs) = &self.theirs {
            run(theirs, sql).await;
        }
    }

    /// Makes views and says how long each took.
    async fn make(&mut self, views: &[(&'static str, &'static str)], when: &str) {
        let mut times = Vec::new();
        for (name, query) in views {
            let start = Instant::now();
            run(&self.ours, &format!("CREATE MATERIALIZED VIEW {name} AS {query}")).await;
            rows(&self.ours, &format!("SELECT count(*) FROM {name}")).await;
            times.push(format!("{name} {:.0}", start.elapsed().as_secs_f64() * 1e3));
        }
        self.views.extend(views);
        self.say(&format!("views made {when}, ms: {}", times.join(", ")));
    }

    fn say(&self, text: &str) {
        println!("{} workers, {} MB: {text}", self.workers, resident_bytes() >> 20);
    }

    async fn compare(&self, when: &str) {
        let Some(theirs) = &self.theirs else { return };
        for (name, query) in &self.views {
            let columns = self.ours.prepare(&format!("SELECT * FROM {name}")).await.unwrap();
            let quotient: Vec<bool> =
                columns.columns().iter().map(|column| QUOTIENTS.contains(&column.name())).collect();
            let mut got = rows(&self.ours, &format!("SELECT * FROM {name}")).await;
            let mut want = rows(theirs, query).await;
            got.sort();
            want.sort();
            let equal = got.len() == want.len()
                && got.iter().zip(&want).all(|(got, want)| {
                    let values = got.iter().zip(want).zip(&quotient);
                    values
                        .into_iter()
                        .all(|((got, want), quotient)| if *quotient { is_close(got, want) } else { got == want })
                });
            assert!(equal, "{name} {when}, {} workers\n{query}\nours:   {got:?}\nPostgreSQL: {want:?}", self.workers);
        }
        let errors = rows(&self.ours, "SELECT * FROM tidewater.row_errors").await;
        assert!(errors.is_empty(), "{when}: {errors:?}");
    }

    /// Inserts everything; views are made before, in the middle and at the end.
    async fn fill(&mut self, scale: f64, random: &mut Random) {
        let queries = queries();
        assert_eq!(queries.len(), 22);
        let third = |n: usize| queries.iter().skip(n).step_by(3).copied().collect::<Vec<_>>();
        self.make(&third(0), "before the rows").await;
        let parts = (scale * 1000.0).clamp(4.0, 100.0) as i32;
        let pieces = data::pieces(parts, random);
        let (mut count, mut time) = (0, Duration::ZERO);
        for (number, piece) in pieces.iter().enumerate() {
            if number == pieces.len() / 2 {
                self.compare("with half of the rows").await;
                self.make(&third(1), "over half of the rows").await;
                self.compare("made over half of the rows").await;
            }
            let (statements, rows) = data::inserts(scale, parts, *piece, random);
            let start = Instant::now();
            for statement in &statements {
                run(&self.ours, statement).await;
            }
            time += start.elapsed();
            count += rows;
            if let Some(theirs) = &self.theirs {
                run(theirs, &statements.join("; ")).await;
            }
        }
        let start = Instant::now();
        run(&self.ours, "FLUSH").await;
        time += start.elapsed();
        self.say(&format!("{count} rows inserted in {time:.1?}, {:.0} rows/s", count as f64 / time.as_secs_f64()));
        if let Some(theirs) = &self.theirs {
            run(theirs, INDEXES).await;
        }
        self.make(&third(2), "over all rows").await;
    }

    /// Takes a hundredth of the rows of each table out, gives what was taken out before back, and changes others.
    async fn churn(&self, round: u64) {
        for (table, key) in data::TABLES {
            let away = format!("{key} % 100 = {}", (round * 37 + 11) % 100);
            self.both(&format!("BEGIN; INSERT INTO away_{table} SELECT * FROM {table} WHERE {away}; DELETE FROM {table} WHERE {away}; COMMIT"))
                .await;
        }
        let (some, few, next) = (format!("% 100 = {}", round * 7 + 3), format!("% 20 = {round}"), round + 1);
        self.both(&format!(
            "BEGIN; UPDATE lineitem SET l_quantity = l_quantity % 50 + 1, l_extendedprice = l_extendedprice + {next}.25, l_shipdate = l_shipdate + {next}
                WHERE l_orderkey {some};
             UPDATE lineitem SET l_receiptdate = l_commitdate, l_suppkey = 1 + l_suppkey % 7, l_returnflag = 'R' WHERE l_partkey {some};
             UPDATE orders SET o_orderdate = o_orderdate - 40, o_custkey = o_custkey + {next}, o_orderstatus = 'F' WHERE o_orderkey {some};
             UPDATE customer SET c_acctbal = -c_acctbal, c_mktsegment = 'BUILDING', c_nationkey = c_custkey % 25 WHERE c_custkey {few}; COMMIT"
        ))
        .await;
        self.both(&format!(
            "BEGIN; UPDATE part SET p_brand = 'Brand#23', p_type = 'ECONOMY ANODIZED STEEL', p_name = 'forest green' WHERE p_partkey {some};
             UPDATE partsupp SET ps_supplycost = ps_supplycost + 100.5, ps_availqty = ps_availqty - 1 WHERE ps_partkey {few};
             UPDATE supplier SET s_nationkey = (s_nationkey + {next}) % 25, s_comment = 'Customer: no Complaints' WHERE s_suppkey {few};
             UPDATE nation SET n_regionkey = (n_regionkey + 1) % 5 WHERE n_nationkey {few};
             UPDATE region SET r_name = CASE r_regionkey WHEN 2 THEN 'EUROPE' ELSE 'ASIA' END WHERE r_regionkey IN (2, 3) AND {round} = 5; COMMIT"
        ))
        .await;
        for (table, _) in data::TABLES {
            if round % 2 == 1 {
                self.both(&format!(
                    "BEGIN; INSERT INTO {table} SELECT * FROM away_{table}; TRUNCATE away_{table}; COMMIT"
                ))
                .await;
            }
        }
    }

    /// Transactions of about 1,000 rows: the lines of 125 orders change.
    async fn transactions(&self) -> Vec<Duration> {
        let orders = rows(&self.ours, "SELECT o_orderkey FROM orders ORDER BY o_orderkey LIMIT 2500").await;
        let mut times = Vec::new();
        for keys in orders.chunks(125) {
            let keys: Vec<&str> = keys.iter().map(|row| row[0].as_str()).collect();
            let sql =
                format!("UPDATE lineitem SET l_discount = 0.1 - l_discount WHERE l_orderkey IN ({})", keys.join(", "));
            let start = Instant::now();
            run(&self.ours, &sql).await;
            run(&self.ours, "FLUSH").await;
            times.push(start.elapsed());
            if let Some(theirs) = &self.theirs {
                run(theirs, &sql).await;
            }
        }
        times.sort();
        times
    }
}

/// Bytes of memory of this process.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) << 10
}

async fn check(workers: usize, seed: u64) {
    if std::env::var("TPCH_WORKERS").is_ok_and(|wanted| wanted != workers.to_string()) {
        return;
    }
    let postgres = if setting("TPCH_ORACLE", 1.0) == 0.0 { None } else { Postgres::start().await };
    let theirs = match &postgres {
        Some(postgres) => Some(postgres.connect().await),
        None => None,
    };
    let server = Server::start(workers).await;
    let mut pair = Pair { ours: server.connect().await, theirs, workers, views: Vec::new() };
    pair.both(TABLES).await;
    pair.both(&TABLES.replace("CREATE TABLE ", "CREATE TABLE away_")).await;
    let mut random = Random(seed);
    pair.fill(setting("TPCH_SCALE", 0.01), &mut random).await;
    pair.compare("with all rows").await;
    let times = pair.transactions().await;
    let (median, last) = (times[times.len() / 2], times[times.len() - 1]);
    pair.say(&format!("{} transactions that change 125 orders: median {median:.1?}, longest {last:.1?}", times.len()));
    let mut counts = BTreeMap::new();
    for round in 0..ROUNDS {
        let start = Instant::now();
        pair.churn(round).await;
        if COMPARED.contains(&round) {
            pair.compare(&format!("after round {round}")).await;
        }
        counts.insert(round, start.elapsed());
    }
    pair.say(&format!("rounds of changes (with PostgreSQL's part): {:.1?}", counts.values().collect::<Vec<_>>()));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tpch_equals_postgresql_with_one_worker() {
    check(1, 0x7C91_0022_0000_0001).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tpch_equals_postgresql_with_four_workers() {
    check(4, 0x7C91_0022_0000_0004).await;
}

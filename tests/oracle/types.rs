//! Columns of enums, char(n), domains, times of less precision, and infinite times: views over random changes, while the enum gets more
//! values, against PostgreSQL.

use super::{Random, compare, sql_files};
use crate::harness::{Postgres, Server, rows, run};

const SETUP: &str = "
    CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
    CREATE DOMAIN small AS INTEGER CHECK (VALUE < 100);
    CREATE TABLE e (id BIGINT PRIMARY KEY, k INTEGER, m mood, n mood DEFAULT 'ok', ms mood[], c CHAR(4), v VARCHAR(3), s TEXT,
        d DATE, ts TIMESTAMP(1), tz TIMESTAMPTZ, iv INTERVAL(1), q small);
    CREATE TABLE f (k INTEGER, m mood, c CHAR(2), ts TIMESTAMP);
";

/// Changes of the enum, each before the transaction of that number.
const MORE: &[(usize, &str)] = &[
    (10, "ALTER TYPE mood ADD VALUE 'fine' AFTER 'ok'"),
    (20, "ALTER TYPE mood ADD VALUE 'awful' BEFORE 'sad'"),
    (30, "ALTER TYPE mood ADD VALUE 'great'"),
];

struct Changes {
    random: Random,
    next_id: u64,
    moods: Vec<&'static str>,
}

impl Changes {
    fn pick(&mut self, values: &[&str]) -> String {
        let value = format!("'{}'", values[self.random.next(values.len() as u64) as usize]);
        self.random.or_null(value)
    }

    fn mood(&mut self) -> String {
        let moods = self.moods.clone();
        self.pick(&moods)
    }

    fn row(&mut self) -> String {
        self.next_id += 1;
        let k = self.random.number(5);
        let (m, n) = (self.mood(), self.mood());
        let items: Vec<String> = (0..self.random.next(4)).map(|_| self.mood()).collect();
        let ms = self.random.or_null(format!("ARRAY[{}]::mood[]", items.join(", ")));
        let c = self.pick(&["a", "a ", "ab", "abcd", "", "Zz"]);
        let v = self.pick(&["a", "a ", "ab", "abc"]);
        let s = self.pick(&["a", "a   ", "ab", "sad", "ok"]);
        let d = self.pick(&["infinity", "-infinity", "2024-02-29", "2024-03-01", "1999-12-31"]);
        let ts =
            self.pick(&["infinity", "-infinity", "2024-02-29 10:00:00.06", "2024-02-29 10:00:00.12", "2024-02-29"]);
        let tz = self.pick(&["infinity", "-infinity", "2024-02-29 10:00:00+01", "2024-02-29 09:00:00+00"]);
        let iv = self.pick(&["1 day 0.26 s", "24:00:00.3", "1 mon", "-0.04 s"]);
        let q = self.random.number(90);
        format!("({}, {k}, {m}, {n}, {ms}, {c}, {v}, {s}, {d}, {ts}, {tz}, {iv}, {q})", self.next_id)
    }

    fn statement(&mut self) -> String {
        match self.random.next(9) {
            0..=2 => {
                let rows: Vec<String> = (0..=self.random.next(3)).map(|_| self.row()).collect();
                format!("INSERT INTO e VALUES {}", rows.join(", "))
            }
            3 => {
                let (k, m) = (self.random.number(5), self.mood());
                let (c, ts) = (self.pick(&["a", "ab", "Zz", ""]), self.pick(&["infinity", "2024-02-29 10:00:00.1"]));
                format!("INSERT INTO f VALUES ({k}, {m}, {c}, {ts})")
            }
            4 => {
                let (m, k) = (self.mood(), self.random.number(5));
                format!(
                    "UPDATE e SET m = {m}, ts = ts + interval '0.04 s', c = coalesce(c, 'x') || 'y' WHERE k = {k} AND length(c) < 4"
                )
            }
            5 => {
                let m = self.mood();
                format!("UPDATE e SET n = m, ms = ms || {m}::mood, d = d + 1 WHERE id % 3 = {}", self.random.next(3))
            }
            6 => format!("UPDATE f SET m = {}, k = k + 1 WHERE c = 'a '", self.mood()),
            7 => {
                let m = self.mood();
                format!("DELETE FROM e WHERE id % 4 = {} AND (m IS NULL OR m <= {m})", self.random.next(4))
            }
            _ => format!("DELETE FROM f WHERE m = {}", self.mood()),
        }
    }
}

/// The views of `types/*.sql`: name and query.
fn views() -> Vec<(String, String)> {
    let named = |part: &str| {
        let (name, query) = part.split_once('\n').expect("a name, then a query");
        (name.trim().to_string(), query.trim().trim_end_matches(';').to_string())
    };
    let views: Vec<_> =
        sql_files("types").iter().flat_map(|text| text.split("\n-- ").skip(1).map(named).collect::<Vec<_>>()).collect();
    assert!(views.len() > 20);
    views
}

async fn check(seed: u64, workers: usize) {
    let Some(postgres) = Postgres::start().await else { return };
    let theirs = postgres.connect().await;
    let server = Server::start(workers).await;
    let ours = server.connect().await;
    run(&theirs, SETUP).await;
    run(&ours, SETUP).await;
    let mut changes = Changes { random: Random(seed), next_id: 0, moods: vec!["sad", "ok", "happy"] };
    let views = views();
    for tick in 0..45 {
        if tick == 0 {
            for (view, query) in &views {
                run(&ours, &format!("CREATE MATERIALIZED VIEW {view} AS {query}")).await;
            }
        }
        if let Some((_, change)) = MORE.iter().find(|(at, _)| *at == tick) {
            run(&theirs, change).await;
            run(&ours, change).await;
            changes.moods.push(change.split('\'').nth(1).expect("a label"));
        }
        let statements: Vec<String> = (0..=changes.random.next(3)).map(|_| changes.statement()).collect();
        let transaction = match statements.as_slice() {
            [one] => one.clone(),
            several => format!("BEGIN; {}; COMMIT", several.join("; ")),
        };
        run(&theirs, &transaction).await;
        run(&ours, &transaction).await;
        let context = format!("after transaction {tick} of seed {seed}, {workers} workers: {transaction}");
        for (view, query) in &views {
            compare(&ours, &theirs, view, query, &context).await;
            let (got, want) = (rows(&ours, query).await, rows(&theirs, query).await);
            let sorted = |mut rows: Vec<Vec<String>>| {
                rows.sort();
                rows
            };
            assert_eq!(sorted(got), sorted(want), "{view} as a SELECT, {context}\n{query}");
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn types_equal_postgresql_with_one_worker() {
    check(0x0BAD_5EED_1234_5678, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn types_equal_postgresql_with_four_workers() {
    check(0x1357_9BDF_0246_8ACE, 4).await;
}

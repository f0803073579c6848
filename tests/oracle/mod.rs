//! PostgreSQL is the referee: the same tables, the same random changes, the same query; after every transaction the view equals
//! what PostgreSQL answers for its query. One worker and four.

// Types and errors of small expressions.
mod expressions;

// Random cases.
mod random;

use crate::harness::{Postgres, Server, rows, run};

// DML with constraints.
mod tables;
// The benchmark's 22 queries.
mod tpch;
// Types that users make and others beyond the usual ones.
mod types;

/// Tables of both sides. Small domains, so that groups empty, keys meet and extremes go.
const TABLES: &str = "
    CREATE TABLE a (id BIGINT PRIMARY KEY, k INTEGER, n BIGINT, d DOUBLE PRECISION, m NUMERIC(10,2), s TEXT, b BOOLEAN, t TIMESTAMP,
        num NUMERIC, wide NUMERIC(50,10));
    CREATE TABLE b (id BIGINT PRIMARY KEY, k INTEGER, w SMALLINT, s TEXT);
    CREATE TABLE c (k INTEGER, v BIGINT);
";

/// Views over views: name, query over our views, and the same query over tables for PostgreSQL.
const STACKED: &[(&str, &str, &str)] = &[
    (
        "w_total",
        "SELECT sum(total) AS total, count(*) AS groups FROM v_group",
        "SELECT sum(total) AS total, count(*) AS groups FROM (SELECT k, sum(n) AS total FROM a GROUP BY k) x",
    ),
    (
        "w_join",
        "SELECT g.k, g.n_all, j.c FROM v_group g JOIN v_join_agg j ON j.s = 'ab' AND g.n_all = j.c",
        "SELECT g.k, g.n_all, j.c FROM (SELECT k, count(*) AS n_all FROM a GROUP BY k) g JOIN (SELECT b.s, count(*) AS c \
         FROM a JOIN b ON a.k = b.k GROUP BY b.s) j ON j.s = 'ab' AND g.n_all = j.c",
    ),
];

/// Numerics, each value in one form only: which of `1.5` and `1.50` stands for a group depends on the order of the rows.
const NUMERICS: [&str; 12] = [
    "0",
    "1",
    "1.5",
    "2.25",
    "-3",
    "0.001",
    "12345678901234567890.5",
    "100",
    "-0.125",
    "4",
    "98765432109876543210987654321098765432109876.5",
    "'NaN'",
];

/// The views of `views/*.sql`: name and query. Floats whose name starts with `avg` are compared as numbers, since PostgreSQL's depend
/// on the order of the rows; all others as text.
fn views() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for text in sql_files("views") {
        for part in text.split("\n-- ").skip(1) {
            let (name, query) = part.split_once('\n').expect("a name, then a query");
            found.push((name.trim().to_string(), query.trim().trim_end_matches(';').to_string()));
        }
    }
    assert!(found.len() > 20);
    found
}

/// The texts of the files of a directory beside this one, in the order of their names.
fn sql_files(directory: &str) -> Vec<String> {
    let pattern = format!("{}/tests/oracle/{directory}/*.sql", env!("CARGO_MANIFEST_DIR"));
    let paths = glob::glob(&pattern).unwrap();
    paths.map(|path| std::fs::read_to_string(path.unwrap()).unwrap()).collect()
}

/// A seeded source of changes (xorshift64, Marsaglia 2003).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below `below`.
    pub(crate) fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    fn or_null(&mut self, value: String) -> String {
        if self.next(6) == 0 { "NULL".into() } else { value }
    }

    fn text(&mut self) -> String {
        let value = ["'ab'", "'a'", "'B'", "''", "'zz z'"][self.next(5) as usize].to_string();
        self.or_null(value)
    }

    fn number(&mut self, below: u64) -> String {
        let value = (self.next(below) as i64 - 2).to_string();
        self.or_null(value)
    }

    fn row_a(&mut self, id: u64) -> String {
        let (k, n, s) = (self.number(6), self.number(12), self.text());
        let quarters = self.next(40) as f64 / 4.0 - 3.0;
        let d = self.or_null(quarters.to_string());
        let cents = self.next(1000);
        let m = self.or_null(format!("{}.{:02}", cents / 100, cents % 100));
        let flag = ["true", "false"][self.next(2) as usize].to_string();
        let b = self.or_null(flag);
        let second = self.next(300);
        let t = self.or_null(format!("'2026-01-01 00:{:02}:{:02}'", second / 60, second % 60));
        let (num, wide) = (NUMERICS[self.next(12) as usize].to_string(), NUMERICS[self.next(7) as usize].to_string());
        let (num, wide) = (self.or_null(num), self.or_null(wide));
        format!("({id}, {k}, {n}, {d}, {m}, {s}, {b}, {t}, {num}, {wide})")
    }

    /// One statement; both sides get the same text.
    fn statement(&mut self, next_id: &mut u64) -> String {
        match self.next(12) {
            0..=3 => {
                let rows: Vec<String> = (0..=self.next(4))
                    .map(|_| {
                        *next_id += 1;
                        self.row_a(*next_id)
                    })
                    .collect();
                format!("INSERT INTO a VALUES {}", rows.join(", "))
            }
            4 | 5 => {
                *next_id += 1;
                let (k, w, s) = (self.number(6), self.number(8), self.text());
                format!("INSERT INTO b VALUES ({next_id}, {k}, {w}, {s})")
            }
            6 => {
                let (k, v) = (self.number(6), self.number(8));
                format!("INSERT INTO c VALUES ({k}, {v}), ({k}, {v})")
            }
            7 => {
                let (n, k) = (self.number(12), self.number(6));
                format!("UPDATE a SET n = {n}, s = s || 'x' WHERE k = {k} AND id % 2 = {}", self.next(2))
            }
            8 => format!("UPDATE b SET k = k + 1, w = {} WHERE id % 3 = {}", self.number(8), self.next(3)),
            9 => format!("DELETE FROM a WHERE id % 5 = {} AND (k IS NULL OR k < {})", self.next(5), self.next(6)),
            10 => format!("DELETE FROM b WHERE id % 4 = {}", self.next(4)),
            _ => format!("DELETE FROM c WHERE v = {}", self.next(6) as i64 - 2),
        }
    }
}

fn is_close(one: &str, other: &str) -> bool {
    match (one.parse::<f64>(), other.parse::<f64>()) {
        (Ok(one), Ok(other)) => (one - other).abs() <= 1e-9 * one.abs().max(1.0),
        _ => one == other,
    }
}

async fn compare(
    ours: &tokio_postgres::Client,
    theirs: &tokio_postgres::Client,
    view: &str,
    query: &str,
    context: &str,
) {
    let columns = ours.prepare(&format!("SELECT * FROM {view}")).await.unwrap();
    let averages: Vec<bool> = columns
        .columns()
        .iter()
        .map(|column| column.name().starts_with("avg") && *column.type_() == tokio_postgres::types::Type::FLOAT8)
        .collect();
    let mut got = rows(ours, &format!("SELECT * FROM {view}")).await;
    let mut want = rows(theirs, query).await;
    got.sort();
    want.sort();
    let equal = got.len() == want.len()
        && got.iter().zip(&want).all(|(got, want)| {
            got.iter()
                .zip(want)
                .zip(&averages)
                .all(|((got, want), average)| if *average { is_close(got, want) } else { got == want })
        });
    assert!(equal, "{view} {context}\n{query}\nours:   {got:?}\nPostgreSQL: {want:?}");
}

async fn check(seed: u64, workers: usize) {
    let Some(postgres) = Postgres::start().await else { return };
    let theirs = postgres.connect().await;
    let server = Server::start(workers).await;
    let ours = server.connect().await;
    run(&theirs, TABLES).await;
    run(&ours, TABLES).await;
    let mut random = Random(seed);
    let mut next_id = 0;
    let views = views();
    // Half of the views see all changes, the others start on tables with rows.
    let mut made = 0;
    for tick in 0..60 {
        if tick == 0 || tick == 12 {
            let until = if tick == 0 { views.len() / 2 } else { views.len() };
            for (view, query) in &views[made..until] {
                run(&ours, &format!("CREATE MATERIALIZED VIEW {view} AS {query}")).await;
            }
            made = until;
            if tick == 12 {
                for (view, query, _) in STACKED {
                    run(&ours, &format!("CREATE MATERIALIZED VIEW {view} AS {query}")).await;
                }
            }
        }
        let statements: Vec<String> = (0..=random.next(3)).map(|_| random.statement(&mut next_id)).collect();
        let transaction = if statements.len() > 1 {
            format!("BEGIN; {}; COMMIT", statements.join("; "))
        } else {
            statements[0].clone()
        };
        run(&theirs, &transaction).await;
        run(&ours, &transaction).await;
        let context = format!("after transaction {tick} of seed {seed}, {workers} workers: {transaction}");
        for (view, query) in &views[..made] {
            compare(&ours, &theirs, view, query, &context).await;
        }
        if tick >= 12 {
            for (view, _, query) in STACKED {
                compare(&ours, &theirs, view, query, &context).await;
            }
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_equal_postgresql_with_one_worker() {
    check(0x1234_5678_9ABC_DEF1, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_equal_postgresql_with_four_workers() {
    check(0xFEDC_BA98_7654_3211, 4).await;
}

/// Reads that are not maintained: DataFusion's answers over a snapshot against PostgreSQL's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_equal_postgresql() {
    let Some(postgres) = Postgres::start().await else { return };
    let theirs = postgres.connect().await;
    let server = Server::start(1).await;
    let ours = server.connect().await;
    let mut random = Random(77);
    let mut next_id = 0;
    let mut script = TABLES.to_string();
    for _ in 0..80 {
        script += &format!("{};\n", random.statement(&mut next_id));
    }
    run(&theirs, &script).await;
    run(&ours, &script).await;
    for text in sql_files("reads") {
        for query in text.split(";\n").map(str::trim).filter(|query| !query.is_empty()) {
            let (got, want) = (rows(&ours, query).await, rows(&theirs, query).await);
            assert_eq!(got, want, "{query}");
        }
    }
    server.stop().await;
}

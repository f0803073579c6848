//! PostgreSQL is the referee: the same tables, the same random changes, the same query; after every transaction the view equals
//! what PostgreSQL answers for its query. One worker and four.

use crate::harness::{Postgres, Server, rows, run};

/// Tables of both sides. Small domains, so that groups empty, keys meet and extremes go.
const TABLES: &str = "
    CREATE TABLE a (id BIGINT PRIMARY KEY, k INTEGER, n BIGINT, d DOUBLE PRECISION, m NUMERIC(10,2), s TEXT, b BOOLEAN, t TIMESTAMP);
    CREATE TABLE b (id BIGINT PRIMARY KEY, k INTEGER, w SMALLINT, s TEXT);
    CREATE TABLE c (k INTEGER, v BIGINT);
";

/// The views: name and query. Columns whose name starts with `avg` are compared as numbers, since PostgreSQL's scale of a quotient
/// depends on its value; all others as text.
const VIEWS: &[(&str, &str)] = &[
    (
        "v_filter",
        "SELECT id, n + 1 AS n1, upper(s) AS u, CASE WHEN n > 5 THEN 'big' WHEN n IS NULL THEN 'none' ELSE 'small' END AS size FROM a WHERE k < 4 OR s LIKE 'a%'",
    ),
    (
        "v_casts",
        "SELECT id, n::text AS t, (n::double precision) / 4 AS q, m::double precision AS md, t::date AS day, s || '-' || k::text AS both FROM a",
    ),
    (
        "v_group",
        "SELECT k, count(*) AS n_all, count(n) AS n_n, sum(n) AS total, min(n) AS low, max(n) AS high, avg(n) AS avg_n FROM a GROUP BY k",
    ),
    (
        "v_types",
        "SELECT s, b, sum(m) AS sum_m, min(t) AS first_t, max(s) AS max_s, min(d) AS min_d, avg(m) AS avg_m, count(DISTINCT s) AS ds FROM a GROUP BY s, b",
    ),
    ("v_global", "SELECT count(*) AS n, sum(n) AS total, min(s) AS low, max(m) AS high FROM a"),
    ("v_global_where", "SELECT count(*) AS n, sum(w) AS total FROM b WHERE w > 100"),
    ("v_having", "SELECT k, sum(n) AS total FROM a GROUP BY k HAVING count(*) > 2 AND sum(n) > 3"),
    ("v_expr_key", "SELECT n % 3 AS r, k IS NULL AS no_k, count(*) AS c FROM a GROUP BY n % 3, k IS NULL"),
    (
        "v_filter_agg",
        "SELECT k, count(*) FILTER (WHERE b) AS yes, sum(n) FILTER (WHERE s = 'ab') AS ab FROM a GROUP BY k",
    ),
    ("v_join", "SELECT a.id, b.id AS bid, a.n, b.w FROM a JOIN b ON a.k = b.k"),
    ("v_join2", "SELECT a.id, b.s FROM a JOIN b ON a.k = b.k AND a.s = b.s AND a.n > b.w"),
    ("v_join3", "SELECT a.id, b.id AS bid, c.v FROM a JOIN b ON a.k = b.k JOIN c ON c.k = b.k WHERE c.v < 6"),
    ("v_self", "SELECT x.id, y.id AS other FROM a x JOIN a y ON x.k = y.k AND x.s = y.s WHERE x.id < y.id"),
    (
        "v_join_agg",
        "SELECT b.s, count(*) AS c, sum(a.n) AS total, max(a.m) AS top FROM a JOIN b ON a.k = b.k GROUP BY b.s",
    ),
    ("v_union", "SELECT k, s FROM a UNION ALL SELECT k, s FROM b UNION ALL SELECT k, NULL FROM c"),
    ("v_union_distinct", "SELECT k, s FROM a UNION SELECT k, s FROM b"),
    ("v_distinct", "SELECT DISTINCT k, s FROM a"),
    ("v_bag", "SELECT k, v FROM c"),
    ("v_bag_group", "SELECT v, count(*) AS c FROM c GROUP BY v"),
    ("v_top", "SELECT id, n, s FROM a ORDER BY n DESC NULLS LAST, id LIMIT 5"),
    ("v_top_offset", "SELECT id, d FROM a ORDER BY d NULLS FIRST, id LIMIT 3 OFFSET 2"),
    (
        "v_rank",
        "SELECT id, k, n FROM (SELECT id, k, n, row_number() OVER (PARTITION BY k ORDER BY n DESC, id) AS r FROM a) x WHERE r <= 2",
    ),
    (
        "v_rank_shown",
        "SELECT id, k, r FROM (SELECT id, k, row_number() OVER (PARTITION BY k ORDER BY n, id) AS r FROM a) x WHERE r <= 3",
    ),
    ("v_sub", "SELECT k, c FROM (SELECT k, count(*) AS c FROM a GROUP BY k) x WHERE c >= 2"),
    ("v_agg_agg", "SELECT c, count(*) AS groups FROM (SELECT k, count(*) AS c FROM a GROUP BY k) x GROUP BY c"),
    (
        "v_cte",
        "WITH big AS (SELECT k, sum(n) AS total FROM a GROUP BY k) SELECT b.id, big.total FROM b JOIN big ON big.k = b.k",
    ),
    (
        "v_window",
        "SELECT date_trunc('minute', t) AS minute, count(*) AS c, sum(n) AS total FROM a WHERE t IS NOT NULL GROUP BY date_trunc('minute', t)",
    ),
];

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

/// A seeded source of changes (xorshift64, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
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
        format!("({id}, {k}, {n}, {d}, {m}, {s}, {b}, {t})")
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
    let averages: Vec<bool> = columns.columns().iter().map(|column| column.name().starts_with("avg")).collect();
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
    // Half of the views see all changes, the others start on tables with rows.
    let mut made = 0;
    for tick in 0..60 {
        if tick == 0 || tick == 12 {
            let until = if tick == 0 { VIEWS.len() / 2 } else { VIEWS.len() };
            for (view, query) in &VIEWS[made..until] {
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
        for (view, query) in &VIEWS[..made] {
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
    let queries = include_str!("reads.sql");
    for query in queries.split(';').map(str::trim).filter(|query| !query.is_empty()) {
        let (got, want) = (rows(&ours, query).await, rows(&theirs, query).await);
        assert_eq!(got, want, "{query}");
    }
    server.stop().await;
}

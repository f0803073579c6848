//! What the change of one row costs each kind of view, by the rows that the view stands on; and how fast a view over rows
//! that are there is made.

use clap::Args;
use tidewater::clock::{self, Clock};
use tidewater::engine::{Engine, Outcome, Session};
use tidewater::error::Result;
use tidewater::flow::runtime::RuntimeOptions;

use super::cpu_seconds;
use crate::command::{Message, block_on, say};

/// How much.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Rows of the table, several runs with a comma between
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 1_000_000])]
    rows: Vec<u64>,
    /// Changes that are timed per view
    #[arg(long, default_value_t = 200)]
    changes: u64,
    /// Worker threads
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Only views whose name contains this; may be given several times
    #[arg(long)]
    only: Vec<String>,
}

/// Views by what they exercise. `t` has the columns id (key), k (rows / 10 values), g (10 values), v, s; `d` has a row for
/// every second k.
const VIEWS: [(&str, &str); 46] = [
    ("project, filter", "SELECT id, v * 2 AS w FROM t WHERE v > 10"),
    ("count, sum, avg; groups of 10", "SELECT k, count(*), sum(v), avg(v) FROM t GROUP BY k"),
    ("count, sum, avg; 10 groups", "SELECT g, count(*), sum(v), avg(v) FROM t GROUP BY g"),
    ("count, sum; 1 row", "SELECT count(*), sum(v) FROM t"),
    ("min, max; groups of 10", "SELECT k, min(v), max(v) FROM t GROUP BY k"),
    ("min, max; 10 groups", "SELECT g, min(v), max(v) FROM t GROUP BY g"),
    ("count(DISTINCT); 10 groups", "SELECT g, count(DISTINCT v) FROM t GROUP BY g"),
    ("string_agg; groups of 10", "SELECT k, string_agg(s, ',' ORDER BY id) FROM t GROUP BY k"),
    ("percentile_cont; groups of 10", "SELECT k, percentile_cont(0.5) WITHIN GROUP (ORDER BY v) FROM t GROUP BY k"),
    ("percentile_cont; 10 groups", "SELECT g, percentile_cont(0.5) WITHIN GROUP (ORDER BY v) FROM t GROUP BY g"),
    ("GROUPING SETS", "SELECT k, g, sum(v) FROM t GROUP BY GROUPING SETS ((k), (g), ())"),
    ("DISTINCT", "SELECT DISTINCT v FROM t"),
    ("inner join", "SELECT t.id, t.v, d.name FROM t JOIN d ON d.k = t.k"),
    ("left join", "SELECT t.id, t.v, d.name FROM t LEFT JOIN d ON d.k = t.k"),
    ("full join", "SELECT t.id, t.v, d.name FROM t FULL JOIN d ON d.k = t.k AND t.v > 100"),
    ("self-join", "SELECT a.id, b.id AS other FROM t a JOIN t b ON a.k = b.k AND a.id < b.id AND a.v > b.v"),
    ("three inputs", "SELECT a.id, b.id AS other, d.name FROM t a JOIN t b ON a.id + 1 = b.id JOIN d ON d.k = a.k"),
    ("EXISTS", "SELECT id, v FROM t WHERE EXISTS (SELECT 1 FROM d WHERE d.k = t.k AND d.limit_v < t.v)"),
    ("NOT IN", "SELECT id, v FROM t WHERE k NOT IN (SELECT k FROM d)"),
    ("correlated subquery", "SELECT d.k, (SELECT max(v) FROM t WHERE t.k = d.k) AS top FROM d"),
    (
        "LATERAL ... LIMIT",
        "SELECT d.k, x.v FROM d, LATERAL (SELECT v FROM t WHERE t.k = d.k ORDER BY v DESC LIMIT 2) x",
    ),
    ("UNION", "SELECT k FROM t UNION SELECT v FROM t"),
    ("EXCEPT", "SELECT k, v FROM t EXCEPT SELECT k, limit_v FROM d"),
    ("INTERSECT", "SELECT v FROM t WHERE id % 2 = 0 INTERSECT SELECT v FROM t WHERE id % 2 = 1"),
    ("ORDER BY ... LIMIT", "SELECT id, v FROM t ORDER BY v DESC, id LIMIT 10"),
    (
        "top 3; 10 groups",
        "SELECT * FROM (SELECT id, g, v, row_number() OVER (PARTITION BY g ORDER BY v DESC, id) AS place FROM t) x WHERE place <= 3",
    ),
    ("DISTINCT ON; 10 groups", "SELECT DISTINCT ON (g) g, id, v FROM t ORDER BY g, v DESC, id"),
    ("running sum; parts of 10", "SELECT id, sum(v) OVER (PARTITION BY k ORDER BY id) AS run FROM t"),
    ("lag; 10 parts", "SELECT id, v - lag(v) OVER (PARTITION BY g ORDER BY id) AS step FROM t"),
    ("sum over ROWS; 10 parts", "SELECT id, sum(v) OVER (PARTITION BY g ORDER BY id ROWS 3 PRECEDING) AS run FROM t"),
    (
        "sum over RANGE; 10 parts",
        "SELECT id, sum(v) OVER (PARTITION BY g ORDER BY id RANGE 100 PRECEDING) AS run FROM t",
    ),
    (
        "GROUPS, EXCLUDE; 10 parts",
        "SELECT id, count(*) OVER (PARTITION BY g ORDER BY id GROUPS 2 PRECEDING EXCLUDE TIES) AS n FROM t",
    ),
    ("row_number; 10 parts", "SELECT *, row_number() OVER (PARTITION BY g ORDER BY id) AS place FROM t"),
    (
        "row_number and lag; 10 parts",
        "SELECT id, row_number() OVER w, lag(v) OVER w FROM t WINDOW w AS (PARTITION BY g ORDER BY id)",
    ),
    ("last_value; 10 parts", "SELECT id, last_value(v) OVER (PARTITION BY g ORDER BY id) AS last FROM t"),
    ("running sum; 10 parts", "SELECT id, sum(v) OVER (PARTITION BY g ORDER BY id) AS run FROM t"),
    ("running max; 10 parts", "SELECT id, max(v) OVER (PARTITION BY g ORDER BY id) AS top FROM t"),
    ("max of the part; 10 parts", "SELECT id, max(v) OVER (PARTITION BY g) AS top FROM t"),
    ("ntile; 10 parts", "SELECT id, ntile(4) OVER (PARTITION BY g ORDER BY id) AS quarter FROM t"),
    ("mode; 10 groups", "SELECT g, mode() WITHIN GROUP (ORDER BY v) FROM t GROUP BY g"),
    ("string_agg; 10 groups", "SELECT g, string_agg(s, ',' ORDER BY id) FROM t GROUP BY g"),
    (
        "correlated GROUPING SETS",
        "SELECT d.k, x.n FROM d, LATERAL (SELECT count(*) AS n FROM t WHERE t.k = d.k GROUP BY ROLLUP (g)) x",
    ),
    (
        "recursion",
        "WITH RECURSIVE r AS (SELECT id, k FROM t WHERE v < 100 UNION SELECT d.k, d.limit_v FROM r JOIN d ON d.k = r.k) SELECT * FROM r",
    ),
    ("unnest", "SELECT id, x FROM t, unnest(ARRAY[v, v + 1]) AS x"),
    ("view over aggregate", "SELECT sum(top) FROM (SELECT k, max(v) AS top FROM t GROUP BY k) x"),
    ("not its input", "SELECT k, sum(limit_v) FROM d GROUP BY k"),
];

/// Measures and prints a line per view.
pub(super) fn run(options: &Options) -> Result<(), Message> {
    for rows in &options.rows {
        block_on(async { measure(*rows, options).await.map_err(|error| error.message_and_hint()) })?;
    }
    Ok(())
}

async fn measure(rows: u64, options: &Options) -> Result<()> {
    let engine =
        Engine::start(RuntimeOptions { workers: options.workers, ..RuntimeOptions::default() }, Clock::System)?;
    let mut session = engine.session("tidewater");
    fill(&mut session, rows).await?;
    let mut changes = Changes { rows, done: 0 };
    let alone = changes.time(&mut session, options.changes).await?;
    say(&format!("{rows} rows; a change without views: {alone}"));
    let is_wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|part| name.contains(part));
    for (name, query) in VIEWS.iter().filter(|(name, _)| is_wanted(name)) {
        let (wall, cpu) = (clock::instant(), cpu_seconds());
        execute(&mut session, &format!("CREATE MATERIALIZED VIEW v AS {query}")).await?;
        execute(&mut session, "FLUSH").await?;
        let (wall, cpu) = (wall.elapsed().as_secs_f64(), cpu_seconds() - cpu);
        let one = changes.time(&mut session, options.changes).await?;
        execute(&mut session, "DROP MATERIALIZED VIEW v").await?;
        say(&format!(
            "{name:32} change {one}   made in {wall:7.3} s ({:.2} M rows/s, {:.2} M per CPU second)",
            rows as f64 / wall / 1e6,
            rows as f64 / cpu.max(0.01) / 1e6
        ));
    }
    engine.stop().await;
    Ok(())
}

async fn fill(session: &mut Session, rows: u64) -> Result<()> {
    let groups = (rows / 10).max(1);
    execute(
        session,
        &format!(
            "CREATE TABLE t (id bigint PRIMARY KEY, k bigint, g bigint, v bigint, s text);
             CREATE TABLE d (k bigint PRIMARY KEY, name text, limit_v bigint);
             INSERT INTO t SELECT i, i % {groups}, i % 10, (i * 7919) % {rows}, 's' || i % 100 FROM generate_series(1, {rows}::bigint) i;
             INSERT INTO d SELECT i, 'name ' || i, (i * 31) % {rows} FROM generate_series(0, {groups}::bigint - 1, 2) i;
             FLUSH"
        ),
    )
    .await
}

/// Changes of single rows, spread over the table.
struct Changes {
    rows: u64,
    done: u64,
}

impl Changes {
    /// `n` changes, each until all views show it. Returns what they took.
    async fn time(&mut self, session: &mut Session, n: u64) -> Result<String> {
        let mut times = Vec::new();
        let cpu = cpu_seconds();
        for _ in 0..n {
            self.done += 1;
            let id = self.done * 104_729 % self.rows + 1;
            let value = self.done * 15_485_863 % self.rows;
            let update = format!("UPDATE t SET v = {value} WHERE id = {id}; FLUSH");
            let begun = clock::instant();
            execute(session, &update).await?;
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        let at = |share: usize| times.get(times.len() * share / 100).map_or(0.0, |time| time.as_secs_f64() * 1e3);
        let cpu = (cpu_seconds() - cpu) * 1e3 / n.max(1) as f64;
        Ok(format!("p50 {:8.2} ms, p90 {:8.2} ms, CPU {cpu:8.2} ms", at(50), at(90)))
    }
}

async fn execute(session: &mut Session, script: &str) -> Result<()> {
    for statement in session.parse(script)? {
        if let Outcome::Rows { mut rows, .. } = session.execute(&statement, &[]).await? {
            while let Some(batch) = futures::StreamExt::next(&mut rows).await {
                batch?;
            }
        }
    }
    Ok(())
}

//! Types, values and errors of small expressions and statements: those of PostgreSQL. The lines of `expressions/*.txt` are statements, or
//! expressions over the one row of the table `one`; `@` before a line stands for one line per column (`{a}`), or pair of columns
//! (`{a}`, `{b}`).

use std::collections::HashSet;

use tokio_postgres::{Client, SimpleQueryMessage};

use crate::harness::{Postgres, Server, run};

const TABLE: &str = "
    CREATE TABLE one (i2 smallint, i integer, l bigint, r real, d double precision, n numeric(10,2), t text, v varchar(10),
                      b boolean, da date, ti time, ts timestamp, tz timestamptz, iv interval, u uuid, j json, jb jsonb, by bytea,
                      ia integer[], ta text[]);
    INSERT INTO one VALUES (2, 3, 4, 1.5, 2.5, 3.25, 'abc', 'vc', true, '2024-02-29', '10:20:30', '2024-02-29 10:20:30',
                            '2024-02-29 10:20:30+00', '1 day', '00000000-0000-0000-0000-000000000001', '{\"a\": 1}', '{\"a\": 1}',
                            '\\x6162', '{1,2,3}', '{a,b}');
    CREATE TABLE grid (id integer, m integer[][], w text[][], l integer[]);
    INSERT INTO grid VALUES (1, '{{1,2},{3,4}}', '{{\"a b\",NULL},{\"\",\"c,d\"}}', '{3,4}');
    CREATE TABLE two (id bigint PRIMARY KEY, k integer, s text);
    INSERT INTO two VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, NULL);
";

/// The columns that `{a}` and `{b}` stand for.
const COLUMNS: [&str; 20] =
    ["i2", "i", "l", "r", "d", "n", "t", "v", "b", "da", "ti", "ts", "tz", "iv", "u", "j", "jb", "by", "ia", "ta"];

type Rows = Vec<Vec<Option<String>>>;

/// Rows, or the SQLSTATE and message. Rows that no ORDER BY orders come sorted.
async fn outcome(client: &Client, sql: &str) -> Result<Rows, (String, String)> {
    match client.simple_query(sql).await {
        Ok(messages) => {
            let row = |message: &_| match message {
                SimpleQueryMessage::Row(row) => {
                    Some((0..row.len()).map(|at| row.get(at).map(str::to_string)).collect())
                }
                _ => None,
            };
            let mut rows: Rows = messages.iter().filter_map(row).collect();
            if !sql.contains("ORDER BY") {
                rows.sort();
            }
            Ok(rows)
        }
        Err(error) => {
            let error = error.as_db_error().unwrap_or_else(|| panic!("{sql}: {error:?}"));
            Err((error.code().code().to_string(), error.message().to_string()))
        }
    }
}

fn lines(file: &str) -> Vec<String> {
    let path = format!("{}/tests/oracle/expressions/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let written = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("# "));
    let mut found = Vec::new();
    for line in written {
        match line.strip_prefix("@ ") {
            None => found.push(line.to_string()),
            Some(line) => {
                let others: &[&str] = if line.contains("{b}") { &COLUMNS } else { &[""] };
                let pairs = COLUMNS.iter().flat_map(|a| others.iter().map(move |b| (a, b)));
                found.extend(pairs.map(|(a, b)| line.replace("{a}", a).replace("{b}", b)));
            }
        }
    }
    found
}

fn is_statement(line: &str) -> bool {
    ["SELECT", "VALUES", "TABLE", "WITH", "(SELECT", "((SELECT"]
        .iter()
        .any(|word| line.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')))
}

/// Varchar without a length is text here.
fn plain(cell: &str) -> String {
    match cell.starts_with("character varying") {
        true => cell.replace("character varying", "text"),
        false => cell.to_string(),
    }
}

fn same_cell(one: &Option<String>, other: &Option<String>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => plain(one) == plain(other),
        (one, other) => one == other,
    }
}

fn same(ours: &Result<Rows, (String, String)>, theirs: &Result<Rows, (String, String)>) -> bool {
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().zip(theirs).all(|(one, other)| {
                    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_cell(one, other))
                })
        }
        (Err((one, _)), Err((other, _))) => one == other,
        _ => false,
    }
}

/// What differs, but for what `missing.txt` says that we refuse and PostgreSQL does not.
async fn differences(files: &[&str]) -> Vec<String> {
    let Some(postgres) = Postgres::start().await else { return Vec::new() };
    let (theirs, server) = (postgres.connect().await, Server::start(1).await);
    let ours = server.connect().await;
    run(&theirs, TABLE).await;
    run(&ours, TABLE).await;
    let missing: HashSet<String> = lines("missing.txt").into_iter().collect();
    let mut found = Vec::new();
    for line in files.iter().flat_map(|file| lines(file)) {
        let sql = match is_statement(&line) {
            true => line.clone(),
            false => format!("SELECT pg_typeof({line}), {line} FROM one"),
        };
        let (got, wanted) = (outcome(&ours, &sql).await, outcome(&theirs, &sql).await);
        let is_missing = got.is_err() && wanted.is_ok() && missing.contains(&line);
        if !same(&got, &wanted) && !is_missing {
            found.push(format!("{line}\n    ours:       {got:?}\n    PostgreSQL: {wanted:?}"));
        }
    }
    server.stop().await;
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expressions_have_postgresql_s_types_and_errors() {
    let found = differences(&["constant.txt", "statement.txt", "array.txt", "untyped.txt", "numeric.txt"]).await;
    assert!(found.is_empty(), "{} differ:\n{}", found.len(), found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_take_the_types_that_postgresql_s_take() {
    let found = differences(&["matrix.txt"]).await;
    assert!(found.is_empty(), "{} differ:\n{}", found.len(), found.join("\n"));
}

/// What a view answers is what PostgreSQL's SELECT does; it may refuse what is not maintained.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_are_the_same_in_views() {
    let Some(postgres) = Postgres::start().await else { return };
    let (theirs, server) = (postgres.connect().await, Server::start(1).await);
    let ours = server.connect().await;
    run(&theirs, TABLE).await;
    run(&ours, TABLE).await;
    let mut maintained = 0;
    for line in ["statement.txt", "array.txt", "untyped.txt", "numeric.txt"]
        .iter()
        .flat_map(|file| lines(file))
        .filter(|line| is_statement(line))
    {
        let Ok(mut wanted) = outcome(&theirs, &line).await else { continue };
        let name = format!("view{maintained}");
        if outcome(&ours, &format!("CREATE MATERIALIZED VIEW {name} AS {line}")).await.is_err() {
            continue;
        }
        maintained += 1;
        let mut got = outcome(&ours, &format!("SELECT * FROM {name}")).await.unwrap();
        run(&ours, &format!("DROP MATERIALIZED VIEW {name}")).await;
        got.sort();
        wanted.sort();
        assert!(same(&Ok(got.clone()), &Ok(wanted.clone())), "{line}\nours: {got:?}\nPostgreSQL: {wanted:?}");
    }
    assert!(maintained > 150, "{maintained}");
    server.stop().await;
}

//! Random schemas, views and transactions: after each transaction every view, and at the end the same query as an ordinary SELECT, equals
//! PostgreSQL's answer. A seed makes a case; a failing case is made smaller by itself and printed as a script.
//!
//! `ORACLE_CASES` (how many), `ORACLE_SEED` (the first) and `ORACLE_SECONDS` (stop after) change what is run.

mod case;
mod expression;
mod query;
mod select;
mod source;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio_postgres::{Client, SimpleQueryMessage};

use self::case::Case;
use super::is_close;
use crate::harness::{Postgres, Server};

/// Workers of the servers that run side by side.
const WORKERS: [usize; 4] = [1, 2, 4, 1];
/// Failing cases that are shown.
const FAILURES_MAX: usize = 8;
/// Attempts at making a failing case smaller.
const ATTEMPTS_MAX: usize = 400;
/// A statement that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a case ended.
#[derive(Debug)]
enum Verdict {
    Right,
    /// PostgreSQL does not take it: the generator went wrong.
    Invalid,
    /// We do not maintain it, and say so.
    Refused(String),
    /// The kind of mistake, and what is to be seen.
    Wrong(&'static str, String),
}

type Rows = Vec<Vec<String>>;

/// A pair of servers that runs one case after the other.
struct Arena {
    ours: Client,
    theirs: Client,
}

/// Rows, or SQLSTATE and message.
async fn query(client: &Client, sql: &str) -> Result<Rows, (String, String)> {
    let answer = match tokio::time::timeout(PATIENCE, client.simple_query(sql)).await {
        Ok(answer) => answer,
        Err(_) => return Err(("hang".into(), format!("no answer to {sql}"))),
    };
    match answer {
        Ok(messages) => {
            let row = |message: &SimpleQueryMessage| match message {
                SimpleQueryMessage::Row(row) => {
                    Some((0..row.len()).map(|i| row.get(i).unwrap_or("NULL").to_string()).collect::<Vec<_>>())
                }
                _ => None,
            };
            Ok(messages.iter().filter_map(row).collect())
        }
        Err(error) => match error.as_db_error() {
            Some(error) => Err((error.code().code().to_string(), error.message().to_string())),
            None => Err(("gone".into(), error.to_string())),
        },
    }
}

impl Arena {
    async fn run(&self, case: &Case) -> Verdict {
        let verdict = self.steps(case).await;
        let _ = query(&self.ours, "ROLLBACK").await;
        let _ = query(&self.theirs, "ROLLBACK").await;
        for table in &case.tables {
            let name = table.split_whitespace().nth(2).unwrap_or_default();
            let drop = format!("DROP TABLE IF EXISTS {name} CASCADE");
            let _ = query(&self.theirs, &drop).await;
            if let Err((state, message)) = query(&self.ours, &drop).await {
                return Verdict::Wrong("cleaning", format!("{state} {message}"));
            }
        }
        verdict
    }

    async fn steps(&self, case: &Case) -> Verdict {
        for table in &case.tables {
            if query(&self.theirs, table).await.is_err() {
                return Verdict::Invalid;
            }
            if let Err((state, message)) = query(&self.ours, table).await {
                return Verdict::Wrong("table", format!("{table}: {state} {message}"));
            }
        }
        // Views that are refused, and those that read them; only the queries of the former can still be compared.
        let mut missing: Vec<&str> = Vec::new();
        let mut refused = None;
        for step in 0..=case.steps.len() {
            for view in case.views.iter().filter(|view| view.after == step) {
                let sql = view.query.sql();
                if query(&self.theirs, &format!("CREATE VIEW {} AS {sql}", view.name)).await.is_err() {
                    return Verdict::Invalid;
                }
                if reads(&sql, &missing) {
                    missing.push(&view.name);
                    continue;
                }
                match query(&self.ours, &format!("CREATE MATERIALIZED VIEW {} AS {sql}", view.name)).await {
                    Ok(_) => {}
                    Err((state, message)) if state == "0A000" => {
                        missing.push(&view.name);
                        refused.get_or_insert(message);
                    }
                    Err((state, message)) => return Verdict::Wrong("create", format!("{state} {message}\n{sql}")),
                }
            }
            match self.compare(case, step, &missing).await {
                None => {}
                Some(Verdict::Refused(message)) => drop(refused.get_or_insert(message)),
                Some(verdict) => return verdict,
            }
            let Some(transaction) = case.steps.get(step) else { continue };
            let sql = match transaction.len() {
                1 => transaction[0].clone(),
                _ => format!("BEGIN; {}; COMMIT", transaction.join("; ")),
            };
            if query(&self.theirs, &sql).await.is_err() {
                return Verdict::Invalid;
            }
            if let Err((state, message)) = query(&self.ours, &sql).await {
                return Verdict::Wrong("transaction", format!("{sql}: {state} {message}"));
            }
        }
        refused.map_or(Verdict::Right, Verdict::Refused)
    }

    /// Compares the views that exist; before the last step, which empties the tables, also their queries as ordinary SELECTs.
    async fn compare(&self, case: &Case, step: usize, missing: &[&str]) -> Option<Verdict> {
        let mut refused = None;
        for view in case.views.iter().filter(|view| view.after <= step) {
            let sql = format!("SELECT * FROM {}", view.name);
            // What fails there is a row error here.
            let Ok(want) = query(&self.theirs, &sql).await else { continue };
            let context = || format!("{} before step {step}\n{}", view.name, view.query.sql());
            let answer = match missing.contains(&view.name.as_str()) {
                true => Ok(want.clone()),
                false => query(&self.ours, &sql).await,
            };
            match answer {
                Ok(got) if same(&got, &want) => {}
                Ok(got) => return Some(Verdict::Wrong("view", format!("{}\n{}", context(), difference(got, want)))),
                Err((state, message)) => {
                    return Some(Verdict::Wrong("read", format!("{}\n{state} {message}", context())));
                }
            }
            if step + 1 == case.steps.len() && !reads(&view.query.sql(), missing) {
                match query(&self.ours, &view.query.sql()).await {
                    Ok(got) if same(&got, &want) => {}
                    Ok(got) => {
                        return Some(Verdict::Wrong("select", format!("{}\n{}", context(), difference(got, want))));
                    }
                    Err((state, message)) if state == "0A000" => {
                        refused.get_or_insert(Verdict::Refused(format!("SELECT: {message}")));
                    }
                    Err((state, message)) => {
                        return Some(Verdict::Wrong("select fails", format!("{}\n{state} {message}", context())));
                    }
                }
            }
        }
        refused
    }

    /// A case that fails in the same way and has nothing left that can be taken away.
    async fn shrunk(&self, mut case: Case, kind: &'static str, mut message: String) -> (Case, String) {
        let mut attempts = 0;
        'again: loop {
            for smaller in case.smaller() {
                attempts += 1;
                if attempts > ATTEMPTS_MAX {
                    return (case, message);
                }
                match self.run(&smaller).await {
                    Verdict::Wrong(other, text) if other == kind => {
                        (case, message) = (smaller, text);
                        continue 'again;
                    }
                    _ => {}
                }
            }
            return (case, message);
        }
    }
}

/// Whether a query names one of these views.
fn reads(sql: &str, views: &[&str]) -> bool {
    sql.split(|c: char| !c.is_alphanumeric()).any(|word| views.contains(&word))
}

/// Whether the same rows are there, in any order. Numbers may differ in the zeros they end with, since which of equal numerics stands for a
/// group depends on the order of the rows, and those that are not whole in the last digits, since PostgreSQL's sums of floats do.
fn same(got: &Rows, want: &Rows) -> bool {
    let sorted = |rows: &Rows| {
        let mut rows = rows.clone();
        rows.sort();
        rows
    };
    if got.len() != want.len() {
        return false;
    }
    if sorted(got) == sorted(want) {
        return true;
    }
    // By their rounded values, so that close numbers stand at the same place.
    let rounded = |rows: &Rows| {
        let value = |text: &String| match text.parse::<f64>() {
            Ok(number) if text.contains('.') || text.len() > 15 => format!("{number:.6e}"),
            Ok(number) if number.is_finite() && text.parse::<i64>().is_ok() => format!("{number:.6e}"),
            _ => text.clone(),
        };
        let mut keyed: Vec<(Vec<String>, Vec<String>)> =
            rows.iter().map(|row| (row.iter().map(value).collect(), row.clone())).collect();
        keyed.sort();
        keyed
    };
    rounded(got)
        .iter()
        .zip(rounded(want))
        .all(|((_, got), (_, want))| got.iter().zip(&want).all(|(got, want)| got == want || is_same_number(got, want)))
}

/// Whether texts are the same number but for zeros at the end or, if they may be floats, the last digits.
fn is_same_number(got: &str, want: &str) -> bool {
    let is_plain =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || b"-.".contains(&byte));
    let trimmed = |text: &'_ str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text.to_string(),
    };
    if is_plain(got) && is_plain(want) && trimmed(got) == trimmed(want) {
        return true;
    }
    let may_be_float = |text: &str| text.bytes().filter(u8::is_ascii_digit).count() <= 18;
    may_be_float(got) && may_be_float(want) && (got.contains('.') || want.contains('.')) && is_close(got, want)
}

fn difference(mut got: Rows, mut want: Rows) -> String {
    got.sort();
    want.sort();
    let only = |some: &Rows, others: &Rows| {
        let mut others = others.clone();
        let left: Vec<&Vec<String>> = some
            .iter()
            .filter(|row| match others.iter().position(|other| other == *row) {
                Some(at) => {
                    others.swap_remove(at);
                    false
                }
                None => true,
            })
            .collect();
        format!("{:?}", left.iter().take(5).collect::<Vec<_>>())
    };
    format!("only ours: {}\nonly PostgreSQL's: {}", only(&got, &want), only(&want, &got))
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// What all servers have found.
#[derive(Default)]
struct Tally {
    right: u64,
    invalid: u64,
    refused: BTreeMap<String, u64>,
    failures: Vec<String>,
}

async fn work(arena: Arena, next: Arc<AtomicU64>, end: u64, deadline: Instant, tally: Arc<std::sync::Mutex<Tally>>) {
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end || Instant::now() > deadline || tally.lock().unwrap().failures.len() >= FAILURES_MAX {
            return;
        }
        let case = Case::random(seed);
        match arena.run(&case).await {
            Verdict::Right => tally.lock().unwrap().right += 1,
            Verdict::Invalid => tally.lock().unwrap().invalid += 1,
            Verdict::Refused(message) => *tally.lock().unwrap().refused.entry(message).or_default() += 1,
            Verdict::Wrong(kind, message) => {
                let (case, message) = arena.shrunk(case, kind, message).await;
                let failure = format!("seed {seed}, {kind}: {message}\n{}", case.script());
                println!("{failure}\n");
                tally.lock().unwrap().failures.push(failure);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn random_cases_equal_postgresql() {
    let Some(postgres) = Postgres::start().await else { return };
    let (first, cases) = (setting("ORACLE_SEED", 1), setting("ORACLE_CASES", 200));
    let deadline = Instant::now() + Duration::from_secs(setting("ORACLE_SECONDS", 24 * 3600));
    let (next, tally) = (Arc::new(AtomicU64::new(first)), Arc::new(std::sync::Mutex::new(Tally::default())));
    let administrator = postgres.connect().await;
    let mut servers = Vec::new();
    let mut tasks = Vec::new();
    for (number, workers) in WORKERS.into_iter().enumerate() {
        administrator.batch_execute(&format!("CREATE DATABASE arena{number}")).await.unwrap();
        let server = Server::start(workers).await;
        let arena =
            Arena { ours: server.connect().await, theirs: postgres.connect_to(&format!("arena{number}")).await };
        servers.push(server);
        tasks.push(tokio::spawn(work(arena, Arc::clone(&next), first + cases, deadline, Arc::clone(&tally))));
    }
    for task in tasks {
        task.await.unwrap();
    }
    for server in servers {
        server.stop().await;
    }
    let tally = tally.lock().unwrap();
    let refused: u64 = tally.refused.values().sum();
    println!(
        "{} right, {refused} refused, {} not for PostgreSQL, {} wrong",
        tally.right,
        tally.invalid,
        tally.failures.len()
    );
    for (message, times) in &tally.refused {
        println!("  {times} refused: {message}");
    }
    assert!(tally.failures.is_empty(), "{} cases are wrong", tally.failures.len());
    assert!(tally.right > tally.invalid, "most cases are compared");
}

//! Random schemas, views and transactions: after each transaction every view, and at the end the same query as an ordinary SELECT, equals
//! PostgreSQL's answer; views that are made before, between and after the transactions agree; expressions that fail give a row error with
//! PostgreSQL's SQLSTATE; and when all rows are gone, no operator holds any. A seed makes a case; a failing case is made smaller by itself
//! and printed as a script.
//!
//! `ORACLE_CASES` (how many), `ORACLE_SEED` (the first) and `ORACLE_SECONDS` (stop after) change what is run; `ORACLE_SHOW=1` prints the
//! cases.

// Answers of both sides.
mod answer;
// A pair of servers.
mod arena;
// Tables, views and transactions.
mod case;
// Scalar expressions.
mod expression;
// FROM.
mod join;
// Types and values.
mod kind;
// Queries of every shape.
mod query;
// One SELECT.
mod select;
// Choices.
mod source;
// Tables and DML.
mod statement;
// What there is to choose from.
mod template;
// OVER.
mod window;
// What there is before OVER.
mod window_function;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use self::arena::{Arena, Verdict};
use self::case::Case;
use crate::harness::{Postgres, Server};

/// Workers of the servers that run side by side.
const WORKERS: [usize; 4] = [1, 2, 4, 1];
/// Cases after which a line says how many there were.
const PROGRESS: u64 = 1000;
/// How long a case may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// Failing cases that are shown.
const FAILURES_MAX: usize = 8;
/// Reasons for which PostgreSQL does not take a case that are shown.
const INVALID_SHOWN_MAX: usize = 12;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// What all servers have found.
#[derive(Default)]
struct Tally {
    right: u64,
    invalid: BTreeMap<String, u64>,
    refused: BTreeMap<String, u64>,
    failures: Vec<String>,
}

impl Tally {
    fn print(&self) {
        let sum = |reasons: &BTreeMap<String, u64>| reasons.values().sum::<u64>();
        println!(
            "{} right, {} refused, {} not for PostgreSQL, {} wrong",
            self.right,
            sum(&self.refused),
            sum(&self.invalid),
            self.failures.len()
        );
        for (message, times) in &self.refused {
            println!("  {times} refused: {message}");
        }
        let mut invalid: Vec<(&String, &u64)> = self.invalid.iter().collect();
        invalid.sort_by_key(|(_, times)| std::cmp::Reverse(**times));
        for (message, times) in invalid.into_iter().take(INVALID_SHOWN_MAX) {
            println!("  {times} not for PostgreSQL: {message}");
        }
    }
}

/// What all arenas share.
struct Work {
    first: u64,
    next: AtomicU64,
    end: u64,
    deadline: Instant,
    tally: std::sync::Mutex<Tally>,
}

impl Work {
    fn tally(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.tally.lock().expect("no thread panics with it")
    }

    async fn run(self: Arc<Self>, mut arena: Arena) -> Server {
        let show = setting("ORACLE_SHOW", 0) > 0;
        loop {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            if seed >= self.end || Instant::now() > self.deadline || self.tally().failures.len() >= FAILURES_MAX {
                return arena.server;
            }
            let case = Case::random(seed);
            if show {
                println!("seed {seed}\n{}", case.script());
            }
            let done = seed + 1 - self.first;
            if done.is_multiple_of(PROGRESS) {
                println!("{done} cases");
            }
            let Ok(verdict) = tokio::time::timeout(PATIENCE, arena.run(&case)).await else {
                let failure = format!("seed {seed} hangs\n{}", case.script());
                println!("{failure}\n");
                self.tally().failures.push(failure);
                return arena.server;
            };
            match verdict {
                Verdict::Right => self.tally().right += 1,
                Verdict::Invalid(message) => *self.tally().invalid.entry(message).or_default() += 1,
                Verdict::Refused(message) => *self.tally().refused.entry(message).or_default() += 1,
                Verdict::Wrong(kind, message) => {
                    let (case, message) = arena.shrunk(case, &kind, message).await;
                    let failure = format!("seed {seed}, {kind}: {message}\n{}", case.script());
                    println!("{failure}\n");
                    self.tally().failures.push(failure);
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn random_cases_equal_postgresql() {
    let Some(postgres) = Postgres::start().await else { return };
    let (first, cases) = (setting("ORACLE_SEED", 1), setting("ORACLE_CASES", 200));
    let work = Arc::new(Work {
        first,
        next: AtomicU64::new(first),
        end: first + cases,
        deadline: Instant::now() + Duration::from_secs(setting("ORACLE_SECONDS", 24 * 3600)),
        tally: std::sync::Mutex::default(),
    });
    let administrator = postgres.connect().await;
    let mut tasks = Vec::new();
    for (number, workers) in WORKERS.into_iter().enumerate() {
        administrator.batch_execute(&format!("CREATE DATABASE arena{number}")).await.unwrap();
        let server = Server::start(workers).await;
        let engine = server.engine.clone();
        let theirs = postgres.connect_to(&format!("arena{number}")).await;
        let ours = server.connect().await;
        for client in [&theirs, &ours] {
            client.batch_execute(kind::TYPES).await.unwrap();
        }
        let arena = Arena { engine, ours, theirs, server };
        tasks.push(tokio::spawn(Arc::clone(&work).run(arena)));
    }
    for task in tasks {
        let server = task.await.unwrap();
        // One that hangs does not stop either.
        let _ = tokio::time::timeout(PATIENCE, server.stop()).await;
    }
    let tally = work.tally();
    tally.print();
    assert!(tally.failures.is_empty(), "{} cases are wrong", tally.failures.len());
    assert!(tally.right > tally.invalid.values().sum(), "most cases are compared");
}

//! Noise: statements that nobody would write, over the wire. Whatever is sent, the server answers within seconds, never with an internal
//! error, and views that have nothing to do with it stay right.
//!
//! `NOISE_SECONDS` (20) is how long, `NOISE_SEED` the first seed, `NOISE_BATCHES` how many seeds at most. A batch is one server.

mod client;
mod corpus;
mod grammar;
mod mutation;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use self::client::{Answer, Connection};
use self::corpus::Corpus;
use self::grammar::Grammar;
use crate::harness::{Server, rows, run};
use crate::oracle::Random;

/// Tables with a few rows.
const SETUP: &str = "
    CREATE TABLE a (id BIGINT PRIMARY KEY, k INTEGER, n BIGINT, d DOUBLE PRECISION, m NUMERIC(10,2), s TEXT, b BOOLEAN, t TIMESTAMP);
    CREATE TABLE b (id BIGINT PRIMARY KEY, k INTEGER, w SMALLINT, s TEXT);
    CREATE TABLE c (k INTEGER, v BIGINT, j JSONB, x TEXT[]);
    INSERT INTO a VALUES (1, 1, 10, 0.5, 1.25, 'ab', true, '2026-01-01'), (2, NULL, -3, 'NaN', NULL, NULL, NULL, NULL), (3, 1, 0, -0.0, 9, '', false, 'epoch');
    INSERT INTO b VALUES (1, 1, 2, 'x'), (2, 2, NULL, NULL);
    INSERT INTO c VALUES (1, 5, '{\"a\": [1, 2]}', '{a,NULL}'), (NULL, NULL, NULL, NULL);
    CREATE SCHEMA guard;
    CREATE TABLE guard.events (id BIGINT PRIMARY KEY, k INTEGER, v BIGINT);
    CREATE TABLE guard.names (k INTEGER PRIMARY KEY, name TEXT);
    INSERT INTO guard.names VALUES (0, 'zero'), (1, 'one'), (2, 'two');
    CREATE MATERIALIZED VIEW guard.totals AS SELECT n.name, count(*) AS n, sum(e.v) AS v FROM guard.events e JOIN guard.names n ON n.k = e.k GROUP BY n.name;
    CREATE MATERIALIZED VIEW guard.best AS SELECT id, v FROM guard.events ORDER BY v DESC, id LIMIT 2;
";

const TABLES: [&str; 3] = ["a", "b", "c"];

/// Statements of one batch.
const STATEMENTS: usize = 150;

/// Statements between looks at the guarded views.
const LOOK: usize = 15;

/// Texts that only an internal error has.
const INTERNAL: &[&str] =
    &["DataFusion", "panicked", "internal error", "Internal error", "Arrow error", "RecvError", "unreachable"];

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// What is wrong with an answer.
fn complaint(answer: &Answer) -> Option<String> {
    if answer.hangs {
        return Some("no answer".into());
    }
    let internal = |(code, message): &&(String, String)| {
        code.starts_with("XX") || INTERNAL.iter().any(|text| message.contains(text))
    };
    if let Some((code, message)) = answer.errors.iter().find(internal) {
        return Some(format!("{code}: {message}"));
    }
    let explained = answer.errors.iter().any(|(code, _)| code.starts_with("57P") || code.starts_with("08"));
    (answer.gone && !explained).then(|| "the connection is gone".to_string())
}

/// One server and what watches it.
struct Batch<'a> {
    corpus: &'a Corpus,
    random: Random,
    server: Server,
    watch: tokio_postgres::Client,
    connection: Connection,
    /// Rows of `guard.events`.
    events: u64,
    sent: Vec<Vec<u8>>,
}

impl Batch<'_> {
    async fn start(corpus: &Corpus, seed: u64) -> Batch<'_> {
        let server = Server::start(1 + seed as usize % 2).await;
        let watch = server.connect().await;
        run(&watch, SETUP).await;
        let connection = Batch::connect(&server).await;
        let random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        Batch { corpus, random, server, watch, connection, events: 0, sent: Vec::new() }
    }

    async fn connect(server: &Server) -> Connection {
        let mut connection = Connection::open(server.port.address()).await;
        connection.simple(b"SET statement_timeout = '3s'").await;
        connection
    }

    /// The next statements.
    fn next(&mut self) -> Vec<Vec<u8>> {
        let random = &mut self.random;
        if random.next(2) == 0 {
            let grammar = Grammar { corpus: self.corpus, tables: &TABLES };
            return vec![grammar.statement(random).into_bytes()];
        }
        let some = self.corpus.some(random);
        let mut found = Vec::new();
        for sql in some {
            let sql = match random.next(6) {
                0 if sql.to_ascii_lowercase().starts_with("select") => {
                    format!("CREATE MATERIALIZED VIEW noisy{} AS {sql}", random.next(20))
                }
                _ => sql.clone(),
            };
            found.push(if random.next(4) == 0 {
                sql.into_bytes()
            } else {
                mutation::mutated(&sql, self.corpus, random)
            });
        }
        found
    }

    async fn send(&mut self, sql: &[u8]) -> Answer {
        if self.random.next(3) > 0 {
            return self.connection.simple(sql).await;
        }
        let parameter = |random: &mut Random| match random.next(4) {
            0 => None,
            1 => Some(b"\xff\0".to_vec()),
            _ => Some(random.next(1000).to_string().into_bytes()),
        };
        let wanted = sql.windows(2).filter(|pair| pair[0] == b'$' && pair[1].is_ascii_digit()).count();
        let parameters: Vec<_> = (0..wanted).map(|_| parameter(&mut self.random)).collect();
        let binary = self.random.next(2) == 0;
        self.connection.extended(sql, &parameters, binary).await
    }

    /// Sends everything; answers what went wrong.
    async fn run(&mut self) -> Result<(), String> {
        while self.sent.len() < STATEMENTS {
            for sql in self.next() {
                self.sent.push(sql.clone());
                let answer = self.send(&sql).await;
                if let Some(complaint) = complaint(&answer) {
                    return Err(complaint);
                }
                if answer.gone || self.sent.len().is_multiple_of(40) {
                    self.connection = Batch::connect(&self.server).await;
                }
                if self.sent.len().is_multiple_of(LOOK) {
                    let looked = tokio::time::timeout(client::PATIENCE * 2, self.look()).await;
                    looked.unwrap_or_else(|_| Err("the guarded views do not answer".into()))?;
                }
            }
        }
        Ok(())
    }

    /// Changes what is guarded and compares.
    async fn look(&mut self) -> Result<(), String> {
        let id = self.events;
        self.events += 1;
        run(&self.watch, &format!("INSERT INTO guard.events VALUES ({id}, {}, {})", id % 3, id * id)).await;
        let name = |k: u64| ["zero", "one", "two"][k as usize];
        let mut want: Vec<Vec<String>> = Vec::new();
        for k in 0..3.min(self.events) {
            let ids: Vec<u64> = (0..self.events).filter(|id| id % 3 == k).collect();
            let sum: u64 = ids.iter().map(|id| id * id).sum();
            want.push(vec![name(k).into(), ids.len().to_string(), sum.to_string()]);
        }
        want.sort();
        let mut got = rows(&self.watch, "SELECT * FROM guard.totals").await;
        got.sort();
        let best: Vec<Vec<String>> =
            (0..self.events).rev().take(2).map(|id| vec![id.to_string(), (id * id).to_string()]).collect();
        let found = rows(&self.watch, "SELECT * FROM guard.best ORDER BY v DESC").await;
        if got != want || found != best {
            return Err(format!("the guarded views are {got:?} and {found:?} instead of {want:?} and {best:?}"));
        }
        for view in rows(&self.watch, "SELECT name, error FROM tidewater.views WHERE state = 'failed'").await {
            if INTERNAL.iter().any(|text| view[1].contains(text)) {
                return Err(format!("view {}: {}", view[0], view[1]));
            }
        }
        Ok(())
    }
}

/// A statement, or its ends if it is long.
fn shown(sql: &[u8]) -> String {
    let text = String::from_utf8_lossy(sql);
    match (text.char_indices().nth(800), text.char_indices().rev().nth(150)) {
        (Some((start, _)), Some((end, _))) if start < end => {
            format!("{} … {} bytes … {}", &text[..start], text.len(), &text[end..])
        }
        _ => text.into_owned(),
    }
}

async fn work(corpus: Arc<Corpus>, next: Arc<AtomicU64>, end: u64, deadline: Instant) -> (u64, Vec<String>) {
    let (mut statements, mut failures) = (0, Vec::new());
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end || Instant::now() > deadline || failures.len() >= 5 {
            return (statements, failures);
        }
        let mut batch = Batch::start(&corpus, seed).await;
        if let Err(complaint) = batch.run().await {
            let last: Vec<String> = batch.sent.iter().rev().take(3).map(|sql| shown(sql)).collect();
            let failure =
                format!("seed {seed}, statement {}: {complaint}\n{}", batch.sent.len(), last.join("\n  before: "));
            println!("{failure}\n");
            failures.push(failure);
        }
        statements += batch.sent.len() as u64;
        drop((batch.connection, batch.watch));
        if tokio::time::timeout(client::PATIENCE, batch.server.stop()).await.is_err() {
            failures.push(format!("seed {seed}: the server does not stop"));
            println!("{}", failures[failures.len() - 1]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn noise_is_refused() {
    let corpus = Arc::new(Corpus::read());
    let first = setting("NOISE_SEED", 1);
    let end = first.saturating_add(setting("NOISE_BATCHES", u64::MAX));
    let deadline = Instant::now() + Duration::from_secs(setting("NOISE_SECONDS", 20));
    let next = Arc::new(AtomicU64::new(first));
    let tasks: Vec<_> =
        (0..2).map(|_| tokio::spawn(work(Arc::clone(&corpus), Arc::clone(&next), end, deadline))).collect();
    let (mut statements, mut failures) = (0, Vec::new());
    for task in tasks {
        let (sent, failed) = task.await.unwrap();
        statements += sent;
        failures.extend(failed);
    }
    println!("{statements} statements, {} batches failed", failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(statements > 0);
}

//! The bank (after jamii's streaming-consistency): transfers move money between accounts while readers look. Whoever looks, wherever,
//! sees a total of 0, and credits and debits that agree.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::harness::{Server, rows, run};

const SETUP: &str = "
    CREATE TABLE transfers (id BIGINT PRIMARY KEY, from_account INTEGER, to_account INTEGER, amount BIGINT);
    CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance BIGINT);
    CREATE MATERIALIZED VIEW credits AS SELECT to_account AS account, sum(amount) AS credits FROM transfers GROUP BY to_account;
    CREATE MATERIALIZED VIEW debits AS SELECT from_account AS account, sum(amount) AS debits FROM transfers GROUP BY from_account;
    CREATE MATERIALIZED VIEW balances AS
        SELECT c.account, c.credits - d.debits AS balance FROM credits c JOIN debits d ON c.account = d.account;
    CREATE MATERIALIZED VIEW total AS SELECT sum(balance) AS total FROM balances;
    CREATE MATERIALIZED VIEW same AS SELECT count(*) AS n FROM transfers x JOIN transfers y ON x.id = y.id;
    CREATE MATERIALIZED VIEW all_transfers AS SELECT count(*) AS n FROM transfers;
    CREATE MATERIALIZED VIEW stored_total AS SELECT sum(balance) AS total FROM accounts;
";

const ACCOUNTS: u64 = 10;

async fn check(workers: usize) {
    let server = Server::start(workers).await;
    let client = server.connect().await;
    run(&client, SETUP).await;
    // Every account has sent and received once, so that the inner join holds them all.
    let first: Vec<String> = (0..ACCOUNTS).map(|i| format!("({i}, {i}, {}, 1)", (i + 1) % ACCOUNTS)).collect();
    run(&client, &format!("INSERT INTO transfers VALUES {}", first.join(", "))).await;
    let accounts: Vec<String> = (0..ACCOUNTS).map(|i| format!("({i}, 0)")).collect();
    run(&client, &format!("INSERT INTO accounts VALUES {}", accounts.join(", "))).await;
    let done = Arc::new(AtomicBool::new(false));
    let mut readers = Vec::new();
    for _ in 0..2 {
        readers.push(tokio::spawn(read(server.connect().await, Arc::clone(&done))));
    }
    let subscriber = tokio::spawn(subscribe(server.connect().await, Arc::clone(&done)));
    let writers: Vec<_> =
        [write(server.connect().await, 1), write(server.connect().await, 2)].into_iter().map(tokio::spawn).collect();
    for writer in writers {
        writer.await.unwrap();
    }
    done.store(true, Ordering::Release);
    // The subscriber looks at the flag with every change: give it one more.
    run(&client, "INSERT INTO transfers VALUES (9999999, 0, 1, 5)").await;
    let mut reads = 0;
    for reader in readers {
        reads += reader.await.unwrap();
    }
    let changes = subscriber.await.unwrap();
    assert!(reads > 20, "only {reads} reads happened while writers ran");
    assert!(changes > 10, "only {changes} changes were seen");
    server.stop().await;
}

/// Transfers in transactions of several statements, some rolled back, some undone later.
async fn write(client: tokio_postgres::Client, writer: u64) {
    for i in 0..120_u64 {
        let id = writer * 1_000_000 + i;
        let (from, to, amount) = ((i * 7 + writer) % ACCOUNTS, (i * 3 + 1) % ACCOUNTS, i % 50);
        let undo = if i % 5 == 4 { format!("DELETE FROM transfers WHERE id = {};", id - 2) } else { String::new() };
        let end = if i % 7 == 6 { "ROLLBACK" } else { "COMMIT" };
        run(
            &client,
            &format!(
                "BEGIN; INSERT INTO transfers VALUES ({id}, {from}, {to}, {amount}); {undo}
                 UPDATE accounts SET balance = balance - {amount} WHERE id = {from};
                 UPDATE accounts SET balance = balance + {amount} WHERE id = {to}; {end}"
            ),
        )
        .await;
    }
}

async fn read(client: tokio_postgres::Client, done: Arc<AtomicBool>) -> usize {
    let mut reads = 0;
    while !done.load(Ordering::Acquire) {
        assert_eq!(rows(&client, "SELECT total FROM total").await, [["0"]]);
        assert_eq!(rows(&client, "SELECT total FROM stored_total").await, [["0"]]);
        assert_eq!(rows(&client, "SELECT sum(balance) FROM balances").await, [["0"]]);
        // Two views and a table in one query are of one tick.
        let agree = "SELECT (SELECT n FROM same) - (SELECT n FROM all_transfers), (SELECT count(*) FROM transfers) - (SELECT n FROM same)";
        assert_eq!(rows(&client, agree).await, [["0", "0"]]);
        let sides = "SELECT (SELECT sum(credits) FROM credits) - (SELECT sum(debits) FROM debits)";
        assert_eq!(rows(&client, sides).await, [["0"]]);
        reads += 1;
    }
    reads
}

/// Adds up the changes of `balances` tick by tick: the sum is 0 at the end of each.
async fn subscribe(client: tokio_postgres::Client, done: Arc<AtomicBool>) -> usize {
    run(&client, "BEGIN; DECLARE c CURSOR FOR SUBSCRIBE TO balances").await;
    let (mut sum, mut tick, mut changes) = (0_i64, 0_i64, 0);
    while !done.load(Ordering::Acquire) {
        for row in rows(&client, "FETCH 100 c WITH (timeout = '200ms')").await {
            let number = |i: usize| row[i].parse::<i64>().unwrap();
            if number(0) != tick {
                assert_eq!(sum, 0, "after tick {tick}");
                tick = number(0);
                changes += 1;
            }
            sum += number(1) * number(3);
        }
    }
    changes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bank_adds_up_with_one_worker() {
    check(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bank_adds_up_with_four_workers() {
    check(4).await;
}

/// Views that are made over many rows while a writer changes them: whenever one can be read, it is what its query answers.
#[tokio::test(flavor = "multi_thread")]
async fn views_made_while_rows_change() {
    for workers in [1, 3] {
        let server = Server::start(workers).await;
        let client = server.connect().await;
        run(&client, "CREATE TABLE big (id BIGINT PRIMARY KEY, k BIGINT, v BIGINT)").await;
        run(&client, "CREATE MATERIALIZED VIEW per_key AS SELECT k, sum(v) AS v FROM big GROUP BY k").await;
        run(&client, "INSERT INTO big SELECT i, i % 97, i FROM generate_series(1, 150000) i").await;
        let done = Arc::new(AtomicBool::new(false));
        let writer = tokio::spawn(change(server.connect().await, Arc::clone(&done)));
        for round in 0..4 {
            let queries = [
                "SELECT k, count(*) AS n, sum(v) AS v FROM big GROUP BY k",
                "SELECT b.k, sum(p.v - b.v) AS n, max(b.v) AS v FROM big b JOIN per_key p ON p.k = b.k GROUP BY b.k",
                "SELECT k, v AS n, (SELECT count(*) FROM big b WHERE b.k = p.k) AS v FROM per_key p",
            ];
            for (at, query) in queries.into_iter().enumerate() {
                let name = format!("made_{round}_{at}");
                run(&client, &format!("CREATE MATERIALIZED VIEW {name} AS {query}")).await;
                run(
                    &client,
                    &format!("CREATE MATERIALIZED VIEW over_{name} AS SELECT sum(n) AS n, sum(v) AS v FROM {name}"),
                )
                .await;
                let differs = format!(
                    "SELECT count(*), (SELECT n FROM over_{name}) - (SELECT sum(n) FROM {name}), (SELECT v FROM over_{name}) - (SELECT sum(v) FROM {name})
                     FROM (SELECT * FROM {name} EXCEPT ALL ({query})) x"
                );
                for _ in 0..3 {
                    assert_eq!(rows(&client, &differs).await, [["0", "0", "0"]], "{query}");
                }
            }
        }
        done.store(true, Ordering::Release);
        assert!(writer.await.unwrap() > 20);
        server.stop().await;
    }
}

/// Inserts, updates and deletes one after the other. Answers how many.
async fn change(client: tokio_postgres::Client, done: Arc<AtomicBool>) -> u64 {
    let mut changes = 0;
    while !done.load(Ordering::Acquire) {
        let id = 1 + changes * 7919 % 150_000;
        let statement = match changes % 3 {
            0 => format!("UPDATE big SET v = v + 1, k = k + 1 WHERE id = {id}"),
            1 => format!("DELETE FROM big WHERE id = {id}"),
            _ => format!("INSERT INTO big VALUES ({}, {id} % 97, {id})", 1_000_000 + changes),
        };
        run(&client, &statement).await;
        changes += 1;
    }
    changes
}

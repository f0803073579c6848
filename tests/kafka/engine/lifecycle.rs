//! When a stream is read, and by how many.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::{TcpListener, TcpStream};

use super::*;

fn numbered(number: usize) -> String {
    format!(r#"{{"id": {number}}}"#)
}

/// A way to the brokers that counts who takes it. Clients learn the brokers' own address by it, so each comes once or a few times.
struct Gate {
    address: String,
    visitors: Arc<AtomicUsize>,
}

impl Gate {
    async fn open(brokers: &'static str) -> Gate {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let visitors = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&visitors);
        tokio::spawn(async move {
            while let Ok((mut visitor, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let first = brokers.split(',').next().expect("one broker");
                    let mut broker = TcpStream::connect(first).await.expect("the broker is there");
                    // Either side may go at any time.
                    let _ = tokio::io::copy_bidirectional(&mut visitor, &mut broker).await;
                });
            }
        });
        Gate { address, visitors }
    }

    fn visitors(&self) -> usize {
        self.visitors.load(Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_nobody_reads_costs_no_fetching() {
    let world = World::start("idle", 1).await;
    let gate = Gate::open(world.brokers).await;
    world.run(&stream("idle", "(id BIGINT)", &gate.address, &world.topic, "")).await;
    let at_creation = gate.visitors();
    assert!(at_creation > 0, "the stream was not checked through the gate");
    // A plain view is only a name for a query: it reads nothing either.
    world.run("CREATE VIEW plain AS SELECT id FROM idle").await;
    // Another stream works as long as it takes.
    world.create_stream("busy", "(id BIGINT)", "").await;
    world.run("CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM busy").await;
    for round in 0..10 {
        world.produce(1, (round * 100..(round + 1) * 100).map(numbered));
        world.flush().await;
    }
    let sources = "SELECT name, state, partition, position, rows, last_error FROM tidewater.sources ORDER BY name";
    let busy = ["busy", "running", "0", "1000", "1000", "NULL"];
    assert_eq!(world.rows(sources).await, [busy, ["idle", "idle", "NULL", "NULL", "0", "NULL"]]);
    assert_eq!(gate.visitors(), at_creation, "somebody connected for a stream that nobody reads");
    world.run("CREATE MATERIALIZED VIEW reading AS SELECT count(*) AS n FROM idle").await;
    world.flush().await;
    assert_eq!(world.rows("SELECT n FROM reading").await, [["1000"]]);
    assert!(gate.visitors() > at_creation);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_views_share_one_reader_until_the_last_is_dropped() {
    let world = World::start("shared", 2).await;
    world.create_stream("numbers", "(id BIGINT)", "").await;
    world.run("CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM numbers").await;
    world.run("CREATE MATERIALIZED VIEW summed AS SELECT sum(id) AS total FROM numbers").await;
    world
        .run("CREATE MATERIALIZED VIEW joined AS SELECT count(*) AS n FROM numbers a JOIN numbers b ON a.id = b.id")
        .await;
    world.produce(2, (0..1000).map(numbered));
    world.flush().await;
    assert_eq!(world.rows("SELECT n, total FROM counted, summed").await, [["1000", "499500"]]);
    assert_eq!(world.rows("SELECT n FROM joined").await, [["1000"]]);
    let sources = "SELECT state, partition, position, \"end\", lag, rows FROM tidewater.sources ORDER BY partition";
    let running = [["running", "0", "500", "500", "0", "500"], ["running", "1", "500", "500", "0", "500"]];
    assert_eq!(world.rows(sources).await, running);
    world.run("DROP MATERIALIZED VIEW counted; DROP MATERIALIZED VIEW joined").await;
    world.produce(2, (1000..1100).map(numbered));
    world.flush().await;
    assert_eq!(world.rows("SELECT total FROM summed").await, [["604450"]]);
    world.run("DROP MATERIALIZED VIEW summed").await;
    let state = "SELECT state, partition FROM tidewater.sources";
    eventually(&world.client, state, &[&["idle", "NULL"]]).await;
    world.produce(2, (1100..1200).map(numbered));
    world.flush().await;
    assert_eq!(world.rows("SELECT state, rows FROM tidewater.sources").await, [["idle", "1100"]]);
    // Read again from the start, all of it.
    world
        .run("CREATE MATERIALIZED VIEW again AS SELECT count(*) AS n, count(DISTINCT id) AS different FROM numbers")
        .await;
    world.flush().await;
    assert_eq!(world.rows("SELECT * FROM again").await, [["1200", "1200"]]);
    world.stop().await;
}

const TOTAL: usize = 30_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_made_while_records_come_have_all_of_history_once() {
    let world = World::start("late", 3).await;
    world.produce(3, (0..5_000).map(numbered));
    world.create_stream("numbers", "(id BIGINT)", "").await;
    let view =
        |i: usize| format!("CREATE MATERIALIZED VIEW v{i} AS SELECT count(*) AS n, sum(id) AS total FROM numbers");
    world.run(&view(0)).await;
    let (brokers, topic) = (world.brokers, world.topic.clone());
    let producer = std::thread::spawn(move || {
        let producer = cluster::producer(brokers, &[]);
        for first in (5_000..TOTAL).step_by(250) {
            for number in first..first + 250 {
                cluster::send(&producer, &topic, number as i32 % 3, None, Some(numbered(number).as_bytes()));
            }
            cluster::flush(&producer);
        }
    });
    let mut views = 1;
    while !producer.is_finished() && views < 8 {
        world.run(&view(views)).await;
        views += 1;
        // A view that is read has its history; it may only be behind by what was produced since.
        let found = world.rows(&format!("SELECT n FROM v{}", views - 1)).await;
        assert!(found[0][0].parse::<usize>().expect("a number") >= 5_000, "{found:?}");
    }
    assert!(views > 2, "the producer was too fast for the test to mean anything");
    tokio::task::block_in_place(|| producer.join().expect("produced"));
    world.flush().await;
    let all = [row([&TOTAL, &(TOTAL * (TOTAL - 1) / 2)])];
    for i in 0..views {
        assert_eq!(world.rows(&format!("SELECT * FROM v{i}")).await, all, "v{i} of {views}");
    }
    assert_eq!(world.rows("SELECT sum(rows) FROM tidewater.sources").await, [row([&TOTAL])]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_throttled_stream_takes_its_time() {
    let world = World::start("throttle", 2).await;
    world.produce(2, (0..1_500).map(numbered));
    world.create_stream("slow", "(id BIGINT)", ", max_rows_per_second = 1000").await;
    world.run("CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM slow").await;
    let begun = Instant::now();
    let mut seen = std::collections::BTreeSet::new();
    // A read waits for what was there when the view was made; the stream's own counter does not.
    while !seen.contains(&1_500) {
        let found = world.rows("SELECT sum(rows) FROM tidewater.sources").await;
        seen.insert(found[0][0].parse::<usize>().expect("a number"));
        assert!(begun.elapsed() < PATIENCE, "{seen:?}");
    }
    assert!(begun.elapsed() > Duration::from_secs(1), "1500 rows came within {:?}", begun.elapsed());
    assert!(seen.len() > 5, "rows came in lumps: {seen:?}");
    world.flush().await;
    assert_eq!(world.rows("SELECT n FROM counted").await, [["1500"]]);
    world.stop().await;
}

//! What a SELECT over a stream says when it answers with less than the topic was sent.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures::executor::block_on;
use rdkafka::{Offset, TopicPartitionList};
use tokio_postgres::{AsyncMessage, NoTls};

use super::*;

/// A client whose notices are kept.
async fn noticing(server: &Server) -> (Client, Arc<Mutex<Vec<String>>>) {
    let address = server.port.address();
    let parameters = format!("host={} port={} user=tidewater", address.ip(), address.port());
    let (client, mut connection) = tokio_postgres::connect(&parameters, NoTls).await.unwrap();
    let notices = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&notices);
    tokio::spawn(async move {
        while let Some(Ok(message)) = std::future::poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notice(notice) = message {
                kept.lock().unwrap().push(notice.message().to_string());
            }
        }
    });
    (client, notices)
}

fn taken(notices: &Mutex<Vec<String>>) -> Vec<String> {
    std::mem::take(&mut *notices.lock().unwrap())
}

/// Tells a thread to stop, also when a test fails.
struct AtEnd<'a>(&'a AtomicBool);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

const KEPT: &str = "SELECT source, partition, \"offset\" FROM tidewater.rejected_records ORDER BY 1, 2, 3";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_cannot_be_decoded_are_told_and_kept_once() {
    let world = World::start("told", 2).await;
    let (client, notices) = noticing(&world.server).await;
    world.produce(2, [r#"{"id": 1}"#, r#"{"id": "two"}"#, "{", r#"{"id": 4}"#, r#"{"id": 5}"#, "x"]);
    world.create_stream("input", "(id BIGINT)", "").await;
    let told = "stream \"input\" leaves out 3 records that cannot be decoded: \
                SELECT * FROM tidewater.rejected_records WHERE source = 'input'";
    let places = [["input", "0", "1"], ["input", "1", "0"], ["input", "1", "2"]];
    assert_eq!(rows(&client, "SELECT id FROM input ORDER BY id").await, [["1"], ["4"], ["5"]]);
    assert_eq!(taken(&notices), [told]);
    assert_eq!(rows(&client, KEPT).await, places);
    // Again, twice in one statement, and by the extended protocol; then by a view.
    assert_eq!(rows(&client, "SELECT count(*) FROM input a, input b WHERE a.id = b.id").await, [["3"]]);
    assert_eq!(client.query("SELECT id FROM input", &[]).await.unwrap().len(), 3);
    assert_eq!(taken(&notices), [told, told]);
    run(&client, "CREATE MATERIALIZED VIEW ids AS SELECT id FROM input; FLUSH").await;
    assert_eq!(rows(&client, "SELECT count(*) FROM ids").await, [["3"]]);
    assert_eq!(rows(&client, KEPT).await, places);
    assert_eq!(rows(&client, "SELECT count(*) FROM input").await, [["3"]]);
    assert_eq!(rows(&client, KEPT).await, places);
    assert_eq!(taken(&notices), [told]);
    // A statement that stores what it reads tells it too; one that reads no bad record is silent.
    run(&client, "CREATE TABLE copied AS SELECT id FROM input").await;
    assert_eq!(taken(&notices), [told]);
    assert_eq!(rows(&client, "SELECT count(*) FROM copied").await, [["3"]]);
    assert_eq!(taken(&notices), [""; 0]);
    run(&client, "DROP STREAM input CASCADE").await;
    assert_eq!(rows(&client, "SELECT count(*) FROM tidewater.rejected_records").await, [["0"]]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_select_does_with_bad_records_what_the_stream_says() {
    let world = World::start("as-said", 1).await;
    let (client, notices) = noticing(&world.server).await;
    world.produce(1, [r#"{"id": 1}"#, r#"{"id": "two"}"#]);
    world.create_stream("skipping", "(id BIGINT)", ", on_error = 'skip'").await;
    world.create_stream("failing", "(id BIGINT)", ", on_error = 'fail'").await;
    assert_eq!(rows(&client, "SELECT id FROM skipping").await, [["1"]]);
    assert_eq!(taken(&notices), ["stream \"skipping\" leaves out 1 record that cannot be decoded"]);
    assert_eq!(rows(&client, KEPT).await, [[""; 0]; 0]);
    let error = client.simple_query("SELECT id FROM failing").await.expect_err("a bad record");
    let error = error.as_db_error().expect("of the server");
    assert!(error.message().contains("offset 1") && error.message().contains("\"failing\""), "{error:?}");
    assert_eq!(rows(&client, KEPT).await, [["failing", "0", "1"]]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_select_answers_while_retention_deletes_what_it_reads() {
    let world = World::start("retention", 1).await;
    world.create_stream("input", "(id BIGINT, filler TEXT)", ", kafka.fetch.message.max.bytes = '20000'").await;
    let filler = "x".repeat(500);
    let record = |id: i64| format!(r#"{{"id": {id}, "filler": "{filler}"}}"#);
    world.produce(1, (0..2000).map(record));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut low = 0;
            while !stop.load(Ordering::Acquire) {
                let producer = cluster::producer(world.brokers, &[]);
                for id in low + 2000..low + 2200 {
                    cluster::send(&producer, &world.topic, 0, None, Some(record(id).as_bytes()));
                }
                cluster::flush(&producer);
                low += 200;
                let mut until = TopicPartitionList::new();
                until.add_partition_offset(&world.topic, 0, Offset::Offset(low)).expect("an offset");
                block_on(cluster::admin(world.brokers).delete_records(&until, &AdminOptions::new()))
                    .expect("an answer");
            }
        });
        let _stop = AtEnd(&stop);
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                for _ in 0..20 {
                    let sql = "SELECT count(*), min(id), max(id), count(DISTINCT id) FROM input";
                    let found = world.client.query_one(sql, &[]).await.unwrap();
                    let (count, distinct): (i64, i64) = (found.get(0), found.get(3));
                    let (min, max): (Option<i64>, Option<i64>) = (found.get(1), found.get(2));
                    let most = max.zip(min).map_or(0, |(max, min)| max - min + 1);
                    assert!(count == distinct && count <= most, "{found:?}");
                }
            });
        });
    });
    world.stop().await;
}

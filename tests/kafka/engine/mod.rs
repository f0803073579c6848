//! The whole engine over topics: SQL by the Postgres wire on one side, a producer or consumer of the test's own on the other.

mod bad_input;
mod left_out;
mod lifecycle;
mod outage;
mod refused;
mod sink;
mod stream;

use std::fmt::Display;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use tidewater::connector::Positions;
use tokio_postgres::Client;

use crate::cluster::{self, PATIENCE, Taken};
use crate::harness::{Server, rows, run};

/// Pause between two looks at something that must happen.
const LOOK: Duration = Duration::from_millis(20);

/// A server with a client, and a topic on the brokers of all tests.
struct World {
    server: Server,
    client: Client,
    brokers: &'static str,
    topic: String,
}

impl World {
    /// Two workers, and a topic with `partitions` whose records may have up to 8 MiB.
    async fn start(test: &str, partitions: i32) -> World {
        let server = Server::start(2).await;
        let client = server.connect().await;
        // The first one starts the embedded broker, on a runtime of its own.
        let brokers = tokio::task::block_in_place(cluster::brokers);
        let topic = cluster::topic_name(test);
        create_topic(brokers, &topic, partitions).await;
        World { server, client, brokers, topic }
    }

    /// Creates the stream `name` over the topic.
    async fn create_stream(&self, name: &str, columns: &str, more: &str) {
        run(&self.client, &stream(name, columns, self.brokers, &self.topic, more)).await;
    }

    /// Writes values to partitions in turn, and returns when the broker has them all.
    fn produce<V: AsRef<[u8]>>(&self, partitions: i32, values: impl IntoIterator<Item = V>) {
        produce(self.brokers, &self.topic, partitions, values);
    }

    async fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        rows(&self.client, sql).await
    }

    async fn run(&self, sql: &str) {
        run(&self.client, sql).await;
    }

    /// Waits until everything produced before is in the views.
    async fn flush(&self) {
        run(&self.client, "FLUSH").await;
    }

    async fn stop(self) {
        self.server.stop().await;
    }
}

async fn create_topic(brokers: &str, topic: &str, partitions: i32) {
    let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1)).set("max.message.bytes", "8388608");
    let results = cluster::admin(brokers).create_topics([&new], &AdminOptions::new()).await.expect("an answer");
    assert_eq!(results, [Ok(topic.to_string())]);
}

/// `columns` may go on with INCLUDE after its closing parenthesis; `more` are further options, each with a comma before it.
fn stream(name: &str, columns: &str, brokers: &str, topic: &str, more: &str) -> String {
    let options = format!("connector = 'kafka', brokers = '{brokers}', topic = '{topic}', format = 'json'{more}");
    format!("CREATE STREAM {name} {columns} WITH ({options})")
}

fn produce<V: AsRef<[u8]>>(brokers: &str, topic: &str, partitions: i32, values: impl IntoIterator<Item = V>) {
    tokio::task::block_in_place(|| {
        let producer = cluster::producer(brokers, &[("message.max.bytes", "8388608")]);
        for (i, value) in values.into_iter().enumerate() {
            cluster::send(&producer, topic, i as i32 % partitions, None, Some(value.as_ref()));
        }
        cluster::flush(&producer);
    });
}

/// All that a topic holds now.
fn consume(brokers: &str, topic: &str) -> Taken {
    tokio::task::block_in_place(|| {
        let source = cluster::source(brokers, topic, &[]);
        let end = source.end().expect("reachable").expect("pauses");
        cluster::read_all(source.as_ref(), &Positions::new(), &end, false)
    })
}

/// Asks again and again until the answer is as it should be.
async fn eventually(client: &Client, sql: &str, expected: &[&[&str]]) {
    let begun = Instant::now();
    loop {
        let found = rows(client, sql).await;
        if found == expected {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{sql}: {found:?} instead of {expected:?}");
        tokio::time::sleep(LOOK).await;
    }
}

/// A row of the text of values.
fn row<const N: usize>(values: [&dyn Display; N]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

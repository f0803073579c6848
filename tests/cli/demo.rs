//! `broker` and `demo`.

use std::path::Path;
use std::time::Duration;

use futures::StreamExt;

use crate::example::Topics;
use crate::process::{PATIENCE, Running, connect, rows, rows_become, tidewater};

#[test]
fn a_kafka_client_writes_to_and_reads_from_the_broker() {
    let mut broker = Running::start(&mut tidewater(Path::new("."), &["broker", "--listen", "127.0.0.1:0"]));
    let topics = Topics { brokers: broker.address_after("Kafka broker on ") };
    let values = ["one", "two", "three"];
    topics.create("greetings");
    topics.produce("greetings", &values);
    assert_eq!(topics.consume("greetings", 3), values);
    let (finished, _) = broker.interrupt();
    finished.with_status(0);
}

#[tokio::test]
async fn a_broker_that_answers_nothing_is_told() {
    let mut broker = Running::start(&mut tidewater(Path::new("."), &["broker", "--listen", "127.0.0.1:0"]));
    let topics = Topics { brokers: broker.address_after("Kafka broker on ") };
    topics.create("numbers");
    topics.produce("numbers", &["{\"id\": 1}"]);
    let mut server = Running::start(&mut tidewater(Path::new("."), &["serve", "--listen", "127.0.0.1:0"]));
    let client = connect(&server.address_after("listens on ")).await;
    let options = format!("connector = 'kafka', brokers = '{}', topic = 'numbers', format = 'json'", topics.brokers);
    rows(&client, &format!("CREATE STREAM numbers (id BIGINT) WITH ({options})")).await;
    rows(&client, "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM numbers").await;
    rows_become(&client, "SELECT n FROM v", &["1"]).await;
    let state = "SELECT state, last_error IS NOT NULL FROM tidewater.sources";
    rows_become(&client, state, &["running|f"]).await;
    broker.signal(libc::SIGSTOP);
    let frozen = std::time::Instant::now();
    rows_become(&client, state, &["reconnecting|t"]).await;
    assert!(frozen.elapsed() < Duration::from_secs(30), "{:?}", frozen.elapsed());
    broker.signal(libc::SIGCONT);
    topics.produce("numbers", &["{\"id\": 2}"]);
    rows_become(&client, "SELECT n FROM v", &["2"]).await;
    rows_become(&client, state, &["running|t"]).await;
}

#[tokio::test]
async fn every_query_of_the_demo_answers_and_ctrl_c_ends_it_soon() {
    let arguments = ["demo", "--rate", "2000", "--listen", "127.0.0.1:0"];
    let mut demo = Running::start(&mut tidewater(Path::new("."), &arguments));
    let line = demo.line_with("psql -h ");
    let words: Vec<&str> = line.split_whitespace().collect();
    let after = |option: &str| words[words.iter().position(|word| *word == option).unwrap() + 1];
    let address = format!("{}:{}", after("-h"), after("-p"));
    demo.line_with("queries to try");
    let mut queries = Vec::new();
    loop {
        let line = demo.line_with("");
        if line.contains("Ctrl-C") {
            break;
        }
        queries.extend(Some(line.trim().to_string()).filter(|line| !line.is_empty()));
    }
    assert_eq!(queries.len(), 3);
    for query in &queries {
        let client = connect(&address).await;
        if query.starts_with("COPY") {
            first_row_of_a_subscription(&client, query).await;
            continue;
        }
        let deadline = std::time::Instant::now() + PATIENCE;
        while rows(&client, query).await.is_empty() {
            assert!(std::time::Instant::now() < deadline, "{query}: no rows");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let (finished, time) = demo.interrupt();
    let finished = finished.with_status(0);
    assert!(time < Duration::from_secs(2), "{time:?}");
    assert_eq!(finished.err.trim(), "stopping");
}

/// A subscription never ends by itself: its first row is enough.
async fn first_row_of_a_subscription(client: &tokio_postgres::Client, query: &str) {
    let copy = client.copy_out(query.trim_end_matches(';')).await.unwrap();
    let first = tokio::time::timeout(PATIENCE, async { std::pin::pin!(copy).next().await });
    let row = first.await.unwrap().unwrap_or_else(|| panic!("{query}: no row")).unwrap();
    assert!(!row.is_empty());
}

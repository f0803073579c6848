//! The examples, run as their READMEs say, on an embedded broker.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tempfile::TempDir;

use crate::process::{PATIENCE, Running, connect, ended, finish, rows, rows_become, tidewater};

/// A plain Kafka client.
pub(crate) struct Topics {
    pub(crate) brokers: String,
}

impl Topics {
    fn options(&self) -> ClientConfig {
        let mut options = ClientConfig::new();
        options.set("bootstrap.servers", &self.brokers);
        options
    }

    /// A topic with one partition.
    pub(crate) fn create(&self, topic: &str) {
        let admin: AdminClient<DefaultClientContext> = self.options().create().unwrap();
        let topic = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
        let created = futures::executor::block_on(admin.create_topics([&topic], &AdminOptions::new())).unwrap();
        assert!(created.iter().all(|answer| answer.is_ok()), "{created:?}");
    }

    /// Writes values in this order and waits until they are stored.
    pub(crate) fn produce(&self, topic: &str, values: &[&str]) {
        let producer: BaseProducer = self.options().create().unwrap();
        for value in values {
            producer.send(BaseRecord::<(), str>::to(topic).payload(value)).unwrap();
        }
        producer.flush(PATIENCE).unwrap();
    }

    /// The first `count` values of a topic.
    pub(crate) fn consume(&self, topic: &str, count: usize) -> Vec<String> {
        let mut options = self.options();
        options.set("group.id", "reader").set("auto.offset.reset", "earliest").set("enable.auto.commit", "false");
        options.set("topic.metadata.refresh.interval.ms", "200").set("allow.auto.create.topics", "true");
        let consumer: BaseConsumer = options.create().unwrap();
        consumer.subscribe(&[topic]).unwrap();
        let deadline = Instant::now() + PATIENCE;
        let mut values = Vec::new();
        while values.len() < count {
            assert!(Instant::now() < deadline, "only {values:?}");
            if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
                values.push(String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned());
            }
        }
        values
    }
}

/// A broker, and a copy of an example that names its address.
struct Example {
    _broker: Running,
    topics: Topics,
    directory: TempDir,
}

impl Example {
    fn new(name: &str) -> Example {
        let mut broker = Running::start(&mut tidewater(Path::new("."), &["broker", "--listen", "127.0.0.1:0"]));
        let topics = Topics { brokers: broker.address_after("Kafka broker on ") };
        let directory = tempfile::tempdir().unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
        for entry in std::fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap().replace("127.0.0.1:9092", &topics.brokers);
            std::fs::write(directory.path().join(path.file_name().unwrap()), text).unwrap();
        }
        Example { _broker: broker, topics, directory }
    }

    /// The server with the example's configuration, and its address.
    fn serve(&self) -> (Running, String) {
        let arguments = ["serve", "--config", "tidewater.toml", "--listen", "127.0.0.1:0"];
        let mut server = Running::start(&mut tidewater(self.directory.path(), &arguments));
        let address = server.address_after("listens on ");
        (server, address)
    }
}

#[tokio::test]
async fn clean_topic_writes_the_good_orders_and_shows_the_broken_ones() {
    let example = Example::new("clean_topic");
    let (_server, address) = example.serve();
    example.topics.produce(
        "raw_orders",
        &[
            r#"{"id":1,"customer":"Ann","amount":"12.50","ordered_at":"2026-01-02T03:04:05Z"}"#,
            r#"{"id":2,"customer":null,"amount":1,"ordered_at":"2026-01-02T03:04:05Z"}"#,
            r#"{"id":3,"customer":"Bob","amount":-1}"#,
            "{\"id\":4,",
            r#"{"id":5,"customer":"Cem","amount":7,"ordered_at":"2026-01-02T03:04:06Z","more":true}"#,
        ],
    );
    let client = connect(&address).await;
    rows_become(&client, "SELECT id, customer, amount FROM clean_orders ORDER BY id", &["1|ann|12.50", "5|cem|7.00"])
        .await;
    rows_become(&client, "SELECT \"offset\" FROM tidewater.rejected_records", &["3"]).await;
    assert_ne!(rows(&client, "SELECT reason FROM tidewater.rejected_records").await, [""]);
    let mut written: Vec<serde_json::Value> =
        example.topics.consume("clean_orders", 2).iter().map(|value| serde_json::from_str(value).unwrap()).collect();
    written.sort_by_key(|value| value["id"].as_i64());
    let shown: Vec<String> = written.iter().map(|value| format!("{} {}", value["id"], value["customer"])).collect();
    assert_eq!(shown, ["1 \"ann\"", "5 \"cem\""], "{written:?}");
}

#[tokio::test]
async fn live_counts_follow_the_topic() {
    let example = Example::new("live_counts");
    let (_server, address) = example.serve();
    let view = |page: &str, visitor: i64| {
        format!("{{\"page\":\"{page}\",\"visitor\":{visitor},\"at\":\"2026-01-02T03:04:05Z\"}}")
    };
    let first = [view("/", 1), view("/", 1), view("/help", 2), view("/", 3)];
    example.topics.produce("page_views", &first.each_ref().map(String::as_str));
    let client = connect(&address).await;
    rows_become(&client, "SELECT * FROM views_per_page ORDER BY page", &["/|3|2", "/help|1|1"]).await;
    let more = [view("/help", 2), view("/help", 4), view("/help", 5)];
    example.topics.produce("page_views", &more.each_ref().map(String::as_str));
    rows_become(&client, "SELECT page, views FROM top_pages ORDER BY views DESC", &["/help|4", "/|3"]).await;
    assert!(rows(&client, "SELECT * FROM tidewater.rejected_records").await.is_empty());
}

#[test]
fn hello_prints_the_view() {
    // Tests stand in `deps` beside `examples`, where cargo puts the examples that it builds with the tests.
    let test = std::env::current_exe().unwrap();
    let program: PathBuf = test.ancestors().nth(2).unwrap().join("examples").join("hello");
    let finished = finish(&mut Command::new(program)).with_status(0);
    let table = "\
+-------+-------+-------+
| shop  | sales | total |
+-------+-------+-------+
| north | 1     | 5     |
| south | 1     | 20    |
+-------+-------+-------+
";
    assert_eq!(finished.out, table);
}

/// What `run --exit` prints for the examples that bring their own rows.
#[test]
fn examples_over_tables_print_what_they_are_for() {
    let at = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (example, printed) in [
        ("word_count", "word\ttimes\nthe\t2\ntide\t2\ncomes\t1\n"),
        (
            "balances",
            "id\taccount\tamount\tbalance\n1\tann\t100.00\t100.00\n3\tann\t-30.00\t70.00\n4\tbob\t30.00\t30.00\n\
             5\tann\t12.50\t82.50\naccount\tbalance\nann\t82.50\nbob\t30.00\n",
        ),
        ("fraud", "card\there\tthere\twithin\nvisa-1\tOslo\tRome\t00:04:00\ncard\nvisa-2\n"),
        (
            "top_sellers",
            "category\tproduct\ttotal\tplace\tpercent\ncoffee\tarabica\t80.00\t1\t100\ntea\tgreen\t70.00\t1\t78\n\
             tea\tmint\t20.00\t2\t22\n",
        ),
    ] {
        let finished = ended(at, &["run", "--exit", &format!("examples/{example}/{example}.sql")]).with_status(0);
        assert_eq!(finished.out, printed, "{example}: {}", finished.err);
    }
}

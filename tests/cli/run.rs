//! `run --exit`: files are applied in order, bounded inputs are read, results of SELECTs are printed.

use std::fs::write;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tidewater::broker::{Broker, BrokerOptions};

use crate::process::ended;

#[test]
fn only_results_are_printed_after_bounded_inputs_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let sales = at.join("sales.jsonl");
    let lines: String = (0..1000).map(|i| format!("{{\"shop\":\"s{}\",\"amount\":{i}}}\n", i % 2)).collect();
    write(&sales, lines).unwrap();
    let streams = format!(
        "CREATE STREAM sales (shop TEXT, amount BIGINT) WITH (connector = 'file', path = '{}', format = 'json');\n\
         CREATE STREAM bids WITH (connector = 'generator', kind = 'nexmark', table = 'bid', count = '5000', seed = '7');\n\
         CREATE TABLE prices (id BIGINT PRIMARY KEY, price NUMERIC(8,2));\n\
         INSERT INTO prices VALUES (1, 2.50), (2, NULL);\n",
        sales.display()
    );
    write(at.join("streams.sql"), streams).unwrap();
    let views = "CREATE MATERIALIZED VIEW per_shop AS SELECT shop, count(*) AS n, sum(amount) AS total FROM sales GROUP BY shop;\n\
        CREATE MATERIALIZED VIEW all_bids AS SELECT count(*) AS n FROM bids;\n\
        SELECT * FROM per_shop ORDER BY shop;\n\
        SELECT n FROM all_bids;\n\
        SELECT * FROM prices ORDER BY id;\n";
    write(at.join("views.sql"), views).unwrap();
    let finished = ended(at, &["run", "--exit", "streams.sql", "views.sql"]).with_status(0);
    assert_eq!(
        finished.out, "shop\tn\ttotal\ns0\t500\t249500\ns1\t500\t250000\nn\n5000\nid\tprice\n1\t2.50\n2\t\\N\n",
        "{}",
        finished.err
    );
    assert_eq!(finished.err, "");
}

/// A rate makes the rows come later; they are waited for, by views and by reads of the stream.
#[test]
fn a_bounded_generator_with_a_rate_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let text = "CREATE STREAM numbers WITH (connector = 'generator', kind = 'sequence', count = '2000', rate = '4000');\n\
        CREATE MATERIALIZED VIEW n AS SELECT count(*) AS n FROM numbers;\n\
        SELECT count(*) AS read FROM numbers;\n\
        SELECT n FROM n;\n";
    write(at.join("rate.sql"), text).unwrap();
    let finished = ended(at, &["run", "--exit", "rate.sql"]).with_status(0);
    assert_eq!(finished.out, "read\n2000\nn\n2000\n", "{}", finished.err);
}

/// What was read is in the topic before the command ends.
#[test]
fn sinks_have_written_everything_at_the_end() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let broker = runtime.block_on(Broker::start(BrokerOptions::default())).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let topic = format!("connector = 'kafka', brokers = '{}', topic = 'out', format = 'json'", broker.address());
    let write_all = format!(
        "CREATE STREAM numbers WITH (connector = 'generator', kind = 'sequence', count = '100000');\n\
         CREATE SINK out FROM numbers WITH ({topic}, create_topic = 'true');\n"
    );
    write(at.join("write.sql"), write_all).unwrap();
    ended(at, &["run", "--exit", "write.sql"]).with_status(0);
    let read_all = format!(
        "CREATE STREAM out (id BIGINT) WITH ({topic});\nSELECT count(*), count(DISTINCT id) AS ids FROM out;\n"
    );
    write(at.join("read.sql"), read_all).unwrap();
    let finished = ended(at, &["run", "--exit", "read.sql"]).with_status(0);
    assert_eq!(finished.out, "count\tids\n100000\t100000\n", "{}", finished.err);
    runtime.block_on(broker.stop());
}

#[test]
fn topics_that_a_failing_file_has_made_are_gone() {
    let (directory, runtime) = (tempfile::tempdir().unwrap(), tokio::runtime::Runtime::new().unwrap());
    let options = BrokerOptions { auto_create_topics: false, ..BrokerOptions::default() };
    let broker = runtime.block_on(Broker::start(options)).unwrap();
    broker.create_topic("there", 1).unwrap();
    let brokers = broker.address().to_string();
    let with = |topic: &str| {
        format!("connector = 'kafka', brokers = '{brokers}', topic = '{topic}', format = 'json', create_topic = 'true'")
    };
    let text = format!(
        "CREATE STREAM made (id BIGINT) WITH ({});\nCREATE STREAM there (id BIGINT) WITH ({});\n\
         CREATE MATERIALIZED VIEW v AS SELECT id FROM made;\nCREATE SINK out FROM v WITH ({}, key = 'id');\n\
         CREATE VIEW bad AS SELECT nothing FROM v;\n",
        with("made"),
        with("there"),
        with("out")
    );
    write(directory.path().join("bad.sql"), text).unwrap();
    ended(directory.path(), &["run", "bad.sql", "--listen", "127.0.0.1:0"]).failed_with(&["bad.sql:5:", "nothing"]);
    let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", &brokers).create().unwrap();
    let metadata = consumer.fetch_metadata(None, Duration::from_secs(10)).unwrap();
    let topics: Vec<&str> = metadata.topics().iter().map(|topic| topic.name()).collect();
    assert_eq!(topics, ["there"]);
    runtime.block_on(broker.stop());
}

#[test]
fn no_header_is_printed_of_a_query_that_fails() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path().join("fails.sql"), "SELECT 1 / x AS quotient FROM (VALUES (0)) v (x);\n").unwrap();
    let finished = ended(directory.path(), &["run", "--exit", "fails.sql"]);
    assert_eq!(finished.out, "", "{}", finished.err);
    finished.failed_with(&["division by zero"]);
}

#[test]
fn a_failing_statement_is_told_with_file_line_and_column() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    write(at.join("good.sql"), "CREATE TABLE t (a BIGINT);\n").unwrap();
    for (text, place) in [
        ("CREATE VIEW v AS SELECT 1 AS a;\n\n  SELEC 1;\n", "bad.sql:3:3: "),
        ("CREATE VIEW v AS SELECT a FROM t;\nCREATE VIEW w AS\n  SELECT b FROM v;\n", "bad.sql:3:10: "),
        ("-- é\nCREATE TABLE t (b TEXT);\n", "bad.sql:2:"),
        ("CREATE TABLE u (b TEXT);\nDROP TABLE nowhere;\n", "bad.sql:2:"),
    ] {
        write(at.join("bad.sql"), text).unwrap();
        ended(at, &["run", "--exit", "good.sql", "bad.sql"]).failed_with(&[place]);
    }
    ended(at, &["run", "--exit", "missing.sql"]).failed_with(&["missing.sql"]);
}

#[test]
fn a_syntax_error_in_any_file_comes_before_any_result() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    write(at.join("first.sql"), "SELECT 1 AS one;\n").unwrap();
    write(at.join("second.sql"), "SELECT 2 AS two;\nSELECT FROM WHERE;\n").unwrap();
    ended(at, &["run", "--exit", "first.sql", "second.sql"]).failed_with(&["second.sql:2:"]);
}

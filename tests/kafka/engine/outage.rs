//! A broker of the test's own that dies and comes back.

use tidewater::broker::{Broker, BrokerOptions};

use super::*;

pub(super) async fn own_broker() -> (Broker, String) {
    let options = BrokerOptions { auto_create_topics: false, ..BrokerOptions::default() };
    let broker = Broker::start(options).await.expect("a free port");
    let address = broker.address().to_string();
    (broker, address)
}

fn numbered(number: i64) -> String {
    format!(r#"{{"id": {number}}}"#)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_dies_is_waited_for_and_nothing_is_lost_or_doubled() {
    let (mut broker, brokers) = own_broker().await;
    create_topic(&brokers, "survivor", 2).await;
    produce(&brokers, "survivor", 2, (0..1_000).map(numbered));
    let server = Server::start(2).await;
    let client = server.connect().await;
    run(&client, &stream("survivor", "(id BIGINT)", &brokers, "survivor", "")).await;
    let counted = "SELECT count(*) AS n, count(DISTINCT id) AS different, sum(id) AS total FROM survivor";
    run(&client, &format!("CREATE MATERIALIZED VIEW counted AS {counted}")).await;
    run(&client, "FLUSH").await;
    assert_eq!(rows(&client, "SELECT * FROM counted").await, [["1000", "1000", "499500"]]);

    for outage in 1..=2_i64 {
        broker.pause().await;
        let state = "SELECT state, last_error IS NOT NULL, last_error_at IS NOT NULL, sum(rows) FROM tidewater.sources GROUP BY 1, 2, 3";
        let so_far = (outage * 1_000).to_string();
        eventually(&client, state, &[&["reconnecting", "t", "t", &so_far]]).await;
        let errors = rows(&client, "SELECT DISTINCT last_error FROM tidewater.sources").await;
        assert!(!errors[0][0].contains("brokers are down"), "{errors:?}");
        assert_eq!(rows(&client, "SELECT n FROM counted").await, [[so_far.as_str()]], "the view stays readable");
        let error = client.simple_query("SELECT * FROM survivor").await.expect_err("the stream itself is away");
        assert_eq!(error.code().map(tokio_postgres::error::SqlState::code), Some("HV00N"));
        // A view that is made meanwhile begins when the broker is back.
        run(&client, &format!("CREATE MATERIALIZED VIEW during{outage} AS {counted}")).await;

        broker.resume().await.expect("the port is free");
        let target = brokers.clone();
        let producer = std::thread::spawn(move || {
            let producer = cluster::producer(&target, &[]);
            for number in outage * 1_000..(outage + 1) * 1_000 {
                cluster::send(&producer, "survivor", number as i32 % 2, None, Some(numbered(number).as_bytes()));
                if number % 100 == 0 {
                    cluster::flush(&producer);
                }
            }
            cluster::flush(&producer);
        });
        tokio::task::block_in_place(|| producer.join().expect("produced"));
        run(&client, "FLUSH").await;
        let n = (outage + 1) * 1_000;
        for view in ["counted".to_string(), format!("during{outage}")] {
            let found = rows(&client, &format!("SELECT * FROM {view}")).await;
            assert_eq!(found, [row([&n, &n, &(n * (n - 1) / 2)])], "{view}");
        }
        eventually(
            &client,
            "SELECT state, sum(rows) FROM tidewater.sources GROUP BY state",
            &[&["running", &n.to_string()]],
        )
        .await;
    }
    server.stop().await;
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_nothing_to_do_with_a_dead_broker_goes_on() {
    let world = World::start("alive", 1).await;
    let (mut broker, brokers) = own_broker().await;
    create_topic(&brokers, "dying", 1).await;
    produce(&brokers, "dying", 1, (0..10).map(numbered));
    world.create_stream("alive", "(id BIGINT)", "").await;
    world.run(&stream("dying", "(id BIGINT)", &brokers, "dying", "")).await;
    world.run("CREATE MATERIALIZED VIEW living AS SELECT count(*) AS n FROM alive").await;
    world.run("CREATE MATERIALIZED VIEW joined AS SELECT count(*) AS n FROM alive a JOIN dying d ON a.id = d.id").await;
    world.flush().await;
    broker.pause().await;
    eventually(&world.client, "SELECT state FROM tidewater.sources WHERE name = 'dying'", &[&["reconnecting"]]).await;
    world.produce(1, (0..100).map(numbered));
    eventually(&world.client, "SELECT n FROM living", &[&["100"]]).await;
    // Both inputs of the join are what they are.
    eventually(&world.client, "SELECT n FROM joined", &[&["10"]]).await;
    // FLUSH cannot know where the dead one ends, and says so instead of hanging.
    let begun = Instant::now();
    let error = world.client.batch_execute("FLUSH").await.expect_err("one broker is away");
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    assert!(error.as_db_error().is_some_and(|error| error.message().contains(&brokers)), "{error:?}");
    // Dropping what reads from it does not wait for it.
    let begun = Instant::now();
    world.run("DROP STREAM dying CASCADE").await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    world.flush().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_over_a_stream_whose_topic_was_created_again_fails_and_holds_up_nobody() {
    let (broker, brokers) = own_broker().await;
    create_topic(&brokers, "again", 1).await;
    produce(&brokers, "again", 1, (0..1_000).map(numbered));
    let server = Server::start(2).await;
    let (client, other) = (server.connect().await, server.connect().await);
    run(&client, &stream("again", "(id BIGINT)", &brokers, "again", "")).await;
    run(&client, "CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n, max(id) AS max FROM again").await;
    run(&client, "FLUSH").await;
    let listen = broker.address();
    broker.stop().await;
    let options = BrokerOptions { listen, auto_create_topics: false, ..BrokerOptions::default() };
    let broker = Broker::start(options).await.expect("the port is free");
    create_topic(&brokers, "again", 1).await;
    produce(&brokers, "again", 1, (10_000..13_000).map(numbered));
    eventually(&client, "SELECT state FROM tidewater.sources", &[&["failed"]]).await;
    let error = rows(&client, "SELECT last_error FROM tidewater.sources").await;
    assert!(error[0][0].contains("created again"), "{error:?}");
    assert_eq!(rows(&client, "SELECT * FROM counted").await, [["1000", "999"]], "nothing of the new topic");
    let create = "CREATE MATERIALIZED VIEW more AS SELECT count(*) AS n FROM again";
    let created = tokio::time::timeout(Duration::from_secs(20), client.batch_execute(create)).await;
    let error = created.expect("an answer").expect_err("the topic is another one");
    assert_eq!(error.code().map(tokio_postgres::error::SqlState::code), Some("55000"), "{error:?}");
    // Nor if nobody has read the stream for a while.
    run(&client, "DROP MATERIALIZED VIEW counted").await;
    let _ = client.batch_execute(create).await;
    let read = tokio::time::timeout(Duration::from_secs(20), client.simple_query("SELECT n FROM more")).await;
    let error = read.expect("an answer").expect_err("the topic is another one");
    assert!(format!("{error:?}").contains("created again"), "{error:?}");
    let begun = Instant::now();
    run(&other, "CREATE TABLE t (a BIGINT); INSERT INTO t VALUES (1)").await;
    assert_eq!(rows(&other, "SELECT a FROM t").await, [["1"]]);
    run(&other, "FLUSH").await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    server.stop().await;
    broker.stop().await;
}

//! `demo`: embedded broker, live auction data in topics, streams and views, Postgres port, status line.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidewater::broker::{Broker, BrokerOptions};
use tidewater::clock::{self, Clock};
use tidewater::config::{Config, DemoOptions, Pipeline, ServerOptions};
use tidewater::connector::generator::nexmark::{Nexmark, Table};
use tidewater::connector::{Options, SinkRecord, SinkWriter, kafka};
use tidewater::engine::Engine;
use tidewater::error::Error;

use super::{Message, apply, block_on, complain, listen, say, start_engine, stop_signal};

/// The SQL of the demo; `BROKERS` stands for the broker's address.
const FILES: &[(&str, &str)] = &[
    ("sql/demo/streams.sql", include_str!("../../sql/demo/streams.sql")),
    ("sql/demo/views.sql", include_str!("../../sql/demo/views.sql")),
];

/// Queries to try, shown at the start.
const QUERIES: &str = include_str!("../../sql/demo/queries.sql");

/// Bytes that the topics keep; the oldest records make room. The views' keys are bounded, or grow by a row per second.
const TOPIC_BYTES_MAX: usize = 128 << 20;

/// How often the status line is drawn.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// Runs until Ctrl-C.
pub(crate) fn run(options: ServerOptions, demo: DemoOptions) -> Result<(), Message> {
    let config = Config::resolve(options, demo, None).map_err(|error| error.message_and_hint())?;
    let rate = config.demo.rate;
    block_on(async move {
        let broker = start_broker(config.demo.broker).await.map_err(|error| error.message_and_hint())?;
        let brokers = broker.address().to_string();
        // A topic that is created over a connection takes a fifth of a second.
        for (topic, _) in TOPICS {
            broker.create_topic(topic, PARTITIONS).map_err(|error| error.message_and_hint())?;
        }
        let engine = start_engine(&config)?;
        let stop = Arc::new(AtomicBool::new(false));
        let producer = start_producer(&brokers, rate, Arc::clone(&stop)).map_err(|error| error.message_and_hint())?;
        let own = FILES.iter().map(|(path, sql)| pipeline(path, sql, &brokers));
        let pipelines: Vec<Pipeline> = own.chain(config.pipelines.iter().cloned()).collect();
        apply(&engine, &pipelines, false).await?;
        let server = listen(&engine, &config).await?;
        greet(server.address(), &brokers, rate);
        tokio::select! {
            () = stop_signal() => {}
            () = status_line(&engine) => {}
        }
        complain("\nstopping");
        stop.store(true, Ordering::Release);
        tokio::join!(server.stop(), engine.stop());
        broker.stop().await;
        // The producer's thread may wait for the broker that is gone; it ends with the process.
        drop(producer);
        Ok(())
    })
}

/// Starts the broker, if no address is asked for on the usual one or, if that is taken, on any.
async fn start_broker(listen: Option<SocketAddr>) -> Result<Broker, Error> {
    let on = |listen| BrokerOptions { listen, memory_max_bytes: TOPIC_BYTES_MAX, ..BrokerOptions::default() };
    let usual = SocketAddr::from(([127, 0, 0, 1], 9092));
    match Broker::start(on(listen.unwrap_or(usual))).await {
        Err(_) if listen.is_none() => Broker::start(on(SocketAddr::from(([127, 0, 0, 1], 0)))).await,
        started => started,
    }
}

fn pipeline(path: &str, sql: &str, brokers: &str) -> Pipeline {
    Pipeline { name: path.into(), path: path.into(), first_line: 1, sql: sql.replace("BROKERS", brokers) }
}

/// The topics, and which data is in them.
const TOPICS: [(&str, Table); 3] = [("bids", Table::Bid), ("auctions", Table::Auction), ("persons", Table::Person)];

/// Partitions of each.
const PARTITIONS: i32 = 4;

/// The data is produced in slices of this length.
const SLICE: Duration = Duration::from_millis(10);

/// Produces at `rate` on a thread of its own.
fn start_producer(brokers: &str, rate: u64, stop: Arc<AtomicBool>) -> Result<std::thread::JoinHandle<()>, Error> {
    let make = kafka::CONNECTOR.sink.ok_or_else(|| Error::internal("the Kafka connector cannot write"))?;
    let mut sinks = Vec::new();
    for (topic, table) in TOPICS {
        let option = |key: &str, value: &str| (key.to_string(), value.to_string());
        sinks.push((table, make(&Options(vec![option("brokers", brokers), option("topic", topic)]))?));
    }
    let run = move || {
        let writers: Result<Vec<_>, Error> = sinks.iter().map(|(table, sink)| Ok((*table, sink.open()?))).collect();
        if let Err(error) = writers.and_then(|writers| produce(writers, rate, &stop)) {
            complain(&format!("\nthe data generator stopped: {error}"));
        }
    };
    std::thread::Builder::new()
        .name("demo producer".into())
        .spawn(run)
        .map_err(|error| Error::internal(error.to_string()))
}

/// Rows of the tables in their natural proportions, `rate` in all per second.
fn produce(mut writers: Vec<(Table, Box<dyn SinkWriter>)>, rate: u64, stop: &AtomicBool) -> Result<(), Error> {
    let now = Clock::System.now_micros();
    let nexmark = Nexmark { seed: now as u64, start: now, events_per_second: rate as f64 };
    let start = clock::instant();
    let rows_per_round: u64 = TOPICS.iter().map(|(_, table)| table.rows_per_round()).sum();
    let mut sent = vec![0; writers.len()];
    while !stop.load(Ordering::Acquire) {
        let events = (start.elapsed().as_secs_f64() * rate as f64) as u64;
        for ((table, writer), sent) in writers.iter_mut().zip(&mut sent) {
            let due = events * table.rows_per_round() / rows_per_round;
            let record = |row| {
                let mut value = Vec::with_capacity(256);
                nexmark.write_json(*table, row, &mut value);
                SinkRecord { key: None, value: Some(value) }
            };
            writer.write((*sent..due).map(record).collect())?;
            *sent = due;
        }
        std::thread::sleep(SLICE);
    }
    Ok(())
}

fn greet(address: SocketAddr, brokers: &str, rate: u64) {
    say(&format!(
        "Tidewater demo: {rate} rows/s of auction data in the topics bids, auctions, persons of the embedded broker"
    ));
    say(&format!(
        "on {brokers} (any Kafka client can read and write there). Everything is in memory and gone at the end.\n"
    ));
    say(&format!("  psql -h {} -p {} -U tidewater\n", address.ip(), address.port()));
    say("Three queries to try:\n");
    for line in QUERIES.lines().filter(|line| !line.starts_with("--") && !line.is_empty()) {
        say(&format!("  {line}"));
    }
    say("\nCtrl-C ends it.");
}

/// Redraws one line on a terminal; elsewhere waits for ever.
async fn status_line(engine: &Engine) {
    if !std::io::stderr().is_terminal() {
        return std::future::pending().await;
    }
    let mut before = (clock::instant(), engine.statistics());
    loop {
        tokio::time::sleep(STATUS_INTERVAL).await;
        let now = (clock::instant(), engine.statistics());
        let seconds = (now.0 - before.0).as_secs_f64();
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
        let line = format!(
            "\r\x1b[K{:.0} rows/s in | {} views | {:.0} ticks/s | {} MB",
            rate(now.1.rows_in, before.1.rows_in),
            now.1.dataflows,
            rate(now.1.tick, before.1.tick),
            resident_bytes() >> 20
        );
        let _ = std::io::stderr().write_all(line.as_bytes());
        before = now;
    }
}

/// Resident memory of this process in bytes; 0 where the system does not tell.
pub(crate) fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    pages.and_then(|text| text.split(' ').nth(1)?.parse::<usize>().ok()).unwrap_or(0) * 4096
}

//! JSON bids from a topic.

use std::time::Duration;

use clap::Args;
use futures::StreamExt;
use tidewater::catalog::DATABASE;
use tidewater::clock;
use tidewater::config::{Config, DemoOptions, ServerOptions, Workers};
use tidewater::connector::{Options as With, SinkRecord, SinkWriter, Source, kafka};
use tidewater::engine::{Engine, Outcome};

use super::{Target, cpu_seconds};
use crate::command::{Message, block_on, say, start_engine};

/// What to read and how often.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Kafka brokers; an embedded broker if none are given
    #[arg(long)]
    brokers: Option<String>,
    /// Topic
    #[arg(long, default_value = "bench_bids")]
    topic: String,
    /// Records
    #[arg(long, default_value_t = 5_000_000)]
    records: u64,
    /// Distinct auctions
    #[arg(long, default_value_t = 100_000)]
    auctions: u64,
    /// Worker threads
    #[arg(long, default_value = "1")]
    workers: Workers,
    /// Runs of each query
    #[arg(long, default_value_t = 3)]
    runs: usize,
}

/// Columns of the stream.
const COLUMNS: &str =
    "auction BIGINT, bidder BIGINT, price BIGINT, channel TEXT, url TEXT, date_time TIMESTAMPTZ, extra TEXT";

/// What is measured: name and query.
const QUERIES: &[(&str, &str)] = &[
    ("pass through all columns", "SELECT * FROM bids"),
    ("pass through 3 columns", "SELECT auction, bidder, price FROM bids"),
    (
        "count, max, sum per auction",
        "SELECT auction, count(*) AS n, max(price) AS top, sum(price) AS volume FROM bids GROUP BY auction",
    ),
];

pub(super) fn run(options: &Options) -> Result<(), Message> {
    let target = Target::new(options.brokers.as_deref())?;
    fill(&target.brokers, options)?;
    for (name, query) in QUERIES {
        for _ in 0..options.runs {
            let (wall, cpu) = block_on(measure(&target.brokers, options, query))?;
            let records = options.records as f64 / 1e6;
            say(&format!(
                "{name}: {:.2} M records/s, {:.2} M records per CPU second ({wall:.2} s wall, {cpu:.2} s CPU)",
                records / wall,
                records / cpu
            ));
        }
    }
    Ok(())
}

/// Seconds (wall, CPU) from CREATE STREAM until every record is in the result.
async fn measure(brokers: &str, options: &Options, query: &str) -> Result<(f64, f64), Message> {
    let server = ServerOptions { workers: Some(options.workers), ..ServerOptions::default() };
    let config = Config::resolve(server, DemoOptions::default(), None).map_err(|error| error.message_and_hint())?;
    let engine = start_engine(&config)?;
    let topic = &options.topic;
    let (wall, cpu) = (clock::instant(), cpu_seconds());
    let stream = format!(
        "CREATE STREAM bids ({COLUMNS}) WITH (connector = 'kafka', brokers = '{brokers}', topic = '{topic}', format = 'json')"
    );
    engine.apply(&stream, false, async |_| Ok(())).await.map_err(|error| error.message_and_hint())?;
    let done = if query.contains("GROUP BY") {
        aggregate(&engine, query).await
    } else {
        pass(&engine, query, options.records).await
    };
    done.map_err(|error| error.message_and_hint())?;
    let figures = (wall.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    engine.stop().await;
    Ok(figures)
}

async fn aggregate(engine: &Engine, query: &str) -> Result<(), tidewater::error::Error> {
    let view = format!("CREATE MATERIALIZED VIEW per_auction AS {query}; SELECT count(*) FROM per_auction");
    engine.apply(&view, false, async |_| Ok(())).await
}

/// Counts the changes of a subscription.
async fn pass(engine: &Engine, query: &str, records: u64) -> Result<(), tidewater::error::Error> {
    let mut session = engine.session(DATABASE);
    for statement in session.parse(&format!("SUBSCRIBE TO ({query})"))? {
        let Outcome::Rows { mut rows, .. } = session.execute(&statement, &[]).await? else { continue };
        let mut seen = 0;
        while seen < records
            && let Some(batch) = rows.next().await
        {
            seen += batch?.num_rows() as u64;
        }
    }
    Ok(())
}

/// Produces what the topic lacks.
fn fill(brokers: &str, options: &Options) -> Result<(), Message> {
    let with = With(vec![
        ("connector".into(), "kafka".into()),
        ("brokers".into(), brokers.into()),
        ("topic".into(), options.topic.clone()),
        ("create_topic".into(), "true".into()),
        ("partitions".into(), "4".into()),
        ("format".into(), "json".into()),
    ]);
    let failed = |error: tidewater::error::Error| error.message_and_hint();
    let sink = kafka::CONNECTOR.sink.ok_or("the Kafka connector cannot write")?(&with).map_err(failed)?;
    sink.check().map_err(failed)?;
    let read = With(
        with.0.iter().filter(|(key, _)| !["create_topic", "partitions"].contains(&key.as_str())).cloned().collect(),
    );
    let source = (kafka::CONNECTOR.source)(&read, &std::sync::Arc::new(datafusion::arrow::datatypes::Schema::empty()))
        .map_err(failed)?;
    let held = held(source.as_ref()).map_err(failed)?;
    if held > options.records {
        return Err(format!("topic \"{}\" holds {held} records, more than --records", options.topic));
    }
    let mut writer = sink.open().map_err(failed)?;
    produce(writer.as_mut(), held..options.records, options.auctions).map_err(failed)?;
    Ok(())
}

fn held(source: &dyn Source) -> Result<u64, tidewater::error::Error> {
    let (start, end) = (source.start()?, source.end()?.unwrap_or_default());
    Ok(end.iter().map(|(partition, end)| (end - start.get(partition).copied().unwrap_or(0)) as u64).sum())
}

fn produce(
    writer: &mut dyn SinkWriter,
    rows: std::ops::Range<u64>,
    auctions: u64,
) -> Result<(), tidewater::error::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    say(&format!("producing {} records", rows.end - rows.start));
    let mut random = 0x9E37_79B9_7F4A_7C15;
    let mut records = Vec::with_capacity(1000);
    for row in rows {
        records.push(SinkRecord { key: None, value: Some(bid(row, auctions, &mut random)) });
        if records.len() == 1000 {
            writer.write(std::mem::take(&mut records))?;
        }
    }
    writer.write(records)?;
    writer.flush(Duration::from_secs(120))
}

/// A bid of about 170 bytes; auctions and prices are uniform.
fn bid(row: u64, auctions: u64, state: &mut u64) -> Vec<u8> {
    let mut random = || {
        // xorshift64 (Marsaglia, 2003).
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    };
    let channel = ["Google", "Facebook", "Baidu", "Apple"][(random() % 4) as usize];
    let (auction, bidder, price) = (1000 + random() % auctions, 1000 + random() % 50_000, random() % 10_000_000);
    let url = random() % 100_000;
    let extra = &"abcdefghijklmnopqrstuvwxyzabcd"[..(random() % 30) as usize];
    let time = 1_767_225_600_000 + row;
    format!(
        "{{\"auction\":{auction},\"bidder\":{bidder},\"price\":{price},\"channel\":\"{channel}\",\
         \"url\":\"https://www.nexmark.com/{url}/item.htm?query=1\",\"date_time\":{time},\"extra\":\"{extra}\"}}"
    )
    .into_bytes()
}

//! Time from producing a record to its row at a client that subscribed over the Postgres port.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use tidewater::clock::{self, Clock};
use tidewater::config::{Config, DemoOptions, ServerOptions};
use tidewater::connector::{Options as With, SinkRecord, SinkWriter, kafka};
use tidewater::error::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Target;
use crate::command::{Message, block_on, listen, say, start_engine};

/// Load and length.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Kafka brokers; an embedded broker if none are given
    #[arg(long)]
    brokers: Option<String>,
    /// Topic
    #[arg(long, default_value = "bench_freshness")]
    topic: String,
    /// Records per second
    #[arg(long, default_value_t = 10_000)]
    rate: u64,
    /// How long
    #[arg(long, default_value_t = 20)]
    seconds: u64,
}

/// Records are produced in slices of this length.
const SLICE: Duration = Duration::from_millis(2);

pub(super) fn run(options: &Options) -> Result<(), Message> {
    let target = Target::new(options.brokers.as_deref())?;
    let mut delays = block_on(measure(&target.brokers, options))?;
    delays.sort_unstable();
    let at = |share: f64| {
        delays.get(((delays.len() as f64 * share) as usize).min(delays.len().saturating_sub(1))).copied().unwrap_or(0)
    };
    say(&format!(
        "{} rows at {} rows/s: produce to subscriber p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, max {:.1} ms",
        delays.len(),
        options.rate,
        at(0.5) as f64 / 1e3,
        at(0.99) as f64 / 1e3,
        at(0.999) as f64 / 1e3,
        at(1.0) as f64 / 1e3
    ));
    Ok(())
}

/// Delays in µs, one per row.
async fn measure(brokers: &str, options: &Options) -> Result<Vec<i64>, Message> {
    let failed = |error: Error| error.message_and_hint();
    let with = |more: &[(&str, &str)]| {
        let mut all =
            vec![("connector", "kafka"), ("brokers", brokers), ("topic", options.topic.as_str()), ("format", "json")];
        all.extend(more);
        With(all.into_iter().map(|(key, value)| (key.to_string(), value.to_string())).collect())
    };
    let sink = kafka::CONNECTOR.sink.ok_or("the Kafka connector cannot write")?;
    let sink = sink(&with(&[("create_topic", "true"), ("kafka.linger.ms", "0")])).map_err(failed)?;
    sink.check().map_err(failed)?;
    let server = ServerOptions { listen: Some(([127, 0, 0, 1], 0).into()), ..ServerOptions::default() };
    let config = Config::resolve(server, DemoOptions::default(), None).map_err(failed)?;
    let engine = start_engine(&config)?;
    let stream = format!(
        "CREATE STREAM sent (sent_at BIGINT, filler TEXT) WITH (connector = 'kafka', brokers = '{brokers}', \
         topic = '{}', format = 'json', start = 'latest')",
        options.topic
    );
    engine.apply(&stream, false, async |_| Ok(())).await.map_err(failed)?;
    let port = listen(&engine, &config).await?;
    let client = Subscriber::connect(port.address()).await.map_err(|error| error.to_string())?;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = sink.open().map_err(failed)?;
    let (rate, seconds, stopped) = (options.rate, options.seconds, Arc::clone(&stop));
    let producer = std::thread::spawn(move || produce(writer, rate, seconds, &stopped));
    let delays =
        client.delays(rate * seconds, Duration::from_secs(seconds + 20)).await.map_err(|error| error.to_string())?;
    stop.store(true, Ordering::Release);
    producer.join().map_err(|_| "the producer failed")?.map_err(failed)?;
    port.stop().await;
    engine.stop().await;
    Ok(delays)
}

fn produce(mut writer: Box<dyn SinkWriter>, rate: u64, seconds: u64, stop: &AtomicBool) -> Result<(), Error> {
    let start = clock::instant();
    let total = rate * seconds;
    let mut sent = 0;
    while sent < total && !stop.load(Ordering::Acquire) {
        let due = ((start.elapsed().as_secs_f64() * rate as f64) as u64).min(total);
        let now = Clock::System.now_micros();
        let record = |_| SinkRecord {
            key: None,
            value: Some(format!("{{\"sent_at\":{now},\"filler\":\"{:0>120}\"}}", "").into_bytes()),
        };
        writer.write((sent..due).map(record).collect())?;
        sent = due;
        std::thread::sleep(SLICE);
    }
    writer.flush(Duration::from_secs(30))
}

/// As much of a Postgres client as SUBSCRIBE needs (protocol 3.0, simple query).
struct Subscriber {
    socket: TcpStream,
}

impl Subscriber {
    async fn connect(address: std::net::SocketAddr) -> std::io::Result<Subscriber> {
        let mut socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let parameters = b"user\0tidewater\0database\0tidewater\0\0";
        socket.write_u32(8 + parameters.len() as u32).await?;
        socket.write_u32(3 << 16).await?;
        socket.write_all(parameters).await?;
        let query = b"SUBSCRIBE TO sent\0";
        socket.write_u8(b'Q').await?;
        socket.write_u32(4 + query.len() as u32).await?;
        socket.write_all(query).await?;
        let mut client = Subscriber { socket };
        // RowDescription: the subscription runs.
        while client.message().await?.0 != b'T' {}
        Ok(client)
    }

    async fn message(&mut self) -> std::io::Result<(u8, Vec<u8>)> {
        let kind = self.socket.read_u8().await?;
        let length = self.socket.read_u32().await?.saturating_sub(4);
        let mut body = vec![0; length as usize];
        self.socket.read_exact(&mut body).await?;
        if kind == b'E' {
            return Err(std::io::Error::other(String::from_utf8_lossy(&body).replace('\0', " ")));
        }
        Ok((kind, body))
    }

    /// Reads `rows` rows, or what comes in time.
    async fn delays(self, rows: u64, longest: Duration) -> std::io::Result<Vec<i64>> {
        let mut client = Subscriber { socket: self.socket };
        let mut delays = Vec::with_capacity(rows as usize);
        let deadline = clock::instant() + longest;
        while (delays.len() as u64) < rows {
            let message = tokio::time::timeout_at(deadline.into(), client.message());
            let Ok(message) = message.await else { break };
            let (b'D', body) = message? else { continue };
            let now = Clock::System.now_micros();
            // Columns: tick, weight, sent_at, filler.
            if let Some(sent_at) = column(&body, 2).and_then(|text| text.parse::<i64>().ok()) {
                delays.push(now - sent_at);
            }
        }
        Ok(delays)
    }
}

/// Text of column `at` of a DataRow.
fn column(body: &[u8], at: usize) -> Option<&str> {
    let mut rest = body.get(2..)?;
    for i in 0..=at {
        let length = i32::from_be_bytes(rest.get(..4)?.try_into().ok()?);
        let length = usize::try_from(length).ok()?;
        let value = rest.get(4..4 + length)?;
        if i == at {
            return std::str::from_utf8(value).ok();
        }
        rest = &rest[4 + length..];
    }
    None
}

//! `bench`: the measurements that the README quotes. Rates are also given per CPU second of this process, since machines are shared.

use clap::Subcommand;

use super::Message;

// From Kafka records to views.
mod bids;
// From produce to a row at a subscriber.
mod freshness;
// In memory, without a source.
mod memory;
// One change against much state.
mod state;

/// What to measure.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// JSON bids (about 170 bytes) from a Kafka topic: passed through, and counted and summed per auction
    #[command(
        after_help = "Examples:\n  tidewater bench bids\n  tidewater bench bids --brokers 127.0.0.1:9092 --records 5000000\n\n\
        Without --brokers an embedded broker is started as a process of its own. The topic must exist with the wanted partitions\n\
        where the broker does not create topics by itself; it is filled if it holds fewer records."
    )]
    Bids(bids::Options),
    /// A keyed aggregate over rows in memory, with changes out, through all of the engine but the source
    #[command(after_help = "Example:\n  tidewater bench memory --rows 50000000 --groups 100000")]
    Memory(memory::Options),
    /// Time from producing a record to its row at a SUBSCRIBE client
    #[command(after_help = "Example:\n  tidewater bench freshness --rate 10000 --seconds 20")]
    Freshness(freshness::Options),
    /// What the change of one row costs each kind of view, and how fast a view over existing rows is made
    #[command(after_help = "Example:\n  tidewater bench state --rows 10000,1000000,10000000")]
    State(state::Options),
}

/// Runs a measurement and prints its figures.
pub(crate) fn run(bench: &Bench) -> Result<(), Message> {
    match bench {
        Bench::Bids(options) => bids::run(options),
        Bench::Memory(options) => memory::run(options),
        Bench::Freshness(options) => freshness::run(options),
        Bench::State(options) => state::run(options),
    }
}

/// CPU time of this process in seconds (user and system), in steps of the kernel's clock tick.
fn cpu_seconds() -> f64 {
    // Fields 14 and 15 of proc(5) stat, counted after the command name, which may hold spaces. 100 ticks a second on Linux.
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// A broker to measure against: one that was named, or the embedded one in a process of its own.
struct Target {
    brokers: String,
    child: Option<std::process::Child>,
}

impl Target {
    fn new(brokers: Option<&str>) -> Result<Target, Message> {
        if let Some(brokers) = brokers {
            return Ok(Target { brokers: brokers.to_string(), child: None });
        }
        let failed = |error: std::io::Error| format!("cannot start the embedded broker: {error}");
        let program = std::env::current_exe().map_err(failed)?;
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).map_err(failed)?;
        let brokers = free.to_string();
        let child = std::process::Command::new(program)
            .args(["broker", "--listen", &brokers, "--memory", "8000000000"])
            .stdout(std::process::Stdio::null())
            .spawn()
            .map_err(failed)?;
        let target = Target { brokers, child: Some(child) };
        for _ in 0..200 {
            if std::net::TcpStream::connect(&target.brokers).is_ok() {
                return Ok(target);
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Err("the embedded broker did not start".into())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

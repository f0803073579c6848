//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tidewater::config::{ServerOptions, parse_address};

mod command;

#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Streaming SQL over Kafka topics, read over the Postgres wire protocol.
#[derive(Parser)]
#[command(name = "tidewater", version, propagate_version = true, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Try it: embedded broker, live auction data, streams and views, Postgres port
    #[command(after_help = "Examples:\n  tidewater demo\n  tidewater demo --rate 50000 --listen 127.0.0.1:7000\n\n\
        Then, in another terminal:\n  psql -h 127.0.0.1 -p 6565 -U tidewater")]
    Demo {
        #[command(flatten)]
        server: ServerOptions,
        /// Address of the embedded Kafka broker [default: 127.0.0.1:9092, another port if that is taken]
        #[arg(long, value_name = "ADDR", env = "TIDEWATER_BROKER", value_parser = parse_address)]
        broker: Option<SocketAddr>,
        /// Rows per second of the made-up auction data
        #[arg(long, value_name = "ROWS_PER_S", env = "TIDEWATER_RATE", default_value_t = 10_000)]
        rate: u64,
    },
    /// Run the server
    #[command(after_help = "Examples:\n  tidewater serve\n  tidewater serve --config tidewater.toml\n  \
        tidewater serve --listen 0.0.0.0:6565 --password-file users.txt\n\n\
        A configuration file has the options as keys (workers = 2) and pipelines:\n  [[pipeline]]\n  name = \"bids\"\n  file = \"bids.sql\"")]
    Serve {
        #[command(flatten)]
        server: ServerOptions,
        /// Configuration file (TOML)
        #[arg(short, long, value_name = "FILE", env = "TIDEWATER_CONFIG")]
        config: Option<PathBuf>,
    },
    /// Apply SQL files, then serve: queries as configuration
    #[command(after_help = "Examples:\n  tidewater run streams.sql views.sql\n  tidewater run --exit report.sql")]
    Run {
        /// SQL files, applied in order
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Apply, wait until bounded inputs are done, print only the results of SELECTs, end
        #[arg(long)]
        exit: bool,
        #[command(flatten)]
        server: ServerOptions,
        /// Configuration file (TOML)
        #[arg(short, long, value_name = "FILE", env = "TIDEWATER_CONFIG")]
        config: Option<PathBuf>,
    },
    /// Run the embedded Kafka broker alone; it keeps nothing after it stops
    #[command(after_help = "Examples:\n  tidewater broker\n  tidewater broker --listen 127.0.0.1:9092")]
    Broker {
        /// Address to listen on
        #[arg(long, value_name = "ADDR", env = "TIDEWATER_BROKER_LISTEN", default_value = "127.0.0.1:9092", value_parser = parse_address)]
        listen: SocketAddr,
        /// Bytes of records kept over all topics at most; the oldest make room
        #[arg(long, value_name = "BYTES", env = "TIDEWATER_BROKER_MEMORY", default_value_t = 1 << 30)]
        memory: usize,
    },
    /// Measure
    #[command(subcommand)]
    Bench(command::bench::Bench),
    /// Print the version
    #[command(after_help = "Example:\n  tidewater version")]
    Version,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    init_log();
    let done = match arguments.command {
        Command::Demo { server, broker, rate } => command::demo::run(server, broker, rate),
        Command::Serve { server, config } => command::serve::serve(server, config.as_deref()),
        Command::Run { files, exit, server, config } => command::serve::run(&files, exit, server, config.as_deref()),
        Command::Broker { listen, memory } => command::broker::run(listen, memory),
        Command::Bench(bench) => command::bench::run(&bench),
        Command::Version => {
            command::say(&format!("tidewater {}", env!("CARGO_PKG_VERSION")));
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            command::complain(&format!("error: {message}"));
            ExitCode::FAILURE
        }
    }
}

/// Warnings and errors go to standard error; `RUST_LOG` asks for more.
fn init_log() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

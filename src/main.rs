//! The command line.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser, Subcommand};
use tidewater::config::{BrokerOptions, DemoOptions, ServerOptions};

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
        #[command(flatten)]
        demo: DemoOptions,
    },
    /// Run the server
    #[command(after_help = "Examples:\n  tidewater serve\n  tidewater serve --config tidewater.toml\n  \
        tidewater serve --listen 0.0.0.0:6565 --password-file users.txt\n\n\
        A configuration file has the options as keys (workers = 2) and pipelines:\n  [[pipeline]]\n  name = \"bids\"\n  file = \"bids.sql\"")]
    Serve {
        #[command(flatten)]
        server: ServerOptions,
    },
    /// Apply SQL files, then serve: queries as configuration
    #[command(after_help = "Examples:\n  tidewater run streams.sql views.sql\n  tidewater run --exit report.sql")]
    Run {
        /// SQL files, applied in order
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Apply, wait until bounded inputs are done, print only the results of SELECTs, end
        #[arg(long, env = "TIDEWATER_EXIT", value_name = "BOOLEAN", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
        exit: Option<bool>,
        #[command(flatten)]
        server: ServerOptions,
    },
    /// Run the embedded Kafka broker alone; it keeps nothing after it stops
    #[command(after_help = "Examples:\n  tidewater broker\n  tidewater broker --listen 127.0.0.1:9092")]
    Broker {
        #[command(flatten)]
        broker: BrokerOptions,
    },
    /// Measure
    #[command(subcommand)]
    Bench(command::bench::Bench),
    /// Print the version
    #[command(after_help = "Example:\n  tidewater version")]
    Version,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    init_log();
    let done = match arguments.command {
        Command::Demo { server, demo } => command::demo::run(server, demo),
        Command::Serve { server } => command::serve::serve(server),
        Command::Run { files, exit, server } => command::serve::run(&files, exit, server),
        Command::Broker { broker } => command::broker::run(broker),
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

/// Ends with what the command line lacks; of a wrong value says which option or environment variable has it.
fn refuse(error: &clap::Error) -> ExitCode {
    let (kind, option) = (error.kind(), error.get(ContextKind::InvalidArg).map(ToString::to_string));
    let (ErrorKind::ValueValidation | ErrorKind::InvalidValue, Some(option)) = (kind, option) else { error.exit() };
    let name = option.split([' ', '[', '=']).next().unwrap_or_default();
    let value = error.get(ContextKind::InvalidValue).map_or_else(String::new, ToString::to_string);
    let commands = Arguments::command();
    let options = commands.get_subcommands().flat_map(clap::Command::get_arguments);
    let mut variables = options.filter(|option| option.get_long() == name.get(2..)).filter_map(clap::Arg::get_env);
    let variable = variables.find(|variable| std::env::var_os(variable).is_some_and(|set| *set == *value));
    let is_given = std::env::args_os().any(|word| word.to_string_lossy().starts_with(name));
    let place = match variable {
        Some(variable) if !is_given => variable.to_string_lossy().into_owned(),
        _ => name.to_string(),
    };
    let possible = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) if !values.is_empty() => format!("; use {}", values.join(" or ")),
        _ => String::new(),
    };
    let reason = std::error::Error::source(error)
        .map_or_else(|| format!("invalid value \"{value}\"{possible}"), ToString::to_string);
    command::complain(&format!("error: {place}: {reason}"));
    ExitCode::FAILURE
}

/// Warnings and errors go to standard error; `RUST_LOG` asks for more.
fn init_log() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let colors = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colors).with_writer(std::io::stderr).init();
}

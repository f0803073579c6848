//! What the commands of the command line do. Here and only here is printed; errors leave as text.

use std::io::Write;
use std::sync::Arc;

use tidewater::catalog::DATABASE;
use tidewater::clock::Clock;
use tidewater::config::{Config, Pipeline};
use tidewater::engine::{Engine, Outcome};
use tidewater::flow::runtime::RuntimeOptions;
use tidewater::wire::{self, Authentication, Passwords, WireOptions};

pub(crate) mod bench;
pub(crate) mod broker;
pub(crate) mod demo;
pub(crate) mod serve;
mod table;

/// Text for the person at the terminal.
pub(crate) type Message = String;

/// Prints a line; a reader that went away is no error.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Prints a line to standard error.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Stack of a thread that plans statements; only what is used becomes memory.
const STACK_BYTES: usize = 256 << 20;

/// Threads that compute for connections; a connection takes one at a time.
const BLOCKING_THREADS_MAX: usize = 4096;

/// A runtime for sockets: workers have threads of their own, so two are enough.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Message>>) -> Result<T, Message> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        // The planner recurses; what the parser lets through must fit.
        .thread_stack_size(STACK_BYTES)
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    let answer = runtime.block_on(work);
    // Calls into librdkafka may still block; they do not hold the exit up.
    runtime.shutdown_background();
    answer
}

/// Starts an engine as configured.
pub(crate) fn start_engine(config: &Config) -> Result<Engine, Message> {
    let options = RuntimeOptions {
        workers: config.workers,
        tick_interval_ms: config.tick_interval_ms,
        past_bytes_max: config.past_bytes_max,
        ..RuntimeOptions::default()
    };
    Engine::start(options, Clock::System).map_err(|error| error.to_string())
}

/// Applies pipelines in order; sinks begin to write when all are applied. `exit` is `run --exit`: queries wait for bounded inputs,
/// and their results are printed.
pub(crate) async fn apply(engine: &Engine, pipelines: &[Pipeline], exit: bool) -> Result<(), Message> {
    // All texts are parsed before the first is applied: a syntax error in the last one leaves nothing half done.
    for pipeline in pipelines {
        engine.session(DATABASE).parse(&pipeline.sql).map_err(|error| pipeline.place(&error))?;
    }
    engine.open_sinks(false);
    for pipeline in pipelines {
        let each = async |outcome: Outcome| if exit { table::print(outcome).await } else { Ok(()) };
        if let Err(error) = engine.apply(&pipeline.sql, exit, each).await {
            engine.undo().await;
            return Err(pipeline.place(&error));
        }
    }
    engine.open_sinks(true);
    Ok(())
}

/// Opens the Postgres port.
pub(crate) async fn listen(engine: &Engine, config: &Config) -> Result<wire::Server, Message> {
    let mut options = WireOptions { connections_max: config.connections_max, ..WireOptions::new(config.listen) };
    if let Some(file) = &config.password_file {
        let passwords =
            Passwords::load(&file.path).map_err(|error| format!("{}{}", file.place, error.message_and_hint()))?;
        options.authentication = Authentication::Password(Arc::new(passwords));
    }
    wire::serve(engine.clone(), options).await.map_err(|error| error.message_and_hint())
}

/// Returns at Ctrl-C or SIGTERM.
pub(crate) async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

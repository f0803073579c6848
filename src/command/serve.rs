//! `serve` and `run`.

use std::path::PathBuf;

use tidewater::config::{Config, DemoOptions, Pipeline, ServerOptions};

use super::{Message, apply, block_on, complain, listen, start_engine, stop_signal};

/// The server: applies the configuration's pipelines, then listens until it is told to stop.
pub(crate) fn serve(options: ServerOptions) -> Result<(), Message> {
    let config = Config::resolve(options, DemoOptions::default(), None).map_err(|error| error.message_and_hint())?;
    block_on(run_server(Config { exit: false, ..config }, &[]))
}

/// The server with SQL files applied after the configuration's pipelines; with `exit`, only the files.
pub(crate) fn run(files: &[PathBuf], exit: Option<bool>, options: ServerOptions) -> Result<(), Message> {
    let config = Config::resolve(options, DemoOptions::default(), exit).map_err(|error| error.message_and_hint())?;
    let files = files.iter().map(|path| Pipeline::file(path)).collect::<Result<Vec<_>, _>>();
    let files = files.map_err(|error| error.message_and_hint())?;
    block_on(run_server(config, &files))
}

async fn run_server(config: Config, files: &[Pipeline]) -> Result<(), Message> {
    let engine = start_engine(&config)?;
    let pipelines: Vec<Pipeline> = config.pipelines.iter().chain(files).cloned().collect();
    apply(&engine, &pipelines, config.exit).await?;
    if config.exit {
        engine.finished().await.map_err(|error| error.message_and_hint())?;
        engine.finish().await.map_err(|error| error.message_and_hint())?;
        return Ok(());
    }
    let server = listen(&engine, &config).await?;
    complain(&format!(
        "tidewater {} listens on {}; everything is kept in memory and gone when it stops",
        env!("CARGO_PKG_VERSION"),
        server.address()
    ));
    stop_signal().await;
    server.stop().await;
    engine.stop().await;
    Ok(())
}

//! Runs `tests/slt/**/*.slt` over the wire, each file against a server of its own, with one worker and with two.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Runner};
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::harness::Server;

/// A client connection as sqllogictest drives it.
struct Wire {
    client: Client,
}

/// An error as the files match it: SQLSTATE, message, then detail, hint and position where there are any.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct WireError(String);

impl From<tokio_postgres::Error> for WireError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(error) = error.as_db_error() else { return WireError(format!("connection: {error:?}")) };
        let mut text = format!("{}: {}", error.code().code(), error.message());
        for (name, part) in [("detail", error.detail()), ("hint", error.hint())] {
            if let Some(part) = part {
                text += &format!(" {name}: {part}");
            }
        }
        if let Some(tokio_postgres::error::ErrorPosition::Original(position)) = error.position() {
            text += &format!(" position: {position}");
        }
        WireError(text)
    }
}

#[async_trait::async_trait]
impl AsyncDB for Wire {
    type Error = WireError;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<Self::ColumnType>, Self::Error> {
        let mut rows = Vec::new();
        let mut columns = None;
        let mut count = 0;
        for message in self.client.simple_query(sql).await? {
            match message {
                SimpleQueryMessage::RowDescription(description) => columns = Some(description.len()),
                SimpleQueryMessage::Row(row) => {
                    let value = |i| match row.get(i) {
                        None => "NULL".to_string(),
                        Some("") => "(empty)".to_string(),
                        Some(text) => text.to_string(),
                    };
                    rows.push((0..row.len()).map(value).collect());
                }
                SimpleQueryMessage::CommandComplete(n) => count = n,
                _ => {}
            }
        }
        Ok(match columns {
            Some(columns) => DBOutput::Rows { types: vec![DefaultColumnType::Text; columns], rows },
            None => DBOutput::StatementComplete(count),
        })
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &str {
        "tidewater"
    }

    async fn sleep(duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "slt") {
            found.push(path);
        }
    }
}

async fn run_all(workers: usize) {
    let mut found = Vec::new();
    files(Path::new("tests/slt"), &mut found);
    assert!(!found.is_empty());
    let mut failures = Vec::new();
    for path in found {
        let server = Server::start(workers).await;
        let mut runner = Runner::new(|| async { Ok(Wire { client: server.connect().await }) });
        if let Err(error) = runner.run_file_async(&path).await {
            failures.push(format!("{}: {error}", path.display()));
        }
        drop(runner);
        server.stop().await;
    }
    assert!(failures.is_empty(), "{} workers\n{}", workers, failures.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_with_one_worker() {
    run_all(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_with_two_workers() {
    run_all(2).await;
}

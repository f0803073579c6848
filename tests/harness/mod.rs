//! A server of ours in this process, and a PostgreSQL beside it where one is installed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tidewater::clock::Clock;
use tidewater::engine::Engine;
use tidewater::flow::runtime::RuntimeOptions;
use tidewater::wire::{self, WireOptions};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// A running server; everything stops with it.
pub(crate) struct Server {
    pub(crate) engine: Engine,
    pub(crate) port: wire::Server,
}

impl Server {
    /// A server with `workers` workers on a free port.
    pub(crate) async fn start(workers: usize) -> Server {
        let options = RuntimeOptions { workers, ..RuntimeOptions::default() };
        let engine = Engine::start(options, Clock::System).unwrap();
        let port = wire::serve(engine.clone(), WireOptions::new(([127, 0, 0, 1], 0).into())).await.unwrap();
        Server { engine, port }
    }

    /// A client connection.
    pub(crate) async fn connect(&self) -> Client {
        let address = self.port.address();
        connect(&format!("host={} port={} user=tidewater", address.ip(), address.port())).await
    }

    pub(crate) async fn stop(self) {
        self.port.stop().await;
        self.engine.stop().await;
    }
}

/// Connects and keeps the connection going in the background.
pub(crate) async fn connect(parameters: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(parameters, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Rows of a query as text, NULL as `NULL`.
pub(crate) async fn rows(client: &Client, sql: &str) -> Vec<Vec<String>> {
    let messages = client.simple_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let row = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => {
            Some((0..row.len()).map(|i| row.get(i).unwrap_or("NULL").to_string()).collect::<Vec<_>>())
        }
        _ => None,
    };
    messages.iter().filter_map(row).collect()
}

/// Runs statements and panics with the SQL if one fails.
pub(crate) async fn run(client: &Client, sql: &str) {
    client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

/// A PostgreSQL of our own in a temporary directory.
pub(crate) struct Postgres {
    directory: tempfile::TempDir,
    programs: PathBuf,
    port: u16,
}

impl Postgres {
    /// Starts one, or says loudly that there is none.
    pub(crate) async fn start() -> Option<Postgres> {
        let Some(programs) = programs() else {
            let message = "SKIPPED: no PostgreSQL server is installed, so nothing was compared with it";
            assert!(std::env::var_os("CI").is_none(), "{message}");
            println!("{message}");
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let postgres = Postgres { directory, programs, port };
        postgres.own();
        let data = postgres.directory.path().join("data");
        let data = data.display();
        postgres.call("initdb", &format!("-D {data} -A trust -U postgres -E UTF8 --locale=C"));
        let socket = postgres.directory.path().display();
        let options = format!("-p {port} -k {socket} -c fsync=off -c listen_addresses=127.0.0.1 -c timezone=UTC");
        postgres.call("pg_ctl", &format!("-D {data} -w -l {socket}/log -o '{options}' start"));
        Some(postgres)
    }

    pub(crate) async fn connect(&self) -> Client {
        self.connect_to("postgres").await
    }

    /// A connection to one of its databases.
    pub(crate) async fn connect_to(&self, database: &str) -> Client {
        let parameters = format!("host=127.0.0.1 port={} user=postgres dbname={database}", self.port);
        for _ in 0..100 {
            if tokio_postgres::connect(&parameters, NoTls).await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        connect(&parameters).await
    }

    /// PostgreSQL refuses to run as root: then the directory belongs to the user that its package made.
    fn own(&self) {
        if is_root() {
            let status = Command::new("chown").arg("postgres").arg(self.directory.path()).status().unwrap();
            assert!(status.success());
        }
    }

    fn call(&self, program: &str, arguments: &str) {
        let line = format!("cd / && {} {arguments}", self.programs.join(program).display());
        let mut command = if is_root() {
            let mut command = Command::new("su");
            command.args(["postgres", "-s", "/bin/sh", "-c", &line]);
            command
        } else {
            let mut command = Command::new("sh");
            command.args(["-c", &line]);
            command
        };
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert!(status.success(), "{line}");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.directory.path().join("data");
        self.call("pg_ctl", &format!("-D {} -m immediate stop", data.display()));
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.starts_with(b"0")
}

/// Where `initdb` is.
fn programs() -> Option<PathBuf> {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = installed.map(|entry| entry.path().join("bin")).collect();
    found.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    found.into_iter().find(|directory: &PathBuf| Path::new(&directory.join("initdb")).exists())
}

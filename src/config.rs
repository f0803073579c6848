//! Options of the server: command line over environment (`TIDEWATER_…`) over configuration file over defaults; pipelines.
//! In: parsed arguments and the text of a TOML file; out: [`Config`] or one error with file and line.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use crate::error::{Error, Result, code};

/// Where the Postgres port listens by default.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:6565";

/// Worker threads at most.
const WORKERS_MAX: usize = 256;

/// Options that every command with a server takes; each is also a key of the file and an environment variable.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerOptions {
    /// Address of the Postgres port [default: 127.0.0.1:6565]
    #[arg(long, value_name = "ADDR", env = "TIDEWATER_LISTEN", value_parser = parse_address)]
    #[serde(default, deserialize_with = "read_address")]
    pub listen: Option<SocketAddr>,
    /// Directory for durable state (not supported by this version, which keeps everything in memory)
    #[arg(long, value_name = "DIR", env = "TIDEWATER_DATA")]
    pub data: Option<PathBuf>,
    /// Worker threads [default: half of the processors, at least 1]
    #[arg(long, value_name = "N", env = "TIDEWATER_WORKERS")]
    pub workers: Option<usize>,
    /// File with lines `user:password` or `user:SCRAM-SHA-256$…`; needed to listen beyond this machine
    #[arg(long, value_name = "FILE", env = "TIDEWATER_PASSWORD_FILE")]
    pub password_file: Option<PathBuf>,
    /// Longest wait of rows for a tick while busy, in ms [default: 100]
    #[arg(long, value_name = "MS", env = "TIDEWATER_TICK_INTERVAL_MS")]
    pub tick_interval_ms: Option<u64>,
    /// Connections at most [default: 200]
    #[arg(long, value_name = "N", env = "TIDEWATER_CONNECTIONS_MAX")]
    pub connections_max: Option<usize>,
    /// Bytes of changes kept for transactions that read an earlier tick; the oldest end beyond [default: 268435456]
    #[arg(long, value_name = "BYTES", env = "TIDEWATER_PAST_BYTES_MAX")]
    pub past_bytes_max: Option<usize>,
    /// `[[pipeline]]` entries of the file.
    #[arg(skip)]
    #[serde(default)]
    pub pipeline: Vec<PipelineEntry>,
}

/// A `[[pipeline]]` entry as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineEntry {
    name: Spanned<String>,
    sql: Option<Spanned<String>>,
    file: Option<Spanned<PathBuf>>,
}

/// SQL to apply before the server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    /// Name, for messages.
    pub name: String,
    /// File the text stands in.
    pub path: PathBuf,
    /// Line of the file on which the text begins, from 1.
    pub first_line: usize,
    /// The text.
    pub sql: String,
}

/// Resolved options.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address of the Postgres port.
    pub listen: SocketAddr,
    /// Worker threads.
    pub workers: usize,
    /// Users and passwords.
    pub password_file: Option<PathBuf>,
    /// Longest wait of rows for a tick while busy, in ms.
    pub tick_interval_ms: u64,
    /// Connections at most.
    pub connections_max: usize,
    /// Bytes of changes kept for transactions that read an earlier tick.
    pub past_bytes_max: usize,
    /// SQL to apply, in order.
    pub pipelines: Vec<Pipeline>,
}

impl Config {
    /// Options given by hand over those of the file (if any) over the defaults.
    pub fn resolve(given: ServerOptions, file: Option<&Path>) -> Result<Config> {
        let (from_file, pipelines) = match file {
            Some(path) => read(path)?,
            None => (ServerOptions::default(), Vec::new()),
        };
        if given.data.or(from_file.data).is_some() {
            return Err(Error::unsupported("a data directory is not supported by this version").hint(
                "leave out --data: everything is kept in memory and read again from its sources after a restart",
            ));
        }
        let workers = given.workers.or(from_file.workers).unwrap_or_else(default_workers);
        if !(1..=WORKERS_MAX).contains(&workers) {
            let message = format!("workers must be between 1 and {WORKERS_MAX}, not {workers}");
            return Err(Error::new(code::INVALID_PARAMETER_VALUE, message)
                .hint("more workers than processors make nothing faster"));
        }
        Ok(Config {
            listen: given.listen.or(from_file.listen).unwrap_or(SocketAddr::from(([127, 0, 0, 1], 6565))),
            workers,
            password_file: given.password_file.or(from_file.password_file),
            tick_interval_ms: given.tick_interval_ms.or(from_file.tick_interval_ms).unwrap_or(100).max(1),
            connections_max: given.connections_max.or(from_file.connections_max).unwrap_or(200).max(1),
            past_bytes_max: given.past_bytes_max.or(from_file.past_bytes_max).unwrap_or(256 << 20),
            pipelines,
        })
    }
}

impl Pipeline {
    /// A whole SQL file.
    pub fn file(path: &Path) -> Result<Pipeline> {
        let sql = read_text(path)?;
        Ok(Pipeline { name: path.display().to_string(), path: path.to_path_buf(), first_line: 1, sql })
    }

    /// An error of this text with file and line, and column, in front.
    pub fn place(&self, error: &Error) -> String {
        let position = error.position.unwrap_or(1).max(1) - 1;
        let before: String = self.sql.chars().take(position).collect();
        let line = self.first_line + before.matches('\n').count();
        let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        format!("{}:{line}:{column}: {error}", self.path.display())
    }
}

/// `host:port`; of a name's addresses the first, IPv4 before IPv6.
pub fn parse_address(text: &str) -> std::result::Result<SocketAddr, String> {
    let known = text.to_socket_addrs().map_err(|error| {
        format!("\"{text}\" is no address to listen on ({error}); give host:port, e.g. {DEFAULT_LISTEN}")
    })?;
    known.min_by_key(SocketAddr::is_ipv6).ok_or_else(|| format!("\"{text}\" has no address"))
}

fn read_address<'de, D: Deserializer<'de>>(text: D) -> std::result::Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(text)?;
    parse_address(&text).map(Some).map_err(serde::de::Error::custom)
}

fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1))
}

fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .map_err(|error| Error::new(code::IO_ERROR, format!("cannot read {}: {error}", path.display())))
}

/// Options and pipelines of a TOML file.
fn read(path: &Path) -> Result<(ServerOptions, Vec<Pipeline>)> {
    let text = read_text(path)?;
    let mut options: ServerOptions = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(&text, span.start));
        Error::new(code::CONFIG_FILE_ERROR, format!("{}:{line}: {}", path.display(), error.message().trim()))
    })?;
    let directory = path.parent().unwrap_or(Path::new("."));
    // Paths in the file are relative to the file.
    options.password_file = options.password_file.map(|file| directory.join(file));
    let mut pipelines: Vec<Pipeline> = Vec::new();
    for entry in std::mem::take(&mut options.pipeline) {
        let at = |offset: usize, message: String| {
            Error::new(code::CONFIG_FILE_ERROR, format!("{}:{}: {message}", path.display(), line_of(&text, offset)))
        };
        let name = entry.name.get_ref().clone();
        let start = entry.name.span().start;
        if pipelines.iter().any(|pipeline| pipeline.name == name) {
            return Err(at(start, format!("pipeline \"{name}\" is defined twice")));
        }
        pipelines.push(match (entry.sql, entry.file) {
            (Some(sql), None) => {
                let offset = sql.span().start;
                // A line break right after the opening quotes is not part of the text.
                let first_line = line_of(&text, offset) + usize::from(text[offset..].starts_with("\"\"\"\n"));
                Pipeline { name, path: path.to_path_buf(), first_line, sql: sql.into_inner() }
            }
            (None, Some(file)) => {
                let offset = file.span().start;
                let file = directory.join(file.into_inner());
                let pipeline = Pipeline::file(&file).map_err(|error| at(offset, error.message))?;
                Pipeline { name, ..pipeline }
            }
            _ => return Err(at(start, format!("pipeline \"{name}\" needs either sql or file"))),
        });
    }
    Ok((options, pipelines))
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())].iter().filter(|&&byte| byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<Config> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.toml");
        std::fs::write(&path, text).unwrap();
        Config::resolve(ServerOptions::default(), Some(&path))
    }

    #[test]
    fn a_wrong_key_or_type_is_told_with_its_line() {
        let error = check("workers = 2\nlissten = \"x\"\n").unwrap_err();
        assert!(error.message.contains("t.toml:2:") && error.message.contains("lissten"), "{error}");
        let error = check("\nworkers = \"two\"\n").unwrap_err();
        assert!(error.message.contains("t.toml:2:"), "{error}");
        let error = check("[[pipeline]]\nname = \"a\"\n").unwrap_err();
        assert!(error.message.contains("t.toml:2:") && error.message.contains("needs either"), "{error}");
    }

    #[test]
    fn names_are_resolved_and_workers_are_bounded() {
        let config = check("listen = \"localhost:7012\"\n").unwrap();
        assert!(config.listen.ip().is_loopback() && config.listen.port() == 7012, "{}", config.listen);
        let error = check("listen = \"nowhere\"\n").unwrap_err();
        assert!(error.message.contains("t.toml:1:") && error.message.contains("nowhere"), "{error}");
        assert!(check("workers = 256\n").is_ok());
        let error = check("workers = 99999999999\n").unwrap_err();
        assert!(error.message.contains("between 1 and 256"), "{error}");
    }

    #[test]
    fn errors_in_sql_are_placed_in_the_file() {
        let config =
            check("workers = 3\n[[pipeline]]\nname = \"p\"\nsql = \"\"\"\nSELECT 1;\n  SELEC 2;\n\"\"\"\n").unwrap();
        assert_eq!(config.workers, 3);
        let place = config.pipelines[0].place(&Error::new(code::SYNTAX_ERROR, "bad").at(13));
        assert!(place.contains("t.toml:6:3: bad"), "{place}");
    }

    #[test]
    fn given_options_win_over_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.toml");
        std::fs::write(&path, "workers = 2\nlisten = \"127.0.0.1:7000\"\n").unwrap();
        let given = ServerOptions { workers: Some(5), ..ServerOptions::default() };
        let config = Config::resolve(given, Some(&path)).unwrap();
        assert_eq!((config.workers, config.listen.port()), (5, 7000));
    }
}

//! Options of the server: command line over environment (`TIDEWATER_…`) over configuration file over defaults; pipelines.
//! In: parsed arguments and the text of a TOML file; out: [`Config`] or one error with file and line.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use crate::error::{Error, Result, code};

/// Where the Postgres port listens by default.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:6565";

/// Where the embedded broker listens by default.
const DEFAULT_BROKER_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9092);

/// Options that every command with a server takes; each is also a key of the file and an environment variable.
#[derive(Debug, Clone, Default, Args)]
pub struct ServerOptions {
    /// Address of the Postgres port [default: 127.0.0.1:6565]
    #[arg(long, value_name = "ADDR", env = "TIDEWATER_LISTEN", value_parser = parse_address)]
    pub listen: Option<SocketAddr>,
    /// Directory for durable state (not supported by this version, which keeps everything in memory)
    #[arg(long, value_name = "DIR", env = "TIDEWATER_DATA")]
    pub data: Option<PathBuf>,
    /// Worker threads [default: half of the processors, at least 1]
    #[arg(long, value_name = "N", env = "TIDEWATER_WORKERS")]
    pub workers: Option<Workers>,
    /// File with lines `user:password` or `user:SCRAM-SHA-256$…`; needed to listen beyond this machine
    #[arg(long, value_name = "FILE", env = "TIDEWATER_PASSWORD_FILE")]
    pub password_file: Option<PathBuf>,
    /// Longest wait of rows for a tick while busy, in ms [default: 100]
    #[arg(long, value_name = "MS", env = "TIDEWATER_TICK_INTERVAL_MS")]
    pub tick_interval_ms: Option<TickInterval>,
    /// Connections at most [default: 200]
    #[arg(long, value_name = "N", env = "TIDEWATER_CONNECTIONS_MAX")]
    pub connections_max: Option<ConnectionsMax>,
    /// Bytes of changes kept for transactions that read an earlier tick; the oldest end beyond [default: 268435456]
    #[arg(long, value_name = "BYTES", env = "TIDEWATER_PAST_BYTES_MAX")]
    pub past_bytes_max: Option<PastBytes>,
    /// Configuration file (TOML)
    #[arg(short, long, value_name = "FILE", env = "TIDEWATER_CONFIG")]
    pub config: Option<PathBuf>,
}

/// Options of `demo` beside the server's.
#[derive(Debug, Clone, Default, Args)]
pub struct DemoOptions {
    /// Address of the embedded Kafka broker [default: 127.0.0.1:9092, another port if that is taken]
    #[arg(long, value_name = "ADDR", env = "TIDEWATER_BROKER", value_parser = parse_address)]
    pub broker: Option<SocketAddr>,
    /// Rows per second of the made-up auction data [default: 10000]
    #[arg(long, value_name = "ROWS_PER_S", env = "TIDEWATER_RATE")]
    pub rate: Option<Rate>,
}

/// Options of `broker`.
#[derive(Debug, Clone, Default, Args)]
pub struct BrokerOptions {
    /// Address to listen on [default: 127.0.0.1:9092]
    #[arg(long, value_name = "ADDR", env = "TIDEWATER_BROKER_LISTEN", value_parser = parse_address)]
    pub listen: Option<SocketAddr>,
    /// Bytes of records kept over all topics at most; the oldest make room [default: 1073741824]
    #[arg(long, value_name = "BYTES", env = "TIDEWATER_BROKER_MEMORY")]
    pub memory: Option<BrokerMemory>,
    /// Configuration file (TOML)
    #[arg(short, long, value_name = "FILE", env = "TIDEWATER_CONFIG")]
    pub config: Option<PathBuf>,
}

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole<const MIN: u64, const MAX: u64>(pub u64);

/// Worker threads.
pub type Workers = Whole<1, 256>;
/// ms.
pub type TickInterval = Whole<1, 60_000>;
/// Connections.
pub type ConnectionsMax = Whole<1, 100_000>;
/// Bytes.
pub type PastBytes = Whole<0, { 1 << 46 }>;
/// Rows per second.
pub type Rate = Whole<1, 10_000_000>;
/// Bytes.
pub type BrokerMemory = Whole<{ 1 << 16 }, { 1 << 46 }>;

impl<const MIN: u64, const MAX: u64> Whole<MIN, MAX> {
    fn checked(number: i128) -> std::result::Result<Self, String> {
        let within = u64::try_from(number).ok().filter(|number| (MIN..=MAX).contains(number));
        within.map(Whole).ok_or_else(|| format!("must be between {MIN} and {MAX}, not {number}"))
    }
}

impl<const MIN: u64, const MAX: u64> FromStr for Whole<MIN, MAX> {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let number = text.trim().parse().map_err(|_| format!("must be a whole number, not \"{text}\""))?;
        Self::checked(number)
    }
}

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Whole<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(number: D) -> std::result::Result<Self, D::Error> {
        Self::checked(i64::deserialize(number)?.into()).map_err(serde::de::Error::custom)
    }
}

/// The keys of a configuration file: an environment variable is `TIDEWATER_` and the key in capitals.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FileOptions {
    #[serde(deserialize_with = "read_address")]
    listen: Option<SocketAddr>,
    data: Option<Spanned<PathBuf>>,
    workers: Option<Workers>,
    password_file: Option<Spanned<PathBuf>>,
    tick_interval_ms: Option<TickInterval>,
    connections_max: Option<ConnectionsMax>,
    past_bytes_max: Option<PastBytes>,
    #[serde(deserialize_with = "read_address")]
    broker: Option<SocketAddr>,
    rate: Option<Rate>,
    exit: Option<bool>,
    #[serde(deserialize_with = "read_address")]
    broker_listen: Option<SocketAddr>,
    broker_memory: Option<BrokerMemory>,
    pipeline: Vec<PipelineEntry>,
}

/// A `[[pipeline]]` entry as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PipelineEntry {
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
    pub password_file: Option<PasswordFile>,
    /// Longest wait of rows for a tick while busy, in ms.
    pub tick_interval_ms: u64,
    /// Connections at most.
    pub connections_max: usize,
    /// Bytes of changes kept for transactions that read an earlier tick.
    pub past_bytes_max: usize,
    /// What `demo` does beside serving.
    pub demo: Demo,
    /// Whether `run` ends when its files are applied.
    pub exit: bool,
    /// SQL to apply, in order.
    pub pipelines: Vec<Pipeline>,
}

/// Where users and passwords stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordFile {
    /// The file.
    pub path: PathBuf,
    /// Configuration file, line and key that name it, for errors; empty if it was given by hand.
    pub place: String,
}

/// Resolved options of `demo`.
#[derive(Debug, Clone)]
pub struct Demo {
    /// Address of the embedded broker; `None`: the usual one, or any if that is taken.
    pub broker: Option<SocketAddr>,
    /// Rows per second.
    pub rate: u64,
}

impl Config {
    /// Options given by hand over those of the file (if any) over the defaults.
    pub fn resolve(given: ServerOptions, demo: DemoOptions, exit: Option<bool>) -> Result<Config> {
        let File { options: file, text, pipelines } = read_file(given.config.as_deref())?;
        let place = |key: &str, offset: usize| {
            let path = given.config.as_deref().unwrap_or(Path::new(""));
            format!("{}:{}: {key}: ", path.display(), line_of(&text, offset))
        };
        let data = given.data.map(|_| String::new());
        if let Some(place) = data.or(file.data.map(|data| place("data", data.span().start))) {
            let message = format!("{place}a data directory is not supported by this version");
            return Err(Error::unsupported(message)
                .hint("leave it out: everything is kept in memory and read again from its sources after a restart"));
        }
        let password_file = given.password_file.map(|path| PasswordFile { path, place: String::new() });
        // Paths in the file are relative to the file.
        let directory = given.config.as_deref().and_then(Path::parent).unwrap_or(Path::new("."));
        let password_file = password_file.or(file.password_file.map(|file| PasswordFile {
            place: place("password_file", file.span().start),
            path: directory.join(file.into_inner()),
        }));
        Ok(Config {
            listen: given.listen.or(file.listen).unwrap_or(SocketAddr::from(([127, 0, 0, 1], 6565))),
            workers: given.workers.or(file.workers).map_or_else(default_workers, |workers| workers.0 as usize),
            password_file,
            tick_interval_ms: given.tick_interval_ms.or(file.tick_interval_ms).map_or(100, |interval| interval.0),
            connections_max: given.connections_max.or(file.connections_max).map_or(200, |max| max.0 as usize),
            past_bytes_max: given.past_bytes_max.or(file.past_bytes_max).map_or(256 << 20, |bytes| bytes.0 as usize),
            demo: Demo {
                broker: demo.broker.or(file.broker),
                rate: demo.rate.or(file.rate).map_or(10_000, |rate| rate.0),
            },
            exit: exit.or(file.exit).unwrap_or_default(),
            pipelines,
        })
    }
}

/// Address and bytes of memory of the embedded broker alone: options given by hand over those of the file over the defaults.
pub fn resolve_broker(given: BrokerOptions) -> Result<(SocketAddr, usize)> {
    let file = read_file(given.config.as_deref())?.options;
    let memory = given.memory.or(file.broker_memory).map_or(1 << 30, |bytes| bytes.0 as usize);
    Ok((given.listen.or(file.broker_listen).unwrap_or(DEFAULT_BROKER_LISTEN), memory))
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

/// A TOML file.
#[derive(Default)]
struct File {
    options: FileOptions,
    text: String,
    pipelines: Vec<Pipeline>,
}

/// Reads a TOML file, if there is one.
fn read_file(path: Option<&Path>) -> Result<File> {
    let Some(path) = path else { return Ok(File::default()) };
    let text = read_text(path)?;
    let mut options: FileOptions = toml::from_str(&text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let key = mistaken_key(&text, start).map_or_else(String::new, |key| format!("{key}: "));
        let reason = if is_without_value(&text, start) { "a value is missing" } else { error.message().trim() };
        let message = format!("{}:{}: {key}{reason}", path.display(), line_of(&text, start));
        Error::new(code::CONFIG_FILE_ERROR, message)
    })?;
    let directory = path.parent().unwrap_or(Path::new("."));
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
    Ok(File { options, text, pipelines })
}

/// Whether nothing stands behind the `=` of the line that `offset` is in.
fn is_without_value(text: &str, offset: usize) -> bool {
    let line = text.lines().nth(line_of(text, offset) - 1).and_then(|line| line.split_once('='));
    line.is_some_and(|(_, value)| value.trim().is_empty() || value.trim().starts_with('#'))
}

/// The key whose value begins at `offset`.
fn mistaken_key(text: &str, offset: usize) -> Option<&str> {
    let line = text.get(..offset)?.rsplit('\n').next()?;
    let key = line.split_once('=')?.0.trim();
    (!key.is_empty()).then_some(key)
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
        resolve(ServerOptions::default(), &path)
    }

    fn resolve(given: ServerOptions, path: &Path) -> Result<Config> {
        Config::resolve(ServerOptions { config: Some(path.into()), ..given }, DemoOptions::default(), None)
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
        assert!(error.message.ends_with("t.toml:1: workers: must be between 1 and 256, not 99999999999"), "{error}");
    }

    #[test]
    fn every_option_is_a_key() {
        let text = "listen = \"127.0.0.1:1\"\nworkers = 3\npassword_file = \"p\"\ntick_interval_ms = 20\nconnections_max = 7\npast_bytes_max = 9\n\
            broker = \"127.0.0.1:2\"\nrate = 5\nexit = true\nbroker_listen = \"127.0.0.1:3\"\nbroker_memory = 100000\n";
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.toml");
        std::fs::write(&path, text).unwrap();
        let config = resolve(ServerOptions::default(), &path).unwrap();
        assert_eq!((config.listen.port(), config.workers, config.tick_interval_ms), (1, 3, 20));
        assert_eq!((config.connections_max, config.past_bytes_max), (7, 9));
        assert_eq!((config.demo.rate, config.exit), (5, true));
        let password_file = config.password_file.unwrap();
        assert_eq!(password_file.path, directory.path().join("p"));
        assert!(password_file.place.ends_with("t.toml:3: password_file: "), "{}", password_file.place);
        assert_eq!(config.demo.broker.map(|address| address.port()), Some(2));
        let broker = resolve_broker(BrokerOptions { config: Some(path), ..BrokerOptions::default() }).unwrap();
        assert_eq!((broker.0.port(), broker.1), (3, 100_000));
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
        let given = ServerOptions { workers: Some(Whole(5)), ..ServerOptions::default() };
        let config = resolve(given, &path).unwrap();
        assert_eq!((config.workers, config.listen.port()), (5, 7000));
    }
}

//! Options of `connector = 'kafka'`: ours, the names other engines give them, and librdkafka's own as `kafka.<name>`.

use std::time::Duration;

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;

use super::native;
use crate::connector::Options;
use crate::connector::options::{Taking, invalid};
use crate::error::{Error, Result, code};

/// Names of `brokers`: ours, Flink's, RisingWave's, Arroyo's, librdkafka's.
const BROKERS: &[&str] = &[
    "brokers",
    "bootstrap.servers",
    "bootstrap_servers",
    "properties.bootstrap.servers",
    "properties.bootstrap.server",
    "kafka.bootstrap.servers",
    "kafka.brokers",
    "kafka.metadata.broker.list",
];

/// Names of `topic`: ours, ksqlDB's, older RisingWave's.
const TOPIC: &[&str] = &["topic", "kafka_topic", "kafka.topic"];

/// Names of `start`: ours, Flink's and RisingWave's, Arroyo's, older RisingWave's.
const START: &[&str] = &["start", "scan.startup.mode", "source.offset", "kafka.scan.startup.mode"];

/// Prefixes of librdkafka's options: ours; Flink's and RisingWave's.
const LIBRDKAFKA_PREFIXES: &[&str] = &["kafka.", "properties."];

/// Arroyo's names of librdkafka options.
const AUTH_ALIASES: &[(&str, &str)] = &[
    ("auth.protocol", "security.protocol"),
    ("auth.mechanism", "sasl.mechanism"),
    ("auth.username", "sasl.username"),
    ("auth.password", "sasl.password"),
];

/// librdkafka options that a statement may not set, with the reason.
const RESERVED: &[(&str, &str)] = &[
    ("enable.auto.commit", "positions are kept by Tidewater, not by the broker"),
    ("auto.commit.enable", "positions are kept by Tidewater, not by the broker"),
    ("enable.auto.offset.store", "positions are kept by Tidewater, not by the broker"),
    (
        "auto.offset.reset",
        "records would be skipped in silence; say where to begin with start = 'earliest' or 'latest'",
    ),
    ("enable.partition.eof", "the reader relies on it to see the end of a partition"),
    ("enable.idempotence", "without it a retry writes records twice or out of order"),
    ("transactional.id", "the sink is at-least-once and opens no transactions"),
    ("delivery.report.only.error", "the sink relies on it to notice lost records"),
    ("log.queue", "it belongs to the client library"),
    ("plugin.library.paths", "it loads code into the server"),
    ("sasl.kerberos.kinit.cmd", "it runs commands on the server"),
    ("builtin.features", "it belongs to the client library"),
];

/// librdkafka options without a default value that a stream may need; for hints only.
const WITHOUT_DEFAULT: &[&str] = &[
    "sasl.username",
    "sasl.password",
    "sasl.oauthbearer.config",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.key.location",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.cipher.suites",
    "group.id",
    "group.instance.id",
    "client.rack",
    "debug",
];

/// Where a stream begins that has no position yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// The oldest record that the topic still holds.
    Earliest,
    /// What is written after the stream was created.
    Latest,
}

/// Checked options of a source or sink.
#[derive(Debug, Clone)]
pub(super) struct KafkaOptions {
    /// `host:port,…`
    pub(super) brokers: String,
    /// The topic.
    pub(super) topic: String,
    /// Where to begin; of no use to sinks.
    pub(super) start: Start,
    /// Whether a topic that is missing is created.
    pub(super) create_topic: bool,
    /// Partitions of a created topic; `None` leaves it to the broker.
    pub(super) partitions: Option<i32>,
    librdkafka: Vec<(String, String)>,
}

impl KafkaOptions {
    /// Options of a source.
    pub(super) fn source(options: &Options) -> Result<KafkaOptions> {
        let mut taking = Taking::new("kafka", options);
        let mut parsed = Self::shared(&mut taking)?;
        if let Some(start) = taking.take(START)? {
            parsed.start = parse_start(start)?;
        }
        parsed.finish(taking)
    }

    /// Options of a sink.
    pub(super) fn sink(options: &Options) -> Result<KafkaOptions> {
        let mut taking = Taking::new("kafka", options);
        Self::shared(&mut taking)?.finish(taking)
    }

    /// A client configuration with our `defaults`, which the statement's `kafka.<name>` options override.
    pub(super) fn client(&self, defaults: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set_log_level(RDKafkaLogLevel::Warning);
        config
            .set("client.id", "tidewater")
            .set("socket.nagle.disable", "true")
            .set("reconnect.backoff.max.ms", "2000");
        for (name, value) in defaults {
            config.set(*name, *value);
        }
        for (name, value) in &self.librdkafka {
            config.set(name, value);
        }
        config.set("bootstrap.servers", &self.brokers);
        config
    }

    /// How often a reader looks at its topic: librdkafka's `topic.metadata.refresh.interval.ms` where the statement sets it.
    pub(super) fn watch_interval(&self) -> Option<Duration> {
        let name = "topic.metadata.refresh.interval.ms";
        let interval = self.librdkafka.iter().find(|(option, _)| option == name)?;
        interval.1.parse().ok().filter(|ms| *ms > 0).map(Duration::from_millis)
    }

    /// Whether connections begin with a TLS handshake.
    pub(super) fn is_encrypted(&self) -> bool {
        let is_protocol = |option: &&(String, String)| option.0 == "security.protocol";
        self.librdkafka.iter().find(is_protocol).is_some_and(|(_, value)| value.to_ascii_uppercase().contains("SSL"))
    }

    fn shared(taking: &mut Taking<'_>) -> Result<KafkaOptions> {
        let brokers = taking.require(BROKERS, "localhost:9092")?.to_string();
        let topic = taking.require(TOPIC, "orders")?.to_string();
        if topic.contains(',') || topic.contains('\0') || topic.starts_with('^') {
            return Err(invalid(format!("\"{topic}\" is not the name of one topic"))
                .hint("several topics or a pattern are not supported; create one stream per topic and use UNION ALL"));
        }
        let create_topic = taking.flag("create_topic")?;
        let partitions = match taking.number("partitions")? {
            Some(n) => Some(
                i32::try_from(n)
                    .ok()
                    .filter(|n| *n > 0)
                    .ok_or_else(|| invalid(format!("option \"partitions\" must be between 1 and {}", i32::MAX)))?,
            ),
            None => None,
        };
        if partitions.is_some() && !create_topic {
            return Err(invalid("option \"partitions\" has no meaning for an existing topic")
                .hint("add create_topic = 'true', or leave \"partitions\" out"));
        }
        let librdkafka = Vec::new();
        Ok(KafkaOptions { brokers, topic, start: Start::Earliest, create_topic, partitions, librdkafka })
    }

    /// Takes librdkafka's options, refuses what is left over, and has librdkafka check names and values.
    fn finish(mut self, mut taking: Taking<'_>) -> Result<KafkaOptions> {
        for (alias, name) in AUTH_ALIASES {
            if let Some(value) = taking.take(&[alias])? {
                self.librdkafka.push(((*name).to_string(), value.to_string()));
            }
        }
        for (name, value) in taking.take_prefixed(LIBRDKAFKA_PREFIXES) {
            if let Some((_, why)) = RESERVED.iter().find(|(reserved, _)| *reserved == name) {
                return Err(invalid(format!("option \"kafka.{name}\" cannot be set: {why}")));
            }
            self.librdkafka.push((name.to_string(), value.to_string()));
        }
        taking.finish(&["kafka.<any librdkafka option>"])?;
        self.client(&[]).create_native_config().map_err(configuration_error)?;
        Ok(self)
    }
}

fn parse_start(value: &str) -> Result<Start> {
    match value.trim().to_ascii_lowercase().as_str() {
        "earliest" | "earliest-offset" | "beginning" => Ok(Start::Earliest),
        "latest" | "latest-offset" | "end" => Ok(Start::Latest),
        other @ ("group-offsets" | "group" | "timestamp" | "specific-offsets") => {
            Err(Error::unsupported(format!("start = '{other}' is not supported")).hint("use 'earliest' or 'latest'"))
        }
        _ => Err(invalid(format!("option \"start\" must be 'earliest' or 'latest', not '{value}'"))),
    }
}

/// Why librdkafka refused a configuration. Values are not shown: they may be passwords.
pub(super) fn configuration_error(error: KafkaError) -> Error {
    let KafkaError::ClientConfig(kind, reason, name, _) = error else {
        return invalid(format!("kafka client: {}", super::errors::clean(&error.to_string())));
    };
    if kind != RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN {
        let reason = super::errors::clean(&reason);
        return invalid(format!("option \"kafka.{name}\": {reason}"))
            .hint("values are those of librdkafka's CONFIGURATION.md");
    }
    let mut names = native::defaulted_option_names();
    names.extend(WITHOUT_DEFAULT.iter().map(|name| (*name).to_string()));
    names.sort_unstable();
    names.dedup();
    let similar = super::errors::similar(&name, names, 3);
    let mut hint = "names are those of librdkafka, not of the Java client".to_string();
    if !similar.is_empty() {
        hint = format!("similar names: {}; {hint}", similar.join(", "));
    }
    Error::new(code::FDW_INVALID_OPTION_NAME, format!("librdkafka has no option \"{name}\"")).hint(hint)
}

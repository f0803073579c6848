//! The settings of topics and of the broker: names, types and defaults of Apache Kafka 4.2, and those that have an effect here.
//!
//! In effect: `retention.bytes`, `retention.ms` (counted from when the broker got a batch, so that records with old timestamps can be
//! tried out), `max.message.bytes`, `message.timestamp.type`, `message.timestamp.after.max.ms`, and `delete` in `cleanup.policy`. The
//! others are accepted, validated and shown, and change nothing: nothing is compacted, and there are neither segments nor followers.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::ResponseError;

use super::protocol::Refusal;

/// What a value must look like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// `true` or `false`.
    Boolean,
    /// An i32 that is at least the bound.
    Int(i64),
    /// An i64 that is at least the bound.
    Long(i64),
    /// A number from 0 to 1.
    Ratio,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Some of these words, with commas between them.
    List(&'static [&'static str]),
    /// Words that are not looked at, with commas between them.
    Words,
}

impl Kind {
    /// The type's number in DescribeConfigs.
    pub(super) fn code(self) -> i8 {
        match self {
            Kind::Boolean => 1,
            Kind::Choice(_) => 2,
            Kind::Int(_) => 3,
            Kind::Long(_) => 5,
            Kind::Ratio => 6,
            Kind::List(_) | Kind::Words => 7,
        }
    }

    /// Whether a value is a list, to which something can be appended.
    pub(super) fn is_list(self) -> bool {
        matches!(self, Kind::List(_) | Kind::Words)
    }

    fn accepts(self, value: &str) -> bool {
        match self {
            Kind::Boolean => matches!(value, "true" | "false"),
            Kind::Int(least) => value.parse::<i32>().is_ok_and(|number| i64::from(number) >= least),
            Kind::Long(least) => value.parse::<i64>().is_ok_and(|number| number >= least),
            Kind::Ratio => value.parse::<f64>().is_ok_and(|number| (0.0..=1.0).contains(&number)),
            Kind::Choice(words) => words.contains(&value),
            Kind::List(words) => value.split(',').all(|word| words.contains(&word.trim())),
            Kind::Words => true,
        }
    }
}

/// A setting of a topic.
#[derive(Debug)]
pub(super) struct Definition {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) default: &'static str,
}

const fn define(name: &'static str, kind: Kind, default: &'static str) -> Definition {
    Definition { name, kind, default }
}

/// Every setting of a topic, in alphabetical order.
pub(super) const DEFINITIONS: &[Definition] = &[
    define("cleanup.policy", Kind::List(&["delete", "compact"]), "delete"),
    define("compression.gzip.level", Kind::Int(-1), "-1"),
    define("compression.lz4.level", Kind::Int(1), "9"),
    define(
        "compression.type",
        Kind::Choice(&["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"]),
        "producer",
    ),
    define("compression.zstd.level", Kind::Int(-131_072), "3"),
    define("delete.retention.ms", Kind::Long(0), "86400000"),
    define("file.delete.delay.ms", Kind::Long(0), "60000"),
    define("flush.messages", Kind::Long(1), "9223372036854775807"),
    define("flush.ms", Kind::Long(0), "9223372036854775807"),
    define("follower.replication.throttled.replicas", Kind::Words, ""),
    define("index.interval.bytes", Kind::Int(0), "4096"),
    define("leader.replication.throttled.replicas", Kind::Words, ""),
    define("local.retention.bytes", Kind::Long(-2), "-2"),
    define("local.retention.ms", Kind::Long(-2), "-2"),
    define("max.compaction.lag.ms", Kind::Long(1), "9223372036854775807"),
    define("max.message.bytes", Kind::Int(0), "1048588"),
    define("message.timestamp.after.max.ms", Kind::Long(0), "3600000"),
    define("message.timestamp.before.max.ms", Kind::Long(0), "9223372036854775807"),
    define("message.timestamp.type", Kind::Choice(&["CreateTime", "LogAppendTime"]), "CreateTime"),
    define("min.cleanable.dirty.ratio", Kind::Ratio, "0.5"),
    define("min.compaction.lag.ms", Kind::Long(0), "0"),
    define("min.insync.replicas", Kind::Int(1), "1"),
    define("preallocate", Kind::Boolean, "false"),
    define("remote.storage.enable", Kind::Choice(&["false"]), "false"),
    define("retention.bytes", Kind::Long(-1), "-1"),
    define("retention.ms", Kind::Long(-1), "604800000"),
    define("segment.bytes", Kind::Int(1), "1073741824"),
    define("segment.index.bytes", Kind::Int(4), "10485760"),
    define("segment.jitter.ms", Kind::Long(0), "0"),
    define("segment.ms", Kind::Long(1), "604800000"),
    define("unclean.leader.election.enable", Kind::Boolean, "false"),
];

/// The configuration of one topic.
#[derive(Debug, Clone, Default)]
pub(super) struct TopicConfig {
    set: BTreeMap<&'static str, String>,
}

/// The settings that have an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Settings {
    /// Bytes of records that are kept at least; `None`: all.
    pub(super) retention_bytes: Option<usize>,
    /// How long a batch is kept; `None`: for ever.
    pub(super) retention: Option<Duration>,
    /// The largest batch.
    pub(super) message_max_bytes: usize,
    /// How far timestamps may lie in the future, in milliseconds.
    pub(super) timestamp_ahead_max_ms: i64,
    /// Whether records carry the broker's time.
    pub(super) append_time: bool,
    /// Whether records may be deleted at all.
    pub(super) deletes: bool,
}

impl TopicConfig {
    /// Sets `name`.
    ///
    /// # Errors
    /// 40 for an unknown name or an unacceptable value.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        let definition = find(name)?;
        if !definition.kind.accepts(value) {
            let message = format!("Invalid value {value} for configuration {name}: {}", expectation(definition.kind));
            return Err(Refusal::new(ResponseError::InvalidConfig, message));
        }
        self.set.insert(definition.name, value.to_string());
        Ok(())
    }

    /// Goes back to the default of `name`.
    ///
    /// # Errors
    /// 40 for an unknown name.
    pub(super) fn unset(&mut self, name: &str) -> Result<(), Refusal> {
        let definition = find(name)?;
        self.set.remove(definition.name);
        Ok(())
    }

    /// Appends words to a list, or takes them out of it.
    ///
    /// # Errors
    /// 40 for an unknown name, a setting that is no list, or unacceptable words.
    pub(super) fn edit_list(&mut self, name: &str, words: &str, append: bool) -> Result<(), Refusal> {
        let definition = find(name)?;
        if !definition.kind.is_list() {
            let message = format!("Config value append and subtract are not allowed for config key: {name}");
            return Err(Refusal::new(ResponseError::InvalidConfig, message));
        }
        let current = self.value(definition).to_string();
        let mut list: Vec<&str> = current.split(',').filter(|word| !word.is_empty()).collect();
        for word in words.split(',').map(str::trim) {
            list.retain(|known| *known != word);
            if append {
                list.push(word);
            }
        }
        self.set(name, &list.join(","))
    }

    /// The value that holds.
    pub(super) fn value<'a>(&'a self, definition: &Definition) -> &'a str {
        self.set.get(definition.name).map_or(definition.default, String::as_str)
    }

    /// Whether the value was set for this topic, or is the default.
    pub(super) fn is_set(&self, definition: &Definition) -> bool {
        self.set.contains_key(definition.name)
    }

    /// What has an effect.
    pub(super) fn settings(&self) -> Settings {
        // Values were checked when they were set: the fallbacks are never taken.
        let number =
            |name: &str, default: i64| self.set.get(name).map_or(default, |value| value.parse().unwrap_or(default));
        let text = |name: &str, default| self.set.get(name).map_or(default, String::as_str);
        let deletes = text("cleanup.policy", "delete").contains("delete");
        Settings {
            retention_bytes: usize::try_from(number("retention.bytes", -1)).ok().filter(|_| deletes),
            retention: u64::try_from(number("retention.ms", 604_800_000))
                .ok()
                .filter(|_| deletes)
                .map(Duration::from_millis),
            message_max_bytes: usize::try_from(number("max.message.bytes", 1_048_588)).unwrap_or(0),
            timestamp_ahead_max_ms: number("message.timestamp.after.max.ms", 3_600_000),
            append_time: text("message.timestamp.type", "CreateTime") == "LogAppendTime",
            deletes,
        }
    }
}

fn find(name: &str) -> Result<&'static Definition, Refusal> {
    let found = DEFINITIONS.iter().find(|definition| definition.name == name);
    found.ok_or_else(|| Refusal::new(ResponseError::InvalidConfig, format!("Unknown topic config name: {name}")))
}

fn expectation(kind: Kind) -> String {
    match kind {
        Kind::Boolean => "Expected value to be either true or false".into(),
        Kind::Int(least) => format!("Expected a 32-bit number that is at least {least}"),
        Kind::Long(least) => format!("Expected a 64-bit number that is at least {least}"),
        Kind::Ratio => "Expected a number from 0 to 1".into(),
        Kind::Choice(words) => format!("Expected one of: {}", words.join(", ")),
        Kind::List(words) => format!("Expected a list of: {}", words.join(", ")),
        Kind::Words => "Expected a list".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_acceptable_and_in_order() {
        for definition in DEFINITIONS {
            assert!(definition.kind.accepts(definition.default), "{}", definition.name);
        }
        assert!(DEFINITIONS.is_sorted_by_key(|definition| definition.name));
    }

    #[test]
    fn the_effective_defaults_are_the_shown_ones() {
        let mut explicit = TopicConfig::default();
        for definition in DEFINITIONS {
            explicit.set(definition.name, definition.default).unwrap();
        }
        assert_eq!(explicit.settings(), TopicConfig::default().settings());
    }

    #[test]
    fn refuses_unknown_names_and_bad_values() {
        let mut config = TopicConfig::default();
        for (name, value) in
            [("retention.ms", "abc"), ("retention.ms", "-2"), ("cleanup.policy", "shrink"), ("no.such", "1")]
        {
            assert_eq!(config.set(name, value).unwrap_err().error, ResponseError::InvalidConfig, "{name}={value}");
        }
        assert!(config.edit_list("retention.ms", "5", true).is_err());
    }

    #[test]
    fn lists_are_edited_and_a_compacted_topic_keeps_everything() {
        let mut config = TopicConfig::default();
        config.set("retention.bytes", "100").unwrap();
        config.edit_list("cleanup.policy", "compact", true).unwrap();
        assert_eq!(config.set["cleanup.policy"], "delete,compact");
        assert_eq!(config.settings().retention_bytes, Some(100));
        config.edit_list("cleanup.policy", "delete", false).unwrap();
        assert_eq!(config.settings().retention_bytes, None);
        config.unset("cleanup.policy").unwrap();
        assert_eq!(config.settings().retention_bytes, Some(100));
    }
}

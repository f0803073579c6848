//! Topics and the memory that all of them share.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::ResponseError;
use uuid::Uuid;

use crate::clock;

use super::batch::{self, Header, PREFIX_BYTES};
use super::config::{Settings, TopicConfig};
use super::log::{Log, Moment};
use super::protocol::Refusal;

/// The most partitions that a topic may have.
pub(super) const PARTITIONS_MAX: i32 = 10_000;
/// The longest name of a topic, as in Apache Kafka.
const NAME_LENGTH_MAX: usize = 249;
/// How often the retention of all partitions is looked at.
const RETENTION_INTERVAL: Duration = Duration::from_secs(1);

/// A topic.
#[derive(Debug)]
pub(super) struct Topic {
    /// Another one if a topic of the same name is created again.
    pub(super) id: Uuid,
    pub(super) logs: Vec<Log>,
    pub(super) config: TopicConfig,
}

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Appended {
    pub(super) base: i64,
    /// The broker's time if the topic uses it, else -1.
    pub(super) append_time: i64,
    pub(super) log_start: i64,
}

/// All topics by name, and the account of their memory: every change of a log goes through here.
#[derive(Debug)]
pub(super) struct Topics {
    by_name: BTreeMap<String, Topic>,
    memory: usize,
    memory_max: usize,
    has_shed: bool,
    retained: Option<Instant>,
}

impl Topics {
    /// No topics, which may take up to `memory_max` bytes.
    pub(super) fn new(memory_max: usize) -> Topics {
        Topics { by_name: BTreeMap::new(), memory: 0, memory_max, has_shed: false, retained: None }
    }

    /// All of them, in the order of their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Topic)> {
        self.by_name.iter().map(|(name, topic)| (name.as_str(), topic))
    }

    /// Bytes of memory that all records take, and that they may take.
    pub(super) fn memory(&self) -> (usize, usize) {
        (self.memory, self.memory_max)
    }

    /// The topic `name`.
    pub(super) fn get(&self, name: &str) -> Option<&Topic> {
        self.by_name.get(name)
    }

    /// The name of the topic with this id.
    pub(super) fn name_of(&self, id: Uuid) -> Option<&str> {
        self.iter().find(|(_, topic)| topic.id == id).map(|(name, _)| name)
    }

    /// A partition.
    pub(super) fn log(&self, name: &str, partition: i32) -> Result<&Log, ResponseError> {
        self.get(name).and_then(|topic| topic.logs.get(index(partition)?)).ok_or(ResponseError::UnknownTopicOrPartition)
    }

    /// Wakes `reader` when the partition changes.
    pub(super) fn wake_on_change(&mut self, name: &str, partition: i32, reader: &std::sync::Arc<tokio::sync::Notify>) {
        if let Ok((log, _)) = self.log_mut(name, partition) {
            log.wake_on_change(reader);
        }
    }

    /// Whether a topic of this name, partitions and settings could be created.
    ///
    /// # Errors
    /// 17 for the name, 36 if it exists, 37 for the number of partitions.
    pub(super) fn check_new(&self, name: &str, partitions: i32) -> Result<(), Refusal> {
        check_name(name)?;
        if self.by_name.contains_key(name) {
            return Err(Refusal::new(ResponseError::TopicAlreadyExists, format!("Topic '{name}' already exists.")));
        }
        check_partitions(partitions)
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// As [`Topics::check_new`].
    pub(super) fn create(&mut self, name: &str, partitions: i32, config: TopicConfig) -> Result<(), Refusal> {
        self.check_new(name, partitions)?;
        let id = Uuid::from_u64_pair(clock::random_u64(), clock::random_u64());
        let logs = (0..partitions).map(|_| Log::default()).collect();
        self.by_name.insert(name.to_string(), Topic { id, logs, config });
        Ok(())
    }

    /// Deletes a topic with all its records; its waiting readers are woken and find that it is gone.
    ///
    /// # Errors
    /// 3 if it does not exist.
    pub(super) fn delete(&mut self, name: &str) -> Result<(), ResponseError> {
        let mut topic = self.by_name.remove(name).ok_or(ResponseError::UnknownTopicOrPartition)?;
        for log in &mut topic.logs {
            self.memory -= log.memory();
            log.wake();
        }
        Ok(())
    }

    /// Gives a topic more partitions.
    ///
    /// # Errors
    /// 3 if it does not exist, 37 if it has as many or more.
    pub(super) fn grow(&mut self, name: &str, partitions: i32, validate_only: bool) -> Result<(), Refusal> {
        check_partitions(partitions)?;
        let topic = self.by_name.get_mut(name).ok_or_else(|| missing(name))?;
        let (now, wanted) = (topic.logs.len(), partitions as usize);
        if wanted <= now {
            let problem = if wanted == now {
                format!("Topic already has {now} partition(s).")
            } else {
                format!("The topic {name} currently has {now} partition(s); {wanted} would not be an increase.")
            };
            return Err(Refusal::new(ResponseError::InvalidPartitions, problem));
        }
        if !validate_only {
            topic.logs.resize_with(wanted, Log::default);
        }
        Ok(())
    }

    /// Gives a topic another configuration, which applies at once.
    ///
    /// # Errors
    /// 3 if it does not exist.
    pub(super) fn configure(&mut self, name: &str, config: TopicConfig, now: Instant) -> Result<(), Refusal> {
        let topic = self.by_name.get_mut(name).ok_or_else(|| missing(name))?;
        topic.config = config;
        self.memory -= retain(topic, now);
        Ok(())
    }

    /// Appends a producer's batch.
    ///
    /// # Errors
    /// 3 if there is no such partition, 10 if the batch is too large, 32 if its timestamps lie too far ahead, and those of [`Log::append`].
    pub(super) fn append(
        &mut self,
        name: &str,
        partition: i32,
        header: &Header,
        body: Bytes,
        now: Moment,
    ) -> Result<Appended, Refusal> {
        let (log, settings) = self.log_mut(name, partition)?;
        check_batch(header, &body, settings, now)?;
        let before = log.memory();
        let (base, append_time) = if settings.append_time {
            let stamped = batch::stamped(&body, now.millis);
            (log.append(&header.stamped(now.millis), stamped, now)?, now.millis)
        } else {
            (log.append(header, body, now)?, -1)
        };
        if let Some(bytes) = settings.retention_bytes {
            log.retain_bytes(bytes);
        }
        let (after, log_start) = (log.memory(), log.start());
        self.memory = self.memory + after - before;
        self.shed();
        Ok(Appended { base, append_time, log_start })
    }

    /// Ends a producer's transaction in a partition, which may be gone.
    pub(super) fn end_transaction(
        &mut self,
        (name, partition): (&str, i32),
        (producer_id, epoch): (i64, i16),
        commit: bool,
        now: Moment,
    ) {
        let Ok((log, _)) = self.log_mut(name, partition) else { return };
        let before = log.memory();
        log.end_transaction(producer_id, epoch, commit, now);
        self.memory += log.memory() - before;
        self.shed();
    }

    /// Forgets the records before `offset` (-1: all) and returns the new first offset.
    ///
    /// # Errors
    /// 3 if there is no such partition, 1 if the offset lies beyond the end, 44 if the topic is only compacted.
    pub(super) fn delete_records(&mut self, name: &str, partition: i32, offset: i64) -> Result<i64, ResponseError> {
        let (log, settings) = self.log_mut(name, partition)?;
        if !settings.deletes {
            return Err(ResponseError::PolicyViolation);
        }
        let offset = if offset == -1 { log.end() } else { offset };
        if offset < 0 || offset > log.end() {
            return Err(ResponseError::OffsetOutOfRange);
        }
        let before = log.memory();
        log.delete_before(offset);
        let (after, start) = (log.memory(), log.start());
        self.memory -= before - after;
        Ok(start)
    }

    /// Drops what is kept for longer than its topic says. Looks at most once a second.
    pub(super) fn expire(&mut self, now: Instant) {
        if self.retained.is_some_and(|last| now.saturating_duration_since(last) < RETENTION_INTERVAL) {
            return;
        }
        self.retained = Some(now);
        for topic in self.by_name.values_mut() {
            self.memory -= retain(topic, now);
        }
    }

    fn log_mut(&mut self, name: &str, partition: i32) -> Result<(&mut Log, Settings), ResponseError> {
        let topic = self.by_name.get_mut(name).ok_or(ResponseError::UnknownTopicOrPartition)?;
        let log = index(partition).and_then(|index| topic.logs.get_mut(index));
        Ok((log.ok_or(ResponseError::UnknownTopicOrPartition)?, topic.config.settings()))
    }

    /// Drops the oldest batches of the largest partitions until all fits again, with a little room so that this is rare.
    fn shed(&mut self) {
        if self.memory <= self.memory_max {
            return;
        }
        if !self.has_shed {
            self.has_shed = true;
            tracing::warn!(
                memory_max_bytes = self.memory_max,
                "the embedded broker's memory is full: from now on the oldest records of its largest partitions are dropped"
            );
        }
        let target = self.memory_max - self.memory_max / 32;
        while self.memory > target {
            let largest = self.by_name.values_mut().flat_map(|topic| &mut topic.logs).max_by_key(|log| log.memory());
            let Some(log) = largest else { return };
            let half = log.memory() / 2;
            let freed_before = self.memory;
            while self.memory > target && log.memory() > half {
                match log.shed() {
                    0 => break,
                    freed => self.memory -= freed,
                }
            }
            if self.memory == freed_before {
                return;
            }
        }
    }
}

/// Drops what a topic's retention lets go and returns the memory that this frees.
fn retain(topic: &mut Topic, now: Instant) -> usize {
    let settings = topic.config.settings();
    let mut freed = 0;
    for log in &mut topic.logs {
        let before = log.memory();
        if let Some(bytes) = settings.retention_bytes {
            log.retain_bytes(bytes);
        }
        if let Some(age) = settings.retention {
            log.retain_age(age, now);
        }
        log.expire_producers(now);
        freed += before - log.memory();
    }
    freed
}

fn check_batch(header: &Header, body: &Bytes, settings: Settings, now: Moment) -> Result<(), Refusal> {
    let size = PREFIX_BYTES + body.len();
    if size > settings.message_max_bytes {
        let message =
            format!("the batch has {size} bytes, more than max.message.bytes = {}", settings.message_max_bytes);
        return Err(Refusal::new(ResponseError::MessageTooLarge, message));
    }
    if !settings.append_time && header.max_timestamp.saturating_sub(now.millis) > settings.timestamp_ahead_max_ms {
        let message = format!(
            "timestamp {} lies more than message.timestamp.after.max.ms = {} ahead",
            header.max_timestamp, settings.timestamp_ahead_max_ms
        );
        return Err(Refusal::new(ResponseError::InvalidTimestamp, message));
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let problem = match name {
        "" => "Topic name is invalid: the empty string is not allowed".to_string(),
        "." | ".." => format!("Topic name is invalid: '{name}' is not allowed"),
        long if long.len() > NAME_LENGTH_MAX => {
            format!(
                "Topic name is invalid: the length of '{name}' is longer than the max allowed length {NAME_LENGTH_MAX}"
            )
        }
        name if !name.bytes().all(is_legal) => format!(
            "Topic name is invalid: '{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
        ),
        _ => return Ok(()),
    };
    Err(Refusal::new(ResponseError::InvalidTopicException, problem))
}

fn check_partitions(partitions: i32) -> Result<(), Refusal> {
    if (1..=PARTITIONS_MAX).contains(&partitions) {
        return Ok(());
    }
    let problem = format!("Number of partitions must be from 1 to {PARTITIONS_MAX}, not {partitions}.");
    Err(Refusal::new(ResponseError::InvalidPartitions, problem))
}

fn missing(name: &str) -> Refusal {
    Refusal::new(ResponseError::UnknownTopicOrPartition, format!("The topic '{name}' does not exist."))
}

fn index(partition: i32) -> Option<usize> {
    usize::try_from(partition).ok()
}

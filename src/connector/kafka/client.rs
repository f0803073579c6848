//! Questions to the brokers that a statement waits for: does the topic exist, where does it begin and end. Each is answered or
//! refused, with the broker's reason, within a time limit.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::metadata::MetadataTopic;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use super::errors::{Events, missing_topic, unreachable};
use super::foreign;
use super::native::{QueuedConsumer, TopicDescription};
use super::options::{KafkaOptions, Start, configuration_error};
use crate::clock;
use crate::connector::Positions;
use crate::error::{Error, Result, code};

/// Longest time that one statement waits for all its questions together.
pub(super) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(8);

/// How long a connection may fail, with a reason that may pass, before a statement gives up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

/// The same where the one broker's port is closed: it may be about to start.
const REFUSED_TIMEOUT: Duration = Duration::from_secs(1);

/// The longest question: a reason is looked for after each.
const QUESTION_MAX: Duration = Duration::from_secs(1);

/// How long a topic without leaders may take to get some (it may have just been created).
const LEADER_TIMEOUT: Duration = Duration::from_secs(4);

/// Why the brokers did not tell a topic's partitions.
pub(super) struct Refusal {
    /// For the user.
    pub(super) error: Error,
    /// Whether asking again later can help: brokers or leaders are away.
    pub(super) may_pass: bool,
}

/// A client that only asks. Reads nothing.
pub(super) struct Inquiry<'a> {
    client: QueuedConsumer,
    options: &'a KafkaOptions,
    deadline: Instant,
}

impl<'a> Inquiry<'a> {
    /// A client for the questions of one statement; connects in the background.
    pub(super) fn new(options: &'a KafkaOptions) -> Result<Inquiry<'a>> {
        let consumer: BaseConsumer<Events> =
            options.client(&[]).create_with_context(Events::default()).map_err(configuration_error)?;
        let client =
            QueuedConsumer::new(consumer, &options.topic).ok_or_else(|| Error::internal("librdkafka made no queue"))?;
        Ok(Inquiry { client, options, deadline: clock::instant() + STATEMENT_TIMEOUT })
    }

    /// The topic's partitions, in order; an error if it does not exist.
    pub(super) fn partitions(&self) -> Result<Vec<i32>> {
        partitions(self.client.consumer(), self.options, self.deadline).map_err(|refusal| refusal.error)
    }

    /// The topic's identity; `None` where the brokers do not tell.
    pub(super) fn description(&self) -> Option<TopicDescription> {
        self.client.request_description(self.left());
        self.client.description(self.left())?.ok()
    }

    /// Where the topic's partitions begin (oldest record kept) or end (one after the last that a reader may see).
    pub(super) fn positions(&self, partitions: &[i32], of: Start) -> Result<Positions> {
        let consumer = self.client.consumer();
        let offset = match of {
            Start::Earliest => Offset::Beginning,
            Start::Latest => Offset::End,
        };
        loop {
            let mut list = TopicPartitionList::with_capacity(partitions.len());
            for partition in partitions {
                list.add_partition_offset(&self.options.topic, *partition, offset)
                    .map_err(|error| self.refused(&error))?;
            }
            let answer = consumer.offsets_for_times(list, self.left()).and_then(|list| positions_of(&list));
            match answer {
                Ok(positions) if positions.len() == partitions.len() => return Ok(positions),
                Ok(_) => {
                    return Err(Error::internal(format!("brokers left out partitions of \"{}\"", self.options.topic)));
                }
                Err(error) => {
                    serve(consumer, Duration::from_millis(100));
                    if self.left().is_zero() || consumer.context().last().is_some_and(|trouble| trouble.is_permanent())
                    {
                        return Err(self.refused(&error));
                    }
                }
            }
        }
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(clock::instant())
    }

    fn refused(&self, error: &KafkaError) -> Error {
        if let Some(trouble) = self.client.consumer().context().last() {
            return unreachable(&self.options.brokers, Some(&trouble));
        }
        Error::new(
            code::FDW_ERROR,
            format!("the brokers did not tell the offsets of topic \"{}\": {error}", self.options.topic),
        )
    }
}

/// The partitions of the options' topic, in order. Returns at once where waiting cannot help, else at the latest at `deadline`.
pub(super) fn partitions(
    consumer: &BaseConsumer<Events>,
    options: &KafkaOptions,
    deadline: Instant,
) -> Result<Vec<i32>, Refusal> {
    // librdkafka tells why a connection fails only between the questions, so they begin short and grow.
    let mut slice = Duration::from_millis(250);
    let started = clock::instant();
    let mut asked = false;
    loop {
        let left = deadline.saturating_duration_since(clock::instant());
        if let Ok(metadata) = consumer.fetch_metadata(Some(&options.topic), slice.min(left)) {
            let topic = metadata.topics().first();
            let patient = clock::instant() < deadline.min(started + LEADER_TIMEOUT);
            match topic.ok_or(Code::UnknownTopicOrPartition).and_then(usable) {
                Ok(partitions) => return Ok(partitions),
                Err(Code::UnknownTopicOrPartition) => {
                    return Err(Refusal { error: missing(consumer, options, left), may_pass: false });
                }
                Err(code) if code == Code::LeaderNotAvailable && patient => {}
                Err(code) => {
                    return Err(Refusal { error: unusable(options, code), may_pass: code == Code::LeaderNotAvailable });
                }
            }
        }
        serve(consumer, Duration::from_millis(50));
        let trouble = consumer.context().last();
        if !asked && trouble.as_ref().is_some_and(|trouble| trouble.is_of_connection()) {
            asked = true;
            if let Some(error) = foreign::look(options) {
                return Err(Refusal { error, may_pass: false });
            }
        }
        let hopeless = trouble.as_ref().is_some_and(|trouble| trouble.is_permanent());
        let now = clock::instant();
        let patience = match &trouble {
            // With one address there is nobody else to wait for.
            Some(trouble) if trouble.is_refused() && !options.brokers.contains(',') => REFUSED_TIMEOUT,
            _ => CONNECT_TIMEOUT,
        };
        let enough = if trouble.is_some() { deadline.min(started + patience) } else { deadline };
        if hopeless || now >= enough {
            return Err(Refusal { error: unreachable(&options.brokers, trouble.as_ref()), may_pass: !hopeless });
        }
        slice = (slice * 2).min(QUESTION_MAX);
    }
}

/// Lets a client deliver its events for `wait`, and returns what should never come here: the number of records.
pub(super) fn serve(consumer: &BaseConsumer<Events>, wait: Duration) -> usize {
    let mut records = 0;
    let mut wait = wait;
    while let Some(event) = consumer.poll(wait) {
        records += usize::from(event.is_ok());
        wait = Duration::ZERO;
    }
    records
}

/// Partitions that all have leaders, or why the topic cannot be read now.
fn usable(topic: &MetadataTopic) -> Result<Vec<i32>, Code> {
    if let Some(error) = topic.error() {
        return Err(error.into());
    }
    let no_error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
    for partition in topic.partitions() {
        if partition.leader() < 0 {
            return Err(Code::LeaderNotAvailable);
        }
        // A replica that is down is no trouble of ours as long as there is a leader.
        let replica = RDKafkaRespErr::RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE;
        if let Some(error) = partition.error().filter(|error| *error != no_error && *error != replica) {
            return Err(error.into());
        }
    }
    let mut partitions: Vec<i32> = topic.partitions().iter().map(|partition| partition.id()).collect();
    partitions.sort_unstable();
    if partitions.is_empty() { Err(Code::LeaderNotAvailable) } else { Ok(partitions) }
}

fn missing(consumer: &BaseConsumer<Events>, options: &KafkaOptions, left: Duration) -> Error {
    let all = consumer.fetch_metadata(None, left.min(Duration::from_secs(2)));
    let names = all.map(|all| all.topics().iter().map(|topic| topic.name().to_string()).collect());
    missing_topic(&options.topic, &options.brokers, names.unwrap_or_default())
}

fn unusable(options: &KafkaOptions, code: Code) -> Error {
    let error = Error::new(code::FDW_ERROR, format!("topic \"{}\" cannot be used: {code}", options.topic));
    match code {
        Code::TopicAuthorizationFailed => {
            error.hint("the user needs the ACLs READ and DESCRIBE on the topic (WRITE for a sink)")
        }
        Code::LeaderNotAvailable => error.hint("a partition has no leader: a broker may be down"),
        _ => error,
    }
}

fn positions_of(list: &TopicPartitionList) -> Result<Positions, KafkaError> {
    let mut positions = Positions::new();
    for element in list.elements() {
        element.error()?;
        let Offset::Offset(offset) = element.offset() else {
            return Err(KafkaError::OffsetFetch(Code::UnknownTopicOrPartition));
        };
        positions.insert(element.partition(), offset);
    }
    Ok(positions)
}

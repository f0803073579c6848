//! Reads a topic's partitions from given offsets, for ever or to given ends, through all troubles that pass.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::{Offset, TopicPartitionList};

use super::batch::Progress;
use super::client;
use super::errors::Events;
use super::native::{QueuedConsumer, TopicDescription};
use super::options::{KafkaOptions, configuration_error};
use super::source::Identity;
use super::watch::{Answer, Watch};
use crate::clock;
use crate::connector::{OnDeleted, Positions, Read, Reader, ReaderStatus};
use crate::error::{Error, Result, code};

/// Our settings; research behind them: a full queue is looked at again after 20 ms (not 1 s), memory is bounded per stream.
const DEFAULTS: &[(&str, &str)] = &[
    ("group.id", "tidewater"),
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "error"),
    ("enable.partition.eof", "true"),
    ("isolation.level", "read_committed"),
    ("fetch.queue.backoff.ms", "20"),
    ("fetch.message.max.bytes", "4194304"),
    ("queued.min.messages", "1000000"),
    ("queued.max.messages.kbytes", "65536"),
];

/// Records taken from librdkafka at once.
const BATCH_RECORDS_MAX: usize = 4096;
/// How often a client's events are served.
const SERVE_INTERVAL: Duration = Duration::from_millis(20);
/// How often the topic's identity and partitions are looked at: normally, and in trouble.
const WATCH_INTERVAL: Duration = Duration::from_secs(2);
const WATCH_INTERVAL_IN_TROUBLE: Duration = Duration::from_secs(1);
/// How long an answer about the topic is waited for before it is told that an offset is not there.
const DESCRIBE_PATIENCE: Duration = Duration::from_secs(3);
/// Reads that wait for the topic's identity at most.
const HELD_MAX: usize = 16;
/// How long a topic may be missing (brokers that restart may not know it yet) until it counts as deleted.
const MISSING_TIMEOUT: Duration = Duration::from_secs(10);
/// How long opening waits for brokers that are away, before it leaves that to reading.
const OPEN_TIMEOUT: Duration = Duration::from_secs(3);

/// A reader of one topic.
pub(super) struct KafkaReader {
    progress: Progress,
    client: QueuedConsumer,
    options: Arc<KafkaOptions>,
    identity: Identity,
    /// Partitions whose last message was an error.
    troubled: BTreeSet<i32>,
    next_serve: Instant,
    watch: Watch,
    /// Troubles that the client has told of so far.
    troubles: u64,
    missing_since: Option<Instant>,
    /// Partitions that librdkafka reads: it aborts the process when one is taken away twice.
    assigned: BTreeSet<i32>,
    /// Partitions of which nothing was read yet.
    fresh: BTreeSet<i32>,
    on_deleted: OnDeleted,
    /// Offsets that were deleted before they were read.
    deleted: u64,
}

impl KafkaReader {
    /// See [`crate::connector::Source::open`]. Brokers that are away are no error where `from` or `until` names the partitions.
    pub(super) fn open(
        options: Arc<KafkaOptions>,
        identity: Identity,
        from: &Positions,
        until: Option<&Positions>,
        headers: bool,
    ) -> Result<KafkaReader> {
        let (client, watch) = (connect(&options)?, Watch::new(&options)?);
        let progress = Progress::new(&options.topic, headers, until);
        let mut reader = KafkaReader {
            progress,
            client,
            options,
            identity,
            troubled: BTreeSet::new(),
            next_serve: clock::instant(),
            watch,
            troubles: 0,
            missing_since: None,
            assigned: BTreeSet::new(),
            fresh: BTreeSet::new(),
            on_deleted: OnDeleted::Fail,
            deleted: 0,
        };
        reader.begin(from, until)?;
        Ok(reader)
    }

    /// Assigns the partitions. Asking for metadata first spares the half second that librdkafka waits for unknown leaders.
    fn begin(&mut self, from: &Positions, until: Option<&Positions>) -> Result<()> {
        let deadline = clock::instant() + OPEN_TIMEOUT;
        let named: BTreeSet<i32> = from.keys().chain(until.into_iter().flat_map(Positions::keys)).copied().collect();
        let partitions = match client::partitions(self.client.consumer(), &self.options, deadline) {
            Ok(existing) => named.into_iter().chain(existing).collect(),
            Err(refusal) if refusal.may_pass && !named.is_empty() => named,
            Err(refusal) => return Err(refusal.error),
        };
        if let Some(answer) = self.watch.look(0, deadline.saturating_duration_since(clock::instant())) {
            self.answered(answer)?;
        }
        self.assign(partitions, from)
    }

    /// Starts to read partitions that were not read yet, at their beginning where `from` does not name them.
    fn assign(&mut self, partitions: BTreeSet<i32>, from: &Positions) -> Result<()> {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            let (next, offset) = match from.get(&partition) {
                Some(next) => (*next, Offset::Offset(*next)),
                None => (0, Offset::Beginning),
            };
            if self.progress.begin(partition, next) {
                self.client.forward(partition);
                list.add_partition_offset(&self.options.topic, partition, offset).map_err(|error| {
                    Error::internal(format!("position {next} of partition {partition} is not an offset: {error}"))
                })?;
                self.assigned.insert(partition);
                self.fresh.insert(partition);
            }
        }
        if list.count() == 0 {
            return Ok(());
        }
        self.client.consumer().incremental_assign(&list).map_err(|error| Error::new(code::FDW_ERROR, error.to_string()))
    }

    /// Stops reading partitions that were read to their end, so that the others get all the memory.
    fn release_finished(&mut self, partitions: Vec<i32>) {
        if self.progress.is_over() {
            return;
        }
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            if self.progress.is_finished(partition) && self.assigned.remove(&partition) {
                list.add_partition(&self.options.topic, partition);
            }
        }
        if list.count() > 0 {
            // A partition that goes on to be read costs memory, nothing else: its records are dropped.
            let _ = self.client.consumer().incremental_unassign(&list);
        }
    }

    /// Takes one batch from librdkafka; waits at most `wait` for it. Answers whether there was one.
    fn take_in(&mut self, records_max: usize, wait: Duration) -> Result<bool> {
        let messages = self.client.consume(records_max.clamp(1, BATCH_RECORDS_MAX), wait);
        if messages.is_empty() {
            return Ok(false);
        }
        let mut sources = self.progress.accept(&messages);
        let mut events = Vec::new();
        for message in &messages {
            if let Some(code) = message.error() {
                events.push((code, message.partition(), message.offset(), message.error_text()));
            }
        }
        drop(messages);
        self.troubled.retain(|partition| !sources.contains(partition));
        self.fresh.retain(|partition| !sources.contains(partition));
        for (code, partition, offset, text) in events {
            if code == Code::PartitionEOF {
                self.progress.reached(partition, offset);
                self.troubled.remove(&partition);
                sources.push(partition);
            } else {
                self.trouble(code, partition, offset, &text)?;
            }
        }
        if self.progress.is_bounded() {
            self.release_finished(sources);
        }
        // A connection that broke was told of before it brought records again.
        self.serve()?;
        if self.watch.note_records() {
            self.progress.release(usize::MAX);
        }
        Ok(true)
    }

    /// An event in the place of a record: some mean that records are lost, the others pass.
    fn trouble(&mut self, code: Code, partition: i32, offset: i64, text: &str) -> Result<()> {
        let topic = &self.options.topic;
        match code {
            Code::AutoOffsetReset | Code::OffsetOutOfRange => self.out_of_range(partition, offset),
            // librdkafka skips what it cannot read; going on would lose records in silence.
            Code::BadMessage | Code::BadCompression | Code::NotImplemented | Code::Fatal => Err(Error::new(
                code::DATA_CORRUPTED,
                format!(
                    "partition {partition} of topic \"{topic}\" cannot be read at offset {offset}: {}",
                    super::errors::clean(text)
                ),
            )
            .hint("a batch of records is damaged or in a format that this build does not know")),
            _ => {
                self.client.consumer().context().note(Some(code), text);
                self.troubled.insert(partition);
                self.watch.hurry();
                Ok(())
            }
        }
    }

    /// The broker does not hold the wanted offset: reads on behind what it deleted, or says how many records are gone.
    fn out_of_range(&mut self, partition: i32, offset: i64) -> Result<()> {
        let is_fresh = self.fresh.contains(&partition);
        // Of another topic that says more. The first answer may be to a question from before.
        for _ in 0..2 {
            self.watch.hurry();
            if let Some(answer) = self.watch.look(0, DESCRIBE_PATIENCE) {
                self.answered(answer)?;
            }
        }
        let topic = &self.options.topic;
        let marks = self.client.consumer().fetch_watermarks(topic, partition, Duration::from_secs(3));
        let message = match marks {
            Ok((low, _))
                if offset < low
                    && (self.on_deleted == OnDeleted::Pass
                        || is_fresh && self.on_deleted == OnDeleted::PassAtStart) =>
            {
                return self.pass(partition, low);
            }
            Ok((low, _)) if offset < low => format!(
                "{} offsets of partition {partition} of topic \"{topic}\" ({offset} to {}) were deleted by the broker before they were read",
                low - offset,
                low - 1
            ),
            Ok((_, high)) => format!(
                "partition {partition} of topic \"{topic}\" ends at offset {high}, but was read up to {offset}: the topic was truncated or created again"
            ),
            Err(_) => format!("partition {partition} of topic \"{topic}\" does not hold offset {offset} any more"),
        };
        Err(Error::new(code::FDW_ERROR, message).hint(
            "raise the topic's retention so that it is read in time; to go on with what is left, drop the stream and create it again",
        ))
    }

    /// Goes on in a partition at the oldest record that is left.
    fn pass(&mut self, partition: i32, low: i64) -> Result<()> {
        let skipped = self.progress.reached(partition, low);
        if !self.fresh.contains(&partition) {
            self.deleted += skipped;
        }
        // librdkafka has given the partition up and does not surely take it up again; another client does.
        self.client = connect(&self.options)?;
        self.troubles = 0;
        self.watch.doubt();
        self.assigned.clear();
        let (positions, fresh) = (self.progress.positions(), std::mem::take(&mut self.fresh));
        self.assign(positions.keys().copied().collect(), &positions)?;
        self.fresh = fresh;
        Ok(())
    }

    /// Serves the client's events, when it is time, and looks at the topic; waits at most `wait` for what reads wait for.
    fn look_after(&mut self, wait: Duration) -> Result<()> {
        let (now, held) = (clock::instant(), self.progress.held());
        if now < self.next_serve && held == 0 {
            return Ok(());
        }
        self.next_serve = now + SERVE_INTERVAL;
        self.serve()?;
        match self.watch.look(held, if held == 0 { Duration::ZERO } else { wait }) {
            Some(answer) => self.answered(answer),
            None => Ok(()),
        }
    }

    /// Serves the client's events; after a trouble the topic may be another one.
    fn serve(&mut self) -> Result<()> {
        let told_before = self.is_troubled();
        if client::serve(self.client.consumer(), Duration::ZERO) > 0 {
            // Partitions are forwarded before they are assigned: this cannot happen, and must not pass unseen if it does.
            return Err(Error::internal(format!(
                "records of topic \"{}\" came by the wrong queue",
                self.options.topic
            )));
        }
        if self.is_troubled() && !told_before {
            self.watch.hurry();
        }
        let troubles = self.client.consumer().context().count();
        if std::mem::replace(&mut self.troubles, troubles) != troubles {
            self.watch.doubt();
        }
        Ok(())
    }

    /// Compares the topic with what is being read.
    fn answered(&mut self, answer: Answer) -> Result<()> {
        match answer {
            Ok(topic) => {
                self.compare(&topic)?;
                self.progress.release(self.watch.confirm());
                if self.watch.is_trusting() {
                    self.progress.release(usize::MAX);
                }
            }
            Err((code, text)) => {
                self.watch.fail();
                if code == Code::UnknownTopicOrPartition {
                    self.missing()?;
                } else if !self.is_troubled() {
                    // The connection's own trouble says more than "timed out" and was noted already.
                    self.client.consumer().context().note(Some(code), &text);
                }
            }
        }
        let interval = self.options.watch_interval().unwrap_or(WATCH_INTERVAL);
        let interval = if self.is_troubled() { interval.min(WATCH_INTERVAL_IN_TROUBLE) } else { interval };
        self.watch.rest(interval);
        Ok(())
    }

    fn compare(&mut self, topic: &TopicDescription) -> Result<()> {
        self.missing_since = None;
        let name = &self.options.topic;
        if topic.id != 0 && *self.identity.get_or_init(|| topic.id) != topic.id {
            return Err(Error::new(
                code::OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("topic \"{name}\" was deleted and created again: its offsets begin anew"),
            )
            .hint("drop the stream and create it again to read the new topic"));
        }
        match topic.partitions.iter().find(|(_, led)| !led) {
            Some((partition, _)) => {
                let text = format!("partition {partition} of topic \"{name}\" has no leader");
                self.client.consumer().context().note(Some(Code::LeaderNotAvailable), &text);
            }
            None => self.client.consumer().context().resolve(),
        }
        let new: BTreeSet<i32> = topic.partitions.iter().map(|(partition, _)| *partition).collect();
        let new: BTreeSet<i32> = new.into_iter().filter(|partition| !self.progress.knows(*partition)).collect();
        // While the reader is being opened nothing is assigned yet.
        if new.is_empty() || self.progress.is_bounded() || self.progress.partitions().is_empty() {
            return Ok(());
        }
        self.assign(new, &Positions::new())
    }

    fn missing(&mut self) -> Result<()> {
        let now = clock::instant();
        let since = *self.missing_since.get_or_insert(now);
        let text =
            format!("topic \"{}\" does not exist on the brokers at \"{}\"", self.options.topic, self.options.brokers);
        if now.saturating_duration_since(since) >= MISSING_TIMEOUT {
            return Err(Error::new(code::FDW_TABLE_NOT_FOUND, format!("{text} any more"))
                .hint("drop the stream; if the topic is created again, create the stream again"));
        }
        self.client.consumer().context().note(Some(Code::UnknownTopicOrPartition), &text);
        Ok(())
    }

    fn is_troubled(&self) -> bool {
        self.client.consumer().context().is_unresolved() || !self.troubled.is_empty()
    }
}

/// A client that reads nothing yet.
fn connect(options: &KafkaOptions) -> Result<QueuedConsumer> {
    let consumer: BaseConsumer<Events> =
        options.client(DEFAULTS).create_with_context(Events::default()).map_err(configuration_error)?;
    QueuedConsumer::new(consumer, &options.topic).ok_or_else(|| Error::internal("librdkafka made no queue"))
}

impl Reader for KafkaReader {
    fn on_deleted(&mut self, on_deleted: OnDeleted) {
        self.on_deleted = on_deleted;
    }

    fn read(&mut self, records_max: usize, wait: Duration) -> Result<Read> {
        let deadline = clock::instant() + wait;
        loop {
            if let Some(read) = self.progress.take(records_max) {
                return Ok(read);
            }
            if self.progress.is_over() {
                return Ok(Read::End);
            }
            let left = deadline.saturating_duration_since(clock::instant());
            let wait = left.min(SERVE_INTERVAL);
            let is_held = self.progress.held() > 0;
            let took = self.progress.held() < HELD_MAX
                && self.take_in(records_max, if is_held { Duration::ZERO } else { wait })?;
            self.look_after(if took { Duration::ZERO } else { wait })?;
            if left.is_zero() {
                return Ok(self.progress.take(records_max).unwrap_or(Read::Idle));
            }
        }
    }

    fn status(&self) -> ReaderStatus {
        let last = self.client.consumer().context().last();
        ReaderStatus {
            state: if self.is_troubled() { "reconnecting" } else { "running" },
            last_error: last.as_ref().map(|trouble| trouble.text.clone()),
            last_error_at: last.map(|trouble| trouble.at),
            deleted: self.deleted,
        }
    }
}

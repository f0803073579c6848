//! Watches a topic's identity: offsets mean nothing in another topic of the same name.
//!
//! A broker answers a connection's requests in order, and a fetch may wait there for records, so the watch has a client of its own.
//! Records are trusted while the identity was asked for at most [`TRUST`] before they came and nothing went wrong since; all others
//! are held back until an answer to a later question comes.

use std::time::{Duration, Instant};

use rdkafka::consumer::BaseConsumer;
use rdkafka::error::RDKafkaErrorCode as Code;

use super::client;
use super::errors::Events;
use super::native::{QueuedConsumer, TopicDescription};
use super::options::{KafkaOptions, configuration_error};
use crate::clock;
use crate::error::{Error, Result};

/// Nobody deletes a topic, creates it again and fills it beyond a reader's position in less time.
const TRUST: Duration = Duration::from_millis(50);
/// How long the brokers may take to describe the topic.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Pause after a question that was not answered, while records wait for it.
const RETRY: Duration = Duration::from_millis(200);

/// What the brokers answered.
pub(super) type Answer = Result<TopicDescription, (Code, String)>;

/// The watch over one topic.
pub(super) struct Watch {
    client: QueuedConsumer,
    /// The question that is not answered yet.
    asked: Option<Question>,
    /// Until when what comes is trusted.
    trusted_until: Option<Instant>,
    /// When the last question was asked.
    asked_at: Option<Instant>,
    /// When the topic is looked at also if nothing comes.
    next: Instant,
    retry_at: Instant,
    /// Whether records came since the last question.
    flowing: bool,
}

#[derive(Debug, Clone, Copy)]
struct Question {
    at: Instant,
    /// Reads that were held back when it was asked.
    held: usize,
    /// Whether something went wrong since.
    doubted: bool,
}

impl Watch {
    /// A watch that has asked nothing yet.
    pub(super) fn new(options: &KafkaOptions) -> Result<Watch> {
        let consumer: BaseConsumer<Events> =
            options.client(&[]).create_with_context(Events::default()).map_err(configuration_error)?;
        let client =
            QueuedConsumer::new(consumer, &options.topic).ok_or_else(|| Error::internal("librdkafka made no queue"))?;
        let now = clock::instant();
        Ok(Watch { client, asked: None, trusted_until: None, asked_at: None, next: now, retry_at: now, flowing: false })
    }

    /// Asks, if it is time or reads wait for it, and takes the answer, for which it waits at most `wait`.
    pub(super) fn look(&mut self, held: usize, wait: Duration) -> Option<Answer> {
        let now = clock::instant();
        client::serve(self.client.consumer(), Duration::ZERO);
        let is_due = now >= self.next
            || held > 0 && now >= self.retry_at
            || self.flowing && self.asked_at.is_none_or(|at| now >= at + TRUST / 2);
        if self.asked.is_none() && is_due {
            self.client.request_description(TIMEOUT);
            self.asked = Some(Question { at: now, held, doubted: false });
            self.asked_at = Some(now);
            self.flowing = false;
        }
        if self.asked.is_none() && wait.is_zero() {
            return None;
        }
        self.client.description(wait)
    }

    /// The topic is the one that is read: answers how many of the reads that are held back belong to it, and trusts what comes.
    pub(super) fn confirm(&mut self) -> usize {
        let Some(question) = self.asked.take() else { return 0 };
        if !question.doubted {
            self.trusted_until = Some(question.at + TRUST);
        }
        question.held
    }

    /// The last question brought no answer.
    pub(super) fn fail(&mut self) {
        self.asked = None;
        self.retry_at = clock::instant() + RETRY;
    }

    /// Looks at the topic in `interval` again.
    pub(super) fn rest(&mut self, interval: Duration) {
        self.next = clock::instant() + interval;
    }

    /// Looks at the topic as soon as possible.
    pub(super) fn hurry(&mut self) {
        self.next = clock::instant();
    }

    /// Something went wrong: what comes now may come from another topic.
    pub(super) fn doubt(&mut self) {
        self.trusted_until = None;
        if let Some(question) = &mut self.asked {
            question.doubted = true;
        }
    }

    /// Notes that records came; answers whether those that came until now are trusted.
    pub(super) fn note_records(&mut self) -> bool {
        self.flowing = true;
        self.is_trusting()
    }

    /// Whether what came until now is trusted.
    pub(super) fn is_trusting(&self) -> bool {
        self.trusted_until.is_some_and(|until| clock::instant() <= until)
    }
}

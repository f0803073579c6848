//! Topics that a stream or sink may create: `create_topic = 'true'`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode as Code;

use super::client::Inquiry;
use super::options::{KafkaOptions, Start, configuration_error};
use crate::error::{Error, Result, code};

/// How long creating or deleting a topic may take.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether the topic of a stream or sink was created for it.
#[derive(Debug, Default)]
pub(super) struct Creation(AtomicBool);

impl Creation {
    /// Somebody to ask, and the topic's partitions; a topic that is missing is created if the options allow it.
    pub(super) fn inquire<'a>(&self, options: &'a KafkaOptions) -> Result<(Inquiry<'a>, Vec<i32>)> {
        let inquiry = Inquiry::new(options)?;
        match inquiry.partitions() {
            Err(error) if error.code == code::FDW_TABLE_NOT_FOUND && options.create_topic => {
                create(options)?;
                self.0.store(true, Ordering::Release);
                let inquiry = Inquiry::new(options)?;
                let partitions = inquiry.partitions()?;
                Ok((inquiry, partitions))
            }
            Err(mut error) if error.code == code::FDW_TABLE_NOT_FOUND => {
                let topics = error.hint.take().unwrap_or_default();
                Err(error.hint(format!("create the topic first, or add create_topic = 'true'; {topics}")))
            }
            Ok(partitions) => Ok((inquiry, partitions)),
            Err(error) => Err(error),
        }
    }

    /// Deletes the topic if it was created here and nobody has written to it.
    pub(super) fn undo(&self, options: &KafkaOptions) -> Result<()> {
        if !self.0.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let inquiry = Inquiry::new(options)?;
        let partitions = inquiry.partitions()?;
        if inquiry.positions(&partitions, Start::Latest)?.values().any(|end| *end > 0) {
            return Ok(());
        }
        let failed = |reason: &str| {
            Error::new(code::FDW_ERROR, format!("topic \"{}\" could not be deleted: {reason}", options.topic))
        };
        let (admin, limits) = admin(options)?;
        let results = block_on(admin.delete_topics(&[&options.topic], &limits));
        match results.map_err(|error| failed(&error.to_string()))?.into_iter().next() {
            Some(Err((_, code))) if code != Code::UnknownTopicOrPartition => Err(failed(&code.to_string())),
            _ => Ok(()),
        }
    }
}

fn admin(options: &KafkaOptions) -> Result<(AdminClient<DefaultClientContext>, AdminOptions)> {
    let limits = AdminOptions::new().request_timeout(Some(ADMIN_TIMEOUT)).operation_timeout(Some(ADMIN_TIMEOUT));
    Ok((options.client(&[]).create().map_err(configuration_error)?, limits))
}

fn create(options: &KafkaOptions) -> Result<()> {
    let (admin, limits) = admin(options)?;
    let topic = NewTopic::new(&options.topic, options.partitions.unwrap_or(-1), TopicReplication::Fixed(-1));
    let results =
        block_on(admin.create_topics([&topic], &limits)).map_err(|error| not_created(options, &error.to_string()))?;
    match results.into_iter().next() {
        Some(Err((_, code))) if code != Code::TopicAlreadyExists => Err(not_created(options, &code.to_string())),
        _ => Ok(()),
    }
}

fn not_created(options: &KafkaOptions, reason: &str) -> Error {
    Error::new(code::FDW_ERROR, format!("topic \"{}\" could not be created: {reason}", options.topic))
        .hint("create it by hand, or check name, rights and the option \"partitions\"")
}

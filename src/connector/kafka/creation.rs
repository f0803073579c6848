//! Topics that a stream or sink may create: `create_topic = 'true'`.

use std::time::Duration;

use futures::executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode as Code;

use super::client::Inquiry;
use super::options::{KafkaOptions, configuration_error};
use crate::error::{Error, Result, code};

/// How long a creation of a topic may take.
const CREATE_TIMEOUT: Duration = Duration::from_secs(5);

/// Somebody to ask, and the topic's partitions; a topic that is missing is created if the options allow it.
pub(super) fn inquire(options: &KafkaOptions) -> Result<(Inquiry<'_>, Vec<i32>)> {
    let inquiry = Inquiry::new(options)?;
    match inquiry.partitions() {
        Err(error) if error.code == code::FDW_TABLE_NOT_FOUND && options.create_topic => {
            create(options)?;
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

fn create(options: &KafkaOptions) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = options.client(&[]).create().map_err(configuration_error)?;
    let topic = NewTopic::new(&options.topic, options.partitions.unwrap_or(-1), TopicReplication::Fixed(-1));
    let limits = AdminOptions::new().request_timeout(Some(CREATE_TIMEOUT)).operation_timeout(Some(CREATE_TIMEOUT));
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

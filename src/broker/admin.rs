//! CreateTopics, DeleteTopics, CreatePartitions, DeleteRecords, DescribeLogDirs.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use kafka_protocol::messages::delete_records_response::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse, DeleteRecordsRequest,
    DeleteRecordsResponse, DeleteTopicsRequest, DeleteTopicsResponse, DescribeLogDirsRequest, DescribeLogDirsResponse,
    TopicName,
};

use super::config::{DEFINITIONS, TopicConfig};
use super::config_admin::{SOURCE_DEFAULT, SOURCE_TOPIC};
use super::protocol::{Call, NODE, Refusal, error_code, text, verdict};
use super::state::{Core, State};

/// What stands for the directory of the logs.
const LOG_DIRECTORY: &str = "memory";

/// Creates topics, or only says whether they could be created.
pub(super) fn create_topics(core: &Core, _: &Call, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let mut state = core.lock();
    let mut named: BTreeMap<TopicName, usize> = BTreeMap::new();
    for topic in &request.topics {
        *named.entry(topic.name.clone()).or_default() += 1;
    }
    let mut topics = Vec::new();
    for topic in request.topics {
        match named.get(&topic.name) {
            Some(1) => topics.push(create_topic(core, &mut state, topic, request.validate_only)),
            Some(_) => {
                named.remove(&topic.name);
                let refusal = Refusal::new(ResponseError::InvalidRequest, "Duplicate topic name.");
                topics.push(refused_topic(topic.name, refusal));
            }
            None => {}
        }
    }
    CreateTopicsResponse::default().with_topics(topics)
}

/// Deletes topics with their records, and what groups and transactions know of them.
pub(super) fn delete_topics(core: &Core, call: &Call, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let mut state = core.lock();
    let topics: Vec<DeleteTopicState> = if call.version >= 6 {
        request.topics
    } else {
        request.topic_names.into_iter().map(|name| DeleteTopicState::default().with_name(Some(name))).collect()
    };
    let responses = topics.into_iter().map(|topic| {
        let (name, unknown) = match topic.name {
            Some(name) => (Some(name), ResponseError::UnknownTopicOrPartition),
            None => {
                let name = state.topics.name_of(topic.topic_id).map(|name| TopicName(text(name)));
                (name, ResponseError::UnknownTopicId)
            }
        };
        let id = name.as_ref().and_then(|name| state.topics.get(name)).map_or(topic.topic_id, |topic| topic.id);
        let outcome = match &name {
            Some(name) => delete_topic(&mut state, name),
            None => Err(unknown),
        };
        let (code, message) = verdict(&outcome.map_err(Refusal::from));
        DeletableTopicResult::default()
            .with_name(name)
            .with_topic_id(id)
            .with_error_code(code)
            .with_error_message(message)
    });
    DeleteTopicsResponse::default().with_responses(responses.collect())
}

/// Adds partitions to topics.
pub(super) fn create_partitions(core: &Core, _: &Call, request: CreatePartitionsRequest) -> CreatePartitionsResponse {
    let mut state = core.lock();
    let results = request.topics.into_iter().map(|topic| {
        let outcome =
            check_assignments(&topic).and_then(|()| state.topics.grow(&topic.name, topic.count, request.validate_only));
        let (code, message) = verdict(&outcome);
        CreatePartitionsTopicResult::default().with_name(topic.name).with_error_code(code).with_error_message(message)
    });
    CreatePartitionsResponse::default().with_results(results.collect())
}

/// Forgets the records before given offsets.
pub(super) fn delete_records(core: &Core, _: &Call, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let mut state = core.lock();
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let outcome = state.topics.delete_records(&topic.name, partition.partition_index, partition.offset);
            DeleteRecordsPartitionResult::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(error_code(&outcome))
                .with_low_watermark(outcome.unwrap_or(-1))
        });
        let partitions = partitions.collect();
        DeleteRecordsTopicResult::default().with_name(topic.name).with_partitions(partitions)
    });
    DeleteRecordsResponse::default().with_topics(topics.collect())
}

/// Tells the size of every partition, or of the wanted ones.
pub(super) fn log_directories(core: &Core, _: &Call, request: DescribeLogDirsRequest) -> DescribeLogDirsResponse {
    let state = core.lock();
    let is_wanted = |name: &str, index: i32| match &request.topics {
        Some(wanted) => wanted.iter().any(|topic| topic.topic.as_str() == name && topic.partitions.contains(&index)),
        None => true,
    };
    let topics = state.topics.iter().filter_map(|(name, topic)| {
        let wanted = (0i32..).zip(&topic.logs).filter(|(index, _)| is_wanted(name, *index));
        let partitions: Vec<_> = wanted
            .map(|(index, log)| {
                DescribeLogDirsPartition::default().with_partition_index(index).with_partition_size(log.size() as i64)
            })
            .collect();
        let described = DescribeLogDirsTopic::default().with_name(TopicName(text(name)));
        (!partitions.is_empty()).then(|| described.with_partitions(partitions))
    });
    let (used, total) = state.topics.memory();
    let directory = DescribeLogDirsResult::default()
        .with_log_dir(text(LOG_DIRECTORY))
        .with_topics(topics.collect())
        .with_total_bytes(total as i64)
        .with_usable_bytes(total.saturating_sub(used) as i64);
    DescribeLogDirsResponse::default().with_results(vec![directory])
}

fn create_topic(core: &Core, state: &mut State, topic: CreatableTopic, validate_only: bool) -> CreatableTopicResult {
    let outcome = requested(core, &topic).and_then(|(partitions, config)| {
        if validate_only {
            state.topics.check_new(&topic.name, partitions)?;
        } else {
            state.topics.create(&topic.name, partitions, config.clone())?;
        }
        Ok((partitions, config))
    });
    let (partitions, config) = match outcome {
        Ok(created) => created,
        Err(refusal) => return refused_topic(topic.name, refusal),
    };
    let id = state.topics.get(&topic.name).map(|topic| topic.id).unwrap_or_default();
    let configs = DEFINITIONS.iter().map(|definition| {
        CreatableTopicConfigs::default()
            .with_name(text(definition.name))
            .with_value(Some(text(config.value(definition))))
            .with_config_source(if config.is_set(definition) { SOURCE_TOPIC } else { SOURCE_DEFAULT })
    });
    CreatableTopicResult::default()
        .with_name(topic.name)
        .with_topic_id(id)
        .with_num_partitions(partitions)
        .with_replication_factor(1)
        .with_configs(Some(configs.collect()))
}

/// Number of partitions and configuration that a new topic is to have.
fn requested(core: &Core, topic: &CreatableTopic) -> Result<(i32, TopicConfig), Refusal> {
    if !topic.assignments.is_empty() && (topic.num_partitions != -1 || topic.replication_factor != -1) {
        let problem = "A number of partitions or replicas and a replica assignment cannot both be given.";
        return Err(Refusal::new(ResponseError::InvalidRequest, problem));
    }
    if !matches!(topic.replication_factor, -1 | 1) {
        let problem = format!(
            "Unable to replicate the partition {} time(s): The target replication factor of {} cannot be reached because only 1 \
             broker(s) are registered.",
            topic.replication_factor, topic.replication_factor
        );
        return Err(Refusal::new(ResponseError::InvalidReplicationFactor, problem));
    }
    let mut assigned: Vec<i32> = topic.assignments.iter().map(|assignment| assignment.partition_index).collect();
    assigned.sort_unstable();
    let is_here = topic.assignments.iter().all(|assignment| assignment.broker_ids == [NODE]);
    if !is_here || !assigned.iter().copied().eq(0..assigned.len() as i32) {
        return Err(unassignable());
    }
    let mut config = TopicConfig::default();
    for setting in &topic.configs {
        match &setting.value {
            Some(value) => config.set(&setting.name, value)?,
            None => {
                let problem = format!("Null value not supported for topic configs: {}", setting.name);
                return Err(Refusal::new(ResponseError::InvalidConfig, problem));
            }
        }
    }
    let partitions = match topic.num_partitions {
        -1 if assigned.is_empty() => core.options.default_partitions,
        -1 => assigned.len() as i32,
        partitions => partitions,
    };
    Ok((partitions, config))
}

fn refused_topic(name: TopicName, refusal: Refusal) -> CreatableTopicResult {
    let (code, message) = verdict::<()>(&Err(refusal));
    CreatableTopicResult::default()
        .with_name(name)
        .with_error_code(code)
        .with_error_message(message)
        .with_num_partitions(-1)
        .with_replication_factor(-1)
        .with_configs(Some(Vec::new()))
}

fn delete_topic(state: &mut State, name: &str) -> Result<(), ResponseError> {
    state.topics.delete(name)?;
    state.groups.forget_topic(name);
    state.transactions.forget_topic(name);
    Ok(())
}

fn check_assignments(topic: &CreatePartitionsTopic) -> Result<(), Refusal> {
    let assignments = topic.assignments.iter().flatten();
    if assignments.clone().all(|assignment| assignment.broker_ids == [NODE]) { Ok(()) } else { Err(unassignable()) }
}

fn unassignable() -> Refusal {
    Refusal::new(
        ResponseError::InvalidReplicaAssignment,
        "Each partition needs one replica, on broker 1, and they count from 0.",
    )
}

//! DescribeConfigs, IncrementalAlterConfigs, AlterConfigs.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, DescribeConfigsRequest, DescribeConfigsResponse,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, alter_configs_response,
    incremental_alter_configs_response,
};
use kafka_protocol::protocol::StrBytes;

use super::config::{DEFINITIONS, Definition, Kind, TopicConfig};
use super::protocol::{Call, NODE, Refusal, text, verdict};
use super::state::{Core, State};

/// The value was set for the topic.
pub(super) const SOURCE_TOPIC: i8 = 1;
/// The value was given to the broker when it started.
const SOURCE_BROKER: i8 = 4;
/// Nobody set the value.
pub(super) const SOURCE_DEFAULT: i8 = 5;

const RESOURCE_TOPIC: i8 = 2;
const RESOURCE_BROKER: i8 = 4;

/// The operations of IncrementalAlterConfigs.
const OPERATION_SET: i8 = 0;
const OPERATION_DELETE: i8 = 1;
const OPERATION_APPEND: i8 = 2;
const OPERATION_SUBTRACT: i8 = 3;

/// Tells the settings of topics and of the broker.
pub(super) fn describe(core: &Core, call: &Call, request: DescribeConfigsRequest) -> DescribeConfigsResponse {
    let state = core.lock();
    let results = request.resources.into_iter().map(|resource| {
        let wanted = |name: &str| match &resource.configuration_keys {
            Some(keys) => keys.iter().any(|key| key.as_str() == name),
            None => true,
        };
        let outcome = match resource.resource_type {
            RESOURCE_TOPIC => topic_entries(&state, &resource, request.include_synonyms, wanted),
            RESOURCE_BROKER => broker_entries(core, call, &resource, request.include_synonyms, wanted),
            other => Err(unsupported(other)),
        };
        let (code, message) = verdict(&outcome);
        DescribeConfigsResult::default()
            .with_resource_type(resource.resource_type)
            .with_error_code(code)
            .with_error_message(message)
            .with_configs(outcome.unwrap_or_default())
            .with_resource_name(resource.resource_name)
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

/// Changes single settings of topics: for each topic all changes, or none if one is refused.
pub(super) fn alter_incrementally(
    core: &Core,
    _: &Call,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let mut state = core.lock();
    let responses = request.resources.into_iter().map(|resource| {
        let outcome = current(&state, resource.resource_type, &resource.resource_name).and_then(|mut config| {
            for change in &resource.configs {
                apply(&mut config, &change.name, change.config_operation, change.value.as_deref())?;
            }
            configure(core, &mut state, &resource.resource_name, config, request.validate_only)
        });
        let (code, message) = verdict(&outcome);
        incremental_alter_configs_response::AlterConfigsResourceResponse::default()
            .with_error_code(code)
            .with_error_message(message)
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name)
    });
    IncrementalAlterConfigsResponse::default().with_responses(responses.collect())
}

/// Replaces all settings of topics: what is not named goes back to its default.
pub(super) fn alter(core: &Core, _: &Call, request: AlterConfigsRequest) -> AlterConfigsResponse {
    let mut state = core.lock();
    let responses = request.resources.into_iter().map(|resource| {
        let outcome = current(&state, resource.resource_type, &resource.resource_name).and_then(|_| {
            let mut config = TopicConfig::default();
            for setting in &resource.configs {
                apply(&mut config, &setting.name, OPERATION_SET, setting.value.as_deref())?;
            }
            configure(core, &mut state, &resource.resource_name, config, request.validate_only)
        });
        let (code, message) = verdict(&outcome);
        alter_configs_response::AlterConfigsResourceResponse::default()
            .with_error_code(code)
            .with_error_message(message)
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name)
    });
    AlterConfigsResponse::default().with_responses(responses.collect())
}

fn topic_entries(
    state: &State,
    resource: &DescribeConfigsResource,
    with_synonyms: bool,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    let config = current(state, RESOURCE_TOPIC, &resource.resource_name)?;
    let entry = |definition: &Definition| {
        let is_set = config.is_set(definition);
        let value = text(config.value(definition));
        let source = if is_set { SOURCE_TOPIC } else { SOURCE_DEFAULT };
        let mut entry = entry(definition.name, value.clone(), source, definition.kind);
        if with_synonyms {
            if is_set {
                entry.synonyms.push(synonym(definition.name, value, SOURCE_TOPIC));
            }
            entry.synonyms.push(synonym(definition.name, text(definition.default), SOURCE_DEFAULT));
        }
        entry
    };
    Ok(DEFINITIONS.iter().filter(|definition| is_wanted(definition.name)).map(entry).collect())
}

fn broker_entries(
    core: &Core,
    call: &Call,
    resource: &DescribeConfigsResource,
    with_synonyms: bool,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    // The empty name stands for the defaults of all brokers.
    if !resource.resource_name.is_empty() && resource.resource_name.parse() != Ok(NODE.0) {
        let problem =
            format!("Unexpected broker id, expected {} but received {}", NODE.0, resource.resource_name.as_str());
        return Err(Refusal::new(ResponseError::InvalidRequest, problem));
    }
    let (host, port) = core.advertised(call);
    let options = &core.options;
    let values = [
        ("advertised.listeners", Kind::Words, format!("PLAINTEXT://{host}:{port}")),
        ("auto.create.topics.enable", Kind::Boolean, options.auto_create_topics.to_string()),
        ("broker.id", Kind::Int(0), NODE.0.to_string()),
        ("default.replication.factor", Kind::Int(1), "1".to_string()),
        ("delete.topic.enable", Kind::Boolean, "true".to_string()),
        ("listeners", Kind::Words, format!("PLAINTEXT://{}", call.local)),
        ("log.dirs", Kind::Words, "memory".to_string()),
        ("num.partitions", Kind::Int(1), options.default_partitions.to_string()),
    ];
    let entry = |(name, kind, value): (&'static str, Kind, String)| {
        let mut entry = entry(name, text(value.as_str()), SOURCE_BROKER, kind).with_read_only(true);
        if with_synonyms {
            entry.synonyms.push(synonym(name, text(value), SOURCE_BROKER));
        }
        entry
    };
    Ok(values.into_iter().filter(|(name, _, _)| is_wanted(name)).map(entry).collect())
}

fn entry(name: &'static str, value: StrBytes, source: i8, kind: Kind) -> DescribeConfigsResourceResult {
    DescribeConfigsResourceResult::default()
        .with_name(StrBytes::from_static_str(name))
        .with_value(Some(value))
        .with_config_source(source)
        .with_config_type(kind.code())
}

fn synonym(name: &'static str, value: StrBytes, source: i8) -> DescribeConfigsSynonym {
    DescribeConfigsSynonym::default()
        .with_name(StrBytes::from_static_str(name))
        .with_value(Some(value))
        .with_source(source)
}

/// The configuration of a topic, as it is.
fn current(state: &State, resource_type: i8, name: &str) -> Result<TopicConfig, Refusal> {
    match resource_type {
        RESOURCE_TOPIC => state.topics.get(name).map(|topic| topic.config.clone()).ok_or_else(|| {
            Refusal::new(ResponseError::UnknownTopicOrPartition, format!("The topic '{name}' does not exist."))
        }),
        RESOURCE_BROKER => Err(Refusal::new(
            ResponseError::InvalidRequest,
            "the embedded broker's own settings are given when it starts and cannot be altered",
        )),
        other => Err(unsupported(other)),
    }
}

fn apply(config: &mut TopicConfig, name: &str, operation: i8, value: Option<&str>) -> Result<(), Refusal> {
    let given = || {
        value
            .ok_or_else(|| Refusal::new(ResponseError::InvalidConfig, format!("Null value not supported for : {name}")))
    };
    match operation {
        OPERATION_SET => config.set(name, given()?),
        OPERATION_DELETE => config.unset(name),
        OPERATION_APPEND => config.edit_list(name, given()?, true),
        OPERATION_SUBTRACT => config.edit_list(name, given()?, false),
        other => Err(Refusal::new(ResponseError::InvalidRequest, format!("unknown operation {other} on a setting"))),
    }
}

fn configure(
    core: &Core,
    state: &mut State,
    name: &str,
    config: TopicConfig,
    validate_only: bool,
) -> Result<(), Refusal> {
    if validate_only { Ok(()) } else { state.topics.configure(name, config, core.now().instant) }
}

fn unsupported(resource_type: i8) -> Refusal {
    let problem =
        format!("the embedded broker has settings of topics (2) and brokers (4), not of resource type {resource_type}");
    Refusal::new(ResponseError::InvalidRequest, problem)
}

//! Administration: topics, partitions, settings, sizes.

use kafka_protocol::messages::alter_configs_request;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResult;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    AlterConfigsRequest, CreateTopicsRequest, DeleteTopicsRequest, DescribeClusterRequest, DescribeConfigsRequest,
    DescribeLogDirsRequest, IncrementalAlterConfigsRequest, MetadataRequest, TopicName,
};
use rdkafka::admin::{AdminOptions, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::RDKafkaErrorCode;

use crate::harness::{Harness, PATIENCE, string};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

#[test]
fn topics_are_created_grown_described_and_deleted() {
    let harness = Harness::start();
    let admin = harness.admin();
    let options = AdminOptions::new();
    let run = |future| harness.runtime.block_on::<std::pin::Pin<Box<dyn Future<Output = Vec<Outcome>>>>>(future);
    type Outcome = Result<String, (String, RDKafkaErrorCode)>;
    let create = || {
        let admin = &admin;
        let options = &options;
        run(Box::pin(async move {
            admin.create_topics(&[NewTopic::new("t", 3, TopicReplication::Fixed(1))], options).await.unwrap()
        }))
    };
    let partitions = || admin.inner().fetch_metadata(Some("t"), PATIENCE).unwrap().topics()[0].partitions().len();
    assert_eq!(create(), [Ok("t".to_string())]);
    assert_eq!(partitions(), 3);
    assert_eq!(create(), [Err(("t".to_string(), RDKafkaErrorCode::TopicAlreadyExists))]);
    let grown = harness.runtime.block_on(admin.create_partitions(&[NewPartitions::new("t", 5)], &options)).unwrap();
    assert_eq!(grown, [Ok("t".to_string())]);
    assert_eq!(partitions(), 5);
    let shrunk = harness.runtime.block_on(admin.create_partitions(&[NewPartitions::new("t", 4)], &options)).unwrap();
    assert_eq!(shrunk, [Err(("t".to_string(), RDKafkaErrorCode::InvalidPartitions))]);
    let described =
        harness.runtime.block_on(admin.describe_configs(&[ResourceSpecifier::Topic("t")], &options)).unwrap();
    let retention = described[0].as_ref().unwrap().get("retention.ms").unwrap().value.clone();
    assert_eq!(retention.as_deref(), Some("604800000"));
    let deleted = harness.runtime.block_on(admin.delete_topics(&["t", "none"], &options)).unwrap();
    assert_eq!(deleted[0], Ok("t".to_string()));
    assert_eq!(deleted[1], Err(("none".to_string(), RDKafkaErrorCode::UnknownTopicOrPartition)));
    let all = admin.inner().fetch_metadata(None, PATIENCE).unwrap();
    assert!(all.topics().iter().all(|topic| topic.name() != "t"));
}

/// The id of the topic "t".
fn topic_id(harness: &Harness) -> uuid::Uuid {
    let asked = MetadataRequestTopic::default().with_name(Some(TopicName(string("t"))));
    let response = harness.ask(12, MetadataRequest::default().with_topics(Some(vec![asked])));
    assert_eq!(response.topics[0].error_code, 0);
    response.topics[0].topic_id
}

#[test]
fn a_topic_that_is_created_again_is_empty_and_has_another_id() {
    let harness = Harness::start();
    harness.create("t", 1);
    harness.produce("t", 5, "none");
    let first = topic_id(&harness);
    assert_eq!(topic_id(&harness), first);
    let by_id = DeleteTopicState::default().with_name(None).with_topic_id(first);
    let request = DeleteTopicsRequest::default().with_topics(vec![by_id]);
    assert_eq!(harness.ask(6, request.clone()).responses[0].error_code, 0);
    harness.create("t", 1);
    assert_ne!(topic_id(&harness), first);
    assert_eq!(harness.ask(6, request).responses[0].error_code, 100, "the old id is unknown");
    assert_eq!(harness.admin().inner().fetch_watermarks("t", 0, PATIENCE).unwrap(), (0, 0));
}

/// Error code and message of a creation.
fn create(
    harness: &Harness,
    name: &str,
    partitions: i32,
    replicas: i16,
    setting: Option<(&str, &str)>,
) -> (i16, String) {
    let settings = setting
        .map(|(name, value)| CreatableTopicConfig::default().with_name(string(name)).with_value(Some(string(value))));
    let topic = CreatableTopic::default()
        .with_name(TopicName(string(name)))
        .with_num_partitions(partitions)
        .with_replication_factor(replicas)
        .with_configs(settings.into_iter().collect());
    let response = harness.ask(7, CreateTopicsRequest::default().with_topics(vec![topic]));
    let topic = &response.topics[0];
    (topic.error_code, topic.error_message.as_ref().map(|message| message.to_string()).unwrap_or_default())
}

#[test]
fn a_topic_that_cannot_be_is_refused_with_the_reason() {
    let harness = Harness::start();
    harness.create("t", 1);
    let long = "x".repeat(250);
    for (name, partitions, replicas, setting, code, reason) in [
        ("a/b", 1, 1, None, 17, "'a/b' contains one or more characters"),
        ("", 1, 1, None, 17, "empty"),
        ("..", 1, 1, None, 17, "'..' is not allowed"),
        (&long, 1, 1, None, 17, "longer than the max allowed length 249"),
        ("u", 1, 3, None, 38, "only 1 broker(s)"),
        ("u", 0, 1, None, 37, "Number of partitions"),
        ("u", 2_000_000_000, 1, None, 37, "Number of partitions"),
        ("u", 1, 1, Some(("retention.ms", "abc")), 40, "Invalid value abc for configuration retention.ms"),
        ("u", 1, 1, Some(("no.such", "1")), 40, "Unknown topic config name: no.such"),
        ("t", 1, 1, None, 36, "Topic 't' already exists."),
    ] {
        let (found, message) = create(&harness, name, partitions, replicas, setting);
        assert_eq!(found, code, "{name}: {message}");
        assert!(message.contains(reason), "{message}");
    }
    assert_eq!(create(&harness, "u", -1, -1, None), (0, String::new()), "the broker's own defaults");
}

#[test]
fn creation_can_be_tried_and_tells_the_settings() {
    let harness = Harness::start();
    let setting =
        CreatableTopicConfig::default().with_name(string("cleanup.policy")).with_value(Some(string("compact")));
    let topic = CreatableTopic::default().with_name(TopicName(string("t"))).with_num_partitions(2);
    let topic = topic.with_replication_factor(-1).with_configs(vec![setting]);
    let request = CreateTopicsRequest::default().with_topics(vec![topic.clone()]).with_validate_only(true);
    assert_eq!(harness.ask(7, request).topics[0].error_code, 0);
    let request = CreateTopicsRequest::default().with_topics(vec![topic.clone(), topic.clone()]);
    let response = harness.ask(7, request);
    assert_eq!(response.topics.iter().map(|topic| topic.error_code).collect::<Vec<_>>(), [42], "named twice");
    let response = harness.ask(7, CreateTopicsRequest::default().with_topics(vec![topic]));
    let created = &response.topics[0];
    assert_eq!((created.error_code, created.num_partitions, created.replication_factor), (0, 2, 1));
    assert_eq!(created.topic_id, topic_id(&harness));
    let configs = created.configs.as_ref().unwrap();
    let policy = configs.iter().find(|config| config.name.as_str() == "cleanup.policy").unwrap();
    assert_eq!((policy.value.as_deref(), policy.config_source), (Some("compact"), 1));
}

fn describe(harness: &Harness, kind: i8, name: &str, keys: Option<&[&str]>) -> DescribeConfigsResult {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(string(name))
        .with_configuration_keys(keys.map(|keys| keys.iter().map(|key| string(key)).collect()));
    let request = DescribeConfigsRequest::default().with_resources(vec![resource]).with_include_synonyms(true);
    harness.ask(4, request).results.remove(0)
}

/// Value and source of a setting of "t".
fn setting(harness: &Harness, name: &str) -> (String, i8) {
    let result = describe(harness, TOPIC, "t", Some(&[name]));
    assert_eq!((result.error_code, result.configs.len()), (0, 1));
    (result.configs[0].value.as_ref().unwrap().to_string(), result.configs[0].config_source)
}

/// Error code and message of a change: 0 sets, 1 deletes, 2 appends, 3 subtracts.
fn alter(harness: &Harness, kind: i8, topic: &str, operation: i8, name: &str, value: Option<&str>) -> (i16, String) {
    let change = AlterableConfig::default()
        .with_name(string(name))
        .with_config_operation(operation)
        .with_value(value.map(string));
    let resource = AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(string(topic))
        .with_configs(vec![change]);
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    let response = harness.ask(1, request).responses.remove(0);
    (response.error_code, response.error_message.map(|message| message.to_string()).unwrap_or_default())
}

#[test]
fn settings_are_described_with_their_sources() {
    let harness = Harness::start();
    harness.create_with("t", 1, &[("retention.ms", "3600000")]);
    let all = describe(&harness, TOPIC, "t", None);
    assert!(all.configs.len() > 20);
    let retention = all.configs.iter().find(|config| config.name.as_str() == "retention.ms").unwrap();
    assert_eq!((retention.value.as_deref(), retention.config_source, retention.config_type), (Some("3600000"), 1, 5));
    let synonyms: Vec<_> =
        retention.synonyms.iter().map(|synonym| (synonym.value.as_deref(), synonym.source)).collect();
    assert_eq!(synonyms, [(Some("3600000"), 1), (Some("604800000"), 5)]);
    assert_eq!(setting(&harness, "cleanup.policy"), ("delete".to_string(), 5));
    assert_eq!(describe(&harness, TOPIC, "none", None).error_code, 3);
    let broker = describe(&harness, BROKER, "1", Some(&["num.partitions"]));
    assert_eq!(broker.configs[0].value.as_deref(), Some("1"));
    assert_eq!(describe(&harness, BROKER, "2", None).error_code, 42);
    assert_eq!(describe(&harness, 8, "1", None).error_code, 42);
}

#[test]
fn settings_are_altered_one_by_one_and_apply_at_once() {
    let harness = Harness::start();
    harness.create("t", 1);
    for _ in 0..3 {
        harness.produce("t", 50, "none");
    }
    let ok = (0, String::new());
    assert_eq!(alter(&harness, TOPIC, "t", 0, "retention.bytes", Some("1000")), ok);
    assert_eq!(setting(&harness, "retention.bytes"), ("1000".to_string(), 1));
    let (low, high) = harness.admin().inner().fetch_watermarks("t", 0, PATIENCE).unwrap();
    assert!((100..150).contains(&low) && high == 150, "only the end of the last 50 remains, from {low} on");
    assert_eq!(alter(&harness, TOPIC, "t", 1, "retention.bytes", None), ok);
    assert_eq!(setting(&harness, "retention.bytes"), ("-1".to_string(), 5));
    assert_eq!(alter(&harness, TOPIC, "t", 2, "cleanup.policy", Some("compact")), ok);
    assert_eq!(setting(&harness, "cleanup.policy").0, "delete,compact");
    assert_eq!(alter(&harness, TOPIC, "t", 3, "cleanup.policy", Some("delete")), ok);
    assert_eq!(setting(&harness, "cleanup.policy").0, "compact");
    for (kind, topic, operation, name, value, code) in [
        (TOPIC, "t", 0, "retention.ms", Some("soon"), 40),
        (TOPIC, "t", 0, "retention.ms", None, 40),
        (TOPIC, "t", 2, "retention.ms", Some("1"), 40),
        (TOPIC, "t", 0, "no.such", Some("1"), 40),
        (TOPIC, "t", 9, "retention.ms", Some("1"), 42),
        (TOPIC, "none", 0, "retention.ms", Some("1"), 3),
        (BROKER, "1", 0, "num.partitions", Some("2"), 42),
    ] {
        let (found, message) = alter(&harness, kind, topic, operation, name, value);
        assert_eq!(found, code, "{name}={value:?}: {message}");
        assert!(!message.is_empty());
    }
}

#[test]
fn the_older_request_replaces_all_settings() {
    let harness = Harness::start();
    harness.create_with("t", 1, &[("retention.ms", "5"), ("segment.bytes", "1000")]);
    let change = alter_configs_request::AlterableConfig::default().with_name(string("retention.ms"));
    let resource = alter_configs_request::AlterConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(string("t"))
        .with_configs(vec![change.with_value(Some(string("6")))]);
    let request = AlterConfigsRequest::default().with_resources(vec![resource]);
    assert_eq!(harness.ask(2, request.clone().with_validate_only(true)).responses[0].error_code, 0);
    assert_eq!(setting(&harness, "retention.ms").0, "5", "it was only validated");
    assert_eq!(harness.ask(2, request).responses[0].error_code, 0);
    assert_eq!(setting(&harness, "retention.ms").0, "6");
    assert_eq!(setting(&harness, "segment.bytes").1, 5);
}

#[test]
fn sizes_and_the_cluster_are_described() {
    let harness = Harness::start();
    harness.create("t", 2);
    harness.create("empty", 1);
    harness.produce("t", 100, "none");
    let response = harness.ask(4, DescribeLogDirsRequest::default().with_topics(None));
    let directory = &response.results[0];
    let sizes: Vec<(String, i64)> = directory
        .topics
        .iter()
        .map(|topic| (topic.name.to_string(), topic.partitions.iter().map(|partition| partition.partition_size).sum()))
        .collect();
    assert_eq!(sizes[0], ("empty".to_string(), 0));
    assert!((10_000..20_000).contains(&sizes[1].1), "{sizes:?}");
    assert!(directory.usable_bytes < directory.total_bytes);
    let cluster = harness.ask(1, DescribeClusterRequest::default());
    assert_eq!(format!("{}:{}", cluster.brokers[0].host, cluster.brokers[0].port), harness.address);
    assert!(!cluster.cluster_id.is_empty());
}

//! ApiVersions, Metadata, FindCoordinator, DescribeCluster: what a client asks before it begins.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    DescribeClusterRequest, DescribeClusterResponse, FindCoordinatorRequest, FindCoordinatorResponse, MetadataRequest,
    MetadataResponse, TopicName,
};

use super::config::TopicConfig;
use super::protocol::{Call, LEADER_EPOCH, NODE, text};
use super::state::{Core, State};
use super::topic::Topic;

/// Tells the broker's address, the topics and their partitions; creates asked-for topics if client and broker allow it.
pub(super) fn metadata(core: &Core, call: &Call, request: MetadataRequest) -> MetadataResponse {
    let mut state = core.lock();
    // Before version 4 clients could not forbid it.
    let may_create = core.options.auto_create_topics && (call.version < 4 || request.allow_auto_topic_creation);
    let topics = match request.topics {
        // In version 0 an empty list means all topics, later a null does.
        Some(asked) if call.version > 0 || !asked.is_empty() => asked
            .into_iter()
            .map(|asked| match asked.name {
                Some(name) => by_name(core, &mut state, name, may_create),
                None => by_id(&state, asked.topic_id),
            })
            .collect(),
        _ => state.topics.iter().map(|(name, topic)| described(TopicName(text(name)), topic)).collect(),
    };
    let (host, port) = core.advertised(call);
    let broker = MetadataResponseBroker::default().with_node_id(NODE).with_host(host).with_port(port);
    MetadataResponse::default()
        .with_brokers(vec![broker])
        .with_cluster_id(Some(core.cluster_id.clone()))
        .with_controller_id(NODE)
        .with_topics(topics)
}

/// Names the only node as the coordinator of everything.
pub(super) fn find_coordinator(core: &Core, call: &Call, request: FindCoordinatorRequest) -> FindCoordinatorResponse {
    // 0 asks for a group's coordinator, 1 for a transaction's.
    if !(0..=1).contains(&request.key_type) {
        return FindCoordinatorResponse::default().with_error_code(ResponseError::InvalidRequest.code());
    }
    let (host, port) = core.advertised(call);
    FindCoordinatorResponse::default().with_node_id(NODE).with_host(host).with_port(port)
}

/// Describes the cluster of one node.
pub(super) fn cluster(core: &Core, call: &Call, request: DescribeClusterRequest) -> DescribeClusterResponse {
    let (host, port) = core.advertised(call);
    let broker = DescribeClusterBroker::default().with_broker_id(NODE).with_host(host).with_port(port);
    DescribeClusterResponse::default()
        .with_endpoint_type(request.endpoint_type)
        .with_cluster_id(core.cluster_id.clone())
        .with_controller_id(NODE)
        .with_brokers(vec![broker])
}

fn by_name(core: &Core, state: &mut State, name: TopicName, may_create: bool) -> MetadataResponseTopic {
    if state.topics.get(&name).is_none() {
        let refused = if may_create {
            let created = state.topics.create(&name, core.options.default_partitions, TopicConfig::default());
            created.err().map(|refusal| refusal.error)
        } else {
            Some(ResponseError::UnknownTopicOrPartition)
        };
        if let Some(error) = refused {
            return MetadataResponseTopic::default().with_name(Some(name)).with_error_code(error.code());
        }
    }
    match state.topics.get(&name) {
        Some(topic) => described(name, topic),
        None => MetadataResponseTopic::default()
            .with_name(Some(name))
            .with_error_code(ResponseError::UnknownTopicOrPartition.code()),
    }
}

fn by_id(state: &State, id: uuid::Uuid) -> MetadataResponseTopic {
    let name = state.topics.name_of(id);
    match name.and_then(|name| Some((name, state.topics.get(name)?))) {
        Some((name, topic)) => described(TopicName(text(name)), topic),
        None => {
            MetadataResponseTopic::default().with_topic_id(id).with_error_code(ResponseError::UnknownTopicId.code())
        }
    }
}

fn described(name: TopicName, topic: &Topic) -> MetadataResponseTopic {
    let partition = |index: usize| {
        MetadataResponsePartition::default()
            // A topic has at most 10,000 of them.
            .with_partition_index(index as i32)
            .with_leader_id(NODE)
            .with_leader_epoch(LEADER_EPOCH)
            .with_replica_nodes(vec![NODE])
            .with_isr_nodes(vec![NODE])
    };
    MetadataResponseTopic::default()
        .with_name(Some(name))
        .with_topic_id(topic.id)
        .with_partitions((0..topic.logs.len()).map(partition).collect())
}

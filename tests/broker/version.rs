//! Every version of an API that clients may choose.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiVersionsRequest, CreateTopicsRequest, DeleteTopicsRequest, DescribeConfigsRequest, DescribeGroupsRequest,
    DescribeLogDirsRequest, FetchRequest, FindCoordinatorRequest, GroupId, HeartbeatRequest, InitProducerIdRequest,
    JoinGroupRequest, LeaveGroupRequest, ListGroupsRequest, ListOffsetsRequest, MetadataRequest, OffsetCommitRequest,
    OffsetFetchRequest, OffsetForLeaderEpochRequest, ProduceRequest, SyncGroupRequest, TopicName, TransactionalId,
};
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType};

use crate::harness::{Connection, Harness, string, unique};

fn topic_name(name: &str) -> TopicName {
    TopicName(string(name))
}

fn one_record() -> Bytes {
    let record = Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: TimestampType::Creation,
        offset: 0,
        sequence: -1,
        timestamp: 5,
        key: None,
        value: Some(Bytes::from_static(b"v")),
        headers: Default::default(),
    };
    let mut bytes = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    RecordBatchEncoder::encode(&mut bytes, [&record], &options).unwrap();
    bytes.freeze()
}

#[test]
fn records_in_every_version() {
    let harness = Harness::start();
    harness.create("t", 1);
    let mut connection = harness.connect();
    for version in 3..=9 {
        let partition = PartitionProduceData::default().with_records(Some(one_record()));
        let topic = TopicProduceData::default().with_name(topic_name("t")).with_partition_data(vec![partition]);
        let response = connection.ask(version, ProduceRequest::default().with_acks(1).with_topic_data(vec![topic]));
        let partition = &response.responses[0].partition_responses[0];
        assert_eq!((partition.error_code, partition.base_offset), (0, i64::from(version) - 3));
    }
    for version in 4..=12 {
        let partition = FetchPartition::default().with_fetch_offset(2).with_partition_max_bytes(1 << 20);
        let topic = FetchTopic::default().with_topic(topic_name("t")).with_partitions(vec![partition]);
        let request = FetchRequest::default().with_max_bytes(1 << 20).with_min_bytes(1).with_topics(vec![topic]);
        let response = connection.ask(version, request);
        let partition = &response.responses[0].partitions[0];
        assert_eq!((partition.error_code, partition.high_watermark), (0, 7));
        let sets = kafka_protocol::records::RecordBatchDecoder::decode_all(&mut partition.records.clone().unwrap());
        let offsets: Vec<i64> = sets.unwrap().iter().flat_map(|set| &set.records).map(|record| record.offset).collect();
        assert_eq!(offsets, [2, 3, 4, 5, 6]);
    }
    for version in 1..=7 {
        for (timestamp, offset) in [(-1, 7), (-2, 0), (5, 0), (6, -1)] {
            let partition = ListOffsetsPartition::default().with_timestamp(timestamp);
            let topic = ListOffsetsTopic::default().with_name(topic_name("t")).with_partitions(vec![partition]);
            let response = connection.ask(version, ListOffsetsRequest::default().with_topics(vec![topic]));
            let partition = &response.topics[0].partitions[0];
            assert_eq!((partition.error_code, partition.offset), (0, offset));
        }
    }
    for version in 2..=4 {
        let partition = OffsetForLeaderPartition::default().with_leader_epoch(0);
        let topic = OffsetForLeaderTopic::default().with_topic(topic_name("t")).with_partitions(vec![partition]);
        let response = connection.ask(version, OffsetForLeaderEpochRequest::default().with_topics(vec![topic]));
        assert_eq!(response.topics[0].partitions[0].end_offset, 7);
    }
}

#[test]
fn topics_in_every_version() {
    let harness = Harness::start();
    let mut connection = harness.connect();
    for version in 0..=3 {
        assert!(connection.ask(version, ApiVersionsRequest::default()).api_keys.len() > 30);
        let request = FindCoordinatorRequest::default().with_key(string("g"));
        assert_eq!(connection.ask(version, request).node_id.0, 1);
    }
    for version in 2..=7 {
        let names = [unique("t"), "a/b".to_string()];
        let topics = names.map(|name| {
            CreatableTopic::default().with_name(topic_name(&name)).with_num_partitions(1).with_replication_factor(1)
        });
        let response = connection.ask(version, CreateTopicsRequest::default().with_topics(topics.to_vec()));
        assert_eq!(response.topics.iter().map(|topic| topic.error_code).collect::<Vec<_>>(), [0, 17]);
    }
    for version in 0..=12 {
        let all = if version == 0 { Some(Vec::new()) } else { None };
        let response = connection.ask(version, MetadataRequest::default().with_topics(all));
        assert_eq!(response.topics.len(), 6);
        assert_eq!(format!("{}:{}", response.brokers[0].host, response.brokers[0].port), harness.address);
    }
    for version in 1..=4 {
        assert_eq!(
            connection.ask(version, DescribeLogDirsRequest::default().with_topics(None)).results[0].topics.len(),
            6
        );
        let resource = DescribeConfigsResource::default().with_resource_type(4).with_configuration_keys(None);
        let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
        assert!(connection.ask(version, request).results[0].configs.len() > 5);
    }
    for version in 1..=5 {
        let request = DeleteTopicsRequest::default().with_topic_names(vec![topic_name("none")]);
        assert_eq!(connection.ask(version, request).responses[0].error_code, 3);
    }
    for version in 0..=4 {
        let request = InitProducerIdRequest::default().with_transactional_id(Some(TransactionalId(string("id"))));
        let response = connection.ask(version, request.with_transaction_timeout_ms(1000));
        assert_eq!((response.error_code, response.producer_epoch), (0, version));
    }
}

/// Joins as a dynamic member in any version, taking the detour by an id that is handed out first.
fn join(connection: &mut Connection, version: i16, group: &str) -> (String, i32) {
    let protocol = JoinGroupRequestProtocol::default().with_name(string("range"));
    let mut request = JoinGroupRequest::default()
        .with_group_id(GroupId(string(group)))
        .with_session_timeout_ms(30_000)
        .with_protocol_type(string("consumer"))
        .with_protocols(vec![protocol]);
    if version >= 1 {
        request.rebalance_timeout_ms = 30_000;
    }
    let mut response = connection.ask(version, request.clone());
    if version >= 4 {
        assert_eq!(response.error_code, 79);
        response = connection.ask(version, request.with_member_id(response.member_id));
    }
    assert_eq!((response.error_code, response.members.len()), (0, 1));
    assert_eq!(response.leader, response.member_id);
    (response.member_id.to_string(), response.generation_id)
}

#[test]
fn membership_in_every_version() {
    let harness = Harness::start();
    let mut connection = harness.connect();
    for version in 0..=7 {
        let (group, lower) = (unique("g"), version.min(4));
        let (member, generation) = join(&mut connection, version, &group);
        let group = GroupId(string(&group));
        let request = SyncGroupRequest::default().with_group_id(group.clone()).with_member_id(string(&member));
        assert_eq!(connection.ask(version.min(5), request.with_generation_id(generation)).error_code, 0);
        let request = HeartbeatRequest::default().with_group_id(group.clone()).with_member_id(string(&member));
        assert_eq!(connection.ask(lower, request.with_generation_id(generation)).error_code, 0);
        let response =
            connection.ask(version.min(5), DescribeGroupsRequest::default().with_groups(vec![group.clone()]));
        assert_eq!((response.groups[0].group_state.as_str(), response.groups[0].members.len()), ("Stable", 1));
        assert!(!connection.ask(version.min(5), ListGroupsRequest::default()).groups.is_empty());
        let mut request = LeaveGroupRequest::default().with_group_id(group);
        if lower >= 3 {
            request.members = vec![MemberIdentity::default().with_member_id(string(&member))];
        } else {
            request.member_id = string(&member);
        }
        let response = connection.ask(lower, request);
        assert!(response.error_code == 0 && response.members.iter().all(|member| member.error_code == 0));
    }
}

#[test]
fn committed_offsets_in_every_version() {
    let harness = Harness::start();
    harness.create("t", 1);
    let mut connection = harness.connect();
    let group = GroupId(string("g"));
    for version in 2..=8 {
        let partition = OffsetCommitRequestPartition::default().with_committed_offset(i64::from(version));
        let topic = OffsetCommitRequestTopic::default().with_name(topic_name("t")).with_partitions(vec![partition]);
        let request = OffsetCommitRequest::default().with_group_id(group.clone()).with_topics(vec![topic]);
        let response = connection.ask(version, request.with_generation_id_or_member_epoch(-1));
        assert_eq!(response.topics[0].partitions[0].error_code, 0);
    }
    for version in 1..=7 {
        let topic = OffsetFetchRequestTopic::default().with_name(topic_name("t")).with_partition_indexes(vec![0]);
        let request = OffsetFetchRequest::default().with_group_id(group.clone()).with_topics(Some(vec![topic]));
        assert_eq!(connection.ask(version, request).topics[0].partitions[0].committed_offset, 8);
    }
    for version in 2..=7 {
        let request = OffsetFetchRequest::default().with_group_id(group.clone()).with_topics(None);
        assert_eq!(connection.ask(version, request).topics[0].partitions[0].committed_offset, 8, "all of them");
    }
}

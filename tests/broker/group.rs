//! Consumer groups.

use std::time::Duration;

use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, GroupId, ListGroupsRequest, OffsetCommitRequest, OffsetDeleteRequest,
    OffsetFetchRequest, TopicName,
};
use rdkafka::admin::AdminOptions;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use crate::harness::{Harness, PATIENCE, read, string, wait_until};

fn member(harness: &Harness, strategy: &str) -> BaseConsumer {
    let mut config = harness.config();
    config.set("group.id", "g").set("auto.offset.reset", "earliest").set("enable.auto.commit", "false");
    config.set("partition.assignment.strategy", strategy);
    let consumer: BaseConsumer = config.create().unwrap();
    consumer.subscribe(&["t"]).unwrap();
    consumer
}

fn count_assigned(consumer: &BaseConsumer) -> usize {
    consumer.assignment().unwrap().count()
}

/// Commits without membership; the error codes per partition.
fn commit(harness: &Harness, topic: &str, offsets: &[(i32, i64)]) -> Vec<i16> {
    let partitions = offsets.iter().map(|&(partition, offset)| {
        let partition = OffsetCommitRequestPartition::default().with_partition_index(partition);
        partition.with_committed_offset(offset).with_committed_metadata(Some(string("epoch=17")))
    });
    let topic =
        OffsetCommitRequestTopic::default().with_name(TopicName(string(topic))).with_partitions(partitions.collect());
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId(string("g")))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic]);
    harness.ask(8, request).topics[0].partitions.iter().map(|partition| partition.error_code).collect()
}

fn committed(harness: &Harness, topic: &str, partition: i32) -> (i64, String) {
    let topic = OffsetFetchRequestTopic::default().with_name(TopicName(string(topic)));
    let request = OffsetFetchRequest::default()
        .with_group_id(GroupId(string("g")))
        .with_topics(Some(vec![topic.with_partition_indexes(vec![partition])]));
    let response = harness.ask(7, request);
    let partition = &response.topics[0].partitions[0];
    (partition.committed_offset, partition.metadata.as_ref().unwrap().to_string())
}

fn shares_partitions(strategy: &str) {
    let harness = Harness::start();
    harness.create("t", 4);
    harness.produce("t", 100, "none");
    let first = member(&harness, strategy);
    read(&first, 100);
    first.commit_consumer_state(CommitMode::Sync).unwrap();

    let second = member(&harness, strategy);
    wait_until("two partitions each", || {
        for consumer in [&first, &second] {
            assert!(consumer.poll(Duration::from_millis(20)).is_none(), "everything was read and committed");
        }
        count_assigned(&first) == 2 && count_assigned(&second) == 2
    });
    let list = second.fetch_group_list(Some("g"), PATIENCE).unwrap();
    assert_eq!((list.groups()[0].state(), list.groups()[0].members().len()), ("Stable", 2));
    assert_eq!(list.groups()[0].members()[0].client_host(), "/127.0.0.1");

    harness.produce("t", 100, "none");
    let mut counts = [0, 0];
    wait_until("the second hundred", || {
        for (consumer, count) in [&first, &second].into_iter().zip(&mut counts) {
            *count += usize::from(matches!(consumer.poll(Duration::from_millis(20)), Some(Ok(_))));
        }
        counts.iter().sum::<usize>() == 100
    });
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    for consumer in [first, second] {
        consumer.commit_consumer_state(CommitMode::Sync).unwrap();
    }

    let third = member(&harness, strategy);
    wait_until("all partitions", || {
        assert!(third.poll(Duration::from_millis(20)).is_none(), "everything was read and committed");
        count_assigned(&third) == 4
    });
    let offsets = third.committed(PATIENCE).unwrap();
    let sum: i64 = offsets.elements().iter().filter_map(|partition| partition.offset().to_raw()).sum();
    assert_eq!(sum, 200);
}

#[test]
fn members_share_the_partitions_and_resume_where_they_committed() {
    shares_partitions("range");
}

#[test]
fn members_rebalance_cooperatively() {
    shares_partitions("cooperative-sticky");
}

#[test]
fn offsets_of_somebody_without_membership() {
    let harness = Harness::start();
    harness.create("t", 1);
    assert_eq!(commit(&harness, "t", &[(0, 5), (1, 5)]), [0, 3]);
    assert_eq!(commit(&harness, "none", &[(0, 5)]), [3]);
    assert_eq!(committed(&harness, "t", 0), (5, "epoch=17".to_string()));
    let member = member(&harness, "range");
    wait_until("membership", || member.poll(Duration::from_millis(20)).is_none() && count_assigned(&member) == 1);
    assert_eq!(commit(&harness, "t", &[(0, 6)]), [25], "a group with members belongs to them");
    assert_eq!(committed(&harness, "t", 0).0, 5);
}

#[test]
fn a_deleted_topic_takes_its_offsets_along() {
    let harness = Harness::start();
    harness.create("t", 1);
    assert_eq!(commit(&harness, "t", &[(0, 5)]), [0]);
    let admin = harness.admin();
    harness.runtime.block_on(admin.delete_topics(&["t"], &AdminOptions::new())).unwrap()[0].as_ref().unwrap();
    harness.create("t", 1);
    assert_eq!(committed(&harness, "t", 0), (-1, String::new()));
}

#[test]
fn asking_for_a_group_does_not_create_it() {
    let harness = Harness::start();
    harness.create("t", 1);
    assert_eq!(committed(&harness, "t", 0).0, -1);
    let request = DescribeGroupsRequest::default().with_groups(vec![GroupId(string("g"))]);
    assert_eq!(harness.ask(5, request).groups[0].group_state.as_str(), "Dead");
    assert_eq!(harness.ask(5, ListGroupsRequest::default()).groups, []);
}

#[test]
fn groups_are_listed_by_state_and_type() {
    let harness = Harness::start();
    harness.create("t", 1);
    commit(&harness, "t", &[(0, 5)]);
    let list = |states: &[&str], types: &[&str]| {
        let strings = |names: &[&str]| names.iter().map(|name| string(name)).collect();
        let request =
            ListGroupsRequest::default().with_states_filter(strings(states)).with_types_filter(strings(types));
        let groups = harness.ask(5, request).groups;
        groups
            .iter()
            .map(|group| format!("{} {} {}", group.group_id.as_str(), group.group_state, group.group_type))
            .collect::<Vec<_>>()
    };
    assert_eq!(list(&[], &[]), ["g Empty classic"]);
    assert_eq!(list(&["Empty"], &["classic"]).len(), 1);
    assert_eq!(list(&["Stable"], &[]).len() + list(&[], &["consumer"]).len(), 0);
}

#[test]
fn groups_and_offsets_are_deleted_unless_they_are_in_use() {
    let harness = Harness::start();
    harness.create("t", 1);
    harness.create("other", 1);
    commit(&harness, "t", &[(0, 5)]);
    commit(&harness, "other", &[(0, 5)]);
    let delete = |group: &str| {
        let request = DeleteGroupsRequest::default().with_groups_names(vec![GroupId(string(group))]);
        harness.ask(2, request).results[0].error_code
    };
    let delete_offset = |topic: &str| {
        let topic = OffsetDeleteRequestTopic::default()
            .with_name(TopicName(string(topic)))
            .with_partitions(vec![OffsetDeleteRequestPartition::default().with_partition_index(0)]);
        let request = OffsetDeleteRequest::default().with_group_id(GroupId(string("g"))).with_topics(vec![topic]);
        harness.ask(0, request).topics[0].partitions[0].error_code
    };
    let mut member = Some(member(&harness, "range"));
    wait_until("membership", || {
        let member = member.as_ref().unwrap();
        member.poll(Duration::from_millis(20)).is_none() && count_assigned(member) == 1
    });
    assert_eq!((delete("g"), delete("none")), (68, 69));
    assert_eq!((delete_offset("t"), delete_offset("other")), (86, 0));
    assert_eq!((committed(&harness, "t", 0).0, committed(&harness, "other", 0).0), (5, -1));
    drop(member.take());
    assert_eq!(delete("g"), 0);
    assert_eq!(committed(&harness, "t", 0).0, -1);
}

#[test]
fn a_static_member_returns_without_a_rebalance() {
    let harness = Harness::start();
    harness.create("t", 2);
    harness.produce("t", 10, "none");
    let start = || {
        let mut config = harness.config();
        config.set("group.id", "g").set("group.instance.id", "one").set("auto.offset.reset", "earliest");
        let consumer: BaseConsumer = config.set("enable.auto.commit", "false").create().unwrap();
        consumer.subscribe(&["t"]).unwrap();
        read(&consumer, 10);
        consumer
    };
    let first = start();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset("t", 0, Offset::Offset(0)).unwrap();
    let describe = || {
        let request = DescribeGroupsRequest::default().with_groups(vec![GroupId(string("g"))]);
        let group = harness.ask(5, request).groups.remove(0);
        (group.group_state.to_string(), group.members.iter().map(|m| m.member_id.to_string()).collect::<Vec<_>>())
    };
    let before = describe();
    drop(first);
    let stayed = describe();
    assert_eq!(stayed, before, "a static member that goes away keeps its place until its session ends");
    let _second = start();
    let after = describe();
    assert_eq!((after.0.as_str(), after.1.len()), ("Stable", 1));
    assert_ne!(after.1, before.1);
}

#[test]
fn offsets_of_a_topic_go_with_it() {
    let harness = Harness::start();
    harness.create("t", 1);
    harness.produce("t", 3, "none");
    assert_eq!(commit(&harness, "t", &[(0, 2)]), [0]);
    let deleted = futures::executor::block_on(harness.admin().delete_topics(&["t"], &AdminOptions::new())).unwrap();
    assert!(deleted[0].is_ok());
    assert_eq!(committed(&harness, "t", 0).0, -1);
    harness.create("t", 1);
    assert_eq!(committed(&harness, "t", 0).0, -1, "another topic of the same name");
    harness.produce("t", 1, "none");
    let member = member(&harness, "range");
    read(&member, 1);
}

#[test]
fn members_of_the_new_protocol_are_told_that_there_is_none() {
    let harness = Harness::start();
    harness.create("t", 1);
    let mut config = harness.config();
    config.set("group.id", "g").set("group.protocol", "consumer").set("auto.offset.reset", "earliest");
    let consumer: BaseConsumer = config.create().unwrap();
    consumer.subscribe(&["t"]).unwrap();
    let mut told = None;
    wait_until("the refusal", || {
        told = told.take().or_else(|| consumer.poll(Duration::from_millis(20))?.err());
        told.is_some() && consumer.client().fatal_error().is_some()
    });
    let (code, reason) = consumer.client().fatal_error().unwrap();
    assert_eq!(code, rdkafka::error::RDKafkaErrorCode::UnsupportedVersion, "{reason}");
    let request =
        kafka_protocol::messages::ConsumerGroupHeartbeatRequest::default().with_group_id(GroupId(string("g")));
    let refused = harness.ask(1, request);
    assert!(refused.error_message.unwrap().contains("group.protocol=classic"));
}

//! OffsetCommit, OffsetFetch, OffsetDelete.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use kafka_protocol::messages::offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};
use kafka_protocol::messages::offset_fetch_response::{OffsetFetchResponsePartition, OffsetFetchResponseTopic};
use kafka_protocol::messages::{
    ConsumerProtocolSubscription, OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse,
    OffsetFetchRequest, OffsetFetchResponse, TopicName,
};
use kafka_protocol::protocol::{Decodable, StrBytes};

use bytes::Buf;

use super::group::{Committed, Committer, Group, Phase};
use super::protocol::{Call, error_code, text};
use super::state::{Core, State};

/// `offset.metadata.max.bytes` of Apache Kafka.
const METADATA_MAX_BYTES: usize = 4096;

/// Commits offsets for a member, or for somebody who assigns itself in a group without members.
pub(super) fn commit(core: &Core, _: &Call, request: OffsetCommitRequest) -> OffsetCommitResponse {
    let mut state = core.lock();
    let state = &mut *state;
    let allowed = check_commit(core, state, &request);
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|partition| {
            let index = partition.partition_index;
            let exists = allowed.and_then(|()| state.topics.log(&topic.name, index).map(drop));
            let outcome = exists.and_then(|()| {
                let epoch = partition.committed_leader_epoch;
                let committed = committed(partition.committed_offset, epoch, partition.committed_metadata)?;
                state.groups.get_or_create(&request.group_id).offsets.put(&topic.name, index, committed);
                Ok(())
            });
            OffsetCommitResponsePartition::default().with_partition_index(index).with_error_code(error_code(&outcome))
        });
        let partitions = partitions.collect();
        OffsetCommitResponseTopic::default().with_name(topic.name).with_partitions(partitions)
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}

/// Tells committed offsets; -1 where there is none. Never creates a group.
pub(super) fn fetch(core: &Core, _: &Call, request: OffsetFetchRequest) -> OffsetFetchResponse {
    let state = core.lock();
    let group = state.groups.get(&request.group_id);
    let wanted: Vec<(TopicName, Vec<i32>)> = match request.topics {
        Some(topics) => topics.into_iter().map(|topic| (topic.name, topic.partition_indexes)).collect(),
        None => group
            .iter()
            .flat_map(|group| group.offsets.partitions())
            .map(|(topic, partitions)| (TopicName(text(topic)), partitions))
            .collect(),
    };
    let topics = wanted.into_iter().map(|(name, indexes)| {
        let partitions = indexes.into_iter().map(|index| {
            let response = OffsetFetchResponsePartition::default().with_partition_index(index);
            let is_unstable = request.require_stable && state.transactions.is_pending(&request.group_id, &name, index);
            match group.and_then(|group| group.offsets.get(&name, index)) {
                _ if is_unstable => response
                    .with_committed_offset(-1)
                    .with_committed_leader_epoch(-1)
                    .with_metadata(Some(StrBytes::default()))
                    .with_error_code(ResponseError::UnstableOffsetCommit.code()),
                Some(committed) => response
                    .with_committed_offset(committed.offset)
                    .with_committed_leader_epoch(committed.leader_epoch)
                    .with_metadata(Some(committed.metadata.clone())),
                None => response
                    .with_committed_offset(-1)
                    .with_committed_leader_epoch(-1)
                    .with_metadata(Some(StrBytes::default())),
            }
        });
        let partitions = partitions.collect();
        OffsetFetchResponseTopic::default().with_name(name).with_partitions(partitions)
    });
    OffsetFetchResponse::default().with_topics(topics.collect())
}

/// Forgets committed offsets, unless a member is subscribed to the topic.
pub(super) fn delete(core: &Core, _: &Call, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let mut state = core.lock();
    let state = &mut *state;
    let Some(group) = state.groups.get_mut(&request.group_id) else {
        return OffsetDeleteResponse::default().with_error_code(ResponseError::GroupIdNotFound.code());
    };
    if group.phase != Phase::Empty && group.protocol_type.as_str() != "consumer" {
        return OffsetDeleteResponse::default().with_error_code(ResponseError::NonEmptyGroup.code());
    }
    let topics = request.topics.into_iter().map(|topic| {
        let is_subscribed = is_subscribed(group, &topic.name);
        let partitions = topic.partitions.iter().map(|partition| {
            let index = partition.partition_index;
            let outcome = match state.topics.log(&topic.name, index) {
                Err(error) => Err(error),
                Ok(_) if is_subscribed => Err(ResponseError::GroupSubscribedToTopic),
                Ok(_) => Ok(()),
            };
            if outcome.is_ok() {
                group.offsets.forget(&topic.name, index);
            }
            OffsetDeleteResponsePartition::default().with_partition_index(index).with_error_code(error_code(&outcome))
        });
        let partitions = partitions.collect();
        OffsetDeleteResponseTopic::default().with_name(topic.name).with_partitions(partitions)
    });
    OffsetDeleteResponse::default().with_topics(topics.collect())
}

/// What a client asks to be committed.
///
/// # Errors
/// 12 if it wants too much to be remembered with it.
pub(super) fn committed(
    offset: i64,
    leader_epoch: i32,
    metadata: Option<StrBytes>,
) -> Result<Committed, ResponseError> {
    let metadata = metadata.unwrap_or_default();
    if metadata.len() > METADATA_MAX_BYTES {
        return Err(ResponseError::OffsetMetadataTooLarge);
    }
    // A string of a request shares the memory of its whole frame, which must not live as long as the offset.
    Ok(Committed { offset, leader_epoch, metadata: text(metadata.as_str()) })
}

fn check_commit(core: &Core, state: &mut State, request: &OffsetCommitRequest) -> Result<(), ResponseError> {
    let committer = Committer {
        member: &request.member_id,
        instance: request.group_instance_id.as_deref(),
        generation: request.generation_id_or_member_epoch,
    };
    match state.groups.get_mut(&request.group_id) {
        Some(group) => group.check_commit(committer, false, core.now().instant),
        None if committer.generation < 0 => Ok(()),
        None => Err(ResponseError::IllegalGeneration),
    }
}

/// Whether a member of a consumer group is subscribed to `topic`; if its metadata cannot be read, it may be.
fn is_subscribed(group: &Group, topic: &str) -> bool {
    group.members.values().any(|member| {
        let Some(mut metadata) = member.metadata(&group.protocol) else { return true };
        if metadata.len() < 2 {
            return true;
        }
        let version = metadata.get_i16().clamp(0, 3);
        match ConsumerProtocolSubscription::decode(&mut metadata, version) {
            Ok(subscription) => subscription.topics.iter().any(|name| name.as_str() == topic),
            Err(_) => true,
        }
    })
}

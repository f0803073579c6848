//! JoinGroup, SyncGroup, Heartbeat, LeaveGroup: the requests of group members.

use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, HeartbeatRequest, HeartbeatResponse,
    JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse, SyncGroupRequest, SyncGroupResponse,
};
use kafka_protocol::protocol::StrBytes;
use tokio::sync::oneshot;

use crate::clock;

use super::group::{Candidate, Joined, Synced};
use super::protocol::{Call, error_code, text};
use super::state::Core;

/// `group.max.session.timeout.ms` of Apache Kafka. There is no least one, so that tests need not wait.
const SESSION_MAX_MS: i32 = 1_800_000;

/// Lets a client join, which waits until the group has agreed.
pub(super) async fn join(core: &Core, call: &Call, request: JoinGroupRequest) -> JoinGroupResponse {
    let asked = request.member_id.clone();
    let outcome = match ask_to_join(core, call, request) {
        Ok(Entrance::Reserved(id)) => {
            return refused_join(call, ResponseError::MemberIdRequired).with_member_id(text(id));
        }
        Ok(Entrance::Waiting(receiver)) => receiver.await.unwrap_or(Err(ResponseError::UnknownMemberId)),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(joined) => joined_response(joined),
        Err(error) => refused_join(call, error).with_member_id(asked),
    }
}

/// Refuses members of the protocol of KIP-848 as brokers do on which it is switched off. Clients that do not find the API at all
/// would ask for another coordinator for ever, in silence.
pub(super) fn refuse_new_protocol(
    _: &Core,
    _: &Call,
    _: ConsumerGroupHeartbeatRequest,
) -> ConsumerGroupHeartbeatResponse {
    let reason = "this broker has the classic protocol of consumer groups only: set group.protocol=classic";
    ConsumerGroupHeartbeatResponse::default()
        .with_error_code(ResponseError::UnsupportedVersion.code())
        .with_error_message(Some(text(reason)))
}

/// Tells a member what to read, which waits until the leader has decided.
pub(super) async fn sync(core: &Core, call: &Call, request: SyncGroupRequest) -> SyncGroupResponse {
    let outcome = match ask_to_sync(core, request) {
        Ok(receiver) => receiver.await.unwrap_or(Err(ResponseError::UnknownMemberId)),
        Err(error) => Err(error),
    };
    let response = SyncGroupResponse::default().with_error_code(error_code(&outcome));
    match outcome {
        Ok(synced) if call.version >= 5 => response
            .with_protocol_type(Some(synced.protocol_type))
            .with_protocol_name(Some(synced.protocol))
            .with_assignment(synced.assignment),
        Ok(synced) => response.with_assignment(synced.assignment),
        Err(_) => response,
    }
}

/// Notes that a member lives.
pub(super) fn heartbeat(core: &Core, _: &Call, request: HeartbeatRequest) -> HeartbeatResponse {
    let mut state = core.lock();
    let outcome = state.groups.get_mut(&request.group_id).ok_or(ResponseError::UnknownMemberId).and_then(|group| {
        let instance = request.group_instance_id.as_deref();
        group.heartbeat(&request.member_id, instance, request.generation_id, core.now().instant)
    });
    HeartbeatResponse::default().with_error_code(error_code(&outcome))
}

/// Lets members go.
pub(super) fn leave(core: &Core, call: &Call, request: LeaveGroupRequest) -> LeaveGroupResponse {
    let mut state = core.lock();
    let now = core.now().instant;
    let mut leave = |id: &str, instance: Option<&str>| match state.groups.get_mut(&request.group_id) {
        Some(group) => group.leave(id, instance, now),
        None => Err(ResponseError::UnknownMemberId),
    };
    if call.version < 3 {
        return LeaveGroupResponse::default().with_error_code(error_code(&leave(&request.member_id, None)));
    }
    let members = request.members.into_iter().map(|member| {
        let outcome = leave(&member.member_id, member.group_instance_id.as_deref());
        MemberResponse::default()
            .with_member_id(member.member_id)
            .with_group_instance_id(member.group_instance_id)
            .with_error_code(error_code(&outcome))
    });
    LeaveGroupResponse::default().with_members(members.collect())
}

/// What a client that wants to join gets.
enum Entrance {
    /// An id, with which it is to ask again.
    Reserved(String),
    /// The answer, later.
    Waiting(oneshot::Receiver<Result<Joined, ResponseError>>),
}

fn ask_to_join(core: &Core, call: &Call, request: JoinGroupRequest) -> Result<Entrance, ResponseError> {
    if request.group_id.is_empty() {
        return Err(ResponseError::InvalidGroupId);
    }
    let session = millis(request.session_timeout_ms).filter(|_| request.session_timeout_ms <= SESSION_MAX_MS);
    let session = session.ok_or(ResponseError::InvalidSessionTimeout)?;
    let name = request.group_instance_id.as_ref().unwrap_or(&call.client_id);
    let new_id = format!("{name}-{:016x}{:016x}", clock::random_u64(), clock::random_u64());
    let now = core.now().instant;
    let mut state = core.lock();
    let is_new = request.member_id.is_empty();
    if !is_new && state.groups.get(&request.group_id).is_none() {
        return Err(ResponseError::UnknownMemberId);
    }
    let group = state.groups.get_or_create(&request.group_id);
    if is_new && request.group_instance_id.is_none() && call.version >= 4 {
        group.reserve(new_id.clone(), session, now);
        return Ok(Entrance::Reserved(new_id));
    }
    let candidate = Candidate {
        known_id: (!is_new).then(|| request.member_id.to_string()),
        new_id,
        instance: request.group_instance_id.as_ref().map(StrBytes::to_string),
        client_id: call.client_id.clone(),
        client_host: format!("/{}", call.peer.to_canonical()),
        session,
        // Before version 1 the session's timeout was the one of the rebalance too.
        rebalance: millis(request.rebalance_timeout_ms).unwrap_or(session),
        protocol_type: request.protocol_type,
        protocols: request.protocols.into_iter().map(|protocol| (protocol.name, protocol.metadata)).collect(),
    };
    group.join(candidate, now).map(Entrance::Waiting)
}

fn ask_to_sync(
    core: &Core,
    request: SyncGroupRequest,
) -> Result<oneshot::Receiver<Result<Synced, ResponseError>>, ResponseError> {
    let mut state = core.lock();
    let group = state.groups.get_mut(&request.group_id).ok_or(ResponseError::UnknownMemberId)?;
    let is_other = |asked: &Option<StrBytes>, agreed: &StrBytes| asked.as_ref().is_some_and(|asked| asked != agreed);
    if is_other(&request.protocol_type, &group.protocol_type) || is_other(&request.protocol_name, &group.protocol) {
        return Err(ResponseError::InconsistentGroupProtocol);
    }
    let assignments = request.assignments.into_iter().map(|assignment| (assignment.member_id, assignment.assignment));
    let instance = request.group_instance_id.as_deref();
    group.sync(&request.member_id, instance, request.generation_id, assignments, core.now().instant)
}

fn joined_response(joined: Joined) -> JoinGroupResponse {
    let members = joined.members.into_iter().map(|member| {
        JoinGroupResponseMember::default()
            .with_member_id(text(member.id))
            .with_group_instance_id(member.instance.map(text))
            .with_metadata(member.metadata)
    });
    JoinGroupResponse::default()
        .with_generation_id(joined.generation)
        .with_protocol_type(Some(joined.protocol_type))
        .with_protocol_name(Some(joined.protocol))
        .with_leader(text(joined.leader))
        .with_member_id(text(joined.member))
        .with_members(members.collect())
}

fn refused_join(call: &Call, error: ResponseError) -> JoinGroupResponse {
    // Null is a legal name of a protocol since version 7 only.
    let protocol = if call.version >= 7 { None } else { Some(StrBytes::default()) };
    JoinGroupResponse::default().with_error_code(error.code()).with_generation_id(-1).with_protocol_name(protocol)
}

fn millis(count: i32) -> Option<Duration> {
    u64::try_from(count).ok().filter(|count| *count > 0).map(Duration::from_millis)
}

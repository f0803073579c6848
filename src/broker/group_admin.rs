//! ListGroups, DescribeGroups, DeleteGroups.

use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse, GroupId,
    ListGroupsRequest, ListGroupsResponse,
};

use super::group::{Group, Member, Phase};
use super::protocol::{Call, error_code, text};
use super::state::Core;

/// The only type of group here, as tools show it.
const GROUP_TYPE: &str = "classic";

/// Lists the groups in the wanted states and of the wanted types.
pub(super) fn list(core: &Core, _: &Call, request: ListGroupsRequest) -> ListGroupsResponse {
    let state = core.lock();
    let types = &request.types_filter;
    let is_type_wanted = types.is_empty() || types.iter().any(|name| name.eq_ignore_ascii_case(GROUP_TYPE));
    let is_wanted = |group: &Group| {
        let states = &request.states_filter;
        let is_state_wanted =
            states.is_empty() || states.iter().any(|name| name.eq_ignore_ascii_case(group.phase.name()));
        is_type_wanted && is_state_wanted
    };
    let listed = |(id, group): (&str, &Group)| {
        ListedGroup::default()
            .with_group_id(GroupId(text(id)))
            .with_protocol_type(group.protocol_type.clone())
            .with_group_state(text(group.phase.name()))
            .with_group_type(text(GROUP_TYPE))
    };
    let groups = state.groups.iter().filter(|(_, group)| is_wanted(group)).map(listed).collect();
    ListGroupsResponse::default().with_groups(groups)
}

/// Describes groups; one that does not exist is "Dead".
pub(super) fn describe(core: &Core, _: &Call, request: DescribeGroupsRequest) -> DescribeGroupsResponse {
    let state = core.lock();
    let groups = request.groups.into_iter().map(|id| match state.groups.get(&id) {
        Some(group) => described(id, group),
        None => DescribedGroup::default().with_group_id(id).with_group_state(text("Dead")),
    });
    DescribeGroupsResponse::default().with_groups(groups.collect())
}

/// Deletes groups without members, with their offsets.
pub(super) fn delete(core: &Core, _: &Call, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let mut state = core.lock();
    let results = request.groups_names.into_iter().map(|id| {
        let outcome = state.groups.delete(&id);
        DeletableGroupResult::default().with_group_id(id).with_error_code(error_code(&outcome))
    });
    DeleteGroupsResponse::default().with_results(results.collect())
}

fn described(id: GroupId, group: &Group) -> DescribedGroup {
    // Only in a stable group does the metadata belong to the protocol that is shown.
    let is_stable = group.phase == Phase::Stable;
    let member = |(id, member): (&String, &Member)| {
        let described = DescribedGroupMember::default()
            .with_member_id(text(id.as_str()))
            .with_group_instance_id(member.instance.clone().map(text))
            .with_client_id(member.client_id.clone())
            .with_client_host(text(member.client_host.as_str()));
        if is_stable {
            described
                .with_member_metadata(member.metadata(&group.protocol).unwrap_or_default())
                .with_member_assignment(member.assignment.clone())
        } else {
            described
        }
    };
    DescribedGroup::default()
        .with_group_id(id)
        .with_group_state(text(group.phase.name()))
        .with_protocol_type(group.protocol_type.clone())
        .with_protocol_data(if is_stable { group.protocol.clone() } else { Default::default() })
        .with_members(group.members.iter().map(member).collect())
}

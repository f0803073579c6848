//! Consumer groups: who belongs to them, which generation of assignments holds, and the offsets they committed.
//!
//! The state machine of Apache Kafka's classic group protocol (`ClassicGroup`, KIP-345 static members, KIP-394 member ids):
//! Empty → PreparingRebalance (members join) → CompletingRebalance (the leader assigns) → Stable. It knows no sockets and no clock:
//! who must wait gets a receiver, and time comes in by hand.

mod committed;
mod member;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::protocol::StrBytes;
use tokio::sync::oneshot;

pub(super) use self::committed::{Committed, CommittedOffsets, Committer};
pub(super) use self::member::{Candidate, Joined, JoinedMember, Member, Synced};

/// How long the first member of a group waits for others, so that a group that starts together balances once.
const INITIAL_DELAY: Duration = Duration::from_millis(50);

/// Where a group stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Phase {
    /// No members; perhaps offsets.
    #[default]
    Empty,
    /// Waits until all members have joined again.
    PreparingRebalance,
    /// Waits for the leader's assignment.
    CompletingRebalance,
    /// Everybody knows what to read.
    Stable,
}

impl Phase {
    /// The name that tools show.
    pub(super) fn name(self) -> &'static str {
        match self {
            Phase::Empty => "Empty",
            Phase::PreparingRebalance => "PreparingRebalance",
            Phase::CompletingRebalance => "CompletingRebalance",
            Phase::Stable => "Stable",
        }
    }
}

/// All groups, by id.
#[derive(Debug, Default)]
pub(super) struct Groups(BTreeMap<String, Group>);

impl Groups {
    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Group)> {
        self.0.iter().map(|(id, group)| (id.as_str(), group))
    }

    /// The group `id`, if there is one.
    pub(super) fn get(&self, id: &str) -> Option<&Group> {
        self.0.get(id)
    }

    /// The group `id`, if there is one.
    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Group> {
        self.0.get_mut(id)
    }

    /// The group `id`, which comes into being.
    pub(super) fn get_or_create(&mut self, id: &str) -> &mut Group {
        self.0.entry(id.to_string()).or_default()
    }

    /// Removes a group with its offsets.
    ///
    /// # Errors
    /// 69 if there is none, 68 if it has members.
    pub(super) fn delete(&mut self, id: &str) -> Result<(), ResponseError> {
        let group = self.0.get(id).ok_or(ResponseError::GroupIdNotFound)?;
        if group.phase != Phase::Empty {
            return Err(ResponseError::NonEmptyGroup);
        }
        self.0.remove(id);
        Ok(())
    }

    /// Forgets what was committed for a topic that is deleted.
    pub(super) fn forget_topic(&mut self, topic: &str) {
        for group in self.0.values_mut() {
            group.offsets.forget_topic(topic);
        }
    }

    /// Ends sessions and rebalances that have lasted too long, and forgets groups of which nothing is left.
    pub(super) fn expire(&mut self, now: Instant) {
        self.0.retain(|_, group| {
            group.expire(now);
            group.phase != Phase::Empty || !group.pending.is_empty() || !group.offsets.is_empty()
        });
    }
}

/// One group.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) phase: Phase,
    /// Counts the rebalances.
    pub(super) generation: i32,
    /// `consumer`, or what else the members agree upon.
    pub(super) protocol_type: StrBytes,
    /// The assignor that the members agreed upon; empty in an empty group.
    pub(super) protocol: StrBytes,
    /// The member that assigns.
    leader: String,
    pub(super) members: BTreeMap<String, Member>,
    /// Ids that were handed out, and until when they may be used to join.
    pending: BTreeMap<String, Instant>,
    /// When a rebalance goes on without those who are missing.
    deadline: Option<Instant>,
    /// Whether the rebalance is the first one of the group, which lasts until the deadline although all have joined.
    initial: bool,
    pub(super) offsets: CommittedOffsets,
}

impl Group {
    /// Hands out the id with which a new member is to join.
    pub(super) fn reserve(&mut self, id: String, session: Duration, now: Instant) {
        self.pending.insert(id, now + session);
    }

    /// Lets a member join, for the first time or again. The answer comes when the rebalance ends, or at once.
    ///
    /// # Errors
    /// 23 if it has no protocol in common with the others, 25 if it names an unknown id, 82 if another one took its instance id.
    pub(super) fn join(
        &mut self,
        candidate: Candidate,
        now: Instant,
    ) -> Result<oneshot::Receiver<Result<Joined, ResponseError>>, ResponseError> {
        self.check_protocols(&candidate)?;
        let (reply, receiver) = oneshot::channel();
        if let Some(id) = candidate.known_id.clone() {
            self.check_instance(&id, candidate.instance.as_deref())?;
            if self.members.contains_key(&id) {
                self.rejoin(&id, candidate, reply, now);
            } else if self.pending.remove(&id).is_some() {
                self.admit(id, candidate, reply, now);
            } else {
                return Err(ResponseError::UnknownMemberId);
            }
        } else {
            let id = candidate.new_id.clone();
            match candidate.instance.as_deref().and_then(|instance| self.id_of_instance(instance)) {
                Some(replaced) => self.replace(&replaced, id, candidate, reply, now),
                None => self.admit(id, candidate, reply, now),
            }
        }
        self.advance(now);
        Ok(receiver)
    }

    /// Takes the leader's assignments, and tells a member its own: at once, or when the leader has assigned.
    ///
    /// # Errors
    /// 25, 82 and 22 for a stranger, 23 for another protocol, 27 if a new rebalance has begun.
    pub(super) fn sync(
        &mut self,
        id: &str,
        instance: Option<&str>,
        generation: i32,
        assignments: impl IntoIterator<Item = (StrBytes, Bytes)>,
        now: Instant,
    ) -> Result<oneshot::Receiver<Result<Synced, ResponseError>>, ResponseError> {
        self.check_member(id, instance, generation)?;
        let (reply, receiver) = oneshot::channel();
        match self.phase {
            Phase::Empty => return Err(ResponseError::UnknownMemberId),
            Phase::PreparingRebalance => return Err(ResponseError::RebalanceInProgress),
            Phase::CompletingRebalance => {
                self.member_mut(id, now)?.syncing = Some(reply);
                if self.leader == id {
                    for (member, assignment) in assignments {
                        if let Some(member) = self.members.get_mut(member.as_str()) {
                            member.assignment = assignment;
                        }
                    }
                    self.phase = Phase::Stable;
                    self.deadline = None;
                    self.answer_syncs();
                }
            }
            Phase::Stable => {
                self.member_mut(id, now)?.syncing = Some(reply);
                self.answer_syncs();
            }
        }
        Ok(receiver)
    }

    /// Notes that a member lives.
    ///
    /// # Errors
    /// 25, 82 and 22 for a stranger, 27 if it must join again.
    pub(super) fn heartbeat(
        &mut self,
        id: &str,
        instance: Option<&str>,
        generation: i32,
        now: Instant,
    ) -> Result<(), ResponseError> {
        self.check_member(id, instance, generation)?;
        self.member_mut(id, now)?;
        match self.phase {
            Phase::PreparingRebalance => Err(ResponseError::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    /// Lets a member go, by its id or by its instance id.
    ///
    /// # Errors
    /// 25 if there is no such member, 82 if another one took its instance id.
    pub(super) fn leave(&mut self, id: &str, instance: Option<&str>, now: Instant) -> Result<(), ResponseError> {
        let id = match instance {
            Some(instance) if id.is_empty() => self.id_of_instance(instance).ok_or(ResponseError::UnknownMemberId)?,
            _ => {
                self.check_instance(id, instance)?;
                id.to_string()
            }
        };
        if self.pending.remove(&id).is_none() {
            self.remove(&id, now)?;
        }
        self.advance(now);
        Ok(())
    }

    /// Whether `id` belongs to this generation of the group.
    ///
    /// # Errors
    /// 25 for an unknown member, 82 if another one took its instance id, 22 for another generation.
    pub(super) fn check_member(&self, id: &str, instance: Option<&str>, generation: i32) -> Result<(), ResponseError> {
        self.check_instance(id, instance)?;
        if !self.members.contains_key(id) {
            return Err(ResponseError::UnknownMemberId);
        }
        if generation != self.generation {
            return Err(ResponseError::IllegalGeneration);
        }
        Ok(())
    }

    /// Removes members whose session has ended, and goes on with a rebalance that has lasted too long.
    pub(super) fn expire(&mut self, now: Instant) {
        self.pending.retain(|_, until| now < *until);
        let gone = |member: &Member| !member.is_waiting() && member.session_ends() <= now;
        let ended: Vec<String> =
            self.members.iter().filter(|(_, member)| gone(member)).map(|(id, _)| id.clone()).collect();
        for id in ended {
            tracing::debug!(member = id, "the session of a group member has ended");
            // It was found in the list a moment ago.
            let _ = self.remove(&id, now);
        }
        self.advance(now);
    }

    fn rejoin(&mut self, id: &str, candidate: Candidate, reply: JoinReply, now: Instant) {
        let is_leader = self.leader == id;
        let Some(member) = self.members.get_mut(id) else { return };
        let unchanged = member.protocols == candidate.protocols;
        member.update(candidate, now);
        let answer_now = match self.phase {
            // The answer to an earlier request was lost.
            Phase::CompletingRebalance => unchanged,
            Phase::Stable => unchanged && !is_leader,
            Phase::Empty | Phase::PreparingRebalance => false,
        };
        member.joining = Some(reply);
        if answer_now {
            self.answer_join(id);
        } else {
            self.prepare(now);
        }
    }

    fn admit(&mut self, id: String, candidate: Candidate, reply: JoinReply, now: Instant) {
        if self.members.is_empty() {
            self.protocol_type = candidate.protocol_type.clone();
        }
        let mut member = Member::new(candidate, now);
        member.joining = Some(reply);
        self.members.insert(id, member);
        self.prepare(now);
    }

    /// A static member has started again: it goes on in the place of its former self, which is fenced.
    fn replace(&mut self, former: &str, id: String, candidate: Candidate, reply: JoinReply, now: Instant) {
        let Some(mut member) = self.members.remove(former) else { return };
        member.refuse(ResponseError::FencedInstanceId);
        let unchanged = member.protocols == candidate.protocols;
        member.update(candidate, now);
        member.joining = Some(reply);
        self.members.insert(id.clone(), member);
        let leader_shown = self.leader.clone();
        if self.leader == former {
            self.leader = id.clone();
        }
        if self.phase == Phase::Stable && unchanged {
            // Nobody needs another assignment. It is told the former leader, so that it does not take itself for one who must assign.
            self.answer_join_as(&id, leader_shown, Vec::new());
        } else {
            self.prepare(now);
        }
    }

    fn remove(&mut self, id: &str, now: Instant) -> Result<(), ResponseError> {
        let mut member = self.members.remove(id).ok_or(ResponseError::UnknownMemberId)?;
        member.refuse(ResponseError::UnknownMemberId);
        match self.phase {
            Phase::Stable | Phase::CompletingRebalance => self.prepare(now),
            Phase::Empty | Phase::PreparingRebalance => {}
        }
        Ok(())
    }

    /// Begins a rebalance, unless one is being prepared.
    fn prepare(&mut self, now: Instant) {
        if self.phase == Phase::PreparingRebalance {
            return;
        }
        for member in self.members.values_mut() {
            if let Some(reply) = member.syncing.take() {
                // Who has gone away needs no answer.
                let _ = reply.send(Err(ResponseError::RebalanceInProgress));
            }
        }
        self.initial = self.phase == Phase::Empty;
        self.phase = Phase::PreparingRebalance;
        self.deadline = Some(now + if self.initial { INITIAL_DELAY } else { self.rebalance_timeout() });
    }

    /// Takes the step for which everything is there, or for which nobody waits any longer.
    fn advance(&mut self, now: Instant) {
        let is_over = self.deadline.is_some_and(|deadline| now >= deadline);
        match self.phase {
            Phase::PreparingRebalance if self.members.is_empty() => self.become_empty(),
            Phase::PreparingRebalance => {
                let complete = self.pending.is_empty() && self.members.values().all(|member| member.joining.is_some());
                if is_over || (complete && !self.initial) {
                    self.complete(now);
                }
            }
            Phase::CompletingRebalance if is_over => {
                // The leader never assigned: whoever does not wait for its assignment is out.
                self.members.retain(|_, member| member.syncing.is_some());
                self.prepare(now);
                self.advance(now);
            }
            Phase::Empty | Phase::CompletingRebalance | Phase::Stable => {}
        }
    }

    /// Ends the joining: who has not joined is out (a static member stays until its session ends), the others learn the generation.
    fn complete(&mut self, now: Instant) {
        self.members.retain(|_, member| member.joining.is_some() || member.instance.is_some());
        if self.members.is_empty() {
            return self.become_empty();
        }
        self.generation += 1;
        self.protocol = self.choose_protocol();
        if self.members.get(&self.leader).is_none_or(|leader| leader.joining.is_none()) {
            let first = self.members.iter().find(|(_, member)| member.joining.is_some()).or(self.members.iter().next());
            self.leader = first.map(|(id, _)| id.clone()).unwrap_or_default();
        }
        self.phase = Phase::CompletingRebalance;
        self.initial = false;
        self.deadline = Some(now + self.rebalance_timeout());
        let ids: Vec<String> = self.members.keys().cloned().collect();
        for id in ids {
            if let Some(member) = self.members.get_mut(&id) {
                member.seen = now;
                member.assignment = Bytes::new();
            }
            self.answer_join(&id);
        }
    }

    fn become_empty(&mut self) {
        self.phase = Phase::Empty;
        self.generation += 1;
        self.protocol = StrBytes::default();
        self.leader.clear();
        self.deadline = None;
    }

    /// The protocol that all support and that most of them prefer.
    fn choose_protocol(&self) -> StrBytes {
        let by_all = |name: &StrBytes| self.members.values().all(|member| member.metadata(name).is_some());
        let mut votes: BTreeMap<StrBytes, usize> = BTreeMap::new();
        for member in self.members.values() {
            if let Some((name, _)) = member.protocols.iter().find(|(name, _)| by_all(name)) {
                *votes.entry(name.clone()).or_default() += 1;
            }
        }
        votes.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name).unwrap_or_default()
    }

    fn answer_join(&mut self, id: &str) {
        let members = if self.leader == id { self.joined_members() } else { Vec::new() };
        self.answer_join_as(id, self.leader.clone(), members);
    }

    fn answer_join_as(&mut self, id: &str, leader: String, members: Vec<JoinedMember>) {
        let joined = Joined {
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader,
            member: id.to_string(),
            members,
        };
        if let Some(reply) = self.members.get_mut(id).and_then(|member| member.joining.take()) {
            // Who has gone away needs no answer.
            let _ = reply.send(Ok(joined));
        }
    }

    fn answer_syncs(&mut self) {
        let (protocol_type, protocol) = (&self.protocol_type, &self.protocol);
        for member in self.members.values_mut() {
            if let Some(reply) = member.syncing.take() {
                let assignment = member.assignment.clone();
                let synced = Synced { protocol_type: protocol_type.clone(), protocol: protocol.clone(), assignment };
                // Who has gone away needs no answer.
                let _ = reply.send(Ok(synced));
            }
        }
    }

    fn joined_members(&self) -> Vec<JoinedMember> {
        let member = |(id, member): (&String, &Member)| JoinedMember {
            id: id.clone(),
            instance: member.instance.clone(),
            metadata: member.metadata(&self.protocol).unwrap_or_default(),
        };
        self.members.iter().map(member).collect()
    }

    fn check_protocols(&self, candidate: &Candidate) -> Result<(), ResponseError> {
        // Nobody but the member itself has to agree with it.
        let mut others = self
            .members
            .iter()
            .filter(|(id, member)| {
                Some(*id) != candidate.known_id.as_ref()
                    && (candidate.instance.is_none() || member.instance != candidate.instance)
            })
            .map(|(_, member)| member)
            .peekable();
        let same_type = others.peek().is_none() || self.protocol_type == candidate.protocol_type;
        let others: Vec<&Member> = others.collect();
        let in_common = candidate.protocols.iter().any(|(name, _)| others.iter().all(|m| m.metadata(name).is_some()));
        if candidate.protocol_type.is_empty() || !same_type || !in_common {
            return Err(ResponseError::InconsistentGroupProtocol);
        }
        Ok(())
    }

    fn check_instance(&self, id: &str, instance: Option<&str>) -> Result<(), ResponseError> {
        match instance.and_then(|instance| self.id_of_instance(instance)) {
            Some(current) if current != id => Err(ResponseError::FencedInstanceId),
            _ => Ok(()),
        }
    }

    fn id_of_instance(&self, instance: &str) -> Option<String> {
        self.members.iter().find(|(_, member)| member.instance.as_deref() == Some(instance)).map(|(id, _)| id.clone())
    }

    fn member_mut(&mut self, id: &str, now: Instant) -> Result<&mut Member, ResponseError> {
        let member = self.members.get_mut(id).ok_or(ResponseError::UnknownMemberId)?;
        member.seen = now;
        Ok(member)
    }

    fn rebalance_timeout(&self) -> Duration {
        self.members.values().map(|member| member.rebalance).max().unwrap_or_default()
    }
}

type JoinReply = oneshot::Sender<Result<Joined, ResponseError>>;

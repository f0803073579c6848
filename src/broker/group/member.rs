//! A member of a group, and what it is told.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::protocol::StrBytes;
use tokio::sync::oneshot;

/// Who wants to join.
#[derive(Debug, Clone)]
pub(in crate::broker) struct Candidate {
    /// The id that it was given before, if any.
    pub(in crate::broker) known_id: Option<String>,
    /// The id that it gets if it has none.
    pub(in crate::broker) new_id: String,
    /// The name of a static member, which outlives its ids.
    pub(in crate::broker) instance: Option<String>,
    pub(in crate::broker) client_id: StrBytes,
    pub(in crate::broker) client_host: String,
    /// Without a heartbeat for this long it is out.
    pub(in crate::broker) session: Duration,
    /// A rebalance waits for it for this long.
    pub(in crate::broker) rebalance: Duration,
    pub(in crate::broker) protocol_type: StrBytes,
    /// Assignors with their metadata, the preferred one first.
    pub(in crate::broker) protocols: Vec<(StrBytes, Bytes)>,
}

/// The answer to a join.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::broker) struct Joined {
    pub(in crate::broker) generation: i32,
    pub(in crate::broker) protocol_type: StrBytes,
    pub(in crate::broker) protocol: StrBytes,
    pub(in crate::broker) leader: String,
    pub(in crate::broker) member: String,
    /// All members, for the leader only.
    pub(in crate::broker) members: Vec<JoinedMember>,
}

/// A member, as the leader sees it.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::broker) struct JoinedMember {
    pub(in crate::broker) id: String,
    pub(in crate::broker) instance: Option<String>,
    pub(in crate::broker) metadata: Bytes,
}

/// The answer to a sync.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::broker) struct Synced {
    pub(in crate::broker) protocol_type: StrBytes,
    pub(in crate::broker) protocol: StrBytes,
    pub(in crate::broker) assignment: Bytes,
}

/// A member of a group.
#[derive(Debug)]
pub(in crate::broker) struct Member {
    pub(in crate::broker) instance: Option<String>,
    pub(in crate::broker) client_id: StrBytes,
    pub(in crate::broker) client_host: String,
    session: Duration,
    pub(super) rebalance: Duration,
    pub(super) protocols: Vec<(StrBytes, Bytes)>,
    /// Encoded by the leader; the broker does not look into it.
    pub(in crate::broker) assignment: Bytes,
    pub(super) seen: Instant,
    /// Set while it waits for the end of the joining.
    pub(super) joining: Option<oneshot::Sender<Result<Joined, ResponseError>>>,
    /// Set while it waits for its assignment.
    pub(super) syncing: Option<oneshot::Sender<Result<Synced, ResponseError>>>,
}

impl Member {
    /// A member that was not there before.
    pub(super) fn new(candidate: Candidate, now: Instant) -> Member {
        Member {
            instance: candidate.instance,
            client_id: candidate.client_id,
            client_host: candidate.client_host,
            session: candidate.session,
            rebalance: candidate.rebalance,
            protocols: candidate.protocols,
            assignment: Bytes::new(),
            seen: now,
            joining: None,
            syncing: None,
        }
    }

    /// What it says when it joins again.
    pub(super) fn update(&mut self, candidate: Candidate, now: Instant) {
        *self = Member { assignment: std::mem::take(&mut self.assignment), ..Member::new(candidate, now) };
    }

    /// Its metadata for a protocol, if it supports it.
    pub(in crate::broker) fn metadata(&self, protocol: &StrBytes) -> Option<Bytes> {
        self.protocols.iter().find(|(name, _)| name == protocol).map(|(_, metadata)| metadata.clone())
    }

    /// Whether it waits for an answer, during which it sends no heartbeats. One whose connection has ended does not wait.
    pub(super) fn is_waiting(&self) -> bool {
        self.joining.as_ref().is_some_and(|reply| !reply.is_closed())
            || self.syncing.as_ref().is_some_and(|reply| !reply.is_closed())
    }

    /// When it is out unless it is heard of.
    pub(super) fn session_ends(&self) -> Instant {
        self.seen + self.session
    }

    /// Answers what it waits for with an error.
    pub(super) fn refuse(&mut self, error: ResponseError) {
        // Who has gone away needs no answer.
        if let Some(reply) = self.joining.take() {
            let _ = reply.send(Err(error));
        }
        if let Some(reply) = self.syncing.take() {
            let _ = reply.send(Err(error));
        }
    }
}

//! A member of a group, and what it is told.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::protocol::StrBytes;
use tokio::sync::oneshot;

/// Who wants to join.
#[derive(Debug, Clone)]
pub(in super::super) struct Candidate {
    /// The id that it was given before, if any.
    pub(in super::super) known_id: Option<String>,
    /// The id that it gets if it has none.
    pub(in super::super) new_id: String,
    /// The name of a static member, which outlives its ids.
    pub(in super::super) instance: Option<String>,
    pub(in super::super) client_id: StrBytes,
    pub(in super::super) client_host: String,
    /// Without a heartbeat for this long it is out.
    pub(in super::super) session: Duration,
    /// A rebalance waits for it for this long.
    pub(in super::super) rebalance: Duration,
    pub(in super::super) protocol_type: StrBytes,
    /// Assignors with their metadata, the preferred one first.
    pub(in super::super) protocols: Vec<(StrBytes, Bytes)>,
}

/// The answer to a join.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Joined {
    pub(in super::super) generation: i32,
    pub(in super::super) protocol_type: StrBytes,
    pub(in super::super) protocol: StrBytes,
    pub(in super::super) leader: String,
    pub(in super::super) member: String,
    /// All members, for the leader only.
    pub(in super::super) members: Vec<JoinedMember>,
}

/// A member, as the leader sees it.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct JoinedMember {
    pub(in super::super) id: String,
    pub(in super::super) instance: Option<String>,
    pub(in super::super) metadata: Bytes,
}

/// The answer to a sync.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Synced {
    pub(in super::super) protocol_type: StrBytes,
    pub(in super::super) protocol: StrBytes,
    pub(in super::super) assignment: Bytes,
}

/// A member of a group.
#[derive(Debug)]
pub(in super::super) struct Member {
    pub(in super::super) instance: Option<String>,
    pub(in super::super) client_id: StrBytes,
    pub(in super::super) client_host: String,
    session: Duration,
    pub(super) rebalance: Duration,
    pub(super) protocols: Vec<(StrBytes, Bytes)>,
    /// Encoded by the leader; the broker does not look into it.
    pub(in super::super) assignment: Bytes,
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
    pub(in super::super) fn metadata(&self, protocol: &StrBytes) -> Option<Bytes> {
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

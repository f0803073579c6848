//! The offsets that a group committed.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::protocol::StrBytes;

use super::{Group, Phase};

/// A committed offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::broker) struct Committed {
    /// The next offset to read.
    pub(in crate::broker) offset: i64,
    pub(in crate::broker) leader_epoch: i32,
    /// What the committer wanted to remember with it.
    pub(in crate::broker) metadata: StrBytes,
}

/// Who commits: a member, or somebody who assigns itself.
#[derive(Debug, Clone, Copy)]
pub(in crate::broker) struct Committer<'a> {
    /// Empty without membership.
    pub(in crate::broker) member: &'a str,
    pub(in crate::broker) instance: Option<&'a str>,
    /// -1 without membership.
    pub(in crate::broker) generation: i32,
}

/// Offsets by topic and partition.
#[derive(Debug, Default)]
pub(in crate::broker) struct CommittedOffsets(BTreeMap<String, BTreeMap<i32, Committed>>);

impl CommittedOffsets {
    /// Whether nothing was committed.
    pub(in crate::broker) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was committed for a partition.
    pub(in crate::broker) fn get(&self, topic: &str, partition: i32) -> Option<&Committed> {
        self.0.get(topic)?.get(&partition)
    }

    /// Topics with the partitions for which something was committed.
    pub(in crate::broker) fn partitions(&self) -> impl Iterator<Item = (&str, Vec<i32>)> {
        self.0.iter().map(|(topic, partitions)| (topic.as_str(), partitions.keys().copied().collect()))
    }

    /// Commits.
    pub(in crate::broker) fn put(&mut self, topic: &str, partition: i32, committed: Committed) {
        match self.0.get_mut(topic) {
            Some(partitions) => drop(partitions.insert(partition, committed)),
            None => drop(self.0.insert(topic.to_string(), BTreeMap::from([(partition, committed)]))),
        }
    }

    /// Forgets a partition.
    pub(in crate::broker) fn forget(&mut self, topic: &str, partition: i32) {
        if let Some(partitions) = self.0.get_mut(topic) {
            partitions.remove(&partition);
            if partitions.is_empty() {
                self.0.remove(topic);
            }
        }
    }

    /// Forgets a topic.
    pub(super) fn forget_topic(&mut self, topic: &str) {
        self.0.remove(topic);
    }
}

impl Group {
    /// Whether `committer` may commit offsets now, in a transaction or not; the rules of Apache Kafka's `ClassicGroup`.
    ///
    /// # Errors
    /// 25 for a stranger beside active members, 22 for another generation, 82 for a fenced instance, 27 during a rebalance.
    pub(in crate::broker) fn check_commit(
        &mut self,
        committer: Committer<'_>,
        is_transactional: bool,
        now: std::time::Instant,
    ) -> Result<(), ResponseError> {
        if committer.generation < 0 && self.phase == Phase::Empty {
            return Ok(());
        }
        let is_member = committer.generation >= 0 || !committer.member.is_empty() || committer.instance.is_some();
        if is_member {
            self.check_member(committer.member, committer.instance, committer.generation)?;
            self.member_mut(committer.member, now)?;
        } else if !is_transactional {
            // Older clients say nothing of their membership in a transaction, so only there is it let pass.
            return Err(ResponseError::UnknownMemberId);
        }
        if !is_transactional && self.phase == Phase::CompletingRebalance {
            return Err(ResponseError::RebalanceInProgress);
        }
        Ok(())
    }
}

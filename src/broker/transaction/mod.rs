//! The transaction coordinator: which producer owns a transactional id, and what its open transaction has touched.
//!
//! The rules of Apache Kafka's `TransactionCoordinator` before KIP-890's second part: epochs fence, one transaction at a time, ended by
//! control records. As there is one node, the end of a transaction is complete when EndTxn is answered.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use kafka_protocol::ResponseError;

use super::group::Committed;
use super::log::Moment;
use super::state::State;

/// `transaction.max.timeout.ms` of Apache Kafka.
const TIMEOUT_MAX_MS: i32 = 900_000;
/// An epoch beyond which a producer gets a new id: one more must remain for fencing.
const EPOCH_MAX: i16 = i16::MAX - 1;

/// A producer: its id and its epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) id: i64,
    pub(super) epoch: i16,
}

/// Where the last transaction of a transactional id stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// There was none yet.
    Empty,
    Ongoing,
    CompleteCommit,
    CompleteAbort,
}

impl Status {
    /// All of them.
    pub(super) const ALL: [Status; 4] = [Status::Empty, Status::Ongoing, Status::CompleteCommit, Status::CompleteAbort];

    /// The name that tools show and filter by.
    pub(super) fn name(self) -> &'static str {
        match self {
            Status::Empty => "Empty",
            Status::Ongoing => "Ongoing",
            Status::CompleteCommit => "CompleteCommit",
            Status::CompleteAbort => "CompleteAbort",
        }
    }
}

/// An offset that is committed with a transaction.
#[derive(Debug, Clone)]
pub(super) struct PendingOffset {
    pub(super) group: String,
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) committed: Committed,
}

/// A transactional id.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) producer: Identity,
    pub(super) timeout: Duration,
    pub(super) status: Status,
    /// When the open transaction began.
    pub(super) started: Option<Moment>,
    /// The partitions that the open transaction may write to.
    pub(super) partitions: BTreeSet<(String, i32)>,
    offsets: Vec<PendingOffset>,
}

impl Transaction {
    fn begin(&mut self, now: Moment) {
        if self.status != Status::Ongoing {
            self.status = Status::Ongoing;
            self.started = Some(now);
        }
    }
}

/// All transactional ids, and the ids of all producers.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    by_id: BTreeMap<String, Transaction>,
    last_producer_id: i64,
}

impl Transactions {
    /// All transactional ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Transaction)> {
        self.by_id.iter().map(|(id, transaction)| (id.as_str(), transaction))
    }

    /// A transactional id.
    pub(super) fn get(&self, id: &str) -> Option<&Transaction> {
        self.by_id.get(id)
    }

    /// A producer that nobody has seen before.
    pub(super) fn new_producer(&mut self) -> Identity {
        self.last_producer_id += 1;
        Identity { id: self.last_producer_id, epoch: 0 }
    }

    /// Notes that the open transaction writes to a partition; it begins with its first one.
    ///
    /// # Errors
    /// As [`Transactions::owned`].
    pub(super) fn add_partition(
        &mut self,
        id: &str,
        producer: Identity,
        (topic, partition): (&str, i32),
        now: Moment,
    ) -> Result<(), ResponseError> {
        let transaction = self.owned(id, producer)?;
        transaction.begin(now);
        transaction.partitions.insert((topic.to_string(), partition));
        Ok(())
    }

    /// Notes that the open transaction commits offsets.
    ///
    /// # Errors
    /// As [`Transactions::owned`].
    pub(super) fn add_offsets(&mut self, id: &str, producer: Identity, now: Moment) -> Result<(), ResponseError> {
        self.owned(id, producer).map(|transaction| transaction.begin(now))
    }

    /// Commits an offset when the transaction commits.
    ///
    /// # Errors
    /// As [`Transactions::owned`], and 48 if no transaction is open.
    pub(super) fn add_offset(
        &mut self,
        id: &str,
        producer: Identity,
        offset: PendingOffset,
    ) -> Result<(), ResponseError> {
        let transaction = self.owned(id, producer)?;
        if transaction.status != Status::Ongoing {
            return Err(ResponseError::InvalidTxnState);
        }
        transaction.offsets.push(offset);
        Ok(())
    }

    /// Whether a producer may write to a partition in the open transaction.
    ///
    /// # Errors
    /// 47 if it is fenced, 48 if no transaction is open or the partition was not added to it.
    pub(super) fn check_write(
        &mut self,
        id: &str,
        producer: Identity,
        topic: &str,
        partition: i32,
    ) -> Result<(), ResponseError> {
        let transaction = self.owned(id, producer).map_err(|error| match error {
            ResponseError::ProducerFenced => ResponseError::InvalidProducerEpoch,
            other => other,
        })?;
        let is_added = transaction.partitions.iter().any(|(name, index)| *index == partition && name == topic);
        if transaction.status != Status::Ongoing || !is_added {
            return Err(ResponseError::InvalidTxnState);
        }
        Ok(())
    }

    /// Whether an open transaction will commit an offset for a partition.
    pub(super) fn is_pending(&self, group: &str, topic: &str, partition: i32) -> bool {
        let open = self.by_id.values().filter(|transaction| transaction.status == Status::Ongoing);
        open.flat_map(|transaction| &transaction.offsets)
            .any(|offset| offset.group == group && offset.partition == partition && offset.topic == topic)
    }

    /// Forgets what open transactions have to do with a topic that is deleted.
    pub(super) fn forget_topic(&mut self, topic: &str) {
        for transaction in self.by_id.values_mut() {
            transaction.partitions.retain(|(name, _)| name != topic);
            transaction.offsets.retain(|offset| offset.topic != topic);
        }
    }

    /// The transaction that `producer` owns.
    ///
    /// # Errors
    /// 49 if the id belongs to another producer, 90 if a newer epoch has fenced it.
    fn owned(&mut self, id: &str, producer: Identity) -> Result<&mut Transaction, ResponseError> {
        let transaction = self.by_id.get_mut(id).ok_or(ResponseError::InvalidProducerIdMapping)?;
        if transaction.producer.id != producer.id {
            return Err(ResponseError::InvalidProducerIdMapping);
        }
        if transaction.producer.epoch != producer.epoch {
            return Err(ResponseError::ProducerFenced);
        }
        Ok(transaction)
    }
}

/// Gives a transactional id to whoever asks: aborts its open transaction and fences its former owner.
///
/// # Errors
/// 50 for a timeout that is not from 1 ms to 15 minutes; 90 if the asking producer says who it is and is fenced itself.
pub(super) fn take_over(
    state: &mut State,
    id: &str,
    timeout_ms: i32,
    claimed: Option<Identity>,
    now: Moment,
) -> Result<Identity, ResponseError> {
    if !(1..=TIMEOUT_MAX_MS).contains(&timeout_ms) {
        return Err(ResponseError::InvalidTransactionTimeout);
    }
    let timeout = Duration::from_millis(u64::from(timeout_ms.unsigned_abs()));
    if let Some(transaction) = state.transactions.by_id.get_mut(id) {
        if claimed.is_some_and(|claimed| claimed != transaction.producer) {
            return Err(ResponseError::ProducerFenced);
        }
        if transaction.status == Status::Ongoing {
            transaction.producer.epoch += 1;
            finish(state, id, false, now);
        }
    }
    let transactions = &mut state.transactions;
    let producer = match transactions.by_id.get(id).map(|transaction| transaction.producer) {
        Some(producer) if producer.epoch < EPOCH_MAX => Identity { epoch: producer.epoch + 1, ..producer },
        _ => transactions.new_producer(),
    };
    let (partitions, offsets) = (BTreeSet::new(), Vec::new());
    let transaction = Transaction { producer, timeout, status: Status::Empty, started: None, partitions, offsets };
    transactions.by_id.insert(id.to_string(), transaction);
    Ok(producer)
}

/// Commits or aborts the open transaction of a producer. Doing the same a second time succeeds, for the answer may have been lost.
///
/// # Errors
/// 49 and 90 for somebody else's transaction, 48 if there is nothing to end.
pub(super) fn end(
    state: &mut State,
    id: &str,
    producer: Identity,
    commit: bool,
    now: Moment,
) -> Result<(), ResponseError> {
    match (state.transactions.owned(id, producer)?.status, commit) {
        (Status::Ongoing, _) => finish(state, id, commit, now),
        (Status::CompleteCommit, true) | (Status::CompleteAbort, false) => {}
        _ => return Err(ResponseError::InvalidTxnState),
    }
    Ok(())
}

/// Aborts transactions that have been open for longer than their producers allowed, and fences these producers.
pub(super) fn expire(state: &mut State, now: Moment) {
    let is_over = |transaction: &Transaction| {
        transaction.started.is_some_and(|since| age(since.instant, now.instant) >= transaction.timeout)
    };
    let over: Vec<String> = state
        .transactions
        .iter()
        .filter(|(_, transaction)| is_over(transaction))
        .map(|(id, _)| id.to_string())
        .collect();
    for id in over {
        tracing::debug!(transactional_id = id, "a transaction has timed out and is aborted");
        if let Some(transaction) = state.transactions.by_id.get_mut(&id) {
            transaction.producer.epoch = transaction.producer.epoch.saturating_add(1);
        }
        finish(state, &id, false, now);
    }
}

fn age(since: Instant, now: Instant) -> Duration {
    now.saturating_duration_since(since)
}

/// Writes the control records and commits the offsets, if so decided.
fn finish(state: &mut State, id: &str, commit: bool, now: Moment) {
    let Some(transaction) = state.transactions.by_id.get_mut(id) else { return };
    transaction.status = if commit { Status::CompleteCommit } else { Status::CompleteAbort };
    transaction.started = None;
    let producer = (transaction.producer.id, transaction.producer.epoch);
    let partitions = std::mem::take(&mut transaction.partitions);
    let offsets = std::mem::take(&mut transaction.offsets);
    for (topic, partition) in &partitions {
        state.topics.end_transaction((topic, *partition), producer, commit, now);
    }
    if commit {
        for PendingOffset { group, topic, partition, committed } in offsets {
            state.groups.get_or_create(&group).offsets.put(&topic, partition, committed);
        }
    }
}

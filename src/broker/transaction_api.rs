//! InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, TxnOffsetCommit, EndTxn; DescribeTransactions, ListTransactions, DescribeProducers.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::describe_producers_response::{PartitionResponse, ProducerState, TopicResponse};
use kafka_protocol::messages::describe_transactions_response::{self, TopicData};
use kafka_protocol::messages::list_transactions_response;
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    DescribeProducersRequest, DescribeProducersResponse, DescribeTransactionsRequest, DescribeTransactionsResponse,
    EndTxnRequest, EndTxnResponse, InitProducerIdRequest, InitProducerIdResponse, ListTransactionsRequest,
    ListTransactionsResponse, ProducerId, TopicName, TransactionalId, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};

use super::group::Committer;
use super::group_offset::committed;
use super::protocol::{Call, error_code, text};
use super::state::{Core, State};
use super::transaction::{self, Identity, PendingOffset, Status, Transaction};

/// Gives a producer its id and epoch.
pub(super) fn init_producer_id(core: &Core, call: &Call, request: InitProducerIdRequest) -> InitProducerIdResponse {
    let mut state = core.lock();
    let claimed = Identity { id: request.producer_id.0, epoch: request.producer_epoch };
    let claimed = (claimed.id >= 0 && claimed.epoch >= 0).then_some(claimed);
    let outcome = match &request.transactional_id {
        None => Ok(state.transactions.new_producer()),
        Some(id) if id.is_empty() => Err(ResponseError::InvalidRequest),
        Some(id) => transaction::take_over(&mut state, id, request.transaction_timeout_ms, claimed, core.now()),
    };
    let outcome = outcome.map_err(|error| known(error, call.version >= 4));
    let response = InitProducerIdResponse::default().with_error_code(error_code(&outcome));
    match outcome {
        Ok(producer) => response.with_producer_id(ProducerId(producer.id)).with_producer_epoch(producer.epoch),
        Err(_) => response.with_producer_id(ProducerId(-1)).with_producer_epoch(-1),
    }
}

/// Adds partitions to the open transaction: all of them, or none if one does not exist.
pub(super) fn add_partitions(
    core: &Core,
    call: &Call,
    request: AddPartitionsToTxnRequest,
) -> AddPartitionsToTxnResponse {
    let mut state = core.lock();
    let state = &mut *state;
    let now = core.now();
    let producer = Identity { id: request.v3_and_below_producer_id.0, epoch: request.v3_and_below_producer_epoch };
    let id = request.v3_and_below_transactional_id.as_str();
    let exists = |topic: &str, partition: i32| state.topics.log(topic, partition).is_ok();
    let all_exist = request
        .v3_and_below_topics
        .iter()
        .all(|topic| topic.partitions.iter().all(|index| exists(&topic.name, *index)));
    let results = request.v3_and_below_topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|&index| {
            let outcome = if state.topics.log(&topic.name, index).is_err() {
                Err(ResponseError::UnknownTopicOrPartition)
            } else if !all_exist {
                Err(ResponseError::OperationNotAttempted)
            } else {
                state.transactions.add_partition(id, producer, (&topic.name, index), now)
            };
            let code = error_code(&outcome.map_err(|error| known(error, call.version >= 2)));
            AddPartitionsToTxnPartitionResult::default().with_partition_index(index).with_partition_error_code(code)
        });
        AddPartitionsToTxnTopicResult::default()
            .with_name(topic.name.clone())
            .with_results_by_partition(partitions.collect())
    });
    AddPartitionsToTxnResponse::default().with_results_by_topic_v3_and_below(results.collect())
}

/// Says that the open transaction will commit offsets of a group.
pub(super) fn add_offsets(core: &Core, call: &Call, request: AddOffsetsToTxnRequest) -> AddOffsetsToTxnResponse {
    let producer = Identity { id: request.producer_id.0, epoch: request.producer_epoch };
    let outcome = core.lock().transactions.add_offsets(&request.transactional_id, producer, core.now());
    let code = error_code(&outcome.map_err(|error| known(error, call.version >= 2)));
    AddOffsetsToTxnResponse::default().with_error_code(code)
}

/// Keeps offsets until the transaction commits.
pub(super) fn commit_offsets(core: &Core, _: &Call, request: TxnOffsetCommitRequest) -> TxnOffsetCommitResponse {
    let mut state = core.lock();
    let state = &mut *state;
    let allowed = check_commit(core, state, &request);
    let producer = Identity { id: request.producer_id.0, epoch: request.producer_epoch };
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|partition| {
            let index = partition.partition_index;
            let outcome = allowed.and_then(|()| state.topics.log(&topic.name, index).map(drop)).and_then(|()| {
                let committed = committed(
                    partition.committed_offset,
                    partition.committed_leader_epoch,
                    partition.committed_metadata,
                )?;
                let (group, name) = (request.group_id.to_string(), topic.name.to_string());
                let offset = PendingOffset { group, topic: name, partition: index, committed };
                state.transactions.add_offset(&request.transactional_id, producer, offset)
            });
            TxnOffsetCommitResponsePartition::default()
                .with_partition_index(index)
                .with_error_code(error_code(&outcome.map_err(|error| known(error, false))))
        });
        let partitions = partitions.collect();
        TxnOffsetCommitResponseTopic::default().with_name(topic.name).with_partitions(partitions)
    });
    TxnOffsetCommitResponse::default().with_topics(topics.collect())
}

/// Commits or aborts.
pub(super) fn end(core: &Core, call: &Call, request: EndTxnRequest) -> EndTxnResponse {
    let producer = Identity { id: request.producer_id.0, epoch: request.producer_epoch };
    let outcome =
        transaction::end(&mut core.lock(), &request.transactional_id, producer, request.committed, core.now());
    EndTxnResponse::default().with_error_code(error_code(&outcome.map_err(|error| known(error, call.version >= 2))))
}

/// Tells what transactional ids are doing.
pub(super) fn describe(core: &Core, _: &Call, request: DescribeTransactionsRequest) -> DescribeTransactionsResponse {
    let state = core.lock();
    let states = request.transactional_ids.into_iter().map(|id| match state.transactions.get(&id) {
        Some(transaction) => described(id, transaction),
        None => describe_transactions_response::TransactionState::default()
            .with_error_code(ResponseError::TransactionalIdNotFound.code())
            .with_transactional_id(id),
    });
    DescribeTransactionsResponse::default().with_transaction_states(states.collect())
}

/// Lists the transactional ids.
pub(super) fn list(core: &Core, _: &Call, request: ListTransactionsRequest) -> ListTransactionsResponse {
    let state = core.lock();
    let now = core.now();
    let is_known = |name: &str| Status::ALL.iter().any(|status| status.name() == name);
    let is_wanted = |transaction: &Transaction| {
        let open_for =
            transaction.started.map_or(Duration::ZERO, |since| now.instant.saturating_duration_since(since.instant));
        let states = &request.state_filters;
        let producers = &request.producer_id_filters;
        (states.is_empty() || states.iter().any(|name| name.as_str() == transaction.status.name()))
            && (producers.is_empty() || producers.iter().any(|id| id.0 == transaction.producer.id))
            && open_for.as_millis() as i128 > i128::from(request.duration_filter)
    };
    let listed = |(id, transaction): (&str, &Transaction)| {
        list_transactions_response::TransactionState::default()
            .with_transactional_id(TransactionalId(text(id)))
            .with_producer_id(ProducerId(transaction.producer.id))
            .with_transaction_state(text(transaction.status.name()))
    };
    let states = state.transactions.iter().filter(|(_, transaction)| is_wanted(transaction)).map(listed).collect();
    let unknown = request.state_filters.iter().filter(|name| !is_known(name)).cloned().collect();
    ListTransactionsResponse::default().with_transaction_states(states).with_unknown_state_filters(unknown)
}

/// Tells which producers a partition remembers.
pub(super) fn describe_producers(
    core: &Core,
    _: &Call,
    request: DescribeProducersRequest,
) -> DescribeProducersResponse {
    let state = core.lock();
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partition_indexes.iter().map(|&index| {
            let response = PartitionResponse::default().with_partition_index(index);
            match state.topics.log(&topic.name, index) {
                Err(error) => response.with_error_code(error.code()).with_error_message(Some(text(error.to_string()))),
                Ok(log) => {
                    let producers = log.producers().map(|(id, producer, open_since)| {
                        ProducerState::default()
                            .with_producer_id(ProducerId(id))
                            .with_producer_epoch(i32::from(producer.epoch))
                            .with_last_sequence(producer.last_sequence())
                            .with_last_timestamp(producer.last_timestamp)
                            .with_coordinator_epoch(0)
                            .with_current_txn_start_offset(open_since.unwrap_or(-1))
                    });
                    response.with_active_producers(producers.collect())
                }
            }
        });
        TopicResponse::default().with_partitions(partitions.collect()).with_name(topic.name.clone())
    });
    DescribeProducersResponse::default().with_topics(topics.collect())
}

fn check_commit(core: &Core, state: &mut State, request: &TxnOffsetCommitRequest) -> Result<(), ResponseError> {
    let committer = Committer {
        member: &request.member_id,
        instance: request.group_instance_id.as_deref(),
        generation: request.generation_id,
    };
    match state.groups.get_mut(&request.group_id) {
        Some(group) => group.check_commit(committer, true, core.now().instant),
        None if committer.generation < 0 => Ok(()),
        None => Err(ResponseError::IllegalGeneration),
    }
}

fn described(id: TransactionalId, transaction: &Transaction) -> describe_transactions_response::TransactionState {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in &transaction.partitions {
        topics.entry(topic).or_default().push(*partition);
    }
    let topics = topics
        .into_iter()
        .map(|(topic, partitions)| TopicData::default().with_topic(TopicName(text(topic))).with_partitions(partitions));
    describe_transactions_response::TransactionState::default()
        .with_transactional_id(id)
        .with_transaction_state(text(transaction.status.name()))
        // It is at most 15 minutes.
        .with_transaction_timeout_ms(transaction.timeout.as_millis() as i32)
        .with_transaction_start_time_ms(transaction.started.map_or(-1, |since| since.millis))
        .with_producer_id(ProducerId(transaction.producer.id))
        .with_producer_epoch(transaction.producer.epoch)
        .with_topics(topics.collect())
}

/// The error as a client of this version knows it: being fenced was told by another code before.
fn known(error: ResponseError, knows_fenced: bool) -> ResponseError {
    match error {
        ResponseError::ProducerFenced if !knows_fenced => ResponseError::InvalidProducerEpoch,
        other => other,
    }
}

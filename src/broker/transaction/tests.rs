use super::super::batch::{split, tests::batch};
use super::super::config::TopicConfig;
use super::super::group::Committed;
use super::*;

struct Fixture {
    state: State,
    now: Moment,
}

impl Fixture {
    fn new() -> Self {
        let mut state = State::new(1 << 20);
        state.topics.create("t", 1, TopicConfig::default()).unwrap();
        Fixture { state, now: Moment { instant: crate::clock::instant(), millis: 0 } }
    }

    fn take_over(&mut self) -> Identity {
        take_over(&mut self.state, "id", 10_000, None, self.now).unwrap()
    }

    fn write(&mut self, producer: Identity, sequence: i32) -> Result<(), ResponseError> {
        self.state.transactions.check_write("id", producer, "t", 0)?;
        let (header, body) = split(batch(&[1], Some((producer.id, producer.epoch, sequence)), true)).unwrap();
        self.state.topics.append("t", 0, &header, body, self.now).map(drop).map_err(|refusal| refusal.error)
    }

    fn add(&mut self, producer: Identity) -> Result<(), ResponseError> {
        self.state.transactions.add_partition("id", producer, ("t", 0), self.now)
    }

    fn end(&mut self, producer: Identity, commit: bool) -> Result<(), ResponseError> {
        end(&mut self.state, "id", producer, commit, self.now)
    }

    fn commit_offset(&mut self, producer: Identity, offset: i64) -> Result<(), ResponseError> {
        let committed = Committed { offset, leader_epoch: -1, metadata: Default::default() };
        let pending = PendingOffset { group: "g".into(), topic: "t".into(), partition: 0, committed };
        self.state.transactions.add_offset("id", producer, pending)
    }

    fn committed(&self) -> Option<i64> {
        self.state.groups.get("g")?.offsets.get("t", 0).map(|committed| committed.offset)
    }

    /// Last stable offset and end of the partition.
    fn ends(&self) -> (i64, i64) {
        let log = self.state.topics.log("t", 0).unwrap();
        (log.stable_end(), log.end())
    }
}

#[test]
fn commits_records_and_offsets_together() {
    let mut fixture = Fixture::new();
    let producer = fixture.take_over();
    assert_eq!(fixture.write(producer, 0), Err(ResponseError::InvalidTxnState), "the partition was not added");
    fixture.add(producer).unwrap();
    fixture.write(producer, 0).unwrap();
    fixture.commit_offset(producer, 7).unwrap();
    assert_eq!((fixture.ends(), fixture.committed()), ((0, 1), None));
    assert!(fixture.state.transactions.is_pending("g", "t", 0));
    fixture.end(producer, true).unwrap();
    assert_eq!((fixture.ends(), fixture.committed()), ((2, 2), Some(7)));
    assert!(!fixture.state.transactions.is_pending("g", "t", 0));
    assert_eq!(fixture.end(producer, true), Ok(()), "the answer may have been lost");
    assert_eq!(fixture.end(producer, false), Err(ResponseError::InvalidTxnState));
    assert_eq!(fixture.write(producer, 1), Err(ResponseError::InvalidTxnState), "the next transaction has not begun");
}

#[test]
fn an_abort_forgets_the_offsets() {
    let mut fixture = Fixture::new();
    let producer = fixture.take_over();
    assert_eq!(fixture.commit_offset(producer, 7), Err(ResponseError::InvalidTxnState));
    fixture.state.transactions.add_offsets("id", producer, fixture.now).unwrap();
    fixture.commit_offset(producer, 7).unwrap();
    fixture.end(producer, false).unwrap();
    assert_eq!(fixture.committed(), None);
}

#[test]
fn the_next_owner_aborts_and_fences() {
    let mut fixture = Fixture::new();
    let old = fixture.take_over();
    fixture.add(old).unwrap();
    fixture.write(old, 0).unwrap();
    let new = fixture.take_over();
    assert_eq!(new.id, old.id);
    assert!(new.epoch > old.epoch);
    assert_eq!(fixture.ends(), (2, 2), "the open transaction was aborted with a control record");
    assert_eq!(fixture.write(old, 1), Err(ResponseError::InvalidProducerEpoch));
    assert_eq!(fixture.add(old), Err(ResponseError::ProducerFenced));
    assert_eq!(fixture.end(old, true), Err(ResponseError::ProducerFenced));
    let claimed = take_over(&mut fixture.state, "id", 10_000, Some(old), fixture.now);
    assert_eq!(claimed, Err(ResponseError::ProducerFenced), "who is fenced cannot come back under its old epoch");
    fixture.add(new).unwrap();
    fixture.write(new, 0).unwrap();
    fixture.end(new, true).unwrap();
}

#[test]
fn a_transaction_that_times_out_is_aborted_and_its_producer_fenced() {
    let mut fixture = Fixture::new();
    let producer = fixture.take_over();
    fixture.add(producer).unwrap();
    fixture.write(producer, 0).unwrap();
    fixture.now.instant += Duration::from_millis(9_999);
    expire(&mut fixture.state, fixture.now);
    assert_eq!(fixture.ends(), (0, 1));
    fixture.now.instant += Duration::from_millis(1);
    expire(&mut fixture.state, fixture.now);
    assert_eq!(fixture.ends(), (2, 2));
    assert_eq!(fixture.end(producer, true), Err(ResponseError::ProducerFenced));
}

#[test]
fn a_deleted_topic_leaves_its_transactions() {
    let mut fixture = Fixture::new();
    let producer = fixture.take_over();
    fixture.add(producer).unwrap();
    fixture.commit_offset(producer, 7).unwrap();
    fixture.state.topics.delete("t").unwrap();
    fixture.state.transactions.forget_topic("t");
    fixture.end(producer, true).unwrap();
    assert_eq!(fixture.committed(), None);
}

#[test]
fn exhausted_epochs_bring_a_new_producer_id_and_timeouts_have_bounds() {
    let mut fixture = Fixture::new();
    let first = fixture.take_over();
    fixture.state.transactions.by_id.get_mut("id").unwrap().producer.epoch = EPOCH_MAX;
    let second = fixture.take_over();
    assert!(second.id != first.id && second.epoch == 0);
    for timeout_ms in [0, -1, TIMEOUT_MAX_MS + 1] {
        let refused = take_over(&mut fixture.state, "id", timeout_ms, None, fixture.now);
        assert_eq!(refused, Err(ResponseError::InvalidTransactionTimeout));
    }
}

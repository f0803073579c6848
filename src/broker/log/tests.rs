use bytes::Bytes;

use super::super::batch::{split, tests::batch};
use super::*;

fn at(millis: i64) -> Moment {
    Moment { instant: crate::clock::instant(), millis }
}

fn append(log: &mut Log, sent: Bytes) -> Result<i64, ResponseError> {
    let (header, body) = split(sent).unwrap();
    log.append(&header, body, at(0))
}

fn bases(log: &Log, offset: i64) -> Vec<i64> {
    log.read(offset).map(|batch| batch.base).collect()
}

#[test]
fn reads_begin_with_the_batch_that_holds_the_offset() {
    let mut log = Log::default();
    for timestamps in [&[10, 11, 12][..], &[5], &[20, 21]] {
        append(&mut log, batch(timestamps, None, false)).unwrap();
    }
    assert_eq!(log.end(), 6);
    assert_eq!(bases(&log, 0), [0, 3, 4]);
    assert_eq!(bases(&log, 2), [0, 3, 4]);
    assert_eq!(bases(&log, 3), [3, 4]);
    assert_eq!(bases(&log, 5), [4]);
    assert_eq!(bases(&log, 6), [0; 0]);
}

#[test]
fn timestamps_are_found_when_they_do_not_ascend_and_after_deletion() {
    let mut log = Log::default();
    for timestamp in [50, 10, 40, 60] {
        append(&mut log, batch(&[timestamp], None, false)).unwrap();
    }
    let found = |log: &Log, timestamp| log.find_timestamp(timestamp).map(|batch| batch.base);
    assert_eq!([0, 50, 51, 61].map(|timestamp| found(&log, timestamp)), [Some(0), Some(0), Some(3), None]);
    assert_eq!(log.find_max_timestamp().map(|batch| batch.base), Some(3));
    log.delete_before(1);
    assert_eq!([10, 20, 45].map(|timestamp| found(&log, timestamp)), [Some(1), Some(2), Some(3)]);
}

#[test]
fn deletion_keeps_the_batch_that_holds_the_new_start() {
    let mut log = Log::default();
    for _ in 0..3 {
        append(&mut log, batch(&[1, 2, 3], None, false)).unwrap();
    }
    let memory = log.memory();
    log.delete_before(4);
    assert_eq!((log.start(), log.end()), (4, 9));
    assert_eq!(bases(&log, 4), [3, 6]);
    assert!(log.memory() < memory);
    log.delete_before(2);
    assert_eq!(log.start(), 4, "the start never goes back");
    log.delete_before(9);
    assert_eq!((log.start(), log.end(), log.memory(), log.size()), (9, 9, 0, 0));
    assert_eq!(append(&mut log, batch(&[1], None, false)), Ok(9));
}

#[test]
fn retention_drops_whole_batches() {
    let mut log = Log::default();
    for _ in 0..4 {
        append(&mut log, batch(&[1], None, false)).unwrap();
    }
    let one = log.size() / 4;
    log.retain_bytes(2 * one + 1);
    assert_eq!((log.start(), log.size()), (1, 3 * one), "what remains is never less than the bound");
    let now = crate::clock::instant();
    log.retain_age(Duration::from_secs(60), now);
    assert_eq!(log.start(), 1);
    log.retain_age(Duration::from_secs(60), now + Duration::from_secs(61));
    assert_eq!((log.start(), log.size()), (4, 0));
    assert_eq!(log.shed(), 0);
}

#[test]
fn an_idempotent_producer_is_recognised() {
    let mut log = Log::default();
    let sent = |epoch, sequence| batch(&[1, 2], Some((9, epoch, sequence)), false);
    assert_eq!(append(&mut log, sent(0, 0)), Ok(0));
    assert_eq!(append(&mut log, sent(0, 2)), Ok(2));
    assert_eq!(append(&mut log, sent(0, 0)), Ok(0), "sent again: the offset of the first time");
    assert_eq!(append(&mut log, sent(0, 6)), Err(ResponseError::OutOfOrderSequenceNumber));
    assert_eq!(log.end(), 4);
    for sequence in [4, 6, 8, 10] {
        append(&mut log, sent(0, sequence)).unwrap();
    }
    assert_eq!(append(&mut log, sent(0, 0)), Err(ResponseError::DuplicateSequenceNumber));
    assert_eq!(append(&mut log, sent(1, 4)), Err(ResponseError::OutOfOrderSequenceNumber));
    assert_eq!(append(&mut log, sent(1, 0)), Ok(12));
    assert_eq!(append(&mut log, sent(0, 12)), Err(ResponseError::InvalidProducerEpoch));
    let other = batch(&[1, 2], Some((10, 0, 77)), false);
    assert_eq!(append(&mut log, other), Ok(14), "a producer that nobody remembers begins anywhere");
}

#[test]
fn sequence_numbers_go_on_from_zero_after_the_last() {
    let mut log = Log::default();
    append(&mut log, batch(&[1], Some((9, 0, i32::MAX)), false)).unwrap();
    assert_eq!(append(&mut log, batch(&[1], Some((9, 0, 0)), false)), Ok(1));
}

#[test]
fn an_open_transaction_holds_the_stable_end_and_an_aborted_one_is_listed() {
    let mut log = Log::default();
    append(&mut log, batch(&[1], None, false)).unwrap();
    append(&mut log, batch(&[1, 2], Some((1, 0, 0)), true)).unwrap();
    append(&mut log, batch(&[1], Some((2, 0, 0)), true)).unwrap();
    append(&mut log, batch(&[1], None, false)).unwrap();
    assert_eq!((log.stable_end(), log.end()), (1, 5));
    log.end_transaction(1, 0, false, at(7));
    assert_eq!((log.stable_end(), log.end()), (3, 6), "the other transaction is still open");
    log.end_transaction(2, 0, true, at(8));
    assert_eq!((log.stable_end(), log.end()), (7, 7));
    log.end_transaction(3, 0, true, at(9));
    assert_eq!(log.end(), 7, "who wrote nothing needs no control record");
    let aborted = |first, last| log.aborted(first, last).copied().collect::<Vec<_>>();
    assert_eq!(aborted(0, 6), [Aborted { producer_id: 1, first: 1, last: 5 }]);
    assert_eq!(aborted(0, 0), []);
    assert_eq!(aborted(6, 6), []);
}

#[test]
fn a_control_record_with_a_newer_epoch_fences() {
    let mut log = Log::default();
    append(&mut log, batch(&[1], Some((1, 0, 0)), true)).unwrap();
    log.end_transaction(1, 1, false, at(0));
    assert_eq!(append(&mut log, batch(&[1], Some((1, 0, 1)), true)), Err(ResponseError::InvalidProducerEpoch));
    assert_eq!(append(&mut log, batch(&[1], Some((1, 1, 0)), true)), Ok(2));
}

#[test]
fn waiting_readers_are_woken_once_and_forgotten_when_they_are_gone() {
    let mut log = Log::default();
    let (reader, gone) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    log.wake_on_change(&gone);
    drop(gone);
    log.wake_on_change(&reader);
    log.wake_on_change(&reader);
    assert_eq!(log.waiting.len(), 1);
    append(&mut log, batch(&[1], None, false)).unwrap();
    assert_eq!(log.waiting.len(), 0);
    let mut woken = Box::pin(reader.notified());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(std::future::Future::poll(woken.as_mut(), &mut context).is_ready());
}

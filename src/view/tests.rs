//! The store against a model, under random changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::prelude::SessionContext;

use super::table::snapshot_table;
use super::*;
use crate::catalog::RelationId;
use crate::error::code;
use crate::flow::Delta;

const ID: RelationId = RelationId(1);

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true), Field::new("b", DataType::Utf8, true)]))
}

fn delta(rows: &[(i64, i64)]) -> Delta {
    let a: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)));
    let b: ArrayRef = Arc::new(StringArray::from_iter_values(rows.iter().map(|row| format!("row {}", row.0 % 100))));
    let weights: Vec<i64> = rows.iter().map(|row| row.1).collect();
    Delta::weighted(RecordBatch::try_new(schema(), vec![a, b]).unwrap(), weights.into())
}

fn sums(snapshot: &Snapshot) -> BTreeMap<i64, i64> {
    let mut sums = BTreeMap::new();
    for batch in &snapshot.batches {
        for value in batch.column(0).as_primitive::<Int64Type>().values() {
            *sums.entry(*value).or_default() += 1;
        }
    }
    sums
}

fn random(state: &mut u64, bound: u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 11) % bound
}

#[test]
fn contents_are_the_sum_of_all_changes() {
    // From a few rows that change all the time to many that are rewritten and merged.
    for (values, rows_max, ticks) in [(5, 4, 300), (2000, 300, 200), (30_000, 9000, 30)] {
        let store = Store::default();
        store.create(ID, "r", schema(), false, true, Availability::Ready).unwrap();
        let mut state = 17;
        let mut model: BTreeMap<i64, i64> = BTreeMap::new();
        let mut old: Option<(BTreeMap<i64, i64>, Snapshot)> = None;
        for tick in 1..=ticks {
            let mut rows = Vec::new();
            for _ in 0..random(&mut state, rows_max) {
                let value = random(&mut state, values) as i64;
                // Retracts as often as it inserts; what is not there (yet) goes below zero.
                let weight = random(&mut state, 5) as i64 - 2;
                rows.push((value, weight));
                *model.entry(value).or_default() += weight;
            }
            let (first, second) = rows.split_at(rows.len() / 3);
            let changed = store.commit(tick, vec![(ID, vec![delta(first), delta(second)])], &|_| tick % 2 == 0);
            let changed = changed[0].1.as_ref().unwrap();
            if tick % 2 == 0 {
                let weights: Vec<i64> =
                    changed.iter().flat_map(|delta| (0..delta.rows.num_rows()).map(|row| delta.weight(row))).collect();
                assert!(weights.is_sorted_by_key(|weight| *weight > 0) && !weights.contains(&0), "{weights:?}");
            }
            let (_, snapshot) = store.snapshot(ID).unwrap();
            let visible: BTreeMap<i64, i64> =
                model.iter().filter(|(_, sum)| **sum > 0).map(|(value, sum)| (*value, *sum)).collect();
            assert_eq!(sums(&snapshot), visible, "tick {tick}");
            if let Some((then, snapshot)) = &old {
                assert_eq!(sums(snapshot), *then, "a snapshot does not change");
            }
            old = Some((visible, snapshot));
        }
    }
}

#[test]
fn relations_that_only_grow_refuse_to_shrink() {
    let store = Store::default();
    store.create(ID, "r", schema(), true, true, Availability::Ready).unwrap();
    let mut model: BTreeMap<i64, i64> = BTreeMap::new();
    let mut state = 5;
    for tick in 1..200 {
        let rows: Vec<(i64, i64)> = (0..random(&mut state, 200))
            .map(|_| (random(&mut state, 50) as i64, random(&mut state, 3) as i64))
            .collect();
        rows.iter().filter(|row| row.1 > 0).for_each(|row| *model.entry(row.0).or_default() += row.1);
        store.commit(tick, vec![(ID, vec![delta(&rows)])], &|_| true);
    }
    let (_, snapshot) = store.snapshot(ID).unwrap();
    assert_eq!(sums(&snapshot), model);
    assert!(snapshot.batches.len() < 40, "small batches are merged: {}", snapshot.batches.len());
    let answers = store.commit(200, vec![(ID, vec![delta(&[(1, -1)])])], &|_| true);
    assert_eq!(answers[0].1.as_ref().unwrap_err().code, code::INTERNAL_ERROR);
    assert_eq!(sums(&store.snapshot(ID).unwrap().1), model);
}

#[test]
fn reads_wait_and_fail_by_availability() {
    let store = Store::default();
    let other = RelationId(2);
    store.create(ID, "r", schema(), false, true, Availability::Ready).unwrap();
    store.create(other, "s", schema(), false, true, Availability::Pending).unwrap();
    store.commit(1, vec![(ID, vec![delta(&[(1, 2)])])], &|_| true);
    let (tick, snapshots) = store.try_read(&[ID.into()], 1).unwrap().unwrap();
    assert_eq!((tick, snapshots[0].row_count()), (1, 2));
    assert!(store.try_read(&[ID.into()], 2).unwrap().is_none());
    assert!(store.try_read(&[ID.into(), other.into()], 1).unwrap().is_none());
    store.set_availability(other, Availability::Failed("a bug".to_string()));
    let error = store.try_read(&[ID.into(), other.into()], 1).unwrap_err();
    assert_eq!(error.code, code::OBJECT_NOT_IN_PREREQUISITE_STATE);
    assert_eq!(error.message, "\"s\" failed: a bug");
    store.close();
    assert_eq!(store.try_read(&[ID.into()], 2).unwrap_err().code, code::ADMIN_SHUTDOWN);
    store.remove(ID);
    assert_eq!(store.try_read(&[ID.into()], 0).unwrap_err().code, code::UNDEFINED_TABLE);
}

#[tokio::test]
async fn datafusion_reads_snapshots() {
    let store = Store::default();
    store.create(ID, "r", schema(), false, true, Availability::Ready).unwrap();
    let rows: Vec<(i64, i64)> = (0..100_000).map(|value| (value, 1)).collect();
    store.commit(1, vec![(ID, vec![delta(&rows)])], &|_| true);
    store.commit(2, vec![(ID, vec![delta(&[(0, -1), (99_999, 3)])])], &|_| false);
    let context = SessionContext::new();
    context.register_table("r", snapshot_table(store.snapshot(ID).unwrap().1)).unwrap();
    let query = "SELECT count(*), sum(a), count(DISTINCT b) FROM r";
    let batches = context.sql(query).await.unwrap().collect().await.unwrap();
    let row: Vec<i64> = batches[0].columns().iter().map(|c| c.as_primitive::<Int64Type>().value(0)).collect();
    assert_eq!(row, [100_002, 100_000 * 99_999 / 2 + 3 * 99_999, 100]);
    let limited = context.sql("SELECT a FROM r LIMIT 3").await.unwrap().collect().await.unwrap();
    assert_eq!(limited.iter().map(RecordBatch::num_rows).sum::<usize>(), 3);
}

fn rows_of(batches: &[RecordBatch]) -> Vec<i64> {
    let mut found: Vec<i64> =
        batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
    found.sort_unstable();
    found
}

/// An index over column b, which has a hundred values; a transaction's changes over what is committed, undone in parts.
#[test]
fn indexes_and_overlays_show_what_a_scan_shows() {
    let index = RelationId(7);
    let store = Store::default();
    store.create(ID, "r", schema(), false, true, Availability::Ready).unwrap();
    let mut state = 99;
    let mut committed: BTreeMap<i64, i64> = BTreeMap::new();
    let random_rows = |model: &BTreeMap<i64, i64>, state: &mut u64| {
        let mut model = model.clone();
        let mut rows = Vec::new();
        for _ in 0..random(state, 60) {
            let value = random(state, 400) as i64;
            let there = model.entry(value).or_default();
            let weight = if *there > 0 && random(state, 2) == 0 { -1 } else { 1 };
            *there += weight;
            rows.push((value, weight));
        }
        (rows, model)
    };
    for tick in 1..=60 {
        if tick == 20 {
            store.add_index(ID, index, vec![1]).unwrap();
        }
        let (rows, model) = random_rows(&committed, &mut state);
        store.commit(tick, vec![(ID, vec![delta(&rows)])], &|_| false);
        committed = model;
        if tick < 20 {
            continue;
        }
        let mut overlay = store.overlay(ID).unwrap();
        let (rows, first) = random_rows(&committed, &mut state);
        overlay.apply(vec![delta(&rows)]).unwrap();
        let mark = overlay.mark();
        let (rows, _) = random_rows(&first, &mut state);
        overlay.apply(vec![delta(&rows)]).unwrap();
        overlay.roll_back(mark).unwrap();
        for (overlay, model) in [(None, &committed), (Some(&overlay), &first)] {
            let all = |wanted: &dyn Fn(i64) -> bool| -> Vec<i64> {
                let there = model.iter().filter(|(value, _)| wanted(**value));
                there.flat_map(|(value, times)| std::iter::repeat_n(*value, *times as usize)).collect()
            };
            let read = Read { id: ID, lookup: None, overlay, as_of: None };
            let (_, snapshots) = store.try_read(&[read], 0).unwrap().unwrap();
            assert_eq!(rows_of(&snapshots[0].batches), all(&|_| true));
            let keys = store.index_keys(ID).remove(0);
            let b: ArrayRef = Arc::new(StringArray::from(vec![Some("row 3"), Some("row 77"), None]));
            let values: Vec<Key> = keys.of_values(&[b], 3).unwrap().into_iter().flatten().collect();
            assert_eq!(values.len(), 2, "NULL is equal to nothing");
            let lookup = Lookup { index, values };
            let read = Read { id: ID, lookup: Some(&lookup), overlay, as_of: None };
            let (_, snapshots) = store.try_read(&[read], 0).unwrap().unwrap();
            assert_eq!(rows_of(&snapshots[0].batches), all(&|value| value % 100 == 3 || value % 100 == 77));
            assert!(snapshots[0].batches[0].num_rows() < 40, "only what was looked for is read");
        }
        let sum = overlay.changes().unwrap();
        store.commit(tick, vec![(ID, sum)], &|_| false);
        committed = first.into_iter().filter(|(_, times)| *times != 0).collect();
        let count = store.count(ID, index, &store.index_keys(ID)[0].of(&delta(&[(3, 1)]).rows).unwrap()).unwrap();
        let of_three = committed.iter().filter(|(value, _)| **value % 100 == 3).map(|(_, times)| times).sum::<i64>();
        assert_eq!(count, [of_three]);
    }
}

#[test]
fn the_oldest_readers_of_the_past_end_first() {
    let one_tick = delta(&[(1, 1)]).rows.get_array_memory_size();
    let store = Store::new(3 * one_tick);
    store.create(ID, "r", schema(), false, true, Availability::Ready).unwrap();
    let read_at = |pin: &Pin| {
        let read = Read { id: ID, lookup: None, overlay: None, as_of: Some(pin.tick()) };
        store
            .try_read(&[read], 0)
            .map(|found| found.unwrap().1[0].batches.iter().map(|rows| rows.num_rows()).sum::<usize>())
    };
    let commit = |tick: u64| drop(store.commit(tick, vec![(ID, vec![delta(&[(tick as i64, 1)])])], &|_| false));
    commit(1);
    let oldest = store.pin();
    commit(2);
    commit(3);
    let later = store.pin();
    commit(4);
    assert_eq!((read_at(&oldest).unwrap(), read_at(&later).unwrap()), (1, 3));
    commit(5);
    assert_eq!(read_at(&oldest).unwrap_err().code, code::SNAPSHOT_TOO_OLD);
    assert_eq!(read_at(&later).unwrap(), 3);
    (6..8).for_each(commit);
    assert_eq!(read_at(&later).unwrap_err().code, code::SNAPSHOT_TOO_OLD);
    let now = store.pin();
    commit(8);
    assert_eq!(read_at(&now).unwrap(), 7);
}

/// Whoever reads several relations sees one tick of them, however commits and reads fall together.
#[test]
fn reads_of_several_relations_see_one_tick() {
    let store = Store::default();
    let ids = [RelationId(1), RelationId(2), RelationId(3)];
    for id in ids {
        store.create(id, "r", schema(), false, true, Availability::Ready).unwrap();
    }
    let ticks = 300;
    std::thread::scope(|scope| {
        for order in [[0, 1, 2], [2, 1, 0], [1, 1, 0]] {
            let store = &store;
            scope.spawn(move || {
                let reads = order.map(|at| Read::from(ids[at]));
                let mut last = 0;
                while last < ticks {
                    let Some((tick, snapshots)) = store.try_read(&reads, last).unwrap() else { continue };
                    // The last relation changes at every second tick only.
                    let expected = |at: usize| if ids[at].0 == 3 { tick / 2 } else { tick };
                    for (at, snapshot) in order.into_iter().zip(&snapshots) {
                        assert_eq!(sums(snapshot).values().sum::<i64>() as u64, expected(at), "tick {tick}");
                    }
                    let pin = store.pin();
                    let past = Read { as_of: Some(pin.tick()), ..reads[0] };
                    let (_, then) = store.try_read(&[past], 0).unwrap().unwrap();
                    let expected = if ids[order[0]].0 == 3 { pin.tick() / 2 } else { pin.tick() };
                    assert_eq!(sums(&then[0]).values().sum::<i64>() as u64, expected, "as of tick {}", pin.tick());
                    last = tick;
                }
            });
        }
        for tick in 1..=ticks {
            let changed = ids.into_iter().filter(|id| id.0 != 3 || tick % 2 == 0);
            let changes = changed.map(|id| (id, vec![delta(&[(tick as i64, 1)])])).collect();
            assert!(store.commit(tick, changes, &|_| false).iter().all(|(_, answer)| answer.is_ok()));
        }
    });
}

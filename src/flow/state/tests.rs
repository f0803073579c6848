use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;

use super::run::Run;
use super::{GroupIndex, StateTable, Version};
use crate::flow::Delta;
use crate::flow::hash::{hash_columns, mix};

/// Rows (key, text) with weights.
type Rows = Vec<(i64, String, i64)>;

/// Sum of weights by row.
type Bag = BTreeMap<(i64, String), i64>;

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("k", DataType::Int64, true), Field::new("s", DataType::Utf8, true)]))
}

fn delta(rows: &[(i64, String, i64)]) -> Delta {
    let keys = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)));
    let texts = Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.1.as_str())));
    let weights: Vec<i64> = rows.iter().map(|row| row.2).collect();
    let batch = RecordBatch::try_new(schema(), vec![keys, texts]).unwrap();
    if weights.iter().all(|weight| *weight == 1) {
        Delta::insert(batch)
    } else {
        Delta::weighted(batch, weights.into())
    }
}

fn apply(table: &mut StateTable, rows: &[(i64, String, i64)]) {
    let delta = delta(rows);
    let hashes = hash_columns(&delta.rows.columns()[..1], delta.rows.num_rows());
    table.apply(&delta, &hashes).unwrap();
}

fn bag(deltas: &[Delta]) -> Bag {
    let mut bag = BTreeMap::new();
    for delta in deltas {
        let (keys, texts) = (delta.rows.column(0).as_primitive::<Int64Type>(), delta.rows.column(1).as_string::<i32>());
        for row in 0..delta.rows.num_rows() {
            *bag.entry((keys.value(row), texts.value(row).to_string())).or_default() += delta.weight(row);
        }
    }
    bag.retain(|_, weight| *weight != 0);
    bag
}

fn probe(table: &StateTable, keys: &[i64]) -> Bag {
    let column: ArrayRef = Arc::new(Int64Array::from(keys.to_vec()));
    let hashes = hash_columns(std::slice::from_ref(&column), keys.len());
    let matches = table.probe(&[column], &hashes);
    if matches.is_empty() {
        return BTreeMap::new();
    }
    let columns = table.gather(&matches, 0..matches.len()).unwrap();
    let stored = columns[0].as_primitive::<Int64Type>();
    for (row, probe) in matches.probe.iter().enumerate() {
        assert_eq!(stored.value(row), keys[*probe as usize], "a match has the key that was asked for");
    }
    let rows = RecordBatch::try_new(schema(), columns).unwrap();
    bag(&[Delta::weighted(rows, matches.weights.clone().into())])
}

/// Many ticks of inserts and deletes, enough for several runs and merges, against a map.
#[test]
fn behaves_as_a_map_through_runs_and_merges() {
    let mut table = StateTable::new(schema(), vec![0]).unwrap();
    let mut live: Vec<(i64, String)> = Vec::new();
    let mut seed = 1_u64;
    let mut random = |bound: usize| {
        seed = mix(seed.wrapping_add(0x9E37_79B9_7F4A_7C15));
        (seed % bound as u64) as usize
    };
    let mut snapshot: Option<(Version, Bag)> = None;
    for tick in 0..40 {
        let mut rows: Rows = Vec::new();
        for _ in 0..12_000 {
            let row = (random(3_000) as i64, format!("t{}", random(8)));
            live.push(row.clone());
            rows.push((row.0, row.1, 1));
        }
        for _ in 0..if tick % 3 == 0 { 0 } else { 14_000.min(live.len()) } {
            let row = live.swap_remove(random(live.len()));
            rows.push((row.0, row.1, -1));
        }
        apply(&mut table, &rows);
        let mut expected: Bag = BTreeMap::new();
        live.iter().for_each(|row| *expected.entry(row.clone()).or_default() += 1);
        let keys: Vec<i64> =
            (0..200).map(|_| random(3_100) as i64).collect::<std::collections::BTreeSet<_>>().into_iter().collect();
        let wanted: BTreeMap<_, _> = expected
            .iter()
            .filter(|((key, _), _)| keys.binary_search(key).is_ok())
            .map(|(row, w)| (row.clone(), *w))
            .collect();
        assert_eq!(probe(&table, &keys), wanted, "tick {tick}");
        if tick == 17 {
            snapshot = Some((table.version().unwrap(), expected));
        }
    }
    let (version, expected) = snapshot.unwrap();
    assert_eq!(bag(&version.deltas()), expected, "a version does not change with the table");
    assert!(table.len() < 3 * live.len() + 65_536, "merging removes what was deleted");
}

#[test]
fn a_row_that_changes_in_every_tick_takes_no_room() {
    let mut table = StateTable::new(schema(), vec![0]).unwrap();
    apply(&mut table, &[(1, "0".into(), 1), (2, "other".into(), 2)]);
    for i in 0..5_000 {
        apply(&mut table, &[(1, i.to_string(), -1), (1, (i + 1).to_string(), 1)]);
    }
    assert_eq!(table.len(), 2);
    assert!(table.bytes() < 100_000, "{}", table.bytes());
    let expected = [((1, "5000".to_string()), 1), ((2, "other".to_string()), 2)];
    assert_eq!(probe(&table, &[1, 2, 3]), BTreeMap::from(expected));
}

#[test]
fn one_hot_key_among_others() {
    let mut table = StateTable::new(schema(), vec![0]).unwrap();
    for tick in 0..20_i64 {
        let rows: Rows = (0..8_192)
            .map(|i| (if i % 2 == 0 { -1 } else { tick * 8_192 + i }, (tick * 8_192 + i).to_string(), 1))
            .collect();
        apply(&mut table, &rows);
    }
    let found = probe(&table, &[-1]);
    assert_eq!(found.len(), 20 * 4_096);
    let negated: Rows = found.keys().map(|(key, text)| (*key, text.clone(), -1)).collect();
    apply(&mut table, &negated);
    assert!(probe(&table, &[-1]).is_empty());
}

#[test]
fn keys_with_one_hash_are_told_apart() {
    let schema = schema();
    let mut table = StateTable::new(Arc::clone(&schema), vec![1]).unwrap();
    let rows = delta(&[(1, "a".into(), 1), (2, "b".into(), 1)]);
    table.apply(&rows, &[5, 5]).unwrap();
    let ask = |table: &StateTable| table.probe(&[Arc::new(StringArray::from(vec!["b"])) as ArrayRef], &[5]);
    assert_eq!(ask(&table).len(), 1);
    table.version().unwrap();
    assert_eq!(ask(&table).len(), 1);
}

#[test]
fn groups_are_consolidated() {
    let mut table = StateTable::new(schema(), vec![0]).unwrap();
    apply(&mut table, &[(1, "a".into(), 1), (2, "b".into(), 1)]);
    table.version().unwrap();
    apply(&mut table, &[(1, "a".into(), -1), (1, "c".into(), 2)]);
    let keys: ArrayRef = Arc::new(Int64Array::from(vec![3, 1, 2]));
    let groups = table.groups(std::slice::from_ref(&keys), &hash_columns(std::slice::from_ref(&keys), 3)).unwrap();
    let bags: Vec<_> = groups.iter().map(|group| bag(std::slice::from_ref(group))).collect();
    let expected = [vec![], vec![((1, "c".to_string()), 2)], vec![((2, "b".to_string()), 1)]];
    assert_eq!(bags, expected.map(|rows| rows.into_iter().collect()));
    assert_eq!(groups[1].rows.num_rows(), 1);
}

#[test]
fn runs_find_every_hash() {
    for (rows, spread) in [(0, 1), (1, 1), (7, 1), (1_000, 1), (20_000, 1), (5_000, 64), (300, 300)] {
        let hashes: Vec<u64> = (0..rows).map(|i: u64| mix(i / spread) >> 3).collect();
        let entry =
            |(row, hash): (usize, &u64)| super::run::Entry { hash: *hash, source: 0, row: row as u32, weight: 1 };
        let texts: Rows = (0..rows as i64).map(|i| (i, String::new(), 1)).collect();
        let source = delta(&texts).rows;
        let run = Run::build(&schema(), &[&source], hashes.iter().enumerate().map(entry).collect()).unwrap();
        for hash in hashes.iter().step_by(7) {
            let expected = hashes.iter().filter(|other| *other == hash).count();
            assert_eq!(run.find(*hash).len(), expected, "{rows} rows");
        }
        for other in [0, 1, u64::MAX, u64::MAX >> 3] {
            assert_eq!(run.find(other).len(), hashes.iter().filter(|hash| **hash == other).count());
        }
    }
}

#[test]
fn group_numbers_are_used_again() {
    let mut index = GroupIndex::new(&[DataType::Int64], "GROUP BY").unwrap();
    let keys = |keys: Vec<Option<i64>>| -> [ArrayRef; 1] { [Arc::new(Int64Array::from(keys))] };
    assert_eq!(index.locate(&keys(vec![Some(5), None, Some(5), Some(6)]), 4).unwrap(), [0, 1, 0, 2]);
    index.remove(1);
    index.remove(0);
    assert_eq!(index.locate(&keys(vec![Some(6), Some(7), None]), 3).unwrap(), [2, 0, 1]);
    assert_eq!(index.capacity(), 3);
    let columns = index.columns(&[1, 0, 2]).unwrap();
    assert_eq!(columns[0].as_ref(), &Int64Array::from(vec![None, Some(7), Some(6)]));
}

/// Rows that came as inserts only, in several runs, and go again leave nothing behind; one that stays is counted.
#[test]
fn what_cancels_is_gone() {
    let mut table = StateTable::new(schema(), vec![0]).unwrap();
    let rows = |weight: i64| -> Rows { (0..100).map(|key| (key % 7, format!("row {key}"), weight)).collect() };
    for _ in 0..3 {
        apply(&mut table, &rows(1));
        table.version().unwrap();
    }
    assert_eq!(table.rows(), 300);
    apply(&mut table, &rows(-2));
    assert_eq!(table.rows(), 100);
    apply(&mut table, &rows(-1));
    assert_eq!((table.rows(), table.len()), (0, 0));
    assert!(table.is_empty());
    assert!(probe(&table, &[1, 2, 3]).is_empty());
    // A row and the negation of another are no rows in sum, but two entries.
    apply(&mut table, &[(1, "here".into(), 1), (2, "there".into(), -1)]);
    assert_eq!(table.rows(), 2);
}

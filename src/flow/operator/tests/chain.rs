use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};

use super::{Input, Random, Running, schema};
use crate::compile::plan::{AggregateCall, AggregateFunction, SortColumn};
use crate::flow::operator::{Aggregate, Distinct, Join, TopK, Union};

/// Two aggregates of one changing input, joined with each other, doubled, made distinct, and the first row of that: all of it agrees with
/// the input at every tick.
#[test]
fn operators_in_a_row_stay_consistent() {
    let input = schema(&[DataType::Int64, DataType::Int64, DataType::Int32]);
    let call = || AggregateCall::new(AggregateFunction::Sum, vec![2], Arc::new(Field::new("s", DataType::Int64, true)));
    let sums = schema(&[DataType::Int64, DataType::Int64]);
    let by = |key: usize| {
        Running::new(Aggregate::new(input.clone(), vec![key], vec![call()], sums.clone(), false, false).unwrap())
    };
    let (mut credits, mut debits) = (by(0), by(1));
    let joined = schema(&[DataType::Int64, DataType::Int64, DataType::Int64, DataType::Int64]);
    let mut join =
        Running::new(Join::new(sums.clone(), sums.clone(), vec![0], vec![0], true, None, joined.clone()).unwrap());
    let mut both = Running::new(Union::new(joined.clone()));
    let mut distinct = Running::new(Distinct::new(joined.clone()).unwrap());
    let order = vec![SortColumn { column: 1, descending: false, nulls_first: true }];
    let mut first = Running::new(TopK::new(joined.clone(), vec![], order, Some(1), 0, false, joined, false).unwrap());
    let mut random = Random(9);
    let mut relation = Input::new(&input);
    for tick in 0..150 {
        let deltas = relation.change(&mut random, false);
        let left = credits.step(vec![deltas.clone()]).rows;
        let right = debits.step(vec![deltas]).rows;
        let pairs = join.step(vec![left, right]).rows;
        let twice = both.step(vec![pairs.clone(), pairs]).rows;
        let once = distinct.step(vec![twice]).rows;
        first.step(vec![once]);
        let expected = expected(&relation);
        assert_eq!(join.rows, expected, "tick {tick}");
        assert_eq!(distinct.rows, expected, "tick {tick}");
        assert_eq!(first.rows.len(), expected.len().min(1), "tick {tick}");
        assert!(both.rows.values().all(|weight| *weight == 2));
    }
}

fn expected(relation: &Input) -> BTreeMap<String, i64> {
    use datafusion::scalar::ScalarValue;
    let sum_by = |key: usize| {
        let mut sums: BTreeMap<Option<i64>, Option<i64>> = BTreeMap::new();
        for row in &relation.rows {
            let (ScalarValue::Int64(key), ScalarValue::Int32(value)) = (&row[key], &row[2]) else { panic!("types") };
            let sum = sums.entry(*key).or_default();
            if let Some(value) = value {
                *sum = Some(sum.unwrap_or(0) + i64::from(*value));
            }
        }
        sums
    };
    let show = |value: &Option<i64>| value.map_or("NULL".to_string(), |value| value.to_string());
    let (left, right) = (sum_by(0), sum_by(1));
    let pairs = left.iter().filter_map(|(key, l)| right.get(key).map(|r| (show(key), show(l), show(r))));
    pairs.map(|(key, l, r)| (format!("{key} | {l} | {key} | {r}"), 1)).collect()
}

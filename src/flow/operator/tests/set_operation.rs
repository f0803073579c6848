use std::collections::BTreeMap;

use datafusion::arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;

use super::{Bag, Input, Random, Row, Running, change, delta, every_type, int, rounds, rows_of, schema, text};
use crate::compile::plan::SetOperator;
use crate::flow::operator::SetOperation;

/// What the rows of both sides, marked in their last column, become.
fn expected(rows: &[(Row, i64)], operator: SetOperator, all: bool) -> Bag {
    let mut copies: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for (row, weight) in rows {
        let (side, own) = row.split_last().expect("a side");
        let copies = copies.entry(text(&own.to_vec())).or_default();
        let count = if side.is_null() { &mut copies.1 } else { &mut copies.0 };
        *count += weight;
    }
    let result = |(left, right): (i64, i64)| match (operator, all) {
        (SetOperator::Except, true) => (left - right).max(0),
        (SetOperator::Except, false) => i64::from(left > 0 && right == 0),
        (SetOperator::Intersect, true) => left.min(right),
        (SetOperator::Intersect, false) => i64::from(left > 0 && right > 0),
    };
    copies.into_iter().map(|(row, copies)| (row, result(copies))).filter(|(_, copies)| *copies > 0).collect()
}

#[test]
fn random_changes() {
    let mut shapes: Vec<Vec<DataType>> = every_type().into_iter().map(|data_type| vec![data_type]).collect();
    shapes.push(vec![DataType::Int64, DataType::Utf8]);
    for (seed, types) in shapes.into_iter().enumerate() {
        for operator in [SetOperator::Except, SetOperator::Intersect] {
            for all in [false, true] {
                let own = schema(&types);
                let marked = schema(&[types.clone(), vec![DataType::Boolean]].concat());
                for seed in rounds(seed as u64) {
                    let own = own.clone();
                    let mut random = Random(seed);
                    let mut input = Input::new(&marked);
                    let mut operation = Running::new(SetOperation::new(operator, all, own).unwrap());
                    for tick in 0..60 {
                        operation.step(vec![input.change(&mut random, false)]);
                        let rows: Vec<(Row, i64)> = input.rows.iter().map(|row| (row.clone(), 1)).collect();
                        let canonical = rows_of(&delta(&marked, &rows));
                        let wanted = expected(&canonical, operator, all);
                        assert_eq!(operation.rows, wanted, "{operator:?} all={all} {types:?}, tick {tick}");
                    }
                    operation.step(vec![input.empty()]);
                    assert!(operation.rows.is_empty());
                    operation.assert_empty();
                }
            }
        }
    }
}

#[test]
fn copies_cancel_one_by_one() {
    let marked = schema(&[DataType::Int64, DataType::Boolean]);
    let (left, right) = (ScalarValue::Boolean(Some(true)), ScalarValue::Boolean(None));
    let own = schema(&[DataType::Int64]);
    let mut except = Running::new(SetOperation::new(SetOperator::Except, true, own).unwrap());
    let first = [(vec![int(1), left.clone()], 3), (vec![int(2), left], 1), (vec![int(1), right.clone()], 1)];
    assert_eq!(except.change(&marked, &first), change(&[("1", 2), ("2", 1)]));
    assert_eq!(except.change(&marked, &[(vec![int(1), right.clone()], 4)]), change(&[("1", -2)]));
    assert_eq!(except.change(&marked, &[(vec![int(1), right], -3)]), change(&[("1", 1)]));
}

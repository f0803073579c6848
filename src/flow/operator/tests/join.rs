use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::logical_expr::Operator as Binary;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::scalar::ScalarValue;

use super::{Bag, Input, Random, Row, Running, add, change, delta, every_type, int, rounds, rows_of, schema, text};
use crate::compile::expr::Expression;
use crate::flow::operator::Join;

fn joined(left: &SchemaRef, right: &SchemaRef) -> SchemaRef {
    let types = left.fields().iter().chain(right.fields()).map(|field| field.data_type().clone());
    schema(&types.collect::<Vec<_>>())
}

/// All pairs of rows with equal keys, by nested loops.
fn pairs(left: &Input, right: &Input, keys: &[(usize, usize)], null_equal: bool) -> Bag {
    let canonical = |input: &Input| -> Vec<Row> {
        let rows: Vec<(Row, i64)> = input.rows.iter().map(|row| (row.clone(), 1)).collect();
        rows_of(&delta(&input.schema, &rows)).into_iter().map(|(row, _)| row).collect()
    };
    let (left, right) = (canonical(left), canonical(right));
    let mut bag = Bag::new();
    for l in &left {
        for r in &right {
            let equal = |(a, b): &(usize, usize)| {
                (null_equal || !l[*a].is_null()) && text(&vec![l[*a].clone()]) == text(&vec![r[*b].clone()])
            };
            if keys.iter().all(equal) {
                *bag.entry(text(&l.iter().chain(r).cloned().collect())).or_default() += 1;
            }
        }
    }
    bag
}

#[test]
fn every_type_as_key() {
    for (seed, data_type) in every_type().into_iter().enumerate() {
        for null_equal in [false, true] {
            let left = schema(&[data_type.clone(), DataType::Int16]);
            let right = schema(&[DataType::Utf8, data_type.clone()]);
            for seed in rounds(seed as u64) {
                let shape = joined(&left, &right);
                let join = Join::new(left.clone(), right.clone(), vec![0], vec![1], null_equal, None, shape);
                let mut join = Running::new(join.unwrap());
                let (mut l, mut r) = (Input::new(&left), Input::new(&right));
                let mut random = Random(seed);
                for tick in 0..40 {
                    let inputs = vec![l.change(&mut random, false), r.change(&mut random, false)];
                    join.step(inputs);
                    assert_eq!(join.rows, pairs(&l, &r, &[(0, 1)], null_equal), "{data_type}, tick {tick}");
                }
                join.step(vec![l.empty(), r.empty()]);
                assert!(join.rows.is_empty());
                join.assert_empty();
            }
        }
    }
}

#[test]
fn several_keys_and_self_join() {
    let input = schema(&[DataType::Int64, DataType::Utf8, DataType::Int16]);
    let keys = vec![0, 1];
    let join = Join::new(input.clone(), input.clone(), keys.clone(), keys, false, None, joined(&input, &input));
    let mut join = Running::new(join.unwrap());
    let mut relation = Input::new(&input);
    let mut random = Random(3);
    for tick in 0..120 {
        let deltas = relation.change(&mut random, false);
        join.step(vec![deltas.clone(), deltas]);
        assert_eq!(join.rows, pairs(&relation, &relation, &[(0, 0), (1, 1)], false), "tick {tick}");
    }
}

#[test]
fn no_keys_give_all_pairs() {
    let input = schema(&[DataType::Int64]);
    let join = Join::new(input.clone(), input.clone(), vec![], vec![], false, None, joined(&input, &input));
    let mut join = Running::new(join.unwrap());
    let (mut l, mut r) = (Input::new(&input), Input::new(&input));
    let mut random = Random(5);
    for _ in 0..30 {
        join.step(vec![l.change(&mut random, false), r.change(&mut random, false)]);
        assert_eq!(join.rows, pairs(&l, &r, &[], false));
    }
}

#[test]
fn changes_on_both_sides_in_one_tick() {
    let input = schema(&[DataType::Int64, DataType::Int64]);
    let join = Join::new(input.clone(), input.clone(), vec![0], vec![0], false, None, joined(&input, &input));
    let mut join = Running::new(join.unwrap());
    let mut step = |left: &[(i64, i64, i64)], right: &[(i64, i64, i64)]| {
        let side = |rows: &[(i64, i64, i64)]| {
            vec![delta(&input, &rows.iter().map(|(k, v, w)| (vec![int(*k), int(*v)], *w)).collect::<Vec<_>>())]
        };
        let out = join.step(vec![side(left), side(right)]);
        let mut bag = Bag::new();
        add(&mut bag, &out.rows);
        bag.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(step(&[(1, 10, 1)], &[(1, 20, 2)]), change(&[("1 | 10 | 1 | 20", 2)]));
    let expected = change(&[("1 | 10 | 1 | 20", -2), ("1 | 11 | 1 | 20", 2), ("1 | 11 | 1 | 21", 1)]);
    assert_eq!(step(&[(1, 10, -1), (1, 11, 1)], &[(1, 21, 1)]), expected);
    assert_eq!(step(&[(1, 11, -1), (1, 11, 1)], &[]), change(&[]));
    assert_eq!(
        step(&[(1, 11, -1)], &[(1, 20, -2), (1, 21, -1)]),
        change(&[("1 | 11 | 1 | 20", -2), ("1 | 11 | 1 | 21", -1)])
    );
}

#[test]
fn residual_filters_and_its_errors_are_rows() {
    let input = schema(&[DataType::Int64, DataType::Int64]);
    // 10 / right > left
    let column = |name: &str, at| Arc::new(Column::new(name, at)) as _;
    let ten = Arc::new(Literal::new(ScalarValue::Int64(Some(10)))) as _;
    let quotient = Arc::new(BinaryExpr::new(ten, Binary::Divide, column("c3", 3))) as _;
    let greater = Arc::new(BinaryExpr::new(quotient, Binary::Gt, column("c1", 1)));
    let field = Arc::new(Field::new("ok", DataType::Boolean, true));
    let residual = Expression::new("10 / c3 > c1".into(), field, greater);
    let join = Join::new(input.clone(), input.clone(), vec![0], vec![0], false, Some(residual), joined(&input, &input));
    let mut join = Running::new(join.unwrap());
    let side = |rows: &[(i64, i64, i64)]| {
        vec![delta(&input, &rows.iter().map(|(k, v, w)| (vec![int(*k), int(*v)], *w)).collect::<Vec<_>>())]
    };
    join.step(vec![side(&[(1, 3, 1), (1, 5, 1)]), side(&[(1, 2, 1), (1, 0, 1)])]);
    assert_eq!(join.rows.keys().collect::<Vec<_>>(), ["1 | 3 | 1 | 2"]);
    assert_eq!(join.errors.len(), 2);
    join.step(vec![side(&[(1, 5, -1)]), side(&[])]);
    assert_eq!(
        join.errors.keys().map(|error| error.row.as_str()).collect::<Vec<_>>(),
        [r#"{"c0":1,"c1":3,"c2":1,"c3":0}"#]
    );
    join.step(vec![side(&[]), side(&[(1, 0, -1)])]);
    assert!(join.errors.is_empty());
    assert_eq!(join.rows.len(), 1);
}

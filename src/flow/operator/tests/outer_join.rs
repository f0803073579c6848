//! Outer, semi, anti and mark joins against nested loops.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::logical_expr::Operator as Binary;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::scalar::ScalarValue;

use super::{Bag, Input, Random, Row, Running, change, delta, every_type, int, rounds, rows_of, schema, text};
use crate::compile::expr::Expression;
use crate::compile::plan::JoinKind;
use crate::flow::Operator;
use crate::flow::operator::{DegreeJoin, Presence};

const KINDS: [JoinKind; 5] = [JoinKind::Left, JoinKind::Full, JoinKind::Semi, JoinKind::Anti, JoinKind::Mark];

/// What the reference asks of a pair besides its keys.
type Condition<'a> = &'a dyn Fn(&Row, &Row) -> bool;

fn output(kind: JoinKind, left: &SchemaRef, right: &SchemaRef) -> SchemaRef {
    let mut types: Vec<DataType> = left.fields().iter().map(|field| field.data_type().clone()).collect();
    match kind {
        JoinKind::Semi | JoinKind::Anti => {}
        JoinKind::Mark => types.push(DataType::Boolean),
        _ => types.extend(right.fields().iter().map(|field| field.data_type().clone())),
    }
    schema(&types)
}

fn rows(input: &Input) -> Vec<Row> {
    let rows: Vec<(Row, i64)> = input.rows.iter().map(|row| (row.clone(), 1)).collect();
    rows_of(&delta(&input.schema, &rows)).into_iter().map(|(row, _)| row).collect()
}

/// The join of all rows by nested loops.
fn reference(kind: JoinKind, left: &Input, right: &Input, matches: Condition) -> Bag {
    let nulls = |input: &Input| -> Row {
        input.schema.fields().iter().map(|field| ScalarValue::try_from(field.data_type()).expect("a type")).collect()
    };
    let (l, r) = (rows(left), rows(right));
    let mut bag = Bag::new();
    let mut put = |row: Row| *bag.entry(text(&row)).or_default() += 1;
    for row in &l {
        let found: Vec<&Row> = r.iter().filter(|other| matches(row, other)).collect();
        match kind {
            JoinKind::Semi if !found.is_empty() => put(row.clone()),
            JoinKind::Anti if found.is_empty() => put(row.clone()),
            JoinKind::Mark => put([row.clone(), vec![ScalarValue::Boolean(Some(!found.is_empty()))]].concat()),
            JoinKind::Left | JoinKind::Full if found.is_empty() => put([row.clone(), nulls(right)].concat()),
            JoinKind::Left | JoinKind::Full => {
                found.into_iter().for_each(|other| put([row.clone(), other.clone()].concat()));
            }
            _ => {}
        }
    }
    if kind == JoinKind::Full {
        for other in r.iter().filter(|other| !l.iter().any(|row| matches(row, other))) {
            put([nulls(left), other.clone()].concat());
        }
    }
    bag
}

fn equal(left: &ScalarValue, right: &ScalarValue, null_equal: bool) -> bool {
    (null_equal || !left.is_null()) && text(&vec![left.clone()]) == text(&vec![right.clone()])
}

/// Steps both inputs at random, several times in the same tick, and compares after every tick.
fn check<O: Operator>(
    operator: impl Fn() -> O,
    kind: JoinKind,
    (left, right): (&SchemaRef, &SchemaRef),
    matches: Condition,
    seed: u64,
) {
    rounds(seed).for_each(|seed| check_round(operator(), kind, (left, right), matches, seed));
}

fn check_round<O: Operator>(
    operator: O,
    kind: JoinKind,
    (left, right): (&SchemaRef, &SchemaRef),
    matches: Condition,
    seed: u64,
) {
    let mut join = Running::new(operator);
    let (mut l, mut r) = (Input::new(left), Input::new(right));
    let mut random = Random(seed);
    for tick in 0..60 {
        let changes = match tick % 4 {
            0 => vec![l.change(&mut random, false), Vec::new()],
            1 => vec![Vec::new(), r.change(&mut random, false)],
            _ => vec![l.change(&mut random, false), r.change(&mut random, false)],
        };
        join.step(changes);
        assert_eq!(join.rows, reference(kind, &l, &r, matches), "{kind:?}, tick {tick}, seed {seed}");
    }
    join.step(vec![l.empty(), Vec::new()]);
    assert_eq!(join.rows, reference(kind, &l, &r, matches), "{kind:?}, seed {seed}");
    join.step(vec![Vec::new(), r.empty()]);
    assert!(join.rows.is_empty(), "{kind:?}, seed {seed}");
    join.assert_empty();
}

/// `left.column < right.column` over the columns of both.
fn less(left: usize, right: usize) -> Expression {
    let column = |at| Arc::new(Column::new(&format!("c{at}"), at)) as _;
    let field = Arc::new(Field::new("ok", DataType::Boolean, true));
    Expression::new("less".into(), field, Arc::new(BinaryExpr::new(column(left), Binary::Lt, column(right))))
}

fn is_less(left: &ScalarValue, right: &ScalarValue) -> bool {
    matches!((left, right), (ScalarValue::Int64(Some(left)), ScalarValue::Int64(Some(right))) if left < right)
}

#[test]
fn every_type_as_key() {
    for (seed, data_type) in every_type().into_iter().enumerate() {
        let left = schema(&[data_type.clone(), DataType::Int64]);
        let right = schema(&[DataType::Utf8, data_type]);
        for (kind, null_equal) in KINDS.iter().flat_map(|kind| [(*kind, false), (*kind, true)]) {
            let shape = output(kind, &left, &right);
            let matches = |l: &Row, r: &Row| equal(&l[0], &r[1], null_equal);
            let sides = (&left, &right);
            let join = || {
                let (l, r, keys) = (left.clone(), right.clone(), (vec![0], vec![1]));
                DegreeJoin::new(kind, l, r, keys.0, keys.1, null_equal, None, shape.clone()).expect("a join")
            };
            check(join, kind, sides, &matches, seed as u64);
            if matches!(kind, JoinKind::Semi | JoinKind::Anti | JoinKind::Mark) {
                let join = || {
                    let (l, r) = (left.clone(), right.clone());
                    Presence::new(kind, l, r, vec![0], vec![1], null_equal, shape.clone()).expect("a join")
                };
                check(join, kind, sides, &matches, seed as u64);
            }
        }
    }
}

#[test]
fn further_conditions() {
    let left = schema(&[DataType::Int64, DataType::Int64]);
    let right = schema(&[DataType::Int64, DataType::Int64]);
    for (seed, kind) in KINDS.into_iter().enumerate() {
        for null_equal in [false, true] {
            let shape = output(kind, &left, &right);
            let join = || {
                let (l, r, condition) = (left.clone(), right.clone(), Some(less(1, 3)));
                DegreeJoin::new(kind, l, r, vec![0], vec![0], null_equal, condition, shape.clone()).expect("a join")
            };
            let matches = |l: &Row, r: &Row| equal(&l[0], &r[0], null_equal) && is_less(&l[1], &r[1]);
            check(join, kind, (&left, &right), &matches, seed as u64 + 100);
        }
    }
}

#[test]
fn no_keys() {
    let left = schema(&[DataType::Int64]);
    let right = schema(&[DataType::Int64, DataType::Utf8]);
    for (seed, kind) in KINDS.into_iter().enumerate() {
        let shape = output(kind, &left, &right);
        let sides = (&left, &right);
        for residual in [true, false] {
            let join = || {
                let (l, r, condition) = (left.clone(), right.clone(), residual.then(|| less(0, 1)));
                DegreeJoin::new(kind, l, r, vec![], vec![], false, condition, shape.clone()).expect("a join")
            };
            let matches = |l: &Row, r: &Row| !residual || is_less(&l[0], &r[0]);
            check(join, kind, sides, &matches, seed as u64 + 200);
        }
        if matches!(kind, JoinKind::Semi | JoinKind::Anti | JoinKind::Mark) {
            let join = || {
                let (l, r) = (left.clone(), right.clone());
                Presence::new(kind, l, r, vec![], vec![], false, shape.clone()).expect("a join")
            };
            check(join, kind, sides, &|_, _| true, seed as u64 + 300);
        }
    }
}

/// A row always matches itself, so no null row may be seen in any tick, not even within its output.
#[test]
fn a_self_join_never_shows_a_row_without_match() {
    let input = schema(&[DataType::Int64, DataType::Int64]);
    for kind in [JoinKind::Left, JoinKind::Full, JoinKind::Anti] {
        let shape = output(kind, &input, &input);
        let join = DegreeJoin::new(kind, input.clone(), input.clone(), vec![0], vec![0], true, None, shape);
        let mut join = Running::new(join.expect("a join"));
        let mut relation = Input::new(&input);
        let mut random = Random(17);
        for tick in 0..100 {
            let changes = relation.change(&mut random, false);
            let out = join.step(vec![changes.clone(), changes]);
            let width = if kind == JoinKind::Anti { 2 } else { 4 };
            for (row, weight) in out.rows.iter().flat_map(rows_of) {
                assert_eq!(row.len(), width);
                assert!(kind != JoinKind::Anti, "tick {tick}: {row:?} {weight}");
                assert!(equal(&row[0], &row[2], true), "tick {tick}: {row:?} {weight}");
            }
        }
    }
}

#[test]
fn rows_flip_when_their_degree_crosses_zero() {
    let input = schema(&[DataType::Int64, DataType::Int64]);
    let shape = output(JoinKind::Left, &input, &input);
    let (l, r) = (input.clone(), input.clone());
    let join = DegreeJoin::new(JoinKind::Left, l, r, vec![0], vec![0], false, Some(less(1, 3)), shape);
    let mut join = Running::new(join.expect("a join"));
    let mut step = |left: &[(i64, i64, i64)], right: &[(i64, i64, i64)]| {
        let side = |rows: &[(i64, i64, i64)]| {
            vec![delta(&input, &rows.iter().map(|(k, v, w)| (vec![int(*k), int(*v)], *w)).collect::<Vec<_>>())]
        };
        let out = join.step(vec![side(left), side(right)]);
        let mut bag = Bag::new();
        super::add(&mut bag, &out.rows);
        bag.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(step(&[(1, 5, 2)], &[(1, 2, 1)]), change(&[("1 | 5 | NULL | NULL", 2)]));
    assert_eq!(step(&[], &[(1, 9, 1)]), change(&[("1 | 5 | 1 | 9", 2), ("1 | 5 | NULL | NULL", -2)]));
    assert_eq!(step(&[], &[(1, 9, -1), (1, 8, 1)]), change(&[("1 | 5 | 1 | 8", 2), ("1 | 5 | 1 | 9", -2)]));
    assert_eq!(
        step(&[(1, 5, -1), (1, 1, 1)], &[(1, 8, -1)]),
        change(&[("1 | 1 | 1 | 2", 1), ("1 | 5 | 1 | 8", -2), ("1 | 5 | NULL | NULL", 1)])
    );
    assert_eq!(
        step(&[(1, 5, -1), (1, 1, -1)], &[(1, 2, -1)]),
        change(&[("1 | 1 | 1 | 2", -1), ("1 | 5 | NULL | NULL", -1)])
    );
}

#[test]
fn failing_conditions_are_row_errors_and_no_match() {
    let input = schema(&[DataType::Int64, DataType::Int64]);
    // 10 / right > left
    let column = |at: usize| Arc::new(Column::new(&format!("c{at}"), at)) as _;
    let ten = Arc::new(Literal::new(int(10))) as _;
    let quotient = Arc::new(BinaryExpr::new(ten, Binary::Divide, column(3))) as _;
    let field = Arc::new(Field::new("ok", DataType::Boolean, true));
    let residual =
        Expression::new("10 / c3 > c1".into(), field, Arc::new(BinaryExpr::new(quotient, Binary::Gt, column(1))));
    let shape = output(JoinKind::Anti, &input, &input);
    let (l, r) = (input.clone(), input.clone());
    let join = DegreeJoin::new(JoinKind::Anti, l, r, vec![0], vec![0], false, Some(residual), shape);
    let mut join = Running::new(join.expect("a join"));
    let side = |rows: &[(i64, i64, i64)]| {
        vec![delta(&input, &rows.iter().map(|(k, v, w)| (vec![int(*k), int(*v)], *w)).collect::<Vec<_>>())]
    };
    join.step(vec![side(&[(1, 3, 1), (1, 5, 1)]), side(&[(1, 2, 1), (1, 0, 1)])]);
    assert_eq!(join.rows, BTreeMap::from([("1 | 5".to_string(), 1)]));
    assert_eq!(join.errors.len(), 2);
    join.step(vec![side(&[]), side(&[(1, 0, -1)])]);
    assert!(join.errors.is_empty());
    join.step(vec![side(&[(1, 5, -1)]), side(&[(1, 2, -1)])]);
    assert_eq!(join.rows, BTreeMap::from([("1 | 3".to_string(), 1)]));
}

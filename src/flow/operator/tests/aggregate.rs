use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::scalar::ScalarValue;

use super::reference::{self, over_groups};
use super::{Input, Random, Row, Running, change, double, every_type, int, rounds, schema};
use crate::compile::plan::{AggregateCall, AggregateFunction};
use crate::decimal::{Decimal, encoding, write_encoded};
use crate::flow::Operator;
use crate::flow::RowError;
use crate::flow::operator::{Aggregate, GroupTransform};

pub(super) fn call(
    function: AggregateFunction,
    argument: Option<usize>,
    filter: Option<usize>,
    output: DataType,
) -> AggregateCall {
    let field = Arc::new(Field::new("r", output, true));
    AggregateCall { filter, ..AggregateCall::new(function, argument.into_iter().collect(), field) }
}

/// What PostgreSQL's sum and avg answer for a type.
fn results(argument: &DataType) -> Option<(DataType, DataType)> {
    Some(match argument {
        DataType::Int16 | DataType::Int32 => (DataType::Int64, DataType::LargeBinary),
        DataType::Int64 => (DataType::Decimal128(38, 0), DataType::LargeBinary),
        DataType::Decimal128(_, scale) => (DataType::Decimal128(38, *scale), DataType::LargeBinary),
        DataType::LargeBinary => (DataType::LargeBinary, DataType::LargeBinary),
        DataType::Float32 => (DataType::Float32, DataType::Float64),
        DataType::Float64 => (DataType::Float64, DataType::Float64),
        _ => return None,
    })
}

fn output(input: &SchemaRef, keys: &[usize], calls: &[AggregateCall]) -> SchemaRef {
    let keys = keys.iter().map(|key| input.field(*key).data_type().clone());
    schema(&keys.chain(calls.iter().map(|call| call.field.data_type().clone())).collect::<Vec<_>>())
}

fn aggregate(input: &SchemaRef, keys: &[usize], calls: &[AggregateCall]) -> Running<Aggregate> {
    let output = output(input, keys, calls);
    Running::new(Aggregate::new(input.clone(), keys.to_vec(), calls.to_vec(), output, false, true).unwrap())
}

/// Runs random changes of `input` through the aggregate, the generic operator and the reference.
pub(super) fn check(seed: u64, input: &SchemaRef, keys: &[usize], calls: &[AggregateCall], append_only: bool) {
    rounds(seed).for_each(|seed| check_round(seed, input, keys, calls, append_only));
}

fn check_round(seed: u64, input: &SchemaRef, keys: &[usize], calls: &[AggregateCall], append_only: bool) {
    let output = output(input, keys, calls);
    let naive = || reference::Aggregate { keys: keys.to_vec(), calls: calls.to_vec(), schema: output.clone() };
    let operator =
        Aggregate::new(input.clone(), keys.to_vec(), calls.to_vec(), output.clone(), append_only, true).unwrap();
    let mut fast = Running::new(operator);
    let oracle = GroupTransform::new(input.clone(), keys.to_vec(), Box::new(naive()), output.clone(), true).unwrap();
    let mut slow = Running::new(oracle);
    let mut random = Random(seed);
    let mut relation = Input::new(input);
    for tick in 0..30 {
        let deltas = if tick == 0 { Vec::new() } else { relation.change(&mut random, append_only) };
        slow.step(vec![deltas.clone()]);
        fast.step(vec![deltas]);
        let expected = over_groups(&naive(), input, keys, &relation.rows, true);
        assert_eq!(fast.rows, expected, "seed {seed}, tick {tick}, {calls:?}");
        assert_eq!(slow.rows, expected, "seed {seed}, tick {tick}, {calls:?}");
        assert!(fast.errors.is_empty());
    }
    if !append_only {
        let deltas = relation.empty();
        slow.step(vec![deltas.clone()]);
        fast.step(vec![deltas]);
        assert_eq!(fast.rows, slow.rows, "seed {seed}");
        // Without keys the row of no rows stays.
        assert_eq!(fast.rows.len(), usize::from(keys.is_empty()), "seed {seed}");
        fast.assert_empty();
        slow.assert_empty();
    }
}

#[test]
fn every_type_as_key_and_argument() {
    for (seed, data_type) in every_type().into_iter().enumerate() {
        let input = schema(&[DataType::Int64, data_type.clone(), DataType::Boolean]);
        let mut calls = vec![
            call(AggregateFunction::Count, None, None, DataType::Int64),
            call(AggregateFunction::Count, Some(1), Some(2), DataType::Int64),
            call(AggregateFunction::Count, None, Some(2), DataType::Int64),
        ];
        if !data_type.is_nested() {
            calls.push(call(AggregateFunction::Min, Some(1), None, data_type.clone()));
            calls.push(call(AggregateFunction::Max, Some(1), Some(2), data_type.clone()));
        }
        if let Some((sum, average)) = results(&data_type) {
            calls.push(call(AggregateFunction::Sum, Some(1), None, sum));
            calls.push(call(AggregateFunction::Avg, Some(1), Some(2), average));
        }
        let seed = seed as u64;
        for append_only in [false, true] {
            check(seed, &input, &[0], &calls, append_only);
            check(seed + 100, &input, &[], &calls, append_only);
            check(seed + 200, &input, &[1], &calls[..3], append_only);
            check(seed + 300, &input, &[2, 1], &calls[..2], append_only);
        }
    }
}

#[test]
fn narrow_decimals() {
    let input = schema(&[DataType::Int64, DataType::Decimal128(9, 2)]);
    let calls = [
        call(AggregateFunction::Sum, Some(1), None, DataType::Decimal128(38, 2)),
        call(AggregateFunction::Avg, Some(1), None, DataType::LargeBinary),
    ];
    check(1, &input, &[0], &calls, false);
}

#[test]
fn sums_of_distinct_values() {
    for (seed, data_type) in every_type().into_iter().enumerate().filter(|(_, data_type)| !data_type.is_nested()) {
        let input = schema(&[DataType::Int64, data_type.clone(), DataType::Boolean]);
        let distinct = |call: AggregateCall| AggregateCall { distinct: true, ..call };
        let mut calls = vec![
            distinct(call(AggregateFunction::Count, Some(1), None, DataType::Int64)),
            distinct(call(AggregateFunction::Count, Some(1), Some(2), DataType::Int64)),
            call(AggregateFunction::Count, Some(1), None, DataType::Int64),
            distinct(call(AggregateFunction::Max, Some(1), None, data_type.clone())),
        ];
        if let Some((sum, average)) = results(&data_type) {
            calls.push(distinct(call(AggregateFunction::Sum, Some(1), Some(2), sum)));
            calls.push(distinct(call(AggregateFunction::Avg, Some(1), None, average)));
        }
        for append_only in [false, true] {
            check(seed as u64 + 500, &input, &[0], &calls, append_only);
            check(seed as u64 + 600, &input, &[], &calls, append_only);
        }
    }
}

#[test]
fn logic_bits_and_variances() {
    let input = schema(&[DataType::Boolean, DataType::Int64, DataType::Boolean, DataType::Decimal128(9, 2)]);
    let numeric = || DataType::LargeBinary;
    let calls = [
        call(AggregateFunction::BoolAnd, Some(2), None, DataType::Boolean),
        call(AggregateFunction::BoolOr, Some(2), Some(0), DataType::Boolean),
        call(AggregateFunction::BitAnd, Some(1), None, DataType::Int64),
        call(AggregateFunction::BitOr, Some(1), Some(2), DataType::Int64),
        call(AggregateFunction::BitXor, Some(1), None, DataType::Int64),
        call(AggregateFunction::VarPop, Some(1), None, numeric()),
        call(AggregateFunction::VarPop, Some(3), Some(2), numeric()),
    ];
    for seed in 0..5 {
        check(seed + 700, &input, &[0], &calls, false);
        check(seed + 800, &input, &[], &calls, false);
    }
}

#[test]
fn constant_groups_stay() {
    let input = schema(&[DataType::Int64]);
    let calls = [call(AggregateFunction::Count, None, None, DataType::Int64)];
    let output = output(&input, &[0], &calls);
    let constant = super::delta(&input, &[(vec![int(7)], 1), (vec![ScalarValue::Int64(None)], 1)]).rows;
    let operator = Aggregate::new(input.clone(), vec![0], calls.to_vec(), output, false, false).unwrap();
    let mut counts = Running::new(operator.with_constant_groups(constant));
    assert_eq!(counts.change(&input, &[(vec![int(1)], 1)]), change(&[("1 | 1", 1), ("7 | 0", 1), ("NULL | 0", 1)]));
    assert_eq!(counts.change(&input, &[(vec![int(7)], 1)]), change(&[("7 | 0", -1), ("7 | 1", 1)]));
    let gone = counts.change(&input, &[(vec![int(7)], -1), (vec![int(1)], -1)]);
    assert_eq!(gone, change(&[("1 | 1", -1), ("7 | 0", 1), ("7 | 1", -1)]));
}

#[test]
fn empty_input_has_a_row_on_one_worker_only() {
    let input = schema(&[DataType::Int64]);
    let calls = [
        call(AggregateFunction::Count, None, None, DataType::Int64),
        call(AggregateFunction::Sum, Some(0), None, DataType::Decimal128(38, 0)),
    ];
    let mut first = aggregate(&input, &[], &calls);
    assert_eq!(first.change(&input, &[]), change(&[("0 | NULL", 1)]));
    assert_eq!(first.change(&input, &[]), change(&[]));
    assert_eq!(first.change(&input, &[(vec![int(4)], 1)]), change(&[("0 | NULL", -1), ("1 | 4", 1)]));
    assert_eq!(first.change(&input, &[(vec![int(4)], -1)]).len(), 2);
    assert_eq!(first.rows.keys().collect::<Vec<_>>(), ["0 | NULL"]);
    let output = output(&input, &[], &calls);
    let mut second = Running::new(Aggregate::new(input.clone(), vec![], calls.to_vec(), output, false, false).unwrap());
    assert_eq!(second.change(&input, &[]), change(&[]));
}

#[test]
fn groups_vanish_with_their_rows_not_with_their_sum() {
    let calls = [call(AggregateFunction::Sum, Some(1), None, DataType::Int64)];
    let input = schema(&[DataType::Int64, DataType::Int32]);
    let mut sums = aggregate(&input, &[0], &calls);
    let row = |k: i64, x: i32| -> Row { vec![int(k), ScalarValue::Int32(Some(x))] };
    assert_eq!(sums.change(&input, &[(row(1, 5), 1), (row(1, -5), 1)]), change(&[("1 | 0", 1)]));
    assert_eq!(sums.change(&input, &[(row(1, -5), -1)]), change(&[("1 | 0", -1), ("1 | 5", 1)]));
    assert_eq!(sums.change(&input, &[(row(1, 5), -1)]), change(&[("1 | 5", -1)]));
}

#[test]
fn float_sums_are_exact_and_forget() {
    let input = schema(&[DataType::Int64, DataType::Float64]);
    let calls = [call(AggregateFunction::Sum, Some(1), None, DataType::Float64)];
    let mut sums = aggregate(&input, &[0], &calls);
    let row = |x: f64| -> Row { vec![int(1), double(x)] };
    assert_eq!(sums.change(&input, &[(row(1e20), 1), (row(0.1), 1)]), change(&[("1 | 100000000000000000000", 1)]));
    assert_eq!(sums.change(&input, &[(row(1e20), -1)]).last(), Some(&("1 | 100000000000000000000".to_string(), -1)));
    assert_eq!(sums.rows.keys().collect::<Vec<_>>(), ["1 | 0.1"]);
    sums.change(&input, &[(row(f64::NAN), 1), (row(f64::INFINITY), 1)]);
    assert_eq!(sums.rows.keys().collect::<Vec<_>>(), ["1 | NaN"]);
    sums.change(&input, &[(row(f64::NAN), -1)]);
    assert_eq!(sums.rows.keys().collect::<Vec<_>>(), ["1 | inf"]);
    sums.change(&input, &[(row(f64::INFINITY), -1)]);
    assert_eq!(sums.rows.keys().collect::<Vec<_>>(), ["1 | 0.1"]);
}

#[test]
fn overflow_is_a_row_error_that_heals() {
    let input = schema(&[DataType::Int64, DataType::Decimal128(38, 0)]);
    let calls = [call(AggregateFunction::Sum, Some(1), None, DataType::Decimal128(38, 0))];
    let mut sums = aggregate(&input, &[0], &calls);
    let row = |x: i128| -> Row { vec![int(7), ScalarValue::Decimal128(Some(x), 38, 0)] };
    let large = 6 * 10_i128.pow(37);
    sums.change(&input, &[(row(large), 1), (row(1), 1)]);
    assert_eq!(sums.rows.len(), 1);
    sums.change(&input, &[(row(large), 3)]);
    assert!(sums.rows.is_empty());
    let errors: Vec<(&RowError, &i64)> = sums.errors.iter().collect();
    assert_eq!(errors.len(), 1);
    assert_eq!(
        (errors[0].0.code, errors[0].0.reason.as_str(), errors[0].0.row.as_str()),
        ("22003", "numeric field overflow", r#"{"c0":7}"#)
    );
    sums.change(&input, &[(row(large), -2)]);
    assert_eq!((sums.rows.len(), sums.errors.len()), (0, 1), "still beyond the type");
    sums.change(&input, &[(row(large), -1)]);
    assert!(sums.errors.is_empty());
    assert_eq!(sums.rows.keys().collect::<Vec<_>>(), [&format!("7 | {}", large + 1)]);
}

/// What DISTINCT keeps is counted, so that it shows if it stays when all rows have left.
#[test]
fn different_numerics_are_state() {
    let input = schema(&[DataType::Int64, DataType::LargeBinary]);
    let numeric = |text: &str| ScalarValue::LargeBinary(Some(encoding::encoded(&Decimal::parse(text).unwrap())));
    let count = call(AggregateFunction::Count, Some(1), None, DataType::Int64);
    let mut operator = aggregate(&input, &[0], &[AggregateCall { distinct: true, ..count }]);
    let mut held = |rows: &[(&str, i64)]| -> u64 {
        let rows: Vec<(Row, i64)> = rows.iter().map(|(text, weight)| (vec![int(1), numeric(text)], *weight)).collect();
        operator.change(&input, &rows);
        operator.operator.state_rows()
    };
    assert_eq!(held(&[("1.5", 1), ("1.50", 1), ("2", 2)]), 3, "a group and two values");
    assert_eq!(held(&[("1.5", -1), ("2", -1)]), 3, "both are still there");
    assert_eq!(held(&[("1.50", -1)]), 2);
    assert_eq!(held(&[("2", -1)]), 0);
}

#[test]
fn averages_have_16_digits_and_sums_the_greatest_scale() {
    let input = schema(&[DataType::Int64, DataType::LargeBinary]);
    let numeric = |text: &str| ScalarValue::LargeBinary(Some(encoding::encoded(&Decimal::parse(text).unwrap())));
    let calls = [
        call(AggregateFunction::Avg, Some(1), None, DataType::LargeBinary),
        call(AggregateFunction::Sum, Some(1), None, DataType::LargeBinary),
        AggregateCall { distinct: true, ..call(AggregateFunction::Sum, Some(1), None, DataType::LargeBinary) },
        call(AggregateFunction::Max, Some(1), None, DataType::LargeBinary),
    ];
    let mut operator = aggregate(&input, &[0], &calls);
    // The row that each change leaves.
    let mut shown = |rows: &[(&str, i64)]| -> String {
        let rows: Vec<(Row, i64)> = rows.iter().map(|(text, weight)| (vec![int(1), numeric(text)], *weight)).collect();
        let out = operator.step(vec![vec![super::delta(&input, &rows)]]);
        let mut text = Vec::new();
        for delta in &out.rows {
            for row in (0..delta.rows.num_rows()).filter(|row| delta.weight(*row) > 0) {
                for column in &delta.rows.columns()[1..] {
                    text.push(b' ');
                    write_encoded(column.as_binary::<i64>().value(row), &mut text);
                }
            }
        }
        String::from_utf8(text).unwrap()
    };
    assert_eq!(shown(&[("2", 1), ("0", 2)]), " 0.66666666666666666667 2 2 2");
    assert_eq!(shown(&[("2.000", 1), ("-0.5", 1)]), " 0.70000000000000000000 3.500 1.5 2.000");
    assert_eq!(shown(&[("2", -1)]), " 0.37500000000000000000 1.500 1.500 2.000");
    assert_eq!(shown(&[("NaN", 1), ("2.000", -1)]), " NaN NaN NaN NaN");
    assert_eq!(shown(&[("NaN", -1)]), " -0.16666666666666666667 -0.5 -0.5 0");
}

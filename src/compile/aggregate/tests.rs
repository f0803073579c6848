//! Sums and functions of rows against values worked out by hand.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::scalar::ScalarValue;

use super::{Ordered, RowOrder, linear};
use crate::compile::plan::AggregateFunction::{self, *};
use crate::decimal::encoding;

fn floats(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

/// The value for one group of rows, each added with its weight.
fn sum(function: AggregateFunction, output: &DataType, columns: &[ArrayRef], weights: &[i64]) -> ScalarValue {
    let types: Vec<DataType> = columns.iter().map(|column| column.data_type().clone()).collect();
    let mut sums = linear(function, &types, output).expect("a sum over rows").expect("types that fit");
    sums.grow(1);
    sums.update(&vec![0; weights.len()], columns, Some(weights)).expect("no bug");
    let values = sums.values(&[0], &[0]).expect("no bug");
    match values.errors.first() {
        Some((_, code, _)) => ScalarValue::from(*code),
        None => ScalarValue::try_from_array(&values.values, 0).expect("a value"),
    }
}

fn double(function: AggregateFunction, columns: &[ArrayRef], weights: &[i64]) -> Option<f64> {
    match sum(function, &DataType::Float64, columns, weights) {
        ScalarValue::Float64(value) => value,
        other => panic!("{other:?}"),
    }
}

#[test]
fn variances_of_floats_have_no_history() {
    let column = || vec![floats(&[1e200, 0.25, 0.75, 1e200, f64::NAN])];
    assert_eq!(double(VarPop, &column(), &[2, 1, 1, -2, 0]), Some(0.0625));
    assert_eq!(double(VarSamp, &column(), &[1, 1, 1, -1, 0]), Some(0.125));
    assert_eq!(double(StddevPop, &column(), &[0, 1, 1, 0, 0]), Some(0.25));
    assert_eq!(double(VarSamp, &column(), &[0, 1, 0, 0, 0]), None, "one value has no sample variance");
    assert_eq!(double(VarPop, &column(), &[0, 1, 0, 0, 0]), Some(0.0));
    assert!(double(VarPop, &column(), &[0, 1, 1, 0, 1]).is_some_and(f64::is_nan));
    let far = [floats(&[1e15, 1e15 + 1.0])];
    assert_eq!(double(VarPop, &far, &[1, 1]), Some(0.25), "no digits are lost far from zero");
    let wide = [floats(&[-1e300, 1e300])];
    assert_eq!(sum(VarPop, &DataType::Float64, &wide, &[1, 1]), ScalarValue::from("22003"));
    let tiny = [floats(&[1e-160, 3e-160])];
    assert_eq!(double(StddevPop, &tiny, &[1, 1]), Some(1e-160));
}

#[test]
fn variances_of_numbers_are_numeric() {
    let column = [Arc::new(Int64Array::from(vec![1, 2, 4, i64::MAX])) as ArrayRef];
    let value = |function, weights: &[i64]| match sum(function, &DataType::LargeBinary, &column, weights) {
        ScalarValue::LargeBinary(Some(bytes)) => encoding::read(&bytes).to_string(),
        other => other.to_string(),
    };
    assert_eq!(value(VarPop, &[1, 1, 1, 0]), "1.5555555555555556");
    assert_eq!(value(VarSamp, &[1, 1, 1, 0]), "2.3333333333333333");
    assert_eq!(value(StddevSamp, &[1, 1, 1, 0]), "1.5275252316519467");
    assert_eq!(value(StddevPop, &[1, 1, 0, 0]), "0.50000000000000000000");
    assert_eq!(value(VarPop, &[1, 0, 0, 1]), "21267647932558653957237540927630737409");
    assert_eq!(value(VarSamp, &[1, 0, 0, 0]), "NULL");
}

#[test]
fn regressions() {
    // y = 2x + 1, once with a pair that goes again.
    let columns = || vec![floats(&[3.0, 5.0, 9.0, 1e9]), floats(&[1.0, 2.0, 4.0, -7.0])];
    let value = |function| double(function, &columns(), &[1, 1, 1, 0]);
    assert_eq!((value(RegrSlope), value(RegrIntercept), value(RegrR2)), (Some(2.0), Some(1.0), Some(1.0)));
    assert_eq!((value(Corr), value(RegrAvgx), value(RegrSxx)), (Some(1.0), Some(7.0 / 3.0), Some(14.0 / 3.0)));
    assert_eq!((value(CovarPop), value(CovarSamp)), (Some(28.0 / 9.0), Some(28.0 / 6.0)));
    let count = sum(RegrCount, &DataType::Int64, &columns(), &[1, 1, 1, 2]);
    assert_eq!(count, ScalarValue::Int64(Some(5)));
    let level = [floats(&[1.0, 2.0]), floats(&[0.1, 0.1])];
    assert_eq!(double(Corr, &level, &[1, 1]), None);
    assert_eq!(double(RegrR2, &level, &[1, 1]), None);
    let endless = [floats(&[1.0, 2.0]), floats(&[f64::INFINITY, 0.1])];
    assert_eq!(double(RegrAvgx, &endless, &[1, 1]), Some(f64::INFINITY));
    assert!(double(RegrSxx, &endless, &[1, 1]).is_some_and(f64::is_nan));
}

#[test]
fn logic_and_bits() {
    let flags = [ScalarValue::iter_to_array([Some(true), Some(false), None].map(ScalarValue::from)).expect("booleans")];
    let logic = |function, weights: &[i64]| sum(function, &DataType::Boolean, &flags, weights).to_string();
    assert_eq!([logic(BoolAnd, &[1, 1, 1]), logic(BoolAnd, &[1, 0, 1])], ["false", "true"]);
    assert_eq!([logic(BoolOr, &[0, 1, 1]), logic(BoolOr, &[0, 0, 1])], ["false", "NULL"]);
    let numbers = [Arc::new(Int64Array::from(vec![-1, 6, 3, i64::MIN])) as ArrayRef];
    let bits = |function, weights: &[i64]| sum(function, &DataType::Int64, &numbers, weights).to_string();
    assert_eq!([bits(BitAnd, &[3, 1, 1, 0]), bits(BitOr, &[0, 1, 1, 1])], ["2", "-9223372036854775801"]);
    assert_eq!([bits(BitXor, &[2, 1, 1, 0]), bits(BitXor, &[1, 0, 0, 0])], ["5", "-1"]);
}

#[test]
fn percentiles_and_modes() {
    let fields = [Arc::new(Field::new("x", DataType::Float64, true))];
    let values: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), Some(2.0), Some(2.0), Some(10.0), None]));
    let figure = |function, fraction: Option<f64>| {
        let fraction = fraction.map(|fraction| ScalarValue::Float64(Some(fraction)));
        let ordered = Ordered::new(function, &fields, fraction, &DataType::Float64).expect("a function of rows");
        ordered
            .evaluate(std::slice::from_ref(&values))
            .map_or_else(|error| error.code.to_string(), |value| value.to_string())
    };
    assert_eq!(figure(PercentileCont, Some(0.9)), "7.600000000000001");
    assert_eq!(figure(PercentileDisc, Some(0.51)), "2");
    assert_eq!([figure(PercentileDisc, Some(0.0)), figure(PercentileDisc, Some(1.0))], ["1", "10"]);
    assert_eq!(figure(PercentileCont, Some(1.5)), "22003");
    assert_eq!(figure(Mode, None), "2");
}

#[test]
fn rows_come_back_in_order() {
    let (texts, numbers) = (StringArray::from(vec![Some("b"), None, Some("a")]), Int64Array::from(vec![1, 2, 1]));
    let columns: Vec<ArrayRef> = vec![Arc::new(texts), Arc::new(numbers)];
    let descending = SortOptions { descending: true, nulls_first: true };
    let order = RowOrder::new(&[DataType::Utf8, DataType::Int64], 1, &[(1, descending)]).expect("an order");
    let encoded = order.encode(&columns).expect("rows");
    let mut rows: Vec<&[u8]> = encoded.iter().map(|row| row.data()).collect();
    rows.sort_unstable();
    let [sorted] = &order.decode(rows.into_iter()).expect("rows")[..] else { panic!("one argument") };
    assert_eq!(sorted.as_ref(), &StringArray::from(vec![None, Some("a"), Some("b")]));
}

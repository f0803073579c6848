//! Aggregates over rows in order against sorted copies of the rows.

use std::cmp::Ordering;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::scalar::ScalarValue;

use super::aggregate::{call, check};
use super::reference::compare;
use super::{Row, every_type, schema};
use crate::compile::plan::{AggregateCall, AggregateFunction, SortColumn};

/// One call over rows that passed its filter.
pub(super) fn evaluate(call: &AggregateCall, rows: &[&Row]) -> ScalarValue {
    let mut rows: Vec<&Row> = rows.to_vec();
    rows.sort_by(|one, other| {
        let ties = call.arguments.iter().map(|column| (*column, false, false));
        let order = call.order.iter().map(|sort| (sort.column, sort.descending, sort.nulls_first));
        let compared = order.chain(ties).map(|(column, descending, nulls_first)| {
            let (one, other) = (&one[column], &other[column]);
            let nulls = one.is_null().cmp(&other.is_null());
            match (one.is_null() || other.is_null(), nulls_first, descending) {
                (true, true, _) => nulls.reverse(),
                (true, false, _) => nulls,
                (false, _, true) => compare(other, one),
                (false, _, false) => compare(one, other),
            }
        });
        compared.fold(Ordering::Equal, Ordering::then)
    });
    let mut values: Vec<ScalarValue> = rows.iter().map(|row| row[call.arguments[0]].clone()).collect();
    if call.distinct {
        values.dedup_by(|one, other| match (one.is_null(), other.is_null()) {
            (false, false) => compare(one, other).is_eq(),
            (one, other) => one && other,
        });
    }
    let null = || ScalarValue::try_from(call.field.data_type()).expect("a type of ours");
    if call.function == AggregateFunction::ArrayAgg {
        let item = rows.first().map(|row| row[call.arguments[0]].data_type());
        return item.map_or_else(null, |item| ScalarValue::List(ScalarValue::new_list_nullable(&values, &item)));
    }
    values.retain(|value| !value.is_null());
    if values.is_empty() {
        return null();
    }
    match (call.function, &call.constant) {
        (AggregateFunction::StringAgg, Some(ScalarValue::Utf8(Some(delimiter)))) => {
            let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
            ScalarValue::from(texts.join(delimiter))
        }
        (AggregateFunction::PercentileDisc, Some(ScalarValue::Float64(Some(fraction)))) => {
            values[((fraction * values.len() as f64).ceil() as usize).max(1) - 1].clone()
        }
        (AggregateFunction::Mode, None) => {
            let copies = |value: &ScalarValue| values.iter().filter(|other| compare(other, value).is_eq()).count();
            let most = values.iter().map(copies).max();
            values.iter().find(|value| Some(copies(value)) == most).cloned().unwrap_or_else(null)
        }
        (function, constant) => panic!("{} with {constant:?} is not in the reference", function.name()),
    }
}

#[test]
fn rows_in_order() {
    for (seed, data_type) in every_type().into_iter().enumerate() {
        // Lists have no order in the reference, and intervals of equal length are not the same rows.
        if data_type.is_nested() || matches!(data_type, DataType::Interval(_)) {
            continue;
        }
        let input = schema(&[DataType::Int64, data_type.clone(), DataType::Boolean, DataType::Int32]);
        let list = DataType::List(Arc::new(Field::new("item", data_type.clone(), true)));
        let ordered = |function, output: &DataType, order: Vec<SortColumn>| AggregateCall {
            order,
            ..call(function, Some(1), None, output.clone())
        };
        let sort = |column, descending, nulls_first| SortColumn { column, descending, nulls_first };
        let mut calls = vec![
            ordered(AggregateFunction::ArrayAgg, &list, vec![]),
            ordered(AggregateFunction::ArrayAgg, &list, vec![sort(1, true, true)]),
            ordered(AggregateFunction::ArrayAgg, &list, vec![sort(3, true, false), sort(2, false, true)]),
            AggregateCall { distinct: true, ..ordered(AggregateFunction::ArrayAgg, &list, vec![]) },
            AggregateCall {
                filter: Some(2),
                ..ordered(AggregateFunction::ArrayAgg, &list, vec![sort(1, false, true)])
            },
            ordered(AggregateFunction::Mode, &data_type, vec![sort(1, true, false)]),
            AggregateCall {
                constant: Some(ScalarValue::Float64(Some(0.6))),
                ..ordered(AggregateFunction::PercentileDisc, &data_type, vec![sort(1, false, false)])
            },
        ];
        if data_type == DataType::Utf8 {
            let delimiter = Some(ScalarValue::from(", "));
            let joined = ordered(AggregateFunction::StringAgg, &data_type, vec![sort(3, false, false)]);
            calls.push(AggregateCall { constant: delimiter, ..joined });
        }
        check(seed as u64 + 900, &input, &[0], &calls, false);
        check(seed as u64 + 950, &input, &[], &calls, false);
    }
}

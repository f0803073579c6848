//! What operators mean, in the simplest code: rows of scalars, expanded to one entry per copy, loops.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::scalar::ScalarValue;

use super::{Bag, Row, delta, rows_of, text};
use crate::canonical::interval_nanoseconds;
use crate::compile::plan::{AggregateCall, AggregateFunction, Ranking, SortColumn};
use crate::decimal::{Decimal, encoding};
use crate::error::Result;
use crate::flow::Delta;
use crate::flow::operator::GroupFunction;

/// The result of `function` over all groups of `rows`.
pub(super) fn over_groups(
    function: &dyn GroupFunction,
    schema: &SchemaRef,
    keys: &[usize],
    rows: &[Row],
    empty: bool,
) -> Bag {
    let mut groups: BTreeMap<String, Vec<(Row, i64)>> = BTreeMap::new();
    if keys.is_empty() && empty {
        groups.insert(String::new(), Vec::new());
    }
    // Once through a delta, which makes equal values look the same.
    let all: Vec<(Row, i64)> = rows.iter().map(|row| (row.clone(), 1)).collect();
    for (row, weight) in rows_of(&delta(schema, &all)) {
        let key = text(&keys.iter().map(|key| row[*key].clone()).collect());
        groups.entry(key).or_default().push((row, weight));
    }
    let mut bag = Bag::new();
    for rows in groups.values() {
        super::add(&mut bag, &[function.evaluate(&delta(schema, rows)).expect("the reference does not fail")]);
    }
    bag
}

/// One entry per copy of a row.
fn copies(rows: &Delta) -> Vec<Row> {
    let copies = |(row, weight): (Row, i64)| std::iter::repeat_n(row, weight.max(0) as usize);
    rows_of(rows).into_iter().flat_map(copies).collect()
}

/// GROUP BY, for one group.
pub(super) struct Aggregate {
    pub(super) keys: Vec<usize>,
    pub(super) calls: Vec<AggregateCall>,
    pub(super) schema: SchemaRef,
}

impl GroupFunction for Aggregate {
    fn evaluate(&self, rows: &Delta) -> Result<Delta> {
        let rows = copies(rows);
        if rows.is_empty() && !self.keys.is_empty() {
            return Ok(delta(&self.schema, &[]));
        }
        let mut result: Row = self.keys.iter().map(|key| rows[0][*key].clone()).collect();
        for call in &self.calls {
            let passed: Vec<&Row> = rows
                .iter()
                .filter(|row| call.filter.is_none_or(|filter| row[filter] == ScalarValue::Boolean(Some(true))))
                .collect();
            result.push(evaluate(call, &passed));
        }
        Ok(delta(&self.schema, &[(result, 1)]))
    }
}

/// One call over the rows that passed its filter.
fn evaluate(call: &AggregateCall, rows: &[&Row]) -> ScalarValue {
    if call.function.needs_rows() {
        return super::ordered::evaluate(call, rows);
    }
    let mut values: Vec<ScalarValue> = match call.arguments.first() {
        Some(argument) => rows.iter().map(|row| row[*argument].clone()).filter(|value| !value.is_null()).collect(),
        None => rows.iter().map(|_| ScalarValue::Null).collect(),
    };
    if call.distinct {
        let mut seen: Vec<ScalarValue> = Vec::new();
        values.retain(|value| {
            let new = seen.iter().all(|other| compare(other, value).is_ne());
            seen.extend(new.then(|| value.clone()));
            new
        });
    }
    aggregate(call.function, &values, call.field.data_type())
}

fn aggregate(function: AggregateFunction, values: &[ScalarValue], output: &DataType) -> ScalarValue {
    let null = ScalarValue::try_from(output).expect("a type of ours");
    let least = values.iter().min_by(|a, b| compare(a, b));
    let greatest = values.iter().max_by(|a, b| compare(a, b));
    match function {
        AggregateFunction::Count => ScalarValue::Int64(Some(values.len() as i64)),
        AggregateFunction::Min => least.cloned().unwrap_or(null),
        AggregateFunction::Max | AggregateFunction::Single => greatest.cloned().unwrap_or(null),
        _ if values.is_empty() => null,
        AggregateFunction::BoolAnd => ScalarValue::from(values.iter().all(|value| *value == ScalarValue::from(true))),
        AggregateFunction::BoolOr => ScalarValue::from(values.contains(&ScalarValue::from(true))),
        AggregateFunction::BitXor => {
            ScalarValue::Int64(Some(values.iter().fold(0, |bits, value| bits ^ number(value) as i64)))
        }
        AggregateFunction::BitAnd => {
            ScalarValue::Int64(Some(values.iter().fold(-1, |bits, value| bits & number(value) as i64)))
        }
        AggregateFunction::BitOr => {
            ScalarValue::Int64(Some(values.iter().fold(0, |bits, value| bits | number(value) as i64)))
        }
        AggregateFunction::VarPop => variance(values),
        AggregateFunction::Sum | AggregateFunction::Avg => {
            let average = function == AggregateFunction::Avg;
            let count = if average { values.len() as i128 } else { 1 };
            if let (DataType::Float32 | DataType::Float64, Some(sum)) = (output, float_sum(values)) {
                let value = sum / count as f64;
                return match output {
                    DataType::Float32 => ScalarValue::Float32(Some(value as f32)),
                    _ => ScalarValue::Float64(Some(value)),
                };
            }
            if *output == DataType::LargeBinary {
                let sum = values.iter().map(decimal).reduce(|sum, value| sum.add(&value).expect("small numbers"));
                let sum = sum.expect("some values");
                let value = if average { sum.divide(&Decimal::from(count as i64)).expect("no zero") } else { sum };
                return ScalarValue::LargeBinary(Some(encoding::encoded(&value)));
            }
            let (sum, from) = number_sum(values);
            match output {
                DataType::Decimal128(precision, scale) => {
                    let scaled = sum * 10_i128.pow((scale - from) as u32);
                    ScalarValue::Decimal128(Some(scaled), *precision, *scale)
                }
                _ => ScalarValue::Int64(Some(sum as i64)),
            }
        }
        other => panic!("{} is not in the reference", other.name()),
    }
}

fn decimal(value: &ScalarValue) -> Decimal {
    match value {
        ScalarValue::LargeBinary(Some(bytes)) => encoding::read(bytes),
        value => {
            let (units, scale) = number_sum(std::slice::from_ref(value));
            Decimal::new(units, u32::from(scale.unsigned_abs()))
        }
    }
}

fn number(value: &ScalarValue) -> i128 {
    number_sum(std::slice::from_ref(value)).0
}

/// The mean of the squares less the square of the mean, in numbers of 128 bits but for the last division.
fn variance(values: &[ScalarValue]) -> ScalarValue {
    let count = values.len() as i128;
    let (sum, squares) = values.iter().map(number).fold((0, 0), |(sum, squares), n| (sum + n, squares + n * n));
    let (_, from) = number_sum(values);
    let numerator = count * squares - sum * sum;
    let value = match numerator {
        0 => Decimal::zero(),
        _ => Decimal::new(numerator, 2 * from as u32).divide(&Decimal::new(count * count, 0)).expect("some values"),
    };
    ScalarValue::LargeBinary(Some(encoding::encoded(&value)))
}

/// In plain floats: the values of the tests are small multiples of 1/4, whose sums are exact.
fn float_sum(values: &[ScalarValue]) -> Option<f64> {
    let float = |value: &ScalarValue| match value {
        ScalarValue::Float32(value) => value.map(f64::from),
        ScalarValue::Float64(value) => *value,
        _ => None,
    };
    values.iter().map(float).sum()
}

fn number_sum(values: &[ScalarValue]) -> (i128, i8) {
    let mut scale = 0;
    let number = |value: &ScalarValue| match value {
        ScalarValue::Int16(Some(value)) => i128::from(*value),
        ScalarValue::Int32(Some(value)) => i128::from(*value),
        ScalarValue::Int64(Some(value)) => i128::from(*value),
        ScalarValue::Decimal128(Some(value), _, s) => {
            scale = *s;
            *value
        }
        other => panic!("no number: {other:?}"),
    };
    (values.iter().map(number).sum(), scale)
}

/// PostgreSQL's order of values that are not NULL; lists are not ordered here.
pub(super) fn compare(a: &ScalarValue, b: &ScalarValue) -> Ordering {
    fn floats(a: f64, b: f64) -> Ordering {
        a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
    }
    match (a, b) {
        (ScalarValue::Float32(Some(a)), ScalarValue::Float32(Some(b))) => floats(f64::from(*a), f64::from(*b)),
        (ScalarValue::Float64(Some(a)), ScalarValue::Float64(Some(b))) => floats(*a, *b),
        (ScalarValue::IntervalMonthDayNano(Some(a)), ScalarValue::IntervalMonthDayNano(Some(b))) => {
            interval_nanoseconds(*a).cmp(&interval_nanoseconds(*b))
        }
        (ScalarValue::List(_), ScalarValue::List(_)) => Ordering::Equal,
        _ => a.partial_cmp(b).expect("values of one type"),
    }
}

/// DISTINCT, for the copies of one row.
pub(super) struct Distinct(pub(super) SchemaRef);

impl GroupFunction for Distinct {
    fn evaluate(&self, rows: &Delta) -> Result<Delta> {
        let first: Vec<(Row, i64)> = copies(rows).into_iter().take(1).map(|row| (row, 1)).collect();
        Ok(delta(&self.0, &first))
    }
}

/// ORDER BY … LIMIT, for one partition.
pub(super) struct TopK {
    pub(super) order: Vec<SortColumn>,
    pub(super) limit: Option<u64>,
    pub(super) offset: u64,
    pub(super) ranking: Ranking,
    pub(super) row_number: bool,
    pub(super) schema: SchemaRef,
}

impl GroupFunction for TopK {
    fn evaluate(&self, rows: &Delta) -> Result<Delta> {
        let rows = sorted(&self.order, rows);
        let end = self.limit.map_or(usize::MAX, |limit| (self.offset + limit) as usize);
        let mut result: Vec<(Row, i64)> = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            let before = rows[..at].iter().filter(|other| in_order(&self.order, other, row).is_lt());
            let number = match self.ranking {
                Ranking::RowNumber => at + 1,
                Ranking::Rank => before.count() + 1,
                Ranking::DenseRank => {
                    let starts = |at: &usize| *at == 0 || in_order(&self.order, &rows[at - 1], &rows[*at]).is_lt();
                    (0..=at).filter(starts).count()
                }
            };
            let mut row = row.clone();
            if self.row_number {
                row.push(ScalarValue::Int64(Some(number as i64)));
            }
            if number > self.offset as usize && number <= end {
                result.push((row, 1));
            }
        }
        Ok(delta(&self.schema, &result))
    }
}

/// One entry per copy of a row, in an order; ties by the whole row.
pub(super) fn sorted(order: &[SortColumn], rows: &Delta) -> Vec<Row> {
    let mut rows = copies(rows);
    let ties = |row: &Row| -> Vec<SortColumn> {
        (0..row.len()).map(|column| SortColumn { column, descending: false, nulls_first: true }).collect()
    };
    rows.sort_by(|a, b| in_order(order, a, b).then_with(|| in_order(&ties(a), a, b)));
    rows
}

/// Which row comes first.
pub(super) fn in_order(order: &[SortColumn], a: &Row, b: &Row) -> Ordering {
    let orders = order.iter().map(|sort| {
        let (a, b) = (&a[sort.column], &b[sort.column]);
        let null = if sort.nulls_first { Ordering::Less } else { Ordering::Greater };
        match (a.is_null(), b.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) => null,
            (false, true) => null.reverse(),
            (false, false) if sort.descending => compare(b, a),
            (false, false) => compare(a, b),
        }
    });
    orders.fold(Ordering::Equal, Ordering::then)
}

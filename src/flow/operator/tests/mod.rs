//! Every operator against a naive reference: at every tick, the sum of all outputs is the reference over the sum of all
//! inputs, and what the generic operator answers.

mod aggregate;
mod chain;
mod distinct;
mod join;
mod map;
mod ordered;
mod outer_join;
mod recursive;
mod reference;
mod set_operation;
mod top_k;
mod unnest;
mod window;

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, new_empty_array};
use datafusion::arrow::datatypes::{DataType, Field, IntervalMonthDayNano, IntervalUnit, Schema, SchemaRef, TimeUnit};
use datafusion::scalar::ScalarValue;

use crate::canonical::canonical_key;
use crate::decimal::{Decimal, encoding};
use crate::flow::delta::batch;
use crate::flow::hash::mix;
use crate::flow::{Delta, Operator, Output, RowError, Tick};

/// A row of the reference.
type Row = Vec<ScalarValue>;

/// Rows as text with weights; equal rows are one entry, zero weights are none.
type Bag = BTreeMap<String, i64>;

/// Seeded random numbers.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// A value out of few, so that values meet; NULL at times.
    fn value(&mut self, data_type: &DataType) -> ScalarValue {
        let n = self.below(6) as i64 - 2;
        if self.below(6) == 0 {
            return ScalarValue::try_from(data_type).expect("a type of ours");
        }
        match data_type {
            DataType::Boolean => ScalarValue::Boolean(Some(n > 0)),
            DataType::Int16 => ScalarValue::Int16(Some(n as i16)),
            DataType::Int32 => ScalarValue::Int32(Some(n as i32)),
            DataType::Int64 => ScalarValue::Int64(Some(n)),
            DataType::Float32 => {
                ScalarValue::Float32(Some([0.0, -0.0, f32::NAN, -f32::NAN, 1.5, -2.25][(n + 2) as usize]))
            }
            DataType::Float64 => {
                let values = [0.0, -0.0, f64::NAN, -f64::NAN, 1.5, -2.25, f64::INFINITY, 1e9];
                ScalarValue::Float64(Some(values[self.below(8)]))
            }
            DataType::Decimal128(precision, scale) => {
                ScalarValue::Decimal128(Some(i128::from(n) * 7), *precision, *scale)
            }
            DataType::LargeBinary => {
                let digits = (n + 2) as u32 % 3;
                let value = [Decimal::NaN, Decimal::new(n * 5 * 10_i64.pow(digits), 1 + digits)];
                ScalarValue::LargeBinary(Some(encoding::encoded(&value[usize::from(n != 3)])))
            }
            DataType::Utf8 => ScalarValue::from("x".repeat((n + 2) as usize).as_str()),
            DataType::Binary => ScalarValue::Binary(Some(vec![n as u8; (n + 2) as usize])),
            DataType::Date32 => ScalarValue::Date32(Some(n as i32)),
            DataType::Timestamp(TimeUnit::Microsecond, zone) => {
                ScalarValue::TimestampMicrosecond(Some(n), zone.clone())
            }
            DataType::Interval(IntervalUnit::MonthDayNano) => {
                let values = [(1, 0, 0), (0, 30, 0), (0, 1, 0), (0, 0, 86_400_000_000_000), (0, -1, 1), (-1, 2, 0)];
                let (months, days, nanoseconds) = values[(n + 2) as usize];
                ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(months, days, nanoseconds)))
            }
            DataType::List(item) => {
                let items: Vec<ScalarValue> = (0..self.below(3)).map(|_| self.value(item.data_type())).collect();
                ScalarValue::List(ScalarValue::new_list_nullable(&items, item.data_type()))
            }
            other => panic!("no values of {other}"),
        }
    }

    fn row(&mut self, schema: &Schema) -> Row {
        schema.fields().iter().map(|field| self.value(field.data_type())).collect()
    }
}

/// A relation that changes at random.
struct Input {
    schema: SchemaRef,
    rows: Vec<Row>,
}

impl Input {
    fn new(schema: &SchemaRef) -> Input {
        Input { schema: Arc::clone(schema), rows: Vec::new() }
    }

    /// The changes of a tick: inserts, deletes, updates, rows that come and go within the tick; in several deltas.
    fn change(&mut self, random: &mut Random, inserts_only: bool) -> Vec<Delta> {
        let mut changes: Vec<(Row, i64)> = Vec::new();
        for _ in 0..random.below(8) {
            let row = random.row(&self.schema);
            self.rows.push(row.clone());
            changes.push((row, 1));
        }
        // Now and then most of the rows leave, so that groups vanish.
        let deletes = if random.below(5) == 0 { self.rows.len() } else { random.below(6) };
        for _ in 0..if inserts_only { 0 } else { deletes.min(self.rows.len()) } {
            let row = self.rows.swap_remove(random.below(self.rows.len()));
            changes.push((row, -1));
        }
        if !inserts_only && random.below(3) == 0 {
            let row = random.row(&self.schema);
            changes.extend([(row.clone(), -1), (row, 1)]);
        }
        if random.below(3) == 0 {
            let row = random.row(&self.schema);
            let times = 1 + random.below(3);
            self.rows.extend(std::iter::repeat_n(row.clone(), times));
            changes.push((row, times as i64));
        }
        let split = random.below(changes.len() + 1);
        let (first, second) = changes.split_at(split);
        vec![delta(&self.schema, first), delta(&self.schema, second)]
    }

    /// All rows leave.
    fn empty(&mut self) -> Vec<Delta> {
        let changes: Vec<(Row, i64)> = std::mem::take(&mut self.rows).into_iter().map(|row| (row, -1)).collect();
        vec![delta(&self.schema, &changes)]
    }
}

/// Seeds that each random comparison runs with: `ORACLE_ROUNDS` of them, by default 2.
fn rounds(seed: u64) -> impl Iterator<Item = u64> {
    let rounds = std::env::var("ORACLE_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(2);
    (0..rounds).map(move |round: u64| seed + (round << 32))
}

fn schema(types: &[DataType]) -> SchemaRef {
    let field = |(i, data_type): (usize, &DataType)| Field::new(format!("c{i}"), data_type.clone(), true);
    Arc::new(Schema::new(types.iter().enumerate().map(field).collect::<Vec<_>>()))
}

/// One column of every type.
fn every_type() -> Vec<DataType> {
    vec![
        DataType::Boolean,
        DataType::Int16,
        DataType::Int32,
        DataType::Int64,
        DataType::Float32,
        DataType::Float64,
        DataType::Decimal128(20, 10),
        DataType::LargeBinary,
        DataType::Utf8,
        DataType::Binary,
        DataType::Date32,
        DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        DataType::Interval(IntervalUnit::MonthDayNano),
        DataType::List(Arc::new(Field::new_list_field(DataType::Float64, true))),
    ]
}

fn delta(schema: &SchemaRef, rows: &[(Row, i64)]) -> Delta {
    let column = |at: usize| -> ArrayRef {
        let values = rows.iter().map(|(row, _)| row[at].clone());
        if rows.is_empty() {
            return new_empty_array(schema.field(at).data_type());
        }
        ScalarValue::iter_to_array(values).expect("values of one type")
    };
    let columns = (0..schema.fields().len()).map(column).collect();
    let weights: Int64Array = rows.iter().map(|(_, weight)| *weight).collect();
    let rows = batch(schema, columns, rows.len()).expect("columns of the schema");
    if weights.values().iter().all(|weight| *weight == 1) {
        Delta::insert(rows)
    } else {
        Delta::weighted(rows, weights)
    }
}

/// The rows of a delta, as the reference sees them.
fn rows_of(delta: &Delta) -> Vec<(Row, i64)> {
    let columns: Vec<ArrayRef> = delta.rows.columns().iter().map(canonical_key).collect();
    let row =
        |at: usize| columns.iter().map(|column| ScalarValue::try_from_array(column, at).expect("a value")).collect();
    (0..delta.rows.num_rows()).map(|at| (row(at), delta.weight(at))).collect()
}

fn text(row: &Row) -> String {
    let show = |value: &ScalarValue| match value {
        value if value.is_null() => "NULL".to_string(),
        // Their display does not show NULLs among the items.
        ScalarValue::List(list) => format!("{:?}", list.value(0)),
        value => value.to_string(),
    };
    row.iter().map(show).collect::<Vec<_>>().join(" | ")
}

fn add(bag: &mut Bag, deltas: &[Delta]) {
    for (row, weight) in deltas.iter().flat_map(rows_of) {
        *bag.entry(text(&row)).or_default() += weight;
    }
    bag.retain(|_, weight| *weight != 0);
}

/// An operator with the sum of its outputs.
struct Running<O> {
    operator: O,
    tick: Tick,
    rows: Bag,
    errors: BTreeMap<RowError, i64>,
}

impl<O: Operator> Running<O> {
    fn new(operator: O) -> Self {
        let tick = Tick { t: 0, now: 0, watermarks: Arc::new([]), checkpoint: false };
        Running { operator, tick, rows: Bag::new(), errors: BTreeMap::new() }
    }

    /// Steps once and answers the output of the step.
    fn step(&mut self, mut inputs: Vec<Vec<Delta>>) -> Output {
        self.tick.t += 1;
        let mut out = Output::default();
        self.operator.step(&self.tick, &mut inputs, &mut out).expect("no bug");
        assert!(inputs.iter().all(Vec::is_empty), "inputs are drained");
        add(&mut self.rows, &out.rows);
        for error in &out.errors {
            *self.errors.entry(RowError { weight: 0, ..error.clone() }).or_default() += error.weight;
        }
        self.errors.retain(|_, weight| *weight != 0);
        assert!(self.rows.values().all(|weight| *weight > 0), "a result has no row less than 0 times: {:?}", self.rows);
        out
    }

    /// After all rows have left: nothing is kept, and nothing fails.
    fn assert_empty(&mut self) {
        assert_eq!(self.operator.state_rows(), 0);
        for (name, state) in self.operator.states() {
            assert!(state.is_empty(), "\"{name}\" keeps {} rows", state.len());
        }
        assert!(self.errors.is_empty(), "{:?}", self.errors);
    }

    /// Steps once on one input and answers the change as rows with weights.
    fn change(&mut self, schema: &SchemaRef, rows: &[(Row, i64)]) -> Vec<(String, i64)> {
        let out = self.step(vec![vec![delta(schema, rows)]]);
        let mut bag = Bag::new();
        add(&mut bag, &out.rows);
        bag.into_iter().collect()
    }
}

fn int(value: i64) -> ScalarValue {
    ScalarValue::Int64(Some(value))
}

fn double(value: f64) -> ScalarValue {
    ScalarValue::Float64(Some(value))
}

fn change(rows: &[(&str, i64)]) -> Vec<(String, i64)> {
    rows.iter().map(|(row, weight)| ((*row).to_string(), *weight)).collect()
}

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::functions_aggregate::array_agg::array_agg_udaf;
use datafusion::functions_aggregate::bool_and_or::bool_or_udaf;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::scalar::ScalarValue;

use super::reference::{compare, in_order, over_groups, sorted};
use super::{Input, Random, Row, Running, change, delta, int, rounds, schema};
use crate::compile::plan::SortColumn;
use crate::compile::window::{Argument, Bound, Exclusion, Frame, Function, Units, WindowCall};
use crate::error::{Result, code};
use crate::flow::Delta;
use crate::flow::operator::{GroupFunction, GroupTransform, Window};

/// Partition, order, value, flag, another order.
fn types() -> Vec<DataType> {
    vec![DataType::Int16, DataType::Int64, DataType::Int64, DataType::Boolean, DataType::Utf8]
}

const VALUE: usize = 2;
const FLAG: usize = 3;

fn call(function: Function, arguments: Vec<Argument>, frame: Frame<ScalarValue>, result: DataType) -> WindowCall {
    let field = Arc::new(Field::new("w", result, true));
    WindowCall { function, arguments, filter: None, frame, field, text: "w".to_string() }
}

/// A frame at random, of those that SQL has.
fn frame(random: &mut Random, one_order: bool) -> Frame<ScalarValue> {
    let mut bound = |unbounded: Bound<ScalarValue>| {
        let offset = ScalarValue::Int64(Some(random.below(4) as i64));
        match random.below(5) {
            0 => unbounded,
            1 => Bound::Preceding(offset),
            2 => Bound::Following(offset),
            _ => Bound::CurrentRow,
        }
    };
    let (start, end) = (bound(Bound::UnboundedPreceding), bound(Bound::UnboundedFollowing));
    let units = [Units::Rows, Units::Groups, if one_order { Units::Range } else { Units::Rows }][random.below(3)];
    let exclusions = [Exclusion::NoOthers, Exclusion::CurrentRow, Exclusion::Group, Exclusion::Ties];
    let exclusion = exclusions[random.below(8) % 4 * random.below(2)];
    Frame { units, start, end, exclusion, ..Frame::default_in("UTC") }
}

fn calls(random: &mut Random, one_order: bool) -> Vec<WindowCall> {
    let value = || Argument::Column(VALUE);
    let constant = |number: i32| Argument::Constant(ScalarValue::Int32(Some(number)));
    let made = |random: &mut Random| {
        let frame = frame(random, one_order);
        let shift = constant(random.below(5) as i32 - 2);
        let nth = constant(1 + random.below(3) as i32);
        let list = DataType::List(Arc::new(Field::new_list_field(DataType::Int64, true)));
        let aggregate = |function| Function::Aggregate(function);
        let (function, arguments, result) = match random.below(17) {
            0 => (Function::RowNumber, vec![], DataType::Int64),
            1 => (Function::Rank, vec![], DataType::Int64),
            2 => (Function::DenseRank, vec![], DataType::Int64),
            3 => (Function::PercentRank, vec![], DataType::Float64),
            4 => (Function::CumeDist, vec![], DataType::Float64),
            5 => (Function::Ntile, vec![nth], DataType::Int32),
            6 => (Function::Lag, vec![value(), shift], DataType::Int64),
            7 => (Function::Lead, vec![value(), shift, Argument::Column(1)], DataType::Int64),
            8 => (Function::FirstValue, vec![value()], DataType::Int64),
            9 => (Function::LastValue, vec![value()], DataType::Int64),
            10 => (Function::NthValue, vec![value(), nth], DataType::Int64),
            11 => (aggregate(count_udaf()), vec![value()], DataType::Int64),
            12 => (aggregate(sum_udaf()), vec![value()], DataType::Int64),
            13 => (aggregate(min_udaf()), vec![value()], DataType::Int64),
            14 => (aggregate(max_udaf()), vec![value()], DataType::Int64),
            15 => (aggregate(bool_or_udaf()), vec![Argument::Column(FLAG)], DataType::Boolean),
            _ => (aggregate(array_agg_udaf()), vec![value()], list),
        };
        let mut made = call(function, arguments, frame, result);
        made.filter = (made.function.name().len() < 6 && random.below(3) == 0).then_some(FLAG);
        if !matches!(made.function, Function::Aggregate(_)) {
            made.filter = None;
        }
        made
    };
    (0..1 + random.below(3)).map(|_| made(random)).collect()
}

/// What window functions mean: every row looks at all rows of its partition.
struct Naive {
    order: Vec<SortColumn>,
    calls: Vec<WindowCall>,
    schema: SchemaRef,
}

impl GroupFunction for Naive {
    fn evaluate(&self, rows: &Delta) -> Result<Delta> {
        let rows = sorted(&self.order, rows);
        let result = |at: usize| {
            let values = self.calls.iter().map(|call| self.value(call, &rows, at));
            (rows[at].iter().cloned().chain(values).collect(), 1)
        };
        Ok(delta(&self.schema, &(0..rows.len()).map(result).collect::<Vec<_>>()))
    }
}

impl Naive {
    fn group(&self, rows: &[Row], at: usize) -> i64 {
        let starts = |at: &usize| *at == 0 || in_order(&self.order, &rows[at - 1], &rows[*at]).is_lt();
        (0..=at).filter(starts).count() as i64
    }

    /// Whether a row is in the frame of the one at `at`.
    fn in_frame(&self, frame: &Frame<ScalarValue>, rows: &[Row], at: usize, other: usize) -> bool {
        let peers = || self.group(rows, at) == self.group(rows, other);
        let excluded = match frame.exclusion {
            Exclusion::NoOthers => false,
            Exclusion::CurrentRow => at == other,
            Exclusion::Group => peers(),
            Exclusion::Ties => at != other && peers(),
        };
        let after = |bound: &Bound<ScalarValue>| match bound {
            Bound::UnboundedPreceding => true,
            Bound::UnboundedFollowing => false,
            Bound::CurrentRow => self.distance(frame.units, rows, at, other).is_none_or(|distance| distance >= 0),
            bound => self.offset(bound, frame.units, rows, at, other, |distance, offset| distance >= offset),
        };
        let before = |bound: &Bound<ScalarValue>| match bound {
            Bound::UnboundedPreceding => false,
            Bound::UnboundedFollowing => true,
            Bound::CurrentRow => self.distance(frame.units, rows, at, other).is_none_or(|distance| distance <= 0),
            bound => self.offset(bound, frame.units, rows, at, other, |distance, offset| distance <= offset),
        };
        after(&frame.start) && before(&frame.end) && !excluded
    }

    fn offset(
        &self,
        bound: &Bound<ScalarValue>,
        units: Units,
        rows: &[Row],
        at: usize,
        other: usize,
        holds: impl Fn(i64, i64) -> bool,
    ) -> bool {
        let number = |offset: &ScalarValue| match offset {
            ScalarValue::Int64(Some(offset)) => *offset,
            other => panic!("no offset: {other}"),
        };
        let offset = match bound {
            Bound::Preceding(offset) => -number(offset),
            Bound::Following(offset) => number(offset),
            _ => 0,
        };
        if units != Units::Range {
            return self.distance(units, rows, at, other).is_some_and(|distance| holds(distance, offset));
        }
        let sort = self.order[0];
        let value = |at: usize| match &rows[at][sort.column] {
            ScalarValue::Int64(value) => *value,
            other => panic!("no number: {other}"),
        };
        match (value(at), value(other)) {
            (Some(own), Some(value)) => holds(if sort.descending { own - value } else { value - own }, offset),
            (None, None) => true,
            // NULL is beyond all numbers on its side.
            (Some(_), None) => holds(if sort.nulls_first { i64::MIN } else { i64::MAX }, offset),
            (None, Some(_)) => holds(if sort.nulls_first { i64::MAX } else { i64::MIN }, offset),
        }
    }

    /// How far another row stands behind; by value only whether it is before or behind.
    fn distance(&self, units: Units, rows: &[Row], at: usize, other: usize) -> Option<i64> {
        Some(match units {
            Units::Rows => other as i64 - at as i64,
            Units::Groups | Units::Range => self.group(rows, other) - self.group(rows, at),
        })
    }

    fn value(&self, call: &WindowCall, rows: &[Row], at: usize) -> ScalarValue {
        let null = ScalarValue::try_from(call.field.data_type()).expect("a type of ours");
        let argument = |number: usize, row: usize| match &call.arguments[number] {
            Argument::Column(column) => rows[row][*column].clone(),
            Argument::Constant(value) => value.clone(),
        };
        let number = |argument: ScalarValue| match argument {
            ScalarValue::Int32(Some(value)) => i64::from(value),
            other => panic!("no number: {other}"),
        };
        let before = rows.iter().filter(|other| in_order(&self.order, other, &rows[at]).is_lt()).count() as i64;
        let up_to = rows.iter().filter(|other| in_order(&self.order, other, &rows[at]).is_le()).count() as f64;
        let count = rows.len() as i64;
        let frame: Vec<usize> = (0..rows.len()).filter(|other| self.in_frame(&call.frame, rows, at, *other)).collect();
        let placed = |place: i64| {
            let found = usize::try_from(place).ok().and_then(|place| frame.get(place));
            found.map_or(null.clone(), |found| argument(0, *found))
        };
        match &call.function {
            Function::RowNumber => int(at as i64 + 1),
            Function::Rank => int(before + 1),
            Function::DenseRank => int(self.group(rows, at)),
            Function::PercentRank => {
                ScalarValue::Float64(Some(if count > 1 { before as f64 / (count - 1) as f64 } else { 0.0 }))
            }
            Function::CumeDist => ScalarValue::Float64(Some(up_to / count as f64)),
            Function::Ntile => {
                let buckets = number(argument(0, 0));
                // Dealt out one by one, the earlier buckets get what is left over.
                let sizes = (0..buckets).map(|bucket| count / buckets + i64::from(bucket < count % buckets));
                let ends = sizes.scan(0, |end, size| {
                    *end += size;
                    Some(*end)
                });
                let bucket = ends.filter(|end| *end <= at as i64).count() as i32 + 1;
                ScalarValue::Int32(Some(bucket))
            }
            Function::Lag | Function::Lead => {
                let sign = if call.function == Function::Lag { -1 } else { 1 };
                let target = at as i64 + sign * number(argument(1, at));
                match usize::try_from(target).ok().filter(|target| *target < rows.len()) {
                    Some(target) => argument(0, target),
                    None if call.arguments.len() > 2 => argument(2, at),
                    None => null,
                }
            }
            Function::FirstValue => placed(0),
            Function::LastValue => placed(frame.len() as i64 - 1),
            Function::NthValue => placed(number(argument(1, at)) - 1),
            Function::Aggregate(function) => {
                let passes = |row: &&usize| {
                    call.filter.is_none_or(|filter| rows[**row][filter] == ScalarValue::Boolean(Some(true)))
                };
                let all: Vec<ScalarValue> = frame.iter().filter(passes).map(|row| argument(0, *row)).collect();
                aggregate(function.name(), all, null)
            }
        }
    }
}

fn aggregate(name: &str, all: Vec<ScalarValue>, null: ScalarValue) -> ScalarValue {
    if name == "array_agg" {
        let list = ScalarValue::List(ScalarValue::new_list_nullable(&all, &DataType::Int64));
        return if all.is_empty() { null } else { list };
    }
    let values: Vec<ScalarValue> = all.into_iter().filter(|value| !value.is_null()).collect();
    let sum = |value: &ScalarValue| match value {
        ScalarValue::Int64(Some(value)) => *value,
        _ => 0,
    };
    match name {
        "count" => int(values.len() as i64),
        _ if values.is_empty() => null,
        "sum" => int(values.iter().map(sum).sum()),
        "min" => values.into_iter().min_by(compare).unwrap_or(null),
        "max" => values.into_iter().max_by(compare).unwrap_or(null),
        _ => ScalarValue::Boolean(Some(values.contains(&ScalarValue::Boolean(Some(true))))),
    }
}

fn check(seed: u64, ticks: usize, order: &[SortColumn], partition: &[usize], calls: &[WindowCall]) {
    rounds(seed).for_each(|seed| check_round(seed, ticks, order, partition, calls));
}

fn check_round(seed: u64, ticks: usize, order: &[SortColumn], partition: &[usize], calls: &[WindowCall]) {
    let input = schema(&types());
    let mut output = types();
    output.extend(calls.iter().map(|call| call.field.data_type().clone()));
    let output = schema(&output);
    let naive = || Naive { order: order.to_vec(), calls: calls.to_vec(), schema: output.clone() };
    let fast = Window::new(input.clone(), partition.to_vec(), order.to_vec(), calls.to_vec(), output.clone());
    let mut fast = Running::new(fast.unwrap());
    let slow = GroupTransform::new(input.clone(), partition.to_vec(), Box::new(naive()), output.clone(), false);
    let mut slow = Running::new(slow.unwrap());
    let mut relation = Input::new(&input);
    let mut random = Random(seed);
    for tick in 0..ticks {
        let deltas = relation.change(&mut random, false);
        slow.step(vec![deltas.clone()]);
        fast.step(vec![deltas]);
        let expected = over_groups(&naive(), &input, partition, &relation.rows, false);
        assert_eq!(fast.rows, expected, "seed {seed}, tick {tick}: {calls:?} in {order:?}");
        assert_eq!(slow.rows, expected, "seed {seed}, tick {tick}: {calls:?} in {order:?}");
    }
    fast.step(vec![relation.empty()]);
    assert!(fast.rows.is_empty(), "seed {seed}");
    fast.assert_empty();
}

#[test]
fn random_calls_over_random_changes() {
    for seed in 0..150_u64 {
        let mut random = Random(seed);
        let descending = random.below(2) == 0;
        let mut order = vec![SortColumn { column: 1, descending, nulls_first: random.below(2) == 0 }];
        let one_order = random.below(3) > 0;
        if !one_order {
            order.push(SortColumn { column: 4, descending: !descending, nulls_first: false });
        }
        let partition = if random.below(2) == 0 { vec![] } else { vec![0] };
        let calls = calls(&mut random, one_order);
        check(seed, 16, &order, &partition, &calls);
    }
}

/// Calls that go on from row to row.
fn running(random: &mut Random) -> Vec<WindowCall> {
    let units = [Units::Rows, Units::Range, Units::Groups][random.below(3)];
    let frame = || Frame { units, ..Frame::default_in("UTC") };
    let mut count = call(Function::Aggregate(count_udaf()), vec![Argument::Column(VALUE)], frame(), DataType::Int64);
    count.filter = (random.below(2) == 0).then_some(FLAG);
    let mut calls = vec![count];
    for function in [Function::PercentRank, Function::CumeDist] {
        if random.below(4) == 0 {
            calls.push(call(function, vec![], frame(), DataType::Float64));
        }
    }
    if random.below(4) == 0 {
        let buckets = Argument::Constant(ScalarValue::Int32(Some(1 + random.below(9) as i32)));
        calls.push(call(Function::Ntile, vec![buckets], frame(), DataType::Int32));
    }
    for function in [Function::RowNumber, Function::Rank, Function::DenseRank] {
        if random.below(2) == 0 {
            calls.push(call(function, vec![], frame(), DataType::Int64));
        }
    }
    if random.below(2) == 0 {
        let shift = Argument::Constant(ScalarValue::Int32(Some(random.below(3) as i32)));
        let function = if random.below(2) == 0 { Function::Lag } else { Function::Lead };
        calls.push(call(function, vec![Argument::Column(VALUE), shift], frame(), DataType::Int64));
    }
    if random.below(3) == 0 {
        calls.push(call(Function::LastValue, vec![Argument::Column(VALUE)], frame(), DataType::Int64));
    }
    for function in [Function::Aggregate(min_udaf()), Function::Aggregate(max_udaf()), Function::FirstValue] {
        if random.below(3) == 0 {
            calls.push(call(function, vec![Argument::Column(VALUE)], frame(), DataType::Int64));
        }
    }
    if random.below(2) == 0 && calls.len() > 1 {
        calls.remove(0);
    }
    calls
}

/// Calls that see few rows or go on from row to row, in partitions that are large beside what changes.
#[test]
fn neighbours_of_changed_rows() {
    let input = schema(&types());
    let order = vec![SortColumn { column: 1, descending: false, nulls_first: true }];
    let offset = |random: &mut Random, below: usize| ScalarValue::Int64(Some(random.below(below) as i64));
    for seed in 0..60_u64 {
        let mut random = Random(seed);
        let list = DataType::List(Arc::new(Field::new_list_field(DataType::Int64, true)));
        let by_distance = (10..22).contains(&seed);
        let mut frame = Frame::default_in("UTC");
        if by_distance {
            let mut bound = || match random.below(3) {
                0 => Bound::CurrentRow,
                1 => Bound::Preceding(offset(&mut random, 12)),
                _ => Bound::Following(offset(&mut random, 12)),
            };
            (frame.start, frame.end) = (bound(), bound());
            frame.units = [Units::Range, Units::Groups][random.below(2)];
            frame.exclusion = [Exclusion::NoOthers, Exclusion::Group, Exclusion::Ties][random.below(3)];
        } else {
            frame.units = Units::Rows;
            frame.start = Bound::Preceding(offset(&mut random, 3));
            frame.end = Bound::Following(offset(&mut random, 3));
            frame.exclusion =
                [Exclusion::NoOthers, Exclusion::CurrentRow, Exclusion::Group, Exclusion::Ties][random.below(4)];
        }
        let mut calls = vec![call(Function::Aggregate(array_agg_udaf()), vec![Argument::Column(VALUE)], frame, list)];
        if seed >= 22 {
            calls = running(&mut random);
        } else if seed % 2 == 0 && !by_distance {
            let shift = Argument::Constant(ScalarValue::Int32(Some(random.below(4) as i32 - 1)));
            let arguments = vec![Argument::Column(VALUE), shift];
            calls.push(call(Function::Lag, arguments, Frame::default_in("UTC"), DataType::Int64));
        }
        let mut output = types();
        output.extend(calls.iter().map(|call| call.field.data_type().clone()));
        let output = schema(&output);
        let naive = Naive { order: order.clone(), calls: calls.clone(), schema: output.clone() };
        let window = Window::new(input.clone(), vec![], order.clone(), calls.clone(), output).unwrap();
        let mut window = Running::new(window);
        let mut live: Vec<Row> = Vec::new();
        let (rows, values) = if seed >= 10 { (60, 20 << random.below(4)) } else { (40, 40) };
        let row = |random: &mut Random| -> Row {
            let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(|at| random.value(&types()[at]));
            let spread = if b.is_null() { b } else { int(random.below(values) as i64) };
            vec![a, spread, c, d, e]
        };
        let first: Vec<(Row, i64)> = (0..rows).map(|_| (row(&mut random), 1 + random.below(2) as i64)).collect();
        live.extend(first.iter().flat_map(|(row, times)| std::iter::repeat_n(row.clone(), *times as usize)));
        window.change(&input, &first);
        for tick in 0..7 {
            let mut changes: Vec<(Row, i64)> = vec![(row(&mut random), 1)];
            live.push(changes[0].0.clone());
            if tick % 3 > 0 {
                changes.push((live.swap_remove(random.below(live.len())), -1));
            }
            // Rows that come at one place, and rows that go.
            if tick % 3 == 0 {
                let first = random.below(values) as i64;
                for at in 0..random.below(6) as i64 {
                    let mut more = row(&mut random);
                    more[1] = int(first + at / 2);
                    changes.push((more.clone(), 1));
                    live.push(more);
                }
                let gone = (0..random.below(4)).map(|_| (live.swap_remove(random.below(live.len())), -1));
                changes.extend(gone);
            }
            // A row that stays in its place.
            if tick % 3 > 1 {
                let at = random.below(live.len());
                changes.push((live[at].clone(), -1));
                live[at][VALUE] = random.value(&types()[VALUE]);
                changes.push((live[at].clone(), 1));
            }
            window.change(&input, &changes);
            let expected = over_groups(&naive, &input, &[], &live, false);
            assert_eq!(window.rows, expected, "seed {seed}, tick {tick}");
        }
    }
}

#[test]
fn unchanged_rows_do_not_leave() {
    let input = schema(&types());
    let output = schema(&[types(), vec![DataType::Int64]].concat());
    let order = vec![SortColumn { column: 1, descending: false, nulls_first: false }];
    let calls = vec![call(Function::RowNumber, vec![], Frame::default_in("UTC"), DataType::Int64)];
    let mut window = Running::new(Window::new(input.clone(), vec![], order, calls, output).unwrap());
    let row = |at: i64| -> Row {
        vec![ScalarValue::Int16(None), int(at), int(0), ScalarValue::Boolean(None), ScalarValue::from("x")]
    };
    let all: Vec<(Row, i64)> = [10, 20, 30].map(|at| (row(at), 1)).into();
    window.change(&input, &all);
    let added = [("NULL | 40 | 0 | NULL | x | 4", 1)];
    assert_eq!(window.change(&input, &[(row(40), 1)]), change(&added));
    let moved = [
        ("NULL | 25 | 0 | NULL | x | 3", 1),
        ("NULL | 30 | 0 | NULL | x | 3", -1),
        ("NULL | 30 | 0 | NULL | x | 4", 1),
        ("NULL | 40 | 0 | NULL | x | 4", -1),
        ("NULL | 40 | 0 | NULL | x | 5", 1),
    ];
    assert_eq!(window.change(&input, &[(row(25), 1)]), change(&moved));
}

/// A row whose call fails waits among the errors until it does not.
#[test]
fn failing_calls_are_row_errors() {
    let input = schema(&types());
    let output = schema(&[types(), vec![DataType::Int32]].concat());
    let calls = vec![call(Function::Ntile, vec![Argument::Column(0)], Frame::default_in("UTC"), DataType::Int32)];
    let order = vec![SortColumn { column: 1, descending: false, nulls_first: false }];
    let mut window = Running::new(Window::new(input.clone(), vec![2], order, calls, output).unwrap());
    let row = |buckets: i16, order: i64, partition: i64| -> Row {
        let buckets = ScalarValue::Int16(Some(buckets));
        vec![buckets, int(order), int(partition), ScalarValue::Boolean(None), ScalarValue::from("x")]
    };
    window.change(&input, &[(row(0, 1, 1), 1), (row(2, 2, 1), 1), (row(2, 1, 2), 1)]);
    assert_eq!(window.rows.keys().collect::<Vec<_>>(), ["2 | 1 | 2 | NULL | x | 1"]);
    let reasons: Vec<_> = window.errors.keys().map(|error| (error.code, error.reason.as_str())).collect();
    let reason = (code::INVALID_ARGUMENT_FOR_NTILE, "argument of ntile must be greater than zero");
    assert_eq!(reasons, [reason, reason]);
    window.change(&input, &[(row(0, 1, 1), -1)]);
    assert!(window.errors.is_empty());
    assert_eq!(window.rows.len(), 2);
}

//! Window functions: `sum(x) OVER (PARTITION BY k ORDER BY t)`.
//!
//! `row_number() OVER (ORDER BY x)` beside `sum(x) OVER (ORDER BY x)`:
//!
//! | tick | input | output |
//! |---|---|---|
//! | 1 | +(5) +(9) | +(5, 1, 5) +(9, 2, 14) |
//! | 2 | +(7) | +(7, 2, 12) −(9, 2, 14) +(9, 3, 21) |
//!
//! Each partition is a sorted map from the encoded row (order columns first, then the others to break ties) to its weight. A tick
//! evaluates what it touches twice, as it was and as it is, and emits the difference: rows whose values stay do not leave.
//!
//! Cost of a change, besides what its result must say anew:
//!
//! | calls | rows that are evaluated |
//! |---|---|
//! | `lag`, `lead` by a constant, ROWS and GROUPS between offsets, with any EXCLUDE | the neighbours of the changed rows |
//! | RANGE between offsets | those within the distance |
//! | `row_number`, `rank`, `dense_rank`, and with frames from the partition's start to the row `count`, `min`, `max`, `first_value`, exact `sum` and `avg` | up to [`CHECKPOINT_ROWS`] before the first changed one, and those behind it until they amount to what they did before: with a number that stays, such as the row's when a row is updated in its place, none |
//! | `percent_rank`, `cume_dist`, `ntile` of a constant | the same while the partition has as many rows as before, else all of it |
//! | other calls | the partition, which for a window without PARTITION BY is the whole input |
//!
//! Exact aggregates over whole partitions do not come here: they are aggregations that the rows are joined with.

// Which rows a change touches.
mod segment;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;

use self::segment::{CHECKPOINT_ROWS, Calls, Partition, Segment};
use super::ordered::{Encoding, Key};
use super::row_json::row_json;
use crate::canonical::{Equality, values_equal};
use crate::compile::expr::Evaluated;
use crate::compile::plan::SortColumn;
use crate::compile::window::{Before, Layout, Reach, WindowCall, after, evaluate, frames};
use crate::error::{Error, Result};
use crate::flow::delta::{add_weights, batch, merge, take_rows};
use crate::flow::state::GroupIndex;
use crate::flow::{Delta, Operator, Output, RowError, Step, Tick};

/// Rows that are evaluated at once, unless one partition has more.
const BATCH_ROWS: usize = 65_536;

/// See the [module](self).
pub struct Window {
    input: SchemaRef,
    partition: Vec<usize>,
    order: Vec<SortColumn>,
    calls: Vec<WindowCall>,
    /// By call.
    reaches: Vec<Reach>,
    schema: SchemaRef,
    encoding: Encoding,
    index: GroupIndex,
    partitions: Vec<Partition>,
    /// Different rows of all partitions.
    entries: u64,
}

impl Window {
    /// The rows of `input`, then the values of `calls` over each partition in `order`, ties broken by the whole row. Input is
    /// partitioned by the hash of the columns `partition` (none: all to worker 0).
    pub fn new(
        input: SchemaRef,
        partition: Vec<usize>,
        order: Vec<SortColumn>,
        calls: Vec<WindowCall>,
        schema: SchemaRef,
    ) -> Result<Window> {
        let types: Vec<DataType> = input.fields().iter().map(|field| field.data_type().clone()).collect();
        let encoding = Encoding::new(&types, &order, "a window")?;
        let keys: Vec<DataType> = partition.iter().map(|column| types[*column].clone()).collect();
        let index = GroupIndex::new(&keys, "PARTITION BY")?;
        let reaches: Vec<Reach> = calls.iter().map(|call| call.reach(&input)).collect();
        Ok(Window {
            input,
            partition,
            order,
            calls,
            reaches,
            schema,
            encoding,
            index,
            partitions: Vec::new(),
            entries: 0,
        })
    }

    /// Changed weights by partition and row.
    fn changes(&mut self, deltas: Vec<Delta>) -> Result<BTreeMap<u32, BTreeMap<Key, i64>>> {
        let mut changes: BTreeMap<u32, BTreeMap<Key, i64>> = BTreeMap::new();
        let mut bytes = Vec::new();
        for delta in deltas {
            let columns: Vec<ArrayRef> = self.partition.iter().map(|key| delta.rows.column(*key).clone()).collect();
            let groups = self.index.locate(&columns, delta.rows.num_rows())?;
            self.partitions.resize_with(self.index.capacity(), Partition::default);
            let rows = self.encoding.encode(delta.rows.columns())?;
            for (row, group) in groups.iter().enumerate() {
                let key = rows.write(row, &mut bytes);
                let of_group = changes.entry(*group).or_default();
                match of_group.get_mut(bytes.as_slice()) {
                    Some(weight) => *weight = add_weights(*weight, delta.weight(row))?,
                    None => drop(of_group.insert(Key::new(&bytes, key), delta.weight(row))),
                }
            }
        }
        Ok(changes)
    }

    /// Evaluates segments, each of a partition, as they were and as they are, and emits the difference.
    fn emit(&mut self, segments: &[(u32, Segment)], out: &mut Output) -> Result<()> {
        let states: Vec<Vec<(&Key, bool)>> =
            segments.iter().flat_map(|(_, segment)| [segment.as_it_was(), segment.as_it_is()]).collect();
        let keys: Vec<&Key> = states.iter().flatten().map(|(key, _)| *key).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let lengths: Vec<usize> = states.iter().map(Vec::len).collect();
        let mut layout =
            Layout::new(lengths.iter().copied().filter(|length| *length > 0), |row| keys[row - 1].is_peer(keys[row]));
        let rows = batch(&self.input, self.encoding.decode(keys.iter().copied())?, keys.len())?;
        let mut found = Vec::with_capacity(self.calls.len());
        for (at, call) in self.calls.iter().enumerate() {
            let before = |state: usize| {
                let segment = &segments[state / 2].1;
                let before = segment.before.get(at).cloned().unwrap_or_default();
                Before { total: segment.totals[state % 2], ..before }
            };
            let continued = (0..states.len()).filter(|state| self.reaches[at].running && lengths[*state] > 0);
            layout.continue_from(continued.map(before).collect());
            found.push(evaluate(call, &rows, &self.order, &layout)?);
        }
        let results = Results { keys: &keys, found: &found };
        let mut changed: Vec<(usize, i64)> = Vec::new();
        let mut checkpoints = Vec::new();
        let mut start = 0;
        for (pair, (partition, segment)) in states.chunks(2).zip(segments) {
            let (old, new) =
                (start..start + pair[0].len(), start + pair[0].len()..start + pair[0].len() + pair[1].len());
            start = new.end;
            let is_core =
                |row: usize| if row < old.end { pair[0][row - old.start].1 } else { pair[1][row - new.start].1 };
            results.difference(old.clone(), new.clone(), &is_core, &mut changed);
            if self.is_running() {
                checkpoints.push((*partition, self.checkpoints(segment, &keys, &rows, &layout, new)?));
            }
        }
        self.put(&rows, &found, &changed, out)?;
        for (partition, checkpoints) in checkpoints {
            self.partitions[partition as usize].keep(checkpoints);
        }
        Ok(())
    }

    /// What rows amount to in steps of [`CHECKPOINT_ROWS`]; `range` are the rows of the segment among all `rows`.
    fn checkpoints(
        &self,
        segment: &Segment,
        keys: &[&Key],
        rows: &RecordBatch,
        layout: &Layout,
        range: Range<usize>,
    ) -> Result<Vec<(Key, Vec<Before>)>> {
        let mut kept = Vec::new();
        let mut start = range.start;
        let mut before = segment.before.clone();
        before.resize(self.calls.len(), Before::default());
        for row in range {
            if row - start >= CHECKPOINT_ROWS && layout.peers(row).start == row {
                self.advance(rows, layout, start..row, &mut before)?;
                kept.push((keys[row].clone(), before.clone()));
                start = row;
            }
        }
        Ok(kept)
    }

    /// Adds to what comes before rows what they amount to.
    fn advance(&self, rows: &RecordBatch, layout: &Layout, range: Range<usize>, before: &mut [Before]) -> Result<()> {
        for (at, call) in self.calls.iter().enumerate().filter(|(at, _)| self.reaches[*at].running) {
            before[at] = after(call, rows, layout, range.clone(), std::mem::take(&mut before[at]))?;
        }
        Ok(())
    }

    fn is_running(&self) -> bool {
        self.reach().running && !self.reach().all
    }

    /// Rows that follow each other in a partition, as columns.
    fn rows(&self, keys: &[&Key]) -> Result<(RecordBatch, Layout)> {
        let layout = Layout::new([keys.len()], |row| keys[row - 1].is_peer(keys[row]));
        Ok((batch(&self.input, self.encoding.decode(keys.iter().copied())?, keys.len())?, layout))
    }

    /// Puts rows with weights into the output, or among its errors.
    fn put(&self, rows: &RecordBatch, found: &[Evaluated], changed: &[(usize, i64)], out: &mut Output) -> Result<()> {
        let mut failed: HashMap<usize, (usize, &(usize, &'static str, String))> = HashMap::new();
        for (call, evaluated) in found.iter().enumerate() {
            for error in &evaluated.errors {
                failed.entry(error.0).or_insert((call, error));
            }
        }
        let mut errors: BTreeMap<RowError, i64> = BTreeMap::new();
        let mut kept = Vec::with_capacity(changed.len());
        let mut weights: Vec<i64> = Vec::with_capacity(changed.len());
        for (row, weight) in changed {
            let Some((call, (_, code, reason))) = failed.get(row) else {
                kept.push(*row as u32);
                weights.push(*weight);
                continue;
            };
            let (expression, reason) = (self.calls[*call].text.clone(), reason.clone());
            let error = RowError { expression, code, reason, row: row_json(rows, *row), weight: 0 };
            *errors.entry(error).or_default() += weight;
        }
        let errors = errors.into_iter().filter(|(_, weight)| *weight != 0);
        out.errors.extend(errors.map(|(error, weight)| RowError { weight, ..error }));
        let columns: Vec<ArrayRef> =
            rows.columns().iter().chain(found.iter().map(|call| &call.values)).cloned().collect();
        let all = Delta::insert(batch(&self.schema, columns, rows.num_rows())?);
        let mut delta = take_rows(&all, kept)?;
        delta.weights = Some(weights.into());
        out.rows.extend(merge(vec![delta], &self.schema)?);
        Ok(())
    }
}

impl Calls for Window {
    fn reach(&self) -> Reach {
        self.reaches.iter().copied().reduce(Reach::and).unwrap_or_default()
    }

    fn frames(&self, keys: &[&Key]) -> Result<Vec<Range<usize>>> {
        let (rows, layout) = self.rows(keys)?;
        let by_distance = self.calls.iter().zip(&self.reaches).filter(|(_, reach)| reach.range).map(|(call, _)| call);
        frames(by_distance, &rows, &self.order, &layout)
    }

    fn amounts(&self, keys: &[&Key], before: &[Before]) -> Result<Vec<Before>> {
        let mut amounts = before.to_vec();
        amounts.resize(self.calls.len(), Before::default());
        if !keys.is_empty() {
            let (rows, layout) = self.rows(keys)?;
            self.advance(&rows, &layout, 0..keys.len(), &mut amounts)?;
        }
        Ok(amounts)
    }
}

impl Operator for Window {
    fn step(&mut self, _: &Tick, inputs: &mut [Vec<Delta>], out: &mut Output) -> Result<Step> {
        let [input] = inputs else { return Err(Error::internal("a window has one input")) };
        let changes = self.changes(std::mem::take(input))?;
        let (mut segments, mut rows) = (Vec::new(), 0);
        for (group, changes) in changes {
            let mut partition = std::mem::take(&mut self.partitions[group as usize]);
            self.entries -= partition.len() as u64;
            let touched = partition.change(changes, self)?;
            self.entries += partition.len() as u64;
            if partition.len() == 0 {
                self.index.remove(group);
            } else {
                self.partitions[group as usize] = partition;
            }
            rows += touched.iter().map(Segment::len).sum::<usize>();
            segments.extend(touched.into_iter().map(|segment| (group, segment)));
            if rows >= BATCH_ROWS {
                self.emit(&segments, out)?;
                segments.clear();
                rows = 0;
            }
        }
        self.emit(&segments, out)?;
        Ok(Step::Done)
    }

    fn bytes(&self) -> usize {
        let rows: usize = self.partitions.iter().map(Partition::bytes).sum();
        self.index.bytes() + self.partitions.capacity() * size_of::<Partition>() + rows
    }

    fn state_rows(&self) -> u64 {
        self.entries
    }
}

/// The values of all calls for rows before and after a change.
struct Results<'a> {
    keys: &'a [&'a Key],
    found: &'a [Evaluated],
}

impl Results<'_> {
    /// Appends the rows of `new` with weight 1 and those of `old` with weight −1, but for those that are in both. Both are sorted.
    fn difference(
        &self,
        old: Range<usize>,
        new: Range<usize>,
        is_core: &dyn Fn(usize) -> bool,
        changed: &mut Vec<(usize, i64)>,
    ) {
        let (mut before, mut after) = (old.start, new.start);
        let mut add = |row: usize, weight: i64| {
            if is_core(row) {
                changed.push((row, weight));
            }
        };
        while before < old.end || after < new.end {
            let order = match (before < old.end, after < new.end) {
                (true, true) => self.keys[before].cmp(self.keys[after]),
                (true, false) => std::cmp::Ordering::Less,
                _ => std::cmp::Ordering::Greater,
            };
            if order.is_eq() && self.same(before, after) {
                before += 1;
                after += 1;
                continue;
            }
            if order.is_le() {
                add(before, -1);
                before += 1;
            }
            if order.is_ge() {
                add(after, 1);
                after += 1;
            }
        }
    }

    /// Whether all values of two rows are the same; those of rows that fail are not.
    fn same(&self, one: usize, other: usize) -> bool {
        self.found.iter().all(|call| {
            let values = call.values.as_ref();
            call.errors.is_empty() && values_equal(values, one, values, other, Equality::Row)
        })
    }
}

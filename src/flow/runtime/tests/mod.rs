//! The runtime as its users see it: through the handle, with sources that the tests write by hand.

mod failures;
mod streams;
mod subscriptions;
mod views;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use datafusion::arrow::array::{ArrayRef, Int64Array};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::array_value_to_string;

use super::*;
use crate::compile::plan::{AggregateCall, AggregateFunction};
use crate::connector::{Positions, RawBatch, RawRecord, Read, Reader, ReaderStatus};

pub(super) const TABLE: RelationId = RelationId(1);
pub(super) const STREAM: RelationId = RelationId(2);
pub(super) const VIEW: RelationId = RelationId(11);
pub(super) const VIEW_2: RelationId = RelationId(12);

pub(super) fn start(workers: usize) -> Runtime {
    Runtime::start(RuntimeOptions { workers, ..RuntimeOptions::default() }, Clock::System).unwrap()
}

/// Columns `k` and `v`, both bigint.
pub(super) fn pairs_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("k", DataType::Int64, true), Field::new("v", DataType::Int64, true)]))
}

pub(super) fn pairs(rows: &[(i64, i64)]) -> RecordBatch {
    let k: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)));
    let v: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.1)));
    RecordBatch::try_new(pairs_schema(), vec![k, v]).unwrap()
}

/// Rows (k, v, weight).
pub(super) fn weighted(rows: &[(i64, i64, i64)]) -> Delta {
    let values: Vec<(i64, i64)> = rows.iter().map(|row| (row.0, row.1)).collect();
    Delta::weighted(pairs(&values), rows.iter().map(|row| row.2).collect::<Vec<_>>().into())
}

pub(super) fn source_plan(relation: RelationId, schema: SchemaRef) -> Plan {
    let columns = (0..schema.fields().len()).collect();
    Plan::Source { relation, name: format!("r{}", relation.0), columns, schema }
}

/// `SELECT keys, count(*) AS n, sum(argument) AS s GROUP BY keys`.
pub(super) fn count_and_sum(input: Plan, keys: Vec<usize>, argument: usize) -> Plan {
    let input_schema = input.schema();
    let n = Arc::new(Field::new("n", DataType::Int64, true));
    let s = Arc::new(Field::new("s", DataType::Decimal128(38, 0), true));
    let mut fields: Vec<_> = keys.iter().map(|key| Arc::new(input_schema.field(*key).clone())).collect();
    fields.extend([Arc::clone(&n), Arc::clone(&s)]);
    let calls = vec![
        AggregateCall::new(AggregateFunction::Count, vec![], n),
        AggregateCall::new(AggregateFunction::Sum, vec![argument], s),
    ];
    Plan::Aggregate {
        input: Box::new(input),
        keys,
        constant_groups: None,
        calls,
        schema: Arc::new(Schema::new(fields)),
    }
}

pub(super) fn by_key(relation: RelationId) -> Arc<Plan> {
    Arc::new(count_and_sum(source_plan(relation, pairs_schema()), vec![0], 1))
}

pub(super) fn total(relation: RelationId) -> Arc<Plan> {
    Arc::new(count_and_sum(source_plan(relation, pairs_schema()), vec![], 1))
}

/// Rows as text, sorted.
pub(super) fn text(batches: &[RecordBatch]) -> Vec<String> {
    let mut rows = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let values: Vec<String> =
                batch.columns().iter().map(|column| array_value_to_string(column, row).unwrap()).collect();
            rows.push(values.join(" "));
        }
    }
    rows.sort();
    rows
}

pub(super) async fn read(runtime: &Runtime, id: RelationId, at_least: u64) -> Vec<String> {
    text(&runtime.read(&[id.into()], at_least).await.unwrap().1[0].batches)
}

/// What [`count_and_sum`] by key should make of rows (k, v).
pub(super) fn model(rows: &[(i64, i64)]) -> Vec<String> {
    let mut groups: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    for (k, v) in rows {
        let group = groups.entry(*k).or_default();
        group.0 += 1;
        group.1 += v;
    }
    let mut rows: Vec<String> = groups.iter().map(|(k, (n, s))| format!("{k} {n} {s}")).collect();
    rows.sort();
    rows
}

/// A small deterministic generator (xorshift64*).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }
}

/// A source of partitions that the test fills by hand.
#[derive(Clone, Default)]
pub(super) struct Script {
    state: Arc<Mutex<ScriptState>>,
    changed: Arc<Condvar>,
    /// Readers that are open.
    pub(super) open: Arc<AtomicUsize>,
    /// Readers that were ever opened.
    pub(super) opened: Arc<AtomicUsize>,
    first: Arc<AtomicI64>,
}

#[derive(Default)]
struct ScriptState {
    partitions: BTreeMap<i32, Vec<Entry>>,
    ended: bool,
    error: Option<Error>,
}

#[derive(Clone)]
pub(super) enum Entry {
    Row(i64, i64),
    /// A record for the stream's decoder.
    Record(String),
}

impl Script {
    pub(super) fn push(&self, partition: i32, entries: impl IntoIterator<Item = Entry>) {
        self.state.lock().unwrap().partitions.entry(partition).or_default().extend(entries);
        self.changed.notify_all();
    }

    pub(super) fn rows(&self, partition: i32, rows: &[(i64, i64)]) {
        self.push(partition, rows.iter().map(|(k, v)| Entry::Row(*k, *v)));
    }

    /// Makes the source bounded.
    pub(super) fn end(&self) {
        self.state.lock().unwrap().ended = true;
        self.changed.notify_all();
    }

    /// Makes every read fail.
    pub(super) fn fail(&self, error: Error) {
        self.state.lock().unwrap().error = Some(error);
        self.changed.notify_all();
    }

    /// Where new readers start, in all partitions.
    pub(super) fn start_at(&self, position: i64) {
        self.first.store(position, Ordering::SeqCst);
    }

    pub(super) fn spec(&self, options: &[(&str, &str)]) -> StreamSpec {
        StreamSpec {
            id: STREAM,
            name: "events".to_string(),
            source: Arc::new(self.clone()),
            options: Options(options.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()),
            layout: Layout { schema: pairs_schema(), includes: Vec::new() },
        }
    }
}

impl Source for Script {
    fn connector(&self) -> &'static str {
        "script"
    }

    fn start(&self) -> Result<Positions> {
        let first = self.first.load(Ordering::SeqCst);
        Ok(self.state.lock().unwrap().partitions.keys().map(|partition| (*partition, first)).collect())
    }

    fn end(&self) -> Result<Option<Positions>> {
        let state = self.state.lock().unwrap();
        Ok(Some(state.partitions.iter().map(|(partition, rows)| (*partition, rows.len() as i64)).collect()))
    }

    fn open(&self, from: &Positions, until: Option<&Positions>, _headers: bool) -> Result<Box<dyn Reader>> {
        self.open.fetch_add(1, Ordering::SeqCst);
        self.opened.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(ScriptReader { script: self.clone(), next: from.clone(), until: until.cloned() }))
    }
}

struct ScriptReader {
    script: Script,
    next: Positions,
    until: Option<Positions>,
}

impl Drop for ScriptReader {
    fn drop(&mut self) {
        self.script.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl ScriptReader {
    fn poll(&mut self, state: &ScriptState, records_max: usize) -> Option<Read> {
        let mut finished = true;
        for (partition, entries) in &state.partitions {
            let next = *self.next.get(partition).unwrap_or(&0) as usize;
            let until = self.until.as_ref().map_or(usize::MAX, |until| until[partition] as usize);
            finished &= next >= until || (self.until.is_none() && state.ended && next >= entries.len());
            let chosen = &entries[next.min(entries.len())..entries.len().min(until).max(next.min(entries.len()))];
            let Some(first) = chosen.first() else { continue };
            // A run of entries of one kind.
            let rows = matches!(first, Entry::Row(..));
            let run = chosen.iter().take(records_max).take_while(|entry| matches!(entry, Entry::Row(..)) == rows);
            let run: Vec<Entry> = run.cloned().collect();
            let after = (next + run.len()) as i64;
            self.next.insert(*partition, after);
            return Some(if rows {
                as_rows(&run, *partition, after)
            } else {
                as_records(&run, *partition, next as i64)
            });
        }
        finished.then_some(Read::End)
    }
}

fn as_rows(run: &[Entry], partition: i32, next: i64) -> Read {
    let values: Vec<(i64, i64)> =
        run.iter().filter_map(|entry| if let Entry::Row(k, v) = entry { Some((*k, *v)) } else { None }).collect();
    Read::Rows { rows: pairs(&values), partition, next }
}

fn as_records(run: &[Entry], partition: i32, first: i64) -> Read {
    let mut batch = RawBatch { topic: "topic".into(), partition, ..RawBatch::default() };
    for (i, entry) in run.iter().enumerate() {
        let Entry::Record(value) = entry else { continue };
        let from = batch.arena.len();
        batch.arena.extend_from_slice(value.as_bytes());
        batch.records.push(RawRecord {
            value: Some(from..batch.arena.len()),
            offset: first + i as i64,
            timestamp_ms: -1,
            ..RawRecord::default()
        });
    }
    Read::Records(batch)
}

impl Reader for ScriptReader {
    fn read(&mut self, records_max: usize, wait: Duration) -> Result<Read> {
        let script = self.script.clone();
        let mut state = script.state.lock().unwrap();
        for last in [false, true] {
            if let Some(error) = &state.error {
                return Err(error.clone());
            }
            if let Some(read) = self.poll(&state, records_max) {
                return Ok(read);
            }
            if !last {
                state = script.changed.wait_timeout(state, wait).unwrap().0;
            }
        }
        Ok(Read::Idle)
    }

    fn status(&self) -> ReaderStatus {
        ReaderStatus { state: "running", ..ReaderStatus::default() }
    }
}

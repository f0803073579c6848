//! A keyed aggregate over batches in memory, with changes out.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use tidewater::catalog::RelationId;
use tidewater::clock::{self, Clock};
use tidewater::compile::plan::{AggregateCall, AggregateFunction, Plan};
use tidewater::connector::{Options as With, Positions, Read, Reader, ReaderStatus, Source};
use tidewater::error::{Error, Result};
use tidewater::flow::Delta;
use tidewater::flow::runtime::{Keep, Runtime, RuntimeOptions, StreamSpec};
use tidewater::format::Layout;

use super::cpu_seconds;
use crate::command::{Message, block_on, say};

/// How much.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Rows
    #[arg(long, default_value_t = 50_000_000)]
    rows: u64,
    /// Distinct keys
    #[arg(long, default_value_t = 100_000)]
    groups: u64,
    /// Worker threads
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Runs
    #[arg(long, default_value_t = 3)]
    runs: usize,
}

/// Rows of one batch.
const BATCH_ROWS: u64 = 8192;
/// Batches that are made beforehand and given again and again.
const BATCHES: u64 = 64;

pub(super) fn run(options: &Options) -> Result<(), Message> {
    for _ in 0..options.runs {
        let (wall, cpu) = block_on(async { measure(options).await.map_err(|error| error.message_and_hint()) })?;
        let rows = options.rows as f64 / 1e6;
        say(&format!(
            "count, max, sum by key, {} keys, {} workers: {:.1} M rows/s, {:.1} M rows per CPU second",
            options.groups,
            options.workers,
            rows / wall,
            rows / cpu
        ));
    }
    Ok(())
}

async fn measure(options: &Options) -> Result<(f64, f64)> {
    let schema = schema(&["key", "bidder", "price"]);
    let source = Arc::new(Memory { batches: batches(&schema, options.groups), rows: options.rows as i64 });
    let runtime =
        Runtime::start(RuntimeOptions { workers: options.workers, ..RuntimeOptions::default() }, Clock::System)?;
    let stream = StreamSpec {
        id: RelationId(1),
        name: "rows".into(),
        source,
        options: With::default(),
        layout: Layout { schema: Arc::clone(&schema), includes: Vec::new() },
    };
    runtime.add_stream(stream).await?;
    let (wall, cpu) = (clock::instant(), cpu_seconds());
    runtime.add_dataflow(RelationId(2), "aggregate", Arc::new(plan(&schema)), Keep::Changes).await?;
    let mut subscription = runtime.subscribe(RelationId(2), true, false).await?;
    // The counts of all groups, added up over their changes, are the rows that are in.
    let mut seen = 0;
    while seen < options.rows as i64 {
        let Some(change) = subscription.changes.recv().await else {
            return Err(Error::internal("the dataflow ended early"));
        };
        seen += change?.delta.iter().map(counted).sum::<i64>();
    }
    let figures = (wall.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    runtime.stop().await;
    Ok(figures)
}

/// Sum of the column `n`, by weight.
fn counted(delta: &Delta) -> i64 {
    let counts = delta.rows.column(1).as_primitive::<Int64Type>();
    (0..delta.rows.num_rows()).map(|i| counts.value(i) * delta.weight(i)).sum()
}

fn schema(names: &[&str]) -> SchemaRef {
    Arc::new(Schema::new(names.iter().map(|name| Field::new(*name, DataType::Int64, true)).collect::<Vec<_>>()))
}

fn batches(schema: &SchemaRef, groups: u64) -> Vec<RecordBatch> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut random = move || {
        // xorshift64 (Marsaglia, 2003).
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut column = |modulus: u64| {
        Arc::new(Int64Array::from_iter_values((0..BATCH_ROWS).map(|_| (random() % modulus) as i64))) as ArrayRef
    };
    let mut batch =
        || RecordBatch::try_new(Arc::clone(schema), vec![column(groups), column(50_000), column(10_000_000)]);
    (0..BATCHES).filter_map(|_| batch().ok()).collect()
}

fn plan(rows: &SchemaRef) -> Plan {
    let call = |function, arguments, field: Field| AggregateCall::new(function, arguments, Arc::new(field));
    let fields = [
        Field::new("n", DataType::Int64, true),
        Field::new("top", DataType::Int64, true),
        Field::new("volume", DataType::Decimal128(38, 0), true),
    ];
    let mut schema = vec![rows.field(0).clone()];
    schema.extend(fields.iter().cloned());
    let [count, top, volume] = fields;
    Plan::Aggregate {
        input: Box::new(Plan::Source {
            relation: RelationId(1),
            name: "rows".into(),
            columns: vec![0, 1, 2],
            schema: Arc::clone(rows),
        }),
        keys: vec![0],
        constant_groups: None,
        calls: vec![
            call(AggregateFunction::Count, vec![], count),
            call(AggregateFunction::Max, vec![2], top),
            call(AggregateFunction::Sum, vec![2], volume),
        ],
        schema: Arc::new(Schema::new(schema)),
    }
}

/// Gives prepared batches until enough rows were read.
struct Memory {
    batches: Vec<RecordBatch>,
    rows: i64,
}

impl Source for Memory {
    fn connector(&self) -> &'static str {
        "memory"
    }

    fn start(&self) -> Result<Positions> {
        Ok(Positions::from([(0, 0)]))
    }

    fn end(&self) -> Result<Option<Positions>> {
        Ok(Some(Positions::from([(0, self.rows)])))
    }

    fn open(&self, from: &Positions, until: Option<&Positions>, _: bool) -> Result<Box<dyn Reader>> {
        let until = until.and_then(|until| until.get(&0)).copied().unwrap_or(self.rows);
        Ok(Box::new(MemoryReader {
            batches: self.batches.clone(),
            position: from.get(&0).copied().unwrap_or(0),
            until,
        }))
    }
}

struct MemoryReader {
    batches: Vec<RecordBatch>,
    position: i64,
    until: i64,
}

impl Reader for MemoryReader {
    fn read(&mut self, _: usize, _: Duration) -> Result<Read> {
        let left = self.until - self.position;
        if left <= 0 {
            return Ok(Read::End);
        }
        let at = (self.position as u64 / BATCH_ROWS) as usize % self.batches.len().max(1);
        let batch = self.batches.get(at).ok_or_else(|| Error::internal("no batches"))?;
        let rows = batch.slice(0, batch.num_rows().min(left as usize));
        self.position += rows.num_rows() as i64;
        Ok(Read::Rows { rows, partition: 0, next: self.position })
    }

    fn status(&self) -> ReaderStatus {
        ReaderStatus { state: "running", ..ReaderStatus::default() }
    }
}

//! DataFusion's view of a snapshot, and of what a stream holds now.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::Session;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::{TableProvider, TableType};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use tokio::sync::mpsc;

use super::left_out::places;
use super::{LeftOut, Snapshot};
use crate::connector::OnDeleted;
use crate::error::{Error, Result};
use crate::flow::runtime::source::{DecodedRead, DecodingReader};
use crate::flow::runtime::{Runtime, StreamSpec};

/// Batches that a stream's reading thread is ahead of the query at most.
const BATCHES_AHEAD: usize = 4;
/// How long a read waits before it looks whether anybody still wants the rows.
const READ_WAIT: Duration = Duration::from_millis(50);
/// Records of one read at most.
const READ_RECORDS: usize = 4096;

/// A table of the snapshot's rows.
pub fn snapshot_table(snapshot: Snapshot) -> Arc<dyn TableProvider> {
    Arc::new(SnapshotTable { snapshot })
}

/// A table of what the stream holds now: from where a reader starts to the end at the moment the query runs. Rows are read as the
/// query takes them, so a LIMIT reads little. A stream without end is refused when the query runs. Records that cannot be decoded are
/// handed to the runtime, and what is no row is counted in `left_out`.
pub fn stream_table(spec: StreamSpec, runtime: Runtime, left_out: Arc<LeftOut>) -> Arc<dyn TableProvider> {
    Arc::new(StreamTable { spec, runtime, left_out })
}

#[derive(Debug)]
struct SnapshotTable {
    snapshot: Snapshot,
}

#[async_trait]
impl TableProvider for SnapshotTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.snapshot.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let partitions = deal(&self.snapshot.batches, state.config_options().execution.target_partitions);
        let rows = MemorySourceConfig::try_new(&partitions, self.schema(), projection.cloned())?.with_limit(limit);
        Ok(DataSourceExec::from_data_source(rows))
    }
}

/// Batches dealt to partitions so that each has about the same number of them; few batches make one partition.
fn deal(batches: &[RecordBatch], partitions: usize) -> Vec<Vec<RecordBatch>> {
    let partitions = partitions.clamp(1, batches.len().div_ceil(8).max(1));
    let mut dealt = vec![Vec::with_capacity(batches.len() / partitions + 1); partitions];
    for (i, batch) in batches.iter().enumerate() {
        dealt[i % partitions].push(batch.clone());
    }
    dealt
}

#[derive(Clone)]
struct StreamTable {
    spec: StreamSpec,
    runtime: Runtime,
    left_out: Arc<LeftOut>,
}

impl fmt::Debug for StreamTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamTable").field("name", &self.spec.name).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for StreamTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.spec.layout.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let partition = Arc::new(self.clone());
        let read =
            StreamingTableExec::try_new(TableProvider::schema(self), vec![partition], projection, [], false, limit)?;
        Ok(Arc::new(read))
    }
}

impl PartitionStream for StreamTable {
    fn schema(&self) -> &SchemaRef {
        &self.spec.layout.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        let table = self.clone();
        let failed = sender.clone();
        // Connectors block, so they get a thread; it ends with the stream's end or when the query lets go of the receiver.
        let spawned = thread::Builder::new().name("stream-scan".into()).spawn(move || {
            if let Err(error) = read_all(&table, &sender) {
                let _ = sender.blocking_send(Err(DataFusionError::External(Box::new(error))));
            }
        });
        if let Err(error) = spawned {
            let _ = failed.try_send(Err(DataFusionError::IoError(error)));
        }
        let rows =
            futures::stream::unfold(receiver, async |mut receiver| receiver.recv().await.map(|rows| (rows, receiver)));
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.spec.layout.schema), Box::pin(rows)))
    }
}

fn read_all(table: &StreamTable, rows_out: &mpsc::Sender<DataFusionResult<RecordBatch>>) -> Result<()> {
    let StreamTable { spec, runtime, left_out } = table;
    let start = spec.source.start()?;
    let Some(end) = spec.source.end()? else {
        return Err(Error::unsupported(format!("cannot read stream \"{}\" directly: it never ends", spec.name))
            .hint("create a materialized view over it, or SUBSCRIBE to it"));
    };
    let mut reader = DecodingReader::open(spec, &start, Some(&end), OnDeleted::Pass)?;
    while !rows_out.is_closed() {
        match reader.read(READ_RECORDS, READ_WAIT)? {
            DecodedRead::Rows { rows, rejected, .. } => {
                if !rejected.is_empty() {
                    let places = places(&rejected);
                    left_out.add_rejected(&spec.name, &places, runtime.reject(spec, rejected)?);
                }
                left_out.set_deleted(&spec.name, reader.deleted());
                if rows.num_rows() > 0 && rows_out.blocking_send(Ok(rows)).is_err() {
                    return Ok(());
                }
            }
            DecodedRead::Idle => {}
            DecodedRead::End => return Ok(()),
        }
    }
    Ok(())
}

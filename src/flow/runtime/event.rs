//! What the coordinator is told.

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use tokio::sync::oneshot;

use super::render::DataflowPlan;
use super::worker::Report;
use super::{Keep, StreamSpec};
use crate::catalog::RelationId;
use crate::connector::Positions;
use crate::error::{Error, Result};
use crate::flow::Delta;
use crate::view::Subscription;

/// Identity of one run of a reader thread; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ReaderId(pub(super) u64);

/// Where an answer goes. An asker that is gone needs none.
pub(super) type Reply<T> = oneshot::Sender<Result<T>>;

/// What the coordinator is told.
pub(super) enum Event {
    /// Through the handle.
    Request(Request),
    /// By a reader thread.
    Reader(ReaderId, ReaderMessage),
    /// By a worker: it finished its share of a tick.
    Report(Report),
    /// A worker panicked outside of any operator; no tick that touches a dataflow can be finished any more.
    WorkerLost(String),
    /// All worker threads have ended.
    WorkersEnded,
}

/// What a reader thread has to say.
pub(super) enum ReaderMessage {
    /// The source was reached: where reading starts, and where the source ends now.
    Opened { start: Positions, end: Option<Positions> },
    /// Rows (maybe none) and the position after them.
    Rows { rows: RecordBatch, bytes: usize, partition: i32, next: i64 },
    /// All was read.
    End,
    /// Reading ended with an error; with `fails_readers`, those who read the stream fail too.
    Failed { error: Error, fails_readers: bool },
}

/// What the handle asks.
pub(super) enum Request {
    AddStream(StreamSpec, Reply<()>),
    AddTable {
        id: RelationId,
        name: String,
        schema: SchemaRef,
        reply: Reply<()>,
    },
    AlterTable(AlteredTable, Reply<()>),
    AddDataflow(NewDataflow, Reply<()>),
    Remove(RelationId, Reply<()>),
    Write(Vec<(RelationId, Delta)>, Reply<u64>),
    Subscribe {
        id: RelationId,
        snapshot: bool,
        progress: bool,
        reply: Reply<Subscription>,
    },
    Flush(Reply<()>),
    /// The ends of streams that a flush waits for, found on a thread of their own.
    FlushUntil {
        targets: Result<Vec<(ReaderId, Positions)>>,
        writes: u64,
        reply: Reply<()>,
    },
    Stop(oneshot::Sender<()>),
}

/// A dataflow, built for every worker.
pub(super) struct NewDataflow {
    pub(super) id: RelationId,
    pub(super) name: String,
    pub(super) schema: SchemaRef,
    pub(super) append_only: bool,
    pub(super) keep: Keep,
    /// The relations it reads.
    pub(super) inputs: Vec<RelationId>,
    /// One per worker.
    pub(super) plans: Vec<DataflowPlan>,
}

/// A table with other columns.
pub(super) struct AlteredTable {
    pub(super) id: RelationId,
    pub(super) schema: SchemaRef,
    /// All its rows.
    pub(super) rows: Vec<RecordBatch>,
    /// Its indexes and their columns.
    pub(super) indexes: Vec<(RelationId, Vec<usize>)>,
}

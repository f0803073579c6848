//! Bytes in and out. In: options of a `WITH (…)` clause; out: [`RawBatch`]es with positions, or rows that a connector makes itself.
//! Never: SQL, results, other connectors.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

use crate::error::Result;

// JSON lines and CSV files.
pub mod file;
// Deterministic test data: Nexmark.
pub mod generator;
// Apache Kafka, the only code that knows librdkafka.
pub mod kafka;
// Takes options and refuses what is left.
mod options;

/// The next position to read, by partition. For Kafka an offset; for files and generators a record number.
pub type Positions = BTreeMap<i32, i64>;

/// Options of a `WITH (…)` clause, lower-case keys, in the order written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options(pub Vec<(String, String)>);

impl Options {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

/// Records of one partition as a connector read them: one arena, offsets into it.
#[derive(Debug, Clone, Default)]
pub struct RawBatch {
    /// Topic or path, for messages and `tidewater.rejected_records`.
    pub topic: Arc<str>,
    /// Partition of all records in the batch.
    pub partition: i32,
    /// Keys and values of all records.
    pub arena: Vec<u8>,
    /// The records.
    pub records: Vec<RawRecord>,
}

/// One record: where its parts are in the arena.
#[derive(Debug, Clone, Default)]
pub struct RawRecord {
    /// Value; `None` is a null value (a tombstone), which differs from an empty one.
    pub value: Option<std::ops::Range<usize>>,
    /// Key.
    pub key: Option<std::ops::Range<usize>>,
    /// Offset in the partition.
    pub offset: i64,
    /// Record timestamp: ms since 1970-01-01 UTC, −1 if the record has none.
    pub timestamp_ms: i64,
    /// Headers in order, duplicates kept; filled only where the reader was asked for them.
    pub headers: Vec<(String, Option<Bytes>)>,
}

/// What a reader has to say.
#[derive(Debug)]
pub enum Read {
    /// Encoded records, to be decoded by a format. Positions after them are the last offset + 1.
    Records(RawBatch),
    /// Rows that need no decoding, with the position after them of their partition.
    Rows {
        /// The rows, in the stream's column order.
        rows: RecordBatch,
        /// Partition they belong to.
        partition: i32,
        /// Next position of that partition.
        next: i64,
    },
    /// A position moved without a row (transaction markers, compacted records at the end).
    Position {
        /// Partition.
        partition: i32,
        /// Next position.
        next: i64,
    },
    /// Nothing now.
    Idle,
    /// Nothing ever again: the source is bounded (or `until` was reached) and all was read.
    End,
}

/// A stream's registered and validated origin: knows how to open readers. Cheap to share; opens no connection by itself.
pub trait Source: Send + Sync {
    /// `kafka`, `file`, `generator`.
    fn connector(&self) -> &'static str;

    /// Checks that the origin can be reached and holds what the options name, and answers where a reader starts
    /// (`start` option resolved to positions) for every partition. Fails within 10 s with reason and hint.
    fn start(&self) -> Result<Positions>;

    /// Takes back what [`Source::start`] made outside, if it was not used since. Takes 10 s at most.
    fn undo(&self) -> Result<()> {
        Ok(())
    }

    /// Where the input ends now (exclusive), by partition; `None` if it never ends and never pauses (an unbounded generator).
    fn end(&self) -> Result<Option<Positions>>;

    /// Whether nothing more will come that a bounded input still has to bring: true for what is all there, and for what never ends.
    fn is_complete(&self) -> bool {
        true
    }

    /// A reader from `from` (partitions not named start at their beginning) to `until` (exclusive; `None`: for ever, or to the
    /// end of a bounded input). `headers` tells whether record headers are wanted. 55000 if the origin is another one than it was:
    /// trying again is of no use.
    fn open(&self, from: &Positions, until: Option<&Positions>, headers: bool) -> Result<Box<dyn Reader>>;
}

/// Reads one source; owned by one thread.
pub trait Reader: Send {
    /// The next batch of at most `records_max` records of one partition; waits at most `wait` for one.
    /// An error is fatal to this reader; trouble that may pass (broker away) is retried inside and told by [`Reader::status`].
    fn read(&mut self, records_max: usize, wait: Duration) -> Result<Read>;

    /// What to do about records that the origin deleted before they were read; called before the first read. A reader fails
    /// unless it is told otherwise; origins that delete nothing need not listen.
    fn on_deleted(&mut self, _on_deleted: OnDeleted) {}

    /// `running`, `reconnecting`, …, and the last error with its time (µs), for `tidewater.sources`.
    fn status(&self) -> ReaderStatus;
}

/// What a reader does about records that the origin deleted (by retention) before they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDeleted {
    /// An error says how many are gone.
    Fail,
    /// Those before the first record that is read are no part of the input; later ones are an error.
    PassAtStart,
    /// Reading goes on behind them. Later ones are counted in [`ReaderStatus::deleted`].
    Pass,
}

/// State of a reader for `tidewater.sources`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReaderStatus {
    /// `running` or `reconnecting`.
    pub state: &'static str,
    /// Last error, as told by the origin.
    pub last_error: Option<String>,
    /// When it was seen: µs since 1970-01-01 UTC.
    pub last_error_at: Option<i64>,
    /// Offsets between records that were read which the origin deleted before their turn came.
    pub deleted: u64,
}

/// A change that a sink writes: rows of equal weight sign in one tick.
#[derive(Debug, Clone)]
pub struct SinkRecord {
    /// Encoded key; `None` writes a record without key.
    pub key: Option<Vec<u8>>,
    /// Encoded value; `None` writes a tombstone.
    pub value: Option<Vec<u8>>,
}

/// Writes encoded records to a target; owned by one thread.
pub trait SinkWriter: Send {
    /// Hands the records over in order; blocks while the target's queue is full.
    fn write(&mut self, records: Vec<SinkRecord>) -> Result<()>;

    /// Returns when everything written before is acknowledged (at-least-once).
    fn flush(&mut self, timeout: Duration) -> Result<()>;
}

/// A registered and validated sink target.
pub trait Sink: Send + Sync {
    /// `kafka`.
    fn connector(&self) -> &'static str;
    /// Checks the target (topic exists, options valid). Fails within 10 s with reason and hint.
    fn check(&self) -> Result<()>;
    /// Takes back what [`Sink::check`] made outside, if it was not used since. Takes 10 s at most.
    fn undo(&self) -> Result<()> {
        Ok(())
    }
    /// Opens a writer.
    fn open(&self) -> Result<Box<dyn SinkWriter>>;
}

/// Makes a source from options and the stream's value columns; rejects unknown options by name with a hint.
pub type MakeSource = fn(&Options, &SchemaRef) -> Result<Arc<dyn Source>>;

/// Makes a sink from options; rejects unknown options by name with a hint.
pub type MakeSink = fn(&Options) -> Result<Arc<dyn Sink>>;

/// One connector: how `connector = '<name>'` makes sources and sinks.
pub struct Connector {
    /// The name in SQL.
    pub name: &'static str,
    /// Makes its sources.
    pub source: MakeSource,
    /// Makes its sinks; `None` if the connector cannot write.
    pub sink: Option<MakeSink>,
    /// Columns of a stream that declares none, where the connector knows them.
    pub columns: fn(&Options) -> Result<Option<SchemaRef>>,
}

/// All connectors, in the order that messages name them.
pub static CONNECTORS: &[Connector] = &[kafka::CONNECTOR, file::CONNECTOR, generator::CONNECTOR];

/// Option keys that belong to the format or the stream, not to a connector: connectors skip them when they check for unknown keys.
pub const COMMON_OPTIONS: &[&str] =
    &["connector", "format", "max_rows_per_second", "on_error", "key", "delimiter", "header", "null"];

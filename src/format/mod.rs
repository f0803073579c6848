//! Bytes ⇄ Arrow. In: [`RawBatch`]; out: rows in the stream's columns, and records that could not be decoded, as data.
//! Never: IO, clocks.

use datafusion::arrow::datatypes::{FieldRef, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;

use crate::connector::{Options, RawBatch};
use crate::error::Result;

// Column buffers that decoders write into.
mod column;
// Delimited text.
pub mod csv;
// Metadata columns.
mod include;
// JSON: schema-directed decoder straight into columns.
pub mod json;
// Rows under construction.
mod parts;
// Records into rows and rejects.
mod rows;
// Values as PostgreSQL writes and reads them as text.
pub mod text;

/// A metadata column of `INCLUDE …`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Include {
    /// Record key: bytea, or text if the stream says so (`INCLUDE key` is bytea).
    Key,
    /// integer.
    Partition,
    /// bigint.
    Offset,
    /// timestamptz.
    Timestamp,
    /// jsonb: array of `{"key": …, "value": …}` with the value as text, null if it is not UTF-8 or absent.
    Headers,
}

/// The columns of a stream: first those of the value, then the included ones.
#[derive(Debug, Clone)]
pub struct Layout {
    /// All columns.
    pub schema: SchemaRef,
    /// What the last `includes.len()` columns hold.
    pub includes: Vec<Include>,
}

impl Layout {
    /// How many columns come from the value.
    pub fn value_columns(&self) -> usize {
        self.schema.fields().len() - self.includes.len()
    }
}

/// A record that could not be decoded: a row of `tidewater.rejected_records`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Topic or path.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// ms since 1970-01-01 UTC, −1 if none.
    pub timestamp_ms: i64,
    /// Raw key.
    pub key: Option<Vec<u8>>,
    /// Raw value.
    pub payload: Option<Vec<u8>>,
    /// Why, naming the column and the byte where it can.
    pub reason: String,
}

/// Rows and rejects of a batch; together they are all its records.
#[derive(Debug)]
pub struct Decoded {
    /// The rows, in record order, with the schema of the [`Layout`].
    pub rows: RecordBatch,
    /// The records left out.
    pub rejected: Vec<Rejected>,
}

/// Decodes raw records of one stream; owned by one thread, learns from what it sees (e.g. key order).
pub trait Decoder: Send {
    /// Decodes a batch. Never fails: what cannot be decoded is in [`Decoded::rejected`].
    fn decode(&mut self, batch: &RawBatch) -> Decoded;
}

/// Encodes rows of a view for a sink.
pub trait Encoder: Send {
    /// One encoded value per row, over the given columns (all of the batch's schema if empty).
    fn encode(&mut self, rows: &RecordBatch, columns: &[usize]) -> Result<Vec<Vec<u8>>>;
}

/// Makes an encoder for rows with these fields.
pub type MakeEncoder = fn(&Options, &[FieldRef]) -> Result<Box<dyn Encoder>>;

/// One format: how `format = '<name>'` makes decoders and encoders.
pub struct Format {
    /// The name in SQL.
    pub name: &'static str,
    /// Makes a decoder; rejects column types that it cannot decode.
    pub decoder: fn(&Options, &Layout) -> Result<Box<dyn Decoder>>,
    /// Makes an encoder, `None` if the format cannot write.
    pub encoder: Option<MakeEncoder>,
}

/// All formats.
pub static FORMATS: &[Format] = &[json::FORMAT, csv::FORMAT];

#[cfg(test)]
mod tests {
    use crate::connector::{RawBatch, RawRecord};

    /// A batch of partition 3 with offsets from 10 whose records have these values.
    pub(super) fn batch_of(values: &[&[u8]]) -> RawBatch {
        let mut batch = RawBatch { topic: "t".into(), partition: 3, ..RawBatch::default() };
        for (at, value) in values.iter().enumerate() {
            let start = batch.arena.len();
            batch.arena.extend_from_slice(value);
            let value = Some(start..batch.arena.len());
            batch.records.push(RawRecord {
                value,
                offset: 10 + at as i64,
                timestamp_ms: 1_000,
                ..RawRecord::default()
            });
        }
        batch
    }
}

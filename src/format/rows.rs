//! What every decoder of single records shares: rows that fail are cut off again and become [`Rejected`], metadata columns are
//! appended, and NOT NULL is checked.

use std::ops::Range;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};

use super::column::ColumnBuilder;
use super::include::Includes;
use super::{Decoded, Decoder, Layout, Rejected};
use crate::connector::{RawBatch, RawRecord};
use crate::error::Result;

/// Decodes the value of one record.
pub(super) trait RowDecoder: Send {
    /// Appends one row to all `columns`, which hold `rows` rows, or answers why it cannot; then the columns may hold parts of
    /// the row.
    fn append_row(&mut self, value: &[u8], columns: &mut [ColumnBuilder], rows: usize) -> Result<(), String>;
}

/// A [`Decoder`] made of a [`RowDecoder`].
pub(super) struct Rows<R> {
    schema: SchemaRef,
    columns: Vec<ColumnBuilder>,
    /// Columns that must not be NULL.
    required: Vec<usize>,
    includes: Includes,
    decoder: R,
}

impl<R: RowDecoder> Rows<R> {
    /// A decoder of a layout; 0A000 for a column type that no record can hold.
    pub(super) fn new(layout: &Layout, decoder: R) -> Result<Rows<R>> {
        let fields = &layout.schema.fields()[..layout.value_columns()];
        Ok(Rows {
            schema: SchemaRef::clone(&layout.schema),
            columns: fields.iter().map(|field| ColumnBuilder::for_field(field)).collect::<Result<_>>()?,
            required: (0..fields.len()).filter(|at| !fields[*at].is_nullable()).collect(),
            includes: Includes::new(layout)?,
            decoder,
        })
    }

    fn append(&mut self, batch: &RawBatch, record: &RawRecord, rows: usize) -> Result<(), String> {
        if record.value.is_none() {
            return Err("null value (tombstone)".to_string());
        }
        let value = part(batch, &record.value);
        if value.is_empty() {
            return Err("empty value".to_string());
        }
        self.decoder.append_row(value, &mut self.columns, rows)?;
        for column in &self.required {
            if self.columns[*column].ends_with_null() {
                let name = self.schema.field(*column).name();
                return Err(format!("column \"{name}\": null value violates not-null constraint"));
            }
        }
        self.includes.append(batch, record)
    }
}

impl<R: RowDecoder> Decoder for Rows<R> {
    fn decode(&mut self, batch: &RawBatch) -> Decoded {
        let mut rows = 0;
        let mut rejected = Vec::new();
        for record in &batch.records {
            match self.append(batch, record, rows) {
                Ok(()) => rows += 1,
                Err(reason) => {
                    for column in &mut self.columns {
                        column.truncate(rows);
                    }
                    self.includes.truncate(rows);
                    rejected.push(reject(batch, record, reason));
                }
            }
        }
        let columns = self.columns.iter_mut().map(ColumnBuilder::finish).chain(self.includes.finish()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let rows = RecordBatch::try_new_with_options(SchemaRef::clone(&self.schema), columns, &options)
            .expect("columns were made for the schema's fields, have one value a row, and NULL was checked");
        Decoded { rows, rejected }
    }
}

/// The bytes of a key or value; none if there is none.
pub(super) fn part<'a>(batch: &'a RawBatch, range: &Option<Range<usize>>) -> &'a [u8] {
    range.clone().and_then(|range| batch.arena.get(range)).unwrap_or_default()
}

#[cold]
fn reject(batch: &RawBatch, record: &RawRecord, reason: String) -> Rejected {
    let copy = |range: &Option<Range<usize>>| range.is_some().then(|| part(batch, range).to_vec());
    Rejected {
        topic: batch.topic.to_string(),
        partition: batch.partition,
        offset: record.offset,
        timestamp_ms: record.timestamp_ms,
        key: copy(&record.key),
        payload: copy(&record.value),
        reason,
    }
}

//! Arrow → the bytes of results. In: batches; out: RowDescription and DataRow messages, values in text or binary format. How a column
//! is encoded is chosen once per batch, not per value.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use datafusion::arrow::array::{Array, ArrayRef, StringArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::{can_cast_types, cast};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::data::{FieldDescription, RowDescription};

use super::failure::{code, protocol_violation};
use super::pg_type;
use crate::error::{Error, Result};
use crate::format::text::{ColumnWriter, TextOptions, Writer};
use crate::precision::Precision;
use crate::types::SqlType;

mod binary;

pub(super) use binary::{EPOCH_DAYS, EPOCH_MICROS};
// Binary numerics, out and in.
pub(super) mod numeric;

/// Most columns of a result (PostgreSQL's MaxTupleAttributeNumber).
const COLUMNS_MAX: usize = 1664;

/// How values travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants are the protocol's names")]
pub(super) enum Format {
    Text = 0,
    Binary = 1,
}

impl Format {
    /// The format of a code; 22023 for one that does not exist.
    fn of(code: i16) -> Result<Format> {
        match code {
            0 => Ok(Format::Text),
            1 => Ok(Format::Binary),
            other => Err(Error::new(code::INVALID_PARAMETER_VALUE, format!("unsupported format code: {other}"))),
        }
    }
}

/// The formats of several values: none given means text for all, one is for all, else one for each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Formats(Vec<Format>);

impl Formats {
    /// The formats of a Bind message.
    pub(super) fn new(codes: &[i16]) -> Result<Formats> {
        codes.iter().map(|code| Format::of(*code)).collect::<Result<_>>().map(Formats)
    }

    /// The same format for every value.
    pub(super) fn all(format: Format) -> Formats {
        Formats(vec![format])
    }

    /// The format of the value at `index`.
    pub(super) fn of(&self, index: usize) -> Format {
        match self.0.as_slice() {
            [] => Format::Text,
            [format] => *format,
            formats => formats.get(index).copied().unwrap_or(Format::Text),
        }
    }

    /// Checks that these formats can be meant for `count` values of a kind (`parameter`, `result`).
    pub(super) fn check(&self, count: usize, kind: &str) -> Result<()> {
        let given = self.0.len();
        if given <= 1 || given == count {
            return Ok(());
        }
        let have = if kind == "parameter" { "parameters" } else { "columns" };
        let of = if kind == "parameter" { "" } else { " query has" };
        Err(protocol_violation(format!("bind message has {given} {kind} formats but{of} {count} {have}")))
    }
}

/// RowDescription of a schema.
pub(super) fn row_description(schema: &Schema, formats: &Formats) -> Result<PgWireBackendMessage> {
    check_columns(schema.fields().len())?;
    let describe = |(index, field): (usize, &Arc<Field>)| {
        let sql_type = SqlType::declared(field);
        FieldDescription::new(
            field.name().replace('\0', "\u{fffd}"),
            0,
            0,
            pg_type::field_oid(field),
            pg_type::field_size(field),
            Precision::of(field).map_or_else(|| pg_type::modifier(&sql_type), Precision::modifier),
            formats.of(index) as i16,
        )
    };
    let fields = schema.fields().iter().enumerate().map(describe).collect();
    Ok(PgWireBackendMessage::RowDescription(RowDescription::new(fields)))
}

/// Refuses a result of more columns than the protocol's clients take, 54000.
pub(super) fn check_columns(count: usize) -> Result<()> {
    if count <= COLUMNS_MAX {
        return Ok(());
    }
    let message = format!("target lists can have at most {COLUMNS_MAX} entries");
    Err(Error::new(code::PROGRAM_LIMIT_EXCEEDED, message))
}

/// Writes one column's values. Called for rows that are not null only.
trait EncodeValue: Send {
    /// Appends the value of `row`.
    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<()>;
}

/// Encoders of a batch's columns.
pub(super) struct Encoders<'a> {
    columns: Vec<Column<'a>>,
    row: Vec<u8>,
}

/// A column: which rows are null, and how the others are written.
struct Column<'a> {
    nulls: Option<NullBuffer>,
    encoder: Box<dyn EncodeValue + 'a>,
}

impl<'a> Encoders<'a> {
    /// Encoders for `batch`; `options` say how text looks.
    pub(super) fn new(batch: &'a RecordBatch, formats: &Formats, options: &TextOptions) -> Result<Encoders<'a>> {
        let schema = batch.schema_ref();
        let columns = schema.fields().iter().zip(batch.columns()).enumerate();
        let columns = columns.map(|(index, (field, array))| match formats.of(index) {
            Format::Text => Column::text(array, field, options),
            Format::Binary => Column::binary(&canonical(array, field)?, field),
        });
        Ok(Encoders { columns: columns.collect::<Result<_>>()?, row: Vec::new() })
    }

    /// How many columns there are.
    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    /// Appends the value of a column at `row`; `false`, and nothing, if it is null.
    pub(super) fn value(&self, column: usize, row: usize, out: &mut Vec<u8>) -> Result<bool> {
        let column = &self.columns[column];
        if column.is_null(row) {
            return Ok(false);
        }
        column.encoder.write(row, out)?;
        Ok(true)
    }

    /// Appends a DataRow message; nothing after an error.
    pub(super) fn data_row(&mut self, row: usize, out: &mut BytesMut) -> Result<()> {
        let mut values = std::mem::take(&mut self.row);
        values.clear();
        self.tuple(row, &mut values)?;
        let length = length_of(values.len() + 6)?;
        out.reserve(values.len() + 7);
        out.put_u8(b'D');
        out.put_i32(length);
        // The count fits: `check_columns` refused more.
        out.put_i16(self.columns.len() as i16);
        out.put_slice(&values);
        self.row = values;
        Ok(())
    }

    /// Appends the values of a row, each with its length before it, −1 for null: the layout of DataRow and of binary COPY.
    pub(super) fn tuple(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        self.columns.iter().try_for_each(|column| column.write_with_length(row, out))
    }
}

impl<'a> Column<'a> {
    fn text(array: &'a ArrayRef, field: &Field, options: &TextOptions) -> Result<Column<'a>> {
        let encoder = Text(Writer::new(field, options)?.bind(array.as_ref())?);
        Ok(Column { nulls: array.logical_nulls(), encoder: Box::new(encoder) })
    }

    /// `array` has the canonical Arrow type of `field`.
    fn binary(array: &ArrayRef, field: &Field) -> Result<Column<'static>> {
        Ok(Column { nulls: array.logical_nulls(), encoder: binary::encoder(array, field)? })
    }

    fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    fn write_with_length(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        out.extend_from_slice(&(-1_i32).to_be_bytes());
        if !self.is_null(row) {
            self.encoder.write(row, out)?;
            let length = length_of(out.len() - start - 4)?;
            out[start..start + 4].copy_from_slice(&length.to_be_bytes());
        }
        Ok(())
    }
}

/// Values in text format: PostgreSQL's output functions.
struct Text<'a>(ColumnWriter<'a>);

impl EncodeValue for Text<'_> {
    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        self.0.write(row, out);
        Ok(())
    }
}

/// A length as the protocol holds it.
pub(super) fn length_of(bytes: usize) -> Result<i32> {
    i32::try_from(bytes)
        .map_err(|_| Error::new(code::PROGRAM_LIMIT_EXCEEDED, format!("a value or row of {bytes} bytes is too large")))
}

/// The values of `array` in the Arrow type that holds its SQL type ([`SqlType::arrow`]); what has no such type becomes text.
fn canonical(array: &ArrayRef, field: &Field) -> Result<ArrayRef> {
    let target = match (SqlType::of(field), array.data_type()) {
        // Wider than our numeric: the encoders take it as it is.
        (SqlType::Numeric(..), DataType::Decimal256(..)) => return Ok(Arc::clone(array)),
        (sql_type, _) => sql_type.arrow(),
    };
    let failed = |error: ArrowError| Error::internal(format!("cannot encode {}: {error}", array.data_type()));
    if array.data_type().equals_datatype(&target) {
        Ok(Arc::clone(array))
    } else if can_cast_types(array.data_type(), &target) {
        cast(array, &target).map_err(failed)
    } else {
        let options = FormatOptions::default();
        let formatter = ArrayFormatter::try_new(array, &options).map_err(failed)?;
        let nulls = array.logical_nulls();
        let text = |row| {
            let is_null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
            Ok((!is_null).then_some(formatter.value(row).try_to_string()?))
        };
        let values: Vec<Option<String>> = (0..array.len()).map(text).collect::<Result<_, _>>().map_err(failed)?;
        Ok(Arc::new(StringArray::from(values)))
    }
}

#[cfg(test)]
mod tests;

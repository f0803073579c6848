//! The metadata columns of `INCLUDE …`: what a record says besides its value.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::FieldRef;

use super::column::{ColumnBuilder, Values};
use super::rows::part;
use super::text::jsonb::write_string;
use super::text::{calendar, check_no_nul};
use super::{Include, Layout};
use crate::connector::{RawBatch, RawRecord};
use crate::error::{Error, Result};
use crate::types::SqlType;

/// The included columns under construction.
#[derive(Debug)]
pub(super) struct Includes {
    columns: Vec<Included>,
}

#[derive(Debug)]
struct Included {
    include: Include,
    field: FieldRef,
    column: ColumnBuilder,
}

impl Includes {
    /// The last columns of a layout; 0A000 for one of a type that it cannot have.
    pub(super) fn new(layout: &Layout) -> Result<Includes> {
        let fields = &layout.schema.fields()[layout.value_columns()..];
        let columns = layout.includes.iter().zip(fields).map(|(include, field)| {
            let sql_type = SqlType::of(field);
            let fits = match include {
                Include::Key => matches!(sql_type, SqlType::Bytea | SqlType::Text),
                Include::Partition => sql_type == SqlType::Integer,
                Include::Offset => sql_type == SqlType::BigInt,
                Include::Timestamp => sql_type == SqlType::TimestampTz,
                Include::Headers => sql_type == SqlType::Jsonb,
            };
            if !fits || sql_type.arrow() != *field.data_type() {
                let name = field.name();
                return Err(Error::unsupported(format!("included column \"{name}\" cannot be of type {sql_type}")));
            }
            Ok(Included { include: *include, field: FieldRef::clone(field), column: ColumnBuilder::new(&sql_type) })
        });
        Ok(Includes { columns: columns.collect::<Result<_>>()? })
    }

    /// Appends what a record says, or answers why it cannot be a row.
    pub(super) fn append(&mut self, batch: &RawBatch, record: &RawRecord) -> Result<(), String> {
        for Included { include, field, column } in &mut self.columns {
            append(*include, batch, record, column)
                .map_err(|reason| format!("column \"{}\": {reason}", field.name()))?;
            if !field.is_nullable() && column.ends_with_null() {
                return Err(format!("column \"{}\": null value violates not-null constraint", field.name()));
            }
        }
        Ok(())
    }

    /// Cuts all columns off after `rows` rows.
    pub(super) fn truncate(&mut self, rows: usize) {
        for included in &mut self.columns {
            included.column.truncate(rows);
        }
    }

    /// The columns as arrays; they are empty afterwards.
    pub(super) fn finish(&mut self) -> impl Iterator<Item = ArrayRef> + '_ {
        self.columns.iter_mut().map(|included| included.column.finish())
    }
}

fn append(include: Include, batch: &RawBatch, record: &RawRecord, column: &mut ColumnBuilder) -> Result<(), String> {
    match (include, &mut column.values) {
        (Include::Partition, Values::Integer(values)) => values.push(batch.partition),
        (Include::Offset, Values::BigInt(values)) => values.push(record.offset),
        (Include::Timestamp, Values::TimestampTz(values)) if record.timestamp_ms >= 0 => {
            values.push(record.timestamp_ms.saturating_mul(calendar::SECOND_US / 1_000));
        }
        (Include::Key, Values::Bytea(bytes)) if record.key.is_some() => {
            bytes.push(part(batch, &record.key)).map_err(|error| error.message)?;
        }
        (Include::Key, Values::Text(bytes)) if record.key.is_some() => {
            let key = part(batch, &record.key);
            if std::str::from_utf8(key).is_err() {
                return Err("invalid UTF-8 in the key".to_string());
            }
            check_no_nul(key).and_then(|()| bytes.push(key)).map_err(|error| error.message)?;
        }
        (Include::Headers, Values::Jsonb(bytes, _)) => {
            write_headers(record, &mut bytes.bytes);
            bytes.close().map_err(|error| error.message)?;
        }
        // No key, or no timestamp.
        _ => column.append_null(),
    }
    Ok(())
}

/// `[{"key": "k", "value": "v"}]`; a value that is no text is null and has `"base64"` beside it.
fn write_headers(record: &RawRecord, out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, (key, value)) in record.headers.iter().enumerate() {
        out.extend_from_slice(if at > 0 { b", {\"key\": " } else { b"{\"key\": " });
        write_string(key.replace('\0', "").as_bytes(), out);
        out.extend_from_slice(b", \"value\": ");
        let is_text = |value: &[u8]| std::str::from_utf8(value).is_ok() && check_no_nul(value).is_ok();
        match value {
            Some(value) if is_text(value) => write_string(value, out),
            Some(value) => {
                out.extend_from_slice(b"null, \"base64\": ");
                write_string(STANDARD.encode(value).as_bytes(), out);
            }
            None => out.extend_from_slice(b"null"),
        }
        out.push(b'}');
    }
    out.push(b']');
}

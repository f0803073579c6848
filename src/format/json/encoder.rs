//! Rows into objects.

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{DataType, FieldRef, Float32Type, Float64Type};
use datafusion::arrow::record_batch::RecordBatch;

use crate::connector::Options;
use crate::decimal::Decimal;
use crate::error::{Error, Result};
use crate::format::Encoder;
use crate::format::text::jsonb::write_string;
use crate::format::text::{ColumnWriter, TextOptions, Writer};
use crate::types::SqlType;

/// An encoder of rows with these fields.
pub(super) fn encoder(_options: &Options, fields: &[FieldRef]) -> Result<Box<dyn Encoder>> {
    let columns = fields.iter().map(Column::new).collect::<Result<_>>()?;
    Ok(Box::new(Objects { columns, row_bytes: 64 }))
}

struct Objects {
    columns: Vec<Column>,
    /// Bytes of a row the last time, so that most rows are allocated once.
    row_bytes: usize,
}

/// How a column is written.
#[derive(Debug, Clone)]
struct Column {
    /// `"name":`
    key: Vec<u8>,
    style: Style,
    writer: Writer,
}

/// How PostgreSQL's text of a value becomes JSON.
#[derive(Debug, Clone)]
enum Style {
    /// The text is JSON already.
    Plain,
    Boolean,
    /// A number, or a string where it is not finite.
    Float,
    /// A string of letters that need no escapes.
    Quoted,
    /// A string.
    Text,
    /// A string of `\x` and hexadecimal digits.
    Bytea,
    /// ISO 8601 wants a `T` between date and time; what stands for the zone.
    Timestamp(&'static str),
    /// An array of such values, read by their own writer.
    Array(Box<(Style, Writer)>),
    /// An object with such members.
    Object(Vec<Column>),
}

impl Encoder for Objects {
    fn encode(&mut self, rows: &RecordBatch, columns: &[usize]) -> Result<Vec<Vec<u8>>> {
        let all: Vec<usize>;
        let columns = if columns.is_empty() {
            all = (0..self.columns.len()).collect();
            all.as_slice()
        } else {
            columns
        };
        let mut bound = Vec::with_capacity(columns.len());
        for column in columns {
            match (self.columns.get(*column), rows.columns().get(*column)) {
                (Some(column), Some(array)) => bound.push((&column.key, Bound::new(column, array)?)),
                _ => return Err(Error::internal(format!("column {column} of a row to encode does not exist"))),
            }
        }
        let mut encoded = Vec::with_capacity(rows.num_rows());
        for row in 0..rows.num_rows() {
            let mut out = Vec::with_capacity(self.row_bytes);
            out.push(b'{');
            for (at, (key, column)) in bound.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(key);
                column.write(row, &mut out);
            }
            out.push(b'}');
            self.row_bytes = self.row_bytes.max(out.len()).min(4_096);
            encoded.push(out);
        }
        Ok(encoded)
    }
}

impl Column {
    fn new(field: &FieldRef) -> Result<Column> {
        let mut key = Vec::new();
        write_string(field.name().as_bytes(), &mut key);
        key.push(b':');
        let style = Style::of(&SqlType::of(field), field.data_type())?;
        Ok(Column { key, style, writer: Writer::new(field, &TextOptions::default())? })
    }
}

impl Style {
    fn of(sql_type: &SqlType, data_type: &DataType) -> Result<Style> {
        Ok(match (sql_type, data_type) {
            (_, DataType::List(item)) => {
                let style = Style::of(&SqlType::of(item), item.data_type())?;
                Style::Array(Box::new((style, Writer::new(item, &TextOptions::default())?)))
            }
            (_, DataType::Struct(fields)) => Style::Object(fields.iter().map(Column::new).collect::<Result<_>>()?),
            (SqlType::Array(_) | SqlType::Row(_), other) => {
                return Err(Error::unsupported(format!("values of Arrow type {other} cannot be written as JSON")));
            }
            (SqlType::Boolean, _) => Style::Boolean,
            (SqlType::SmallInt | SqlType::Integer | SqlType::BigInt | SqlType::Numeric(_, _), _) => Style::Plain,
            (SqlType::AnyNumeric(_), _) => Style::Float,
            (SqlType::Json | SqlType::Jsonb, _) => Style::Plain,
            (SqlType::Real | SqlType::Double, _) => Style::Float,
            (SqlType::Timestamp, _) => Style::Timestamp(""),
            (SqlType::TimestampTz, _) => Style::Timestamp("Z"),
            (SqlType::Date | SqlType::Time | SqlType::Interval | SqlType::Uuid, _) => Style::Quoted,
            (SqlType::Bytea, _) => Style::Bytea,
            (SqlType::Text | SqlType::Varchar(_) | SqlType::Char(_), _) => Style::Text,
            (SqlType::Enum(_) | SqlType::Named(_), _) => Style::Text,
        })
    }
}

/// A column bound to a batch's array.
struct Bound<'a> {
    style: &'a Style,
    values: ColumnWriter<'a>,
    array: &'a dyn Array,
    /// For arrays: all rows' items. For objects: the members.
    inner: Vec<Bound<'a>>,
}

impl<'a> Bound<'a> {
    fn new(column: &'a Column, array: &'a dyn Array) -> Result<Bound<'a>> {
        Bound::styled(&column.style, &column.writer, array)
    }

    fn styled(style: &'a Style, writer: &Writer, array: &'a dyn Array) -> Result<Bound<'a>> {
        let inner = match style {
            Style::Array(item) => vec![Bound::styled(&item.0, &item.1, array.as_list::<i32>().values())?],
            Style::Object(members) => {
                let values = members.iter().zip(array.as_struct().columns());
                values.map(|(member, values)| Bound::new(member, values)).collect::<Result<_>>()?
            }
            _ => Vec::new(),
        };
        Ok(Bound { style, values: writer.bind(array)?, array, inner })
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        if self.values.is_null(row) {
            out.extend_from_slice(b"null");
            return;
        }
        match self.style {
            Style::Plain => self.values.write(row, out),
            Style::Boolean => {
                let value = self.array.as_boolean_opt().is_some_and(|array| array.value(row));
                out.extend_from_slice(if value { b"true" } else { b"false" });
            }
            Style::Float if self.is_finite(row) => self.values.write(row, out),
            Style::Float | Style::Quoted => {
                out.push(b'"');
                self.values.write(row, out);
                out.push(b'"');
            }
            Style::Timestamp(zone) => {
                out.push(b'"');
                let start = out.len();
                self.values.write(row, out);
                iso_timestamp(start, zone, out);
                out.push(b'"');
            }
            Style::Text => {
                let start = out.len();
                self.values.write(row, out);
                quote(start, out);
            }
            Style::Bytea => {
                // The backslash of `\x` is the only letter that needs an escape.
                out.extend_from_slice(b"\"\\");
                self.values.write(row, out);
                out.push(b'"');
            }
            Style::Array(_) => self.write_items(row, out),
            Style::Object(members) => {
                out.push(b'{');
                for (at, (member, values)) in members.iter().zip(&self.inner).enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    out.extend_from_slice(&member.key);
                    values.write(row, out);
                }
                out.push(b'}');
            }
        }
    }

    fn write_items(&self, row: usize, out: &mut Vec<u8>) {
        let offsets = self.array.as_list::<i32>().value_offsets();
        let (first, end) = (offsets[row] as usize, offsets[row + 1] as usize);
        out.push(b'[');
        for item in first..end {
            if item > first {
                out.push(b',');
            }
            if let Some(items) = self.inner.first() {
                items.write(item, out);
            }
        }
        out.push(b']');
    }

    fn is_finite(&self, row: usize) -> bool {
        match self.array.data_type() {
            DataType::Float32 => self.array.as_primitive::<Float32Type>().value(row).is_finite(),
            DataType::Float64 => self.array.as_primitive::<Float64Type>().value(row).is_finite(),
            DataType::LargeBinary => Decimal::is_finite_encoded(self.array.as_binary::<i64>().value(row)),
            // Half floats are not a SQL type; as strings they are right whatever they are.
            _ => false,
        }
    }
}

/// Turns PostgreSQL's timestamp, which begins at `start`, into ISO 8601: `T` for the space, `zone` for its zone of UTC.
fn iso_timestamp(start: usize, zone: &str, out: &mut Vec<u8>) {
    if out.ends_with(b"infinity") {
        return;
    }
    if let Some(space) = memchr::memchr(b' ', &out[start..]) {
        out[start + space] = b'T';
    }
    if zone.is_empty() {
        return;
    }
    let before_christ = out.ends_with(b" BC");
    if before_christ {
        out.truncate(out.len() - 3);
    }
    out.truncate(out.len() - b"+00".len());
    out.extend_from_slice(zone.as_bytes());
    if before_christ {
        out.extend_from_slice(b" BC");
    }
}

/// Makes what begins at `start` a JSON string.
fn quote(start: usize, out: &mut Vec<u8>) {
    let plain = out[start..].iter().all(|byte| *byte >= 0x20 && *byte != b'"' && *byte != b'\\');
    if plain {
        out.push(b'"');
        out[start..].rotate_right(1);
        out.push(b'"');
    } else {
        let text = out.split_off(start);
        write_string(&text, out);
    }
}

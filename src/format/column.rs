//! Column buffers that decoders write into: plain vectors, so that the rows of a failing record can be cut off again.

use std::mem;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DurationSecondArray, Float32Array, Float64Array,
    Int16Array, Int32Array, Int64Array, IntervalMonthDayNanoArray, LargeBinaryArray, ListArray, StringArray,
    Time64MicrosecondArray, TimestampMicrosecondArray,
};
use datafusion::arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, IntervalMonthDayNano};

use super::parts::Parts;
use super::text::jsonb::Canonical;
use super::text::{TimeZone, read};
use crate::decimal::{Decimal, encoding};
use crate::enumeration::EnumType;
use crate::error::{Error, Result, code};
use crate::precision::Precision;
use crate::types::{SqlType, uneven_arrays};

/// A column under construction. Appending is atomic: after an error the column is as it was before.
#[derive(Debug)]
pub struct ColumnBuilder {
    /// Rows that are NULL, ascending; they hold a placeholder in `values`.
    nulls: Vec<usize>,
    pub(super) values: Values,
    /// The zone of timestamptz without one.
    pub(super) time_zone: TimeZone,
    /// How exact times are kept.
    precision: Option<Precision>,
}

/// The values of a column, by how they are read and stored.
#[derive(Debug)]
pub(super) enum Values {
    Boolean(Vec<bool>),
    SmallInt(Vec<i16>),
    Integer(Vec<i32>),
    BigInt(Vec<i64>),
    Real(Vec<f32>),
    Double(Vec<f64>),
    Numeric {
        unscaled: Vec<i128>,
        precision: u8,
        scale: i8,
    },
    /// As [`crate::decimal`] encodes them; the precision and scale that they must fit.
    AnyNumeric(Bytes, Option<(u16, i16)>),
    Text(Bytes),
    Varchar(Bytes, u32),
    /// Filled up with blanks to so many characters.
    Char(Bytes, u32),
    Uuid(Bytes),
    Json(Bytes),
    Jsonb(Bytes, Canonical),
    Bytea(Bytes),
    Date(Vec<i32>),
    /// µs since midnight.
    Time(Vec<i64>),
    /// µs since 1970-01-01, local without a zone.
    Timestamp(Vec<i64>),
    /// µs since 1970-01-01 UTC.
    TimestampTz(Vec<i64>),
    Interval(Vec<IntervalMonthDayNano>),
    Array(Items),
    Enum(Vec<i64>, EnumType),
    Row(Parts),
}

/// Byte strings of different lengths.
#[derive(Debug)]
pub(super) struct Bytes {
    /// All strings, one after the other. After the last offset there may be an unfinished one.
    pub(super) bytes: Vec<u8>,
    /// Where each begins, and the end of the last.
    offsets: Vec<i32>,
}

/// Lists of different lengths.
#[derive(Debug)]
pub(super) struct Items {
    field: FieldRef,
    pub(super) item: Box<ColumnBuilder>,
    offsets: Vec<i32>,
}

impl ColumnBuilder {
    /// An empty column of a type.
    pub fn new(sql_type: &SqlType) -> ColumnBuilder {
        let values = match sql_type {
            SqlType::Boolean => Values::Boolean(Vec::new()),
            SqlType::SmallInt => Values::SmallInt(Vec::new()),
            SqlType::Integer => Values::Integer(Vec::new()),
            SqlType::BigInt => Values::BigInt(Vec::new()),
            SqlType::Real => Values::Real(Vec::new()),
            SqlType::Double => Values::Double(Vec::new()),
            SqlType::Numeric(precision, scale) => {
                Values::Numeric { unscaled: Vec::new(), precision: *precision, scale: *scale }
            }
            SqlType::AnyNumeric(modifier) => Values::AnyNumeric(Bytes::default(), *modifier),
            SqlType::Text => Values::Text(Bytes::default()),
            SqlType::Varchar(letters_max) => Values::Varchar(Bytes::default(), *letters_max),
            SqlType::Char(letters) => Values::Char(Bytes::default(), *letters),
            SqlType::Uuid => Values::Uuid(Bytes::default()),
            SqlType::Json => Values::Json(Bytes::default()),
            SqlType::Jsonb => Values::Jsonb(Bytes::default(), Canonical::default()),
            SqlType::Bytea => Values::Bytea(Bytes::default()),
            SqlType::Date => Values::Date(Vec::new()),
            SqlType::Time => Values::Time(Vec::new()),
            SqlType::Timestamp => Values::Timestamp(Vec::new()),
            SqlType::TimestampTz => Values::TimestampTz(Vec::new()),
            SqlType::Interval => Values::Interval(Vec::new()),
            SqlType::Array(item) => Values::Array(Items {
                field: Arc::new(item.field("item")),
                item: Box::new(ColumnBuilder::new(item)),
                offsets: vec![0],
            }),
            SqlType::Enum(labels) => Values::Enum(Vec::new(), labels.clone()),
            // No column has it.
            SqlType::Named(_) => Values::Text(Bytes::default()),
            SqlType::Row(row) => Values::Row(Parts::new(row)),
        };
        ColumnBuilder { nulls: Vec::new(), values, time_zone: TimeZone::default(), precision: None }
    }

    /// An empty column for an Arrow field as [`SqlType::field`] makes them; 0A000 for a field of another type.
    pub fn for_field(field: &Field) -> Result<ColumnBuilder> {
        let sql_type = SqlType::of(field);
        let mut column = ColumnBuilder { precision: Precision::of(field), ..ColumnBuilder::new(&sql_type) };
        match (&mut column.values, field.data_type()) {
            // Whatever the list's item is called, the array must be of just that type.
            (Values::Array(items), DataType::List(item)) => {
                *items.item = ColumnBuilder::for_field(item)?;
                items.field = Arc::clone(item);
            }
            (Values::Row(parts), DataType::Struct(fields)) => *parts = Parts::for_fields(fields)?,
            (_, data_type) if sql_type.arrow() == *data_type => {}
            (_, data_type) => {
                let name = field.name();
                return Err(Error::unsupported(format!(
                    "column \"{name}\" of Arrow type {data_type} cannot be decoded"
                )));
            }
        }
        Ok(column)
    }

    /// Sets the zone in which timestamptz without a zone is read; it is UTC otherwise.
    pub fn with_time_zone(mut self, time_zone: TimeZone) -> ColumnBuilder {
        self.set_time_zone(time_zone);
        self
    }

    fn set_time_zone(&mut self, time_zone: TimeZone) {
        self.time_zone = time_zone;
        if let Values::Array(items) = &mut self.values {
            items.item.set_time_zone(time_zone);
        }
        if let Values::Row(parts) = &mut self.values {
            parts.columns.iter_mut().for_each(|column| column.set_time_zone(time_zone));
        }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        match &self.values {
            Values::Boolean(values) => values.len(),
            Values::SmallInt(values) => values.len(),
            Values::Integer(values) | Values::Date(values) => values.len(),
            Values::BigInt(values) | Values::Time(values) | Values::Timestamp(values) | Values::TimestampTz(values) => {
                values.len()
            }
            Values::Real(values) => values.len(),
            Values::Double(values) => values.len(),
            Values::Numeric { unscaled, .. } => unscaled.len(),
            Values::Interval(values) => values.len(),
            Values::Text(bytes) | Values::Varchar(bytes, _) | Values::Uuid(bytes) | Values::Json(bytes) => bytes.len(),
            Values::Jsonb(bytes, _) | Values::Bytea(bytes) | Values::Char(bytes, _) => bytes.len(),
            Values::AnyNumeric(bytes, _) => bytes.len(),
            Values::Array(items) => items.offsets.len() - 1,
            Values::Enum(values, _) => values.len(),
            Values::Row(parts) => parts.rows,
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the last row is NULL.
    pub fn ends_with_null(&self) -> bool {
        self.nulls.last().is_some_and(|row| row + 1 == self.len())
    }

    /// Appends a NULL.
    pub fn append_null(&mut self) {
        self.nulls.push(self.len());
        match &mut self.values {
            Values::Boolean(values) => values.push(false),
            Values::SmallInt(values) => values.push(0),
            Values::Integer(values) | Values::Date(values) => values.push(0),
            Values::BigInt(values) | Values::Time(values) | Values::Timestamp(values) | Values::TimestampTz(values) => {
                values.push(0)
            }
            Values::Real(values) => values.push(0.0),
            Values::Double(values) => values.push(0.0),
            Values::Numeric { unscaled, .. } => unscaled.push(0),
            Values::Interval(values) => values.push(IntervalMonthDayNano::new(0, 0, 0)),
            Values::Text(bytes) | Values::Varchar(bytes, _) | Values::Uuid(bytes) | Values::Json(bytes) => {
                bytes.push_empty()
            }
            Values::Jsonb(bytes, _) | Values::Bytea(bytes) | Values::Char(bytes, _) => bytes.push_empty(),
            Values::AnyNumeric(bytes, _) => bytes.push_empty(),
            Values::Array(items) => items.push_empty(),
            Values::Enum(values, _) => values.push(0),
            Values::Row(parts) => parts.push_null(),
        }
    }

    /// Appends a numeric of any size, fitted to what the column was declared as. Errors: 22003.
    pub(super) fn append_numeric(bytes: &mut Bytes, value: &Decimal, modifier: Option<(u16, i16)>) -> Result<()> {
        match modifier {
            Some((precision, scale)) => encoding::write(&value.fitted(precision, scale)?, &mut bytes.bytes),
            None => encoding::write(value, &mut bytes.bytes),
        }
        bytes.close()
    }

    /// Appends the value that `text` is, read as PostgreSQL's input function of the type reads it.
    pub fn append_text(&mut self, text: &str) -> Result<()> {
        let rows = self.len();
        let appended = read::append(self, text);
        if appended.is_err() {
            self.truncate(rows);
        }
        appended
    }

    /// Cuts the column off after `rows` rows; does nothing if it has no more.
    pub fn truncate(&mut self, rows: usize) {
        while self.nulls.last().is_some_and(|row| *row >= rows) {
            self.nulls.pop();
        }
        match &mut self.values {
            Values::Boolean(values) => values.truncate(rows),
            Values::SmallInt(values) => values.truncate(rows),
            Values::Integer(values) | Values::Date(values) => values.truncate(rows),
            Values::BigInt(values) | Values::Time(values) | Values::Timestamp(values) | Values::TimestampTz(values) => {
                values.truncate(rows)
            }
            Values::Real(values) => values.truncate(rows),
            Values::Double(values) => values.truncate(rows),
            Values::Numeric { unscaled, .. } => unscaled.truncate(rows),
            Values::Interval(values) => values.truncate(rows),
            Values::Text(bytes) | Values::Varchar(bytes, _) | Values::Uuid(bytes) | Values::Json(bytes) => {
                bytes.truncate(rows)
            }
            Values::Jsonb(bytes, _) | Values::Bytea(bytes) | Values::Char(bytes, _) => bytes.truncate(rows),
            Values::AnyNumeric(bytes, _) => bytes.truncate(rows),
            Values::Array(items) => items.truncate(rows),
            Values::Enum(values, _) => values.truncate(rows),
            Values::Row(parts) => parts.truncate(rows),
        }
    }

    /// The column's rows as an Arrow array of the type's Arrow type. The column is empty afterwards, with room for as many rows.
    pub fn finish(&mut self) -> ArrayRef {
        let values = self.taken();
        self.precision.map_or(Arc::clone(&values), |precision| precision.apply(&values))
    }

    fn taken(&mut self) -> ArrayRef {
        let rows = self.len();
        let nulls = nulls_of(&mut self.nulls, rows);
        match &mut self.values {
            Values::Boolean(values) => {
                let bits = BooleanBuffer::from(values.as_slice());
                values.clear();
                Arc::new(BooleanArray::new(bits, nulls))
            }
            Values::SmallInt(values) => Arc::new(Int16Array::new(taken(values), nulls)),
            Values::Integer(values) => Arc::new(Int32Array::new(taken(values), nulls)),
            Values::BigInt(values) => Arc::new(Int64Array::new(taken(values), nulls)),
            Values::Real(values) => Arc::new(Float32Array::new(taken(values), nulls)),
            Values::Double(values) => Arc::new(Float64Array::new(taken(values), nulls)),
            Values::Numeric { unscaled, precision, scale } => {
                let data_type = DataType::Decimal128(*precision, *scale);
                Arc::new(Decimal128Array::new(taken(unscaled), nulls).with_data_type(data_type))
            }
            Values::Text(bytes)
            | Values::Varchar(bytes, _)
            | Values::Char(bytes, _)
            | Values::Uuid(bytes)
            | Values::Json(bytes)
            | Values::Jsonb(bytes, _) => {
                let (offsets, bytes) = bytes.take();
                // Everything that was appended was checked to be text, string by string.
                Arc::new(StringArray::new(offsets, bytes, nulls))
            }
            Values::Bytea(bytes) => {
                let (offsets, bytes) = bytes.take();
                Arc::new(BinaryArray::new(offsets, bytes, nulls))
            }
            Values::AnyNumeric(bytes, _) => {
                let (offsets, bytes) = bytes.take();
                let offsets: Vec<i64> = offsets.iter().map(|offset| i64::from(*offset)).collect();
                Arc::new(LargeBinaryArray::new(OffsetBuffer::new(offsets.into()), bytes, nulls))
            }
            Values::Date(values) => Arc::new(Date32Array::new(taken(values), nulls)),
            Values::Time(values) => Arc::new(Time64MicrosecondArray::new(taken(values), nulls)),
            Values::Timestamp(values) => Arc::new(TimestampMicrosecondArray::new(taken(values), nulls)),
            Values::TimestampTz(values) => {
                Arc::new(TimestampMicrosecondArray::new(taken(values), nulls).with_timezone("UTC"))
            }
            Values::Interval(values) => Arc::new(IntervalMonthDayNanoArray::new(taken(values), nulls)),
            Values::Array(items) => {
                let offsets = offsets_of(&mut items.offsets);
                Arc::new(ListArray::new(Arc::clone(&items.field), offsets, items.item.finish(), nulls))
            }
            Values::Enum(values, _) => Arc::new(DurationSecondArray::new(taken(values), nulls)),
            Values::Row(parts) => parts.finish(nulls),
        }
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Bytes { bytes: Vec::new(), offsets: vec![0] }
    }
}

impl Bytes {
    fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Appends a string.
    #[inline]
    pub(super) fn push(&mut self, string: &[u8]) -> Result<()> {
        self.bytes.extend_from_slice(string);
        self.close()
    }

    /// Appends the string of `length` bytes at `at` of `text`. Most strings are short, and copying as many bytes as the
    /// compiler knows is several times faster than copying just as many as there are, so more are copied and cut off again.
    #[inline(always)]
    pub(super) fn push_part(&mut self, text: &[u8], at: usize, length: usize) -> Result<()> {
        const AT_ONCE: usize = 32;
        let end = self.bytes.len() + length;
        match text.get(at..).and_then(|rest| rest.first_chunk::<AT_ONCE>()) {
            Some(chunk) if length <= AT_ONCE => {
                self.bytes.extend_from_slice(chunk);
                self.bytes.truncate(end);
            }
            _ => self.bytes.extend_from_slice(&text[at..at + length]),
        }
        self.close()
    }

    /// Ends the string that was written to the end of `bytes`.
    #[inline]
    pub(super) fn close(&mut self) -> Result<()> {
        self.offsets.push(offset(self.bytes.len())?);
        Ok(())
    }

    /// What was written since the last string ended.
    pub(super) fn unfinished(&self) -> &[u8] {
        &self.bytes[self.end()..]
    }

    fn end(&self) -> usize {
        self.offsets.last().map_or(0, |end| *end as usize)
    }

    fn push_empty(&mut self) {
        self.offsets.push(self.end() as i32);
    }

    fn truncate(&mut self, rows: usize) {
        self.offsets.truncate(rows + 1);
        self.bytes.truncate(self.end());
    }

    fn take(&mut self) -> (OffsetBuffer<i32>, Buffer) {
        let room = self.bytes.len();
        (offsets_of(&mut self.offsets), mem::replace(&mut self.bytes, Vec::with_capacity(room)).into())
    }
}

impl Items {
    /// Ends the list whose items were appended to `item`. Errors: 2202E for lists in it that are not equally long.
    pub(super) fn close(&mut self) -> Result<()> {
        self.even_out()?;
        self.offsets.push(offset(self.item.len())?);
        Ok(())
    }

    /// Checks that the lists in the list that ends are equally long; a list of empty ones is empty itself.
    fn even_out(&mut self) -> Result<()> {
        let start = self.offsets.last().map_or(0, |end| *end as usize);
        let Values::Array(inner) = &self.item.values else { return Ok(()) };
        let mut shapes = (start..self.item.len()).map(|row| inner.shape(row));
        let Some(first) = shapes.next() else { return Ok(()) };
        if shapes.any(|shape| shape != first) || self.item.nulls.last().is_some_and(|row| *row >= start) {
            return Err(uneven_arrays());
        }
        if first.is_empty() {
            self.item.truncate(start);
        }
        Ok(())
    }

    /// The lengths of the dimensions of a list that has ended, the outermost first; none if it is empty.
    pub(super) fn shape(&self, row: usize) -> Vec<usize> {
        let (start, end) = (self.offsets[row] as usize, self.offsets[row + 1] as usize);
        if start == end {
            return Vec::new();
        }
        let mut lengths = vec![end - start];
        if let Values::Array(inner) = &self.item.values {
            lengths.extend(inner.shape(start));
        }
        lengths
    }

    /// The shape of the last list.
    pub(super) fn last_shape(&self) -> Vec<usize> {
        self.offsets.len().checked_sub(2).map_or_else(Vec::new, |row| self.shape(row))
    }

    /// The type of the lists.
    pub(super) fn sql_type(&self) -> SqlType {
        SqlType::Array(Box::new(SqlType::of(&self.field)))
    }

    fn push_empty(&mut self) {
        self.offsets.push(self.offsets.last().copied().unwrap_or(0));
    }

    fn truncate(&mut self, rows: usize) {
        self.offsets.truncate(rows + 1);
        self.item.truncate(self.offsets.last().map_or(0, |end| *end as usize));
    }
}

#[inline]
fn offset(end: usize) -> Result<i32> {
    i32::try_from(end).map_err(|_| too_large())
}

#[cold]
fn too_large() -> Error {
    Error::new(code::OUT_OF_MEMORY, "a batch holds more than 2 GiB of one column")
}

/// The buffer of the values, which leaves room for as many.
fn taken<T: datafusion::arrow::datatypes::ArrowNativeType>(values: &mut Vec<T>) -> ScalarBuffer<T> {
    let room = values.len();
    mem::replace(values, Vec::with_capacity(room)).into()
}

fn offsets_of(offsets: &mut Vec<i32>) -> OffsetBuffer<i32> {
    let mut fresh = Vec::with_capacity(offsets.len());
    fresh.push(0);
    // They start at 0 and only grow, because each is the length of what was appended so far.
    OffsetBuffer::new(mem::replace(offsets, fresh).into())
}

fn nulls_of(null_rows: &mut Vec<usize>, rows: usize) -> Option<NullBuffer> {
    if null_rows.is_empty() {
        return None;
    }
    let mut bits = vec![0xffu8; rows.div_ceil(8)];
    for row in null_rows.drain(..) {
        bits[row / 8] &= !(1 << (row % 8));
    }
    Some(NullBuffer::new(BooleanBuffer::new(bits.into(), 0, rows)))
}

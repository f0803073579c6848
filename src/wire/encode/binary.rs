//! Values in binary format, as PostgreSQL's `…send` functions write them.

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, BooleanArray, LargeBinaryArray, ListArray,
    PrimitiveArray, StringArray, StructArray,
};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, DurationSecondType, Field, FieldRef, Float32Type,
    Float64Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
    Time64MicrosecondType, TimestampMicrosecondType,
};

use super::{Column, EncodeValue, length_of, numeric};
use crate::enumeration::LabelWriter;
use crate::error::{Error, Result, code};
use crate::types::{PG_CLIENT_TYPE, SqlType, uneven_arrays};
use crate::wire::pg_type;

/// Days from 1970-01-01 to 2000-01-01, where PostgreSQL's dates start.
pub(in crate::wire) const EPOCH_DAYS: i32 = 10_957;
/// The same in microseconds.
pub(in crate::wire) const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * 86_400_000_000;

/// How the values of `array`, which has the canonical Arrow type of `field`, are written.
pub(super) fn encoder(array: &ArrayRef, field: &Field) -> Result<Box<dyn EncodeValue>> {
    let array = array.as_ref();
    if pg_type::field_oid(field) == pg_type::OID {
        // The server's own identities have 32 bits.
        return Ok(fixed::<Int64Type, 4>(array, |value| Ok((value as u32).to_be_bytes())));
    }
    Ok(match SqlType::of(field) {
        SqlType::Boolean => Box::new(array.as_boolean().clone()),
        SqlType::SmallInt => fixed::<Int16Type, 2>(array, |value| Ok(value.to_be_bytes())),
        SqlType::Integer => fixed::<Int32Type, 4>(array, |value| Ok(value.to_be_bytes())),
        SqlType::BigInt => fixed::<Int64Type, 8>(array, |value| Ok(value.to_be_bytes())),
        SqlType::Real => fixed::<Float32Type, 4>(array, |value| Ok(value.to_be_bytes())),
        SqlType::Double => fixed::<Float64Type, 8>(array, |value| Ok(value.to_be_bytes())),
        SqlType::Date => fixed::<Date32Type, 4>(array, |days| match days {
            // The same stand for infinity.
            i32::MIN | i32::MAX => Ok(days.to_be_bytes()),
            days => days.checked_sub(EPOCH_DAYS).map(i32::to_be_bytes).ok_or_else(|| out_of_range("date")),
        }),
        SqlType::Timestamp | SqlType::TimestampTz => {
            fixed::<TimestampMicrosecondType, 8>(array, |micros| match micros {
                i64::MIN | i64::MAX => Ok(micros.to_be_bytes()),
                micros => {
                    micros.checked_sub(EPOCH_MICROS).map(i64::to_be_bytes).ok_or_else(|| out_of_range("timestamp"))
                }
            })
        }
        SqlType::Time => fixed::<Time64MicrosecondType, 8>(array, |value| Ok(value.to_be_bytes())),
        SqlType::Interval => fixed::<IntervalMonthDayNanoType, 16>(array, |value| Ok(interval(value))),
        SqlType::Numeric(_, scale) if matches!(array.data_type(), DataType::Decimal256(..)) => {
            Box::new(LongNumeric { values: array.as_primitive().clone(), scale })
        }
        SqlType::Numeric(_, scale) => Box::new(Numeric { values: array.as_primitive().clone(), scale }),
        SqlType::AnyNumeric(_) => Box::new(AnyNumeric(array.as_binary::<i64>().clone())),
        SqlType::Text | SqlType::Varchar(_) | SqlType::Char(_) | SqlType::Json => {
            Box::new(Text(array.as_string().clone()))
        }
        SqlType::Uuid => Box::new(Uuid(array.as_string().clone())),
        SqlType::Jsonb => Box::new(Jsonb(array.as_string().clone())),
        SqlType::Bytea => Box::new(array.as_binary::<i32>().clone()),
        SqlType::Array(_) => Box::new(Items::new(array.as_list(), pg_type::field_oid(field) == pg_type::OIDS)?),
        SqlType::Enum(_) => {
            let values = array.as_primitive::<DurationSecondType>().clone();
            let labels = LabelWriter::new(values.iter().flatten().next());
            Box::new(Enum { values, labels })
        }
        SqlType::Named(name) => return Err(Error::internal(format!("a column has the type {name}"))),
        SqlType::Row(_) => Box::new(Record::new(array.as_struct())?),
    })
}

impl EncodeValue for BooleanArray {
    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        out.push(u8::from(self.value(row)));
        Ok(())
    }
}

impl EncodeValue for BinaryArray {
    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(self.value(row));
        Ok(())
    }
}

/// Values of a fixed size, with what turns one into its bytes.
struct Fixed<T: ArrowPrimitiveType, const BYTES: usize> {
    values: PrimitiveArray<T>,
    bytes: fn(T::Native) -> Result<[u8; BYTES]>,
}

fn fixed<T: ArrowPrimitiveType, const BYTES: usize>(
    array: &dyn Array,
    bytes: fn(T::Native) -> Result<[u8; BYTES]>,
) -> Box<dyn EncodeValue> {
    Box::new(Fixed { values: array.as_primitive::<T>().clone(), bytes })
}

impl<T: ArrowPrimitiveType, const BYTES: usize> EncodeValue for Fixed<T, BYTES> {
    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(&(self.bytes)(self.values.value(row))?);
        Ok(())
    }
}

/// Microseconds, days, months. PostgreSQL has no nanoseconds: they are cut off.
fn interval(value: IntervalMonthDayNano) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&(value.nanoseconds / 1000).to_be_bytes());
    bytes[8..12].copy_from_slice(&value.days.to_be_bytes());
    bytes[12..].copy_from_slice(&value.months.to_be_bytes());
    bytes
}

fn out_of_range(what: &str) -> Error {
    Error::new(code::DATETIME_FIELD_OVERFLOW, format!("{what} out of range"))
}

/// Labels.
struct Enum {
    values: PrimitiveArray<DurationSecondType>,
    labels: LabelWriter,
}

impl EncodeValue for Enum {
    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        self.labels.write(self.values.value(row), |label| out.extend_from_slice(label.as_bytes()));
        Ok(())
    }
}

struct Numeric {
    values: PrimitiveArray<Decimal128Type>,
    scale: i8,
}

impl EncodeValue for Numeric {
    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        numeric::write(self.values.value(row), self.scale, out);
        Ok(())
    }
}

struct AnyNumeric(LargeBinaryArray);

impl EncodeValue for AnyNumeric {
    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        numeric::write_any(self.0.value(row), out);
        Ok(())
    }
}

struct LongNumeric {
    values: PrimitiveArray<Decimal256Type>,
    scale: i8,
}

impl EncodeValue for LongNumeric {
    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        let text = self.values.value(row).to_string();
        let (negative, digits) = text.strip_prefix('-').map_or((false, text.as_str()), |digits| (true, digits));
        numeric::write_digits(negative, digits.as_bytes(), self.scale, out);
        Ok(())
    }
}

struct Text(StringArray);

impl EncodeValue for Text {
    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(self.0.value(row).as_bytes());
        Ok(())
    }
}

struct Uuid(StringArray);

impl EncodeValue for Uuid {
    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        let text = self.0.value(row);
        let uuid = uuid::Uuid::parse_str(text).map_err(|_| Error::internal(format!("not a uuid: \"{text}\"")))?;
        out.extend_from_slice(uuid.as_bytes());
        Ok(())
    }
}

/// A version byte before the text.
struct Jsonb(StringArray);

impl EncodeValue for Jsonb {
    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        out.push(1);
        out.extend_from_slice(self.0.value(row).as_bytes());
        Ok(())
    }
}

/// Arrays, of one dimension or more: `ndim, has nulls, item OID, (length, lower bound) per dimension, items with their lengths`.
struct Items {
    /// One per dimension, the outermost first.
    levels: Vec<ListArray>,
    items: Column<'static>,
    item_oid: u32,
}

impl Items {
    /// `are_oids`: bigints that clients know as oids.
    fn new(array: &ListArray, are_oids: bool) -> Result<Items> {
        let mut levels = vec![array.clone()];
        let mut values = array.values();
        while let Some(inner) = values.as_list_opt::<i32>() {
            levels.push(inner.clone());
            values = inner.values();
        }
        let field = match levels.last().map(|level| level.data_type()) {
            Some(DataType::List(field)) if are_oids => &told_as(field, "oid"),
            Some(DataType::List(field)) => field,
            _ => return Err(Error::internal("an array without items")),
        };
        let items = Column::binary(values, field)?;
        let item_oid = pg_type::field_oid(field);
        Ok(Items { levels, items, item_oid })
    }

    /// The lengths of the dimensions of the array at `row`, and where its items are. All arrays of a dimension must be equally long.
    fn shape(&self, row: usize) -> Result<(Vec<i32>, std::ops::Range<usize>)> {
        let mut lengths = Vec::new();
        let mut range = row..row + 1;
        for level in &self.levels {
            let length = if range.is_empty() { 0 } else { level.value_length(range.start) };
            let uneven = range.clone().any(|at| level.is_null(at) || level.value_length(at) != length);
            if uneven {
                return Err(uneven_arrays());
            }
            lengths.push(length);
            let offsets = level.value_offsets();
            // Offsets of an Arrow list are not negative.
            range = offsets[range.start] as usize..offsets[range.end] as usize;
        }
        if lengths.contains(&0) {
            lengths.clear();
        }
        Ok((lengths, range))
    }
}

impl EncodeValue for Items {
    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        let (lengths, range) = self.shape(row)?;
        let has_nulls = range.clone().any(|at| self.items.is_null(at));
        out.extend_from_slice(&length_of(lengths.len())?.to_be_bytes());
        out.extend_from_slice(&i32::from(has_nulls).to_be_bytes());
        out.extend_from_slice(&self.item_oid.to_be_bytes());
        for length in &lengths {
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(&1_i32.to_be_bytes());
        }
        range.into_iter().try_for_each(|at| self.items.write_with_length(at, out))
    }
}

/// The field with a type that only clients know.
fn told_as(field: &Field, client_type: &str) -> FieldRef {
    let metadata = [(PG_CLIENT_TYPE.to_string(), client_type.to_string())];
    FieldRef::new(field.clone().with_metadata(metadata.into()))
}

/// Rows: the number of fields, then of each its OID and its value with its length.
struct Record {
    fields: Vec<(u32, Column<'static>)>,
}

impl Record {
    fn new(array: &StructArray) -> Result<Record> {
        let field = |(field, values): (&FieldRef, &ArrayRef)| {
            Ok((pg_type::oid(&SqlType::of(field)), Column::binary(values, field)?))
        };
        Ok(Record { fields: array.fields().iter().zip(array.columns()).map(field).collect::<Result<_>>()? })
    }
}

impl EncodeValue for Record {
    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(&length_of(self.fields.len())?.to_be_bytes());
        self.fields.iter().try_for_each(|(oid, values)| {
            out.extend_from_slice(&oid.to_be_bytes());
            values.write_with_length(row, out)
        })
    }
}

//! Arrow values as PostgreSQL's output functions write them.

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryViewArray, BooleanArray, FixedSizeBinaryArray,
    GenericBinaryArray, GenericStringArray, PrimitiveArray, StringViewArray,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType, Field, Float16Type,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, IntervalDayTimeType, IntervalMonthDayNanoType,
    IntervalUnit, IntervalYearMonthType, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
    Time64NanosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type, i256,
};

use super::calendar::{
    DATE_INFINITY, DAY_US, SECOND_US, is_finite, write_date, write_infinity, write_offset, write_time, write_timestamp,
};
use super::number::{write_decimal, write_decimal_digits, write_double, write_integer, write_real};
use super::{TextOptions, TimeZone, bytea, interval};
use crate::enumeration::LabelWriter;
use crate::error::{Error, Result};

/// Writes the values of one column as text. Bind it to each batch's array with [`Writer::bind`], so that the type is looked at
/// once a batch and not once a value.
#[derive(Debug, Clone)]
pub struct Writer {
    options: TextOptions,
}

impl Writer {
    /// A writer for a column. Fails with 0A000 for an Arrow type that has no text in PostgreSQL.
    pub fn new(field: &Field, options: &TextOptions) -> Result<Writer> {
        let empty = datafusion::arrow::array::new_empty_array(field.data_type());
        ColumnWriter::new(&empty, options)?;
        Ok(Writer { options: options.clone() })
    }

    /// The writer for the values of one array, which has the field's type.
    pub fn bind<'a>(&self, array: &'a dyn Array) -> Result<ColumnWriter<'a>> {
        ColumnWriter::new(array, &self.options)
    }

    /// Appends the text of one value to `out`; nothing for NULL. [`Writer::bind`] is faster for more than a few values.
    pub fn write(&self, array: &dyn Array, row: usize, out: &mut Vec<u8>) -> Result<()> {
        let column = self.bind(array)?;
        if !column.is_null(row) {
            column.write(row, out);
        }
        Ok(())
    }
}

/// A [`Writer`] bound to an array.
#[derive(Debug)]
pub struct ColumnWriter<'a> {
    nulls: Option<NullBuffer>,
    values: Values<'a>,
}

/// An array by how its values are written.
#[derive(Debug)]
enum Values<'a> {
    /// All NULL.
    Null,
    Boolean(&'a BooleanArray),
    Int8(&'a [i8]),
    Int16(&'a [i16]),
    Int32(&'a [i32]),
    Int64(&'a [i64]),
    UInt8(&'a [u8]),
    UInt16(&'a [u16]),
    UInt32(&'a [u32]),
    UInt64(&'a [u64]),
    Float16(&'a [<Float16Type as ArrowPrimitiveType>::Native]),
    Float32(&'a [f32]),
    Float64(&'a [f64]),
    Decimal32(&'a [i32], i8),
    Decimal64(&'a [i64], i8),
    Decimal128(&'a [i128], i8),
    Decimal256(&'a [i256], i8),
    Text(&'a GenericStringArray<i32>),
    LargeText(&'a GenericStringArray<i64>),
    TextView(&'a StringViewArray),
    Bytes(&'a GenericBinaryArray<i32>, bool),
    AnyNumeric(&'a GenericBinaryArray<i64>),
    BytesView(&'a BinaryViewArray, bool),
    FixedBytes(&'a FixedSizeBinaryArray, bool),
    Date32(&'a [i32]),
    /// Milliseconds.
    Date64(&'a [i64]),
    Timestamp(&'a [i64], TimeUnit),
    TimestampTz(&'a [i64], TimeUnit, TimeZone),
    Time32(&'a [i32], TimeUnit),
    Time64(&'a [i64], TimeUnit),
    YearMonth(&'a [i32]),
    DayTime(&'a PrimitiveArray<IntervalDayTimeType>),
    MonthDayNano(&'a PrimitiveArray<IntervalMonthDayNanoType>),
    Duration(&'a [i64], TimeUnit),
    Enum(&'a [i64], LabelWriter),
    /// Where each row's items are in the array of all items, and whether an item may need quotes.
    List(Offsets<'a>, Box<ColumnWriter<'a>>, bool),
    /// Where each row's value is in the array of distinct values.
    Dictionary(Vec<usize>, Box<ColumnWriter<'a>>),
    /// A record of columns.
    Struct(Vec<ColumnWriter<'a>>),
}

/// Where the items of a row's list are.
#[derive(Debug)]
enum Offsets<'a> {
    Small(&'a [i32]),
    Large(&'a [i64]),
    Fixed(usize),
}

impl Offsets<'_> {
    fn range(&self, row: usize) -> std::ops::Range<usize> {
        match self {
            Offsets::Small(offsets) => offsets[row] as usize..offsets[row + 1] as usize,
            Offsets::Large(offsets) => offsets[row] as usize..offsets[row + 1] as usize,
            Offsets::Fixed(size) => row * size..(row + 1) * size,
        }
    }
}

impl<'a> ColumnWriter<'a> {
    fn new(array: &'a dyn Array, options: &TextOptions) -> Result<ColumnWriter<'a>> {
        let values = match array.data_type() {
            DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(_, _) => list_values(array, options)?,
            DataType::Dictionary(_, _) => {
                let dictionary = array.as_any_dictionary();
                let values: &ArrayRef = dictionary.values();
                let keys = if values.is_empty() { vec![0; array.len()] } else { dictionary.normalized_keys() };
                Values::Dictionary(keys, Box::new(ColumnWriter::new(values, options)?))
            }
            DataType::Struct(_) => {
                let columns = array.as_struct().columns().iter();
                Values::Struct(columns.map(|column| ColumnWriter::new(column, options)).collect::<Result<_>>()?)
            }
            _ => match number_values(array).or_else(|| time_values(array, options)) {
                Some(values) => values,
                None => text_values(array, options)?,
            },
        };
        let nulls = match values {
            Values::Dictionary(_, _) => array.logical_nulls(),
            _ => array.nulls().cloned(),
        };
        Ok(ColumnWriter { nulls, values })
    }

    /// Whether the row's value is NULL.
    #[inline]
    pub fn is_null(&self, row: usize) -> bool {
        match &self.nulls {
            Some(nulls) => nulls.is_null(row),
            None => matches!(self.values, Values::Null),
        }
    }

    /// Appends the text of the row's value, which must not be NULL, to `out`.
    #[inline]
    pub fn write(&self, row: usize, out: &mut Vec<u8>) {
        match &self.values {
            Values::Int64(values) => write_integer(values[row], out),
            Values::Int32(values) => write_integer(values[row], out),
            Values::Text(array) => out.extend_from_slice(array.value(row).as_bytes()),
            Values::Decimal128(values, scale) => write_decimal(values[row], *scale, out),
            Values::Float64(values) => write_double(values[row], out),
            Values::Timestamp(values, unit) => write_local(values[row], *unit, None, out),
            Values::TimestampTz(values, unit, zone) => write_local(values[row], *unit, Some(*zone), out),
            _ => self.write_other(row, out),
        }
    }

    /// [`ColumnWriter::write`] for the types that are seen less often.
    fn write_other(&self, row: usize, out: &mut Vec<u8>) {
        match &self.values {
            Values::Boolean(array) => out.push(if array.value(row) { b't' } else { b'f' }),
            Values::Int8(values) => write_integer(values[row], out),
            Values::Int16(values) => write_integer(values[row], out),
            Values::UInt8(values) => write_integer(values[row], out),
            Values::UInt16(values) => write_integer(values[row], out),
            Values::UInt32(values) => write_integer(values[row], out),
            Values::UInt64(values) => write_integer(values[row], out),
            Values::Float16(values) => write_real(values[row].to_f32(), out),
            Values::Float32(values) => write_real(values[row], out),
            Values::Decimal32(values, scale) => write_decimal(i128::from(values[row]), *scale, out),
            Values::Decimal64(values, scale) => write_decimal(i128::from(values[row]), *scale, out),
            Values::Decimal256(values, scale) => write_wide_decimal(values[row], *scale, out),
            Values::LargeText(array) => out.extend_from_slice(array.value(row).as_bytes()),
            Values::TextView(array) => out.extend_from_slice(array.value(row).as_bytes()),
            Values::Bytes(array, escape) => write_bytes(array.value(row), *escape, out),
            Values::AnyNumeric(array) => crate::decimal::write_encoded(array.value(row), out),
            Values::BytesView(array, escape) => write_bytes(array.value(row), *escape, out),
            Values::FixedBytes(array, escape) => write_bytes(array.value(row), *escape, out),
            Values::Date32(values) if DATE_INFINITY.contains(&values[row]) => write_infinity(values[row] > 0, out),
            Values::Date32(values) => write_date(i64::from(values[row]), out),
            Values::Date64(values) => write_date(values[row].div_euclid(DAY_US / 1_000), out),
            Values::Time32(values, unit) => write_time(micros_of(i64::from(values[row]), *unit) as i64, out),
            Values::Time64(values, unit) => write_time(micros_of(values[row], *unit) as i64, out),
            Values::YearMonth(values) => interval::write(values[row], 0, 0, out),
            Values::DayTime(array) => {
                let value = array.value(row);
                interval::write(0, value.days, i64::from(value.milliseconds) * 1_000, out);
            }
            Values::MonthDayNano(array) => {
                let value = array.value(row);
                interval::write(value.months, value.days, value.nanoseconds / 1_000, out);
            }
            Values::Duration(values, unit) => {
                interval::write(0, 0, i64::try_from(micros_of(values[row], *unit)).unwrap_or(i64::MAX), out);
            }
            Values::Enum(values, labels) => labels.write(values[row], |label| out.extend_from_slice(label.as_bytes())),
            Values::List(offsets, items, quotable) => write_list(offsets.range(row), items, *quotable, out),
            Values::Dictionary(keys, values) => values.write(keys[row], out),
            Values::Struct(columns) => write_record(row, columns, out),
            // The types that `write` handles, and NULLs, which have no text.
            _ => {}
        }
    }
}

fn number_values(array: &dyn Array) -> Option<Values<'_>> {
    Some(match array.data_type() {
        DataType::Null => Values::Null,
        DataType::Boolean => Values::Boolean(array.as_boolean()),
        DataType::Int8 => Values::Int8(native::<Int8Type>(array)),
        DataType::Int16 => Values::Int16(native::<Int16Type>(array)),
        DataType::Int32 => Values::Int32(native::<Int32Type>(array)),
        DataType::Int64 => Values::Int64(native::<Int64Type>(array)),
        DataType::UInt8 => Values::UInt8(native::<UInt8Type>(array)),
        DataType::UInt16 => Values::UInt16(native::<UInt16Type>(array)),
        DataType::UInt32 => Values::UInt32(native::<UInt32Type>(array)),
        DataType::UInt64 => Values::UInt64(native::<UInt64Type>(array)),
        DataType::Float16 => Values::Float16(native::<Float16Type>(array)),
        DataType::Float32 => Values::Float32(native::<Float32Type>(array)),
        DataType::Float64 => Values::Float64(native::<Float64Type>(array)),
        DataType::Decimal32(_, scale) => Values::Decimal32(native::<Decimal32Type>(array), *scale),
        DataType::Decimal64(_, scale) => Values::Decimal64(native::<Decimal64Type>(array), *scale),
        DataType::Decimal128(_, scale) => Values::Decimal128(native::<Decimal128Type>(array), *scale),
        DataType::Decimal256(_, scale) => Values::Decimal256(native::<Decimal256Type>(array), *scale),
        _ => return None,
    })
}

fn time_values<'a>(array: &'a dyn Array, options: &TextOptions) -> Option<Values<'a>> {
    Some(match array.data_type() {
        DataType::Date32 => Values::Date32(native::<Date32Type>(array)),
        DataType::Date64 => Values::Date64(native::<Date64Type>(array)),
        DataType::Timestamp(unit, zone) => {
            let values = match unit {
                TimeUnit::Second => native::<TimestampSecondType>(array),
                TimeUnit::Millisecond => native::<TimestampMillisecondType>(array),
                TimeUnit::Microsecond => native::<TimestampMicrosecondType>(array),
                TimeUnit::Nanosecond => native::<TimestampNanosecondType>(array),
            };
            match zone {
                None => Values::Timestamp(values, *unit),
                Some(_) => Values::TimestampTz(values, *unit, options.time_zone),
            }
        }
        DataType::Time32(TimeUnit::Second) => Values::Time32(native::<Time32SecondType>(array), TimeUnit::Second),
        DataType::Time32(unit) => Values::Time32(native::<Time32MillisecondType>(array), *unit),
        DataType::Time64(TimeUnit::Microsecond) => {
            Values::Time64(native::<Time64MicrosecondType>(array), TimeUnit::Microsecond)
        }
        DataType::Time64(unit) => Values::Time64(native::<Time64NanosecondType>(array), *unit),
        DataType::Interval(IntervalUnit::YearMonth) => Values::YearMonth(native::<IntervalYearMonthType>(array)),
        DataType::Interval(IntervalUnit::DayTime) => Values::DayTime(array.as_primitive()),
        DataType::Interval(IntervalUnit::MonthDayNano) => Values::MonthDayNano(array.as_primitive()),
        DataType::Duration(TimeUnit::Second) => enum_values(array),
        DataType::Duration(unit) => {
            let values = match unit {
                TimeUnit::Millisecond => native::<DurationMillisecondType>(array),
                TimeUnit::Microsecond => native::<DurationMicrosecondType>(array),
                _ => native::<DurationNanosecondType>(array),
            };
            Values::Duration(values, *unit)
        }
        _ => return None,
    })
}

fn enum_values(array: &dyn Array) -> Values<'_> {
    let values = array.as_primitive::<DurationSecondType>();
    Values::Enum(values.values(), LabelWriter::new(values.iter().flatten().next()))
}

fn text_values<'a>(array: &'a dyn Array, options: &TextOptions) -> Result<Values<'a>> {
    Ok(match array.data_type() {
        DataType::Utf8 => Values::Text(array.as_string()),
        DataType::LargeUtf8 => Values::LargeText(array.as_string()),
        DataType::Utf8View => Values::TextView(array.as_string_view()),
        DataType::Binary => Values::Bytes(array.as_binary(), options.bytea_escape),
        DataType::LargeBinary => Values::AnyNumeric(array.as_binary()),
        DataType::BinaryView => Values::BytesView(array.as_binary_view(), options.bytea_escape),
        DataType::FixedSizeBinary(_) => Values::FixedBytes(array.as_fixed_size_binary(), options.bytea_escape),
        other => return Err(Error::unsupported(format!("values of Arrow type {other} cannot be sent as text"))),
    })
}

fn list_values<'a>(array: &'a dyn Array, options: &TextOptions) -> Result<Values<'a>> {
    let (offsets, items) = if let Some(list) = array.as_list_opt::<i32>() {
        (Offsets::Small(list.value_offsets()), list.values())
    } else if let Some(list) = array.as_list_opt::<i64>() {
        (Offsets::Large(list.value_offsets()), list.values())
    } else {
        let list = array.as_fixed_size_list();
        (Offsets::Fixed(list.value_length() as usize), list.values())
    };
    let items = ColumnWriter::new(items, options)?;
    let quotable = items.may_need_quotes();
    Ok(Values::List(offsets, Box::new(items), quotable))
}

impl ColumnWriter<'_> {
    /// Whether a value's text may hold something that must be quoted in an array: white space, braces, commas, backslashes.
    fn may_need_quotes(&self) -> bool {
        match &self.values {
            Values::Text(_) | Values::LargeText(_) | Values::TextView(_) => true,
            Values::Struct(_) | Values::Enum(..) => true,
            Values::Bytes(..) | Values::BytesView(..) | Values::FixedBytes(..) => true,
            Values::Date32(_) | Values::Date64(_) | Values::Timestamp(..) | Values::TimestampTz(..) => true,
            Values::YearMonth(_) | Values::DayTime(_) | Values::MonthDayNano(_) | Values::Duration(..) => true,
            Values::Dictionary(_, values) => values.may_need_quotes(),
            _ => false,
        }
    }
}

fn native<T: ArrowPrimitiveType>(array: &dyn Array) -> &[T::Native] {
    array.as_primitive::<T>().values()
}

fn write_bytes(bytes: &[u8], escape: bool, out: &mut Vec<u8>) {
    if escape { bytea::write_escape(bytes, out) } else { bytea::write_hex(bytes, out) }
}

/// A point in time as µs; PostgreSQL has nothing smaller.
fn micros_of(value: i64, unit: TimeUnit) -> i128 {
    match unit {
        TimeUnit::Second => i128::from(value) * 1_000_000,
        TimeUnit::Millisecond => i128::from(value) * 1_000,
        TimeUnit::Microsecond => i128::from(value),
        TimeUnit::Nanosecond => i128::from(value.div_euclid(1_000)),
    }
}

fn write_local(value: i64, unit: TimeUnit, zone: Option<TimeZone>, out: &mut Vec<u8>) {
    if !is_finite(value) {
        return write_infinity(value > 0, out);
    }
    let micros = micros_of(value, unit);
    let Some(zone) = zone else {
        return write_timestamp(micros, b' ', |_| {}, out);
    };
    let offset = zone.offset_at(micros.div_euclid(i128::from(SECOND_US)) as i64);
    let local = micros + i128::from(offset) * i128::from(SECOND_US);
    write_timestamp(local, b' ', |out| write_offset(offset, out), out);
}

fn write_wide_decimal(value: i256, scale: i8, out: &mut Vec<u8>) {
    let text = value.to_string();
    let digits = text.trim_start_matches('-');
    if digits.len() < text.len() {
        out.push(b'-');
    }
    write_decimal_digits(digits.as_bytes(), scale, out);
}

fn write_list(rows: std::ops::Range<usize>, items: &ColumnWriter<'_>, quotable: bool, out: &mut Vec<u8>) {
    out.push(b'{');
    let first = rows.start;
    for row in rows {
        if row > first {
            out.push(b',');
        }
        if items.is_null(row) {
            out.extend_from_slice(b"NULL");
            continue;
        }
        let start = out.len();
        items.write(row, out);
        if quotable && needs_quotes(&out[start..]) {
            quote(start, Escape::Backslash, out);
        }
    }
    out.push(b'}');
}

/// `(1,"a b",)`: nothing stands for NULL.
fn write_record(row: usize, columns: &[ColumnWriter<'_>], out: &mut Vec<u8>) {
    out.push(b'(');
    for (at, column) in columns.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        if column.is_null(row) {
            continue;
        }
        let start = out.len();
        column.write(row, out);
        let text = &out[start..];
        let special = |byte: &u8| matches!(byte, b'(' | b')' | b',' | b'"' | b'\\') || is_space(*byte);
        if text.is_empty() || text.iter().any(special) {
            quote(start, Escape::Double, out);
        }
    }
    out.push(b')');
}

fn needs_quotes(text: &[u8]) -> bool {
    let special = |byte: &u8| matches!(byte, b'{' | b'}' | b',' | b'"' | b'\\') || is_space(*byte);
    text.is_empty() || text.eq_ignore_ascii_case(b"null") || text.iter().any(special)
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// What stands before a quote or backslash in a quoted text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    /// A backslash, in arrays.
    Backslash,
    /// The character itself, in records.
    Double,
}

/// Puts what is in `out` from `start` on into double quotes.
fn quote(start: usize, escape: Escape, out: &mut Vec<u8>) {
    let special = |byte: u8| matches!(byte, b'"' | b'\\');
    let end = out.len();
    let escapes = out[start..].iter().filter(|byte| special(**byte)).count();
    out.resize(end + escapes + 2, b'"');
    // From the back, so that nothing is overwritten before it was moved: the free places only get fewer.
    let mut to = out.len() - 1;
    for from in (start..end).rev() {
        let byte = out[from];
        to -= 1;
        out[to] = byte;
        if special(byte) {
            to -= 1;
            out[to] = if escape == Escape::Backslash { b'\\' } else { byte };
        }
    }
    out[start] = b'"';
}

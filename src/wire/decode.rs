//! Parameters of Bind → values for the planner. In: bytes in text or binary format; out: one [`ScalarValue`] per parameter, of exactly
//! the type that the statement was described with.

use bytes::{Buf, Bytes};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, IntervalMonthDayNano};
use datafusion::scalar::ScalarValue;

use super::encode::numeric;
use super::encode::{EPOCH_DAYS, EPOCH_MICROS, Format, Formats};
use super::failure::{code, protocol_violation};
use super::frontend::{Body, utf8};
use super::pg_type;
use crate::decimal::encoding;
use crate::error::{Error, Result};
use crate::format::text::{self, TextOptions};
use crate::types::{SqlType, other_dimensions};

/// A parameter's type as the client knows it (an OID) and as the planner wants it.
#[derive(Debug, Clone)]
pub(super) struct ParameterType {
    /// What the client was told, or said itself.
    pub(super) oid: u32,
    /// What the planner takes.
    pub(super) field: FieldRef,
}

/// Values for a statement's parameters, and the types that it was described with.
#[derive(Debug, Clone, Default)]
pub(super) struct Parameters {
    /// By number.
    pub(super) values: Vec<ScalarValue>,
    /// By number; nothing is known of what lies behind the end.
    pub(super) types: Vec<FieldRef>,
}

/// Decodes all parameters of a Bind message; `statement` names the prepared statement in errors.
pub(super) fn parameters(
    values: &[Option<Bytes>],
    formats: &Formats,
    types: &[ParameterType],
    statement: &str,
    options: &TextOptions,
) -> Result<Vec<ScalarValue>> {
    formats.check(values.len(), "parameter")?;
    if values.len() != types.len() {
        return Err(protocol_violation(format!(
            "bind message supplies {} parameters, but prepared statement \"{statement}\" requires {}",
            values.len(),
            types.len()
        )));
    }
    let decode = |(index, (value, parameter)): (usize, (&Option<Bytes>, &ParameterType))| {
        let target = parameter.field.data_type();
        let Some(bytes) = value else { return ScalarValue::try_new_null(target).map_err(|error| cannot_cast(&error)) };
        let decoded = match formats.of(index) {
            Format::Text => text::parse(utf8(bytes)?, &parameter.sql_type()?, options),
            Format::Binary => binary(bytes.clone(), parameter.oid, &parameter.field, options).map_err(|error| {
                if error.code == code::INVALID_BINARY_REPRESENTATION {
                    let message = format!("incorrect binary data format in bind parameter {}", index + 1);
                    return Error { message, ..error };
                }
                error
            }),
        }?;
        cast(decoded, target)
    };
    values.iter().zip(types).enumerate().map(decode).collect()
}

/// The Arrow field that stands for a client's type OID among the planner's hints; `None` for 0, "not given".
pub(super) fn hint(oid: u32) -> Result<Option<FieldRef>> {
    // 705 is `unknown`: the client leaves the type to the statement.
    if matches!(oid, 0 | 705) {
        return Ok(None);
    }
    let sql_type = pg_type::by_oid(oid).ok_or_else(|| unsupported_type(oid))?;
    Ok(Some(FieldRef::new(sql_type.field("parameter"))))
}

impl ParameterType {
    /// How text is read: as the planner's type if that is what the client knows, else as the client's.
    fn sql_type(&self) -> Result<SqlType> {
        let ours = SqlType::of(&self.field);
        if pg_type::oid(&ours) == self.oid {
            // A parameter is as long as it is.
            return Ok(if let SqlType::Char(_) = ours { SqlType::Char(0) } else { ours });
        }
        pg_type::by_oid(self.oid).ok_or_else(|| unsupported_type(self.oid))
    }
}

/// Casts a value of the client's type to the planner's, where they differ.
pub(super) fn cast(value: ScalarValue, target: &DataType) -> Result<ScalarValue> {
    if value.data_type() == *target { Ok(value) } else { value.cast_to(target).map_err(|error| cannot_cast(&error)) }
}

fn cannot_cast(error: &datafusion::error::DataFusionError) -> Error {
    Error::new(code::INVALID_TEXT_REPRESENTATION, "invalid value for a parameter").detail(error.to_string())
}

fn unsupported_type(oid: u32) -> Error {
    Error::unsupported(format!("parameters of the type with OID {oid} are not supported"))
}

fn invalid() -> Error {
    Error::new(code::INVALID_BINARY_REPRESENTATION, "incorrect binary data format")
}

/// Reads a binary value for a column of `sql_type`.
pub(super) fn value(bytes: Bytes, sql_type: &SqlType, options: &TextOptions) -> Result<ScalarValue> {
    let field = sql_type.field("value");
    let decoded = match sql_type {
        // Its length is to be tested.
        SqlType::Varchar(_) => text::parse(text_without_nul(&bytes)?, sql_type, options)?,
        _ => binary(bytes, pg_type::oid(sql_type), &field, options)?,
    };
    cast(decoded, field.data_type())
}

/// Reads a binary value of type `oid`; `field` gives precision and scale where the client's type has none.
fn binary(bytes: Bytes, oid: u32, field: &Field, options: &TextOptions) -> Result<ScalarValue> {
    if oid == pg_type::OID {
        return Ok(ScalarValue::Int64(Some(i64::from(u32::from_be_bytes(exactly(&bytes)?)))));
    }
    let ours = SqlType::of(field);
    let sql_type = match pg_type::by_oid(oid).ok_or_else(|| unsupported_type(oid))? {
        SqlType::AnyNumeric(_) if ours.is_numeric() => ours,
        named => named,
    };
    Ok(match &sql_type {
        SqlType::Boolean => ScalarValue::Boolean(Some(exactly::<1>(&bytes)? != [0])),
        SqlType::SmallInt => ScalarValue::Int16(Some(i16::from_be_bytes(exactly(&bytes)?))),
        SqlType::Integer => ScalarValue::Int32(Some(i32::from_be_bytes(exactly(&bytes)?))),
        SqlType::BigInt => ScalarValue::Int64(Some(i64::from_be_bytes(exactly(&bytes)?))),
        SqlType::Real => ScalarValue::Float32(Some(f32::from_be_bytes(exactly(&bytes)?))),
        SqlType::Double => ScalarValue::Float64(Some(f64::from_be_bytes(exactly(&bytes)?))),
        SqlType::Numeric(precision, scale) => {
            let value = numeric::read(&bytes, *precision, *scale)?;
            ScalarValue::Decimal128(Some(value), *precision, *scale)
        }
        SqlType::AnyNumeric(modifier) => {
            let value = numeric::read_any(&bytes)?;
            let value = modifier.map_or_else(|| Ok(value.clone()), |(digits, scale)| value.fitted(digits, scale))?;
            ScalarValue::LargeBinary(Some(encoding::encoded(&value)))
        }
        SqlType::Text | SqlType::Varchar(_) | SqlType::Char(_) => {
            ScalarValue::Utf8(Some(text_without_nul(&bytes)?.to_string()))
        }
        SqlType::Bytea => ScalarValue::Binary(Some(bytes.to_vec())),
        SqlType::Date => ScalarValue::Date32(Some(date(i32::from_be_bytes(exactly(&bytes)?))?)),
        SqlType::Time => {
            let micros = i64::from_be_bytes(exactly(&bytes)?);
            let in_day = (0..=86_400_000_000).contains(&micros);
            ScalarValue::Time64Microsecond(Some(in_day.then_some(micros).ok_or_else(invalid)?))
        }
        SqlType::Timestamp => {
            ScalarValue::TimestampMicrosecond(Some(timestamp(i64::from_be_bytes(exactly(&bytes)?))?), None)
        }
        SqlType::TimestampTz => ScalarValue::TimestampMicrosecond(
            Some(timestamp(i64::from_be_bytes(exactly(&bytes)?))?),
            Some("UTC".into()),
        ),
        SqlType::Interval => ScalarValue::IntervalMonthDayNano(Some(interval(&bytes)?)),
        SqlType::Uuid => ScalarValue::Utf8(Some(uuid::Uuid::from_bytes(exactly(&bytes)?).hyphenated().to_string())),
        SqlType::Json => text::parse(utf8(&bytes)?, &SqlType::Json, options)?,
        SqlType::Jsonb => {
            let Some((1, json)) = bytes.split_first() else { return Err(invalid()) };
            text::parse(utf8(json)?, &SqlType::Jsonb, options)?
        }
        SqlType::Array(item) => array(bytes, item, field, options)?,
        SqlType::Enum(_) => text::parse(utf8(&bytes)?, &sql_type, options)?,
        SqlType::Named(_) | SqlType::Row(_) => return Err(unsupported_type(oid)),
    })
}

/// Reads a binary array of the dimensions that `field` has. Errors: 0A000 for others.
fn array(bytes: Bytes, item: &SqlType, field: &Field, options: &TextOptions) -> Result<ScalarValue> {
    let mut body = Body(bytes);
    let dimensions = number(&mut body)?;
    number(&mut body)?; // Whether there are nulls: the elements tell it themselves.
    let element_oid = number(&mut body)? as u32;
    let ours = SqlType::of(field);
    let element = match ours.element() {
        ours if pg_type::oid(ours) == element_oid => ours.clone(),
        _ => pg_type::by_oid(element_oid).unwrap_or_else(|| item.clone()),
    };
    let (found, wanted) = (usize::try_from(dimensions).map_err(|_| invalid())?, ours.dimensions().max(1));
    if found != 0 && found != wanted {
        return Err(other_dimensions(found, wanted, &element));
    }
    let mut lengths = Vec::new();
    for _ in 0..found {
        lengths.push(usize::try_from(number(&mut body)?).map_err(|_| invalid())?);
        // Ours are always 1.
        if number(&mut body)? != 1 {
            return Err(Error::unsupported("array lower bounds other than 1 are not supported"));
        }
    }
    let element_field = element.field("item");
    let read = |bytes: Option<Bytes>| match bytes {
        Some(bytes) => cast(binary(bytes, element_oid, &element_field, options)?, element_field.data_type()),
        None => ScalarValue::try_new_null(element_field.data_type()).map_err(|error| cannot_cast(&error)),
    };
    let mut values = Vec::new();
    while !body.0.is_empty() {
        values.push(read(body.value().map_err(|_| invalid())?)?);
    }
    if values.len() != lengths.iter().copied().reduce(usize::saturating_mul).unwrap_or(0) {
        return Err(invalid());
    }
    nested(values, lengths.get(1..).unwrap_or_default(), &element, wanted)
}

/// An array of so many dimensions, of which the inner ones have these lengths.
fn nested(values: Vec<ScalarValue>, inner: &[usize], element: &SqlType, dimensions: usize) -> Result<ScalarValue> {
    let item = element.clone().array_of(dimensions - 1);
    let items = match inner {
        [length, rest @ ..] if *length > 0 => {
            let size = inner.iter().product::<usize>();
            let parts = values.chunks(size).map(|part| nested(part.to_vec(), rest, element, dimensions - 1));
            parts.collect::<Result<Vec<_>>>()?
        }
        _ => values,
    };
    Ok(ScalarValue::List(ScalarValue::new_list(&items, &item.arrow(), true)))
}

fn number(body: &mut Body) -> Result<i32> {
    body.number(4, Buf::get_i32).map_err(|_| invalid())
}

/// The bytes, if there are exactly as many as the type has.
fn exactly<const COUNT: usize>(bytes: &[u8]) -> Result<[u8; COUNT]> {
    bytes.try_into().map_err(|_| invalid())
}

fn text_without_nul(bytes: &[u8]) -> Result<&str> {
    let text = utf8(bytes)?;
    if memchr::memchr(0, bytes).is_some() {
        let message = "invalid byte sequence for encoding \"UTF8\": 0x00";
        return Err(Error::new(code::CHARACTER_NOT_IN_REPERTOIRE, message));
    }
    Ok(text)
}

/// Days since 1970 of days since 2000; the largest and the smallest stand for infinity.
fn date(days: i32) -> Result<i32> {
    match days {
        i32::MIN | i32::MAX => Ok(days),
        days => days.checked_add(EPOCH_DAYS).ok_or_else(|| out_of_range("date")),
    }
}

/// The same for microseconds.
fn timestamp(micros: i64) -> Result<i64> {
    match micros {
        i64::MIN | i64::MAX => Ok(micros),
        micros => micros.checked_add(EPOCH_MICROS).ok_or_else(|| out_of_range("timestamp")),
    }
}

fn interval(bytes: &[u8]) -> Result<IntervalMonthDayNano> {
    let bytes: [u8; 16] = exactly(bytes)?;
    let number = |at: usize| i32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let micros = (i64::from(number(0)) << 32) | i64::from(number(4) as u32);
    let nanoseconds = micros.checked_mul(1000).ok_or_else(|| out_of_range("interval"))?;
    Ok(IntervalMonthDayNano { months: number(12), days: number(8), nanoseconds })
}

fn out_of_range(what: &str) -> Error {
    Error::new(code::DATETIME_FIELD_OVERFLOW, format!("{what} out of range"))
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;

//! One JSON value into one column.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::object::Object;
use super::scan::{DEPTH_MAX, Malformed, RawString, Scanner, unescape};
use crate::decimal::Decimal;
use crate::error::{Error, code};
use crate::format::column::{Bytes, ColumnBuilder, Values};
use crate::format::text::jsonb::Refused;
use crate::format::text::number::{Digits, parse_decimal, parse_float};
use crate::format::text::read::fit_varchar;
use crate::format::text::{bytea, check_no_nul, datetime};
use crate::types::SqlType;

/// Why a value cannot go into its column. Boxed where it is returned: errors are rare, rows are many.
#[derive(Debug)]
pub(super) enum Wrong {
    /// The text is not JSON.
    Malformed(Malformed),
    /// The value at this byte is of another type.
    Mismatch(usize),
    /// The value at this byte is refused by its type.
    Refused(usize, Error),
    /// The value of a field of a row, with the field's name and type.
    Inside(String, SqlType, Box<Wrong>),
}

impl From<Malformed> for Box<Wrong> {
    #[cold]
    fn from(malformed: Malformed) -> Self {
        Box::new(Wrong::Malformed(malformed))
    }
}

pub(super) type Result<T = (), E = Box<Wrong>> = std::result::Result<T, E>;

/// Consumes a value and appends it to `column`, which may hold a part of it after an error. `depth` is how many objects and
/// arrays are open around it; `scratch` is any buffer.
#[inline(always)]
pub(super) fn append(
    column: &mut ColumnBuilder,
    scanner: &mut Scanner<'_>,
    scratch: &mut Vec<u8>,
    depth: usize,
) -> Result {
    match &mut column.values {
        Values::BigInt(values) => {
            if let Some(value) = scanner.integer() {
                values.push(value);
                return Ok(());
            }
        }
        Values::Integer(values) => {
            let start = scanner.at;
            if let Some(value) = scanner.integer().and_then(|value| i32::try_from(value).ok()) {
                values.push(value);
                return Ok(());
            }
            scanner.at = start;
        }
        Values::Text(bytes) if scanner.peek() == b'"' => {
            let string = scanner.string()?;
            if !string.escaped {
                let pushed = bytes.push_part(scanner.bytes, string.at, string.bytes.len());
                return pushed.map_err(|error| refused(string.at - 1, error));
            }
            return append_escaped(string, bytes);
        }
        Values::TimestampTz(values) if scanner.peek() == b'"' => {
            if let Some(micros) = scanner.aside(|scanner| iso_timestamp(scanner, true))? {
                values.push(micros);
                return Ok(());
            }
        }
        Values::Timestamp(values) if scanner.peek() == b'"' => {
            if let Some(micros) = scanner.aside(|scanner| iso_timestamp(scanner, false))? {
                values.push(micros);
                return Ok(());
            }
        }
        Values::TimestampTz(values) | Values::Timestamp(values) => {
            let start = scanner.at;
            // 292,000 years of milliseconds; beyond, µs do not fit.
            if let Some(micros) = scanner.integer().and_then(|millis| millis.checked_mul(1_000)) {
                values.push(micros);
                return Ok(());
            }
            scanner.at = start;
        }
        _ => {}
    }
    scanner.aside(|scanner| append_other(column, scanner, scratch, depth))
}

/// [`append`] for everything that is not the usual value of a usual type.
#[inline(never)]
fn append_other(column: &mut ColumnBuilder, scanner: &mut Scanner<'_>, scratch: &mut Vec<u8>, depth: usize) -> Result {
    let start = scanner.at;
    if scanner.peek() == b'n' && scanner.take_word(b"null") {
        column.append_null();
        return Ok(());
    }
    if let Values::Jsonb(bytes, canonical) = &mut column.values {
        canonical.append(scanner, depth, &mut bytes.bytes).map_err(refused_json)?;
        return bytes.close().map_err(|error| refused(start, error));
    }
    if let Values::Json(bytes) = &mut column.values {
        scanner.skip_value(depth)?;
        return bytes.push(&scanner.bytes[start..scanner.at]).map_err(|error| refused(start, error));
    }
    match scanner.peek() {
        b'"' => append_string(column, scanner, scratch),
        b'-' | b'0'..=b'9' => append_number(column, scanner),
        b'[' => append_array(column, scanner, scratch, depth + 1),
        b'{' => append_object(column, scanner, scratch, depth + 1),
        letter @ (b't' | b'f') => {
            let value = letter == b't';
            if !scanner.take_word(if value { b"true" } else { b"false" }) {
                return Err(scanner.malformed("expected a JSON value").into());
            }
            match &mut column.values {
                Values::Boolean(values) => {
                    values.push(value);
                    Ok(())
                }
                _ => Err(mismatch(start)),
            }
        }
        _ => Err(scanner.malformed("expected a JSON value").into()),
    }
}

/// Consumes a string that is a timestamp in the usual shape; anything else is not consumed.
fn iso_timestamp(scanner: &mut Scanner<'_>, zoned: bool) -> Result<Option<i64>> {
    let start = scanner.at;
    let string = scanner.string()?;
    let micros = datetime::iso_micros(string.bytes, zoned);
    if micros.is_none() {
        scanner.at = start;
    }
    Ok(micros)
}

fn append_escaped(string: RawString<'_>, bytes: &mut Bytes) -> Result {
    unescape(string, &mut bytes.bytes)?;
    check_no_nul(bytes.unfinished()).and_then(|()| bytes.close()).map_err(|error| refused(string.at - 1, error))
}

fn append_string(column: &mut ColumnBuilder, scanner: &mut Scanner<'_>, scratch: &mut Vec<u8>) -> Result {
    let start = scanner.at;
    let string = scanner.string()?;
    let text = if string.escaped {
        scratch.clear();
        unescape(string, scratch)?;
        scratch.as_slice()
    } else {
        string.bytes
    };
    // The scanner answers valid UTF-8 only, and resolving escapes keeps it so.
    let text = std::str::from_utf8(text).unwrap_or_default();
    let failed = |error| refused(start, error);
    match &mut column.values {
        Values::Varchar(bytes, letters_max) => {
            check_no_nul(text.as_bytes()).map_err(failed)?;
            let fitting = fit_varchar(text, *letters_max).map_err(failed)?;
            bytes.push(fitting.as_bytes()).map_err(failed)
        }
        Values::Bytea(bytes) => {
            match text.strip_prefix("\\x") {
                Some(digits) => bytea::parse_hex(digits.as_bytes(), &mut bytes.bytes).map_err(failed)?,
                None => STANDARD.decode_vec(text, &mut bytes.bytes).map_err(|error| {
                    let message = format!("bytea is neither base64 nor \\x and hexadecimal digits: {error}");
                    failed(Error::new(code::INVALID_TEXT_REPRESENTATION, message))
                })?,
            }
            bytes.close().map_err(failed)
        }
        Values::Real(values) => {
            special_float(text).map(|value| values.push(value as f32)).ok_or_else(|| mismatch(start))
        }
        Values::Double(values) => special_float(text).map(|value| values.push(value)).ok_or_else(|| mismatch(start)),
        Values::Boolean(_) | Values::SmallInt(_) | Values::Integer(_) | Values::BigInt(_) | Values::Array(_) => {
            Err(mismatch(start))
        }
        Values::Row(_) => Err(mismatch(start)),
        Values::Numeric { .. }
        | Values::AnyNumeric(..)
        | Values::Date(_)
        | Values::Time(_)
        | Values::Timestamp(_)
        | Values::TimestampTz(_)
        | Values::Interval(_)
        | Values::Uuid(_)
        | Values::Text(_)
        | Values::Char(..)
        | Values::Json(_)
        | Values::Enum(..)
        | Values::Jsonb(..) => column.append_text(text).map_err(failed),
    }
}

fn special_float(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

fn append_number(column: &mut ColumnBuilder, scanner: &mut Scanner<'_>) -> Result {
    let start = scanner.at;
    let text = scanner.number()?;
    let failed = |error| refused(start, error);
    match &mut column.values {
        Values::SmallInt(values) => values.push(exact_integer(text, start, "smallint")?),
        Values::Integer(values) => values.push(exact_integer(text, start, "integer")?),
        Values::BigInt(values) => values.push(exact_integer(text, start, "bigint")?),
        Values::Real(values) => values.push(parse_float(text, "real").map_err(failed)?),
        Values::Double(values) => values.push(parse_float(text, "double precision").map_err(failed)?),
        Values::Numeric { unscaled, precision, scale } => {
            unscaled.push(parse_decimal(text, *precision, *scale).map_err(failed)?);
        }
        Values::AnyNumeric(bytes, modifier) => {
            let value = Decimal::parse(text).map_err(failed)?;
            ColumnBuilder::append_numeric(bytes, &value, *modifier).map_err(failed)?;
        }
        Values::Timestamp(values) | Values::TimestampTz(values) => {
            let millis: i64 = exact_integer(text, start, "timestamp")?;
            let micros = millis.checked_mul(1_000).ok_or_else(|| {
                failed(Error::new(code::DATETIME_FIELD_OVERFLOW, format!("timestamp out of range: {text}")))
            })?;
            values.push(micros);
        }
        _ => return Err(mismatch(start)),
    }
    Ok(())
}

/// A number that may be written as `1e3` or `1.0` but must have no fraction.
fn exact_integer<T: TryFrom<i128>>(text: &str, start: usize, type_name: &str) -> Result<T> {
    let scaled = Digits::parse(text.as_bytes()).and_then(|digits| digits.scaled(0));
    match scaled {
        Some(scaled) if !scaled.exact => Err(mismatch(start)),
        scaled => scaled.and_then(|scaled| T::try_from(scaled.unscaled).ok()).ok_or_else(|| {
            let message = format!("value \"{text}\" is out of range for type {type_name}");
            refused(start, Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, message))
        }),
    }
}

fn append_array(column: &mut ColumnBuilder, scanner: &mut Scanner<'_>, scratch: &mut Vec<u8>, depth: usize) -> Result {
    let start = scanner.at;
    let Values::Array(items) = &mut column.values else {
        return Err(mismatch(start));
    };
    if depth > DEPTH_MAX {
        return Err(scanner.malformed("nested too deep").into());
    }
    scanner.at += 1;
    scanner.skip_whitespace();
    if !scanner.take(b']') {
        loop {
            append_item(&mut items.item, scanner, scratch, depth)?;
            if !scanner.next_element(b']')? {
                break;
            }
        }
    }
    items.close().map_err(|error| refused(start, error))
}

/// [`append`], not inlined into itself.
fn append_item(item: &mut ColumnBuilder, scanner: &mut Scanner<'_>, scratch: &mut Vec<u8>, depth: usize) -> Result {
    append(item, scanner, scratch, depth)
}

/// Appends an object as a row; members that the row has no field for are skipped, fields without a member are NULL.
fn append_object(column: &mut ColumnBuilder, scanner: &mut Scanner<'_>, scratch: &mut Vec<u8>, depth: usize) -> Result {
    let start = scanner.at;
    let Values::Row(parts) = &mut column.values else {
        return Err(mismatch(start));
    };
    if depth > DEPTH_MAX {
        return Err(scanner.malformed("nested too deep").into());
    }
    let mut object = Object::new(parts);
    scanner.at += 1;
    scanner.skip_whitespace();
    if !scanner.take(b'}') {
        loop {
            object.member(scanner, scratch, depth)?;
            if !scanner.next_element(b'}')? {
                break;
            }
        }
    }
    object.close();
    Ok(())
}

#[cold]
fn mismatch(at: usize) -> Box<Wrong> {
    Box::new(Wrong::Mismatch(at))
}

#[cold]
fn refused(at: usize, error: Error) -> Box<Wrong> {
    Box::new(Wrong::Refused(at, error))
}

#[cold]
fn refused_json(refusal: Refused) -> Box<Wrong> {
    match refusal {
        Refused::Malformed(malformed) => malformed.into(),
        Refused::Nul(at) => refused(at, Error::new("22P05", "\\u0000 cannot be converted to text")),
        Refused::Number(at) => {
            refused(at, Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format"))
        }
    }
}

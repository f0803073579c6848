//! Text into a column: one branch for each type.

use std::borrow::Cow;

use super::array::append_array;
use super::record::append_record;
use super::{bytea, check_no_nul, datetime, interval, invalid_syntax, jsonb, number};
use crate::decimal::Decimal;
use crate::error::{Error, Result, code};
use crate::format::column::{Bytes, ColumnBuilder, Values};

/// Appends the value that `text` is; after an error the column may hold part of it.
pub(crate) fn append(column: &mut ColumnBuilder, text: &str) -> Result<()> {
    let zone = column.time_zone;
    match &mut column.values {
        Values::Boolean(values) => values.push(parse_boolean(text)?),
        Values::SmallInt(values) => values.push(number::parse_integer(text, "smallint")?),
        Values::Integer(values) => values.push(number::parse_integer(text, "integer")?),
        Values::BigInt(values) => values.push(number::parse_integer(text, "bigint")?),
        Values::Real(values) => values.push(number::parse_float(text, "real")?),
        Values::Double(values) => values.push(number::parse_float(text, "double precision")?),
        Values::Numeric { unscaled, precision, scale } => {
            unscaled.push(number::parse_decimal(text, *precision, *scale)?);
        }
        Values::AnyNumeric(bytes, modifier) => {
            ColumnBuilder::append_numeric(bytes, &Decimal::parse(text)?, *modifier)?;
        }
        Values::Text(bytes) => {
            check_no_nul(text.as_bytes())?;
            bytes.push(text.as_bytes())?;
        }
        Values::Varchar(bytes, letters_max) => {
            check_no_nul(text.as_bytes())?;
            bytes.push(fit_varchar(text, *letters_max)?.as_bytes())?;
        }
        Values::Char(bytes, letters) => {
            check_no_nul(text.as_bytes())?;
            bytes.push(fit_char(text, *letters)?.as_bytes())?;
        }
        Values::Uuid(bytes) => append_uuid(text, bytes)?,
        Values::Json(bytes) => {
            jsonb::check_json(text)?;
            bytes.push(text.as_bytes())?;
        }
        Values::Jsonb(bytes, canonical) => {
            canonical.parse(text, &mut bytes.bytes)?;
            bytes.close()?;
        }
        Values::Bytea(bytes) => {
            bytea::parse(text.as_bytes(), &mut bytes.bytes)?;
            bytes.close()?;
        }
        Values::Date(values) => values.push(datetime::parse_date(text)?),
        Values::Time(values) => values.push(datetime::parse_time(text)?),
        Values::Timestamp(values) => values.push(datetime::parse_timestamp(text)?),
        Values::TimestampTz(values) => values.push(datetime::parse_timestamptz(text, zone)?),
        Values::Interval(values) => values.push(interval::parse(text)?),
        Values::Array(items) => append_array(text, items)?,
        Values::Enum(values, labels) => values.push(labels.value_of(text)?),
        Values::Row(parts) => append_record(text, parts)?,
    }
    Ok(())
}

/// The text filled up with blanks to so many characters, if it has not more; blanks beyond are dropped, anything else is refused with
/// 22001. A length of 0 takes any text.
pub(crate) fn fit_char(text: &str, letters: u32) -> Result<Cow<'_, str>> {
    if letters == 0 {
        return Ok(Cow::Borrowed(text));
    }
    let fitting = fit(text, letters, "character")?;
    Ok(Cow::Owned(format!("{fitting:width$}", width = letters as usize)))
}

/// The text if it has at most `letters_max` characters; blanks beyond are dropped, anything else is refused with 22001.
pub(crate) fn fit_varchar(text: &str, letters_max: u32) -> Result<&str> {
    fit(text, letters_max, "character varying")
}

fn fit<'a>(text: &'a str, letters_max: u32, sql_type: &str) -> Result<&'a str> {
    let letters_max = letters_max as usize;
    if text.len() <= letters_max {
        return Ok(text);
    }
    match text.char_indices().nth(letters_max) {
        None => Ok(text),
        Some((end, _)) if text[end..].bytes().all(|byte| byte == b' ') => Ok(&text[..end]),
        Some(_) => Err(Error::new(
            code::STRING_DATA_RIGHT_TRUNCATION,
            format!("value too long for type {sql_type}({letters_max})"),
        )),
    }
}

/// The words that PostgreSQL takes for true and false: beginnings of true, yes, on, 1 and of false, no, off, 0 that tell
/// them apart.
fn parse_boolean(text: &str) -> Result<bool> {
    let word = text.trim_ascii();
    let begins = |whole: &str| whole.len() >= word.len() && whole[..word.len()].eq_ignore_ascii_case(word);
    if word.is_empty() || !word.is_ascii() || word.eq_ignore_ascii_case("o") {
        return Err(invalid_syntax("boolean", text));
    }
    if begins("true") || begins("yes") || begins("on") || word == "1" {
        Ok(true)
    } else if begins("false") || begins("no") || begins("off") || word == "0" {
        Ok(false)
    } else {
        Err(invalid_syntax("boolean", text))
    }
}

/// Appends a uuid in canonical form: 32 hexadecimal digits in any case, with a hyphen allowed after each group of four, in
/// braces or not.
fn append_uuid(text: &str, bytes: &mut Bytes) -> Result<()> {
    let source = text.as_bytes();
    let inner = source.strip_prefix(b"{").map_or(Some(source), |rest| rest.strip_suffix(b"}"));
    let mut canonical = [b'-'; 36];
    let mut digits = 0;
    let mut after_hyphen = true;
    for byte in inner.ok_or_else(|| invalid_syntax("uuid", text))? {
        if *byte == b'-' && digits % 4 == 0 && digits < 32 && !after_hyphen {
            after_hyphen = true;
        } else if byte.is_ascii_hexdigit() && digits < 32 {
            canonical[uuid_position(digits)] = byte.to_ascii_lowercase();
            digits += 1;
            after_hyphen = false;
        } else {
            return Err(invalid_syntax("uuid", text));
        }
    }
    if digits != 32 {
        return Err(invalid_syntax("uuid", text));
    }
    bytes.push(&canonical)
}

/// Where digit number `digit` stands in 8-4-4-4-12.
fn uuid_position(digit: usize) -> usize {
    digit + [8, 12, 16, 20].iter().filter(|end| digit >= **end).count()
}

//! Values as PostgreSQL writes and reads them as text. In: Arrow arrays, or text and a [`SqlType`]; out: text, or columns.
//! Never: "now" and other words that need a clock.
//!
//! The output is byte for byte that of PostgreSQL 15 with `DateStyle = 'ISO, MDY'`, `IntervalStyle = 'postgres'` and
//! `extra_float_digits = 1`. What is read is what PostgreSQL reads, with these differences, all refused and never misread:
//! `infinity` of dates and timestamps, `NaN` of numeric(p,s) with up to 38 digits, `now`, `today`, `tomorrow` and `yesterday`, Julian and day-of-year
//! dates, arrays whose lower bound is not 1, timestamps after the year 294247, and numbers in jsonb whose exponent
//! stands for more than 1,024 zeros (ten bytes of input must not become megabytes).

use datafusion::scalar::ScalarValue;

use crate::error::{Error, Result};
use crate::types::SqlType;

// Array literals.
mod array;
// Binary strings.
pub(crate) mod bytea;
// Days, months and years.
pub(crate) mod calendar;
// Dates and timestamps in.
pub(crate) mod datetime;
// What a date or timestamp written freely says, word by word.
mod datetime_words;
// Durations in and out.
mod interval;
// Canonical JSON.
pub(crate) mod jsonb;
// Integers, floats and decimals in and out.
pub(crate) mod number;
// Text into a column.
pub(crate) mod read;
// Row literals.
mod record;
// Arrow values out.
mod write;
// Time zones.
mod zone;

pub use super::column::ColumnBuilder;
pub(crate) use array::array_dimensions;
pub use jsonb::canonical_jsonb;
pub use write::{ColumnWriter, Writer};
pub use zone::TimeZone;

/// SQLSTATE of a byte that no text may hold.
const CHARACTER_NOT_IN_REPERTOIRE: &str = "22021";

/// What of a session's settings changes how values are written and read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TextOptions {
    /// The zone in which timestamptz is written, and read where the text names none.
    pub time_zone: TimeZone,
    /// Whether bytea is written in the `escape` format instead of `hex`.
    pub bytea_escape: bool,
}

/// Reads `text` as a value of `sql_type`, as PostgreSQL's input function of that type does.
///
/// A timestamptz without a zone is taken in the zone of `options`. The errors have PostgreSQL's SQLSTATE and message, e.g.
/// 22P02 `invalid input syntax for type integer: "x"`.
pub fn parse(text: &str, sql_type: &SqlType, options: &TextOptions) -> Result<ScalarValue> {
    let mut column = ColumnBuilder::new(sql_type).with_time_zone(options.time_zone);
    column.append_text(text)?;
    crate::batch::scalar(&column.finish(), 0).map_err(|error| Error::internal(error.to_string()))
}

/// Refuses text with a NUL character, which no PostgreSQL client can receive.
pub(crate) fn check_no_nul(text: &[u8]) -> Result<()> {
    if memchr::memchr(0, text).is_some() {
        return Err(Error::new(CHARACTER_NOT_IN_REPERTOIRE, "invalid byte sequence for encoding \"UTF8\": 0x00"));
    }
    Ok(())
}

/// `invalid input syntax for type …: "…"`, SQLSTATE 22P02.
pub(crate) fn invalid_syntax(type_name: &str, text: &str) -> Error {
    let code = crate::error::code::INVALID_TEXT_REPRESENTATION;
    Error::new(code, format!("invalid input syntax for type {type_name}: \"{text}\""))
}

#[cfg(test)]
mod tests;

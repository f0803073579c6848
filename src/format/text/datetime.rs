//! Dates and timestamps from text. ISO 8601 in its usual shape is read at once, everything else word by word.

use super::calendar::{DATE_INFINITY, DAY_US, HOUR_US, INFINITY, MINUTE_US, SECOND_US, days_from_civil, days_in_month};
use super::datetime_words::parse_words;
use super::zone::TimeZone;
use crate::error::{Error, Result, code};

/// Days since 1970-01-01 of the first and last date that PostgreSQL knows: 4714-11-24 BC and 5874897-12-31.
const DATES: std::ops::RangeInclusive<i64> = -2_440_588..=2_145_042_905;

/// What a text says about a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// Days since 1970-01-01.
    pub(super) days: i64,
    /// µs since midnight; a whole day for 24:00 and for a second 60 at its end.
    pub(super) micros: i64,
    /// The zone, if the text names one.
    pub(super) zone: Option<TimeZone>,
}

/// Why a text is not a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wrong {
    /// Not a date or timestamp at all.
    Syntax,
    /// A field is out of range; `true` if it may be a month and a day in the other order.
    Field(bool),
    /// An offset of more than a day.
    Displacement,
    /// A zone that does not exist.
    Zone(String),
    /// `infinity`, or `-infinity` if `false`.
    Infinite(bool),
    /// A word that PostgreSQL knows and we do not.
    Special(String),
}

/// Days since 1970-01-01 of a `date`. A time and a zone in the text are checked and left out.
pub(crate) fn parse_date(text: &str) -> Result<i32> {
    let moment = match moment_of(text) {
        Err(Wrong::Infinite(positive)) => return Ok(DATE_INFINITY[usize::from(positive)]),
        read => read.map_err(|wrong| error_of(wrong, "date", text))?,
    };
    if !DATES.contains(&moment.days) {
        return Err(out_of_range("date", text));
    }
    i32::try_from(moment.days).map_err(|_| out_of_range("date", text))
}

/// µs since 1970-01-01 00:00 of a `timestamp`. As in PostgreSQL, a zone in the text is left out.
pub(crate) fn parse_timestamp(text: &str) -> Result<i64> {
    let moment = match moment_of(text) {
        Err(Wrong::Infinite(positive)) => return Ok(INFINITY[usize::from(positive)]),
        read => read.map_err(|wrong| error_of(wrong, "timestamp", text))?,
    };
    micros_of(moment.days, moment.micros).ok_or_else(|| out_of_range("timestamp", text))
}

/// µs since 1970-01-01 00:00 UTC of a `timestamptz`, in `time_zone` if the text names no zone.
pub(crate) fn parse_timestamptz(text: &str, time_zone: TimeZone) -> Result<i64> {
    let moment = match moment_of(text) {
        Err(Wrong::Infinite(positive)) => return Ok(INFINITY[usize::from(positive)]),
        read => read.map_err(|wrong| error_of(wrong, "timestamp with time zone", text))?,
    };
    let zone = moment.zone.unwrap_or(time_zone);
    let local_seconds = moment.days * 86_400 + moment.micros / SECOND_US;
    let offset = i64::from(zone.offset_at_local(local_seconds)) * SECOND_US;
    micros_of(moment.days, moment.micros - offset).ok_or_else(|| out_of_range("timestamp", text))
}

/// µs since midnight of a `time`, 24:00 included. As in PostgreSQL, a date and a zone in the text are left out.
pub(crate) fn parse_time(text: &str) -> Result<i64> {
    if text.trim().eq_ignore_ascii_case("allballs") {
        return Ok(0);
    }
    let starts = text.trim_start().starts_with(|letter: char| letter.is_ascii_digit());
    let moment = match parse_words(&format!("2000-01-01 {text}")) {
        Err(Wrong::Syntax) if starts => parse_words(text),
        Ok(_) if !starts => Err(Wrong::Syntax),
        read => read,
    };
    moment.map(|moment| moment.micros).map_err(|wrong| error_of(wrong, "time", text))
}

/// µs since 1970-01-01 of a timestamp in the usual shape of ISO 8601: UTC if `zoned`, where no zone means UTC, otherwise local.
/// `None` for every other text, which may still be a timestamp.
#[inline]
pub(crate) fn iso_micros(text: &[u8], zoned: bool) -> Option<i64> {
    let moment = parse_iso(text)?;
    let offset = match moment.zone {
        Some(TimeZone::Fixed(seconds)) if zoned => i64::from(seconds) * SECOND_US,
        _ => 0,
    };
    Some(moment.days * DAY_US + moment.micros - offset)
}

/// µs since 1970-01-01 of µs within the range of a timestamp; `None` beyond.
fn micros_of(days: i64, micros: i64) -> Option<i64> {
    (days >= *DATES.start()).then(|| days.checked_mul(DAY_US)?.checked_add(micros)).flatten()
}

fn moment_of(text: &str) -> Result<Moment, Wrong> {
    match parse_iso(text.as_bytes()) {
        Some(moment) => Ok(moment),
        None => parse_words(text),
    }
}

/// `YYYY-MM-DD`, then perhaps `T` or a space and `hh:mm:ss`, then perhaps `.` and up to six digits, then perhaps `Z`, `±hh`,
/// `±hhmm` or `±hh:mm`. Anything else, and any field out of range, is `None`.
#[inline]
fn parse_iso(text: &[u8]) -> Option<Moment> {
    let date: &[u8; 10] = text.first_chunk()?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *date else {
        return None;
    };
    let year = i64::from(two(y1, y2)? * 100 + two(y3, y4)?);
    let (month, day) = (two(m1, m2)?, two(d1, d2)?);
    if year == 0 || !(1..=12).contains(&month) || day == 0 || day > days_in_month(year, month) {
        return None;
    }
    let days = days_from_civil(year, month, day);
    let rest = &text[10..];
    let Some(time) = rest.first_chunk::<9>() else {
        return rest.is_empty().then_some(Moment { days, micros: 0, zone: None });
    };
    let [b'T' | b' ' | b't', h1, h2, b':', i1, i2, b':', s1, s2] = *time else {
        return None;
    };
    let (hour, minute, second) = (two(h1, h2)?, two(i1, i2)?, two(s1, s2)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut micros = i64::from(hour) * HOUR_US + i64::from(minute) * MINUTE_US + i64::from(second) * SECOND_US;
    let mut rest = &rest[9..];
    if let [b'.', fraction @ ..] = rest {
        let mut unit = SECOND_US;
        let mut count = 0;
        while let Some(digit @ b'0'..=b'9') = fraction.get(count) {
            unit /= 10;
            micros += i64::from(digit - b'0') * unit;
            count += 1;
        }
        if count == 0 || count > 6 {
            return None;
        }
        rest = &fraction[count..];
    }
    Some(Moment { days, micros, zone: iso_zone(rest)? })
}

/// The zone at the end of an ISO timestamp: outer `None` if it is something else.
fn iso_zone(text: &[u8]) -> Option<Option<TimeZone>> {
    let (sign, hours, minutes) = match *text {
        [] => return Some(None),
        [b'Z' | b'z'] => return Some(Some(TimeZone::default())),
        [sign, h1, h2] => (sign, two(h1, h2)?, 0),
        [sign, h1, h2, m1, m2] | [sign, h1, h2, b':', m1, m2] => (sign, two(h1, h2)?, two(m1, m2)?),
        _ => return None,
    };
    if hours > 15 || minutes > 59 {
        return None;
    }
    let seconds = (hours * 3600 + minutes * 60) as i32;
    match sign {
        b'+' => Some(Some(TimeZone::Fixed(seconds))),
        b'-' => Some(Some(TimeZone::Fixed(-seconds))),
        _ => None,
    }
}

/// The number of two digits.
#[inline(always)]
fn two(tens: u8, ones: u8) -> Option<u32> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
}

fn out_of_range(type_name: &str, text: &str) -> Error {
    Error::new(code::DATETIME_FIELD_OVERFLOW, format!("{type_name} out of range: \"{text}\""))
}

fn error_of(wrong: Wrong, type_name: &str, text: &str) -> Error {
    match wrong {
        Wrong::Syntax | Wrong::Infinite(_) => {
            let message = format!("invalid input syntax for type {type_name}: \"{text}\"");
            Error::new(code::INVALID_DATETIME_FORMAT, message)
        }
        Wrong::Field(month_and_day) => {
            let message = format!("date/time field value out of range: \"{text}\"");
            let error = Error::new(code::DATETIME_FIELD_OVERFLOW, message);
            if month_and_day { error.hint("dates are read as year-month-day or month/day/year") } else { error }
        }
        Wrong::Displacement => Error::new("22009", format!("time zone displacement out of range: \"{text}\"")),
        Wrong::Zone(name) => Error::new(code::INVALID_PARAMETER_VALUE, format!("time zone \"{name}\" not recognized")),
        Wrong::Special(word) => {
            Error::unsupported(format!("\"{word}\" is not supported as a value of type {type_name}"))
                .hint("use a date, or a function such as now() in the query")
        }
    }
}

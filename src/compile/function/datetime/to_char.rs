//! `to_char(time, pattern)` with PostgreSQL's template patterns. Names of days and months are English.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::{DataType, TimestampMicrosecondType};

use super::super::cast::local_micros;
use super::super::definition::{Argument, Call, Definition, Types, strict, texts};
use super::{Civil, intervals, micros_of, timestamps};
use crate::error::{Error, Result};
use crate::format::text::TimeZone;
use crate::format::text::calendar::{HOUR_US, MINUTE_US, SECOND_US, is_finite};
use crate::types::SqlType;

pub(in crate::compile::function) static DEFINITION: Definition = Definition::immutable("to_char", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    use SqlType::{BigInt, Date, Double, Integer, Interval, Numeric, Real, SmallInt, Timestamp, TimestampTz};
    let [value, pattern] = arguments else { return Ok(None) };
    if !pattern.or_text().is_text() {
        return Ok(None);
    }
    let wanted = match &value.sql_type {
        Some(known @ (Timestamp | TimestampTz | Interval)) => known.clone(),
        Some(SqlType::Time) => Interval,
        Some(Date) => TimestampTz,
        Some(SmallInt | Integer | BigInt | Real | Double | Numeric(..) | SqlType::AnyNumeric(_)) => {
            return Err(Error::unsupported("to_char of numbers is not supported").hint("cast to numeric(p,s) or text"));
        }
        None => TimestampTz,
        _ => return Ok(None),
    };
    Ok(Some((vec![wanted, SqlType::Text], SqlType::Text)))
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let patterns = texts(&call.arguments[1]);
    let mut known: Option<(&str, Vec<Piece>)> = None;
    let values = strict(call, |row| {
        let pattern = patterns.value(row);
        if call.arguments[0]
            .as_primitive_opt::<TimestampMicrosecondType>()
            .is_some_and(|times| !is_finite(times.value(row)))
        {
            return Ok(None);
        }
        if known.as_ref().is_none_or(|(same, _)| *same != pattern) {
            known = Some((pattern, pieces(pattern)));
        }
        let shown = match call.arguments[0].data_type() {
            DataType::Interval(_) => {
                let span = intervals(&call.arguments[0]).value(row);
                Shown::of_interval(i64::from(span.months), i64::from(span.days), micros_of(span))
            }
            DataType::Timestamp(_, None) => Shown::of_time(timestamps(&call.arguments[0]).value(row), None),
            _ => {
                let micros = timestamps(&call.arguments[0]).value(row);
                let local = local_micros(micros, call.time_zone)?;
                Shown::of_time(local, Some(((local - micros) / SECOND_US, call.time_zone, micros)))
            }
        };
        let mut text = String::new();
        for piece in known.iter().flat_map(|(_, pieces)| pieces) {
            piece.write(&shown, &mut text)?;
        }
        // An empty pattern shows nothing at all.
        Ok(Some(text).filter(|_| !pattern.is_empty()))
    })?;
    Ok(Arc::new(values.into_iter().map(Option::flatten).collect::<StringArray>()))
}

/// A time as patterns see it.
struct Shown {
    civil: Civil,
    /// An interval's, which goes beyond 24.
    hour: i64,
    /// µs of the hour, with the interval's sign.
    micros: i64,
    /// Offset in seconds, zone and instant.
    zone: Option<(i64, TimeZone, i64)>,
    is_interval: bool,
}

impl Shown {
    fn of_time(local: i64, zone: Option<(i64, TimeZone, i64)>) -> Shown {
        let civil = Civil::of(local);
        Shown { civil, hour: civil.micros / HOUR_US, micros: civil.micros % HOUR_US, zone, is_interval: false }
    }

    fn of_interval(months: i64, days: i64, micros: i64) -> Shown {
        let (month, day) = (u32::try_from(months % 12).unwrap_or(0), u32::try_from(days).unwrap_or(0));
        let civil = Civil { year: months / 12, month, day, days, micros };
        Shown { civil, hour: micros / HOUR_US, micros: micros % HOUR_US, zone: None, is_interval: true }
    }
}

/// A part of a pattern.
enum Piece {
    /// As it is.
    Text(String),
    /// One of [`KEYWORDS`], as it was written, with the prefix FM and the suffix TH or th.
    Field { name: &'static str, written: String, fill: bool, ordinal: Option<bool> },
}

/// Longer ones before those that they begin with.
const KEYWORDS: &[&str] = &[
    "SSSSS", "SSSS", "HH24", "HH12", "HH", "MI", "SS", "MS", "US", "FF1", "FF2", "FF3", "FF4", "FF5", "FF6", "A.M.",
    "P.M.", "AM", "PM", "Y,YYY", "YYYY", "YYY", "YY", "Y", "IYYY", "IYY", "IY", "IDDD", "ID", "IW", "I", "B.C.",
    "A.D.", "BC", "AD", "MONTH", "MON", "MM", "DAY", "DY", "DDD", "DD", "D", "WW", "W", "CC", "J", "Q", "RM", "TZH",
    "TZM", "TZ", "OF",
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const ROMAN: [&str; 12] = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];

fn pieces(pattern: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = pattern;
    let mut fill = true;
    while let Some(first) = rest.chars().next() {
        let starts =
            |text: &str, word: &str| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        // Names in the language of the locale, which is English, are not padded.
        if starts(rest, "FM") || starts(rest, "FX") || starts(rest, "TM") {
            fill = starts(rest, "FX");
            rest = &rest[2..];
        } else if let Some(name) = KEYWORDS.iter().find(|name| starts(rest, name)) {
            let written = rest[..name.len()].to_string();
            rest = &rest[name.len()..];
            let ordinal = if starts(rest, "TH") { Some(rest.starts_with('T')) } else { None };
            rest = if ordinal.is_some() { &rest[2..] } else { rest };
            pieces.push(Piece::Field { name, written, fill, ordinal });
            fill = true;
        } else if first == '"' {
            let end = rest[1..].find('"').map_or(rest.len(), |end| end + 1);
            pieces.push(Piece::Text(rest[1..end].replace('\\', "")));
            rest = rest.get(end + 1..).unwrap_or_default();
        } else {
            let quoted = first == '\\' && rest[1..].starts_with('"');
            let text = if quoted { '"' } else { first };
            rest = &rest[if quoted { 2 } else { first.len_utf8() }..];
            pieces.push(Piece::Text(text.to_string()));
        }
    }
    pieces
}

impl Piece {
    fn write(&self, shown: &Shown, out: &mut String) -> Result<()> {
        let (name, written, fill, ordinal) = match self {
            Piece::Text(text) => {
                out.push_str(text);
                return Ok(());
            }
            Piece::Field { name, written, fill, ordinal } => (*name, written, *fill, *ordinal),
        };
        if let Some(text) = words(name, written, fill, shown)? {
            out.push_str(&text);
            return Ok(());
        }
        let Some((number, width)) = number(name, shown) else {
            return Err(Error::unsupported(format!("to_char pattern {name} is not supported here")));
        };
        let sign = if number < 0 { "-" } else { "" };
        // A day's sign takes the place of a digit.
        let width = if number < 0 && name == "DD" { width - 1 } else { width };
        let width = if fill { width } else { 0 };
        let digits = format!("{sign}{:0width$}", number.unsigned_abs());
        match name {
            "Y,YYY" if digits.len() > 3 => {
                let (thousands, rest) = digits.split_at(digits.len() - 3);
                out.push_str(&format!("{thousands},{rest}"));
            }
            _ => out.push_str(&digits),
        }
        if let Some(upper) = ordinal {
            let suffix = match (number.unsigned_abs() % 100, number.unsigned_abs() % 10) {
                (11..=13, _) => "th",
                (_, 1) => "st",
                (_, 2) => "nd",
                (_, 3) => "rd",
                _ => "th",
            };
            out.push_str(&if upper { suffix.to_uppercase() } else { suffix.to_string() });
        }
        Ok(())
    }
}

/// A field that is not a number.
fn words(name: &str, written: &str, fill: bool, shown: &Shown) -> Result<Option<String>> {
    let padded = |text: &str, width: usize| if fill { format!("{text:width$}") } else { text.to_string() };
    let cased = |text: &str| {
        let mut letters = written.chars();
        match (letters.next().is_some_and(char::is_uppercase), letters.next().is_some_and(char::is_uppercase)) {
            (true, true) => text.to_uppercase(),
            (true, false) => text.to_string(),
            _ => text.to_lowercase(),
        }
    };
    let fraction = shown.micros % SECOND_US;
    let month = shown.civil.month.checked_sub(1).map(|month| month as usize);
    let weekday = (shown.civil.iso_weekday() - 1) as usize;
    let is_date_field = ["MONTH", "MON", "DAY", "DY", "RM"].contains(&name);
    if is_date_field && shown.is_interval && name != "RM" {
        return Err(Error::new(
            crate::error::code::INVALID_DATETIME_FORMAT,
            "invalid format specification for an interval value",
        )
        .hint("Intervals are not tied to specific calendar dates."));
    }
    Ok(Some(match name {
        "MONTH" => month.map(|month| padded(&cased(MONTHS[month]), 9)).unwrap_or_default(),
        "MON" => month.map(|month| cased(&MONTHS[month][..3])).unwrap_or_default(),
        "RM" => month
            .map(|month| {
                padded(
                    &if written.starts_with('R') { ROMAN[month].to_string() } else { ROMAN[month].to_lowercase() },
                    4,
                )
            })
            .unwrap_or_default(),
        "DAY" => padded(&cased(DAYS[weekday]), 9),
        "DY" => cased(&DAYS[weekday][..3]),
        "AM" | "PM" | "A.M." | "P.M." => {
            let half = if shown.hour.rem_euclid(24) < 12 { "am" } else { "pm" };
            let text = if name.contains('.') { format!("{}.{}.", &half[..1], &half[1..]) } else { half.to_string() };
            if written.starts_with(char::is_uppercase) { text.to_uppercase() } else { text }
        }
        "BC" | "AD" | "B.C." | "A.D." => {
            let era = if shown.civil.year > 0 || shown.is_interval { "ad" } else { "bc" };
            let text = if name.contains('.') { format!("{}.{}.", &era[..1], &era[1..]) } else { era.to_string() };
            if written.starts_with(char::is_uppercase) { text.to_uppercase() } else { text }
        }
        "MS" => format!("{:03}", fraction / 1_000),
        "US" => format!("{fraction:06}"),
        "FF1" | "FF2" | "FF3" | "FF4" | "FF5" | "FF6" => {
            let digits = usize::from(name.as_bytes()[2] - b'0');
            format!("{fraction:06}")[..digits].to_string()
        }
        "TZ" => match shown.zone {
            Some((_, zone, instant)) => abbreviation(zone, instant, written.starts_with('t')),
            None => String::new(),
        },
        "TZH" | "TZM" | "OF" => {
            let seconds = shown.zone.map_or(0, |(seconds, ..)| seconds);
            let sign = if seconds < 0 { '-' } else { '+' };
            let (hours, minutes) = (seconds.abs() / 3_600, seconds.abs() / 60 % 60);
            match name {
                "TZH" => format!("{sign}{hours:02}"),
                "TZM" => format!("{minutes:02}"),
                _ if minutes == 0 => format!("{sign}{hours:02}"),
                _ => format!("{sign}{hours:02}:{minutes:02}"),
            }
        }
        _ => return Ok(None),
    }))
}

/// A field that is a number, and its digits at least.
fn number(name: &str, shown: &Shown) -> Option<(i64, usize)> {
    let civil = &shown.civil;
    let year = if shown.is_interval { civil.year } else { civil.shown_year().abs() };
    let (iso_year, iso_week) = civil.iso_week();
    let day_of_year = civil.day_of_year();
    let iso_day_of_year = (iso_week - 1) * 7 + civil.iso_weekday();
    let twelve = if shown.hour.rem_euclid(12) == 0 { 12 } else { shown.hour.rem_euclid(12) };
    Some(match name {
        "HH24" => (shown.hour, 2),
        "HH12" | "HH" => (if shown.is_interval && shown.hour < 0 { shown.hour % 12 } else { twelve }, 2),
        "MI" => (shown.micros / MINUTE_US, 2),
        "SS" => (shown.micros / SECOND_US % 60, 2),
        "SSSSS" | "SSSS" => (shown.hour * 3_600 + shown.micros / SECOND_US, 1),
        "YYYY" | "Y,YYY" => (year, 4),
        "YYY" => (year % 1_000, 3),
        "YY" => (year % 100, 2),
        "Y" => (year % 10, 1),
        "MM" => (i64::from(civil.month), 2),
        "DD" => (if shown.is_interval { civil.days } else { i64::from(civil.day) }, 2),
        "CC" if civil.year > 0 => ((civil.year + 99) / 100, 2),
        "CC" => ((civil.year - 100) / 100, 2),
        _ if shown.is_interval => return None,
        "IYYY" => (iso_year, 4),
        "IYY" => (iso_year % 1_000, 3),
        "IY" => (iso_year % 100, 2),
        "I" => (iso_year % 10, 1),
        "IDDD" => (iso_day_of_year, 3),
        "ID" => (civil.iso_weekday(), 1),
        "IW" => (iso_week, 2),
        "DDD" => (day_of_year, 3),
        "D" => (civil.iso_weekday() % 7 + 1, 1),
        "WW" => ((day_of_year - 1) / 7 + 1, 2),
        "W" => (i64::from((civil.day - 1) / 7 + 1), 1),
        "J" => (civil.days + 2_440_588, 1),
        "Q" => (i64::from((civil.month - 1) / 3 + 1), 1),
        _ => return None,
    })
}

/// What the zone is called at an instant, e.g. `CEST`; its offset if it has no letters.
fn abbreviation(zone: TimeZone, instant: i64, lower: bool) -> String {
    use chrono::TimeZone as _;
    let name = match zone {
        TimeZone::Named(zone) => {
            let time = chrono::DateTime::from_timestamp_micros(instant).unwrap_or_default();
            zone.from_utc_datetime(&time.naive_utc()).format("%Z").to_string()
        }
        TimeZone::Fixed(_) => {
            zone.to_string().trim_start_matches('<').split('>').next().unwrap_or_default().to_string()
        }
    };
    if lower { name.to_lowercase() } else { name }
}

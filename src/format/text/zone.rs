//! Time zones: a name of the IANA database or a fixed offset.

use std::fmt;

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, Offset, TimeZone as _};
use chrono_tz::{TZ_VARIANTS, Tz};

use super::calendar::{civil_from_days, days_from_civil, days_in_month};
use crate::error::{Error, Result, code};

/// Hours from Greenwich at most.
const HOURS_MAX: f64 = 24.0;

/// The last year whose rules are taken from the database of zones, which ends soon after.
const YEAR_MAX: i64 = 2098;

/// A session's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeZone {
    /// Seconds east of Greenwich.
    Fixed(i32),
    /// A zone of the IANA database.
    Named(Tz),
}

impl Default for TimeZone {
    fn default() -> Self {
        TimeZone::Named(Tz::UTC)
    }
}

impl TimeZone {
    /// The zone that `SET TimeZone = '…'` names: an IANA name in any case, hours east of Greenwich as `SET TIME ZONE -7` gives
    /// them, or POSIX's `<+02>-02`, whose sign is the other way round. Fails with 22023 for a zone that does not exist.
    pub fn parse(text: &str) -> Result<TimeZone> {
        let text = text.trim();
        if let Some(zone) = TimeZone::named(text) {
            return Ok(zone);
        }
        let offset = match text.parse::<f64>() {
            Ok(hours) => (hours.abs() <= HOURS_MAX).then(|| (hours * 3600.0).round() as i32),
            Err(_) => posix_offset(text),
        };
        offset.map(TimeZone::Fixed).ok_or_else(|| {
            Error::new(code::INVALID_PARAMETER_VALUE, format!("invalid value for parameter \"TimeZone\": \"{text}\""))
        })
    }

    /// The zone of an IANA name in any case.
    pub(crate) fn named(name: &str) -> Option<TimeZone> {
        name.parse()
            .ok()
            .or_else(|| TZ_VARIANTS.iter().copied().find(|zone| zone.name().eq_ignore_ascii_case(name)))
            .map(TimeZone::Named)
    }

    /// The zone of an abbreviation in lower case, such as `pst`.
    pub(crate) fn abbreviated(name: &str) -> Option<TimeZone> {
        super::datetime_words::abbreviated_zone(name)
    }

    /// Seconds east of Greenwich at an instant, given in seconds since 1970-01-01 UTC.
    pub(crate) fn offset_at(&self, seconds: i64) -> i32 {
        match self {
            TimeZone::Fixed(offset) => *offset,
            TimeZone::Named(Tz::UTC) => 0,
            TimeZone::Named(zone) => zone.offset_from_utc_datetime(&naive(seconds)).fix().local_minus_utc(),
        }
    }

    /// Seconds east of Greenwich at a local time, given in seconds since 1970-01-01 00:00 local. As in PostgreSQL, a time that
    /// a change of the clock skips counts with the offset before the change, one that happens twice with the offset after it.
    pub(crate) fn offset_at_local(&self, seconds: i64) -> i32 {
        let zone = match self {
            TimeZone::Fixed(offset) => return *offset,
            TimeZone::Named(Tz::UTC) => return 0,
            TimeZone::Named(zone) => zone,
        };
        match zone.offset_from_local_datetime(&naive(seconds)) {
            MappedLocalTime::Single(offset) | MappedLocalTime::Ambiguous(_, offset) => offset.fix().local_minus_utc(),
            // No clock ever skipped more than a day, so 25 hours earlier the old offset holds.
            MappedLocalTime::None => self.offset_at(seconds - 25 * 3600),
        }
    }
}

impl fmt::Display for TimeZone {
    /// As `SHOW TimeZone` answers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TimeZone::Named(zone) => f.write_str(zone.name()),
            TimeZone::Fixed(offset) => {
                let (mut east, mut west) = (Vec::new(), Vec::new());
                super::calendar::write_offset(*offset, &mut east);
                super::calendar::write_offset(-offset, &mut west);
                write!(f, "<{}>{}", String::from_utf8_lossy(&east), String::from_utf8_lossy(&west))
            }
        }
    }
}

/// The time of these seconds since 1970-01-01 00:00, in a year for which the database of zones has the rules. Rules go by month
/// and weekday, so for a later year they are those of an earlier one with the same calendar; for the far past, the first rule
/// holds.
fn naive(seconds: i64) -> NaiveDateTime {
    const DAY: i64 = 86_400;
    let (year, _, _) = civil_from_days(seconds.div_euclid(DAY));
    let mut seconds = seconds;
    if year > YEAR_MAX {
        let january = days_from_civil(year, 1, 1);
        let same = |earlier: i64| {
            let start = days_from_civil(earlier, 1, 1);
            (january - start) % 7 == 0 && days_in_month(earlier, 2) == days_in_month(year, 2)
        };
        // Among 28 years in a row within a century all calendars occur.
        let earlier = (YEAR_MAX - 27..=YEAR_MAX).find(|earlier| same(*earlier)).unwrap_or(YEAR_MAX);
        seconds -= (january - days_from_civil(earlier, 1, 1)) * DAY;
    }
    DateTime::from_timestamp(seconds, 0).unwrap_or_default().naive_utc()
}

/// Seconds east of Greenwich of `+02`, `UTC+3` or `<+02>-02:30`: what counts is the number at the end, west being positive.
fn posix_offset(text: &str) -> Option<i32> {
    let number = match text.strip_prefix('<') {
        Some(rest) => rest.split_once('>')?.1,
        None => text.trim_start_matches(|letter: char| letter.is_ascii_alphabetic()),
    };
    let (sign, digits) = match number.as_bytes().first()? {
        b'-' => (1, &number[1..]),
        b'+' => (-1, &number[1..]),
        _ => (-1, number),
    };
    let mut seconds = 0;
    let mut unit = 3600;
    for part in digits.split(':') {
        if part.is_empty() || part.len() > 2 || unit == 0 {
            return None;
        }
        seconds += part.parse::<i32>().ok().filter(|part| *part < 60)? * unit;
        unit /= 60;
    }
    (seconds <= 24 * 3600).then_some(sign * seconds)
}

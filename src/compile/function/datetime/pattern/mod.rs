//! Texts read by template patterns, as `to_date` and `to_timestamp` do it. In: a text and a pattern; out: the fields that the text gives.
//! Names of months and days are English.

// Patterns → tokens.
mod token;
// Tokens and text → fields.
mod read;

use super::Civil;
use crate::error::{Error, Result, code};
use crate::format::text::calendar::{DAY_US, HOUR_US, MINUTE_US, SECOND_US, days_from_civil, days_in_month};
use read::{Convention, Fields};

pub(super) use token::{Token, tokens};

/// What a text says.
pub(super) struct Parsed {
    /// Local time in µs since 1970-01-01 00:00.
    pub(super) local: i64,
    /// Seconds east of Greenwich, if the text tells.
    pub(super) offset: Option<i64>,
}

/// Reads `text` by a pattern. Errors: 22007 for what does not fit the pattern, 22008 for fields out of range.
pub(super) fn parse(text: &str, tokens: &[Token]) -> Result<Parsed> {
    let fields = read::fields(text, tokens)?;
    let out_of_range =
        || Error::new(code::DATETIME_FIELD_OVERFLOW, format!("date/time field value out of range: \"{text}\""));
    let days = days(&fields, &out_of_range)?;
    let micros = time(&fields, &out_of_range)?;
    let micros = match fields.precision {
        Some(digits) => {
            let unit = 10_i64.pow(6 - digits);
            (micros + unit / 2).div_euclid(unit) * unit
        }
        None => micros,
    };
    let local = days.checked_mul(DAY_US).and_then(|day| day.checked_add(micros)).ok_or_else(out_of_range)?;
    let offset = fields
        .zone_sign
        .map(|sign| sign * (fields.zone_hours.unwrap_or(0) * 3_600 + fields.zone_minutes.unwrap_or(0) * 60));
    Ok(Parsed { local, offset })
}

fn year_of(fields: &Fields) -> Option<i64> {
    let century = fields.century.map(|century| if fields.before_christ { -century } else { century });
    match (fields.year, century) {
        // Two digits are a year of the century.
        (Some(year), Some(century)) if fields.year_digits <= 2 => {
            let year = year % 100;
            Some(match (year, century >= 0) {
                (0, true) => century * 100,
                (0, false) => century * 100 + 1,
                (year, true) => (century - 1) * 100 + year,
                (year, false) => (century + 1) * 100 - year + 1,
            })
        }
        (Some(year), _) => {
            let year = if fields.before_christ { -year } else { year };
            Some(if year < 0 { year + 1 } else { year })
        }
        (None, Some(century)) => Some(if century >= 0 { (century - 1) * 100 + 1 } else { century * 100 + 1 }),
        (None, None) => None,
    }
}

fn days(fields: &Fields, out_of_range: &dyn Fn() -> Error) -> Result<i64> {
    if let Some(julian) = fields.julian {
        return Ok(julian - 2_440_588);
    }
    let year = year_of(fields);
    let known_year = year.unwrap_or(0);
    let mut day_of_year = fields.day_of_year;
    if let Some(week) = fields.week {
        if fields.convention == Some(Convention::IsoWeek) {
            let weekday = fields.weekday.unwrap_or(2);
            // Numbered from Sunday, which ends the week here.
            let offset = if weekday == 1 { 6 } else { weekday - 2 };
            return Ok(iso_year_start(known_year) + (week - 1) * 7 + offset);
        }
        day_of_year = Some((week - 1) * 7 + 1);
    }
    let day = match fields.week_of_month {
        Some(week) => Some((week - 1) * 7 + 1),
        None => fields.day,
    };
    if let Some(number) = day_of_year.filter(|_| fields.month.unwrap_or(1) <= 1 || day.unwrap_or(1) <= 1) {
        if year.is_none() && !fields.before_christ {
            return Err(Error::new(
                code::INVALID_DATETIME_FORMAT,
                "cannot calculate day of year without year information",
            ));
        }
        let (start, length) = match fields.convention {
            Some(Convention::IsoWeek) => (iso_year_start(known_year), 371),
            _ => (days_from_civil(known_year, 1, 1), if days_in_month(known_year, 2) == 29 { 366 } else { 365 }),
        };
        if !(1..=length).contains(&number) {
            return Err(out_of_range());
        }
        return Ok(start + number - 1);
    }
    let (month, day) = (fields.month.unwrap_or(1), day.unwrap_or(1));
    let in_range = (1..=12).contains(&month) && day >= 1 && day <= i64::from(days_in_month(known_year, month as u32));
    if !in_range || !(-4_713..=5_874_897).contains(&known_year) {
        return Err(out_of_range());
    }
    Ok(days_from_civil(known_year, month as u32, day as u32))
}

/// The Monday of a year's first week, in days since 1970-01-01.
fn iso_year_start(year: i64) -> i64 {
    let fourth = Civil::of(days_from_civil(year, 1, 4).saturating_mul(DAY_US));
    fourth.days - (fourth.iso_weekday() - 1)
}

fn time(fields: &Fields, out_of_range: &dyn Fn() -> Error) -> Result<i64> {
    let (mut hour, mut minute, mut second) =
        (fields.hour.unwrap_or(0), fields.minute.unwrap_or(0), fields.second.unwrap_or(0));
    if let Some(seconds) = fields.seconds_of_day {
        (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    }
    if fields.half_days {
        if !(1..=12).contains(&hour) {
            let message = format!("hour \"{hour}\" is invalid for the 12-hour clock");
            return Err(Error::new(code::INVALID_DATETIME_FORMAT, message)
                .hint("Use the 24-hour clock, or give an hour between 1 and 12."));
        }
        match fields.afternoon {
            Some(true) if hour < 12 => hour += 12,
            Some(true) => {}
            _ if hour == 12 => hour = 0,
            _ => {}
        }
    }
    let fraction = fields.milliseconds.unwrap_or(0) * 1_000 + fields.microseconds.unwrap_or(0);
    let in_range = (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..60).contains(&second)
        && (0..SECOND_US).contains(&fraction);
    if !in_range {
        return Err(out_of_range());
    }
    Ok(hour * HOUR_US + minute * MINUTE_US + second * SECOND_US + fraction)
}

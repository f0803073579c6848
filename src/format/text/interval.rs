//! Durations: months, days and time, as PostgreSQL keeps them apart.

use datafusion::arrow::datatypes::IntervalMonthDayNano;

use super::calendar::{DAY_US, HOUR_US, MINUTE_US, SECOND_US, write_fraction, write_padded};
use super::datetime_words::fraction_micros;
use super::number::write_integer;
use crate::error::{Error, Result, code};

/// Writes `1 year 2 mons -3 days +04:05:06.7`; `micros` is the time part.
pub(crate) fn write(months: i32, days: i32, micros: i64, out: &mut Vec<u8>) {
    let start = out.len();
    // After a negative part a positive one gets its sign.
    let mut negative_before = false;
    for (value, unit) in [(months / 12, "year"), (months % 12, "mon"), (days, "day")] {
        if value == 0 {
            continue;
        }
        if out.len() > start {
            out.push(b' ');
        }
        if negative_before && value > 0 {
            out.push(b'+');
        }
        write_integer(value, out);
        out.push(b' ');
        out.extend_from_slice(unit.as_bytes());
        if value != 1 {
            out.push(b's');
        }
        negative_before = value < 0;
    }
    if micros == 0 && out.len() > start {
        return;
    }
    if out.len() > start {
        out.push(b' ');
    }
    if micros < 0 {
        out.push(b'-');
    } else if negative_before {
        out.push(b'+');
    }
    write_clock(micros.unsigned_abs(), out);
}

/// Writes `hh:mm:ss[.f]` where hours may have more than two digits.
fn write_clock(micros: u64, out: &mut Vec<u8>) {
    let seconds = micros / SECOND_US as u64;
    write_padded(seconds / 3600, 2, out);
    out.push(b':');
    write_padded(seconds / 60 % 60, 2, out);
    out.push(b':');
    write_padded(seconds % 60, 2, out);
    write_fraction((micros % SECOND_US as u64) as u32, out);
}

/// Reads PostgreSQL's, SQL's (`1-2`, `1 2:03:04`) and ISO 8601's (`P1Y2M3DT4H5M6S`) ways to write a duration.
pub(crate) fn parse(text: &str) -> Result<IntervalMonthDayNano> {
    let lower = text.trim_ascii().to_ascii_lowercase();
    let mut sum = Sum::default();
    let read = match lower.strip_prefix('p') {
        Some(iso) => sum.read_iso(iso),
        None => sum.read_words(&lower),
    };
    read.and_then(|()| sum.finish()).map_err(|wrong| match wrong {
        Wrong::Syntax => {
            Error::new(code::INVALID_DATETIME_FORMAT, format!("invalid input syntax for type interval: \"{text}\""))
        }
        Wrong::Range => Error::new("22015", format!("interval field value out of range: \"{text}\"")),
    })
}

enum Wrong {
    Syntax,
    Range,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// This many microseconds.
    Micros(i64),
    Days(i64),
    Months(i64),
}

const WEEK: Unit = Unit::Days(7);
const YEAR: Unit = Unit::Months(12);

/// The parts added up.
#[derive(Default)]
struct Sum {
    months: i64,
    days: i64,
    micros: i64,
}

/// A number as written: `-1.5` is `(true, 1, 500000, 0.5)`.
struct Number {
    negative: bool,
    whole: i64,
    fraction_micros: i64,
    fraction: f64,
}

impl Sum {
    fn read_words(&mut self, text: &str) -> Result<(), Wrong> {
        let mut rest = text.strip_prefix('@').unwrap_or(text).trim_start();
        // A number that waits for its unit.
        let mut waiting: Option<Number> = None;
        // Each unit counts once.
        let mut seen: Vec<Unit> = Vec::new();
        let mut ago = false;
        if rest.is_empty() || rest.starts_with("ago") || rest.starts_with(',') {
            return Err(Wrong::Syntax);
        }
        while let Some(first) = rest.bytes().next() {
            let letter = first.is_ascii_alphabetic();
            let end = if letter {
                rest.find(|next: char| !next.is_ascii_alphabetic())
            } else {
                rest.find(|next: char| next.is_ascii_whitespace() || next.is_ascii_alphabetic() || next == ',')
            };
            let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
            rest = after.trim_start_matches(|next: char| next.is_ascii_whitespace() || next == ',');
            if ago {
                return Err(Wrong::Syntax);
            }
            if letter && word == "ago" && waiting.is_none() {
                ago = true;
            } else if letter {
                let unit = unit_of(word).ok_or(Wrong::Syntax)?;
                if seen.contains(&unit) {
                    return Err(Wrong::Syntax);
                }
                seen.push(unit);
                self.add(waiting.take().ok_or(Wrong::Syntax)?, unit)?;
            } else {
                // A number before a time or another number without a unit is days.
                if let Some(number) = waiting.take() {
                    if !word.contains(':') {
                        return Err(Wrong::Syntax);
                    }
                    self.add(number, Unit::Days(1))?;
                }
                waiting = self.number_word(word)?;
            }
        }
        if let Some(number) = waiting {
            self.add(number, Unit::Micros(SECOND_US))?;
        }
        if ago {
            (self.months, self.days, self.micros) = (-self.months, -self.days, -self.micros);
        }
        Ok(())
    }

    /// A word that starts with a digit or sign: a time, years and months, or a number for what follows.
    fn number_word(&mut self, word: &str) -> Result<Option<Number>, Wrong> {
        if word.contains(':') {
            self.add_clock(word)?;
            return Ok(None);
        }
        let (negative, digits) = sign_of(word);
        if let Some((years, months)) = digits.split_once('-') {
            let years = parse_number(years)?;
            let months = parse_number(months)?;
            if months.whole > 11 || months.fraction != 0.0 || years.fraction != 0.0 {
                return Err(Wrong::Range);
            }
            self.add(Number { negative, ..years }, YEAR)?;
            self.add(Number { negative, ..months }, Unit::Months(1))?;
            return Ok(None);
        }
        Ok(Some(Number { negative, ..parse_number(digits)? }))
    }

    /// `[-]hh:mm[:ss[.f]]`, or `mm:ss.f`.
    fn add_clock(&mut self, word: &str) -> Result<(), Wrong> {
        let (negative, digits) = sign_of(word);
        let parts: Vec<&str> = digits.split(':').collect();
        let units: &[i64] = match parts.as_slice() {
            [_, second] if second.contains('.') => &[MINUTE_US, SECOND_US],
            [_, _] => &[HOUR_US, MINUTE_US],
            [_, _, _] => &[HOUR_US, MINUTE_US, SECOND_US],
            _ => return Err(Wrong::Syntax),
        };
        for (at, (part, unit)) in parts.iter().zip(units).enumerate() {
            let number = parse_number(part)?;
            let last = at + 1 == parts.len();
            if number.fraction != 0.0 && !last {
                return Err(Wrong::Syntax);
            }
            if at > 0 && number.whole > if *unit == SECOND_US { 60 } else { 59 } {
                return Err(Wrong::Range);
            }
            self.add(Number { negative, ..number }, Unit::Micros(*unit))?;
        }
        Ok(())
    }

    /// `1y2m3dt4h5m6s`, or `0001-02-03t04:05:06`, both without the `p`.
    fn read_iso(&mut self, text: &str) -> Result<(), Wrong> {
        let (date, time) = match text.split_once('t') {
            Some((date, time)) if !time.is_empty() => (date, Some(time)),
            Some(_) => return Err(Wrong::Syntax),
            None if text.is_empty() => return Err(Wrong::Syntax),
            None => (text, None),
        };
        if date.split('-').count() == 3 && !date.starts_with('-') {
            for (part, unit) in date.split('-').zip([YEAR, Unit::Months(1), Unit::Days(1)]) {
                self.add(parse_number(part)?, unit)?;
            }
        } else {
            self.read_designators(date, &[('y', YEAR), ('m', Unit::Months(1)), ('w', WEEK), ('d', Unit::Days(1))])?;
        }
        match time {
            Some(clock) if clock.contains(':') => self.add_clock(clock),
            Some(time) => {
                let (hour, minute, second) = (Unit::Micros(HOUR_US), Unit::Micros(MINUTE_US), Unit::Micros(SECOND_US));
                self.read_designators(time, &[('h', hour), ('m', minute), ('s', second)])
            }
            None => Ok(()),
        }
    }

    fn read_designators(&mut self, mut text: &str, units: &[(char, Unit)]) -> Result<(), Wrong> {
        while !text.is_empty() {
            let end = text.find(|next: char| next.is_ascii_alphabetic()).ok_or(Wrong::Syntax)?;
            let (negative, digits) = sign_of(&text[..end]);
            let designator = text[end..].chars().next();
            let (_, unit) = units.iter().find(|(letter, _)| Some(*letter) == designator).ok_or(Wrong::Syntax)?;
            self.add(Number { negative, ..parse_number(digits)? }, *unit)?;
            text = &text[end + 1..];
        }
        Ok(())
    }

    /// Adds a number of units. What is after the point goes to the smaller parts, a month being 30 days and a day 24 hours.
    fn add(&mut self, number: Number, unit: Unit) -> Result<(), Wrong> {
        let sign = if number.negative { -1 } else { 1 };
        let whole = |size: i64| number.whole.checked_mul(size * sign).ok_or(Wrong::Range);
        let fraction = number.fraction * sign as f64;
        match unit {
            Unit::Micros(size) => {
                let part = if size == SECOND_US {
                    number.fraction_micros * sign
                } else {
                    (fraction * size as f64).round_ties_even() as i64
                };
                self.add_micros(whole(size)?)?;
                self.add_micros(part)
            }
            Unit::Days(size) => {
                self.add_days(whole(size)?)?;
                self.add_day_fraction(fraction * size as f64)
            }
            Unit::Months(size) => {
                self.months = self.months.checked_add(whole(size)?).ok_or(Wrong::Range)?;
                if size == 1 {
                    self.add_day_fraction(fraction * 30.0)
                } else {
                    self.months += (fraction * size as f64).round_ties_even() as i64;
                    Ok(())
                }
            }
        }
    }

    fn add_day_fraction(&mut self, days: f64) -> Result<(), Wrong> {
        self.add_days(days.trunc() as i64)?;
        self.add_micros((days.fract() * DAY_US as f64).round_ties_even() as i64)
    }

    fn add_days(&mut self, days: i64) -> Result<(), Wrong> {
        self.days = self.days.checked_add(days).ok_or(Wrong::Range)?;
        Ok(())
    }

    fn add_micros(&mut self, micros: i64) -> Result<(), Wrong> {
        self.micros = self.micros.checked_add(micros).ok_or(Wrong::Range)?;
        Ok(())
    }

    fn finish(self) -> Result<IntervalMonthDayNano, Wrong> {
        let months = i32::try_from(self.months).map_err(|_| Wrong::Range)?;
        let days = i32::try_from(self.days).map_err(|_| Wrong::Range)?;
        let nanos = self.micros.checked_mul(1_000).ok_or(Wrong::Range)?;
        Ok(IntervalMonthDayNano::new(months, days, nanos))
    }
}

fn sign_of(word: &str) -> (bool, &str) {
    match word.as_bytes().first() {
        Some(b'-') => (true, &word[1..]),
        Some(b'+') => (false, &word[1..]),
        _ => (false, word),
    }
}

/// Digits with perhaps a point and more digits.
fn parse_number(digits: &str) -> Result<Number, Wrong> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
        return Err(Wrong::Syntax);
    }
    Ok(Number {
        negative: false,
        whole: if whole.is_empty() { 0 } else { whole.parse().map_err(|_| Wrong::Range)? },
        fraction_micros: fraction_micros(fraction).map_err(|_| Wrong::Syntax)?,
        fraction: if fraction.is_empty() { 0.0 } else { format!("0.{fraction}").parse().map_err(|_| Wrong::Syntax)? },
    })
}

fn unit_of(word: &str) -> Option<Unit> {
    Some(match word {
        "us" | "usec" | "usecs" | "usecond" | "useconds" | "microsecond" | "microseconds" | "microsecon" => {
            Unit::Micros(1)
        }
        "ms" | "msec" | "msecs" | "msecond" | "mseconds" | "millisecond" | "milliseconds" | "millisecon" => {
            Unit::Micros(1_000)
        }
        "s" | "sec" | "secs" | "second" | "seconds" => Unit::Micros(SECOND_US),
        "m" | "min" | "mins" | "minute" | "minutes" => Unit::Micros(MINUTE_US),
        "h" | "hr" | "hrs" | "hour" | "hours" => Unit::Micros(HOUR_US),
        "d" | "day" | "days" => Unit::Days(1),
        "w" | "week" | "weeks" => WEEK,
        "mon" | "mons" | "month" | "months" => Unit::Months(1),
        "y" | "yr" | "yrs" | "year" | "years" => YEAR,
        "dec" | "decs" | "decade" | "decades" => Unit::Months(120),
        "c" | "cent" | "century" | "centuries" => Unit::Months(1_200),
        "mil" | "mils" | "millennium" | "millennia" => Unit::Months(12_000),
        _ => return None,
    })
}

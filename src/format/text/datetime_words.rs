//! Dates and timestamps in the forms that people write: `1/5/2024 3:04 PM`, `5 January 2024`, `20240105T060708Z`,
//! `Mon Jan 05 10:00:00 2024 CET`, `0044-03-15 BC`. Order of ambiguous numbers: month, day, year.

use super::calendar::{DAY_US, HOUR_US, MINUTE_US, SECOND_US, days_from_civil, days_in_month};
use super::datetime::{Moment, Wrong};
use super::zone::TimeZone;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Abbreviations that PostgreSQL knows by default and that are common, with their hours east of Greenwich.
const ZONES: [(&str, i32); 24] = [
    ("z", 0),
    ("utc", 0),
    ("ut", 0),
    ("gmt", 0),
    ("zulu", 0),
    ("wet", 0),
    ("bst", 1),
    ("cet", 1),
    ("west", 1),
    ("cest", 2),
    ("eet", 2),
    ("msk", 3),
    ("eest", 3),
    ("jst", 9),
    ("kst", 9),
    ("aest", 10),
    ("est", -5),
    ("edt", -4),
    ("cst", -6),
    ("cdt", -5),
    ("mst", -7),
    ("mdt", -6),
    ("pst", -8),
    ("pdt", -7),
];

/// The zone of an abbreviation in lower case.
pub(super) fn abbreviated_zone(word: &str) -> Option<TimeZone> {
    ZONES.iter().find(|(name, _)| *name == word).map(|(_, hours)| TimeZone::Fixed(hours * 3600))
}

/// Reads a text word by word.
pub(super) fn parse_words(text: &str) -> Result<Moment, Wrong> {
    let lower = text.to_ascii_lowercase();
    let mut reading = Reading::default();
    if lower.trim() == "-infinity" {
        return Err(Wrong::Infinite(false));
    }
    let mut rest = lower.as_str();
    loop {
        rest = rest.trim_start_matches(|letter: char| letter.is_ascii_whitespace() || letter == ',');
        let Some(first) = rest.bytes().next() else {
            break;
        };
        // Words are ASCII: another letter has no place at which it could be cut.
        if !matches!(first, b'0'..=b'9' | b'a'..=b'z' | b'+' | b'-') {
            return Err(Wrong::Syntax);
        }
        let (word, after) = rest.split_at(word_end(rest, &reading));
        match first {
            b'0'..=b'9' => reading.number_word(word)?,
            b'+' | b'-' => reading.offset(word)?,
            _ => reading.letters(word, after)?,
        }
        rest = after;
    }
    reading.finish()
}

/// Where the word at the start of `rest` ends.
fn word_end(rest: &str, reading: &Reading) -> usize {
    let bytes = rest.as_bytes();
    let run = |from: usize, accept: &dyn Fn(u8) -> bool| {
        from + bytes[from..].iter().position(|byte| !accept(*byte)).unwrap_or(bytes.len() - from)
    };
    let digit = |byte: u8| byte.is_ascii_digit();
    match bytes[0] {
        b'0'..=b'9' => {
            let digits = run(0, &digit);
            match bytes.get(digits) {
                Some(b':') => run(digits, &|byte| byte.is_ascii_digit() || byte == b':' || byte == b'.'),
                Some(delimiter @ (b'-' | b'/' | b'.')) if reading.date.is_none() && reading.numbers.is_empty() => {
                    let second = digits + 1;
                    let middle = match bytes.get(second) {
                        Some(byte) if byte.is_ascii_alphabetic() => run(second, &|byte| byte.is_ascii_alphabetic()),
                        _ => run(second.min(bytes.len()), &digit),
                    };
                    if bytes.get(middle) == Some(delimiter) { run(middle + 1, &digit) } else { middle }
                }
                Some(b'.') => run(digits + 1, &digit),
                _ => digits,
            }
        }
        b'+' | b'-' => run(1, &|byte| byte.is_ascii_digit() || byte == b':'),
        _ => {
            let letters = run(0, &|byte| byte.is_ascii_alphabetic());
            match bytes.get(letters) {
                // A date such as jan-05-2024.
                Some(b'-') if month_of(&rest[..letters]).is_some() => {
                    run(letters, &|byte| byte.is_ascii_digit() || byte == b'-')
                }
                // A zone such as america/argentina/buenos_aires or etc/gmt-5.
                Some(b'/' | b'_') => {
                    run(letters, &|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'+'))
                }
                _ => letters.max(1),
            }
        }
    }
}

/// What was understood so far.
#[derive(Debug, Default)]
struct Reading {
    /// Year as written, whether in two digits at most, month, day.
    date: Option<(i64, bool, u32, u32)>,
    /// µs since midnight.
    time: Option<i64>,
    /// Whether hour 12 or a fraction makes `time` more than a whole day is decided at the end.
    afternoon: Option<bool>,
    zone: Option<TimeZone>,
    before_christ: Option<bool>,
    /// A month in letters, and numbers near it.
    month: Option<u32>,
    numbers: Vec<(i64, usize)>,
    /// After a `t` a number is a time.
    time_next: bool,
    epoch: bool,
}

impl Reading {
    fn number_word(&mut self, word: &str) -> Result<(), Wrong> {
        let digits = word.bytes().take_while(u8::is_ascii_digit).count();
        let time_next = std::mem::take(&mut self.time_next);
        if word.contains(':') {
            return self.clock(word);
        }
        if time_next || (self.date.is_some() && self.time.is_none() && (digits == 6 || digits == 4)) {
            return self.compact_time(word, digits);
        }
        if let Some(delimiter @ (b'-' | b'/' | b'.')) = word.as_bytes().get(digits) {
            return self.delimited_date(word, char::from(*delimiter));
        }
        if digits != word.len() || digits > 9 {
            return Err(Wrong::Syntax);
        }
        let number: i64 = word.parse().map_err(|_| Wrong::Syntax)?;
        if self.month.is_none() && self.date.is_none() && self.numbers.is_empty() && (digits == 8 || digits == 6) {
            let year = number / 10_000;
            self.date = Some((year, digits == 6, (number / 100 % 100) as u32, (number % 100) as u32));
        } else {
            self.numbers.push((number, digits));
        }
        Ok(())
    }

    /// `hh:mm`, `hh:mm:ss`, `hh:mm:ss.f` or `mm:ss.f`.
    fn clock(&mut self, word: &str) -> Result<(), Wrong> {
        let (whole, fraction) = word.split_once('.').unwrap_or((word, ""));
        let mut parts = [0i64; 3];
        let mut count = 0;
        for part in whole.split(':') {
            if part.is_empty() || part.len() > 9 || count == 3 {
                return Err(Wrong::Syntax);
            }
            parts[count] = part.parse().map_err(|_| Wrong::Syntax)?;
            count += 1;
        }
        if count == 2 && !fraction.is_empty() {
            // Two parts with a fraction are minutes and seconds.
            parts = [0, parts[0], parts[1]];
        }
        self.set_time(parts, fraction_micros(fraction)?)
    }

    /// `hh`, `hhmm` or `hhmmss`, perhaps with a fraction.
    fn compact_time(&mut self, word: &str, digits: usize) -> Result<(), Wrong> {
        let fraction = word[digits..].strip_prefix('.').unwrap_or(&word[digits..]);
        let number: i64 = word[..digits].parse().map_err(|_| Wrong::Syntax)?;
        let parts = match digits {
            2 => [number, 0, 0],
            4 => [number / 100, number % 100, 0],
            6 => [number / 10_000, number / 100 % 100, number % 100],
            _ => return Err(Wrong::Syntax),
        };
        self.set_time(parts, fraction_micros(fraction)?)
    }

    fn set_time(&mut self, [hour, minute, second]: [i64; 3], fraction: i64) -> Result<(), Wrong> {
        if self.time.is_some() {
            return Err(Wrong::Syntax);
        }
        let time = hour.min(100) * HOUR_US + minute.min(100) * MINUTE_US + second.min(100) * SECOND_US + fraction;
        if hour > 24 || minute > 59 || second > 60 || (hour == 24 && time > DAY_US) {
            return Err(Wrong::Field(false));
        }
        self.time = Some(time);
        Ok(())
    }

    /// Three parts: year first if the first number has three digits or more; a month may be in letters.
    fn delimited_date(&mut self, word: &str, delimiter: char) -> Result<(), Wrong> {
        let parts: Vec<&str> = word.split(delimiter).collect();
        let &[first, second, third] = parts.as_slice() else {
            return Err(Wrong::Syntax);
        };
        if self.date.is_some() || self.month.is_some() {
            return Err(Wrong::Syntax);
        }
        let number = |part: &str| part.parse::<i64>().ok().filter(|_| part.len() <= 7).ok_or(Wrong::Syntax);
        let year_first = first.len() >= 3;
        self.date = Some(if let Some(month) = month_of(second) {
            let (year, day) = if year_first { (first, third) } else { (third, first) };
            (number(year)?, year.len() <= 2, month, number(day)? as u32)
        } else if year_first {
            (number(first)?, false, number(second)? as u32, number(third)? as u32)
        } else {
            (number(third)?, third.len() <= 2, number(first)? as u32, number(second)? as u32)
        });
        Ok(())
    }

    /// `+hh`, `+hmm`, `+hhmm`, `+hh:mm` or `+hh:mm:ss`, east of Greenwich.
    fn offset(&mut self, word: &str) -> Result<(), Wrong> {
        let (sign, digits) = word.split_at(1);
        if self.zone.is_some() || digits.is_empty() || (self.date.is_none() && self.time.is_none()) {
            return Err(Wrong::Syntax);
        }
        let mut parts = [0i32; 3];
        if !digits.contains(':') && digits.len() > 2 {
            let number: i32 = digits.parse().map_err(|_| Wrong::Displacement)?;
            parts = [number / 100, number % 100, 0];
        } else {
            for (at, part) in digits.split(':').enumerate() {
                *parts.get_mut(at).ok_or(Wrong::Syntax)? = part.parse().map_err(|_| Wrong::Syntax)?;
            }
        }
        let [hours, minutes, seconds] = parts;
        if hours > 15 || minutes > 59 || seconds > 59 {
            return Err(Wrong::Displacement);
        }
        let east = hours * 3600 + minutes * 60 + seconds;
        self.zone = Some(TimeZone::Fixed(if sign == "-" { -east } else { east }));
        Ok(())
    }

    fn letters(&mut self, word: &str, after: &str) -> Result<(), Wrong> {
        if let Some((name, rest)) = word.split_once('-')
            && let Some(month) = month_of(name)
        {
            return self.month_first_date(month, rest);
        }
        let next_is_digit = after.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
        match word {
            "t" if next_is_digit && (self.date.is_some() || self.month.is_some()) => self.time_next = true,
            "am" | "pm" => self.afternoon = Some(word == "pm"),
            "bc" | "ad" if self.before_christ.is_none() => self.before_christ = Some(word == "bc"),
            "epoch" => self.epoch = true,
            "infinity" => return Err(Wrong::Infinite(true)),
            "now" | "today" | "tomorrow" | "yesterday" => return Err(Wrong::Special(word.to_string())),
            _ => {
                if let Some(month) = month_of(word) {
                    if self.month.replace(month).is_some() {
                        return Err(Wrong::Syntax);
                    }
                } else if !WEEKDAYS.iter().any(|day| abbreviates(word, day)) {
                    return self.zone_name(word);
                }
            }
        }
        Ok(())
    }

    /// The rest of `jan-05-2024`.
    fn month_first_date(&mut self, month: u32, rest: &str) -> Result<(), Wrong> {
        let (day, year) = rest.split_once('-').ok_or(Wrong::Syntax)?;
        if self.date.is_some() || self.month.is_some() {
            return Err(Wrong::Syntax);
        }
        let day = day.parse().map_err(|_| Wrong::Syntax)?;
        self.date = Some((year.parse().map_err(|_| Wrong::Syntax)?, year.len() <= 2, month, day));
        Ok(())
    }

    fn zone_name(&mut self, word: &str) -> Result<(), Wrong> {
        if self.zone.is_some() {
            return Err(Wrong::Syntax);
        }
        self.zone = abbreviated_zone(word).or_else(|| TimeZone::named(word));
        match self.zone {
            Some(_) => Ok(()),
            None if word.contains('/') => Err(Wrong::Zone(word.to_string())),
            None => Err(Wrong::Syntax),
        }
    }

    fn finish(mut self) -> Result<Moment, Wrong> {
        if self.epoch {
            let alone = self.date.is_none() && self.month.is_none() && self.time.is_none() && self.numbers.is_empty();
            return if alone {
                Ok(Moment { days: 0, micros: 0, zone: Some(TimeZone::default()) })
            } else {
                Err(Wrong::Syntax)
            };
        }
        let (year, short, month, day) = self.written_date()?;
        let year = match (short, self.before_christ) {
            (_, Some(true)) if year > 0 => 1 - year,
            (true, None) if year < 70 => 2000 + year,
            (true, None) if year < 100 => 1900 + year,
            _ if year > 0 => year,
            _ => return Err(Wrong::Field(false)),
        };
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return Err(Wrong::Field(true));
        }
        if day > days_in_month(year, month) {
            return Err(Wrong::Field(false));
        }
        let micros = self.time_of_day()?;
        Ok(Moment { days: days_from_civil(year, month, day), micros, zone: self.zone })
    }

    /// The date, put together from a month in letters and the numbers around it if it was not written in one piece.
    fn written_date(&mut self) -> Result<(i64, bool, u32, u32), Wrong> {
        match (self.date, self.month, self.numbers.as_slice()) {
            (Some(date), None, []) => Ok(date),
            (None, Some(month), &[(first, first_digits), (second, second_digits)]) => {
                let ((year, digits), day) =
                    if first_digits >= 3 { ((first, first_digits), second) } else { ((second, second_digits), first) };
                Ok((year, digits <= 2, month, day.min(99) as u32))
            }
            _ => Err(Wrong::Syntax),
        }
    }

    fn time_of_day(&self) -> Result<i64, Wrong> {
        let Some(time) = self.time else {
            return if self.afternoon.is_none() { Ok(0) } else { Err(Wrong::Syntax) };
        };
        let hour = time / HOUR_US;
        match self.afternoon {
            None => Ok(time),
            Some(_) if hour > 12 => Err(Wrong::Field(false)),
            Some(true) if hour != 12 => Ok(time + 12 * HOUR_US),
            Some(false) if hour == 12 => Ok(time - 12 * HOUR_US),
            Some(_) => Ok(time),
        }
    }
}

/// The digits after a point as µs, rounded as PostgreSQL does: the nearest float, half to even.
pub(super) fn fraction_micros(digits: &str) -> Result<i64, Wrong> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Wrong::Syntax);
    }
    let fraction: f64 = format!("0.{digits}0").parse().map_err(|_| Wrong::Syntax)?;
    Ok((fraction * SECOND_US as f64).round_ties_even() as i64)
}

fn month_of(word: &str) -> Option<u32> {
    let found = MONTHS.iter().position(|month| abbreviates(word, month))?;
    Some(found as u32 + 1)
}

/// Whether `word` is `whole` or its first three letters (four for `sept`, `tues`, `thur` and the like).
fn abbreviates(word: &str, whole: &str) -> bool {
    word == whole || word.len() >= 3 && word.len() <= 5 && whole.starts_with(word) && (word.len() == 3 || extra(word))
}

fn extra(word: &str) -> bool {
    matches!(word, "sept" | "tues" | "thur" | "thurs" | "weds" | "wednes")
}

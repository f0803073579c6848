//! Fields of a text, read along the tokens of a pattern.

use super::token::{Token, is_separator};
use crate::error::{Error, Result, code};

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
const DAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const ROMAN: [&str; 12] = ["xii", "xi", "x", "ix", "viii", "vii", "vi", "v", "iv", "iii", "ii", "i"];

/// How a date is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Convention {
    Gregorian,
    IsoWeek,
}

/// What was read; fields that the text does not give are missing.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) convention: Option<Convention>,
    pub(super) year: Option<i64>,
    pub(super) year_digits: usize,
    pub(super) century: Option<i64>,
    pub(super) before_christ: bool,
    pub(super) month: Option<i64>,
    pub(super) day: Option<i64>,
    pub(super) day_of_year: Option<i64>,
    /// From 1, which is Sunday.
    pub(super) weekday: Option<i64>,
    pub(super) week: Option<i64>,
    pub(super) week_of_month: Option<i64>,
    pub(super) julian: Option<i64>,
    pub(super) hour: Option<i64>,
    /// Whether the hour is one of twelve.
    pub(super) half_days: bool,
    pub(super) afternoon: Option<bool>,
    pub(super) minute: Option<i64>,
    pub(super) second: Option<i64>,
    pub(super) milliseconds: Option<i64>,
    pub(super) microseconds: Option<i64>,
    pub(super) seconds_of_day: Option<i64>,
    /// Digits after the point that count, if FF1 to FF6 tells.
    pub(super) precision: Option<u32>,
    pub(super) zone_sign: Option<i64>,
    pub(super) zone_hours: Option<i64>,
    pub(super) zone_minutes: Option<i64>,
}

/// Reads the fields.
pub(super) fn fields(text: &str, tokens: &[Token]) -> Result<Fields> {
    let mut reader = Reader { text, rest: text, exact: false, skipped: 0, fields: Fields::default() };
    for (at, token) in tokens.iter().enumerate() {
        if reader.rest.is_empty() {
            break;
        }
        if !reader.exact && (at == 0 || matches!(token, Token::Field { .. })) {
            reader.skip_blanks();
        }
        match token {
            Token::Exact => reader.exact = true,
            Token::Separator => reader.separator(),
            Token::Letter(_) => reader.letter(),
            Token::Field { name, fill, ordinal } => {
                let open = *fill || *ordinal || is_open(tokens.get(at + 1));
                reader.field(name, open)?;
                if *ordinal {
                    reader.advance(2);
                }
                if !reader.exact {
                    reader.skipped = 0;
                    reader.skip_blanks();
                }
            }
        }
    }
    Ok(reader.fields)
}

/// Whether no digit can follow a field before this token.
fn is_open(next: Option<&Token>) -> bool {
    match next {
        None | Some(Token::Separator | Token::Exact) => true,
        Some(Token::Letter(letter)) => !letter.is_ascii_digit(),
        Some(Token::Field { name, .. }) => {
            matches!(
                *name,
                "MONTH" | "MON" | "DAY" | "DY" | "RM" | "AM" | "PM" | "A.M." | "P.M." | "BC" | "AD" | "B.C." | "A.D."
            )
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
    exact: bool,
    /// Blanks that were skipped beyond what the pattern has.
    skipped: i64,
    fields: Fields,
}

impl Reader<'_> {
    fn skip_blanks(&mut self) {
        let trimmed = self.rest.trim_start_matches(|letter: char| letter.is_ascii_whitespace());
        self.skipped += (self.rest.len() - trimmed.len()) as i64;
        self.rest = trimmed;
    }

    fn advance(&mut self, letters: usize) {
        let end = self.rest.char_indices().nth(letters).map_or(self.rest.len(), |(at, _)| at);
        self.rest = &self.rest[end..];
    }

    fn separator(&mut self) {
        if self.exact {
            return self.advance(1);
        }
        self.skipped -= 1;
        if self.rest.starts_with(is_separator) {
            self.advance(1);
            self.skipped += 1;
        }
    }

    fn letter(&mut self) {
        if !self.exact && self.skipped > 0 {
            self.skipped -= 1;
        } else {
            self.advance(1);
        }
    }

    /// A number of at most `width` digits; with `open`, of as many as there are. Also answers how many letters it took.
    fn number(&mut self, name: &str, width: usize, open: bool) -> Result<(i64, usize)> {
        let trimmed = self.rest.trim_start_matches(|letter: char| letter.is_ascii_whitespace());
        let blanks = self.rest.len() - trimmed.len();
        let available: usize = trimmed.chars().count().min(width);
        let signed = usize::from(trimmed.starts_with(['+', '-']));
        let invalid = |shown: &str| {
            Error::new(code::INVALID_DATETIME_FORMAT, format!("invalid value \"{shown}\" for \"{name}\""))
        };
        let run = trimmed[signed..].bytes().take_while(u8::is_ascii_digit).count();
        let shown: String = trimmed.chars().take(width).collect();
        let taken = if open {
            run + signed
        } else {
            if available < width {
                let message = format!("source string too short for \"{name}\" formatting field");
                return Err(Error::new(code::INVALID_DATETIME_FORMAT, message)
                    .detail(format!("Field requires {width} characters, but only {available} remain."))
                    .hint("If your source string is not fixed-width, try using the \"FM\" modifier."));
            }
            (run + signed).min(width)
        };
        if taken == signed {
            return Err(invalid(&shown).detail("Value must be an integer."));
        }
        if !open && taken < width {
            return Err(invalid(&shown)
                .detail(format!("Field requires {width} characters, but only {taken} could be parsed."))
                .hint("If your source string is not fixed-width, try using the \"FM\" modifier."));
        }
        let value = trimmed[..taken].trim_start_matches('+').parse::<i32>().map_err(|_| {
            Error::new(code::DATETIME_FIELD_OVERFLOW, format!("value for \"{name}\" in source string is out of range"))
        })?;
        self.rest = &self.rest[blanks + taken..];
        Ok((value.into(), taken))
    }

    /// Which of `words` comes next.
    fn word(&mut self, name: &str, words: &[&str]) -> Result<usize> {
        let lower = self.rest.to_ascii_lowercase();
        match words.iter().position(|word| lower.starts_with(word)) {
            Some(found) => {
                self.rest = &self.rest[words[found].len()..];
                Ok(found)
            }
            None => {
                let end = self.rest.find(|letter: char| letter.is_ascii_whitespace()).unwrap_or(self.rest.len());
                let message = format!("invalid value \"{}\" for \"{name}\"", &self.rest[..end]);
                Err(Error::new(code::INVALID_DATETIME_FORMAT, message)
                    .detail("The given value did not match any of the allowed values for this field."))
            }
        }
    }

    fn field(&mut self, name: &'static str, open: bool) -> Result<()> {
        let convention = match name.as_bytes()[0] {
            b'I' => Some(Convention::IsoWeek),
            _ if matches!(
                name,
                "MONTH" | "MON" | "MM" | "DDD" | "DD" | "RM" | "WW" | "W" | "Y,YYY" | "YYYY" | "YYY" | "YY" | "Y"
            ) =>
            {
                Some(Convention::Gregorian)
            }
            _ => None,
        };
        if let Some(convention) = convention
            && *self.fields.convention.get_or_insert(convention) != convention
        {
            return Err(Error::new(code::INVALID_DATETIME_FORMAT, "invalid combination of date conventions")
                .hint("Do not mix Gregorian and ISO week date conventions in a formatting template."));
        }
        match name {
            "A.M." | "P.M." => self.half_day(name, &["a.m.", "p.m."]),
            "AM" | "PM" => self.half_day(name, &["am", "pm"]),
            "BC" | "AD" => self.era(name, &["ad", "bc"]),
            "B.C." | "A.D." => self.era(name, &["a.d.", "b.c."]),
            "MONTH" => self.named(name, &MONTHS),
            "MON" => self.named(name, &MONTHS.map(|month| &month[..3])),
            "RM" => {
                let month = 12 - self.word(name, &ROMAN)? as i64;
                set(&mut self.fields.month, month, name)
            }
            "DAY" => {
                let day = self.word(name, &DAYS)? as i64 + 1;
                set(&mut self.fields.weekday, day, name)
            }
            "DY" => {
                let day = self.word(name, &DAYS.map(|day| &day[..3]))? as i64 + 1;
                set(&mut self.fields.weekday, day, name)
            }
            "TZ" | "OF" => Err(Error::unsupported(format!("formatting field \"{name}\" is only supported in to_char"))),
            "TZH" => self.zone_hours(),
            "Y,YYY" => self.thousands(),
            _ => self.numeric(name, open),
        }
    }

    fn half_day(&mut self, name: &str, words: &[&str]) -> Result<()> {
        let afternoon = self.word(name, words)? == 1;
        self.fields.afternoon = Some(afternoon);
        self.fields.half_days = true;
        Ok(())
    }

    fn era(&mut self, name: &str, words: &[&str]) -> Result<()> {
        self.fields.before_christ = self.word(name, words)? == 1;
        Ok(())
    }

    fn named(&mut self, name: &str, months: &[&str]) -> Result<()> {
        let month = self.word(name, months)? as i64 + 1;
        set(&mut self.fields.month, month, name)
    }

    fn zone_hours(&mut self) -> Result<()> {
        let sign = match self.rest.as_bytes().first() {
            Some(b'-') => Some(-1),
            Some(b'+' | b' ') => Some(1),
            _ => None,
        };
        if sign.is_some() {
            self.advance(1);
        }
        // A minus may have been taken for a separator.
        let before = &self.text[..self.text.len() - self.rest.len()];
        let swallowed = self.skipped > 0 && before.ends_with('-');
        self.fields.zone_sign = sign.or(Some(if swallowed { -1 } else { 1 }));
        self.numeric("TZH", false)
    }

    fn thousands(&mut self) -> Result<()> {
        let end = self.rest.find(|letter: char| !letter.is_ascii_digit() && letter != ',').unwrap_or(self.rest.len());
        let (written, after) = self.rest.split_at(end);
        let year = written.split_once(',').and_then(|(thousands, rest)| {
            Some(thousands.parse::<i64>().ok()? * 1_000 + rest.get(..3)?.parse::<i64>().ok()?)
        });
        let invalid = || Error::new(code::INVALID_DATETIME_FORMAT, "invalid input string for \"Y,YYY\"");
        self.rest = after;
        self.fields.year_digits = 4;
        set(&mut self.fields.year, year.ok_or_else(invalid)?, "Y,YYY")
    }

    fn numeric(&mut self, name: &'static str, open: bool) -> Result<()> {
        let width = match name {
            "SSSSS" | "SSSS" => name.len(),
            "HH24" | "HH12" | "HH" | "MI" | "SS" | "MM" | "DD" | "WW" | "IW" | "CC" | "TZH" | "TZM" | "YY" | "IY" => 2,
            "MS" | "DDD" | "IDDD" | "YYY" | "IYY" => 3,
            "US" => 6,
            "YYYY" | "IYYY" => 4,
            "FF1" | "FF2" | "FF3" | "FF4" | "FF5" | "FF6" => usize::from(name.as_bytes()[2] - b'0'),
            _ => 1,
        };
        let (value, taken) = self.number(name, width, open)?;
        let scaled = |digits: usize| {
            let missing = u32::try_from(digits.saturating_sub(taken)).unwrap_or(0);
            value.saturating_mul(10_i64.pow(missing))
        };
        let fields = &mut self.fields;
        match name {
            "HH24" => set(&mut fields.hour, value, name),
            "HH12" | "HH" => {
                fields.half_days = true;
                set(&mut fields.hour, value, name)
            }
            "MI" => set(&mut fields.minute, value, name),
            "SS" => set(&mut fields.second, value, name),
            "MS" => set(&mut fields.milliseconds, scaled(3), name),
            "US" => set(&mut fields.microseconds, scaled(6), name),
            "FF1" | "FF2" | "FF3" | "FF4" | "FF5" | "FF6" => {
                fields.precision = u32::try_from(width).ok();
                set(&mut fields.microseconds, scaled(6), name)
            }
            "SSSSS" | "SSSS" => set(&mut fields.seconds_of_day, value, name),
            "MM" => set(&mut fields.month, value, name),
            "DD" => set(&mut fields.day, value, name),
            "DDD" | "IDDD" => set(&mut fields.day_of_year, value, name),
            "D" => set(&mut fields.weekday, value, name),
            // Numbered from Monday.
            "ID" => set(&mut fields.weekday, if value == 7 { 1 } else { value + 1 }, name),
            "WW" | "IW" => set(&mut fields.week, value, name),
            "W" => set(&mut fields.week_of_month, value, name),
            "CC" => set(&mut fields.century, value, name),
            "J" => set(&mut fields.julian, value, name),
            "TZH" => set(&mut fields.zone_hours, value, name),
            "TZM" => {
                fields.zone_sign.get_or_insert(1);
                set(&mut fields.zone_minutes, value, name)
            }
            // A quarter does not tell a date.
            "Q" => Ok(()),
            _ => {
                fields.year_digits = width;
                let year = if width < 4 && taken < 4 { nearest_2020(value) } else { value };
                set(&mut fields.year, year, name)
            }
        }
    }
}

/// Years in fewer than four digits are those nearest to 2020.
fn nearest_2020(year: i64) -> i64 {
    match year {
        0..70 => year + 2_000,
        70..100 => year + 1_900,
        100..520 => year + 2_000,
        520..1_000 => year + 1_000,
        _ => year,
    }
}

/// A field may be given twice, but not otherwise the second time.
fn set(field: &mut Option<i64>, value: i64, name: &str) -> Result<()> {
    match field.replace(value) {
        Some(before) if before != value && before != 0 => {
            let message = format!("conflicting values for \"{name}\" field in formatting string");
            Err(Error::new(code::INVALID_DATETIME_FORMAT, message)
                .detail("This value contradicts a previous setting for the same field type."))
        }
        _ => Ok(()),
    }
}

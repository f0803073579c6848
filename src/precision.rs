//! How exact the times of a column are: `timestamp(3)`, `time(0)`, `interval day to second(2)`. Values are rounded on their way into the
//! column; the type of what is computed from them is the plain one.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, AsArray, IntervalMonthDayNanoArray, Time64MicrosecondArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{
    Field, IntervalMonthDayNano, IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType,
};

use crate::format::text::calendar::{HOUR_US, MINUTE_US, is_finite};
use crate::types::SqlType;

/// Metadata key of an Arrow field that holds the precision of its values.
const PG_PRECISION: &str = "pg_precision";
/// Bits of an interval's fields, as PostgreSQL numbers them.
const MONTH: i32 = 1 << 1;
const YEAR: i32 = 1 << 2;
const DAY: i32 = 1 << 3;
const HOUR: i32 = 1 << 10;
const MINUTE: i32 = 1 << 11;
const SECOND: i32 = 1 << 12;
const ALL_FIELDS: i32 = 0x7fff;
const ALL_DIGITS: i32 = 0xffff;

/// Fields of an interval with their names, the largest first.
const FIELDS: [(&str, i32); 6] =
    [("year", YEAR), ("month", MONTH), ("day", DAY), ("hour", HOUR), ("minute", MINUTE), ("second", SECOND)];

/// Digits of seconds and, of intervals, the fields that values keep: PostgreSQL's type modifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Precision(i32);

impl Precision {
    /// So many digits of seconds, for timestamps and times; more than 6 are 6.
    pub fn digits(digits: u64) -> Precision {
        Precision(digits.min(6) as i32)
    }

    /// The fields of an interval from one to another, by their names, and digits of its seconds.
    pub fn interval(fields: Option<(&str, &str)>, digits: Option<u64>) -> Precision {
        let position = |name: &str| FIELDS.iter().position(|(known, _)| *known == name).unwrap_or(0);
        let kept = fields.map_or(ALL_FIELDS, |(first, last)| {
            FIELDS[position(first)..=position(last).max(position(first))].iter().fold(0, |all, (_, bit)| all | bit)
        });
        Precision(kept << 16 | digits.map_or(ALL_DIGITS, |digits| digits.min(6) as i32))
    }

    /// What a column keeps.
    pub fn of(field: &Field) -> Option<Precision> {
        field.metadata().get(PG_PRECISION)?.parse().ok().map(Precision)
    }

    /// The field with the precision.
    pub fn on(self, field: Field) -> Field {
        let mut metadata = field.metadata().clone();
        metadata.insert(PG_PRECISION.to_string(), self.0.to_string());
        field.with_metadata(metadata)
    }

    /// As `atttypmod` holds it.
    pub fn modifier(self) -> i32 {
        self.0
    }

    /// The precision of a modifier; `None` for −1.
    pub fn of_modifier(modifier: i64) -> Option<Precision> {
        i32::try_from(modifier).ok().filter(|modifier| *modifier >= 0).map(Precision)
    }

    /// The type's name with the precision, as `format_type` prints it.
    pub fn shown(self, sql_type: &SqlType) -> String {
        match sql_type {
            SqlType::Interval => {
                let mut name = "interval".to_string();
                let kept: Vec<&str> =
                    FIELDS.iter().filter(|(_, bit)| self.keeps(*bit)).map(|(name, _)| *name).collect();
                if let (Some(first), Some(last)) = (kept.first(), kept.last())
                    && kept.len() < FIELDS.len()
                {
                    name += &if first == last { format!(" {first}") } else { format!(" {first} to {last}") };
                }
                self.interval_digits().map_or(name.clone(), |digits| format!("{name}({digits})"))
            }
            other => other.to_string().replacen(' ', &format!("({}) ", self.0), 1),
        }
    }

    fn keeps(self, field: i32) -> bool {
        self.0 >> 16 & field != 0
    }

    fn interval_digits(self) -> Option<i32> {
        Some(self.0 & 0xffff).filter(|digits| *digits != ALL_DIGITS)
    }

    /// The values of a column as exact as it keeps them.
    pub fn apply(self, values: &ArrayRef) -> ArrayRef {
        if let Some(times) = values.as_primitive_opt::<TimestampMicrosecondType>() {
            let rounded: TimestampMicrosecondArray = times.unary(|micros| rounded(micros, self.0));
            return Arc::new(rounded.with_data_type(values.data_type().clone()));
        }
        if let Some(times) = values.as_primitive_opt::<Time64MicrosecondType>() {
            let rounded: Time64MicrosecondArray = times.unary(|micros| rounded(micros, self.0));
            return Arc::new(rounded);
        }
        match values.as_primitive_opt::<IntervalMonthDayNanoType>() {
            Some(spans) => {
                let kept: IntervalMonthDayNanoArray = spans.unary(|span| self.kept(span));
                Arc::new(kept)
            }
            None => Arc::clone(values),
        }
    }

    fn kept(self, span: IntervalMonthDayNano) -> IntervalMonthDayNano {
        let last = FIELDS.iter().rev().find(|(_, bit)| self.keeps(*bit)).map_or("second", |(name, _)| name);
        let span = cut(span, last);
        match self.interval_digits() {
            Some(digits) => {
                let nanoseconds = rounded(span.nanoseconds / 1_000, digits).saturating_mul(1_000);
                IntervalMonthDayNano { nanoseconds, ..span }
            }
            None => span,
        }
    }
}

/// µs rounded to so many digits of the second; halves go away from zero.
pub fn rounded(micros: i64, digits: i32) -> i64 {
    if !is_finite(micros) {
        return micros;
    }
    let unit = 10_i64.pow(6 - digits.clamp(0, 6) as u32);
    let half = if micros < 0 { -(unit / 2) } else { unit / 2 };
    micros.saturating_add(half) / unit * unit
}

/// An interval without what is below a field.
pub fn cut(span: IntervalMonthDayNano, last: &str) -> IntervalMonthDayNano {
    let time =
        |unit: i64| IntervalMonthDayNano { nanoseconds: span.nanoseconds - span.nanoseconds % (unit * 1_000), ..span };
    match last {
        "year" => IntervalMonthDayNano { months: span.months - span.months % 12, days: 0, nanoseconds: 0 },
        "month" => IntervalMonthDayNano { days: 0, nanoseconds: 0, ..span },
        "day" => IntervalMonthDayNano { nanoseconds: 0, ..span },
        "hour" => time(HOUR_US),
        "minute" => time(MINUTE_US),
        _ => span,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names and modifiers of PostgreSQL 15.
    #[test]
    fn names_and_modifiers() {
        let shown = |precision: Precision, sql_type: SqlType| (precision.shown(&sql_type), precision.modifier());
        assert_eq!(shown(Precision::digits(3), SqlType::Timestamp), ("timestamp(3) without time zone".into(), 3));
        assert_eq!(shown(Precision::digits(9), SqlType::Time), ("time(6) without time zone".into(), 6));
        let interval = |fields, digits| shown(Precision::interval(fields, digits), SqlType::Interval);
        assert_eq!(interval(None, Some(2)), ("interval(2)".into(), 2_147_418_114));
        assert_eq!(interval(Some(("day", "second")), Some(3)), ("interval day to second(3)".into(), 470_286_339));
        assert_eq!(interval(Some(("year", "month")), None), ("interval year to month".into(), 458_751));
    }

    #[test]
    fn values_are_rounded() {
        assert_eq!([rounded(1_500, 3), rounded(-1_500, 3), rounded(i64::MAX, 0)], [2_000, -2_000, i64::MAX]);
        let span = IntervalMonthDayNano::new(14, 3, 3_661_999_999_000);
        assert_eq!(Precision::interval(Some(("year", "month")), None).kept(span), IntervalMonthDayNano::new(14, 0, 0));
        let hours = Precision::interval(Some(("day", "hour")), None).kept(span);
        assert_eq!(hours, IntervalMonthDayNano::new(14, 3, 3_600_000_000_000));
        let seconds = Precision::interval(None, Some(0)).kept(span);
        assert_eq!(seconds, IntervalMonthDayNano::new(14, 3, 3_662_000_000_000));
    }
}

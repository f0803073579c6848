//! Functions of dates, times and intervals. Local times are those of the session's zone.

// `age`.
pub(super) mod age;
// `current_date`.
pub(super) mod current_date;
// `date_bin`.
pub(super) mod date_bin;
// `extract` and `date_part`.
pub(super) mod date_part;
// `date_trunc`.
pub(super) mod date_trunc;
// `justify_hours` and the like, `isfinite`.
pub(super) mod justify;
// `make_date` and the like.
pub(super) mod make;
// `now` and its like.
pub(super) mod now;
// `+` and `-` on dates and times, `*` and `/` on intervals.
pub(in crate::compile::function) mod operator;
// `OVERLAPS`.
pub(super) mod overlaps;
// Sums of intervals.
pub(in crate::compile::function) mod part_sum;
// Texts read by patterns.
mod pattern;
// `timestamp(2)`, `INTERVAL '…' HOUR`.
pub(super) mod precision;
// `timezone`, which `AT TIME ZONE` becomes.
pub(super) mod timezone;
// `to_char`.
pub(super) mod to_char;
// `to_timestamp`.
pub(super) mod to_timestamp;

use datafusion::arrow::array::{ArrayRef, AsArray, IntervalMonthDayNanoArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{IntervalMonthDayNano, IntervalMonthDayNanoType, TimestampMicrosecondType};

use crate::format::text::calendar::{DAY_US, civil_from_days, days_from_civil};

/// A local time taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Civil {
    /// Astronomical: 0 is 1 BC.
    year: i64,
    month: u32,
    day: u32,
    /// Days since 1970-01-01.
    days: i64,
    /// µs since midnight.
    micros: i64,
}

impl Civil {
    /// Of µs since 1970-01-01 00:00.
    fn of(local: i64) -> Civil {
        let days = local.div_euclid(DAY_US);
        let (year, month, day) = civil_from_days(days);
        Civil { year, month, day, days, micros: local.rem_euclid(DAY_US) }
    }

    /// 1 is Monday, 7 is Sunday.
    fn iso_weekday(&self) -> i64 {
        (self.days + 3).rem_euclid(7) + 1
    }

    /// From 1.
    fn day_of_year(&self) -> i64 {
        self.days - days_from_civil(self.year, 1, 1) + 1
    }

    /// ISO 8601's year and week: the week of the Thursday next to the day.
    fn iso_week(&self) -> (i64, i64) {
        let thursday = self.days + 4 - self.iso_weekday();
        let (year, _, _) = civil_from_days(thursday);
        (year, (thursday - days_from_civil(year, 1, 1)) / 7 + 1)
    }

    /// As people count: there is no year 0, and -1 is 1 BC.
    fn shown_year(&self) -> i64 {
        if self.year > 0 { self.year } else { self.year - 1 }
    }
}

pub(super) fn timestamps(values: &ArrayRef) -> &TimestampMicrosecondArray {
    values.as_primitive::<TimestampMicrosecondType>()
}

pub(super) fn intervals(values: &ArrayRef) -> &IntervalMonthDayNanoArray {
    values.as_primitive::<IntervalMonthDayNanoType>()
}

/// The µs of an interval's time.
fn micros_of(interval: IntervalMonthDayNano) -> i64 {
    interval.nanoseconds / 1_000
}

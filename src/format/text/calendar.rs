//! The proleptic Gregorian calendar. Years are astronomical: 0 is 1 BC, −1 is 2 BC.

/// Microseconds of a second, a minute, an hour and a day.
pub(crate) const SECOND_US: i64 = 1_000_000;
pub(crate) const MINUTE_US: i64 = 60 * SECOND_US;
pub(crate) const HOUR_US: i64 = 60 * MINUTE_US;
pub(crate) const DAY_US: i64 = 24 * HOUR_US;

/// Timestamps (µs) and dates (days) that are later and earlier than all others: `infinity` and `-infinity`.
pub(crate) const INFINITY: [i64; 2] = [i64::MIN, i64::MAX];
pub(crate) const DATE_INFINITY: [i32; 2] = [i32::MIN, i32::MAX];

/// Whether a timestamp is a point in time.
pub(crate) fn is_finite(micros: i64) -> bool {
    !INFINITY.contains(&micros)
}

/// Writes `infinity` or `-infinity`.
pub(crate) fn write_infinity(positive: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(if positive { b"infinity" } else { b"-infinity" });
}

/// Days since 1970-01-01 of a date (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
pub(crate) fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of a number of days since 1970-01-01 (same source).
pub(crate) fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097) as u32;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + i64::from(year_of_era);
    (if month <= 2 { year + 1 } else { year }, month, day)
}

/// How many days the month has.
pub(crate) fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        2 if year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Writes `YYYY-MM-DD`, and ` BC` after it for years before 1.
pub(crate) fn write_date(days: i64, out: &mut Vec<u8>) {
    if write_civil(days, out) {
        out.extend_from_slice(b" BC");
    }
}

/// Writes the timestamp of `micros` since 1970-01-01 with `separator` between date and time; `zone` is its offset from UTC
/// in seconds with a function that writes it, and `micros` is already local to it.
pub(crate) fn write_timestamp(micros: i128, separator: u8, zone: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
    // 128 bits because the local time of the last timestamps is beyond 64 bits.
    let day_us = i128::from(DAY_US);
    let (days, of_day) = match i64::try_from(micros) {
        Ok(micros) => (micros.div_euclid(DAY_US), micros.rem_euclid(DAY_US)),
        Err(_) => (micros.div_euclid(day_us) as i64, micros.rem_euclid(day_us) as i64),
    };
    let before_christ = write_civil(days, out);
    out.push(separator);
    write_time(of_day, out);
    zone(out);
    if before_christ {
        out.extend_from_slice(b" BC");
    }
}

/// Writes a time of day `hh:mm:ss[.ffffff]` without trailing zeros of the fraction; `micros` is not negative.
pub(crate) fn write_time(micros: i64, out: &mut Vec<u8>) {
    let seconds = micros / SECOND_US;
    let hours = seconds / 3600;
    write_padded(hours as u64, 2, out);
    out.push(b':');
    push_two((seconds / 60 % 60) as u32, out);
    out.push(b':');
    push_two((seconds % 60) as u32, out);
    write_fraction((micros % SECOND_US) as u32, out);
}

/// Writes `+hh`, `+hh:mm` or `+hh:mm:ss`.
pub(crate) fn write_offset(offset_seconds: i32, out: &mut Vec<u8>) {
    out.push(if offset_seconds < 0 { b'-' } else { b'+' });
    let seconds = offset_seconds.unsigned_abs();
    push_two(seconds / 3600, out);
    if !seconds.is_multiple_of(3600) {
        out.push(b':');
        push_two(seconds / 60 % 60, out);
    }
    if !seconds.is_multiple_of(60) {
        out.push(b':');
        push_two(seconds % 60, out);
    }
}

/// Writes a number with at least `width` digits.
pub(crate) fn write_padded(value: u64, width: usize, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(value).as_bytes();
    out.extend(std::iter::repeat_n(b'0', width.saturating_sub(digits.len())));
    out.extend_from_slice(digits);
}

/// Writes `.f` to `.ffffff`, or nothing for 0.
pub(crate) fn write_fraction(micros: u32, out: &mut Vec<u8>) {
    if micros == 0 {
        return;
    }
    out.push(b'.');
    push_two(micros / 10_000, out);
    push_two(micros / 100 % 100, out);
    push_two(micros % 100, out);
    while out.last() == Some(&b'0') {
        out.pop();
    }
}

/// Writes the date without its era and answers whether it is before Christ.
fn write_civil(days: i64, out: &mut Vec<u8>) -> bool {
    let (year, month, day) = civil_from_days(days);
    let before_christ = year <= 0;
    let shown = if before_christ { 1 - year } else { year } as u64;
    if shown < 10_000 {
        push_two((shown / 100) as u32, out);
        push_two((shown % 100) as u32, out);
    } else {
        write_padded(shown, 4, out);
    }
    out.push(b'-');
    push_two(month, out);
    out.push(b'-');
    push_two(day, out);
    before_christ
}

/// Writes a number below 100 with two digits.
fn push_two(value: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'0' + (value / 10) as u8, b'0' + (value % 10) as u8]);
}

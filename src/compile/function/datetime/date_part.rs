//! `extract(field FROM time)`, which answers numeric, and `date_part(field, time)`, which answers double precision.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Float64Array, LargeBinaryArray};
use datafusion::arrow::datatypes::{DataType, Date32Type, IntervalMonthDayNano, Time64MicrosecondType};

use super::super::cast::local_micros;
use super::super::definition::{Argument, Call, Definition, Types, strict, texts};
use super::date_trunc::{Unit, unknown_unit};
use super::{Civil, intervals, micros_of, timestamps};
use crate::decimal::{Decimal, encoding};
use crate::error::{Error, Result};
use crate::format::text::calendar::{DATE_INFINITY, DAY_US, HOUR_US, MINUTE_US, SECOND_US, is_finite};
use crate::types::SqlType;

pub(in crate::compile::function) static EXTRACT: Definition =
    Definition::immutable("extract", |arguments| types(arguments, numeric), evaluate);

pub(in crate::compile::function) static DATE_PART: Definition =
    Definition::immutable("date_part", |arguments| types(arguments, |_| SqlType::Double), evaluate);

/// Numeric of a scale; of any, where the field is not constant.
fn numeric(scale: Option<i8>) -> SqlType {
    scale.map_or(SqlType::NUMERIC, |scale| SqlType::Numeric(16 + scale.unsigned_abs(), scale))
}

fn types(arguments: &[Argument], result: impl Fn(Option<i8>) -> SqlType) -> Types {
    let [field, time] = arguments else { return Ok(None) };
    let wanted = match &time.sql_type {
        Some(known @ (SqlType::Timestamp | SqlType::TimestampTz | SqlType::Date | SqlType::Interval)) => known.clone(),
        Some(SqlType::Time) => SqlType::Time,
        _ if time.is_untyped() => SqlType::TimestampTz,
        _ => return Ok(None),
    };
    let scale = field.text.as_deref().map(|field| scale(&field.to_ascii_lowercase(), &wanted));
    Ok(Some((vec![SqlType::Text, wanted], result(scale))))
}

/// Digits after the point that PostgreSQL shows for a field.
fn scale(field: &str, sql_type: &SqlType) -> i8 {
    match (field, Unit::named(field)) {
        ("epoch", _) if *sql_type != SqlType::Date => 6,
        (_, Some(Unit::Second)) => 6,
        (_, Some(Unit::Millisecond)) => 3,
        ("julian", _) if *sql_type != SqlType::Date => 20,
        _ => 0,
    }
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let fields = texts(&call.arguments[0]);
    let sql_type = &call.given[1];
    let values = strict(call, |row| {
        let field = fields.value(row).to_ascii_lowercase();
        if let Some(positive) = infinity(&call.arguments[1], row) {
            return of_infinity(&field, sql_type, positive);
        }
        let found = match call.arguments[1].data_type() {
            DataType::Interval(_) => of_interval(&field, intervals(&call.arguments[1]).value(row)),
            DataType::Date32 => {
                let day = call.arguments[1].as_primitive::<Date32Type>().value(row);
                of_time(&field, i64::from(day).saturating_mul(DAY_US), None, true)
            }
            DataType::Time64(_) => {
                let time = call.arguments[1].as_primitive::<Time64MicrosecondType>().value(row);
                of_day(&field, IntervalMonthDayNano::new(0, 0, time * 1_000))
            }
            DataType::Timestamp(_, None) => of_time(&field, timestamps(&call.arguments[1]).value(row), None, false),
            _ => {
                let micros = timestamps(&call.arguments[1]).value(row);
                of_time(&field, local_micros(micros, call.time_zone)?, Some(micros), false)
            }
        };
        found.map(Some).ok_or_else(|| not_there(&field, sql_type))
    })?;
    let values: Vec<Option<Part>> = values.into_iter().map(Option::flatten).collect();
    Ok(match &call.result {
        SqlType::Numeric(_, scale) => {
            if values.iter().flatten().any(|value| value.scale == INFINITE) {
                let error = Error::unsupported("extract() from infinite times is not supported");
                return Err(error.hint("use date_part() instead of extract()"));
            }
            let exact =
                values.iter().map(|value| value.map(|value| value.decimal(*scale))).collect::<Decimal128Array>();
            Arc::new(exact.with_data_type(call.result.arrow()))
        }
        SqlType::AnyNumeric(_) => {
            let field = |row: usize| fields.value(row).to_ascii_lowercase();
            let exact = |(row, value): (usize, &Option<Part>)| {
                value.map(|value| {
                    let scale = scale(&field(row), sql_type);
                    encoding::encoded(&match value {
                        Part { value: 1.., scale: INFINITE } => Decimal::Infinity,
                        Part { scale: INFINITE, .. } => Decimal::NegativeInfinity,
                        value => Decimal::new(value.decimal(scale), u32::from(scale.unsigned_abs())),
                    })
                })
            };
            Arc::new(values.iter().enumerate().map(exact).collect::<LargeBinaryArray>())
        }
        _ => Arc::new(values.iter().map(|value| value.map(|value| value.double())).collect::<Float64Array>()),
    })
}

/// The scale of a part without end.
const INFINITE: i8 = i8::MAX;

/// Whether a time is `infinity` (`true`) or `-infinity`.
fn infinity(times: &ArrayRef, row: usize) -> Option<bool> {
    match times.data_type() {
        DataType::Date32 => {
            let day = times.as_primitive::<Date32Type>().value(row);
            DATE_INFINITY.contains(&day).then_some(day > 0)
        }
        DataType::Timestamp(..) => {
            let micros = timestamps(times).value(row);
            (!is_finite(micros)).then_some(micros > 0)
        }
        _ => None,
    }
}

/// What only grows with time is without end; what comes again is unknown.
fn of_infinity(field: &str, sql_type: &SqlType, positive: bool) -> Result<Option<Part>> {
    let unit = Unit::named(field);
    let grows = matches!(unit, Some(Unit::Year | Unit::Decade | Unit::Century | Unit::Millennium));
    if grows || ["epoch", "julian", "isoyear"].contains(&field) {
        return Ok(Some(Part { value: if positive { 1 } else { -1 }, scale: INFINITE }));
    }
    let zoned = *sql_type == SqlType::TimestampTz && ["timezone", "timezone_hour", "timezone_minute"].contains(&field);
    match unit {
        Some(unit) if *sql_type != SqlType::Date || unit >= Unit::Day => Ok(None),
        None if zoned || ["dow", "isodow", "doy"].contains(&field) => Ok(None),
        _ => Err(not_there(field, sql_type)),
    }
}

fn not_there(field: &str, sql_type: &SqlType) -> Error {
    let known = ["dow", "isodow", "doy", "week", "isoyear", "julian", "timezone", "timezone_hour", "timezone_minute"];
    match Unit::named(field).is_some() || known.contains(&field) {
        true => Error::unsupported(format!("unit \"{field}\" not supported for type {sql_type}")),
        false => unknown_unit(field, sql_type),
    }
}

/// A number of `10^-scale`.
#[derive(Debug, Clone, Copy)]
struct Part {
    value: i128,
    scale: i8,
}

impl Part {
    fn decimal(self, scale: i8) -> i128 {
        match u32::try_from(scale - self.scale) {
            Ok(digits) => self.value.saturating_mul(10i128.saturating_pow(digits)),
            Err(_) => super::super::cast::rounded(self.value, self.scale - scale),
        }
    }

    fn double(self) -> f64 {
        if self.scale == INFINITE {
            return if self.value > 0 { f64::INFINITY } else { f64::NEG_INFINITY };
        }
        self.value as f64 / 10f64.powi(i32::from(self.scale))
    }
}

fn whole(value: i64) -> Option<Part> {
    Some(Part { value: i128::from(value), scale: 0 })
}

/// A field of a local time; `instant` is set for instants, `is_date` for dates, which have no time of day.
fn of_time(field: &str, local: i64, instant: Option<i64>, is_date: bool) -> Option<Part> {
    let civil = Civil::of(local);
    let zone_seconds = instant.map(|instant| (local - instant) / SECOND_US);
    // Years of a century count from 1; those before Christ have negative centuries.
    let years = |length: i64| {
        let shown = civil.shown_year();
        if shown > 0 { (shown + length - 1) / length } else { -((-shown + length - 1) / length) }
    };
    match field {
        "epoch" if is_date => return whole(local / SECOND_US),
        "epoch" => return Some(Part { value: i128::from(instant.unwrap_or(local)), scale: 6 }),
        "dow" => return whole(civil.iso_weekday() % 7),
        "isodow" => return whole(civil.iso_weekday()),
        "doy" => return whole(civil.day_of_year()),
        "isoyear" => return whole(if civil.iso_week().0 > 0 { civil.iso_week().0 } else { civil.iso_week().0 - 1 }),
        "julian" if is_date => return whole(civil.days + JULIAN_1970),
        "julian" => {
            let day = i128::from(civil.days + JULIAN_1970) * 10i128.pow(20);
            return Some(Part {
                value: day + i128::from(civil.micros) * 10i128.pow(20) / i128::from(DAY_US),
                scale: 20,
            });
        }
        "timezone" => return zone_seconds.and_then(whole),
        "timezone_hour" => return zone_seconds.and_then(|seconds| whole(seconds / 3_600)),
        "timezone_minute" => return zone_seconds.and_then(|seconds| whole(seconds / 60 % 60)),
        _ => {}
    }
    let unit = Unit::named(field)?;
    if is_date && unit < Unit::Day {
        return None;
    }
    match unit {
        Unit::Microsecond => whole(civil.micros % MINUTE_US),
        Unit::Millisecond => Some(Part { value: i128::from(civil.micros % MINUTE_US), scale: 3 }),
        Unit::Second => Some(Part { value: i128::from(civil.micros % MINUTE_US), scale: 6 }),
        Unit::Minute => whole(civil.micros / MINUTE_US % 60),
        Unit::Hour => whole(civil.micros / HOUR_US),
        Unit::Day => whole(i64::from(civil.day)),
        Unit::Week => whole(civil.iso_week().1),
        Unit::Month => whole(i64::from(civil.month)),
        Unit::Quarter => whole(i64::from((civil.month - 1) / 3 + 1)),
        Unit::Year => whole(civil.shown_year()),
        Unit::Decade => whole(civil.year.div_euclid(10)),
        Unit::Century => whole(years(100)),
        Unit::Millennium => whole(years(1_000)),
    }
}

/// The Julian day of 1970-01-01.
const JULIAN_1970: i64 = 2_440_588;

/// A field of a time of day.
fn of_day(field: &str, time: IntervalMonthDayNano) -> Option<Part> {
    let below_day = Unit::named(field).is_some_and(|unit| unit < Unit::Day);
    if below_day || field == "epoch" { of_interval(field, time) } else { None }
}

fn of_interval(field: &str, interval: IntervalMonthDayNano) -> Option<Part> {
    let micros = micros_of(interval);
    let (months, days) = (i64::from(interval.months), i64::from(interval.days));
    if field == "epoch" {
        // PostgreSQL's years have 365.25 days and its months 30.
        let seconds =
            i128::from(months / 12) * 31_557_600 + i128::from(months % 12) * 2_592_000 + i128::from(days) * 86_400;
        return Some(Part { value: seconds * 1_000_000 + i128::from(micros), scale: 6 });
    }
    match Unit::named(field)? {
        Unit::Microsecond => whole(micros % MINUTE_US),
        Unit::Millisecond => Some(Part { value: i128::from(micros % MINUTE_US), scale: 3 }),
        Unit::Second => Some(Part { value: i128::from(micros % MINUTE_US), scale: 6 }),
        Unit::Minute => whole(micros / MINUTE_US % 60),
        Unit::Hour => whole(micros / HOUR_US),
        Unit::Day => whole(days),
        Unit::Week => None,
        Unit::Month => whole(months % 12),
        Unit::Quarter => whole(months % 12 / 3 + 1),
        Unit::Year => whole(months / 12),
        Unit::Decade => whole(months / 120),
        Unit::Century => whole(months / 1_200),
        Unit::Millennium => whole(months / 12_000),
    }
}

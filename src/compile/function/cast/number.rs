//! Between number types.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, AsArray, Decimal128Array, Float32Array, Float64Array, Int16Array, Int32Array, Int64Array,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};

use super::super::definition::Argument;
use super::any_numeric;
use crate::decimal::Decimal;
use crate::error::{Error, Result, code};
use crate::format::text::number::{parse_decimal, write_decimal};
use crate::types::SqlType;

/// Whether a type is one of numbers.
pub(super) fn is_number(sql_type: &SqlType) -> bool {
    use SqlType::{BigInt, Double, Integer, Real, SmallInt};
    sql_type.is_numeric() || matches!(sql_type, SmallInt | Integer | BigInt | Real | Double)
}

/// `numeric(precision, scale)`.
pub(in crate::compile) fn declared(precision: u16, scale: i16) -> SqlType {
    match (u8::try_from(precision), i8::try_from(scale)) {
        (Ok(digits @ 1..=38), Ok(after @ 0..)) if after as u8 <= digits => SqlType::Numeric(digits, after),
        _ => SqlType::AnyNumeric(Some((precision, scale))),
    }
}

/// Numeric for a value of any type that is cast to it: values of one scale stay such.
pub(in crate::compile::function) fn unbounded_numeric(value: &Argument) -> SqlType {
    match (&value.sql_type, &value.text) {
        (Some(exact @ SqlType::Numeric(..)), _) => exact.clone(),
        (Some(SqlType::SmallInt), _) => SqlType::Numeric(5, 0),
        (Some(SqlType::Integer), _) => SqlType::Numeric(10, 0),
        (Some(SqlType::BigInt), _) => SqlType::Numeric(19, 0),
        (_, Some(text)) => constant(text).unwrap_or(SqlType::NUMERIC),
        _ => SqlType::NUMERIC,
    }
}

/// The type of one number that is not too long.
fn constant(text: &str) -> Option<SqlType> {
    let value = Decimal::parse(text).ok()?;
    let number = value.number()?;
    let scale = i8::try_from(number.scale()).ok().filter(|scale| *scale <= 38)?;
    let units = number.units().to_string();
    let digits = units.trim_start_matches('-').len().max(scale.unsigned_abs().into());
    (digits <= 38).then_some(SqlType::Numeric(digits as u8, scale))
}

/// A number's text without its digits after the point, halves away from zero; `None` if it has too many digits.
pub(super) fn whole(text: &str) -> Option<i128> {
    Decimal::parse(text).ok()?.to_i128()
}

/// A number's text as numeric prints it: without exponent and leading zeros.
pub(super) fn plain(text: &str) -> String {
    Decimal::parse(text).map_or_else(|_| text.to_string(), |value| value.to_string())
}

/// Converts numbers.
pub(super) fn convert(values: &ArrayRef, from: &SqlType, to: &SqlType) -> Result<ArrayRef> {
    match from {
        SqlType::SmallInt | SqlType::Integer | SqlType::BigInt => {
            let wide = widened(values, &DataType::Int64)?;
            from_integers(wide.as_primitive::<Int64Type>(), to)
        }
        // A real is exact as a double.
        SqlType::Real | SqlType::Double => {
            let wide = widened(values, &DataType::Float64)?;
            from_doubles(wide.as_primitive::<Float64Type>(), from, to)
        }
        SqlType::Numeric(_, scale) => from_decimals(values.as_primitive::<Decimal128Type>(), *scale, to),
        SqlType::AnyNumeric(_) => any_numeric::from(values.as_binary::<i64>(), to),
        from => Err(Error::new(code::CANNOT_COERCE, format!("cannot cast type {from} to {to}"))),
    }
}

fn widened(values: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    cast(values, to).map_err(|error| Error::internal(error.to_string()))
}

fn from_integers(values: &Int64Array, to: &SqlType) -> Result<ArrayRef> {
    match to {
        SqlType::Real => {
            Ok(Arc::new(values.iter().map(|value| value.map(|value| value as f32)).collect::<Float32Array>()))
        }
        SqlType::Double => {
            Ok(Arc::new(values.iter().map(|value| value.map(|value| value as f64)).collect::<Float64Array>()))
        }
        SqlType::Numeric(precision, scale) => {
            let rescaled = values
                .iter()
                .map(|value| value.map(|value| rescale(i128::from(value), 0, *precision, *scale)).transpose());
            decimals(rescaled, to)
        }
        SqlType::AnyNumeric(modifier) => {
            any_numeric::column(values.iter().map(|value| value.map(Decimal::from)), *modifier)
        }
        to => integers(values.iter().map(|value| value.map(i128::from)), to),
    }
}

fn from_doubles(values: &Float64Array, from: &SqlType, to: &SqlType) -> Result<ArrayRef> {
    match to {
        SqlType::Double => Ok(Arc::new(values.clone())),
        SqlType::Real => {
            let narrowed = values.iter().map(|value| value.map(real).transpose());
            Ok(Arc::new(narrowed.collect::<Result<Float32Array>>()?))
        }
        SqlType::Numeric(precision, scale) => {
            // PostgreSQL takes the digits that a value of the type is sure to have.
            let digits = if *from == SqlType::Real { 5 } else { 14 };
            let read = |value: f64| match value.is_finite() {
                true => parse_decimal(&format!("{value:.digits$e}"), *precision, *scale),
                // Says why not.
                false => any_numeric::narrow(&Decimal::from_float(value, digits + 1), *precision, *scale),
            };
            decimals(values.iter().map(|value| value.map(read).transpose()), to)
        }
        SqlType::AnyNumeric(modifier) => {
            let digits = if *from == SqlType::Real { 6 } else { 15 };
            any_numeric::column(values.iter().map(|value| value.map(|v| Decimal::from_float(v, digits))), *modifier)
        }
        to => {
            // The bounds of i128 are far outside of every integer type; NaN must not become 0.
            let whole = |value: f64| if value.is_nan() { i128::MAX } else { value.round_ties_even() as i128 };
            integers(values.iter().map(|value| value.map(whole)), to)
        }
    }
}

fn from_decimals(values: &Decimal128Array, from_scale: i8, to: &SqlType) -> Result<ArrayRef> {
    match to {
        SqlType::Real => {
            let read = |value: i128| real(double(value, from_scale));
            Ok(Arc::new(values.iter().map(|value| value.map(read).transpose()).collect::<Result<Float32Array>>()?))
        }
        SqlType::Double => Ok(Arc::new(
            values.iter().map(|value| value.map(|value| double(value, from_scale))).collect::<Float64Array>(),
        )),
        SqlType::Numeric(precision, scale) => {
            let rescaled = values
                .iter()
                .map(|value| value.map(|value| rescale(value, from_scale, *precision, *scale)).transpose());
            decimals(rescaled, to)
        }
        SqlType::AnyNumeric(modifier) => {
            let scale = u32::from(from_scale.unsigned_abs());
            match modifier {
                None => Ok(any_numeric::widened(values, scale)),
                modifier => {
                    any_numeric::column(values.iter().map(|value| value.map(|v| Decimal::new(v, scale))), *modifier)
                }
            }
        }
        to => integers(values.iter().map(|value| value.map(|value| rounded(value, from_scale))), to),
    }
}

/// The nearest double of a decimal: through its text, since a division would round twice.
fn double(value: i128, scale: i8) -> f64 {
    let mut text = Vec::new();
    write_decimal(value, scale, &mut text);
    std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN)
}

pub(super) fn real(value: f64) -> Result<f32> {
    let narrowed = value as f32;
    let out_of_range = |what: &str| Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, format!("value out of range: {what}"));
    if narrowed.is_infinite() && value.is_finite() {
        return Err(out_of_range("overflow"));
    }
    if narrowed == 0.0 && value != 0.0 {
        return Err(out_of_range("underflow"));
    }
    Ok(narrowed)
}

/// A decimal without its digits after the point, halves away from zero.
pub(in crate::compile::function) fn rounded(value: i128, scale: i8) -> i128 {
    let Some(unit) = u32::try_from(scale).ok().and_then(|scale| 10i128.checked_pow(scale)) else { return 0 };
    let (whole, rest) = (value / unit, value % unit);
    if rest.abs() >= unit - rest.abs() { whole + value.signum() } else { whole }
}

/// A decimal with another scale, rounded; 22003 if it has too many digits then.
fn rescale(value: i128, from: i8, precision: u8, to: i8) -> Result<i128> {
    let scaled = match to >= from {
        true => u32::try_from(to - from).ok().and_then(|digits| value.checked_mul(10i128.checked_pow(digits)?)),
        false => Some(rounded(value, from - to)),
    };
    let limit = 10u128.pow(u32::from(precision.min(38)));
    scaled.filter(|value| value.unsigned_abs() < limit).ok_or_else(|| {
        let before_point = i32::from(precision) - i32::from(to);
        let bound = if before_point == 0 { "1".to_string() } else { format!("10^{before_point}") };
        Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow").detail(format!(
            "A field with precision {precision}, scale {to} must round to an absolute value less than {bound}."
        ))
    })
}

pub(super) fn decimals(values: impl Iterator<Item = Result<Option<i128>>>, to: &SqlType) -> Result<ArrayRef> {
    let values = values.collect::<Result<Decimal128Array>>()?;
    Ok(Arc::new(values.with_data_type(to.arrow())))
}

pub(super) fn integers(values: impl Iterator<Item = Option<i128>>, to: &SqlType) -> Result<ArrayRef> {
    let out_of_range = |_| Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, format!("{to} out of range"));
    Ok(match to {
        SqlType::SmallInt => {
            let narrowed =
                values.map(|value| value.map(|value| i16::try_from(value).map_err(out_of_range)).transpose());
            Arc::new(narrowed.collect::<Result<Int16Array>>()?)
        }
        SqlType::Integer => {
            let narrowed =
                values.map(|value| value.map(|value| i32::try_from(value).map_err(out_of_range)).transpose());
            Arc::new(narrowed.collect::<Result<Int32Array>>()?)
        }
        SqlType::BigInt => {
            let narrowed =
                values.map(|value| value.map(|value| i64::try_from(value).map_err(out_of_range)).transpose());
            Arc::new(narrowed.collect::<Result<Int64Array>>()?)
        }
        to => return Err(Error::internal(format!("{to} is no integer type"))),
    })
}

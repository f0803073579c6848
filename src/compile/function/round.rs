//! `round(number [, digits])`, `trunc(number [, digits])`, `ceil(number)`, `floor(number)`.
//!
//! Rounding goes to the nearest number: for doubles to the even one of two, for numerics away from zero; DataFusion's goes away from zero
//! for doubles, too.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Decimal128Array, Float64Array};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int32Type};

use super::cast::{rounded, unbounded_numeric};
use super::definition::{Argument, Call, Definition, Types, strict};
use crate::decimal::Decimal;
use crate::error::{Error, Result, code};
use crate::types::SqlType;

pub(super) static ROUND: Definition = Definition::immutable(
    "round",
    |arguments| types(arguments, true),
    |call| evaluate(call, f64::round_ties_even, rounded, Decimal::round),
);
pub(super) static TRUNC: Definition = Definition::immutable(
    "trunc",
    |arguments| types(arguments, true),
    |call| evaluate(call, f64::trunc, truncated, Decimal::truncate),
);
pub(super) static CEIL: Definition = Definition {
    aliases: &["ceiling"],
    ..Definition::immutable(
        "ceil",
        |arguments| types(arguments, false),
        |call| evaluate(call, f64::ceil, |value, scale| -floor(-value, scale), |value, _| value.ceiling()),
    )
};
pub(super) static FLOOR: Definition = Definition::immutable(
    "floor",
    |arguments| types(arguments, false),
    |call| evaluate(call, f64::floor, floor, |value, _| value.floor()),
);

fn types(arguments: &[Argument], with_digits: bool) -> Types {
    use SqlType::{AnyNumeric, BigInt, Double, Integer, Numeric, Real, SmallInt};
    Ok(match arguments {
        [number] => match &number.sql_type {
            Some(exact @ Numeric(digits, scale)) => {
                Some((vec![exact.clone()], numeric(i32::from(*digits) - i32::from(*scale) + 1, 0)))
            }
            Some(AnyNumeric(_)) => Some((vec![SqlType::NUMERIC], SqlType::NUMERIC)),
            Some(SmallInt | Integer | BigInt | Real | Double) => Some((vec![Double], Double)),
            _ if number.is_untyped() => Some((vec![Double], Double)),
            _ => None,
        },
        [number, digits] if with_digits && digits.is_integer() => {
            let exact = match &number.sql_type {
                Some(SmallInt | Integer | BigInt | Numeric(..)) => unbounded_numeric(number),
                Some(AnyNumeric(_)) | None => SqlType::NUMERIC,
                _ if number.is_untyped() => SqlType::NUMERIC,
                _ => return Ok(None),
            };
            // The scale is that of the type only if it is the same in all rows.
            match (&exact, digits.integer) {
                (Numeric(all, scale), Some(shown)) => {
                    let shown = shown.clamp(0, 100) as i32;
                    let result = numeric(i32::from(*all) - i32::from(*scale) + 1 + shown, shown);
                    let given = if result == SqlType::NUMERIC { SqlType::NUMERIC } else { exact };
                    Some((vec![given, Integer], result))
                }
                _ => Some((vec![SqlType::NUMERIC, Integer], SqlType::NUMERIC)),
            }
        }
        _ => None,
    })
}

/// Numeric of so many digits, of any size if these are too many for one scale.
fn numeric(digits: i32, scale: i32) -> SqlType {
    match digits {
        1..=38 => SqlType::Numeric(digits as u8, scale as i8),
        _ => SqlType::NUMERIC,
    }
}

/// Applies `double` to doubles, `exact`, which takes digits after the point away, to numerics of one scale, `any` to others.
fn evaluate(
    call: &Call,
    double: fn(f64) -> f64,
    exact: fn(i128, i8) -> i128,
    any: fn(&Decimal, i32) -> Result<Decimal>,
) -> Result<ArrayRef> {
    let values = &call.arguments[0];
    if let SqlType::AnyNumeric(_) = call.result {
        let digits =
            |row: usize| call.arguments.get(1).map_or(0, |digits| digits.as_primitive::<Int32Type>().value(row));
        return match values.data_type() {
            DataType::LargeBinary => call.decimals(|row| any(&call.decimal(0, row), digits(row))),
            // The result may have a digit more than the type has room for.
            DataType::Decimal128(_, scale) => {
                let values = values.as_primitive::<Decimal128Type>();
                let scale = u32::from(scale.unsigned_abs());
                call.decimals(|row| any(&Decimal::new(values.value(row), scale), digits(row)))
            }
            other => Err(Error::internal(format!("{other} is rounded to numeric"))),
        };
    }
    let DataType::Decimal128(_, scale) = *values.data_type() else {
        return Ok(Arc::new(values.as_primitive::<Float64Type>().unary::<_, Float64Type>(double) as Float64Array));
    };
    let SqlType::Numeric(_, shown) = call.result else {
        return Err(Error::internal("numerics are rounded to numerics"));
    };
    let values = values.as_primitive::<Decimal128Type>();
    let cut = strict(call, |row| {
        let digits = call.arguments.get(1).map_or(0, |digits| digits.as_primitive::<Int32Type>().value(row));
        let overflow = || Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format");
        shortened(values.value(row), scale, digits, shown, exact).ok_or_else(overflow)
    })?;
    Ok(Arc::new(Decimal128Array::from(cut).with_data_type(call.result.arrow())))
}

/// A decimal of `scale` cut to `digits` after the point (before it if negative), with `shown` digits after the point.
fn shortened(value: i128, scale: i8, digits: i32, shown: i8, cut: fn(i128, i8) -> i128) -> Option<i128> {
    let digits = i8::try_from(digits.clamp(-38, i32::from(scale))).ok()?;
    let value = cut(value, scale - digits);
    let added = shown - digits;
    let result = match u32::try_from(added) {
        Ok(added) => value.checked_mul(10i128.checked_pow(added)?)?,
        Err(_) => rounded(value, -added),
    };
    (result.unsigned_abs() < 10u128.pow(38)).then_some(result)
}

/// A decimal without its last digits; all of them are gone beyond 38.
fn truncated(value: i128, digits: i8) -> i128 {
    u32::try_from(digits).ok().and_then(|digits| 10i128.checked_pow(digits)).map_or(0, |unit| value / unit)
}

fn floor(value: i128, digits: i8) -> i128 {
    let unit = u32::try_from(digits).ok().and_then(|digits| 10i128.checked_pow(digits));
    unit.map_or(if value < 0 { -1 } else { 0 }, |unit| value.div_euclid(unit))
}

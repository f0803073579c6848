//! `round(number [, digits])`: doubles to the nearest whole number, halves to even; numerics to `digits` after the point, halves away from
//! zero. DataFusion's rounds doubles away from zero, too.
//!
//! The result of `round(numeric, digits)` has `digits` after the point if `digits` is constant, else as many as the number.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Decimal128Array, Float64Array};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int32Type};

use super::cast::rounded;
use super::definition::{Argument, Call, Definition, strict};
use crate::error::{Error, Result, code};
use crate::types::SqlType;

pub(super) static DEFINITION: Definition = Definition::immutable("round", types, evaluate);

fn types(arguments: &[Argument]) -> Result<Option<(Vec<SqlType>, SqlType)>> {
    use SqlType::{BigInt, Double, Integer, Numeric, Real, SmallInt};
    Ok(match arguments {
        [number] => match &number.sql_type {
            Some(Numeric(precision, scale)) => Some((vec![Numeric(*precision, *scale)], Numeric(38, 0))),
            Some(SmallInt | Integer | BigInt | Real | Double) => Some((vec![Double], Double)),
            _ if number.is_untyped() => Some((vec![Double], Double)),
            _ => None,
        },
        [number, digits] => {
            let number = match &number.sql_type {
                Some(known @ Numeric(..)) => known.clone(),
                Some(SmallInt | Integer | BigInt) | None => Numeric(38, 0),
                _ => return Ok(None),
            };
            match (&number, &digits.sql_type) {
                (Numeric(_, scale), Some(SmallInt | Integer | BigInt) | None) => {
                    let shown = digits.integer.map_or(*scale, |digits| digits.clamp(0, 38) as i8);
                    Some((vec![number.clone(), Integer], Numeric(38, shown)))
                }
                _ => None,
            }
        }
        _ => None,
    })
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let values = &call.arguments[0];
    let DataType::Decimal128(_, scale) = *values.data_type() else {
        let rounded = values.as_primitive::<Float64Type>().unary::<_, Float64Type>(f64::round_ties_even);
        return Ok(Arc::new(rounded as Float64Array));
    };
    let SqlType::Numeric(_, shown) = call.result else { return Err(Error::internal("round answers numeric")) };
    let values = values.as_primitive::<Decimal128Type>();
    let exact = strict(call, |row| {
        let digits = call.arguments.get(1).map_or(0, |digits| digits.as_primitive::<Int32Type>().value(row));
        round(values.value(row), scale, digits, shown)
            .ok_or_else(|| Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format"))
    })?;
    Ok(Arc::new(Decimal128Array::from(exact).with_data_type(call.result.arrow())))
}

/// A decimal of `scale` rounded to `digits` after the point (before it if negative), with `shown` digits after the point.
fn round(value: i128, scale: i8, digits: i32, shown: i8) -> Option<i128> {
    let digits = i8::try_from(digits.clamp(-38, i32::from(scale))).ok()?;
    let value = rounded(value, scale - digits);
    let added = shown - digits;
    let result = match u32::try_from(added) {
        Ok(added) => value.checked_mul(10i128.checked_pow(added)?)?,
        Err(_) => rounded(value, -added),
    };
    (result.unsigned_abs() < 10u128.pow(38)).then_some(result)
}

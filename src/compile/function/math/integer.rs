//! `gcd(a, b)`, `lcm(a, b)`, `factorial(n)`.

use datafusion::arrow::array::{ArrayRef, Int32Array, Int64Array};

use super::super::definition::{Argument, Call, Definition, Types};
use super::super::overload::{Kind, overload};
use super::bit::integer;
use super::out_of_range;
use crate::error::{Error, Result, code};
use crate::types::SqlType;

/// The greatest factorial of 38 digits.
const FACTORIAL_MAX: i64 = 33;

pub(super) static GCD: Definition = Definition::immutable("gcd", types, |call| evaluate(call, gcd));
pub(super) static LCM: Definition = Definition::immutable("lcm", types, |call| evaluate(call, lcm));
pub(super) static FACTORIAL: Definition = Definition::immutable(
    "factorial",
    |arguments| overload(arguments, &[(&[Kind::BigInt], Kind::Scaled(0))]),
    factorial,
);

fn types(arguments: &[Argument]) -> Types {
    use Kind::{BigInt, Integer, Numeric};
    overload(arguments, &[(&[Integer, Integer], Integer), (&[BigInt, BigInt], BigInt), (&[Numeric, Numeric], Numeric)])
}

fn evaluate(call: &Call, function: fn(i128, i128) -> Option<i128>) -> Result<ArrayRef> {
    let value = |row: usize| function(i128::from(integer(call, 0, row)), i128::from(integer(call, 1, row)));
    match call.result {
        SqlType::Integer => call.column::<_, Int32Array>(|row| {
            value(row).and_then(|value| i32::try_from(value).ok()).ok_or_else(|| out_of_range("integer"))
        }),
        SqlType::BigInt => call.column::<_, Int64Array>(|row| {
            value(row).and_then(|value| i64::try_from(value).ok()).ok_or_else(|| out_of_range("bigint"))
        }),
        _ => {
            let shown = call.scale(0).max(call.scale(1));
            let unit = |at: usize| 10i128.checked_pow(u32::from((shown - call.scale(at)).unsigned_abs()));
            call.decimals(|row| {
                let scaled = |at: usize| call.numeric(at).value(row).checked_mul(unit(at)?);
                let found = scaled(0).zip(scaled(1)).and_then(|(a, b)| function(a, b));
                found.filter(|value| value.unsigned_abs() < 10u128.pow(38)).ok_or_else(|| out_of_range("numeric"))
            })
        }
    }
}

fn gcd(a: i128, b: i128) -> Option<i128> {
    let (mut a, mut b) = (a.checked_abs()?, b.checked_abs()?);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    Some(a)
}

fn lcm(a: i128, b: i128) -> Option<i128> {
    if a == 0 || b == 0 {
        return Some(0);
    }
    (a / gcd(a, b)?).checked_mul(b)?.checked_abs()
}

fn factorial(call: &Call) -> Result<ArrayRef> {
    call.decimals(|row| match call.bigint(0).value(row) {
        ..0 => Err(Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, "factorial of a negative number is undefined")),
        number @ 0..=FACTORIAL_MAX => Ok((1..=i128::from(number)).product()),
        _ => Err(out_of_range("numeric")),
    })
}

//! `gcd(a, b)`, `lcm(a, b)`, `factorial(n)`.

use datafusion::arrow::array::{ArrayRef, Int32Array, Int64Array};
use num_bigint::BigInt;

use super::super::definition::{Argument, Call, Definition, Types};
use super::super::overload::{Kind, overload};
use super::bit::integer;
use super::out_of_range;
use crate::decimal::Decimal;
use crate::error::{Error, Result, code};
use crate::types::SqlType;

/// The greatest number whose factorial PostgreSQL computes.
const FACTORIAL_MAX: i64 = 32_177;

pub(super) static GCD: Definition = Definition::immutable("gcd", types, |call| evaluate(call, gcd, Decimal::gcd));
pub(super) static LCM: Definition = Definition::immutable("lcm", types, |call| evaluate(call, lcm, Decimal::lcm));
pub(super) static FACTORIAL: Definition =
    Definition::immutable("factorial", |arguments| overload(arguments, &[(&[Kind::BigInt], Kind::Numeric)]), factorial);

fn types(arguments: &[Argument]) -> Types {
    use Kind::{BigInt, Integer, Numeric};
    overload(arguments, &[(&[Integer, Integer], Integer), (&[BigInt, BigInt], BigInt), (&[Numeric, Numeric], Numeric)])
}

fn evaluate(
    call: &Call,
    function: fn(i128, i128) -> Option<i128>,
    exact: fn(&Decimal, &Decimal) -> Result<Decimal>,
) -> Result<ArrayRef> {
    let value = |row: usize| function(i128::from(integer(call, 0, row)), i128::from(integer(call, 1, row)));
    match call.result {
        SqlType::Integer => call.column::<_, Int32Array>(|row| {
            value(row).and_then(|value| i32::try_from(value).ok()).ok_or_else(|| out_of_range("integer"))
        }),
        SqlType::BigInt => call.column::<_, Int64Array>(|row| {
            value(row).and_then(|value| i64::try_from(value).ok()).ok_or_else(|| out_of_range("bigint"))
        }),
        _ => call.decimals(|row| exact(&call.decimal(0, row), &call.decimal(1, row))),
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
        number @ 0..=FACTORIAL_MAX => {
            Ok(Decimal::new((1..=number).fold(BigInt::from(1), |product, number| product * number), 0))
        }
        _ => Err(Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format")),
    })
}

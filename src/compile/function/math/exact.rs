//! `exp`, `ln`, `log`, `log10`, `power`, `sqrt`: of double precision as the C library has them, of numerics with 16 digits after the point
//! (`sqrt`: 15), which is what PostgreSQL's results have if they are not very large or small.

use std::cmp::Ordering;

use datafusion::arrow::array::ArrayRef;

use super::super::definition::{Argument, Call, Definition, Types};
use super::super::overload::{Kind, overload};
use super::fixed::{self, Fixed};
use super::float::{self, unary};
use super::{INVALID_ARGUMENT_FOR_LOGARITHM, INVALID_ARGUMENT_FOR_POWER, division_by_zero};
use crate::error::{Error, Result, code};

/// Digits after the point.
const SCALE: i8 = 16;
const ROOT_SCALE: i8 = 15;

pub(super) static EXP: Definition = Definition::immutable("exp", types, |call| {
    evaluate(call, float::exp, |x| fixed::exp(&fixed::of(x)).ok_or_else(overflow))
});
pub(super) static LN: Definition =
    Definition::immutable("ln", types, |call| evaluate(call, |x| positive(x, f64::ln), logarithm));
pub(super) static LOG: Definition = Definition { aliases: &["log10"], ..Definition::immutable("log", log_types, log) };
pub(in super::super) static POWER: Definition =
    Definition { aliases: &["pow"], ..Definition::immutable("power", power_types, power) };
pub(in super::super) static SQRT: Definition = Definition::immutable(
    "sqrt",
    |arguments| overload(arguments, &[(&[Kind::Double], Kind::Double), (&[Kind::Numeric], Kind::Scaled(ROOT_SCALE))]),
    |call| {
        let negative = || Error::new(INVALID_ARGUMENT_FOR_POWER, "cannot take square root of a negative number");
        let root = |x: f64| if x < 0.0 { Err(negative()) } else { Ok(x.sqrt()) };
        evaluate(call, root, |x| if x.0 < 0 { Err(negative()) } else { Ok(fixed::sqrt(x)) })
    },
);

fn types(arguments: &[Argument]) -> Types {
    overload(arguments, &[(&[Kind::Double], Kind::Double), (&[Kind::Numeric], Kind::Scaled(SCALE))])
}

fn log_types(arguments: &[Argument]) -> Types {
    use Kind::{Double, Numeric, Scaled};
    overload(arguments, &[(&[Double], Double), (&[Numeric], Scaled(SCALE)), (&[Numeric, Numeric], Scaled(SCALE))])
}

fn power_types(arguments: &[Argument]) -> Types {
    use Kind::{Double, Numeric, Scaled};
    overload(arguments, &[(&[Double, Double], Double), (&[Numeric, Numeric], Scaled(SCALE))])
}

fn overflow() -> Error {
    Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format")
}

/// A numeric without its point, and its digits after the point.
type Decimal = (i128, i8);

fn decimal(call: &Call, at: usize, row: usize) -> Decimal {
    (call.numeric(at).value(row), call.scale(at))
}

/// A function of one double or one numeric.
fn evaluate(
    call: &Call,
    double: impl Fn(f64) -> Result<f64>,
    exact: impl Fn(Decimal) -> Result<Fixed>,
) -> Result<ArrayRef> {
    match call.result {
        crate::types::SqlType::Numeric(_, scale) => {
            call.decimals(|row| fixed::rounded(&exact(decimal(call, 0, row))?, scale).ok_or_else(overflow))
        }
        _ => unary(call, double),
    }
}

fn check_positive(sign: Option<Ordering>) -> Result<()> {
    let message = match sign {
        Some(Ordering::Equal) => "cannot take logarithm of zero",
        Some(Ordering::Less) => "cannot take logarithm of a negative number",
        _ => return Ok(()),
    };
    Err(Error::new(INVALID_ARGUMENT_FOR_LOGARITHM, message))
}

fn positive(x: f64, function: fn(f64) -> f64) -> Result<f64> {
    check_positive(x.partial_cmp(&0.0))?;
    Ok(function(x))
}

fn logarithm(x: Decimal) -> Result<Fixed> {
    check_positive(Some(x.0.cmp(&0)))?;
    Ok(fixed::ln(&fixed::of(x)))
}

fn log(call: &Call) -> Result<ArrayRef> {
    let quotient = |number: Decimal, base: Decimal| -> Result<Fixed> {
        let (base, number) = (logarithm(base)?, logarithm(number)?);
        fixed::quotient(&number, &base).ok_or_else(division_by_zero)
    };
    match call.arguments.len() {
        1 => evaluate(call, |x| positive(x, f64::log10), |x| quotient(x, (10, 0))),
        _ => call.decimals(|row| {
            let value = quotient(decimal(call, 1, row), decimal(call, 0, row))?;
            fixed::rounded(&value, SCALE).ok_or_else(overflow)
        }),
    }
}

fn power(call: &Call) -> Result<ArrayRef> {
    match call.result {
        crate::types::SqlType::Numeric(..) => call.decimals(|row| {
            let value = raised(decimal(call, 0, row), decimal(call, 1, row))?;
            fixed::rounded(&value, SCALE).ok_or_else(overflow)
        }),
        _ => call.column::<_, datafusion::arrow::array::Float64Array>(|row| {
            float::power(call.double(0).value(row), call.double(1).value(row))
        }),
    }
}

fn raised(base: Decimal, exponent: Decimal) -> Result<Fixed> {
    let unit = 10i128.checked_pow(u32::from(exponent.1.unsigned_abs())).unwrap_or(i128::MAX);
    let whole = (exponent.0 % unit == 0).then(|| exponent.0 / unit);
    if base.0 == 0 && exponent.0 < 0 {
        return Err(Error::new(INVALID_ARGUMENT_FOR_POWER, "zero raised to a negative power is undefined"));
    }
    if base.0 < 0 && whole.is_none() {
        let message = "a negative number raised to a non-integer power yields a complex result";
        return Err(Error::new(INVALID_ARGUMENT_FOR_POWER, message));
    }
    if base.0 == 0 || exponent.0 == 0 {
        return Ok(fixed::of((i128::from(exponent.0 == 0), 0)));
    }
    if let Some(number) = whole.and_then(|whole| i32::try_from(whole).ok()).filter(|whole| whole.unsigned_abs() <= 64) {
        return Ok(fixed::integer_power(base, number));
    }
    let magnitude = fixed::ln(&fixed::of((base.0.checked_abs().ok_or_else(overflow)?, base.1)));
    let value = fixed::exp(&fixed::product(&magnitude, &fixed::of(exponent))).ok_or_else(overflow)?;
    let odd = whole.is_some_and(|whole| whole % 2 != 0);
    Ok(if base.0 < 0 && odd { -value } else { value })
}

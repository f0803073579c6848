//! `exp`, `ln`, `log`, `log10`, `power`, `sqrt`: of double precision as the C library has them, of numerics as [`crate::decimal`] has them.

use datafusion::arrow::array::{ArrayRef, Float64Array};

use super::super::definition::{Argument, Call, Definition, Types};
use super::super::overload::{Kind, overload};
use super::float::{self, unary};
use super::{INVALID_ARGUMENT_FOR_LOGARITHM, INVALID_ARGUMENT_FOR_POWER};
use crate::decimal::Decimal;
use crate::error::{Error, Result};
use crate::types::SqlType;

pub(super) static EXP: Definition =
    Definition::immutable("exp", types, |call| evaluate(call, float::exp, Decimal::exp));
pub(super) static LN: Definition =
    Definition::immutable("ln", types, |call| evaluate(call, |x| positive(x, f64::ln), Decimal::ln));
pub(super) static LOG: Definition = Definition { aliases: &["log10"], ..Definition::immutable("log", log_types, log) };
pub(in super::super) static POWER: Definition =
    Definition { aliases: &["pow"], ..Definition::immutable("power", power_types, power) };
pub(in super::super) static SQRT: Definition = Definition::immutable("sqrt", types, |call| {
    let negative = || Error::new(INVALID_ARGUMENT_FOR_POWER, "cannot take square root of a negative number");
    evaluate(call, |x| if x < 0.0 { Err(negative()) } else { Ok(x.sqrt()) }, Decimal::sqrt)
});

fn types(arguments: &[Argument]) -> Types {
    overload(arguments, &[(&[Kind::Double], Kind::Double), (&[Kind::Numeric], Kind::Numeric)])
}

fn log_types(arguments: &[Argument]) -> Types {
    use Kind::{Double, Numeric};
    overload(arguments, &[(&[Double], Double), (&[Numeric], Numeric), (&[Numeric, Numeric], Numeric)])
}

fn power_types(arguments: &[Argument]) -> Types {
    use Kind::{Double, Numeric};
    overload(arguments, &[(&[Double, Double], Double), (&[Numeric, Numeric], Numeric)])
}

/// A function of one double or one numeric.
fn evaluate(
    call: &Call,
    double: impl Fn(f64) -> Result<f64>,
    exact: impl Fn(&Decimal) -> Result<Decimal>,
) -> Result<ArrayRef> {
    match call.result {
        SqlType::AnyNumeric(_) => call.decimals(|row| exact(&call.decimal(0, row))),
        _ => unary(call, double),
    }
}

fn positive(x: f64, function: fn(f64) -> f64) -> Result<f64> {
    let refused = |message: &str| Err(Error::new(INVALID_ARGUMENT_FOR_LOGARITHM, message));
    match x {
        0.0 => refused("cannot take logarithm of zero"),
        x if x < 0.0 => refused("cannot take logarithm of a negative number"),
        x => Ok(function(x)),
    }
}

fn log(call: &Call) -> Result<ArrayRef> {
    match call.arguments.len() {
        1 => evaluate(call, |x| positive(x, f64::log10), |x| Decimal::from(10).log(x)),
        _ => call.decimals(|row| call.decimal(0, row).log(&call.decimal(1, row))),
    }
}

fn power(call: &Call) -> Result<ArrayRef> {
    match call.result {
        SqlType::AnyNumeric(_) => call.decimals(|row| call.decimal(0, row).power(&call.decimal(1, row))),
        _ => call.column::<_, Float64Array>(|row| float::power(call.double(0).value(row), call.double(1).value(row))),
    }
}

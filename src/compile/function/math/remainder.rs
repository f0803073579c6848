//! `a % b`, `mod(a, b)`: the remainder with the sign of `a`. `div(a, b)`: the whole part of the quotient of numerics.

use datafusion::arrow::array::{ArrayRef, Int16Array, Int32Array, Int64Array};

use super::super::definition::{Argument, Call, Definition, Types};
use super::super::overload::{Kind, overload};
use super::bit::integer;
use super::{division_by_zero, out_of_range};
use crate::error::Result;
use crate::types::SqlType;

pub(in super::super) static OPERATOR: Definition = Definition::immutable("%", types, modulo);
pub(super) static MOD: Definition = Definition::immutable("mod", types, modulo);
pub(super) static DIV: Definition = Definition::immutable(
    "div",
    |arguments| {
        let found = overload(arguments, &[(&[Kind::Numeric, Kind::Numeric], Kind::Scaled(0))])?;
        Ok(found)
    },
    |call| numerics(call, |a, b| a / b, 0),
);

fn types(arguments: &[Argument]) -> Types {
    use Kind::{BigInt, Integer, Numeric, SmallInt};
    overload(
        arguments,
        &[
            (&[SmallInt, SmallInt], SmallInt),
            (&[Integer, Integer], Integer),
            (&[BigInt, BigInt], BigInt),
            (&[Numeric, Numeric], Numeric),
        ],
    )
}

fn modulo(call: &Call) -> Result<ArrayRef> {
    let value = |row: usize| match integer(call, 1, row) {
        0 => Err(division_by_zero()),
        // The least number has a remainder, too.
        divisor => Ok(integer(call, 0, row).wrapping_rem(divisor)),
    };
    match call.result {
        SqlType::SmallInt => call.column::<_, Int16Array>(|row| Ok(value(row)? as i16)),
        SqlType::Integer => call.column::<_, Int32Array>(|row| Ok(value(row)? as i32)),
        SqlType::BigInt => call.column::<_, Int64Array>(value),
        _ => numerics(call, |a, b| a % b, call.scale(0).max(call.scale(1))),
    }
}

/// A function of two numbers that have as many digits after the point as both have, with a result of `shown` digits.
fn numerics(call: &Call, value: fn(i128, i128) -> i128, shown: i8) -> Result<ArrayRef> {
    let scale = call.scale(0).max(call.scale(1));
    debug_assert!(shown == 0 || shown == scale);
    let unit = |at: usize| 10i128.checked_pow(u32::from((scale - call.scale(at)).unsigned_abs()));
    call.decimals(|row| {
        let scaled = |at: usize| call.numeric(at).value(row).checked_mul(unit(at)?);
        match scaled(0).zip(scaled(1)) {
            Some((_, 0)) => Err(division_by_zero()),
            Some((a, b)) => Ok(value(a, b)),
            None => Err(out_of_range("numeric")),
        }
    })
}

//! `a % b`, `mod(a, b)`: the remainder with the sign of `a`. `div(a, b)`: the whole part of the quotient of numerics.

use datafusion::arrow::array::{ArrayRef, Int16Array, Int32Array, Int64Array};

use super::super::definition::{Argument, Call, Definition, Types};
use super::super::overload::{Kind, overload};
use super::bit::integer;
use super::division_by_zero;
use crate::error::Result;
use crate::types::SqlType;

pub(in super::super) static OPERATOR: Definition = Definition::immutable("%", types, modulo);
pub(super) static MOD: Definition = Definition::immutable("mod", types, modulo);
pub(super) static DIV: Definition = Definition::immutable(
    "div",
    |arguments| overload(arguments, &[(&[Kind::Numeric, Kind::Numeric], Kind::Numeric)]),
    |call| call.decimals(|row| call.decimal(0, row).divide_whole(&call.decimal(1, row))),
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
        _ => call.decimals(|row| call.decimal(0, row).remainder(&call.decimal(1, row))),
    }
}

//! `& | # ~ << >>` on integers.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, PrimitiveArray};
use datafusion::arrow::datatypes::{ArrowPrimitiveType, DataType, Int16Type, Int32Type, Int64Type};

use super::super::definition::{Argument, Call, Definition, Types, strict};
use super::super::overload::{Kind, overload};
use crate::error::Result;

pub(in super::super) static AND: Definition = Definition::immutable("&", pair, |call| binary(call, |a, b| a & b));
pub(in super::super) static OR: Definition = Definition::immutable("|", pair, |call| binary(call, |a, b| a | b));
pub(in super::super) static XOR: Definition = Definition::immutable("#", pair, |call| binary(call, |a, b| a ^ b));
pub(in super::super) static NOT: Definition = Definition::immutable(
    "~",
    |arguments| {
        use Kind::{BigInt, Integer, SmallInt};
        overload(arguments, &[(&[SmallInt], SmallInt), (&[Integer], Integer), (&[BigInt], BigInt)])
    },
    |call| binary(call, |a, _| !a),
);
pub(in super::super) static LEFT: Definition = Definition::immutable("<<", shift, |call| shifted(call, true));
pub(in super::super) static RIGHT: Definition = Definition::immutable(">>", shift, |call| shifted(call, false));

fn pair(arguments: &[Argument]) -> Types {
    use Kind::{BigInt, Integer, SmallInt};
    overload(
        arguments,
        &[(&[SmallInt, SmallInt], SmallInt), (&[Integer, Integer], Integer), (&[BigInt, BigInt], BigInt)],
    )
}

fn shift(arguments: &[Argument]) -> Types {
    use Kind::{BigInt, Integer, SmallInt};
    overload(
        arguments,
        &[(&[SmallInt, Integer], SmallInt), (&[Integer, Integer], Integer), (&[BigInt, Integer], BigInt)],
    )
}

/// Bits of a wider type are those of the narrower one behind as many signs.
fn binary(call: &Call, value: impl Fn(i64, i64) -> i64) -> Result<ArrayRef> {
    let number = |at: usize, row: usize| integer(call, at, row);
    let last = call.arguments.len() - 1;
    match call.arguments[0].data_type() {
        DataType::Int16 => column::<Int16Type>(call, |row| value(number(0, row), number(last, row)) as i16),
        DataType::Int32 => column::<Int32Type>(call, |row| value(number(0, row), number(last, row)) as i32),
        _ => column::<Int64Type>(call, |row| value(number(0, row), number(last, row))),
    }
}

/// As the processor shifts: by the lowest bits of the number of places.
fn shifted(call: &Call, left: bool) -> Result<ArrayRef> {
    let places = call.integer(1);
    match call.arguments[0].data_type() {
        DataType::Int16 => column::<Int16Type>(call, |row| {
            // Shifted as an integer.
            let value = integer(call, 0, row) as i32;
            let places = places.value(row) as u32;
            (if left { value.wrapping_shl(places) } else { value.wrapping_shr(places) }) as i16
        }),
        DataType::Int32 => column::<Int32Type>(call, |row| {
            let value = integer(call, 0, row) as i32;
            let places = places.value(row) as u32;
            if left { value.wrapping_shl(places) } else { value.wrapping_shr(places) }
        }),
        _ => column::<Int64Type>(call, |row| {
            let value = integer(call, 0, row);
            let places = places.value(row) as u32;
            if left { value.wrapping_shl(places) } else { value.wrapping_shr(places) }
        }),
    }
}

/// The integer of an argument, of whatever integer type.
pub(in super::super) fn integer(call: &Call, at: usize, row: usize) -> i64 {
    let values = &call.arguments[at];
    match values.data_type() {
        DataType::Int16 => i64::from(values.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => i64::from(values.as_primitive::<Int32Type>().value(row)),
        _ => values.as_primitive::<Int64Type>().value(row),
    }
}

fn column<T: ArrowPrimitiveType>(call: &Call, value: impl Fn(usize) -> T::Native) -> Result<ArrayRef> {
    let values: PrimitiveArray<T> = strict(call, |row| Ok(value(row)))?.into_iter().collect();
    Ok(Arc::new(values))
}

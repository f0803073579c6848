//! `get_byte`, `set_byte`, `get_bit`, `set_bit`, `bit_count`. Bytes and bits count from 0; bits of a byte from its right.

use datafusion::arrow::array::{ArrayRef, Int32Array, Int64Array};

use super::super::definition::{Call, Definition};
use super::super::overload::{Kind, overload};
use crate::error::{Error, Result, code};

/// SQLSTATE `array_subscript_error`.
const ARRAY_SUBSCRIPT_ERROR: &str = "2202E";

pub(super) static GET_BYTE: Definition = Definition::immutable(
    "get_byte",
    |arguments| overload(arguments, &[(&[Kind::Bytea, Kind::Integer], Kind::Integer)]),
    |call| {
        call.column::<_, Int32Array>(|row| {
            let bytes = call.bytes(0).value(row);
            Ok(i32::from(bytes[place(i64::from(call.integer(1).value(row)), bytes.len())?]))
        })
    },
);
pub(super) static SET_BYTE: Definition = Definition::immutable(
    "set_byte",
    |arguments| overload(arguments, &[(&[Kind::Bytea, Kind::Integer, Kind::Integer], Kind::Bytea)]),
    |call| {
        call.binaries(|row| {
            let mut bytes = call.bytes(0).value(row).to_vec();
            let at = place(i64::from(call.integer(1).value(row)), bytes.len())?;
            // Like in PostgreSQL, the lowest eight bits count.
            bytes[at] = call.integer(2).value(row) as u8;
            Ok(bytes)
        })
    },
);
pub(super) static GET_BIT: Definition = Definition::immutable(
    "get_bit",
    |arguments| overload(arguments, &[(&[Kind::Bytea, Kind::BigInt], Kind::Integer)]),
    |call| {
        call.column::<_, Int32Array>(|row| {
            let bytes = call.bytes(0).value(row);
            let at = place(call.bigint(1).value(row), bytes.len() * 8)?;
            Ok(i32::from(bytes[at / 8] >> (at % 8) & 1))
        })
    },
);
pub(super) static SET_BIT: Definition = Definition::immutable(
    "set_bit",
    |arguments| overload(arguments, &[(&[Kind::Bytea, Kind::BigInt, Kind::Integer], Kind::Bytea)]),
    set_bit,
);
pub(super) static BIT_COUNT: Definition = Definition::immutable(
    "bit_count",
    |arguments| overload(arguments, &[(&[Kind::Bytea], Kind::BigInt)]),
    |call| {
        let ones = |bytes: &[u8]| bytes.iter().map(|byte| i64::from(byte.count_ones())).sum::<i64>();
        call.column::<_, Int64Array>(|row| Ok(ones(call.bytes(0).value(row))))
    },
);

fn set_bit(call: &Call) -> Result<ArrayRef> {
    call.binaries(|row| {
        let mut bytes = call.bytes(0).value(row).to_vec();
        let at = place(call.bigint(1).value(row), bytes.len() * 8)?;
        match call.integer(2).value(row) {
            0 => bytes[at / 8] &= !(1 << (at % 8)),
            1 => bytes[at / 8] |= 1 << (at % 8),
            _ => return Err(Error::new(code::INVALID_PARAMETER_VALUE, "new bit must be 0 or 1")),
        }
        Ok(bytes)
    })
}

fn place(number: i64, length: usize) -> Result<usize> {
    usize::try_from(number).ok().filter(|at| *at < length).ok_or_else(|| {
        let message = format!("index {number} out of valid range, 0..{}", length as i64 - 1);
        Error::new(ARRAY_SUBSCRIPT_ERROR, message)
    })
}

//! `packed(interval)`: bytes that sort as the interval's length, and hold its months, days and time, so that `unpacked` gives the very
//! interval back: the least of intervals of equal length must be one of them and not another of that length.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BinaryArray, IntervalMonthDayNanoArray};
use datafusion::arrow::datatypes::IntervalMonthDayNano;
use datafusion::arrow::datatypes::IntervalMonthDayNanoType;

use super::super::definition::{Argument, Call, Definition, Types};
use super::length;
use crate::error::{Error, Result};
use crate::types::SqlType;

pub(in crate::compile) static PACKED: Definition = Definition::immutable(
    "packed",
    |arguments| types(arguments, SqlType::Interval, SqlType::Bytea),
    |call| {
        let spans = call.arguments[0].as_primitive::<IntervalMonthDayNanoType>();
        Ok(Arc::new(spans.iter().map(|span| span.map(pack)).collect::<BinaryArray>()))
    },
);

pub(in crate::compile) static UNPACKED: Definition =
    Definition::immutable("unpacked", |arguments| types(arguments, SqlType::Bytea, SqlType::Interval), unpack);

fn types(arguments: &[Argument], from: SqlType, to: SqlType) -> Types {
    Ok((arguments.len() == 1).then(|| (vec![from], to)))
}

fn pack(span: IntervalMonthDayNano) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(32);
    bytes.extend_from_slice(&(length(span) as u128 ^ (1 << 127)).to_be_bytes());
    bytes.extend_from_slice(&span.months.to_be_bytes());
    bytes.extend_from_slice(&span.days.to_be_bytes());
    bytes.extend_from_slice(&span.nanoseconds.to_be_bytes());
    bytes
}

fn unpack(call: &Call) -> Result<ArrayRef> {
    let read = |bytes: &[u8]| -> Option<IntervalMonthDayNano> {
        Some(IntervalMonthDayNano {
            months: i32::from_be_bytes(*bytes.get(16..)?.first_chunk()?),
            days: i32::from_be_bytes(*bytes.get(20..)?.first_chunk()?),
            nanoseconds: i64::from_be_bytes(*bytes.get(24..)?.first_chunk()?),
        })
    };
    let spans = call.arguments[0].as_binary::<i32>().iter().map(|bytes| {
        bytes.map(|bytes| read(bytes).ok_or_else(|| Error::internal("bytes are no packed interval"))).transpose()
    });
    Ok(Arc::new(spans.collect::<Result<IntervalMonthDayNanoArray>>()?))
}

//! `packed(x)`: bytes that sort as the value, an interval or an array, and hold it, so that `unpacked` gives the very value back: the least of
//! intervals of equal length must be one of them and not another of that length, and arrays do not sort in Arrow as they do in PostgreSQL.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BinaryArray, IntervalMonthDayNanoArray};
use datafusion::arrow::datatypes::IntervalMonthDayNano;
use datafusion::arrow::datatypes::IntervalMonthDayNanoType;

use super::super::call::shown;
use super::super::cast::type_of;
use super::super::definition::{Argument, Call, Definition, Types};
use super::length;
use super::sort_key::keys;
use crate::error::{Error, Result};
use crate::format::text::{ColumnBuilder, TextOptions};
use crate::types::SqlType;

pub(in crate::compile) static PACKED: Definition = Definition::immutable("packed", packed_types, |call| {
    if let kind @ SqlType::Array(_) = &call.given[0] {
        return pack_arrays(kind, call);
    }
    let spans = call.arguments[0].as_primitive::<IntervalMonthDayNanoType>();
    Ok(Arc::new(spans.iter().map(|span| span.map(pack)).collect::<BinaryArray>()))
});

/// Of arrays a second argument names the type.
pub(in crate::compile) static UNPACKED: Definition =
    Definition::immutable("unpacked", unpacked_types, |call| match &call.result {
        kind @ SqlType::Array(_) => unpack_arrays(kind, call),
        _ => unpack(call),
    });

fn packed_types(arguments: &[Argument]) -> Types {
    let [value] = arguments else { return Ok(None) };
    Ok(Some(match &value.sql_type {
        Some(kind @ SqlType::Array(_)) => (vec![kind.clone()], SqlType::Bytea),
        _ => (vec![SqlType::Interval], SqlType::Bytea),
    }))
}

fn unpacked_types(arguments: &[Argument]) -> Types {
    Ok(match arguments {
        [_] => Some((vec![SqlType::Bytea], SqlType::Interval)),
        [_, name] => {
            let kind = name.text.as_deref().and_then(type_of);
            kind.map(|kind| (vec![SqlType::Bytea, SqlType::Text], kind))
        }
        _ => None,
    })
}

/// The key, the array as text, and the key's length.
fn pack_arrays(kind: &SqlType, call: &Call) -> Result<ArrayRef> {
    let texts = shown(&call.arguments[0], kind, &TextOptions::default())?;
    let keys = keys(kind, &call.arguments[0])?;
    let packed = keys.iter().zip(&texts).map(|(key, text)| {
        let (key, text) = (key?, text?);
        Some([key, text.as_bytes(), &(key.len() as u32).to_be_bytes()].concat())
    });
    Ok(Arc::new(packed.collect::<BinaryArray>()))
}

fn unpack_arrays(kind: &SqlType, call: &Call) -> Result<ArrayRef> {
    let read = |bytes: &[u8]| -> Option<String> {
        let (rest, length) = bytes.split_last_chunk::<4>()?;
        let text = rest.get(u32::from_be_bytes(*length) as usize..)?;
        String::from_utf8(text.to_vec()).ok()
    };
    let mut arrays = ColumnBuilder::new(kind);
    for bytes in call.arguments[0].as_binary::<i32>() {
        match bytes {
            Some(bytes) => {
                let text = read(bytes).ok_or_else(|| Error::internal("bytes are no packed array"))?;
                arrays.append_text(&text)?;
            }
            None => arrays.append_null(),
        }
    }
    Ok(arrays.finish())
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

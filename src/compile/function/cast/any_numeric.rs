//! Numerics of any size ↔ other number types.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Decimal128Array, Float32Array, Float64Array, LargeBinaryArray, LargeBinaryBuilder,
};

use super::number::{decimals, integers, real};
use crate::decimal::{Decimal, encoding};
use crate::error::{Error, Result, code};
use crate::types::SqlType;

/// Values as a column; fitted to a precision and scale. Errors: 22003.
pub(super) fn column(values: impl Iterator<Item = Option<Decimal>>, modifier: Option<(u16, i16)>) -> Result<ArrayRef> {
    let fitted = |value: Decimal| match modifier {
        Some((precision, scale)) => value.fitted(precision, scale),
        None => Ok(value),
    };
    let mut column = LargeBinaryBuilder::new();
    let mut bytes = Vec::new();
    for value in values {
        let Some(value) = value else {
            column.append_null();
            continue;
        };
        bytes.clear();
        encoding::write(&fitted(value)?, &mut bytes);
        column.append_value(&bytes);
    }
    Ok(Arc::new(column.finish()))
}

/// Numerics of one scale as they are.
pub(super) fn widened(values: &Decimal128Array, scale: u32) -> ArrayRef {
    let mut column = LargeBinaryBuilder::with_capacity(values.len(), values.len() * 12);
    let mut bytes = Vec::new();
    for value in values {
        match value {
            Some(units) => {
                bytes.clear();
                encoding::write_small(units, scale, &mut bytes);
                column.append_value(&bytes);
            }
            None => column.append_null(),
        }
    }
    Arc::new(column.finish())
}

/// Values as another number type.
pub(super) fn from(values: &LargeBinaryArray, to: &SqlType) -> Result<ArrayRef> {
    let read = values.iter().map(|value| value.map(encoding::read));
    match to {
        SqlType::AnyNumeric(None) => Ok(Arc::new(values.clone())),
        SqlType::AnyNumeric(modifier) => column(read, *modifier),
        SqlType::Numeric(precision, scale) => {
            let narrowed = read.map(|value| value.map(|value| narrow(&value, *precision, *scale)).transpose());
            decimals(narrowed, to)
        }
        SqlType::Double => {
            let doubles = read.map(|value| value.map(|value| double(&value, "double precision")).transpose());
            Ok(Arc::new(doubles.collect::<Result<Float64Array>>()?))
        }
        SqlType::Real => {
            let single = |value: Decimal| real(double(&value, "real")?).map_err(|_| beyond(&value, "real"));
            let reals = read.map(|value| value.map(single).transpose());
            Ok(Arc::new(reals.collect::<Result<Float32Array>>()?))
        }
        to => {
            let whole: Vec<Option<i128>> =
                read.map(|value| value.map(|v| whole(&v, to)).transpose()).collect::<Result<_>>()?;
            integers(whole.into_iter(), to)
        }
    }
}

/// A value of `numeric(precision, scale)` without its point. Errors: 22003; 0A000 for NaN, which such a column has no place for here.
pub(super) fn narrow(value: &Decimal, precision: u8, scale: i8) -> Result<i128> {
    match value.fitted(u16::from(precision), i16::from(scale))? {
        Decimal::Number(number) => {
            i128::try_from(number.units()).map_err(|_| Error::internal("a fitted number has at most 38 digits"))
        }
        _ => {
            let message = format!("NaN is not supported in numeric({precision},{scale})");
            Err(Error::unsupported(message).hint("use numeric without precision"))
        }
    }
}

fn double(value: &Decimal, name: &str) -> Result<f64> {
    let float = value.to_f64();
    let lost = float.is_infinite() || float == 0.0 && value.sign() != 0;
    if lost && value.number().is_some() { Err(beyond(value, name)) } else { Ok(float) }
}

fn beyond(value: &Decimal, name: &str) -> Error {
    Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, format!("\"{value}\" is out of range for type {name}"))
}

/// Beyond 128 bits it is beyond every integer type.
fn whole(value: &Decimal, to: &SqlType) -> Result<i128> {
    let refused = |what: &str| Err(Error::unsupported(format!("cannot convert {what} to {to}")));
    match value {
        Decimal::NaN => refused("NaN"),
        Decimal::Number(_) => Ok(value.to_i128().unwrap_or(i128::MAX)),
        _ => refused("infinity"),
    }
}

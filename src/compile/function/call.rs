//! What a call of a function was given, row by row, and columns of what it answers.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, Float64Array, Int32Array, Int64Array, LargeBinaryArray, ListArray,
    StringArray,
};
use datafusion::arrow::datatypes::{Float64Type, Int32Type, Int64Type};

use super::definition::{Call, strict};
use crate::decimal::{Decimal, encoding};
use crate::error::{Error, Result, code};
use crate::format::text::{TextOptions, Writer};
use crate::types::SqlType;

/// Bytes of a value at most, as in PostgreSQL.
const VALUE_MAX: usize = 1 << 30;
/// Bytes of a value that a function may make longer than its arguments at most: rows are kept in memory.
const GROWN_MAX: usize = 64 << 20;

impl Call {
    /// The texts of an argument.
    pub(super) fn text(&self, at: usize) -> &StringArray {
        self.arguments[at].as_string::<i32>()
    }

    /// The bytes of an argument.
    pub(super) fn bytes(&self, at: usize) -> &BinaryArray {
        self.arguments[at].as_binary::<i32>()
    }

    /// The integers of an argument.
    pub(super) fn integer(&self, at: usize) -> &Int32Array {
        self.arguments[at].as_primitive::<Int32Type>()
    }

    /// The bigints of an argument.
    pub(super) fn bigint(&self, at: usize) -> &Int64Array {
        self.arguments[at].as_primitive::<Int64Type>()
    }

    /// The doubles of an argument.
    pub(super) fn double(&self, at: usize) -> &Float64Array {
        self.arguments[at].as_primitive::<Float64Type>()
    }

    /// The numeric of any size of an argument.
    pub(super) fn decimal(&self, at: usize, row: usize) -> Decimal {
        encoding::read(self.arguments[at].as_binary::<i64>().value(row))
    }

    /// The lists of an argument.
    pub(super) fn list(&self, at: usize) -> &ListArray {
        self.arguments[at].as_list::<i32>()
    }

    /// A column with the value for every row in which no argument is NULL.
    pub(super) fn column<T, C>(&self, value: impl FnMut(usize) -> Result<T>) -> Result<ArrayRef>
    where
        C: FromIterator<Option<T>> + Array + 'static,
    {
        Ok(Arc::new(strict(self, value)?.into_iter().collect::<C>()))
    }

    /// A column of texts with the value for every row in which no argument is NULL.
    pub(super) fn texts<T: AsRef<str>>(&self, value: impl FnMut(usize) -> Result<T>) -> Result<ArrayRef> {
        self.column::<T, StringArray>(value)
    }

    /// A column of bytes with the value for every row in which no argument is NULL.
    pub(super) fn binaries<T: AsRef<[u8]>>(&self, value: impl FnMut(usize) -> Result<T>) -> Result<ArrayRef> {
        self.column::<T, BinaryArray>(value)
    }

    /// A column of numerics of any size with the value for every row in which no argument is NULL.
    pub(super) fn decimals(&self, mut value: impl FnMut(usize) -> Result<Decimal>) -> Result<ArrayRef> {
        self.column::<_, LargeBinaryArray>(|row| Ok(encoding::encoded(&value(row)?)))
    }

    /// The values of an argument as they are shown.
    pub(super) fn shown(&self, at: usize) -> Result<StringArray> {
        shown(
            &self.arguments[at],
            &self.given[at],
            &TextOptions { time_zone: self.time_zone, ..TextOptions::default() },
        )
    }
}

/// Values as they are shown.
pub(super) fn shown(values: &ArrayRef, sql_type: &SqlType, options: &TextOptions) -> Result<StringArray> {
    if let Some(texts) = values.as_string_opt::<i32>() {
        return Ok(texts.clone());
    }
    let writer = Writer::new(&sql_type.field(""), options)?;
    let column = writer.bind(values)?;
    let mut bytes = Vec::new();
    let texts = (0..values.len()).map(|row| {
        bytes.clear();
        (!column.is_null(row)).then(|| {
            column.write(row, &mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        })
    });
    Ok(texts.collect())
}

/// Refuses to make a value of so many bytes. Errors: 54000 as in PostgreSQL, 53400 below that.
pub(super) fn check_size(bytes: usize) -> Result<()> {
    if bytes >= VALUE_MAX {
        return Err(Error::new("54000", "requested length too large"));
    }
    if bytes > GROWN_MAX {
        let message = format!("a value of {bytes} bytes is larger than the limit of {GROWN_MAX}");
        return Err(Error::new(code::CONFIGURATION_LIMIT_EXCEEDED, message));
    }
    Ok(())
}

//! `array_agg` and `string_agg` over frames: their results are as long as the frames.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, StringBuilder, UInt64Array};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::DataType;

use super::WindowCall;
use super::aggregate::Input;
use crate::batch::arrow_error;
use crate::claim;
use crate::compile::function::check_accumulated;
use crate::error::{Error, Result, code};

/// The values of each frame, NULLs included; NULL for a frame without rows.
pub(super) fn array(input: &Input, call: &WindowCall) -> Result<ArrayRef> {
    let DataType::List(item) = call.field.data_type() else {
        return Err(Error::internal("array_agg makes arrays"));
    };
    let mut places: Vec<u64> = Vec::new();
    let mut lengths = Vec::with_capacity(input.frames.len());
    for row in 0..input.frames.len() {
        claim::check()?;
        let before = places.len();
        places.extend(input.rows(row).map(|other| other as u64));
        check_accumulated(&input.arguments[0], places[before..].iter().map(|other| *other as usize))?;
        lengths.push(places.len() - before);
        if places.len() > i32::MAX as usize {
            return Err(Error::new(code::CONFIGURATION_LIMIT_EXCEEDED, "the arrays of a window are too large"));
        }
    }
    let nulls = NullBuffer::from_iter(lengths.iter().map(|length| *length > 0));
    let items = take(&input.arguments[0], &UInt64Array::from(places), None).map_err(arrow_error)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(Arc::clone(item), offsets, items, Some(nulls)).map_err(arrow_error)?))
}

/// The texts of each frame, each but the first after its own delimiter; NULL for a frame without texts.
pub(super) fn text(input: &Input, call: &WindowCall) -> Result<ArrayRef> {
    let [texts, delimiters] = &input.arguments[..] else {
        return Err(Error::internal("string_agg takes two arguments"));
    };
    let (texts, delimiters) = (texts.as_string::<i32>(), delimiters.as_string_opt::<i32>());
    let mut results = StringBuilder::new();
    for row in 0..input.frames.len() {
        claim::check()?;
        let mut joined: Option<String> = None;
        for other in input.rows(row).filter(|other| texts.is_valid(*other)) {
            match &mut joined {
                Some(joined) => {
                    if let Some(delimiters) = delimiters.filter(|delimiters| delimiters.is_valid(other)) {
                        joined.push_str(delimiters.value(other));
                    }
                    joined.push_str(texts.value(other));
                }
                None => joined = Some(texts.value(other).to_string()),
            }
        }
        if joined.as_ref().map_or(0, String::len) + results.values_slice().len() > i32::MAX as usize {
            return Err(Error::new(code::CONFIGURATION_LIMIT_EXCEEDED, "the texts of a window are too large"));
        }
        results.append_option(joined);
    }
    cast(&results.finish(), call.field.data_type()).map_err(arrow_error)
}

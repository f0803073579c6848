//! Functions that answer the value of another row: `lag` and `lead` of a row so many rows away, `first_value`, `last_value` and
//! `nth_value` of a row of the frame.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int32Array, new_null_array};
use datafusion::arrow::compute::{cast, interleave};
use datafusion::arrow::datatypes::{DataType, Int32Type};
use datafusion::arrow::record_batch::RecordBatch;

use super::frame::Frames;
use super::{Function, Layout, WindowCall, all};
use crate::batch::arrow_error;
use crate::compile::expr::Evaluated;
use crate::compile::plan::SortColumn;
use crate::error::{Result, code};

/// Places of values: which array, and where in it.
const VALUE: usize = 0;
const DEFAULT: usize = 1;
const NULL: (usize, usize) = (2, 0);

/// `lag` and `lead`: offset 1 and NULL where there is no such row, unless told otherwise.
pub(super) fn shifted(call: &WindowCall, rows: &RecordBatch, layout: &Layout) -> Result<Evaluated> {
    let values = call.argument(0, rows)?;
    let offsets = match call.arguments.len() {
        0 | 1 => Arc::new(Int32Array::from(vec![1; rows.num_rows()])),
        _ => cast(&call.argument(1, rows)?, &DataType::Int32).map_err(arrow_error)?,
    };
    let offsets = offsets.as_primitive::<Int32Type>();
    let defaults = match call.arguments.len() {
        0..=2 => new_null_array(values.data_type(), rows.num_rows()),
        _ => call.argument(2, rows)?,
    };
    let sign = if call.function == Function::Lag { -1 } else { 1 };
    let mut places = Vec::with_capacity(layout.rows());
    for partition in layout.partitions() {
        for row in partition.clone() {
            if offsets.is_null(row) {
                places.push(NULL);
                continue;
            }
            let target = row as i64 + sign * i64::from(offsets.value(row));
            let found = usize::try_from(target).ok().filter(|target| partition.contains(target));
            places.push(found.map_or((DEFAULT, row), |target| (VALUE, target)));
        }
    }
    gathered(&values, &defaults, &places).map(all)
}

/// `first_value`, `last_value`, `nth_value`.
pub(super) fn picked(
    call: &WindowCall,
    rows: &RecordBatch,
    order: &[SortColumn],
    layout: &Layout,
) -> Result<Evaluated> {
    let values = call.argument(0, rows)?;
    let frames = Frames::new(&call.frame, rows, order, layout)?;
    let mut errors = Vec::new();
    let mut places = Vec::with_capacity(layout.rows());
    let nth = match call.function {
        Function::NthValue => Some(cast(&call.argument(1, rows)?, &DataType::Int32).map_err(arrow_error)?),
        _ => None,
    };
    for row in 0..layout.rows() {
        let found = match &nth {
            None if call.function == Function::FirstValue => frames.nth(row, 0),
            None => frames.last(row),
            Some(nth) if nth.is_null(row) => None,
            Some(nth) => match usize::try_from(nth.as_primitive::<Int32Type>().value(row)) {
                Ok(nth) if nth > 0 => frames.nth(row, nth - 1),
                _ => {
                    let reason = "argument of nth_value must be greater than zero".to_string();
                    errors.push((row, code::INVALID_ARGUMENT_FOR_NTH_VALUE, reason));
                    None
                }
            },
        };
        places.push(found.map_or(NULL, |found| (VALUE, found)));
    }
    let values = gathered(&values, &values, &places)?;
    Ok(Evaluated { values, errors })
}

fn gathered(values: &ArrayRef, defaults: &ArrayRef, places: &[(usize, usize)]) -> Result<ArrayRef> {
    let nothing = new_null_array(values.data_type(), 1);
    interleave(&[values.as_ref(), defaults.as_ref(), nothing.as_ref()], places).map_err(arrow_error)
}

//! `min`, `max` and `first_value` that go on from row to row: what earlier rows leave behind is one value.

use std::cmp::Ordering;
use std::ops::Range;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::compute::interleave;
use datafusion::arrow::row::{RowConverter, Rows, SortField};
use datafusion::scalar::ScalarValue;

use super::{Argument, Before, Function, Layout, WindowCall};
use crate::batch::arrow_error;
use crate::canonical::comparable;
use crate::error::{Error, Result};

/// Which value is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    Least,
    Greatest,
    First,
}

/// Which value of its frames a call answers, if it is one of these over a column.
pub(super) fn kept(call: &WindowCall) -> Option<Kept> {
    let [Argument::Column(_)] = call.arguments.as_slice() else { return None };
    match &call.function {
        Function::FirstValue => Some(Kept::First),
        Function::Aggregate(function) => match function.name() {
            "min" => Some(Kept::Least),
            "max" => Some(Kept::Greatest),
            _ => None,
        },
        _ => None,
    }
}

/// Adds to what is kept the values of further rows, those of `counts`. Of values that are equal but differ the last one is kept.
pub(super) fn add(kept: Kept, values: &ArrayRef, counts: impl Fn(&usize) -> bool, before: &mut Before) -> Result<()> {
    let scalar =
        |row: usize| ScalarValue::try_from_array(values, row).map_err(|error| Error::internal(error.to_string()));
    if kept == Kept::First {
        if before.value.is_none() && !values.is_empty() {
            before.value = Some(scalar(0)?);
        }
        return Ok(());
    }
    let of_rows = keys(values)?;
    let better = |one: &usize, other: &usize| ordered(kept, of_rows.row(*one).cmp(&of_rows.row(*other)));
    // Of equal ones `min_by` answers the first: the rows come in reverse.
    let best = (0..values.len()).rev().filter(|row| values.is_valid(*row) && counts(row)).min_by(better);
    let Some(best) = best else { return Ok(()) };
    if let Some(earlier) = &before.value {
        let earlier = keys(&earlier.to_array().map_err(|error| Error::internal(error.to_string()))?)?;
        if ordered(kept, earlier.row(0).cmp(&of_rows.row(best))).is_lt() {
            return Ok(());
        }
    }
    before.value = Some(scalar(best)?);
    Ok(())
}

/// The values of a call whose partitions go on from what is kept, where that is better.
pub(super) fn continued(kept: Kept, values: ArrayRef, layout: &Layout) -> Result<ArrayRef> {
    let mut known: Vec<(Range<usize>, ScalarValue)> = Vec::new();
    layout.continued(|rows, before| known.extend(before.value.clone().map(|value| (rows, value))));
    let mut earlier: Vec<ArrayRef> = Vec::new();
    let mut places: Vec<(usize, usize)> = (0..values.len()).map(|row| (0, row)).collect();
    for (rows, value) in known {
        let one = value.to_array().map_err(|error| Error::internal(error.to_string()))?;
        let (keys, known) = (keys(&values.slice(rows.start, rows.len()))?, keys(&one)?);
        let is_better = |row: usize| {
            kept == Kept::First
                || values.is_null(row)
                || ordered(kept, known.row(0).cmp(&keys.row(row - rows.start))).is_lt()
        };
        earlier.push(one);
        for row in rows.clone().filter(|row| is_better(*row)) {
            places[row] = (earlier.len(), 0);
        }
    }
    let arrays: Vec<&dyn Array> = std::iter::once(&values).chain(&earlier).map(AsRef::as_ref).collect();
    interleave(&arrays, &places).map_err(arrow_error)
}

/// What values compare by.
fn keys(values: &ArrayRef) -> Result<Rows> {
    let converter = RowConverter::new(vec![SortField::new(values.data_type().clone())]).map_err(arrow_error)?;
    converter.convert_columns(&[comparable(values)]).map_err(arrow_error)
}

/// The better value first.
fn ordered(kept: Kept, order: Ordering) -> Ordering {
    if kept == Kept::Greatest { order.reverse() } else { order }
}

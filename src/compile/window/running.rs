//! Calls whose frames only grow from row to row, and that need to know little of the rows before: what those amount to can be kept,
//! so that a change costs the rows behind it and not those before.

use std::ops::Range;

use datafusion::arrow::datatypes::{Schema, i256};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::scalar::ScalarValue;

use super::aggregate::{has_plain_state, is_exact, wide};
use super::{Argument, Bound, Exclusion, Function, Layout, WindowCall, best};
use crate::error::Result;

/// What the rows of a partition amount to that come before the first of those that are given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Before {
    /// Their number, for numbers of rows.
    pub rows: usize,
    /// The number of all rows of the partition, where it is known, for shares of those.
    pub total: usize,
    /// The number of their groups of peers, for numbers of those.
    pub groups: usize,
    /// The sum of the values that the call takes of them.
    pub sum: i256,
    /// The number of these values.
    pub count: i64,
    /// The least, greatest or first of them, if the call answers that.
    pub value: Option<ScalarValue>,
}

/// Whether [`Before`] tells all that a call needs to know of earlier rows. `input` are the columns.
pub(super) fn is_running(call: &WindowCall, input: &Schema) -> bool {
    let frame = &call.frame;
    let grows = (&frame.start, &frame.end, frame.exclusion)
        == (&Bound::UnboundedPreceding, &Bound::CurrentRow, Exclusion::NoOthers);
    match (&call.function, call.arguments.as_slice()) {
        (Function::RowNumber | Function::Rank | Function::DenseRank, _) => true,
        (Function::PercentRank | Function::CumeDist, _) | (Function::Ntile, [Argument::Constant(_)]) => true,
        (_, [Argument::Column(column)]) if grows && best::kept(call).is_some() => {
            input.field(*column).data_type() == call.field.data_type()
        }
        (Function::Aggregate(function), [] | [_]) if grows && function.name() == "count" => true,
        (Function::Aggregate(function), [Argument::Column(column)]) if grows => {
            let kind = input.field(*column).data_type();
            ["sum", "avg"].contains(&function.name()) && is_exact(kind) && has_plain_state(function, call, kind)
        }
        _ => false,
    }
}

/// What the rows up to the end of `range` amount to for a call, if those before it amount to `before`. `range` is of one partition
/// and of whole groups of peers.
pub fn after(
    call: &WindowCall,
    rows: &RecordBatch,
    layout: &Layout,
    range: Range<usize>,
    before: Before,
) -> Result<Before> {
    let Some(last) = range.clone().last() else { return Ok(before) };
    let mut after = before;
    if let Some(kept) = best::kept(call) {
        let rows = rows.slice(range.start, range.len());
        let passing = call.passing(&rows);
        let passes = |row: &usize| passing.as_ref().is_none_or(|passing| passing[*row]);
        best::add(kept, &call.argument(0, &rows)?, passes, &mut after)?;
        return Ok(after);
    }
    match &call.function {
        Function::Aggregate(_) => {}
        Function::DenseRank => after.groups += layout.group(last) + 1 - layout.group(range.start),
        _ => after.rows += range.len(),
    }
    if !matches!(call.function, Function::Aggregate(_)) {
        return Ok(after);
    }
    let rows = rows.slice(range.start, range.len());
    let passing = call.passing(&rows);
    let passes = |row: usize| passing.as_ref().is_none_or(|passing| passing[row]);
    let values = call.arguments.first().map(|_| call.argument(0, &rows)).transpose()?;
    let counts = |row: &usize| passes(*row) && values.as_ref().is_none_or(|values| values.is_valid(*row));
    after.count += (0..rows.num_rows()).filter(counts).count() as i64;
    if let Some(values) = values.as_ref().filter(|values| is_exact(values.data_type())) {
        let wide = wide(values);
        let sum = (0..rows.num_rows()).filter(counts).fold(after.sum, |sum, row| sum.wrapping_add(wide[row]));
        after.sum = sum;
    }
    Ok(after)
}

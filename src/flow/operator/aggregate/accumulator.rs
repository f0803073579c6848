//! What every aggregate keeps per group.

use datafusion::arrow::array::{Array, ArrayRef, BooleanBufferBuilder};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::DataType;

use super::count::{Count, CountRows};
use super::extreme;
use super::sum;
use crate::compile::plan::{AggregateCall, AggregateFunction};
use crate::error::{Error, Result};

/// The values of an aggregate for some groups.
pub(super) struct Values {
    /// One value per group; NULL for groups in `errors`.
    pub(super) values: ArrayRef,
    /// Groups whose value is beyond the output type: position, SQLSTATE, reason.
    pub(super) errors: Vec<(usize, &'static str, String)>,
}

/// One aggregate: a column of accumulators by group number.
///
/// Accumulators are sums over the rows (of numbers, or of multisets): the order of updates does not matter, and what is
/// added with weight w is undone with weight −w, so the input need not be consolidated.
pub(super) trait Accumulator: Send {
    /// Makes room for groups below `groups`; new ones are empty.
    fn grow(&mut self, groups: usize);

    /// Adds rows: the group of each, its argument (absent for `count(*)`), its weight (`None`: all +1).
    fn update(&mut self, groups: &[u32], argument: Option<&ArrayRef>, weights: Option<&[i64]>) -> Result<()>;

    /// The values for `groups`, which have so many `rows`.
    fn values(&self, groups: &[u32], rows: &[i64]) -> Result<Values>;

    /// Whether a group is as new.
    fn is_empty(&self, group: usize) -> bool;

    /// Makes a group as new.
    fn clear(&mut self, group: usize);

    /// Memory held, in bytes.
    fn bytes(&self) -> usize;
}

/// The accumulators of a call over an argument of type `argument`; what is not maintained is refused.
pub(super) fn accumulator(
    call: &AggregateCall,
    argument: Option<&DataType>,
    append_only: bool,
) -> Result<Box<dyn Accumulator>> {
    let output = call.field.data_type();
    match (call.function, argument) {
        (AggregateFunction::Count, None) if call.filter.is_none() => Ok(Box::new(CountRows)),
        (AggregateFunction::Count, _) => Ok(Box::new(Count::default())),
        (_, None) => Err(Error::internal("an aggregate other than count lacks its argument")),
        (AggregateFunction::Sum, Some(argument)) => sum::sum(argument, output),
        (AggregateFunction::Avg, Some(argument)) => sum::average(argument, output),
        (AggregateFunction::Min, Some(argument)) => extreme::extreme(argument, output, false, append_only),
        (AggregateFunction::Max | AggregateFunction::Single, Some(argument)) => {
            extreme::extreme(argument, output, true, append_only)
        }
    }
}

/// Calls `add` with row, group and weight of every row whose argument is not NULL; one loop per case keeps the usual
/// one tight.
#[inline]
pub(super) fn for_each_row(
    groups: &[u32],
    argument: Option<&ArrayRef>,
    weights: Option<&[i64]>,
    mut add: impl FnMut(usize, usize, i64),
) {
    let nulls = argument.and_then(|argument| argument.nulls()).filter(|nulls| nulls.null_count() > 0);
    match (nulls, weights) {
        (None, None) => groups.iter().enumerate().for_each(|(row, group)| add(row, *group as usize, 1)),
        (None, Some(weights)) => {
            groups
                .iter()
                .zip(weights)
                .enumerate()
                .for_each(|(row, (group, weight))| add(row, *group as usize, *weight));
        }
        (Some(nulls), _) => {
            for row in nulls.valid_indices() {
                add(row, groups[row] as usize, weights.map_or(1, |weights| weights[row]));
            }
        }
    }
}

/// Validity of `rows` values, all of which but those at the positions `nulls` are there.
pub(super) fn null_buffer(nulls: &[usize], rows: usize) -> Option<NullBuffer> {
    if nulls.is_empty() {
        return None;
    }
    let mut valid = BooleanBufferBuilder::new(rows);
    valid.append_n(rows, true);
    nulls.iter().for_each(|position| valid.set_bit(*position, false));
    Some(valid.finish().into())
}

/// The error for a value beyond the output type.
pub(super) fn out_of_range(output: &DataType) -> (&'static str, String) {
    let reason = match output {
        DataType::Decimal128(..) => "numeric field overflow".to_string(),
        DataType::Float32 | DataType::Float64 => "value out of range: overflow".to_string(),
        _ => "bigint out of range".to_string(),
    };
    (crate::error::code::NUMERIC_VALUE_OUT_OF_RANGE, reason)
}

//! Aggregate functions, for SELECT over a snapshot and for views alike. In: columns of arguments with the group and the weight of every
//! row; out: one value per group, or the error that PostgreSQL raises. Never: ticks, keys of groups, input or output.
//!
//! Those that are sums over the rows ([`linear`]) keep an [`Accumulator`] per group: a row is taken away by adding it with weight −1,
//! and no result depends on the order or the history of the rows, floats included. The others ([`ordered`]) are functions of the
//! group's rows in an order ([`RowOrder`]).

// `bit_and`, `bit_or`, `bit_xor`.
mod bits;
// What calls must not be.
mod check;
// What a call's types are.
mod definition;
// Exact sums of floats.
mod exact_sum;
// `jsonb_agg`, `jsonb_object_agg`.
mod json;
// `bool_and`, `bool_or`.
mod logic;
// Rows of groups in order.
mod order;
// Functions of a group's rows in order.
mod ordered;
// `percentile_cont`, `percentile_disc`.
mod percentile;
// Quotients of large integers as floats.
mod ratio;
// `covar_pop`, `corr`, `regr_slope`, …
mod regression;
// Rows kept for DataFusion until all are there.
mod rows;
// One value per group.
mod slots;
// `sum` and `avg` of numerics of any size.
mod total;
// The functions as DataFusion takes them.
mod udaf;
// `var_pop`, `stddev_samp`, …
mod variance;

use datafusion::arrow::array::{Array, ArrayRef, BooleanBufferBuilder};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::DataType;

pub use check::Check;
pub(in crate::compile) use definition::{NAMES, constant_argument, takes_doubles};
pub use exact_sum::{ExactSum, Precision};
pub use order::RowOrder;
pub use ordered::Ordered;
pub(in crate::compile) use rows::{Grouped, Shape, Single};
pub use slots::column as column_of;
pub use udaf::functions;

use super::plan::AggregateFunction;
use crate::error::{Error, Result, code};

/// The values of an aggregate for some groups.
pub struct Values {
    /// One value per group; NULL for groups in `errors`.
    pub values: ArrayRef,
    /// Groups whose value cannot be told, such as one beyond the output type: position, SQLSTATE, reason.
    pub errors: Vec<(usize, &'static str, String)>,
}

/// One aggregate: a column of accumulators by group number.
///
/// Accumulators are sums over the rows (of numbers, or of multisets): the order of updates does not matter, and what is
/// added with weight w is undone with weight −w, so the input need not be consolidated.
pub trait Accumulator: Send + Sync {
    /// Makes room for groups below `groups`; new ones are empty.
    fn grow(&mut self, groups: usize);

    /// Adds rows: the group of each, its arguments (none for `count(*)`), its weight (`None`: all +1).
    fn update(&mut self, groups: &[u32], arguments: &[ArrayRef], weights: Option<&[i64]>) -> Result<()>;

    /// The values for `groups`, which have so many `rows`.
    fn values(&self, groups: &[u32], rows: &[i64]) -> Result<Values>;

    /// Whether a group is as new.
    fn is_empty(&self, group: usize) -> bool;

    /// Makes a group as new.
    fn clear(&mut self, group: usize);

    /// Values or rows that are kept one by one, of all groups; 0 where a group is a sum.
    fn entries(&self) -> u64 {
        0
    }

    /// Memory held, in bytes.
    fn bytes(&self) -> usize;
}

/// The accumulators of a function that is a sum over its rows, over arguments of these types; `None` for other functions.
pub fn linear(
    function: AggregateFunction,
    arguments: &[DataType],
    output: &DataType,
) -> Option<Result<Box<dyn Accumulator>>> {
    use AggregateFunction as F;
    Some(match function {
        F::BoolAnd | F::BoolOr => logic::accumulator(function, output),
        F::BitAnd | F::BitOr | F::BitXor => bits::accumulator(function, output),
        F::VarPop | F::VarSamp | F::StddevPop | F::StddevSamp => variance::accumulator(function, arguments, output),
        F::Sum | F::Avg if arguments == [DataType::LargeBinary] => Ok(total::accumulator(function == F::Avg, output)),
        F::CovarPop | F::CovarSamp | F::Corr | F::RegrAvgx | F::RegrAvgy | F::RegrCount => {
            regression::accumulator(function, output)
        }
        F::RegrIntercept | F::RegrR2 | F::RegrSlope | F::RegrSxx | F::RegrSxy | F::RegrSyy => {
            regression::accumulator(function, output)
        }
        _ => return None,
    })
}

/// The only argument of a call.
pub fn only(arguments: &[ArrayRef]) -> Result<&ArrayRef> {
    match arguments {
        [argument] => Ok(argument),
        _ => Err(Error::internal(format!("one argument expected, not {}", arguments.len()))),
    }
}

/// Calls `add` with row, group and weight of every row whose argument is not NULL; one loop per case keeps the usual
/// one tight.
#[inline]
pub fn for_each_row(
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
pub fn null_buffer(nulls: &[usize], rows: usize) -> Option<NullBuffer> {
    if nulls.is_empty() {
        return None;
    }
    let mut valid = BooleanBufferBuilder::new(rows);
    valid.append_n(rows, true);
    nulls.iter().for_each(|position| valid.set_bit(*position, false));
    Some(valid.finish().into())
}

/// The error for a value beyond the output type.
pub fn out_of_range(output: &DataType) -> (&'static str, String) {
    let reason = match output {
        DataType::Decimal128(..) => "numeric field overflow".to_string(),
        DataType::Float32 | DataType::Float64 => "value out of range: overflow".to_string(),
        _ => "bigint out of range".to_string(),
    };
    (code::NUMERIC_VALUE_OUT_OF_RANGE, reason)
}

/// [`out_of_range`] as an error.
fn overflow(output: &DataType) -> Error {
    let (code, reason) = out_of_range(output);
    Error::new(code, reason)
}

#[cfg(test)]
mod tests;

//! Which accumulator a call has.

use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{DataType, Schema};

use super::by_value::Valued;
use super::count::{Count, CountRows};
use super::distinct::Distinct;
use super::distinct_numeric::DistinctNumeric;
use super::mode::Mode;
use super::rows::SortedRows;
use super::{extreme, sum};
use crate::canonical::require_supported;
use crate::compile::aggregate::{Accumulator, Ordered, Percentile, RowOrder, linear};
use crate::compile::plan::{AggregateCall, AggregateFunction};
use crate::error::{Error, Result};

/// The accumulators of a call over rows of `input`; what is not maintained is refused. They take the columns of
/// [`columns`].
pub(super) fn accumulator(call: &AggregateCall, input: &Schema, append_only: bool) -> Result<Box<dyn Accumulator>> {
    let types: Vec<DataType> = call.arguments.iter().map(|at| input.field(*at).data_type().clone()).collect();
    if call.function.needs_rows() {
        return sorted_rows(call, input);
    }
    let single = single(call, &types, append_only && !call.distinct)?;
    match call.distinct && !call.function.ignores_copies() {
        true if types == [DataType::LargeBinary] => Ok(Box::new(DistinctNumeric::new(single))),
        true => Ok(Box::new(Distinct::new(single, &types)?)),
        false => Ok(single),
    }
}

/// Positions of the columns that the accumulators of a call take: the arguments, then what the call orders by besides.
pub(super) fn columns(call: &AggregateCall) -> Vec<usize> {
    let mut columns = call.arguments.clone();
    if call.function.needs_rows() {
        for sort in &call.order {
            if !columns.contains(&sort.column) {
                columns.push(sort.column);
            }
        }
    }
    columns
}

/// Accumulators that are sums over the rows, or keep the best value.
fn single(call: &AggregateCall, types: &[DataType], append_only: bool) -> Result<Box<dyn Accumulator>> {
    let output = call.field.data_type();
    if let Some(linear) = linear(call.function, types, output) {
        return linear;
    }
    match (call.function, types) {
        (AggregateFunction::Count, []) if call.filter.is_none() => Ok(Box::new(CountRows)),
        (AggregateFunction::Count, _) => Ok(Box::new(Count::default())),
        (AggregateFunction::Sum, [argument]) => sum::sum(argument, output),
        (AggregateFunction::Avg, [argument]) => sum::average(argument, output),
        (AggregateFunction::Min, [argument]) => extreme::extreme(argument, output, false, append_only),
        (AggregateFunction::Max | AggregateFunction::Single, [argument]) => {
            extreme::extreme(argument, output, true, append_only)
        }
        // Any value will do: the least one does not depend on the order of the rows.
        (AggregateFunction::AnyValue, [argument]) => extreme::extreme(argument, output, false, append_only),
        (function, _) => Err(Error::internal(format!("{} of {} arguments", function.name(), types.len()))),
    }
}

fn sorted_rows(call: &AggregateCall, input: &Schema) -> Result<Box<dyn Accumulator>> {
    let columns = columns(call);
    let types: Vec<DataType> = columns.iter().map(|at| input.field(*at).data_type().clone()).collect();
    require_supported(&types, call.function.name())?;
    let place = |column: usize| columns.iter().position(|other| *other == column);
    let order = call.order.iter().filter_map(|sort| {
        let options = SortOptions { descending: sort.descending, nulls_first: sort.nulls_first };
        place(sort.column).map(|place| (place, options))
    });
    let order = RowOrder::new(&types, call.arguments.len(), &order.collect::<Vec<_>>())?;
    let output = call.field.data_type().clone();
    match (call.function, &call.constant, types.as_slice()) {
        (AggregateFunction::PercentileCont | AggregateFunction::PercentileDisc, Some(fractions), [_]) => {
            let percentile = Percentile::new(call.function, fractions.clone(), &output);
            return Ok(Box::new(Valued::new(percentile, order, output)));
        }
        (AggregateFunction::Mode, _, [kind]) if has_one_encoding(kind) => {
            return Ok(Box::new(Valued::new(Mode, order, output)));
        }
        _ => {}
    }
    let fields: Vec<_> = call.arguments.iter().map(|at| input.fields()[*at].clone()).collect();
    let function = Ordered::new(call.function, &fields, call.constant.clone(), &output)?;
    Ok(Box::new(SortedRows::new(function, order, call.distinct, output)))
}

/// Whether equal values of a type are encoded alike in a [`RowOrder`].
fn has_one_encoding(kind: &DataType) -> bool {
    use DataType::{Binary, Boolean, Date32, Float32, Float64, Int16, Int32, Int64, Time64, Timestamp, Utf8};
    matches!(kind, Boolean | Int16 | Int32 | Int64 | Float32 | Float64)
        || matches!(kind, Utf8 | Binary | Date32 | Time64(_) | Timestamp(..) | DataType::Decimal128(..))
}

//! Aggregates over frames. What can be told from running totals (`count`, exact `sum` and `avg`, `bool_and`, `bool_or`) costs the same
//! for every frame; the others have files of their own.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Decimal256Array, Int64Array, PrimitiveArray,
    new_null_array,
};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Int16Type, Int32Type, Int64Type, i256};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::function::StateFieldsArgs;
use datafusion::logical_expr::{AggregateUDF, EmitTo};

use super::frame::Frames;
use super::{Argument, Layout, WindowCall, accumulator, all, extreme, float, list};
use crate::batch::arrow_error;
use crate::compile::expr::{Evaluated, reason};
use crate::compile::plan::SortColumn;
use crate::error::Result;

/// What the aggregates of a call look at.
pub(super) struct Input<'a> {
    /// The arguments.
    pub(super) arguments: Vec<ArrayRef>,
    /// Their columns.
    pub(super) fields: Vec<FieldRef>,
    /// For each row whether FILTER lets it in; `None` lets all in.
    pub(super) passing: Option<Vec<bool>>,
    /// The frame of each row.
    pub(super) frames: Frames<'a>,
    /// Partitions and peers.
    pub(super) layout: &'a Layout,
}

impl Input<'_> {
    /// Whether a row counts whose first argument is not NULL.
    fn counts(&self, row: usize) -> bool {
        self.passes(row) && self.arguments.first().is_none_or(|values| values.is_valid(row))
    }

    /// Whether FILTER lets a row in.
    pub(super) fn passes(&self, row: usize) -> bool {
        self.passing.as_ref().is_none_or(|passing| passing[row])
    }

    /// The rows of a frame that FILTER lets in, in order.
    pub(super) fn rows(&self, row: usize) -> impl Iterator<Item = usize> {
        self.frames.pieces(row).into_iter().flatten().filter(|other| self.passes(*other))
    }
}

/// See the [module](self).
pub(super) fn evaluate(
    function: &Arc<AggregateUDF>,
    call: &WindowCall,
    rows: &RecordBatch,
    order: &[SortColumn],
    layout: &Layout,
) -> Result<Evaluated> {
    let input = Input {
        arguments: (0..call.arguments.len()).map(|at| call.argument(at, rows)).collect::<Result<_>>()?,
        fields: call.arguments.iter().map(|argument| field(argument, rows)).collect(),
        passing: call.passing(rows),
        frames: Frames::new(&call.frame, rows, order, layout)?,
        layout,
    };
    let kind = input.arguments.first().map(|values| values.data_type().clone());
    let result = call.field.data_type();
    match (function.name(), kind) {
        ("count", _) if input.arguments.len() <= 1 => Ok(all(count(&input))),
        ("sum" | "avg", Some(kind)) if is_exact(&kind) && has_plain_state(function, call, &kind) => {
            totals(function, call, &input, &kind)
        }
        ("sum", Some(DataType::Float32)) if *result == DataType::Float32 => Ok(float::sum_of_reals(&input)),
        ("sum", Some(DataType::Float64)) if *result == DataType::Float64 => Ok(float::sum(&input)),
        ("avg", Some(DataType::Float32 | DataType::Float64)) if *result == DataType::Float64 => float::average(&input),
        ("min", Some(kind)) if kind == *result => extreme::evaluate(&input, true).map(all),
        ("max", Some(kind)) if kind == *result => extreme::evaluate(&input, false).map(all),
        ("bool_and" | "every", Some(DataType::Boolean)) => Ok(all(logical(&input, false))),
        ("bool_or", Some(DataType::Boolean)) => Ok(all(logical(&input, true))),
        ("array_agg", Some(_)) => list::array(&input, call).map(all),
        ("string_agg", Some(DataType::Utf8)) => list::text(&input, call).map(all),
        _ => accumulator::evaluate(function, call, &input),
    }
}

fn field(argument: &Argument, rows: &RecordBatch) -> FieldRef {
    match argument {
        Argument::Column(column) => Arc::clone(&rows.schema().fields()[*column]),
        Argument::Constant(value) => Arc::new(Field::new("", value.data_type(), true)),
    }
}

fn count(input: &Input) -> ArrayRef {
    let counts = Running::new(input.frames.len(), |row| i64::from(input.counts(row)), 0, |a, b| a + b);
    let mut counts: Vec<i64> = each(input, |pieces| counts.over(pieces, |a, b| a - b)).collect();
    input.layout.continued(|rows, before| counts[rows].iter_mut().for_each(|count| *count += before.count));
    Arc::new(Int64Array::from(counts))
}

/// Whether a frame has the value `decides` (`bool_or`: true), else the other one if it has that, else NULL.
fn logical(input: &Input, decides: bool) -> ArrayRef {
    let values = input.arguments[0].as_boolean();
    let len = input.frames.len();
    let counts = Running::new(len, |row| i64::from(input.counts(row)), 0, |a, b| a + b);
    let has = |row: usize| input.counts(row) && values.value(row) == decides;
    let deciding = Running::new(len, |row| i64::from(has(row)), 0, |a, b| a + b);
    let value = |pieces: &[Range<usize>; 3]| {
        let (known, deciding) = (counts.over(pieces, |a, b| a - b), deciding.over(pieces, |a, b| a - b));
        (known > 0).then_some(if deciding > 0 { decides } else { !decides })
    };
    Arc::new(each(input, value).collect::<BooleanArray>())
}

pub(super) fn is_exact(kind: &DataType) -> bool {
    matches!(kind, DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Decimal128(..))
}

/// Whether partial results of a function are a sum in 256 bits and a count.
pub(super) fn has_plain_state(function: &AggregateUDF, call: &WindowCall, kind: &DataType) -> bool {
    let input = [Arc::new(Field::new("x", kind.clone(), true))];
    let arguments = StateFieldsArgs {
        name: function.name(),
        input_fields: &input,
        return_field: Arc::clone(&call.field),
        ordering_fields: &[],
        is_distinct: false,
    };
    let Ok(fields) = function.state_fields(arguments) else { return false };
    let kinds: Vec<&DataType> = fields.iter().map(|field| field.data_type()).collect();
    matches!(kinds[..], [DataType::Decimal256(..), DataType::Int64])
}

/// Exact sums and averages: the function makes its results of sums and counts that are differences of running ones.
fn totals(function: &AggregateUDF, call: &WindowCall, input: &Input, kind: &DataType) -> Result<Evaluated> {
    let values = wide(&input.arguments[0]);
    let len = input.frames.len();
    let value = |row: usize| if input.counts(row) { values[row] } else { i256::ZERO };
    let sums = Running::new(len, value, i256::ZERO, i256::wrapping_add);
    let counts = Running::new(len, |row| i64::from(input.counts(row)), 0, |a, b| a + b);
    let mut sums: Vec<i256> = each(input, |pieces| sums.over(pieces, i256::wrapping_sub)).collect();
    let mut counts: Vec<i64> = each(input, |pieces| counts.over(pieces, |a, b| a - b)).collect();
    input.layout.continued(|rows, before| {
        sums[rows.clone()].iter_mut().for_each(|sum| *sum = sum.wrapping_add(before.sum));
        counts[rows].iter_mut().for_each(|count| *count += before.count);
    });
    let scale = if let DataType::Decimal128(_, scale) = kind { *scale } else { 0 };
    let results = |range: Range<usize>| -> PlanResult<ArrayRef> {
        let sums = Decimal256Array::from(sums[range.clone()].to_vec()).with_data_type(DataType::Decimal256(76, scale));
        let counts = Int64Array::from(counts[range.clone()].to_vec());
        let groups: Vec<usize> = (0..range.len()).collect();
        let mut made = accumulator::with_arguments(function, call, &input.fields, false, |arguments| {
            function.create_groups_accumulator(arguments)
        })?;
        made.merge_batch(&[Arc::new(sums), Arc::new(counts)], &groups, range.len())?;
        made.evaluate(EmitTo::All)
    };
    if let Ok(values) = results(0..len) {
        return Ok(all(values));
    }
    row_by_row(len, call, |row| results(row..row + 1))
}

/// Values that are made one by one, since some of them fail.
fn row_by_row(rows: usize, call: &WindowCall, value: impl Fn(usize) -> PlanResult<ArrayRef>) -> Result<Evaluated> {
    let (mut pieces, mut errors) = (Vec::with_capacity(rows), Vec::new());
    for row in 0..rows {
        pieces.push(value(row).unwrap_or_else(|failure| {
            let error = reason(&failure);
            errors.push((row, error.code, error.message));
            new_null_array(call.field.data_type(), 1)
        }));
    }
    let pieces: Vec<&dyn Array> = pieces.iter().map(AsRef::as_ref).collect();
    Ok(Evaluated { values: concat(&pieces).map_err(arrow_error)?, errors })
}

pub(super) fn wide(values: &ArrayRef) -> Vec<i256> {
    fn of<T: ArrowPrimitiveType>(values: &ArrayRef, widen: impl Fn(T::Native) -> i256) -> Vec<i256> {
        let values: &PrimitiveArray<T> = values.as_primitive();
        values.values().iter().map(|value| widen(*value)).collect()
    }
    match values.data_type() {
        DataType::Int16 => of::<Int16Type>(values, i256::from),
        DataType::Int32 => of::<Int32Type>(values, i256::from),
        DataType::Int64 => of::<Int64Type>(values, i256::from),
        _ => of::<Decimal128Type>(values, i256::from),
    }
}

/// Something for the frame of each row.
fn each<T>(input: &Input, value: impl Fn(&[Range<usize>; 3]) -> T) -> impl Iterator<Item = T> {
    (0..input.frames.len()).map(move |row| value(&input.frames.pieces(row)))
}

/// Totals of all rows before each row: those of any range are a difference.
struct Running<T> {
    before: Vec<T>,
    add: fn(T, T) -> T,
    zero: T,
}

impl<T: Copy> Running<T> {
    fn new(rows: usize, value: impl Fn(usize) -> T, zero: T, add: fn(T, T) -> T) -> Self {
        let mut before = Vec::with_capacity(rows + 1);
        let mut total = zero;
        before.push(total);
        for row in 0..rows {
            total = add(total, value(row));
            before.push(total);
        }
        Running { before, add, zero }
    }

    fn over(&self, pieces: &[Range<usize>; 3], subtract: impl Fn(T, T) -> T) -> T {
        pieces.iter().fold(self.zero, |total, piece| {
            (self.add)(total, subtract(self.before[piece.end.max(piece.start)], self.before[piece.start]))
        })
    }
}

//! Any other aggregate over frames: its accumulator is fed with the rows of each frame, and goes on where a frame only grew.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, UInt64Array, new_empty_array};
use datafusion::arrow::compute::{SortOptions, take};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Accumulator, AggregateUDF};
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr};
use datafusion::scalar::ScalarValue;

use super::aggregate::Input;
use super::{Argument, WindowCall};
use crate::claim;
use crate::compile::expr::{Evaluated, reason};
use crate::error::{Result, code};

/// Functions whose result depends on the order of rows: they get the rows' numbers to order by.
const IN_ORDER: [&str; 5] = ["string_agg", "json_agg", "jsonb_agg", "json_object_agg", "jsonb_object_agg"];

/// See the [module](self).
pub(super) fn evaluate(function: &AggregateUDF, call: &WindowCall, input: &Input) -> Result<Evaluated> {
    let null = ScalarValue::try_from(call.field.data_type()).map_err(|failure| reason(&failure))?;
    let mut values = Vec::with_capacity(input.frames.len());
    let mut errors = Vec::new();
    let mut last: Option<Last> = None;
    for row in 0..input.frames.len() {
        claim::check()?;
        let pieces = input.frames.pieces(row);
        let before = last.take().filter(|last| input.frames.is_whole() && last.begins(&pieces[0]));
        let now = match before {
            Some(before) if before.rows == pieces[0] => Ok(before),
            Some(before) => before.grown(pieces[0].end, input),
            None => Last::new(function, call, input, pieces),
        };
        match now {
            Ok(now) => {
                values.push(now.result.clone());
                last = Some(now);
            }
            Err(failure) => {
                let error = reason(&failure);
                // A function that does not fit its arguments is no row's fault.
                if error.code == code::INTERNAL_ERROR {
                    return Err(error);
                }
                errors.push((row, error.code, error.message));
                values.push(null.clone());
            }
        }
    }
    let values = match values.is_empty() {
        true => new_empty_array(call.field.data_type()),
        false => ScalarValue::iter_to_array(values).map_err(|failure| reason(&failure))?,
    };
    Ok(Evaluated { values, errors })
}

/// The frame before, what was accumulated for it, and its result.
struct Last {
    rows: Range<usize>,
    accumulator: Box<dyn Accumulator>,
    /// Whether it takes the rows' numbers.
    ordered: bool,
    result: ScalarValue,
}

impl Last {
    fn new(function: &AggregateUDF, call: &WindowCall, input: &Input, pieces: [Range<usize>; 3]) -> PlanResult<Last> {
        let ordered = IN_ORDER.contains(&function.name());
        let made = with_arguments(function, call, &input.fields, ordered, |arguments| function.accumulator(arguments))?;
        let rows = pieces[0].clone();
        let mut accumulator = fed(made, input, ordered, pieces)?;
        let result = accumulator.evaluate()?;
        Ok(Last { rows, accumulator, ordered, result })
    }

    /// Whether a frame is this one or this one with more rows at its end.
    fn begins(&self, rows: &Range<usize>) -> bool {
        self.rows.start == rows.start && self.rows.end <= rows.end
    }

    /// With the rows up to `end`.
    fn grown(self, end: usize, input: &Input) -> PlanResult<Last> {
        let mut accumulator = fed(self.accumulator, input, self.ordered, std::iter::once(self.rows.end..end))?;
        let result = accumulator.evaluate()?;
        Ok(Last { rows: self.rows.start..end, accumulator, result, ..self })
    }
}

/// The accumulator with the rows of `pieces` that FILTER lets in.
fn fed(
    mut accumulator: Box<dyn Accumulator>,
    input: &Input,
    ordered: bool,
    pieces: impl IntoIterator<Item = Range<usize>>,
) -> PlanResult<Box<dyn Accumulator>> {
    for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
        let passing = piece.clone().filter(|row| input.passes(*row));
        let numbers: Option<ArrayRef> =
            ordered.then(|| Arc::new(Int64Array::from_iter_values(passing.map(|row| row as i64))) as ArrayRef);
        let mut columns: Vec<ArrayRef> = match &input.passing {
            None => input.arguments.iter().map(|values| values.slice(piece.start, piece.len())).collect(),
            Some(_) => {
                let rows = piece.filter(|row| input.passes(*row)).map(|row| row as u64);
                let rows = UInt64Array::from_iter_values(rows);
                input.arguments.iter().map(|values| Ok(take(values, &rows, None)?)).collect::<PlanResult<_>>()?
            }
        };
        columns.extend(numbers);
        accumulator.update_batch(&columns)?;
    }
    Ok(accumulator)
}

/// Makes an accumulator of a call's function; with `ordered` it orders rows by a bigint column behind its arguments.
pub(super) fn with_arguments<T>(
    function: &AggregateUDF,
    call: &WindowCall,
    columns: &[FieldRef],
    ordered: bool,
    make: impl FnOnce(AccumulatorArgs) -> PlanResult<T>,
) -> PlanResult<T> {
    let named = |(at, field): (usize, &FieldRef)| Arc::new(field.as_ref().clone().with_name(format!("{at}")));
    let fields: Vec<FieldRef> = columns.iter().enumerate().map(named).collect();
    let number = Arc::new(Field::new(format!("{}", fields.len()), DataType::Int64, false));
    let schema = Schema::new(fields.iter().cloned().chain(ordered.then(|| Arc::clone(&number))).collect::<Vec<_>>());
    let expression = |(at, argument): (usize, &Argument)| -> Arc<dyn PhysicalExpr> {
        match argument {
            Argument::Column(_) => Arc::new(Column::new(&format!("{at}"), at)),
            Argument::Constant(value) => Arc::new(Literal::new(value.clone())),
        }
    };
    let expressions: Vec<Arc<dyn PhysicalExpr>> = call.arguments.iter().enumerate().map(expression).collect();
    let place: Arc<dyn PhysicalExpr> = Arc::new(Column::new(number.name(), fields.len()));
    let order = [PhysicalSortExpr::new(place, SortOptions::default())];
    make(AccumulatorArgs {
        return_field: Arc::clone(&call.field),
        schema: &schema,
        expr_fields: &fields,
        ignore_nulls: false,
        order_bys: if ordered { &order } else { &[] },
        is_distinct: false,
        name: function.name(),
        is_reversed: false,
        exprs: &expressions,
    })
}

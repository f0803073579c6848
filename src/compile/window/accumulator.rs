//! Any other aggregate over frames: its accumulator is fed with the rows of each frame, and goes on where a frame only grew.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, UInt64Array, new_empty_array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{Field, FieldRef, Schema};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Accumulator, AggregateUDF};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::scalar::ScalarValue;

use super::aggregate::Input;
use super::{Argument, WindowCall};
use crate::compile::expr::{Evaluated, reason};
use crate::error::{Result, code};

/// See the [module](self).
pub(super) fn evaluate(function: &AggregateUDF, call: &WindowCall, input: &Input) -> Result<Evaluated> {
    let null = ScalarValue::try_from(call.field.data_type()).map_err(|failure| reason(&failure))?;
    let mut values = Vec::with_capacity(input.frames.len());
    let mut errors = Vec::new();
    let mut last: Option<Last> = None;
    for row in 0..input.frames.len() {
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
    result: ScalarValue,
}

impl Last {
    fn new(function: &AggregateUDF, call: &WindowCall, input: &Input, pieces: [Range<usize>; 3]) -> PlanResult<Last> {
        let made = with_arguments(function, call, &input.arguments, |arguments| function.accumulator(arguments))?;
        let rows = pieces[0].clone();
        let mut accumulator = fed(made, input, pieces)?;
        let result = accumulator.evaluate()?;
        Ok(Last { rows, accumulator, result })
    }

    /// Whether a frame is this one or this one with more rows at its end.
    fn begins(&self, rows: &Range<usize>) -> bool {
        self.rows.start == rows.start && self.rows.end <= rows.end
    }

    /// With the rows up to `end`.
    fn grown(self, end: usize, input: &Input) -> PlanResult<Last> {
        let mut accumulator = fed(self.accumulator, input, [self.rows.end..end])?;
        let result = accumulator.evaluate()?;
        Ok(Last { rows: self.rows.start..end, accumulator, result })
    }
}

/// The accumulator with the rows of `pieces` that FILTER lets in.
fn fed(
    mut accumulator: Box<dyn Accumulator>,
    input: &Input,
    pieces: impl IntoIterator<Item = Range<usize>>,
) -> PlanResult<Box<dyn Accumulator>> {
    for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
        let columns: Vec<ArrayRef> = match &input.passing {
            None => input.arguments.iter().map(|values| values.slice(piece.start, piece.len())).collect(),
            Some(_) => {
                let rows = piece.filter(|row| input.passes(*row)).map(|row| row as u64);
                let rows = UInt64Array::from_iter_values(rows);
                input.arguments.iter().map(|values| Ok(take(values, &rows, None)?)).collect::<PlanResult<_>>()?
            }
        };
        accumulator.update_batch(&columns)?;
    }
    Ok(accumulator)
}

/// Makes an accumulator of a call's function.
pub(super) fn with_arguments<T>(
    function: &AggregateUDF,
    call: &WindowCall,
    columns: &[ArrayRef],
    make: impl FnOnce(AccumulatorArgs) -> PlanResult<T>,
) -> PlanResult<T> {
    let field =
        |(at, values): (usize, &ArrayRef)| Arc::new(Field::new(format!("{at}"), values.data_type().clone(), true));
    let fields: Vec<FieldRef> = columns.iter().enumerate().map(field).collect();
    let schema = Schema::new(fields.clone());
    let expression = |(at, argument): (usize, &Argument)| -> Arc<dyn PhysicalExpr> {
        match argument {
            Argument::Column(_) => Arc::new(Column::new(&format!("{at}"), at)),
            Argument::Constant(value) => Arc::new(Literal::new(value.clone())),
        }
    };
    let expressions: Vec<Arc<dyn PhysicalExpr>> = call.arguments.iter().enumerate().map(expression).collect();
    make(AccumulatorArgs {
        return_field: Arc::clone(&call.field),
        schema: &schema,
        expr_fields: &fields,
        ignore_nulls: false,
        order_bys: &[],
        is_distinct: false,
        name: function.name(),
        is_reversed: false,
        exprs: &expressions,
    })
}

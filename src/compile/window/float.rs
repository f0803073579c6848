//! `sum` and `avg` of floats over frames. Sums of floats depend on the order in which they are added; as in PostgreSQL, each frame's
//! are added from its first row on, and nothing is ever taken away: only frames that begin where the one before did go on from its sum.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, Float32Array, Float64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float32Type, Float64Type};

use super::aggregate::Input;
use crate::batch::arrow_error;
use crate::compile::expr::Evaluated;
use crate::error::{Result, code};

/// `sum` of double precision.
pub(super) fn sum(input: &Input) -> Evaluated {
    let values = input.arguments[0].as_primitive::<Float64Type>();
    let (sums, errors) = sums(input, |row| values.is_valid(row).then(|| values.value(row)), |a, b| a + b);
    let values = sums.into_iter().map(|(sum, count)| (count > 0).then_some(sum));
    Evaluated { values: Arc::new(values.collect::<Float64Array>()), errors }
}

/// `sum` of real: every intermediate sum is a real.
pub(super) fn sum_of_reals(input: &Input) -> Evaluated {
    let values = input.arguments[0].as_primitive::<Float32Type>();
    let value = |row: usize| values.is_valid(row).then(|| f64::from(values.value(row)));
    let (sums, errors) = sums(input, value, |a, b| f64::from(a as f32 + b as f32));
    let values = sums.into_iter().map(|(sum, count)| (count > 0).then_some(sum as f32));
    Evaluated { values: Arc::new(values.collect::<Float32Array>()), errors }
}

/// `avg` of real or double precision.
pub(super) fn average(input: &Input) -> Result<Evaluated> {
    let values = cast(&input.arguments[0], &DataType::Float64).map_err(arrow_error)?;
    let values = values.as_primitive::<Float64Type>();
    let (sums, errors) = sums(input, |row| values.is_valid(row).then(|| values.value(row)), |a, b| a + b);
    let values = sums.into_iter().map(|(sum, count)| (count > 0).then(|| sum / count as f64));
    Ok(Evaluated { values: Arc::new(values.collect::<Float64Array>()), errors })
}

/// Rows whose sum is too large, with why.
type Overflows = Vec<(usize, &'static str, String)>;

/// Sum and count of each frame's values that are not NULL.
fn sums(
    input: &Input,
    value: impl Fn(usize) -> Option<f64>,
    add: impl Fn(f64, f64) -> f64,
) -> (Vec<(f64, u64)>, Overflows) {
    let mut results = Vec::with_capacity(input.frames.len());
    let mut errors = Vec::new();
    // Sum and count of the rows `start..end`, and whether it overflowed.
    let (mut start, mut end) = (0, 0);
    let mut total = (0.0_f64, 0_u64, false);
    for row in 0..input.frames.len() {
        let pieces = input.frames.pieces(row);
        let continues = input.frames.is_whole() && pieces[0].start == start && pieces[0].end >= end;
        if !continues {
            (start, end) = (pieces[0].start, pieces[0].start);
            total = (0.0, 0, false);
        }
        let [first, second, third] = pieces;
        for other in (end.max(first.start)..first.end).chain(second).chain(third) {
            let Some(value) = value(other).filter(|_| input.passes(other)) else { continue };
            let sum = if total.1 == 0 { value } else { add(total.0, value) };
            let overflows = sum.is_infinite() && value.is_finite() && total.0.is_finite();
            total = (sum, total.1 + 1, total.2 || overflows);
        }
        end = first.end;
        if total.2 {
            errors.push((row, code::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: overflow".to_string()));
        }
        results.push((total.0, total.1));
    }
    (results, errors)
}

//! `percentile_cont` and `percentile_disc`, for one fraction or an array of them.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::scalar::ScalarValue;

use super::ordered::value;
use crate::compile::function::between;
use crate::compile::plan::AggregateFunction;
use crate::error::{Error, Result, code};

/// A call with its fractions. Values are asked for by their places in the order, from 0, NULLs left out.
pub struct Percentile {
    is_continuous: bool,
    fractions: ScalarValue,
    /// The type of one result.
    item: DataType,
}

impl Percentile {
    /// `function`, which answers `output`, with a fraction or an array of them; double precision.
    pub fn new(function: AggregateFunction, fractions: ScalarValue, output: &DataType) -> Percentile {
        let item = match (fractions.data_type(), output) {
            (DataType::List(_), DataType::List(item)) => item.data_type().clone(),
            _ => output.clone(),
        };
        Percentile { is_continuous: function == AggregateFunction::PercentileCont, fractions, item }
    }

    /// Where the value stands for each fraction among `rows` values, or the first of the two it is between; 0 for fractions that are none.
    pub fn places(&self, rows: usize) -> Vec<usize> {
        let place = |fraction: Option<f64>| {
            let fraction = fraction.filter(|fraction| (0.0..=1.0).contains(fraction)).unwrap_or(0.0);
            self.place(fraction, rows).floor() as usize
        };
        match &self.fractions {
            ScalarValue::Float64(fraction) => vec![place(*fraction)],
            ScalarValue::List(list) if list.is_valid(0) => {
                let fractions = list.value(0);
                let fractions = fractions.as_primitive_opt::<Float64Type>();
                fractions.into_iter().flat_map(|fractions| fractions.iter().map(place)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The result for `rows` values, NULL for none; `at` answers the value at a place for the fraction of a number. Errors: 22003 for
    /// fractions that are none.
    pub fn evaluate(&self, rows: usize, at: impl Fn(usize, usize) -> Result<ScalarValue>) -> Result<ScalarValue> {
        let one = |(number, fraction): (usize, f64)| self.percentile(fraction, rows, |place| at(number, place));
        match &self.fractions {
            ScalarValue::Float64(Some(fraction)) => {
                let fraction = checked(*fraction)?;
                if rows == 0 { Ok(ScalarValue::Null) } else { one((0, fraction)) }
            }
            ScalarValue::List(list) if list.is_valid(0) && rows > 0 => {
                let fractions = list.value(0);
                let Some(fractions) = fractions.as_primitive_opt::<Float64Type>() else {
                    return Err(Error::internal("fractions are double precision"));
                };
                let null = ScalarValue::try_from(&self.item).map_err(|error| Error::internal(error.to_string()))?;
                let checked = fractions.iter().map(|fraction| fraction.map(checked).transpose());
                let checked = checked.collect::<Result<Vec<_>>>()?;
                let values = checked
                    .into_iter()
                    .enumerate()
                    .map(|(number, fraction)| fraction.map_or(Ok(null.clone()), |fraction| one((number, fraction))));
                let values = values.collect::<Result<Vec<_>>>()?;
                Ok(ScalarValue::List(ScalarValue::new_list_nullable(&values, &self.item)))
            }
            _ => Ok(ScalarValue::Null),
        }
    }

    /// Where the value stands for a fraction, perhaps between two.
    fn place(&self, fraction: f64, rows: usize) -> f64 {
        if self.is_continuous {
            fraction * rows.saturating_sub(1) as f64
        } else {
            (fraction * rows as f64).ceil().max(1.0) - 1.0
        }
    }

    fn percentile(&self, fraction: f64, rows: usize, at: impl Fn(usize) -> Result<ScalarValue>) -> Result<ScalarValue> {
        let place = self.place(fraction, rows);
        let low = at(place.floor() as usize)?;
        // Equal neighbours need no way between them, which infinities do not have.
        if place.floor() == place.ceil() {
            return Ok(low);
        }
        match (low, at(place.ceil() as usize)?) {
            (ScalarValue::Float64(Some(low)), ScalarValue::Float64(Some(high))) => {
                Ok(ScalarValue::Float64(Some(low + (place - place.floor()) * (high - low))))
            }
            (ScalarValue::IntervalMonthDayNano(Some(low)), ScalarValue::IntervalMonthDayNano(Some(high))) => {
                Ok(ScalarValue::IntervalMonthDayNano(Some(between(low, high, place - place.floor())?)))
            }
            _ => Err(Error::internal("percentile_cont is over double precision and intervals")),
        }
    }
}

/// The result for sorted values.
pub(super) fn over(
    function: AggregateFunction,
    values: &ArrayRef,
    fractions: Option<ScalarValue>,
    output: &DataType,
) -> Result<ScalarValue> {
    let Some(fractions) = fractions else { return Ok(ScalarValue::Null) };
    let (first, rows) = present(values);
    Percentile::new(function, fractions, output).evaluate(rows, |_, place| value(values, first + place))
}

/// Where the sorted values that are not NULL begin, and how many there are.
fn present(values: &ArrayRef) -> (usize, usize) {
    let nulls = values.null_count();
    let nulls_first = nulls > 0 && !values.is_empty() && values.is_null(0);
    (if nulls_first { nulls } else { 0 }, values.len() - nulls)
}

fn checked(fraction: f64) -> Result<f64> {
    if (0.0..=1.0).contains(&fraction) {
        return Ok(fraction);
    }
    let message = format!("percentile value {fraction} is not between 0 and 1");
    Err(Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, message))
}

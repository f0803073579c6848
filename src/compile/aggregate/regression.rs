//! `covar_pop`, `covar_samp`, `corr` and `regr_*` of pairs (Y, X): from exact sums of the values, their squares and products.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::scalar::ScalarValue;
use num_bigint::BigInt;

use super::exact_sum::{ExactSum, PRODUCT_EXPONENT, SUM_EXPONENT};
use super::ratio::float;
use super::slots::{Figure, Slots};
use super::{Accumulator, overflow};
use crate::compile::plan::AggregateFunction;
use crate::error::{Error, Result};

/// The accumulators of `function` over pairs of doubles.
pub(super) fn accumulator(function: AggregateFunction, output: &DataType) -> Result<Box<dyn Accumulator>> {
    Ok(Slots::boxed(Regression { function }, output))
}

struct Regression {
    function: AggregateFunction,
}

/// Sums over the pairs without NULL.
#[derive(Clone, Default)]
struct Sums {
    count: i64,
    x: ExactSum,
    y: ExactSum,
    xx: ExactSum,
    yy: ExactSum,
    xy: ExactSum,
}

impl Sums {
    /// Σ(a − mean of a)(b − mean of b), from Σab, Σa, Σb; NaN where a value is infinite or NaN.
    fn deviations(&self, products: &ExactSum, a: &ExactSum, b: &ExactSum) -> f64 {
        if a.special().is_some() || b.special().is_some() {
            return f64::NAN;
        }
        let numerator = products.integer() * self.count - a.integer() * b.integer();
        float(&numerator, &BigInt::from(self.count), PRODUCT_EXPONENT)
    }

    fn sxx(&self) -> f64 {
        self.deviations(&self.xx, &self.x, &self.x)
    }

    fn syy(&self) -> f64 {
        self.deviations(&self.yy, &self.y, &self.y)
    }

    fn sxy(&self) -> f64 {
        self.deviations(&self.xy, &self.x, &self.y)
    }

    fn mean(&self, sum: &ExactSum) -> f64 {
        sum.special().unwrap_or_else(|| float(&sum.integer(), &BigInt::from(self.count), SUM_EXPONENT))
    }
}

impl Regression {
    /// The result for at least one pair, with PostgreSQL's formulas.
    fn figure(&self, sums: &Sums) -> Option<f64> {
        use AggregateFunction as F;
        let count = sums.count as f64;
        match self.function {
            F::RegrAvgx => Some(sums.mean(&sums.x)),
            F::RegrAvgy => Some(sums.mean(&sums.y)),
            F::RegrSxx => Some(sums.sxx()),
            F::RegrSyy => Some(sums.syy()),
            F::RegrSxy => Some(sums.sxy()),
            F::CovarPop => Some(sums.sxy() / count),
            F::CovarSamp => (sums.count > 1).then(|| sums.sxy() / (count - 1.0)),
            F::Corr => {
                let (sxx, syy) = (sums.sxx(), sums.syy());
                let root = || if is_exact(sxx * syy) { (sxx * syy).sqrt() } else { sxx.sqrt() * syy.sqrt() };
                (sxx != 0.0 && syy != 0.0).then(|| sums.sxy() / root())
            }
            F::RegrR2 => {
                let (sxx, syy, sxy) = (sums.sxx(), sums.syy(), sums.sxy());
                match (sxx == 0.0, syy == 0.0) {
                    (true, _) => None,
                    (_, true) => Some(1.0),
                    _ if is_exact(sxx * syy) && is_exact(sxy * sxy) => Some(sxy * sxy / (sxx * syy)),
                    _ => Some((sxy / sxx) * (sxy / syy)),
                }
            }
            F::RegrSlope => Some(sums.sxx()).filter(|sxx| *sxx != 0.0).map(|sxx| sums.sxy() / sxx),
            F::RegrIntercept => {
                let sxx = Some(sums.sxx()).filter(|sxx| *sxx != 0.0);
                sxx.map(|sxx| sums.mean(&sums.y) - sums.mean(&sums.x) * sums.sxy() / sxx)
            }
            _ => None,
        }
    }
}

/// Whether a product lost no more than its last digits: it is neither beyond the range nor near zero.
fn is_exact(product: f64) -> bool {
    !product.is_infinite() && (product.is_nan() || product.abs() >= f64::MIN_POSITIVE)
}

impl Figure for Regression {
    type Slot = Sums;

    fn add(&self, slots: &mut [Sums], groups: &[u32], arguments: &[ArrayRef], weights: Option<&[i64]>) -> Result<()> {
        let [ys, xs] = arguments else { return Err(Error::internal("a regression is over pairs")) };
        let (ys, xs) = (ys.as_primitive::<Float64Type>(), xs.as_primitive::<Float64Type>());
        for (row, group) in groups.iter().enumerate() {
            if ys.is_null(row) || xs.is_null(row) {
                continue;
            }
            let (slot, weight) = (&mut slots[*group as usize], weights.map_or(1, |weights| weights[row]));
            let (y, x) = (ys.value(row), xs.value(row));
            slot.count = slot.count.wrapping_add(weight);
            slot.x.add(x, weight);
            slot.y.add(y, weight);
            slot.xx.add_product(x, x, weight);
            slot.yy.add_product(y, y, weight);
            slot.xy.add_product(x, y, weight);
        }
        Ok(())
    }

    fn value(&self, slot: &Sums) -> Result<ScalarValue> {
        if self.function == AggregateFunction::RegrCount {
            return Ok(ScalarValue::Int64(Some(slot.count)));
        }
        if slot.count < 1 {
            return Ok(ScalarValue::Null);
        }
        let value = self.figure(slot);
        let is_average = matches!(self.function, AggregateFunction::RegrAvgx | AggregateFunction::RegrAvgy);
        if value.is_some_and(f64::is_infinite) && !is_average {
            return Err(overflow(&DataType::Float64));
        }
        Ok(ScalarValue::Float64(value))
    }

    fn is_empty(&self, slot: &Sums) -> bool {
        slot.count == 0 && [&slot.x, &slot.y, &slot.xx, &slot.yy, &slot.xy].iter().all(|sum| sum.is_zero())
    }

    fn heap_bytes(&self, slot: &Sums) -> usize {
        [&slot.x, &slot.y, &slot.xx, &slot.yy, &slot.xy].iter().map(|sum| sum.bytes()).sum()
    }
}

//! Functions of a row's place in its partition: `row_number`, `rank`, `dense_rank`, `percent_rank`, `cume_dist`, `ntile`.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int32Array, Int64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int32Type};
use datafusion::arrow::record_batch::RecordBatch;

use super::{Before, Function, Layout, WindowCall, all};
use crate::batch::arrow_error;
use crate::compile::expr::Evaluated;
use crate::error::{Result, code};

/// See the [module](self).
pub(super) fn evaluate(call: &WindowCall, rows: &RecordBatch, layout: &Layout) -> Result<Evaluated> {
    let whole = |values: Vec<i64>| Arc::new(Int64Array::from(values)) as ArrayRef;
    let fraction = |values: Vec<f64>| Arc::new(Float64Array::from(values)) as ArrayRef;
    Ok(all(match call.function {
        Function::Rank => whole(each(layout, |partition, row, before| {
            (before.rows + layout.peers(row).start - partition.start + 1) as i64
        })),
        Function::DenseRank => whole(each(layout, |partition, row, before| {
            (before.groups + layout.group(row) - layout.group(partition.start) + 1) as i64
        })),
        Function::PercentRank => fraction(each(layout, |partition, row, before| {
            let earlier = (before.rows + layout.peers(row).start - partition.start) as f64;
            if before.total > 1 { earlier / (before.total - 1) as f64 } else { 0.0 }
        })),
        Function::CumeDist => fraction(each(layout, |partition, row, before| {
            (before.rows + layout.peers(row).end - partition.start) as f64 / before.total as f64
        })),
        Function::Ntile => return ntile(call, rows, layout),
        _ => whole(each(layout, |partition, row, before| (before.rows + row - partition.start + 1) as i64)),
    }))
}

/// Something for each row, of its partition and what comes before the partition's rows.
fn each<T>(layout: &Layout, value: impl Fn(&Range<usize>, usize, &Before) -> T) -> Vec<T> {
    let mut values = Vec::with_capacity(layout.rows());
    for (partition, before) in layout.with_totals() {
        values.extend(partition.clone().map(|row| value(&partition, row, &before)));
    }
    values
}

/// As many buckets as the argument says in the partition's first row, the first ones a row longer if they cannot be equal.
fn ntile(call: &WindowCall, rows: &RecordBatch, layout: &Layout) -> Result<Evaluated> {
    let buckets = cast(&call.argument(0, rows)?, &DataType::Int32).map_err(arrow_error)?;
    let buckets = buckets.as_primitive::<Int32Type>();
    let mut numbers: Vec<Option<i32>> = Vec::with_capacity(layout.rows());
    let mut errors = Vec::new();
    for (partition, before) in layout.with_totals() {
        let wanted = buckets.is_valid(partition.start).then(|| buckets.value(partition.start));
        match wanted {
            Some(wanted) if wanted <= 0 => {
                let reason = "argument of ntile must be greater than zero";
                errors.extend(partition.clone().map(|row| (row, code::INVALID_ARGUMENT_FOR_NTILE, reason.to_string())));
                numbers.extend(partition.map(|_| None));
            }
            Some(wanted) => {
                let place = |row: usize| bucket(before.rows + row, before.total, wanted);
                numbers.extend((0..partition.len()).map(place));
            }
            None => numbers.extend(partition.map(|_| None)),
        }
    }
    Ok(Evaluated { values: Arc::new(Int32Array::from(numbers)), errors })
}

fn bucket(row: usize, rows: usize, buckets: i32) -> Option<i32> {
    let buckets = usize::try_from(buckets).ok()?;
    let (length, longer) = (rows / buckets, rows % buckets);
    let in_longer = longer * (length + 1);
    let bucket = if row < in_longer { row / (length + 1) } else { longer + (row - in_longer) / length.max(1) };
    i32::try_from(bucket + 1).ok()
}

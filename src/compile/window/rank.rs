//! Functions of a row's place in its partition: `row_number`, `rank`, `dense_rank`, `percent_rank`, `cume_dist`, `ntile`.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array, Int32Array, Int64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int32Type};
use datafusion::arrow::record_batch::RecordBatch;

use super::{Before, Function, Layout, WindowCall, all};
use crate::batch::arrow_error;
use crate::compile::expr::Evaluated;
use crate::error::{Result, code};

/// See the [module](self).
pub(super) fn evaluate(call: &WindowCall, rows: &RecordBatch, layout: &Layout) -> Result<Evaluated> {
    Ok(match call.function {
        Function::Rank => {
            all(whole(layout, |partition, row| layout.peers(row).start - partition.start + 1, |before| before.rows))
        }
        Function::DenseRank => {
            let number = |partition: &Range<usize>, row| layout.group(row) - layout.group(partition.start) + 1;
            all(whole(layout, number, |before| before.groups))
        }
        Function::PercentRank => all(fraction(layout, |partition, row| {
            let before = (layout.peers(row).start - partition.start) as f64;
            if partition.len() > 1 { before / (partition.len() - 1) as f64 } else { 0.0 }
        })),
        Function::CumeDist => all(fraction(layout, |partition, row| {
            (layout.peers(row).end - partition.start) as f64 / partition.len() as f64
        })),
        Function::Ntile => ntile(call, rows, layout)?,
        _ => all(whole(layout, |partition, row| row - partition.start + 1, |before| before.rows)),
    })
}

/// Numbers that go on from what is `before`.
fn whole(
    layout: &Layout,
    number: impl Fn(&Range<usize>, usize) -> usize,
    before: impl Fn(&Before) -> usize,
) -> ArrayRef {
    let number = &number;
    let numbers =
        layout.partitions().flat_map(|partition| partition.clone().map(move |row| number(&partition, row) as i64));
    let mut numbers: Vec<i64> = numbers.collect();
    layout.continued(|rows, earlier| numbers[rows].iter_mut().for_each(|number| *number += before(earlier) as i64));
    Arc::new(Int64Array::from(numbers))
}

fn fraction(layout: &Layout, number: impl Fn(&Range<usize>, usize) -> f64) -> ArrayRef {
    let number = &number;
    let numbers = layout.partitions().flat_map(|partition| partition.clone().map(move |row| number(&partition, row)));
    Arc::new(Float64Array::from_iter_values(numbers))
}

/// As many buckets as the argument says in the partition's first row, the first ones a row longer if they cannot be equal.
fn ntile(call: &WindowCall, rows: &RecordBatch, layout: &Layout) -> Result<Evaluated> {
    let buckets = cast(&call.argument(0, rows)?, &DataType::Int32).map_err(arrow_error)?;
    let buckets = buckets.as_primitive::<Int32Type>();
    let mut numbers: Vec<Option<i32>> = Vec::with_capacity(layout.rows());
    let mut errors = Vec::new();
    for partition in layout.partitions() {
        let wanted = buckets.iter().nth(partition.start).flatten();
        match wanted {
            Some(wanted) if wanted <= 0 => {
                let reason = "argument of ntile must be greater than zero";
                errors.extend(partition.clone().map(|row| (row, code::INVALID_ARGUMENT_FOR_NTILE, reason.to_string())));
                numbers.extend(partition.map(|_| None));
            }
            Some(wanted) => numbers.extend((0..partition.len()).map(|row| bucket(row, partition.len(), wanted))),
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

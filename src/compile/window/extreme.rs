//! `min` and `max` over frames: the best row of any range is the better one of two overlapping ranges whose lengths are powers of
//! two, for which the best rows are known (a sparse table).

use std::cmp::Ordering;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, UInt64Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::row::{RowConverter, Rows, SortField};

use super::aggregate::Input;
use crate::batch::arrow_error;
use crate::canonical::comparable;
use crate::compile::function::order::sort_key;
use crate::error::Result;
use crate::types::SqlType;

/// No row: NULLs and what FILTER leaves out.
const NONE: u32 = u32::MAX;

/// The least or the greatest value of each frame; of values that are equal but differ (`1 month`, `30 days`) the last one.
pub(super) fn evaluate(input: &Input, least: bool) -> Result<ArrayRef> {
    let values = &input.arguments[0];
    let keys: ArrayRef = match SqlType::of(&input.fields[0]) {
        kind @ SqlType::Array(_) => Arc::new(sort_key::keys(&kind, values)?),
        _ => comparable(values),
    };
    let converter = RowConverter::new(vec![SortField::new(keys.data_type().clone())]).map_err(arrow_error)?;
    let keys = converter.convert_columns(&[keys]).map_err(arrow_error)?;
    let best = Best { keys, least };
    let row = |row: usize| if input.passes(row) && values.is_valid(row) { row as u32 } else { NONE };
    let mut levels: Vec<Vec<u32>> = vec![(0..values.len()).map(row).collect()];
    let mut length = 1;
    while 2 * length <= input.frames.longest() {
        let last = &levels[levels.len() - 1];
        let next = (0..last.len().saturating_sub(length)).map(|at| best.of(last[at], last[at + length]));
        levels.push(next.collect());
        length *= 2;
    }
    let found = (0..input.frames.len()).map(|row| {
        let pieces = input.frames.pieces(row).into_iter().filter(|piece| !piece.is_empty());
        let found = pieces.fold(NONE, |found, piece| {
            let level = piece.len().ilog2() as usize;
            let of_piece = best.of(levels[level][piece.start], levels[level][piece.end - (1 << level)]);
            best.of(found, of_piece)
        });
        (found != NONE).then_some(u64::from(found))
    });
    take(values, &UInt64Array::from_iter(found), None).map_err(arrow_error)
}

struct Best {
    keys: Rows,
    least: bool,
}

impl Best {
    /// The better of two rows.
    fn of(&self, one: u32, other: u32) -> u32 {
        if one == NONE || other == NONE {
            return if one == NONE { other } else { one };
        }
        let order = self.keys.row(one as usize).cmp(&self.keys.row(other as usize));
        match if self.least { order } else { order.reverse() } {
            Ordering::Less => one,
            Ordering::Greater => other,
            Ordering::Equal => one.max(other),
        }
    }
}

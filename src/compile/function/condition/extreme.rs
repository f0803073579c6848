//! `greatest(a, b, …)`, `least(a, b, …)`: of the values that are not NULL.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::array::{DynComparator, make_comparator};
use datafusion::arrow::compute::{SortOptions, interleave};

use super::super::definition::{Argument, Call, Definition, Types};
use super::super::order::sort_key;
use super::common_type::common_type;
use crate::canonical::comparable;
use crate::error::{Error, Result, code};
use crate::types::SqlType;

pub(super) static GREATEST: Definition =
    Definition::immutable("greatest", |arguments| types(arguments, "GREATEST"), |call| evaluate(call, true));
pub(super) static LEAST: Definition =
    Definition::immutable("least", |arguments| types(arguments, "LEAST"), |call| evaluate(call, false));

fn types(arguments: &[Argument], name: &str) -> Types {
    if arguments.is_empty() {
        return Ok(None);
    }
    let common = common_type(arguments, name)?;
    if common == SqlType::Json {
        let message = "could not identify a comparison function for type json";
        return Err(Error::new(code::UNDEFINED_FUNCTION, message));
    }
    Ok(Some((vec![common.clone(); arguments.len()], common)))
}

fn evaluate(call: &Call, greatest: bool) -> Result<ArrayRef> {
    let internal = |error: datafusion::arrow::error::ArrowError| Error::internal(error.to_string());
    let values: Vec<&dyn Array> = call.arguments.iter().map(AsRef::as_ref).collect();
    let keys = keys(call)?;
    let mut order: Vec<Vec<DynComparator>> = Vec::new();
    for (number, later) in keys.iter().enumerate() {
        let with = |earlier: &ArrayRef| make_comparator(later, earlier, SortOptions::default());
        order.push(keys[..number].iter().map(with).collect::<Result<_, _>>().map_err(internal)?);
    }
    let best = |row: usize| {
        let mut best: Option<usize> = None;
        for number in (0..values.len()).filter(|number| values[*number].is_valid(row)) {
            let better = best.is_none_or(|best| {
                let order = order[number][best](row, row);
                if greatest { order.is_gt() } else { order.is_lt() }
            });
            best = if better { Some(number) } else { best };
        }
        (best.unwrap_or(0), row)
    };
    let chosen: Vec<(usize, usize)> = (0..call.rows).map(best).collect();
    interleave(&values, &chosen).map_err(internal)
}

/// What the values are compared by.
fn keys(call: &Call) -> Result<Vec<ArrayRef>> {
    let key = |values: &ArrayRef| match &call.result {
        kind @ (SqlType::Array(_) | SqlType::Row(_) | SqlType::Jsonb | SqlType::Char(_)) => {
            Ok(Arc::new(sort_key::keys(kind, values)?) as ArrayRef)
        }
        _ => Ok(comparable(values)),
    };
    call.arguments.iter().map(key).collect()
}

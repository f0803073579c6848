//! `array(…)`: what `ARRAY[…]` becomes.

use datafusion::arrow::array::{Array, ArrayRef};

use super::super::condition::common_type::common_type;
use super::super::definition::{Argument, Call, Definition, Types};
use super::array_of;
use super::gather::{Gather, range};
use crate::error::{Error, Result, code};
use crate::types::SqlType;

pub(in crate::compile::function) static DEFINITION: Definition = Definition::immutable("array", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    if arguments.is_empty() {
        return Err(Error::new(code::INDETERMINATE_DATATYPE, "cannot determine type of empty array")
            .hint("Explicitly cast to the desired type, for example ARRAY[]::integer[]."));
    }
    let item = common_type(arguments, "ARRAY")?;
    Ok(Some((vec![item.clone(); arguments.len()], array_of(item))))
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let SqlType::Array(item) = &call.result else { return Err(Error::internal("ARRAY makes an array")) };
    let mut made = Gather::new(item);
    let sources: Vec<usize> = call.arguments.iter().map(|values| made.source(values)).collect();
    for row in 0..call.rows {
        if matches!(**item, SqlType::Array(_)) {
            check_lengths(call, row)?;
        }
        sources.iter().for_each(|source| made.take(*source, row));
        made.close();
    }
    made.finish()
}

fn check_lengths(call: &Call, row: usize) -> Result<()> {
    let length = |values: &ArrayRef| if values.is_null(row) { 0 } else { range(values, row).len() };
    let mut lengths = call.arguments.iter().map(length);
    let first = lengths.next();
    match lengths.all(|length| Some(length) == first) {
        true => Ok(()),
        false => {
            Err(Error::new("2202E", "multidimensional arrays must have array expressions with matching dimensions"))
        }
    }
}

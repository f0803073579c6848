//! `a || b`, `concat(…)`, `concat_ws(separator, …)`. With `||` a NULL makes NULL; the functions leave NULLs out.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, StringArray};

use super::super::definition::{Argument, Call, Definition, Types};
use crate::error::Result;
use crate::types::SqlType;

pub(in super::super) static OPERATOR: Definition = Definition::immutable("||", operator_types, concatenated);
pub(super) static CONCAT: Definition = Definition::immutable("concat", concat_types, |call| joined(call, 0));
pub(super) static CONCAT_WS: Definition = Definition::immutable("concat_ws", separated_types, |call| joined(call, 1));

fn operator_types(arguments: &[Argument]) -> Types {
    let [left, right] = arguments else { return Ok(None) };
    let is_text = |side: &Argument| side.is_text();
    let is = |side: &Argument, wanted: SqlType| side.sql_type.as_ref() == Some(&wanted);
    let bytes = |side: &Argument| is(side, SqlType::Bytea);
    if bytes(left) && (bytes(right) || right.is_untyped()) || bytes(right) && left.is_untyped() {
        return Ok(Some((vec![SqlType::Bytea; 2], SqlType::Bytea)));
    }
    // Anything but arrays may stand beside a text.
    let is_array = |side: &Argument| matches!(side.sql_type, Some(SqlType::Array(_)));
    if is_array(left) || is_array(right) || !is_text(left) && !is_text(right) {
        return Ok(None);
    }
    Ok(Some((vec![SqlType::Text; 2], SqlType::Text)))
}

fn concatenated(call: &Call) -> Result<ArrayRef> {
    match call.result {
        SqlType::Bytea => call.binaries(|row| Ok([call.bytes(0).value(row), call.bytes(1).value(row)].concat())),
        _ => call.texts(|row| Ok([call.text(0).value(row), call.text(1).value(row)].concat())),
    }
}

fn concat_types(arguments: &[Argument]) -> Types {
    Ok((!arguments.is_empty()).then(|| (arguments.iter().map(Argument::or_text).collect(), SqlType::Text)))
}

fn separated_types(arguments: &[Argument]) -> Types {
    let Some((separator, values)) = arguments.split_first().filter(|(_, values)| !values.is_empty()) else {
        return Ok(None);
    };
    let is_text = separator.is_text();
    let types = std::iter::once(SqlType::Text).chain(values.iter().map(Argument::or_text)).collect();
    Ok(is_text.then_some((types, SqlType::Text)))
}

/// The values of the arguments from `first` on, with the first argument between them if there is one before.
fn joined(call: &Call, first: usize) -> Result<ArrayRef> {
    let values: Vec<StringArray> = (first..call.arguments.len()).map(|at| call.shown(at)).collect::<Result<_>>()?;
    let row_of = |row: usize| {
        let parts: Vec<&str> =
            values.iter().filter(|column| column.is_valid(row)).map(|column| column.value(row)).collect();
        match first {
            0 => Some(parts.concat()),
            _ if call.arguments[0].is_null(row) => None,
            _ => Some(parts.join(call.text(0).value(row))),
        }
    };
    Ok(Arc::new((0..call.rows).map(row_of).collect::<StringArray>()))
}

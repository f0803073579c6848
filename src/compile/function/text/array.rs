//! `string_to_array(text, delimiter [, null])`, `array_to_string(array, delimiter [, null])`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListBuilder, StringArray, StringBuilder};

use super::super::array::dimension::Flat;
use super::super::call::shown;
use super::super::definition::{Argument, Call, Definition, Types};
use crate::error::Result;
use crate::format::text::TextOptions;
use crate::types::SqlType;

pub(super) static STRING_TO_ARRAY: Definition = Definition::immutable("string_to_array", split_types, split);
pub(super) static ARRAY_TO_STRING: Definition = Definition::immutable("array_to_string", join_types, join);

fn is_text(argument: &Argument) -> bool {
    argument.is_text()
}

fn split_types(arguments: &[Argument]) -> Types {
    let fits = (2..=3).contains(&arguments.len()) && arguments.iter().all(is_text);
    Ok(fits.then(|| (vec![SqlType::Text; arguments.len()], SqlType::Array(Box::new(SqlType::Text)))))
}

fn split(call: &Call) -> Result<ArrayRef> {
    let SqlType::Array(item) = &call.result else { return Err(crate::error::Error::internal("no list of texts")) };
    let mut lists = ListBuilder::new(StringBuilder::new()).with_field(item.field("item"));
    let nulls = call.arguments.get(2).map(|nulls| nulls.as_string::<i32>());
    for row in 0..call.rows {
        if call.arguments[0].is_null(row) {
            lists.append(false);
            continue;
        }
        let text = call.text(0).value(row);
        let null = nulls.filter(|nulls| nulls.is_valid(row)).map(|nulls| nulls.value(row));
        let mut push = |part: &str| lists.values().append_option((Some(part) != null).then_some(part));
        if text.is_empty() {
            // No parts.
        } else if call.arguments[1].is_null(row) {
            text.split("").filter(|letter| !letter.is_empty()).for_each(&mut push);
        } else if call.text(1).value(row).is_empty() {
            push(text);
        } else {
            text.split(call.text(1).value(row)).for_each(&mut push);
        }
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}

fn join_types(arguments: &[Argument]) -> Types {
    let Some((array, texts)) = arguments.split_first() else { return Ok(None) };
    let is_array = matches!(array.sql_type, Some(SqlType::Array(_)));
    let fits = is_array && (1..=2).contains(&texts.len()) && texts.iter().all(is_text);
    let types = std::iter::once(array.or_text()).chain(texts.iter().map(|_| SqlType::Text)).collect();
    Ok(fits.then_some((types, SqlType::Text)))
}

fn join(call: &Call) -> Result<ArrayRef> {
    let arrays = Flat::new(&call.arguments[0]);
    let options = TextOptions { time_zone: call.time_zone, ..TextOptions::default() };
    let items = shown(&arrays.elements, call.given[0].element(), &options)?;
    let null = |row: usize| call.arguments.get(2).filter(|nulls| nulls.is_valid(row)).map(|_| call.text(2).value(row));
    let row_of = |row: usize| {
        if call.arguments[0].is_null(row) || call.arguments[1].is_null(row) {
            return None;
        }
        let part = |at: usize| if items.is_valid(at) { Some(items.value(at)) } else { null(row) };
        Some(arrays.range(row).filter_map(part).collect::<Vec<_>>().join(call.text(1).value(row)))
    };
    Ok(Arc::new((0..call.rows).map(row_of).collect::<StringArray>()))
}

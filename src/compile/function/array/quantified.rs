//! `any(operator, x, array)` and `all(operator, x, array)`: what `x = ANY (array)` and its like become.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray};

use super::super::cast::dimensions;
use super::super::definition::{Argument, Call, Definition, Types, texts};
use super::super::order::sort_key;
use super::dimension::Flat;
use super::{array_type, wider};
use crate::error::{Error, Result, code};
use crate::types::SqlType;

pub(in crate::compile::function) static ANY: Definition =
    Definition::immutable("any", types, |call| evaluate(call, true));
pub(in crate::compile::function) static ALL: Definition =
    Definition::immutable("all", types, |call| evaluate(call, false));

fn types(arguments: &[Argument]) -> Types {
    let [operator, value, array] = arguments else { return Ok(None) };
    let known = array_type(array);
    let item = match (&known, &value.sql_type) {
        (Some((item, _)), _) if value.is_untyped() => Some(item.clone()),
        (Some((item, _)), Some(kind)) => wider(item.clone(), kind.clone()),
        // A constant or a parameter is read as an array.
        (None, Some(kind)) if matches!(array.or_text(), SqlType::Text | SqlType::Varchar(_)) => Some(kind.clone()),
        (None, None) if array.is_untyped() => Some(SqlType::Text),
        (None, _) => {
            let message = "op ANY/ALL (array) requires array on right side";
            return Err(Error::new(code::WRONG_OBJECT_TYPE, message));
        }
        (Some(_), None) => None,
    };
    let Some(item) = item else {
        let kind =
            |argument: &Argument| argument.sql_type.as_ref().map_or_else(|| "unknown".into(), ToString::to_string);
        let item = known.map_or_else(|| "unknown".into(), |(item, _)| item.to_string());
        let name = operator.text.as_deref().unwrap_or("=");
        let message = format!("operator does not exist: {} {name} {item}", kind(value));
        return Err(Error::new(code::UNDEFINED_FUNCTION, message));
    };
    let array = item.clone().array_of(dimensions(array).unwrap_or(1));
    Ok(Some((vec![SqlType::Text, item, array], SqlType::Boolean)))
}

fn evaluate(call: &Call, any: bool) -> Result<ArrayRef> {
    let (values, lists) = (&call.arguments[1], &call.arguments[2]);
    let operator = texts(&call.arguments[0]).value(0);
    let holds: fn(std::cmp::Ordering) -> bool = match operator {
        "=" => |order| order.is_eq(),
        "<>" | "!=" => |order| order.is_ne(),
        "<" => |order| order.is_lt(),
        "<=" => |order| order.is_le(),
        ">" => |order| order.is_gt(),
        ">=" => |order| order.is_ge(),
        other => return Err(Error::unsupported(format!("operator {other} with ANY or ALL is not supported"))),
    };
    let arrays = Flat::new(lists);
    let (item, items) = (&arrays.element, &arrays.elements);
    let mut answers = Vec::with_capacity(call.rows);
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for row in 0..call.rows {
        if lists.is_null(row) {
            answers.push(None);
            continue;
        }
        left.clear();
        if values.is_valid(row) {
            sort_key::append_item(item, values, row, &mut left)?;
        }
        let mut answer = Some(!any);
        for position in arrays.range(row) {
            if values.is_null(row) || items.is_null(position) {
                answer = None;
                continue;
            }
            right.clear();
            sort_key::append_item(item, items, position, &mut right)?;
            if holds(left.cmp(&right)) == any {
                answer = Some(any);
                break;
            }
        }
        answers.push(answer);
    }
    Ok(Arc::new(BooleanArray::from(answers)))
}

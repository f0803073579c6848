//! `jsonb_set(document, path, value [, create])`, `jsonb_set_lax` with a choice of what NULL does, `jsonb_insert(document, path, value
//! [, after])`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};

use super::super::definition::{Argument, Call, Definition, Types, texts};
use super::argument::{document, documents, is_document, is_path, path, texts_type};
use super::change::{Change, change};
use super::value::Json;
use crate::error::{Error, Result, code};
use crate::types::SqlType;

pub(in crate::compile::function) static SET: Definition = Definition::immutable("jsonb_set", types, set);
pub(in crate::compile::function) static SET_LAX: Definition =
    Definition::immutable("jsonb_set_lax", lax_types, set_lax);
pub(in crate::compile::function) static INSERT: Definition = Definition::immutable("jsonb_insert", types, insert);

fn types(arguments: &[Argument]) -> Types {
    Ok(if (3..=4).contains(&arguments.len()) { wanted(arguments) } else { None })
}

fn lax_types(arguments: &[Argument]) -> Types {
    Ok(if (3..=5).contains(&arguments.len()) { wanted(arguments) } else { None })
}

fn wanted(arguments: &[Argument]) -> Option<(Vec<SqlType>, SqlType)> {
    let all = [SqlType::Jsonb, texts_type(), SqlType::Jsonb, SqlType::Boolean, SqlType::Text];
    let fits = is_document(&arguments[0], &SqlType::Jsonb)
        && is_path(&arguments[1])
        && is_document(&arguments[2], &SqlType::Jsonb)
        && arguments.get(3).is_none_or(|flag| is_document(flag, &SqlType::Boolean))
        && arguments.get(4).is_none_or(|choice| is_document(choice, &SqlType::Text));
    fits.then(|| (all[..arguments.len()].to_vec(), SqlType::Jsonb))
}

/// A row's fourth argument.
fn flag(call: &Call, row: usize, default: bool) -> bool {
    call.arguments.get(3).map_or(default, |flags| flags.as_boolean().value(row))
}

fn set(call: &Call) -> Result<ArrayRef> {
    documents(call, |row, target| {
        let value = document(&call.arguments[2], row)?;
        replaced(target, &path(&call.arguments[1], row), Change::Set { value, create: flag(call, row, true) }).map(Some)
    })
}

fn replaced(target: Json, path: &[Option<String>], how: Change) -> Result<Json> {
    if target.is_scalar() {
        return Err(Error::new(code::INVALID_PARAMETER_VALUE, "cannot set path in scalar"));
    }
    if path.is_empty() { Ok(target) } else { change(target, path, &how) }
}

fn set_lax(call: &Call) -> Result<ArrayRef> {
    let choice = |row: usize| match call.arguments.get(4) {
        None => Ok("use_json_null"),
        Some(choices) if choices.is_null(row) => Err(Error::new(
            code::INVALID_PARAMETER_VALUE,
            "null_value_treatment must be \"delete_key\", \"return_target\", \"use_json_null\", or \"raise_exception\"",
        )),
        Some(choices) => Ok(texts(choices).value(row)),
    };
    let mut made = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let missing = |position: usize| call.arguments.get(position).is_some_and(|values| values.is_null(row));
        if missing(0) || missing(1) || missing(3) {
            made.push(None);
            continue;
        }
        let (target, path) = (document(&call.arguments[0], row)?, path(&call.arguments[1], row));
        let create = flag(call, row, true);
        let how = if missing(2) {
            match choice(row)? {
                "use_json_null" => Change::Set { value: Json::Null, create },
                "delete_key" => Change::Delete,
                "return_target" => {
                    made.push(Some(target.text()));
                    continue;
                }
                "raise_exception" => {
                    return Err(Error::new("22004", "JSON value must not be null")
                        .detail("Exception was raised because null_value_treatment is \"raise_exception\".")
                        .hint("To avoid, either change the null_value_treatment argument or ensure that an SQL NULL is not passed."));
                }
                _ => {
                    return Err(Error::new(
                        code::INVALID_PARAMETER_VALUE,
                        "null_value_treatment must be \"delete_key\", \"return_target\", \"use_json_null\", or \"raise_exception\"",
                    ));
                }
            }
        } else {
            Change::Set { value: document(&call.arguments[2], row)?, create }
        };
        made.push(Some(replaced(target, &path, how)?.text()));
    }
    Ok(Arc::new(StringArray::from(made)))
}

fn insert(call: &Call) -> Result<ArrayRef> {
    documents(call, |row, target| {
        let value = document(&call.arguments[2], row)?;
        let how = Change::Insert { value, after: flag(call, row, false) };
        replaced(target, &path(&call.arguments[1], row), how).map(Some)
    })
}

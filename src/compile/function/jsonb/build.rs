//! Documents from values: `to_json`, `to_jsonb`, `array_to_json`, `row_to_json`, `json[b]_build_array`, `json[b]_build_object`, `json[b]_object`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};

use super::super::array::dimension::Flat;
use super::super::cast::dimensions;
use super::super::definition::{Argument, Call, Definition, Types, strict};
use super::argument::{is_document, is_path, path};
use super::write::{write_array, write_object, write_value};
use crate::error::{Error, Result, code};
use crate::format::text::canonical_jsonb;
use crate::format::text::jsonb::write_string;
use crate::types::SqlType;

pub(in crate::compile::function) static TO_JSON: Definition =
    Definition::immutable("to_json", |arguments| one_types(arguments, SqlType::Json), to_json);
pub(in crate::compile::function) static TO_JSONB: Definition =
    Definition::immutable("to_jsonb", |arguments| one_types(arguments, SqlType::Jsonb), to_json);
pub(in crate::compile::function) static ARRAY_TO_JSON: Definition =
    Definition::immutable("array_to_json", array_types, array_to_json);
pub(in crate::compile::function) static ROW_TO_JSON: Definition =
    Definition::immutable("row_to_json", row_types, row_to_json);
pub(in crate::compile::function) static JSON_ARRAY: Definition =
    Definition::immutable("json_build_array", |arguments| any_types(arguments, SqlType::Json), build_array);
pub(in crate::compile::function) static JSONB_ARRAY: Definition =
    Definition::immutable("jsonb_build_array", |arguments| any_types(arguments, SqlType::Jsonb), build_array);
pub(in crate::compile::function) static JSON_OBJECT: Definition =
    Definition::immutable("json_build_object", |arguments| any_types(arguments, SqlType::Json), build_object);
pub(in crate::compile::function) static JSONB_OBJECT: Definition =
    Definition::immutable("jsonb_build_object", |arguments| any_types(arguments, SqlType::Jsonb), build_object);
pub(in crate::compile::function) static JSON_OF_TEXTS: Definition =
    Definition::immutable("json_object", |arguments| texts_types(arguments, SqlType::Json), object_of_texts);
pub(in crate::compile::function) static JSONB_OF_TEXTS: Definition =
    Definition::immutable("jsonb_object", |arguments| texts_types(arguments, SqlType::Jsonb), object_of_texts);

fn one_types(arguments: &[Argument], result: SqlType) -> Types {
    let [value] = arguments else { return Ok(None) };
    if value.sql_type.is_none() {
        let message = "could not determine polymorphic type because input has type unknown";
        return Err(Error::new(code::DATATYPE_MISMATCH, message));
    }
    Ok(Some((vec![value.or_text()], result)))
}

fn array_types(arguments: &[Argument]) -> Types {
    let ([value] | [value, _]) = arguments else { return Ok(None) };
    let Some(kind @ SqlType::Array(_)) = &value.sql_type else { return Ok(None) };
    if !arguments.get(1).is_none_or(|flag| is_document(flag, &SqlType::Boolean)) {
        return Ok(None);
    }
    Ok(Some(([kind.clone(), SqlType::Boolean][..arguments.len()].to_vec(), SqlType::Json)))
}

fn row_types(arguments: &[Argument]) -> Types {
    let ([value] | [value, _]) = arguments else { return Ok(None) };
    let Some(kind @ SqlType::Row(_)) = &value.sql_type else { return Ok(None) };
    if !arguments.get(1).is_none_or(|flag| is_document(flag, &SqlType::Boolean)) {
        return Ok(None);
    }
    Ok(Some(([kind.clone(), SqlType::Boolean][..arguments.len()].to_vec(), SqlType::Json)))
}

fn any_types(arguments: &[Argument], result: SqlType) -> Types {
    Ok(Some((arguments.iter().map(Argument::or_text).collect(), result)))
}

fn texts_types(arguments: &[Argument], result: SqlType) -> Types {
    let fits = (1..=2).contains(&arguments.len()) && arguments.iter().all(is_path);
    let texts = |argument: &Argument| SqlType::Text.array_of(dimensions(argument).unwrap_or(1));
    Ok(fits.then(|| (arguments.iter().map(texts).collect(), result)))
}

/// The document that was written, in the form of the result's type.
fn finished(call: &Call, document: Vec<u8>) -> Result<String> {
    let text = String::from_utf8_lossy(&document).into_owned();
    if call.result == SqlType::Jsonb { canonical_jsonb(&text) } else { Ok(text) }
}

fn to_json(call: &Call) -> Result<ArrayRef> {
    let made = strict(call, |row| {
        let mut out = Vec::new();
        write_value(&call.given[0], &call.arguments[0], row, call.time_zone, &mut out)?;
        finished(call, out)
    })?;
    Ok(Arc::new(StringArray::from(made)))
}

fn row_to_json(call: &Call) -> Result<ArrayRef> {
    let SqlType::Row(kind) = &call.given[0] else { return Err(Error::internal("row_to_json wants a row")) };
    let made = strict(call, |row| {
        let pretty = call.arguments.get(1).is_some_and(|flags| flags.as_boolean().value(row));
        let separator: &[u8] = if pretty { b",\n " } else { b"," };
        let mut out = Vec::new();
        write_object(kind, &call.arguments[0], row, separator, call.time_zone, &mut out)?;
        finished(call, out)
    })?;
    Ok(Arc::new(StringArray::from(made)))
}

fn array_to_json(call: &Call) -> Result<ArrayRef> {
    let SqlType::Array(item) = &call.given[0] else { return Err(Error::internal("array_to_json wants an array")) };
    let made = strict(call, |row| {
        let pretty = call.arguments.get(1).is_some_and(|flags| flags.as_boolean().value(row));
        let separator: &[u8] = if pretty { b",\n " } else { b"," };
        let mut out = Vec::new();
        write_array(item, &call.arguments[0].as_list::<i32>().value(row), separator, call.time_zone, &mut out)?;
        finished(call, out)
    })?;
    Ok(Arc::new(StringArray::from(made)))
}

fn build_array(call: &Call) -> Result<ArrayRef> {
    let made = (0..call.rows).map(|row| {
        let mut out = vec![b'['];
        for (at, (values, kind)) in call.arguments.iter().zip(&call.given).enumerate() {
            if at > 0 {
                out.extend_from_slice(b", ");
            }
            write_value(kind, values, row, call.time_zone, &mut out)?;
        }
        out.push(b']');
        finished(call, out)
    });
    Ok(Arc::new(StringArray::from(made.collect::<Result<Vec<_>>>()?)))
}

fn build_object(call: &Call) -> Result<ArrayRef> {
    if call.arguments.len() % 2 == 1 {
        let name = if call.result == SqlType::Json { "json_build_object()" } else { "jsonb_build_object()" };
        return Err(Error::new(code::INVALID_PARAMETER_VALUE, "argument list must have even number of elements")
            .hint(format!("The arguments of {name} must consist of alternating keys and values.")));
    }
    let made = (0..call.rows).map(|row| {
        let mut out = vec![b'{'];
        for pair in 0..call.arguments.len() / 2 {
            let at = pair * 2;
            if pair > 0 {
                out.extend_from_slice(b", ");
            }
            write_name(call, at, row, &mut out)?;
            out.extend_from_slice(b" : ");
            write_value(&call.given[at + 1], &call.arguments[at + 1], row, call.time_zone, &mut out)?;
        }
        out.push(b'}');
        finished(call, out)
    });
    Ok(Arc::new(StringArray::from(made.collect::<Result<Vec<_>>>()?)))
}

/// A member's name: the text of a scalar.
fn write_name(call: &Call, at: usize, row: usize, out: &mut Vec<u8>) -> Result<()> {
    let (values, kind) = (&call.arguments[at], &call.given[at]);
    if values.is_null(row) {
        let message = match call.result {
            SqlType::Json => format!("argument {} cannot be null", at + 1),
            _ => format!("argument {}: key must not be null", at + 1),
        };
        return Err(Error::new(code::INVALID_PARAMETER_VALUE, message));
    }
    if matches!(kind, SqlType::Array(_) | SqlType::Row(_) | SqlType::Json | SqlType::Jsonb) {
        let message = "key value must be scalar, not array, composite, or json";
        return Err(Error::new(code::INVALID_PARAMETER_VALUE, message));
    }
    let mut value = Vec::new();
    write_value(kind, values, row, call.time_zone, &mut value)?;
    if value.first() == Some(&b'"') {
        out.extend_from_slice(&value);
    } else {
        write_string(&value, out);
    }
    Ok(())
}

fn object_of_texts(call: &Call) -> Result<ArrayRef> {
    let arrays: Vec<Flat> = call.arguments.iter().map(Flat::new).collect();
    let made = strict(call, |row| {
        let first = path(&call.arguments[0], row);
        check_shapes(&arrays, row)?;
        let pairs: Vec<(Option<String>, Option<String>)> = match call.arguments.get(1) {
            None if first.len() % 2 == 1 => {
                return Err(subscripts("array must have even number of elements"));
            }
            None => first.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect(),
            Some(values) => {
                let values = path(values, row);
                if values.len() != first.len() {
                    return Err(subscripts("mismatched array dimensions"));
                }
                first.into_iter().zip(values).collect()
            }
        };
        let mut out = vec![b'{'];
        for (at, (name, value)) in pairs.iter().enumerate() {
            if at > 0 {
                out.extend_from_slice(b", ");
            }
            let name = name.as_ref().ok_or_else(|| Error::new("22004", "null value not allowed for object key"))?;
            write_string(name.as_bytes(), &mut out);
            out.extend_from_slice(b" : ");
            match value {
                Some(value) => write_string(value.as_bytes(), &mut out),
                None => out.extend_from_slice(b"null"),
            }
        }
        out.push(b'}');
        finished(call, out)
    })?;
    Ok(Arc::new(StringArray::from(made)))
}

/// An array of names and values may be one of pairs. Errors: 2202E for other dimensions.
fn check_shapes(arrays: &[Flat], row: usize) -> Result<()> {
    let shapes: Vec<Vec<usize>> = arrays.iter().map(|array| array.lengths(row)).collect();
    match shapes.iter().map(Vec::as_slice).collect::<Vec<_>>().as_slice() {
        [[_, 2]] => Ok(()),
        [[_, _]] => Err(subscripts("array must have two columns")),
        shapes if shapes.iter().any(|shape| shape.len() > 1) => Err(subscripts("wrong number of array subscripts")),
        _ => Ok(()),
    }
}

fn subscripts(message: &str) -> Error {
    Error::new(code::ARRAY_SUBSCRIPT_ERROR, message)
}

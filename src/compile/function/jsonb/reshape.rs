//! `jsonb_strip_nulls`, `json_strip_nulls`: objects without members that are null, at any depth. `jsonb_pretty`: one element per line.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringArray};

use super::super::definition::{Argument, Call, Definition, Types, strict};
use super::argument::{document, documents, is_document};
use super::value::Json;
use crate::error::Result;
use crate::format::text::jsonb::write_string;
use crate::types::SqlType;

pub(in crate::compile::function) static STRIP: Definition = Definition::immutable(
    "jsonb_strip_nulls",
    |arguments| types(arguments, SqlType::Jsonb, SqlType::Jsonb),
    |call| documents(call, |_, document| Ok(Some(stripped(document)))),
);
pub(in crate::compile::function) static STRIP_JSON: Definition = Definition::immutable(
    "json_strip_nulls",
    |arguments| types(arguments, SqlType::Json, SqlType::Json),
    |call| written(call, |document, out| stripped(document).write_compact(out)),
);
pub(in crate::compile::function) static PRETTY: Definition = Definition::immutable(
    "jsonb_pretty",
    |arguments| types(arguments, SqlType::Jsonb, SqlType::Text),
    |call| written(call, |document, out| pretty(&document, 0, out)),
);

fn types(arguments: &[Argument], from: SqlType, result: SqlType) -> Types {
    let [document] = arguments else { return Ok(None) };
    Ok(is_document(document, &from).then(|| (vec![from], result)))
}

fn written(call: &Call, write: fn(Json, &mut Vec<u8>)) -> Result<ArrayRef> {
    let texts = strict(call, |row| {
        let mut out = Vec::new();
        write(document(&call.arguments[0], row)?, &mut out);
        Ok(String::from_utf8_lossy(&out).into_owned())
    })?;
    Ok(Arc::new(StringArray::from(texts)))
}

fn stripped(document: Json) -> Json {
    match document {
        Json::Object(members) => {
            let kept = members.into_iter().filter(|(_, value)| *value != Json::Null);
            Json::Object(kept.map(|(name, value)| (name, stripped(value))).collect())
        }
        Json::Array(elements) => Json::Array(elements.into_iter().map(stripped).collect()),
        scalar => scalar,
    }
}

fn pretty(document: &Json, depth: usize, out: &mut Vec<u8>) {
    let line = |depth: usize, out: &mut Vec<u8>| {
        out.push(b'\n');
        out.extend(std::iter::repeat_n(b' ', depth * 4));
    };
    let (open, close, count) = match document {
        Json::Array(elements) => (b'[', b']', elements.len()),
        Json::Object(members) => (b'{', b'}', members.len()),
        scalar => return scalar.write(out),
    };
    out.push(open);
    for at in 0..count {
        if at > 0 {
            out.push(b',');
        }
        line(depth + 1, out);
        match document {
            Json::Object(members) => {
                write_string(members[at].0.as_bytes(), out);
                out.extend_from_slice(b": ");
                pretty(&members[at].1, depth + 1, out);
            }
            Json::Array(elements) => pretty(&elements[at], depth + 1, out),
            _ => {}
        }
    }
    line(depth, out);
    out.push(close);
}

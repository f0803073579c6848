//! `a || b`: objects are merged, anything else is joined as arrays, a scalar or an object beside an array being an array of it.

use datafusion::arrow::array::ArrayRef;

use super::super::cast::check;
use super::super::definition::{Argument, Call, Definition, Types};
use super::argument::{document, documents, is_document};
use super::value::{Json, set_member};
use crate::error::Result;
use crate::types::SqlType;

pub(in crate::compile::function) static DEFINITION: Definition = Definition::immutable("||", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    for argument in arguments.iter().filter(|argument| argument.is_untyped()) {
        argument.text.as_ref().map_or(Ok(()), |text| check(text, &SqlType::Jsonb))?;
    }
    let fits = arguments.len() == 2 && arguments.iter().all(|argument| is_document(argument, &SqlType::Jsonb));
    Ok(fits.then(|| (vec![SqlType::Jsonb; 2], SqlType::Jsonb)))
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    documents(call, |row, left| Ok(Some(joined(left, document(&call.arguments[1], row)?))))
}

fn joined(left: Json, right: Json) -> Json {
    match (left, right) {
        (Json::Object(mut members), Json::Object(more)) => {
            for (name, value) in more {
                set_member(&mut members, name, value);
            }
            Json::Object(members)
        }
        (left, right) => {
            let elements = |part: Json| match part {
                Json::Array(elements) => elements,
                other => vec![other],
            };
            let mut all = elements(left);
            all.extend(elements(right));
            Json::Array(all)
        }
    }
}

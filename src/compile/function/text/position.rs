//! `strpos(text, part)` and `position(part IN text)`: the number of the first character of the part, 0 if it is not there;
//! `starts_with(text, prefix)` and `text ^@ prefix`.

use datafusion::arrow::array::{ArrayRef, BooleanArray, Int32Array};

use super::super::definition::{Argument, Call, Definition, Types};
use super::super::overload::{Kind, overload};
use crate::error::Result;
use crate::types::SqlType;

pub(super) static DEFINITION: Definition = Definition::immutable("strpos", types, evaluate);
pub(in super::super) static STARTS_WITH: Definition = Definition::immutable(
    "starts_with",
    |arguments| overload(arguments, &[(&[Kind::Text, Kind::Text], Kind::Boolean)]),
    |call| call.column::<_, BooleanArray>(|row| Ok(call.text(0).value(row).starts_with(call.text(1).value(row)))),
);

fn types(arguments: &[Argument]) -> Types {
    use Kind::{Bytea, Integer, Text};
    overload(arguments, &[(&[Text, Text], Integer), (&[Bytea, Bytea], Integer)])
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    if *call.arguments[0].data_type() == SqlType::Bytea.arrow() {
        return call.column::<_, Int32Array>(|row| {
            let found = memchr::memmem::find(call.bytes(0).value(row), call.bytes(1).value(row));
            Ok(found.map_or(0, |at| at as i32 + 1))
        });
    }
    call.column::<_, Int32Array>(|row| {
        let text = call.text(0).value(row);
        let found = text.find(call.text(1).value(row));
        Ok(found.map_or(0, |at| text[..at].chars().count() as i32 + 1))
    })
}

//! `checked(value, condition, domain, constraint)`: the value, or an error where the condition is false; without a constraint's name the
//! condition is that the value is not NULL. `with_precision(value, modifier)`: times as exact as a column keeps them. Casts to domains become
//! calls of them.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::Int32Type;

use super::definition::{Argument, Call, Definition, Types, texts};
use crate::error::{Error, Result, Subject, code};
use crate::precision::Precision;
use crate::types::SqlType;

pub(super) static CHECKED: Definition = Definition::immutable("checked", types, check);
pub(super) static PRECISION: Definition = Definition::immutable("with_precision", precision_types, round);

fn types(arguments: &[Argument]) -> Types {
    let [value, _, _, _] = arguments else { return Ok(None) };
    let kind = value.or_text();
    Ok(Some((vec![kind.clone(), SqlType::Boolean, SqlType::Text, SqlType::Text], kind)))
}

fn check(call: &Call) -> Result<ArrayRef> {
    let conditions = call.arguments[1].as_boolean();
    if let Some(row) = (0..call.rows).find(|row| conditions.is_valid(*row) && !conditions.value(*row)) {
        let (domain, constraint) = (texts(&call.arguments[2]).value(row), texts(&call.arguments[3]).value(row));
        if constraint.is_empty() {
            let message = format!("domain {domain} does not allow null values");
            return Err(Error::new(code::NOT_NULL_VIOLATION, message));
        }
        let message = format!("value for domain {domain} violates check constraint \"{constraint}\"");
        let subject = Subject { constraint: Some(constraint.to_string()), ..Subject::default() };
        return Err(Error::new(code::CHECK_VIOLATION, message).about(subject));
    }
    Ok(Arc::clone(&call.arguments[0]))
}

fn precision_types(arguments: &[Argument]) -> Types {
    let [value, _] = arguments else { return Ok(None) };
    Ok(Some((vec![value.or_text(), SqlType::Integer], value.or_text())))
}

fn round(call: &Call) -> Result<ArrayRef> {
    let modifiers = call.arguments[1].as_primitive::<Int32Type>();
    let precision = modifiers.iter().flatten().next().and_then(|modifier| Precision::of_modifier(modifier.into()));
    Ok(precision.map_or_else(|| Arc::clone(&call.arguments[0]), |precision| precision.apply(&call.arguments[0])))
}

//! Changes at a path of a document, as PostgreSQL's `setPath` makes them.

use super::value::{Json, find};
use crate::error::{Error, Result, code};

/// What happens at the end of the path.
pub(super) enum Change {
    /// The part goes.
    Delete,
    /// The part is replaced; with `create`, it is added where its container exists.
    Set { value: Json, create: bool },
    /// An element is added before or after the one at the path; a member is added if it is not there.
    Insert { value: Json, after: bool },
}

/// The document with the change at `path`; where the path leads nowhere, the document as it is.
/// Errors: 22P02 for a number that is none, 22004 for NULL in the path, 22023 for an insert that would replace a member.
pub(super) fn change(document: Json, path: &[Option<String>], change: &Change) -> Result<Json> {
    at(document, path, 0, change)
}

fn at(document: Json, path: &[Option<String>], level: usize, change: &Change) -> Result<Json> {
    let Some(step) = path.get(level) else { return Ok(document) };
    if matches!(document, Json::Object(_) | Json::Array(_))
        && let Some(missing) = path[level..].iter().position(Option::is_none)
    {
        let message = format!("path element at position {} is null", level + missing + 1);
        return Err(Error::new("22004", message));
    }
    let name = |step: &Option<String>| {
        let message = format!("path element at position {} is null", level + 1);
        step.clone().ok_or_else(|| Error::new("22004", message))
    };
    match document {
        Json::Object(members) => in_object(members, name(step)?, path, level, change),
        Json::Array(elements) => in_array(elements, &name(step)?, path, level, change),
        scalar => Ok(scalar),
    }
}

fn in_object(
    mut members: Vec<(String, Json)>,
    name: String,
    path: &[Option<String>],
    level: usize,
    change: &Change,
) -> Result<Json> {
    let last = level + 1 == path.len();
    match (find(&members, &name), change) {
        (Ok(position), _) if !last => {
            let value = std::mem::replace(&mut members[position].1, Json::Null);
            members[position].1 = at(value, path, level + 1, change)?;
        }
        (Ok(position), Change::Delete) => drop(members.remove(position)),
        (Ok(position), Change::Set { value, .. }) => members[position].1 = value.clone(),
        (Ok(_), Change::Insert { .. }) => {
            return Err(Error::new(code::INVALID_PARAMETER_VALUE, "cannot replace existing key")
                .hint("Try using the function jsonb_set to replace key value."));
        }
        (Err(position), Change::Set { value, create: true } | Change::Insert { value, .. }) if last => {
            members.insert(position, (name, value.clone()));
        }
        (Err(_), _) => {}
    }
    Ok(Json::Object(members))
}

fn in_array(
    mut elements: Vec<Json>,
    step: &str,
    path: &[Option<String>],
    level: usize,
    change: &Change,
) -> Result<Json> {
    let number: i32 = step.trim_start().parse().map_err(|_| {
        let message = format!("path element at position {} is not an integer: \"{step}\"", level + 1);
        Error::new(code::INVALID_TEXT_REPRESENTATION, message)
    })?;
    let length = elements.len() as i64;
    let position = if number < 0 { i64::from(number) + length } else { i64::from(number) };
    let found = usize::try_from(position).ok().filter(|position| *position < elements.len());
    let last = level + 1 == path.len();
    match (found, change) {
        (Some(position), _) if !last => {
            let value = std::mem::replace(&mut elements[position], Json::Null);
            elements[position] = at(value, path, level + 1, change)?;
        }
        (Some(position), Change::Delete) => drop(elements.remove(position)),
        (Some(position), Change::Set { value, .. }) => elements[position] = value.clone(),
        (Some(position), Change::Insert { value, after }) => {
            elements.insert(position + usize::from(*after), value.clone());
        }
        // Beyond the ends, at the nearer end.
        (None, Change::Set { value, create: true } | Change::Insert { value, .. }) if last => {
            let end = if position < 0 { 0 } else { elements.len() };
            elements.insert(end, value.clone());
        }
        (None, _) => {}
    }
    Ok(Json::Array(elements))
}

//! A document as a tree, for functions that change it.

use crate::error::{Error, Result};
use crate::format::json::scan::{Malformed, Scanner, unescape};
use crate::format::text::jsonb::write_string;

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Json {
    Null,
    Boolean(bool),
    /// As it is written.
    Number(String),
    String(String),
    Array(Vec<Json>),
    /// Members in jsonb's order, each name once, if it was made from jsonb.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a text that is known to be JSON.
    pub(super) fn parse(text: &str) -> Result<Json> {
        let mut scanner = Scanner::new(text.as_bytes());
        scanner.skip_whitespace();
        value(&mut scanner).map_err(|malformed| Error::internal(format!("a JSON value is no JSON: {malformed}")))
    }

    /// Appends the value as jsonb writes it.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        self.write_between(out, b", ", b": ");
    }

    /// Appends the value without any blanks.
    pub(super) fn write_compact(&self, out: &mut Vec<u8>) {
        self.write_between(out, b",", b":");
    }

    fn write_between(&self, out: &mut Vec<u8>, comma: &[u8], colon: &[u8]) {
        match self {
            Json::Null => out.extend_from_slice(b"null"),
            Json::Boolean(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
            Json::Number(digits) => out.extend_from_slice(digits.as_bytes()),
            Json::String(content) => write_string(content.as_bytes(), out),
            Json::Array(elements) => {
                out.push(b'[');
                for (at, element) in elements.iter().enumerate() {
                    if at > 0 {
                        out.extend_from_slice(comma);
                    }
                    element.write_between(out, comma, colon);
                }
                out.push(b']');
            }
            Json::Object(members) => {
                out.push(b'{');
                for (at, (name, value)) in members.iter().enumerate() {
                    if at > 0 {
                        out.extend_from_slice(comma);
                    }
                    write_string(name.as_bytes(), out);
                    out.extend_from_slice(colon);
                    value.write_between(out, comma, colon);
                }
                out.push(b'}');
            }
        }
    }

    /// The text that jsonb writes.
    pub(super) fn text(&self) -> String {
        let mut out = Vec::new();
        self.write(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// What kind of value it is, as `jsonb_typeof` names it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Boolean(_) => "boolean",
            Json::Number(_) => "number",
            Json::String(_) => "string",
            Json::Array(_) => "array",
            Json::Object(_) => "object",
        }
    }

    /// Whether it is neither an array nor an object.
    pub(super) fn is_scalar(&self) -> bool {
        !matches!(self, Json::Array(_) | Json::Object(_))
    }
}

/// Sets a member of an object, which keeps jsonb's order: shorter names first, then by bytes.
pub(super) fn set_member(members: &mut Vec<(String, Json)>, name: String, value: Json) {
    match find(members, &name) {
        Ok(at) => members[at].1 = value,
        Err(at) => members.insert(at, (name, value)),
    }
}

/// Where a member of an object is, or belongs.
pub(super) fn find(members: &[(String, Json)], name: &str) -> std::result::Result<usize, usize> {
    members.binary_search_by(|(known, _)| (known.len(), known.as_str()).cmp(&(name.len(), name)))
}

fn value(scanner: &mut Scanner<'_>) -> std::result::Result<Json, Malformed> {
    Ok(match scanner.peek() {
        b'"' => Json::String(content(scanner)?),
        b'[' => {
            scanner.at += 1;
            scanner.skip_whitespace();
            let mut elements = Vec::new();
            if !scanner.take(b']') {
                loop {
                    elements.push(value(scanner)?);
                    if !scanner.next_element(b']')? {
                        break;
                    }
                }
            }
            Json::Array(elements)
        }
        b'{' => {
            scanner.at += 1;
            scanner.skip_whitespace();
            let mut members = Vec::new();
            if !scanner.take(b'}') {
                loop {
                    let mut name = Vec::new();
                    unescape(scanner.key()?, &mut name)?;
                    members.push((String::from_utf8_lossy(&name).into_owned(), value(scanner)?));
                    if !scanner.next_element(b'}')? {
                        break;
                    }
                }
            }
            Json::Object(members)
        }
        b't' | b'f' | b'n' => {
            let start = scanner.at;
            scanner.skip_value(0)?;
            match scanner.bytes[start] {
                b'n' => Json::Null,
                letter => Json::Boolean(letter == b't'),
            }
        }
        _ => Json::Number(scanner.number()?.to_string()),
    })
}

fn content(scanner: &mut Scanner<'_>) -> std::result::Result<String, Malformed> {
    let mut text = Vec::new();
    unescape(scanner.string()?, &mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

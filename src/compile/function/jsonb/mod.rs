//! jsonb: canonical text (see [`crate::types`]), so that parts of a document are parts of its text.

// What arguments may be.
mod argument;
// `jsonb_array_length`.
pub(super) mod array_length;
// `to_jsonb`, `jsonb_build_object` and the like.
pub(super) mod build;
// Changes at a path.
mod change;
// `||`.
pub(super) mod concat;
// `@>` and `<@`.
pub(super) mod contains;
// `-` and `#-`.
pub(super) mod delete;
// `?`, `?|` and `?&`.
pub(super) mod exists;
// `->`, `->>`, `#>`, `#>>` and `jsonb_extract_path`.
pub(super) mod extract;
// SQL/JSON paths.
pub(super) mod path;
// `jsonb_strip_nulls` and `jsonb_pretty`.
pub(super) mod reshape;
// `jsonb_set` and `jsonb_insert`.
pub(super) mod set;
// `jsonb_typeof`.
pub(super) mod type_of;
// Documents as trees.
mod value;
// Values as JSON.
pub(super) mod write;

use serde_json::value::RawValue;

use crate::error::{Error, Result};

/// What kind of value a canonical JSON text is: `object`, `array`, `string`, `number`, `boolean`, `null`.
pub(super) fn kind(json: &str) -> &'static str {
    match json.trim_start().as_bytes().first() {
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        _ => "number",
    }
}

/// The members of an object, in their order.
pub(super) fn members(json: &str) -> Result<Vec<(String, &str)>> {
    struct Members<'a>(Vec<(String, &'a str)>);
    impl<'de> serde::Deserialize<'de> for Members<'de> {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
            struct Visitor;
            impl<'de> serde::de::Visitor<'de> for Visitor {
                type Value = Members<'de>;

                fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                    f.write_str("an object")
                }

                fn visit_map<A: serde::de::MapAccess<'de>>(
                    self,
                    mut map: A,
                ) -> std::result::Result<Self::Value, A::Error> {
                    let mut members = Vec::new();
                    while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                        members.push((name, value.get()));
                    }
                    Ok(Members(members))
                }
            }
            deserializer.deserialize_map(Visitor)
        }
    }
    serde_json::from_str::<Members>(json).map(|members| members.0).map_err(|error| not_json(&error))
}

/// The elements of an array.
pub(super) fn elements(json: &str) -> Result<Vec<&str>> {
    let elements: Vec<&RawValue> = serde_json::from_str(json).map_err(|error| not_json(&error))?;
    Ok(elements.into_iter().map(RawValue::get).collect())
}

/// A string's content.
pub(super) fn content(json: &str) -> Result<String> {
    serde_json::from_str(json).map_err(|error| not_json(&error))
}

/// Every jsonb value was checked when it was made.
fn not_json(error: &serde_json::Error) -> Error {
    Error::internal(format!("a jsonb value is no JSON: {error}"))
}

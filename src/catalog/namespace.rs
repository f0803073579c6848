//! Schemas. A relation of the schema `public` is known by its name, one of another schema by `schema.name`.

use std::sync::Arc;

use super::{Catalog, Index, Relation};
use crate::error::{Error, Result, code};

/// The schema of relations whose names say no other.
pub const PUBLIC: &str = "public";
/// Schemas that are always there and take no relations of users.
const RESERVED: [&str; 3] = ["tidewater", "pg_catalog", "information_schema"];

/// The name by which a relation of a schema is known.
pub fn full_name(schema: &str, name: &str) -> String {
    if schema == PUBLIC { name.to_string() } else { format!("{schema}.{name}") }
}

/// Schema and name of a full name.
pub fn split_name(full_name: &str) -> (&str, &str) {
    full_name.split_once('.').unwrap_or((PUBLIC, full_name))
}

/// The schemas of a `search_path`, in order; those that do not exist are skipped where names are looked up.
pub fn path_of(setting: &str) -> Vec<String> {
    let schema = |part: &str| match part.trim() {
        quoted if quoted.starts_with('"') => quoted.trim_matches('"').to_string(),
        plain => plain.trim_matches('\'').to_ascii_lowercase(),
    };
    setting.split(',').map(schema).filter(|name| name != "$user" && !name.is_empty()).collect()
}

impl Relation {
    /// The schema that it is in.
    pub fn namespace(&self) -> &str {
        split_name(&self.name).0
    }

    /// Its name without the schema.
    pub fn local_name(&self) -> &str {
        split_name(&self.name).1
    }
}

impl Catalog {
    /// The relation that a name means: `schema.name`, or a name in the first schema of `path` that has one.
    pub fn find(&self, name: &str, path: &[String]) -> Option<&Arc<Relation>> {
        match name.split_once('.') {
            Some((schema, name)) => self.get(&full_name(schema, name)),
            None => path.iter().find_map(|schema| self.get(&full_name(schema, name))),
        }
    }

    /// The index that a name means, as [`Catalog::find`].
    pub fn find_index(&self, name: &str, path: &[String]) -> Option<&Arc<Index>> {
        match name.split_once('.') {
            Some((schema, name)) => self.index(&full_name(schema, name)),
            None => path.iter().find_map(|schema| self.index(&full_name(schema, name))),
        }
    }

    /// The schemas that users made, with their identities.
    pub fn schemas(&self) -> impl Iterator<Item = (&str, u32)> {
        self.schemas.iter().map(|(name, id)| (name.as_str(), id.0))
    }

    /// Whether relations can be in the schema.
    pub fn has_schema(&self, name: &str) -> bool {
        name == PUBLIC || self.schemas.contains_key(name)
    }

    /// Adds a schema.
    pub fn add_schema(&mut self, name: &str) -> Result<()> {
        if self.has_schema(name) || RESERVED.contains(&name) {
            return Err(Error::new(code::DUPLICATE_SCHEMA, format!("schema \"{name}\" already exists")));
        }
        if name.starts_with("pg_") {
            let message = format!("unacceptable schema name \"{name}\"");
            return Err(Error::new("42939", message).detail("The prefix \"pg_\" is reserved for system schemas."));
        }
        let id = self.next_id();
        self.schemas.insert(name.to_string(), id);
        Ok(())
    }

    /// Removes a schema in which nothing is left.
    pub fn remove_schema(&mut self, name: &str) {
        self.schemas.remove(name);
    }
}

/// 3F000.
pub fn unknown_schema(name: &str) -> Error {
    Error::new(code::INVALID_SCHEMA_NAME, format!("schema \"{name}\" does not exist"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_schema() {
        assert_eq!((full_name(PUBLIC, "t"), full_name("s", "t")), ("t".to_string(), "s.t".to_string()));
        assert_eq!((split_name("t"), split_name("s.t")), ((PUBLIC, "t"), ("s", "t")));
        assert_eq!(path_of("\"$user\", S, \"A b\", public"), ["s", "A b", "public"]);
        let mut catalog = Catalog::default();
        catalog.add_schema("s").unwrap();
        assert_eq!(catalog.add_schema("s").unwrap_err().code, code::DUPLICATE_SCHEMA);
        assert_eq!(catalog.add_schema("tidewater").unwrap_err().code, code::DUPLICATE_SCHEMA);
        assert!(catalog.has_schema("s") && catalog.has_schema(PUBLIC) && !catalog.has_schema("t"));
    }
}

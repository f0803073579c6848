//! CREATE SCHEMA, DROP SCHEMA, and what names mean: the search path.

use std::sync::Arc;

use super::{Outcome, Session};
use crate::catalog::{Catalog, PUBLIC, Relation, full_name, path_of, unknown_schema};
use crate::compile::parse::Kind;
use crate::error::{Error, Result, code};

impl Session {
    /// The schemas in which names are looked for, in order; those that do not exist are skipped where names are looked up.
    pub(super) fn search_path(&self) -> Vec<String> {
        path_of(&self.settings.get("search_path").unwrap_or_default())
    }

    /// The relation that a name stands for.
    pub(super) fn find(&self, catalog: &Catalog, name: &str) -> Option<Arc<Relation>> {
        catalog.find(name, &self.search_path()).cloned()
    }

    /// The full name of something that is to be made.
    fn new_name(&self, name: &str) -> Result<String> {
        let catalog = self.engine.catalog();
        match name.split_once('.') {
            Some((schema, local)) if catalog.has_schema(schema) => Ok(full_name(schema, local)),
            Some((schema, _)) => match ["tidewater", "pg_catalog", "information_schema"].contains(&schema) {
                true => Err(Error::new("42501", format!("permission denied for schema {schema}"))),
                false => Err(unknown_schema(schema)),
            },
            None => {
                let path = self.search_path();
                let first = path.iter().find(|schema| catalog.has_schema(schema));
                let none = || Error::new(code::INVALID_SCHEMA_NAME, "no schema has been selected to create in");
                Ok(full_name(first.ok_or_else(none)?, name))
            }
        }
    }

    /// A definition under its full name.
    pub(super) fn with_full_name(&self, kind: &Kind) -> Result<Kind> {
        let mut kind = kind.clone();
        let name = match &mut kind {
            Kind::CreateStream(create) => &mut create.name,
            Kind::CreateTable(create) => &mut create.name,
            Kind::CreateView(create) => &mut create.name,
            Kind::CreateSink(create) => {
                if let Some(from) = self.find(&self.engine.catalog(), &create.from) {
                    create.from.clone_from(&from.name);
                }
                &mut create.name
            }
            Kind::CreateType(create) => &mut create.name,
            _ => return Ok(kind),
        };
        *name = self.new_name(name)?;
        Ok(kind)
    }

    /// 3F000 unless relations can be in the schema.
    pub(super) fn check_schema(&self, schema: &str) -> Result<()> {
        if self.engine.catalog().has_schema(schema) { Ok(()) } else { Err(unknown_schema(schema)) }
    }

    pub(super) fn create_schema(&mut self, name: &str, if_not_exists: bool) -> Result<Outcome> {
        let added = self.engine.change_catalog(|catalog| catalog.add_schema(name));
        match added {
            Err(error) if if_not_exists && error.code == code::DUPLICATE_SCHEMA => {
                self.notice("NOTICE", error.code, error.message + ", skipping");
            }
            added => added?,
        }
        Ok(Outcome::Done("CREATE SCHEMA".into()))
    }

    pub(super) async fn drop_schemas(&mut self, names: &[String], if_exists: bool, cascade: bool) -> Result<Outcome> {
        for name in names {
            if !self.engine.catalog().has_schema(name) {
                if !if_exists {
                    return Err(unknown_schema(name));
                }
                self.notice("NOTICE", "00000", format!("schema \"{name}\" does not exist, skipping"));
                continue;
            }
            if name == PUBLIC {
                return Err(Error::unsupported("the schema \"public\" cannot be dropped"));
            }
            let catalog = self.engine.catalog();
            let inside: Vec<Arc<Relation>> =
                catalog.iter().filter(|relation| relation.namespace() == name).cloned().collect();
            let types: Vec<_> = catalog.types().filter(|found| found.namespace() == name).cloned().collect();
            let is_empty = inside.is_empty() && types.is_empty();
            if !cascade && !is_empty {
                let depends = |one: String| format!("{one} depends on schema {name}");
                let relations = inside.iter().map(|one| format!("{} {}", one.kind.noun(), one.name));
                let inside = types.iter().map(|one| format!("type {}", one.name)).chain(relations);
                let message = format!("cannot drop schema {name} because other objects depend on it");
                return Err(Error::new(code::DEPENDENT_OBJECTS_STILL_EXIST, message)
                    .detail(inside.map(depends).collect::<Vec<_>>().join("\n"))
                    .hint("Use DROP ... CASCADE to drop the dependent objects too."));
            }
            self.remove_relations(inside, true, &[]).await?;
            for one in &types {
                self.notice("NOTICE", "00000", format!("drop cascades to type {}", one.name));
            }
            self.remove_types(types, true).await?;
            self.engine.change_catalog(|catalog| {
                catalog.remove_schema(name);
                Ok(())
            })?;
        }
        Ok(Outcome::Done("DROP SCHEMA".into()))
    }
}

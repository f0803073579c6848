//! CREATE OR REPLACE VIEW, where a view of that name exists. As in PostgreSQL, the columns that it has keep names and types; others may follow.

use std::sync::Arc;

use super::Session;
use crate::catalog::{Relation, RelationKind};
use crate::compile::parse::CreateView;
use crate::error::{Error, Result, code};
use crate::types::SqlType;

impl Session {
    /// Whether there is something to replace. 42809 if it is no plain view.
    pub(super) fn replaces(&self, name: &str) -> Result<bool> {
        match self.engine.catalog().get(name) {
            None => Ok(false),
            Some(relation) if matches!(relation.kind, RelationKind::View { .. }) => Ok(true),
            Some(relation) => {
                Err(Error::new(code::WRONG_OBJECT_TYPE, format!("\"{}\" is not a view", relation.local_name())))
            }
        }
    }

    pub(super) async fn replace_view(&mut self, create: &CreateView, text: &str) -> Result<()> {
        let catalog = self.engine.catalog();
        let Some(before) = catalog.get(&create.name).cloned() else { return Err(Error::internal("no view")) };
        let next = self.planned_view(create, text)?;
        check_columns(&before, &next)?;
        let readers = catalog.dependents(before.id);
        if let Some(reader) = readers.iter().find(|reader| !matches!(reader.kind, RelationKind::View { .. })) {
            let message =
                format!("cannot replace view \"{}\": {} {} reads it", create.name, reader.kind.noun(), reader.name);
            return Err(Error::new(code::DEPENDENT_OBJECTS_STILL_EXIST, message)
                .hint("drop that one first, and create it again afterwards"));
        }
        if next.depends_on.contains(&before.id) || readers.iter().any(|reader| next.depends_on.contains(&reader.id)) {
            let message = format!("infinite recursion detected in rules for relation \"{}\"", before.local_name());
            return Err(Error::new(code::INVALID_OBJECT_DEFINITION, message));
        }
        // A relation only reads older ones: a view with readers keeps its identity, another one is made anew.
        let has_newer = next.depends_on.iter().any(|id| *id > before.id);
        if !readers.is_empty() && has_newer {
            let message =
                format!("cannot replace view \"{}\", which others read, by one over newer relations", create.name);
            return Err(Error::unsupported(message).hint("drop the view and those that read it, and create them again"));
        }
        self.engine.change_catalog(|catalog| match readers.is_empty() {
            false => catalog.replace(Relation { id: before.id, ..next }),
            true => catalog.replace_anew(before.id, next),
        })
    }
}

fn check_columns(before: &Arc<Relation>, next: &Relation) -> Result<()> {
    let (old, new) = (before.schema.fields(), next.schema.fields());
    if new.len() < old.len() {
        return Err(Error::new(code::INVALID_TABLE_DEFINITION, "cannot drop columns from view"));
    }
    for (old, new) in old.iter().zip(new) {
        if old.name() != new.name() {
            let message = format!("cannot change name of view column \"{}\" to \"{}\"", old.name(), new.name());
            return Err(Error::new(code::INVALID_TABLE_DEFINITION, message)
                .hint("Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead."));
        }
        let (from, to) = (SqlType::of(old), SqlType::of(new));
        if from != to {
            let message = format!("cannot change data type of view column \"{}\" from {from} to {to}", old.name());
            return Err(Error::new(code::INVALID_TABLE_DEFINITION, message));
        }
    }
    Ok(())
}

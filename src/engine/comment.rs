//! COMMENT ON.

use super::{Outcome, Session};
use crate::catalog::{DATABASE, Described, RelationKind};
use crate::compile::parse::CommentOn;
use crate::error::{Error, Result, code};

impl Session {
    pub(super) async fn comment(&mut self, on: &CommentOn, text: Option<String>) -> Result<Outcome> {
        self.change_catalog().await?;
        let described = self.described(on)?;
        self.engine.change_catalog(|catalog| {
            catalog.comment(described, text);
            Ok(())
        })?;
        Ok(Outcome::Done("COMMENT".into()))
    }

    fn described(&self, on: &CommentOn) -> Result<Described> {
        Ok(match on {
            CommentOn::Relation(name) => Described::Relation(self.relation(name)?.id),
            CommentOn::Index(name) => {
                let catalog = self.engine.catalog();
                let missing = || Error::new(code::UNDEFINED_TABLE, format!("relation \"{name}\" does not exist"));
                Described::Relation(catalog.find_index(name, &self.search_path()).ok_or_else(missing)?.id)
            }
            CommentOn::Column { relation, column } => {
                let relation = self.relation(relation)?;
                if relation.schema.index_of(column).is_err() {
                    let message =
                        format!("column \"{column}\" of relation \"{}\" does not exist", relation.local_name());
                    return Err(Error::new(code::UNDEFINED_COLUMN, message));
                }
                Described::Column(relation.id, column.clone())
            }
            CommentOn::Constraint { relation, name } => {
                let relation = self.relation(relation)?;
                let catalog = self.engine.catalog();
                let is_key = catalog.indexes_of(relation.id).any(|index| index.is_constraint() && index.name == *name);
                let is_check = match &relation.kind {
                    RelationKind::Table(table) => table.checks.iter().any(|check| check.name == *name),
                    _ => false,
                };
                if !is_key && !is_check {
                    let message =
                        format!("constraint \"{name}\" for table \"{}\" does not exist", relation.local_name());
                    return Err(Error::new(code::UNDEFINED_OBJECT, message));
                }
                Described::Constraint(relation.id, name.clone())
            }
            CommentOn::Schema(name) => {
                self.check_schema(name)?;
                Described::Schema(name.clone())
            }
            CommentOn::Database(name) if name == DATABASE => Described::Database,
            CommentOn::Database(name) => {
                return Err(Error::new("3D000", format!("database \"{name}\" does not exist")));
            }
        })
    }
}

//! COMMENT ON: what is kept beside definitions.

use super::{Catalog, Relation, RelationId};
use crate::error::Result;

/// What a comment is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Described {
    /// A relation or an index.
    Relation(RelationId),
    /// A column, by name.
    Column(RelationId, String),
    /// A constraint of a table, by name.
    Constraint(RelationId, String),
    /// A schema.
    Schema(String),
    /// The database.
    Database,
}

impl Described {
    /// The same of another relation.
    fn of(&self, id: RelationId) -> Described {
        match self {
            Described::Relation(_) => Described::Relation(id),
            Described::Column(_, name) => Described::Column(id, name.clone()),
            Described::Constraint(_, name) => Described::Constraint(id, name.clone()),
            other => other.clone(),
        }
    }

    fn relation(&self) -> Option<RelationId> {
        match self {
            Described::Relation(id) | Described::Column(id, _) | Described::Constraint(id, _) => Some(*id),
            Described::Schema(_) | Described::Database => None,
        }
    }
}

impl Catalog {
    /// Sets a comment; `None` and the empty text take it away.
    pub fn comment(&mut self, described: Described, text: Option<String>) {
        match text.filter(|text| !text.is_empty()) {
            Some(text) => self.comments.insert(described, text),
            None => self.comments.remove(&described),
        };
    }

    /// All comments.
    pub fn comments(&self) -> impl Iterator<Item = (&Described, &String)> {
        self.comments.iter()
    }

    /// Puts a relation in the place of another one of its name; the comments stay.
    pub fn replace_anew(&mut self, before: RelationId, relation: Relation) -> Result<()> {
        let comments: Vec<(Described, String)> = self
            .comments
            .iter()
            .filter(|(described, _)| described.relation() == Some(before))
            .map(|(described, text)| (described.of(relation.id), text.clone()))
            .collect();
        self.remove(before);
        self.add(relation)?;
        self.comments.extend(comments);
        Ok(())
    }

    /// Forgets the comments of a relation or an index.
    pub(super) fn forget_comments(&mut self, id: RelationId) {
        self.comments.retain(|described, _| described.relation() != Some(id));
    }

    /// Keeps the comments of columns with their columns: a renamed column takes its comment along, a dropped one's goes.
    pub(super) fn move_comments(&mut self, before: &Relation, after: &Relation) {
        let is_rename = before.schema.fields().len() == after.schema.fields().len();
        for (at, field) in before.schema.fields().iter().enumerate() {
            if after.schema.index_of(field.name()).is_ok() {
                continue;
            }
            let text = self.comments.remove(&Described::Column(before.id, field.name().clone()));
            if is_rename {
                let renamed = after.schema.field(at).name().clone();
                self.comment(Described::Column(after.id, renamed), text);
            }
        }
    }
}

//! What exists: streams, tables, views, sinks, by name; who depends on whom.
//! In: definitions that were checked; out: lookups. Never: data, threads, SQL text parsing.

// The system catalog as PostgreSQL's clients expect it.
pub mod pg_catalog;

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;

use crate::compile::plan::Plan;
use crate::connector::{Options, Source};
use crate::error::{Error, Result, code};
use crate::format::Layout;

/// Identity of a relation for its whole life; also its OID for clients. Never used again after a drop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelationId(pub u32);

/// The first id given to a user's relation (PostgreSQL's first normal OID).
pub const FIRST_RELATION_ID: u32 = 16384;

/// A named thing that SELECT can read, or a sink.
#[derive(Clone)]
pub struct Relation {
    /// Identity.
    pub id: RelationId,
    /// Name; there is one schema for user relations, `public`.
    pub name: String,
    /// Columns. Sinks have those of what they write.
    pub schema: SchemaRef,
    /// The statement that made it, as SHOW CREATE prints it.
    pub definition: String,
    /// What it is.
    pub kind: RelationKind,
    /// The relations it reads.
    pub depends_on: Vec<RelationId>,
}

/// What a relation is.
#[derive(Clone)]
pub enum RelationKind {
    /// Append-only rows from outside.
    Stream {
        /// Where they come from.
        source: Arc<dyn Source>,
        /// All options of the WITH clause.
        options: Options,
        /// Columns and included metadata.
        layout: Layout,
    },
    /// A table that DML changes.
    Table {
        /// Positions of the primary key's columns; empty without a key.
        primary_key: Vec<usize>,
        /// Positions of NOT NULL columns (the key's included).
        not_null: Vec<usize>,
        /// Default expressions as SQL text, by column.
        defaults: BTreeMap<usize, String>,
    },
    /// A view kept up to date.
    MaterializedView {
        /// How.
        plan: Arc<Plan>,
    },
    /// A view that is expanded where it is used.
    View {
        /// Its query as SQL text.
        query: String,
    },
    /// Writes the changes of a relation outside.
    Sink {
        /// All options of the WITH clause.
        options: Options,
    },
}

impl RelationKind {
    /// As messages name it.
    pub fn noun(&self) -> &'static str {
        match self {
            RelationKind::Stream { .. } => "stream",
            RelationKind::Table { .. } => "table",
            RelationKind::MaterializedView { .. } => "materialized view",
            RelationKind::View { .. } => "view",
            RelationKind::Sink { .. } => "sink",
        }
    }
}

/// All relations. Cloned for readers (copy on write by the engine): a clone is one consistent version.
#[derive(Clone)]
pub struct Catalog {
    by_id: BTreeMap<RelationId, Arc<Relation>>,
    by_name: BTreeMap<String, RelationId>,
    next_id: u32,
}

impl Default for Catalog {
    fn default() -> Self {
        Catalog { by_id: BTreeMap::new(), by_name: BTreeMap::new(), next_id: FIRST_RELATION_ID }
    }
}

impl Catalog {
    /// A fresh identity.
    pub fn next_id(&mut self) -> RelationId {
        let id = RelationId(self.next_id);
        self.next_id += 1;
        id
    }

    /// Adds a relation; its name must be free.
    pub fn add(&mut self, relation: Relation) -> Result<Arc<Relation>> {
        if let Some(existing) = self.get(&relation.name) {
            return Err(Error::new(code::DUPLICATE_TABLE, format!("relation \"{}\" already exists", relation.name))
                .detail(format!("it is a {}", existing.kind.noun())));
        }
        let relation = Arc::new(relation);
        self.by_name.insert(relation.name.clone(), relation.id);
        self.by_id.insert(relation.id, Arc::clone(&relation));
        Ok(relation)
    }

    /// Removes a relation that nothing depends on.
    pub fn remove(&mut self, id: RelationId) {
        if let Some(relation) = self.by_id.remove(&id) {
            self.by_name.remove(&relation.name);
        }
    }

    /// The relation of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<Relation>> {
        self.by_name.get(name).and_then(|id| self.by_id.get(id))
    }

    /// The relation of that identity.
    pub fn by_id(&self, id: RelationId) -> Option<&Arc<Relation>> {
        self.by_id.get(&id)
    }

    /// All relations in the order they were made.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Relation>> {
        self.by_id.values()
    }

    /// The relations themselves and everything that they read, directly or through others, each once.
    pub fn with_sources(&self, ids: &[RelationId]) -> Vec<Arc<Relation>> {
        let mut found: Vec<Arc<Relation>> = Vec::new();
        let mut pending = ids.to_vec();
        while let Some(id) = pending.pop() {
            if let Some(relation) = self.by_id(id).filter(|_| found.iter().all(|known| known.id != id)) {
                pending.extend(&relation.depends_on);
                found.push(Arc::clone(relation));
            }
        }
        found
    }

    /// Everything that reads `id`, directly or through others, dependents before what they depend on.
    pub fn dependents(&self, id: RelationId) -> Vec<Arc<Relation>> {
        let mut found = vec![id];
        let mut dependents = Vec::new();
        // Identities grow with time and a relation only reads older ones: one pass in order finds all.
        for relation in self.by_id.values() {
            if relation.depends_on.iter().any(|on| found.contains(on)) {
                found.push(relation.id);
                dependents.push(Arc::clone(relation));
            }
        }
        dependents.reverse();
        dependents
    }
}

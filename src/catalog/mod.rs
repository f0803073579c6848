//! What exists: streams, tables, views, sinks, by name; who depends on whom.
//! In: definitions that were checked; out: lookups. Never: data, threads, SQL text parsing.

// The system catalog as PostgreSQL's clients expect it.
pub mod pg_catalog;
// COMMENT ON.
mod comment;
// Schemas.
mod namespace;
// Tables: columns, constraints, indexes.
mod table;
// Types.
mod user_type;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use datafusion::arrow::datatypes::SchemaRef;

use crate::compile::plan::Plan;
use crate::connector::{Options, Source};
use crate::error::{Error, Result, Subject, code};
use crate::format::Layout;
pub use comment::Described;
pub use namespace::{PUBLIC, full_name, path_of, split_name, unknown_schema};
pub use table::{Check, ColumnValue, Index, IndexKind, Sequence, Table, TableColumn};
pub use user_type::{Domain, DomainCheck, TypeUser, UserType, UserTypeKind};

/// The database that clients connect to, and its owner.
pub const DATABASE: &str = "tidewater";
/// PostgreSQL's version that we follow, as clients parse it.
pub const SERVER_VERSION: &str = "15.0";

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
    /// Name, with the schema in front if that is not `public`; see [`full_name`].
    pub name: String,
    /// Columns. Sinks have those of what they write.
    pub schema: SchemaRef,
    /// The statement that made it, as SHOW CREATE prints it.
    pub definition: String,
    /// What it is.
    pub kind: RelationKind,
    /// The relations it reads, and the types that its query names.
    pub depends_on: Vec<RelationId>,
}

impl Relation {
    /// What an error about the relation names.
    pub fn subject(&self) -> Subject {
        let (schema, table) = (Some(self.namespace().to_string()), Some(self.local_name().to_string()));
        Subject { schema, table, ..Subject::default() }
    }
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
    Table(Arc<Table>),
    /// A view kept up to date.
    MaterializedView {
        /// How.
        plan: Arc<Plan>,
    },
    /// A view that is expanded where it is used.
    View {
        /// Its query as SQL text.
        query: String,
        /// The schemas of the relations that the query names without one, as they were found when the view was made.
        schemas: BTreeMap<String, String>,
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
            RelationKind::Table(_) => "table",
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
    /// By identity, in the order they were made.
    indexes: BTreeMap<RelationId, Arc<Index>>,
    /// Schemas that users made.
    schemas: BTreeMap<String, RelationId>,
    comments: BTreeMap<Described, String>,
    /// Types that users made, in the order they were made.
    types: BTreeMap<RelationId, Arc<UserType>>,
    /// One for all versions: an identity is never given twice, also if a version is given up.
    next_id: Arc<AtomicU32>,
}

impl Default for Catalog {
    fn default() -> Self {
        Catalog {
            by_id: BTreeMap::new(),
            by_name: BTreeMap::new(),
            indexes: BTreeMap::new(),
            schemas: BTreeMap::new(),
            comments: BTreeMap::new(),
            types: BTreeMap::new(),
            next_id: Arc::new(AtomicU32::new(FIRST_RELATION_ID)),
        }
    }
}

impl Catalog {
    /// A fresh identity.
    pub fn next_id(&mut self) -> RelationId {
        RelationId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    /// Adds a relation; its name must be free.
    pub fn add(&mut self, relation: Relation) -> Result<Arc<Relation>> {
        self.check_free(&relation.name)?;
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
        self.indexes.retain(|_, index| index.relation != id);
        self.forget_comments(id);
    }

    /// Puts another version of a relation in the place of the one with its identity; the name may differ and must then be free.
    pub fn replace(&mut self, relation: Relation) -> Result<()> {
        if let Some(before) = self.by_id.get(&relation.id).cloned() {
            self.move_comments(&before, &relation);
        }
        let before = self.by_id.get(&relation.id).map(|before| before.name.clone()).unwrap_or_default();
        if before != relation.name {
            self.check_free(&relation.name)?;
            self.by_name.remove(&before);
            self.by_name.insert(relation.name.clone(), relation.id);
        }
        self.by_id.insert(relation.id, Arc::new(relation));
        Ok(())
    }

    /// 42P07 if a relation or index has the name.
    pub fn check_free(&self, name: &str) -> Result<()> {
        let noun = match (self.get(name), self.index(name)) {
            (Some(relation), _) => relation.kind.noun(),
            (None, Some(_)) => "index",
            (None, None) if self.type_named(name).is_some() => {
                let error =
                    Error::new(code::DUPLICATE_OBJECT, format!("type \"{}\" already exists", split_name(name).1));
                return Err(error.hint("A relation has an associated type of the same name, so you must use a name that doesn't conflict with any existing type."));
            }
            (None, None) => return Ok(()),
        };
        let error = Error::new(code::DUPLICATE_TABLE, format!("relation \"{}\" already exists", split_name(name).1));
        Err(error.detail(format!("it is a {noun}").replace("a index", "an index")))
    }

    /// Adds an index; its name must be free in the schema of its relation.
    pub fn add_index(&mut self, index: Index) -> Result<()> {
        let schema = self.by_id(index.relation).map_or(PUBLIC, |relation| relation.namespace());
        self.check_free(&full_name(schema, &index.name))?;
        self.indexes.insert(index.id, Arc::new(index));
        Ok(())
    }

    /// Removes an index.
    pub fn remove_index(&mut self, id: RelationId) {
        self.indexes.remove(&id);
    }

    /// The index of that full name.
    pub fn index(&self, name: &str) -> Option<&Arc<Index>> {
        let (schema, local) = split_name(name);
        let is_in = |index: &Index| self.by_id(index.relation).is_some_and(|relation| relation.namespace() == schema);
        self.indexes.values().find(|index| index.name == local && is_in(index))
    }

    /// The indexes of a relation, in the order they were made: constraints of CREATE TABLE first, the primary key before the others.
    pub fn indexes_of(&self, relation: RelationId) -> impl Iterator<Item = &Arc<Index>> {
        self.indexes.values().filter(move |index| index.relation == relation)
    }

    /// All indexes, in the order they were made.
    pub fn indexes(&self) -> impl Iterator<Item = &Arc<Index>> {
        self.indexes.values()
    }

    /// The columns of a table's primary key; empty without one.
    pub fn primary_key(&self, relation: RelationId) -> &[usize] {
        let mut indexes = self.indexes_of(relation);
        indexes.find(|index| index.kind == IndexKind::PrimaryKey).map_or(&[], |index| &index.columns)
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

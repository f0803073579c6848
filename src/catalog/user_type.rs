//! Types that users make. They share names with relations, as in PostgreSQL, where each relation has a type of its name.

use std::sync::Arc;

use super::{Catalog, Relation, RelationId, RelationKind, full_name, split_name};
use crate::compile::parse::Query;
use crate::enumeration::EnumType;
use crate::error::{Error, Result, code};
use crate::precision::Precision;
use crate::types::{CompositeName, RowType, SqlType};

/// PostgreSQL's identity of the type `record`.
const RECORD_OID: u32 = 2249;

/// A type that a user made.
#[derive(Debug, Clone)]
pub struct UserType {
    /// Its identity, from [`crate::enumeration::next_type_ids`]; that of its array type is one more.
    pub id: RelationId,
    /// Name, with the schema in front if that is not `public`.
    pub name: String,
    /// What values are.
    pub kind: UserTypeKind,
    /// The types of users that it is made of.
    pub depends_on: Vec<RelationId>,
}

/// What values of a type are.
#[derive(Debug, Clone)]
pub enum UserTypeKind {
    /// Labels.
    Enum(EnumType),
    /// Rows with fields.
    Composite(Arc<RowType>),
    /// Values of another type that pass tests.
    Domain(Arc<Domain>),
}

/// A domain: a type whose values are those of another one that pass its tests.
#[derive(Debug, Clone)]
pub struct Domain {
    /// The type under it, which is no domain.
    pub base: SqlType,
    /// Its precision.
    pub precision: Option<Precision>,
    /// What columns without a default of their own get, as SQL text.
    pub default: Option<String>,
    /// NOT NULL.
    pub not_null: bool,
    /// CHECK over `value`, in the order of their names; those of domains under it first.
    pub checks: Vec<DomainCheck>,
}

/// A CHECK of a domain.
#[derive(Debug, Clone)]
pub struct DomainCheck {
    /// The domain that has it.
    pub domain: String,
    /// The constraint's name.
    pub name: String,
    /// Over `value`, as SQL text.
    pub condition: String,
}

impl Domain {
    /// The modifier of the type under it; −1 without.
    pub fn modifier(&self) -> i64 {
        let plain = super::pg_catalog::typmod(&self.base);
        self.precision.map_or(plain, |precision| i64::from(precision.modifier()))
    }
}

/// What uses a type.
#[derive(Clone)]
pub enum TypeUser {
    /// A column of a relation, by its position.
    Column(Arc<Relation>, usize),
    /// An expression of a relation.
    Relation(Arc<Relation>),
    /// Another type.
    Type(Arc<UserType>),
}

impl UserType {
    /// The type of columns and expressions; of a domain the one under it.
    pub fn sql_type(&self) -> SqlType {
        match &self.kind {
            UserTypeKind::Enum(found) => SqlType::Enum(found.clone()),
            UserTypeKind::Composite(row) => SqlType::Row(Arc::clone(row)),
            UserTypeKind::Domain(domain) => domain.base.clone(),
        }
    }

    /// The schema that it is in.
    pub fn namespace(&self) -> &str {
        split_name(&self.name).0
    }

    /// Its name without the schema.
    pub fn local_name(&self) -> &str {
        split_name(&self.name).1
    }
}

impl TypeUser {
    /// As PostgreSQL describes it: `column c of table t`.
    pub fn description(&self) -> String {
        match self {
            TypeUser::Column(relation, at) => {
                let column = relation.schema.field(*at).name();
                format!("column {column} of {} {}", relation.kind.noun(), relation.name)
            }
            TypeUser::Relation(relation) => format!("{} {}", relation.kind.noun(), relation.name),
            TypeUser::Type(user) => format!("type {}", user.name),
        }
    }
}

impl Catalog {
    /// Adds a type; its name must be free.
    pub fn add_type(&mut self, user_type: UserType) -> Result<()> {
        self.check_type_free(&user_type.name)?;
        self.types.insert(user_type.id, Arc::new(user_type));
        Ok(())
    }

    /// Removes a type that nothing uses.
    pub fn remove_type(&mut self, id: RelationId) {
        self.types.remove(&id);
    }

    /// Gives a type another full name, which must be free.
    pub fn rename_type(&mut self, id: RelationId, name: &str) -> Result<()> {
        self.check_type_free(name)?;
        if let Some(found) = self.types.get_mut(&id) {
            *found = Arc::new(UserType { name: name.to_string(), ..UserType::clone(found) });
        }
        Ok(())
    }

    /// All types in the order they were made.
    pub fn types(&self) -> impl Iterator<Item = &Arc<UserType>> {
        self.types.values()
    }

    /// The type of that identity.
    pub fn user_type(&self, id: RelationId) -> Option<&Arc<UserType>> {
        self.types.get(&id)
    }

    /// The type of that full name.
    pub fn type_named(&self, name: &str) -> Option<&Arc<UserType>> {
        self.types.values().find(|found| found.name == name)
    }

    /// The type that a name means, as [`Catalog::find`].
    pub fn find_type(&self, name: &str, path: &[String]) -> Option<&Arc<UserType>> {
        match name.split_once('.') {
            Some((schema, name)) => self.type_named(&full_name(schema, name)),
            None => path.iter().find_map(|schema| self.type_named(&full_name(schema, name))),
        }
    }

    /// The type that a name means: one that a user made, or that of a relation's rows.
    pub fn find_sql_type(&self, name: &str, path: &[String]) -> Option<SqlType> {
        if let Some(found) = self.find_type(name, path) {
            return Some(found.sql_type());
        }
        let relation = self.find(name, path)?;
        let fields = relation.schema.fields().iter().map(|field| (field.name().clone(), SqlType::of(field))).collect();
        // Clients know the type as that of any row: pg_type has none of its own for it.
        let name = CompositeName { oid: RECORD_OID, name: relation.name.clone() };
        Some(SqlType::Row(Arc::new(RowType { name: Some(name), fields })))
    }

    /// 42710 if a type or relation has the full name.
    pub fn check_type_free(&self, name: &str) -> Result<()> {
        if self.type_named(name).is_none() && self.get(name).is_none() {
            return Ok(());
        }
        Err(Error::new(code::DUPLICATE_OBJECT, format!("type \"{}\" already exists", split_name(name).1)))
    }

    /// What uses a type directly.
    pub fn users_of_type(&self, id: RelationId) -> Vec<TypeUser> {
        let mut users = Vec::new();
        for relation in self.iter() {
            let found = users.len();
            for (at, field) in relation.schema.fields().iter().enumerate() {
                let domain = match &relation.kind {
                    RelationKind::Table(table) => table.columns.get(at).and_then(|column| column.domain),
                    _ => None,
                };
                let uses = match domain {
                    Some(domain) => domain == id,
                    None => SqlType::of(field).user_types().contains(&id.0),
                };
                if uses {
                    users.push(TypeUser::Column(Arc::clone(relation), at));
                }
            }
            if users.len() == found && self.mentions_type(relation, id) {
                users.push(TypeUser::Relation(Arc::clone(relation)));
            }
        }
        let of_types = self.types().filter(|other| other.depends_on.contains(&id));
        users.extend(of_types.map(|other| TypeUser::Type(Arc::clone(other))));
        users
    }

    /// Whether expressions of a relation name the type.
    pub fn mentions_type(&self, relation: &Relation, id: RelationId) -> bool {
        if relation.depends_on.contains(&id) {
            return true;
        }
        let RelationKind::Table(table) = &relation.kind else { return false };
        let path = [relation.namespace().to_string(), super::PUBLIC.to_string()];
        let names_it = |text: &str| {
            let names = Query::over_rows(&[text]).map(|query| query.types()).unwrap_or_default();
            names.iter().any(|name| self.find_type(name, &path).is_some_and(|found| found.id == id))
        };
        table.expressions().any(names_it)
    }
}

//! CREATE, ALTER and DROP of types.

use std::sync::Arc;

use super::{Outcome, Session};
use crate::catalog::{Catalog, RelationId, RelationKind, TypeUser, UserType, UserTypeKind, full_name};
use crate::compile::parse::{
    AlterAction, AlterType, AlterTypeAction, ColumnDefinition, CreateType, DropType, Kind, TypeDefinition,
};
use crate::enumeration::{EnumType, next_type_ids};
use crate::error::{Error, Result, code};
use crate::types::{CompositeName, RowType, SqlType};

impl Session {
    pub(super) fn create_type(&mut self, create: &CreateType) -> Result<Outcome> {
        self.engine.catalog().check_type_free(&create.name)?;
        let user_type = match &create.definition {
            TypeDefinition::Composite(fields) => self.composite(&create.name, fields)?,
            TypeDefinition::Enum(labels) => {
                let made = EnumType::new(&create.name, labels)?;
                UserType {
                    id: RelationId(made.oid()),
                    name: create.name.clone(),
                    kind: UserTypeKind::Enum(made),
                    depends_on: Vec::new(),
                }
            }
        };
        self.engine.change_catalog(|catalog| catalog.add_type(user_type))?;
        Ok(Outcome::Done("CREATE TYPE".into()))
    }

    /// A composite type with the types that its fields name.
    fn composite(&self, name: &str, fields: &[(String, SqlType)]) -> Result<UserType> {
        let catalog = self.engine.catalog();
        let oid = next_type_ids(2)?;
        let row = RowType { name: Some(CompositeName { oid, name: name.to_string() }), fields: fields.to_vec() };
        let row = SqlType::Row(Arc::new(row)).resolved(&|name| self.find_sql_type(&catalog, name))?;
        let depends_on = row.user_types().into_iter().filter(|used| *used != oid).map(RelationId).collect();
        let SqlType::Row(row) = row else { return Err(Error::internal("a composite type is one of rows")) };
        Ok(UserType { id: RelationId(oid), name: name.to_string(), kind: UserTypeKind::Composite(row), depends_on })
    }

    pub(super) fn alter_type(&mut self, alter: &AlterType) -> Result<Outcome> {
        let catalog = self.engine.catalog();
        let found = self.find_type(&catalog, &alter.name)?;
        let UserTypeKind::Enum(labels) = &found.kind else {
            let error = Error::unsupported("ALTER TYPE of a composite type is not supported");
            return Err(error.hint("make another type, and columns of it"));
        };
        match &alter.action {
            AlterTypeAction::AddValue { label, if_not_exists, place } => {
                match labels.add(label, place) {
                    Err(error) if *if_not_exists && error.code == code::DUPLICATE_OBJECT => {
                        self.notice("NOTICE", error.code, error.message + ", skipping");
                    }
                    added => added?,
                };
            }
            AlterTypeAction::RenameValue { from, to } => labels.rename_label(from, to)?,
            AlterTypeAction::Rename(to) => self.rename_type(&found, full_name(found.namespace(), to))?,
            AlterTypeAction::SetSchema(schema) => {
                self.check_schema(schema)?;
                self.rename_type(&found, full_name(schema, found.local_name()))?;
            }
        }
        Ok(Outcome::Done("ALTER TYPE".into()))
    }

    /// Gives a type another name. Texts of views and constraints that name it would not find it any more.
    fn rename_type(&self, found: &UserType, name: String) -> Result<()> {
        let catalog = self.engine.catalog();
        let named_by = catalog.iter().find(|relation| {
            matches!(relation.kind, RelationKind::View { .. } | RelationKind::Table(_))
                && catalog.mentions_type(relation, found.id)
        });
        if let Some(relation) = named_by {
            let message = format!("cannot rename type {}: an expression names it", found.name);
            return Err(Error::new(code::DEPENDENT_OBJECTS_STILL_EXIST, message).detail(format!(
                "{} {} names type {}",
                relation.kind.noun(),
                relation.name,
                found.name
            )));
        }
        self.engine.change_catalog(|catalog| catalog.rename_type(found.id, &name))?;
        if let UserTypeKind::Enum(labels) = &found.kind {
            labels.rename(&name);
        }
        Ok(())
    }

    pub(super) async fn drop_types(&mut self, drop: &DropType) -> Result<Outcome> {
        let mut doomed: Vec<Arc<UserType>> = Vec::new();
        for name in &drop.names {
            match self.find_type(&self.engine.catalog(), name) {
                Ok(found) => doomed.push(found),
                Err(error) if drop.if_exists => self.notice("NOTICE", "00000", error.message + ", skipping"),
                Err(error) => return Err(error),
            }
        }
        self.remove_types(doomed, drop.cascade).await?;
        Ok(Outcome::Done("DROP TYPE".into()))
    }

    /// Removes types and, with `cascade`, all that uses them: columns of tables, other relations and types.
    pub(super) async fn remove_types(&mut self, mut doomed: Vec<Arc<UserType>>, cascade: bool) -> Result<()> {
        let catalog = self.engine.catalog();
        let mut at = 0;
        let mut columns = Vec::new();
        let mut relations = Vec::new();
        while let Some(found) = doomed.get(at).cloned() {
            at += 1;
            let users = catalog.users_of_type(found.id);
            let is_doomed =
                |user: &TypeUser| matches!(user, TypeUser::Type(user) if doomed.iter().any(|one| one.id == user.id));
            let users: Vec<TypeUser> = users.into_iter().filter(|user| !is_doomed(user)).collect();
            if !cascade && !users.is_empty() {
                let depends = |user: &TypeUser| format!("{} depends on type {}", user.description(), found.name);
                let message = format!("cannot drop type {} because other objects depend on it", found.name);
                return Err(Error::new(code::DEPENDENT_OBJECTS_STILL_EXIST, message)
                    .detail(users.iter().map(depends).collect::<Vec<_>>().join("\n"))
                    .hint("Use DROP ... CASCADE to drop the dependent objects too."));
            }
            for user in users {
                match user {
                    TypeUser::Type(user) => doomed.push(user),
                    TypeUser::Column(relation, at) if matches!(relation.kind, RelationKind::Table(_)) => {
                        columns.push((relation, at));
                    }
                    TypeUser::Column(relation, _) | TypeUser::Relation(relation) => {
                        relations.retain(|other: &Arc<crate::catalog::Relation>| other.id != relation.id);
                        relations.push(relation);
                    }
                }
            }
        }
        check_columns(&catalog, &columns, &relations)?;
        self.remove_relations(relations, true, &[]).await?;
        for (relation, at) in columns {
            let column = relation.schema.field(at).name().clone();
            self.notice("NOTICE", "00000", format!("drop cascades to column {column} of table {}", relation.name));
            self.drop_column_of(&relation, column).await?;
        }
        self.engine.change_catalog(|catalog| {
            doomed.iter().for_each(|found| catalog.remove_type(found.id));
            Ok(())
        })
    }

    async fn drop_column_of(&mut self, relation: &crate::catalog::Relation, column: String) -> Result<()> {
        let id = relation.id;
        let action = AlterAction::DropColumn { name: column, if_exists: true, cascade: true };
        self.writing(async |session| {
            session.lock(id).await?;
            session.alter_relation(id, &action).await?;
            Ok(Outcome::Done(String::new()))
        })
        .await
        .map(|_| ())
    }

    /// The type that a name means. Errors: 42704.
    pub(super) fn find_type(&self, catalog: &Catalog, name: &str) -> Result<Arc<UserType>> {
        let found = catalog.find_type(name, &self.search_path());
        found.cloned().ok_or_else(|| Error::new(code::UNDEFINED_OBJECT, format!("type \"{name}\" does not exist")))
    }

    /// The type that a name means, also that of a relation's rows. Errors: 42704.
    fn find_sql_type(&self, catalog: &Catalog, name: &str) -> Result<SqlType> {
        let found = catalog.find_sql_type(name, &self.search_path());
        found.ok_or_else(|| Error::new(code::UNDEFINED_OBJECT, format!("type \"{name}\" does not exist")))
    }

    /// A definition with the types that its columns name.
    pub(super) fn with_types(&self, mut kind: Kind) -> Result<Kind> {
        let catalog = self.engine.catalog();
        let resolve = |column: &mut ColumnDefinition| -> Result<()> {
            let named = std::mem::replace(&mut column.sql_type, SqlType::Text);
            column.sql_type = named.resolved(&|name| self.find_sql_type(&catalog, name))?;
            Ok(())
        };
        match &mut kind {
            Kind::CreateStream(create) => create.columns.iter_mut().try_for_each(resolve)?,
            Kind::CreateTable(create) => create.columns.iter_mut().try_for_each(resolve)?,
            Kind::Alter(alter) => {
                for action in &mut alter.actions {
                    if let AlterAction::AddColumn { column, .. } = action {
                        resolve(column)?;
                    }
                }
            }
            _ => {}
        }
        Ok(kind)
    }
}

/// 2BP01 if relations that stay read a table of which a column is to be dropped.
fn check_columns(
    catalog: &Catalog,
    columns: &[(Arc<crate::catalog::Relation>, usize)],
    relations: &[Arc<crate::catalog::Relation>],
) -> Result<()> {
    let mut doomed: Vec<RelationId> = relations.iter().map(|relation| relation.id).collect();
    for relation in relations {
        doomed.extend(catalog.dependents(relation.id).iter().map(|dependent| dependent.id));
    }
    for (table, at) in columns {
        let Some(reader) = catalog.dependents(table.id).into_iter().find(|one| !doomed.contains(&one.id)) else {
            continue;
        };
        let column = table.schema.field(*at).name();
        let message =
            format!("cannot drop column {column} of table {} because other objects depend on the table", table.name);
        return Err(Error::new(code::DEPENDENT_OBJECTS_STILL_EXIST, message)
            .detail(format!("{} {} depends on table {}", reader.kind.noun(), reader.name, table.name))
            .hint("drop them first"));
    }
    Ok(())
}

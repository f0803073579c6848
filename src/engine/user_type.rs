//! CREATE, ALTER and DROP of types.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};

use super::table::free_name;
use super::{Outcome, Session};
use crate::catalog::{
    Catalog, Domain, DomainCheck, Relation, RelationId, RelationKind, TypeUser, UserType, UserTypeKind, full_name,
    split_name,
};
use crate::compile::analyze::Rows;
use crate::compile::parse::{
    self as parse, AlterAction, AlterType, AlterTypeAction, CheckDefinition, ColumnDefault, ColumnDefinition,
    CreateType, DropType, Kind, Query, TypeDefinition,
};
use crate::enumeration::{EnumType, next_type_ids};
use crate::error::{Error, Result, code};
use crate::types::{CompositeName, RowType, SqlType};

impl Session {
    pub(super) fn create_type(&mut self, create: &CreateType) -> Result<Outcome> {
        self.engine.catalog().check_type_free(&create.name)?;
        let tag = match &create.definition {
            TypeDefinition::Enum(_) | TypeDefinition::Composite(_) => "CREATE TYPE",
            TypeDefinition::Domain { .. } => "CREATE DOMAIN",
        };
        let user_type = match &create.definition {
            TypeDefinition::Composite(fields) => self.composite(&create.name, fields)?,
            TypeDefinition::Domain { base, precision, default, not_null, checks } => {
                let given = Domain {
                    base: base.clone(),
                    precision: *precision,
                    default: default.clone(),
                    not_null: *not_null,
                    checks: Vec::new(),
                };
                self.domain(&create.name, given, checks)?
            }
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
        Ok(Outcome::Done(tag.into()))
    }

    /// A new domain; its conditions are tested for what they mean.
    fn domain(&self, full_name: &str, given: Domain, checks: &[CheckDefinition]) -> Result<UserType> {
        let catalog = self.engine.catalog();
        let mut depends_on = Vec::new();
        let mut domain = given;
        let under = match &domain.base {
            SqlType::Named(name) => Some(self.find_type(&catalog, name)?),
            _ => None,
        };
        domain.base =
            domain.base.clone().resolved(&|name| self.find_type(&catalog, name).map(|found| found.sql_type()))?;
        depends_on.extend(domain.base.user_types().into_iter().map(RelationId));
        if let Some(found) = under
            && let UserTypeKind::Domain(under) = &found.kind
        {
            depends_on.push(found.id);
            domain.checks.clone_from(&under.checks);
            domain.not_null |= under.not_null;
            domain.precision = domain.precision.or(under.precision);
            domain.default = domain.default.or_else(|| under.default.clone());
        }
        let name = split_name(full_name).1;
        let mut own: Vec<DomainCheck> = Vec::new();
        let value = Arc::new(Schema::new(vec![domain.base.field("value")]));
        for check in checks {
            let select =
                self.plan_over(&Query::over_rows(&[&check.condition])?, &Rows::default().with("", &value), &[])?;
            let found = select.schema.field(0).data_type();
            if !matches!(found, DataType::Boolean | DataType::Null) {
                let found = SqlType::of(select.schema.field(0));
                let message = format!("argument of CHECK must be type boolean, not type {found}");
                return Err(Error::new(code::DATATYPE_MISMATCH, message));
            }
            let is_free = |wanted: &str| !own.iter().any(|other| other.name == wanted);
            let name = match &check.name {
                Some(name) if is_free(name) => name.clone(),
                Some(taken) => {
                    let message = format!("constraint \"{taken}\" for domain \"{name}\" already exists");
                    return Err(Error::new(code::DUPLICATE_OBJECT, message));
                }
                None => free_name(&format!("{name}_check"), is_free),
            };
            own.push(DomainCheck { domain: full_name.to_string(), name, condition: check.condition.clone() });
        }
        own.sort_by(|one, other| one.name.cmp(&other.name));
        domain.checks.extend(own);
        let id = RelationId(next_type_ids(2)?);
        let kind = UserTypeKind::Domain(Arc::new(domain));
        Ok(UserType { id, name: full_name.to_string(), kind, depends_on })
    }

    /// A composite type with the types that its fields name.
    fn composite(&self, name: &str, fields: &[(String, SqlType)]) -> Result<UserType> {
        let catalog = self.engine.catalog();
        let oid = next_type_ids(2)?;
        let row = RowType { name: Some(CompositeName { oid, name: name.to_string() }), fields: fields.to_vec() };
        let row = SqlType::Row(Arc::new(row)).resolved(&|name| self.part_type(&catalog, name))?;
        let depends_on = row.user_types().into_iter().filter(|used| *used != oid).map(RelationId).collect();
        let SqlType::Row(row) = row else { return Err(Error::internal("a composite type is one of rows")) };
        Ok(UserType { id: RelationId(oid), name: name.to_string(), kind: UserTypeKind::Composite(row), depends_on })
    }

    pub(super) fn alter_type(&mut self, alter: &AlterType) -> Result<Outcome> {
        let catalog = self.engine.catalog();
        let found = self.find_type(&catalog, &alter.name)?;
        if matches!(found.kind, UserTypeKind::Composite(_)) {
            let error = Error::unsupported("ALTER TYPE of a composite type is not supported");
            return Err(error.hint("make another type, and columns of it"));
        }
        match &alter.action {
            AlterTypeAction::Rename(to) => {
                self.rename_type(&found, full_name(found.namespace(), to))?;
                return Ok(Outcome::Done("ALTER TYPE".into()));
            }
            AlterTypeAction::SetSchema(schema) => {
                self.check_schema(schema)?;
                self.rename_type(&found, full_name(schema, found.local_name()))?;
                return Ok(Outcome::Done("ALTER TYPE".into()));
            }
            _ => {}
        }
        let UserTypeKind::Enum(labels) = &found.kind else {
            let message = format!("{} is not an enum", found.local_name());
            return Err(Error::new(code::WRONG_OBJECT_TYPE, message));
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
            AlterTypeAction::RenameValue { from, to } => {
                self.check_labels_unseen(&found)?;
                labels.rename_label(from, to)?;
            }
            AlterTypeAction::Rename(_) | AlterTypeAction::SetSchema(_) => {}
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

    /// 2BP01 if a materialized view keeps labels as texts, or reads texts as labels: it would keep the old ones.
    fn check_labels_unseen(&self, found: &UserType) -> Result<()> {
        let catalog = self.engine.catalog();
        for relation in catalog.iter() {
            let RelationKind::MaterializedView { .. } = &relation.kind else { continue };
            let statements = parse::parse(&relation.definition)?;
            let Some(Kind::CreateView(view)) = statements.first().map(|statement| &statement.kind) else { continue };
            let sees = self.plan(&view.query, &[]).map_or(true, |select| select.converts(found.id.0));
            if sees {
                let message =
                    format!("cannot rename a value of type {} because other objects depend on it", found.name);
                return Err(Error::new(code::DEPENDENT_OBJECTS_STILL_EXIST, message)
                    .detail(format!("materialized view {} shows values of type {} as texts", relation.name, found.name))
                    .hint("drop the view first, and create it again afterwards"));
            }
        }
        Ok(())
    }

    pub(super) async fn drop_types(&mut self, drop: &DropType) -> Result<Outcome> {
        let mut doomed: Vec<Arc<UserType>> = Vec::new();
        for name in &drop.names {
            match self.find_type(&self.engine.catalog(), name) {
                Ok(found) if drop.domain && !matches!(found.kind, UserTypeKind::Domain(_)) => {
                    return Err(Error::new(code::WRONG_OBJECT_TYPE, format!("\"{name}\" is not a domain")));
                }
                Ok(found) => doomed.push(found),
                Err(error) if drop.if_exists => self.notice("NOTICE", "00000", error.message + ", skipping"),
                Err(error) => return Err(error),
            }
        }
        self.remove_types(doomed, drop.cascade).await?;
        Ok(Outcome::Done(if drop.domain { "DROP DOMAIN" } else { "DROP TYPE" }.into()))
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
                        relations.retain(|other: &Arc<Relation>| other.id != relation.id);
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

    async fn drop_column_of(&mut self, relation: &Relation, column: String) -> Result<()> {
        let id = relation.id;
        let action = AlterAction::DropColumn { name: column, if_exists: true, cascade: true };
        self.writing(async |session| {
            session.lock(id).await?;
            session.alter_relation(id, &action).await?;
            session.redefine(id)?;
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

    /// The type of items or fields that a name means. Errors: 0A000 for domains, whose tests nobody would make.
    fn part_type(&self, catalog: &Catalog, name: &str) -> Result<SqlType> {
        match self.find_type(catalog, name) {
            Ok(found) if matches!(found.kind, UserTypeKind::Domain(_)) => {
                Err(Error::unsupported(format!("arrays of the domain {} are not supported", found.name)))
            }
            _ => self.find_sql_type(catalog, name),
        }
    }

    /// A definition with the types that its columns name.
    pub(super) fn with_types(&self, mut kind: Kind) -> Result<Kind> {
        let catalog = self.engine.catalog();
        let resolve = |column: &mut ColumnDefinition| -> Result<()> {
            let named = std::mem::replace(&mut column.sql_type, SqlType::Text);
            if let SqlType::Named(name) = &named
                && let Ok(found) = self.find_type(&catalog, name)
                && let UserTypeKind::Domain(domain) = &found.kind
            {
                column.domain = Some(found.id.0);
                column.precision = domain.precision;
                column.default =
                    column.default.take().or_else(|| domain.default.clone().map(ColumnDefault::Expression));
            }
            column.sql_type = match column.domain {
                Some(_) => named.resolved(&|name| self.find_sql_type(&catalog, name))?,
                None => named.resolved(&|name| self.part_type(&catalog, name))?,
            };
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
fn check_columns(catalog: &Catalog, columns: &[(Arc<Relation>, usize)], relations: &[Arc<Relation>]) -> Result<()> {
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

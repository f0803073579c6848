//! ALTER TABLE, VIEW, INDEX. A table's rows are rewritten where its columns change; what reads it goes on.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};

use super::dml::Changed;
use super::table::table_column;
use super::{Outcome, Session};
use crate::catalog::{Catalog, ColumnValue, Index, Relation, RelationId, RelationKind, Table, full_name};
use crate::compile::analyze;
use crate::compile::parse::{
    Alter, AlterAction, CheckDefinition, ColumnDefinition, KeyDefinition, Query, RelationClass,
};
use crate::error::{Error, Result, code};
use crate::flow::delta::batch;

impl Session {
    pub(super) async fn alter(&mut self, alter: &Alter) -> Result<Outcome> {
        let tag = match alter.class {
            None => "ALTER INDEX",
            Some(RelationClass::Table) => "ALTER TABLE",
            Some(RelationClass::View) => "ALTER VIEW",
            Some(RelationClass::MaterializedView) => "ALTER MATERIALIZED VIEW",
            Some(_) => {
                return Err(Error::unsupported("ALTER works on tables, views, materialized views and indexes")
                    .hint("drop and create it again"));
            }
        };
        if alter.class.is_none() {
            return self.alter_index(alter).map(|()| Outcome::Done(tag.into()));
        }
        let catalog = self.engine.catalog();
        let Some(relation) = self.find(&catalog, &alter.name) else {
            let missing = self.relation(&alter.name).map(drop);
            if !alter.if_exists {
                missing?;
            }
            self.notice("NOTICE", "00000", format!("relation \"{}\" does not exist, skipping", alter.name));
            return Ok(Outcome::Done(tag.into()));
        };
        check_class(&relation, alter)?;
        let id = relation.id;
        self.writing(async |session| {
            session.lock(id).await?;
            for action in &alter.actions {
                session.alter_relation(id, action).await?;
            }
            session.redefine(id)?;
            Ok(Outcome::Done(tag.into()))
        })
        .await
    }

    fn alter_index(&mut self, alter: &Alter) -> Result<()> {
        let [AlterAction::Rename(to)] = alter.actions.as_slice() else {
            return Err(Error::unsupported("indexes can only be renamed"));
        };
        let Some(index) = self.engine.catalog().find_index(&alter.name, &self.search_path()).cloned() else {
            let message = format!("relation \"{}\" does not exist", alter.name);
            return Err(Error::new(code::UNDEFINED_TABLE, message));
        };
        self.engine.change_catalog(|catalog| {
            catalog.remove_index(index.id);
            catalog.add_index(Index { name: to.clone(), ..Index::clone(&index) })
        })
    }

    pub(super) async fn alter_relation(&mut self, id: RelationId, action: &AlterAction) -> Result<()> {
        let catalog = self.engine.catalog();
        let gone = || Error::new(code::UNDEFINED_TABLE, "the relation was dropped meanwhile");
        let relation = Relation::clone(catalog.by_id(id).ok_or_else(gone)?);
        match action {
            AlterAction::Rename(to) => {
                let name = full_name(relation.namespace(), to);
                self.replace(Relation { name, ..relation })
            }
            AlterAction::SetSchema(schema) => {
                self.check_schema(schema)?;
                let name = full_name(schema, relation.local_name());
                self.replace(Relation { name, ..relation })
            }
            AlterAction::RenameColumn { from, to } => self.rename_column(relation, from, to),
            AlterAction::AddColumn { if_not_exists: true, column, .. }
                if relation.schema.index_of(&column.name).is_ok() =>
            {
                let message = format!(
                    "column \"{}\" of relation \"{}\" already exists, skipping",
                    column.name,
                    relation.local_name()
                );
                self.notice("NOTICE", code::DUPLICATE_COLUMN, message);
                Ok(())
            }
            AlterAction::AddColumn { column, keys, checks, .. } => {
                self.add_column(relation, column, keys, checks).await
            }
            AlterAction::AddConstraint { keys, checks } => self.add_constraints(relation, keys, checks).await,
            AlterAction::DropColumn { name, if_exists, cascade } => {
                self.drop_column(relation, name, *if_exists, *cascade).await
            }
            AlterAction::DropConstraint { name, if_exists } => self.drop_constraint(relation, name, *if_exists).await,
            AlterAction::SetDefault { column, default } => {
                let (at, mut relation, mut table) = column_of(relation, column)?;
                if !matches!(
                    table.columns[at].value,
                    ColumnValue::Null | ColumnValue::Default(_) | ColumnValue::Serial(_)
                ) {
                    let message = format!(
                        "column \"{column}\" of relation \"{}\" is a generated or identity column",
                        relation.local_name()
                    );
                    return Err(Error::new(code::SYNTAX_ERROR, message));
                }
                table.columns[at].value = default.clone().map_or(ColumnValue::Null, ColumnValue::Default);
                relation.kind = RelationKind::Table(Arc::new(table));
                self.check_expressions(&relation).await?;
                self.replace(relation)
            }
            AlterAction::SetNotNull { column, not_null } => {
                let (at, mut relation, mut table) = column_of(relation, column)?;
                if !not_null && self.engine.catalog().primary_key(id).contains(&at) {
                    let message = format!("column \"{column}\" is in a primary key");
                    return Err(Error::new(code::INVALID_TABLE_DEFINITION, message));
                }
                table.columns[at].not_null = *not_null;
                relation.kind = RelationKind::Table(Arc::new(table));
                let rows = self.current_rows(id).await?;
                self.check_rows(&relation, &rows).await?;
                self.replace(relation)
            }
        }
    }

    /// Puts a new version in the place of the relation, if all views that name it still mean the same.
    fn replace(&self, relation: Relation) -> Result<()> {
        let mut next = Catalog::clone(&self.engine.catalog());
        next.replace(relation.clone())?;
        self.check_views(next, relation.id)?;
        self.engine.change_catalog(|catalog| catalog.replace(relation))
    }

    /// Refuses a version of the catalog in which a view over `id` would have other columns, or none.
    fn check_views(&self, next: Catalog, id: RelationId) -> Result<()> {
        let names = super::read::Names { catalog: Arc::new(next), ..self.names() };
        for view in names.catalog.dependents(id) {
            if let RelationKind::Sink { .. } = &view.kind {
                let message = format!("sink {} writes what would change", view.local_name());
                return Err(Error::new(code::DEPENDENT_OBJECTS_STILL_EXIST, message).hint("drop the sink first"));
            }
            let RelationKind::View { query, .. } = &view.kind else { continue };
            let planned = analyze::plan_select(&Query::from_text(query)?, &names, &self.plan_settings(), &[]);
            let types =
                |schema: &SchemaRef| schema.fields().iter().map(|field| field.data_type().clone()).collect::<Vec<_>>();
            if !planned.is_ok_and(|select| types(&select.schema) == types(&view.schema)) {
                let message = format!("view {} would change its meaning", view.name);
                return Err(Error::new(code::DEPENDENT_OBJECTS_STILL_EXIST, message)
                    .detail(format!("its query is: {query}"))
                    .hint("drop the view first, and create it again afterwards"));
            }
        }
        Ok(())
    }

    fn rename_column(&self, relation: Relation, from: &str, to: &str) -> Result<()> {
        let at = position(&relation, from)?;
        if relation.schema.index_of(to).is_ok() {
            let message = format!("column \"{to}\" of relation \"{}\" already exists", relation.local_name());
            return Err(Error::new(code::DUPLICATE_COLUMN, message));
        }
        if let RelationKind::Table(table) = &relation.kind
            && let Some(text) = expressions(table).find(|text| mentions(text, from))
        {
            return Err(Error::unsupported(format!("cannot rename column \"{from}\": an expression names it"))
                .detail(text.to_string())
                .hint("drop the constraint or the generated column first"));
        }
        let field = |(number, field): (usize, &Arc<Field>)| match number == at {
            true => Arc::new(field.as_ref().clone().with_name(to)),
            false => Arc::clone(field),
        };
        let fields: Vec<Arc<Field>> = relation.schema.fields().iter().enumerate().map(field).collect();
        self.replace(Relation { schema: Arc::new(Schema::new(fields)), ..relation })
    }

    async fn add_column(
        &mut self,
        mut relation: Relation,
        column: &ColumnDefinition,
        keys: &[KeyDefinition],
        checks: &[CheckDefinition],
    ) -> Result<()> {
        self.before_rewrite(&relation, false).await?;
        if relation.schema.index_of(&column.name).is_ok() {
            let message =
                format!("column \"{}\" of relation \"{}\" already exists", column.name, relation.local_name());
            return Err(Error::new(code::DUPLICATE_COLUMN, message));
        }
        let RelationKind::Table(table) = &relation.kind else { return Err(Error::internal("no table")) };
        let mut table = Table::clone(table);
        table.columns.push(table_column(relation.local_name(), column));
        relation.kind = RelationKind::Table(Arc::new(table));
        let mut fields: Vec<Arc<Field>> = relation.schema.fields().iter().map(Arc::clone).collect();
        fields.push(Arc::new(column.field()));
        relation.schema = Arc::new(Schema::new(fields));
        let relation = self.with_checks(relation, checks)?;
        self.check_expressions(&relation).await?;
        let (relation, indexes) = self.with_keys(relation, keys)?;
        let changed = Changed::new(Arc::new(relation.clone()))?;
        let at = relation.schema.fields().len() - 1;
        let mut rewritten = Vec::new();
        for rows in self.current_rows(relation.id).await? {
            let count = rows.num_rows();
            let mut columns = rows.columns().to_vec();
            columns.push(self.default_values(&changed, at, count).await?);
            self.generate(&changed, &mut columns, count).await?;
            rewritten.push(batch(&relation.schema, columns, count)?);
        }
        self.check_rows(&relation, &rewritten).await?;
        self.rewrite(relation, rewritten, indexes).await
    }

    /// Puts other rows and columns in the place of a table's, then adds indexes.
    async fn rewrite(&mut self, relation: Relation, rows: Vec<RecordBatch>, indexes: Vec<Index>) -> Result<()> {
        let mut next = Catalog::clone(&self.engine.catalog());
        next.replace(relation.clone())?;
        self.check_views(next, relation.id)?;
        let kept: Vec<(RelationId, Vec<usize>)> =
            self.engine.catalog().indexes_of(relation.id).map(|index| (index.id, index.columns.clone())).collect();
        self.engine.runtime().alter_table(relation.id, Arc::clone(&relation.schema), rows, kept).await?;
        let relation = Arc::new(relation);
        self.engine.change_catalog(|catalog| catalog.replace(Relation::clone(&relation)))?;
        for index in indexes {
            self.add_index(&relation, index).await?;
        }
        Ok(())
    }

    async fn add_constraints(
        &mut self,
        relation: Relation,
        keys: &[KeyDefinition],
        checks: &[CheckDefinition],
    ) -> Result<()> {
        let relation = self.with_checks(relation, checks)?;
        let (relation, indexes) = self.with_keys(relation, keys)?;
        let rows = self.current_rows(relation.id).await?;
        self.check_rows(&relation, &rows).await?;
        let shared = Arc::new(relation.clone());
        for index in indexes {
            self.add_index(&shared, index).await?;
        }
        self.replace(relation)
    }

    /// Tests rows that are there against the constraints of a new version.
    async fn check_rows(&mut self, relation: &Relation, rows: &[RecordBatch]) -> Result<()> {
        let changed = Changed::new(Arc::new(relation.clone()))?;
        for rows in rows {
            let Some(found) = self.violation(&changed, rows.columns(), rows.num_rows()).await? else { continue };
            let subject = found.error.subject.clone().unwrap_or_default();
            let message = match (&subject.column, &subject.constraint) {
                (Some(column), _) => {
                    format!("column \"{column}\" of relation \"{}\" contains null values", relation.local_name())
                }
                (None, constraint) => format!(
                    "check constraint \"{}\" of relation \"{}\" is violated by some row",
                    constraint.as_deref().unwrap_or_default(),
                    relation.local_name()
                ),
            };
            return Err(Error { message, detail: None, ..found.error });
        }
        Ok(())
    }

    async fn drop_column(&mut self, relation: Relation, name: &str, if_exists: bool, cascade: bool) -> Result<()> {
        if if_exists && relation.schema.index_of(name).is_err() {
            let message =
                format!("column \"{name}\" of relation \"{}\" does not exist, skipping", relation.local_name());
            self.notice("NOTICE", "00000", message);
            return Ok(());
        }
        let (at, mut relation, mut table) = column_of(relation, name)?;
        let catalog = self.engine.catalog();
        let generated = table
            .columns
            .iter()
            .any(|column| matches!(&column.value, ColumnValue::Generated(text) if mentions(text, name)));
        if let Some(view) = catalog.dependents(relation.id).last() {
            let message = format!(
                "cannot drop column {name} of table {} because other objects depend on the table",
                relation.local_name()
            );
            let hint = if cascade { "drop them first: CASCADE is not supported here" } else { "drop them first" };
            return Err(Error::new(code::DEPENDENT_OBJECTS_STILL_EXIST, message)
                .detail(format!("{} {} depends on table {}", view.kind.noun(), view.name, relation.local_name()))
                .hint(hint));
        }
        if generated {
            let message = format!(
                "cannot drop column {name} of table {} because a generated column depends on it",
                relation.local_name()
            );
            return Err(Error::new(code::DEPENDENT_OBJECTS_STILL_EXIST, message));
        }
        self.before_rewrite(&relation, true).await?;
        table.columns.remove(at);
        table.checks.retain(|check| !mentions(&check.condition, name));
        let left: Vec<usize> = (0..relation.schema.fields().len()).filter(|column| *column != at).collect();
        relation.schema = Arc::new(relation.schema.project(&left).map_err(|error| Error::internal(error.to_string()))?);
        relation.kind = RelationKind::Table(Arc::new(table));
        let mut rows = Vec::new();
        for old in self.current_rows(relation.id).await? {
            let columns = left.iter().map(|column| Arc::clone(old.column(*column))).collect();
            rows.push(batch(&relation.schema, columns, old.num_rows())?);
        }
        let indexes: Vec<Index> = catalog.indexes_of(relation.id).map(|index| Index::clone(index)).collect();
        self.engine.change_catalog(|catalog| {
            for index in indexes {
                catalog.remove_index(index.id);
                if !index.columns.contains(&at) {
                    let columns = index.columns.iter().map(|column| column - usize::from(*column > at)).collect();
                    catalog.add_index(Index { columns, ..index })?;
                }
            }
            Ok(())
        })?;
        self.rewrite(relation, rows, Vec::new()).await
    }

    async fn drop_constraint(&mut self, mut relation: Relation, name: &str, if_exists: bool) -> Result<()> {
        let RelationKind::Table(table) = &relation.kind else { return Err(Error::internal("no table")) };
        let mut table = Table::clone(table);
        let catalog = self.engine.catalog();
        let index = catalog.indexes_of(relation.id).find(|index| index.is_constraint() && index.name == name).cloned();
        let checks = table.checks.len();
        table.checks.retain(|check| check.name != name);
        match index {
            // The columns of a dropped primary key stay NOT NULL, as in PostgreSQL.
            Some(index) => self.remove_index(&index).await,
            None if table.checks.len() < checks => {
                relation.kind = RelationKind::Table(Arc::new(table));
                self.replace(relation)
            }
            None => {
                let message = format!("constraint \"{name}\" of relation \"{}\" does not exist", relation.local_name());
                if !if_exists {
                    return Err(Error::new(code::UNDEFINED_OBJECT, message));
                }
                self.notice("NOTICE", "00000", message + ", skipping");
                Ok(())
            }
        }
    }
}

/// Refuses what is not done to a relation of this kind. As in PostgreSQL, ALTER TABLE takes views too.
fn check_class(relation: &Relation, alter: &Alter) -> Result<()> {
    let is_named = matches!(
        (&relation.kind, alter.class),
        (RelationKind::Table(_), Some(RelationClass::Table))
            | (RelationKind::View { .. }, Some(RelationClass::View | RelationClass::Table))
            | (RelationKind::MaterializedView { .. }, Some(RelationClass::MaterializedView | RelationClass::Table))
    );
    if !is_named {
        let message = format!("ALTER of {} \"{}\" is not supported this way", relation.kind.noun(), alter.name);
        return Err(Error::new(code::WRONG_OBJECT_TYPE, message)
            .hint("tables, views and materialized views can be altered, each by its name"));
    }
    let names = |action: &AlterAction| {
        matches!(action, AlterAction::Rename(_) | AlterAction::SetSchema(_) | AlterAction::RenameColumn { .. })
    };
    if !matches!(relation.kind, RelationKind::Table(_)) && !alter.actions.iter().all(names) {
        let message = format!("ALTER action cannot be performed on relation \"{}\"", relation.local_name());
        return Err(Error::new(code::WRONG_OBJECT_TYPE, message)
            .detail(format!("This operation is not supported for {}s.", relation.kind.noun()))
            .hint("a view can be renamed, moved to another schema, and its columns renamed"));
    }
    Ok(())
}

fn position(relation: &Relation, column: &str) -> Result<usize> {
    relation.schema.index_of(column).map_err(|_| {
        let message = format!("column \"{column}\" of relation \"{}\" does not exist", relation.local_name());
        Error::new(code::UNDEFINED_COLUMN, message)
    })
}

/// A column's position, with the table's parts to be changed.
fn column_of(relation: Relation, column: &str) -> Result<(usize, Relation, Table)> {
    let at = position(&relation, column)?;
    let RelationKind::Table(table) = &relation.kind else { return Err(Error::internal("no table")) };
    let table = Table::clone(table);
    Ok((at, relation, table))
}

/// The expressions over a table's rows.
fn expressions(table: &Table) -> impl Iterator<Item = &str> {
    let generated = table.columns.iter().filter_map(|column| match &column.value {
        ColumnValue::Generated(text) => Some(text.as_str()),
        _ => None,
    });
    table.checks.iter().map(|check| check.condition.as_str()).chain(generated)
}

/// Whether an expression names a column.
fn mentions(text: &str, column: &str) -> bool {
    Query::over_rows(&[text]).map_or(true, |query| query.columns().iter().any(|name| name == column))
}

//! CREATE TABLE, CREATE TABLE AS, CREATE INDEX, DROP INDEX.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::dml::Changed;
use super::{Outcome, Session, is_kept};
use crate::catalog::{
    Check, ColumnValue, Index, IndexKind, Relation, RelationId, RelationKind, Sequence, Table, TableColumn, full_name,
    split_name,
};
use crate::compile::analyze::Rows;
use crate::compile::parse::{
    CheckDefinition, ColumnDefault, ColumnDefinition, CreateIndex, CreateTable, KeyDefinition, Query, constant_of,
};
use crate::error::{Error, Result, code};
use crate::flow::Delta;
use crate::types::SqlType;

impl Session {
    pub(super) async fn create_table(&mut self, create: &CreateTable, text: &str) -> Result<Outcome> {
        if create.query.is_some() {
            return self.create_table_as(create, text).await;
        }
        let schema = columns_schema(&create.columns)?;
        let columns = create.columns.iter().map(|column| table_column(split_name(&create.name).1, column)).collect();
        let table = Table { columns, checks: Vec::new() };
        let relation = self.new_relation(&create.name, &schema, table, text)?;
        let relation = self.with_checks(relation, &create.checks)?;
        self.check_expressions(&relation).await?;
        let (relation, indexes) = self.with_keys(relation, &create.keys)?;
        self.add_table(relation, indexes).await?;
        Ok(Outcome::Done("CREATE TABLE".into()))
    }

    async fn create_table_as(&mut self, create: &CreateTable, text: &str) -> Result<Outcome> {
        let Some((query, names, with_data)) = &create.query else { return Err(Error::internal("no query")) };
        let select = self.plan(query, &[])?;
        if !select.parameters.is_empty() {
            return Err(Error::new(code::UNDEFINED_PARAMETER, "a table cannot be made with parameters"));
        }
        if names.len() > select.schema.fields().len() {
            return Err(Error::new(code::SYNTAX_ERROR, "too many column names were specified"));
        }
        let field = |(at, field): (usize, &Arc<Field>)| {
            let name = names.get(at).unwrap_or(field.name());
            // Numerics of expressions have no precision.
            match SqlType::declared(field) {
                SqlType::AnyNumeric(None) => SqlType::NUMERIC.field(name),
                _ => field.as_ref().clone().with_name(name).with_nullable(true),
            }
        };
        let fields: Vec<Field> = select.schema.fields().iter().enumerate().map(field).collect();
        let mut seen = HashSet::new();
        if let Some(field) = fields.iter().find(|field| !seen.insert(field.name())) {
            return Err(duplicate_column(field.name()).hint("give the columns distinct names with AS"));
        }
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let table = Table { columns: vec![TableColumn::default(); schema.fields().len()], checks: Vec::new() };
        let relation = self.new_relation(&create.name, &schema, table, text)?;
        // The rows first: what fails leaves no table.
        let rows = if *with_data { Some(self.collect_planned(select, None, &[]).await?) } else { None };
        let id = relation.id;
        self.add_table(relation, Vec::new()).await?;
        self.redefine(id)?;
        let Some(rows) = rows else { return Ok(Outcome::Done("CREATE TABLE AS".into())) };
        let count = rows.num_rows();
        self.writing(async |session| {
            session.lock(id).await?;
            let fields = schema.fields().iter().zip(rows.schema_ref().fields());
            let columns = fields.zip(rows.columns()).map(|((field, from), values)| {
                let target = crate::compile::function::Target {
                    name: field.name(),
                    sql_type: SqlType::of(field),
                    zone: session.zone(),
                };
                if values.data_type() == field.data_type() {
                    Ok(ArrayRef::clone(values))
                } else {
                    target.assign(values, &SqlType::of(from))
                }
            });
            let rows = crate::flow::delta::batch(&schema, columns.collect::<Result<_>>()?, count)?;
            session.change(id, vec![Delta::insert(rows)])?;
            Ok(Outcome::Done(format!("SELECT {count}")))
        })
        .await
    }

    fn new_relation(&self, name: &str, schema: &SchemaRef, table: Table, text: &str) -> Result<Relation> {
        let id = self.engine.change_catalog(|catalog| Ok(catalog.next_id()))?;
        Ok(Relation {
            id,
            name: name.to_string(),
            schema: Arc::clone(schema),
            definition: text.into(),
            kind: RelationKind::Table(Arc::new(table)),
            depends_on: Vec::new(),
        })
    }

    async fn add_table(&mut self, relation: Relation, indexes: Vec<Index>) -> Result<()> {
        let runtime = self.engine.runtime();
        runtime.add_table(relation.id, &relation.name, Arc::clone(&relation.schema)).await?;
        for index in &indexes {
            runtime.store().add_index(relation.id, index.id, index.columns.clone())?;
        }
        self.engine.change_catalog(|catalog| {
            catalog.add(relation)?;
            indexes.into_iter().try_for_each(|index| catalog.add_index(index))
        })
    }

    /// The table with CHECK constraints added, tested for what they mean.
    pub(super) fn with_checks(&self, mut relation: Relation, checks: &[CheckDefinition]) -> Result<Relation> {
        let RelationKind::Table(table) = &relation.kind else { return Err(Error::internal("no table")) };
        let mut table = Table::clone(table);
        let over = Rows::default().with(relation.local_name(), &relation.schema);
        for check in checks {
            let select = self.plan_over(&Query::over_rows(&[&check.condition])?, &over, &[])?;
            if !matches!(select.schema.field(0).data_type(), DataType::Boolean | DataType::Null) {
                let found = SqlType::of(select.schema.field(0));
                let message = format!("argument of CHECK must be type boolean, not type {found}");
                return Err(Error::new(code::DATATYPE_MISMATCH, message));
            }
            let column = match check.columns.as_slice() {
                [column] => format!("{}_{column}_check", relation.local_name()),
                _ => format!("{}_check", relation.local_name()),
            };
            let catalog = self.engine.catalog();
            let is_key =
                |name: &str| catalog.indexes_of(relation.id).any(|index| index.name == name && index.is_constraint());
            let is_free = |name: &str| !table.checks.iter().any(|other| other.name == name) && !is_key(name);
            let name = match &check.name {
                Some(name) if is_free(name) => name.clone(),
                Some(name) => return Err(duplicate(name, &relation)),
                None => free_name(&column, is_free),
            };
            table.checks.push(Check { name, condition: check.condition.clone() });
        }
        table.checks.sort_by(|one, other| one.name.cmp(&other.name));
        relation.kind = RelationKind::Table(Arc::new(table));
        Ok(relation)
    }

    /// The table with keys, whose columns cannot be NULL if it is the primary one; and their indexes, the primary key's first.
    pub(super) fn with_keys(&self, mut relation: Relation, keys: &[KeyDefinition]) -> Result<(Relation, Vec<Index>)> {
        let RelationKind::Table(table) = &relation.kind else { return Err(Error::internal("no table")) };
        let mut table = Table::clone(table);
        let catalog = self.engine.catalog();
        let has_primary = !catalog.primary_key(relation.id).is_empty();
        if keys.iter().filter(|key| key.primary).count() + usize::from(has_primary) > 1 {
            let message = format!("multiple primary keys for table \"{}\" are not allowed", relation.local_name());
            return Err(Error::new(code::INVALID_TABLE_DEFINITION, message));
        }
        let mut indexes: Vec<Index> = Vec::new();
        let mut ordered: Vec<&KeyDefinition> = keys.iter().collect();
        ordered.sort_by_key(|key| !key.primary);
        for key in ordered {
            let mut columns = Vec::new();
            for name in &key.columns {
                let at = relation.schema.index_of(name).map_err(|_| {
                    Error::new(code::UNDEFINED_COLUMN, format!("column \"{name}\" named in key does not exist"))
                })?;
                if columns.contains(&at) {
                    let kind = if key.primary { "primary key" } else { "unique" };
                    let message = format!("column \"{name}\" appears twice in {kind} constraint");
                    return Err(Error::new(code::DUPLICATE_COLUMN, message));
                }
                columns.push(at);
            }
            if key.primary {
                columns.iter().for_each(|column| table.columns[*column].not_null = true);
            }
            let is_free = |name: &str| {
                catalog.check_free(&full_name(relation.namespace(), name)).is_ok()
                    && !indexes.iter().any(|other| other.name == name)
                    && name != relation.local_name()
            };
            let is_check = |name: &String| table.checks.iter().any(|check| check.name == *name);
            let name = match &key.name {
                Some(name) if is_check(name) => return Err(duplicate(name, &relation)),
                Some(name) if is_free(name) => name.clone(),
                Some(name) => {
                    return Err(Error::new(code::DUPLICATE_TABLE, format!("relation \"{name}\" already exists")));
                }
                None if key.primary => free_name(&format!("{}_pkey", relation.local_name()), is_free),
                None => free_name(&format!("{}_{}_key", relation.local_name(), key.columns.join("_")), is_free),
            };
            let id = self.engine.change_catalog(|catalog| Ok(catalog.next_id()))?;
            let kind = if key.primary { IndexKind::PrimaryKey } else { IndexKind::UniqueConstraint };
            indexes.push(Index { id, name, relation: relation.id, columns, kind });
        }
        relation.kind = RelationKind::Table(Arc::new(table));
        Ok((relation, indexes))
    }

    /// Refuses defaults and generated columns that could not be computed.
    pub(super) async fn check_expressions(&mut self, relation: &Relation) -> Result<()> {
        let changed = Changed::new(Arc::new(relation.clone()))?;
        let RelationKind::Table(table) = &relation.kind else { return Ok(()) };
        for (at, column) in table.columns.iter().enumerate() {
            match &column.value {
                ColumnValue::Default(text) => {
                    if constant_of(text).is_none() && !Query::over_rows(&[text])?.columns().is_empty() {
                        return Err(Error::unsupported("cannot use column reference in DEFAULT expression"));
                    }
                    let name = relation.schema.field(at).name();
                    let rows = usize::from(constant_of(text).is_some());
                    self.default_values(&changed, at, rows).await.map_err(|error| mismatched(error, name))?;
                }
                ColumnValue::Generated(text) => self.check_generated(relation, table, at, text)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn check_generated(&self, relation: &Relation, table: &Table, at: usize, text: &str) -> Result<()> {
        let query = Query::over_rows(&[text])?;
        for column in query.columns() {
            let Ok(used) = relation.schema.index_of(&column) else { continue };
            if matches!(table.columns[used].value, ColumnValue::Generated(_)) {
                let message = format!("cannot use generated column \"{column}\" in column generation expression");
                return Err(Error::new(code::INVALID_OBJECT_DEFINITION, message)
                    .detail("A generated column cannot reference another generated column."));
            }
        }
        let over = Rows::default().with(relation.local_name(), &relation.schema);
        let select = self.plan_over(&query, &over, &[])?;
        if !select.is_immutable() || !select.relations.iter().all(|id| *id == crate::compile::analyze::ROWS_ID) {
            return Err(Error::new(code::INVALID_OBJECT_DEFINITION, "generation expression is not immutable"));
        }
        let field = relation.schema.field(at);
        let target =
            crate::compile::function::Target { name: field.name(), sql_type: SqlType::of(field), zone: self.zone() };
        let none: ArrayRef = datafusion::arrow::array::new_empty_array(select.schema.field(0).data_type());
        target.assign(&none, &SqlType::of(select.schema.field(0))).map(drop)
    }

    pub(super) async fn create_index(&mut self, create: &CreateIndex) -> Result<Outcome> {
        let relation = self.relation(&create.relation)?;
        let catalog = self.engine.catalog();
        if let Some(name) = &create.name
            && create.if_not_exists
            && catalog.check_free(&full_name(relation.namespace(), name)).is_err()
        {
            self.notice("NOTICE", code::DUPLICATE_TABLE, format!("relation \"{name}\" already exists, skipping"));
            return Ok(Outcome::Done("CREATE INDEX".into()));
        }
        if !is_kept(&relation.kind) {
            let message = format!("cannot create index on relation \"{}\"", relation.local_name());
            return Err(Error::new(code::WRONG_OBJECT_TYPE, message)
                .detail(format!("This operation is not supported for {}s.", relation.kind.noun()))
                .hint("tables and materialized views have indexes"));
        }
        if create.unique && !matches!(relation.kind, RelationKind::Table(_)) {
            return Err(
                Error::unsupported("a unique index of a materialized view is not supported").hint("leave UNIQUE out")
            );
        }
        let column = |name: &String| {
            let message = format!("column \"{name}\" does not exist");
            relation.schema.index_of(name).map_err(|_| Error::new(code::UNDEFINED_COLUMN, message))
        };
        let columns = create.columns.iter().map(column).collect::<Result<Vec<_>>>()?;
        let wanted = format!("{}_{}_idx", relation.local_name(), create.columns.join("_"));
        let name = match &create.name {
            Some(name) => name.clone(),
            None => free_name(&wanted, |name| catalog.check_free(&full_name(relation.namespace(), name)).is_ok()),
        };
        catalog.check_free(&full_name(relation.namespace(), &name))?;
        let id = self.engine.change_catalog(|catalog| Ok(catalog.next_id()))?;
        let kind = if create.unique { IndexKind::Unique } else { IndexKind::Plain };
        let index = Index { id, name, relation: relation.id, columns, kind };
        self.writing(async |session| {
            if matches!(relation.kind, RelationKind::Table(_)) {
                session.lock(relation.id).await?;
            }
            session.add_index(&relation, index).await?;
            Ok(Outcome::Done("CREATE INDEX".into()))
        })
        .await
    }

    /// Adds an index over the rows that are there; a unique one is tested.
    pub(super) async fn add_index(&mut self, relation: &Arc<Relation>, index: Index) -> Result<()> {
        self.refuse_changed(relation)?;
        let store = self.engine.runtime().store();
        store.add_index(relation.id, index.id, index.columns.clone())?;
        if index.is_unique()
            && let Err(error) = self.check_new_unique(relation, &index).await
        {
            self.engine.runtime().store().remove_index(relation.id, index.id);
            return Err(error);
        }
        let id = index.id;
        self.engine.change_catalog(|catalog| catalog.add_index(index)).inspect_err(|_| {
            self.engine.runtime().store().remove_index(relation.id, id);
        })
    }

    async fn check_new_unique(&mut self, relation: &Arc<Relation>, index: &Index) -> Result<()> {
        let changed = Changed::new(Arc::clone(relation))?;
        for rows in self.current_rows(relation.id).await? {
            let keys = self.engine.runtime().store().index_keys(relation.id);
            let Some(keys) = keys.iter().find(|keys| keys.id == index.id) else { continue };
            let counts = self.engine.runtime().store().count(relation.id, index.id, &keys.of(&rows)?)?;
            if let Some(row) = counts.iter().position(|count| *count > 1) {
                let duplicate = self.duplicate(&changed, index, rows.columns(), row);
                let detail = duplicate.detail.unwrap_or_default().replace("already exists", "is duplicated");
                let message = format!("could not create unique index \"{}\"", index.name);
                return Err(Error { message, detail: Some(detail), ..duplicate });
            }
        }
        Ok(())
    }

    pub(super) async fn drop_indexes(&mut self, names: &[String], if_exists: bool) -> Result<Outcome> {
        for name in names {
            let catalog = self.engine.catalog();
            let Some(index) = catalog.find_index(name, &self.search_path()).cloned() else {
                let message = format!("index \"{name}\" does not exist");
                if !if_exists {
                    return Err(Error::new(code::UNDEFINED_OBJECT, message));
                }
                self.notice("NOTICE", "00000", message + ", skipping");
                continue;
            };
            if index.is_constraint() {
                let table =
                    catalog.by_id(index.relation).map(|table| table.local_name().to_string()).unwrap_or_default();
                let message =
                    format!("cannot drop index {name} because constraint {name} on table {table} requires it");
                return Err(Error::new(code::DEPENDENT_OBJECTS_STILL_EXIST, message)
                    .hint(format!("You can drop constraint {name} on table {table} instead.")));
            }
            self.remove_index(&index).await?;
        }
        Ok(Outcome::Done("DROP INDEX".into()))
    }

    /// Forgets an index once no statement works with it.
    pub(super) async fn remove_index(&mut self, index: &Index) -> Result<()> {
        let (relation, id) = (index.relation, index.id);
        self.writing(async |session| {
            session.lock(relation).await?;
            session.engine.change_catalog(|catalog| {
                catalog.remove_index(id);
                Ok(())
            })?;
            Ok(Outcome::Done(String::new()))
        })
        .await
        .map(drop)
    }
}

/// 42710 for a second constraint of one name.
fn duplicate(name: &str, relation: &Relation) -> Error {
    let message = format!("constraint \"{name}\" for relation \"{}\" already exists", relation.local_name());
    Error::new(code::DUPLICATE_OBJECT, message)
}

/// 42804 in the words that PostgreSQL has for defaults.
fn mismatched(error: Error, column: &str) -> Error {
    let message = error.message.replace("but expression is of type", "but default expression is of type");
    match error.code == code::DATATYPE_MISMATCH && message.contains(column) {
        true => Error { message, ..error },
        false => error,
    }
}

/// `wanted`, or the first of `wanted1`, `wanted2`, … that is free.
pub(super) fn free_name(wanted: &str, is_free: impl Fn(&str) -> bool) -> String {
    let numbered = (1..).map(|number| format!("{wanted}{number}"));
    std::iter::once(wanted.to_string()).chain(numbered).find(|name| is_free(name)).unwrap_or_else(|| wanted.to_string())
}

/// How a column of a table is kept.
pub(super) fn table_column(table: &str, column: &ColumnDefinition) -> TableColumn {
    let sequence = |start: i64, step: i64| {
        let name = format!("{table}_{}_seq", column.name);
        Arc::new(Sequence::new(name, &column.sql_type, start, step))
    };
    let value = match &column.default {
        None => ColumnValue::Null,
        Some(ColumnDefault::Expression(text)) if text.eq_ignore_ascii_case("null") => ColumnValue::Null,
        Some(ColumnDefault::Expression(text)) => ColumnValue::Default(text.clone()),
        Some(ColumnDefault::Generated(text)) => ColumnValue::Generated(text.clone()),
        Some(ColumnDefault::Serial) => ColumnValue::Serial(sequence(1, 1)),
        Some(ColumnDefault::Identity { always, start, step }) => {
            ColumnValue::Identity { sequence: sequence(*start, *step), always: *always }
        }
    };
    TableColumn { not_null: column.not_null, value, domain: column.domain.map(RelationId) }
}

/// The columns. A table's batches may hold NULL while a statement is checked: NOT NULL is our check, not Arrow's.
fn columns_schema(columns: &[ColumnDefinition]) -> Result<SchemaRef> {
    for column in columns {
        let is_number = matches!(column.sql_type, SqlType::SmallInt | SqlType::Integer | SqlType::BigInt);
        if matches!(column.default, Some(ColumnDefault::Identity { .. })) && !is_number {
            let message = "identity column type must be smallint, integer, or bigint";
            return Err(Error::new(code::INVALID_PARAMETER_VALUE, message));
        }
    }
    Ok(Arc::new(Schema::new(columns.iter().map(ColumnDefinition::field).collect::<Vec<_>>())))
}

fn duplicate_column(name: &str) -> Error {
    Error::new(code::DUPLICATE_COLUMN, format!("column \"{name}\" specified more than once"))
}

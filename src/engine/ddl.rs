//! CREATE and DROP. One at a time; a definition exists when its runtime part runs, and is gone when that is stopped.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};

use super::{Engine, Outcome, Session, sink, stream_spec};
use crate::catalog::{Catalog, Relation, RelationId, RelationKind};
use crate::compile::analyze;
use crate::compile::parse::{
    ColumnDefinition, CreateSink, CreateStream, CreateView, Drop, Kind, RelationClass, Statement, type_key,
};
use crate::connector::{CONNECTORS, Connector, Options};
use crate::error::{Error, Result, code};
use crate::flow::runtime::Keep;
use crate::format::{FORMATS, Format, Include, Layout};
use crate::types::SqlType;

/// How long a connector may take to tell that its target can be reached.
const REACH_TIMEOUT: Duration = Duration::from_secs(12);

impl Session {
    pub(super) async fn change_definitions(&mut self, statement: &Statement) -> Result<Outcome> {
        let at_once = matches!(statement.kind, Kind::CreateSink(_) | Kind::AlterType(_));
        if at_once && self.open.as_ref().is_some_and(|open| open.is_block) {
            // It writes outside, or changes what plans and values share, at once.
            self.outside_transaction(&statement.text)?;
        }
        self.change_catalog().await?;
        let engine = self.engine.clone();
        let kind = self.with_types(self.with_full_name(&statement.kind)?)?;
        let (name, if_not_exists) = match &kind {
            Kind::CreateStream(create) => (&create.name, create.if_not_exists),
            Kind::CreateTable(create) => (&create.name, create.if_not_exists),
            Kind::CreateView(create) if create.replace && self.replaces(&create.name)? => {
                self.replace_view(create, &statement.text).await?;
                return Ok(Outcome::Done("CREATE VIEW".into()));
            }
            Kind::CreateView(create) => (&create.name, create.if_not_exists),
            Kind::CreateSink(create) => (&create.name, create.if_not_exists),
            Kind::Drop(drop) => return self.drop_relations(drop).await,
            Kind::CreateIndex(create) => return self.create_index(create).await,
            Kind::Alter(alter) => return self.alter(alter).await,
            Kind::CreateType(create) => return self.create_type(create),
            Kind::AlterType(alter) => return self.alter_type(alter),
            Kind::DropType(drop) => return self.drop_types(drop).await,
            Kind::CreateSchema { name, if_not_exists } => return self.create_schema(name, *if_not_exists),
            Kind::DropSchema { names, if_exists, cascade } => {
                return self.drop_schemas(names, *if_exists, *cascade).await;
            }
            Kind::DropIndex { names, if_exists } => return self.drop_indexes(names, *if_exists).await,
            _ => return Err(Error::internal("not a definition")),
        };
        if let Err(taken) = engine.catalog().check_free(name) {
            if !if_not_exists {
                return Err(taken);
            }
            self.notice("NOTICE", code::DUPLICATE_TABLE, taken.message + ", skipping");
            return Ok(Outcome::Done(tag(&statement.kind).into()));
        }
        match &kind {
            Kind::CreateStream(create) => engine.create_stream(create, &statement.text).await?,
            Kind::CreateTable(create) => return self.create_table(create, &statement.text).await,
            Kind::CreateView(create) => self.create_view(create, &statement.text).await?,
            Kind::CreateSink(create) => engine.create_sink(create, &statement.text).await?,
            _ => return Err(Error::internal("not a definition")),
        }
        Ok(Outcome::Done(tag(&statement.kind).into()))
    }

    async fn create_view(&mut self, create: &CreateView, text: &str) -> Result<()> {
        let relation = self.planned_view(create, text)?;
        let engine = &self.engine;
        if let RelationKind::MaterializedView { plan } = &relation.kind {
            engine.runtime().add_dataflow(relation.id, &create.name, Arc::clone(plan), Keep::Result).await?;
        }
        engine.change_catalog(|catalog| catalog.add(relation).map(|_| ()))
    }

    /// A view that is not there yet.
    pub(super) fn planned_view(&mut self, create: &CreateView, text: &str) -> Result<Relation> {
        let names = self.names();
        let settings = self.plan_settings();
        let (schema, mut kind) = if create.materialized {
            let (plan, schema) = analyze::plan_view(&create.query, &names, &settings)?;
            (schema, RelationKind::MaterializedView { plan: Arc::new(plan) })
        } else {
            let select = analyze::plan_select(&create.query, &names, &settings, &[])?;
            if !select.parameters.is_empty() {
                return Err(Error::new(code::UNDEFINED_PARAMETER, "a view cannot have parameters"));
            }
            (select.schema, RelationKind::View { query: create.query_text.clone(), schemas: BTreeMap::new() })
        };
        let mentioned = create.query.relations();
        let found = |name: &String| Some((name.clone(), names.catalog.find(name, &names.path)?));
        let found: BTreeMap<String, &Arc<Relation>> = mentioned.iter().filter_map(found).collect();
        let types = create.query.types();
        let types = types.iter().filter_map(|name| names.catalog.find_type(name, &names.path)).collect::<Vec<_>>();
        let depends_on = found.values().map(|relation| relation.id).chain(types.iter().map(|used| used.id)).collect();
        if let RelationKind::View { schemas, .. } = &mut kind {
            let plain = found.iter().filter(|(name, _)| !name.contains('.'));
            *schemas = plain.map(|(name, relation)| (name.clone(), relation.namespace().to_string())).collect();
            schemas.extend(types.iter().map(|used| (type_key(used.local_name()), used.namespace().to_string())));
        }
        let schema = name_columns(schema, &create.columns, &create.name)?;
        let id = self.engine.change_catalog(|catalog| Ok(catalog.next_id()))?;
        Ok(Relation { id, name: create.name.clone(), schema, definition: text.into(), kind, depends_on })
    }

    async fn drop_relations(&mut self, drop: &Drop) -> Result<Outcome> {
        let engine = self.engine.clone();
        let mut doomed: Vec<Arc<Relation>> = Vec::new();
        for name in &drop.names {
            let catalog = engine.catalog();
            let Some(relation) = self.find(&catalog, name) else {
                let message = format!("{} \"{name}\" does not exist", class_noun(drop.class));
                if !drop.if_exists {
                    return Err(Error::new(code::UNDEFINED_TABLE, message));
                }
                self.notice("NOTICE", "00000", message + ", skipping");
                continue;
            };
            if class(&relation.kind) != drop.class {
                return Err(Error::new(
                    code::WRONG_OBJECT_TYPE,
                    format!("\"{name}\" is not a {}", class_noun(drop.class)),
                )
                .hint(format!("use DROP {} to remove it", relation.kind.noun().to_uppercase())));
            }
            doomed.push(relation);
        }
        let named = doomed.iter().map(|relation| relation.id).collect::<Vec<_>>();
        self.remove_relations(doomed, drop.cascade, &named).await?;
        Ok(Outcome::Done(format!("DROP {}", class_noun(drop.class).to_uppercase())))
    }

    /// Removes relations and, with `cascade`, all that depends on them; of those that are not `named` the client is told.
    pub(super) async fn remove_relations(
        &mut self,
        doomed: Vec<Arc<Relation>>,
        cascade: bool,
        named: &[RelationId],
    ) -> Result<()> {
        let engine = self.engine.clone();
        let doomed = with_dependents(&engine.catalog(), doomed, cascade)?;
        for relation in &doomed {
            if !named.contains(&relation.id) {
                let message = format!("drop cascades to {} {}", relation.kind.noun(), relation.name);
                self.notice("NOTICE", "00000", message);
            }
            if matches!(relation.kind, RelationKind::Table(_)) {
                // Waits for an open transaction that writes.
                self.lock(relation.id).await?;
            }
            engine.change_catalog(|catalog| {
                catalog.remove(relation.id);
                Ok(())
            })?;
        }
        Ok(())
    }
}

impl Engine {
    async fn create_stream(&self, create: &CreateStream, text: &str) -> Result<()> {
        let connector = connector(&create.options)?;
        let value = match (connector.columns)(&create.options)? {
            Some(schema) if create.columns.is_empty() => schema,
            _ if create.columns.is_empty() => {
                return Err(Error::new(code::SYNTAX_ERROR, format!("stream \"{}\" has no columns", create.name))
                    .hint("list them with their types: CREATE STREAM name (id BIGINT, …) WITH (…)"));
            }
            _ => columns_schema(&create.columns)?,
        };
        if let Some(column) = create.columns.iter().find(|column| column.default.is_some()) {
            return Err(Error::unsupported(format!(
                "DEFAULT of column \"{}\": a stream's column cannot have one",
                column.name
            )));
        }
        let layout = layout(&value, &create.includes)?;
        check_stream_options(&create.options)?;
        let source = (connector.source)(&create.options, &value)?;
        if let Some(format) = format(&create.options, connector.name)? {
            (format.decoder)(&create.options, &layout)?;
        }
        let reach = Arc::clone(&source);
        in_time(move || reach.start().map(|_| ())).await?;
        let id = self.change_catalog(|catalog| Ok(catalog.next_id()))?;
        let relation = Relation {
            id,
            name: create.name.clone(),
            schema: Arc::clone(&layout.schema),
            definition: text.into(),
            kind: RelationKind::Stream { source, options: create.options.clone(), layout },
            depends_on: Vec::new(),
        };
        if let Some(spec) = stream_spec(&relation) {
            self.runtime().add_stream(spec).await?;
        }
        self.change_catalog(|catalog| catalog.add(relation).map(|_| ()))
    }

    async fn create_sink(&self, create: &CreateSink, text: &str) -> Result<()> {
        let from = self.relation(&create.from)?;
        let spec = sink::SinkSpec::new(
            &create.name,
            &from,
            self.runtime().is_append_only(from.id),
            &create.options,
            connector(&create.options)?,
        )?;
        let target = Arc::clone(&spec.target);
        in_time(move || target.check()).await?;
        let id = self.change_catalog(|catalog| Ok(catalog.next_id()))?;
        let running = sink::start(self, id, &from, spec).await?;
        let relation = Relation {
            id,
            name: create.name.clone(),
            schema: Arc::clone(&from.schema),
            definition: text.into(),
            kind: RelationKind::Sink { options: create.options.clone() },
            depends_on: vec![from.id],
        };
        self.inner.sinks.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(running);
        self.change_catalog(|catalog| catalog.add(relation).map(|_| ()))
    }
}

/// All that goes with the named relations, dependents first; without CASCADE there may be none besides them.
fn with_dependents(catalog: &Catalog, named: Vec<Arc<Relation>>, cascade: bool) -> Result<Vec<Arc<Relation>>> {
    let mut doomed: Vec<Arc<Relation>> = Vec::new();
    for relation in &named {
        let dependents = catalog.dependents(relation.id);
        let others: Vec<&Arc<Relation>> = dependents.iter().filter(|one| !contains(&named, one.id)).collect();
        if !cascade && !others.is_empty() {
            let list = others.iter().rev().map(|one| {
                format!("{} {} depends on {} {}", one.kind.noun(), one.name, relation.kind.noun(), relation.name)
            });
            return Err(Error::new(
                code::DEPENDENT_OBJECTS_STILL_EXIST,
                format!("cannot drop {} {} because other objects depend on it", relation.kind.noun(), relation.name),
            )
            .detail(list.collect::<Vec<_>>().join("\n"))
            .hint("Use DROP ... CASCADE to drop the dependent objects too."));
        }
        for one in dependents.into_iter().chain([Arc::clone(relation)]) {
            if !contains(&doomed, one.id) {
                doomed.push(one);
            }
        }
    }
    // A relation only reads older ones: newest first never leaves a reader without its input.
    doomed.sort_by_key(|relation| std::cmp::Reverse(relation.id));
    Ok(doomed)
}

fn contains(relations: &[Arc<Relation>], id: RelationId) -> bool {
    relations.iter().any(|relation| relation.id == id)
}

/// Runs a call that waits for the outside on a thread of its own, for a bounded time.
async fn in_time(call: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    let call = tokio::task::spawn_blocking(call);
    match tokio::time::timeout(REACH_TIMEOUT, call).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(panic)) => Err(Error::internal(format!("the connector failed: {panic}"))),
        Err(_) => Err(Error::new(code::FDW_UNABLE_TO_ESTABLISH_CONNECTION, "the connector did not answer in time")),
    }
}

pub(super) fn connector(options: &Options) -> Result<&'static Connector> {
    let names = || CONNECTORS.iter().map(|connector| connector.name).collect::<Vec<_>>().join(", ");
    let Some(name) = options.get("connector") else {
        return Err(Error::new(code::FDW_INVALID_OPTION_NAME, "option \"connector\" is missing")
            .hint(format!("the connectors are: {}", names())));
    };
    CONNECTORS.iter().find(|connector| connector.name == name).ok_or_else(|| {
        Error::new(code::FDW_INVALID_OPTION_NAME, format!("connector \"{name}\" does not exist"))
            .hint(format!("the connectors are: {}", names()))
    })
}

/// The format of a stream or sink; `None` for connectors that make rows themselves.
pub(super) fn format(options: &Options, connector: &str) -> Result<Option<&'static Format>> {
    let names = || FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ");
    match options.get("format") {
        None if connector == "generator" => Ok(None),
        None => Err(Error::new(code::FDW_INVALID_OPTION_NAME, "option \"format\" is missing")
            .hint(format!("the formats are: {}", names()))),
        Some(_) if connector == "generator" => {
            Err(Error::new(code::FDW_INVALID_OPTION_NAME, "option \"format\": the generator makes rows, not bytes"))
        }
        Some(name) => FORMATS.iter().find(|format| format.name == name).map(Some).ok_or_else(|| {
            Error::new(code::FDW_INVALID_OPTION_NAME, format!("format \"{name}\" does not exist"))
                .hint(format!("the formats are: {}", names()))
        }),
    }
}

fn check_stream_options(options: &Options) -> Result<()> {
    let wrong = |key: &str, value: &str, hint: &str| {
        Error::new(code::INVALID_PARAMETER_VALUE, format!("invalid value for option \"{key}\": \"{value}\"")).hint(hint)
    };
    if let Some(value) = options.get("max_rows_per_second")
        && !value.parse::<u64>().is_ok_and(|rows| rows > 0)
    {
        return Err(wrong("max_rows_per_second", value, "a whole number above 0"));
    }
    if let Some(value) = options.get("on_error")
        && !["store", "skip", "fail"].contains(&value)
    {
        return Err(wrong("on_error", value, "one of store, skip, fail"));
    }
    Ok(())
}

fn columns_schema(columns: &[ColumnDefinition]) -> Result<SchemaRef> {
    let mut fields: Vec<Field> = Vec::with_capacity(columns.len());
    for column in columns {
        if fields.iter().any(|field| field.name() == &column.name) {
            return Err(duplicate_column(&column.name));
        }
        if column.domain.is_some() {
            let message = format!("column \"{}\": a stream's column cannot be of a domain", column.name);
            return Err(Error::unsupported(message).hint("use the type under it, and check values in a view"));
        }
        fields.push(column.field().with_nullable(!column.not_null));
    }
    Ok(Arc::new(Schema::new(fields)))
}

fn layout(value: &SchemaRef, includes: &[(Include, String)]) -> Result<Layout> {
    let mut fields: Vec<Field> = value.fields().iter().map(|field| field.as_ref().clone()).collect();
    for (include, name) in includes {
        if fields.iter().any(|field| field.name() == name) {
            return Err(duplicate_column(name).hint("give the included column another name: INCLUDE … AS name"));
        }
        let sql_type = match include {
            Include::Key => SqlType::Bytea,
            Include::Partition => SqlType::Integer,
            Include::Offset => SqlType::BigInt,
            Include::Timestamp => SqlType::TimestampTz,
            Include::Headers => SqlType::Jsonb,
        };
        fields.push(sql_type.field(name));
    }
    Ok(Layout {
        schema: Arc::new(Schema::new(fields)),
        includes: includes.iter().map(|(include, _)| *include).collect(),
    })
}

fn duplicate_column(name: &str) -> Error {
    Error::new(code::DUPLICATE_COLUMN, format!("column \"{name}\" specified more than once"))
}

/// The query's columns under the names of CREATE VIEW v (a, b, …), which must be distinct.
fn name_columns(schema: SchemaRef, names: &[String], view: &str) -> Result<SchemaRef> {
    if names.len() > schema.fields().len() {
        return Err(Error::new(code::SYNTAX_ERROR, "CREATE VIEW specifies more column names than columns"));
    }
    let mut fields: Vec<Field> = Vec::with_capacity(schema.fields().len());
    for (i, field) in schema.fields().iter().enumerate() {
        let name = names.get(i).unwrap_or(field.name());
        if fields.iter().any(|field| field.name() == name) {
            return Err(duplicate_column(name).hint(format!("give the columns of \"{view}\" distinct names with AS")));
        }
        fields.push(field.as_ref().clone().with_name(name).with_nullable(true));
    }
    Ok(Arc::new(Schema::new(fields)))
}

fn tag(kind: &Kind) -> &'static str {
    match kind {
        Kind::CreateStream(_) => "CREATE STREAM",
        Kind::CreateTable(_) => "CREATE TABLE",
        Kind::CreateView(create) if create.materialized => "CREATE MATERIALIZED VIEW",
        Kind::CreateView(_) => "CREATE VIEW",
        _ => "CREATE SINK",
    }
}

fn class(kind: &RelationKind) -> RelationClass {
    match kind {
        RelationKind::Stream { .. } => RelationClass::Stream,
        RelationKind::Table(_) => RelationClass::Table,
        RelationKind::View { .. } => RelationClass::View,
        RelationKind::MaterializedView { .. } => RelationClass::MaterializedView,
        RelationKind::Sink { .. } => RelationClass::Sink,
    }
}

fn class_noun(class: RelationClass) -> &'static str {
    match class {
        RelationClass::Stream => "stream",
        RelationClass::Table => "table",
        RelationClass::View => "view",
        RelationClass::MaterializedView => "materialized view",
        RelationClass::Sink => "sink",
    }
}

//! Names → relations for the planner, and SELECT: planned first, then run over snapshots of one tick.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{FieldRef, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::logical_expr::ScalarUDF;
use datafusion::scalar::ScalarValue;
use futures::{StreamExt, TryStreamExt};

use super::dml::Given;
use super::{Engine, Outcome, Rows, Session, distinct, is_kept, stream_spec, system};
use crate::catalog::{Catalog, RelationId, RelationKind, pg_catalog};
use crate::compile::analyze::error::from_execution;
use crate::compile::analyze::{self, Relations, Resolved, Select};
use crate::compile::parse::Query;
use crate::error::{Error, Result, code};
use crate::flow::{Delta, delta};
use crate::view::Snapshot;
use crate::view::table::{snapshot_table, stream_table};

/// Where names lead, in one version of the catalog.
pub(super) struct Names<'a> {
    pub(super) engine: &'a Engine,
    pub(super) catalog: Arc<Catalog>,
    pub(super) session: &'a Session,
    /// Settings of the session, for what asks for them.
    settings: OnceLock<Vec<(String, String)>>,
    /// Functions over the catalog, by name, for what calls one.
    functions: OnceLock<HashMap<String, Arc<ScalarUDF>>>,
}

impl Names<'_> {
    fn context(&self) -> pg_catalog::Context<'_> {
        pg_catalog::Context {
            catalog: &self.catalog,
            user: &self.session.user,
            backend: self.session.backend,
            settings: self.settings.get_or_init(|| self.session.settings.all()),
        }
    }
}

impl Relations for Names<'_> {
    fn resolve(&self, schema: Option<&str>, name: &str) -> Result<Option<Resolved>> {
        let user = |name: &str| -> Result<Option<Resolved>> {
            let Some(relation) = self.catalog.get(name) else { return Ok(None) };
            match &relation.kind {
                RelationKind::Sink { .. } => {
                    Err(Error::new(code::WRONG_OBJECT_TYPE, format!("\"{name}\" is a sink: it cannot be read")))
                }
                RelationKind::View { query } => {
                    let columns = relation.schema.fields().iter().map(|field| field.name().clone()).collect();
                    Ok(Some(Resolved::View(Box::new(Query::from_text(query)?), columns)))
                }
                _ => Ok(Some(Resolved::Relation { id: relation.id, schema: Arc::clone(&relation.schema) })),
            }
        };
        let catalog = |name: &str| pg_catalog::table(&self.context(), name);
        Ok(match schema {
            Some("public") => user(name)?,
            Some("tidewater") => system::table(self.engine, name)?.map(Resolved::System),
            Some("pg_catalog") => catalog(name).map(Resolved::System),
            Some("information_schema") => pg_catalog::information_schema(&self.context(), name).map(Resolved::System),
            Some(_) => None,
            None => match user(name)? {
                Some(found) => Some(found),
                None => catalog(name).map(Resolved::System),
            },
        })
    }

    fn function(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        if !pg_catalog::has_function(name) {
            return None;
        }
        let all = || {
            let named = |function: ScalarUDF| (function.name().to_string(), Arc::new(function));
            pg_catalog::functions(&self.context()).into_iter().map(named).collect()
        };
        self.functions.get_or_init(all).get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        let users = self.catalog.iter().map(|relation| relation.name.clone());
        users.chain(system::NAMES.iter().map(|name| format!("tidewater.{name}"))).collect()
    }
}

impl Session {
    pub(super) fn names(&self) -> Names<'_> {
        let catalog = self.engine.catalog();
        Names { engine: &self.engine, catalog, session: self, settings: OnceLock::new(), functions: OnceLock::new() }
    }

    pub(super) fn plan(&self, query: &Query, hints: &[Option<FieldRef>]) -> Result<Select> {
        analyze::plan_select(query, &self.names(), &self.plan_settings(), hints)
    }

    pub(super) async fn select(&mut self, query: &Query, parameters: &[ScalarValue]) -> Result<Outcome> {
        let hints = parameter_hints(parameters);
        let select = self.plan(query, &hints)?;
        let schema = Arc::clone(&select.schema);
        let relations = select.relations.clone();
        let rows = self.run_select(select, parameters).await?;
        self.notice_row_errors(&relations);
        Ok(Outcome::Rows { schema, rows, verb: "SELECT", live: false })
    }

    /// Tells of the rows that the views behind a read leave out.
    fn notice_row_errors(&mut self, relations: &[RelationId]) {
        for relation in self.engine.catalog().with_sources(relations) {
            let rows = self.engine.runtime().row_error_count(relation.id);
            if rows > 0 {
                let name = &relation.name;
                let message = format!(
                    "view \"{name}\" leaves out {rows} rows for which an expression fails: SELECT * FROM tidewater.row_errors WHERE view = '{name}'"
                );
                self.notice("NOTICE", "01000", message);
            }
        }
    }

    /// Runs a planned SELECT over what its relations hold now (at least all that was written before).
    pub(super) async fn run_select(&mut self, select: Select, parameters: &[ScalarValue]) -> Result<Rows> {
        let providers = self.providers(&select.relations).await?;
        let now = self.engine.inner.clock.now_micros();
        let stream = select.at(now).execute(providers, parameters).await?;
        Ok(Box::pin(stream.map(|batch| batch.map_err(from_execution))))
    }

    /// All rows of a query, in one batch.
    pub(super) async fn collect(
        &mut self,
        query: &Query,
        hints: &[Option<FieldRef>],
        parameters: &[ScalarValue],
    ) -> Result<Given> {
        let select = self.plan(query, hints)?;
        let schema = Arc::clone(&select.schema);
        let batches: Vec<RecordBatch> = self.run_select(select, parameters).await?.try_collect().await?;
        // Names may repeat and nullability may differ from what was planned: the batches' own schema is the right one.
        let schema = batches.first().map_or(schema, |batch| batch.schema());
        Given::new(&schema, &batches)
    }

    /// A query with one relation replaced by given rows (RETURNING).
    pub(super) async fn over(
        &mut self,
        query: &Query,
        table: RelationId,
        rows: RecordBatch,
    ) -> Result<(SchemaRef, Vec<RecordBatch>)> {
        let select = self.plan(query, &[])?;
        let schema = Arc::clone(&select.schema);
        let others: Vec<RelationId> = select.relations.iter().copied().filter(|id| *id != table).collect();
        let mut providers = self.providers(&others).await?;
        let snapshot = Snapshot { schema: rows.schema(), batches: vec![rows] };
        providers.insert(table, snapshot_table(snapshot));
        let stream = select.execute(providers, &[]).await?;
        let batches = stream.map_err(from_execution).try_collect().await?;
        Ok((schema, batches))
    }

    /// What a table holds for this session's transaction, in one batch.
    pub(super) async fn current_rows(&mut self, table: &crate::catalog::Relation) -> Result<RecordBatch> {
        let snapshots = self.snapshots(&[table.id]).await?;
        let batches = snapshots.into_iter().flat_map(|(_, snapshot)| snapshot.batches).collect::<Vec<_>>();
        Ok(Given::new(&table.schema, &batches)?.rows)
    }

    async fn providers(&mut self, relations: &[RelationId]) -> Result<HashMap<RelationId, Arc<dyn TableProvider>>> {
        let catalog = self.engine.catalog();
        let mut providers: HashMap<RelationId, Arc<dyn TableProvider>> = HashMap::new();
        let mut kept = Vec::new();
        for id in distinct(relations.to_vec()) {
            let gone = || Error::new(code::UNDEFINED_TABLE, "a relation of the query was dropped meanwhile");
            let relation = catalog.by_id(id).ok_or_else(gone)?;
            if is_kept(&relation.kind) {
                kept.push(id);
            } else if let Some(spec) = stream_spec(relation) {
                providers.insert(id, stream_table(spec));
            }
        }
        for (id, snapshot) in self.snapshots(&kept).await? {
            providers.insert(id, snapshot_table(snapshot));
        }
        Ok(providers)
    }

    /// Snapshots of tables and views at one tick, with the open transaction's own writes to tables on top.
    async fn snapshots(&mut self, ids: &[RelationId]) -> Result<Vec<(RelationId, Snapshot)>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let at_least = self.engine.inner.last_write.load(Ordering::Acquire);
        let (_, snapshots) = self.engine.runtime().read(ids, at_least).await?;
        let mut answer = Vec::with_capacity(ids.len());
        let catalog = self.engine.catalog();
        for (id, mut snapshot) in ids.iter().copied().zip(snapshots) {
            if let Some(relation) = catalog.by_id(id) {
                snapshot = named_as(snapshot, &relation.schema)?;
            }
            if let Some(open) = &self.open {
                let own = open.pending.iter().filter(|(table, _)| *table == id).map(|(_, delta)| delta.clone());
                let own: Vec<_> = own.collect();
                if !own.is_empty() {
                    snapshot = overlay(snapshot, own)?;
                }
            }
            answer.push((id, snapshot));
        }
        Ok(answer)
    }
}

/// A snapshot under the names that users gave its columns; a view's plan has its own.
fn named_as(snapshot: Snapshot, schema: &SchemaRef) -> Result<Snapshot> {
    let rename = |batch: RecordBatch| delta::batch(schema, batch.columns().to_vec(), batch.num_rows());
    let batches = snapshot.batches.into_iter().map(rename).collect::<Result<Vec<_>>>()?;
    Ok(Snapshot { schema: Arc::clone(schema), batches })
}

/// A snapshot with changes on top.
fn overlay(snapshot: Snapshot, changes: Vec<Delta>) -> Result<Snapshot> {
    let schema = snapshot.schema;
    let all = snapshot.batches.into_iter().map(Delta::insert).chain(changes).collect();
    let Some(merged) = delta::merge(all, &schema)? else { return Ok(Snapshot { schema, batches: Vec::new() }) };
    let times = |i: usize| usize::try_from(merged.weight(i)).unwrap_or(0);
    let positions = (0..merged.rows.num_rows()).flat_map(|i| std::iter::repeat_n(i as u32, times(i))).collect();
    let rows = delta::take_rows(&merged, positions)?.rows;
    Ok(Snapshot { schema, batches: vec![rows] })
}

/// The types that values have: a statement is planned for the values that it runs with.
pub(super) fn parameter_hints(parameters: &[ScalarValue]) -> Vec<Option<FieldRef>> {
    let field = |value: &ScalarValue| {
        let data_type = value.data_type();
        (!data_type.is_null()).then(|| Arc::new(datafusion::arrow::datatypes::Field::new("parameter", data_type, true)))
    };
    parameters.iter().map(field).collect()
}

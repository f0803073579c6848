//! Names → relations for the planner, and SELECT: planned first, then run over snapshots of one tick.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{FieldRef, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::logical_expr::ScalarUDF;
use datafusion::scalar::ScalarValue;
use futures::{StreamExt, TryStreamExt};

use super::{Engine, Outcome, Rows, Session, distinct, is_kept, stream_spec, system};
use crate::catalog::{Catalog, Domain, Relation, RelationId, RelationKind, UserTypeKind, full_name, pg_catalog};
use crate::compile::analyze::error::from_execution;
use crate::compile::analyze::{self, Binding, ROWS_ID, Ready, Relations, Resolved, Select};
use crate::compile::parse::Query;
use crate::error::{Error, Result, code};
use crate::flow::delta;
use crate::types::SqlType;
use crate::view::table::{snapshot_table, stream_table};
use crate::view::{LeftOut, Lookup, Omission, Read, Snapshot};

/// Where names lead, in one version of the catalog.
pub(super) struct Names<'a> {
    pub(super) engine: &'a Engine,
    pub(super) catalog: Arc<Catalog>,
    pub(super) session: &'a Session,
    /// Schemas in which names are looked for.
    pub(super) path: Vec<String>,
    /// The statement's own rows.
    pub(super) rows: Option<analyze::Rows>,
    /// Settings of the session, for what asks for them.
    pub(super) settings: OnceLock<Vec<(String, String)>>,
    /// Functions over the catalog, by name, for what calls one.
    pub(super) functions: OnceLock<HashMap<String, Arc<ScalarUDF>>>,
    /// Relations of the schema `tidewater` that were named: all that names one sees it at one moment.
    pub(super) status: Mutex<HashMap<String, Arc<dyn TableProvider>>>,
}

impl Names<'_> {
    fn context(&self) -> pg_catalog::Context<'_> {
        pg_catalog::Context {
            catalog: &self.catalog,
            system: self.engine.inner.system.get_or_init(|| system::relations(self.engine)),
            user: &self.session.user,
            backend: self.session.backend,
            settings: self.settings.get_or_init(|| self.session.settings.all()),
            effects: Some(self.session.effects.for_functions(&self.session.settings)),
        }
    }

    fn status(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let mut known = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = known.get(name) {
            return Ok(Some(Arc::clone(table)));
        }
        let table = system::table(self.engine, name, &self.session.tick)?;
        known.extend(table.clone().map(|table| (name.to_string(), table)));
        Ok(table)
    }
}

impl Relations for Names<'_> {
    fn resolve(&self, schema: Option<&str>, name: &str) -> Result<Option<Resolved>> {
        let user = |relation: Option<&Arc<Relation>>| -> Result<Option<Resolved>> {
            let Some(relation) = relation else { return Ok(None) };
            match &relation.kind {
                RelationKind::Sink { .. } => {
                    Err(Error::new(code::WRONG_OBJECT_TYPE, format!("\"{name}\" is a sink: it cannot be read")))
                }
                RelationKind::View { query, schemas } => {
                    let columns = relation.schema.fields().iter().map(|field| field.name().clone()).collect();
                    Ok(Some(Resolved::View(Box::new(Query::from_text(query)?.in_schemas(schemas)), columns)))
                }
                _ => {
                    let key = self.catalog.primary_key(relation.id).to_vec();
                    Ok(Some(Resolved::Relation { id: relation.id, schema: Arc::clone(&relation.schema), key }))
                }
            }
        };
        let catalog = |name: &str| pg_catalog::table(&self.context(), name);
        Ok(match schema {
            Some("tidewater") => self.status(name)?.map(Resolved::System),
            Some("pg_catalog") => catalog(name).map(Resolved::System),
            Some("information_schema") => pg_catalog::information_schema(&self.context(), name).map(Resolved::System),
            Some(schema) => user(self.catalog.get(&full_name(schema, name)))?,
            None => match user(self.catalog.find(name, &self.path))? {
                Some(found) => Some(found),
                None => catalog(name).map(Resolved::System),
            },
        })
    }

    fn type_named(&self, name: &str) -> Result<Option<SqlType>> {
        Ok(self.catalog.find_sql_type(name, &self.path))
    }

    fn domain_named(&self, name: &str) -> Option<Arc<Domain>> {
        match &self.catalog.find_type(name, &self.path)?.kind {
            UserTypeKind::Domain(domain) => Some(Arc::clone(domain)),
            UserTypeKind::Enum(_) | UserTypeKind::Composite(_) => None,
        }
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

    fn rows(&self) -> Option<&analyze::Rows> {
        self.rows.as_ref()
    }

    fn names(&self) -> Vec<String> {
        let users = self.catalog.iter().map(|relation| relation.name.clone());
        users.chain(system::NAMES.iter().map(|name| format!("tidewater.{name}"))).collect()
    }
}

impl Session {
    pub(super) fn names(&self) -> Names<'_> {
        Names {
            engine: &self.engine,
            catalog: self.engine.catalog(),
            session: self,
            path: self.search_path(),
            rows: None,
            settings: OnceLock::new(),
            functions: OnceLock::new(),
            status: Mutex::default(),
        }
    }

    pub(super) fn plan(&self, query: &Query, hints: &[Option<FieldRef>]) -> Result<Select> {
        analyze::plan_select(query, &self.names(), &self.plan_settings(), hints)
    }

    pub(super) async fn select(&mut self, query: &Query, parameters: &[ScalarValue]) -> Result<Outcome> {
        let hints = self.parameter_hints(parameters);
        let select = self.plan(query, &hints)?;
        self.show_changes(&select.relations).await?;
        let held = match query.locks() {
            Some(locks) => self.lock_rows(locks, &select.relations).await?,
            None => None,
        };
        let schema = Arc::clone(&select.schema);
        let relations = select.relations.clone();
        let mut rows = self.run_select(select, parameters).await?;
        if let Some(held) = held {
            rows = Box::pin(rows.inspect(move |_| _ = &held));
        }
        self.notice_row_errors(&relations);
        Ok(Outcome::Rows { schema, rows, verb: "SELECT", live: false })
    }

    /// Tells of the rows that the views behind a read leave out.
    fn notice_row_errors(&mut self, relations: &[RelationId]) {
        for relation in self.engine.catalog().with_sources(relations) {
            let rows = self.engine.runtime().row_error_count(relation.id);
            if rows > 0 {
                let name = &relation.name;
                let noun = if rows == 1 { "row" } else { "rows" };
                let message = format!(
                    "view \"{name}\" leaves out {rows} {noun} for which an expression fails: SELECT * FROM tidewater.row_errors WHERE view = '{name}'"
                );
                self.notice("NOTICE", "01000", message);
            }
        }
    }

    /// Plans a query over rows that the statement brings itself.
    pub(super) fn plan_over(&self, query: &Query, rows: &analyze::Rows, hints: &[Option<FieldRef>]) -> Result<Select> {
        let names = Names { rows: Some(rows.clone()), ..self.names() };
        analyze::plan_select(query, &names, &self.plan_settings(), hints)
    }

    /// Runs a planned SELECT over what its relations hold now (at least all that was written before).
    pub(super) async fn run_select(&mut self, select: Select, parameters: &[ScalarValue]) -> Result<Rows> {
        self.run_over(select, None, parameters).await
    }

    async fn run_over(
        &mut self,
        select: Select,
        rows: Option<RecordBatch>,
        parameters: &[ScalarValue],
    ) -> Result<Rows> {
        self.tick.store(0, Ordering::Release);
        let ready = select.at(self.now()).ready(parameters)?;
        let mut providers = self.providers(&ready).await?;
        if let Some(rows) = rows {
            providers.insert(ROWS_ID, snapshot_table(Snapshot { schema: rows.schema(), batches: vec![rows] }));
        }
        let stream = ready.execute(providers).await?;
        let effects = Arc::clone(&self.effects);
        Ok(Box::pin(stream.then(move |batch| {
            let effects = Arc::clone(&effects);
            async move {
                effects.slept().await;
                batch.map_err(from_execution)
            }
        })))
    }

    /// What `now()` shows: when the transaction began.
    pub(super) fn now(&self) -> i64 {
        self.open.as_ref().map_or_else(|| self.engine.inner.clock.now_micros(), |open| open.now)
    }

    /// All rows of a query, in one batch.
    pub(super) async fn collect(
        &mut self,
        query: &Query,
        hints: &[Option<FieldRef>],
        parameters: &[ScalarValue],
    ) -> Result<RecordBatch> {
        let select = self.plan(query, hints)?;
        self.collect_planned(select, None, parameters).await
    }

    /// All rows of a planned query, in one batch.
    pub(super) async fn collect_planned(
        &mut self,
        select: Select,
        rows: Option<RecordBatch>,
        parameters: &[ScalarValue],
    ) -> Result<RecordBatch> {
        let schema = Arc::clone(&select.schema);
        let batches: Vec<RecordBatch> = self.run_over(select, rows, parameters).await?.try_collect().await?;
        // Names may repeat and nullability may differ from what was planned: the batches' own schema is the right one.
        let schema = batches.first().map_or(schema, |batch| batch.schema());
        concat_batches(&schema, &batches).map_err(delta::arrow_error)
    }

    /// What a table holds for this session's transaction.
    pub(super) async fn current_rows(&mut self, table: RelationId) -> Result<Vec<RecordBatch>> {
        let snapshots = self.snapshots(&[table], &HashMap::new()).await?;
        Ok(snapshots.into_iter().flat_map(|(_, snapshot)| snapshot.batches).collect())
    }

    /// What one statement's reads of streams leave out; told with the session's notices.
    fn left_out(&mut self) -> Arc<LeftOut> {
        let left_out = Arc::new(LeftOut::default());
        self.left_out.push(Arc::clone(&left_out));
        left_out
    }

    /// Tells of records that reads of streams left out since the last call.
    pub(super) fn notice_left_out(&mut self) {
        for (stream, left_out) in self.left_out.iter().flat_map(|left_out| left_out.take()).collect::<Vec<_>>() {
            let noun = |count| if count == 1 { "record" } else { "records" };
            let Omission { rejected, kept, deleted } = left_out;
            if rejected > 0 {
                let noun = noun(rejected);
                let place = if kept {
                    format!(": SELECT * FROM tidewater.rejected_records WHERE source = '{stream}'")
                } else {
                    String::new()
                };
                let message = format!("stream \"{stream}\" leaves out {rejected} {noun} that cannot be decoded{place}");
                self.notice("NOTICE", "01000", message);
            }
            if deleted > 0 {
                let noun = noun(deleted);
                let message = format!(
                    "stream \"{stream}\" leaves out {deleted} {noun} that the broker's retention deleted during the read"
                );
                self.notice("NOTICE", "01000", message);
            }
        }
        // Whoever still reads may have more to tell.
        self.left_out.retain(|left_out| Arc::strong_count(left_out) > 1);
    }

    async fn providers(&mut self, ready: &Ready) -> Result<HashMap<RelationId, Arc<dyn TableProvider>>> {
        let catalog = self.engine.catalog();
        let mut providers: HashMap<RelationId, Arc<dyn TableProvider>> = HashMap::new();
        let mut kept = Vec::new();
        let mut left_out = None;
        for id in distinct(ready.relations.clone()).into_iter().filter(|id| *id != ROWS_ID) {
            let gone = || Error::new(code::UNDEFINED_TABLE, "a relation of the query was dropped meanwhile");
            let relation = catalog.by_id(id).ok_or_else(gone)?;
            if is_kept(&relation.kind) {
                kept.push(id);
            } else if let Some(spec) = stream_spec(relation) {
                let left_out = left_out.get_or_insert_with(|| self.left_out());
                let runtime = self.engine.runtime().clone();
                providers.insert(id, stream_table(spec, runtime, Arc::clone(left_out)));
            }
        }
        for (id, snapshot) in self.snapshots(&kept, &ready.bindings).await? {
            providers.insert(id, snapshot_table(snapshot));
        }
        Ok(providers)
    }

    /// Snapshots of tables and views at one tick, with the open transaction's own changes; of relations with bindings that an index
    /// answers, only the rows that it finds.
    async fn snapshots(
        &mut self,
        ids: &[RelationId],
        bindings: &HashMap<RelationId, Vec<Binding>>,
    ) -> Result<Vec<(RelationId, Snapshot)>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let at_least = self.engine.last_write();
        let lookups: HashMap<RelationId, Lookup> =
            bindings.iter().filter_map(|(id, bindings)| Some((*id, self.engine.lookup(*id, bindings)?))).collect();
        if let Some(open) = &mut self.open {
            open.reads.note(ids);
        }
        let read = |id: &RelationId| Read {
            as_of: self.open.as_ref().and_then(|open| open.reads.as_of()),
            id: *id,
            lookup: lookups.get(id),
            overlay: self.open.as_ref().and_then(|open| open.overlay(*id)),
        };
        let reads: Vec<Read<'_>> = ids.iter().map(read).collect();
        let (tick, snapshots) = self.engine.runtime().read(&reads, at_least).await?;
        self.tick.store(tick, Ordering::Release);
        let catalog = self.engine.catalog();
        let named = |(id, snapshot): (&RelationId, Snapshot)| match catalog.by_id(*id) {
            Some(relation) => Ok((*id, named_as(snapshot, &relation.schema)?)),
            None => Ok((*id, snapshot)),
        };
        ids.iter().zip(snapshots).map(named).collect()
    }
}

/// Values that are looked up for one read at most; for more the rows are scanned.
const LOOKUPS_MAX: usize = 1000;

impl Engine {
    /// How an index finds the rows with the bound columns.
    fn lookup(&self, relation: RelationId, bindings: &[Binding]) -> Option<Lookup> {
        let indexes = self.runtime().store().index_keys(relation);
        let of = |column: &usize| bindings.iter().find(|binding| binding.column == *column);
        let bound = |keys: &&Arc<crate::view::IndexKeys>| keys.columns.iter().all(|column| of(column).is_some());
        // The one with the most columns finds the fewest rows.
        let keys = indexes.iter().filter(bound).max_by_key(|keys| keys.columns.len())?;
        let mut rows: Vec<Vec<ScalarValue>> = vec![Vec::new()];
        for column in &keys.columns {
            let values = &of(column)?.values;
            if rows.len() * values.len() > LOOKUPS_MAX {
                return None;
            }
            rows = rows
                .iter()
                .flat_map(|row| values.iter().map(|value| [row.as_slice(), std::slice::from_ref(value)].concat()))
                .collect();
        }
        let column = |at: usize| ScalarValue::iter_to_array(rows.iter().map(|row| row[at].clone()));
        let columns = (0..keys.columns.len()).map(column).collect::<Result<Vec<_>, _>>().ok()?;
        let mut values: Vec<_> = keys.of_values(&columns, rows.len()).ok()?.into_iter().flatten().collect();
        values.sort_unstable();
        values.dedup();
        Some(Lookup { index: keys.id, values })
    }
}

/// A snapshot under the names that users gave its columns; a view's plan has its own.
/// Columns that were added meanwhile are left out.
fn named_as(snapshot: Snapshot, schema: &SchemaRef) -> Result<Snapshot> {
    let width = schema.fields().len();
    if snapshot.schema.fields().len() < width {
        let message = "a table was altered while it was read";
        return Err(Error::new(code::SERIALIZATION_FAILURE, message).hint("try again"));
    }
    let rename = |batch: RecordBatch| delta::batch(schema, batch.columns()[..width].to_vec(), batch.num_rows());
    let batches = snapshot.batches.into_iter().map(rename).collect::<Result<Vec<_>>>()?;
    Ok(Snapshot { schema: Arc::clone(schema), batches })
}

/// The types that values have: a statement is planned for the values that it runs with.
pub(super) fn parameter_hints(parameters: &[ScalarValue]) -> Vec<Option<FieldRef>> {
    let field = |value: &ScalarValue| {
        let data_type = value.data_type();
        (!data_type.is_null()).then(|| Arc::new(datafusion::arrow::datatypes::Field::new("parameter", data_type, true)))
    };
    parameters.iter().map(field).collect()
}

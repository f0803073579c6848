//! `tidewater.*`: what the engine knows of itself, as relations.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::arrow::array::{
    ArrayRef, BinaryArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::TableProvider;

use super::Engine;
use super::row_error::RowErrorTable;
use crate::catalog::{Relation, RelationId, RelationKind};
use crate::error::{Error, Result};
use crate::flow::runtime::ViewState;
use crate::types::SqlType;
use crate::view::Snapshot;
use crate::view::table::snapshot_table;

/// The relations of the schema `tidewater`.
pub(super) const NAMES: &[&str] = &["sources", "views", "sinks", "rejected_records", "row_errors", "engine"];

/// Identity of the first of them; those of users' relations are greater.
const FIRST_ID: u32 = 13_100;

/// A column under construction.
pub(super) type Column = (&'static str, SqlType, ArrayRef);

/// The relation `tidewater.<name>` as it is now.
///
/// `tick` will be the tick that the query reads, when it runs; 0 if it reads nothing of a tick.
pub(super) fn table(engine: &Engine, name: &str, tick: &Arc<AtomicU64>) -> Result<Option<Arc<dyn TableProvider>>> {
    let columns = match name {
        "row_errors" => {
            let described = engine.inner.system.get_or_init(|| relations(engine));
            let Some(relation) = described.iter().find(|relation| relation.local_name() == name) else {
                return Ok(None);
            };
            let schema = Arc::clone(&relation.schema);
            return Ok(Some(Arc::new(RowErrorTable { engine: engine.clone(), tick: Arc::clone(tick), schema })));
        }
        name => columns(engine, name),
    };
    columns.map(provider).transpose()
}

/// A relation of these columns.
pub(super) fn provider(columns: Vec<Column>) -> Result<Arc<dyn TableProvider>> {
    let schema = schema(&columns);
    let arrays = columns.into_iter().map(|(_, _, array)| array).collect();
    let batch =
        RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(|error| Error::internal(error.to_string()))?;
    Ok(snapshot_table(Snapshot { schema, batches: vec![batch] }))
}

fn columns(engine: &Engine, name: &str) -> Option<Vec<Column>> {
    Some(match name {
        "sources" => sources(engine),
        "views" => views(engine),
        "sinks" => sinks(engine),
        "rejected_records" => rejected_records(engine),
        "row_errors" => row_errors(engine, u64::MAX),
        "engine" => overview(engine),
        _ => return None,
    })
}

fn schema(columns: &[Column]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(|(name, sql_type, _)| sql_type.field(name)).collect::<Vec<_>>()))
}

/// All of them as catalogs describe them: views without a definition.
pub(super) fn relations(engine: &Engine) -> Vec<Arc<Relation>> {
    let relation = |(number, name): (u32, &&str)| {
        let kind = RelationKind::View { query: String::new(), schemas: std::collections::BTreeMap::new() };
        let schema = columns(engine, name).map(|columns| schema(&columns))?;
        let name = crate::catalog::full_name("tidewater", name);
        Some(Arc::new(Relation {
            id: RelationId(FIRST_ID + number),
            name,
            schema,
            definition: String::new(),
            kind,
            depends_on: vec![],
        }))
    };
    (0..).zip(NAMES).filter_map(relation).collect()
}

/// State of a materialized view and, if it failed, why.
pub(super) fn view_state(engine: &Engine, relation: &Relation) -> (String, Option<String>) {
    match engine.runtime().view_state(relation.id) {
        Some(ViewState::Running) => ("running".into(), None),
        Some(ViewState::Hydrating) => ("hydrating".into(), None),
        Some(ViewState::Failed(why)) => ("failed".into(), Some(why)),
        None => (String::new(), None),
    }
}

fn text<S: AsRef<str>>(name: &'static str, values: impl Iterator<Item = Option<S>>) -> Column {
    (name, SqlType::Text, Arc::new(values.collect::<StringArray>()))
}

fn bigint(name: &'static str, values: impl Iterator<Item = Option<i64>>) -> Column {
    (name, SqlType::BigInt, Arc::new(values.collect::<Int64Array>()))
}

fn integer(name: &'static str, values: impl Iterator<Item = Option<i32>>) -> Column {
    (name, SqlType::Integer, Arc::new(values.collect::<Int32Array>()))
}

fn timestamptz(name: &'static str, values: impl Iterator<Item = Option<i64>>) -> Column {
    let array = values.collect::<TimestampMicrosecondArray>().with_timezone("UTC");
    (name, SqlType::TimestampTz, Arc::new(array))
}

fn bytea(name: &'static str, values: Vec<Option<&[u8]>>) -> Column {
    (name, SqlType::Bytea, Arc::new(BinaryArray::from(values)))
}

fn sources(engine: &Engine) -> Vec<Column> {
    let rows = engine.runtime().sources();
    let lag = rows.iter().map(|row| Some((row.end? - row.position?).max(0)));
    vec![
        text("name", rows.iter().map(|row| Some(&row.name))),
        text("connector", rows.iter().map(|row| Some(row.connector))),
        text("state", rows.iter().map(|row| Some(&row.state))),
        integer("partition", rows.iter().map(|row| row.partition)),
        bigint("position", rows.iter().map(|row| row.position)),
        bigint("end", rows.iter().map(|row| row.end)),
        bigint("lag", lag),
        bigint("rows", rows.iter().map(|row| Some(row.rows as i64))),
        bigint("rejected", rows.iter().map(|row| Some(row.rejected as i64))),
        text("last_error", rows.iter().map(|row| row.last_error.as_ref())),
        timestamptz("last_error_at", rows.iter().map(|row| row.last_error_at)),
    ]
}

fn views(engine: &Engine) -> Vec<Column> {
    let catalog = engine.catalog();
    let views: Vec<_> =
        catalog.iter().filter(|relation| matches!(relation.kind, RelationKind::MaterializedView { .. })).collect();
    let states: Vec<_> = views.iter().map(|view| view_state(engine, view)).collect();
    vec![
        text("name", views.iter().map(|view| Some(&view.name))),
        text("state", states.iter().map(|(state, _)| Some(state))),
        text("error", states.iter().map(|(_, error)| error.as_ref())),
        text("definition", views.iter().map(|view| Some(&view.definition))),
        bigint("state_rows", views.iter().map(|view| engine.runtime().state_rows(view.id).map(|rows| rows as i64))),
    ]
}

fn sinks(engine: &Engine) -> Vec<Column> {
    let sinks = engine.inner.sinks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let statuses: Vec<_> = sinks.iter().map(|sink| Arc::clone(&sink.status)).collect();
    drop(sinks);
    let errors: Vec<Option<String>> = statuses
        .iter()
        .map(|status| status.last_error.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone())
        .collect();
    vec![
        text("name", statuses.iter().map(|status| Some(&status.name))),
        text("connector", statuses.iter().map(|status| Some(status.connector))),
        bigint("records", statuses.iter().map(|status| Some(status.records.load(Ordering::Relaxed) as i64))),
        bigint("tick", statuses.iter().map(|status| Some(status.tick.load(Ordering::Acquire) as i64))),
        text("last_error", errors.iter().map(Option::as_ref)),
    ]
}

fn rejected_records(engine: &Engine) -> Vec<Column> {
    let rows = engine.runtime().rejected();
    let timestamp = |ms: i64| (ms >= 0).then(|| ms.saturating_mul(1000));
    vec![
        text("source", rows.iter().map(|row| Some(&row.stream))),
        text("topic", rows.iter().map(|row| Some(&row.record.topic))),
        integer("partition", rows.iter().map(|row| Some(row.record.partition))),
        bigint("offset", rows.iter().map(|row| Some(row.record.offset))),
        timestamptz("timestamp", rows.iter().map(|row| timestamp(row.record.timestamp_ms))),
        bytea("key", rows.iter().map(|row| row.record.key.as_deref()).collect()),
        bytea("payload", rows.iter().map(|row| row.record.payload.as_deref()).collect()),
        text("reason", rows.iter().map(|row| Some(&row.record.reason))),
    ]
}

/// `tidewater.row_errors` as of a tick.
pub(super) fn row_errors(engine: &Engine, tick: u64) -> Vec<Column> {
    let rows = engine.runtime().row_errors(tick);
    vec![
        text("view", rows.iter().map(|(view, _)| Some(view))),
        text("expression", rows.iter().map(|(_, error)| Some(&error.expression))),
        text("sqlstate", rows.iter().map(|(_, error)| Some(error.code))),
        text("reason", rows.iter().map(|(_, error)| Some(&error.reason))),
        (
            "input_row",
            SqlType::Jsonb,
            Arc::new(rows.iter().map(|(_, error)| Some(&error.row)).collect::<StringArray>()) as ArrayRef,
        ),
        bigint("weight", rows.iter().map(|(_, error)| Some(error.weight))),
    ]
}

fn overview(engine: &Engine) -> Vec<Column> {
    let statistics = engine.statistics();
    vec![
        text("version", std::iter::once(Some(env!("CARGO_PKG_VERSION")))),
        timestamptz("started_at", std::iter::once(Some(engine.started_at()))),
        timestamptz("now", std::iter::once(Some(engine.inner.clock.now_micros()))),
        bigint("tick", std::iter::once(Some(statistics.tick as i64))),
        bigint("rows_in", std::iter::once(Some(statistics.rows_in as i64))),
        bigint("dataflows", std::iter::once(Some(statistics.dataflows as i64))),
    ]
}

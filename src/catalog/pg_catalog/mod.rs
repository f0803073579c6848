//! The system catalog as PostgreSQL's clients expect it: what psql's backslash commands and drivers look at. Built from the catalog
//! for each query that reads it, so it is always of one version. Never: state of its own.

use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Int64Array, RecordBatch, StringArray, new_null_array,
};
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::catalog::TableProvider;

use super::{Catalog, Relation};
use crate::error::Result;
use crate::types::{PG_CLIENT_TYPE, SqlType};
use crate::view::Snapshot;
use crate::view::table::snapshot_table;

// What sessions and tables do.
mod activity;
// Functions with one answer for all.
mod answer;
// Comments.
mod description;
// Functions over the catalog: `pg_table_is_visible`, `format_type`, ….
mod function;
// `information_schema`.
mod information_schema;
// Words of SQL.
mod keyword;
// The columns that PostgreSQL's relations have.
mod layout;
// `pg_index`, `pg_constraint`.
mod index;
// `pg_class`, `pg_attribute`, `pg_attrdef`.
mod relations;
// Functions that do something to the session.
mod effect;
// Sequences.
mod sequence;
// Relations about the server: databases, roles, settings, namespaces.
mod server;
// `pg_size_pretty` and what goes into it.
mod size;
// `pg_type`, `pg_enum`.
mod types;

pub use function::{functions, has_function};
pub(crate) use types::typmod;

/// What the system catalog is made from.
pub struct Context<'a> {
    /// User relations.
    pub catalog: &'a Catalog,
    /// The relations of the schema `tidewater`, as views.
    pub system: &'a [Arc<Relation>],
    /// Who is connected.
    pub user: &'a str,
    /// The number of the connection; 0 without one.
    pub backend: i32,
    /// Settings of the session, name and value.
    pub settings: &'a [(String, String)],
    /// What functions do to the session; `None` where they cannot.
    pub effects: Option<Arc<dyn Effects>>,
}

/// What functions do to their session.
pub trait Effects: Send + Sync {
    /// Sets a setting from the next statement on; answers its value. `local` = until the end of the transaction.
    fn set_config(&self, name: &str, value: &str, local: bool) -> Result<String>;

    /// Delays the rows that the statement answers.
    fn sleep(&self, duration: Duration);

    /// Notes the last number that the session took of a sequence.
    fn took(&self, sequence: &str, number: i64);

    /// That number; `None` = of any sequence.
    fn last_of(&self, sequence: Option<&str>) -> Option<i64>;
}

/// Identity of the schema `pg_catalog`.
const PG_CATALOG: i64 = 11;
/// Identity of the schema `public`.
const PUBLIC: i64 = 2200;
/// Identity of the schema `tidewater`.
const TIDEWATER: i64 = 2201;
/// Identity of the schema `information_schema`.
const INFORMATION_SCHEMA: i64 = 13000;
/// Identity of the one role that owns everything.
const OWNER: i64 = 10;
/// Identity of the database.
const DATABASE: i64 = 16000;
/// Constraints have the identity of their index plus this.
const CONSTRAINT_OFFSET: i64 = 3 << 29;
/// CHECK constraints are numbered from here.
const CHECK_OFFSET: i64 = 7 << 28;

/// A column under construction.
type Column = (&'static str, SqlType, ArrayRef);

/// The relation `pg_catalog.<name>`; `None` if there is no such one.
pub fn table(context: &Context<'_>, name: &str) -> Option<Arc<dyn TableProvider>> {
    let columns = match name {
        "pg_class" => relations::pg_class(context),
        "pg_attribute" => relations::pg_attribute(context),
        "pg_index" => index::pg_index(context),
        "pg_constraint" => index::pg_constraint(context),
        "pg_attrdef" => relations::pg_attrdef(context),
        "pg_tables" => relations::pg_tables(context),
        "pg_views" => relations::pg_views(context),
        "pg_matviews" => relations::pg_matviews(context),
        "pg_indexes" => index::pg_indexes(context),
        "pg_proc" => types::pg_proc(),
        "pg_type" => types::pg_type(context),
        "pg_namespace" => server::pg_namespace(context),
        "pg_database" => server::pg_database(),
        "pg_roles" | "pg_authid" | "pg_user" | "pg_shadow" => server::pg_roles(context),
        "pg_settings" => server::pg_settings(context),
        "pg_am" => server::pg_am(),
        "pg_collation" => server::pg_collation(),
        "pg_language" => server::pg_language(),
        "pg_tablespace" => server::pg_tablespace(),
        "pg_enum" => types::pg_enum(context),
        "pg_description" => description::pg_description(context),
        "pg_shdescription" => description::pg_shdescription(context),
        "pg_sequence" => sequence::pg_sequence(context),
        "pg_sequences" => sequence::pg_sequences(context),
        "pg_depend" => sequence::pg_depend(context),
        "pg_stat_activity" => activity::pg_stat_activity(context),
        "pg_stat_user_tables" | "pg_stat_all_tables" => activity::pg_stat_user_tables(context),
        "pg_stat_database" => activity::pg_stat_database(),
        _ => Vec::new(),
    };
    provider(layout::complete("pg_catalog", name, columns)?)
}

/// The schemas in which the session looks for names.
fn search_path(context: &Context<'_>) -> Vec<String> {
    let setting = context.settings.iter().find(|(name, _)| name.eq_ignore_ascii_case("search_path"));
    setting.map(|(_, value)| super::path_of(value)).unwrap_or_default()
}

/// The relation `information_schema.<name>`; `None` if there is no such one.
pub fn information_schema(context: &Context<'_>, name: &str) -> Option<Arc<dyn TableProvider>> {
    let columns = information_schema::columns(context, name).unwrap_or_default();
    provider(layout::complete("information_schema", name, columns)?)
}

fn provider(columns: Vec<Column>) -> Option<Arc<dyn TableProvider>> {
    let fields: Vec<_> = columns.iter().map(|(name, sql_type, _)| field(name, sql_type)).collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = columns.into_iter().map(|(_, _, array)| array).collect();
    // Columns of one relation are made from the same rows, with the types named beside them.
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).ok()?;
    Some(snapshot_table(Snapshot { schema, batches: vec![batch] }))
}

/// Columns of `pg_catalog` that drivers decode as the types that they have in PostgreSQL.
const OIDS: &[&str] = &[
    "attrelid",
    "atttypid",
    "conrelid",
    "enumtypid",
    "indexrelid",
    "indrelid",
    "oid",
    "relnamespace",
    "rngsubtype",
    "rngtypid",
    "typarray",
    "typbasetype",
    "typelem",
    "typnamespace",
    "typrelid",
];
const NAMES: &[&str] = &["attname", "conname", "enumlabel", "nspname", "relname", "typname"];
const CHARS: &[&str] = &["attgenerated", "attidentity", "contype", "relkind", "typcategory", "typdelim", "typtype"];

fn field(name: &str, sql_type: &SqlType) -> Field {
    let client_type = match sql_type {
        SqlType::BigInt if OIDS.contains(&name) => "oid",
        SqlType::Text if NAMES.contains(&name) => "name",
        SqlType::Text if CHARS.contains(&name) => "char",
        _ => return sql_type.field(name),
    };
    let metadata = [(PG_CLIENT_TYPE.to_string(), client_type.to_string())];
    sql_type.field(name).with_metadata(metadata.into())
}

fn text<S: AsRef<str>>(name: &'static str, values: impl IntoIterator<Item = S>) -> Column {
    (name, SqlType::Text, Arc::new(values.into_iter().map(Some).collect::<StringArray>()))
}

fn optional_text<S: AsRef<str>>(name: &'static str, values: impl IntoIterator<Item = Option<S>>) -> Column {
    (name, SqlType::Text, Arc::new(values.into_iter().collect::<StringArray>()))
}

fn bigint(name: &'static str, values: impl IntoIterator<Item = i64>) -> Column {
    (name, SqlType::BigInt, Arc::new(Int64Array::from_iter_values(values)))
}

fn boolean(name: &'static str, values: impl IntoIterator<Item = bool>) -> Column {
    (name, SqlType::Boolean, Arc::new(values.into_iter().map(Some).collect::<BooleanArray>()))
}

fn real(name: &'static str, value: f32, rows: usize) -> Column {
    (name, SqlType::Real, Arc::new(Float32Array::from(vec![value; rows])))
}

fn numbers(name: &'static str, value: i64, rows: usize) -> Column {
    bigint(name, std::iter::repeat_n(value, rows))
}

fn flags(name: &'static str, value: bool, rows: usize) -> Column {
    boolean(name, std::iter::repeat_n(value, rows))
}

fn words(name: &'static str, value: &str, rows: usize) -> Column {
    text(name, std::iter::repeat_n(value, rows))
}

fn nulls(name: &'static str, rows: usize) -> Column {
    (name, SqlType::Text, new_null_array(&SqlType::Text.arrow(), rows))
}

fn null_array(name: &'static str, rows: usize) -> Column {
    let sql_type = SqlType::Array(Box::new(SqlType::Text));
    let array = new_null_array(&sql_type.arrow(), rows);
    (name, sql_type, array)
}

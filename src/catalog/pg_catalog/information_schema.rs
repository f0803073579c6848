//! `information_schema`: tables, columns, views, schemata, constraints.

use super::index::{self, Constraint};
use super::{Column, Context, bigint, nulls, optional_text, relations, text, words};
use crate::catalog::DATABASE;
use crate::catalog::{ColumnValue, Relation, RelationKind};
use crate::types::SqlType;

/// Columns of `information_schema.<name>`.
pub(super) fn columns(context: &Context<'_>, name: &str) -> Option<Vec<Column>> {
    Some(match name {
        "tables" => tables(context),
        "columns" => table_columns(context),
        "views" => views(context),
        "schemata" => schemata(context),
        "table_constraints" => table_constraints(context),
        "check_constraints" => check_constraints(context),
        "key_column_usage" => key_column_usage(context),
        _ => return None,
    })
}

fn tables(context: &Context<'_>) -> Vec<Column> {
    let rows = relations::all(context);
    let kind = |relation: &&Relation| match relation.kind {
        RelationKind::View { .. } => "VIEW",
        RelationKind::MaterializedView { .. } => "MATERIALIZED VIEW",
        _ => "BASE TABLE",
    };
    let insertable = |relation: &&Relation| if let RelationKind::Table(_) = relation.kind { "YES" } else { "NO" };
    vec![
        words("table_catalog", DATABASE, rows.len()),
        text("table_schema", rows.iter().map(|relation| relation.namespace())),
        text("table_name", rows.iter().map(|relation| relation.local_name())),
        text("table_type", rows.iter().map(kind)),
        text("is_insertable_into", rows.iter().map(insertable)),
        words("is_typed", "NO", rows.len()),
    ]
}

fn table_columns(context: &Context<'_>) -> Vec<Column> {
    let rows = relations::all_columns(context);
    let n = rows.len();
    let types: Vec<SqlType> = rows.iter().map(|(relation, i)| SqlType::of(relation.schema.field(*i))).collect();
    let data_type = |sql_type: &SqlType| match sql_type {
        SqlType::Varchar(_) => "character varying".to_string(),
        SqlType::Numeric(..) | SqlType::AnyNumeric(_) => "numeric".to_string(),
        SqlType::Array(_) => "ARRAY".to_string(),
        other => other.to_string(),
    };
    let nullable = |(relation, i): &(&Relation, usize)| match &relation.kind {
        RelationKind::Table(table) if table.columns[*i].not_null => "NO",
        _ if relation.schema.field(*i).is_nullable() => "YES",
        _ => "NO",
    };
    let default = |(relation, i): &(&Relation, usize)| match &relation.kind {
        RelationKind::Table(table) => table.columns[*i].value.default_text(),
        _ => None,
    };
    let value = |(relation, i): &(&Relation, usize)| match &relation.kind {
        RelationKind::Table(table) => table.columns[*i].value.clone(),
        _ => ColumnValue::Null,
    };
    let identity = |row: &(&Relation, usize)| match value(row) {
        ColumnValue::Identity { always: true, .. } => Some("ALWAYS"),
        ColumnValue::Identity { .. } => Some("BY DEFAULT"),
        _ => None,
    };
    let generated = |row: &(&Relation, usize)| match value(row) {
        ColumnValue::Generated(text) => Some(format!("({text})")),
        _ => None,
    };
    let length = |sql_type: &SqlType| if let SqlType::Varchar(n) = sql_type { Some(n.to_string()) } else { None };
    vec![
        words("table_catalog", DATABASE, n),
        text("table_schema", rows.iter().map(|(relation, _)| relation.namespace())),
        text("table_name", rows.iter().map(|(relation, _)| relation.local_name())),
        text("column_name", rows.iter().map(|(relation, i)| relation.schema.field(*i).name())),
        bigint("ordinal_position", rows.iter().map(|(_, i)| *i as i64 + 1)),
        optional_text("column_default", rows.iter().map(default)),
        text("is_nullable", rows.iter().map(nullable)),
        text("data_type", types.iter().map(data_type)),
        optional_text("character_maximum_length", types.iter().map(length)),
        words("udt_catalog", DATABASE, n),
        words("udt_schema", "pg_catalog", n),
        text("udt_name", types.iter().map(udt_name)),
        text("is_identity", rows.iter().map(|row| if identity(row).is_some() { "YES" } else { "NO" })),
        optional_text("identity_generation", rows.iter().map(|row| identity(row).map(str::to_string))),
        text("is_generated", rows.iter().map(|row| if generated(row).is_some() { "ALWAYS" } else { "NEVER" })),
        optional_text("generation_expression", rows.iter().map(generated)),
        words("is_updatable", "YES", n),
        nulls("collation_name", n),
    ]
}

/// PostgreSQL's internal name of a type.
fn udt_name(sql_type: &SqlType) -> String {
    match sql_type {
        SqlType::Boolean => "bool".into(),
        SqlType::SmallInt => "int2".into(),
        SqlType::Integer => "int4".into(),
        SqlType::BigInt => "int8".into(),
        SqlType::Real => "float4".into(),
        SqlType::Double => "float8".into(),
        SqlType::Numeric(..) | SqlType::AnyNumeric(_) => "numeric".into(),
        SqlType::Varchar(_) => "varchar".into(),
        SqlType::Timestamp => "timestamp".into(),
        SqlType::TimestampTz => "timestamptz".into(),
        SqlType::Array(item) => format!("_{}", udt_name(item)),
        other => other.to_string(),
    }
}

fn views(context: &Context<'_>) -> Vec<Column> {
    let definition = |relation: &&Relation| match &relation.kind {
        RelationKind::View { query, .. } => {
            Some((relation.namespace().to_string(), relation.local_name().to_string(), query.clone()))
        }
        _ => None,
    };
    let rows: Vec<_> = relations::all(context).iter().filter_map(definition).collect();
    vec![
        words("table_catalog", DATABASE, rows.len()),
        text("table_schema", rows.iter().map(|row| &row.0)),
        text("table_name", rows.iter().map(|row| &row.1)),
        text("view_definition", rows.iter().map(|row| &row.2)),
    ]
}

fn schemata(context: &Context<'_>) -> Vec<Column> {
    let mut names = vec!["public", "tidewater", "pg_catalog", "information_schema"];
    names.extend(context.catalog.schemas().map(|(name, _)| name));
    vec![
        words("catalog_name", DATABASE, names.len()),
        text("schema_name", names.iter().copied()),
        words("schema_owner", DATABASE, names.len()),
    ]
}

fn table_constraints(context: &Context<'_>) -> Vec<Column> {
    let rows = index::constraints(context);
    let n = rows.len();
    let kind = |row: &Constraint<'_>| match row.kind {
        "p" => "PRIMARY KEY",
        "u" => "UNIQUE",
        _ => "CHECK",
    };
    vec![
        words("constraint_catalog", DATABASE, n),
        text("constraint_schema", rows.iter().map(|row| row.relation.namespace())),
        text("constraint_name", rows.iter().map(|row| row.name)),
        words("table_catalog", DATABASE, n),
        text("table_schema", rows.iter().map(|row| row.relation.namespace())),
        text("table_name", rows.iter().map(|row| row.relation.local_name())),
        text("constraint_type", rows.iter().map(kind)),
        words("is_deferrable", "NO", n),
        words("initially_deferred", "NO", n),
        words("enforced", "YES", n),
    ]
}

fn check_constraints(context: &Context<'_>) -> Vec<Column> {
    let rows: Vec<_> = index::constraints(context).into_iter().filter(|row| row.condition.is_some()).collect();
    vec![
        words("constraint_catalog", DATABASE, rows.len()),
        text("constraint_schema", rows.iter().map(|row| row.relation.namespace())),
        text("constraint_name", rows.iter().map(|row| row.name)),
        text("check_clause", rows.iter().map(|row| format!("(({}))", row.condition.unwrap_or_default()))),
    ]
}

fn key_column_usage(context: &Context<'_>) -> Vec<Column> {
    let constraints = index::constraints(context);
    let columns = |row: &Constraint<'_>| row.index.map(|index| index.columns.clone()).unwrap_or_default();
    let rows: Vec<(&Constraint<'_>, usize, usize)> = constraints
        .iter()
        .flat_map(|row| columns(row).into_iter().enumerate().map(move |(at, i)| (row, at, i)))
        .collect();
    let n = rows.len();
    vec![
        words("constraint_catalog", DATABASE, n),
        text("constraint_schema", rows.iter().map(|(row, ..)| row.relation.namespace())),
        text("constraint_name", rows.iter().map(|(row, ..)| row.name)),
        words("table_catalog", DATABASE, n),
        text("table_schema", rows.iter().map(|(row, ..)| row.relation.namespace())),
        text("table_name", rows.iter().map(|(row, ..)| row.relation.local_name())),
        text("column_name", rows.iter().map(|(row, _, i)| row.relation.schema.field(*i).name())),
        bigint("ordinal_position", rows.iter().map(|(_, at, _)| *at as i64 + 1)),
    ]
}

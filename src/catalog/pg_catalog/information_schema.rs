//! `information_schema`: tables, columns, views, schemata, constraints.

use std::sync::Arc;

use datafusion::arrow::array::Int64Array;

use super::index::{self, Constraint};
use super::{Column, Context, bigint, optional_text, relations, text, words};
use crate::catalog::{ColumnValue, Relation, RelationKind};
use crate::catalog::{DATABASE, split_name};
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
        "key_column_usage" | "constraint_column_usage" => key_column_usage(context),
        "constraint_table_usage" => constraint_table_usage(context),
        "table_privileges" | "role_table_grants" => table_privileges(context),
        "column_privileges" | "role_column_grants" => column_privileges(context),
        "element_types" => element_types(context),
        "view_table_usage" => view_table_usage(context),
        "sequences" => super::sequence::sequences(context),
        "applicable_roles" | "administrable_role_authorizations" => roles(context),
        "enabled_roles" => vec![text("role_name", [context.user])],
        "information_schema_catalog_name" => words_of(&[("catalog_name", DATABASE)], 1),
        "character_sets" => character_sets(),
        "collations" => collations(),
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
    let types: Vec<SqlType> = rows.iter().map(|(relation, i)| SqlType::declared(relation.schema.field(*i))).collect();
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
    let length = |sql_type: &SqlType| match sql_type {
        SqlType::Varchar(n) | SqlType::Char(n) => Some(n.to_string()),
        _ => None,
    };
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
        counts("character_octet_length", types.iter().map(octets)),
        counts("numeric_precision", types.iter().map(|one| number_of(one).map(|number| number.0))),
        counts("numeric_precision_radix", types.iter().map(|one| number_of(one).map(|number| number.1))),
        counts("numeric_scale", types.iter().map(|one| number_of(one).and_then(|number| number.2))),
        counts("datetime_precision", types.iter().map(digits_of_seconds)),
        optional_text("dtd_identifier", rows.iter().map(|(_, i)| Some((*i + 1).to_string()))),
        words("is_self_referencing", "NO", n),
        words("identity_cycle", "NO", n),
        words("udt_catalog", DATABASE, n),
        words("udt_schema", "pg_catalog", n),
        text("udt_name", types.iter().map(udt_name)),
        text("is_identity", rows.iter().map(|row| if identity(row).is_some() { "YES" } else { "NO" })),
        optional_text("identity_generation", rows.iter().map(|row| identity(row).map(str::to_string))),
        text("is_generated", rows.iter().map(|row| if generated(row).is_some() { "ALWAYS" } else { "NEVER" })),
        optional_text("generation_expression", rows.iter().map(generated)),
        words("is_updatable", "YES", n),
    ]
}

/// Numbers, NULL where there is none.
fn counts(name: &'static str, values: impl IntoIterator<Item = Option<i64>>) -> Column {
    (name, SqlType::BigInt, Arc::new(values.into_iter().collect::<Int64Array>()))
}

/// Columns of one word each.
fn words_of(columns: &[(&'static str, &str)], rows: usize) -> Vec<Column> {
    columns.iter().map(|(name, word)| words(name, word, rows)).collect()
}

/// Bytes of a text at most.
fn octets(sql_type: &SqlType) -> Option<i64> {
    match sql_type {
        SqlType::Varchar(n) => Some(i64::from(*n) * 4),
        SqlType::Text => Some(1 << 30),
        _ => None,
    }
}

/// Digits of a number, their base, and those after the point.
fn number_of(sql_type: &SqlType) -> Option<(i64, i64, Option<i64>)> {
    match sql_type {
        SqlType::SmallInt => Some((16, 2, Some(0))),
        SqlType::Integer => Some((32, 2, Some(0))),
        SqlType::BigInt => Some((64, 2, Some(0))),
        SqlType::Real => Some((24, 2, None)),
        SqlType::Double => Some((53, 2, None)),
        SqlType::Numeric(precision, scale) => Some((i64::from(*precision), 10, Some(i64::from(*scale)))),
        SqlType::AnyNumeric(Some((precision, scale))) => Some((i64::from(*precision), 10, Some(i64::from(*scale)))),
        _ => None,
    }
}

fn digits_of_seconds(sql_type: &SqlType) -> Option<i64> {
    match sql_type {
        SqlType::Date => Some(0),
        SqlType::Time | SqlType::Timestamp | SqlType::TimestampTz | SqlType::Interval => Some(6),
        _ => None,
    }
}

/// The types of the items of array columns.
fn element_types(context: &Context<'_>) -> Vec<Column> {
    let item = |(relation, i): (&'_ Relation, usize)| match SqlType::of(relation.schema.field(i)) {
        SqlType::Array(item) => {
            Some((relation.namespace().to_string(), relation.local_name().to_string(), i, item_type(&item)))
        }
        _ => None,
    };
    let rows: Vec<_> = relations::all_columns(context).into_iter().filter_map(item).collect();
    let n = rows.len();
    vec![
        words("object_catalog", DATABASE, n),
        text("object_schema", rows.iter().map(|row| &row.0)),
        text("object_name", rows.iter().map(|row| &row.1)),
        words("object_type", "TABLE", n),
        text("collection_type_identifier", rows.iter().map(|row| (row.2 + 1).to_string())),
        text("data_type", rows.iter().map(|row| data_type(&row.3))),
        words("udt_catalog", DATABASE, n),
        words("udt_schema", "pg_catalog", n),
        text("udt_name", rows.iter().map(|row| udt_name(&row.3))),
        text("dtd_identifier", rows.iter().map(|row| format!("a{}", row.2 + 1))),
    ]
}

/// PostgreSQL knows one type of arrays for any number of dimensions.
fn item_type(item: &SqlType) -> SqlType {
    match item {
        SqlType::Array(inner) => item_type(inner),
        other => other.clone(),
    }
}

fn roles(context: &Context<'_>) -> Vec<Column> {
    words_of(&[("grantee", context.user), ("role_name", DATABASE), ("is_grantable", "NO")], 1)
}

fn character_sets() -> Vec<Column> {
    let columns = [
        ("character_set_name", "UTF8"),
        ("character_repertoire", "UCS"),
        ("form_of_use", "UTF8"),
        ("default_collate_catalog", DATABASE),
        ("default_collate_schema", "pg_catalog"),
        ("default_collate_name", "C"),
    ];
    words_of(&columns, 1)
}

fn collations() -> Vec<Column> {
    let mut columns = words_of(&[("collation_catalog", DATABASE), ("collation_schema", "pg_catalog")], 3);
    columns.push(text("collation_name", ["default", "C", "POSIX"]));
    columns.push(words("pad_attribute", "NO PAD", 3));
    columns
}

/// What everybody may do with a relation.
fn privileges(relation: &Relation) -> &'static [&'static str] {
    match relation.kind {
        RelationKind::Table(_) => &["INSERT", "SELECT", "UPDATE", "DELETE", "TRUNCATE"],
        _ => &["SELECT"],
    }
}

fn table_privileges(context: &Context<'_>) -> Vec<Column> {
    let relations = relations::all(context);
    let of = |relation: &&'_ Relation| privileges(relation).iter().map(|one| (*one, relation.name.clone())).collect();
    let rows: Vec<(&str, String)> = relations.iter().flat_map(|one| -> Vec<(&str, String)> { of(one) }).collect();
    granted(context, &rows, rows.len())
}

/// The columns that tables of privileges have in common; a row is a privilege and the full name of a relation.
fn granted(context: &Context<'_>, rows: &[(&'static str, String)], n: usize) -> Vec<Column> {
    vec![
        words("grantor", DATABASE, n),
        words("grantee", context.user, n),
        words("table_catalog", DATABASE, n),
        text("table_schema", rows.iter().map(|row| split_name(&row.1).0)),
        text("table_name", rows.iter().map(|row| split_name(&row.1).1)),
        text("privilege_type", rows.iter().map(|row| row.0)),
        words("is_grantable", "YES", n),
        text("with_hierarchy", rows.iter().map(|row| if row.0 == "SELECT" { "YES" } else { "NO" })),
    ]
}

fn column_privileges(context: &Context<'_>) -> Vec<Column> {
    let mut rows = Vec::new();
    let mut columns = Vec::new();
    for (relation, i) in relations::all_columns(context) {
        for privilege in privileges(relation).iter().filter(|one| !matches!(**one, "DELETE" | "TRUNCATE")) {
            rows.push((*privilege, relation.name.clone()));
            columns.push(relation.schema.field(i).name().clone());
        }
    }
    let mut all = granted(context, &rows, rows.len());
    all.push(text("column_name", &columns));
    all
}

fn constraint_table_usage(context: &Context<'_>) -> Vec<Column> {
    let rows = index::constraints(context);
    let n = rows.len();
    vec![
        words("table_catalog", DATABASE, n),
        text("table_schema", rows.iter().map(|row| row.relation.namespace())),
        text("table_name", rows.iter().map(|row| row.relation.local_name())),
        words("constraint_catalog", DATABASE, n),
        text("constraint_schema", rows.iter().map(|row| row.relation.namespace())),
        text("constraint_name", rows.iter().map(|row| row.name)),
    ]
}

/// Which view reads which relation.
fn view_table_usage(context: &Context<'_>) -> Vec<Column> {
    let mut rows: Vec<(&Relation, &Relation)> = Vec::new();
    for view in relations::all(context) {
        if let RelationKind::View { .. } = view.kind {
            rows.extend(view.depends_on.iter().filter_map(|id| Some((view, &**context.catalog.by_id(*id)?))));
        }
    }
    let n = rows.len();
    vec![
        words("view_catalog", DATABASE, n),
        text("view_schema", rows.iter().map(|row| row.0.namespace())),
        text("view_name", rows.iter().map(|row| row.0.local_name())),
        words("table_catalog", DATABASE, n),
        text("table_schema", rows.iter().map(|row| row.1.namespace())),
        text("table_name", rows.iter().map(|row| row.1.local_name())),
    ]
}

fn data_type(sql_type: &SqlType) -> String {
    match sql_type {
        SqlType::Varchar(_) => "character varying".to_string(),
        SqlType::Numeric(..) | SqlType::AnyNumeric(_) => "numeric".to_string(),
        SqlType::Array(_) => "ARRAY".to_string(),
        other => other.to_string(),
    }
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
        SqlType::Char(_) => "bpchar".into(),
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
        words("check_option", "NONE", rows.len()),
        words("is_updatable", "NO", rows.len()),
        words("is_insertable_into", "NO", rows.len()),
        words("is_trigger_updatable", "NO", rows.len()),
        words("is_trigger_deletable", "NO", rows.len()),
        words("is_trigger_insertable_into", "NO", rows.len()),
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

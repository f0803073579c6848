//! Indexes and constraints.

use std::sync::Arc;

use datafusion::arrow::array::ListArray;
use datafusion::arrow::datatypes::Int64Type;

use super::relations::namespace_oid;
use super::{
    CHECK_OFFSET, CONSTRAINT_OFFSET, Column, Context, bigint, boolean, flags, nulls, numbers, optional_text, text,
    words,
};
use crate::catalog::{Index, IndexKind, Relation, RelationKind};
use crate::types::SqlType;

/// A constraint.
pub(super) struct Constraint<'a> {
    pub(super) oid: i64,
    pub(super) name: &'a str,
    pub(super) relation: &'a Relation,
    /// `p`, `u` or `c`.
    pub(super) kind: &'static str,
    /// The index behind a key; `None` for CHECK.
    pub(super) index: Option<&'a Index>,
    /// What CHECK asks.
    pub(super) condition: Option<&'a str>,
}

/// Indexes and their relations.
pub(super) fn indexes<'a>(context: &'a Context<'_>) -> Vec<(&'a Index, &'a Relation)> {
    let pair = |index: &'a std::sync::Arc<Index>| Some((&**index, &**context.catalog.by_id(index.relation)?));
    context.catalog.indexes().filter_map(pair).collect()
}

/// All constraints.
pub(super) fn constraints<'a>(context: &'a Context<'_>) -> Vec<Constraint<'a>> {
    let mut all = Vec::new();
    for (index, relation) in indexes(context).into_iter().filter(|(index, _)| index.is_constraint()) {
        let kind = if index.kind == IndexKind::PrimaryKey { "p" } else { "u" };
        let oid = oid(index) + CONSTRAINT_OFFSET;
        all.push(Constraint { oid, name: &index.name, relation, kind, index: Some(index), condition: None });
    }
    for relation in context.catalog.iter() {
        let RelationKind::Table(table) = &relation.kind else { continue };
        for (number, check) in table.checks.iter().enumerate() {
            let oid = CHECK_OFFSET + i64::from(relation.id.0) * 64 + number as i64;
            let condition = Some(check.condition.as_str());
            all.push(Constraint { oid, name: &check.name, relation, kind: "c", index: None, condition });
        }
    }
    all
}

/// How many CHECK constraints a relation has.
pub(super) fn check_count(relation: &Relation) -> i64 {
    if let RelationKind::Table(table) = &relation.kind { table.checks.len() as i64 } else { 0 }
}

/// Identity of an index.
pub(super) fn oid(index: &Index) -> i64 {
    i64::from(index.id.0)
}

fn column_names(relation: &Relation, columns: &[usize]) -> String {
    columns.iter().map(|&i| relation.schema.field(i).name().as_str()).collect::<Vec<_>>().join(", ")
}

/// `CREATE [UNIQUE] INDEX …`.
fn index_definition(index: &Index, relation: &Relation) -> String {
    let unique = if index.is_unique() { "UNIQUE " } else { "" };
    let columns = column_names(relation, &index.columns);
    format!(
        "CREATE {unique}INDEX {} ON {}.{} USING btree ({columns})",
        index.name,
        relation.namespace(),
        relation.local_name()
    )
}

/// `PRIMARY KEY (…)`, `UNIQUE (…)`, `CHECK (…)`.
fn constraint_definition(constraint: &Constraint<'_>) -> String {
    let columns = constraint.index.map(|index| column_names(constraint.relation, &index.columns)).unwrap_or_default();
    match (constraint.kind, constraint.condition) {
        (_, Some(condition)) => format!("CHECK (({condition}))"),
        ("p", _) => format!("PRIMARY KEY ({columns})"),
        _ => format!("UNIQUE ({columns})"),
    }
}

/// Identity and definition of every index.
pub(super) fn index_definitions(context: &Context<'_>) -> Vec<(i64, String)> {
    indexes(context).into_iter().map(|(index, relation)| (oid(index), index_definition(index, relation))).collect()
}

/// Identity and columns of every index.
pub(super) fn index_columns(context: &Context<'_>) -> Vec<(i64, Vec<String>)> {
    let name = |relation: &Relation, at: &usize| relation.schema.field(*at).name().clone();
    let columns = |(index, relation): (&Index, &Relation)| {
        (oid(index), index.columns.iter().map(|at| name(relation, at)).collect())
    };
    indexes(context).into_iter().map(columns).collect()
}

/// Identity and definition of every constraint.
pub(super) fn constraint_definitions(context: &Context<'_>) -> Vec<(i64, String)> {
    constraints(context).iter().map(|one| (one.oid, constraint_definition(one))).collect()
}

/// A column of vectors.
pub(super) fn vectors(name: &'static str, rows: impl IntoIterator<Item = Option<Vec<i64>>>) -> Column {
    let rows = rows.into_iter().map(|row| row.map(|row| row.into_iter().map(Some)));
    let array = ListArray::from_iter_primitive::<Int64Type, _, _>(rows);
    (name, SqlType::Array(Box::new(SqlType::BigInt)), Arc::new(array))
}

/// The numbers of columns: the first is 1.
fn numbers_of(columns: &[usize]) -> Vec<i64> {
    columns.iter().map(|at| *at as i64 + 1).collect()
}

pub(super) fn pg_index(context: &Context<'_>) -> Vec<Column> {
    let rows = indexes(context);
    let n = rows.len();
    vec![
        bigint("indexrelid", rows.iter().map(|(index, _)| oid(index))),
        bigint("indrelid", rows.iter().map(|(index, _)| i64::from(index.relation.0))),
        bigint("indnatts", rows.iter().map(|(index, _)| index.columns.len() as i64)),
        bigint("indnkeyatts", rows.iter().map(|(index, _)| index.columns.len() as i64)),
        boolean("indisunique", rows.iter().map(|(index, _)| index.is_unique())),
        flags("indnullsnotdistinct", false, n),
        boolean("indisprimary", rows.iter().map(|(index, _)| index.kind == IndexKind::PrimaryKey)),
        flags("indisexclusion", false, n),
        flags("indimmediate", true, n),
        flags("indisclustered", false, n),
        flags("indisvalid", true, n),
        flags("indcheckxmin", false, n),
        flags("indisready", true, n),
        flags("indislive", true, n),
        flags("indisreplident", false, n),
        vectors("indkey", rows.iter().map(|(index, _)| Some(numbers_of(&index.columns)))),
        vectors("indcollation", rows.iter().map(|(index, _)| Some(vec![0; index.columns.len()]))),
        vectors("indclass", rows.iter().map(|(index, _)| Some(vec![0; index.columns.len()]))),
        vectors("indoption", rows.iter().map(|(index, _)| Some(vec![0; index.columns.len()]))),
    ]
}

pub(super) fn pg_constraint(context: &Context<'_>) -> Vec<Column> {
    let rows = constraints(context);
    let n = rows.len();
    let key = |row: &Constraint<'_>| row.index.map(|index| numbers_of(&index.columns));
    vec![
        bigint("oid", rows.iter().map(|row| row.oid)),
        text("conname", rows.iter().map(|row| row.name)),
        bigint("connamespace", rows.iter().map(|row| namespace_oid(context, row.relation))),
        text("contype", rows.iter().map(|row| row.kind)),
        flags("condeferrable", false, n),
        flags("condeferred", false, n),
        flags("convalidated", true, n),
        bigint("conrelid", rows.iter().map(|row| i64::from(row.relation.id.0))),
        numbers("contypid", 0, n),
        bigint("conindid", rows.iter().map(|row| row.index.map_or(0, oid))),
        numbers("conparentid", 0, n),
        numbers("confrelid", 0, n),
        words("confupdtype", " ", n),
        words("confdeltype", " ", n),
        words("confmatchtype", " ", n),
        flags("conislocal", true, n),
        numbers("coninhcount", 0, n),
        flags("connoinherit", false, n),
        vectors("conkey", rows.iter().map(key)),
        optional_text("conbin", rows.iter().map(|row| row.condition.map(str::to_string))),
    ]
}

pub(super) fn pg_indexes(context: &Context<'_>) -> Vec<Column> {
    let rows = indexes(context);
    vec![
        text("schemaname", rows.iter().map(|(_, relation)| relation.namespace())),
        text("tablename", rows.iter().map(|(_, relation)| relation.local_name())),
        text("indexname", rows.iter().map(|(index, _)| &index.name)),
        nulls("tablespace", rows.len()),
        text("indexdef", rows.iter().map(|(index, relation)| index_definition(index, relation))),
    ]
}

//! User relations and their columns.

use std::sync::Arc;

use super::types::{field_typmod, oid, typmod};
use super::{
    CONSTRAINT_OFFSET, Column, Context, OWNER, PUBLIC, TIDEWATER, bigint, boolean, flags, index, null_array, nulls,
    numbers, optional_text, real, sequence, text, words,
};
use crate::catalog::{
    ColumnValue, FIRST_RELATION_ID, Index, Relation, RelationKind, TableColumn, UserType, UserTypeKind,
};
use crate::types::{RowType, SqlType};

/// One row of `pg_class`: a relation or an index.
struct Class<'a> {
    oid: i64,
    name: String,
    kind: &'static str,
    /// Positions of its columns in the relation.
    columns: Vec<usize>,
    relation: &'a Relation,
}

/// Identity of the schema that a relation is in.
pub(super) fn namespace_oid(context: &Context<'_>, relation: &Relation) -> i64 {
    if relation.id.0 < FIRST_RELATION_ID {
        return TIDEWATER;
    }
    schema_oid(context, relation.namespace())
}

/// Identity of a schema of users.
pub(super) fn schema_oid(context: &Context<'_>, schema: &str) -> i64 {
    let mut schemas = context.catalog.schemas();
    schemas.find(|(name, _)| *name == schema).map_or(PUBLIC, |(_, oid)| i64::from(oid))
}

/// Relations that clients see: everything but sinks, and the engine's own.
fn visible<'a>(context: &'a Context<'_>) -> impl Iterator<Item = &'a Arc<Relation>> {
    let users = context.catalog.iter().filter(|relation| !matches!(relation.kind, RelationKind::Sink { .. }));
    users.chain(context.system)
}

fn id(relation: &Relation) -> i64 {
    i64::from(relation.id.0)
}

fn classes<'a>(context: &'a Context<'_>) -> Vec<Class<'a>> {
    let relation = |relation: &'a Arc<Relation>| Class {
        oid: id(relation),
        name: relation.local_name().to_string(),
        kind: match relation.kind {
            RelationKind::View { .. } => "v",
            RelationKind::MaterializedView { .. } => "m",
            _ => "r",
        },
        columns: (0..relation.schema.fields().len()).collect(),
        relation,
    };
    let index = |(index, relation): (&'a Index, &'a Relation)| Class {
        oid: index::oid(index),
        name: index.name.clone(),
        kind: "i",
        columns: index.columns.clone(),
        relation,
    };
    let sequence = |row: sequence::Row<'a>| Class {
        oid: row.oid,
        name: row.sequence.name.clone(),
        kind: "S",
        columns: Vec::new(),
        relation: row.table,
    };
    let relations = visible(context).map(relation).chain(index::indexes(context).into_iter().map(index));
    relations.chain(sequence::rows(context).into_iter().map(sequence)).collect()
}

/// Composite types, which are relations without rows.
fn composites<'a>(context: &'a Context<'_>) -> Vec<(&'a UserType, &'a RowType)> {
    let composite = |found: &'a Arc<UserType>| match &found.kind {
        UserTypeKind::Composite(row) => Some((found.as_ref(), row.as_ref())),
        UserTypeKind::Enum(_) | UserTypeKind::Domain(_) => None,
    };
    context.catalog.types().filter_map(composite).collect()
}

pub(super) fn pg_class(context: &Context<'_>) -> Vec<Column> {
    let (rows, types) = (classes(context), composites(context));
    let n = rows.len() + types.len();
    let no = || types.iter().map(|_| 0_i64);
    let has_index = |class: &Class<'_>| {
        !matches!(class.kind, "i" | "S") && context.catalog.indexes_of(class.relation.id).next().is_some()
    };
    vec![
        bigint("oid", rows.iter().map(|row| row.oid).chain(types.iter().map(|(found, _)| i64::from(found.id.0)))),
        text(
            "relname",
            rows.iter().map(|row| row.name.as_str()).chain(types.iter().map(|(found, _)| found.local_name())),
        ),
        bigint(
            "relnamespace",
            rows.iter()
                .map(|row| namespace_oid(context, row.relation))
                .chain(types.iter().map(|(found, _)| schema_oid(context, found.namespace()))),
        ),
        bigint("reltype", rows.iter().map(|_| 0).chain(types.iter().map(|(found, _)| i64::from(found.id.0)))),
        numbers("reloftype", 0, n),
        numbers("relowner", OWNER, n),
        bigint(
            "relam",
            rows.iter()
                .map(|row| match row.kind {
                    "i" => 403,
                    "v" | "S" => 0,
                    _ => 2,
                })
                .chain(no()),
        ),
        numbers("relfilenode", 0, n),
        numbers("reltablespace", 0, n),
        numbers("relpages", 0, n),
        real("reltuples", -1.0, n),
        numbers("relallvisible", 0, n),
        numbers("reltoastrelid", 0, n),
        boolean("relhasindex", rows.iter().map(has_index).chain(types.iter().map(|_| false))),
        flags("relisshared", false, n),
        words("relpersistence", "p", n),
        text("relkind", rows.iter().map(|row| row.kind).chain(types.iter().map(|_| "c"))),
        bigint(
            "relnatts",
            rows.iter().map(|row| row.columns.len() as i64).chain(types.iter().map(|(_, row)| row.fields.len() as i64)),
        ),
        bigint(
            "relchecks",
            rows.iter().map(|row| if row.kind == "r" { index::check_count(row.relation) } else { 0 }).chain(no()),
        ),
        flags("relhasrules", false, n),
        flags("relhastriggers", false, n),
        flags("relhassubclass", false, n),
        flags("relrowsecurity", false, n),
        flags("relforcerowsecurity", false, n),
        flags("relispopulated", true, n),
        words("relreplident", "d", n),
        flags("relispartition", false, n),
        numbers("relrewrite", 0, n),
        numbers("relfrozenxid", 0, n),
        numbers("relminmxid", 0, n),
        null_array("relacl", n),
        null_array("reloptions", n),
        nulls("relpartbound", n),
    ]
}

/// A column of a relation or of an index.
struct Attribute {
    relation: i64,
    number: i64,
    name: String,
    type_oid: i64,
    modifier: i64,
    not_null: bool,
    has_default: bool,
    /// `a` or `d` for identity columns.
    identity: &'static str,
    /// `s` for generated columns.
    generated: &'static str,
}

fn attributes(context: &Context<'_>) -> Vec<Attribute> {
    let mut rows = Vec::new();
    for class in classes(context) {
        let relation = class.relation;
        for (number, position) in class.columns.iter().copied().enumerate() {
            let field = relation.schema.field(position);
            let column = match &relation.kind {
                RelationKind::Table(table) if class.kind == "r" => table.columns[position].clone(),
                _ => TableColumn { not_null: class.kind != "i" && !field.is_nullable(), ..TableColumn::default() },
            };
            let (identity, generated) = match &column.value {
                ColumnValue::Identity { always: true, .. } => ("a", ""),
                ColumnValue::Identity { .. } => ("d", ""),
                ColumnValue::Generated(_) => ("", "s"),
                _ => ("", ""),
            };
            rows.push(Attribute {
                relation: class.oid,
                number: number as i64 + 1,
                name: field.name().clone(),
                type_oid: column.domain.map_or_else(|| oid(&SqlType::of(field)), |domain| i64::from(domain.0)),
                modifier: if column.domain.is_some() { -1 } else { field_typmod(field) },
                not_null: column.not_null,
                has_default: expression(&column.value).is_some(),
                identity,
                generated,
            });
        }
    }
    for (found, row) in composites(context) {
        let attribute = |(at, (name, sql_type)): (usize, &(String, SqlType))| Attribute {
            relation: i64::from(found.id.0),
            number: at as i64 + 1,
            name: name.clone(),
            type_oid: oid(sql_type),
            modifier: typmod(sql_type),
            not_null: false,
            has_default: false,
            identity: "",
            generated: "",
        };
        rows.extend(row.fields.iter().enumerate().map(attribute));
    }
    rows
}

/// The expression of a DEFAULT or of a generated column.
fn expression(value: &ColumnValue) -> Option<String> {
    match value {
        ColumnValue::Generated(text) => Some(text.clone()),
        value => value.default_text(),
    }
}

pub(super) fn pg_attribute(context: &Context<'_>) -> Vec<Column> {
    let rows = attributes(context);
    let n = rows.len();
    vec![
        bigint("attrelid", rows.iter().map(|row| row.relation)),
        text("attname", rows.iter().map(|row| &row.name)),
        bigint("atttypid", rows.iter().map(|row| row.type_oid)),
        numbers("attstattarget", -1, n),
        bigint("attlen", rows.iter().map(|row| super::types::length(row.type_oid))),
        bigint("attnum", rows.iter().map(|row| row.number)),
        numbers("attndims", 0, n),
        numbers("attcacheoff", -1, n),
        bigint("atttypmod", rows.iter().map(|row| row.modifier)),
        flags("attbyval", false, n),
        text("attstorage", rows.iter().map(|row| super::types::storage(row.type_oid))),
        words("attcompression", "", n),
        words("attalign", "i", n),
        boolean("attnotnull", rows.iter().map(|row| row.not_null)),
        boolean("atthasdef", rows.iter().map(|row| row.has_default)),
        flags("atthasmissing", false, n),
        text("attidentity", rows.iter().map(|row| row.identity)),
        text("attgenerated", rows.iter().map(|row| row.generated)),
        flags("attisdropped", false, n),
        flags("attislocal", true, n),
        numbers("attinhcount", 0, n),
        numbers("attcollation", 0, n),
        null_array("attacl", n),
        null_array("attoptions", n),
        null_array("attfdwoptions", n),
    ]
}

pub(super) fn pg_attrdef(context: &Context<'_>) -> Vec<Column> {
    let mut rows = Vec::new();
    for relation in visible(context) {
        let RelationKind::Table(table) = &relation.kind else { continue };
        for (position, column) in table.columns.iter().enumerate() {
            rows.extend(expression(&column.value).map(|sql| (id(relation), position as i64 + 1, sql)));
        }
    }
    vec![
        bigint("oid", rows.iter().map(|(relation, number, _)| CONSTRAINT_OFFSET + relation * 2000 + number)),
        bigint("adrelid", rows.iter().map(|row| row.0)),
        bigint("adnum", rows.iter().map(|row| row.1)),
        text("adbin", rows.iter().map(|row| &row.2)),
    ]
}

pub(super) fn pg_tables(context: &Context<'_>) -> Vec<Column> {
    let rows: Vec<_> = classes(context).into_iter().filter(|class| class.kind == "r").collect();
    let n = rows.len();
    vec![
        text("schemaname", rows.iter().map(|row| row.relation.namespace())),
        text("tablename", rows.iter().map(|row| &row.name)),
        words("tableowner", crate::catalog::DATABASE, n),
        nulls("tablespace", n),
        boolean("hasindexes", rows.iter().map(|row| context.catalog.indexes_of(row.relation.id).next().is_some())),
        flags("hasrules", false, n),
        flags("hastriggers", false, n),
        flags("rowsecurity", false, n),
    ]
}

pub(super) fn pg_views(context: &Context<'_>) -> Vec<Column> {
    let rows: Vec<_> = classes(context).into_iter().filter(|class| class.kind == "v").collect();
    let definition = |class: &Class<'_>| match &class.relation.kind {
        RelationKind::View { query, .. } => Some(query.clone()),
        _ => None,
    };
    vec![
        text("schemaname", rows.iter().map(|row| row.relation.namespace())),
        text("viewname", rows.iter().map(|row| &row.name)),
        words("viewowner", crate::catalog::DATABASE, rows.len()),
        optional_text("definition", rows.iter().map(definition)),
    ]
}

pub(super) fn pg_matviews(context: &Context<'_>) -> Vec<Column> {
    let rows: Vec<_> = classes(context).into_iter().filter(|class| class.kind == "m").collect();
    let n = rows.len();
    vec![
        text("schemaname", rows.iter().map(|row| row.relation.namespace())),
        text("matviewname", rows.iter().map(|row| &row.name)),
        words("matviewowner", crate::catalog::DATABASE, n),
        nulls("tablespace", n),
        boolean("hasindexes", rows.iter().map(|row| context.catalog.indexes_of(row.relation.id).next().is_some())),
        flags("ispopulated", true, n),
        text("definition", rows.iter().map(|row| super::function::query_of(&row.relation.definition))),
    ]
}

/// Name, position and column of every visible relation, for `information_schema`.
pub(super) fn all_columns<'a>(context: &'a Context<'_>) -> Vec<(&'a Relation, usize)> {
    visible(context).flat_map(|relation| (0..relation.schema.fields().len()).map(move |i| (&**relation, i))).collect()
}

/// Every visible relation, for `information_schema`.
pub(super) fn all<'a>(context: &'a Context<'_>) -> Vec<&'a Relation> {
    visible(context).map(|relation| &**relation).collect()
}

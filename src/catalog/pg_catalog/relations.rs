//! User relations, their columns and primary keys.

use std::sync::Arc;

use super::types::{oid, typmod};
use super::{
    CONSTRAINT_OFFSET, Column, Context, INDEX_OFFSET, OWNER, PUBLIC, bigint, boolean, flags, null_array, nulls,
    numbers, optional_text, real, text, words,
};
use crate::catalog::{Relation, RelationKind};
use crate::types::SqlType;

/// One row of `pg_class`: a relation or the index of a primary key.
struct Class<'a> {
    oid: i64,
    name: String,
    kind: &'static str,
    columns: i64,
    relation: &'a Relation,
}

/// Relations that clients see: everything but sinks.
fn visible<'a>(context: &'a Context<'_>) -> impl Iterator<Item = &'a Arc<Relation>> {
    context.catalog.iter().filter(|relation| !matches!(relation.kind, RelationKind::Sink { .. }))
}

/// Tables with a primary key, with the positions of its columns.
fn keyed<'a>(context: &'a Context<'_>) -> Vec<(&'a Relation, &'a [usize])> {
    let key = |relation: &'a Arc<Relation>| match &relation.kind {
        RelationKind::Table { primary_key, .. } if !primary_key.is_empty() => {
            Some((&**relation, primary_key.as_slice()))
        }
        _ => None,
    };
    visible(context).filter_map(key).collect()
}

fn id(relation: &Relation) -> i64 {
    i64::from(relation.id.0)
}

pub(super) fn index_name(relation: &Relation) -> String {
    format!("{}_pkey", relation.name)
}

fn key_names(relation: &Relation, key: &[usize]) -> String {
    key.iter().map(|&i| relation.schema.field(i).name().as_str()).collect::<Vec<_>>().join(", ")
}

/// `CREATE UNIQUE INDEX …` of a primary key.
pub(super) fn index_definition(relation: &Relation, key: &[usize]) -> String {
    let name = index_name(relation);
    format!("CREATE UNIQUE INDEX {name} ON public.{} USING btree ({})", relation.name, key_names(relation, key))
}

/// `PRIMARY KEY (…)`.
pub(super) fn constraint_definition(relation: &Relation, key: &[usize]) -> String {
    format!("PRIMARY KEY ({})", key_names(relation, key))
}

/// Identity of each primary key's index and constraint, with what defines them.
pub(super) fn key_definitions(context: &Context<'_>) -> Vec<(i64, i64, String, String)> {
    let row = |(relation, key): (&Relation, &[usize])| {
        (
            id(relation) + INDEX_OFFSET,
            id(relation) + CONSTRAINT_OFFSET,
            index_definition(relation, key),
            constraint_definition(relation, key),
        )
    };
    keyed(context).into_iter().map(row).collect()
}

fn classes<'a>(context: &'a Context<'_>) -> Vec<Class<'a>> {
    let relation = |relation: &'a Arc<Relation>| Class {
        oid: id(relation),
        name: relation.name.clone(),
        kind: match relation.kind {
            RelationKind::View { .. } => "v",
            RelationKind::MaterializedView { .. } => "m",
            _ => "r",
        },
        columns: relation.schema.fields().len() as i64,
        relation,
    };
    let index = |(relation, key): (&'a Relation, &[usize])| Class {
        oid: id(relation) + INDEX_OFFSET,
        name: index_name(relation),
        kind: "i",
        columns: key.len() as i64,
        relation,
    };
    visible(context).map(relation).chain(keyed(context).into_iter().map(index)).collect()
}

pub(super) fn pg_class(context: &Context<'_>) -> Vec<Column> {
    let rows = classes(context);
    let n = rows.len();
    let has_key = |class: &Class<'_>| {
        class.kind == "r"
            && matches!(&class.relation.kind, RelationKind::Table { primary_key, .. } if !primary_key.is_empty())
    };
    vec![
        bigint("oid", rows.iter().map(|row| row.oid)),
        text("relname", rows.iter().map(|row| &row.name)),
        numbers("relnamespace", PUBLIC, n),
        numbers("reltype", 0, n),
        numbers("reloftype", 0, n),
        numbers("relowner", OWNER, n),
        bigint(
            "relam",
            rows.iter().map(|row| match row.kind {
                "i" => 403,
                "v" => 0,
                _ => 2,
            }),
        ),
        numbers("relfilenode", 0, n),
        numbers("reltablespace", 0, n),
        numbers("relpages", 0, n),
        real("reltuples", -1.0, n),
        numbers("relallvisible", 0, n),
        numbers("reltoastrelid", 0, n),
        boolean("relhasindex", rows.iter().map(has_key)),
        flags("relisshared", false, n),
        words("relpersistence", "p", n),
        text("relkind", rows.iter().map(|row| row.kind)),
        bigint("relnatts", rows.iter().map(|row| row.columns)),
        numbers("relchecks", 0, n),
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

/// A column of a relation or of a primary key's index.
struct Attribute {
    relation: i64,
    number: i64,
    name: String,
    sql_type: SqlType,
    not_null: bool,
    has_default: bool,
}

fn attributes(context: &Context<'_>) -> Vec<Attribute> {
    let mut rows = Vec::new();
    for class in classes(context) {
        let relation = class.relation;
        let (positions, not_null): (Vec<usize>, &[usize]) = match &relation.kind {
            RelationKind::Table { primary_key, not_null, .. } if class.kind == "i" => (primary_key.clone(), not_null),
            RelationKind::Table { not_null, .. } => ((0..relation.schema.fields().len()).collect(), not_null),
            _ => ((0..relation.schema.fields().len()).collect(), &[]),
        };
        for (number, position) in positions.into_iter().enumerate() {
            let field = relation.schema.field(position);
            let default =
                matches!(&relation.kind, RelationKind::Table { defaults, .. } if defaults.contains_key(&position));
            rows.push(Attribute {
                relation: class.oid,
                number: number as i64 + 1,
                name: field.name().clone(),
                sql_type: SqlType::of(field),
                not_null: class.kind != "i" && (not_null.contains(&position) || !field.is_nullable()),
                has_default: class.kind != "i" && default,
            });
        }
    }
    rows
}

pub(super) fn pg_attribute(context: &Context<'_>) -> Vec<Column> {
    let rows = attributes(context);
    let n = rows.len();
    vec![
        bigint("attrelid", rows.iter().map(|row| row.relation)),
        text("attname", rows.iter().map(|row| &row.name)),
        bigint("atttypid", rows.iter().map(|row| oid(&row.sql_type))),
        numbers("attstattarget", -1, n),
        numbers("attlen", -1, n),
        bigint("attnum", rows.iter().map(|row| row.number)),
        numbers("attndims", 0, n),
        numbers("attcacheoff", -1, n),
        bigint("atttypmod", rows.iter().map(|row| typmod(&row.sql_type))),
        flags("attbyval", false, n),
        words("attstorage", "p", n),
        words("attcompression", "", n),
        words("attalign", "i", n),
        boolean("attnotnull", rows.iter().map(|row| row.not_null)),
        boolean("atthasdef", rows.iter().map(|row| row.has_default)),
        flags("atthasmissing", false, n),
        words("attidentity", "", n),
        words("attgenerated", "", n),
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
        if let RelationKind::Table { defaults, .. } = &relation.kind {
            rows.extend(defaults.iter().map(|(position, sql)| (id(relation), *position as i64 + 1, sql.clone())));
        }
    }
    vec![
        bigint("oid", rows.iter().map(|(relation, number, _)| CONSTRAINT_OFFSET + relation * 2000 + number)),
        bigint("adrelid", rows.iter().map(|row| row.0)),
        bigint("adnum", rows.iter().map(|row| row.1)),
        text("adbin", rows.iter().map(|row| &row.2)),
    ]
}

fn key_numbers(key: &[usize], open: &str, separator: &str, close: &str) -> String {
    let numbers: Vec<String> = key.iter().map(|i| (i + 1).to_string()).collect();
    format!("{open}{}{close}", numbers.join(separator))
}

pub(super) fn pg_index(context: &Context<'_>) -> Vec<Column> {
    let rows = keyed(context);
    let n = rows.len();
    vec![
        bigint("indexrelid", rows.iter().map(|(relation, _)| id(relation) + INDEX_OFFSET)),
        bigint("indrelid", rows.iter().map(|(relation, _)| id(relation))),
        bigint("indnatts", rows.iter().map(|(_, key)| key.len() as i64)),
        bigint("indnkeyatts", rows.iter().map(|(_, key)| key.len() as i64)),
        flags("indisunique", true, n),
        flags("indisprimary", true, n),
        flags("indisexclusion", false, n),
        flags("indimmediate", true, n),
        flags("indisclustered", false, n),
        flags("indisvalid", true, n),
        flags("indcheckxmin", false, n),
        flags("indisready", true, n),
        flags("indislive", true, n),
        flags("indisreplident", false, n),
        text("indkey", rows.iter().map(|(_, key)| key_numbers(key, "", " ", ""))),
        nulls("indexprs", n),
        nulls("indpred", n),
    ]
}

pub(super) fn pg_constraint(context: &Context<'_>) -> Vec<Column> {
    let rows = keyed(context);
    let n = rows.len();
    vec![
        bigint("oid", rows.iter().map(|(relation, _)| id(relation) + CONSTRAINT_OFFSET)),
        text("conname", rows.iter().map(|(relation, _)| index_name(relation))),
        numbers("connamespace", PUBLIC, n),
        words("contype", "p", n),
        flags("condeferrable", false, n),
        flags("condeferred", false, n),
        flags("convalidated", true, n),
        bigint("conrelid", rows.iter().map(|(relation, _)| id(relation))),
        numbers("contypid", 0, n),
        bigint("conindid", rows.iter().map(|(relation, _)| id(relation) + INDEX_OFFSET)),
        numbers("conparentid", 0, n),
        numbers("confrelid", 0, n),
        words("confupdtype", " ", n),
        words("confdeltype", " ", n),
        words("confmatchtype", " ", n),
        text("conkey", rows.iter().map(|(_, key)| key_numbers(key, "{", ",", "}"))),
        nulls("confkey", n),
        nulls("conbin", n),
    ]
}

pub(super) fn pg_tables(context: &Context<'_>) -> Vec<Column> {
    let rows: Vec<_> = classes(context).into_iter().filter(|class| class.kind == "r").collect();
    let n = rows.len();
    vec![
        words("schemaname", "public", n),
        text("tablename", rows.iter().map(|row| &row.name)),
        words("tableowner", crate::engine::DATABASE, n),
        nulls("tablespace", n),
        flags("hasindexes", false, n),
        flags("hasrules", false, n),
        flags("hastriggers", false, n),
        flags("rowsecurity", false, n),
    ]
}

pub(super) fn pg_views(context: &Context<'_>) -> Vec<Column> {
    let rows: Vec<_> = classes(context).into_iter().filter(|class| class.kind == "v").collect();
    let definition = |class: &Class<'_>| match &class.relation.kind {
        RelationKind::View { query } => Some(query.clone()),
        _ => None,
    };
    vec![
        words("schemaname", "public", rows.len()),
        text("viewname", rows.iter().map(|row| &row.name)),
        words("viewowner", crate::engine::DATABASE, rows.len()),
        optional_text("definition", rows.iter().map(definition)),
    ]
}

pub(super) fn pg_matviews(context: &Context<'_>) -> Vec<Column> {
    let rows: Vec<_> = classes(context).into_iter().filter(|class| class.kind == "m").collect();
    let n = rows.len();
    vec![
        words("schemaname", "public", n),
        text("matviewname", rows.iter().map(|row| &row.name)),
        words("matviewowner", crate::engine::DATABASE, n),
        nulls("tablespace", n),
        flags("hasindexes", false, n),
        flags("ispopulated", true, n),
        text("definition", rows.iter().map(|row| &row.relation.definition)),
    ]
}

pub(super) fn pg_indexes(context: &Context<'_>) -> Vec<Column> {
    let rows = keyed(context);
    vec![
        words("schemaname", "public", rows.len()),
        text("tablename", rows.iter().map(|(relation, _)| &relation.name)),
        text("indexname", rows.iter().map(|(relation, _)| index_name(relation))),
        nulls("tablespace", rows.len()),
        text("indexdef", rows.iter().map(|(relation, key)| index_definition(relation, key))),
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

//! `pg_type`: the types of our columns with PostgreSQL's identities.

use std::sync::Arc;

use datafusion::arrow::array::Float32Array;
use datafusion::arrow::datatypes::Field;

use super::relations::schema_oid;
use super::{
    Column, Context, OWNER, PG_CATALOG, bigint, boolean, flags, null_array, numbers, optional_text, text, words,
};
use crate::catalog::{Domain, UserType, UserTypeKind};
use crate::precision::Precision;
use crate::types::SqlType;

/// A type: identity, name, length, category, identity of its array type (0 for arrays), of its item (0 for others).
struct Type {
    oid: i64,
    name: &'static str,
    length: i64,
    category: &'static str,
    array: i64,
    item: i64,
}

const fn scalar(oid: i64, name: &'static str, length: i64, category: &'static str, array: i64) -> Type {
    Type { oid, name, length, category, array, item: 0 }
}

const fn array(oid: i64, name: &'static str, item: i64) -> Type {
    Type { oid, name, length: -1, category: "A", array: 0, item }
}

static TYPES: &[Type] = &[
    scalar(16, "bool", 1, "B", 1000),
    scalar(17, "bytea", -1, "U", 1001),
    scalar(20, "int8", 8, "N", 1016),
    scalar(21, "int2", 2, "N", 1005),
    scalar(23, "int4", 4, "N", 1007),
    scalar(25, "text", -1, "S", 1009),
    scalar(26, "oid", 4, "N", 1028),
    scalar(114, "json", -1, "U", 199),
    scalar(700, "float4", 4, "N", 1021),
    scalar(701, "float8", 8, "N", 1022),
    scalar(1042, "bpchar", -1, "S", 1014),
    scalar(1043, "varchar", -1, "S", 1015),
    scalar(1082, "date", 4, "D", 1182),
    scalar(1083, "time", 8, "D", 1183),
    scalar(1114, "timestamp", 8, "D", 1115),
    scalar(1184, "timestamptz", 8, "D", 1185),
    scalar(1186, "interval", 16, "T", 1187),
    scalar(1700, "numeric", -1, "N", 1231),
    scalar(2950, "uuid", 16, "U", 2951),
    scalar(3802, "jsonb", -1, "U", 3807),
    Type { oid: 2249, name: "record", length: -1, category: "P", array: 2287, item: 0 },
    array(1000, "_bool", 16),
    array(1001, "_bytea", 17),
    array(1016, "_int8", 20),
    array(1005, "_int2", 21),
    array(1007, "_int4", 23),
    array(1009, "_text", 25),
    array(1028, "_oid", 26),
    array(199, "_json", 114),
    array(1021, "_float4", 700),
    array(1022, "_float8", 701),
    array(1014, "_bpchar", 1042),
    array(1015, "_varchar", 1043),
    array(1182, "_date", 1082),
    array(1183, "_time", 1083),
    array(1115, "_timestamp", 1114),
    array(1185, "_timestamptz", 1184),
    array(1187, "_interval", 1186),
    array(1231, "_numeric", 1700),
    array(2951, "_uuid", 2950),
    array(3807, "_jsonb", 3802),
    array(2287, "_record", 2249),
];

/// PostgreSQL's identity of a type.
pub(crate) fn oid(sql_type: &SqlType) -> i64 {
    match sql_type {
        SqlType::Boolean => 16,
        SqlType::Bytea => 17,
        SqlType::BigInt => 20,
        SqlType::SmallInt => 21,
        SqlType::Integer => 23,
        SqlType::Text => 25,
        SqlType::Real => 700,
        SqlType::Double => 701,
        SqlType::Varchar(_) => 1043,
        SqlType::Char(_) => 1042,
        SqlType::Date => 1082,
        SqlType::Time => 1083,
        SqlType::Timestamp => 1114,
        SqlType::TimestampTz => 1184,
        SqlType::Interval => 1186,
        SqlType::Numeric(..) => 1700,
        SqlType::Uuid => 2950,
        SqlType::Json => 114,
        SqlType::Jsonb => 3802,
        SqlType::Row(row) => row.name.as_ref().map_or(2249, |name| i64::from(name.oid)),
        SqlType::Array(item) => {
            let item = match item.as_ref() {
                // PostgreSQL has one array type for any number of dimensions.
                SqlType::Array(_) => return oid(item),
                item => oid(item),
            };
            let known = TYPES.iter().find(|entry| entry.oid == item).map(|entry| entry.array);
            // That of a user's type is one more than the type's.
            known.unwrap_or(item + 1)
        }
        SqlType::Enum(found) => i64::from(found.oid()),
        SqlType::Named(_) => 0,
    }
}

/// PostgreSQL's type modifier: precision and scale, or length, with its offset of 4; −1 without.
pub(crate) fn typmod(sql_type: &SqlType) -> i64 {
    match sql_type {
        SqlType::Numeric(precision, scale) => ((i64::from(*precision) << 16) | (i64::from(*scale) & 0x7ff)) + 4,
        SqlType::Char(0) => -1,
        SqlType::Varchar(length) | SqlType::Char(length) => i64::from(*length) + 4,
        SqlType::Array(item) => typmod(item),
        _ => -1,
    }
}

/// The modifier of a column's type.
pub(super) fn field_typmod(field: &Field) -> i64 {
    Precision::of(field).map_or_else(|| typmod(&SqlType::of(field)), |precision| i64::from(precision.modifier()))
}

/// What `format_type` prints for PostgreSQL's own types; `None` for a type that does not exist.
fn format_type(oid: i64, typmod: i64) -> Option<String> {
    let entry = TYPES.iter().find(|entry| entry.oid == oid)?;
    if entry.item != 0 {
        return format_type(entry.item, typmod).map(|item| item + "[]");
    }
    let modifier = typmod - 4;
    if let Some(precision) = Precision::of_modifier(typmod) {
        let of_times = [SqlType::Time, SqlType::Timestamp, SqlType::TimestampTz, SqlType::Interval];
        if let Some(sql_type) = of_times.iter().find(|sql_type| self::oid(sql_type) == entry.oid) {
            return Some(precision.shown(sql_type));
        }
    }
    Some(match entry.name {
        "bool" => "boolean".into(),
        "int8" => "bigint".into(),
        "int2" => "smallint".into(),
        "int4" => "integer".into(),
        "float4" => "real".into(),
        "float8" => "double precision".into(),
        "bpchar" if typmod >= 4 => format!("character({modifier})"),
        "bpchar" => "character".into(),
        "varchar" if typmod >= 4 => format!("character varying({modifier})"),
        "varchar" => "character varying".into(),
        "numeric" if typmod >= 4 => format!("numeric({},{})", modifier >> 16, modifier & 0x7ff),
        "time" => "time without time zone".into(),
        "timestamp" => "timestamp without time zone".into(),
        "timestamptz" => "timestamp with time zone".into(),
        name => name.into(),
    })
}

/// Identity of a type by one of its names, as `'name'::regtype` finds it.
fn by_name(name: &str) -> Option<i64> {
    let (base, is_array) = match name.trim().strip_suffix("[]") {
        Some(base) => (base, true),
        None => (name.trim(), false),
    };
    let found = TYPES.iter().find(|entry| entry.name == base || format_type(entry.oid, -1).as_deref() == Some(base))?;
    Some(if is_array { found.array } else { found.oid })
}

/// A row of `pg_type`.
struct Row {
    oid: i64,
    name: String,
    namespace: i64,
    length: i64,
    /// `b`, `d`, `e`, …
    kind: &'static str,
    /// Of a domain.
    domain: Option<Arc<Domain>>,
    category: &'static str,
    array: i64,
    item: i64,
    input: String,
}

fn rows(context: &Context<'_>) -> Vec<Row> {
    let own = TYPES.iter().map(|entry| Row {
        oid: entry.oid,
        name: entry.name.to_string(),
        namespace: PG_CATALOG,
        length: entry.length,
        kind: if entry.category == "P" { "p" } else { "b" },
        domain: None,
        category: entry.category,
        array: entry.array,
        item: entry.item,
        input: if entry.category == "P" {
            "record_".to_string()
        } else if entry.item == 0 {
            entry.name.to_string()
        } else {
            "array_".to_string()
        },
    });
    own.chain(context.catalog.types().flat_map(|found| user_rows(context, found))).collect()
}

/// A type of a user and the type of its arrays.
fn user_rows(context: &Context<'_>, found: &UserType) -> [Row; 2] {
    let namespace = schema_oid(context, found.namespace());
    let oid = i64::from(found.id.0);
    let (length, kind, category, input) = match &found.kind {
        UserTypeKind::Enum(_) => (4, "e", "E", "enum_"),
        UserTypeKind::Composite(_) => (-1, "c", "C", "record_"),
        UserTypeKind::Domain(domain) => {
            let base = self::oid(&domain.base);
            let known = TYPES.iter().find(|entry| entry.oid == base);
            known.map_or((-1, "d", "U", "domain_"), |entry| (entry.length, "d", entry.category, "domain_"))
        }
    };
    let name = found.local_name();
    let list = Row {
        oid: oid + 1,
        name: format!("_{name}"),
        namespace,
        length: -1,
        kind: "b",
        domain: None,
        category: "A",
        array: 0,
        item: oid,
        input: "array_".into(),
    };
    let (name, array, input) = (name.into(), oid + 1, input.into());
    let domain = match &found.kind {
        UserTypeKind::Domain(domain) => Some(Arc::clone(domain)),
        UserTypeKind::Enum(_) | UserTypeKind::Composite(_) => None,
    };
    [Row { oid, name, namespace, length, kind, domain, category, array, item: 0, input }, list]
}

pub(super) fn pg_type(context: &Context<'_>) -> Vec<Column> {
    let rows = rows(context);
    let n = rows.len();
    vec![
        bigint("oid", rows.iter().map(|row| row.oid)),
        text("typname", rows.iter().map(|row| &row.name)),
        bigint("typnamespace", rows.iter().map(|row| row.namespace)),
        numbers("typowner", OWNER, n),
        bigint("typlen", rows.iter().map(|row| row.length)),
        flags("typbyval", false, n),
        text("typtype", rows.iter().map(|row| row.kind)),
        text("typcategory", rows.iter().map(|row| row.category)),
        flags("typispreferred", false, n),
        flags("typisdefined", true, n),
        words("typdelim", ",", n),
        // The relation that has the fields has the type's own number.
        bigint("typrelid", rows.iter().map(|row| if row.kind == "c" { row.oid } else { 0 })),
        bigint("typelem", rows.iter().map(|row| row.item)),
        bigint("typarray", rows.iter().map(|row| row.array)),
        text("typinput", rows.iter().map(|row| format!("{}in", row.input))),
        text("typoutput", rows.iter().map(|row| format!("{}out", row.input))),
        numbers("typreceive", 1, n),
        numbers("typsend", 1, n),
        boolean("typnotnull", rows.iter().map(|row| row.domain.as_ref().is_some_and(|domain| domain.not_null))),
        bigint("typbasetype", rows.iter().map(|row| row.domain.as_ref().map_or(0, |domain| oid(&domain.base)))),
        bigint("typtypmod", rows.iter().map(|row| row.domain.as_ref().map_or(-1, |domain| domain.modifier()))),
        numbers("typndims", 0, n),
        numbers("typcollation", 0, n),
        optional_text(
            "typdefault",
            rows.iter().map(|row| row.domain.as_ref().and_then(|domain| domain.default.clone())),
        ),
        null_array("typacl", n),
    ]
}

pub(super) fn pg_enum(context: &Context<'_>) -> Vec<Column> {
    let mut rows = Vec::new();
    for found in context.catalog.types() {
        let UserTypeKind::Enum(labels) = &found.kind else { continue };
        rows.extend(labels.labels().iter().map(|label| (labels.oid(), label.clone())));
    }
    let orders = rows.iter().map(|(_, label)| label.sort_order);
    vec![
        bigint("oid", rows.iter().map(|(_, label)| i64::from(label.oid))),
        bigint("enumtypid", rows.iter().map(|(oid, _)| i64::from(*oid))),
        ("enumsortorder", SqlType::Real, Arc::new(Float32Array::from_iter_values(orders))),
        text("enumlabel", rows.iter().map(|(_, label)| &label.text)),
    ]
}

/// Names and identities of the types of users and of their arrays, for functions that look them up.
pub(super) struct UserNames(Vec<(i64, String)>);

impl UserNames {
    pub(super) fn new(context: &Context<'_>) -> UserNames {
        let path = super::search_path(context);
        let name = |found: &UserType| match context.catalog.find_type(found.local_name(), &path) {
            Some(visible) if visible.id == found.id => found.local_name().to_string(),
            _ => format!("{}.{}", found.namespace(), found.local_name()),
        };
        UserNames(context.catalog.types().map(|found| (i64::from(found.id.0), name(found))).collect())
    }

    /// As [`format_type`].
    pub(super) fn format_type(&self, oid: i64, typmod: i64) -> Option<String> {
        let known = |oid: i64| self.0.iter().find(|(id, _)| *id == oid).map(|(_, name)| name.clone());
        known(oid).or_else(|| known(oid - 1).map(|item| item + "[]")).or_else(|| format_type(oid, typmod))
    }

    /// As [`by_name`].
    pub(super) fn by_name(&self, name: &str) -> Option<i64> {
        let (base, is_array) = match name.trim().strip_suffix("[]") {
            Some(base) => (base, 1),
            None => (name.trim(), 0),
        };
        let base = base.trim_matches('"');
        let local = base.strip_prefix("public.").unwrap_or(base);
        let found = self.0.iter().find(|(_, known)| known == base || known == local);
        by_name(name).or_else(|| found.map(|(oid, _)| oid + is_array))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_print_as_postgresql_prints_them() {
        let check = |sql_type: SqlType| {
            assert_eq!(format_type(oid(&sql_type), typmod(&sql_type)), Some(sql_type.to_string()));
        };
        check(SqlType::Numeric(10, 2));
        check(SqlType::Varchar(3));
        check(SqlType::TimestampTz);
        check(SqlType::Array(Box::new(SqlType::Double)));
        assert_eq!(by_name("bigint[]"), Some(1016));
        assert_eq!(by_name("int8"), Some(20));
        assert_eq!(format_type(99, -1), None);
    }
}

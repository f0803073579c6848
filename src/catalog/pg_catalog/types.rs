//! `pg_type`: the types of our columns with PostgreSQL's identities.

use super::{Column, OWNER, PG_CATALOG, bigint, flags, nulls, numbers, text, words};
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
    scalar(1043, "varchar", -1, "S", 1015),
    scalar(1082, "date", 4, "D", 1182),
    scalar(1083, "time", 8, "D", 1183),
    scalar(1114, "timestamp", 8, "D", 1115),
    scalar(1184, "timestamptz", 8, "D", 1185),
    scalar(1186, "interval", 16, "T", 1187),
    scalar(1700, "numeric", -1, "N", 1231),
    scalar(2950, "uuid", 16, "U", 2951),
    scalar(3802, "jsonb", -1, "U", 3807),
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
    array(1015, "_varchar", 1043),
    array(1182, "_date", 1082),
    array(1183, "_time", 1083),
    array(1115, "_timestamp", 1114),
    array(1185, "_timestamptz", 1184),
    array(1187, "_interval", 1186),
    array(1231, "_numeric", 1700),
    array(2951, "_uuid", 2950),
    array(3807, "_jsonb", 3802),
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
        SqlType::Date => 1082,
        SqlType::Time => 1083,
        SqlType::Timestamp => 1114,
        SqlType::TimestampTz => 1184,
        SqlType::Interval => 1186,
        SqlType::Numeric(..) | SqlType::AnyNumeric(_) => 1700,
        SqlType::Uuid => 2950,
        SqlType::Json => 114,
        SqlType::Jsonb => 3802,
        SqlType::Row(_) => 2249,
        SqlType::Array(item) => {
            let item = match item.as_ref() {
                // PostgreSQL has one array type for any number of dimensions.
                SqlType::Array(_) => return oid(item),
                item => oid(item),
            };
            TYPES.iter().find(|entry| entry.oid == item).map_or(1009, |entry| entry.array)
        }
    }
}

/// PostgreSQL's type modifier: precision and scale, or length, with its offset of 4; −1 without.
pub(crate) fn typmod(sql_type: &SqlType) -> i64 {
    match sql_type {
        SqlType::Numeric(precision, scale) => ((i64::from(*precision) << 16) | (i64::from(*scale) & 0x7ff)) + 4,
        SqlType::AnyNumeric(Some((precision, scale))) => {
            ((i64::from(*precision) << 16) | (i64::from(*scale) & 0x7ff)) + 4
        }
        SqlType::Varchar(length) => i64::from(*length) + 4,
        _ => -1,
    }
}

/// What `format_type` prints; `None` for a type that does not exist.
pub(super) fn format_type(oid: i64, typmod: i64) -> Option<String> {
    let entry = TYPES.iter().find(|entry| entry.oid == oid)?;
    if entry.item != 0 {
        return format_type(entry.item, typmod).map(|item| item + "[]");
    }
    let modifier = typmod - 4;
    Some(match entry.name {
        "bool" => "boolean".into(),
        "int8" => "bigint".into(),
        "int2" => "smallint".into(),
        "int4" => "integer".into(),
        "float4" => "real".into(),
        "float8" => "double precision".into(),
        "varchar" if typmod >= 4 => format!("character varying({modifier})"),
        "varchar" => "character varying".into(),
        "numeric" if typmod >= 4 => {
            // The scale is a signed number of 11 bits.
            format!("numeric({},{})", modifier >> 16, ((modifier & 0x7ff) ^ 0x400) - 0x400)
        }
        "time" => "time without time zone".into(),
        "timestamp" => "timestamp without time zone".into(),
        "timestamptz" => "timestamp with time zone".into(),
        name => name.into(),
    })
}

/// Identity of a type by one of its names, as `'name'::regtype` finds it.
pub(super) fn by_name(name: &str) -> Option<i64> {
    let (base, is_array) = match name.trim().strip_suffix("[]") {
        Some(base) => (base, true),
        None => (name.trim(), false),
    };
    let found = TYPES.iter().find(|entry| entry.name == base || format_type(entry.oid, -1).as_deref() == Some(base))?;
    Some(if is_array { found.array } else { found.oid })
}

pub(super) fn pg_type() -> Vec<Column> {
    let n = TYPES.len();
    vec![
        bigint("oid", TYPES.iter().map(|entry| entry.oid)),
        text("typname", TYPES.iter().map(|entry| entry.name)),
        numbers("typnamespace", PG_CATALOG, n),
        numbers("typowner", OWNER, n),
        bigint("typlen", TYPES.iter().map(|entry| entry.length)),
        flags("typbyval", false, n),
        words("typtype", "b", n),
        text("typcategory", TYPES.iter().map(|entry| entry.category)),
        flags("typispreferred", false, n),
        flags("typisdefined", true, n),
        words("typdelim", ",", n),
        numbers("typrelid", 0, n),
        bigint("typelem", TYPES.iter().map(|entry| entry.item)),
        bigint("typarray", TYPES.iter().map(|entry| entry.array)),
        text(
            "typinput",
            TYPES.iter().map(|entry| if entry.item == 0 { format!("{}in", entry.name) } else { "array_in".into() }),
        ),
        text(
            "typoutput",
            TYPES.iter().map(|entry| if entry.item == 0 { format!("{}out", entry.name) } else { "array_out".into() }),
        ),
        numbers("typreceive", 1, n),
        numbers("typsend", 1, n),
        flags("typnotnull", false, n),
        numbers("typbasetype", 0, n),
        numbers("typtypmod", -1, n),
        numbers("typndims", 0, n),
        numbers("typcollation", 0, n),
        nulls("typdefault", n),
    ]
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

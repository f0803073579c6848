//! `pg_type`: the types of our columns with PostgreSQL's identities.

use std::sync::OnceLock;

use super::{Column, OWNER, PG_CATALOG, bigint, boolean, flags, numbers, text, words};
use crate::types::SqlType;

/// A type, as a row of `pg_type`.
struct Type {
    oid: i64,
    name: &'static str,
    /// Identity of its array type; 0 for arrays.
    array: i64,
    /// Identity of its item; 0 for others.
    item: i64,
    /// All columns of the line, by position.
    columns: Vec<&'static str>,
}

/// PostgreSQL's base and pseudo types, one a line: oid, typname, typlen, typbyval, typtype, typcategory, typispreferred, typdelim, typelem,
/// typarray, typinput, typoutput, typreceive, typsend, typalign, typstorage, typcollation, typsubscript.
const LINES: &str = include_str!("types.txt");

fn types() -> &'static [Type] {
    static TYPES: OnceLock<Vec<Type>> = OnceLock::new();
    let read = |line: &'static str| {
        let columns: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| columns.get(at).and_then(|text| text.parse().ok());
        let name = columns.get(1)?;
        let is_array = columns.get(5) == Some(&"A");
        let item = if is_array { number(8)? } else { 0 };
        Some(Type { oid: number(0)?, name, array: number(9)?, item, columns })
    };
    TYPES.get_or_init(|| LINES.lines().filter_map(read).collect())
}

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
            types().iter().find(|entry| entry.oid == item).map_or(1009, |entry| entry.array)
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
    let entry = types().iter().find(|entry| entry.oid == oid)?;
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
        "bpchar" => "character".into(),
        "char" => "\"char\"".into(),
        "varbit" => "bit varying".into(),
        "timetz" => "time with time zone".into(),
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
    let found =
        types().iter().find(|entry| entry.name == base || format_type(entry.oid, -1).as_deref() == Some(base))?;
    Some(if is_array { found.array } else { found.oid })
}

pub(super) fn pg_type() -> Vec<Column> {
    let all = types();
    let n = all.len();
    let column = |at: usize| all.iter().map(move |entry| entry.columns.get(at).copied().unwrap_or_default());
    let number = |name: &'static str, at: usize| bigint(name, column(at).map(|text| text.parse().unwrap_or_default()));
    let flag = |name: &'static str, at: usize| boolean(name, column(at).map(|text| text == "t"));
    vec![
        number("oid", 0),
        text("typname", column(1)),
        numbers("typnamespace", PG_CATALOG, n),
        numbers("typowner", OWNER, n),
        number("typlen", 2),
        flag("typbyval", 3),
        text("typtype", column(4)),
        text("typcategory", column(5)),
        flag("typispreferred", 6),
        flags("typisdefined", true, n),
        text("typdelim", column(7)),
        numbers("typrelid", 0, n),
        number("typelem", 8),
        number("typarray", 9),
        text("typinput", column(10)),
        text("typoutput", column(11)),
        text("typreceive", column(12)),
        text("typsend", column(13)),
        words("typmodin", "-", n),
        words("typmodout", "-", n),
        words("typanalyze", "-", n),
        text("typsubscript", column(17)),
        text("typalign", column(14)),
        text("typstorage", column(15)),
        flags("typnotnull", false, n),
        numbers("typbasetype", 0, n),
        numbers("typtypmod", -1, n),
        numbers("typndims", 0, n),
        number("typcollation", 16),
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

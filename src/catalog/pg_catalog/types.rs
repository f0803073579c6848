//! `pg_type`: the types of our columns with PostgreSQL's identities.

use std::sync::{Arc, OnceLock};

use datafusion::arrow::array::Float32Array;
use datafusion::arrow::datatypes::Field;

use super::relations::schema_oid;
use super::{Column, Context, OWNER, PG_CATALOG, bigint, boolean, flags, numbers, optional_text, text, words};
use crate::catalog::{Domain, UserType, UserTypeKind};
use crate::precision::Precision;
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

/// Functions are numbered from here.
const FUNCTIONS_FROM: i64 = 10_000;

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
        SqlType::Char(_) => 1042,
        SqlType::Date => 1082,
        SqlType::Time => 1083,
        SqlType::Timestamp => 1114,
        SqlType::TimestampTz => 1184,
        SqlType::Interval => 1186,
        SqlType::Numeric(..) | SqlType::AnyNumeric(_) => 1700,
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
            let known = types().iter().find(|entry| entry.oid == item).map(|entry| entry.array);
            // That of a user's type is one more than the type's.
            known.unwrap_or(item + 1)
        }
        SqlType::Enum(found) => i64::from(found.oid()),
        SqlType::Named(_) => 0,
    }
}

/// Bytes of a value, −1 where that differs.
pub(super) fn length(wanted: i64) -> i64 {
    let found = types().iter().find(|entry| entry.oid == wanted);
    found.and_then(|entry| entry.columns.get(2)?.parse().ok()).unwrap_or(-1)
}

/// How PostgreSQL stores values: `p`lain, `m`ain, e`x`tended.
pub(super) fn storage(wanted: i64) -> &'static str {
    let found = types().iter().find(|entry| entry.oid == wanted);
    found.and_then(|entry| entry.columns.get(15).copied()).unwrap_or("p")
}

/// PostgreSQL's type modifier: precision and scale, or length, with its offset of 4; −1 without.
pub(crate) fn typmod(sql_type: &SqlType) -> i64 {
    match sql_type {
        SqlType::Numeric(precision, scale) => ((i64::from(*precision) << 16) | (i64::from(*scale) & 0x7ff)) + 4,
        SqlType::AnyNumeric(Some((precision, scale))) => {
            ((i64::from(*precision) << 16) | (i64::from(*scale) & 0x7ff)) + 4
        }
        SqlType::Char(0) => -1,
        SqlType::Varchar(length) | SqlType::Char(length) => i64::from(*length) + 4,
        SqlType::Array(item) => typmod(item),
        _ => -1,
    }
}

/// The modifier of a column's type.
pub(super) fn field_typmod(field: &Field) -> i64 {
    Precision::of(field).map_or_else(|| typmod(&SqlType::declared(field)), |precision| i64::from(precision.modifier()))
}

/// What `format_type` prints for PostgreSQL's own types; `None` for a type that does not exist.
fn format_type(oid: i64, typmod: i64) -> Option<String> {
    let entry = types().iter().find(|entry| entry.oid == oid)?;
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
        "numeric" if typmod >= 4 => {
            // The scale is a signed number of 11 bits.
            format!("numeric({},{})", modifier >> 16, ((modifier & 0x7ff) ^ 0x400) - 0x400)
        }
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

/// A row of `pg_type`.
struct Row {
    namespace: i64,
    /// As in [`LINES`].
    columns: Vec<String>,
    /// Of a domain.
    domain: Option<Arc<Domain>>,
}

fn rows(context: &Context<'_>) -> Vec<Row> {
    let own = types().iter().map(|entry| Row {
        namespace: PG_CATALOG,
        columns: entry.columns.iter().map(ToString::to_string).collect(),
        domain: None,
    });
    own.chain(context.catalog.types().flat_map(|found| user_rows(context, found))).collect()
}

/// A type of a user and the type of its arrays.
fn user_rows(context: &Context<'_>, found: &UserType) -> [Row; 2] {
    let namespace = schema_oid(context, found.namespace());
    let (oid, name) = (i64::from(found.id.0), found.local_name());
    let array = oid + 1;
    let line = |line: String| line.split(' ').map(str::to_string).collect::<Vec<_>>();
    let (mut columns, domain) = match &found.kind {
        UserTypeKind::Enum(_) => {
            (line(format!("{oid} ? 4 t e E f , 0 {array} enum_in enum_out enum_recv enum_send i p 0 -")), None)
        }
        UserTypeKind::Composite(_) => {
            let text = format!("{oid} ? -1 f c C f , 0 {array} record_in record_out record_recv record_send d x 0 -");
            (line(text), None)
        }
        UserTypeKind::Domain(domain) => {
            let base = self::oid(&domain.base);
            let base = types().iter().find(|entry| entry.oid == base);
            let part = |at: usize| base.and_then(|base| base.columns.get(at)).copied().unwrap_or("-1");
            let (length, category) = (part(2), part(5));
            let text = format!("{oid} ? {length} f d {category} f , 0 {array} domain_in ? domain_recv ? i p 0 -");
            (line(text), Some(Arc::clone(domain)))
        }
    };
    columns[1] = name.to_string();
    let mut list = line(format!("{array} ? -1 f b A f , {oid} 0 array_in array_out array_recv array_send i x 0 -"));
    list[1] = format!("_{name}");
    [Row { namespace, columns, domain }, Row { namespace, columns: list, domain: None }]
}

pub(super) fn pg_type(context: &Context<'_>) -> Vec<Column> {
    let all = rows(context);
    let n = all.len();
    let column = |at: usize| all.iter().map(move |row| row.columns.get(at).map(String::as_str).unwrap_or_default());
    let number = |name: &'static str, at: usize| bigint(name, column(at).map(|text| text.parse().unwrap_or_default()));
    let flag = |name: &'static str, at: usize| boolean(name, column(at).map(|text| text == "t"));
    vec![
        number("oid", 0),
        text("typname", column(1)),
        bigint("typnamespace", all.iter().map(|row| row.namespace)),
        numbers("typowner", OWNER, n),
        number("typlen", 2),
        flag("typbyval", 3),
        text("typtype", column(4)),
        text("typcategory", column(5)),
        flag("typispreferred", 6),
        flags("typisdefined", true, n),
        text("typdelim", column(7)),
        // The relation that has the fields has the type's own number.
        bigint(
            "typrelid",
            column(0).zip(column(4)).map(|(oid, kind)| match kind {
                "c" => oid.parse().unwrap_or_default(),
                _ => 0,
            }),
        ),
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
        boolean("typnotnull", all.iter().map(|row| row.domain.as_ref().is_some_and(|domain| domain.not_null))),
        bigint("typbasetype", all.iter().map(|row| row.domain.as_ref().map_or(0, |domain| oid(&domain.base)))),
        bigint("typtypmod", all.iter().map(|row| row.domain.as_ref().map_or(-1, |domain| domain.modifier()))),
        numbers("typndims", 0, n),
        number("typcollation", 16),
        optional_text("typdefault", all.iter().map(|row| row.domain.as_ref()?.default.clone())),
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

/// `pg_proc`: the functions that read types, which drivers look for.
pub(super) fn pg_proc() -> Vec<Column> {
    let functions = |at: usize| types().iter().filter_map(move |entry| entry.columns.get(at).copied());
    let mut names: Vec<&str> = functions(10).chain(functions(12)).filter(|name| *name != "-").collect();
    names.sort_unstable();
    names.dedup();
    let n = names.len();
    vec![
        bigint("oid", (0..n as i64).map(|at| FUNCTIONS_FROM + at)),
        text("proname", &names),
        numbers("pronamespace", PG_CATALOG, n),
        numbers("proowner", OWNER, n),
        numbers("prolang", 12, n),
        words("prokind", "f", n),
        flags("proisstrict", true, n),
        words("provolatile", "i", n),
        words("proparallel", "s", n),
        super::index::vectors("proargtypes", (0..n).map(|_| Some(Vec::new()))),
        text("prosrc", &names),
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

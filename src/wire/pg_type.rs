//! SQL types as the protocol numbers them: OIDs, sizes and type modifiers of `pg_type`.

use datafusion::arrow::datatypes::Field;

use crate::enumeration::EnumType;
use crate::types::{PG_CLIENT_TYPE, SqlType};

/// The OID of a type.
pub(crate) fn oid(sql_type: &SqlType) -> u32 {
    oids(sql_type).0
}

/// The OID of a column's type.
pub(crate) fn field_oid(field: &Field) -> u32 {
    match field.metadata().get(PG_CLIENT_TYPE).map(String::as_str) {
        Some("oid") => OID,
        Some("oid[]") => OIDS,
        Some("name") => 19,
        Some("char") => 18,
        _ => oid(&SqlType::of(field)),
    }
}

/// `typlen` of a column's type.
pub(crate) fn field_size(field: &Field) -> i16 {
    match field_oid(field) {
        OID => 4,
        OIDS => -1,
        19 => 64,
        18 => 1,
        _ => size(&SqlType::of(field)),
    }
}

/// The OID of the type `oid`, which travels in 4 bytes.
pub(crate) const OID: u32 = 26;

/// The type `oid[]`.
pub(crate) const OIDS: u32 = 1028;

/// The type that a client's OID names; `None` if there is none of ours. Types that are text to us (`name`, `unknown`) are
/// text, `oid` is bigint.
pub(crate) fn by_oid(oid: u32) -> Option<SqlType> {
    let found = BASIC.iter().find(|sql_type| {
        let (scalar, array) = oids(sql_type);
        oid == scalar || oid == array
    });
    if let Some(sql_type) = found {
        let is_array = oids(sql_type).1 == oid;
        return Some(if is_array { SqlType::Array(Box::new(sql_type.clone())) } else { sql_type.clone() });
    }
    if let Some(found) = EnumType::by_oid(oid) {
        return Some(SqlType::Enum(found));
    }
    if let Some(found) = EnumType::by_array_oid(oid) {
        return Some(SqlType::Array(Box::new(SqlType::Enum(found))));
    }
    match oid {
        18 | 19 | 1043 => Some(SqlType::Text),
        OID => Some(SqlType::BigInt),
        OIDS => Some(SqlType::Array(Box::new(SqlType::BigInt))),
        1042 => Some(SqlType::Char(0)),
        1014 => Some(SqlType::Array(Box::new(SqlType::Char(0)))),
        1002 | 1003 | 1015 => Some(SqlType::Array(Box::new(SqlType::Text))),
        _ => None,
    }
}

/// `typlen`: bytes of the type's values, −1 if they vary.
pub(crate) fn size(sql_type: &SqlType) -> i16 {
    match sql_type {
        SqlType::Boolean => 1,
        SqlType::SmallInt => 2,
        SqlType::Integer | SqlType::Real | SqlType::Date | SqlType::Enum(_) => 4,
        SqlType::BigInt | SqlType::Double | SqlType::Time | SqlType::Timestamp | SqlType::TimestampTz => 8,
        SqlType::Interval | SqlType::Uuid => 16,
        SqlType::Numeric(..)
        | SqlType::AnyNumeric(_)
        | SqlType::Text
        | SqlType::Varchar(_)
        | SqlType::Char(_)
        | SqlType::Bytea
        | SqlType::Json
        | SqlType::Jsonb
        | SqlType::Named(_)
        | SqlType::Array(_)
        | SqlType::Row(_) => -1,
    }
}

/// `atttypmod`: precision and scale of a numeric, length of a varchar (of an array: of its items), −1 for other types.
pub(crate) fn modifier(sql_type: &SqlType) -> i32 {
    match sql_type {
        // The scale is kept in 11 bits, as numeric.c does since PostgreSQL 15; 4 is the header that all modifiers count.
        SqlType::Numeric(precision, scale) => ((i32::from(*precision) << 16) | (i32::from(*scale) & 0x7ff)) + 4,
        SqlType::AnyNumeric(Some((precision, scale))) => {
            ((i32::from(*precision) << 16) | (i32::from(*scale) & 0x7ff)) + 4
        }
        SqlType::Char(0) => -1,
        SqlType::Varchar(length) | SqlType::Char(length) => {
            i32::try_from(*length).map_or(-1, |length| length.saturating_add(4))
        }
        SqlType::Array(item) => modifier(item),
        _ => -1,
    }
}

/// The types that a client can name by an OID.
static BASIC: [SqlType; 17] = [
    SqlType::Boolean,
    SqlType::Bytea,
    SqlType::BigInt,
    SqlType::SmallInt,
    SqlType::Integer,
    SqlType::Text,
    SqlType::Real,
    SqlType::Double,
    SqlType::Date,
    SqlType::Time,
    SqlType::Timestamp,
    SqlType::TimestampTz,
    SqlType::Interval,
    SqlType::NUMERIC,
    SqlType::Uuid,
    SqlType::Json,
    SqlType::Jsonb,
];

/// OIDs of a type and of the array of it. An array of arrays is the same type as an array, as in PostgreSQL.
fn oids(sql_type: &SqlType) -> (u32, u32) {
    match sql_type {
        SqlType::Boolean => (16, 1000),
        SqlType::Bytea => (17, 1001),
        SqlType::BigInt => (20, 1016),
        SqlType::SmallInt => (21, 1005),
        SqlType::Integer => (23, 1007),
        SqlType::Text => (25, 1009),
        SqlType::Real => (700, 1021),
        SqlType::Double => (701, 1022),
        SqlType::Varchar(_) => (1043, 1015),
        SqlType::Char(_) => (1042, 1014),
        SqlType::Date => (1082, 1182),
        SqlType::Time => (1083, 1183),
        SqlType::Timestamp => (1114, 1115),
        SqlType::TimestampTz => (1184, 1185),
        SqlType::Interval => (1186, 1187),
        SqlType::Numeric(..) | SqlType::AnyNumeric(_) => (1700, 1231),
        SqlType::Uuid => (2950, 2951),
        SqlType::Json => (114, 199),
        SqlType::Jsonb => (3802, 3807),
        SqlType::Row(row) => match &row.name {
            Some(name) if name.oid != 2249 => (name.oid, name.oid + 1),
            _ => (2249, 2287),
        },
        SqlType::Array(item) => {
            let array = oids(item).1;
            (array, array)
        }
        SqlType::Enum(found) => (found.oid(), found.array_oid()),
        // `unknown`: no value has it.
        SqlType::Named(_) => (705, 705),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_is_found_by_its_oid() {
        for sql_type in &BASIC {
            assert_eq!(by_oid(oid(sql_type)).as_ref(), Some(sql_type));
            let array = SqlType::Array(Box::new(sql_type.clone()));
            assert_eq!(by_oid(oid(&array)), Some(array.clone()));
            assert_eq!(oid(&SqlType::Array(Box::new(array.clone()))), oid(&array));
        }
        assert_eq!(by_oid(600), None);
    }

    /// Values as PostgreSQL 15 stores them in `atttypmod`.
    #[test]
    fn modifiers() {
        assert_eq!(modifier(&SqlType::Numeric(10, 2)), 655_366);
        assert_eq!(modifier(&SqlType::Numeric(3, -2)), 198658);
        assert_eq!(modifier(&SqlType::Varchar(20)), 24);
        assert_eq!(modifier(&SqlType::Array(Box::new(SqlType::Varchar(20)))), 24);
        assert_eq!(modifier(&SqlType::Text), -1);
    }
}

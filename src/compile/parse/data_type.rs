//! Names of types → [`SqlType`].

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, CharacterLength, DataType, ExactNumberInfo, ObjectName, TimezoneInfo,
};

use super::grammar::folded_ident;
use crate::compile::function::declared_numeric;
use crate::error::{Error, Result, code};
use crate::precision::Precision;
use crate::types::{DIMENSIONS_MAX, SqlType, too_many_dimensions};

/// Digits that `numeric` can be declared with at most.
const NUMERIC_DIGITS_MAX: u64 = 1_000;
/// Characters of `varchar(n)` and `char(n)` at most.
const LENGTH_MAX: u32 = 10_485_760;

/// The type that `written` names, in any of PostgreSQL's spellings and in the spellings of other streaming engines that mean the same.
/// Errors: 0A000 naming a type that does not exist here.
pub(super) fn sql_type(written: &DataType) -> Result<SqlType> {
    Ok(match written {
        DataType::Boolean | DataType::Bool => SqlType::Boolean,
        DataType::SmallInt(None) | DataType::Int2(None) => SqlType::SmallInt,
        DataType::Int(None) | DataType::Integer(None) | DataType::Int4(None) => SqlType::Integer,
        DataType::BigInt(None) | DataType::Int8(None) => SqlType::BigInt,
        DataType::Real | DataType::Float4 => SqlType::Real,
        DataType::Double(ExactNumberInfo::None) | DataType::DoublePrecision | DataType::Float8 => SqlType::Double,
        DataType::Float(precision) => float(written, precision)?,
        DataType::Numeric(info) | DataType::Decimal(info) | DataType::Dec(info) => numeric(info)?,
        DataType::Text | DataType::String(None) => SqlType::Text,
        DataType::Varchar(length) | DataType::CharacterVarying(length) | DataType::CharVarying(length) => {
            varchar(length)?
        }
        DataType::Character(length) | DataType::Char(length) => char(length)?,
        DataType::Bytea | DataType::Bytes(None) => SqlType::Bytea,
        DataType::Date => SqlType::Date,
        DataType::Timestamp(_, zone) => match zone {
            TimezoneInfo::None | TimezoneInfo::WithoutTimeZone => SqlType::Timestamp,
            TimezoneInfo::Tz | TimezoneInfo::WithTimeZone => SqlType::TimestampTz,
        },
        DataType::Interval { .. } => SqlType::Interval,
        DataType::Uuid => SqlType::Uuid,
        DataType::JSON => SqlType::Json,
        DataType::JSONB => SqlType::Jsonb,
        DataType::Time(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => SqlType::Time,
        DataType::Array(ArrayElemTypeDef::SquareBracket(item, _) | ArrayElemTypeDef::AngleBracket(item)) => {
            if precision(item).is_some() {
                return Err(Error::unsupported("arrays of times with a precision are not supported"));
            }
            let item = sql_type(item)?;
            check_dimensions(item.dimensions() + 1)?;
            SqlType::Array(Box::new(item))
        }
        DataType::Custom(name, modifiers) => custom(written, name, modifiers)?,
        _ => return Err(unsupported(written)),
    })
}

/// Errors: 54000 for more dimensions than arrays may have.
pub(super) fn check_dimensions(count: usize) -> Result<()> {
    match count > DIMENSIONS_MAX {
        true => Err(too_many_dimensions(count)),
        false => Ok(()),
    }
}

/// The precision that a type of times is written with.
pub(super) fn precision(written: &DataType) -> Option<Precision> {
    match written {
        DataType::Timestamp(Some(digits), _) | DataType::Time(Some(digits), _) => Some(Precision::digits(*digits)),
        DataType::Interval { fields: None, precision: None } => None,
        DataType::Interval { fields, precision } => {
            let fields = fields.as_ref().map(|fields| fields.to_string().to_ascii_lowercase());
            let range = fields.as_deref().map(|fields| fields.split_once(" to ").unwrap_or((fields, fields)));
            Some(Precision::interval(range, *precision))
        }
        _ => None,
    }
}

/// PostgreSQL's internal name of a type: what a cast column is called.
pub(super) fn internal_name(written: &SqlType) -> String {
    match written {
        SqlType::Boolean => "bool".to_string(),
        SqlType::SmallInt => "int2".to_string(),
        SqlType::Integer => "int4".to_string(),
        SqlType::BigInt => "int8".to_string(),
        SqlType::Real => "float4".to_string(),
        SqlType::Double => "float8".to_string(),
        SqlType::Numeric(..) | SqlType::AnyNumeric(_) => "numeric".to_string(),
        SqlType::Varchar(_) => "varchar".to_string(),
        SqlType::Char(_) => "bpchar".to_string(),
        SqlType::Time => "time".to_string(),
        SqlType::Timestamp => "timestamp".to_string(),
        SqlType::TimestampTz => "timestamptz".to_string(),
        SqlType::Array(item) => internal_name(item),
        SqlType::Named(name) => name.rsplit('.').next().unwrap_or_default().to_string(),
        other => other.to_string(),
    }
}

fn unsupported(written: &DataType) -> Error {
    Error::unsupported(format!("type {} is not supported", written.to_string().to_lowercase()))
}

/// Types of PostgreSQL that are not supported.
const POSTGRESQL_TYPES: &[&str] = &[
    "bit",
    "box",
    "char",
    "cidr",
    "circle",
    "cstring",
    "daterange",
    "hstore",
    "inet",
    "int2vector",
    "int4range",
    "int8range",
    "jsonpath",
    "line",
    "lseg",
    "macaddr",
    "macaddr8",
    "money",
    "numrange",
    "oid",
    "oidvector",
    "path",
    "pg_lsn",
    "point",
    "polygon",
    "record",
    "regclass",
    "regnamespace",
    "regproc",
    "regprocedure",
    "regrole",
    "regtype",
    "tid",
    "timetz",
    "tsquery",
    "tsrange",
    "tstzrange",
    "tsvector",
    "unknown",
    "varbit",
    "void",
    "xid",
    "xml",
];

/// Names that sqlparser does not know: those with a schema, `serial`, and types of users.
fn custom(written: &DataType, name: &ObjectName, modifiers: &[String]) -> Result<SqlType> {
    let parts: Vec<String> = name.0.iter().filter_map(|part| part.as_ident()).map(folded_ident).collect();
    let name = parts.join(".");
    Ok(match (name.strip_prefix("pg_catalog.").unwrap_or(&name), modifiers) {
        ("bool", []) => SqlType::Boolean,
        ("int2", []) => SqlType::SmallInt,
        ("int4", []) => SqlType::Integer,
        ("int8", []) => SqlType::BigInt,
        ("float4", []) => SqlType::Real,
        ("float8", []) => SqlType::Double,
        ("numeric", []) => SqlType::NUMERIC,
        ("text" | "varchar" | "name", []) => SqlType::Text,
        ("bpchar", []) => SqlType::Char(0),
        ("bpchar", [length]) => {
            char(&length.parse().ok().map(|length| CharacterLength::IntegerLength { length, unit: None }))?
        }
        ("bytea", []) => SqlType::Bytea,
        ("date", []) => SqlType::Date,
        ("timestamp", []) => SqlType::Timestamp,
        ("timestamptz", []) => SqlType::TimestampTz,
        ("interval", []) => SqlType::Interval,
        ("uuid", []) => SqlType::Uuid,
        ("time", []) => SqlType::Time,
        ("json", []) => SqlType::Json,
        ("jsonb", []) => SqlType::Jsonb,
        ("serial" | "bigserial" | "smallserial" | "serial4" | "serial8" | "serial2", _) => {
            return Err(unsupported(written).hint("serial is for the columns of a table; use bigint here"));
        }
        // PostgreSQL's own types and those with modifiers exist, but not here; of others the catalog may know.
        (name, []) if !POSTGRESQL_TYPES.contains(&name) => SqlType::Named(name.into()),
        _ => return Err(unsupported(written)),
    })
}

fn float(written: &DataType, precision: &ExactNumberInfo) -> Result<SqlType> {
    match precision {
        ExactNumberInfo::None | ExactNumberInfo::Precision(25..=53) => Ok(SqlType::Double),
        ExactNumberInfo::Precision(1..=24) => Ok(SqlType::Real),
        _ => Err(unsupported(written)),
    }
}

fn numeric(info: &ExactNumberInfo) -> Result<SqlType> {
    let (precision, scale) = match info {
        ExactNumberInfo::None => return Ok(SqlType::NUMERIC),
        ExactNumberInfo::Precision(precision) => (*precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (*precision, *scale),
    };
    let refused = |message: String| Err(Error::new(code::INVALID_PARAMETER_VALUE, message));
    match (precision, scale) {
        (1..=NUMERIC_DIGITS_MAX, -1_000..=1_000) => Ok(declared_numeric(precision as u16, scale as i16)),
        (1..=NUMERIC_DIGITS_MAX, _) => refused(format!("NUMERIC scale {scale} must be between -1000 and 1000")),
        _ => refused(format!("NUMERIC precision {precision} must be between 1 and 1000")),
    }
}

fn char(length: &Option<CharacterLength>) -> Result<SqlType> {
    match length {
        None => Ok(SqlType::Char(1)),
        Some(CharacterLength::IntegerLength { length, .. }) => match u32::try_from(*length) {
            Ok(length @ 1..=LENGTH_MAX) => Ok(SqlType::Char(length)),
            _ => Err(wrong_length("char", *length)),
        },
        Some(CharacterLength::Max) => Err(Error::unsupported("type char(max) is not supported")),
    }
}

fn wrong_length(name: &str, length: u64) -> Error {
    let message = match length {
        0 => format!("length for type {name} must be at least 1"),
        _ => format!("length for type {name} cannot exceed {LENGTH_MAX}"),
    };
    Error::new(crate::error::code::INVALID_PARAMETER_VALUE, message)
}

fn varchar(length: &Option<CharacterLength>) -> Result<SqlType> {
    match length {
        None | Some(CharacterLength::Max) => Ok(SqlType::Text),
        Some(CharacterLength::IntegerLength { length, .. }) => match u32::try_from(*length) {
            Ok(length @ 1..=LENGTH_MAX) => Ok(SqlType::Varchar(length)),
            _ => Err(wrong_length("varchar", *length)),
        },
    }
}

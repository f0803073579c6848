//! Names of types → [`SqlType`].

use datafusion::sql::sqlparser::ast::{ArrayElemTypeDef, CharacterLength, DataType, ExactNumberInfo, TimezoneInfo};

use crate::compile::function::declared_numeric;
use crate::error::{Error, Result, code};
use crate::types::SqlType;

/// Digits that `numeric` can be declared with at most.
const NUMERIC_DIGITS_MAX: u64 = 1_000;

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
        DataType::Character(_) | DataType::Char(_) => {
            return Err(unsupported(written).hint("use text or varchar(n): they do not pad with blanks"));
        }
        DataType::Bytea | DataType::Bytes(None) => SqlType::Bytea,
        DataType::Date => SqlType::Date,
        DataType::Timestamp(None | Some(6), zone) => match zone {
            TimezoneInfo::None | TimezoneInfo::WithoutTimeZone => SqlType::Timestamp,
            TimezoneInfo::Tz | TimezoneInfo::WithTimeZone => SqlType::TimestampTz,
        },
        DataType::Timestamp(..) => {
            return Err(unsupported(written).hint("leave the precision out: timestamps have microseconds"));
        }
        DataType::Interval { fields: None, precision: None } => SqlType::Interval,
        DataType::Uuid => SqlType::Uuid,
        DataType::JSON => SqlType::Json,
        DataType::JSONB => SqlType::Jsonb,
        DataType::Time(None | Some(6), TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => SqlType::Time,
        DataType::Array(ArrayElemTypeDef::SquareBracket(item, _) | ArrayElemTypeDef::AngleBracket(item)) => {
            match sql_type(item)? {
                SqlType::Array(_) => {
                    return Err(Error::unsupported("arrays of more than one dimension are not supported"));
                }
                item => SqlType::Array(Box::new(item)),
            }
        }
        DataType::Custom(name, modifiers) => custom(written, &name.to_string().to_ascii_lowercase(), modifiers)?,
        _ => return Err(unsupported(written)),
    })
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
        SqlType::Time => "time".to_string(),
        SqlType::Timestamp => "timestamp".to_string(),
        SqlType::TimestampTz => "timestamptz".to_string(),
        SqlType::Array(item) => internal_name(item),
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

/// Names that sqlparser does not know: those with a schema, and `serial`.
fn custom(written: &DataType, name: &str, modifiers: &[String]) -> Result<SqlType> {
    let name = name.strip_prefix("pg_catalog.").unwrap_or(name).trim_matches('"');
    Ok(match (name, modifiers) {
        ("bool", []) => SqlType::Boolean,
        ("int2", []) => SqlType::SmallInt,
        ("int4", []) => SqlType::Integer,
        ("int8", []) => SqlType::BigInt,
        ("float4", []) => SqlType::Real,
        ("float8", []) => SqlType::Double,
        ("numeric", []) => SqlType::NUMERIC,
        ("text" | "varchar" | "name" | "bpchar", []) => SqlType::Text,
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
        // PostgreSQL's own types and those with modifiers exist, but not here; of others nobody knows.
        (name, []) if !POSTGRESQL_TYPES.contains(&name) => {
            return Err(Error::new(code::UNDEFINED_OBJECT, format!("type \"{name}\" does not exist")));
        }
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

fn varchar(length: &Option<CharacterLength>) -> Result<SqlType> {
    match length {
        None | Some(CharacterLength::Max) => Ok(SqlType::Text),
        Some(CharacterLength::IntegerLength { length, .. }) => match u32::try_from(*length) {
            Ok(length @ 1..=10_485_760) => Ok(SqlType::Varchar(length)),
            _ => Err(Error::new(
                crate::error::code::INVALID_PARAMETER_VALUE,
                "length for type varchar must be from 1 to 10485760",
            )),
        },
    }
}

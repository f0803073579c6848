//! SQL types and how they travel: SQL name, Arrow type, and the metadata key that tells types apart that share an Arrow type.
//!
//! | SQL | Arrow | `pg_type` metadata |
//! |---|---|---|
//! | boolean, smallint, integer, bigint, real, double precision | Boolean, Int16, Int32, Int64, Float32, Float64 | – |
//! | numeric(p,s), p ≤ 38 | Decimal128(p, s) | – |
//! | numeric / numeric(p,s) with more digits | LargeBinary | – / `numeric:p:s` |
//! | text / varchar(n) / char(n) / uuid / json / jsonb | Utf8 | – / `varchar:n` / `char:n` / `uuid` / `json` / `jsonb` |
//! | bytea, date, time | Binary, Date32, Time64(µs) | – |
//! | timestamp / timestamptz | Timestamp(µs, None) / Timestamp(µs, "UTC") | – |
//! | interval | Interval(MonthDayNano) | – |
//! | an enum | Duration(s), see [`crate::enumeration`] | `enum:` and the type's identity |
//! | T[] | List(field "item" of T, nullable), one in the other for each dimension | on the item field |
//! | record, composite types | Struct | `composite:name` for those with a name |
//!
//! uuid is kept as canonical lower-case text, so that equality of the text is equality of the value; json as it was written; jsonb as
//! canonical text (PostgreSQL's jsonb order and spacing), in which numbers keep their zeros: `1` and `1.0` are equal, but not their text.
//!
//! How many dimensions arrays have is part of the type here, not of the value: `int[][]` holds arrays of two dimensions and empty ones.
//! Below an array that is not NULL all inner lists of a dimension are equally long and neither NULL nor empty; an empty array has none.
//!
//! numeric has two representations. Where all values have one number of digits after the point, and few enough digits, they are
//! Decimal128; everything else (columns without precision, quotients, averages, NaN) is kept as [`crate::decimal`] encodes it, each value
//! with its own number of digits after the point. The second one is in no other type's use.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

// Dimensions of arrays.
mod dimensions;
// Row types.
mod row;

use datafusion::arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};

use crate::enumeration::{self, EnumType};
pub use dimensions::{DIMENSIONS_MAX, other_dimensions, too_many_dimensions, uneven_arrays};
pub use row::{CompositeName, RowType};

/// Metadata key of an Arrow field that names the SQL type where the Arrow type does not tell it.
pub const PG_TYPE: &str = "pg_type";

/// Metadata key of an output column whose numerics have one scale though nothing declared it: in SQL it is numeric without precision.
pub const COMPUTED: &str = "pg_computed";

/// Metadata key of an Arrow field of the system catalog that names the type that clients are told: `oid`, `name` or `char`. Expressions
/// take the values for what [`SqlType::of`] says.
pub const PG_CLIENT_TYPE: &str = "pg_client_type";

/// A SQL type of a column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the variants are the SQL names")]
pub enum SqlType {
    Boolean,
    SmallInt,
    Integer,
    BigInt,
    Real,
    Double,
    /// Numeric values that all have one scale: precision (digits in all, at most 38) and scale (digits after the point).
    Numeric(u8, i8),
    /// Numeric values each of which has its own scale; the precision and scale that a column was declared with.
    AnyNumeric(Option<(u16, i16)>),
    Text,
    /// At most this many characters.
    Varchar(u32),
    /// `char(n)`: filled up with blanks to this many characters; 0 for any number (`bpchar`). Blanks at the end do not count.
    Char(u32),
    Bytea,
    Date,
    Time,
    Timestamp,
    TimestampTz,
    Interval,
    Uuid,
    Json,
    Jsonb,
    Array(Box<SqlType>),
    Enum(EnumType),
    /// A type that the catalog is to be asked for, by its name as statements write it. No column has it.
    Named(Arc<str>),
    /// Values with fields: of ROW(…), of whole rows of relations, of composite types.
    Row(Arc<RowType>),
}

/// Stands in front of the names of types that are no names of PostgreSQL's own, where expressions name types.
pub const TYPE_MARK: char = '\u{2}';

impl SqlType {
    /// The Arrow type that holds values of this type.
    pub fn arrow(&self) -> DataType {
        match self {
            SqlType::Boolean => DataType::Boolean,
            SqlType::SmallInt => DataType::Int16,
            SqlType::Integer => DataType::Int32,
            SqlType::BigInt => DataType::Int64,
            SqlType::Real => DataType::Float32,
            SqlType::Double => DataType::Float64,
            SqlType::Numeric(precision, scale) => DataType::Decimal128(*precision, *scale),
            SqlType::AnyNumeric(_) => DataType::LargeBinary,
            SqlType::Text | SqlType::Varchar(_) | SqlType::Char(_) => DataType::Utf8,
            SqlType::Uuid | SqlType::Json | SqlType::Jsonb => DataType::Utf8,
            SqlType::Bytea => DataType::Binary,
            SqlType::Date => DataType::Date32,
            SqlType::Time => DataType::Time64(TimeUnit::Microsecond),
            SqlType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            SqlType::TimestampTz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            SqlType::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
            SqlType::Array(item) => DataType::List(Arc::new(item.field("item"))),
            SqlType::Enum(_) => enumeration::ARROW,
            SqlType::Named(_) => DataType::Null,
            SqlType::Row(row) => DataType::Struct(row.arrow_fields()),
        }
    }

    /// The type of users that an expression names; `None` for names of PostgreSQL's own types.
    pub fn read_name(name: &str) -> Option<SqlType> {
        if let Some(item) = name.strip_suffix("[]") {
            return SqlType::read_name(item).map(|item| SqlType::Array(Box::new(item)));
        }
        let name = name.strip_prefix(TYPE_MARK)?;
        let by_oid = name.parse().ok().and_then(EnumType::by_oid);
        Some(by_oid.map_or_else(|| SqlType::Named(name.into()), SqlType::Enum))
    }

    /// The type with what `resolve` says in place of the type that is only known by its name.
    pub fn resolved<E>(self, resolve: &dyn Fn(&str) -> Result<SqlType, E>) -> Result<SqlType, E> {
        match self {
            SqlType::Named(name) => resolve(&name),
            SqlType::Row(row) => {
                let field =
                    |(name, sql_type): &(String, SqlType)| Ok((name.clone(), sql_type.clone().resolved(resolve)?));
                let fields = row.fields.iter().map(field).collect::<Result<_, E>>()?;
                Ok(SqlType::Row(Arc::new(RowType { name: row.name.clone(), fields })))
            }
            SqlType::Array(item) => item.resolved(resolve).map(|item| SqlType::Array(Box::new(item))),
            other => Ok(other),
        }
    }

    /// Whether values are texts that may become values of any other type of texts without being asked.
    pub fn is_text(&self) -> bool {
        matches!(self, SqlType::Text | SqlType::Varchar(_) | SqlType::Char(_))
    }

    /// What a constant text beside a value of the type is read as: no length is asked of it.
    pub fn of_constants(&self) -> SqlType {
        match self {
            SqlType::Char(_) => SqlType::Char(0),
            other => other.clone(),
        }
    }

    /// Identities of the types of users that it is made of.
    pub fn user_types(&self) -> Vec<u32> {
        match self {
            SqlType::Enum(found) => vec![found.oid()],
            SqlType::Array(item) => item.user_types(),
            SqlType::Row(row) => {
                let own = row.name.iter().map(|name| name.oid);
                own.chain(row.fields.iter().flat_map(|(_, sql_type)| sql_type.user_types())).collect()
            }
            _ => Vec::new(),
        }
    }

    /// A nullable Arrow field `name` of this type, with the metadata that [`SqlType::of`] reads back.
    pub fn field(&self, name: &str) -> Field {
        let field = Field::new(name, self.arrow(), true);
        let tag = match self {
            SqlType::Uuid => "uuid".to_string(),
            SqlType::Json => "json".to_string(),
            SqlType::Jsonb => "jsonb".to_string(),
            SqlType::Varchar(n) => format!("varchar:{n}"),
            SqlType::Char(n) => format!("char:{n}"),
            SqlType::AnyNumeric(Some((precision, scale))) => format!("numeric:{precision}:{scale}"),
            SqlType::Enum(found) if !found.is_any() => format!("enum:{}", found.oid()),
            SqlType::Row(row) => match row.tag() {
                Some(tag) => tag,
                None => return field,
            },
            _ => return field,
        };
        field.with_metadata(HashMap::from([(PG_TYPE.to_string(), tag)]))
    }

    /// The SQL type of an Arrow field; types that no column of ours declares map to the nearest one, else to text.
    pub fn of(field: &Field) -> SqlType {
        match field.metadata().get(PG_TYPE).map(String::as_str) {
            Some("uuid") => return SqlType::Uuid,
            Some("json") => return SqlType::Json,
            Some("jsonb") => return SqlType::Jsonb,
            Some(tag) => {
                if let Some(n) = tag.strip_prefix("varchar:").and_then(|n| n.parse().ok()) {
                    return SqlType::Varchar(n);
                }
                if let Some(n) = tag.strip_prefix("char:").and_then(|n| n.parse().ok()) {
                    return SqlType::Char(n);
                }
                if let Some((precision, scale)) = tag.strip_prefix("numeric:").and_then(|tag| tag.split_once(':'))
                    && let (Ok(precision), Ok(scale)) = (precision.parse(), scale.parse())
                {
                    return SqlType::AnyNumeric(Some((precision, scale)));
                }
                let oid = tag.strip_prefix("enum:").and_then(|oid| oid.parse().ok());
                if let Some(found) = oid.and_then(EnumType::by_oid) {
                    return SqlType::Enum(found);
                }
            }
            None => {}
        }
        match field.data_type() {
            DataType::Boolean => SqlType::Boolean,
            DataType::Int8 | DataType::UInt8 | DataType::Int16 => SqlType::SmallInt,
            DataType::UInt16 | DataType::Int32 => SqlType::Integer,
            DataType::UInt32 | DataType::Int64 => SqlType::BigInt,
            DataType::UInt64 => SqlType::Numeric(20, 0),
            DataType::Float16 | DataType::Float32 => SqlType::Real,
            DataType::Float64 => SqlType::Double,
            DataType::Decimal32(p, s)
            | DataType::Decimal64(p, s)
            | DataType::Decimal128(p, s)
            | DataType::Decimal256(p, s) => SqlType::Numeric(*p, *s),
            DataType::LargeBinary => SqlType::AnyNumeric(None),
            DataType::Binary | DataType::BinaryView | DataType::FixedSizeBinary(_) => SqlType::Bytea,
            DataType::Date32 | DataType::Date64 => SqlType::Date,
            DataType::Time32(_) | DataType::Time64(_) => SqlType::Time,
            DataType::Timestamp(_, None) => SqlType::Timestamp,
            DataType::Timestamp(_, Some(_)) => SqlType::TimestampTz,
            DataType::Duration(TimeUnit::Second) => SqlType::Enum(EnumType::any()),
            DataType::Interval(_) | DataType::Duration(_) => SqlType::Interval,
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                SqlType::Array(Box::new(SqlType::of(item)))
            }
            DataType::Struct(fields) => {
                SqlType::Row(Arc::new(RowType::of(fields, field.metadata().get(PG_TYPE).map(String::as_str))))
            }
            _ => SqlType::Text,
        }
    }
}

impl SqlType {
    /// Numeric of any size.
    pub const NUMERIC: SqlType = SqlType::AnyNumeric(None);

    /// The type as SQL sees it: as [`SqlType::of`], but without a precision that nothing declared.
    pub fn declared(field: &Field) -> SqlType {
        if field.metadata().contains_key(COMPUTED) { SqlType::NUMERIC } else { SqlType::of(field) }
    }

    /// Whether it is numeric, in whatever representation.
    pub fn is_numeric(&self) -> bool {
        matches!(self, SqlType::Numeric(..) | SqlType::AnyNumeric(_))
    }
}

impl fmt::Display for SqlType {
    /// PostgreSQL's name, as `format_type` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            SqlType::Boolean => "boolean",
            SqlType::SmallInt => "smallint",
            SqlType::Integer => "integer",
            SqlType::BigInt => "bigint",
            SqlType::Real => "real",
            SqlType::Double => "double precision",
            SqlType::Numeric(precision, scale) => return write!(f, "numeric({precision},{scale})"),
            SqlType::AnyNumeric(Some((precision, scale))) => return write!(f, "numeric({precision},{scale})"),
            SqlType::AnyNumeric(None) => "numeric",
            SqlType::Text => "text",
            SqlType::Varchar(n) => return write!(f, "character varying({n})"),
            SqlType::Char(0) => "character",
            SqlType::Char(n) => return write!(f, "character({n})"),
            SqlType::Bytea => "bytea",
            SqlType::Date => "date",
            SqlType::Time => "time without time zone",
            SqlType::Timestamp => "timestamp without time zone",
            SqlType::TimestampTz => "timestamp with time zone",
            SqlType::Interval => "interval",
            SqlType::Uuid => "uuid",
            SqlType::Json => "json",
            SqlType::Jsonb => "jsonb",
            // The same name for any number of dimensions.
            SqlType::Array(item) => return write!(f, "{}[]", item.element()),
            SqlType::Enum(found) => return f.write_str(&found.labels().type_name),
            SqlType::Named(name) => name,
            SqlType::Row(row) => row.shown_name(),
        };
        f.write_str(name)
    }
}

//! SQL types and how they travel: SQL name, Arrow type, and the metadata key that tells types apart that share an Arrow type.
//!
//! | SQL | Arrow | `pg_type` metadata |
//! |---|---|---|
//! | boolean, smallint, integer, bigint, real, double precision | Boolean, Int16, Int32, Int64, Float32, Float64 | – |
//! | numeric(p,s), p ≤ 38 | Decimal128(p, s) | – |
//! | numeric / numeric(p,s) with more digits | LargeBinary | – / `numeric:p:s` |
//! | text / varchar(n) / uuid / json / jsonb | Utf8 | – / `varchar:n` / `uuid` / `json` / `jsonb` |
//! | bytea, date, time | Binary, Date32, Time64(µs) | – |
//! | timestamp / timestamptz | Timestamp(µs, None) / Timestamp(µs, "UTC") | – |
//! | interval | Interval(MonthDayNano) | – |
//! | T[] | List(field "item" of T, nullable) | on the item field |
//! | record, composite types | Struct | `composite:name` for those with a name |
//!
//! uuid is kept as canonical lower-case text, so that equality of the text is equality of the value; json as it was written; jsonb as
//! canonical text (PostgreSQL's jsonb order and spacing), in which numbers keep their zeros: `1` and `1.0` are equal, but not their text.
//!
//! numeric has two representations. Where all values have one number of digits after the point, and few enough digits, they are
//! Decimal128; everything else (columns without precision, quotients, averages, NaN) is kept as [`crate::decimal`] encodes it, each value
//! with its own number of digits after the point. The second one is in no other type's use.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

// Row types.
mod row;

use datafusion::arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};

pub use row::RowType;

/// Metadata key of an Arrow field that names the SQL type where the Arrow type does not tell it.
pub const PG_TYPE: &str = "pg_type";

/// Metadata key of an output column whose numerics have one scale though nothing declared it: in SQL it is numeric without precision.
pub const COMPUTED: &str = "pg_computed";

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
    /// Values with fields: of ROW(…), of whole rows of relations, of composite types.
    Row(Arc<RowType>),
}

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
            SqlType::Text | SqlType::Varchar(_) | SqlType::Uuid | SqlType::Json | SqlType::Jsonb => DataType::Utf8,
            SqlType::Bytea => DataType::Binary,
            SqlType::Date => DataType::Date32,
            SqlType::Time => DataType::Time64(TimeUnit::Microsecond),
            SqlType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            SqlType::TimestampTz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            SqlType::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
            SqlType::Array(item) => DataType::List(Arc::new(item.field("item"))),
            SqlType::Row(row) => DataType::Struct(row.arrow_fields()),
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
            SqlType::AnyNumeric(Some((precision, scale))) => format!("numeric:{precision}:{scale}"),
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
                if let Some((precision, scale)) = tag.strip_prefix("numeric:").and_then(|tag| tag.split_once(':'))
                    && let (Ok(precision), Ok(scale)) = (precision.parse(), scale.parse())
                {
                    return SqlType::AnyNumeric(Some((precision, scale)));
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
            SqlType::Bytea => "bytea",
            SqlType::Date => "date",
            SqlType::Time => "time without time zone",
            SqlType::Timestamp => "timestamp without time zone",
            SqlType::TimestampTz => "timestamp with time zone",
            SqlType::Interval => "interval",
            SqlType::Uuid => "uuid",
            SqlType::Json => "json",
            SqlType::Jsonb => "jsonb",
            SqlType::Array(item) => return write!(f, "{item}[]"),
            SqlType::Row(row) => row.shown_name(),
        };
        f.write_str(name)
    }
}

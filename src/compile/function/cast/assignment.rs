//! Assignment casts: values on their way into a table's column. PostgreSQL converts there what it would not convert in an expression
//! (`bigint` into `integer`, anything into text), but less than a cast does (no text into numbers).

use datafusion::arrow::array::{Array, ArrayRef, new_null_array};

use super::convert::{convert, exists, read};
use super::number;
use crate::compile::parse::Cell;
use crate::error::{Error, Result, code};
use crate::format::text::{ColumnBuilder, TimeZone};
use crate::types::{RowType, SqlType};

/// A column that values are assigned to.
#[derive(Debug, Clone)]
pub struct Target<'a> {
    /// Its name, for messages.
    pub name: &'a str,
    /// Its type.
    pub sql_type: SqlType,
    /// The session's zone.
    pub zone: TimeZone,
}

impl Target<'_> {
    /// Values of type `from` as values of the column; 42804 if there is no assignment cast.
    pub fn assign(&self, values: &ArrayRef, from: &SqlType) -> Result<ArrayRef> {
        let to = &self.sql_type;
        if values.data_type().is_null() {
            return Ok(new_null_array(&to.arrow(), values.len()));
        }
        if from == to && *values.data_type() == to.arrow() {
            return Ok(ArrayRef::clone(values));
        }
        if !is_assignable(from, to) {
            return Err(self.mismatch(from));
        }
        match to {
            SqlType::Varchar(_) | SqlType::Char(_) => {
                read(&convert(values, from, &SqlType::Text, self.zone)?, to, self.zone)
            }
            to => convert(values, from, to, self.zone),
        }
    }

    /// Texts that have no type yet, as values of the column.
    pub fn read(&self, values: &ArrayRef) -> Result<ArrayRef> {
        read(&convert(values, &SqlType::Text, &SqlType::Text, self.zone)?, &self.sql_type, self.zone)
    }

    /// Constants as values of the column; what is none is NULL, to be replaced.
    pub fn constants<'c>(&self, cells: impl Iterator<Item = &'c Cell>) -> Result<ArrayRef> {
        let mut column = ColumnBuilder::new(&self.sql_type).with_time_zone(self.zone);
        for cell in cells {
            match cell {
                Cell::Text(text) => column.append_text(text)?,
                Cell::Number(number) => self.append_number(&mut column, number)?,
                Cell::Boolean(value) => match &self.sql_type {
                    SqlType::Boolean | SqlType::Text | SqlType::Varchar(_) | SqlType::Char(_) => {
                        column.append_text(if *value { "true" } else { "false" })?;
                    }
                    _ => return Err(self.mismatch(&SqlType::Boolean)),
                },
                Cell::Default | Cell::Null | Cell::Parameter(_) | Cell::Expression(_) => column.append_null(),
            }
        }
        Ok(column.finish())
    }

    fn append_number(&self, column: &mut ColumnBuilder, number: &str) -> Result<()> {
        let to = &self.sql_type;
        match to {
            SqlType::SmallInt | SqlType::Integer | SqlType::BigInt => match number::whole(number) {
                Some(whole) => column.append_text(&whole.to_string()).map_err(|_| out_of_range(to)),
                None => Err(out_of_range(to)),
            },
            SqlType::Real | SqlType::Double | SqlType::Numeric(..) | SqlType::AnyNumeric(_) => {
                column.append_text(number)
            }
            SqlType::Text | SqlType::Varchar(_) | SqlType::Char(_) => column.append_text(&number::plain(number)),
            _ if number.contains(['.', 'e', 'E']) || number.parse::<i64>().is_err() => {
                Err(self.mismatch_named("numeric"))
            }
            _ if number.parse::<i32>().is_err() => Err(self.mismatch_named("bigint")),
            _ => Err(self.mismatch_named("integer")),
        }
    }

    fn mismatch(&self, from: &SqlType) -> Error {
        self.mismatch_named(&named(from))
    }

    fn mismatch_named(&self, from: &str) -> Error {
        let message =
            format!("column \"{}\" is of type {} but expression is of type {from}", self.name, named(&self.sql_type));
        Error::new(code::DATATYPE_MISMATCH, message).hint("You will need to rewrite or cast the expression.")
    }
}

fn out_of_range(to: &SqlType) -> Error {
    Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, format!("{to} out of range"))
}

/// A type without its modifiers, as messages name it.
fn named(sql_type: &SqlType) -> String {
    match sql_type {
        SqlType::Numeric(..) | SqlType::AnyNumeric(_) => "numeric".to_string(),
        SqlType::Varchar(_) => "character varying".to_string(),
        SqlType::Char(_) => "character".to_string(),
        other => other.to_string(),
    }
}

/// Whether PostgreSQL has an assignment cast.
fn is_assignable(from: &SqlType, to: &SqlType) -> bool {
    use SqlType::{Array, Char, Date, Interval, Json, Jsonb, Row, Text, Time, Timestamp, TimestampTz, Varchar};
    match (from, to) {
        (_, Text | Varchar(_) | Char(_)) => true,
        (Json, Jsonb) | (Jsonb, Json) => true,
        (Timestamp | TimestampTz | Interval, Time) | (Time, Interval) => exists(from, to),
        (Date | Timestamp | TimestampTz, Date | Timestamp | TimestampTz) => true,
        (Array(_), Array(_)) => is_assignable(from.element(), to.element()),
        (Row(from), Row(to)) => is_row_assignable(from, to),
        (from, to) => from == to || number::is_number(from) && number::is_number(to),
    }
}

/// Rows go into others of as many fields; texts in `ROW(…)` may be constants of any type.
fn is_row_assignable(from: &RowType, to: &RowType) -> bool {
    let is_text = |sql_type: &SqlType| matches!(sql_type, SqlType::Text | SqlType::Varchar(_));
    let mut fields = from.fields.iter().zip(&to.fields);
    (from.name.is_none() || from.name == to.name)
        && from.fields.len() == to.fields.len()
        && fields.all(|((_, one), (_, two))| is_assignable(one, two) || is_text(one) && from.name.is_none())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{AsArray, Float64Array, Int32Array, Int64Array, StringArray};
    use datafusion::arrow::datatypes::Int16Type;

    use super::*;

    fn target(sql_type: SqlType) -> Target<'static> {
        Target { name: "c", sql_type, zone: TimeZone::default() }
    }

    #[test]
    fn numbers_round_and_are_range_checked() {
        let doubles: ArrayRef = Arc::new(Float64Array::from(vec![0.5, 1.5, -2.5]));
        let rounded = target(SqlType::Integer).assign(&doubles, &SqlType::Double).unwrap();
        assert_eq!(rounded.as_ref(), &Int32Array::from(vec![0, 2, -2]) as &dyn Array);
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![70_000]));
        let error = target(SqlType::SmallInt).assign(&numbers, &SqlType::BigInt).unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (code::NUMERIC_VALUE_OUT_OF_RANGE, "smallint out of range"));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![7]));
        let small = target(SqlType::SmallInt).assign(&numbers, &SqlType::BigInt).unwrap();
        assert_eq!(small.as_primitive::<Int16Type>().value(0), 7);
    }

    #[test]
    fn only_untyped_texts_are_read() {
        let words: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
        assert_eq!(target(SqlType::Integer).read(&words).unwrap_err().code, code::INVALID_TEXT_REPRESENTATION);
        assert_eq!(target(SqlType::Integer).assign(&words, &SqlType::Text).unwrap_err().code, code::DATATYPE_MISMATCH);
        let words: ArrayRef = Arc::new(StringArray::from(vec!["abcd"]));
        let error = target(SqlType::Varchar(3)).assign(&words, &SqlType::Text).unwrap_err();
        assert_eq!(error.code, code::STRING_DATA_RIGHT_TRUNCATION);
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1]));
        let error = target(SqlType::Boolean).assign(&numbers, &SqlType::Integer).unwrap_err();
        assert_eq!(error.code, code::DATATYPE_MISMATCH);
    }

    #[test]
    fn constants_have_the_type_of_their_column() {
        let cells = [Cell::Number("2.5".into()), Cell::Number("-2.5".into()), Cell::Null, Cell::Text(" 7 ".into())];
        let column = target(SqlType::Integer).constants(cells.iter()).unwrap();
        assert_eq!(column.as_ref(), &Int32Array::from(vec![Some(3), Some(-3), None, Some(7)]) as &dyn Array);
        let column = target(SqlType::Text).constants([Cell::Number("1e3".into())].iter()).unwrap();
        assert_eq!(column.as_string::<i32>().value(0), "1000");
        let error = target(SqlType::SmallInt).constants([Cell::Number("40000".into())].iter()).unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (code::NUMERIC_VALUE_OUT_OF_RANGE, "smallint out of range"));
        let error = target(SqlType::Date).constants([Cell::Number("1".into())].iter()).unwrap_err();
        assert_eq!(error.code, code::DATATYPE_MISMATCH);
    }
}

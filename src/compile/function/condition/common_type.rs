//! The type of values that stand for each other, in CASE, COALESCE and the like: PostgreSQL's rules for UNION and CASE (chapter 10.5).

use super::super::cast::unbounded_numeric;
use super::super::definition::Argument;
use super::super::overload;
use crate::error::{Error, Result, code};
use crate::types::SqlType;

/// The common type of several values; text if none has a type. Errors: 42804 for types that do not go together; `construct` names what
/// the values stand in.
pub(in super::super) fn common_type(values: &[Argument], construct: &str) -> Result<SqlType> {
    let mut chosen: Option<SqlType> = None;
    for value in values.iter().filter(|value| !value.is_untyped()) {
        let Some(next) = &value.sql_type else { continue };
        chosen = Some(match chosen {
            None => next.clone(),
            Some(chosen) => wider(&chosen, next).ok_or_else(|| {
                let message = format!("{construct} types {} and {} cannot be matched", plain(&chosen), plain(next));
                Error::new(code::DATATYPE_MISMATCH, message)
            })?,
        });
    }
    let chosen = chosen.unwrap_or(SqlType::Text);
    let SqlType::Numeric(precision, scale) = chosen else { return Ok(chosen) };
    // Numbers in quotes may have more digits than the others.
    let quoted = values.iter().filter(|value| value.is_untyped() && value.text.is_some());
    let digits = quoted.filter_map(|value| overload::scale(&unbounded_numeric(value))).max();
    Ok(match digits.filter(|digits| *digits > scale) {
        Some(digits) => SqlType::Numeric(38, digits),
        None => SqlType::Numeric(precision, scale),
    })
}

fn plain(sql_type: &SqlType) -> String {
    match sql_type {
        SqlType::Numeric(..) => "numeric".to_string(),
        SqlType::Varchar(_) => "character varying".to_string(),
        other => other.to_string(),
    }
}

/// The type that values of both can be converted to without being asked.
fn wider(one: &SqlType, other: &SqlType) -> Option<SqlType> {
    use SqlType::{Date, Numeric, Text, Timestamp, TimestampTz, Varchar};
    if one == other {
        return Some(one.clone());
    }
    if let (Some(left), Some(right)) = (rank(one), rank(other)) {
        return Some(match &NUMBERS[left.max(right)] {
            Numeric(..) => numeric(one, other),
            wider => wider.clone(),
        });
    }
    match (one, other) {
        (Text | Varchar(_), Text | Varchar(_)) => Some(Text),
        (Date, time @ (Timestamp | TimestampTz)) | (time @ (Timestamp | TimestampTz), Date) => Some(time.clone()),
        (Timestamp, TimestampTz) | (TimestampTz, Timestamp) => Some(TimestampTz),
        _ => None,
    }
}

/// Numeric with room for both.
fn numeric(one: &SqlType, other: &SqlType) -> SqlType {
    let scale = |side: &SqlType| overload::scale(side).unwrap_or(0);
    let digits = |side: &SqlType| match side {
        SqlType::Numeric(precision, scale) => *precision as i8 - scale,
        SqlType::SmallInt => 5,
        SqlType::Integer => 10,
        _ => 19,
    };
    let scale = scale(one).max(scale(other));
    let precision = digits(one).max(digits(other)).saturating_add(scale).clamp(1, 38);
    SqlType::Numeric(precision as u8, scale)
}

/// Numbers from the narrowest to the widest.
const NUMBERS: [SqlType; 6] =
    [SqlType::SmallInt, SqlType::Integer, SqlType::BigInt, SqlType::Numeric(38, 0), SqlType::Real, SqlType::Double];

fn rank(sql_type: &SqlType) -> Option<usize> {
    NUMBERS.iter().position(|number| std::mem::discriminant(number) == std::mem::discriminant(sql_type))
}

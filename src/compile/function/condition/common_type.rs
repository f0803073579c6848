//! The type of values that stand for each other, in CASE, COALESCE and the like: PostgreSQL's rules for UNION and CASE (chapter 10.5).

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::ExprSchemable;
use datafusion::prelude::Expr;

use super::super::cast::{to_type, unbounded_numeric};
use super::super::definition::{Argument, external};
use crate::error::{Error, Result, code};
use crate::types::{RowType, SqlType};

/// The branches of a CASE, the value of ELSE first, as values of one type. Errors: 42804 for types that do not go together.
pub(in crate::compile) fn unified(values: Vec<Expr>, schema: &DFSchema) -> PlanResult<Vec<Expr>> {
    let mut described = Vec::with_capacity(values.len());
    for value in &values {
        // A parameter without a type has none yet.
        let Ok((_, field)) = value.to_field(schema) else { return Ok(values) };
        described.push(Argument::of((!field.data_type().is_null()).then(|| SqlType::of(&field)), value));
    }
    let common = common_type(&described, "CASE").map_err(external)?;
    let typed = |(value, argument): (Expr, &Argument)| match argument.sql_type.as_ref() == Some(&common) {
        true => value,
        false => to_type(value, &common),
    };
    Ok(values.into_iter().zip(&described).map(typed).collect())
}

/// The common type of several values; text if none has a type. Errors: 42804 for types that do not go together; `construct` names what
/// the values stand in.
pub(in super::super) fn common_type(values: &[Argument], construct: &str) -> Result<SqlType> {
    let mut chosen: Option<SqlType> = None;
    let mut chosen_name = String::new();
    for value in values.iter().filter(|value| !value.is_untyped()) {
        let Some(next) = &value.sql_type else { continue };
        chosen = Some(match chosen {
            None => next.clone(),
            Some(chosen) => wider(&chosen, next).ok_or_else(|| {
                let message = format!("{construct} types {chosen_name} and {} cannot be matched", value.shown_type());
                Error::new(code::DATATYPE_MISMATCH, message)
            })?,
        });
        if chosen_name.is_empty() || chosen.as_ref() == Some(next) {
            chosen_name = value.shown_type();
        }
    }
    let chosen = chosen.unwrap_or(SqlType::Text);
    let SqlType::Numeric(..) = chosen else { return Ok(chosen) };
    // Numbers in quotes may have other digits than the others.
    let quoted = values.iter().filter(|value| value.is_untyped() && value.text.is_some());
    Ok(quoted.map(unbounded_numeric).fold(chosen, |chosen, quoted| numeric(&chosen, &quoted)))
}

/// The type that values of both can be converted to without being asked.
pub(in super::super) fn wider(one: &SqlType, other: &SqlType) -> Option<SqlType> {
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
        (SqlType::Array(one), SqlType::Array(other)) => wider(one, other).map(|item| SqlType::Array(Box::new(item))),
        (SqlType::Row(one), SqlType::Row(other)) => wider_row(one, other),
        _ => None,
    }
}

/// The common type of rows of as many fields; an anonymous one takes the name of the other.
fn wider_row(one: &RowType, other: &RowType) -> Option<SqlType> {
    if one.fields.len() != other.fields.len() || one.name.is_some() && other.name.is_some() {
        return None;
    }
    let named = if other.name.is_some() { other } else { one };
    let pairs = one.fields.iter().zip(&other.fields).zip(&named.fields);
    let field =
        |(((_, one), (_, other)), (name, _)): ((&Field, &Field), &Field)| Some((name.clone(), wider(one, other)?));
    let fields = pairs.map(field).collect::<Option<_>>()?;
    Some(SqlType::Row(Arc::new(RowType { name: named.name.clone(), fields })))
}

type Field = (String, SqlType);

/// Numeric for values of two types of which one is numeric and none a float: of one scale if both have that.
pub(in super::super) fn numeric(one: &SqlType, other: &SqlType) -> SqlType {
    let digits = |side: &SqlType| match side {
        SqlType::Numeric(precision, scale) => Some((*precision as i8 - scale, *scale)),
        SqlType::SmallInt => Some((5, 0)),
        SqlType::Integer => Some((10, 0)),
        SqlType::BigInt => Some((19, 0)),
        _ => None,
    };
    match (digits(one), digits(other)) {
        (Some((left, scale)), Some((right, other))) if scale == other && left.max(right) + scale <= 38 => {
            SqlType::Numeric((left.max(right) + scale) as u8, scale)
        }
        _ => SqlType::NUMERIC,
    }
}

/// Numbers from the narrowest to the widest.
const NUMBERS: [SqlType; 6] =
    [SqlType::SmallInt, SqlType::Integer, SqlType::BigInt, SqlType::Numeric(38, 0), SqlType::Real, SqlType::Double];

fn rank(sql_type: &SqlType) -> Option<usize> {
    if sql_type.is_numeric() {
        return Some(3);
    }
    NUMBERS.iter().position(|number| std::mem::discriminant(number) == std::mem::discriminant(sql_type))
}

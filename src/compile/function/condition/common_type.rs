//! The type of values that stand for each other, in CASE, COALESCE and the like: PostgreSQL's rules for UNION and CASE (chapter 10.5).

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::error::Result as PlanResult;
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;

use super::super::cast::{to_type, unbounded_numeric};
use super::super::definition::{Argument, external};
use crate::compile::analyze::field_of;
use crate::error::{Error, Result, code};
use crate::types::{RowType, SqlType};

/// The branches of a CASE, the value of ELSE first, as values of one type. Errors: 42804 for types that do not go together.
pub(in crate::compile) fn unified(values: Vec<Expr>, schema: &DFSchema) -> PlanResult<Vec<Expr>> {
    let mut described = Vec::with_capacity(values.len());
    for value in &values {
        // A parameter without a type has none yet.
        let Ok(field) = field_of(value, schema) else { return Ok(values) };
        described.push(Argument::of((!field.data_type().is_null()).then(|| SqlType::of(&field)), value));
    }
    let common = common_type(&described, "CASE").map_err(external)?;
    let typed = |(value, argument): (Expr, &Argument)| match argument.sql_type.as_ref() == Some(&common) {
        true => value,
        false => to_type(value, &common),
    };
    Ok(values.into_iter().zip(&described).map(typed).collect())
}

/// One of several values that stand for each other.
pub(in crate::compile) struct Branch(Argument);

impl Branch {
    /// A value of a type, and which one if it is constant; no type for NULL.
    pub(in crate::compile) fn new(sql_type: Option<SqlType>, constant: Option<ScalarValue>) -> Branch {
        let constant = constant.map(|value| Expr::Literal(value, None));
        Branch(Argument::of(sql_type, constant.as_ref().unwrap_or(&Expr::Literal(ScalarValue::Null, None))))
    }

    /// The type for all; text if none has one. Errors: 42804 for types that do not go together, 22P02 for a constant that is no value
    /// of the type.
    pub(in crate::compile) fn common_type(branches: &[Branch], construct: &str) -> Result<SqlType> {
        let described: Vec<&Argument> = branches.iter().map(|branch| &branch.0).collect();
        let common = common_of(&described, construct)?;
        described.into_iter().try_for_each(|value| check_constant(value, &common))?;
        Ok(common)
    }
}

/// 22P02 and the like for a constant text that is no value of a type, also where it is never needed.
fn check_constant(value: &Argument, wanted: &SqlType) -> Result<()> {
    match &value.text {
        _ if matches!(wanted, SqlType::Enum(forgotten) if forgotten.is_any()) => Ok(()),
        Some(text) if value.is_untyped() => super::super::cast::check(text, wanted),
        _ => Ok(()),
    }
}

/// The common type of several values; text if none has a type. Errors: 42804 for types that do not go together; `construct` names what
/// the values stand in.
pub(in super::super) fn common_type(values: &[Argument], construct: &str) -> Result<SqlType> {
    let described: Vec<&Argument> = values.iter().collect();
    let common = common_of(&described, construct)?;
    described.into_iter().try_for_each(|value| check_constant(value, &common))?;
    Ok(common)
}

fn common_of(values: &[&Argument], construct: &str) -> Result<SqlType> {
    let mut chosen: Option<SqlType> = None;
    let mut chosen_name = String::new();
    for value in values.iter().filter(|value| !value.is_untyped()) {
        let Some(next) = &value.sql_type else { continue };
        chosen = Some(match chosen {
            None => next.clone(),
            Some(chosen) => wider(&chosen, next).ok_or_else(|| mismatch(construct, (&chosen, &chosen_name), value))?,
        });
        if chosen_name.is_empty() || chosen.as_ref() == Some(next) {
            chosen_name = value.shown_type();
        }
    }
    let chosen = chosen.unwrap_or(SqlType::Text);
    let mut quoted = values.iter().filter(|value| value.is_untyped() && value.text.is_some()).peekable();
    // Constants have the length and the digits that they are written with.
    Ok(match chosen {
        chosen if quoted.peek().is_none() => chosen,
        SqlType::Char(_) => SqlType::Char(0),
        SqlType::Varchar(_) => SqlType::Text,
        SqlType::AnyNumeric(_) => SqlType::NUMERIC,
        chosen @ SqlType::Numeric(..) => {
            quoted.map(|value| unbounded_numeric(value)).fold(chosen, |chosen, quoted| numeric(&chosen, &quoted))
        }
        chosen => chosen,
    })
}

/// Types of one category, of which none converts to the other, or of several.
fn mismatch(construct: &str, (chosen, chosen_name): (&SqlType, &str), value: &Argument) -> Error {
    use SqlType::{Array, Bytea, Date, Json, Jsonb, Time, Timestamp, TimestampTz, Uuid};
    let is_time = |kind: &SqlType| matches!(kind, Date | Time | Timestamp | TimestampTz);
    // What belongs to no category.
    let is_other = |kind: &SqlType| matches!(kind, Bytea | Json | Jsonb | Uuid);
    let name = value.shown_type();
    let alike = match (&value.sql_type, chosen) {
        (Some(Array(_)), Array(_)) => true,
        (Some(kind), chosen) => is_time(kind) && is_time(chosen) || is_other(kind) && is_other(chosen),
        (None, _) => false,
    };
    if alike {
        let construct = if construct == "CASE" { "CASE/WHEN" } else { construct };
        return Error::new(code::CANNOT_COERCE, format!("{construct} could not convert type {name} to {chosen_name}"));
    }
    Error::new(code::DATATYPE_MISMATCH, format!("{construct} types {chosen_name} and {name} cannot be matched"))
}

/// The type that values of both can be converted to without being asked.
pub(in super::super) fn wider(one: &SqlType, other: &SqlType) -> Option<SqlType> {
    use SqlType::{Char, Date, Numeric, Text, Timestamp, TimestampTz};
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
        (Char(_), Char(_)) => Some(Char(0)),
        // The first one decides.
        (Char(_), other) if other.is_text() => Some(Char(0)),
        // What DataFusion has forgotten the type of.
        (SqlType::Enum(forgotten), known @ SqlType::Enum(_)) | (known @ SqlType::Enum(_), SqlType::Enum(forgotten))
            if forgotten.is_any() =>
        {
            Some(known.clone())
        }
        // Each converts to the other: the first stays.
        (Char(_), other) if other.is_text() => Some(Char(0)),
        (one, other) if one.is_text() && other.is_text() => Some(Text),
        (Date, time @ (Timestamp | TimestampTz)) | (time @ (Timestamp | TimestampTz), Date) => Some(time.clone()),
        (Timestamp, TimestampTz) | (TimestampTz, Timestamp) => Some(TimestampTz),
        // Arrays of fewer dimensions fit if they are empty.
        (SqlType::Array(_), SqlType::Array(_)) => {
            let dimensions = one.dimensions().max(other.dimensions());
            wider(one.element(), other.element()).map(|element| element.array_of(dimensions))
        }
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

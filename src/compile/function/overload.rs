//! Which of several functions of one name a call means, by PostgreSQL's rules (its chapter 10.3): no argument is converted that need not
//! be; of conversions those to the preferred type of a category win; constants without a type are texts unless only others fit.

use std::mem::discriminant;

use super::definition::{Argument, Types};
use crate::types::SqlType;

/// A parameter's or result's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    SmallInt,
    Integer,
    BigInt,
    Double,
    /// Of any size.
    Numeric,
    Text,
    Bytea,
    TextArray,
}

/// The parameters and the result of one function.
pub(super) type Overload = (&'static [Kind], Kind);

/// The types for these arguments; `None` if no function fits.
pub(super) fn overload(arguments: &[Argument], overloads: &[Overload]) -> Types {
    let mut fitting: Vec<&Overload> = overloads.iter().filter(|candidate| fits(arguments, candidate)).collect();
    keep_best(&mut fitting, |(parameters, _)| count(arguments, parameters, is_exact));
    keep_best(&mut fitting, |(parameters, _)| {
        count(arguments, parameters, |argument, kind| {
            is_exact(argument, kind) || !argument.is_untyped() && is_preferred(kind)
        })
    });
    keep_best(&mut fitting, |(parameters, _)| {
        count(arguments, parameters, |argument, kind| argument.is_untyped() && kind == Kind::Text)
    });
    keep_best(&mut fitting, |(parameters, _)| {
        count(arguments, parameters, |argument, kind| argument.is_untyped() && is_preferred(kind))
    });
    let Some((parameters, result)) = fitting.first() else { return Ok(None) };
    let types: Vec<SqlType> =
        parameters.iter().zip(arguments).map(|(kind, argument)| parameter(*kind, argument)).collect();
    Ok(Some((types, plain(*result))))
}

fn keep_best(candidates: &mut Vec<&Overload>, score: impl Fn(&Overload) -> usize) {
    let best = candidates.iter().map(|candidate| score(candidate)).max().unwrap_or(0);
    candidates.retain(|candidate| score(candidate) == best);
}

fn count(arguments: &[Argument], parameters: &[Kind], counts: impl Fn(&Argument, Kind) -> bool) -> usize {
    arguments.iter().zip(parameters).filter(|(argument, kind)| counts(argument, **kind)).count()
}

fn fits(arguments: &[Argument], (parameters, _): &Overload) -> bool {
    arguments.len() == parameters.len()
        && arguments.iter().zip(*parameters).all(|(argument, kind)| converts(argument, *kind))
}

fn is_exact(argument: &Argument, kind: Kind) -> bool {
    if argument.is_untyped() {
        return false;
    }
    match (&argument.sql_type, kind) {
        (Some(known), Kind::Numeric) => known.is_numeric(),
        (Some(SqlType::Varchar(_)), Kind::Text) => true,
        (Some(known), kind) => discriminant(known) == discriminant(&plain(kind)),
        (None, _) => false,
    }
}

fn is_preferred(kind: Kind) -> bool {
    matches!(kind, Kind::Boolean | Kind::Double | Kind::Text)
}

/// Whether an argument is converted without being asked to.
fn converts(argument: &Argument, kind: Kind) -> bool {
    use SqlType::{AnyNumeric, BigInt, Integer, Numeric, Real, SmallInt};
    if argument.is_untyped() || is_exact(argument, kind) {
        return true;
    }
    match &argument.sql_type {
        Some(SqlType::Char(_)) => kind == Kind::Text,
        Some(SmallInt) => matches!(kind, Kind::Integer | Kind::BigInt | Kind::Numeric | Kind::Double),
        Some(Integer) => matches!(kind, Kind::BigInt | Kind::Numeric | Kind::Double),
        Some(BigInt) => matches!(kind, Kind::Numeric | Kind::Double),
        Some(Numeric(..) | AnyNumeric(_) | Real) => kind == Kind::Double,
        _ => false,
    }
}

fn parameter(kind: Kind, argument: &Argument) -> SqlType {
    match (kind, &argument.sql_type) {
        (Kind::Text, Some(text @ SqlType::Varchar(_))) => text.clone(),
        (kind, _) => plain(kind),
    }
}

fn plain(kind: Kind) -> SqlType {
    match kind {
        Kind::Boolean => SqlType::Boolean,
        Kind::SmallInt => SqlType::SmallInt,
        Kind::Integer => SqlType::Integer,
        Kind::BigInt => SqlType::BigInt,
        Kind::Double => SqlType::Double,
        Kind::Numeric => SqlType::NUMERIC,
        Kind::Text => SqlType::Text,
        Kind::Bytea => SqlType::Bytea,
        Kind::TextArray => SqlType::Array(Box::new(SqlType::Text)),
    }
}

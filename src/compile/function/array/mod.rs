//! Arrays: `ARRAY[…]`, subscripts and slices, `ANY` and `ALL`, operators and functions. Lower bounds are 1.

// `array_append`, `array_prepend`, `array_cat` and `||`.
pub(super) mod concat;
// `ARRAY[…]`.
pub(super) mod construct;
// The shapes of arrays.
pub(super) mod dimension;
// `@>`, `<@` and `&&`.
pub(super) mod contains;
// `array_fill`.
pub(super) mod fill;
// What the functions make their results with.
pub(super) mod gather;
// `array_position` and `array_positions`.
pub(super) mod position;
// `ANY` and `ALL`.
pub(super) mod quantified;
// `array_remove` and `array_replace`.
pub(super) mod replace;
// `array_length` and the like.
pub(super) mod size;
// `a[1]`, `a[1:2]` and `trim_array`.
pub(super) mod subscript;

use super::cast::dimensions;
use super::condition::common_type::numeric;
use super::definition::Argument;
use crate::types::SqlType;

/// The wider of two types.
pub(super) fn wider(a: SqlType, b: SqlType) -> Option<SqlType> {
    use SqlType::{
        AnyNumeric, Array, BigInt, Char, Date, Double, Integer, Numeric, Real, SmallInt, Text, Timestamp, TimestampTz,
    };
    let rank = |kind: &SqlType| match kind {
        SmallInt => Some(0),
        Integer => Some(1),
        BigInt => Some(2),
        Numeric(..) | AnyNumeric(_) => Some(3),
        Real => Some(4),
        Double => Some(5),
        Date => Some(10),
        Timestamp => Some(11),
        TimestampTz => Some(12),
        _ => None,
    };
    match (&a, &b) {
        _ if a == b => Some(a),
        _ if rank(&a).max(rank(&b)) == Some(3) && rank(&a).min(rank(&b)).is_some() => Some(numeric(&a, &b)),
        (Char(_), Char(_)) => Some(Char(0)),
        (one, other) if one.is_text() && other.is_text() => Some(Text),
        (SqlType::Row(_), SqlType::Row(_)) => super::condition::common_type::wider(&a, &b),
        (Array(_), Array(_)) => {
            let dimensions = a.dimensions().max(b.dimensions());
            wider(a.element().clone(), b.element().clone()).map(|element| element.array_of(dimensions))
        }
        _ => {
            let (left, right) = (rank(&a)?, rank(&b)?);
            if (left < 10) != (right < 10) {
                return None;
            }
            Some(if left > right { a } else { b })
        }
    }
}

/// What an argument's arrays are made of, and how many dimensions they have; `None` for constants, which follow other arguments, and
/// for what is no array.
fn array_type(argument: &Argument) -> Option<(SqlType, usize)> {
    match &argument.sql_type {
        Some(kind @ SqlType::Array(_)) => Some((kind.element().clone(), kind.dimensions())),
        _ => None,
    }
}

/// An array type.
pub(super) fn array_of(item: SqlType) -> SqlType {
    SqlType::Array(Box::new(item))
}

/// The common type of an array's elements and a value beside it, and the array's dimensions; constants follow.
fn with_item(array: &Argument, item: &Argument) -> Option<(SqlType, usize)> {
    match array_type(array) {
        Some(known) if item.is_untyped() => Some(known),
        Some((element, dimensions)) => wider(element, item.sql_type.clone()?).map(|element| (element, dimensions)),
        None if array.is_untyped()
            && !matches!(item.sql_type, None | Some(SqlType::Array(_)))
            && !item.is_untyped() =>
        {
            Some((item.sql_type.clone()?, dimensions(array).unwrap_or(1)))
        }
        None => None,
    }
}

/// The common element type of two arrays and the dimensions of each; constants follow.
fn of_both(left: &Argument, right: &Argument) -> Option<(SqlType, [usize; 2])> {
    match (array_type(left), array_type(right)) {
        (Some((one, left)), Some((other, right))) => wider(one, other).map(|element| (element, [left, right])),
        (Some((element, left)), None) if right.is_untyped() => {
            Some((element, [left, dimensions(right).unwrap_or(left)]))
        }
        (None, Some((element, right))) if left.is_untyped() => {
            Some((element, [dimensions(left).unwrap_or(right), right]))
        }
        _ => None,
    }
}

//! Arrays: `ARRAY[…]`, subscripts and slices, `ANY` and `ALL`, operators and functions. Lower bounds are 1.

// `array_append`, `array_prepend`, `array_cat` and `||`.
pub(super) mod concat;
// `ARRAY[…]`.
pub(super) mod construct;
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
        (Array(left), Array(right)) => wider(*left.clone(), *right.clone()).map(|item| Array(Box::new(item))),
        _ => {
            let (left, right) = (rank(&a)?, rank(&b)?);
            if (left < 10) != (right < 10) {
                return None;
            }
            Some(if left > right { a } else { b })
        }
    }
}

/// The array type of an argument; `None` for constants, which follow other arguments, and for what is no array.
fn items_of(argument: &Argument) -> Option<SqlType> {
    match &argument.sql_type {
        Some(SqlType::Array(item)) => Some(item.as_ref().clone()),
        _ => None,
    }
}

/// An array type.
pub(super) fn array_of(item: SqlType) -> SqlType {
    SqlType::Array(Box::new(item))
}

/// The common item type of an array and an item beside it; constants follow.
fn with_item(array: &Argument, item: &Argument) -> Option<SqlType> {
    match items_of(array) {
        Some(items) if item.is_untyped() => Some(items),
        Some(items) => wider(items, item.sql_type.clone()?),
        None if array.is_untyped() && !item.is_untyped() => item.sql_type.clone(),
        None => None,
    }
}

//! Comparisons of values of different types that have a common one: times with and without a zone, dates with timestamps, texts of different
//! kinds.

use datafusion::prelude::Expr;

use super::comparison::key_of;
use crate::compile::function::cast_to;
use crate::types::SqlType;

/// What became of the sides of a comparison.
pub(super) enum Mixed<const N: usize> {
    /// They are of one type now, and compared as they are.
    Converted([Expr; N]),
    /// They are compared as they were.
    Plain,
    /// They may have keys.
    Alike([Expr; N]),
}

/// The sides, of these types, as values of their common type where they are of different ones.
pub(super) fn converted<const N: usize>(sides: [Expr; N], kinds: &[Option<SqlType>; N]) -> Mixed<N> {
    use SqlType::{Char, Date, Text, Timestamp, TimestampTz, Varchar};
    let has = |kind: SqlType| kinds.contains(&Some(kind));
    let each = |sides: [Expr; N], convert: &dyn Fn(Expr, Option<&SqlType>) -> Expr| {
        let mut kinds = kinds.iter();
        Mixed::Converted(sides.map(|side| convert(side, kinds.next().and_then(Option::as_ref))))
    };
    // Local times are compared with instants as instants, by the session's zone.
    if has(TimestampTz) && (has(Date) || has(Timestamp)) {
        return each(sides, &|side, kind| match kind {
            Some(Date | Timestamp) => cast_to(side, &TimestampTz),
            _ => side,
        });
    }
    // DataFusion would convert a date beyond the timestamps to one before them.
    if has(Date) && has(Timestamp) {
        return each(sides, &|side, kind| match kind {
            Some(Date) => cast_to(side, &Timestamp),
            _ => side,
        });
    }
    if !kinds.iter().flatten().any(|kind| matches!(kind, Text | Varchar(_))) {
        return Mixed::Alike(sides);
    }
    if !kinds.iter().flatten().any(|kind| matches!(kind, Char(_))) {
        return Mixed::Plain;
    }
    // Beside text, blanks at the end of char(n) are none and those of the text count; varchar(n) becomes char(n).
    let beside_text = has(Text);
    each(sides, &|side, kind| match kind {
        Some(Char(_)) => key_of(side),
        Some(Varchar(_)) if !beside_text => key_of(cast_to(side, &Char(0))),
        _ => side,
    })
}

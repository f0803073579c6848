//! What operators mean on JSON and on arrays.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::planner::RawBinaryExpr;
use datafusion::prelude::Expr;

use super::array;
use super::definition::Definition;
use super::jsonb::{concat, contains, delete, exists, extract, path};
use crate::compile::parse::BinaryOperator;
use crate::types::SqlType;

/// The function of an operator between sides of these types, if it is one of JSON or arrays.
pub(super) fn operator(
    raw: &RawBinaryExpr,
    left: &Option<SqlType>,
    right: &Option<SqlType>,
) -> Option<&'static Definition> {
    let arrays = is_array(left) || is_array(right);
    Some(match &raw.op {
        BinaryOperator::Arrow => &extract::MEMBER,
        BinaryOperator::LongArrow => &extract::MEMBER_TEXT,
        BinaryOperator::HashArrow => &extract::AT_PATH,
        BinaryOperator::HashLongArrow => &extract::AT_PATH_TEXT,
        BinaryOperator::AtArrow if arrays => &array::contains::CONTAINS,
        BinaryOperator::ArrowAt if arrays => &array::contains::CONTAINED,
        BinaryOperator::PGOverlap => &array::contains::OVERLAPS,
        BinaryOperator::AtArrow => &contains::CONTAINS,
        BinaryOperator::ArrowAt => &contains::CONTAINED,
        BinaryOperator::StringConcat => return concatenation(raw, left, right),
        BinaryOperator::Minus if *left == Some(SqlType::Jsonb) => &delete::DELETE,
        BinaryOperator::HashMinus => &delete::DELETE_PATH,
        BinaryOperator::Question => &exists::ONE,
        BinaryOperator::QuestionPipe => &exists::ANY,
        BinaryOperator::QuestionAnd => &exists::ALL,
        BinaryOperator::AtQuestion => &path::HAS,
        BinaryOperator::AtAt => &path::HOLDS,
        _ => return None,
    })
}

/// `||` of arrays, items and documents. A text beside an array of another type, or beside a document, makes it a text, unless it is a
/// constant.
fn concatenation(raw: &RawBinaryExpr, left: &Option<SqlType>, right: &Option<SqlType>) -> Option<&'static Definition> {
    let joins = |side: &Option<SqlType>, other: &Option<SqlType>, beside: &Expr| {
        is_array(side) && (!is_text(other) || is_constant_text(beside) || is_array_of_texts(side))
    };
    if joins(left, right, &raw.right) || joins(right, left, &raw.left) {
        // A constant or NULL beside an array is an array, too.
        let is_item =
            |side: &Expr, kind: &Option<SqlType>| kind.is_some() && !is_array(kind) && !is_constant_text(side);
        return Some(match (is_item(&raw.left, left), is_item(&raw.right, right)) {
            (_, true) => &array::concat::OPERATOR_APPEND,
            (true, _) => &array::concat::OPERATOR_PREPEND,
            _ => &array::concat::OPERATOR,
        });
    }
    let document = |side: &Option<SqlType>, other: &Option<SqlType>, beside: &Expr| {
        *side == Some(SqlType::Jsonb) && (!is_text(other) || is_constant_text(beside))
    };
    (document(left, right, &raw.right) || document(right, left, &raw.left)).then_some(&concat::DEFINITION)
}

fn is_array(side: &Option<SqlType>) -> bool {
    matches!(side, Some(SqlType::Array(_)))
}

fn is_text(side: &Option<SqlType>) -> bool {
    side.as_ref().is_some_and(SqlType::is_text)
}

fn is_array_of_texts(side: &Option<SqlType>) -> bool {
    matches!(side, Some(SqlType::Array(item)) if matches!(**item, SqlType::Text | SqlType::Varchar(_)))
}

fn is_constant_text(expression: &Expr) -> bool {
    matches!(expression, Expr::Literal(ScalarValue::Utf8(Some(_)), _))
}

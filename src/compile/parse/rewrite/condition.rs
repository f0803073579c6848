//! Constant texts where a condition stands are read as boolean, as PostgreSQL reads them: `WHERE 't'`, `NOT 'f'`, `x AND 'on'`.

use datafusion::sql::sqlparser::ast::{self, BinaryOperator, UnaryOperator};

use super::{call, take};
use crate::types::SqlType;

/// Reads the conditions that are parts of an expression.
pub(super) fn rewrite(expression: &mut ast::Expr) {
    match expression {
        ast::Expr::UnaryOp { op: UnaryOperator::Not, expr } => read(expr),
        ast::Expr::BinaryOp { op: BinaryOperator::And | BinaryOperator::Or, left, right } => {
            read(left);
            read(right);
        }
        ast::Expr::IsTrue(condition)
        | ast::Expr::IsNotTrue(condition)
        | ast::Expr::IsFalse(condition)
        | ast::Expr::IsNotFalse(condition)
        | ast::Expr::IsUnknown(condition)
        | ast::Expr::IsNotUnknown(condition) => read(condition),
        ast::Expr::Case { operand: None, conditions, .. } => {
            conditions.iter_mut().for_each(|branch| read(&mut branch.condition));
        }
        ast::Expr::Function(function) => function.filter.iter_mut().for_each(|filter| read(filter)),
        _ => {}
    }
}

/// Reads the conditions of the SELECTs that a query is made of; queries inside are visited on their own.
pub(super) fn of_body(body: &mut ast::SetExpr) {
    match body {
        ast::SetExpr::Select(select) => {
            select.selection.iter_mut().chain(&mut select.having).for_each(read);
            select.from.iter_mut().for_each(of_joins);
        }
        ast::SetExpr::SetOperation { left, right, .. } => {
            of_body(left);
            of_body(right);
        }
        _ => {}
    }
}

fn of_joins(from: &mut ast::TableWithJoins) {
    use ast::JoinOperator::{FullOuter, Inner, Join, Left, LeftOuter, Right, RightOuter};
    let joined = from.joins.iter_mut();
    for relation in std::iter::once(&mut from.relation).chain(joined.map(|join| &mut join.relation)) {
        if let ast::TableFactor::NestedJoin { table_with_joins, .. } = relation {
            of_joins(table_with_joins);
        }
    }
    for join in &mut from.joins {
        let operator = &mut join.join_operator;
        if let Inner(on) | Join(on) | Left(on) | LeftOuter(on) | Right(on) | RightOuter(on) | FullOuter(on) = operator
            && let ast::JoinConstraint::On(condition) = on
        {
            read(condition);
        }
    }
}

fn read(condition: &mut ast::Expr) {
    match condition {
        ast::Expr::Nested(inner) => read(inner),
        ast::Expr::Value(value) if matches!(value.value, ast::Value::SingleQuotedString(_)) => {
            *condition = call("cast", [take(condition), super::text(SqlType::Boolean.to_string())]);
        }
        _ => {}
    }
}

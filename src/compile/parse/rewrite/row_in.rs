//! `(a, b) IN (SELECT x, y …)` → EXISTS over the subquery's rows that are equal, and over those that may be, since a NULL is in the way.

use datafusion::sql::sqlparser::ast;

use super::super::query::select;
use super::using::MERGED;

/// Rewrites the test if the expression is one.
pub(super) fn rewrite(expression: &mut ast::Expr) {
    let Some((equal, subquery, negated)) = parts(expression) else { return };
    let unknown = ast::Expr::IsNull(Box::new(ast::Expr::Nested(Box::new(equal.clone()))));
    let constant = |value: ast::Value| ast::Expr::value(value);
    let when = |condition, result| ast::CaseWhen { condition, result: constant(result) };
    *expression = ast::Expr::Case {
        case_token: ast::helpers::attached_token::AttachedToken::empty(),
        end_token: ast::helpers::attached_token::AttachedToken::empty(),
        operand: None,
        conditions: vec![
            when(exists(subquery.clone(), equal), ast::Value::Boolean(!negated)),
            when(exists(subquery, unknown), ast::Value::Null),
        ],
        else_result: Some(Box::new(constant(ast::Value::Boolean(negated)))),
    };
}

/// Rewrites the tests that a row must pass in WHERE, where unknown need not be told from false.
pub(super) fn rewrite_where(body: &mut ast::SetExpr) {
    match body {
        ast::SetExpr::Select(select) => {
            if let Some(condition) = &mut select.selection {
                rewrite_condition(condition);
            }
        }
        ast::SetExpr::SetOperation { left, right, .. } => {
            rewrite_where(left);
            rewrite_where(right);
        }
        _ => {}
    }
}

fn rewrite_condition(condition: &mut ast::Expr) {
    match condition {
        ast::Expr::BinaryOp { left, op: ast::BinaryOperator::And, right } => {
            rewrite_condition(left);
            rewrite_condition(right);
        }
        ast::Expr::Nested(inner) => rewrite_condition(inner),
        ast::Expr::InSubquery { negated: false, .. } => {
            if let Some((equal, subquery, _)) = parts(condition) {
                *condition = exists(subquery, equal);
            }
        }
        _ => {}
    }
}

/// That the row equals the candidates' columns, the candidates, and whether the test is NOT IN.
fn parts(expression: &ast::Expr) -> Option<(ast::Expr, Box<ast::Query>, bool)> {
    let ast::Expr::InSubquery { expr, subquery, negated } = expression else { return None };
    let values = super::row::parts(expr)?;
    let equal = values.into_iter().enumerate().map(|(at, value)| ast::Expr::BinaryOp {
        left: Box::new(ast::Expr::CompoundIdentifier(vec![candidates(), column(at)])),
        op: ast::BinaryOperator::Eq,
        right: Box::new(ast::Expr::Nested(Box::new(value))),
    });
    let and = |left, right| ast::Expr::BinaryOp {
        left: Box::new(left),
        op: ast::BinaryOperator::And,
        right: Box::new(right),
    };
    Some((equal.reduce(and)?, subquery.clone(), *negated))
}

/// Whether there are candidates that fulfil a condition.
fn exists(subquery: Box<ast::Query>, condition: ast::Expr) -> ast::Expr {
    let columns = (0..width(&condition)).map(|at| ast::TableAliasColumnDef { name: column(at), data_type: None });
    let alias = ast::TableAlias { explicit: true, name: candidates(), columns: columns.collect(), at: None };
    let relation = ast::TableFactor::Derived { lateral: false, subquery, alias: Some(alias), sample: None };
    let one = ast::SelectItem::ExprWithAlias {
        expr: ast::Expr::value(ast::Value::Number("1".to_string(), false)),
        alias: ast::Ident::new("found"),
    };
    let from = ast::TableWithJoins { relation, joins: Vec::new() };
    ast::Expr::Exists { subquery: select(vec![one], vec![from], Some(condition)), negated: false }
}

/// How many columns are compared.
fn width(condition: &ast::Expr) -> usize {
    match condition {
        ast::Expr::BinaryOp { left, op: ast::BinaryOperator::And, right } => width(left) + width(right),
        ast::Expr::IsNull(inner) | ast::Expr::Nested(inner) => width(inner),
        _ => 1,
    }
}

// Names that no query writes, so that the values, which stand beside them, keep their meaning.
fn candidates() -> ast::Ident {
    ast::Ident::with_quote('"', format!("{MERGED}candidates"))
}

fn column(at: usize) -> ast::Ident {
    ast::Ident::with_quote('"', format!("{MERGED}{at}"))
}

//! Rows beside subqueries. `(a, b) IN (SELECT x, y …)` → EXISTS over the subquery's rows that are equal, and over those that may be, since a NULL is in the way.

use datafusion::sql::sqlparser::ast;

use super::super::query::select;
use super::using::MERGED;
use super::{row, take};
use crate::error::{Error, Result, code};

/// Rewrites the test if the expression is one. Errors: 42601 for subqueries with more or fewer columns than the row.
pub(super) fn rewrite(expression: &mut ast::Expr) -> Result<()> {
    if let ast::Expr::BinaryOp { left, op, right } = expression
        && let Some(values) = row::parts(left)
        && let ast::Expr::Subquery(subquery) = right.as_mut()
    {
        check_width(values.len(), subquery)?;
        *expression = compared(values, op, subquery.clone())?;
        return Ok(());
    }
    if let ast::Expr::InSubquery { expr, subquery, .. } = expression
        && let Some(values) = row::parts(expr)
    {
        check_width(values.len(), subquery)?;
    }
    let Some((equal, subquery, negated)) = parts(expression) else { return Ok(()) };
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
    Ok(())
}

/// `(a, b) = ANY (SELECT …)` is IN, `(a, b) <> ALL (SELECT …)` is NOT IN.
pub(super) fn rewrite_quantified(expression: &mut ast::Expr) {
    let (left, right, negated) = match expression {
        ast::Expr::AnyOp { left, compare_op: ast::BinaryOperator::Eq, right, .. } => (left, right, false),
        ast::Expr::AllOp { left, compare_op: ast::BinaryOperator::NotEq, right } => (left, right, true),
        _ => return,
    };
    if let ast::Expr::Subquery(subquery) = right.as_mut()
        && row::parts(left).is_some()
    {
        *expression = ast::Expr::InSubquery { expr: Box::new(take(left)), subquery: subquery.clone(), negated };
    }
}

/// `(a, b) < (SELECT x, y …)`: the comparison with the subquery's only row.
fn compared(values: Vec<ast::Expr>, op: &ast::BinaryOperator, subquery: Box<ast::Query>) -> Result<ast::Expr> {
    let columns: Vec<ast::Expr> =
        (0..values.len()).map(|at| ast::Expr::CompoundIdentifier(vec![candidates(), column(at)])).collect();
    let width = columns.len();
    let expr = row::compared(values, op, columns)?;
    let item = ast::SelectItem::ExprWithAlias { expr, alias: ast::Ident::new("compared") };
    Ok(ast::Expr::Subquery(select(vec![item], vec![candidates_of(subquery, width)], None)))
}

/// Whether a subquery has as many columns as a row, as far as it is written.
fn check_width(row: usize, subquery: &ast::Query) -> Result<()> {
    let ast::SetExpr::Select(select) = subquery.body.as_ref() else { return Ok(()) };
    let is_one = |item: &ast::SelectItem| {
        matches!(item, ast::SelectItem::UnnamedExpr(_) | ast::SelectItem::ExprWithAlias { .. })
    };
    let columns = select.projection.len();
    if !select.projection.iter().all(is_one) || columns == row {
        return Ok(());
    }
    let what = if columns < row { "few" } else { "many" };
    Err(Error::new(code::SYNTAX_ERROR, format!("subquery has too {what} columns")))
}

/// Rewrites the tests that a row must pass in WHERE, where unknown need not be told from false.
pub(super) fn rewrite_where(body: &mut ast::SetExpr) -> Result<()> {
    match body {
        ast::SetExpr::Select(select) => select.selection.as_mut().map_or(Ok(()), rewrite_condition),
        ast::SetExpr::SetOperation { left, right, .. } => {
            rewrite_where(left)?;
            rewrite_where(right)
        }
        _ => Ok(()),
    }
}

fn rewrite_condition(condition: &mut ast::Expr) -> Result<()> {
    match condition {
        ast::Expr::BinaryOp { left, op: ast::BinaryOperator::And, right } => {
            rewrite_condition(left)?;
            rewrite_condition(right)
        }
        ast::Expr::Nested(inner) => rewrite_condition(inner),
        ast::Expr::InSubquery { expr, subquery, negated: false } => {
            if let Some(values) = row::parts(expr) {
                check_width(values.len(), subquery)?;
            }
            if let Some((equal, subquery, _)) = parts(condition) {
                *condition = exists(subquery, equal);
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// That the row equals the candidates' columns, the candidates, and whether the test is NOT IN.
fn parts(expression: &ast::Expr) -> Option<(ast::Expr, Box<ast::Query>, bool)> {
    let ast::Expr::InSubquery { expr, subquery, negated } = expression else { return None };
    let values = row::parts(expr)?;
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
    let from = candidates_of(subquery, width(&condition));
    let one = ast::SelectItem::ExprWithAlias {
        expr: ast::Expr::value(ast::Value::Number("1".to_string(), false)),
        alias: ast::Ident::new("found"),
    };
    ast::Expr::Exists { subquery: select(vec![one], vec![from], Some(condition)), negated: false }
}

/// The rows of a subquery with so many columns.
fn candidates_of(subquery: Box<ast::Query>, width: usize) -> ast::TableWithJoins {
    let columns = (0..width).map(|at| ast::TableAliasColumnDef { name: column(at), data_type: None });
    let alias = ast::TableAlias { explicit: true, name: candidates(), columns: columns.collect(), at: None };
    let relation = ast::TableFactor::Derived { lateral: false, subquery, alias: Some(alias), sample: None };
    ast::TableWithJoins { relation, joins: Vec::new() }
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

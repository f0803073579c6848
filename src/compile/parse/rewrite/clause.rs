//! Clauses of a query: what their constants mean, and what PostgreSQL refuses in them.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::tokenizer::Location;

use super::super::grammar::folded_ident;
use super::super::misplaced;
use super::super::query::hidden;
use super::place;
use crate::compile::window::function;
use crate::error::{Error, Result, code};

/// An error and where it is.
type Placed = Box<(Error, Option<Location>)>;

/// Rewrites the clauses of a query; queries inside are visited on their own.
pub(super) fn rewrite(query: &mut ast::Query) -> std::result::Result<(), Placed> {
    if let Some(ast::OrderBy { kind: ast::OrderByKind::Expressions(items), .. }) = &query.order_by {
        for item in items {
            position("ORDER BY", &item.expr).map_err(|error| Box::new((error, place::of_expression(&item.expr))))?;
        }
    }
    of_body(&mut query.body)?;
    if let Some(ast::LimitClause::LimitOffset { limit, offset, .. }) = &mut query.limit_clause {
        if let Some(limit) = limit {
            count("LIMIT", limit)?;
        }
        if let Some(offset) = offset {
            count("OFFSET", &mut offset.value)?;
        }
    }
    columns_of_ctes(query);
    Ok(())
}

fn of_body(body: &mut ast::SetExpr) -> std::result::Result<(), Placed> {
    match body {
        ast::SetExpr::Select(select) => {
            if let ast::GroupByExpr::Expressions(keys, _) = &select.group_by {
                for key in keys {
                    position("GROUP BY", key).map_err(|error| Box::new((error, place::of_expression(key))))?;
                }
            }
            one_group(select);
            Ok(())
        }
        ast::SetExpr::SetOperation { left, right, .. } => {
            of_body(left)?;
            of_body(right)
        }
        _ => Ok(()),
    }
}

/// Only whole numbers stand for columns. Errors: 42601 for other constants, 42P10 for numbers that no column has.
fn position(clause: &str, expression: &ast::Expr) -> Result<()> {
    let constant = || Err(Error::new(code::SYNTAX_ERROR, format!("non-integer constant in {clause}")));
    let missing = |number: &str| {
        let message = format!("{clause} position {number} is not in select list");
        Err(Error::new(code::INVALID_COLUMN_REFERENCE, message))
    };
    match expression {
        ast::Expr::Nested(inner) => position(clause, inner),
        ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr } => match expr.as_ref() {
            ast::Expr::Value(value) => match &value.value {
                ast::Value::Number(digits, _) if digits.contains(['.', 'e', 'E']) => constant(),
                ast::Value::Number(digits, _) => missing(&format!("-{digits}")),
                _ => Ok(()),
            },
            _ => Ok(()),
        },
        ast::Expr::Value(value) => match &value.value {
            ast::Value::Number(digits, _) if digits.contains(['.', 'e', 'E']) => constant(),
            ast::Value::Number(digits, _) if digits.bytes().all(|digit| digit == b'0') => missing("0"),
            ast::Value::Number(..) | ast::Value::Placeholder(_) => Ok(()),
            _ => constant(),
        },
        _ => Ok(()),
    }
}

/// HAVING without GROUP BY and aggregates is about the one group of all rows.
fn one_group(select: &mut ast::Select) {
    let ast::GroupByExpr::Expressions(keys, _) = &mut select.group_by else { return };
    if select.having.is_none() || !keys.is_empty() {
        return;
    }
    let listed = select.projection.iter().any(|item| match item {
        ast::SelectItem::UnnamedExpr(expression) | ast::SelectItem::ExprWithAlias { expr: expression, .. } => {
            has_aggregate(expression)
        }
        _ => false,
    });
    if !listed && !select.having.as_ref().is_some_and(has_aggregate) {
        keys.push(ast::Expr::GroupingSets(vec![Vec::new()]));
    }
}

/// Whether an aggregate stands in an expression, but not in a query inside of it.
fn has_aggregate(expression: &ast::Expr) -> bool {
    misplaced::first(expression, |call| is_aggregate(call).then_some(())).is_some()
}

/// Whether a call is one of an aggregate.
pub(in super::super) fn is_aggregate(call: &ast::Function) -> bool {
    let name = call.name.to_string().to_ascii_lowercase();
    let name = name.trim_start_matches("pg_catalog.").trim_matches('"');
    let aggregates = function::takes_window(name) && !function::needs_window(name);
    call.over.is_none() && (aggregates || !call.within_group.is_empty())
}

/// The number of LIMIT and OFFSET is a bigint; constants are read as such. Errors: 42P10 for columns.
fn count(clause: &str, expression: &mut ast::Expr) -> std::result::Result<(), Placed> {
    match expression {
        ast::Expr::Nested(inner) => return count(clause, inner),
        ast::Expr::Value(value) => {
            let whole = match &value.value {
                ast::Value::Number(digits, _) if digits.contains('.') => digits.parse::<f64>().ok().map(f64::round),
                ast::Value::SingleQuotedString(text) => match text.trim().parse::<i64>() {
                    Ok(number) => Some(number as f64),
                    Err(_) => {
                        let message = format!("invalid input syntax for type bigint: \"{text}\"");
                        let error = Error::new(code::INVALID_TEXT_REPRESENTATION, message);
                        return Err(Box::new((error, place::of_expression(expression))));
                    }
                },
                _ => None,
            };
            if let Some(whole) = whole {
                value.value = ast::Value::Number(format!("{whole}"), false);
            }
        }
        _ => {}
    }
    let variable = ast::visit_expressions(expression, |part| match part {
        ast::Expr::Identifier(_) | ast::Expr::CompoundIdentifier(_) => ControlFlow::Break(place::of_expression(part)),
        ast::Expr::Subquery(_) | ast::Expr::Exists { .. } | ast::Expr::InSubquery { .. } => ControlFlow::Break(None),
        _ => ControlFlow::Continue(()),
    });
    match variable {
        ControlFlow::Break(Some(location)) => {
            let error =
                Error::new(code::INVALID_COLUMN_REFERENCE, format!("argument of {clause} must not contain variables"));
            Err(Box::new((error, Some(location))))
        }
        _ => Ok(()),
    }
}

/// `WITH x(a) AS (q)` → `WITH x AS (SELECT * FROM (q) x(a))`, where fewer names than columns may be given. The planner looks at the names
/// of a recursive query itself.
fn columns_of_ctes(query: &mut ast::Query) {
    let Some(with) = query.with.as_mut().filter(|with| !with.recursive) else { return };
    for cte in &mut with.cte_tables {
        if cte.alias.columns.is_empty() {
            continue;
        }
        let columns = std::mem::take(&mut cte.alias.columns);
        // Not its own name: that is the row of the CTE.
        let name = hidden(&folded_ident(&cte.alias.name), 0);
        let alias = ast::TableAlias { columns, name, ..cte.alias.clone() };
        let all = ast::SelectItem::Wildcard(ast::WildcardAdditionalOptions::default());
        let outer = super::super::query::select(vec![all], Vec::new(), None);
        let subquery = std::mem::replace(&mut cte.query, outer);
        let relation = ast::TableFactor::Derived { lateral: false, subquery, alias: Some(alias), sample: None };
        if let ast::SetExpr::Select(select) = cte.query.body.as_mut() {
            select.from = vec![ast::TableWithJoins { relation, joins: Vec::new() }];
        }
    }
}

/// EXISTS does not look at columns: a subquery without any gets one.
pub(super) fn column_of_exists(expression: &mut ast::Expr) {
    if let ast::Expr::Exists { subquery, .. } = expression
        && let ast::SetExpr::Select(select) = subquery.body.as_mut()
        && select.projection.is_empty()
    {
        let one = ast::Expr::value(ast::Value::Number("1".to_string(), false));
        select.projection.push(ast::SelectItem::UnnamedExpr(one));
    }
}

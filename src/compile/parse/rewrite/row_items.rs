//! `SELECT upper(name) AS name, unnest(tags)` → `SELECT "1" AS name, "2" FROM (SELECT upper(name) AS "1", unnest(tags) AS "2" …)`: beside a
//! set-returning function the planner cannot tell an output from a column of the same name that an expression reads.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast;

use super::super::grammar::folded_ident;
use super::super::query::select;
use super::set_returning::is_set_returning;

/// Rewrites the SELECTs that a query is made of, where a name of theirs stands for two things.
pub(super) fn separate(query: &mut ast::Query) {
    let order: Vec<&ast::Expr> = match query.order_by.as_ref().map(|order| &order.kind) {
        None => Vec::new(),
        Some(ast::OrderByKind::Expressions(keys)) => keys.iter().map(|key| &key.expr).collect(),
        Some(ast::OrderByKind::All(_)) => return,
    };
    // An order by anything but outputs reads columns that are not there outside.
    if order.iter().all(|key| matches!(key, ast::Expr::Identifier(_) | ast::Expr::Value(_))) {
        separate_body(&mut query.body);
    }
}

fn separate_body(body: &mut ast::SetExpr) {
    match body {
        ast::SetExpr::Select(inner) => {
            if let Some(outer) = separated(inner) {
                *body = outer;
            }
        }
        ast::SetExpr::SetOperation { left, right, .. } => {
            separate_body(left);
            separate_body(right);
        }
        _ => {}
    }
}

/// The SELECT around one with a name that stands for two things, which gets other names.
fn separated(inner: &mut ast::Select) -> Option<ast::SetExpr> {
    let plain = matches!(&inner.group_by, ast::GroupByExpr::Expressions(keys, _) if keys.is_empty());
    if !plain || matches!(inner.distinct, Some(ast::Distinct::On(_))) || !is_ambiguous(&inner.projection) {
        return None;
    }
    let items = inner.projection.iter().map(named).collect::<Option<Vec<_>>>()?;
    let inside = |at: usize| ast::Ident::with_quote('"', format!("{}", at + 1));
    let outer = items.iter().enumerate().map(|(at, (_, alias))| ast::SelectItem::ExprWithAlias {
        expr: ast::Expr::Identifier(inside(at)),
        alias: alias.clone(),
    });
    let outer: Vec<ast::SelectItem> = outer.collect();
    inner.projection = items
        .into_iter()
        .enumerate()
        .map(|(at, (expr, _))| ast::SelectItem::ExprWithAlias { expr, alias: inside(at) })
        .collect();
    let distinct = inner.distinct.take();
    let subquery = ast::Query {
        body: Box::new(ast::SetExpr::Select(Box::new(inner.clone()))),
        ..*select(Vec::new(), Vec::new(), None)
    };
    let relation = ast::TableFactor::Derived {
        lateral: false,
        subquery: Box::new(subquery),
        alias: Some(ast::TableAlias {
            explicit: true,
            name: ast::Ident::with_quote('"', "items"),
            columns: Vec::new(),
            at: None,
        }),
        sample: None,
    };
    let from = ast::TableWithJoins { relation, joins: Vec::new() };
    let mut body = *select(outer, vec![from], None).body;
    if let ast::SetExpr::Select(select) = &mut body {
        select.distinct = distinct;
    }
    Some(body)
}

/// Whether an output has the name of another column that some output reads, beside a set-returning function.
fn is_ambiguous(items: &[ast::SelectItem]) -> bool {
    let mut names = HashSet::new();
    let mut sets = false;
    let mut outputs = Vec::new();
    for item in items {
        let (expression, output) = match item {
            ast::SelectItem::ExprWithAlias { expr, alias } => {
                (expr, Some(folded_ident(alias)).filter(|alias| column_name(expr).as_ref() != Some(alias)))
            }
            ast::SelectItem::UnnamedExpr(expression) => (expression, None),
            _ => continue,
        };
        let mut is_set = false;
        let _ = ast::visit_expressions(expression, |part: &ast::Expr| {
            match part {
                ast::Expr::Identifier(name) => drop(names.insert(folded_ident(name))),
                ast::Expr::CompoundIdentifier(parts) => names.extend(parts.last().map(folded_ident)),
                ast::Expr::Function(function) => is_set |= is_set_returning(&function.name),
                _ => {}
            }
            ControlFlow::<()>::Continue(())
        });
        sets |= is_set;
        outputs.extend(output.filter(|_| !is_set));
    }
    sets && outputs.iter().any(|output| names.contains(output))
}

fn column_name(expression: &ast::Expr) -> Option<String> {
    match expression {
        ast::Expr::Identifier(name) => Some(folded_ident(name)),
        ast::Expr::CompoundIdentifier(parts) => parts.last().map(folded_ident),
        _ => None,
    }
}

/// An item and the name of its output.
fn named(item: &ast::SelectItem) -> Option<(ast::Expr, ast::Ident)> {
    match item {
        ast::SelectItem::ExprWithAlias { expr, alias } => Some((expr.clone(), alias.clone())),
        ast::SelectItem::UnnamedExpr(ast::Expr::Identifier(name)) => {
            Some((ast::Expr::Identifier(name.clone()), name.clone()))
        }
        ast::SelectItem::UnnamedExpr(column @ ast::Expr::CompoundIdentifier(parts)) => {
            Some((column.clone(), parts.last()?.clone()))
        }
        ast::SelectItem::UnnamedExpr(ast::Expr::Function(function)) => {
            let name = function.name.0.last()?.as_ident()?;
            Some((ast::Expr::Function(function.clone()), name.clone()))
        }
        _ => None,
    }
}

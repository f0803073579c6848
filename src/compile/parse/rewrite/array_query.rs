//! `ARRAY(SELECT x … ORDER BY o)` → `(SELECT coalesce(array_agg(x ORDER BY o), '{}') FROM (SELECT x, o …))`: what ORDER BY sorts by goes along
//! with the rows, since rows of a subquery have no order.

use datafusion::sql::sqlparser::ast;

use super::super::query::select;
use super::using::MERGED;
use super::{call, take, text};
use crate::error::{Error, Result, code};

/// Rewrites the expression if it is such an array, before its parts are. Errors: 42601 for a subquery of several columns.
pub(super) fn rewrite(expression: &mut ast::Expr) -> Result<()> {
    let ast::Expr::Function(function) = expression else { return Ok(()) };
    let ast::FunctionArguments::Subquery(subquery) = &mut function.args else { return Ok(()) };
    if !function.name.to_string().eq_ignore_ascii_case("array") {
        return Ok(());
    }
    check_width(subquery)?;
    let keys = keys(subquery)?;
    let mut aggregate = call("array_agg", [ast::Expr::Identifier(column(0))]);
    if let ast::Expr::Function(function) = &mut aggregate
        && let ast::FunctionArguments::List(list) = &mut function.args
        && !keys.order.is_empty()
    {
        list.clauses.push(ast::FunctionArgumentClause::OrderBy(keys.order));
    }
    let expr = call("coalesce", [aggregate, text("{}")]);
    let item = ast::SelectItem::ExprWithAlias { expr, alias: ast::Ident::new("array") };
    let columns =
        (0..1 + keys.added).map(|at| ast::TableAliasColumnDef { name: column(at), data_type: None }).collect();
    let name = ast::Ident::with_quote('"', format!("{MERGED}rows"));
    let relation = ast::TableFactor::Derived {
        lateral: false,
        subquery: subquery.clone(),
        alias: Some(ast::TableAlias { explicit: true, name, columns, at: None }),
        sample: None,
    };
    let from = ast::TableWithJoins { relation, joins: Vec::new() };
    *expression = ast::Expr::Subquery(select(vec![item], vec![from], None));
    Ok(())
}

/// What the rows are sorted by.
#[derive(Default)]
struct Keys {
    /// By columns of the subquery.
    order: Vec<ast::OrderByExpr>,
    /// How many columns it got for that.
    added: usize,
}

fn check_width(subquery: &ast::Query) -> Result<()> {
    match subquery.body.as_ref() {
        ast::SetExpr::Select(select) if select.projection.len() != 1 => {
            Err(Error::new(code::SYNTAX_ERROR, "subquery must return only one column"))
        }
        _ => Ok(()),
    }
}

/// Takes the order of a subquery as columns of it. Errors: 42P10 for an order that DISTINCT does not have.
fn keys(subquery: &mut ast::Query) -> Result<Keys> {
    let is_limited = subquery.limit_clause.is_some() || subquery.fetch.is_some();
    let order = match is_limited {
        true => subquery.order_by.clone(),
        false => subquery.order_by.take(),
    };
    let Some(ast::OrderBy { kind: ast::OrderByKind::Expressions(mut keys), .. }) = order else {
        return Ok(Keys::default());
    };
    let mut added = 0;
    for key in &mut keys {
        let at = match subquery.body.as_mut() {
            ast::SetExpr::Select(select) if !is_output(&key.expr, select) => {
                if select.distinct.is_some() {
                    let message = "for SELECT DISTINCT, ORDER BY expressions must appear in select list";
                    return Err(Error::new(code::INVALID_COLUMN_REFERENCE, message));
                }
                added += 1;
                let (expr, alias) = (take(&mut key.expr), column(added));
                select.projection.push(ast::SelectItem::ExprWithAlias { expr, alias });
                added
            }
            _ => 0,
        };
        key.expr = ast::Expr::Identifier(column(at));
    }
    Ok(Keys { order: keys, added })
}

/// Whether a key of ORDER BY is the only column: by its place or by its name.
fn is_output(key: &ast::Expr, select: &ast::Select) -> bool {
    match (key, select.projection.first()) {
        (ast::Expr::Value(value), _) => matches!(value.value, ast::Value::Number(..)),
        (ast::Expr::Identifier(name), Some(ast::SelectItem::ExprWithAlias { alias, .. })) => {
            name.value.eq_ignore_ascii_case(&alias.value)
        }
        (key, Some(ast::SelectItem::UnnamedExpr(value))) => key == value,
        _ => false,
    }
}

fn column(at: usize) -> ast::Ident {
    ast::Ident::with_quote('"', format!("{MERGED}{at}"))
}

//! `(row).*` in SELECT lists → `fields(row, 'number')`, which tells the planner's caller the row's fields; then these stand in its place.

use datafusion::sql::sqlparser::ast;

use super::row::{field, starred};
use super::{call, text};

/// What the star becomes.
const FIELDS: &str = "fields";

/// Marks the stars in the SELECT lists that `body` is made of; `made` counts them.
pub(super) fn expand(body: &mut ast::SetExpr, made: &mut usize) {
    match body {
        ast::SetExpr::Select(select) => {
            for item in &mut select.projection {
                if let ast::SelectItem::UnnamedExpr(expression) = item
                    && let Some(row) = starred(expression)
                {
                    *expression = marked(row, made);
                }
            }
        }
        ast::SetExpr::SetOperation { left, right, .. } => {
            expand(left, made);
            expand(right, made);
        }
        _ => {}
    }
}

/// `(row).*`, marked.
pub(super) fn marked(row: ast::Expr, made: &mut usize) -> ast::Expr {
    *made += 1;
    call(FIELDS, [row, text(made.to_string())])
}

/// The number of a star that is marked.
pub(super) fn number(expression: &ast::Expr) -> Option<String> {
    let ast::Expr::Function(function) = expression else { return None };
    let (ast::FunctionArguments::List(list), [ast::ObjectNamePart::Identifier(name)]) =
        (&function.args, function.name.0.as_slice())
    else {
        return None;
    };
    match list.args.as_slice() {
        [_, ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(ast::Expr::Value(number)))]
            if name.quote_style.is_some() && name.value == FIELDS =>
        {
            number.value.clone().into_string()
        }
        _ => None,
    }
}

/// Puts the fields of the row in the place of a marked star; `wanted` is its number.
pub(in super::super) fn replace(body: &mut ast::SetExpr, wanted: &str, fields: &[String]) -> bool {
    match body {
        ast::SetExpr::Select(select) => {
            let is_wanted = |item: &ast::SelectItem| matches!(item, ast::SelectItem::UnnamedExpr(item) if number(item).as_deref() == Some(wanted));
            let Some(at) = select.projection.iter().position(is_wanted) else { return false };
            let ast::SelectItem::UnnamedExpr(ast::Expr::Function(marked)) = select.projection.remove(at) else {
                return false;
            };
            let ast::FunctionArguments::List(list) = marked.args else { return false };
            let Some(ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(row))) = list.args.into_iter().next() else {
                return false;
            };
            let wildcard = |item: &ast::SelectItem| {
                matches!(item, ast::SelectItem::Wildcard(_) | ast::SelectItem::QualifiedWildcard(..))
            };
            let has_wildcard = select.projection.iter().any(wildcard);
            let names: Vec<String> = select.projection.iter().filter_map(output_name).collect();
            let item = |(number, name): (usize, &String)| {
                let repeated = has_wildcard || names.contains(name) || fields[..number].contains(name);
                let alias = match repeated {
                    true => super::super::query::hidden(name, 1_000_000 + at * 1_000 + number),
                    false => ast::Ident::with_quote('"', name),
                };
                ast::SelectItem::ExprWithAlias { expr: field(row.clone(), name), alias }
            };
            let items: Vec<ast::SelectItem> = fields.iter().enumerate().map(item).collect();
            select.projection.splice(at..at, items);
            true
        }
        ast::SetExpr::SetOperation { left, right, .. } => {
            replace(left, wanted, fields) || replace(right, wanted, fields)
        }
        _ => false,
    }
}

/// What an output column is called, as far as the query says it.
fn output_name(item: &ast::SelectItem) -> Option<String> {
    match item {
        ast::SelectItem::ExprWithAlias { alias, .. } => Some(super::folded_ident(alias)),
        ast::SelectItem::UnnamedExpr(ast::Expr::Identifier(name)) => Some(super::folded_ident(name)),
        ast::SelectItem::UnnamedExpr(ast::Expr::CompoundIdentifier(parts)) => parts.last().map(super::folded_ident),
        _ => None,
    }
}

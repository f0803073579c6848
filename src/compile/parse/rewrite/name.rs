//! Names of output columns: PostgreSQL's (`count`, `?column?`, a cast's column), each made unique within its SELECT list as DataFusion
//! needs it. See [`shown_name`](super::super::query::shown_name) for how the shown name is found again.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast;

use super::super::data_type::{internal_name, sql_type};
use super::super::grammar::folded_ident;
use super::super::query::hidden;
use super::star_item;

/// Names the columns of the SELECT lists that `query` is made of; subqueries are named when they are visited. Nothing refers to the columns of
/// the outermost one but its own ORDER BY.
pub(super) fn name_outputs(query: &mut ast::Query, is_outermost: bool) {
    let order: Vec<&ast::Expr> = match query.order_by.as_ref().map(|order| &order.kind) {
        Some(ast::OrderByKind::Expressions(items)) => items.iter().map(|item| &item.expr).collect(),
        _ => Vec::new(),
    };
    // A name that stands inside an expression of ORDER BY is an input column, which the planner must not take for the output column.
    let mut inputs = HashSet::new();
    let is_named = |item: &&ast::Expr| matches!(item, ast::Expr::Identifier(_));
    let hides_casts = is_outermost && !order.iter().any(is_named);
    for expression in order.into_iter().filter(|expression| !matches!(expression, ast::Expr::Identifier(_))) {
        column_names(expression, &mut inputs);
    }
    name_body(&mut query.body, &inputs, hides_casts);
    order_by_outputs(query);
}

/// Gives a column that a subquery answers as a value a name that no column beside it has. Equal subqueries stay equal.
pub(super) fn name_value(expression: &mut ast::Expr) {
    let ast::Expr::Subquery(query) = expression else { return };
    let ast::SetExpr::Select(select) = query.body.as_ref() else { return };
    let [ast::SelectItem::UnnamedExpr(column)] = select.projection.as_slice() else { return };
    if !is_column(column) {
        return;
    }
    let (expr, name) = (column.clone(), figure_name(column));
    let mut hasher = DefaultHasher::new();
    query.to_string().hash(&mut hasher);
    let alias = hidden(&name, hasher.finish() as usize);
    if let ast::SetExpr::Select(select) = query.body.as_mut() {
        select.projection = vec![ast::SelectItem::ExprWithAlias { expr, alias }];
    }
}

/// Under DISTINCT, what is ordered by must be an output column; the planner does not see that an expression is one once that has a name.
fn order_by_outputs(query: &mut ast::Query) {
    let ast::SetExpr::Select(select) = query.body.as_ref() else { return };
    let Some(ast::OrderBy { kind: ast::OrderByKind::Expressions(order), .. }) = &mut query.order_by else { return };
    if select.distinct.is_none() {
        return;
    }
    for item in order {
        let output = select.projection.iter().find_map(|output| match output {
            ast::SelectItem::ExprWithAlias { expr, alias } if *expr == item.expr => Some(alias.clone()),
            _ => None,
        });
        if let Some(output) = output {
            item.expr = ast::Expr::Identifier(output);
        }
    }
}

fn name_body(body: &mut ast::SetExpr, inputs: &HashSet<String>, hides_casts: bool) {
    match body {
        ast::SetExpr::Select(select) => name_items(select, inputs, hides_casts),
        ast::SetExpr::SetOperation { left, right, .. } => {
            name_body(left, inputs, hides_casts);
            name_body(right, inputs, hides_casts);
        }
        _ => {}
    }
}

/// `hides_casts` says that no name of a cast column is used, so that beside `relation.*` it need not be told whose column that is.
fn name_items(select: &mut ast::Select, inputs: &HashSet<String>, hides_casts: bool) {
    // HAVING and QUALIFY see input columns only, too.
    let mut inputs = inputs.clone();
    select.having.iter().chain(&select.qualify).for_each(|expression| column_names(expression, &mut inputs));
    let has_wildcard = select.projection.iter().any(|item| matches!(item, ast::SelectItem::Wildcard(_)));
    let wildcards: Vec<String> = select.projection.iter().filter_map(qualified_wildcard).collect();
    let only_relation = matches!(select.from.as_slice(), [only] if only.joins.is_empty());
    let mut taken = HashSet::new();
    for (number, item) in select.projection.iter_mut().enumerate() {
        let owned = std::mem::replace(item, ast::SelectItem::Wildcard(ast::WildcardAdditionalOptions::default()));
        *item = match owned {
            ast::SelectItem::ExprWithAlias { expr, alias } => {
                let name = folded_ident(&alias);
                let alias = if taken.insert(name.clone()) { alias } else { hidden(&name, number + 1) };
                ast::SelectItem::ExprWithAlias { expr, alias }
            }
            ast::SelectItem::UnnamedExpr(expr) => {
                let (name, is_column) = (figure_name(&expr), is_column(&expr));
                let source = named_after(&expr);
                // Columns that a wildcard brings, too, would be there twice.
                let is_cast = source.is_some() && !is_column;
                let repeated = source.is_some_and(|column| match qualifier(column) {
                    _ if has_wildcard || is_cast && hides_casts && !wildcards.is_empty() => true,
                    Some(table) => wildcards.contains(&table),
                    None => only_relation && !wildcards.is_empty(),
                });
                // A part of a column is called as the column is.
                let part = has_wildcard && matches!(expr, ast::Expr::CompoundFieldAccess { .. });
                let confusing = !is_column && inputs.contains(&name) || part;
                if repeated || confusing || !taken.insert(name.clone()) {
                    ast::SelectItem::ExprWithAlias { expr, alias: hidden(&name, number + 1) }
                } else if is_column || is_multiple(&expr) {
                    ast::SelectItem::UnnamedExpr(expr)
                } else {
                    ast::SelectItem::ExprWithAlias { expr, alias: ast::Ident::with_quote('"', name) }
                }
            }
            other => other,
        };
    }
}

fn is_column(expression: &ast::Expr) -> bool {
    matches!(expression, ast::Expr::Identifier(_) | ast::Expr::CompoundIdentifier(_))
}

/// The column that an output is named after: itself, or the one that is cast.
fn named_after(expression: &ast::Expr) -> Option<&ast::Expr> {
    match expression {
        ast::Expr::Nested(inner) | ast::Expr::Collate { expr: inner, .. } | ast::Expr::Cast { expr: inner, .. } => {
            named_after(inner)
        }
        other => is_column(other).then_some(other),
    }
}

/// `(x).*` stands for several columns.
fn is_multiple(expression: &ast::Expr) -> bool {
    matches!(expression, ast::Expr::Wildcard(_) | ast::Expr::QualifiedWildcard(..))
        || star_item::number(expression).is_some()
}

fn qualifier(expression: &ast::Expr) -> Option<String> {
    match expression {
        ast::Expr::CompoundIdentifier(parts) => parts.iter().rev().nth(1).map(folded_ident),
        _ => None,
    }
}

fn qualified_wildcard(item: &ast::SelectItem) -> Option<String> {
    match item {
        ast::SelectItem::QualifiedWildcard(ast::SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
            name.0.last().and_then(|part| part.as_ident()).map(folded_ident)
        }
        _ => None,
    }
}

fn column_names(expression: &ast::Expr, names: &mut HashSet<String>) {
    let _ = ast::visit_expressions(expression, |part| {
        if let ast::Expr::Identifier(name) = part {
            names.insert(folded_ident(name));
        }
        ControlFlow::<()>::Continue(())
    });
}

/// PostgreSQL's name for a column without one (`FigureColname` in its parse_target.c).
fn figure_name(expression: &ast::Expr) -> String {
    figure(expression).map_or_else(|| "?column?".to_string(), |(name, _)| name)
}

/// The name and whether it is a strong one: names of types and `case` give way to names inside.
fn figure(expression: &ast::Expr) -> Option<(String, bool)> {
    let strong = |name: &str| Some((name.to_string(), true));
    match expression {
        ast::Expr::Identifier(name) => Some((folded_ident(name), true)),
        ast::Expr::CompoundIdentifier(parts) => parts.last().map(|name| (folded_ident(name), true)),
        ast::Expr::CompoundFieldAccess { root, access_chain } => match access_chain.last() {
            Some(ast::AccessExpr::Dot(ast::Expr::Identifier(name))) => Some((folded_ident(name), true)),
            _ => figure(root),
        },
        ast::Expr::Nested(inner) | ast::Expr::Collate { expr: inner, .. } => figure(inner),
        ast::Expr::Function(function) => {
            function.name.0.last().map(|part| (part.as_ident().map_or_else(|| part.to_string(), folded_ident), true))
        }
        ast::Expr::Cast { expr, data_type, .. } => match figure(expr) {
            Some((name, true)) => Some((name, true)),
            _ => Some((type_name(data_type), false)),
        },
        ast::Expr::TypedString(typed) => Some((type_name(&typed.data_type), false)),
        ast::Expr::Interval(_) => Some(("interval".to_string(), false)),
        ast::Expr::Case { else_result, .. } => match else_result.as_ref().and_then(|inner| figure(inner)) {
            Some((name, true)) => Some((name, true)),
            _ => Some(("case".to_string(), false)),
        },
        ast::Expr::Subquery(query) => match query.body.as_ref() {
            ast::SetExpr::Select(select) => match select.projection.first() {
                Some(ast::SelectItem::ExprWithAlias { alias, .. }) => Some((folded_ident(alias), true)),
                Some(ast::SelectItem::UnnamedExpr(inner)) => figure(inner),
                _ => None,
            },
            ast::SetExpr::Values(_) => strong("column1"),
            _ => None,
        },
        ast::Expr::Exists { .. } => strong("exists"),
        ast::Expr::Array(_) => strong("array"),
        ast::Expr::Extract { .. } => strong("extract"),
        ast::Expr::Ceil { .. } => strong("ceil"),
        ast::Expr::Floor { .. } => strong("floor"),
        ast::Expr::Position { .. } => strong("position"),
        ast::Expr::Substring { .. } => strong("substring"),
        ast::Expr::Overlay { .. } => strong("overlay"),
        ast::Expr::AtTimeZone { .. } => strong("timezone"),
        ast::Expr::Tuple(_) => strong("row"),
        ast::Expr::Trim { trim_where, .. } => strong(match trim_where {
            Some(ast::TrimWhereField::Leading) => "ltrim",
            Some(ast::TrimWhereField::Trailing) => "rtrim",
            _ => "btrim",
        }),
        _ => None,
    }
}

fn type_name(written: &ast::DataType) -> String {
    match sql_type(written) {
        Ok(known) => internal_name(&known),
        Err(_) => {
            let text = written.to_string().to_lowercase();
            text.rsplit('.').next().unwrap_or_default().trim_matches('"').to_string()
        }
    }
}

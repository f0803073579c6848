//! Where a piece of the syntax tree stands in the text: its first token that has a place. sqlparser's own spans go down whole trees by
//! recursion with great stack frames.

use datafusion::sql::sqlparser::ast::{Expr, ObjectName, SetExpr, TableFactor};
use datafusion::sql::sqlparser::tokenizer::Location;

/// Where an expression begins, as far as its leftmost part tells.
pub(super) fn of_expression(mut expression: &Expr) -> Option<Location> {
    loop {
        expression = match expression {
            Expr::BinaryOp { left, .. } => left,
            Expr::Cast { expr, .. }
            | Expr::Nested(expr)
            | Expr::IsNull(expr)
            | Expr::IsNotNull(expr)
            | Expr::InList { expr, .. }
            | Expr::InSubquery { expr, .. }
            | Expr::Between { expr, .. }
            | Expr::Like { expr, .. }
            | Expr::ILike { expr, .. }
            | Expr::Collate { expr, .. }
            | Expr::Extract { expr, .. }
            | Expr::UnaryOp { expr, .. }
            | Expr::CompoundFieldAccess { root: expr, .. }
            | Expr::AtTimeZone { timestamp: expr, .. } => expr,
            Expr::Interval(interval) => &interval.value,
            Expr::Identifier(name) => return known(name.span.start),
            Expr::CompoundIdentifier(names) => return names.first().and_then(|name| known(name.span.start)),
            Expr::Value(value) => return known(value.span.start),
            Expr::TypedString(typed) => return known(typed.value.span.start),
            Expr::Function(function) => return of_name(&function.name),
            _ => return None,
        };
    }
}

/// Where a query's body begins.
pub(super) fn of_body(mut body: &SetExpr) -> Option<Location> {
    loop {
        body = match body {
            SetExpr::Select(select) => return known(select.select_token.0.span.start),
            SetExpr::Query(query) => &query.body,
            SetExpr::SetOperation { left, .. } => left,
            _ => return None,
        };
    }
}

/// Where a relation in FROM begins.
pub(super) fn of_table(factor: &TableFactor) -> Option<Location> {
    match factor {
        TableFactor::Table { name, .. } | TableFactor::Function { name, .. } => of_name(name),
        TableFactor::TableFunction { expr, .. } => of_expression(expr),
        TableFactor::Derived { subquery, .. } => of_body(&subquery.body),
        _ => None,
    }
}

fn of_name(name: &ObjectName) -> Option<Location> {
    name.0.first().and_then(|part| part.as_ident()).and_then(|name| known(name.span.start))
}

/// Tokens that were put in have no place: line 0.
fn known(location: Location) -> Option<Location> {
    (location.line > 0).then_some(location)
}

//! Calls that PostgreSQL does not allow where an expression is about one row: aggregates, window functions, functions that answer rows.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::tokenizer::Location;

use super::rewrite::{is_aggregate, is_set_returning};
use crate::error::{Error, Result, code};

/// The first call in an expression, but not in a query inside of it, that is not allowed in `place`. `position` gives the position of a
/// location. Errors: 42803 for an aggregate, 42P20 for a window function, 0A000 for a function that answers rows.
pub(super) fn refuse(expression: &ast::Expr, place: &str, position: &dyn Fn(Location) -> usize) -> Result<()> {
    let kind = |call: &ast::Function| {
        let (code, what) = if call.over.is_some() {
            (code::WINDOWING_ERROR, "window functions")
        } else if is_aggregate(call) {
            (code::GROUPING_ERROR, "aggregate functions")
        } else if is_set_returning(&call.name) {
            (code::FEATURE_NOT_SUPPORTED, "set-returning functions")
        } else {
            return None;
        };
        Some(Error::new(code, format!("{what} are not allowed in {place}")))
    };
    match first(expression, kind) {
        Some((error, location)) => Err(location.map_or(error.clone(), |location| error.at(position(location)))),
        None => Ok(()),
    }
}

/// Refuses queries inside of an expression. Errors: 0A000.
pub(super) fn refuse_query(expression: &ast::Expr, place: &str) -> Result<()> {
    let has_query = ast::visit_expressions(expression, |part| match part {
        ast::Expr::Subquery(_) | ast::Expr::InSubquery { .. } | ast::Expr::Exists { .. } => ControlFlow::Break(()),
        ast::Expr::Function(ast::Function { args: ast::FunctionArguments::Subquery(_), .. }) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    match has_query {
        ControlFlow::Break(()) => {
            Err(Error::new(code::FEATURE_NOT_SUPPORTED, format!("cannot use subquery in {place}")))
        }
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// What `seen` answers of the first call in an expression of which it answers something, and where that stands. Queries inside are passed over.
pub(super) fn first<T>(
    expression: &ast::Expr,
    seen: impl Fn(&ast::Function) -> Option<T>,
) -> Option<(T, Option<Location>)> {
    struct Calls<F> {
        seen: F,
        depth: usize,
    }
    impl<T, F: Fn(&ast::Function) -> Option<T>> ast::Visitor for Calls<F> {
        type Break = (T, Option<Location>);

        fn pre_visit_query(&mut self, _: &ast::Query) -> ControlFlow<Self::Break> {
            self.depth += 1;
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, _: &ast::Query) -> ControlFlow<Self::Break> {
            self.depth -= 1;
            ControlFlow::Continue(())
        }

        fn pre_visit_expr(&mut self, expression: &ast::Expr) -> ControlFlow<Self::Break> {
            let ast::Expr::Function(call) = expression else { return ControlFlow::Continue(()) };
            let name = call.name.0.first().and_then(|part| part.as_ident());
            let location = name.map(|name| name.span.start).filter(|location| location.line > 0);
            match (self.seen)(call).filter(|_| self.depth == 0) {
                Some(found) => ControlFlow::Break((found, location)),
                None => ControlFlow::Continue(()),
            }
        }
    }
    match ast::Visit::visit(expression, &mut Calls { seen, depth: 0 }) {
        ControlFlow::Break(found) => Some(found),
        ControlFlow::Continue(()) => None,
    }
}

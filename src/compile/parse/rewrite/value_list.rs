//! Columns of VALUES with numbers of different sizes, as in `VALUES (1.5), ('NaN'::numeric)`: DataFusion wants one type per column.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast;

use super::super::query::select;
use super::{call, cast, take};

const INTEGERS: [&str; 3] = ["smallint", "integer", "bigint"];

/// Makes exact numbers beside casts to numeric and operations on numerics ones of any size.
pub(super) fn rewrite(body: &mut ast::SetExpr) {
    let ast::SetExpr::Values(values) = body else { return };
    let width = values.rows.iter().map(|row| row.len()).min().unwrap_or(0);
    for at in 0..width {
        let cells = || values.rows.iter().map(|row| &row[at]);
        if !cells().any(has_any_size) || cells().filter(|cell| is_exact(cell)).count() < 2 {
            continue;
        }
        for cell in values.rows.iter_mut().map(|row| &mut row[at]).filter(|cell| is_exact(cell)) {
            *cell = call("numeric", [take(cell)]);
        }
    }
}

/// `VALUES ((SELECT …), …), …`, whose queries the planner does not read there, becomes SELECTs.
pub(super) fn selected(body: &mut ast::SetExpr) {
    let ast::SetExpr::Values(values) = body else { return };
    let has_query = ast::visit_expressions(&*values, |part| match part {
        ast::Expr::Subquery(_) | ast::Expr::Exists { .. } | ast::Expr::InSubquery { .. } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    if has_query.is_continue() {
        return;
    }
    let item = |(at, expr)| {
        let alias = ast::Ident::new(format!("column{}", at + 1));
        ast::SelectItem::ExprWithAlias { expr, alias }
    };
    let row = |row: &mut ast::Parens<Vec<ast::Expr>>| {
        let items = row.iter_mut().map(take).enumerate().map(item).collect();
        select(items, Vec::new(), None).body
    };
    let union = |left, right| {
        let (op, set_quantifier) = (ast::SetOperator::Union, ast::SetQuantifier::All);
        Box::new(ast::SetExpr::SetOperation { op, set_quantifier, left, right })
    };
    if let Some(selected) = values.rows.iter_mut().map(row).reduce(union) {
        *body = *selected;
    }
}

/// The numbers of parameters that stand in one column of VALUES, by column: they are of one type.
pub(in crate::compile::parse) fn parameters(query: &ast::Query) -> Vec<Vec<usize>> {
    struct Columns(Vec<Vec<usize>>);
    impl ast::Visitor for Columns {
        type Break = ();

        fn pre_visit_query(&mut self, query: &ast::Query) -> ControlFlow<()> {
            if let ast::SetExpr::Values(values) = query.body.as_ref() {
                let width = values.rows.iter().map(|row| row.len()).min().unwrap_or(0);
                let column = |at: usize| values.rows.iter().filter_map(|row| cast::parameter(&row[at])).collect();
                self.0.extend((0..width).map(column).filter(|numbers: &Vec<usize>| numbers.len() > 1));
            }
            ControlFlow::Continue(())
        }
    }
    let mut columns = Columns(Vec::new());
    let _ = ast::Visit::visit(query, &mut columns);
    columns.0
}

/// Whether a cell is made of numbers as they are written and casts to exact ones.
fn is_exact(cell: &ast::Expr) -> bool {
    match cell {
        ast::Expr::Value(value) => matches!(value.value, ast::Value::Number(..)),
        ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr } | ast::Expr::Nested(expr) => is_exact(expr),
        ast::Expr::BinaryOp { left, right, .. } => is_exact(left) && is_exact(right),
        other => is_cast(other) || target(other).is_some_and(|name| INTEGERS.contains(&name.as_str())),
    }
}

/// Whether an exact number may have any size.
fn has_any_size(cell: &ast::Expr) -> bool {
    match cell {
        ast::Expr::UnaryOp { expr, .. } | ast::Expr::Nested(expr) => has_any_size(expr),
        ast::Expr::BinaryOp { left, op, right } => {
            use ast::BinaryOperator::{Divide, Minus, Multiply, Plus};
            matches!(op, Plus | Minus | Multiply | Divide) && is_exact(cell) && (is_numeric(left) || is_numeric(right))
        }
        other => is_cast(other),
    }
}

/// Whether an exact number is no integer.
fn is_numeric(cell: &ast::Expr) -> bool {
    match cell {
        ast::Expr::Value(value) => matches!(&value.value, ast::Value::Number(digits, _) if digits.contains('.')),
        ast::Expr::UnaryOp { expr, .. } | ast::Expr::Nested(expr) => is_numeric(expr),
        ast::Expr::BinaryOp { left, right, .. } => is_numeric(left) || is_numeric(right),
        other => is_cast(other),
    }
}

/// Whether a cell is a cast to numeric.
fn is_cast(cell: &ast::Expr) -> bool {
    target(cell).is_some_and(|name| name.starts_with("numeric") && !name.ends_with(']'))
}

/// The type that a cell is cast to, as casts are rewritten.
fn target(cell: &ast::Expr) -> Option<String> {
    let ast::Expr::Function(function) = cell else { return None };
    let ast::FunctionArguments::List(list) = &function.args else { return None };
    match list.args.as_slice() {
        [_, ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(ast::Expr::Value(target)))]
            if function.name.to_string() == "\"cast\"" =>
        {
            target.value.clone().into_string()
        }
        _ => None,
    }
}

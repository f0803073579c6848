//! Columns of VALUES with values of different types, as in `VALUES ('{}'::jsonb), ('[]')`: DataFusion wants one type per column.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast;

use super::super::query::select;
use super::{call, cast, take};

/// Kinds of cells in a column at most: each cell names one of each.
const KINDS_MAX: usize = 40;

/// What is known of a cell before names are looked up.
#[derive(PartialEq)]
enum Kind {
    /// A constant without a type.
    Untyped,
    /// A constant of this type of numbers.
    Number(&'static str),
    Boolean,
    Cast(String),
    /// An expression whose type depends on what is in it.
    Other,
    /// What may stand in a query only once.
    Single,
}

/// Makes the cells of columns of VALUES of one type each, where they are more than constants.
pub(super) fn rewrite(body: &mut ast::SetExpr) {
    let ast::SetExpr::Values(values) = body else { return };
    let width = values.rows.iter().map(|row| row.len()).min().unwrap_or(0);
    for at in 0..width {
        let Some(kinds) = kinds(values, at) else { continue };
        for cell in values.rows.iter_mut().map(|row| &mut row[at]) {
            *cell = call("values", std::iter::once(take(cell)).chain(kinds.iter().cloned()));
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

/// One cell of each kind, if the column needs a common type that constants alone do not tell.
fn kinds(values: &ast::Values, at: usize) -> Option<Vec<ast::Expr>> {
    let mut known: Vec<Kind> = Vec::new();
    let mut found = Vec::new();
    let (mut untyped, mut typed, mut any_digits) = (false, false, false);
    for cell in values.rows.iter().map(|row| &row[at]) {
        match kind(cell) {
            Kind::Single => return None,
            Kind::Untyped => {
                if !std::mem::replace(&mut untyped, true) {
                    found.push(cell.clone());
                }
            }
            kind => {
                typed |= !matches!(kind, Kind::Number(_));
                // Each value has its own.
                any_digits |= matches!(&kind, Kind::Cast(name) if name == "numeric");
                if kind == Kind::Other || !known.contains(&kind) {
                    known.push(kind);
                    found.push(cell.clone());
                }
            }
        }
        if found.len() > KINDS_MAX {
            return None;
        }
    }
    (typed && (found.len() > 1 || any_digits && values.rows.len() > 1)).then_some(found)
}

fn kind(cell: &ast::Expr) -> Kind {
    match cell {
        ast::Expr::Value(value) => match &value.value {
            ast::Value::Number(digits, _) => Kind::Number(match digits.parse::<i64>() {
                Ok(number) if i32::try_from(number).is_ok() => "integer",
                Ok(_) => "bigint",
                Err(_) => "numeric",
            }),
            ast::Value::Boolean(_) => Kind::Boolean,
            ast::Value::Placeholder(_) => Kind::Single,
            _ => Kind::Untyped,
        },
        ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr } | ast::Expr::Nested(expr) => kind(expr),
        other => match target(other) {
            // Of as many dimensions as the value has.
            Some(name) if name.ends_with("[]") => Kind::Other,
            Some(name) => Kind::Cast(name),
            None if is_single(other) => Kind::Single,
            None => Kind::Other,
        },
    }
}

/// Whether an expression asks for rows, or changes what it reads.
fn is_single(cell: &ast::Expr) -> bool {
    let found = ast::visit_expressions(cell, |part: &ast::Expr| {
        let single = match part {
            ast::Expr::Subquery(_) | ast::Expr::InSubquery { .. } | ast::Expr::Exists { .. } => true,
            ast::Expr::Value(value) => matches!(value.value, ast::Value::Placeholder(_)),
            ast::Expr::Function(function) => {
                ["nextval", "setval"].contains(&function.name.to_string().trim_matches('"').to_lowercase().as_str())
            }
            _ => false,
        };
        if single { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    found.is_break()
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

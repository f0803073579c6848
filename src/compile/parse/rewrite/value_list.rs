//! Columns of VALUES with numbers of different sizes, as in `VALUES (1.5), ('NaN'::numeric)`: DataFusion wants one type per column.

use datafusion::sql::sqlparser::ast;

use super::{call, take};

/// Makes numbers beside casts to numeric numerics of any size.
pub(super) fn rewrite(body: &mut ast::SetExpr) {
    let ast::SetExpr::Values(values) = body else { return };
    let width = values.rows.iter().map(|row| row.len()).min().unwrap_or(0);
    for at in 0..width {
        let cells = || values.rows.iter().map(|row| &row[at]);
        if !cells().any(is_cast) || cells().filter(|cell| is_cast(cell) || is_number(cell)).count() < 2 {
            continue;
        }
        for row in values.rows.iter_mut() {
            let cell = &mut row[at];
            if is_cast(cell) || is_number(cell) {
                *cell = call("numeric", [take(cell)]);
            }
        }
    }
}

fn is_number(cell: &ast::Expr) -> bool {
    match cell {
        ast::Expr::Value(value) => matches!(value.value, ast::Value::Number(..)),
        ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr } => is_number(expr),
        _ => false,
    }
}

/// Whether a cell is a cast to numeric, as casts are rewritten.
fn is_cast(cell: &ast::Expr) -> bool {
    let ast::Expr::Function(function) = cell else { return false };
    let ast::FunctionArguments::List(list) = &function.args else { return false };
    let target = match list.args.as_slice() {
        [_, ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(ast::Expr::Value(target)))] => {
            target.value.clone().into_string()
        }
        _ => None,
    };
    function.name.to_string() == "\"cast\""
        && target.is_some_and(|name| name.starts_with("numeric") && !name.ends_with(']'))
}

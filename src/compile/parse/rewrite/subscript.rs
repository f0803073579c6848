//! `ARRAY[…]`, `a[n]`, `a[from:to]`, `(row).field`, `x = ANY (array)` → functions of ours: DataFusion's count from the end where PostgreSQL finds
//! nothing, and its ANY does not know NULL.

use datafusion::sql::sqlparser::ast;

use super::super::star::STAR;
use super::{call, row, take, text};
use crate::error::{Error, Result, code};

/// Rewrites one expression whose parts are rewritten.
pub(super) fn rewrite(expression: &mut ast::Expr) -> Result<()> {
    match expression {
        ast::Expr::Array(array) => *expression = call("array", std::mem::take(&mut array.elem)),
        ast::Expr::CompoundFieldAccess { root, access_chain } => {
            if let Some(rewritten) = subscripted(root, access_chain)? {
                *expression = rewritten;
            }
        }
        ast::Expr::AnyOp { left, compare_op, right, .. } if !is_query(right) => {
            *expression = quantified("any", left, compare_op, right);
        }
        ast::Expr::AllOp { left, compare_op, right } if !is_query(right) => {
            *expression = quantified("all", left, compare_op, right);
        }
        ast::Expr::Function(function) => shape(function),
        _ => {}
    }
    Ok(())
}

/// `array_fill(value, ARRAY[2, 3])` gets the number of dimensions as one more argument: it is part of the result's type.
fn shape(function: &mut ast::Function) {
    let ast::FunctionArguments::List(list) = &mut function.args else { return };
    if !matches!(function.name.to_string().trim_matches('"'), "array_fill" | "pg_catalog.array_fill") {
        return;
    }
    let Some(ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(lengths))) = list.args.get(1) else { return };
    if let Some(items) = items(lengths).filter(|items| items.len() > 1) {
        let count = ast::Expr::value(ast::Value::Number(items.len().to_string(), false));
        list.args.push(ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(count)));
    }
}

fn is_query(expression: &ast::Expr) -> bool {
    match expression {
        ast::Expr::Subquery(_) => true,
        ast::Expr::Nested(inner) => is_query(inner),
        _ => false,
    }
}

fn quantified(name: &str, left: &mut ast::Expr, operator: &ast::BinaryOperator, right: &mut ast::Expr) -> ast::Expr {
    let operator = operator.to_string();
    let operator = if operator == "!=" { "<>".to_string() } else { operator };
    // `= ANY (ARRAY[a, b])` is `IN (a, b)`, which is found faster.
    if matches!((name, operator.as_str()), ("any", "=") | ("all", "<>"))
        && let Some(list) = constants(right)
    {
        return ast::Expr::InList { expr: Box::new(take(left)), list, negated: name == "all" };
    }
    call(name, [text(operator), take(left), take(right)])
}

/// The items of `ARRAY[…]` if they are numbers.
fn constants(expression: &ast::Expr) -> Option<Vec<ast::Expr>> {
    let number =
        |item: &ast::Expr| matches!(item, ast::Expr::Value(value) if matches!(value.value, ast::Value::Number(..)));
    items(expression).filter(|items| !items.is_empty() && items.iter().all(number))
}

/// The items of `ARRAY[…]`.
pub(super) fn items(expression: &ast::Expr) -> Option<Vec<ast::Expr>> {
    let inner = match expression {
        ast::Expr::Nested(inner) => inner,
        other => other,
    };
    let ast::Expr::Function(function) = inner else { return None };
    let ast::FunctionArguments::List(list) = &function.args else { return None };
    if function.name.to_string() != "\"array\"" {
        return None;
    }
    let item = |argument: &ast::FunctionArg| match argument {
        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(value)) => Some(value.clone()),
        _ => None,
    };
    list.args.iter().map(item).collect()
}

/// What follows a value, step by step: names are fields, subscripts items; `None` for a star, which stands for several values.
fn subscripted(root: &mut ast::Expr, chain: &mut Vec<ast::AccessExpr>) -> Result<Option<ast::Expr>> {
    let mut steps = std::mem::take(chain).into_iter().peekable();
    let mut value = take(root);
    // `t.a[1]`: names after a name are parts of it.
    let mut names = leading_names(&mut steps);
    let column = match &mut value {
        ast::Expr::Identifier(name) => Some(vec![name.clone()]),
        ast::Expr::CompoundIdentifier(parts) => Some(std::mem::take(parts)),
        _ => None,
    };
    if let Some(mut parts) = column {
        parts.append(&mut names);
        value = match parts.as_slice() {
            [_] => ast::Expr::Identifier(parts.remove(0)),
            _ => ast::Expr::CompoundIdentifier(parts),
        };
    }
    loop {
        if names.last().is_some_and(|name| name.value == STAR) && steps.peek().is_none() {
            let star = names.pop().map(|star| ast::AccessExpr::Dot(ast::Expr::Identifier(star)));
            *root = row::fields(value, names)?;
            chain.extend(star);
            return Ok(None);
        }
        value = row::fields(value, names)?;
        let mut subscripts = Vec::new();
        while let Some(ast::AccessExpr::Subscript(subscript)) =
            steps.next_if(|step| matches!(step, ast::AccessExpr::Subscript(_)))
        {
            subscripts.push(subscript);
        }
        if !subscripts.is_empty() {
            value = items_at(value, subscripts)?;
        }
        names = leading_names(&mut steps);
        match steps.peek() {
            None if names.is_empty() => return Ok(Some(value)),
            Some(ast::AccessExpr::Dot(_)) if names.is_empty() => {
                return Err(Error::new(code::SYNTAX_ERROR, "a field has a name"));
            }
            _ => {}
        }
    }
}

/// The names that are next.
fn leading_names(steps: &mut std::iter::Peekable<std::vec::IntoIter<ast::AccessExpr>>) -> Vec<ast::Ident> {
    let mut names = Vec::new();
    while let Some(ast::AccessExpr::Dot(ast::Expr::Identifier(name))) =
        steps.next_if(|step| matches!(step, ast::AccessExpr::Dot(ast::Expr::Identifier(_))))
    {
        names.push(name);
    }
    names
}

/// The item, or the items, of an array.
fn items_at(array: ast::Expr, subscripts: Vec<ast::Subscript>) -> Result<ast::Expr> {
    let has_slice = subscripts.iter().any(|subscript| matches!(subscript, ast::Subscript::Slice { .. }));
    let number = |digits: &str| ast::Expr::value(ast::Value::Number(digits.to_string(), false));
    let mut arguments = vec![array];
    for subscript in subscripts {
        match subscript {
            ast::Subscript::Index { index } if has_slice => arguments.extend([number("1"), index]),
            ast::Subscript::Index { index } => arguments.push(index),
            ast::Subscript::Slice { lower_bound, upper_bound, stride: None } => {
                arguments.push(lower_bound.unwrap_or_else(|| number("1")));
                arguments.push(upper_bound.unwrap_or_else(|| number("2147483647")));
            }
            ast::Subscript::Slice { .. } => return Err(Error::unsupported("slices with a stride are not supported")),
        }
    }
    Ok(call(if has_slice { "slice" } else { "subscript" }, arguments))
}

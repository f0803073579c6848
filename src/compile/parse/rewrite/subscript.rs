//! `ARRAY[…]`, `a[n]`, `a[from:to]`, `x = ANY (array)` → functions of ours: DataFusion's count from the end where PostgreSQL finds
//! nothing, and its ANY does not know NULL.

use datafusion::sql::sqlparser::ast;

use super::{call, take, text};
use crate::error::{Error, Result};

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
        _ => {}
    }
    Ok(())
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

/// `None` where a field of a row is taken.
fn subscripted(root: &mut ast::Expr, chain: &mut Vec<ast::AccessExpr>) -> Result<Option<ast::Expr>> {
    let names = chain.iter().take_while(|access| matches!(access, ast::AccessExpr::Dot(_))).count();
    if names == chain.len() && matches!(root, ast::Expr::Nested(_)) {
        return Err(Error::unsupported("fields of rows are not supported").hint("name the columns of the row"));
    }
    if names == chain.len() || chain[names..].iter().any(|access| matches!(access, ast::AccessExpr::Dot(_))) {
        return Ok(None);
    }
    let mut value = take(root);
    if names > 0 {
        let mut parts = match value {
            ast::Expr::Identifier(name) => vec![name],
            ast::Expr::CompoundIdentifier(parts) => parts,
            _ => return Err(Error::unsupported("fields of rows are not supported")),
        };
        for access in chain.drain(..names) {
            match access {
                ast::AccessExpr::Dot(ast::Expr::Identifier(name)) => parts.push(name),
                _ => return Err(Error::unsupported("fields of rows are not supported")),
            }
        }
        value = ast::Expr::CompoundIdentifier(parts);
    }
    let subscripts = std::mem::take(chain).into_iter().filter_map(|access| match access {
        ast::AccessExpr::Subscript(subscript) => Some(subscript),
        ast::AccessExpr::Dot(_) => None,
    });
    let subscripts: Vec<ast::Subscript> = subscripts.collect();
    let has_slice = subscripts.iter().any(|subscript| matches!(subscript, ast::Subscript::Slice { .. }));
    let number = |digits: &str| ast::Expr::value(ast::Value::Number(digits.to_string(), false));
    let mut arguments = vec![value];
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
    Ok(Some(call(if has_slice { "slice" } else { "subscript" }, arguments)))
}

//! One value with several patterns, `x LIKE ANY (ARRAY[…])` and `x ~ ALL (ARRAY[…])` → a condition for each pattern.

use datafusion::sql::sqlparser::ast::{self, BinaryOperator};

use super::operator::operation;
use super::take;
use crate::error::{Error, Result};

/// Rewrites one expression whose parts are rewritten.
pub(super) fn rewrite(expression: &mut ast::Expr) -> Result<()> {
    if let Some(conditions) = each(expression)? {
        *expression = ast::Expr::Nested(Box::new(conditions));
    }
    Ok(())
}

/// `x LIKE ANY (ARRAY[a, b])` as `x LIKE a OR x LIKE b`; `None` for what has no list of patterns.
fn each(expression: &mut ast::Expr) -> Result<Option<ast::Expr>> {
    let unsupported = || Error::unsupported("patterns with ANY or ALL are supported only over ARRAY[…]");
    let (negated, any, patterns) = match expression {
        ast::Expr::Like { negated, any, pattern, .. } | ast::Expr::ILike { negated, any, pattern, .. } => {
            match (*any, quantifier(pattern)) {
                (true, _) => (*negated, true, take(pattern)),
                (false, Some(inner)) => (*negated, false, inner),
                (false, None) => return Ok(None),
            }
        }
        ast::Expr::AnyOp { compare_op, right, .. } if is_pattern(compare_op) => (false, true, take(right)),
        ast::Expr::AllOp { compare_op, right, .. } if is_pattern(compare_op) => (false, false, take(right)),
        _ => return Ok(None),
    };
    let patterns = super::subscript::items(&patterns).ok_or_else(unsupported)?;
    let template = expression.clone();
    let one = |item: ast::Expr| match template.clone() {
        ast::Expr::Like { expr, escape_char, .. } => {
            ast::Expr::Like { negated, any: false, expr, pattern: Box::new(item), escape_char }
        }
        ast::Expr::ILike { expr, escape_char, .. } => {
            ast::Expr::ILike { negated, any: false, expr, pattern: Box::new(item), escape_char }
        }
        ast::Expr::AnyOp { left, compare_op, .. } | ast::Expr::AllOp { left, compare_op, .. } => {
            ast::Expr::BinaryOp { left, op: compare_op, right: Box::new(item) }
        }
        other => other,
    };
    let op = if any { BinaryOperator::Or } else { BinaryOperator::And };
    let mut whole: Option<ast::Expr> = None;
    for item in patterns {
        let mut condition = one(item);
        super::syntax::rewrite(&mut condition)?;
        whole = Some(match whole {
            Some(before) => operation(before, op.clone(), condition),
            None => condition,
        });
    }
    // No pattern: none holds, and all do.
    Ok(Some(whole.unwrap_or_else(|| ast::Expr::value(ast::Value::Boolean(!any)))))
}

fn is_pattern(operator: &BinaryOperator) -> bool {
    use BinaryOperator as Op;
    matches!(
        operator,
        Op::PGRegexMatch
            | Op::PGRegexIMatch
            | Op::PGRegexNotMatch
            | Op::PGRegexNotIMatch
            | Op::PGLikeMatch
            | Op::PGILikeMatch
            | Op::PGNotLikeMatch
            | Op::PGNotILikeMatch
    )
}

/// The argument of `ALL (…)` where the parser took it for a function.
fn quantifier(pattern: &ast::Expr) -> Option<ast::Expr> {
    let ast::Expr::Function(function) = pattern else { return None };
    let ast::FunctionArguments::List(list) = &function.args else { return None };
    match list.args.as_slice() {
        [ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(inner))]
            if function.name.to_string().eq_ignore_ascii_case("all") =>
        {
            Some(inner.clone())
        }
        _ => None,
    }
}

//! Comparisons of rows, `(a, b) < (c, d)`, and of one value with several, `x LIKE ANY (ARRAY[…])` → comparisons of their values.

use datafusion::sql::sqlparser::ast::{self, BinaryOperator};

use super::operator::row_of;
use super::take;
use crate::error::{Error, Result, code};

/// Rewrites one expression whose parts are rewritten.
pub(super) fn rewrite(expression: &mut ast::Expr) -> Result<()> {
    let rewritten = match expression {
        ast::Expr::BinaryOp { left, op, right } if *op != BinaryOperator::Overlaps => {
            match (row_of(left), row_of(right)) {
                (Some(left), Some(right)) => compared(left, op, right)?,
                _ => return Ok(()),
            }
        }
        ast::Expr::IsDistinctFrom(left, right) => match (row_of(left), row_of(right)) {
            (Some(left), Some(right)) => {
                joined(left, right, BinaryOperator::Or, |a, b| ast::Expr::IsDistinctFrom(Box::new(a), Box::new(b)))?
            }
            _ => return Ok(()),
        },
        ast::Expr::IsNotDistinctFrom(left, right) => match (row_of(left), row_of(right)) {
            (Some(left), Some(right)) => {
                joined(left, right, BinaryOperator::And, |a, b| ast::Expr::IsNotDistinctFrom(Box::new(a), Box::new(b)))?
            }
            _ => return Ok(()),
        },
        ast::Expr::IsNull(value) => match row_of(value) {
            Some(values) => {
                all(values.into_iter().map(|value| ast::Expr::IsNull(Box::new(value))), BinaryOperator::And)?
            }
            None => return Ok(()),
        },
        ast::Expr::IsNotNull(value) => match row_of(value) {
            Some(values) => {
                all(values.into_iter().map(|value| ast::Expr::IsNotNull(Box::new(value))), BinaryOperator::And)?
            }
            None => return Ok(()),
        },
        ast::Expr::InList { expr, list, negated } => {
            match (row_of(expr), list.iter().map(row_of).collect::<Option<Vec<_>>>()) {
                (Some(left), Some(rows)) if !rows.is_empty() => {
                    let equal = rows.into_iter().map(|row| compared(left.clone(), &BinaryOperator::Eq, row));
                    let found = all(equal.collect::<Result<Vec<_>>>()?.into_iter(), BinaryOperator::Or)?;
                    match negated {
                        false => found,
                        true => ast::Expr::UnaryOp { op: ast::UnaryOperator::Not, expr: Box::new(found) },
                    }
                }
                _ => return Ok(()),
            }
        }
        ast::Expr::Like { .. } | ast::Expr::ILike { .. } | ast::Expr::AnyOp { .. } | ast::Expr::AllOp { .. } => {
            match each(expression)? {
                Some(each) => each,
                None => return Ok(()),
            }
        }
        _ => return Ok(()),
    };
    *expression = ast::Expr::Nested(Box::new(rewritten));
    Ok(())
}

fn operation(left: ast::Expr, op: BinaryOperator, right: ast::Expr) -> ast::Expr {
    ast::Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

/// Several conditions as one.
fn all(conditions: impl Iterator<Item = ast::Expr>, op: BinaryOperator) -> Result<ast::Expr> {
    let nested = conditions.map(|condition| ast::Expr::Nested(Box::new(condition)));
    let joined = nested.reduce(|left, right| operation(left, op.clone(), right));
    joined.ok_or_else(|| Error::new(code::FEATURE_NOT_SUPPORTED, "cannot compare rows of zero length"))
}

/// A condition for each pair of values.
fn joined(
    left: Vec<ast::Expr>,
    right: Vec<ast::Expr>,
    op: BinaryOperator,
    condition: impl Fn(ast::Expr, ast::Expr) -> ast::Expr,
) -> Result<ast::Expr> {
    if left.len() != right.len() {
        return Err(Error::new(code::SYNTAX_ERROR, "unequal number of entries in row expressions"));
    }
    all(left.into_iter().zip(right).map(|(a, b)| condition(a, b)), op)
}

fn compared(left: Vec<ast::Expr>, op: &BinaryOperator, right: Vec<ast::Expr>) -> Result<ast::Expr> {
    use BinaryOperator::{And, Eq, Gt, GtEq, Lt, LtEq, NotEq, Or};
    if left.len() != right.len() {
        return Err(Error::new(code::SYNTAX_ERROR, "unequal number of entries in row expressions"));
    }
    let strict = match op {
        Eq => return joined(left, right, And, |a, b| operation(a, Eq, b)),
        NotEq => return joined(left, right, Or, |a, b| operation(a, NotEq, b)),
        Lt | LtEq => Lt,
        Gt | GtEq => Gt,
        other => return Err(Error::unsupported(format!("operator {other} on rows is not supported"))),
    };
    // The first values that differ decide: a < c OR (a = c AND (b < d …)).
    let mut pairs = left.into_iter().zip(right).rev();
    let Some((a, b)) = pairs.next() else {
        return Err(Error::new(code::FEATURE_NOT_SUPPORTED, "cannot compare rows of zero length"));
    };
    let nested = |condition| ast::Expr::Nested(Box::new(condition));
    Ok(pairs.fold(operation(a, op.clone(), b), |rest, (a, b)| {
        let same = operation(nested(operation(a.clone(), Eq, b.clone())), And, nested(rest));
        operation(nested(operation(a, strict.clone(), b)), Or, nested(same))
    }))
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
    all(patterns.into_iter().map(one), op).map(Some)
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

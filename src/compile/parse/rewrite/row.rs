//! Rows in parentheses: comparisons of rows become comparisons of their parts, from the left on as in PostgreSQL.

use datafusion::sql::sqlparser::ast::{self, BinaryOperator};

use super::operator::operation;
use super::take;
use crate::error::{Error, Result, code};

/// Rewrites one expression whose parts are rewritten.
pub(super) fn rewrite(expression: &mut ast::Expr) -> Result<()> {
    let rewritten = match expression {
        ast::Expr::BinaryOp { left, op, right } if *op != BinaryOperator::Overlaps => match (parts(left), parts(right))
        {
            (Some(left), Some(right)) => compared(left, op, right)?,
            _ => return Ok(()),
        },
        ast::Expr::IsDistinctFrom(left, right) => match (parts(left), parts(right)) {
            (Some(left), Some(right)) => {
                let differs = |(left, right)| ast::Expr::IsDistinctFrom(Box::new(left), Box::new(right));
                joined(pairs(left, right)?.into_iter().map(differs), BinaryOperator::Or)
            }
            _ => return Ok(()),
        },
        ast::Expr::IsNotDistinctFrom(left, right) => match (parts(left), parts(right)) {
            (Some(left), Some(right)) => {
                let same = |(left, right)| ast::Expr::IsNotDistinctFrom(Box::new(left), Box::new(right));
                joined(pairs(left, right)?.into_iter().map(same), BinaryOperator::And)
            }
            _ => return Ok(()),
        },
        ast::Expr::IsNull(value) => match parts(value) {
            Some(parts) => joined(parts.into_iter().map(|part| ast::Expr::IsNull(Box::new(part))), BinaryOperator::And),
            None => return Ok(()),
        },
        ast::Expr::IsNotNull(value) => match parts(value) {
            Some(parts) => {
                joined(parts.into_iter().map(|part| ast::Expr::IsNotNull(Box::new(part))), BinaryOperator::And)
            }
            None => return Ok(()),
        },
        ast::Expr::InList { expr, list, negated } => {
            let Some(row) = parts(expr) else { return Ok(()) };
            let equal = |other: &ast::Expr| match parts(other) {
                Some(other) => compared(row.clone(), &BinaryOperator::Eq, other),
                None => Err(unequal()),
            };
            let found: Vec<ast::Expr> = list.iter().map(equal).collect::<Result<_>>()?;
            let found = joined(found.into_iter(), BinaryOperator::Or);
            match *negated {
                false => found,
                true => ast::Expr::UnaryOp { op: ast::UnaryOperator::Not, expr: Box::new(found) },
            }
        }
        _ => return Ok(()),
    };
    *expression = rewritten;
    Ok(())
}

/// The parts of `(a, b)` or `ROW(a, b)`.
pub(super) fn parts(expression: &ast::Expr) -> Option<Vec<ast::Expr>> {
    match expression {
        ast::Expr::Tuple(parts) => Some(parts.clone()),
        ast::Expr::Nested(inner) => parts(inner).filter(|_| !matches!(**inner, ast::Expr::Nested(_))),
        ast::Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("row") => {
            let ast::FunctionArguments::List(list) = &function.args else { return None };
            let part = |argument: &ast::FunctionArg| match argument {
                ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(part)) => Some(part.clone()),
                _ => None,
            };
            list.args.iter().map(part).collect::<Option<Vec<_>>>().filter(|parts| !parts.is_empty())
        }
        _ => None,
    }
}

fn unequal() -> Error {
    Error::new(code::SYNTAX_ERROR, "unequal number of entries in row expressions")
}

fn pairs(left: Vec<ast::Expr>, right: Vec<ast::Expr>) -> Result<Vec<(ast::Expr, ast::Expr)>> {
    if left.len() != right.len() {
        return Err(unequal());
    }
    Ok(left.into_iter().zip(right).collect())
}

/// The comparison of two rows. Errors: 42601 for rows of different lengths, 42883 for operators that compare nothing.
pub(super) fn compared(left: Vec<ast::Expr>, op: &BinaryOperator, right: Vec<ast::Expr>) -> Result<ast::Expr> {
    use BinaryOperator::{And, Eq, Gt, GtEq, Lt, LtEq, NotEq, Or};
    let pairs = pairs(left, right)?;
    let strict = match op {
        Eq => return Ok(joined(pairs.into_iter().map(|(left, right)| operation(left, Eq, right)), And)),
        NotEq => return Ok(joined(pairs.into_iter().map(|(left, right)| operation(left, NotEq, right)), Or)),
        Lt | LtEq => Lt,
        Gt | GtEq => Gt,
        other => {
            let message = format!("operator does not exist: record {other} record");
            return Err(Error::new(code::UNDEFINED_FUNCTION, message));
        }
    };
    // From the right: a < x OR a = x AND (b < y OR …), and the last pair with the operator itself.
    let mut whole: Option<ast::Expr> = None;
    for (left, right) in pairs.into_iter().rev() {
        whole = Some(nested(match whole {
            None => operation(left, op.clone(), right),
            Some(rest) => {
                let equal = operation(left.clone(), Eq, right.clone());
                operation(operation(left, strict.clone(), right), Or, nested(operation(equal, And, rest)))
            }
        }));
    }
    whole.ok_or_else(unequal)
}

fn nested(mut expression: ast::Expr) -> ast::Expr {
    ast::Expr::Nested(Box::new(take(&mut expression)))
}

fn joined(parts: impl Iterator<Item = ast::Expr>, op: BinaryOperator) -> ast::Expr {
    let whole = parts.reduce(|left, right| operation(left, op.clone(), right));
    nested(whole.unwrap_or_else(|| ast::Expr::value(ast::Value::Boolean(true))))
}

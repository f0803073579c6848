//! Rows in parentheses: comparisons of rows become comparisons of their parts, from the left on as in PostgreSQL; all others become
//! calls of functions that make rows. `(row).field` and `relation.*` where a value is expected become such calls, too.

use datafusion::sql::sqlparser::ast::{self, BinaryOperator};

use super::super::grammar::folded_ident;
use super::super::star::STAR;
use super::super::whole;
use super::operator::operation;
use super::{call, take, text};
use crate::error::{Error, Result, code};

/// Rewrites one expression whose parts are rewritten.
pub(super) fn rewrite(expression: &mut ast::Expr) -> Result<()> {
    let rewritten = match expression {
        ast::Expr::BinaryOp { left, op, right } if *op != BinaryOperator::Overlaps => match (parts(left), parts(right))
        {
            (Some(left), Some(right)) => compared(left, op, right)?,
            _ => return refuse_spread(left, op, right),
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
            if list.iter().any(|other| parts(other).is_none()) {
                return Ok(());
            }
            let found: Vec<ast::Expr> = list.iter().map(equal).collect::<Result<_>>()?;
            let found = joined(found.into_iter(), BinaryOperator::Or);
            match *negated {
                false => found,
                true => ast::Expr::UnaryOp { op: ast::UnaryOperator::Not, expr: Box::new(found) },
            }
        }
        ast::Expr::Between { expr, negated, low, high } => match (parts(expr), parts(low), parts(high)) {
            (Some(row), Some(low), Some(high)) => {
                let from = compared(row.clone(), &BinaryOperator::GtEq, low)?;
                let between = nested(operation(from, BinaryOperator::And, compared(row, &BinaryOperator::LtEq, high)?));
                match *negated {
                    false => between,
                    true => ast::Expr::UnaryOp { op: ast::UnaryOperator::Not, expr: Box::new(between) },
                }
            }
            _ => return Ok(()),
        },
        ast::Expr::Tuple(parts) => call(ROW, std::mem::take(parts)),
        ast::Expr::QualifiedWildcard(relation, _) => whole::of(relation),
        ast::Expr::Function(function) => {
            whole_arguments(function);
            match is_row(function) {
                true => made(function)?,
                false => return Ok(()),
            }
        }
        _ => return Ok(()),
    };
    *expression = rewritten;
    Ok(())
}

/// Refuses comparisons of rows whose parts are not told: their NULLs would count as equal.
fn refuse_spread(left: &ast::Expr, op: &BinaryOperator, right: &ast::Expr) -> Result<()> {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    let is_spread = |side: &ast::Expr| {
        matches!(side, ast::Expr::Function(function)
        if matches!(function.name.0.as_slice(), [ast::ObjectNamePart::Identifier(name)] if name.value == SPREAD))
    };
    let is_made = |side: &ast::Expr| is_spread(side) || parts(side).is_some();
    if matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq)
        && (is_spread(left) && is_made(right) || is_made(left) && is_spread(right))
    {
        let error = Error::unsupported(format!("ROW(t.*) {op} ROW(…) is not supported"));
        return Err(error.hint("compare the columns one by one, or with IS [NOT] DISTINCT FROM"));
    }
    Ok(())
}

/// What makes a row.
const ROW: &str = "row";
/// What makes a row of values and of the fields of rows among them.
const SPREAD: &str = "row[]";

/// Whether a call is `ROW(…)` as it is written.
fn is_row(function: &ast::Function) -> bool {
    matches!(function.name.0.as_slice(), [ast::ObjectNamePart::Identifier(name)]
        if name.quote_style.is_none() && name.value.eq_ignore_ascii_case(ROW))
}

/// `relation.*` among arguments is the relation's whole row.
fn whole_arguments(function: &mut ast::Function) {
    if is_row(function) {
        return;
    }
    let ast::FunctionArguments::List(list) = &mut function.args else { return };
    for argument in &mut list.args {
        if let ast::FunctionArg::Unnamed(argument @ ast::FunctionArgExpr::QualifiedWildcard(_)) = argument
            && let ast::FunctionArgExpr::QualifiedWildcard(relation) = &*argument
        {
            *argument = ast::FunctionArgExpr::Expr(whole::of(relation));
        }
    }
}

/// `ROW(…)` as a call.
fn made(function: &mut ast::Function) -> Result<ast::Expr> {
    let mut flags = String::new();
    let mut values = Vec::new();
    let arguments = match &mut function.args {
        ast::FunctionArguments::List(list) => std::mem::take(&mut list.args),
        _ => Vec::new(),
    };
    for argument in arguments {
        let (value, spread) = match argument {
            ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(mut value)) => match starred(&mut value) {
                Some(row) => (row, true),
                None => (value, false),
            },
            ast::FunctionArg::Unnamed(ast::FunctionArgExpr::QualifiedWildcard(relation)) => {
                (whole::of(&relation), true)
            }
            other => {
                let message = format!("{other} in ROW(…) is not supported");
                return Err(Error::unsupported(message).hint("name the relation: ROW(t.*)"));
            }
        };
        flags.push(if spread { '1' } else { '0' });
        values.push(value);
    }
    if !flags.contains('1') {
        return Ok(call(ROW, values));
    }
    values.insert(0, text(flags));
    Ok(call(SPREAD, values))
}

/// The row of `(row).*`.
pub(super) fn starred(expression: &mut ast::Expr) -> Option<ast::Expr> {
    let ast::Expr::CompoundFieldAccess { root, access_chain } = expression else { return None };
    let is_star = |access: &ast::AccessExpr| matches!(access, ast::AccessExpr::Dot(ast::Expr::Identifier(name)) if name.value == STAR);
    if !access_chain.last().is_some_and(is_star) {
        return None;
    }
    access_chain.pop();
    Some(match access_chain.is_empty() {
        true => take(root),
        false => take(expression),
    })
}

/// `(row).name` as a call, for each of the names that follow a value. Errors: 0A000 for a star where a single value is expected.
pub(super) fn fields(value: ast::Expr, names: impl IntoIterator<Item = ast::Ident>) -> Result<ast::Expr> {
    names.into_iter().try_fold(value, |row, name| match name.value == STAR {
        true => Err(Error::unsupported("row expansion via \"*\" is not supported here")),
        false => Ok(field(row, &folded_ident(&name))),
    })
}

/// A field of a row; of one that is put together from named values, the value.
pub(super) fn field(row: ast::Expr, name: &str) -> ast::Expr {
    match named_value(&row, name) {
        Some(value) => value,
        None => call("field", [row, text(name)]),
    }
}

fn named_value(row: &ast::Expr, name: &str) -> Option<ast::Expr> {
    let function = match row {
        ast::Expr::Nested(inner) => return named_value(inner, name),
        ast::Expr::Function(function) if function.name.to_string() == "\"record\"" => function,
        _ => return None,
    };
    let ast::FunctionArguments::List(list) = &function.args else { return None };
    let value = |argument: &ast::FunctionArg| match argument {
        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(value)) => Some(value.clone()),
        _ => None,
    };
    let is_named = |pair: &&[ast::FunctionArg]| matches!(pair.first().and_then(value), Some(ast::Expr::Value(text)) if text.value.clone().into_string().as_deref() == Some(name));
    list.args.chunks(2).find(is_named).and_then(|pair| pair.get(1)).and_then(value)
}

/// The parts of `(a, b)` or `ROW(a, b)`.
pub(super) fn parts(expression: &ast::Expr) -> Option<Vec<ast::Expr>> {
    match expression {
        ast::Expr::Tuple(parts) => Some(parts.clone()),
        ast::Expr::Nested(inner) => parts(inner).filter(|_| !matches!(**inner, ast::Expr::Nested(_))),
        ast::Expr::Function(function) if is_row(function) || function.name.to_string() == "\"row\"" => {
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

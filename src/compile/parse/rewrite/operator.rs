//! Operators and special syntax → functions of ours that do what PostgreSQL does.

use datafusion::sql::sqlparser::ast::{self, BinaryOperator};

use super::{call, take, text};
use crate::error::{Error, Result, code};
use crate::types::SqlType;

/// Comparisons in which NULL is a value, as operators.
pub(in crate::compile) const DISTINCT: &str = "IS DISTINCT FROM";
pub(in crate::compile) const NOT_DISTINCT: &str = "IS NOT DISTINCT FROM";

/// Rewrites one expression whose parts are rewritten.
pub(super) fn rewrite(expression: &mut ast::Expr) -> Result<()> {
    match expression {
        // The sign binds closer than `^`.
        ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr } if is_power(expr) => {
            let ast::Expr::BinaryOp { left, op, right } = take(expr) else { return Ok(()) };
            let mut negated = ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr: left };
            rewrite(&mut negated)?;
            *expression = operation(negated, op, *right);
        }
        // DataFusion's negation wraps around. Constants keep their sign, which the planner reads with them.
        ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr } if !is_number(expr) => {
            *expression = call("-", [take(expr)]);
        }
        ast::Expr::UnaryOp { op: ast::UnaryOperator::Plus, expr } => *expression = take(expr),
        ast::Expr::AtTimeZone { timestamp, time_zone } => {
            *expression = call("timezone", [take(time_zone), take(timestamp)]);
        }
        ast::Expr::Extract { field, expr, .. } => {
            let field = field.to_string().trim_matches('\'').to_ascii_lowercase();
            *expression = call("extract", [text(field), take(expr)]);
        }
        ast::Expr::Collate { expr, collation } => {
            let name = collation.to_string().to_ascii_lowercase();
            let name = name.rsplit('.').next().unwrap_or_default().trim_matches('"');
            if !["c", "posix", "default", "ucs_basic"].contains(&name) {
                return Err(Error::unsupported(format!("collation \"{name}\" is not supported"))
                    .hint("texts are ordered by their bytes"));
            }
            *expression = take(expr);
        }
        ast::Expr::Identifier(name) if name.quote_style.is_none() && name.value.eq_ignore_ascii_case("localtime") => {
            *expression = call("cast", [call("localtimestamp", []), text(SqlType::Time.to_string())]);
        }
        ast::Expr::BinaryOp { op: BinaryOperator::Overlaps, left, right } => {
            let (Some(mut periods), Some(other)) = (super::row::parts(left), super::row::parts(right)) else {
                return Err(Error::new(code::SYNTAX_ERROR, "OVERLAPS stands between two pairs"));
            };
            periods.extend(other);
            *expression = call("overlaps", periods);
        }
        // As an operator, for which our planner decides what its sides become.
        ast::Expr::IsDistinctFrom(left, right) => {
            *expression = operation(take(left), BinaryOperator::Custom(DISTINCT.to_string()), take(right));
        }
        ast::Expr::IsNotDistinctFrom(left, right) => {
            *expression = operation(take(left), BinaryOperator::Custom(NOT_DISTINCT.to_string()), take(right));
        }
        ast::Expr::BinaryOp { op, .. } => {
            if let BinaryOperator::PGCustomBinaryOperator(parts) = op {
                let name = parts.last().cloned().unwrap_or_default();
                *op = operator(&name).ok_or_else(|| Error::unsupported(format!("operator {name} is not supported")))?;
            }
        }
        ast::Expr::Function(function) => {
            rename(function);
            named_arguments(function)?;
            age_from_today(function);
            if let Some(rewritten) = clock(function)? {
                *expression = rewritten;
                return Ok(());
            }
        }
        // Constant texts are of the type of what they are looked up for, which only the planner knows.
        ast::Expr::InList { expr, list, negated } if !list.is_empty() && list.iter().all(is_text) => {
            let found = call("in", std::iter::once(take(expr)).chain(std::mem::take(list)));
            *expression = match negated {
                false => found,
                true => ast::Expr::UnaryOp { op: ast::UnaryOperator::Not, expr: Box::new(found) },
            };
        }
        ast::Expr::Between { expr, negated, low, high } if is_column(expr) && (is_text(low) || is_text(high)) => {
            *expression = between(take(expr), *negated, take(low), take(high));
        }
        _ => {}
    }
    Ok(())
}

/// Parts of `make_interval`, which are named or in this order.
const INTERVAL_PARTS: [&str; 7] = ["years", "months", "weeks", "days", "hours", "mins", "secs"];

/// `make_interval(days => 10)` with all its arguments.
fn named_arguments(function: &mut ast::Function) -> Result<()> {
    if !function.name.to_string().eq_ignore_ascii_case("make_interval") {
        return Ok(());
    }
    let arguments = match &mut function.args {
        ast::FunctionArguments::List(list) => std::mem::take(&mut list.args),
        _ => Vec::new(),
    };
    let zero = || ast::Expr::value(ast::Value::Number("0".to_string(), false));
    let mut parts: Vec<ast::Expr> = INTERVAL_PARTS.iter().map(|_| zero()).collect();
    let undefined =
        || Error::new(code::UNDEFINED_FUNCTION, "function make_interval with these arguments does not exist");
    for (position, argument) in arguments.into_iter().enumerate() {
        let (position, value) = match argument {
            ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(value)) => (Some(position), value),
            ast::FunctionArg::Named { name, arg: ast::FunctionArgExpr::Expr(value), .. } => {
                let name = name.value.to_ascii_lowercase();
                (INTERVAL_PARTS.iter().position(|part| *part == name), value)
            }
            _ => return Err(undefined()),
        };
        *position.and_then(|position| parts.get_mut(position)).ok_or_else(undefined)? = value;
    }
    if let ast::Expr::Function(whole) = call("make_interval", parts) {
        *function = whole;
    }
    Ok(())
}

/// `current_timestamp(0)` and its like, `localtime`, and `date(x)`, which is a cast.
fn clock(function: &mut ast::Function) -> Result<Option<ast::Expr>> {
    let name = function.name.to_string().to_ascii_lowercase();
    let argument = match &mut function.args {
        ast::FunctionArguments::List(list) => match list.args.as_mut_slice() {
            [ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(argument))] => Some(take(argument)),
            [] => None,
            _ => return Ok(None),
        },
        _ => None,
    };
    let local = || call("cast", [call("localtimestamp", []), text(SqlType::Time.to_string())]);
    let made = match (name.as_str(), argument) {
        ("current_timestamp" | "localtimestamp", Some(digits)) => call("to_precision", [call(&name, []), digits]),
        ("localtime", Some(digits)) => call("to_precision", [local(), digits]),
        ("localtime", None) => local(),
        ("current_time", _) => {
            return Err(Error::unsupported("type time with time zone is not supported").hint("use localtime"));
        }
        ("date", Some(value)) => call("cast", [value, text(SqlType::Date.to_string())]),
        (_, argument) => {
            if let (ast::FunctionArguments::List(list), Some(argument)) = (&mut function.args, argument) {
                list.args = vec![ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(argument))];
            }
            return Ok(None);
        }
    };
    Ok(Some(made))
}

/// `age(time)` counts to midnight of today.
fn age_from_today(function: &mut ast::Function) {
    let ast::FunctionArguments::List(list) = &mut function.args else { return };
    if list.args.len() == 1 && function.name.to_string().eq_ignore_ascii_case("age") {
        list.args.insert(0, ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(call("current_date", []))));
    }
}

/// Two comparisons, in which constant texts are read as the column's type.
fn between(column: ast::Expr, negated: bool, low: ast::Expr, high: ast::Expr) -> ast::Expr {
    match negated {
        false => operation(
            operation(column.clone(), BinaryOperator::GtEq, low),
            BinaryOperator::And,
            operation(column, BinaryOperator::LtEq, high),
        ),
        true => operation(
            operation(column.clone(), BinaryOperator::Lt, low),
            BinaryOperator::Or,
            operation(column, BinaryOperator::Gt, high),
        ),
    }
}

pub(super) fn operation(left: ast::Expr, op: BinaryOperator, right: ast::Expr) -> ast::Expr {
    ast::Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

fn is_column(expression: &ast::Expr) -> bool {
    matches!(expression, ast::Expr::Identifier(_) | ast::Expr::CompoundIdentifier(_))
}

fn is_text(expression: &ast::Expr) -> bool {
    matches!(expression, ast::Expr::Value(value) if matches!(value.value, ast::Value::SingleQuotedString(_)))
}

/// Functions with the schema in front are the same functions.
fn rename(function: &mut ast::Function) {
    if function.name.0.len() == 2 && function.name.0[0].to_string().eq_ignore_ascii_case("pg_catalog") {
        function.name.0.remove(0);
    }
}

/// The operator of `OPERATOR(schema.name)`.
fn operator(name: &str) -> Option<BinaryOperator> {
    Some(match name {
        "=" => BinaryOperator::Eq,
        "<>" | "!=" => BinaryOperator::NotEq,
        "<" => BinaryOperator::Lt,
        "<=" => BinaryOperator::LtEq,
        ">" => BinaryOperator::Gt,
        ">=" => BinaryOperator::GtEq,
        "+" => BinaryOperator::Plus,
        "-" => BinaryOperator::Minus,
        "*" => BinaryOperator::Multiply,
        "/" => BinaryOperator::Divide,
        "||" => BinaryOperator::StringConcat,
        "~" => BinaryOperator::PGRegexMatch,
        "~*" => BinaryOperator::PGRegexIMatch,
        "!~" => BinaryOperator::PGRegexNotMatch,
        "!~*" => BinaryOperator::PGRegexNotIMatch,
        "~~" => BinaryOperator::PGLikeMatch,
        "~~*" => BinaryOperator::PGILikeMatch,
        "!~~" => BinaryOperator::PGNotLikeMatch,
        "!~~*" => BinaryOperator::PGNotILikeMatch,
        "%" => BinaryOperator::Modulo,
        "^" => BinaryOperator::PGExp,
        "&" => BinaryOperator::BitwiseAnd,
        "|" => BinaryOperator::BitwiseOr,
        "#" => BinaryOperator::PGBitwiseXor,
        "<<" => BinaryOperator::PGBitwiseShiftLeft,
        ">>" => BinaryOperator::PGBitwiseShiftRight,
        "^@" => BinaryOperator::PGStartsWith,
        _ => return None,
    })
}

fn is_power(expression: &ast::Expr) -> bool {
    matches!(expression, ast::Expr::BinaryOp { op: BinaryOperator::PGExp, .. })
}

fn is_number(expression: &ast::Expr) -> bool {
    match expression {
        ast::Expr::Value(value) => matches!(value.value, ast::Value::Number(..)),
        _ => false,
    }
}

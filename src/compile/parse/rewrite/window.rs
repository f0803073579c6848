//! `TUMBLE` → a subquery that adds `window_start` and `window_end` to the table's columns. Windows begin at 1970-01-01 00:00 UTC plus the
//! offset. Both spellings are read: Flink's `TABLE(TUMBLE(TABLE t, DESCRIPTOR(at), INTERVAL '10' SECOND [, offset]))` and RisingWave's
//! `TUMBLE(t, at, INTERVAL '10 s' [, offset])`.

use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast;

use super::super::grammar::{WINDOW_FUNCTIONS, folded_ident};
use super::super::query::{select, table};
use super::call;
use crate::compile::function::stride_micros;
use crate::error::{Error, Result, code};
use crate::format::text::{self, TextOptions};
use crate::types::SqlType;

/// Replaces a call of a window function in FROM.
pub(super) fn expand(factor: &mut ast::TableFactor) -> Result<()> {
    let Some((function, arguments, alias)) = window_call(factor) else { return Ok(()) };
    if function != "tumble" {
        let name = function.to_uppercase();
        return Err(Error::unsupported(format!("window function {name} is not supported")).hint("use TUMBLE"));
    }
    let arguments = in_order(arguments)?;
    let (relation, time, size, offset) = match <[ast::Expr; 4]>::try_from(arguments) {
        Ok([relation, time, size, offset]) => (relation, time, size, Some(offset)),
        Err(arguments) => match <[ast::Expr; 3]>::try_from(arguments) {
            Ok([relation, time, size]) => (relation, time, size, None),
            Err(_) => return Err(misuse("expects 3 or 4 arguments")),
        },
    };
    let relation = relation_of(relation)?;
    check_size(&size)?;
    let (start, end) = window_bounds(column_of(time)?, size, offset);
    let name = relation.0.last().and_then(|part| part.as_ident()).cloned();
    let items = vec![
        ast::SelectItem::Wildcard(ast::WildcardAdditionalOptions::default()),
        ast::SelectItem::ExprWithAlias { expr: start, alias: ast::Ident::new("window_start") },
        ast::SelectItem::ExprWithAlias { expr: end, alias: ast::Ident::new("window_end") },
    ];
    let from = ast::TableWithJoins { relation: table(relation, None), joins: Vec::new() };
    let alias =
        alias.or_else(|| name.map(|name| ast::TableAlias { explicit: true, name, columns: Vec::new(), at: None }));
    *factor =
        ast::TableFactor::Derived { lateral: false, subquery: select(items, vec![from], None), alias, sample: None };
    Ok(())
}

/// `date_bin(size, time - offset) + offset`, and that plus `size`.
fn window_bounds(time: ast::Expr, size: ast::Expr, offset: Option<ast::Expr>) -> (ast::Expr, ast::Expr) {
    let operation = |left: ast::Expr, op: ast::BinaryOperator, right: ast::Expr| ast::Expr::BinaryOp {
        left: Box::new(left),
        op,
        right: Box::new(right),
    };
    let start = match offset {
        Some(offset) => {
            let shifted = operation(time, ast::BinaryOperator::Minus, offset.clone());
            operation(call("date_bin", [size.clone(), shifted]), ast::BinaryOperator::Plus, offset)
        }
        None => call("date_bin", [size.clone(), time]),
    };
    let end = operation(start.clone(), ast::BinaryOperator::Plus, size);
    (start, end)
}

/// Refuses a constant size that makes no windows: every row would be lost.
fn check_size(size: &ast::Expr) -> Result<()> {
    let (value, unit) = match size {
        ast::Expr::Interval(interval) => (interval.value.as_ref(), interval.leading_field.as_ref()),
        ast::Expr::Cast { expr, .. } => (expr.as_ref(), None),
        _ => return Ok(()),
    };
    let ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::SingleQuotedString(text), .. }) = value else {
        return Ok(());
    };
    let text = unit.map_or_else(|| text.clone(), |unit| format!("{text} {unit}"));
    match text::parse(&text, &SqlType::Interval, &TextOptions::default())? {
        ScalarValue::IntervalMonthDayNano(Some(size)) => stride_micros(size).map(drop),
        _ => Ok(()),
    }
}

/// The function's name, its arguments and the alias, if `factor` is a call of a window function.
fn window_call(factor: &ast::TableFactor) -> Option<(&'static str, Vec<ast::FunctionArg>, Option<ast::TableAlias>)> {
    let (name, arguments, alias) = match factor {
        ast::TableFactor::Table { name, args: Some(arguments), alias, .. } => (name, arguments.args.clone(), alias),
        ast::TableFactor::Function { name, args, alias, .. } => (name, args.clone(), alias),
        ast::TableFactor::TableFunction { expr: ast::Expr::Function(function), alias } => match &function.args {
            ast::FunctionArguments::List(list) => (&function.name, list.args.clone(), alias),
            _ => return None,
        },
        _ => return None,
    };
    let [ast::ObjectNamePart::Identifier(name)] = name.0.as_slice() else { return None };
    let name = folded_ident(name);
    let function = WINDOW_FUNCTIONS.iter().find(|function| **function == name)?;
    Some((function, arguments, alias.clone()))
}

/// Arguments by position; Flink's names say the position.
fn in_order(arguments: Vec<ast::FunctionArg>) -> Result<Vec<ast::Expr>> {
    let mut ordered: Vec<(usize, ast::Expr)> = Vec::new();
    for (position, argument) in arguments.into_iter().enumerate() {
        let (position, argument) = match argument {
            ast::FunctionArg::Unnamed(argument) => (position, argument),
            ast::FunctionArg::Named { name, arg, .. } => {
                let name = folded_ident(&name);
                let position = ["data", "timecol", "size", "offset"].iter().position(|known| *known == name);
                (position.ok_or_else(|| misuse("has arguments data, timecol, size and offset"))?, arg)
            }
            ast::FunctionArg::ExprNamed { .. } => return Err(misuse("has arguments data, timecol, size and offset")),
        };
        let ast::FunctionArgExpr::Expr(argument) = argument else { return Err(misuse("does not take *")) };
        ordered.push((position, argument));
    }
    ordered.sort_by_key(|(position, _)| *position);
    match ordered.iter().enumerate().all(|(number, (position, _))| number == *position) {
        true => Ok(ordered.into_iter().map(|(_, argument)| argument).collect()),
        false => Err(misuse("expects 3 or 4 arguments")),
    }
}

fn relation_of(argument: ast::Expr) -> Result<ast::ObjectName> {
    match argument {
        ast::Expr::Identifier(name) => Ok(name.into()),
        ast::Expr::CompoundIdentifier(parts) => Ok(parts.into()),
        _ => {
            Err(misuse("expects the name of a relation as its first argument").hint("give a subquery a name with WITH"))
        }
    }
}

/// `at`, or `DESCRIPTOR(at)`.
fn column_of(argument: ast::Expr) -> Result<ast::Expr> {
    let column = match argument {
        ast::Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("descriptor") => {
            match function.args {
                ast::FunctionArguments::List(list) => in_order(list.args)?.into_iter().next(),
                _ => None,
            }
        }
        other => Some(other),
    };
    match column {
        Some(column @ (ast::Expr::Identifier(_) | ast::Expr::CompoundIdentifier(_))) => Ok(column),
        _ => Err(misuse("expects a timestamp column as its second argument")),
    }
}

fn misuse(what: &str) -> Error {
    Error::new(code::SYNTAX_ERROR, format!("TUMBLE {what}"))
        .hint("TUMBLE(relation, timestamp column, INTERVAL '10 s' [, offset])")
}

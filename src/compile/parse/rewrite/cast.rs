//! Casts, typed constants and intervals → our function `cast(value, 'type')`, because Arrow's casts differ from PostgreSQL's.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::ast;

use super::super::data_type::sql_type;
use super::{call, take, text};
use crate::error::{Error, Result};
use crate::types::SqlType;

/// Rewrites one expression whose parts are rewritten.
pub(super) fn rewrite(expression: &mut ast::Expr, parameters: &mut BTreeMap<usize, SqlType>) -> Result<()> {
    match expression {
        ast::Expr::Cast {
            kind: ast::CastKind::Cast | ast::CastKind::DoubleColon,
            expr,
            data_type,
            format: None,
            array: false,
            ..
        } => {
            if let Some(function) = catalog_cast(data_type) {
                *expression = call(function, [take(expr)]);
                return Ok(());
            }
            let (digits, field) = (precision(data_type), last_field(data_type));
            let target = sql_type(data_type)?;
            if let Some(number) = parameter(expr) {
                parameters.entry(number).or_insert_with(|| target.clone());
            }
            // A double's constant may have more digits than a numeric.
            let is_float = matches!(target, SqlType::Real | SqlType::Double);
            let mut value = match constant(expr, "numeric") {
                Some(digits) if is_float => text(digits),
                _ => take(expr),
            };
            if !cast_array(&mut value, &target) {
                value = cast(value, &target);
            }
            *expression = rounded(without_rest(value, field), digits);
        }
        ast::Expr::TypedString(typed) => {
            let Some(value) = typed.value.clone().into_string() else {
                return Err(Error::unsupported("this form of typed constant is not supported"));
            };
            let digits = precision(&mut typed.data_type);
            *expression = rounded(cast(text(value), &sql_type(&typed.data_type)?), digits);
        }
        // The planner would give it a negative scale.
        ast::Expr::Value(value) => {
            if let ast::Value::Number(digits, _) = &value.value
                && digits.contains(['e', 'E'])
            {
                *expression = call("cast", [text(digits.replace('_', "")), text("numeric")]);
            }
        }
        ast::Expr::Interval(interval) => *expression = self::interval(interval)?,
        ast::Expr::Function(function) => {
            if let Some(ast::WindowType::WindowSpec(window)) = &mut function.over {
                restore_frame(window);
            }
        }
        _ => {}
    }
    Ok(())
}

/// The bounds of a window frame must be constants that the planner reads itself.
fn restore_frame(window: &mut ast::WindowSpec) {
    let Some(frame) = &mut window.window_frame else { return };
    for bound in std::iter::once(&mut frame.start_bound).chain(&mut frame.end_bound) {
        if let ast::WindowFrameBound::Preceding(Some(value)) | ast::WindowFrameBound::Following(Some(value)) = bound
            && let Some(interval) = constant(value, "interval")
        {
            **value = ast::Expr::Interval(ast::Interval {
                value: Box::new(text(interval)),
                leading_field: None,
                leading_precision: None,
                last_field: None,
                fractional_seconds_precision: None,
            });
        }
    }
}

/// Takes the digits after the point of seconds out of a type.
fn precision(written: &mut ast::DataType) -> Option<u64> {
    let digits = match written {
        ast::DataType::Interval { fields: Some(_), precision: digits @ Some(_) } => digits,
        ast::DataType::Timestamp(digits @ Some(0..6), _) | ast::DataType::Time(digits @ Some(0..6), _) => digits,
        ast::DataType::Interval { fields: None, precision: digits @ Some(0..6) } => digits,
        _ => return None,
    };
    digits.take()
}

/// The last field of an interval type, taken out of it.
fn last_field(written: &mut ast::DataType) -> Option<String> {
    let ast::DataType::Interval { fields, .. } = written else { return None };
    let fields = fields.take()?.to_string().to_ascii_lowercase();
    fields.rsplit(' ').next().map(str::to_string).filter(|field| field != "second")
}

/// An interval without what is below a field.
fn without_rest(value: ast::Expr, field: Option<String>) -> ast::Expr {
    match field {
        Some(field) => call("interval_fields", [value, text(field)]),
        None => value,
    }
}

/// A time rounded to some digits.
fn rounded(value: ast::Expr, digits: Option<u64>) -> ast::Expr {
    match digits {
        Some(digits) => {
            let digits = ast::Expr::value(ast::Value::Number(digits.to_string(), false));
            call("to_precision", [value, digits])
        }
        None => value,
    }
}

/// A cast of `ARRAY[…]` to an array type: of each item, as in PostgreSQL. Answers whether the value is one.
fn cast_array(value: &mut ast::Expr, target: &SqlType) -> bool {
    let (SqlType::Array(_), ast::Expr::Function(function)) = (target, &mut *value) else { return false };
    let item = target.element();
    let ast::FunctionArguments::List(list) = &mut function.args else { return false };
    if function.name.to_string() != "\"array\"" || matches!(item, SqlType::Numeric(..)) && !list.args.is_empty() {
        return false;
    }
    if list.args.is_empty() {
        *value = call("cast", [text("{}"), text(target.spelled())]);
        return true;
    }
    for argument in &mut list.args {
        if let ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(part)) = argument
            && !cast_array(part, target)
        {
            *part = call("cast", [take(part), text(item.spelled())]);
        }
    }
    true
}

/// `cast(value, 'type')`.
fn cast(value: ast::Expr, target: &SqlType) -> ast::Expr {
    call("cast", [value, text(target.spelled())])
}

/// The number of a parameter.
pub(super) fn parameter(expression: &ast::Expr) -> Option<usize> {
    match expression {
        ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::Placeholder(name), .. }) => {
            name.strip_prefix('$')?.parse().ok()
        }
        ast::Expr::Nested(inner) => parameter(inner),
        _ => None,
    }
}

/// Types of the system catalog, which functions of the same name make.
fn catalog_cast(written: &ast::DataType) -> Option<&'static str> {
    let name = written.to_string().to_ascii_lowercase();
    let name = name.strip_prefix("pg_catalog.").unwrap_or(&name).trim_matches('"').to_string();
    ["regclass", "regtype", "regproc", "regprocedure", "regnamespace", "regrole", "oid", "xid", "char"]
        .into_iter()
        .find(|known| *known == name && (*known != "char" || written.to_string().contains('"')))
}

/// `INTERVAL '10' SECOND` → `cast('10 second', 'interval')`.
fn interval(interval: &mut ast::Interval) -> Result<ast::Expr> {
    let value = take(&mut interval.value);
    let written = match &value {
        ast::Expr::Value(value) => match &value.value {
            ast::Value::Number(digits, _) => Some(digits.clone()),
            other => other.clone().into_string(),
        },
        _ => None,
    };
    let Some(written) = written else {
        return Err(Error::unsupported("this form of INTERVAL is not supported").hint("write INTERVAL '1 day 2 hours'"));
    };
    let (first, last) = (interval.leading_field.as_ref(), interval.last_field.as_ref());
    let written = match (last.or(first), first) {
        // A unit counts for a number that has none.
        (Some(unit), _) if written.trim().parse::<f64>().is_ok() => format!("{written} {unit}"),
        // Two parts are hours and minutes otherwise.
        (Some(ast::DateTimeField::Second), Some(ast::DateTimeField::Minute)) if written.matches(':').count() == 1 => {
            format!("0:{}", written.trim())
        }
        _ => written,
    };
    let value = call("cast", [text(written), text(SqlType::Interval.to_string())]);
    let field = match last.or(first) {
        Some(field) if *field != ast::DateTimeField::Second => field.to_string().to_ascii_lowercase(),
        _ => return Ok(rounded(value, interval.fractional_seconds_precision.or(interval.leading_precision))),
    };
    // What is below the last field is left out. A constant that a window's frame may take stays as it is.
    Ok(match first.is_some_and(|_| is_whole(&value)) {
        true => value,
        false => call("interval_fields", [value, text(field)]),
    })
}

/// Whether an interval that was read is a whole number of one unit, so that nothing is below its last field.
fn is_whole(value: &ast::Expr) -> bool {
    let Some(written) = constant(value, "interval") else { return false };
    let mut words = written.split_whitespace();
    let number = words.next().is_some_and(|number| number.parse::<i64>().is_ok());
    number && words.next().is_some_and(|unit| unit.chars().all(char::is_alphabetic)) && words.next().is_none()
}

/// The text of a constant of a type that [`rewrite`] made.
fn constant(expression: &ast::Expr, sql_type: &str) -> Option<String> {
    let ast::Expr::Function(function) = expression else { return None };
    let ast::FunctionArguments::List(list) = &function.args else { return None };
    let texts: Vec<String> = list
        .args
        .iter()
        .filter_map(|argument| match argument {
            ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(ast::Expr::Value(value))) => {
                value.value.clone().into_string()
            }
            _ => None,
        })
        .collect();
    match texts.as_slice() {
        [value, target] if function.name.to_string() == "\"cast\"" && target == sql_type => Some(value.clone()),
        _ => None,
    }
}

//! Functions and operators with a syntax of their own → calls: `LIKE`, `SIMILAR TO`, `SUBSTRING(… FROM …)`, `TRIM(… FROM …)`, `@ x`.

use datafusion::sql::sqlparser::ast::{self, BinaryOperator, UnaryOperator};

use super::operator::operation;
use super::{call, take, text};
use crate::error::{Error, Result, code};

/// Rewrites one expression whose parts are rewritten.
pub(super) fn rewrite(expression: &mut ast::Expr) -> Result<()> {
    let rewritten = match expression {
        ast::Expr::Like { negated, any: false, expr, pattern, escape_char } => {
            let operator = if *negated { BinaryOperator::PGNotLikeMatch } else { BinaryOperator::PGLikeMatch };
            operation(take(expr), operator, escaped("like_escape", pattern, escape_char))
        }
        ast::Expr::ILike { negated, any: false, expr, pattern, escape_char } => {
            let operator = if *negated { BinaryOperator::PGNotILikeMatch } else { BinaryOperator::PGILikeMatch };
            operation(take(expr), operator, escaped("like_escape", pattern, escape_char))
        }
        ast::Expr::SimilarTo { negated, expr, pattern, escape_char } => {
            let operator = if *negated { BinaryOperator::PGRegexNotMatch } else { BinaryOperator::PGRegexMatch };
            let pattern = std::iter::once(take(pattern)).chain(escape_char.take().map(ast::Expr::Value));
            operation(take(expr), operator, call("similar_to_escape", pattern))
        }
        ast::Expr::Substring { expr, substring_from, substring_for, shorthand, special } => {
            let (from, count) =
                (substring_from.as_mut().map(|from| take(from)), substring_for.as_mut().map(|count| take(count)));
            // FOR alone counts from the first character on.
            let from = from.unwrap_or_else(one);
            let name = if *shorthand { "substr" } else { "substring" };
            match count {
                // Texts for numbers: the SQL standard's patterns.
                Some(escape) if !*special && is_text(&from) && is_text(&escape) => {
                    call("substring", [take(expr), call("similar_to_escape", [from, escape])])
                }
                count => call(name, [take(expr), from].into_iter().chain(count)),
            }
        }
        ast::Expr::Trim { expr, trim_where, trim_what, trim_characters } => {
            let name = match trim_where {
                Some(ast::TrimWhereField::Leading) => "ltrim",
                Some(ast::TrimWhereField::Trailing) => "rtrim",
                _ => "btrim",
            };
            let what = trim_what.as_mut().map(|what| take(what));
            let characters = trim_characters.take().unwrap_or_default();
            call(name, std::iter::once(take(expr)).chain(what).chain(characters))
        }
        ast::Expr::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
            let count = overlay_for.as_mut().map(|count| take(count));
            call("overlay", [take(expr), take(overlay_what), take(overlay_from)].into_iter().chain(count))
        }
        ast::Expr::Position { expr, r#in } => call("strpos", [take(r#in), take(expr)]),
        ast::Expr::Ceil { expr, field: ast::CeilFloorKind::DateTimeField(ast::DateTimeField::NoDateTime) } => {
            call("ceil", [take(expr)])
        }
        ast::Expr::Floor { expr, field: ast::CeilFloorKind::DateTimeField(ast::DateTimeField::NoDateTime) } => {
            call("floor", [take(expr)])
        }
        ast::Expr::IsNormalized { expr, form, negated } => {
            let value = take(expr);
            let form = form.take().map_or_else(|| "NFC".to_string(), |form| form.to_string());
            let normal = call("normalize", [value.clone(), text(form)]);
            operation(value, if *negated { BinaryOperator::NotEq } else { BinaryOperator::Eq }, normal)
        }
        ast::Expr::UnaryOp { op: op @ (UnaryOperator::PGSquareRoot | UnaryOperator::PGCubeRoot), expr } => {
            // The operators are of double precision only.
            let name = if *op == UnaryOperator::PGSquareRoot { "sqrt" } else { "cbrt" };
            call(name, [call("cast", [take(expr), text("double precision")])])
        }
        ast::Expr::UnaryOp { op: UnaryOperator::PGAbs, expr } => call("abs", [take(expr)]),
        ast::Expr::UnaryOp { op: UnaryOperator::BitwiseNot, expr } => call("~", [take(expr)]),
        ast::Expr::Cast { kind: ast::CastKind::TryCast | ast::CastKind::SafeCast, expr, data_type, .. } => {
            let target = super::super::data_type::sql_type(data_type)?;
            call("try_cast", [take(expr), text(target.to_string())])
        }
        ast::Expr::Value(value) => match &value.value {
            ast::Value::UnicodeStringLiteral(written) => text(written.clone()),
            _ => return Ok(()),
        },
        ast::Expr::Function(function) => match normal_form(function) {
            Some(form) => call("normalize", form),
            None => return without_arguments(function),
        },
        _ => return Ok(()),
    };
    *expression = rewritten;
    Ok(())
}

/// The pattern with the usual escape character instead of its own.
fn escaped(name: &str, pattern: &mut ast::Expr, escape: &mut Option<ast::ValueWithSpan>) -> ast::Expr {
    match escape.take() {
        Some(escape) => call(name, [take(pattern), ast::Expr::Value(escape)]),
        None => take(pattern),
    }
}

fn one() -> ast::Expr {
    ast::Expr::value(ast::Value::Number("1".to_string(), false))
}

fn is_text(expression: &ast::Expr) -> bool {
    matches!(expression, ast::Expr::Value(value) if matches!(value.value, ast::Value::SingleQuotedString(_)))
}

/// The arguments of `normalize(text, FORM)`, whose second one is a word.
fn normal_form(function: &ast::Function) -> Option<[ast::Expr; 2]> {
    let ast::FunctionArguments::List(list) = &function.args else { return None };
    match list.args.as_slice() {
        [
            ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(value)),
            ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(ast::Expr::Identifier(form))),
        ] if function.name.to_string().eq_ignore_ascii_case("normalize") => {
            let known =
                ["NFC", "NFD", "NFKC", "NFKD"].into_iter().find(|known| form.value.eq_ignore_ascii_case(known))?;
            Some([value.clone(), text(known)])
        }
        _ => None,
    }
}

/// These are syntax in PostgreSQL, and as such need a value.
fn without_arguments(function: &ast::Function) -> Result<()> {
    let needs =
        ["coalesce", "greatest", "least"].iter().any(|name| function.name.to_string().eq_ignore_ascii_case(name));
    match &function.args {
        ast::FunctionArguments::List(list) if needs && list.args.is_empty() => {
            Err(Error::new(code::SYNTAX_ERROR, "syntax error at or near \")\""))
        }
        _ => Ok(()),
    }
}

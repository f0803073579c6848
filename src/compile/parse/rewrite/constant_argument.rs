//! Constants without a type as arguments of functions that take one type there, where the planner would look for a function of texts:
//! `ntile('2')`, `bool_and('t')`, `percentile_cont('0.5')`.

use datafusion::sql::sqlparser::ast;

use super::{call, take};
use crate::error::Result;
use crate::format::text::TextOptions;
use crate::types::SqlType;

/// Casts such arguments of a call. Errors: those of texts that are no values of the type.
pub(super) fn rewrite(expression: &mut ast::Expr) -> Result<()> {
    let ast::Expr::Function(function) = expression else { return Ok(()) };
    let name = function.name.to_string().to_ascii_lowercase();
    let Some(types) = types(&name) else { return Ok(()) };
    let ast::FunctionArguments::List(list) = &mut function.args else { return Ok(()) };
    for (argument, wanted) in list.args.iter_mut().zip(types) {
        if let (ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(value)), Some(wanted)) = (argument, wanted)
            && let Some(text) = constant_text(value)
        {
            crate::format::text::parse(text, &wanted, &TextOptions::default())?;
            *value = call("cast", [take(value), super::text(wanted.spelled())]);
        }
    }
    Ok(())
}

/// The types of the arguments of a function, as far as there is only one for each.
fn types(name: &str) -> Option<Vec<Option<SqlType>>> {
    Some(match name {
        "ntile" => vec![Some(SqlType::Integer)],
        "lag" | "lead" | "nth_value" => vec![None, Some(SqlType::Integer)],
        "bool_and" | "bool_or" | "every" => vec![Some(SqlType::Boolean)],
        "percentile_cont" | "percentile_disc" => vec![Some(SqlType::Double)],
        "corr" | "covar_pop" | "covar_samp" => vec![Some(SqlType::Double); 2],
        name if name.starts_with("regr_") => vec![Some(SqlType::Double); 2],
        _ => return None,
    })
}

fn constant_text(value: &ast::Expr) -> Option<&str> {
    match value {
        ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::SingleQuotedString(text), .. }) => Some(text),
        _ => None,
    }
}

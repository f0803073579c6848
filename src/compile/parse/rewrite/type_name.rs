//! Types that a query names and only the catalog knows: `cast(value, 'name')` with a mark in front of the name, see
//! [`SqlType::spelled`].

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::sql::sqlparser::ast;

use super::super::Query;
use super::{call, text};
use crate::catalog::Domain;
use crate::error::Result;
use crate::types::{SqlType, TYPE_MARK};

/// Puts tests around casts to domains: `checked(cast(x, 'd'), condition over cast(x, 'd'), 'd', 'constraint')`.
pub(in crate::compile::parse) fn test(
    query: &mut ast::Query,
    domains: &dyn Fn(&str) -> Option<Arc<Domain>>,
) -> Result<()> {
    let visited = ast::visit_expressions_mut(query, |part| {
        let name = target(part).and_then(|target| written(target));
        let name = name.as_deref().and_then(|name| name.strip_prefix(TYPE_MARK));
        let Some((name, domain)) = name.and_then(|name| Some((name.to_string(), domains(name)?))) else {
            return ControlFlow::Continue(());
        };
        match tested(part.clone(), &name, &domain) {
            Ok(checked) => *part = checked,
            Err(error) => return ControlFlow::Break(error),
        }
        ControlFlow::Continue(())
    });
    match visited {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

fn tested(value: ast::Expr, name: &str, domain: &Domain) -> Result<ast::Expr> {
    let value = match domain.precision {
        Some(precision) => {
            let modifier = ast::Expr::value(ast::Value::Number(precision.modifier().to_string(), false));
            call("with_precision", [value, modifier])
        }
        None => value,
    };
    let mut checked = value.clone();
    let local = name.rsplit('.').next().unwrap_or(name);
    if domain.not_null {
        let is_given = ast::Expr::IsNotNull(Box::new(value.clone()));
        checked = call("checked", [checked, is_given, text(local), text("")]);
    }
    for check in &domain.checks {
        let mut condition = Query::only_expression(&check.condition)?;
        let _ = ast::visit_expressions_mut(&mut condition, |part| {
            if matches!(part, ast::Expr::Identifier(name) if name.value.eq_ignore_ascii_case("value")) {
                *part = ast::Expr::Nested(Box::new(value.clone()));
            }
            ControlFlow::<()>::Continue(())
        });
        checked = call("checked", [checked, condition, text(local), text(check.name.clone())]);
    }
    Ok(checked)
}

/// Puts what `resolve` finds in the place of names.
pub(in crate::compile::parse) fn resolve(
    query: &mut ast::Query,
    resolve: &dyn Fn(&str) -> Result<SqlType>,
) -> Result<()> {
    let visited = ast::visit_expressions_mut(query, |part| {
        let Some(target) = target(part) else { return ControlFlow::Continue(()) };
        let Some(named) = written(target).and_then(|name| SqlType::read_name(&name)) else {
            return ControlFlow::Continue(());
        };
        match named.resolved(resolve) {
            Ok(found) => *target = text(found.spelled()),
            Err(error) => return ControlFlow::Break(error),
        }
        ControlFlow::Continue(())
    });
    match visited {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

/// The names, without brackets, each once.
pub(in crate::compile::parse) fn names(query: &ast::Query) -> Vec<String> {
    let mut names = Vec::new();
    let mut query = query.clone();
    let _ = ast::visit_expressions_mut(&mut query, |part| {
        let name = target(part).and_then(|target| written(target));
        let name = name.and_then(|name| Some(name.strip_prefix(TYPE_MARK)?.trim_end_matches("[]").to_string()));
        names.extend(name.filter(|name| !names.contains(name)));
        ControlFlow::<()>::Continue(())
    });
    names
}

/// The name of the type of a cast.
fn target(expression: &mut ast::Expr) -> Option<&mut ast::Expr> {
    let ast::Expr::Function(function) = expression else { return None };
    let name = function.name.to_string();
    if !["\"cast\"", "\"try_cast\""].contains(&name.as_str()) {
        return None;
    }
    let ast::FunctionArguments::List(list) = &mut function.args else { return None };
    match list.args.get_mut(1) {
        Some(ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(target))) => Some(target),
        _ => None,
    }
}

fn written(target: &ast::Expr) -> Option<String> {
    match target {
        ast::Expr::Value(value) => value.value.clone().into_string().filter(|name| name.starts_with(TYPE_MARK)),
        _ => None,
    }
}

//! What DataFusion would plan wrongly, or read and forget, is refused.

use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::tokenizer::Location;

use super::super::dialect::is_clause;
use super::super::misplaced;
use super::{is_aggregate, is_set_returning, place};
use crate::error::{Error, Result, code};

/// Refuses clauses of a query.
pub(super) fn query(query: &ast::Query) -> Result<(), Box<(Error, Option<Location>)>> {
    let refused = |what: &str| Err(Box::new((unsupported(what), place::of_body(&query.body))));
    if let Some(lock) = query.locks.first() {
        return refused(match lock.lock_type {
            ast::LockType::Share => "FOR SHARE",
            ast::LockType::Update => "FOR UPDATE",
        });
    }
    if query.for_clause.is_some()
        || query.settings.is_some()
        || query.format_clause.is_some()
        || !query.pipe_operators.is_empty()
    {
        return refused("this clause");
    }
    if query.fetch.as_ref().is_some_and(|fetch| fetch.percent) {
        return refused("FETCH FIRST … PERCENT");
    }
    if query.fetch.as_ref().is_some_and(|fetch| fetch.with_ties) && query.order_by.is_none() {
        let error = Error::new(code::SYNTAX_ERROR, "WITH TIES cannot be specified without ORDER BY clause");
        return Err(Box::new((error, place::of_body(&query.body))));
    }
    if let Some(ast::LimitClause::LimitOffset { limit_by, .. }) = &query.limit_clause
        && !limit_by.is_empty()
    {
        return refused("LIMIT … BY");
    }
    body(&query.body)
}

fn body(body_of: &ast::SetExpr) -> Result<(), Box<(Error, Option<Location>)>> {
    match body_of {
        ast::SetExpr::Select(select) => self::select(select),
        ast::SetExpr::SetOperation { op, set_quantifier, left, right } => {
            let error = match (op, set_quantifier) {
                (ast::SetOperator::Minus, _) => Some("MINUS"),
                (_, ast::SetQuantifier::None | ast::SetQuantifier::All | ast::SetQuantifier::Distinct) => None,
                _ => Some("BY NAME"),
            };
            match error {
                Some(what) => Err(Box::new((unsupported(what), place::of_body(right)))),
                None => body(left).and_then(|()| body(right)),
            }
        }
        // Nested queries are visited on their own.
        ast::SetExpr::Query(_) | ast::SetExpr::Values(_) => Ok(()),
        ast::SetExpr::Table(_) => Err(Box::new((unsupported("TABLE at this place"), place::of_body(body_of)))),
        _ => Err(Box::new((unsupported("data-modifying statements in WITH"), place::of_body(body_of)))),
    }
}

fn lacks_condition(join: &ast::JoinOperator) -> bool {
    use ast::JoinOperator::{FullOuter, Inner, Join, Left, LeftOuter, Right, RightOuter};
    match join {
        Inner(on) | Join(on) | Left(on) | LeftOuter(on) | Right(on) | RightOuter(on) | FullOuter(on) => {
            matches!(on, ast::JoinConstraint::None)
        }
        _ => false,
    }
}

fn select(select: &ast::Select) -> Result<(), Box<(Error, Option<Location>)>> {
    if let Some(join) =
        select.from.iter().flat_map(|from| &from.joins).find(|join| lacks_condition(&join.join_operator))
    {
        let error = Error::new(code::SYNTAX_ERROR, "syntax error: JOIN without ON or USING")
            .hint("CROSS JOIN joins each row with each");
        return Err(Box::new((error, place::of_table(&join.relation))));
    }
    let all = |item: &ast::SelectItem| matches!(item, ast::SelectItem::Wildcard(_));
    if select.from.is_empty() && select.projection.iter().any(all) {
        let error = Error::new(code::SYNTAX_ERROR, "SELECT * with no tables specified is not valid");
        return Err(Box::new((error, Some(select.select_token.0.span.start))));
    }
    let what = if select.into.is_some() {
        "SELECT INTO"
    } else if matches!(select.group_by, ast::GroupByExpr::All(_)) {
        "GROUP BY ALL"
    } else if select.top.is_some()
        || select.exclude.is_some()
        || select.prewhere.is_some()
        || !select.connect_by.is_empty()
    {
        "this clause"
    } else if select.flavor != ast::SelectFlavor::Standard {
        "FROM before SELECT"
    } else if select.projection.is_empty() {
        "SELECT without columns"
    } else {
        return Ok(());
    };
    Err(Box::new((unsupported(what), Some(select.select_token.0.span.start))))
}

/// Refuses relations in FROM.
pub(super) fn table(factor: &ast::TableFactor) -> Result<()> {
    match factor {
        ast::TableFactor::Table { sample: Some(_), .. } | ast::TableFactor::Derived { sample: Some(_), .. } => {
            Err(unsupported("TABLESAMPLE"))
        }
        ast::TableFactor::Derived { alias: None, subquery, .. } => {
            let (message, example) = match subquery.body.as_ref() {
                ast::SetExpr::Values(_) => ("VALUES in FROM must have an alias", "VALUES ..."),
                _ => ("subquery in FROM must have an alias", "SELECT ..."),
            };
            let hint = format!("For example, FROM ({example}) [AS] foo.");
            Err(Error::new(code::SYNTAX_ERROR, message).hint(hint))
        }
        ast::TableFactor::Table { version: Some(_), .. } => Err(unsupported("FOR SYSTEM_TIME AS OF")),
        _ => Ok(()),
    }
}

/// Refuses functions that answer rows where it is left open whether they are called.
pub(super) fn set_returning(expression: &ast::Expr) -> Result<()> {
    let what = match expression {
        ast::Expr::Case { .. } => "CASE",
        ast::Expr::Function(call) if call.name.to_string().eq_ignore_ascii_case("coalesce") => "COALESCE",
        _ => return Ok(()),
    };
    if misplaced::first(expression, |call| is_set_returning(&call.name).then_some(())).is_none() {
        return Ok(());
    }
    let message = format!("set-returning functions are not allowed in {what}");
    let hint = "You might be able to move the set-returning function into a LATERAL FROM item.";
    Err(Error::new(code::FEATURE_NOT_SUPPORTED, message).hint(hint))
}

/// `f(DISTINCT …)` of what is no aggregate, and `f(DISTINCT *)`.
fn distinct(call: &ast::Function) -> Result<()> {
    let ast::FunctionArguments::List(list) = &call.args else { return Ok(()) };
    if list.duplicate_treatment != Some(ast::DuplicateTreatment::Distinct) || call.over.is_some() {
        return Ok(());
    }
    let is_star =
        |argument: &ast::FunctionArg| matches!(argument, ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Wildcard));
    if list.args.iter().any(is_star) {
        return Err(Error::new(code::SYNTAX_ERROR, "syntax error at or near \"*\""));
    }
    if is_aggregate(call) {
        return Ok(());
    }
    let message = format!("DISTINCT specified, but {} is not an aggregate function", call.name);
    Err(Error::new(code::WRONG_OBJECT_TYPE, message))
}

/// Refuses expressions.
pub(super) fn expression(expression: &ast::Expr) -> Result<()> {
    match expression {
        // sqlparser takes any word for a column.
        ast::Expr::Identifier(name) if name.quote_style.is_none() && is_clause(&name.value) => {
            Err(Error::new(code::SYNTAX_ERROR, format!("syntax error at or near \"{}\"", name.value)))
        }
        ast::Expr::Function(call) => distinct(call),
        ast::Expr::Value(value) => match &value.value {
            ast::Value::SingleQuotedByteStringLiteral(_) => Err(unsupported("a bit string (B'…')")),
            ast::Value::HexStringLiteral(_) => Err(unsupported("a bit string (X'…')")),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

fn unsupported(what: &str) -> Error {
    Error::unsupported(format!("{what} is not supported"))
}

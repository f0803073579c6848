//! Hypothetical-set aggregates: `rank(a) WITHIN GROUP (ORDER BY x)` is one more than the number of rows that sort before `a`. They become
//! counts, which views maintain.

use datafusion::sql::sqlparser::ast::{self, BinaryOperator};

use super::operator::operation;
use super::{call, take, text};
use crate::error::{Error, Result, code};

/// Rewrites the call if it is one. Errors: 42883 unless there are as many values as columns to order by.
pub(super) fn rewrite(expression: &mut ast::Expr) -> Result<()> {
    let ast::Expr::Function(function) = expression else { return Ok(()) };
    let name = function.name.to_string().to_ascii_lowercase();
    let is_one = ["rank", "dense_rank", "percent_rank", "cume_dist"].contains(&name.as_str());
    if !is_one || function.within_group.is_empty() || function.over.is_some() {
        return Ok(());
    }
    let Some(values) = values(function) else { return Ok(()) };
    let order = std::mem::take(&mut function.within_group);
    if values.len() != order.len() {
        let message = format!("function {name} with {} values does not exist", values.len());
        let hint = format!("WITHIN GROUP orders by {} columns: {name} takes as many values", order.len());
        return Err(Error::new(code::UNDEFINED_FUNCTION, message).hint(hint));
    }
    let filter = function.filter.take().map(|filter| *filter);
    let keys: Vec<Key> = order.into_iter().zip(values).map(Key::new).collect();
    *expression = ast::Expr::Nested(Box::new(match name.as_str() {
        "rank" => plus(count(None, Some(before(&keys)), &filter), number("1")),
        "dense_rank" => plus(distinct(keys, &filter)?, number("1")),
        "percent_rank" => {
            let preceding = double(count(None, Some(before(&keys)), &filter));
            let all = call("nullif", [count(None, None, &filter), number("0")]);
            let ratio = operation(preceding, BinaryOperator::Divide, double(all));
            call("coalesce", [ratio, double(number("0"))])
        }
        _ => {
            let upto = operation(nested(before(&keys)), BinaryOperator::Or, nested(same(&keys)));
            let upto = nested(plus(count(None, Some(upto), &filter), number("1")));
            let all = nested(plus(count(None, None, &filter), number("1")));
            operation(double(upto), BinaryOperator::Divide, double(all))
        }
    }));
    Ok(())
}

/// The arguments of a call; `None` if one of them has a name.
fn values(function: &ast::Function) -> Option<Vec<ast::Expr>> {
    let ast::FunctionArguments::List(list) = &function.args else { return None };
    let value = |argument: &ast::FunctionArg| match argument {
        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(value)) => Some(value.clone()),
        _ => None,
    };
    list.args.iter().map(value).collect()
}

/// A column of the rows with the hypothetical row's value.
struct Key {
    column: ast::Expr,
    value: ast::Expr,
    descending: bool,
    nulls_first: bool,
}

impl Key {
    fn new((order, value): (ast::OrderByExpr, ast::Expr)) -> Key {
        let descending = order.options.asc == Some(false);
        let nulls_first = order.options.nulls_first.unwrap_or(descending);
        Key { column: nested(order.expr), value: nested(value), descending, nulls_first }
    }

    /// That the column sorts before the value.
    fn precedes(&self) -> ast::Expr {
        let op = if self.descending { BinaryOperator::Gt } else { BinaryOperator::Lt };
        let is_null = |side: &ast::Expr| ast::Expr::IsNull(Box::new(side.clone()));
        let is_not_null = |side: &ast::Expr| ast::Expr::IsNotNull(Box::new(side.clone()));
        let by_null = match self.nulls_first {
            true => operation(is_null(&self.column), BinaryOperator::And, is_not_null(&self.value)),
            false => operation(is_not_null(&self.column), BinaryOperator::And, is_null(&self.value)),
        };
        let compared = operation(self.column.clone(), op, self.value.clone());
        nested(operation(compared, BinaryOperator::Or, nested(by_null)))
    }

    fn equals(&self) -> ast::Expr {
        ast::Expr::IsNotDistinctFrom(Box::new(self.column.clone()), Box::new(self.value.clone()))
    }
}

fn before(keys: &[Key]) -> ast::Expr {
    let mut whole: Option<ast::Expr> = None;
    for key in keys.iter().rev() {
        whole = Some(nested(match whole {
            None => key.precedes(),
            Some(rest) => operation(
                key.precedes(),
                BinaryOperator::Or,
                nested(operation(key.equals(), BinaryOperator::And, rest)),
            ),
        }));
    }
    whole.unwrap_or_else(|| ast::Expr::value(ast::Value::Boolean(false)))
}

fn same(keys: &[Key]) -> ast::Expr {
    let whole = keys.iter().map(Key::equals).reduce(|left, right| operation(left, BinaryOperator::And, right));
    whole.unwrap_or_else(|| ast::Expr::value(ast::Value::Boolean(true)))
}

/// How many different values precede; NULL is one of them.
fn distinct(mut keys: Vec<Key>, filter: &Option<ast::Expr>) -> Result<ast::Expr> {
    let precedes = before(&keys);
    let [key] = keys.as_mut_slice() else {
        return Err(Error::unsupported("dense_rank over several columns WITHIN GROUP is not supported"));
    };
    let column = take(&mut key.column);
    let is_null = ast::Expr::IsNull(Box::new(column.clone()));
    let mut nulls = call("bool_or", [is_null]);
    filtered(&mut nulls, Some(precedes.clone()), filter);
    let case = ast::Expr::Case {
        case_token: ast::helpers::attached_token::AttachedToken::empty(),
        end_token: ast::helpers::attached_token::AttachedToken::empty(),
        operand: None,
        conditions: vec![ast::CaseWhen { condition: nulls, result: number("1") }],
        else_result: Some(Box::new(number("0"))),
    };
    Ok(plus(count(Some(column), Some(precedes), filter), case))
}

/// `count(*)` or `count(DISTINCT column)` of the rows that fulfil both conditions.
fn count(column: Option<ast::Expr>, condition: Option<ast::Expr>, filter: &Option<ast::Expr>) -> ast::Expr {
    let mut counted = call("count", column);
    if let ast::Expr::Function(ast::Function { args: ast::FunctionArguments::List(list), .. }) = &mut counted {
        match list.args.is_empty() {
            true => list.args.push(ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Wildcard)),
            false => list.duplicate_treatment = Some(ast::DuplicateTreatment::Distinct),
        }
    }
    filtered(&mut counted, condition, filter);
    counted
}

fn filtered(aggregate: &mut ast::Expr, condition: Option<ast::Expr>, filter: &Option<ast::Expr>) {
    let both = match (condition, filter.clone()) {
        (Some(condition), Some(filter)) => Some(operation(nested(filter), BinaryOperator::And, nested(condition))),
        (condition, filter) => condition.or(filter),
    };
    if let ast::Expr::Function(function) = aggregate {
        function.filter = both.map(Box::new);
    }
}

fn plus(left: ast::Expr, right: ast::Expr) -> ast::Expr {
    operation(left, BinaryOperator::Plus, right)
}

fn number(digits: &str) -> ast::Expr {
    ast::Expr::value(ast::Value::Number(digits.to_string(), false))
}

fn double(value: ast::Expr) -> ast::Expr {
    call("cast", [value, text("double precision")])
}

fn nested(expression: ast::Expr) -> ast::Expr {
    ast::Expr::Nested(Box::new(expression))
}

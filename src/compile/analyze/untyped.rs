//! Constants without a type in IN lists, BETWEEN and beside the values of `lag` and `lead`: they are read as what they stand beside, as
//! PostgreSQL does it. The planner has read those of single comparisons already.

use datafusion::common::DFSchema;
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::expr::{Between, BinaryExpr, InList};
use datafusion::logical_expr::{Operator, WindowFunctionDefinition};
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;

use super::tag;
use super::types::alike;
use crate::compile::function::condition::common_type::{Branch, unified};
use crate::compile::function::in_list::depends;
use crate::compile::function::{beside, cast_to};
use crate::types::SqlType;

/// Whether an expression is a constant text.
pub(super) fn is_constant_text(side: &Expr) -> bool {
    matches!(side, Expr::Literal(ScalarValue::Utf8(Some(_)), None))
}

/// `x IN (…)`: two constants and more are of one type with `x`, items of the rows are each compared with `x`.
pub(super) fn in_list(list: InList, schema: &DFSchema) -> Expr {
    let InList { expr, list, negated } = list;
    if !list.iter().chain([expr.as_ref()]).any(is_constant_text) {
        return listed(*expr, list, negated, schema);
    }
    let (varying, constants): (Vec<Expr>, Vec<Expr>) = list.into_iter().partition(depends);
    let common = common_type(constants.iter().chain([expr.as_ref()]), schema).filter(|_| constants.len() > 1);
    if !is_constant_text(&expr) {
        let kind = common.or_else(|| tag::sql_type(&expr, schema));
        let constants = constants.into_iter().map(|item| read(item, kind.as_ref()));
        return listed(*expr, constants.chain(varying).collect(), negated, schema);
    }
    let (single, several) = if constants.len() > 1 { (Vec::new(), constants) } else { (constants, Vec::new()) };
    let among = (!several.is_empty()).then(|| {
        let several = several.into_iter().map(|item| read(item, common.as_ref())).collect();
        listed(read(expr.as_ref().clone(), common.as_ref()), several, false, schema)
    });
    let equal =
        single.into_iter().chain(varying).map(|item| compared(expr.as_ref().clone(), Operator::Eq, item, schema));
    let found = among.into_iter().chain(equal).reduce(Expr::or).unwrap_or_default();
    if negated { Expr::Not(Box::new(found)) } else { found }
}

/// An IN list of numbers of one type each, or of values that have one already.
fn listed(value: Expr, list: Vec<Expr>, negated: bool, schema: &DFSchema) -> Expr {
    let mut sides = alike(std::iter::once(value).chain(list).collect(), schema).into_iter();
    let tested = sides.next().map(Box::new).unwrap_or_default();
    Expr::InList(InList::new(tested, sides.collect(), negated))
}

/// `x BETWEEN low AND high`. A constant `x` is read as each of the others.
pub(super) fn between(test: Between, schema: &DFSchema) -> Expr {
    let Between { expr, negated, low, high } = test;
    if is_constant_text(&expr) {
        let (above, below) = match negated {
            true => (Operator::Lt, Operator::Gt),
            false => (Operator::GtEq, Operator::LtEq),
        };
        let (low, high) = (compared(*expr.clone(), above, *low, schema), compared(*expr, below, *high, schema));
        return if negated { low.or(high) } else { low.and(high) };
    }
    let kind = tag::sql_type(&expr, schema);
    let sides = vec![*expr, read(*low, kind.as_ref()), read(*high, kind.as_ref())];
    let mut sides = alike(sides, schema).into_iter().map(Box::new);
    let mut next = || sides.next().unwrap_or_default();
    Expr::Between(Between::new(next(), negated, next(), next()))
}

/// `lag(value, offset, default)` with both of one type if the default has none.
pub(super) fn with_default(
    function: &WindowFunctionDefinition,
    arguments: &mut [Expr],
    schema: &DFSchema,
) -> PlanResult<()> {
    let [value, _, default] = arguments else { return Ok(()) };
    if !["lag", "lead"].contains(&function.name()) || !is_constant_text(default) {
        return Ok(());
    }
    let mut sides = unified(vec![std::mem::take(value), std::mem::take(default)], schema)?.into_iter();
    (*value, *default) = (sides.next().unwrap_or_default(), sides.next().unwrap_or_default());
    Ok(())
}

/// A comparison of which the left side is a constant text.
fn compared(left: Expr, operator: Operator, right: Expr, schema: &DFSchema) -> Expr {
    let (right, left) = beside(right.clone(), tag::sql_type(&right, schema), left);
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right)))
}

/// A constant text as a value of a type; other expressions as they are.
fn read(item: Expr, kind: Option<&SqlType>) -> Expr {
    match kind {
        Some(kind) if is_constant_text(&item) && kind.is_numeric() => {
            beside(Expr::default(), Some(SqlType::Numeric(1, 0)), item).1
        }
        Some(kind) if is_constant_text(&item) && !kind.is_text() => cast_to(item, &kind.of_constants()),
        Some(kind @ SqlType::Char(_)) if is_constant_text(&item) => cast_to(item, &kind.of_constants()),
        _ => item,
    }
}

/// The type that all have in common, if there is one.
fn common_type<'a>(values: impl Iterator<Item = &'a Expr>, schema: &DFSchema) -> Option<SqlType> {
    let branch = |value: &Expr| {
        let constant = match value {
            Expr::Literal(constant, _) if is_constant_text(value) => Some(constant.clone()),
            _ => None,
        };
        Branch::new(tag::sql_type(value, schema), constant)
    };
    let branches: Vec<Branch> = values.map(branch).collect();
    Branch::common_type(&branches, "IN").ok()
}

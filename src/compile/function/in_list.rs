//! `in(x, 'a', …)`: what `x IN ('a', …)` becomes. The constants are read as values of the type of `x`, as PostgreSQL does it.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::arrow::compute::kernels::cmp::eq;
use datafusion::arrow::compute::or_kleene;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::ExprSchemable;
use datafusion::logical_expr::expr::{InList, ScalarFunction};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::prelude::{Expr, lit};

use super::definition::{Argument, Call, Definition, Types};
use crate::error::{Error, Result};
use crate::types::SqlType;

pub(super) static DEFINITION: Definition = Definition::immutable("in", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    let Some(value) = arguments.first() else { return Ok(None) };
    Ok(Some((vec![value.or_text(); arguments.len()], SqlType::Boolean)))
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let (value, list) = call.arguments.split_first().ok_or_else(|| Error::internal("IN needs a value"))?;
    let mut found = BooleanArray::from(vec![false; call.rows]);
    for constant in list {
        let same = eq(value, constant).and_then(|same| or_kleene(&found, &same));
        found = same.map_err(|error| Error::internal(error.to_string()))?;
    }
    Ok(Arc::new(found))
}

/// The call as DataFusion's IN, which finds values faster.
pub(super) fn as_list(definition: &'static Definition, arguments: &[Expr], info: &SimplifyContext) -> Option<Expr> {
    let (value, list) = arguments.split_first().filter(|_| std::ptr::eq(definition, &DEFINITION))?;
    let (_, field) = value.to_field(info.schema().as_ref()).ok()?;
    let sql_type = SqlType::of(&field);
    let typed = |constant: &Expr| match &sql_type {
        SqlType::Text | SqlType::Varchar(_) => constant.clone(),
        other => {
            let arguments = vec![constant.clone(), lit(other.of_constants().spelled())];
            Expr::ScalarFunction(ScalarFunction::new_udf(
                Arc::new(super::function(&super::cast::DEFINITION)),
                arguments,
            ))
        }
    };
    // A list of another Arrow type would be compared as texts.
    let is_plain = *field.data_type() == sql_type.arrow();
    let list = || InList::new(Box::new(value.clone()), list.iter().map(typed).collect(), false);
    is_plain.then(|| of_constants(Expr::InList(list())).data)
}

/// Whether an item of a list may have another value in another row.
pub(in crate::compile) fn depends(item: &Expr) -> bool {
    // A subquery becomes a column, and may become a CASE.
    let is_open = |part: &Expr| Ok(matches!(part, Expr::ScalarSubquery(_) | Expr::Case(_)));
    item.any_column_refs() || item.contains_outer() || item.exists(is_open).unwrap_or(true)
}

/// A list with comparisons in place of what is not constant: DataFusion takes for constant what is one value in no rows, such as
/// `CASE WHEN x > 5 THEN 'a' END`.
pub(in crate::compile) fn of_constants(expression: Expr) -> Transformed<Expr> {
    let Expr::InList(InList { expr, list, negated }) = expression else { return Transformed::no(expression) };
    let (others, constants): (Vec<Expr>, Vec<Expr>) = list.into_iter().partition(depends);
    if others.is_empty() {
        return Transformed::no(Expr::InList(InList { expr, list: constants, negated }));
    }
    let among = (!constants.is_empty()).then(|| Expr::InList(InList::new(expr.clone(), constants, false)));
    let found = among.into_iter().chain(others.into_iter().map(|item| expr.as_ref().clone().eq(item)));
    let found = found.reduce(Expr::or).unwrap_or_else(|| lit(false));
    Transformed::yes(if negated { Expr::Not(Box::new(found)) } else { found })
}

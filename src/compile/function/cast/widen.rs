//! `numeric(x)`: the same number as a numeric of any size, for expressions whose values do not all have one scale. Queries do not name it.

use std::sync::Arc;

use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::prelude::Expr;

use super::super::definition::{Argument, Definition, Types};
use super::convert;
use crate::types::SqlType;

pub(in crate::compile) static DEFINITION: Definition =
    Definition::immutable("numeric", types, |call| Ok(Arc::clone(&call.arguments[0])));

/// The expression as a numeric of any size.
pub(in crate::compile) fn widened(expression: Expr) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(super::super::udf(&DEFINITION), vec![expression]))
}

fn types(arguments: &[Argument]) -> Types {
    let [value] = arguments else { return Ok(None) };
    let from = value.sql_type.as_ref();
    Ok(from
        .is_none_or(|from| convert::exists(from, &SqlType::NUMERIC))
        .then(|| (vec![SqlType::NUMERIC], SqlType::NUMERIC)))
}

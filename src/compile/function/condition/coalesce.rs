//! `coalesce(a, b, …)`: the first value that is not NULL. It becomes a CASE, so that what comes after that value is not computed.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::is_not_null;
use datafusion::arrow::compute::kernels::zip::zip;
use datafusion::logical_expr::ExprSchemable;
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::prelude::Expr;

use super::super::definition::{Argument, Call, Definition, Types};
use super::super::order;
use super::common_type::common_type;
use crate::error::{Error, Result};
use crate::types::SqlType;

pub(in crate::compile::function) static DEFINITION: Definition = Definition::immutable("coalesce", types, evaluate);

fn types(arguments: &[Argument]) -> Types {
    if arguments.is_empty() {
        return Ok(None);
    }
    let common = common_type(arguments, "COALESCE")?;
    Ok(Some((vec![common.clone(); arguments.len()], common)))
}

fn evaluate(call: &Call) -> Result<ArrayRef> {
    let internal = |error: datafusion::arrow::error::ArrowError| Error::internal(error.to_string());
    let mut values = call.arguments.iter().rev();
    let mut chosen = values.next().map(Arc::clone).ok_or_else(|| Error::internal("COALESCE needs a value"))?;
    for value in values {
        chosen = zip(&is_not_null(value).map_err(internal)?, value, &chosen).map_err(internal)?;
    }
    Ok(chosen)
}

/// The call as a CASE.
pub(in super::super) fn as_case(
    definition: &'static Definition,
    arguments: &[Expr],
    info: &SimplifyContext,
) -> Option<Expr> {
    let (last, before) = arguments.split_last().filter(|_| std::ptr::eq(definition, &DEFINITION))?;
    let described: Vec<Argument> = arguments
        .iter()
        .map(|argument| {
            let (_, field) = argument.to_field(info.schema().as_ref()).ok()?;
            Some(Argument::of((!field.data_type().is_null()).then(|| SqlType::of(&field)), argument))
        })
        .collect::<Option<_>>()?;
    let common = common_type(&described, "COALESCE").ok()?;
    let typed = |argument: &Expr| super::super::cast::to_type(argument.clone(), &common);
    let branches = before.iter().map(|value| (Box::new(value.clone().is_not_null()), Box::new(typed(value)))).collect();
    // DataFusion forgets the type of a CASE where Arrow does not tell it.
    Some(order::tagged::tagged(Expr::Case(Case::new(None, branches, Some(Box::new(typed(last))))), &common))
}

//! `tagged(x, 'type')`: the same values as a type that Arrow does not tell from text, where DataFusion forgot it: the results of CASE,
//! COALESCE, `min` and the like.

use std::sync::Arc;

use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::prelude::{Expr, lit};

use super::super::definition::{Argument, Definition, Types};
use crate::types::SqlType;

pub(in crate::compile) static DEFINITION: Definition =
    Definition::immutable("tagged", types, |call| Ok(Arc::clone(&call.arguments[0])));

/// The same value as a type that is kept as text; other types tell themselves.
pub(in crate::compile) fn tagged(expression: Expr, sql_type: &SqlType) -> Expr {
    match sql_type {
        SqlType::Jsonb | SqlType::Json | SqlType::Uuid | SqlType::Char(_) | SqlType::Enum(_) => {
            let arguments = vec![expression, lit(sql_type.spelled())];
            Expr::ScalarFunction(ScalarFunction::new_udf(super::super::udf(&DEFINITION), arguments))
        }
        _ => expression,
    }
}

fn types(arguments: &[Argument]) -> Types {
    let [_, name] = arguments else { return Ok(None) };
    if let Some(found @ SqlType::Enum(_)) = name.text.as_deref().and_then(SqlType::read_name) {
        return Ok(Some((vec![found.clone(), SqlType::Text], found)));
    }
    let known = [SqlType::Jsonb, SqlType::Json, SqlType::Uuid];
    if let Some(SqlType::Char(length)) = name.text.as_deref().and_then(super::super::cast::type_of) {
        let target = SqlType::Char(length);
        return Ok(Some((vec![target.clone(), SqlType::Text], target)));
    }
    let target = known.into_iter().find(|known| name.text.as_deref() == Some(&known.to_string()));
    Ok(target.map(|target| (vec![SqlType::Text, SqlType::Text], target)))
}

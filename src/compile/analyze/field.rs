//! What an expression's values are, as DataFusion tells it but without the names of the expression's parts: DataFusion puts them together
//! anew at every level, which takes time cubic in the depth of an expression.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Column, DFSchema};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::expr::{BinaryExpr, ScalarFunction};
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{ExprSchemable, Operator, ReturnFieldArgs};
use datafusion::prelude::Expr;

use crate::compile::parse::is_merged;
use crate::types::SqlType;

/// The type of an expression with what Arrow does not tell of it; its name has no meaning.
pub(in crate::compile) fn field_of(expression: &Expr, schema: &DFSchema) -> PlanResult<FieldRef> {
    match expression {
        Expr::ScalarFunction(ScalarFunction { func, args }) => {
            let fields = args.iter().map(|part| field_of(part, schema)).collect::<PlanResult<Vec<_>>>()?;
            let fields = if fields.is_empty() { fields } else { fields_with_udf(&fields, func.as_ref())? };
            let constant = |part: &Expr| match part {
                Expr::Literal(value, _) => Some(value.clone()),
                _ => None,
            };
            let constants: Vec<_> = args.iter().map(constant).collect();
            let scalars: Vec<_> = constants.iter().map(Option::as_ref).collect();
            func.return_field_from_args(ReturnFieldArgs { arg_fields: &fields, scalar_arguments: &scalars })
        }
        Expr::Cast(cast) if !is_textual(cast.field.data_type()) => Ok(plain(cast.field.data_type().clone())),
        Expr::BinaryExpr(BinaryExpr { op, .. }) if is_condition(*op) => Ok(plain(DataType::Boolean)),
        Expr::Column(column) => column_of(column, schema),
        other => Ok(other.to_field(schema)?.1),
    }
}

/// The column, or the columns of one type that USING is about to merge, or what it has merged already.
fn column_of(column: &Column, schema: &DFSchema) -> PlanResult<FieldRef> {
    let found = Expr::Column(column.clone()).to_field(schema);
    if found.is_ok() || column.relation.is_some() {
        return Ok(found?.1);
    }
    let named = schema.qualified_fields_with_unqualified_name(&column.name);
    let mut types = named.iter().map(|(_, field)| SqlType::of(field));
    let first = types.next();
    match named.first() {
        Some((table, field)) if table.is_some_and(is_merged) || types.all(|other| Some(other) == first) => {
            Ok(Arc::clone(field))
        }
        _ => Ok(found?.1),
    }
}

/// The Arrow type of an expression.
pub(in crate::compile) fn type_of(expression: &Expr, schema: &DFSchema) -> PlanResult<DataType> {
    Ok(field_of(expression, schema)?.data_type().clone())
}

fn plain(kind: DataType) -> FieldRef {
    Arc::new(Field::new("", kind, true))
}

/// Whether types of SQL share an Arrow type, so that only the value tells.
fn is_textual(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::List(_) | DataType::Struct(_))
}

fn is_condition(op: Operator) -> bool {
    matches!(op, Operator::And | Operator::Or) || super::types::compares(op)
}

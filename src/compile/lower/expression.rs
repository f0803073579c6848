//! Logical expressions → compiled ones, with the text that EXPLAIN and error rows show.

use std::sync::Arc;

use datafusion::arrow::datatypes::FieldRef;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, DFSchemaRef, TableReference};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::ExprSchemable;
use datafusion::physical_expr::create_physical_expr;
use datafusion::prelude::Expr;
use datafusion::sql::unparser::Unparser;
use datafusion::sql::unparser::dialect::{Dialect, PostgreSqlDialect};

use super::Lowering;
use crate::compile::analyze::as_operator;
use crate::compile::expr::Expression;
use crate::compile::parse::shown_name;
use crate::error::Result;

impl Lowering<'_> {
    /// Compiles an expression over the columns of `schema`; the output column is called `name`.
    pub(super) fn expression(&self, expression: &Expr, schema: &DFSchema, name: &str) -> Result<Expression> {
        let expression = expression.clone().unalias_nested().data;
        let (_, field) = expression.to_field(schema).map_err(|failure| self.failure(failure))?;
        let field = Arc::new(field.as_ref().clone().with_name(name).with_nullable(true));
        let mut properties = ExecutionProps::new();
        properties.config_options = Some(Arc::clone(self.state.config_options()));
        let physical = create_physical_expr(&expression, schema, &properties, &PhysicalPlanningContext::default())
            .map_err(|failure| self.failure(failure))?;
        Ok(Expression::new(text(&expression), field, physical))
    }

    /// A schema of qualified fields.
    pub(super) fn schema(&self, fields: Vec<(Option<TableReference>, FieldRef)>) -> Result<DFSchemaRef> {
        let schema = DFSchema::new_with_metadata(fields, std::collections::HashMap::new());
        Ok(Arc::new(schema.map_err(|failure| self.failure(failure))?))
    }
}

/// An expression as SQL: columns without their tables, as few parentheses as it needs.
pub(super) fn text(expression: &Expr) -> String {
    let plain = expression.clone().transform_up(|part| {
        if let Some(operator) = as_operator(&part) {
            return Ok(Transformed::yes(operator));
        }
        Ok(match part {
            Expr::Column(column) => Transformed::yes(Expr::Column(Column::new_unqualified(shown_name(&column.name)))),
            other => Transformed::no(other),
        })
    });
    let plain = plain.map_or_else(|_| expression.clone(), |plain| plain.data);
    let sql = Unparser::new(&Plain(PostgreSqlDialect {})).with_pretty(true).expr_to_sql(&plain);
    sql.map_or_else(|_| plain.human_display().to_string(), |sql| sql.to_string())
}

/// PostgreSQL's SQL, with quotes only around names that need them.
struct Plain(PostgreSqlDialect);

impl Dialect for Plain {
    fn identifier_quote_style(&self, identifier: &str) -> Option<char> {
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
        let starts = identifier.starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '_');
        if starts && identifier.chars().all(plain) { None } else { self.0.identifier_quote_style(identifier) }
    }
}

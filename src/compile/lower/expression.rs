//! Logical expressions → compiled ones, with the text that EXPLAIN and error rows show.

use std::sync::Arc;

use datafusion::arrow::datatypes::FieldRef;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, DFSchemaRef, TableReference};
use datafusion::logical_expr::ExprSchemable;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::physical_expr::create_physical_expr;
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;
use datafusion::sql::unparser::Unparser;
use datafusion::sql::unparser::dialect::{Dialect, PostgreSqlDialect};

use super::Lowering;
use crate::compile::analyze::as_operator;
use crate::compile::explain::column_text;
use crate::compile::expr::Expression;
use crate::compile::function::as_syntax;
use crate::compile::function::attempt::with_attempts;
use crate::compile::plan::Plan;
use crate::decimal::encoding;
use crate::error::Result;

impl Lowering<'_> {
    /// Compiles an expression over the columns of `input`, which `schema` names; the output column is called `name`.
    pub(super) fn expression(
        &self,
        expression: &Expr,
        schema: &DFSchema,
        input: &Plan,
        name: &str,
    ) -> Result<Expression> {
        let expression = expression.clone().unalias_nested().data;
        let (_, field) = expression.to_field(schema).map_err(|failure| self.failure(failure))?;
        let field = Arc::new(field.as_ref().clone().with_name(name).with_nullable(true));
        let mut properties = ExecutionProps::new();
        properties.config_options = Some(Arc::clone(self.state.config_options()));
        let physical = create_physical_expr(&expression, schema, &properties, &PhysicalPlanningContext::default())
            .map_err(|failure| self.failure(failure))?;
        let physical = with_attempts(physical).map_err(|failure| self.failure(failure))?;
        Ok(Expression::new(text(&expression, schema, input), field, physical))
    }

    /// A schema of qualified fields.
    pub(super) fn schema(&self, fields: Vec<(Option<TableReference>, FieldRef)>) -> Result<DFSchemaRef> {
        let schema = DFSchema::new_with_metadata(fields, std::collections::HashMap::new());
        Ok(Arc::new(schema.map_err(|failure| self.failure(failure))?))
    }
}

/// An expression as SQL: columns as the query made them, without their tables.
fn text(expression: &Expr, schema: &DFSchema, input: &Plan) -> String {
    // The unparser only takes names for columns, but a column may stand for an expression that is computed below: names that
    // nothing else has are put in first, and the expressions for them afterwards.
    let mut columns: Vec<String> = Vec::new();
    let marked = expression.clone().transform_up(|part| {
        if let Some(syntax) = as_operator(&part).or_else(|| as_syntax(&part)) {
            return Ok(Transformed::yes(syntax));
        }
        if let Expr::Literal(ScalarValue::LargeBinary(Some(bytes)), _) = &part {
            columns.push(numeric_text(bytes));
            return Ok(Transformed::yes(Expr::Column(Column::new_unqualified(mark(columns.len() - 1)))));
        }
        let Expr::Column(column) = &part else { return Ok(Transformed::no(part)) };
        let Some(at) = schema.maybe_index_of_column(column) else { return Ok(Transformed::no(part)) };
        columns.push(column_text(input, at));
        Ok(Transformed::yes(Expr::Column(Column::new_unqualified(mark(columns.len() - 1)))))
    });
    let marked = marked.map_or_else(|_| expression.clone(), |marked| marked.data);
    let whole = matches!(marked, Expr::Column(_));
    let sql = Unparser::new(&Plain(PostgreSqlDialect {})).with_pretty(true).expr_to_sql(&marked);
    let mut text = sql.map_or_else(|_| marked.human_display().to_string(), |sql| sql.to_string());
    // Backwards, so that the tenth mark is not taken for the first one.
    for (at, column) in columns.iter().enumerate().rev() {
        let column = if whole || is_simple(column) { column.clone() } else { format!("({column})") };
        text = text.replace(&mark(at), &column);
    }
    text
}

/// A numeric of any size as SQL.
fn numeric_text(bytes: &[u8]) -> String {
    let value = encoding::read(bytes);
    if value.number().is_some() { value.to_string() } else { format!("'{value}'::numeric") }
}

fn mark(at: usize) -> String {
    format!("__column_{at}")
}

/// Whether a text can stand beside an operator without parentheses: no blank outside of parentheses and quotes.
fn is_simple(text: &str) -> bool {
    let (mut depth, mut quoted) = (0, false);
    for letter in text.chars() {
        match letter {
            '\'' | '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            ' ' if !quoted && depth == 0 => return false,
            _ => {}
        }
    }
    true
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

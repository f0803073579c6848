//! Logical expressions → compiled ones, with the text that EXPLAIN and error rows show.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
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
use crate::compile::literal::{literal, type_name};
use crate::compile::plan::Plan;
use crate::error::Result;
use crate::types::SqlType;

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
        // DataFusion casts numbers to what it computes with, and knows no type without digits.
        let is_implicit = matches!(&part, Expr::Cast(_));
        let part = as_operator(&part).or_else(|| as_syntax(&part)).unwrap_or(part);
        let shown = match &part {
            // Functions are shown as syntax by their texts and numbers, which the unparser writes as SQL.
            Expr::Literal(value, _) if is_written_alike(value) => return Ok(Transformed::yes(part)),
            Expr::Literal(value, metadata) => literal(value, metadata.as_ref()),
            // The marks in it are older than its own.
            Expr::Cast(cast) => {
                let target = SqlType::of(&cast.field);
                let target = if is_implicit && target.is_numeric() { SqlType::NUMERIC } else { target };
                let (value, target) = (sql(&cast.expr), type_name(&target));
                if is_simple(&value) { format!("{value}::{target}") } else { format!("({value})::{target}") }
            }
            Expr::Column(column) => match schema.maybe_index_of_column(column) {
                Some(at) => column_text(input, at),
                None => return Ok(Transformed::yes(part)),
            },
            _ => return Ok(Transformed::yes(part)),
        };
        columns.push(shown);
        Ok(Transformed::yes(Expr::Column(Column::new_unqualified(mark(columns.len() - 1)))))
    });
    let marked = marked.map_or_else(|_| expression.clone(), |marked| marked.data);
    let whole = matches!(marked, Expr::Column(_));
    let mut text = sql(&marked);
    // Backwards, so that the tenth mark is not taken for the first one.
    for (at, column) in columns.iter().enumerate().rev() {
        let is_outermost = whole && at + 1 == columns.len();
        let column = if is_outermost || is_simple(column) { column.clone() } else { format!("({column})") };
        text = text.replace(&mark(at), &column);
    }
    text
}

fn sql(expression: &Expr) -> String {
    let sql = Unparser::new(&Plain(PostgreSqlDialect {})).with_pretty(true).expr_to_sql(expression);
    sql.map_or_else(|_| expression.human_display().to_string(), |sql| sql.to_string())
}

fn is_written_alike(value: &ScalarValue) -> bool {
    matches!(value.data_type(), DataType::Utf8 | DataType::Boolean | DataType::Null) || value.data_type().is_integer()
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

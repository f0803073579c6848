//! `SET column.field = value` → `SET column = with_field(column, 'field', value)`; several fields of a column become one assignment.

use datafusion::sql::sqlparser::ast;

use super::grammar::folded_ident;
use super::rewrite::{call, text};
use crate::error::{Error, Result, code};

/// The assignments with columns for fields; `table` is what the columns are qualified with.
pub(super) fn merged(assignments: Vec<ast::Assignment>, table: &ast::ObjectName) -> Result<Vec<ast::Assignment>> {
    let mut merged: Vec<ast::Assignment> = Vec::with_capacity(assignments.len());
    // For each assignment, the column whose fields it sets.
    let mut columns: Vec<Option<String>> = Vec::new();
    for assignment in assignments {
        let Some((column, fields)) = field(&assignment.target) else {
            merged.push(assignment);
            columns.push(None);
            continue;
        };
        let name = folded_ident(&column);
        let earlier = columns.iter().position(|other| other.as_ref() == Some(&name));
        let row = match earlier {
            Some(at) => merged[at].value.clone(),
            None => {
                let parts = table.0.iter().filter_map(|part| part.as_ident()).chain([&column]);
                ast::Expr::CompoundIdentifier(parts.cloned().collect())
            }
        };
        let value = with_field(row, &fields, assignment.value)?;
        match earlier {
            Some(at) => merged[at].value = value,
            None => {
                let target = ast::AssignmentTarget::ColumnName(column.into());
                merged.push(ast::Assignment { target, value });
                columns.push(Some(name));
            }
        }
    }
    Ok(merged)
}

/// The column and the fields that a target names; `None` if it is a column, or several.
fn field(target: &ast::AssignmentTarget) -> Option<(ast::Ident, Vec<ast::Ident>)> {
    let ast::AssignmentTarget::ColumnName(name) = target else { return None };
    let mut parts = name.0.iter().filter_map(|part| part.as_ident()).cloned();
    let column = parts.next()?;
    let fields: Vec<ast::Ident> = parts.collect();
    (!fields.is_empty()).then_some((column, fields))
}

/// The row with another value in a field, or in a field of a field.
fn with_field(row: ast::Expr, fields: &[ast::Ident], value: ast::Expr) -> Result<ast::Expr> {
    let Some((field, inner)) = fields.split_first() else { return Ok(value) };
    if matches!(&value, ast::Expr::Identifier(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("default"))
    {
        return Err(Error::new(code::FEATURE_NOT_SUPPORTED, "cannot set a subfield to DEFAULT"));
    }
    let name = folded_ident(field);
    let before = call("field", [row.clone(), text(&name)]);
    let value = with_field(before, inner, value)?;
    Ok(call("with_field", [row, text(name), value]))
}

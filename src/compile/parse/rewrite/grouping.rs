//! `ROLLUP`, `CUBE` and what is nested in `GROUPING SETS` → a plain list of sets, with positions replaced by the columns that they
//! stand for: the planner knows neither columns in parentheses nor positions there.

use datafusion::sql::sqlparser::ast;

use crate::error::{Error, Result, code};

/// Grouping sets of one clause at most, as in PostgreSQL.
const SETS_MAX: usize = 4_096;
/// Elements of a CUBE at most, as in PostgreSQL.
const CUBE_ELEMENTS_MAX: usize = 12;
/// SQLSTATE of more.
const TOO_MANY_COLUMNS: &str = "54011";

/// Rewrites the GROUP BY of the SELECTs that `body` is made of; subqueries are visited on their own.
pub(super) fn rewrite(body: &mut ast::SetExpr) -> Result<()> {
    match body {
        ast::SetExpr::Select(select) => {
            let ast::GroupByExpr::Expressions(keys, _) = &mut select.group_by else { return Ok(()) };
            *keys = std::mem::take(keys).into_iter().flat_map(columns).collect();
            for key in keys {
                if let Some(mut sets) = sets(key)? {
                    for element in sets.iter_mut().flatten() {
                        replace_position(element, &select.projection)?;
                    }
                    *key = ast::Expr::GroupingSets(sets);
                }
            }
            Ok(())
        }
        ast::SetExpr::SetOperation { left, right, .. } => rewrite(left).and_then(|()| rewrite(right)),
        _ => Ok(()),
    }
}

/// Columns in parentheses stand for themselves, no columns for the one group of all rows.
fn columns(key: ast::Expr) -> Vec<ast::Expr> {
    match key {
        ast::Expr::Tuple(columns) if columns.is_empty() => vec![ast::Expr::GroupingSets(vec![Vec::new()])],
        ast::Expr::Tuple(columns) => columns,
        other => vec![other],
    }
}

/// The sets that a key stands for; `None` for a plain expression.
fn sets(key: &ast::Expr) -> Result<Option<Vec<Vec<ast::Expr>>>> {
    let sets = match key {
        ast::Expr::Rollup(elements) => rollup(elements),
        ast::Expr::Cube(elements) => cube(elements)?,
        ast::Expr::GroupingSets(members) => {
            let mut all = Vec::new();
            for member in members {
                match member.as_slice() {
                    [only] => match sets(only)? {
                        Some(nested) => all.extend(nested),
                        None => all.push(member.clone()),
                    },
                    _ => all.push(member.clone()),
                }
            }
            all
        }
        _ => return Ok(None),
    };
    if sets.len() > SETS_MAX {
        let message = format!("too many grouping sets present (maximum {SETS_MAX})");
        return Err(Error::new("54001", message));
    }
    Ok(Some(sets))
}

/// Each beginning of the elements, the longest first.
fn rollup(elements: &[Vec<ast::Expr>]) -> Vec<Vec<ast::Expr>> {
    (0..=elements.len()).rev().map(|length| elements[..length].concat()).collect()
}

/// Each choice of the elements.
fn cube(elements: &[Vec<ast::Expr>]) -> Result<Vec<Vec<ast::Expr>>> {
    if elements.len() > CUBE_ELEMENTS_MAX {
        return Err(Error::new(TOO_MANY_COLUMNS, format!("CUBE is limited to {CUBE_ELEMENTS_MAX} elements")));
    }
    let chosen = |choice: usize| (0..elements.len()).filter(move |at| choice >> (elements.len() - 1 - at) & 1 == 1);
    Ok((0..1_usize << elements.len())
        .rev()
        .map(|choice| chosen(choice).flat_map(|at| elements[at].iter().cloned()).collect())
        .collect())
}

/// A whole number stands for a column of the SELECT list.
fn replace_position(element: &mut ast::Expr, items: &[ast::SelectItem]) -> Result<()> {
    let ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::Number(number, _), .. }) = element else {
        return Ok(());
    };
    let Ok(position) = number.parse::<usize>() else { return Ok(()) };
    let wildcard =
        |item: &ast::SelectItem| matches!(item, ast::SelectItem::Wildcard(_) | ast::SelectItem::QualifiedWildcard(..));
    if items.iter().any(wildcard) {
        return Err(Error::unsupported("positions in grouping sets beside * are not supported"));
    }
    match position.checked_sub(1).and_then(|at| items.get(at)) {
        Some(ast::SelectItem::UnnamedExpr(item) | ast::SelectItem::ExprWithAlias { expr: item, .. }) => {
            *element = item.clone();
            Ok(())
        }
        _ => {
            let message = format!("GROUP BY position {position} is not in select list");
            Err(Error::new(code::INVALID_COLUMN_REFERENCE, message))
        }
    }
}

//! Whole numbers as PostgreSQL types them: integer if they fit, else bigint, else numeric. The planner makes all of them bigint; a number
//! in a dictionary, which PostgreSQL's grammar does not have, is given to a hook of ours instead (`function::planner`). So is a CASE, whose
//! type the planner forgets where Arrow does not tell it.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast;

/// Marks the numbers of a query that is rewritten. Those that stand for columns (ORDER BY 1) or are the planner's own (LIMIT) stay.
pub(super) fn mark(query: &mut ast::Query) {
    let _ = ast::VisitMut::visit(query, &mut Marker);
}

struct Marker;

impl ast::VisitorMut for Marker {
    type Break = ();

    fn post_visit_expr(&mut self, expression: &mut ast::Expr) -> ControlFlow<()> {
        match expression {
            ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::Number(digits, _), .. })
                if digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_') =>
            {
                let number = super::take(expression);
                *expression = marked(number);
            }
            ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr } => {
                if let Some(number) = number(expr) {
                    let negative = ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr: Box::new(number) };
                    *expression = marked(negative);
                }
            }
            ast::Expr::Case { .. } => *expression = marked(super::take(expression)),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut ast::Query) -> ControlFlow<()> {
        if let Some(ast::OrderBy { kind: ast::OrderByKind::Expressions(items), .. }) = &mut query.order_by {
            items.iter_mut().for_each(|item| restore(&mut item.expr));
        }
        if let Some(ast::LimitClause::LimitOffset { limit, offset, .. }) = &mut query.limit_clause {
            limit.iter_mut().chain(offset.iter_mut().map(|offset| &mut offset.value)).for_each(restore);
        }
        restore_positions(&mut query.body);
        ControlFlow::Continue(())
    }
}

/// The positions of the SELECTs that a query is made of; queries in parentheses are visited on their own.
fn restore_positions(body: &mut ast::SetExpr) {
    match body {
        ast::SetExpr::Select(select) => {
            if let ast::GroupByExpr::Expressions(keys, _) = &mut select.group_by {
                keys.iter_mut().for_each(restore);
            }
            if let Some(ast::Distinct::On(keys)) = &mut select.distinct {
                keys.iter_mut().for_each(restore);
            }
        }
        ast::SetExpr::SetOperation { left, right, .. } => {
            restore_positions(left);
            restore_positions(right);
        }
        _ => {}
    }
}

fn marked(value: ast::Expr) -> ast::Expr {
    ast::Expr::Dictionary(vec![ast::DictionaryField { key: ast::Ident::new(""), value: Box::new(value) }])
}

/// The number that was marked, without its mark.
fn number(expression: &mut ast::Expr) -> Option<ast::Expr> {
    let ast::Expr::Dictionary(fields) = expression else { return None };
    match fields.as_mut_slice() {
        [only] if only.key.value.is_empty() && !matches!(*only.value, ast::Expr::Case { .. }) => {
            Some(super::take(&mut only.value))
        }
        _ => None,
    }
}

/// Takes the mark away; parentheses around a number mean nothing.
fn restore(expression: &mut ast::Expr) {
    if let Some(number) = number(expression) {
        *expression = number;
        return;
    }
    if let ast::Expr::Nested(inner) = expression
        && let Some(number) = number(inner)
    {
        *expression = number;
    }
}

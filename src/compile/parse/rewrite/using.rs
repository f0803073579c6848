//! `a JOIN b USING (k)` and NATURAL joins are nested: each becomes an item of FROM of its own, to which the planner gives the merged
//! columns. WHERE and ON, where the planner finds `k` ambiguous, name the merged column by its join. All clauses do inside of a query around,
//! where the planner would take an outer column of that name, and where it looks for columns among outputs as well: in GROUP BY,
//! with DISTINCT ON and beside set-returning functions.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast;

use super::super::grammar::folded_ident;
use super::super::query::table;
use super::set_returning::is_set_returning;

/// What the names of such items begin with: it comes after all that a query writes.
pub(in crate::compile) const MERGED: char = char::MAX;

/// What the names end with where `a.*` shows the columns of a table in their order.
pub(in crate::compile) const APART: &str = "apart";

/// Names of merged columns and the joins that make them.
type Merged = Vec<(String, ast::Ident)>;

/// Nests the joins in the FROM of a query, but not those of queries inside. `made` counts them. `inside`: a query is around this one.
pub(super) fn nest_all(query: &mut ast::Query, made: &mut usize, inside: bool) {
    let order = match query.order_by.as_mut().map(|order| &mut order.kind) {
        Some(ast::OrderByKind::Expressions(items)) => items.as_mut_slice(),
        _ => &mut [],
    };
    nest_body(&mut query.body, made, inside, order);
}

/// Nests the joins of the SELECTs that a query is made of; `order` is what one alone is ordered by.
fn nest_body(body: &mut ast::SetExpr, made: &mut usize, inside: bool, order: &mut [ast::OrderByExpr]) {
    match body {
        ast::SetExpr::Select(select) => {
            let mut merged = Merged::new();
            let apart = select.projection.iter().any(|item| matches!(item, ast::SelectItem::QualifiedWildcard(..)));
            for from in &mut select.from {
                nest(from, made, apart, &mut merged);
            }
            if let Some(condition) = &mut select.selection {
                qualify(condition, &merged);
            }
            let distinct = matches!(select.distinct, Some(ast::Distinct::On(_)));
            if inside || distinct || hides(select, &merged) || has_sets(&select.projection) {
                qualify_outputs(select, &merged);
                qualify_order(select, order, &merged);
            }
        }
        ast::SetExpr::SetOperation { left, right, .. } => {
            nest_body(left, made, inside, &mut []);
            nest_body(right, made, inside, &mut []);
        }
        _ => {}
    }
}

/// Nests the joins of an item of FROM; adds what they merge to `merged`. `apart`: merged columns are none of a table's columns, which stay in
/// their places.
fn nest(from: &mut ast::TableWithJoins, made: &mut usize, apart: bool, merged: &mut Merged) {
    let mut own = Merged::new();
    nest_inside(&mut from.relation, made, apart, &mut own);
    for mut join in std::mem::take(&mut from.joins) {
        let mut right = Merged::new();
        nest_inside(&mut join.relation, made, apart, &mut right);
        own.append(&mut right);
        let Some(constraint) = constraint(&mut join) else {
            from.joins.push(join);
            continue;
        };
        let names = match constraint {
            ast::JoinConstraint::On(condition) => {
                qualify(condition, &own);
                from.joins.push(join);
                continue;
            }
            ast::JoinConstraint::Using(names) => names.iter().filter_map(|name| name.0.last()?.as_ident()).collect(),
            _ => Vec::new(),
        };
        *made += 1;
        let name = ast::Ident::with_quote('"', format!("{MERGED}{made}{}", if apart { APART } else { "" }));
        let names: Vec<String> = names.into_iter().map(folded_ident).collect();
        own.retain(|(merged, _)| !names.contains(merged));
        own.extend(names.into_iter().map(|column| (column, name.clone())));
        let relation = std::mem::replace(&mut from.relation, table(ast::ObjectName(Vec::new()), None));
        let relation = match std::mem::take(&mut from.joins) {
            joins if joins.is_empty() => relation,
            joins => nested(ast::TableWithJoins { relation, joins }, None),
        };
        let alias = ast::TableAlias { explicit: true, name, columns: Vec::new(), at: None };
        from.relation = nested(ast::TableWithJoins { relation, joins: vec![join] }, Some(alias));
    }
    merged.append(&mut own);
}

/// Nests the joins between the parentheses of an item of FROM.
fn nest_inside(factor: &mut ast::TableFactor, made: &mut usize, apart: bool, merged: &mut Merged) {
    if let ast::TableFactor::NestedJoin { table_with_joins, alias } = factor {
        let mut inside = Merged::new();
        nest(table_with_joins, made, apart, &mut inside);
        if alias.is_none() {
            merged.append(&mut inside);
        }
    }
}

fn nested(joins: ast::TableWithJoins, alias: Option<ast::TableAlias>) -> ast::TableFactor {
    ast::TableFactor::NestedJoin { table_with_joins: Box::new(joins), alias }
}

/// The condition of a join whose right side can be planned by itself.
fn constraint(join: &mut ast::Join) -> Option<&mut ast::JoinConstraint> {
    use ast::JoinOperator::{FullOuter, Inner, Join, Left, LeftOuter, Right, RightOuter};
    let lateral = matches!(&join.relation, ast::TableFactor::Derived { lateral: true, .. });
    let constraint = match &mut join.join_operator {
        Join(constraint)
        | Inner(constraint)
        | Left(constraint)
        | LeftOuter(constraint)
        | Right(constraint)
        | RightOuter(constraint)
        | FullOuter(constraint) => constraint,
        _ => return None,
    };
    let merges = matches!(constraint, ast::JoinConstraint::Using(_) | ast::JoinConstraint::Natural);
    (!(lateral && merges)).then_some(constraint)
}

/// Names the joins of merged columns in the other clauses of a SELECT.
fn qualify_outputs(select: &mut ast::Select, merged: &Merged) {
    for item in &mut select.projection {
        match item {
            ast::SelectItem::UnnamedExpr(ast::Expr::Identifier(column)) => {
                let (mut expr, alias) = (ast::Expr::Identifier(column.clone()), column.clone());
                qualify(&mut expr, merged);
                if matches!(expr, ast::Expr::CompoundIdentifier(_)) {
                    *item = ast::SelectItem::ExprWithAlias { expr, alias };
                }
            }
            ast::SelectItem::UnnamedExpr(expr) | ast::SelectItem::ExprWithAlias { expr, .. } => qualify(expr, merged),
            _ => {}
        }
    }
    qualify(&mut select.group_by, merged);
    qualify(&mut select.named_window, merged);
    if let Some(condition) = &mut select.having {
        qualify(condition, merged);
    }
}

/// Names the joins of merged columns in the keys of DISTINCT ON and in ORDER BY; names of outputs stay.
fn qualify_order(select: &mut ast::Select, order: &mut [ast::OrderByExpr], merged: &Merged) {
    let is_output = |expression: &ast::Expr| {
        let ast::Expr::Identifier(name) = expression else { return false };
        select.projection.iter().any(|item| match item {
            ast::SelectItem::ExprWithAlias { alias, .. } => folded_ident(alias) == folded_ident(name),
            _ => false,
        })
    };
    let keys = match &mut select.distinct {
        Some(ast::Distinct::On(keys)) => keys.as_mut_slice(),
        _ => &mut [],
    };
    let keys = keys.iter_mut().chain(order.iter_mut().map(|item| &mut item.expr));
    keys.filter(|key| !is_output(key)).for_each(|key| qualify(key, merged));
}

/// Whether an output that is grouped by has the name of a merged column and is a column of one side: the planner would take it for the
/// merged one in GROUP BY.
fn hides(select: &ast::Select, merged: &Merged) -> bool {
    let ast::GroupByExpr::Expressions(keys, _) = &select.group_by else { return false };
    select.projection.iter().any(|item| match item {
        ast::SelectItem::ExprWithAlias { expr: expr @ ast::Expr::CompoundIdentifier(_), alias } => {
            keys.contains(expr) && merged.iter().any(|(name, _)| *name == folded_ident(alias))
        }
        _ => false,
    })
}

/// Whether outputs are set-returning functions.
fn has_sets(items: &[ast::SelectItem]) -> bool {
    let is_set = |part: &ast::Expr| match part {
        ast::Expr::Function(function) if is_set_returning(&function.name) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    items.iter().any(|item| match item {
        ast::SelectItem::UnnamedExpr(expression) | ast::SelectItem::ExprWithAlias { expr: expression, .. } => {
            ast::visit_expressions(expression, is_set).is_break()
        }
        _ => false,
    })
}

/// Names the joins of merged columns, where one join alone can be meant. Queries inside have names of their own.
fn qualify(clause: &mut impl ast::VisitMut, merged: &Merged) {
    struct Qualify<'a> {
        merged: &'a Merged,
        depth: usize,
    }
    impl ast::VisitorMut for Qualify<'_> {
        type Break = ();

        fn pre_visit_query(&mut self, _query: &mut ast::Query) -> ControlFlow<()> {
            self.depth += 1;
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, _query: &mut ast::Query) -> ControlFlow<()> {
            self.depth -= 1;
            ControlFlow::Continue(())
        }

        fn pre_visit_expr(&mut self, expression: &mut ast::Expr) -> ControlFlow<()> {
            if let ast::Expr::Identifier(column) = expression
                && self.depth == 0
            {
                let name = folded_ident(column);
                let mut found = self.merged.iter().filter(|(merged, _)| *merged == name);
                if let (Some((_, join)), None) = (found.next(), found.next()) {
                    *expression = ast::Expr::CompoundIdentifier(vec![join.clone(), column.clone()]);
                }
            }
            ControlFlow::Continue(())
        }
    }
    if !merged.is_empty() {
        let _ = clause.visit(&mut Qualify { merged, depth: 0 });
    }
}

//! Whole rows of relations: `t` where a value is expected, if no column is called so, and `t.*` among arguments. The relation gets one
//! column more, under a name that no query writes, and the query names that. Columns come first, as in PostgreSQL: a query is planned
//! as it is written, and only if a name is no column it is tried as a relation.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use datafusion::common::TableReference;
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::{Expr, lit};
use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::tokenizer::Location;

use super::grammar::folded_ident;
use super::rewrite::is_scalar_set;
use crate::compile::function;

/// What the name of a whole row begins with; the relation's name follows.
pub(in crate::compile) const WHOLE: &str = "\u{1}row of ";

/// The whole row of a relation.
pub(super) fn of(relation: &ast::ObjectName) -> ast::Expr {
    let name = relation.0.last().and_then(|part| part.as_ident()).map(folded_ident).unwrap_or_default();
    named(&name)
}

fn named(relation: &str) -> ast::Expr {
    let name = ast::Ident::with_quote('"', format!("{WHOLE}{relation}"));
    ast::Expr::CompoundIdentifier(vec![name.clone(), name])
}

/// The relations whose whole rows a query names.
pub(super) fn names(query: &ast::Query) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let _ = ast::visit_expressions(query, |part| {
        if let ast::Expr::CompoundIdentifier(parts) = part
            && let Some(relation) = parts.first().and_then(|name| name.value.strip_prefix(WHOLE))
        {
            names.insert(relation.to_string());
        }
        ControlFlow::<()>::Continue(())
    });
    names
}

/// Makes a name that is no column the whole row of the relation of that name, wherever there is one; if it is known at which `place` it is
/// no column, only in the SELECT there, whose names mean the same in all clauses. Answers whether there was one.
pub(super) fn resolve(query: &mut ast::Query, name: &str, place: Option<Location>) -> bool {
    let mut resolve = Resolve { name, only: None, scopes: Vec::new(), selects: Vec::new(), found: false };
    if let Some(place) = place {
        let mut finder = Finder { place, selects: Vec::new() };
        match ast::Visit::visit(query, &mut finder) {
            ControlFlow::Break(select) => resolve.only = Some(select),
            ControlFlow::Continue(()) => return false,
        }
    }
    let _ = ast::VisitMut::visit(query, &mut resolve);
    resolve.found
}

/// Looks for the SELECT in which a name stands.
struct Finder {
    place: Location,
    /// For each query around, where its last SELECT begins.
    selects: Vec<Location>,
}

impl ast::Visitor for Finder {
    type Break = Location;

    fn pre_visit_query(&mut self, _query: &ast::Query) -> ControlFlow<Location> {
        self.selects.push(Location::empty());
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &ast::Query) -> ControlFlow<Location> {
        self.selects.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &ast::Select) -> ControlFlow<Location> {
        self.selects.last_mut().into_iter().for_each(|last| *last = select.select_token.0.span.start);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &ast::Expr) -> ControlFlow<Location> {
        match (expression, self.selects.last()) {
            (ast::Expr::Identifier(name), Some(select)) if name.span.start == self.place => ControlFlow::Break(*select),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Hides the columns of whole rows from `*`.
pub(super) fn hide(query: &mut ast::Query, names: &BTreeSet<String>) {
    let _ = ast::VisitMut::visit(query, &mut Hide { names });
}

struct Resolve<'a> {
    name: &'a str,
    /// Where the SELECT begins in which the name is replaced; `None` for all.
    only: Option<Location>,
    /// For each query around, whether its FROM has the relation.
    scopes: Vec<bool>,
    /// For each query around, where its last SELECT begins.
    selects: Vec<Location>,
    found: bool,
}

impl Resolve<'_> {
    fn is_name(&self, expression: &ast::Expr) -> bool {
        matches!(expression, ast::Expr::Identifier(name) if folded_ident(name) == self.name)
    }

    /// Whether the name is replaced in a SELECT that begins at a place.
    fn is_here(&self, select: Location) -> bool {
        self.only.is_none_or(|only| only == select)
    }

    /// An output column keeps its name; items of ORDER BY, GROUP BY and DISTINCT ON that name it mean the output column.
    fn outputs(&self, query: &mut ast::Query) {
        let mut is_output = false;
        let mut bodies = vec![query.body.as_mut()];
        while let Some(body) = bodies.pop() {
            match body {
                ast::SetExpr::SetOperation { left, right, .. } => bodies.extend([left.as_mut(), right.as_mut()]),
                ast::SetExpr::Select(select) if self.is_here(select.select_token.0.span.start) => {
                    let mut here = false;
                    for item in &mut select.projection {
                        here |= self.named_output(item);
                    }
                    is_output |= here;
                    if here {
                        self.protect_keys(select);
                    }
                }
                _ => {}
            }
        }
        if let (true, Some(ast::OrderBy { kind: ast::OrderByKind::Expressions(items), .. })) =
            (is_output, &mut query.order_by)
        {
            items.iter_mut().for_each(|item| self.protect(&mut item.expr));
        }
    }

    fn named_output(&self, item: &mut ast::SelectItem) -> bool {
        match item {
            ast::SelectItem::ExprWithAlias { alias, .. } => folded_ident(alias) == self.name,
            ast::SelectItem::UnnamedExpr(expression) if self.is_name(expression) => {
                let alias = ast::Ident::with_quote('"', self.name);
                *item = ast::SelectItem::ExprWithAlias { expr: named(self.name), alias };
                true
            }
            _ => false,
        }
    }

    fn protect_keys(&self, select: &mut ast::Select) {
        if let ast::GroupByExpr::Expressions(keys, _) = &mut select.group_by {
            keys.iter_mut().for_each(|key| self.protect(key));
        }
        if let Some(ast::Distinct::On(keys)) = &mut select.distinct {
            keys.iter_mut().for_each(|key| self.protect(key));
        }
    }

    /// Hides a name from the rest of the visit.
    fn protect(&self, expression: &mut ast::Expr) {
        if self.is_name(expression) {
            *expression = ast::Expr::Nested(Box::new(ast::Expr::Identifier(protected(self.name))));
        }
    }
}

/// A name that is changed for as long as the visit lasts.
fn protected(name: &str) -> ast::Ident {
    ast::Ident::with_quote('"', format!("{PROTECTED}{name}"))
}

const PROTECTED: &str = "\u{1}output ";

impl ast::VisitorMut for Resolve<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut ast::Query) -> ControlFlow<()> {
        let mut found = BTreeSet::new();
        relations(&query.body, &mut found);
        let here = found.contains(self.name);
        self.scopes.push(here);
        self.selects.push(Location::empty());
        if here {
            self.found |= selects(&query.body).any(|select| {
                self.is_here(select.select_token.0.span.start)
                    && select
                        .projection
                        .iter()
                        .any(|item| matches!(item, ast::SelectItem::UnnamedExpr(item) if self.is_name(item)))
            });
            self.outputs(query);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut ast::Query) -> ControlFlow<()> {
        self.scopes.pop();
        self.selects.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut ast::Select) -> ControlFlow<()> {
        self.selects.last_mut().into_iter().for_each(|last| *last = select.select_token.0.span.start);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut ast::Expr) -> ControlFlow<()> {
        if let ast::Expr::Nested(inner) = &*expression
            && let ast::Expr::Identifier(name) = inner.as_ref()
            && let Some(name) = name.value.strip_prefix(PROTECTED)
        {
            *expression = ast::Expr::Identifier(ast::Ident::with_quote('"', name));
        } else if self.is_name(expression)
            && self.scopes.contains(&true)
            && self.selects.last().is_some_and(|select| self.is_here(*select))
        {
            *expression = named(self.name);
            self.found = true;
        }
        ControlFlow::Continue(())
    }
}

struct Hide<'a> {
    names: &'a BTreeSet<String>,
}

impl ast::VisitorMut for Hide<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut ast::Select) -> ControlFlow<()> {
        let mut here = BTreeSet::new();
        select.from.iter().for_each(|from| relations_of(from, &mut here));
        let hidden: Vec<ast::ObjectName> = here
            .intersection(self.names)
            .map(|name| ast::Ident::with_quote('"', format!("{WHOLE}{name}")).into())
            .collect();
        if hidden.is_empty() {
            return ControlFlow::Continue(());
        }
        for item in &mut select.projection {
            if let ast::SelectItem::Wildcard(options) = item {
                options.opt_exclude = Some(ast::ExcludeSelectItem::Multiple(hidden.clone()));
            }
        }
        ControlFlow::Continue(())
    }
}

fn selects(body: &ast::SetExpr) -> impl Iterator<Item = &ast::Select> {
    let mut bodies = vec![body];
    std::iter::from_fn(move || {
        while let Some(body) = bodies.pop() {
            match body {
                ast::SetExpr::SetOperation { left, right, .. } => bodies.extend([left.as_ref(), right.as_ref()]),
                ast::SetExpr::Select(select) => return Some(select.as_ref()),
                _ => {}
            }
        }
        None
    })
}

/// The names of the relations in the FROM of a query's SELECTs.
fn relations(body: &ast::SetExpr, names: &mut BTreeSet<String>) {
    selects(body).flat_map(|select| &select.from).for_each(|from| relations_of(from, names));
}

fn relations_of(from: &ast::TableWithJoins, names: &mut BTreeSet<String>) {
    for factor in std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation)) {
        names.extend(name_of(factor));
        if let ast::TableFactor::NestedJoin { table_with_joins, .. } = factor {
            relations_of(table_with_joins, names);
        }
    }
}

/// What a relation in FROM is called.
fn name_of(factor: &ast::TableFactor) -> Option<String> {
    match factor {
        ast::TableFactor::Table { alias: Some(alias), .. } | ast::TableFactor::Derived { alias: Some(alias), .. } => {
            Some(folded_ident(&alias.name))
        }
        ast::TableFactor::Table { name, alias: None, .. } => {
            name.0.last().and_then(|part| part.as_ident()).map(folded_ident)
        }
        _ => None,
    }
}

/// The hook of the SQL planner: relations get a column with their whole rows.
#[derive(Debug)]
pub(in crate::compile) struct WholeRows {
    names: BTreeSet<String>,
    /// The relation that is being planned for this hook.
    pending: Mutex<Option<ast::TableFactor>>,
}

impl WholeRows {
    /// For the relations of these names.
    pub(in crate::compile) fn new(names: BTreeSet<String>) -> WholeRows {
        WholeRows { names, pending: Mutex::new(None) }
    }
}

impl RelationPlanner for WholeRows {
    fn plan_relation(
        &self,
        relation: ast::TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> PlanResult<RelationPlanning> {
        let original = |relation| Ok(RelationPlanning::Original(Box::new(relation)));
        let Some(name) = name_of(&relation).filter(|name| self.names.contains(name)) else { return original(relation) };
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.as_ref() == Some(&relation) {
            *pending = None;
            return original(relation);
        }
        *pending = Some(relation.clone());
        drop(pending);
        let is_scalar = is_scalar_set(&relation);
        let plan = with_whole(context.plan(relation)?, &name, is_scalar)?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, None))))
    }
}

/// What a column is called as a field. The planner calls a column of a query around by more than its name.
fn field_name(column: &str) -> &str {
    let outer = column.strip_prefix("outer_ref(").and_then(|column| column.strip_suffix(')'));
    super::shown_name(outer.map_or(column, |column| column.rsplit('.').next().unwrap_or(column)))
}

/// The plan with its rows as a column. If a column is called as the relation is, that column stands for the row; and so does the only
/// column of a function that answers values.
fn with_whole(plan: LogicalPlan, name: &str, is_scalar: bool) -> PlanResult<LogicalPlan> {
    // What a relation that was planned for this one already got is of other names.
    let columns = plan.schema().columns().into_iter().filter(|column| !column.name.starts_with(WHOLE));
    let columns: Vec<Expr> = columns.map(Expr::Column).collect();
    let own = columns.iter().find(|column| column.qualified_name().1 == name);
    let whole = match own.or_else(|| columns.first().filter(|_| is_scalar && columns.len() == 1)) {
        Some(column) => column.clone(),
        None => {
            let field = |column: &Expr| [lit(field_name(&column.qualified_name().1)), column.clone()];
            function::row::record(columns.iter().flat_map(field).collect())
        }
    };
    let hidden = format!("{WHOLE}{name}");
    let whole = whole.alias_qualified(Some(TableReference::bare(hidden.as_str())), hidden);
    LogicalPlanBuilder::from(plan).project(columns.into_iter().chain([whole]))?.build()
}

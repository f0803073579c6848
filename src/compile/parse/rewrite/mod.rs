//! Rewrites of a query's syntax tree so that DataFusion plans it with PostgreSQL's meaning. In: what sqlparser made; out: the same query in
//! the constructs and functions that the planner has right. Never: names looked up, types of columns.
//!
//! - [`clause`]: what constants in clauses stand for; [`condition`]: texts that stand for conditions.
//! - [`hypothetical`]: ranks of hypothetical rows become counts.
//! - [`name`]: output columns get PostgreSQL's names, and names that the planner can keep apart.
//! - [`cast`]: casts, typed constants and intervals become our function `cast`.
//! - [`operator`]: what has a function of ours instead of DataFusion's: negation, `AT TIME ZONE`, `EXTRACT`, …
//! - [`subscript`]: arrays and what is in them.
//! - [`pattern_list`]: patterns with `ANY` and `ALL`.
//! - [`syntax`]: functions with a syntax of their own (`LIKE`, `TRIM(… FROM …)`) become calls; [`row`]: rows are compared part by part.
//! - [`mod@balance`]: long chains of AND and OR become trees of little depth.
//! - [`over`]: windows get the frames that the planner does not know.
//! - [`window`]: `TUMBLE` becomes a subquery.
//! - [`grouping`]: `ROLLUP` and `CUBE` become lists of sets.
//! - [`star_item`]: `(row).*` gets a mark that is replaced when the row's fields are known.
//! - [`row_items`]: outputs beside `unnest` that have a column's name get another one.
//! - [`set_returning`]: functions that answer rows become `unnest` of functions that answer arrays.
//! - [`whole_number`]: constants are integer where they fit.
//! - [`using`]: joins with merged columns are nested.
//! - [`refuse`]: what would be planned wrongly or ignored is refused.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::tokenizer::Location;

pub(super) use clause::is_aggregate;
pub(in crate::compile) use set_returning::ARRAY;
pub(super) use set_returning::{is_scalar_set, is_set_returning, is_unnest};
pub(super) use star_item::replace as replace_star;
pub(in crate::compile) use using::{APART, MERGED};

use super::dialect::is_reserved;
use super::grammar::{folded_ident, name_parts, relation_name};
use crate::compile::rewrite::with_ties;
use crate::error::{Error, Result, code};
use crate::types::SqlType;

// `ARRAY(SELECT …)`.
mod array_query;
mod balance;
mod cast;
// ORDER BY, GROUP BY, HAVING, LIMIT, WITH.
mod clause;
// What stands where a condition does.
mod condition;
// Constants that functions are given.
mod constant_argument;
mod grouping;
// `rank(…) WITHIN GROUP`.
mod hypothetical;
mod name;
// Numbers.
mod number;
pub(in crate::compile) mod operator;
// OVER.
mod over;
mod pattern_list;
mod place;
mod refuse;
mod row;
mod row_items;
mod set_returning;
mod subscript;
mod syntax;
// Constants without a point.
mod whole_number;
// `(row).*` in SELECT lists.
mod star_item;
// Types of users.
pub(super) mod type_name;
// Rows among the rows of subqueries.
mod row_in;
// USING and NATURAL.
mod using;
// Numbers and parameters in VALUES.
pub(super) mod value_list;
mod window;

/// Rewrites a query in place. `place` gives the position of a location. Answers the types of parameters that are cast where they stand
/// (`$1::int`), by number. Errors: 0A000 with position for what is refused.
pub(super) fn rewrite(query: &mut ast::Query, place: &dyn Fn(Location) -> usize) -> Result<BTreeMap<usize, SqlType>> {
    let mut rewriter = Rewriter { place, parameters: BTreeMap::new(), values: Vec::new(), joins: 0, stars: 0 };
    match ast::VisitMut::visit(query, &mut rewriter) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => {
            whole_number::mark(query);
            Ok(rewriter.parameters)
        }
    }
}

/// Shows the bodies of all queries inside of one, and its own, to `seen`.
pub(super) fn visit_bodies(query: &mut ast::Query, seen: impl FnMut(&mut ast::SetExpr)) {
    struct Bodies<F>(F);
    impl<F: FnMut(&mut ast::SetExpr)> ast::VisitorMut for Bodies<F> {
        type Break = ();

        fn pre_visit_query(&mut self, query: &mut ast::Query) -> ControlFlow<()> {
            (self.0)(&mut query.body);
            ControlFlow::Continue(())
        }
    }
    let _ = ast::VisitMut::visit(query, &mut Bodies(seen));
}

/// Makes what follows safe from long conditions; to be called before anything else looks at the query.
pub(super) fn balance(query: &mut ast::Query) {
    struct Balance;
    impl ast::VisitorMut for Balance {
        type Break = ();

        fn pre_visit_expr(&mut self, expression: &mut ast::Expr) -> ControlFlow<()> {
            balance::balance(expression);
            ControlFlow::Continue(())
        }
    }
    let _ = ast::VisitMut::visit(query, &mut Balance);
}

struct Rewriter<'a> {
    place: &'a dyn Fn(Location) -> usize,
    parameters: BTreeMap<usize, SqlType>,
    /// Aliases that stand for a value, by query, the innermost one last.
    values: Vec<Vec<String>>,
    /// How many joins were nested.
    joins: usize,
    /// How many stars after rows there are.
    stars: usize,
}

impl Rewriter<'_> {
    /// Gives an error the position of `location` if it has none.
    fn placed(&self, error: Error, location: Option<Location>) -> Error {
        match location {
            Some(location) if error.position.is_none() => error.at((self.place)(location)),
            _ => error,
        }
    }
}

impl ast::VisitorMut for Rewriter<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut ast::Query) -> ControlFlow<Error> {
        if let Err(refused) = refuse::query(query) {
            let (error, location) = *refused;
            return ControlFlow::Break(self.placed(error, location));
        }
        if let Err(refused) = clause::rewrite(query) {
            let (error, location) = *refused;
            return ControlFlow::Break(self.placed(error, location));
        }
        value_list::selected(&mut query.body);
        condition::of_body(&mut query.body);
        row_items::separate(query);
        let values = set_returning::value_aliases(query);
        set_returning::value_outputs(query, &values);
        if let Err(error) = row_in::rewrite_where(&mut query.body) {
            return ControlFlow::Break(self.placed(error, place::of_body(&query.body)));
        }
        using::nest_all(query, &mut self.joins, !self.values.is_empty());
        if let Err(error) = grouping::rewrite(&mut query.body) {
            return ControlFlow::Break(self.placed(error, place::of_body(&query.body)));
        }
        star_item::expand(&mut query.body, &mut self.stars);
        name::name_outputs(query, self.values.is_empty());
        limit_fetch(query);
        self.values.push(values);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut ast::Query) -> ControlFlow<Error> {
        self.values.pop();
        value_list::rewrite(&mut query.body);
        match over::rewrite(query) {
            Ok(()) => ControlFlow::Continue(()),
            Err(refused) => {
                let (error, location) = *refused;
                ControlFlow::Break(self.placed(error, location))
            }
        }
    }

    fn pre_visit_relation(&mut self, relation: &mut ast::ObjectName) -> ControlFlow<Error> {
        match relation
            .0
            .iter()
            .filter_map(|part| part.as_ident())
            .find(|name| name.quote_style.is_none() && is_reserved(&name.value))
        {
            Some(name) => {
                let error = Error::new(code::SYNTAX_ERROR, format!("syntax error at or near \"{}\"", name.value));
                ControlFlow::Break(self.placed(error, Some(name.span.start)))
            }
            None => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &mut ast::TableFactor) -> ControlFlow<Error> {
        let location = place::of_table(factor);
        if let Err(error) = refuse::table(factor)
            .and_then(|()| window::expand(factor))
            .and_then(|()| set_returning::expand(factor, &mut self.stars))
        {
            return ControlFlow::Break(self.placed(error, location));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &mut ast::Expr) -> ControlFlow<Error> {
        if let Err(error) = refuse::set_returning(expression) {
            let location = place::of_expression(expression);
            return ControlFlow::Break(self.placed(error, location));
        }
        clause::column_of_exists(expression);
        name::name_value(expression);
        row_in::rewrite_quantified(expression);
        match array_query::rewrite(expression) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(self.placed(error, place::of_expression(expression))),
        }
    }

    fn post_visit_expr(&mut self, expression: &mut ast::Expr) -> ControlFlow<Error> {
        let location = place::of_expression(expression);
        self.values.iter().for_each(|aliases| set_returning::value_of(expression, aliases));
        condition::rewrite(expression);
        let rewritten = refuse::expression(expression)
            .and_then(|()| constant_argument::rewrite(expression))
            .and_then(|()| row_in::rewrite(expression))
            .and_then(|()| hypothetical::rewrite(expression))
            .and_then(|()| number::rewrite(expression))
            .and_then(|()| pattern_list::rewrite(expression))
            .and_then(|()| syntax::rewrite(expression))
            .and_then(|()| row::rewrite(expression))
            .and_then(|()| operator::rewrite(expression))
            .and_then(|()| subscript::rewrite(expression))
            .and_then(|()| set_returning::rewrite(expression))
            .and_then(|()| cast::rewrite(expression, &mut self.parameters));
        match rewritten {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(self.placed(error, location)),
        }
    }
}

/// FETCH FIRST n ROWS ONLY is LIMIT n, which the planner knows; without a number it is one row. WITH TIES, the number is in a function.
fn limit_fetch(query: &mut ast::Query) {
    let Some(fetch) = query.fetch.take() else { return };
    let count = fetch.quantity.unwrap_or_else(|| ast::Expr::value(ast::Value::Number("1".to_string(), false)));
    let count = if fetch.with_ties { call(with_ties::NAME, [count]) } else { count };
    let offset = match query.limit_clause.take() {
        Some(ast::LimitClause::LimitOffset { offset, .. }) => offset,
        _ => None,
    };
    query.limit_clause = Some(ast::LimitClause::LimitOffset { limit: Some(count), offset, limit_by: Vec::new() });
}

/// `name(arguments…)`.
pub(super) fn call(name: &str, arguments: impl IntoIterator<Item = ast::Expr>) -> ast::Expr {
    let args =
        arguments.into_iter().map(|argument| ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(argument))).collect();
    ast::Expr::Function(ast::Function {
        name: ast::Ident::with_quote('"', name).into(),
        uses_odbc_syntax: false,
        parameters: ast::FunctionArguments::None,
        args: ast::FunctionArguments::List(ast::FunctionArgumentList {
            duplicate_treatment: None,
            args,
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// A string constant.
pub(super) fn text(value: impl Into<String>) -> ast::Expr {
    ast::Expr::value(ast::Value::SingleQuotedString(value.into()))
}

/// Takes an expression out of the tree, to put it back in another one.
fn take(expression: &mut ast::Expr) -> ast::Expr {
    std::mem::replace(expression, ast::Expr::value(ast::Value::Null))
}

/// The relations that a query reads, each once, in the order written; names of CTEs are no relations.
pub(super) fn relations(query: &ast::Query) -> Vec<String> {
    let mut found = Relations { names: Vec::new(), scopes: Vec::new() };
    let _ = ast::Visit::visit(query, &mut found);
    found.names
}

struct Relations {
    names: Vec<String>,
    scopes: Vec<Scope>,
}

/// The CTEs of a query.
struct Scope {
    ctes: Vec<(String, *const ast::Query)>,
    recursive: bool,
    /// How many of them can be seen where the visit is: a CTE sees those before it, and itself if it is recursive.
    visible: usize,
}

impl ast::Visitor for Relations {
    type Break = ();

    fn pre_visit_query(&mut self, query: &ast::Query) -> ControlFlow<()> {
        if let Some(around) = self.scopes.last_mut()
            && let Some(number) = around.ctes.iter().position(|(_, cte)| std::ptr::eq(*cte, query))
            && !around.recursive
        {
            around.visible = number;
        }
        let ctes: Vec<_> = query
            .with
            .iter()
            .flat_map(|with| &with.cte_tables)
            .map(|cte| (folded_ident(&cte.alias.name), std::ptr::from_ref(cte.query.as_ref())))
            .collect();
        let recursive = query.with.as_ref().is_some_and(|with| with.recursive);
        self.scopes.push(Scope { visible: ctes.len(), ctes, recursive });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &ast::Query) -> ControlFlow<()> {
        self.scopes.pop();
        if let Some(around) = self.scopes.last_mut() {
            around.visible = around.ctes.len();
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ast::ObjectName) -> ControlFlow<()> {
        let parts = name_parts(relation);
        let mut visible = self.scopes.iter().flat_map(|scope| &scope.ctes[..scope.visible]);
        let is_cte = parts.len() == 1 && visible.any(|(cte, _)| *cte == parts[0]);
        let name = relation_name(&parts);
        if !is_cte && !self.names.contains(&name) {
            self.names.push(name);
        }
        ControlFlow::Continue(())
    }
}

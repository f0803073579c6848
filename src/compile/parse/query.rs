//! A query on its way to the planner.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use super::grammar::Grammar;
use super::scan::Scan;
use super::{catalog_query, nesting, rewrite, whole};
use crate::catalog::Domain;
use crate::error::{Error, Result};
use crate::types::{SqlType, TYPE_MARK};

mod row_lock;

pub use row_lock::RowLocks;
pub(super) use row_lock::strengthen;

/// A query that was parsed and rewritten for the planner. Opaque outside `compile`.
#[derive(Debug, Clone)]
pub struct Query {
    ast: Box<ast::Query>,
    scan: Arc<Scan>,
    /// Its tokens.
    range: Range<usize>,
    relations: Vec<String>,
    parameters: BTreeMap<usize, SqlType>,
    /// Whether it is only the name of a relation, as COPY takes it.
    whole_relation: bool,
    /// FOR UPDATE, FOR SHARE.
    locks: Option<RowLocks>,
}

impl Query {
    /// Parses a text that is one query, such as a view's definition.
    pub fn from_text(sql: &str) -> Result<Query> {
        let scan = Arc::new(Scan::new(sql)?);
        let statements = scan.statements();
        let range = statements.first().cloned().unwrap_or(0..0);
        scan.refuse_deep(&range)?;
        nesting::refuse(&scan, &range)?;
        let mut grammar = Grammar::new(&scan, range);
        let query = Query::read(&mut grammar)?;
        grammar.expect_end()?;
        match statements.get(1) {
            Some(second) => Err(Grammar::new(&scan, second.clone()).unexpected()),
            None => Ok(query),
        }
    }

    /// What DataFusion's planner takes.
    pub(in crate::compile) fn statement(&self) -> datafusion::sql::parser::Statement {
        let mut ast = self.ast.clone();
        let whole = self.whole_rows();
        if !whole.is_empty() {
            whole::hide(&mut ast, &whole);
        }
        datafusion::sql::parser::Statement::Statement(Box::new(ast::Statement::Query(ast)))
    }

    /// The relations whose whole rows it names.
    pub(in crate::compile) fn whole_rows(&self) -> BTreeSet<String> {
        whole::names(&self.ast)
    }

    /// The query with a name, which is no column at `place` (anywhere, if that is not known), for the whole row of a relation; `None` if
    /// no relation is called so.
    pub(in crate::compile) fn with_whole_row(&self, name: &str, place: Option<Location>) -> Option<Query> {
        let resolved = |place| {
            let mut query = self.clone();
            whole::resolve(&mut query.ast, name, place).then_some(query)
        };
        place.and_then(|place| resolved(Some(place))).or_else(|| resolved(None))
    }

    /// The query with the fields of a row for `(row).*`, whose number is given; `None` if there is none of that number.
    pub(in crate::compile) fn with_fields(&self, number: &str, fields: &[String]) -> Option<Query> {
        let mut query = self.clone();
        let mut found = false;
        rewrite::visit_bodies(&mut query.ast, |body| found |= rewrite::replace_star(body, number, fields));
        found.then_some(query)
    }

    /// The relations that it reads, each once, in the order written, subqueries included; names of CTEs are not relations. A
    /// schema stays in front: `pg_catalog.pg_class`.
    pub fn relations(&self) -> Vec<String> {
        self.relations.clone()
    }

    /// The types of parameters that are cast where they stand, by number: `$1::int` takes an integer. The planner does not tell them.
    pub fn parameter_types(&self) -> &BTreeMap<usize, SqlType> {
        &self.parameters
    }

    /// The numbers of parameters that are of one type because they stand in one column of VALUES.
    pub(in crate::compile) fn parameters_alike(&self) -> Vec<Vec<usize>> {
        rewrite::value_list::parameters(&self.ast)
    }

    /// Where `name` (`column`, `table.column`, `schema.table`) stands first: characters from 1 in the whole text that was parsed.
    pub fn position_of(&self, name: &str) -> Option<usize> {
        let parts: Vec<&str> = name.split('.').collect();
        let tokens: Vec<&TokenWithSpan> = self.scan.tokens[self.range.clone()]
            .iter()
            .filter(|token| !matches!(token.token, Token::Whitespace(_)))
            .collect();
        let is_part = |token: &TokenWithSpan, part: &str| match &token.token {
            Token::Word(word) if word.quote_style.is_none() => word.value.eq_ignore_ascii_case(part),
            Token::Word(word) => word.value == part,
            _ => false,
        };
        let starts = |at: usize| {
            parts.iter().enumerate().all(|(number, part)| {
                let dot =
                    number == 0 || tokens.get(at + 2 * number - 1).is_some_and(|token| token.token == Token::Period);
                dot && tokens.get(at + 2 * number).is_some_and(|token| is_part(token, part))
            })
        };
        let at = (0..tokens.len()).find(|at| starts(*at))?;
        Some(self.scan.character(tokens[at].span.start) + 1)
    }

    /// A place in the text that was parsed, in characters from 1; line and column count from 1 too.
    pub(in crate::compile) fn position_at(&self, line: u64, column: u64) -> usize {
        self.scan.character(Location { line, column }) + 1
    }

    /// Expressions, given as texts, over the rows that a statement brings itself, in order.
    pub fn over_rows(expressions: &[&str]) -> Result<Query> {
        let mut items = Vec::with_capacity(expressions.len());
        for text in expressions {
            let scan = Arc::new(Scan::new(text)?);
            let mut grammar = Grammar::new(&scan, 0..scan.tokens.len());
            items.push(grammar.expression()?);
            grammar.expect_end()?;
        }
        let items = items.into_iter().enumerate().map(super::cell::item).collect();
        // Errors point into no text of the user.
        let scan = Arc::new(Scan::new("")?);
        let grammar = Grammar::new(&scan, 0..0);
        Query::made(&grammar, 0, select(items, vec![rows_relation(ROWS)], None))
    }

    /// The only expression over the rows that a statement brings itself.
    pub(super) fn only_expression(text: &str) -> Result<ast::Expr> {
        let query = Query::over_rows(&[text])?;
        let ast::SetExpr::Select(select) = *query.ast.body else { return Err(Error::internal("no SELECT")) };
        match select.projection.into_iter().next() {
            Some(
                ast::SelectItem::UnnamedExpr(expression) | ast::SelectItem::ExprWithAlias { expr: expression, .. },
            ) => Ok(expression),
            _ => Err(Error::internal("no expression")),
        }
    }

    /// The query with schemas for relations that it names without one, by name.
    pub fn in_schemas(mut self, schemas: &BTreeMap<String, String>) -> Query {
        let _ = ast::visit_relations_mut(self.ast.as_mut(), |name| {
            if let [ast::ObjectNamePart::Identifier(only)] = name.0.as_slice()
                && let Some(schema) = schemas.get(&super::grammar::folded_ident(only))
            {
                name.0.insert(0, ast::ObjectNamePart::Identifier(ast::Ident::with_quote('"', schema)));
            }
            ControlFlow::<()>::Continue(())
        });
        let in_schema = |name: &str| match schemas.get(&type_key(name)) {
            Some(schema) => Ok(SqlType::Named(format!("{schema}.{name}").into())),
            None => Ok(SqlType::Named(name.into())),
        };
        // The closure does not fail.
        let _ = rewrite::type_name::resolve(self.ast.as_mut(), &in_schema);
        self
    }

    /// The query with identities for the types that it names, as `resolve` finds them.
    /// Casts to domains, which `domains` knows, test their values.
    pub(in crate::compile) fn with_types(
        mut self,
        resolve: &dyn Fn(&str) -> Result<SqlType>,
        domains: &dyn Fn(&str) -> Option<Arc<Domain>>,
    ) -> Result<Query> {
        rewrite::type_name::test(self.ast.as_mut(), domains)?;
        rewrite::type_name::resolve(self.ast.as_mut(), resolve)?;
        Ok(self)
    }

    /// The types that it names and only the catalog knows, each once.
    pub fn types(&self) -> Vec<String> {
        rewrite::type_name::names(self.ast.as_ref())
    }

    /// The names without dots that stand in expressions: of columns, mostly.
    pub fn columns(&self) -> Vec<String> {
        let mut names = Vec::new();
        let _ = ast::visit_expressions(self.ast.as_ref(), |part| {
            if let ast::Expr::Identifier(name) = part {
                names.push(super::grammar::folded_ident(name));
            }
            ControlFlow::<()>::Continue(())
        });
        names
    }

    /// Reads a query that is a statement of its own: only that one may lock rows.
    pub(super) fn read_statement(grammar: &mut Grammar) -> Result<Query> {
        let start = grammar.here();
        let mut ast = grammar.rule(|parser| parser.parse_query())?;
        let clauses = std::mem::take(&mut ast.locks);
        let locks = row_lock::row_locks(&clauses, &ast)
            .map_err(|error| error.at(grammar.scan().characters(&(start..start + 1)).start + 1))?;
        Ok(Query { locks, ..Query::made(grammar, start, ast)? })
    }

    /// What FOR UPDATE or FOR SHARE asks for.
    pub fn locks(&self) -> Option<&RowLocks> {
        self.locks.as_ref()
    }

    /// Reads a query.
    pub(super) fn read(grammar: &mut Grammar) -> Result<Query> {
        let start = grammar.here();
        let ast = grammar.rule(|parser| parser.parse_query())?;
        Query::made(grammar, start, ast)
    }

    /// Reads `name [(columns)]`: `SELECT columns FROM name`.
    pub(super) fn read_table(grammar: &mut Grammar) -> Result<Query> {
        let start = grammar.here();
        let relation = grammar.rule(|parser| parser.parse_object_name(false))?;
        let items = match grammar.peek() {
            Token::LParen => {
                let identifier = |grammar: &mut Grammar| grammar.rule(|parser| parser.parse_identifier());
                let columns = grammar.list(identifier)?;
                columns.into_iter().map(|column| ast::SelectItem::UnnamedExpr(ast::Expr::Identifier(column))).collect()
            }
            _ => vec![ast::SelectItem::Wildcard(ast::WildcardAdditionalOptions::default())],
        };
        let whole_relation = matches!(items.as_slice(), [ast::SelectItem::Wildcard(_)]);
        let from = ast::TableWithJoins { relation: table(relation, None), joins: Vec::new() };
        let query = Query::made(grammar, start, select(items, vec![from], None))?;
        Ok(Query { whole_relation, ..query })
    }

    /// The relation that COPY names without columns and parentheses.
    pub fn whole_relation(&self) -> Option<&str> {
        self.relations.first().filter(|_| self.whole_relation).map(String::as_str)
    }

    /// Reads `(expression, …)`: a query of one row, and which of its columns are string constants.
    pub(super) fn read_row(grammar: &mut Grammar) -> Result<(Query, Vec<usize>)> {
        let start = grammar.here();
        let items = grammar.list(Grammar::expression)?.into_iter().map(ast::SelectItem::UnnamedExpr).collect();
        let row = select(items, Vec::new(), None);
        let literals = super::insert::literals(&row);
        Ok((Query::made(grammar, start, row)?, literals))
    }

    /// A query that was read or put together from the tokens since `start`.
    pub(super) fn made(grammar: &Grammar, start: usize, mut ast: Box<ast::Query>) -> Result<Query> {
        let scan = Arc::clone(grammar.scan());
        rewrite::balance(&mut ast);
        if catalog_query::is_catalog_query(&rewrite::relations(&ast)) {
            catalog_query::rewrite(&mut ast);
        }
        let place = |location| scan.character(location) + 1;
        let parameters = rewrite::rewrite(&mut ast, &place)?;
        let relations = rewrite::relations(&ast);
        Ok(Query { ast, scan, range: start..grammar.here(), relations, parameters, whole_relation: false, locks: None })
    }
}

/// The name that clients see for a column of a planned query. The rewritten query has names that the planner can keep apart:
/// where PostgreSQL would give two columns one name, the later ones get a mark and a number behind it (see [`hidden`]).
pub fn shown_name(column: &str) -> &str {
    column.split(MARK).next().unwrap_or(column)
}

/// By what the schema of a type that a view names is found among those of its relations.
pub fn type_key(name: &str) -> String {
    format!("{TYPE_MARK}{name}")
}

/// The relation of the rows that a statement brings itself: a CHECK reads the new rows, RETURNING the changed ones. No query can name it
/// by accident.
pub const ROWS: &str = "\u{1}rows";

/// Stands between a name and what makes it unique. No query can name it by accident.
const MARK: char = '\u{1}';

/// A name that is shown as `name` but differs from it and from those of other numbers.
pub(super) fn hidden(name: &str, number: usize) -> ast::Ident {
    ast::Ident::with_quote('"', format!("{name}{MARK}{number}"))
}

/// `relation.*`.
pub(super) fn wildcard_of(relation: ast::ObjectName) -> ast::SelectItem {
    let kind = ast::SelectItemQualifiedWildcardKind::ObjectName(relation);
    ast::SelectItem::QualifiedWildcard(kind, ast::WildcardAdditionalOptions::default())
}

/// `SELECT items FROM from WHERE selection`.
pub(super) fn select(
    items: Vec<ast::SelectItem>,
    from: Vec<ast::TableWithJoins>,
    selection: Option<ast::Expr>,
) -> Box<ast::Query> {
    let select = ast::Select {
        select_token: ast::helpers::attached_token::AttachedToken::empty(),
        optimizer_hints: Vec::new(),
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection: items,
        exclude: None,
        into: None,
        from,
        lateral_views: Vec::new(),
        prewhere: None,
        selection,
        connect_by: Vec::new(),
        group_by: ast::GroupByExpr::Expressions(Vec::new(), Vec::new()),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: None,
        named_window: Vec::new(),
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: ast::SelectFlavor::Standard,
    };
    query(ast::SetExpr::Select(Box::new(select)))
}

/// FROM a relation that only the planner knows: [`ROWS`].
pub(super) fn rows_relation(name: &str) -> ast::TableWithJoins {
    let relation = table(ast::Ident::with_quote('"', name).into(), None);
    ast::TableWithJoins { relation, joins: Vec::new() }
}

/// A query that is only a body.
fn query(body: ast::SetExpr) -> Box<ast::Query> {
    Box::new(ast::Query {
        with: None,
        body: Box::new(body),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    })
}

/// A relation in FROM.
pub(super) fn table(name: ast::ObjectName, alias: Option<ast::TableAlias>) -> ast::TableFactor {
    ast::TableFactor::Table {
        name,
        alias,
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    }
}

//! FOR UPDATE, FOR NO KEY UPDATE, FOR SHARE and FOR KEY SHARE of a query that is a statement.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{self, Visit, Visitor};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Whitespace};

use crate::compile::parse::dml::AGGREGATES;
use crate::compile::parse::grammar::{folded_ident, is_word, name_parts};
use crate::error::{Error, Result, code};

/// Which rows a query keeps others from changing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowLocks {
    /// `UPDATE` or `SHARE`.
    pub strength: &'static str,
    /// The relations that OF names; all if empty.
    pub relations: Vec<String>,
    /// Whether rows that somebody else has locked are an error.
    pub nowait: bool,
}

/// Takes `NO KEY` and `KEY` out of FOR NO KEY UPDATE and FOR KEY SHARE: whole tables are locked, so they lock the same.
pub(in crate::compile::parse) fn strengthen(tokens: &mut [TokenWithSpan]) {
    let is_blank = |token: &TokenWithSpan| matches!(token.token, Token::Whitespace(_));
    let words: Vec<usize> = (0..tokens.len()).filter(|at| !is_blank(&tokens[*at])).collect();
    let mut taken = Vec::new();
    for start in 0..words.len() {
        let sees = |expected: &[&str]| {
            let found = words[start..].iter().map(|at| &tokens[*at].token);
            words.len() - start >= expected.len()
                && expected.iter().zip(found).all(|(word, token)| is_word(token, word))
        };
        if sees(&["FOR", "NO", "KEY", "UPDATE"]) {
            taken.extend(&words[start + 1..start + 3]);
        } else if sees(&["FOR", "KEY", "SHARE"]) {
            taken.push(words[start + 1]);
        }
    }
    for at in taken {
        tokens[at].token = Token::Whitespace(Whitespace::Space);
    }
}

/// What the clauses ask for. Errors: 0A000 for what cannot be locked, as in PostgreSQL, and for SKIP LOCKED; 42P01 for a relation that is
/// not in FROM.
pub(super) fn row_locks(clauses: &[ast::LockClause], query: &ast::Query) -> Result<Option<RowLocks>> {
    if clauses.is_empty() {
        return Ok(None);
    }
    let is_update = clauses.iter().any(|clause| matches!(clause.lock_type, ast::LockType::Update));
    let strength = if is_update { "UPDATE" } else { "SHARE" };
    let ast::SetExpr::Select(select) = query.body.as_ref() else {
        return Err(refused(strength, "UNION/INTERSECT/EXCEPT or VALUES"));
    };
    if let Some(what) = not_of_rows(select) {
        return Err(refused(strength, what));
    }
    if clauses.iter().any(|clause| matches!(clause.nonblock, Some(ast::NonBlock::SkipLocked))) {
        let error = Error::unsupported(format!("FOR {strength} SKIP LOCKED is not supported"));
        return Err(error.hint("a transaction locks whole tables here: leave it out, use NOWAIT, or set lock_timeout"));
    }
    let sources = sources(select);
    let relations = relations(clauses, &sources, strength)?;
    let nowait = clauses.iter().any(|clause| matches!(clause.nonblock, Some(ast::NonBlock::Nowait)));
    Ok(Some(RowLocks { strength, relations, nowait }))
}

fn refused(strength: &str, what: &str) -> Error {
    Error::unsupported(format!("FOR {strength} is not allowed with {what}"))
}

/// Why the rows of a SELECT are not rows of its relations.
fn not_of_rows(select: &ast::Select) -> Option<&'static str> {
    let mut calls = Calls::default();
    let _ = select.visit(&mut calls);
    let is_grouped = !matches!(&select.group_by, ast::GroupByExpr::Expressions(keys, _) if keys.is_empty());
    let reasons = [
        (select.distinct.is_some(), "DISTINCT clause"),
        (is_grouped, "GROUP BY clause"),
        (select.having.is_some(), "HAVING clause"),
        (calls.aggregates, "aggregate functions"),
        (calls.windows, "window functions"),
    ];
    reasons.into_iter().find(|(applies, _)| *applies).map(|(_, what)| what)
}

/// The kinds of calls outside of subqueries.
#[derive(Default)]
struct Calls {
    /// Subqueries that enclose what is visited.
    depth: usize,
    aggregates: bool,
    windows: bool,
}

impl Visitor for Calls {
    type Break = ();

    fn pre_visit_query(&mut self, _: &ast::Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &ast::Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, part: &ast::Expr) -> ControlFlow<()> {
        if let ast::Expr::Function(function) = part
            && self.depth == 0
        {
            let name = name_parts(&function.name).pop().unwrap_or_default();
            let is_window = function.over.is_some();
            self.windows |= is_window;
            self.aggregates |= !is_window && AGGREGATES.contains(&name.as_str());
        }
        ControlFlow::Continue(())
    }
}

/// An item of FROM.
struct Source {
    /// The name that the query knows it by.
    alias: String,
    /// The relation, if it is one.
    relation: Option<String>,
    /// Whether an outer join fills it up with NULLs.
    nullable: bool,
}

fn sources(select: &ast::Select) -> Vec<Source> {
    select.from.iter().flat_map(joined).collect()
}

fn joined(from: &ast::TableWithJoins) -> Vec<Source> {
    use ast::JoinOperator::{FullOuter, Left, LeftOuter, Right, RightOuter};
    let mut left = factor(&from.relation);
    for join in &from.joins {
        let mut right = factor(&join.relation);
        let (fills_left, fills_right) = match join.join_operator {
            Left(_) | LeftOuter(_) => (false, true),
            Right(_) | RightOuter(_) => (true, false),
            FullOuter(_) => (true, true),
            _ => (false, false),
        };
        left.iter_mut().for_each(|source| source.nullable |= fills_left);
        right.iter_mut().for_each(|source| source.nullable |= fills_right);
        left.extend(right);
    }
    left
}

fn factor(factor: &ast::TableFactor) -> Vec<Source> {
    let source = |alias: Option<&ast::TableAlias>, relation: Option<String>| {
        let own = relation.as_deref().and_then(|name| name.rsplit('.').next()).unwrap_or_default().to_string();
        let alias = alias.map_or(own, |alias| folded_ident(&alias.name));
        vec![Source { alias, relation, nullable: false }]
    };
    match factor {
        ast::TableFactor::Table { name, alias, args: None, .. } => {
            source(alias.as_ref(), Some(name_parts(name).join(".")))
        }
        ast::TableFactor::NestedJoin { table_with_joins, alias: None } => joined(table_with_joins),
        ast::TableFactor::Derived { alias, .. } => source(alias.as_ref(), None),
        _ => Vec::new(),
    }
}

/// The relations that the clauses name; none for all.
fn relations(clauses: &[ast::LockClause], sources: &[Source], strength: &str) -> Result<Vec<String>> {
    let mut relations = Vec::new();
    let mut all = false;
    for clause in clauses {
        let named = clause.of.as_ref().map(|name| name_parts(name).join("."));
        let locked: Vec<&Source> =
            sources.iter().filter(|source| named.as_ref().is_none_or(|name| source.alias == *name)).collect();
        if let (Some(name), true) = (&named, locked.is_empty()) {
            let message = format!("relation \"{name}\" in FOR {strength} clause not found in FROM clause");
            return Err(Error::new(code::UNDEFINED_TABLE, message));
        }
        if locked.iter().any(|source| source.nullable) {
            let message = format!("FOR {strength} cannot be applied to the nullable side of an outer join");
            return Err(Error::unsupported(message));
        }
        // What a subquery reads is locked with everything else.
        all |= named.is_none() || locked.iter().any(|source| source.relation.is_none());
        relations.extend(locked.into_iter().filter_map(|source| source.relation.clone()));
    }
    Ok(if all { Vec::new() } else { relations })
}

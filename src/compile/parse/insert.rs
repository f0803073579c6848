//! INSERT.

use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::cell::{self, Cell, Expressions};
use super::dml::{assigned, returning};
use super::grammar::Grammar;
use super::misplaced;
use super::query::{Query, ROWS, rows_relation, select};
use super::{Conflict, Insert, Kind, OnConflict, Overriding};
use crate::error::{Error, Result, code};

/// The rows of an INSERT.
#[derive(Debug, Clone)]
pub enum InsertSource {
    /// DEFAULT VALUES.
    Default,
    /// VALUES (…), ….
    Values(Values),
    /// A query.
    Query {
        /// The query.
        query: Box<Query>,
        /// Its output columns that are string constants.
        literals: Vec<usize>,
        /// Those that are parameters, and their numbers.
        parameters: Vec<(usize, usize)>,
    },
}

/// VALUES (…), … of an INSERT.
#[derive(Debug, Clone)]
pub struct Values {
    /// Values of a row.
    pub width: usize,
    /// The values, row by row.
    pub cells: Vec<Cell>,
    /// Those that are expressions.
    pub expressions: Expressions,
}

/// What follows INSERT; `with` are the CTEs before it.
pub(super) fn insert(grammar: &mut Grammar, with: Option<ast::With>) -> Result<Kind> {
    grammar.expect(&["INTO"])?;
    let table = grammar.relation()?;
    let alias = if grammar.eat(&["AS"]) { grammar.name()? } else { last_part(&table) };
    // `(SELECT …)` is a query and not a column list.
    let columns = match grammar.peek() {
        Token::LParen if !super::statement::is_query_in_parentheses(grammar) => Some(grammar.list(Grammar::name)?),
        _ => None,
    };
    let overriding = match grammar.eat(&["OVERRIDING"]) {
        false => Overriding::No,
        true => {
            let which = grammar.eat_one(&["SYSTEM", "USER"]).ok_or_else(|| grammar.unexpected())?;
            grammar.expect(&["VALUE"])?;
            if which == "SYSTEM" { Overriding::System } else { Overriding::User }
        }
    };
    let source = source(grammar, with)?;
    let on_conflict = if grammar.eat(&["ON", "CONFLICT"]) { on_conflict(grammar)? } else { OnConflict::Error };
    let returning = returning(grammar)?;
    Ok(Kind::Insert(Insert { table, alias, columns, overriding, source, on_conflict, returning }))
}

/// The name without its schema.
pub(super) fn last_part(name: &str) -> String {
    name.rsplit_once('.').map_or(name, |(_, name)| name).to_string()
}

fn source(grammar: &mut Grammar, with: Option<ast::With>) -> Result<InsertSource> {
    if grammar.eat(&["DEFAULT", "VALUES"]) {
        return Ok(InsertSource::Default);
    }
    if grammar.sees(&["VALUES"]) && with.is_none() {
        return values(grammar).map(InsertSource::Values);
    }
    let start = grammar.here();
    let mut query = grammar.rule(|parser| parser.parse_query())?;
    if let Some(with) = with {
        match &mut query.with {
            None => query.with = Some(with),
            Some(own) => own.cte_tables.splice(0..0, with.cte_tables).for_each(drop),
        }
    }
    let (literals, parameters) = (literals(&query), parameters(&query));
    Ok(InsertSource::Query { query: Box::new(Query::made(grammar, start, query)?), literals, parameters })
}

/// The output columns that are string constants or NULL: they take the type of the column that they are inserted into.
pub(super) fn literals(query: &ast::Query) -> Vec<usize> {
    let is_untyped = |value: &ast::Value| matches!(value, ast::Value::SingleQuotedString(_) | ast::Value::Null);
    constants(query).into_iter().filter(|(_, value)| is_untyped(value)).map(|(at, _)| at).collect()
}

/// The output columns that are parameters, and their numbers.
fn parameters(query: &ast::Query) -> Vec<(usize, usize)> {
    let number = |(at, value): (usize, &ast::Value)| match value {
        ast::Value::Placeholder(name) => Some((at, name.strip_prefix('$')?.parse().ok()?)),
        _ => None,
    };
    constants(query).into_iter().filter_map(number).collect()
}

/// The output columns that are constants or parameters.
fn constants(query: &ast::Query) -> Vec<(usize, &ast::Value)> {
    let ast::SetExpr::Select(select) = query.body.as_ref() else { return Vec::new() };
    let is_wildcard =
        |item: &ast::SelectItem| matches!(item, ast::SelectItem::Wildcard(_) | ast::SelectItem::QualifiedWildcard(..));
    let mut found = Vec::new();
    for (at, item) in select.projection.iter().take_while(|item| !is_wildcard(item)).enumerate() {
        if let ast::SelectItem::UnnamedExpr(ast::Expr::Value(value))
        | ast::SelectItem::ExprWithAlias { expr: ast::Expr::Value(value), .. } = item
        {
            found.push((at, &value.value));
        }
    }
    found
}

fn values(grammar: &mut Grammar) -> Result<Values> {
    grammar.expect(&["VALUES"])?;
    let start = grammar.here();
    let (mut cells, mut expressions, mut width) = (Vec::new(), Vec::new(), None);
    loop {
        let before = cells.len();
        grammar.expect_token(&Token::LParen)?;
        let position = grammar.position_of_next();
        loop {
            cells.push(cell::read(grammar, &mut expressions)?);
            if !grammar.eat_token(&Token::Comma) {
                break;
            }
        }
        grammar.expect_token(&Token::RParen)?;
        let columns = cells.len() - before;
        if *width.get_or_insert(columns) != columns {
            let error = Error::new(code::SYNTAX_ERROR, "VALUES lists must all be the same length");
            return Err(position.map_or(error.clone(), |position| error.at(position)));
        }
        if !grammar.eat_token(&Token::Comma) {
            break;
        }
    }
    let position = |location| grammar.scan().character(location) + 1;
    for expression in &expressions {
        misplaced::refuse(expression, "VALUES", &position)?;
    }
    let expressions = Expressions::made(grammar, start, expressions)?;
    Ok(Values { width: width.unwrap_or(0), cells, expressions })
}

/// What follows ON CONFLICT.
fn on_conflict(grammar: &mut Grammar) -> Result<OnConflict> {
    let target = if grammar.eat(&["ON", "CONSTRAINT"]) {
        Conflict::Constraint(grammar.name()?)
    } else if grammar.peek() == Token::LParen {
        let position = grammar.position();
        let columns = grammar.list(|grammar| match grammar.peek() {
            Token::Word(_) => grammar.name(),
            _ => Err(grammar.unsupported("an expression as conflict target is not supported")),
        })?;
        if grammar.sees(&["WHERE"]) {
            return Err(Error::unsupported("ON CONFLICT (…) WHERE is not supported").at(position));
        }
        Conflict::Columns(columns)
    } else {
        Conflict::Any
    };
    grammar.expect(&["DO"])?;
    if grammar.eat(&["NOTHING"]) {
        return Ok(OnConflict::Nothing(target));
    }
    if matches!(target, Conflict::Any) {
        let message = "ON CONFLICT DO UPDATE requires inference specification or constraint name";
        return Err(Error::new(code::SYNTAX_ERROR, message)
            .at(grammar.position())
            .hint("For example, ON CONFLICT (column_name)."));
    }
    grammar.expect(&["UPDATE", "SET"])?;
    let start = grammar.here();
    let assignments = grammar.rule(|parser| parser.parse_comma_separated(|parser| parser.parse_assignment()))?;
    let condition =
        if grammar.eat(&["WHERE"]) { grammar.expression()? } else { ast::Expr::value(ast::Value::Boolean(true)) };
    let mut expressions = vec![condition];
    let (columns, values) = assigned(grammar, assignments, &mut expressions)?;
    let items = expressions.into_iter().enumerate().map(cell::item).collect();
    let query = Query::made(grammar, start, select(items, vec![rows_relation(ROWS)], None))?;
    Ok(OnConflict::Update { target, columns, values, query })
}

#[cfg(test)]
mod tests {
    use super::super::{Cell, parse};
    use super::*;

    fn source_of(sql: &str) -> InsertSource {
        match parse(sql).unwrap().remove(0).kind {
            Kind::Insert(insert) => insert.source,
            _ => panic!("{sql} is no INSERT"),
        }
    }

    #[test]
    fn constants_are_not_planned() {
        let InsertSource::Values(values) =
            source_of("INSERT INTO t VALUES (1, -2.5, 'x', $1, DEFAULT), (NULL, true, 1 + 1, E'\\n', 3)")
        else {
            panic!()
        };
        assert_eq!(values.width, 5);
        assert_eq!(
            values.cells[..4],
            [Cell::Number("1".into()), Cell::Number("-2.5".into()), Cell::Text("x".into()), Cell::Parameter(1)]
        );
        assert_eq!(
            values.cells[4..9],
            [Cell::Default, Cell::Null, Cell::Boolean(true), Cell::Expression(0), Cell::Text("\n".into())]
        );
        assert_eq!(values.expressions.queries.len(), 1);
        assert_eq!(parse("INSERT INTO t VALUES (1), (2, 3)").unwrap_err().code, code::SYNTAX_ERROR);
    }
}

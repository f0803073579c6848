//! UPDATE, DELETE, TRUNCATE as queries over the table: what the engine then inserts and removes.

use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::cell::{self, Cell};
use super::field_set;
use super::grammar::{Grammar, folded_ident, name_parts, relation_name};
use super::insert::insert;
use super::misplaced;
use super::query::{Query, ROWS, hidden, rows_relation, select, wildcard_of};
use super::{Change, Kind, Update};
use crate::error::{Error, Result, code};

/// Whether WITH comes next and INSERT, UPDATE or DELETE behind its CTEs.
pub(super) fn is_with_change(grammar: &Grammar) -> bool {
    if !grammar.sees(&["WITH"]) {
        return false;
    }
    let mut depth = 0;
    for token in &grammar.scan().tokens[grammar.rest()] {
        match &token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            Token::Word(word) if depth == 0 && word.quote_style.is_none() => {
                match word.value.to_ascii_lowercase().as_str() {
                    "insert" | "update" | "delete" => return true,
                    "select" | "values" | "table" => return false,
                    _ => {}
                }
            }
            _ => {}
        }
    }
    false
}

/// `WITH … INSERT | UPDATE | DELETE …`.
pub(super) fn with_change(grammar: &mut Grammar) -> Result<Kind> {
    grammar.expect(&["WITH"])?;
    let recursive = grammar.eat(&["RECURSIVE"]);
    let cte_tables = grammar.rule(|parser| parser.parse_comma_separated(|parser| parser.parse_cte()))?;
    if let Some(changing) = cte_tables.iter().find(|cte| {
        !matches!(
            cte.query.body.as_ref(),
            ast::SetExpr::Select(_)
                | ast::SetExpr::Values(_)
                | ast::SetExpr::SetOperation { .. }
                | ast::SetExpr::Query(_)
        )
    }) {
        let name = folded_ident(&changing.alias.name);
        return Err(refused(&format!("the data-modifying statement \"{name}\" in WITH")));
    }
    let with_token = ast::helpers::attached_token::AttachedToken::empty();
    let with = Some(ast::With { with_token, recursive, cte_tables });
    match grammar.eat_one(&["INSERT", "UPDATE", "DELETE"]) {
        Some("INSERT") => insert(grammar, with),
        Some("UPDATE") => update(grammar, with),
        Some(_) => delete(grammar, with),
        None => Err(grammar.unexpected()),
    }
}

/// What follows UPDATE.
pub(super) fn update(grammar: &mut Grammar, with: Option<ast::With>) -> Result<Kind> {
    let start = grammar.here();
    grammar.eat(&["ONLY"]);
    let statement = grammar.rule(|parser| {
        let update = parser.get_current_token().clone();
        parser.parse_update(update)
    })?;
    let ast::Statement::Update(update) = statement else { return Err(refused("this form of UPDATE")) };
    if !update.table.joins.is_empty() || update.limit.is_some() || !update.order_by.is_empty() || update.or.is_some() {
        return Err(refused("this form of UPDATE"));
    }
    let from = match update.from {
        Some(ast::UpdateTableFromKind::AfterSet(items)) => items,
        Some(ast::UpdateTableFromKind::BeforeSet(_)) => return Err(refused("UPDATE … FROM … SET")),
        None => Vec::new(),
    };
    let mut expressions = Vec::new();
    let assignments = field_set::merged(update.assignments, &visible_name(&update.table.relation)?)?;
    let (columns, values) = assigned(grammar, assignments, &mut expressions)?;
    let items = expressions.into_iter().enumerate().map(cell::item).collect();
    let change = change(
        grammar,
        start,
        with,
        Parts { table: update.table, from, items, selection: update.selection, returning: update.returning },
    )?;
    Ok(Kind::Update(Update { change, columns, values }))
}

/// What follows DELETE.
pub(super) fn delete(grammar: &mut Grammar, with: Option<ast::With>) -> Result<Kind> {
    let start = grammar.here();
    let statement = grammar.rule(|parser| {
        let delete = parser.get_current_token().clone();
        parser.parse_delete(delete)
    })?;
    let ast::Statement::Delete(delete) = statement else { return Err(refused("this form of DELETE")) };
    if !delete.tables.is_empty() || delete.limit.is_some() || !delete.order_by.is_empty() {
        return Err(refused("this form of DELETE"));
    }
    let (ast::FromTable::WithFromKeyword(mut tables) | ast::FromTable::WithoutKeyword(mut tables)) = delete.from;
    if tables.len() != 1 || !tables[0].joins.is_empty() {
        return Err(refused("DELETE from several tables"));
    }
    let parts = Parts {
        table: tables.remove(0),
        from: delete.using.unwrap_or_default(),
        items: Vec::new(),
        selection: delete.selection,
        returning: delete.returning,
    };
    Ok(Kind::Delete(change(grammar, start, with, parts)?))
}

/// What follows LOCK.
pub(super) fn lock(grammar: &mut Grammar) -> Result<Kind> {
    grammar.eat(&["TABLE"]);
    grammar.eat(&["ONLY"]);
    let mut tables = vec![grammar.relation()?];
    while grammar.eat_token(&Token::Comma) {
        tables.push(grammar.relation()?);
    }
    // What only keeps out readers, or those who change the definition, needs nothing: neither is kept out.
    let modes: [(&[&str], bool); 8] = [
        (&["ACCESS", "SHARE"], false),
        (&["ACCESS", "EXCLUSIVE"], true),
        (&["ROW", "SHARE"], false),
        (&["ROW", "EXCLUSIVE"], true),
        (&["SHARE", "UPDATE", "EXCLUSIVE"], true),
        (&["SHARE", "ROW", "EXCLUSIVE"], true),
        (&["SHARE"], true),
        (&["EXCLUSIVE"], true),
    ];
    let mut writers = true;
    if grammar.eat(&["IN"]) {
        let Some((_, mode)) = modes.iter().find(|(words, _)| grammar.eat(words)) else {
            return Err(grammar.unexpected());
        };
        writers = *mode;
        grammar.expect(&["MODE"])?;
    }
    if grammar.sees(&["NOWAIT"]) {
        return Err(grammar.unsupported("LOCK … NOWAIT is not supported").hint("set lock_timeout"));
    }
    Ok(Kind::Lock { tables, writers })
}

/// What follows TRUNCATE.
pub(super) fn truncate(grammar: &mut Grammar) -> Result<Kind> {
    grammar.eat(&["TABLE"]);
    grammar.eat(&["ONLY"]);
    let mut tables = vec![grammar.relation()?];
    while grammar.eat_token(&Token::Comma) {
        tables.push(grammar.relation()?);
    }
    let restart = grammar.eat(&["RESTART", "IDENTITY"]);
    grammar.eat(&["CONTINUE", "IDENTITY"]);
    // No table refers to another.
    grammar.eat_one(&["CASCADE", "RESTRICT"]);
    Ok(Kind::Truncate { tables, restart })
}

/// What UPDATE and DELETE have in common.
struct Parts {
    table: ast::TableWithJoins,
    from: Vec<ast::TableWithJoins>,
    items: Vec<ast::SelectItem>,
    selection: Option<ast::Expr>,
    returning: Option<Vec<ast::SelectItem>>,
}

fn change(grammar: &Grammar, start: usize, with: Option<ast::With>, parts: Parts) -> Result<Change> {
    let Parts { table, from, mut items, selection, returning } = parts;
    let (name, visible) = target(&table.relation)?;
    let alias = name_parts(&visible).pop().unwrap_or_default();
    items.push(wildcard_of(visible));
    let mut others = Vec::new();
    if returning.is_some() {
        for factor in from
            .iter()
            .flat_map(|item| std::iter::once(&item.relation).chain(item.joins.iter().map(|join| &join.relation)))
        {
            let name = visible_name(factor)?;
            items.push(wildcard_of(name.clone()));
            let mut columns = select(vec![wildcard_of(name.clone())], from.clone(), None);
            columns.with.clone_from(&with);
            let other = name_parts(&name).pop().unwrap_or_default();
            others.push((other, Query::made(grammar, start, columns)?));
        }
    }
    let has_from = !from.is_empty();
    let mut query = select(items, std::iter::once(table).chain(from).collect(), selection);
    query.with = with;
    let query = Query::made(grammar, start, query)?;
    let returning = match returning {
        Some(items) => Some(returned(grammar, start, items)?),
        None => None,
    };
    Ok(Change { table: name, alias, query, has_from, others, returning })
}

/// `RETURNING …`, if it comes next.
pub(super) fn returning(grammar: &mut Grammar) -> Result<Option<Query>> {
    if !grammar.eat(&["RETURNING"]) {
        return Ok(None);
    }
    let start = grammar.here();
    let items = grammar.rule(|parser| parser.parse_comma_separated(|parser| parser.parse_select_item()))?;
    returned(grammar, start, items).map(Some)
}

/// The query of RETURNING.
fn returned(grammar: &Grammar, start: usize, items: Vec<ast::SelectItem>) -> Result<Query> {
    for item in &items {
        if let ast::SelectItem::UnnamedExpr(expr) | ast::SelectItem::ExprWithAlias { expr, .. } = item {
            misplaced::refuse(expr, "RETURNING", &|location| grammar.scan().character(location) + 1)?;
        }
    }
    Query::made(grammar, start, select(items, vec![rows_relation(ROWS)], None))
}

/// The columns that assignments set and the values, of which expressions go to `expressions`.
pub(super) fn assigned(
    grammar: &Grammar,
    assignments: Vec<ast::Assignment>,
    expressions: &mut Vec<ast::Expr>,
) -> Result<(Vec<String>, Vec<Cell>)> {
    let (mut columns, mut values) = (Vec::new(), Vec::new());
    for (column, value) in pairs(assignments)? {
        if columns.contains(&column) {
            return Err(Error::new(code::SYNTAX_ERROR, format!("multiple assignments to same column \"{column}\"")));
        }
        misplaced::refuse(&value, "UPDATE", &|location| grammar.scan().character(location) + 1)?;
        columns.push(column);
        values.push(cell::of_expression(value, expressions));
    }
    Ok((columns, values))
}

fn refused(what: &str) -> Error {
    Error::unsupported(format!("{what} is not supported"))
}

/// The table that is changed, and the name that its columns are qualified with.
fn target(relation: &ast::TableFactor) -> Result<(String, ast::ObjectName)> {
    match relation {
        ast::TableFactor::Table { name, args: None, .. } => {
            Ok((relation_name(&name_parts(name)), visible_name(relation)?))
        }
        _ => Err(refused("changing anything but a table")),
    }
}

/// The name that the columns of an item of FROM are qualified with.
fn visible_name(factor: &ast::TableFactor) -> Result<ast::ObjectName> {
    match factor {
        ast::TableFactor::Table { alias: Some(alias), .. }
        | ast::TableFactor::Derived { alias: Some(alias), .. }
        | ast::TableFactor::Function { alias: Some(alias), .. } => Ok(alias.name.clone().into()),
        ast::TableFactor::Table { name, .. } => Ok(name.clone()),
        _ => Err(refused("RETURNING with this form of FROM").hint("give it an alias")),
    }
}

fn column_name(name: &ast::ObjectName) -> Result<String> {
    match name_parts(name).as_slice() {
        [column] => Ok(column.clone()),
        _ => Err(Error::new(code::SYNTAX_ERROR, format!("\"{name}\" is not the name of a column"))),
    }
}

/// `a = x`, `(a, b) = (x, y)` and `(a, b) = (SELECT x, y …)` as pairs.
fn pairs(assignments: Vec<ast::Assignment>) -> Result<Vec<(String, ast::Expr)>> {
    let mut pairs = Vec::new();
    for assignment in assignments {
        match (assignment.target, assignment.value) {
            (ast::AssignmentTarget::ColumnName(name), value) => pairs.push((column_name(&name)?, value)),
            (ast::AssignmentTarget::Tuple(names), value) => {
                let values = row_values(value)?;
                if names.len() != values.len() {
                    return Err(Error::new(code::SYNTAX_ERROR, "number of columns does not match number of values"));
                }
                for (name, value) in names.iter().zip(values) {
                    pairs.push((column_name(name)?, value));
                }
            }
        }
    }
    Ok(pairs)
}

/// The values of a row: of a list, or of a subquery, which is then read once for each.
fn row_values(row: ast::Expr) -> Result<Vec<ast::Expr>> {
    match row {
        ast::Expr::Tuple(values) => Ok(values),
        ast::Expr::Nested(value) => Ok(vec![*value]),
        ast::Expr::Subquery(query) => {
            let ast::SetExpr::Select(select) = query.body.as_ref() else {
                return Err(refused("this form of UPDATE … SET (…) = (query)"));
            };
            let is_value = |item: &ast::SelectItem| {
                matches!(item, ast::SelectItem::UnnamedExpr(_) | ast::SelectItem::ExprWithAlias { .. })
            };
            if !select.projection.iter().all(is_value) {
                return Err(refused("this form of UPDATE … SET (…) = (SELECT …)").hint("name the columns"));
            }
            let aggregates: Vec<bool> = select.projection.iter().map(has_aggregate).collect();
            let has_aggregates = aggregates.contains(&true);
            let value = |(at, aggregate): (usize, bool)| match has_aggregates && !aggregate || select.distinct.is_some()
            {
                // Alone, the column would be one of many rows.
                true => column_of(&query, at),
                false => only_column(&query, at),
            };
            Ok(aggregates.into_iter().enumerate().map(value).collect())
        }
        _ => Err(refused("this form of UPDATE … SET (…)")),
    }
}

/// Whether an output calls one of PostgreSQL's aggregate functions.
fn has_aggregate(item: &ast::SelectItem) -> bool {
    let mut found = false;
    let _ = ast::visit_expressions(item, |part| {
        if let ast::Expr::Function(function) = part {
            let name = name_parts(&function.name).pop().unwrap_or_default();
            found |= AGGREGATES.contains(&name.as_str());
        }
        std::ops::ControlFlow::<()>::Continue(())
    });
    found
}

/// PostgreSQL's aggregate functions.
pub(super) const AGGREGATES: &[&str] = &[
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "bool_and",
    "bool_or",
    "every",
    "string_agg",
    "array_agg",
    "bit_and",
    "bit_or",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "variance",
    "var_pop",
    "var_samp",
    "jsonb_agg",
    "json_agg",
];

/// A query with only one of its columns.
fn only_column(query: &ast::Query, at: usize) -> ast::Expr {
    let mut one = query.clone();
    if let ast::SetExpr::Select(select) = one.body.as_mut() {
        select.projection = vec![select.projection.swap_remove(at)];
    }
    ast::Expr::Subquery(Box::new(one))
}

/// `(SELECT value FROM (query))` for the value of a column of a query.
fn column_of(query: &ast::Query, at: usize) -> ast::Expr {
    let mut inner = query.clone();
    if let ast::SetExpr::Select(select) = inner.body.as_mut() {
        for (number, item) in select.projection.iter_mut().enumerate() {
            let unnamed = ast::SelectItem::UnnamedExpr(ast::Expr::value(ast::Value::Null));
            if let ast::SelectItem::UnnamedExpr(expr) | ast::SelectItem::ExprWithAlias { expr, .. } =
                std::mem::replace(item, unnamed)
            {
                *item = cell::item((number, expr));
            }
        }
    }
    let alias = ast::TableAlias { explicit: true, name: hidden("row", 1), columns: Vec::new(), at: None };
    let relation =
        ast::TableFactor::Derived { lateral: false, subquery: Box::new(inner), alias: Some(alias), sample: None };
    let from = ast::TableWithJoins { relation, joins: Vec::new() };
    let value = ast::SelectItem::UnnamedExpr(ast::Expr::Identifier(hidden("value", at + 1)));
    ast::Expr::Subquery(select(vec![value], vec![from], None))
}

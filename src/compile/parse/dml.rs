//! INSERT, UPDATE, DELETE as queries over the table: what the engine then inserts and removes.

use datafusion::sql::sqlparser::ast;

use super::grammar::{Grammar, folded_ident, name_parts, relation_name};
use super::query::{Query, hidden, select, table, wildcard_of};
use super::{Delete, Insert, Kind, OnConflict, Update};
use crate::error::{Error, Result, code};

/// What follows INSERT.
pub(super) fn insert(grammar: &mut Grammar) -> Result<Kind> {
    let start = grammar.here();
    let statement = grammar.rule(|parser| {
        let insert = parser.get_current_token().clone();
        parser.parse_insert(insert)
    })?;
    let ast::Statement::Insert(mut insert) = statement else { return Err(refused("this form of INSERT")) };
    let ast::TableObject::TableName(name) = &insert.table else { return Err(refused("INSERT into this")) };
    if !insert.into
        || insert.overwrite
        || insert.or.is_some()
        || !insert.assignments.is_empty()
        || insert.partitioned.is_some()
    {
        return Err(refused("this form of INSERT"));
    }
    let target = relation_name(&name_parts(name));
    let relation = relation(name.clone(), insert.table_alias.take().map(|alias| alias.alias));
    let mut columns = insert.columns.iter().map(column_name).collect::<Result<Vec<_>>>()?;
    if let Some(values) = insert.source.as_mut().and_then(|source| values_of(source)) {
        drop_defaults(values, &mut columns)?;
        numbers_as_text(values);
    }
    let on_conflict = insert.on.as_ref().map_or(Ok(OnConflict::Error), on_conflict)?;
    let returning = match insert.returning.take() {
        Some(items) => Some(Query::made(grammar, start, select(items, vec![relation], None))?),
        None => None,
    };
    let source = match insert.source.take() {
        Some(source) => Some(Query::made(grammar, start, source)?),
        None => None,
    };
    let columns = if columns.is_empty() { None } else { Some(columns) };
    Ok(Kind::Insert(Insert { table: target, columns, source, on_conflict, returning }))
}

/// What follows UPDATE.
pub(super) fn update(grammar: &mut Grammar) -> Result<Kind> {
    let start = grammar.here();
    let statement = grammar.rule(|parser| {
        let update = parser.get_current_token().clone();
        parser.parse_update(update)
    })?;
    let ast::Statement::Update(update) = statement else { return Err(refused("this form of UPDATE")) };
    if update.returning.is_some() {
        return Err(refused("UPDATE … RETURNING"));
    }
    if !update.table.joins.is_empty() || update.limit.is_some() || !update.order_by.is_empty() || update.or.is_some() {
        return Err(refused("this form of UPDATE"));
    }
    let (table, visible) = target(&update.table.relation)?;
    let mut from = vec![update.table];
    match update.from {
        Some(ast::UpdateTableFromKind::AfterSet(items)) => from.extend(items),
        Some(ast::UpdateTableFromKind::BeforeSet(_)) => return Err(refused("UPDATE … FROM … SET")),
        None => {}
    }
    let mut columns = Vec::new();
    let mut items = Vec::new();
    for (column, value) in assignments(update.assignments)? {
        if is_default(&value) {
            return Err(refused("DEFAULT in UPDATE"));
        }
        if columns.contains(&column) {
            return Err(Error::new(code::SYNTAX_ERROR, format!("multiple assignments to same column \"{column}\"")));
        }
        items.push(ast::SelectItem::ExprWithAlias { expr: value, alias: hidden(&column, items.len() + 1) });
        columns.push(column);
    }
    items.push(wildcard_of(visible));
    let query = Query::made(grammar, start, select(items, from, update.selection))?;
    Ok(Kind::Update(Update { table, columns, query }))
}

/// What follows DELETE.
pub(super) fn delete(grammar: &mut Grammar) -> Result<Kind> {
    let start = grammar.here();
    let statement = grammar.rule(|parser| {
        let delete = parser.get_current_token().clone();
        parser.parse_delete(delete)
    })?;
    let ast::Statement::Delete(delete) = statement else { return Err(refused("this form of DELETE")) };
    if delete.returning.is_some() {
        return Err(refused("DELETE … RETURNING"));
    }
    if !delete.tables.is_empty() || delete.limit.is_some() || !delete.order_by.is_empty() {
        return Err(refused("this form of DELETE"));
    }
    let (ast::FromTable::WithFromKeyword(mut from) | ast::FromTable::WithoutKeyword(mut from)) = delete.from;
    if from.len() != 1 || !from[0].joins.is_empty() {
        return Err(refused("DELETE from several tables"));
    }
    let (table, visible) = target(&from[0].relation)?;
    from.extend(delete.using.unwrap_or_default());
    let query = Query::made(grammar, start, select(vec![wildcard_of(visible)], from, delete.selection))?;
    Ok(Kind::Delete(Delete { table, query }))
}

fn refused(what: &str) -> Error {
    Error::unsupported(format!("{what} is not supported"))
}

/// The table that is changed, and the name that its columns are qualified with.
fn target(relation: &ast::TableFactor) -> Result<(String, ast::ObjectName)> {
    match relation {
        ast::TableFactor::Table { name, alias, args: None, .. } => {
            let table = relation_name(&name_parts(name));
            let visible = alias.as_ref().map_or_else(|| name.clone(), |alias| alias.name.clone().into());
            Ok((table, visible))
        }
        _ => Err(refused("changing anything but a table")),
    }
}

fn relation(name: ast::ObjectName, alias: Option<ast::Ident>) -> ast::TableWithJoins {
    let alias = alias.map(|name| ast::TableAlias { explicit: true, name, columns: Vec::new(), at: None });
    ast::TableWithJoins { relation: table(name, alias), joins: Vec::new() }
}

fn column_name(name: &ast::ObjectName) -> Result<String> {
    match name_parts(name).as_slice() {
        [column] => Ok(column.clone()),
        _ => Err(Error::new(code::SYNTAX_ERROR, format!("\"{name}\" is not the name of a column"))),
    }
}

/// `a = x` and `(a, b) = (x, y)` as pairs.
fn assignments(assignments: Vec<ast::Assignment>) -> Result<Vec<(String, ast::Expr)>> {
    let mut pairs = Vec::new();
    for assignment in assignments {
        match (assignment.target, assignment.value) {
            (ast::AssignmentTarget::ColumnName(name), value) => pairs.push((column_name(&name)?, value)),
            (ast::AssignmentTarget::Tuple(names), ast::Expr::Tuple(values)) => {
                if names.len() != values.len() {
                    return Err(Error::new(code::SYNTAX_ERROR, "number of columns does not match number of values"));
                }
                for (name, value) in names.iter().zip(values) {
                    pairs.push((column_name(name)?, value));
                }
            }
            _ => return Err(refused("UPDATE … SET (…) = (SELECT …)")),
        }
    }
    Ok(pairs)
}

fn values_of(source: &mut ast::Query) -> Option<&mut ast::Values> {
    match source.body.as_mut() {
        ast::SetExpr::Values(values) => Some(values),
        _ => None,
    }
}

fn is_default(value: &ast::Expr) -> bool {
    matches!(value, ast::Expr::Identifier(ident) if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("default"))
}

/// Takes columns out whose value is DEFAULT in every row: the engine fills in what is not named.
fn drop_defaults(values: &mut ast::Values, columns: &mut Vec<String>) -> Result<()> {
    let width = values.rows.first().map_or(0, |row| row.content.len());
    let is_rectangular = values.rows.iter().all(|row| row.content.len() == width);
    if !values.rows.iter().any(|row| row.content.iter().any(is_default)) {
        return Ok(());
    }
    for column in (0..width).rev() {
        let defaults = values.rows.iter().filter(|row| row.content.get(column).is_some_and(is_default)).count();
        if defaults == 0 {
            continue;
        }
        // Without a column list only the last values can be left out.
        let removable =
            if columns.is_empty() { values.rows[0].content.len() == column + 1 } else { column < columns.len() };
        if defaults < values.rows.len() || !is_rectangular || !removable || width == 1 {
            return Err(refused("DEFAULT in VALUES")
                .hint("name the columns, and leave those out that get their default in every row"));
        }
        values.rows.iter_mut().for_each(|row| {
            row.content.remove(column);
        });
        if !columns.is_empty() {
            columns.remove(column);
        }
    }
    Ok(())
}

/// Constants take the type of the column that they are inserted into, each by itself: where numbers stand beside texts, or numeric would
/// not hold them exactly on their way into double precision, they become text, which the assignment reads.
fn numbers_as_text(values: &mut ast::Values) {
    let width = values.rows.iter().map(|row| row.content.len()).max().unwrap_or(0);
    for column in 0..width {
        let mut cells: Vec<&mut ast::Expr> =
            values.rows.iter_mut().filter_map(|row| row.content.get_mut(column)).collect();
        let constants = cells.iter().all(|cell| is_text(cell) || is_null(cell) || number(cell).is_some());
        let needed = cells.iter().any(|cell| is_text(cell) || number(cell).is_some_and(|number| is_wide(&number)));
        if !constants || !needed {
            continue;
        }
        for cell in &mut cells {
            if let Some(number) = number(cell) {
                **cell = ast::Expr::value(ast::Value::SingleQuotedString(number));
            }
        }
    }
}

fn is_text(expression: &ast::Expr) -> bool {
    matches!(expression, ast::Expr::Value(value) if matches!(value.value, ast::Value::SingleQuotedString(_)))
}

fn is_null(expression: &ast::Expr) -> bool {
    matches!(expression, ast::Expr::Value(value) if matches!(value.value, ast::Value::Null))
}

/// Whether a number has an exponent or more digits than double precision surely holds.
fn is_wide(number: &str) -> bool {
    number.contains(['e', 'E']) || number.bytes().filter(u8::is_ascii_digit).count() > 15
}

/// The text of a number, with its sign.
fn number(expression: &ast::Expr) -> Option<String> {
    match expression {
        ast::Expr::Value(value) => match &value.value {
            ast::Value::Number(digits, _) => Some(digits.clone()),
            _ => None,
        },
        ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr } => match expr.as_ref() {
            ast::Expr::Value(_) => number(expr).map(|digits| format!("-{digits}")),
            _ => None,
        },
        _ => None,
    }
}

/// DO NOTHING, or DO UPDATE SET of columns to excluded's.
fn on_conflict(on: &ast::OnInsert) -> Result<OnConflict> {
    let ast::OnInsert::OnConflict(conflict) = on else { return Err(refused("ON DUPLICATE KEY UPDATE")) };
    let target = match &conflict.conflict_target {
        Some(ast::ConflictTarget::Columns(keys)) => keys.iter().map(folded_ident).collect::<Vec<_>>(),
        Some(ast::ConflictTarget::OnConstraint(_)) => return Err(refused("ON CONFLICT ON CONSTRAINT")),
        None => Vec::new(),
    };
    let update = match &conflict.action {
        ast::OnConflictAction::DoNothing => return Ok(OnConflict::Nothing),
        ast::OnConflictAction::DoUpdate(update) => update,
    };
    let other_form = || {
        let hint = "only DO NOTHING and DO UPDATE SET column = excluded.column are supported";
        refused("this form of ON CONFLICT DO UPDATE").hint(hint)
    };
    if update.selection.is_some() || target.is_empty() {
        return Err(other_form());
    }
    let mut columns = Vec::new();
    for (column, value) in assignments(update.assignments.clone())? {
        let ast::Expr::CompoundIdentifier(parts) = &value else { return Err(other_form()) };
        match parts.iter().map(folded_ident).collect::<Vec<_>>().as_slice() {
            [excluded, source] if excluded == "excluded" && *source == column => columns.push(column),
            _ => return Err(other_form()),
        }
    }
    Ok(OnConflict::Update { target, columns })
}

//! Set-returning functions. In FROM a call becomes `LATERAL (SELECT unnest(array of the first column), …)`, in a SELECT list
//! `unnest(array)`: what remains for the planner are functions that answer arrays (their names end in `[]`) and `unnest`.
//!
//! A function in FROM sees the relations before it, with or without LATERAL. Several arrays are read side by side, filled up with NULLs.

use datafusion::sql::sqlparser::ast;

use super::super::data_type::sql_type;
use super::super::grammar::{ROWS_FROM, folded_ident, name_parts};
use super::super::query::select;
use super::{call, star_item, take, text};
use crate::error::{Error, Result, code};

/// What an array literal calls.
pub(in crate::compile) const ARRAY: &str = "array[]";

/// A column of a function that answers rows.
struct OutputColumn {
    /// Its name where the function gives it one; otherwise the relation's alias is its name.
    name: Option<&'static str>,
    /// The function that answers the column's values as an array.
    array: &'static str,
    /// What makes values jsonb, or json: arrays do not tell the planner.
    named: Option<&'static str>,
}

const fn column(name: Option<&'static str>, array: &'static str) -> OutputColumn {
    OutputColumn { name, array, named: None }
}

const fn document(name: &'static str, array: &'static str, named: &'static str) -> OutputColumn {
    OutputColumn { name: Some(name), array, named: Some(named) }
}

const fn named(name: &'static str, array: &'static str) -> OutputColumn {
    column(Some(name), array)
}

const JSONB: &str = "jsonb[]";
const JSON: &str = "json[]";

static FUNCTIONS: &[(&str, &[OutputColumn])] = &[
    ("generate_series", &[column(None, "generate_series[]")]),
    ("generate_subscripts", &[column(None, "generate_subscripts[]")]),
    ("string_to_table", &[column(None, "string_to_table[]")]),
    ("regexp_matches", &[column(None, "regexp_matches[]")]),
    ("regexp_split_to_table", &[column(None, "regexp_split_to_array")]),
    ("jsonb_array_elements", &[document("value", "jsonb_array_elements[]", JSONB)]),
    ("jsonb_array_elements_text", &[column(Some("value"), "jsonb_array_elements_text[]")]),
    ("jsonb_object_keys", &[column(None, "jsonb_object_keys[]")]),
    ("jsonb_each", &[column(Some("key"), "jsonb_each_keys[]"), document("value", "jsonb_each_values[]", JSONB)]),
    ("jsonb_each_text", &[column(Some("key"), "jsonb_each_keys[]"), column(Some("value"), "jsonb_each_text_values[]")]),
    ("json_array_elements", &[document("value", "json_array_elements[]", JSON)]),
    ("json_array_elements_text", &[column(Some("value"), "json_array_elements_text[]")]),
    ("json_object_keys", &[column(None, "json_object_keys[]")]),
    ("json_each", &[column(Some("key"), "json_each_keys[]"), document("value", "json_each_values[]", JSON)]),
    ("json_each_text", &[column(Some("key"), "json_each_keys[]"), column(Some("value"), "json_each_text_values[]")]),
    ("_pg_expandarray", &[named("x", FLAT), named("n", "ordinality[]")]),
    (
        "pg_get_keywords",
        &[
            named("word", "pg_get_keywords_word[]"),
            named("catcode", "pg_get_keywords_catcode[]"),
            named("barelabel", "pg_get_keywords_barelabel[]"),
            named("catdesc", "pg_get_keywords_catdesc[]"),
            named("baredesc", "pg_get_keywords_baredesc[]"),
        ],
    ),
    (
        "aclexplode",
        &[
            named("grantor", "aclexplode_grantor[]"),
            named("grantee", "aclexplode_grantee[]"),
            named("privilege_type", "aclexplode_privilege_type[]"),
            named("is_grantable", "aclexplode_is_grantable[]"),
        ],
    ),
    (
        "pg_options_to_table",
        &[
            named("option_name", "pg_options_to_table_option_name[]"),
            named("option_value", "pg_options_to_table_option_value[]"),
        ],
    ),
];

/// The columns of a function that answers rows; `None` if it is no such function.
fn columns_of(function: &str) -> Option<&'static [OutputColumn]> {
    FUNCTIONS.iter().find(|(name, _)| *name == function).map(|(_, columns)| *columns)
}

/// Whether a function answers rows.
pub(in super::super) fn is_set_returning(name: &ast::ObjectName) -> bool {
    function_name(name).is_some_and(|name| name == "unnest" || columns_of(&name).is_some())
}

/// What makes one array of arrays of arrays.
const FLAT: &str = "unnest[]";

/// Functions whose columns stand in the alias: `AS x(a integer, b text)`. Name, and function for a column's values as texts.
const RECORD_FUNCTIONS: [(&str, &str); 4] = [
    ("jsonb_to_recordset", "jsonb_to_recordset[]"),
    ("jsonb_to_record", "jsonb_to_record[]"),
    ("json_to_recordset", "json_to_recordset[]"),
    ("json_to_record", "json_to_record[]"),
];

/// A call in FROM, however it is written.
struct Call {
    /// Name in lower case, without `pg_catalog`.
    name: String,
    arguments: Vec<ast::Expr>,
    with_ordinality: bool,
    alias: Option<ast::TableAlias>,
}

/// Replaces a call in FROM.
pub(super) fn expand(factor: &mut ast::TableFactor, stars: &mut usize) -> Result<()> {
    let Some(found) = read(factor) else { return Ok(()) };
    if let Some(rows) = rows_of(&found, stars) {
        *factor = rows;
        return Ok(());
    }
    let (Call { name, with_ordinality, alias, .. }, mut columns) = match arrays(&found)? {
        Some(columns) => (found, columns),
        None => {
            scalar(factor, found);
            return Ok(());
        }
    };
    let alias_name = alias.as_ref().map_or_else(|| ast::Ident::with_quote('"', &name), |alias| alias.name.clone());
    if with_ordinality {
        let counted = columns.iter().map(|(_, array, _)| array.clone()).collect::<Vec<_>>();
        columns.push((ast::Ident::with_quote('"', "ordinality"), call("ordinality[]", counted), After::Nothing));
    }
    let renamed = alias.iter().flat_map(|alias| &alias.columns).map(|column| column.name.clone());
    let renamed: Vec<ast::Ident> = renamed.collect();
    // Rows have more columns than one; the names are given when they are known.
    let of_rows = name == "unnest" && columns.len() == 1 && renamed.len() > 1;
    if renamed.len() > columns.len() && !of_rows {
        let message = format!(
            "table \"{}\" has {} columns available but {} columns specified",
            folded_ident(&alias_name),
            columns.len(),
            renamed.len()
        );
        return Err(Error::new("42P10", message));
    }
    let items = columns.into_iter().enumerate().map(|(at, (name, array, after))| {
        let alias = renamed.get(at).filter(|_| !of_rows).cloned().unwrap_or(name);
        ast::SelectItem::ExprWithAlias { expr: after.apply(call("unnest", [array])), alias }
    });
    *factor = ast::TableFactor::Derived {
        lateral: true,
        subquery: select(items.collect(), Vec::new(), None),
        alias: Some(ast::TableAlias {
            explicit: true,
            name: alias_name,
            columns: alias.filter(|_| of_rows).map(|alias| alias.columns).unwrap_or_default(),
            at: None,
        }),
        sample: None,
    };
    Ok(())
}

/// Functions of one row with a column list of their own, and those that the planner knows as relations.
const RELATIONS: [&str; 7] = ["tumble", "hop", "session", "cumulate", "range", "generate_series", "json_table"];

/// A function that answers a value is a relation of one row.
fn scalar(factor: &mut ast::TableFactor, found: Call) {
    if RELATIONS.contains(&found.name.as_str()) || found.with_ordinality {
        return;
    }
    let own = || ast::Ident::with_quote('"', &found.name);
    let name = found.alias.as_ref().map_or_else(own, |alias| alias.name.clone());
    let column = found.alias.as_ref().and_then(|alias| alias.columns.first()).map(|column| column.name.clone());
    let alias = column.unwrap_or_else(|| name.clone());
    let item = ast::SelectItem::ExprWithAlias { expr: call(&found.name, found.arguments), alias };
    *factor = ast::TableFactor::Derived {
        lateral: true,
        subquery: select(vec![item], Vec::new(), None),
        alias: Some(ast::TableAlias { explicit: true, name, columns: Vec::new(), at: None }),
        sample: None,
    };
}

/// Functions that answer rows of the type of their first argument, with the function whose array the rows are; `None` for a single row.
const TYPED_FUNCTIONS: [(&str, Option<&str>); 4] = [
    ("jsonb_populate_record", None),
    ("json_populate_record", None),
    ("jsonb_populate_recordset", Some("jsonb_populate_recordset[]")),
    ("json_populate_recordset", Some("json_populate_recordset[]")),
];

/// The rows of a function that answers them as values.
fn typed_rows(name: &str, arguments: Vec<ast::Expr>) -> Option<ast::Expr> {
    let (known, array) = TYPED_FUNCTIONS.iter().find(|(known, _)| *known == name)?;
    Some(match array {
        Some(array) => call("unnest", [call(array, arguments)]),
        None => call(known, arguments),
    })
}

/// `(SELECT (rows).*)` for a function that answers rows as values.
fn rows_of(found: &Call, stars: &mut usize) -> Option<ast::TableFactor> {
    let rows = typed_rows(&found.name, found.arguments.clone()).filter(|_| !found.with_ordinality)?;
    let item = ast::SelectItem::UnnamedExpr(star_item::marked(rows, stars));
    let name = ast::Ident::with_quote('"', &found.name);
    let made = ast::TableAlias { explicit: true, name, columns: Vec::new(), at: None };
    Some(ast::TableFactor::Derived {
        lateral: true,
        subquery: select(vec![item], Vec::new(), None),
        alias: Some(found.alias.clone().unwrap_or(made)),
        sample: None,
    })
}

/// Whether an item of FROM is what a function that answers values, not rows, becomes.
pub(in super::super) fn is_scalar_set(factor: &ast::TableFactor) -> bool {
    let ast::TableFactor::Derived { subquery, alias: Some(made), .. } = factor else { return false };
    let ast::SetExpr::Select(select) = subquery.body.as_ref() else { return false };
    let [ast::SelectItem::ExprWithAlias { expr: ast::Expr::Function(function), alias }] = select.projection.as_slice()
    else {
        return false;
    };
    let name = function_name(&function.name).unwrap_or_default();
    let is_value = ["unnest", JSONB, JSON].contains(&name.as_str()) || *alias == made.name;
    select.from.is_empty() && function.name.0.iter().all(is_made) && is_value
}

/// Whether an item of FROM is what `unnest` of one array becomes.
pub(in super::super) fn is_unnest(factor: &ast::TableFactor) -> bool {
    let ast::TableFactor::Derived { subquery, alias: Some(_), .. } = factor else { return false };
    let ast::SetExpr::Select(select) = subquery.body.as_ref() else { return false };
    let [ast::SelectItem::ExprWithAlias { expr, .. }] = select.projection.as_slice() else { return false };
    let inner = |expression: &ast::Expr, name: &str| match expression {
        ast::Expr::Function(function)
            if function.name.0.iter().all(is_made) && function_name(&function.name)? == name =>
        {
            match &function.args {
                ast::FunctionArguments::List(list) => plain(&list.args)?.into_iter().next(),
                _ => None,
            }
        }
        _ => None,
    };
    select.from.is_empty() && inner(expr, "unnest").is_some_and(|array| inner(&array, FLAT).is_some())
}

/// What is done with the elements of an array.
enum After {
    Nothing,
    Named(&'static str),
    Cast(Box<ast::DataType>),
}

impl After {
    fn apply(self, element: ast::Expr) -> ast::Expr {
        match self {
            After::Nothing => element,
            After::Named(named) => call(named, [element]),
            After::Cast(data_type) => ast::Expr::Cast {
                kind: ast::CastKind::Cast,
                expr: Box::new(element),
                data_type: *data_type,
                array: false,
                format: None,
            },
        }
    }
}

/// Name, array and what to do with its elements, for each column of a call; `None` if it is no set-returning function.
type Columns = Vec<(ast::Ident, ast::Expr, After)>;

fn arrays(found: &Call) -> Result<Option<Columns>> {
    let quoted = |name: &str| ast::Ident::with_quote('"', name);
    let alias = found.alias.as_ref().map(|alias| alias.name.clone());
    if found.name == "unnest" {
        let single = found.arguments.len() == 1;
        let name = alias.filter(|_| single).unwrap_or_else(|| quoted("unnest"));
        let column = |array: &ast::Expr| (name.clone(), call(FLAT, [array.clone()]), After::Nothing);
        return Ok(Some(found.arguments.iter().map(column).collect()));
    }
    if found.name == ROWS_FROM {
        let mut columns = Columns::new();
        for argument in &found.arguments {
            columns.extend(function_of(argument).map_or(Ok(None), |call| arrays(&call))?.ok_or_else(|| {
                Error::unsupported("ROWS FROM of anything but set-returning functions is not supported")
            })?);
        }
        return Ok(Some(columns));
    }
    if let Some((_, field)) = RECORD_FUNCTIONS.iter().find(|(name, _)| *name == found.name) {
        return record(found, field).map(Some);
    }
    let Some(known) = columns_of(&found.name) else { return Ok(None) };
    let arguments = typed(&found.name, found.arguments.clone());
    let columns = known.iter().map(|column| {
        let own = alias.clone().unwrap_or_else(|| quoted(&found.name));
        let name = column.name.map_or(own, quoted);
        let after = column.named.map_or(After::Nothing, After::Named);
        (name, call(column.array, arguments.clone()), after)
    });
    Ok(Some(columns.collect()))
}

/// A call among the functions of ROWS FROM.
fn function_of(argument: &ast::Expr) -> Option<Call> {
    let ast::Expr::Function(function) = argument else { return None };
    let ast::FunctionArguments::List(list) = &function.args else { return None };
    let (name, arguments) = (function_name(&function.name)?, plain(&list.args)?);
    Some(Call { name, arguments, with_ordinality: false, alias: None })
}

/// A constant document is jsonb, whose members are in jsonb's order, or json.
fn typed(function: &str, arguments: Vec<ast::Expr>) -> Vec<ast::Expr> {
    let Some((kind @ ("json" | "jsonb"), _)) = function.split_once('_') else { return arguments };
    let document = |argument: ast::Expr| match &argument {
        ast::Expr::Value(value) if matches!(value.value, ast::Value::SingleQuotedString(_)) => {
            call("cast", [argument, text(kind)])
        }
        _ => argument,
    };
    arguments.into_iter().map(document).collect()
}

/// The columns of `jsonb_to_recordset(…) AS x(a integer, …)`.
fn record(found: &Call, field: &str) -> Result<Columns> {
    let definitions = found.alias.iter().flat_map(|alias| &alias.columns);
    let columns: Columns = definitions
        .map(|definition| {
            let data_type = definition.data_type.clone()?;
            let mut arguments = typed(&found.name, found.arguments.clone());
            arguments.push(text(folded_ident(&definition.name)));
            let array = sql_type(&data_type).ok().filter(|kind| kind.dimensions() > 0);
            arguments.extend(array.map(|array| text(array.spelled())));
            Some((definition.name.clone(), call(field, arguments), After::Cast(Box::new(data_type))))
        })
        .collect::<Option<_>>()
        .unwrap_or_default();
    if columns.is_empty() {
        let message = "a column definition list is required for functions returning \"record\"";
        return Err(Error::new(code::SYNTAX_ERROR, message).hint(format!("{}(…) AS x(a integer, b text)", found.name)));
    }
    Ok(columns)
}

fn read(factor: &mut ast::TableFactor) -> Option<Call> {
    let (name, arguments, with_ordinality, alias) = match factor {
        ast::TableFactor::Table { name, args: Some(arguments), alias, with_ordinality, .. } => {
            (name, plain(&arguments.args)?, *with_ordinality, alias)
        }
        ast::TableFactor::Function { name, args, alias, with_ordinality, .. } => {
            (name, plain(args)?, *with_ordinality, alias)
        }
        ast::TableFactor::UNNEST { alias, array_exprs, with_offset: false, with_ordinality, .. } => {
            let arguments = std::mem::take(array_exprs);
            let (name, with_ordinality) = ("unnest".to_string(), *with_ordinality);
            return Some(Call { name, arguments, with_ordinality, alias: alias.take() });
        }
        _ => return None,
    };
    let name = function_name(name)?;
    Some(Call { name, arguments, with_ordinality, alias: alias.clone() })
}

fn plain(arguments: &[ast::FunctionArg]) -> Option<Vec<ast::Expr>> {
    let plain = |argument: &ast::FunctionArg| match argument {
        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(argument)) => Some(argument.clone()),
        _ => None,
    };
    arguments.iter().map(plain).collect()
}

/// The name of a function without `pg_catalog`; `None` if it is in another schema.
fn function_name(name: &ast::ObjectName) -> Option<String> {
    match name_parts(name).as_slice() {
        [name] => Some(name.clone()),
        [schema, name] if schema == "pg_catalog" || name == "_pg_expandarray" => Some(name.clone()),
        _ => None,
    }
}

/// Whether a name was put in, not written.
fn is_made(part: &ast::ObjectNamePart) -> bool {
    part.as_ident().is_some_and(|name| name.span.start.line == 0)
}

/// Replaces a call in an expression, such as a SELECT list.
pub(super) fn rewrite(expression: &mut ast::Expr) -> Result<()> {
    // The planner reads ARRAY[…] without what stands around it, such as the relations that a lateral function sees.
    if let ast::Expr::Array(array) = expression
        && !array.elem.is_empty()
    {
        *expression = call(ARRAY, std::mem::take(&mut array.elem));
        return Ok(());
    }
    let ast::Expr::Function(function) = &*expression else { return Ok(()) };
    let Some(name) = function_name(&function.name) else { return Ok(()) };
    if name == "unnest" && !function.name.0.iter().any(is_made) {
        let ast::Expr::Function(function) = expression else { return Ok(()) };
        if let ast::FunctionArguments::List(list) = &mut function.args
            && let [ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(array))] = list.args.as_mut_slice()
        {
            *array = call(FLAT, [take(array)]);
        }
        return Ok(());
    }
    let Some(known) = columns_of(&name) else {
        if !function.name.0.iter().any(is_made)
            && let ast::FunctionArguments::List(list) = &function.args
            && let Some(arguments) = plain(&list.args)
            && let Some(rows) = typed_rows(&name, arguments)
        {
            *expression = rows;
            return Ok(());
        }
        if RECORD_FUNCTIONS.iter().any(|(known, _)| *known == name) {
            return Err(Error::unsupported(format!("{name}() outside of FROM is not supported")));
        }
        return Ok(());
    };
    let ast::Expr::Function(function) = take(expression) else { return Ok(()) };
    let ast::FunctionArguments::List(list) = function.args else { return Ok(()) };
    let Some(arguments) = plain(&list.args) else {
        return Err(Error::new(code::UNDEFINED_FUNCTION, format!("function {name} does not exist")));
    };
    let arguments = typed(&name, arguments);
    let values = |column: &OutputColumn| {
        let after = column.named.map_or(After::Nothing, After::Named);
        after.apply(call("unnest", [call(column.array, arguments.clone())]))
    };
    *expression = match known {
        [column] => values(column),
        // A row of the columns, which are equally long.
        columns => {
            let field = |column: &OutputColumn| [text(column.name.unwrap_or_default()), values(column)];
            call("record", columns.iter().flat_map(field))
        }
    };
    Ok(())
}

/// The aliases in a query's FROM that stand for a value: `e` in `FROM jsonb_array_elements(x) e` is the value, and `e.value` as well.
pub(super) fn value_aliases(query: &ast::Query) -> Vec<String> {
    let mut found = Vec::new();
    let mut bodies = vec![query.body.as_ref()];
    while let Some(body) = bodies.pop() {
        match body {
            ast::SetExpr::SetOperation { left, right, .. } => bodies.extend([left.as_ref(), right.as_ref()]),
            ast::SetExpr::Select(select) => {
                for table in &select.from {
                    let joined = table.joins.iter().map(|join| &join.relation);
                    found.extend(std::iter::once(&table.relation).chain(joined).filter_map(value_alias));
                }
            }
            _ => {}
        }
    }
    found
}

fn value_alias(factor: &ast::TableFactor) -> Option<String> {
    let (ast::TableFactor::Table { name, args: Some(_), alias: Some(alias), .. }
    | ast::TableFactor::Function { name, alias: Some(alias), .. }) = factor
    else {
        return None;
    };
    let name = function_name(name)?;
    let [OutputColumn { name: Some(_), .. }] = columns_of(&name)? else { return None };
    alias.columns.is_empty().then(|| folded_ident(&alias.name))
}

/// Reads an alias as its value, also as an output column, which keeps its name.
pub(super) fn value_outputs(query: &mut ast::Query, aliases: &[String]) {
    let ast::SetExpr::Select(select) = query.body.as_mut() else { return };
    for item in &mut select.projection {
        let ast::SelectItem::UnnamedExpr(expression @ ast::Expr::Identifier(_)) = item else { continue };
        let alias = expression.to_string();
        if is_value(expression, aliases) {
            let (expr, alias) = (take(expression), ast::Ident::with_quote('"', alias.trim_matches('"')));
            *item = ast::SelectItem::ExprWithAlias { expr, alias };
        }
    }
}

/// `e` → `e.value`, if `e` is one of the aliases.
pub(super) fn value_of(expression: &mut ast::Expr, aliases: &[String]) {
    if is_value(expression, aliases)
        && let ast::Expr::Identifier(alias) = take(expression)
    {
        *expression = ast::Expr::CompoundIdentifier(vec![alias, ast::Ident::with_quote('"', "value")]);
    }
}

fn is_value(expression: &ast::Expr, aliases: &[String]) -> bool {
    matches!(expression, ast::Expr::Identifier(name) if aliases.contains(&folded_ident(name)))
}

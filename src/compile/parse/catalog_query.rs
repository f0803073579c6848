//! Queries over the system catalog as clients write them, in the form that the planner understands. Only for queries that read
//! `pg_catalog` or `information_schema`: other queries are never touched.
//!
//! - `'name'::regclass` is an identity, `oid::regclass` in the SELECT list or as text is a name; so are the other types of that kind.
//! - Types that we have not (`name`, `oid`, `"char"`) are the ones that hold their values here.
//! - `(information_schema._pg_expandarray(v)).n` and `.x`: the pairs are arrays of two.
//! - `ARRAY(SELECT …)` is an aggregation.
//! - `CASE WHEN typtype = 'd' …`: there are no domains. `x.tableoid` is the identity of what `x` stands for.
//! - `OPERATOR(pg_catalog.~)`, `COLLATE` and `pg_catalog.f()` lose what says nothing here.
//! - `p.oid = t.typreceive`: functions are known by name.
//! - PostgreSQL's vectors, which are arrays here, are printed as vectors.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    self, AccessExpr, BinaryOperator, CastKind, DataType, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    ObjectName, ObjectNamePart, Query, SelectItem, SetExpr, Subscript, TableFactor, Value, VisitMut, VisitorMut,
};

/// Columns that PostgreSQL prints as `1 2`.
const VECTORS: [&str; 6] = ["indkey", "indclass", "indoption", "indcollation", "proargtypes", "tgattr"];

/// Columns that hold functions.
const FUNCTIONS: [&str; 4] = ["typinput", "typoutput", "typreceive", "typsend"];

/// The pairs of `_pg_expandarray` as arrays.
const PAIRS: &str = "pairs[]";

/// Whether a query reads the system catalog; `relations` are its relations as `Query::relations` names them.
pub(super) fn is_catalog_query(relations: &[String]) -> bool {
    let belongs = |name: &String| {
        name.starts_with("pg_catalog.") || name.starts_with("information_schema.") || name.starts_with("pg_")
    };
    relations.iter().any(belongs)
}

/// Rewrites a catalog query in place.
pub(super) fn rewrite(query: &mut Query) {
    for item in outputs(&mut query.body) {
        print_vector(item);
    }
    let _ = query.visit(&mut Rewriter { relations: Vec::new() });
}

struct Rewriter {
    /// Aliases and names of the relations that were seen.
    relations: Vec<(String, String)>,
}

impl Rewriter {
    /// `x.tableoid` is the identity of what `x` stands for.
    fn table_oid(&self, expr: &Expr) -> Option<Expr> {
        let Expr::CompoundIdentifier(parts) = expr else { return None };
        let [alias, column] = parts.as_slice() else { return None };
        if column.value != "tableoid" {
            return None;
        }
        let (_, name) = self.relations.iter().rev().find(|(known, _)| *known == alias.value)?;
        Some(call("oid_of_regclass", Expr::value(Value::SingleQuotedString(name.clone()))))
    }
}

/// The relations of a SELECT's FROM: what they are called there, and their names.
fn relations_of(body: &SetExpr) -> Vec<(String, String)> {
    let select = match body {
        SetExpr::Select(select) => select,
        SetExpr::SetOperation { left, right, .. } => return [relations_of(left), relations_of(right)].concat(),
        _ => return Vec::new(),
    };
    let factors = select
        .from
        .iter()
        .flat_map(|from| std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation)));
    let named = |factor: &TableFactor| match factor {
        TableFactor::Table { name, alias, args: None, .. } => {
            let own = name.0.last()?.as_ident()?.value.clone();
            Some((alias.as_ref().map_or_else(|| own.clone(), |alias| alias.name.value.clone()), own))
        }
        _ => None,
    };
    factors.filter_map(named).collect()
}

impl VisitorMut for Rewriter {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.relations.extend(relations_of(&query.body));
        for item in outputs(&mut query.body) {
            if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
                shown_as_name(expr);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = expr {
            compared_by_name(left, right);
            compared_by_name(right, left);
        }
        if let Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right } = expr {
            shown_as_name(left);
            shown_as_name(right);
        }
        if let Some(simpler) = self.table_oid(expr).or_else(|| simplify(expr)) {
            *expr = simpler;
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::BinaryOp { op, .. } => {
                if let Some(plain) = plain_operator(op) {
                    *op = plain;
                }
            }
            Expr::Function(function) => strip_schema(&mut function.name),
            Expr::Cast { data_type: DataType::Custom(name, _), .. } => strip_schema(name),
            _ => {}
        }
        if let Expr::Function(function) = expr
            && name_is(&function.name, "_pg_expandarray")
            && let Some(argument) = only_argument(function)
        {
            *expr = call("unnest", call(PAIRS, argument));
        }
        ControlFlow::Continue(())
    }
}

/// `p.oid = t.typreceive` → `p.proname = t.typreceive`: what PostgreSQL shows as a function's name is one here.
fn compared_by_name(one: &mut Expr, other: &Expr) {
    if let (Expr::CompoundIdentifier(function), Expr::CompoundIdentifier(column)) = (one, other)
        && let (Some(oid), Some(column)) = (function.last_mut(), column.last())
        && oid.value == "oid"
        && FUNCTIONS.contains(&column.value.as_str())
    {
        *oid = Ident::new("proname");
    }
}

/// The SELECT lists of a query.
fn outputs(body: &mut SetExpr) -> Vec<&mut SelectItem> {
    match body {
        SetExpr::Select(select) => select.projection.iter_mut().collect(),
        SetExpr::SetOperation { left, right, .. } => {
            let mut items = outputs(left);
            items.extend(outputs(right));
            items
        }
        _ => Vec::new(),
    }
}

fn print_vector(item: &mut SelectItem) {
    let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = &*item else { return };
    let column = match expr {
        Expr::Identifier(name) => name.clone(),
        Expr::CompoundIdentifier(parts) => match parts.last() {
            Some(last) => last.clone(),
            None => return,
        },
        _ => return,
    };
    if VECTORS.contains(&column.value.as_str()) {
        let alias = match &*item {
            SelectItem::ExprWithAlias { alias, .. } => alias.clone(),
            _ => column,
        };
        let expr = as_vector(expr.clone());
        *item = SelectItem::ExprWithAlias { expr, alias };
    }
}

fn as_vector(expr: Expr) -> Expr {
    let blank = Expr::value(Value::SingleQuotedString(" ".to_string()));
    calling("array_to_string", vec![expr, blank])
}

fn is_vector(expr: &Expr) -> bool {
    let name = match expr {
        Expr::Identifier(name) => Some(name),
        Expr::CompoundIdentifier(parts) => parts.last(),
        _ => None,
    };
    name.is_some_and(|name| VECTORS.contains(&name.value.as_str()))
}

/// `oid::regclass` where its text is wanted.
fn shown_as_name(expr: &mut Expr) {
    if let Some((kind, inner)) = registered(expr)
        && !matches!(inner, Expr::Value(value) if matches!(value.value, Value::SingleQuotedString(_)))
    {
        *expr = call(&format!("name_of_{kind}"), known_type(inner.clone()));
    }
}

/// What an expression becomes before its parts are visited.
fn simplify(expr: &mut Expr) -> Option<Expr> {
    if let Some((kind, inner)) = registered(expr) {
        return Some(call(&format!("oid_of_{kind}"), known_type(inner.clone())));
    }
    match expr {
        Expr::Collate { expr: inner, .. } => Some((**inner).clone()),
        Expr::Function(function) if name_is(&function.name, "array") => match &mut function.args {
            FunctionArguments::Subquery(query) => aggregated(query),
            _ => None,
        },
        Expr::CompoundFieldAccess { root, access_chain } => field(root, access_chain),
        Expr::Case { operand: None, conditions, else_result, .. } => without_domains(conditions, else_result),
        Expr::Cast { expr: inner, data_type, .. } => {
            let name = match &*data_type {
                DataType::Custom(name, _) => name.0.last()?.to_string().to_ascii_lowercase(),
                other => other.to_string().to_ascii_lowercase(),
            };
            let is_text = matches!(name.as_str(), "text" | "varchar" | "character varying" | "name");
            if is_text && let Some((kind, value)) = registered(inner) {
                return Some(call(&format!("name_of_{kind}"), known_type(value.clone())));
            }
            if is_text && is_vector(inner) {
                return Some(as_vector((**inner).clone()));
            }
            let replaced = match name.trim_matches('"') {
                "text" => DataType::Text,
                "oid" | "xid" | "cid" => DataType::BigInt(None),
                "name" | "char" | "sql_identifier" | "character_data" | "yes_or_no" | "aclitem" | "pg_node_tree" => {
                    DataType::Text
                }
                "cardinal_number" => DataType::Integer(None),
                "int2" => DataType::SmallInt(None),
                "int4" => DataType::Integer(None),
                "int2vector" | "int2[]" => array_of(DataType::SmallInt(None)),
                "oidvector" | "oid[]" => array_of(DataType::BigInt(None)),
                "name[]" | "char[]" | "\"char\"[]" => array_of(DataType::Text),
                _ => return None,
            };
            if matches!(&*data_type, DataType::Char(_)) {
                return None;
            }
            Some(cast((**inner).clone(), replaced))
        }
        _ => None,
    }
}

/// A CASE without the branches for domains, which no type is: they look up base types recursively.
fn without_domains(conditions: &mut Vec<ast::CaseWhen>, otherwise: &Option<Box<Expr>>) -> Option<Expr> {
    let before = conditions.len();
    conditions.retain(|branch| !is_domain(&branch.condition));
    if before == 0 || !conditions.is_empty() {
        return None;
    }
    let otherwise = otherwise
        .as_deref()
        .cloned()
        .filter(|value| !matches!(value, Expr::Value(value) if value.value == Value::Null));
    Some(otherwise.unwrap_or_else(|| cast(Expr::value(Value::Null), DataType::BigInt(None))))
}

/// `x.typtype = 'd'`.
fn is_domain(condition: &Expr) -> bool {
    let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = condition else { return false };
    let is_kind = match &**left {
        Expr::Identifier(name) => name.value == "typtype",
        Expr::CompoundIdentifier(parts) => parts.last().is_some_and(|name| name.value == "typtype"),
        _ => false,
    };
    is_kind && matches!(&**right, Expr::Value(value) if value.value == Value::SingleQuotedString("d".to_string()))
}

fn array_of(item: DataType) -> DataType {
    DataType::Array(ast::ArrayElemTypeDef::SquareBracket(Box::new(item), None))
}

/// The kind and the value of `value::regclass` and its like.
fn registered(expr: &Expr) -> Option<(&'static str, &Expr)> {
    const KINDS: [&str; 7] =
        ["regclass", "regtype", "regnamespace", "regproc", "regprocedure", "regrole", "regoperator"];
    let (inner, data_type) = match expr {
        Expr::Nested(inner) => return registered(inner),
        Expr::Cast { expr, data_type, .. } => (&**expr, data_type),
        _ => return None,
    };
    let name = match data_type {
        DataType::Regclass => "regclass".to_string(),
        DataType::Custom(name, _) => name.0.last()?.to_string().to_ascii_lowercase(),
        _ => return None,
    };
    let kind = KINDS.into_iter().find(|kind| *kind == name)?;
    Some((if kind == "regprocedure" || kind == "regoperator" { "regproc" } else { kind }, inner))
}

/// A parameter is text: what it is of must be told.
fn known_type(value: Expr) -> Expr {
    match &value {
        Expr::Value(inner) if matches!(inner.value, Value::Placeholder(_)) => cast(value, DataType::Text),
        _ => value,
    }
}

fn cast(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::DoubleColon, expr: Box::new(expr), data_type, array: false, format: None }
}

/// `(pair).x`, `(pair).n`.
fn field(root: &Expr, chain: &[AccessExpr]) -> Option<Expr> {
    let (Expr::Nested(inner), [AccessExpr::Dot(Expr::Identifier(name))]) = (root, chain) else { return None };
    let index = match name.value.as_str() {
        "x" => "1",
        "n" => "2",
        _ => return None,
    };
    let index = Expr::value(Value::Number(index.to_string(), false));
    Some(Expr::CompoundFieldAccess {
        root: inner.clone(),
        access_chain: vec![AccessExpr::Subscript(Subscript::Index { index })],
    })
}

/// `ARRAY(SELECT value … ORDER BY o)` → `(SELECT array_agg(value ORDER BY o) …)`, for a SELECT that is no aggregation itself.
fn aggregated(query: &mut Query) -> Option<Expr> {
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    let grouped = !matches!(&select.group_by, ast::GroupByExpr::Expressions(keys, _) if keys.is_empty());
    if grouped || select.distinct.is_some() || query.limit_clause.is_some() {
        return None;
    }
    let [SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }] =
        select.projection.as_mut_slice()
    else {
        return None;
    };
    let order = match query.order_by.take().map(|order| order.kind) {
        Some(ast::OrderByKind::Expressions(order)) => order,
        _ => Vec::new(),
    };
    let mut aggregate = call("array_agg", value.clone());
    if let Expr::Function(function) = &mut aggregate
        && let FunctionArguments::List(list) = &mut function.args
        && !order.is_empty()
    {
        list.clauses.push(ast::FunctionArgumentClause::OrderBy(order));
    }
    *value = aggregate;
    Some(Expr::Subquery(Box::new(query.clone())))
}

fn call(name: &str, argument: Expr) -> Expr {
    calling(name, vec![argument])
}

fn calling(name: &str, arguments: Vec<Expr>) -> Expr {
    let arguments = arguments.into_iter().map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)));
    Expr::Function(ast::Function {
        name: ObjectName::from(vec![Ident::with_quote('"', name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(ast::FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments.collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

fn only_argument(function: &ast::Function) -> Option<Expr> {
    let FunctionArguments::List(list) = &function.args else { return None };
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] => Some(argument.clone()),
        _ => None,
    }
}

fn plain_operator(op: &BinaryOperator) -> Option<BinaryOperator> {
    let BinaryOperator::PGCustomBinaryOperator(parts) = op else { return None };
    Some(match parts.last()?.as_str() {
        "~" => BinaryOperator::PGRegexMatch,
        "~*" => BinaryOperator::PGRegexIMatch,
        "!~" => BinaryOperator::PGRegexNotMatch,
        "!~*" => BinaryOperator::PGRegexNotIMatch,
        "=" => BinaryOperator::Eq,
        "<>" => BinaryOperator::NotEq,
        "<" => BinaryOperator::Lt,
        ">" => BinaryOperator::Gt,
        "+" => BinaryOperator::Plus,
        "-" => BinaryOperator::Minus,
        "||" => BinaryOperator::StringConcat,
        _ => return None,
    })
}

fn strip_schema(name: &mut ObjectName) {
    let is_system = |schema: &Ident| {
        schema.value.eq_ignore_ascii_case("pg_catalog") || schema.value.eq_ignore_ascii_case("information_schema")
    };
    if name.0.len() == 2 && matches!(&name.0[0], ObjectNamePart::Identifier(schema) if is_system(schema)) {
        name.0.remove(0);
    }
}

fn name_is(name: &ObjectName, wanted: &str) -> bool {
    matches!(name.0.last(), Some(ObjectNamePart::Identifier(last)) if last.value.eq_ignore_ascii_case(wanted))
}

//! Queries over the system catalog as clients write them, in the form that the planner understands. Only for queries whose
//! relations are all in `pg_catalog` or `information_schema`: a user's query is never touched.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    self, BinaryOperator, CastKind, DataType, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName,
    ObjectNamePart, Query, Select, SelectItem, SetExpr, TableFactor, Value, VisitMut, VisitorMut,
};

/// Relations of the catalog that never have rows here: a query that needs a row of one is empty.
const EMPTY: &[&str] = &[
    "pg_auth_members",
    "pg_cast",
    "pg_collation",
    "pg_constraint_trigger",
    "pg_conversion",
    "pg_db_role_setting",
    "pg_default_acl",
    "pg_event_trigger",
    "pg_extension",
    "pg_foreign_data_wrapper",
    "pg_foreign_server",
    "pg_foreign_table",
    "pg_inherits",
    "pg_language",
    "pg_largeobject",
    "pg_opclass",
    "pg_operator",
    "pg_opfamily",
    "pg_partitioned_table",
    "pg_policy",
    "pg_publication",
    "pg_publication_namespace",
    "pg_publication_rel",
    "pg_rewrite",
    "pg_seclabel",
    "pg_sequence",
    "pg_sequences",
    "pg_statistic_ext",
    "pg_subscription",
    "pg_trigger",
    "pg_ts_config",
    "pg_ts_dict",
    "pg_user_mapping",
];

/// Whether all relations of a query (as `Query::relations` names them) belong to the system catalog.
pub(super) fn is_catalog_query(relations: &[String]) -> bool {
    let belongs = |name: &String| {
        name.starts_with("pg_catalog.") || name.starts_with("information_schema.") || name.starts_with("pg_")
    };
    !relations.is_empty() && relations.iter().all(belongs)
}

/// Rewrites a catalog query in place.
pub(super) fn rewrite(query: &mut Query) {
    let _ = query.visit(&mut Rewriter);
    shorten_body(&mut query.body);
    // ORDER BY over an expression of a UNION or of dropped columns has nothing to sort any more.
    if is_empty_body(&query.body) {
        query.order_by = None;
    }
}

struct Rewriter;

impl VisitorMut for Rewriter {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        shorten_body(&mut query.body);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Some(simpler) = simplify(expr) {
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
        ControlFlow::Continue(())
    }
}

/// What an expression becomes before its parts are visited.
fn simplify(expr: &mut Expr) -> Option<Expr> {
    match expr {
        Expr::Collate { expr: inner, .. } => Some((**inner).clone()),
        // The only arrays of subqueries in clients' catalog queries are over relations that are empty here.
        Expr::Function(function) if name_is(&function.name, "array") => match &function.args {
            FunctionArguments::Subquery(_) => Some(null_texts()),
            _ => None,
        },
        Expr::Subquery(query) => match select_of(query) {
            Some(select) if reads_empty(select) => Some(null_text()),
            // The planner wants to see that there is one row at most.
            Some(select) if is_plain(select) => {
                aggregate_projection(query);
                None
            }
            _ => None,
        },
        Expr::Cast { expr: inner, data_type: DataType::Regclass, .. } => Some(registered(inner, "regclass")),
        Expr::Cast { expr: inner, data_type: DataType::Custom(name, _), .. } => {
            let name = name.0.last()?.to_string().to_ascii_lowercase();
            match name.as_str() {
                "regclass" | "regtype" | "regnamespace" | "regproc" | "regrole" => Some(registered(inner, &name)),
                "text" => Some(cast((**inner).clone(), DataType::Text)),
                "oid" | "xid" => Some(cast((**inner).clone(), DataType::BigInt(None))),
                "name" | "char" | "information_schema" => Some(cast((**inner).clone(), DataType::Text)),
                "int2" => Some(cast((**inner).clone(), DataType::SmallInt(None))),
                "int4" => Some(cast((**inner).clone(), DataType::Integer(None))),
                _ => None,
            }
        }
        _ => None,
    }
}

fn cast(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::DoubleColon, expr: Box::new(expr), data_type, array: false, format: None }
}

/// `'name'::regclass` is an identity, `oid::regclass` shows a name.
fn registered(inner: &Expr, kind: &str) -> Expr {
    let direction = if matches!(inner, Expr::Value(value) if matches!(value.value, Value::SingleQuotedString(_))) {
        "oid_of"
    } else {
        "name_of"
    };
    call(&format!("{direction}_{kind}"), inner.clone())
}

fn call(name: &str, argument: Expr) -> Expr {
    Expr::Function(ast::Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(ast::FunctionArgumentList {
            duplicate_treatment: None,
            args: vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))],
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

fn null_text() -> Expr {
    cast(Expr::value(Value::Null), DataType::Text)
}

fn null_texts() -> Expr {
    let texts = ast::ArrayElemTypeDef::SquareBracket(Box::new(DataType::Text), None);
    cast(Expr::value(Value::Null), DataType::Array(texts))
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
    if name.0.len() == 2
        && matches!(&name.0[0], ObjectNamePart::Identifier(schema) if schema.value.eq_ignore_ascii_case("pg_catalog"))
    {
        name.0.remove(0);
    }
}

fn name_is(name: &ObjectName, wanted: &str) -> bool {
    matches!(name.0.last(), Some(ObjectNamePart::Identifier(last)) if last.value.eq_ignore_ascii_case(wanted))
}

fn select_of(query: &Query) -> Option<&Select> {
    match query.body.as_ref() {
        SetExpr::Select(select) => Some(select),
        _ => None,
    }
}

/// One unaggregated expression.
fn is_plain(select: &Select) -> bool {
    let grouped = !matches!(&select.group_by, ast::GroupByExpr::Expressions(keys, _) if keys.is_empty());
    match select.projection.as_slice() {
        [
            SelectItem::UnnamedExpr(Expr::Function(function))
            | SelectItem::ExprWithAlias { expr: Expr::Function(function), .. },
        ] => {
            !grouped
                && !["max", "min", "count", "string_agg", "array_agg", "sum"]
                    .iter()
                    .any(|name| name_is(&function.name, name))
        }
        [SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. }] => !grouped,
        _ => false,
    }
}

fn aggregate_projection(query: &mut Query) {
    if let SetExpr::Select(select) = query.body.as_mut()
        && let [SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }] =
            select.projection.as_mut_slice()
    {
        *expr = call("max", expr.clone());
        select.selection = select.selection.take().and_then(without_default_flag);
        query.order_by = None;
        query.limit_clause = None;
    }
}

/// A condition without its conjunct `x.atthasdef`, which the planner cannot take out of a subquery: `pg_attrdef` has rows only for columns
/// for which it holds.
fn without_default_flag(condition: Expr) -> Option<Expr> {
    match condition {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            match (without_default_flag(*left), without_default_flag(*right)) {
                (Some(left), Some(right)) => {
                    Some(Expr::BinaryOp { left: Box::new(left), op: BinaryOperator::And, right: Box::new(right) })
                }
                (one, other) => one.or(other),
            }
        }
        Expr::CompoundIdentifier(parts) if parts.last().is_some_and(|last| last.value == "atthasdef") => None,
        other => Some(other),
    }
}

/// Whether a SELECT without aggregates needs a row of a relation that has none.
fn reads_empty(select: &Select) -> bool {
    let empty = |factor: &TableFactor| matches!(factor, TableFactor::Table { name, .. } if EMPTY.iter().any(|wanted| name_is(name, wanted)));
    select.from.iter().any(|item| {
        let joined = item.joins.iter().any(|join| {
            empty(&join.relation)
                && matches!(join.join_operator, ast::JoinOperator::Inner(_) | ast::JoinOperator::Join(_))
        });
        let preserved = item.joins.iter().all(|join| {
            !matches!(
                join.join_operator,
                ast::JoinOperator::Right(_) | ast::JoinOperator::RightOuter(_) | ast::JoinOperator::FullOuter(_)
            )
        });
        joined || (preserved && empty(&item.relation))
    })
}

/// Empty branches of a set operation go; an empty SELECT keeps its columns and loses everything else.
fn shorten_body(body: &mut SetExpr) {
    match body {
        SetExpr::SetOperation { left, right, op: ast::SetOperator::Union, .. } => {
            shorten_body(left);
            shorten_body(right);
            if is_empty_body(right) {
                *body = (**left).clone();
            } else if is_empty_body(left) {
                let names = names_of(left);
                *body = (**right).clone();
                rename(body, names);
            }
        }
        SetExpr::Select(select) if reads_empty(select) && !has_aggregate(select) => {
            for item in &mut select.projection {
                let alias = match item {
                    SelectItem::ExprWithAlias { alias, .. } => Some(alias.clone()),
                    SelectItem::UnnamedExpr(expr) => column_name(expr),
                    _ => continue,
                };
                *item = match alias {
                    Some(alias) => SelectItem::ExprWithAlias { expr: null_text(), alias },
                    None => SelectItem::UnnamedExpr(null_text()),
                };
            }
            select.from.clear();
            select.selection = Some(Expr::value(Value::Boolean(false)));
        }
        _ => {}
    }
}

fn is_empty_body(body: &SetExpr) -> bool {
    matches!(body, SetExpr::Select(select)
        if select.from.is_empty() && matches!(&select.selection, Some(Expr::Value(value)) if value.value == Value::Boolean(false)))
}

fn has_aggregate(select: &Select) -> bool {
    select.projection.iter().any(|item| match item {
        SelectItem::UnnamedExpr(Expr::Function(function))
        | SelectItem::ExprWithAlias { expr: Expr::Function(function), .. } => {
            ["count", "max", "min", "sum", "string_agg", "array_agg", "bool_or"]
                .iter()
                .any(|name| name_is(&function.name, name))
        }
        _ => false,
    })
}

fn column_name(expr: &Expr) -> Option<Ident> {
    match expr {
        Expr::Identifier(name) => Some(name.clone()),
        Expr::CompoundIdentifier(parts) => parts.last().cloned(),
        Expr::Cast { expr, .. } => column_name(expr),
        Expr::Function(function) => match function.name.0.last()? {
            ObjectNamePart::Identifier(name) => Some(name.clone()),
            ObjectNamePart::Function(_) => None,
        },
        _ => None,
    }
}

fn names_of(body: &SetExpr) -> Vec<Option<Ident>> {
    let SetExpr::Select(select) = body else { return Vec::new() };
    let name = |item: &SelectItem| match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.clone()),
        SelectItem::UnnamedExpr(expr) => column_name(expr),
        _ => None,
    };
    select.projection.iter().map(name).collect()
}

fn rename(body: &mut SetExpr, names: Vec<Option<Ident>>) {
    let SetExpr::Select(select) = body else { return };
    for (item, name) in select.projection.iter_mut().zip(names) {
        if let (SelectItem::UnnamedExpr(expr), Some(alias)) = (&*item, name) {
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
        }
    }
}

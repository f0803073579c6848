//! Comments: `pg_description`, `obj_description` and its like.

use std::collections::HashMap;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::ScalarUDF;

use super::function::{bare, number, string, text};
use super::{Column, Context, DATABASE, bigint, index, text as texts};
use crate::catalog::Described;

const PG_CLASS: i64 = 1259;
const PG_CONSTRAINT: i64 = 2606;
const PG_DATABASE: i64 = 1262;
const PG_NAMESPACE: i64 = 2615;

/// A row of `pg_description`: class, object, column, text.
type Row = (i64, i64, i64, String);

fn rows(context: &Context<'_>) -> Vec<Row> {
    let row = |(described, comment): (&Described, &String)| {
        let (class, object, column) = match described {
            Described::Relation(id) => (PG_CLASS, i64::from(id.0), 0),
            Described::Column(id, name) => {
                let relation = context.catalog.by_id(*id)?;
                (PG_CLASS, i64::from(id.0), relation.schema.index_of(name).ok()? as i64 + 1)
            }
            Described::Schema(name) => {
                let (_, oid) = context.catalog.schemas().find(|(schema, _)| schema == name)?;
                (PG_NAMESPACE, i64::from(oid), 0)
            }
            Described::Constraint(id, name) => {
                let constraints = index::constraints(context);
                let found = constraints.iter().find(|one| one.relation.id == *id && one.name == name)?;
                (PG_CONSTRAINT, found.oid, 0)
            }
            Described::Database => (PG_DATABASE, DATABASE, 0),
        };
        Some((class, object, column, comment.clone()))
    };
    context.catalog.comments().filter_map(row).collect()
}

pub(super) fn pg_description(context: &Context<'_>) -> Vec<Column> {
    columns(rows(context).into_iter().filter(|row| row.0 != PG_DATABASE).collect())
}

pub(super) fn pg_shdescription(context: &Context<'_>) -> Vec<Column> {
    columns(rows(context).into_iter().filter(|row| row.0 == PG_DATABASE).collect())
}

fn columns(rows: Vec<Row>) -> Vec<Column> {
    vec![
        bigint("objoid", rows.iter().map(|row| row.1)),
        bigint("classoid", rows.iter().map(|row| row.0)),
        bigint("objsubid", rows.iter().map(|row| row.2)),
        texts("description", rows.iter().map(|row| &row.3)),
    ]
}

/// The functions that look a comment up.
pub(super) fn functions(context: &Context<'_>) -> Vec<ScalarUDF> {
    let classes = [
        ("pg_class", PG_CLASS),
        ("pg_constraint", PG_CONSTRAINT),
        ("pg_database", PG_DATABASE),
        ("pg_namespace", PG_NAMESPACE),
    ];
    let all: HashMap<(i64, i64, i64), String> =
        rows(context).into_iter().map(|row| ((row.0, row.1, row.2), row.3)).collect();
    let (of_object, of_column, of_shared) = (all.clone(), all.clone(), all);
    // `'t'::regclass` outside of catalog queries is a name.
    let names: HashMap<String, i64> =
        context.catalog.iter().map(|relation| (relation.name.clone(), i64::from(relation.id.0))).collect();
    let object = move |arguments: &[ScalarValue]| {
        number(arguments, 0).or_else(|| names.get(&bare(&string(arguments, 0)?)).copied())
    };
    let (of_comment, of_number) = (object.clone(), object);
    let found = move |all: &HashMap<(i64, i64, i64), String>, class: Option<String>, object: i64| {
        let wanted = class.map(|class| class.trim_start_matches("pg_catalog.").to_string());
        let of_class = |name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
        let mut classes = classes.iter().filter(|(name, _)| of_class(name));
        classes.find_map(|(_, class)| all.get(&(*class, object, 0)).cloned())
    };
    vec![
        text("obj_description", move |arguments| {
            Ok(of_comment(arguments).and_then(|object| found(&of_object, string(arguments, 1), object)))
        }),
        text("shobj_description", move |arguments| {
            Ok(number(arguments, 0).and_then(|object| found(&of_shared, string(arguments, 1), object)))
        }),
        text("col_description", move |arguments| {
            let (Some(relation), Some(column)) = (of_number(arguments), number(arguments, 1)) else { return Ok(None) };
            Ok(of_column.get(&(PG_CLASS, relation, column)).cloned())
        }),
    ]
}

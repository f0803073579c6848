//! Random queries over relations, as trees that can be printed and made smaller. Every result is determined: LIMIT stands behind an
//! order by all columns, and ties in windows are between equal rows.

use super::expression::Part;
use super::expression::{Column, Expression, Scope, built};
use super::kind::Kind;
use super::select::Select;
use super::source::Random;

/// Relations that a query may read: name and columns by their bare names.
pub(super) type Relations = [(String, Vec<Column>)];

#[derive(Debug, Clone)]
pub(super) enum Query {
    Select(Box<Select>),
    Set {
        operator: &'static str,
        left: Box<Query>,
        right: Box<Query>,
    },
    /// `WITH name AS [materialized] (body) main`.
    With {
        /// The name, and for a recursive query the words before it.
        name: String,
        /// What stands between AS and the body.
        materialized: &'static str,
        body: Box<Query>,
        main: Box<Query>,
    },
    /// Text with columns that are known.
    Text(String),
}

impl Query {
    /// A query of any shape with its columns, named `c0`, `c1`, ….
    pub(super) fn any(relations: &Relations, depth: u32, random: &mut Random) -> (Query, Vec<Kind>) {
        if depth > 0 && random.one_in(7) {
            return Query::set(relations, depth, random);
        }
        if depth > 0 && random.one_in(10) {
            return Query::with(relations, depth - 1, random);
        }
        if random.one_in(30) {
            return Query::recursive(relations, random);
        }
        let (select, kinds) = Select::any(relations, &[], depth, random);
        (Query::Select(Box::new(select)), kinds)
    }

    fn set(relations: &Relations, depth: u32, random: &mut Random) -> (Query, Vec<Kind>) {
        let (left, kinds) = Query::any(relations, depth - 1, random);
        // Two different texts of one jsonb or interval may be equal: which one stays is nobody's business.
        let unions = kinds.iter().any(|kind| matches!(kind, Kind::Jsonb | Kind::Interval));
        let operators = ["UNION ALL", "UNION", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL"];
        let operator = *random.pick(&operators[..if unions { 2 } else { 6 }]);
        let right = if depth > 1 && random.one_in(4) && kinds.len() == 1 {
            let again = Select::with_kinds(relations, &kinds, random);
            let left = Box::new(Query::Select(Box::new(again)));
            let right = Box::new(Query::Select(Box::new(Select::with_kinds(relations, &kinds, random))));
            Query::Set { operator: "UNION", left, right }
        } else {
            Query::Select(Box::new(Select::with_kinds(relations, &kinds, random)))
        };
        (Query::Set { operator, left: Box::new(left), right: Box::new(right) }, kinds)
    }

    fn with(relations: &Relations, depth: u32, random: &mut Random) -> (Query, Vec<Kind>) {
        let (body, kinds) = Query::any(relations, depth, random);
        let name = alias("w", random);
        let mut visible = relations.to_vec();
        // Twice as likely to be read as any other, and often more than once.
        visible.extend([(name.clone(), columns(&kinds)), (name.clone(), columns(&kinds))]);
        let (main, kinds) = Query::any(&visible, depth.max(1), random);
        let materialized = *random.pick(&["", "", "", "MATERIALIZED ", "NOT MATERIALIZED "]);
        (Query::With { name, materialized, body: Box::new(body), main: Box::new(main) }, kinds)
    }

    /// Numbers up from those of a relation, a closure over pairs of numbers, or the paths of a graph without cycles.
    fn recursive(relations: &Relations, random: &mut Random) -> (Query, Vec<Kind>) {
        let name = alias("w", random);
        let numbers: Vec<(&str, Vec<&str>)> = relations
            .iter()
            .map(|(relation, all)| {
                let numbers = all.iter().filter(|column| column.kind == Kind::Int).map(|column| column.sql.as_str());
                (relation.as_str(), numbers.collect())
            })
            .filter(|(_, numbers): &(&str, Vec<&str>)| !numbers.is_empty())
            .collect();
        if numbers.is_empty() {
            return (Query::Text("SELECT 1 AS c0".into()), vec![Kind::Int]);
        }
        let (relation, all) = random.pick(&numbers);
        let (other, others) = random.pick(&numbers);
        let (from, to) = (*random.pick(all), *random.pick(all));
        let (other_from, other_to) = (*random.pick(others), *random.pick(others));
        let body = match random.below(4) {
            0 => format!(
                "SELECT {from} AS c0, {to} AS c1 FROM {relation} UNION \
                 SELECT w.c0, r.{other_to} FROM {name} w JOIN {other} r ON r.{other_from} = w.c1"
            ),
            1 => format!(
                "SELECT {from} AS c0, {to} AS c1 FROM {relation} UNION ALL SELECT c0 + 1, c1 FROM {name} WHERE c0 < 4 AND c0 > -4"
            ),
            2 => format!(
                "SELECT DISTINCT {from} AS c0, {to} AS c1 FROM {relation} UNION ALL SELECT w.c0, r.high FROM {name} w JOIN \
                 (SELECT DISTINCT {other_from} AS low, {other_to} AS high FROM {other} WHERE {other_from} < {other_to}) r ON r.low = w.c1"
            ),
            _ => format!(
                "SELECT {from} AS c0, 0 AS c1 FROM {relation} UNION SELECT r.{other_to}, w.c1 + 1 FROM {name} w \
                 JOIN {other} r ON r.{other_from} = w.c0 AND r.{other_to} IS NOT NULL WHERE w.c1 < 3"
            ),
        };
        let main = *random.pick(&[
            "SELECT c0, c1 FROM ",
            "SELECT c0, c1 FROM ",
            "SELECT c1 AS c0, max(c0) AS c1 FROM ",
            "SELECT DISTINCT c1 AS c0, c0 AS c1 FROM ",
        ]);
        let group = if main.contains("max") { " GROUP BY c1" } else { "" };
        let main = Box::new(Query::Text(format!("{main}{name}{group}")));
        let name = format!("RECURSIVE {name}");
        (Query::With { name, materialized: "", body: Box::new(Query::Text(body)), main }, vec![Kind::Int, Kind::Int])
    }

    /// A subquery that tests rows: one column of `kind`, or any.
    pub(super) fn reading(relations: &Relations, outer: &[Column], kind: Option<Kind>, random: &mut Random) -> Query {
        let (mut select, visible) = Select::from_one(relations, outer, random);
        let scope = Scope { columns: &visible, outer, relations: &[] };
        select.items = match kind {
            Some(kind) => vec![scope.expression(kind, 1, random)],
            None => vec![Expression::text(Kind::Int, "1")],
        };
        select.filter = (!random.one_in(4)).then(|| scope.expression(Kind::Bool, 1, random));
        Query::Select(Box::new(select))
    }

    /// A subquery of at most one row.
    pub(super) fn one_value(relations: &Relations, outer: &[Column], kind: Kind, random: &mut Random) -> Query {
        let (mut select, visible) = Select::from_one(relations, outer, random);
        select.filter = (!random.one_in(4))
            .then(|| Scope { columns: &visible, outer, relations: &[] }.expression(Kind::Bool, 1, random));
        if random.one_in(3) || !kind.has_max() {
            select.items = vec![Scope { columns: &visible, outer, relations: &[] }.expression(kind, 1, random)];
            select.limit = Some("ORDER BY 1 LIMIT 1".into());
            return Query::Select(Box::new(select));
        }
        // An aggregate over columns of the query around would be an aggregate of that query.
        let value = Scope { columns: &visible, outer: &[], relations: &[] }.expression(kind, 1, random);
        let template = match random.below(3) {
            0 if kind == Kind::Big => "count(?)",
            1 => "min(?)",
            _ => "max(?)",
        };
        select.items = vec![built(kind, template, vec![Part::Expression(value)])];
        Query::Select(Box::new(select))
    }

    pub(super) fn sql(&self) -> String {
        match self {
            Query::Select(select) => select.sql(),
            Query::Set { operator, left, right } => format!("({}) {operator} ({})", left.sql(), right.sql()),
            Query::With { name, materialized, body, main } => {
                let main = match main.as_ref() {
                    Query::With { .. } => format!("SELECT * FROM ({}) AS main", main.sql()),
                    main => main.sql(),
                };
                format!("WITH {name} AS {materialized}({}) {main}", body.sql())
            }
            Query::Text(text) => text.clone(),
        }
    }

    /// Queries that are smaller in one place. Not all of them are valid.
    pub(super) fn smaller(&self) -> Vec<Query> {
        match self {
            Query::Text(_) => Vec::new(),
            Query::Select(select) => {
                select.smaller().into_iter().map(|select| Query::Select(Box::new(select))).collect()
            }
            Query::Set { operator, left, right } => {
                let mut found = vec![left.as_ref().clone(), right.as_ref().clone()];
                let set = |left: &Query, right: &Query| Query::Set {
                    operator,
                    left: Box::new(left.clone()),
                    right: Box::new(right.clone()),
                };
                found.extend(left.smaller().iter().map(|left| set(left, right)));
                found.extend(right.smaller().iter().map(|right| set(left, right)));
                found
            }
            Query::With { name, materialized, body, main } => {
                let mut found = vec![body.as_ref().clone(), main.as_ref().clone()];
                let with = |body: &Query, main: &Query, materialized: &'static str| Query::With {
                    name: name.clone(),
                    materialized,
                    body: Box::new(body.clone()),
                    main: Box::new(main.clone()),
                };
                if !materialized.is_empty() {
                    found.push(with(body, main, ""));
                }
                found.extend(body.smaller().iter().map(|body| with(body, main, materialized)));
                found.extend(main.smaller().iter().map(|main| with(body, main, materialized)));
                found
            }
        }
    }
}

pub(super) fn alias(prefix: &str, random: &mut Random) -> String {
    format!("{prefix}{}", random.below(1_000_000))
}

/// Columns as queries name theirs.
pub(super) fn columns(kinds: &[Kind]) -> Vec<Column> {
    kinds.iter().enumerate().map(|(position, kind)| Column { sql: format!("c{position}"), kind: *kind }).collect()
}

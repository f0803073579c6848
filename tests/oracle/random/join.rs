//! FROM: relations, subqueries, functions and VALUES, and how they are joined.

use super::expression::{Column, Expression, Part, Scope, built};
use super::kind::Kind;
use super::query::{Query, Relations, alias, columns};
use super::select::Select;
use super::source::Random;
use super::template::TABLE_FUNCTIONS;

/// A relation in FROM with how it is joined to those before.
#[derive(Debug, Clone)]
pub(super) struct Source {
    join: &'static str,
    body: Body,
    alias: String,
    on: On,
}

#[derive(Debug, Clone)]
enum On {
    Nothing,
    Condition(Expression),
    Using(String),
}

#[derive(Debug, Clone)]
enum Body {
    Relation(String),
    Query {
        lateral: bool,
        query: Query,
    },
    /// A call with so many columns.
    Function(Expression, usize),
    /// The rows of VALUES, with so many columns.
    Values(String, usize),
}

const JOINS: [&str; 8] = ["JOIN", "JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN"];

/// Adds sources to FROM.
pub(super) struct From<'a> {
    pub(super) relations: &'a Relations,
    pub(super) outer: &'a [Column],
    pub(super) sources: Vec<Source>,
    /// The columns of all sources.
    pub(super) visible: Vec<Column>,
    /// Whether only tables are read.
    pub(super) tables_only: bool,
    /// Columns that a join has merged, by their bare names.
    pub(super) merged: Vec<Column>,
}

impl<'a> From<'a> {
    pub(super) fn new(relations: &'a Relations, outer: &'a [Column]) -> From<'a> {
        let (sources, visible, merged) = (Vec::new(), Vec::new(), Vec::new());
        From { relations, outer, sources, visible, tables_only: false, merged }
    }

    pub(super) fn add(&mut self, depth: u32, random: &mut Random) {
        let alias = alias("r", random);
        let first = self.sources.is_empty();
        if !first && !self.tables_only && random.one_in(5) {
            return self.add_dependent(alias, random);
        }
        let join = if first { "" } else { *random.pick(&JOINS) };
        if !self.tables_only && random.one_in(14) {
            let (rows, kinds) = values(random);
            let columns = kinds.len();
            return self.join(join, Body::Values(rows, columns), alias, &kinds, random);
        }
        if depth > 0 && random.one_in(4) {
            let (query, kinds) = Query::any(self.relations, depth - 1, random);
            return self.join(join, Body::Query { lateral: false, query }, alias, &kinds, random);
        }
        let (name, columns) = random.pick(self.relations);
        let kinds: Vec<Kind> = columns.iter().map(|column| column.kind).collect();
        let body = Body::Relation(name.clone());
        if self.sources.len() == 1
            && matches!(join, "JOIN" | "LEFT JOIN" | "RIGHT JOIN" | "FULL JOIN")
            && random.one_in(5)
        {
            return self.merge(join, body, alias, &kinds, random);
        }
        self.join(join, body, alias, &kinds, random);
    }

    /// A function or subquery over the columns before it.
    fn add_dependent(&mut self, alias: String, random: &mut Random) {
        let join = if random.one_in(2) { "CROSS JOIN" } else { "LEFT JOIN" };
        if random.one_in(2) {
            let (template, kinds) = *random.pick(TABLE_FUNCTIONS);
            let scope = Scope { columns: &self.visible, outer: self.outer, relations: &[] };
            let call = scope.filled(kinds[0], template, 0, random);
            return self.join(join, Body::Function(call, kinds.len()), alias, kinds, random);
        }
        let around: Vec<Column> = self.visible.iter().chain(self.outer).cloned().collect();
        let (mut select, kinds) = Select::any(self.relations, &around, 0, random);
        if random.one_in(3) {
            select.limit_rows(random);
        }
        let query = Query::Select(Box::new(select));
        self.join(join, Body::Query { lateral: true, query }, alias, &kinds, random);
    }

    fn join(&mut self, join: &'static str, body: Body, alias: String, kinds: &[Kind], random: &mut Random) {
        let own = named(&alias, kinds);
        let lateral = matches!(body, Body::Query { lateral: true, .. } | Body::Function(..));
        let on = match join {
            "" | "CROSS JOIN" => On::Nothing,
            "LEFT JOIN" if lateral && !random.one_in(4) => On::Condition(Expression::text(Kind::Bool, "true")),
            _ => On::Condition(self.condition(&own, join, random)),
        };
        self.visible.extend(own);
        self.merged.clear();
        self.sources.push(Source { join, body, alias, on });
    }

    /// JOIN … USING, of columns that have one type on both sides.
    fn merge(&mut self, join: &'static str, body: Body, alias: String, kinds: &[Kind], random: &mut Random) {
        let own = named(&alias, kinds);
        let bare = |column: &Column| column.sql.split('.').nth(1).unwrap_or_default().to_string();
        let both: Vec<Column> = own
            .iter()
            .filter(|one| self.visible.iter().any(|other| bare(other) == bare(one) && other.kind == one.kind))
            .map(|one| Column { sql: bare(one), kind: one.kind })
            .collect();
        if both.is_empty() {
            return self.join(join, body, alias, kinds, random);
        }
        let column = random.pick(&both).clone();
        let on = On::Using(column.sql.clone());
        self.merged = vec![column];
        self.visible.extend(own);
        self.sources.push(Source { join, body, alias, on });
    }

    /// ON: mostly a pair of equal columns, sometimes with more. PostgreSQL wants equal columns for FULL JOIN.
    fn condition(&self, own: &[Column], join: &str, random: &mut Random) -> Expression {
        let pairs: Vec<(&Column, &Column)> = own
            .iter()
            .flat_map(|one| {
                self.visible.iter().filter(move |other| other.kind == one.kind).map(move |other| (one, other))
            })
            .collect();
        let both: Vec<Column> = own.iter().chain(&self.visible).cloned().collect();
        let relations = if join == "JOIN" { self.relations } else { &[] };
        let scope = Scope { columns: &both, outer: self.outer, relations };
        if pairs.is_empty() || (join != "FULL JOIN" && random.one_in(8)) {
            return match join {
                "FULL JOIN" => Expression::text(Kind::Bool, "true"),
                _ => scope.expression(Kind::Bool, 1, random),
            };
        }
        let (one, other) = random.pick(&pairs);
        let equal = Expression::text(Kind::Bool, format!("({} = {})", one.sql, other.sql));
        if !random.one_in(3) {
            return equal;
        }
        let parts = vec![Part::Expression(equal), Part::Expression(scope.expression(Kind::Bool, 1, random))];
        built(Kind::Bool, "(? AND ?)", parts)
    }
}

fn named(alias: &str, kinds: &[Kind]) -> Vec<Column> {
    columns(kinds).into_iter().map(|column| Column { sql: format!("{alias}.{}", column.sql), ..column }).collect()
}

/// VALUES of a few rows.
fn values(random: &mut Random) -> (String, Vec<Kind>) {
    let kinds: Vec<Kind> = (0..=random.below(2)).map(|_| Kind::any(random)).collect();
    let rows: Vec<String> = (0..1 + random.below(3))
        .map(|_| {
            let row: Vec<String> =
                kinds.iter().map(|kind| format!("({})::{}", kind.value(random), kind.sql())).collect();
            format!("({})", row.join(", "))
        })
        .collect();
    (rows.join(", "), kinds)
}

impl Source {
    /// As it stands in FROM, with the join before it if it is not the first.
    pub(super) fn sql(&self, first: bool) -> String {
        let alias = &self.alias;
        let named = |count: usize| (0..count).map(|at| format!("c{at}")).collect::<Vec<_>>().join(", ");
        let body = match &self.body {
            Body::Relation(name) => format!("{name} AS {alias}"),
            Body::Query { lateral, query } => {
                let lateral = if *lateral && !first { "LATERAL " } else { "" };
                format!("{lateral}({}) AS {alias}", query.sql())
            }
            Body::Function(call, count) => format!("{} AS {alias}({})", call.sql(), named(*count)),
            Body::Values(rows, count) => format!("(VALUES {rows}) AS {alias}({})", named(*count)),
        };
        if first {
            return format!(" FROM {body}");
        }
        match &self.on {
            On::Nothing => format!(" {} {body}", self.join),
            On::Condition(condition) => format!(" {} {body} ON {}", self.join, condition.sql()),
            On::Using(column) => format!(" {} {body} USING ({column})", self.join),
        }
    }

    pub(super) fn smaller(&self) -> Vec<Source> {
        let mut found = Vec::new();
        if let Body::Query { lateral, query } = &self.body {
            let smaller = query.smaller().into_iter();
            found
                .extend(smaller.map(|query| Source { body: Body::Query { lateral: *lateral, query }, ..self.clone() }));
        }
        if let On::Condition(condition) = &self.on {
            let smaller = condition.smaller().into_iter();
            found.extend(smaller.map(|condition| Source { on: On::Condition(condition), ..self.clone() }));
            if matches!(self.join, "LEFT JOIN" | "RIGHT JOIN" | "FULL JOIN") {
                found.push(Source { join: "JOIN", ..self.clone() });
            }
        }
        found
    }
}

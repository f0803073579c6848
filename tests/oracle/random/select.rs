//! SELECT: a relation joined with others, filtered, grouped or seen through windows.

use super::expression::{Column, Expression, KINDS, Kind, Part, Scope, built};
use super::query::{Query, Relations, alias, columns};
use super::source::Random;

#[derive(Debug, Clone, Default)]
pub(super) struct Select {
    distinct: bool,
    pub(super) items: Vec<Expression>,
    sources: Vec<Source>,
    pub(super) filter: Option<Expression>,
    group: Vec<Expression>,
    grouping: &'static str,
    having: Option<Expression>,
    pub(super) limit: Option<String>,
}

/// A relation in FROM with how it is joined to those before.
#[derive(Debug, Clone)]
struct Source {
    join: &'static str,
    body: Body,
    alias: String,
    on: Option<Expression>,
}

#[derive(Debug, Clone)]
enum Body {
    Relation(String),
    Query {
        lateral: bool,
        query: Query,
    },
    /// A table function with one column.
    Series(Expression),
}

const JOINS: [&str; 8] = ["JOIN", "JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN"];

impl Select {
    pub(super) fn any(relations: &Relations, outer: &[Column], depth: u32, random: &mut Random) -> (Select, Vec<Kind>) {
        let (mut select, visible) = Select::from(relations, outer, depth, random);
        let scope = Scope { columns: &visible, outer, relations };
        if random.one_in(2) {
            select.filter = Some(scope.expression(Kind::Bool, 2, random));
        }
        match random.below(8) {
            0..=2 => select.grouped(&Scope { relations: &[], ..scope }, random),
            3 => select.windowed(&scope, random),
            _ => {
                for _ in 0..=random.below(3) {
                    let kind = *random.pick(&KINDS);
                    select.items.push(scope.expression(kind, 2, random));
                }
                select.distinct = random.one_in(5);
            }
        }
        if random.one_in(8) {
            let order: Vec<String> = (1..=select.items.len()).map(|position| position.to_string()).collect();
            let direction = if random.one_in(2) { " DESC" } else { "" };
            let offset = if random.one_in(3) { format!(" OFFSET {}", random.below(3)) } else { String::new() };
            let limit = 1 + random.below(4);
            select.limit =
                Some(format!("ORDER BY {}{direction} LIMIT {limit}{offset}", order.join(&format!("{direction}, "))));
        }
        let kinds = select.items.iter().map(|item| item.kind).collect();
        (select, kinds)
    }

    /// A select with columns of these types.
    pub(super) fn with_kinds(relations: &Relations, kinds: &[Kind], random: &mut Random) -> Select {
        let (mut select, visible) = Select::from(relations, &[], 0, random);
        let scope = Scope { columns: &visible, outer: &[], relations };
        select.items = kinds.iter().map(|kind| scope.expression(*kind, 1, random)).collect();
        select.filter = random.one_in(2).then(|| scope.expression(Kind::Bool, 1, random));
        select
    }

    pub(super) fn from_one(relations: &Relations, outer: &[Column], random: &mut Random) -> (Select, Vec<Column>) {
        let mut select = Select::default();
        let mut visible = Vec::new();
        select.add_source(relations, outer, 0, &mut visible, random);
        (select, visible)
    }

    fn from(relations: &Relations, outer: &[Column], depth: u32, random: &mut Random) -> (Select, Vec<Column>) {
        let (mut select, mut visible) = Select::from_one(relations, outer, random);
        for _ in 0..[0, 0, 0, 1, 1, 2][random.below(6) as usize] {
            select.add_source(relations, outer, depth, &mut visible, random);
        }
        (select, visible)
    }

    fn add_source(
        &mut self,
        relations: &Relations,
        outer: &[Column],
        depth: u32,
        visible: &mut Vec<Column>,
        random: &mut Random,
    ) {
        let alias = alias("r", random);
        let mut join = if self.sources.is_empty() { "" } else { *random.pick(&JOINS) };
        let dependent = !self.sources.is_empty() && random.one_in(6);
        if dependent {
            join = if random.one_in(2) { "CROSS JOIN" } else { "LEFT JOIN" };
        }
        let (body, kinds) = if dependent && random.one_in(2) {
            let scope = Scope { columns: visible, outer, relations: &[] };
            let to = built(
                Kind::Int,
                "generate_series(1, least(?, 4))",
                vec![Part::Expression(scope.expression(Kind::Int, 0, random))],
            );
            (Body::Series(to), vec![Kind::Int])
        } else if dependent {
            let around: Vec<Column> = visible.iter().chain(outer).cloned().collect();
            let (select, kinds) = Select::any(relations, &around, 0, random);
            (Body::Query { lateral: true, query: Query::Select(Box::new(select)) }, kinds)
        } else if depth > 0 && random.one_in(4) {
            let (query, kinds) = Query::any(relations, depth - 1, random);
            (Body::Query { lateral: false, query }, kinds)
        } else {
            let (name, columns) = random.pick(relations);
            let own = columns.iter().map(|column| Column { sql: format!("{alias}.{}", column.sql), kind: column.kind });
            let own: Vec<Column> = own.collect();
            self.join(join, Body::Relation(name.clone()), alias, own, outer, visible, random);
            return;
        };
        let own = columns(&kinds).into_iter().map(|column| Column { sql: format!("{alias}.{}", column.sql), ..column });
        let own = own.collect();
        self.join(join, body, alias, own, outer, visible, random);
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a join")]
    fn join(
        &mut self,
        join: &'static str,
        body: Body,
        alias: String,
        own: Vec<Column>,
        outer: &[Column],
        visible: &mut Vec<Column>,
        random: &mut Random,
    ) {
        let lateral = matches!(body, Body::Query { lateral: true, .. } | Body::Series(_));
        let on = match join {
            "" | "CROSS JOIN" => None,
            "LEFT JOIN" if lateral => Some(Expression::text(Kind::Bool, "true")),
            _ => Some(condition(&own, visible, outer, join, random)),
        };
        visible.extend(own);
        self.sources.push(Source { join, body, alias, on });
    }

    fn grouped(&mut self, scope: &Scope<'_>, random: &mut Random) {
        let keys = [0, 1, 1, 1, 2][random.below(5) as usize];
        for _ in 0..keys {
            let column = random.pick(scope.columns);
            let key = Expression::text(column.kind, column.sql.clone());
            if !self.group.iter().any(|known| known.sql() == key.sql()) {
                self.group.push(key);
            }
        }
        self.grouping =
            if self.group.is_empty() { "" } else { ["", "", "", "", "ROLLUP", "CUBE"][random.below(6) as usize] };
        self.items = self.group.clone();
        for _ in 0..=random.below(3) {
            self.items.push(aggregate(scope, random));
        }
        if random.one_in(4) {
            let call = aggregate(scope, random);
            let literal = call.kind.literal(random);
            let parts = vec![Part::Expression(call), Part::Text(literal)];
            self.having = Some(built(Kind::Bool, "(? >= ?)", parts));
        }
    }

    fn windowed(&mut self, scope: &Scope<'_>, random: &mut Random) {
        for _ in 0..=random.below(2) {
            self.items.push(scope.expression(*random.pick(&KINDS), 1, random));
        }
        let total: Vec<&str> = scope.columns.iter().map(|column| column.sql.as_str()).collect();
        // One call only: two would tell equal rows apart, in an order that nobody knows.
        let partition = match random.below(3) {
            0 => String::new(),
            _ => format!("PARTITION BY {} ", random.pick(scope.columns).sql),
        };
        let direction = if random.one_in(3) { " DESC" } else { "" };
        let first = &random.pick(scope.columns).sql;
        let (call, frame) = window_call(scope, random);
        // Calls without a frame of rows have peers: their order need not tell all rows apart.
        let order = if frame.is_empty() && call.0 {
            first.clone()
        } else {
            format!("{first}{direction}, {}", total.join(", "))
        };
        let template = format!("{} OVER ({partition}ORDER BY {order}{frame})", call.1);
        self.items.push(built(call.2, &template, call.3));
    }

    pub(super) fn sql(&self) -> String {
        let items: Vec<String> =
            self.items.iter().enumerate().map(|(position, item)| format!("{} AS c{position}", item.sql())).collect();
        let mut sql = format!("SELECT {}{}", if self.distinct { "DISTINCT " } else { "" }, items.join(", "));
        for (position, source) in self.sources.iter().enumerate() {
            let body = match &source.body {
                Body::Relation(name) => format!("{name} AS {}", source.alias),
                Body::Query { lateral, query } => {
                    format!(
                        "{}({}) AS {}",
                        if *lateral && position > 0 { "LATERAL " } else { "" },
                        query.sql(),
                        source.alias
                    )
                }
                Body::Series(call) => format!("{} AS {}(c0)", call.sql(), source.alias),
            };
            let join = if position == 0 { "FROM" } else { source.join };
            sql += &format!(" {join} {body}");
            if let (Some(on), true) = (&source.on, position > 0) {
                sql += &format!(" ON {}", on.sql());
            }
        }
        let clause = |word: &str, condition: &Option<Expression>| match condition {
            Some(condition) => format!(" {word} {}", condition.sql()),
            None => String::new(),
        };
        sql += &clause("WHERE", &self.filter);
        if !self.group.is_empty() {
            let keys: Vec<String> = self.group.iter().map(Expression::sql).collect();
            sql += &match self.grouping {
                "" => format!(" GROUP BY {}", keys.join(", ")),
                grouping => format!(" GROUP BY {grouping} ({})", keys.join(", ")),
            };
        }
        sql += &clause("HAVING", &self.having);
        if let Some(limit) = &self.limit {
            sql += &format!(" {limit}");
        }
        sql
    }

    pub(super) fn smaller(&self) -> Vec<Select> {
        let mut found = Vec::new();
        let mut changed = |change: &dyn Fn(&mut Select)| {
            let mut select = self.clone();
            change(&mut select);
            found.push(select);
        };
        if self.filter.is_some() {
            changed(&|select| select.filter = None);
        }
        if self.having.is_some() {
            changed(&|select| select.having = None);
        }
        if self.limit.is_some() {
            changed(&|select| select.limit = None);
        }
        if self.distinct {
            changed(&|select| select.distinct = false);
        }
        if !self.grouping.is_empty() {
            changed(&|select| select.grouping = "");
        }
        for position in 0..self.sources.len() {
            if self.sources.len() > 1 {
                changed(&|select| drop(select.sources.remove(position)));
            }
            if let Body::Query { lateral, query } = &self.sources[position].body {
                for query in query.smaller() {
                    changed(&|select| {
                        select.sources[position].body = Body::Query { lateral: *lateral, query: query.clone() }
                    });
                }
            }
            for on in self.sources[position].on.iter().flat_map(Expression::smaller) {
                changed(&|select| select.sources[position].on = Some(on.clone()));
            }
        }
        for position in 0..self.items.len() {
            if self.items.len() > 1 {
                changed(&|select| drop(select.items.remove(position)));
            }
            for item in self.items[position].smaller() {
                changed(&|select| select.items[position] = item.clone());
            }
        }
        for position in 0..self.group.len() {
            changed(&|select| {
                select.group.remove(position);
                select.items.remove(position);
            });
        }
        for filter in self.filter.iter().flat_map(Expression::smaller) {
            changed(&|select| select.filter = Some(filter.clone()));
        }
        found
    }
}

/// ON: mostly a pair of equal columns, sometimes with more. PostgreSQL wants equal columns for FULL JOIN.
fn condition(own: &[Column], others: &[Column], outer: &[Column], join: &str, random: &mut Random) -> Expression {
    let pairs: Vec<(&Column, &Column)> = own
        .iter()
        .flat_map(|one| others.iter().filter(move |other| other.kind == one.kind).map(move |other| (one, other)))
        .collect();
    let both: Vec<Column> = own.iter().chain(others).cloned().collect();
    let scope = Scope { columns: &both, outer, relations: &[] };
    if pairs.is_empty() || (join != "FULL JOIN" && random.one_in(8)) {
        return if join == "FULL JOIN" {
            Expression::text(Kind::Bool, "true")
        } else {
            scope.expression(Kind::Bool, 1, random)
        };
    }
    let (one, other) = random.pick(&pairs);
    let equal = Expression::text(Kind::Bool, format!("({} = {})", one.sql, other.sql));
    if join == "FULL JOIN" || !random.one_in(3) {
        return equal;
    }
    let parts = vec![Part::Expression(equal), Part::Expression(scope.expression(Kind::Bool, 1, random))];
    built(Kind::Bool, "(? AND ?)", parts)
}

/// Aggregates by result; `?` is the argument of the second type.
const AGGREGATES: &[(Kind, &str, Kind)] = &[
    (Kind::Big, "count(*)", Kind::Int),
    (Kind::Big, "count(?)", Kind::Text),
    (Kind::Big, "count(DISTINCT ?)", Kind::Int),
    (Kind::Big, "count(DISTINCT ?)", Kind::Text),
    (Kind::Big, "sum(?)", Kind::Int),
    (Kind::Big, "sum(DISTINCT ?)", Kind::Int),
    (Kind::Numeric, "sum(?)", Kind::Big),
    (Kind::Numeric, "sum(?)", Kind::Numeric),
    (Kind::Double, "sum(?)", Kind::Double),
    (Kind::Any, "avg(?)", Kind::Int),
    (Kind::Any, "avg(?)", Kind::Numeric),
    (Kind::Any, "avg(?)", Kind::Any),
    (Kind::Any, "sum(?)", Kind::Any),
    (Kind::Any, "sum(?)", Kind::Wide),
    (Kind::Any, "sum(DISTINCT ?)", Kind::Any),
    (Kind::Any, "stddev(?)", Kind::Numeric),
    (Kind::Any, "var_pop(?)", Kind::Any),
    (Kind::Any, "max(?)", Kind::Any),
    (Kind::Wide, "min(?)", Kind::Wide),
    (Kind::Big, "count(DISTINCT ?)", Kind::Any),
    (Kind::Text, "array_agg(@ ORDER BY @)::text", Kind::Wide),
    (Kind::Double, "avg(?)", Kind::Double),
    (Kind::Int, "min(?)", Kind::Int),
    (Kind::Big, "max(?)", Kind::Big),
    (Kind::Numeric, "min(?)", Kind::Numeric),
    (Kind::Double, "max(?)", Kind::Double),
    (Kind::Text, "min(?)", Kind::Text),
    (Kind::Text, "max(?)", Kind::Text),
    (Kind::Timestamp, "max(?)", Kind::Timestamp),
    (Kind::Date, "min(?)", Kind::Date),
    (Kind::Bool, "bool_and(?)", Kind::Bool),
    (Kind::Bool, "bool_or(?)", Kind::Bool),
    (Kind::Text, "string_agg(@, ',' ORDER BY @)", Kind::Text),
    (Kind::Text, "array_agg(@ ORDER BY @)::text", Kind::Int),
    (Kind::Double, "stddev_pop(?)", Kind::Double),
    (Kind::Any, "var_samp(?)", Kind::Int),
];

fn aggregate(scope: &Scope<'_>, random: &mut Random) -> Expression {
    let (kind, template, argument) = *random.pick(AGGREGATES);
    let argument = scope.expression(argument, 1, random);
    let template = template.replace('@', &argument.sql());
    let mut parts = if template.contains('?') { vec![Part::Expression(argument)] } else { Vec::new() };
    let mut filter = "";
    if random.one_in(5) && !template.contains("::text") {
        filter = " FILTER (WHERE ?)";
        parts.push(Part::Expression(scope.expression(Kind::Bool, 1, random)));
    }
    built(kind, &format!("{template}{filter}"), parts)
}

/// Whether peers get the same value, the call, its type and its arguments; and the frame.
type WindowCall = (bool, &'static str, Kind, Vec<Part>);

fn window_call(scope: &Scope<'_>, random: &mut Random) -> (WindowCall, &'static str) {
    let argument = |kind: Kind, random: &mut Random| vec![Part::Expression(scope.expression(kind, 0, random))];
    let call: WindowCall = match random.below(15) {
        0 => (false, "row_number()", Kind::Big, Vec::new()),
        1 => (true, "rank()", Kind::Big, Vec::new()),
        2 => (true, "dense_rank()", Kind::Big, Vec::new()),
        3 => (false, "lag(?)", Kind::Int, argument(Kind::Int, random)),
        4 => (false, "lead(?, 2)", Kind::Text, argument(Kind::Text, random)),
        5 => (false, "first_value(?)", Kind::Int, argument(Kind::Int, random)),
        6 => (false, "last_value(?)", Kind::Date, argument(Kind::Date, random)),
        7 => (true, "sum(?)", Kind::Big, argument(Kind::Int, random)),
        8 => (true, "count(*)", Kind::Big, Vec::new()),
        9 => (true, "max(?)", Kind::Text, argument(Kind::Text, random)),
        10 => (true, "percent_rank()", Kind::Double, Vec::new()),
        11 => (true, "sum(?)", Kind::Any, argument(Kind::Any, random)),
        12 => (true, "avg(?)", Kind::Any, argument(Kind::Numeric, random)),
        13 => (false, "lag(?, 1, 0)", Kind::Any, argument(Kind::Numeric, random)),
        _ => (false, "ntile(3)", Kind::Int, Vec::new()),
    };
    let framed = call.1.starts_with("sum")
        || call.1.starts_with("avg")
        || call.1.starts_with("count")
        || call.1.starts_with("max")
        || call.1.contains("_value");
    let frame = *random.pick(&[
        "",
        " ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING",
        " ROWS UNBOUNDED PRECEDING",
        " RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
        " ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
        " GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW",
    ]);
    (call, if framed { frame } else { "" })
}

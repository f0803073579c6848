//! Random scalar expressions, as trees that can be printed and made smaller.

use super::query::Query;
use super::source::Random;

/// Types of columns and expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Big,
    Numeric,
    /// Numeric without precision.
    Any,
    /// Numeric with more than 38 digits.
    Wide,
    Double,
    Text,
    Bool,
    Timestamp,
    Date,
}

pub(super) const KINDS: [Kind; 10] = [
    Kind::Int,
    Kind::Big,
    Kind::Numeric,
    Kind::Any,
    Kind::Wide,
    Kind::Double,
    Kind::Text,
    Kind::Bool,
    Kind::Timestamp,
    Kind::Date,
];

/// Values of numeric without precision; those before the last one fit all others, too.
const NUMERICS: [&str; 8] = ["0", "1.5", "2", "-0.25", "3.125", "10", "12345678901234567890123456789.5", "'NaN'"];

impl Kind {
    pub(super) fn sql(self) -> &'static str {
        match self {
            Kind::Int => "INTEGER",
            Kind::Big => "BIGINT",
            Kind::Numeric => "NUMERIC(10,2)",
            Kind::Any => "NUMERIC",
            Kind::Wide => "NUMERIC(50,10)",
            Kind::Double => "DOUBLE PRECISION",
            Kind::Text => "TEXT",
            Kind::Bool => "BOOLEAN",
            Kind::Timestamp => "TIMESTAMP",
            Kind::Date => "DATE",
        }
    }

    /// A value from a small domain, so that values meet; never NULL.
    pub(super) fn literal(self, random: &mut Random) -> String {
        match self {
            Kind::Int | Kind::Big => (random.below(9) as i64 - 2).to_string(),
            Kind::Numeric => format!("{}.{:02}", random.below(6), random.below(4) * 25),
            Kind::Any => NUMERICS[random.below(8) as usize].to_string(),
            Kind::Wide => NUMERICS[random.below(6) as usize].to_string(),
            Kind::Double => format!("{}::double precision", (random.below(24) as f64 - 4.0) / 4.0),
            Kind::Text => ["'a'", "'ab'", "'B'", "''", "'b a'", "'~1'"][random.below(6) as usize].to_string(),
            Kind::Bool => ["true", "false"][random.below(2) as usize].to_string(),
            Kind::Timestamp => {
                format!("TIMESTAMP '2024-02-28 {:02}:{:02}:00'", 20 + random.below(4), random.below(4) * 15)
            }
            Kind::Date => format!("DATE '2024-02-{:02}'", 26 + random.below(4)),
        }
    }

    fn is_number(self) -> bool {
        matches!(self, Kind::Int | Kind::Big | Kind::Numeric | Kind::Any | Kind::Wide | Kind::Double)
    }
}

/// A column that an expression may name.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) sql: String,
    pub(super) kind: Kind,
}

/// What an expression is put together from.
#[derive(Debug, Clone)]
pub(super) enum Part {
    Text(String),
    Expression(Expression),
    Query(Box<Query>),
}

#[derive(Debug, Clone)]
pub(super) struct Expression {
    pub(super) kind: Kind,
    pub(super) parts: Vec<Part>,
}

impl Expression {
    pub(super) fn text(kind: Kind, sql: impl Into<String>) -> Expression {
        Expression { kind, parts: vec![Part::Text(sql.into())] }
    }

    pub(super) fn sql(&self) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Expression(expression) => expression.sql(),
            Part::Query(query) => query.sql(),
        };
        self.parts.iter().map(part).collect()
    }

    /// Expressions of the same type that are smaller.
    pub(super) fn smaller(&self) -> Vec<Expression> {
        let mut found = Vec::new();
        for part in &self.parts {
            if let Part::Expression(inner) = part
                && inner.kind == self.kind
            {
                found.push(inner.clone());
            }
        }
        if self.parts.len() > 1 {
            found.push(Expression::text(self.kind, format!("NULL::{}", self.kind.sql())));
        }
        for (position, part) in self.parts.iter().enumerate() {
            let replaced: Vec<Part> = match part {
                Part::Text(_) => Vec::new(),
                Part::Expression(inner) => inner.smaller().into_iter().map(Part::Expression).collect(),
                Part::Query(inner) => inner.smaller().into_iter().map(|query| Part::Query(Box::new(query))).collect(),
            };
            for part in replaced {
                let mut parts = self.parts.clone();
                parts[position] = part;
                found.push(Expression { kind: self.kind, parts });
            }
        }
        found
    }
}

/// A template with `?` where the parts stand.
pub(super) fn built(kind: Kind, template: &str, mut parts: Vec<Part>) -> Expression {
    parts.reverse();
    let mut pieces = Vec::new();
    for (position, text) in template.split('?').enumerate() {
        if position > 0 {
            pieces.push(parts.pop().expect("as many parts as question marks"));
        }
        pieces.push(Part::Text(text.to_string()));
    }
    Expression { kind, parts: pieces }
}

/// Makes expressions over the columns in reach.
pub(super) struct Scope<'a> {
    pub(super) columns: &'a [Column],
    /// Columns of the queries around.
    pub(super) outer: &'a [Column],
    /// Relations that subqueries may read: name and columns.
    pub(super) relations: &'a [(String, Vec<Column>)],
}

/// Templates by result: `i g n q w d t b s y` stand for an operand of type Int, Big, Numeric, Any, Wide, Double, Text, Bool, Timestamp, Date,
/// and `e f` for two operands of one random type.
const TEMPLATES: &[(Kind, &str)] = &[
    (Kind::Int, "(i + i)"),
    (Kind::Int, "(i - i)"),
    (Kind::Int, "(i * 2)"),
    (Kind::Int, "(i / 2)"),
    (Kind::Int, "(i % 3)"),
    (Kind::Int, "(i / nullif(i, 0))"),
    (Kind::Int, "abs(i)"),
    (Kind::Int, "(-i)"),
    (Kind::Int, "length(t)"),
    (Kind::Int, "coalesce(i, i)"),
    (Kind::Int, "nullif(i, i)"),
    (Kind::Int, "greatest(i, i)"),
    (Kind::Int, "(CASE WHEN b THEN i ELSE i END)"),
    (Kind::Int, "(CASE i WHEN 1 THEN i WHEN 2 THEN 7 END)"),
    (Kind::Int, "(b)::integer"),
    (Kind::Int, "(y - y)"),
    (Kind::Big, "(g + i)"),
    (Kind::Big, "(g - g)"),
    (Kind::Big, "(g * i)"),
    (Kind::Big, "(i)::bigint"),
    (Kind::Big, "coalesce(g, i)"),
    (Kind::Big, "(CASE WHEN b THEN g END)"),
    (Kind::Big, "(g % 4)"),
    (Kind::Numeric, "round(n, 1)"),
    (Kind::Numeric, "(n + n)"),
    (Kind::Numeric, "(n - i)"),
    (Kind::Numeric, "(n * 2)"),
    (Kind::Numeric, "coalesce(n, n)"),
    (Kind::Numeric, "least(n, n)"),
    (Kind::Numeric, "abs(n)"),
    (Kind::Numeric, "(n)::numeric(10,2)"),
    (Kind::Any, "(q + q)"),
    (Kind::Any, "(q - n)"),
    (Kind::Any, "(q * 2)"),
    (Kind::Any, "(q * w)"),
    (Kind::Any, "(n / 3)"),
    (Kind::Any, "(n / nullif(n, 0))"),
    (Kind::Any, "(i / 2.5)"),
    (Kind::Any, "(q / 7)"),
    (Kind::Any, "((g)::numeric / 4)"),
    (Kind::Any, "(n * n * n * n)"),
    (Kind::Any, "(w + n)"),
    (Kind::Any, "coalesce(q, 0)"),
    (Kind::Any, "coalesce(n, 0)"),
    (Kind::Any, "coalesce(n, q)"),
    (Kind::Any, "(CASE WHEN b THEN q ELSE n END)"),
    (Kind::Any, "(CASE WHEN b THEN n ELSE i END)"),
    (Kind::Any, "round(q, 1)"),
    (Kind::Any, "round(w)"),
    (Kind::Any, "abs(q)"),
    (Kind::Any, "(-w)"),
    (Kind::Any, "trim_scale(w)"),
    (Kind::Any, "(q % 2)"),
    (Kind::Any, "nullif(q, 1.5)"),
    (Kind::Any, "(n)::numeric"),
    (Kind::Wide, "(q)::numeric(50,10)"),
    (Kind::Wide, "(n)::numeric(50,10)"),
    (Kind::Wide, "coalesce(w, w)"),
    (Kind::Double, "(d + d)"),
    (Kind::Double, "(d * 0.5)"),
    (Kind::Double, "(d / 4)"),
    (Kind::Double, "(i)::double precision"),
    (Kind::Double, "floor(d)"),
    (Kind::Double, "coalesce(d, 0)"),
    (Kind::Text, "(t || t)"),
    (Kind::Text, "(t || 'x')"),
    (Kind::Text, "upper(t)"),
    (Kind::Text, "lower(t)"),
    (Kind::Text, "substr(t, 1, 2)"),
    (Kind::Text, "left(t, 1)"),
    (Kind::Text, "replace(t, 'a', 'zz')"),
    (Kind::Text, "coalesce(t, 'none')"),
    (Kind::Text, "(i)::text"),
    (Kind::Text, "(n)::text"),
    (Kind::Text, "(q)::text"),
    (Kind::Text, "(y)::text"),
    (Kind::Text, "(b)::text"),
    (Kind::Text, "(CASE WHEN b THEN t ELSE 'no' END)"),
    (Kind::Text, "concat(t, i)"),
    (Kind::Bool, "(e = f)"),
    (Kind::Bool, "(e <> f)"),
    (Kind::Bool, "(e < f)"),
    (Kind::Bool, "(e >= f)"),
    (Kind::Bool, "(e IS DISTINCT FROM f)"),
    (Kind::Bool, "(e IS NULL)"),
    (Kind::Bool, "(e IS NOT NULL)"),
    (Kind::Bool, "(b AND b)"),
    (Kind::Bool, "(b OR b)"),
    (Kind::Bool, "(NOT b)"),
    (Kind::Bool, "(b IS TRUE)"),
    (Kind::Bool, "(b IS NOT FALSE)"),
    (Kind::Bool, "(i IN (1, 2, 3))"),
    (Kind::Bool, "(i NOT IN (0, 4))"),
    (Kind::Bool, "(i BETWEEN 0 AND 4)"),
    (Kind::Bool, "(t LIKE 'a%')"),
    (Kind::Bool, "(n > d)"),
    (Kind::Bool, "(i < g)"),
    (Kind::Bool, "(q > n)"),
    (Kind::Bool, "(q = w)"),
    (Kind::Bool, "(q <= i)"),
    (Kind::Bool, "(q < d)"),
    (Kind::Bool, "(q IN (0, 1.5, 2))"),
    (Kind::Bool, "(w BETWEEN 0 AND 2)"),
    (Kind::Timestamp, "(s + INTERVAL '20 minutes')"),
    (Kind::Timestamp, "date_trunc('hour', s)"),
    (Kind::Timestamp, "(y)::timestamp"),
    (Kind::Timestamp, "coalesce(s, s)"),
    (Kind::Date, "(s)::date"),
    (Kind::Date, "(y + (i)::integer)"),
    (Kind::Date, "coalesce(y, y)"),
];

impl Scope<'_> {
    /// An expression of `kind`, at most `depth` operators deep.
    pub(super) fn expression(&self, kind: Kind, depth: u32, random: &mut Random) -> Expression {
        if depth == 0 || random.one_in(3) {
            return self.leaf(kind, random);
        }
        if random.one_in(10) && !self.relations.is_empty() {
            return self.subquery(kind, random);
        }
        let templates: Vec<&str> =
            TEMPLATES.iter().filter(|(result, _)| *result == kind).map(|(_, template)| *template).collect();
        let template = templates[random.below(templates.len() as u64) as usize];
        let both = *random.pick(&KINDS);
        let mut parts = Vec::new();
        let mut text = String::new();
        let letters: Vec<char> = template.chars().collect();
        for (position, letter) in letters.iter().enumerate() {
            let alone =
                |at: Option<&char>| !at.is_some_and(|c| c.is_alphanumeric() || *c == '_' || *c == '\'' || *c == '%');
            let operand = alone(position.checked_sub(1).and_then(|before| letters.get(before)))
                && alone(letters.get(position + 1));
            let wanted = match letter {
                'i' => Kind::Int,
                'g' => Kind::Big,
                'n' => Kind::Numeric,
                'q' => Kind::Any,
                'w' => Kind::Wide,
                'd' => Kind::Double,
                't' => Kind::Text,
                'b' => Kind::Bool,
                's' => Kind::Timestamp,
                'y' => Kind::Date,
                'e' | 'f' => both,
                _ => {
                    text.push(*letter);
                    continue;
                }
            };
            if operand {
                text.push('?');
                parts.push(Part::Expression(self.expression(wanted, depth - 1, random)));
            } else {
                text.push(*letter);
            }
        }
        built(kind, &text, parts)
    }

    fn leaf(&self, kind: Kind, random: &mut Random) -> Expression {
        let own: Vec<&Column> = self.columns.iter().filter(|column| column.kind == kind).collect();
        let outer: Vec<&Column> = self.outer.iter().filter(|column| column.kind == kind).collect();
        let pool = if !outer.is_empty() && (own.is_empty() || random.one_in(3)) { outer } else { own };
        if !pool.is_empty() && !random.one_in(6) {
            return Expression::text(kind, pool[random.below(pool.len() as u64) as usize].sql.clone());
        }
        if random.one_in(12) {
            return Expression::text(kind, format!("NULL::{}", kind.sql()));
        }
        let literal = kind.literal(random);
        let typed = kind.is_number() && kind != Kind::Double;
        Expression::text(kind, if typed { format!("({literal})::{}", kind.sql()) } else { literal })
    }

    /// A value or a test by a subquery.
    fn subquery(&self, kind: Kind, random: &mut Random) -> Expression {
        let visible: Vec<Column> = self.columns.iter().chain(self.outer).cloned().collect();
        match kind {
            Kind::Bool => {
                let shape = random.below(6);
                let inner = *random.pick(&KINDS);
                if shape < 2 {
                    let query = Query::reading(self.relations, &visible, None, random);
                    let template = if shape == 0 { "EXISTS (?)" } else { "(NOT EXISTS (?))" };
                    return built(kind, template, vec![Part::Query(Box::new(query))]);
                }
                let query = Query::reading(self.relations, &visible, Some(inner), random);
                let template = ["(? IN (?))", "(? NOT IN (?))", "(? = ANY (?))", "(? <= ALL (?))"][shape as usize - 2];
                let left = self.expression(inner, 1, random);
                built(kind, template, vec![Part::Expression(left), Part::Query(Box::new(query))])
            }
            _ => {
                let query = Query::one_value(self.relations, &visible, kind, random);
                built(kind, "(?)", vec![Part::Query(Box::new(query))])
            }
        }
    }
}

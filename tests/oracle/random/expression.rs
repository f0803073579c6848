//! Random scalar expressions, as trees that can be printed and made smaller.

use super::kind::Kind;
use super::query::Query;
use super::source::Random;
use super::template::{AGGREGATES, EXPRESSIONS, FRAGILE};

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
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) columns: &'a [Column],
    /// Columns of the queries around.
    pub(super) outer: &'a [Column],
    /// Relations that subqueries may read: name and columns.
    pub(super) relations: &'a [(String, Vec<Column>)],
}

impl Scope<'_> {
    /// An expression of `kind`, at most `depth` operators deep.
    pub(super) fn expression(&self, kind: Kind, depth: u32, random: &mut Random) -> Expression {
        if depth == 0 || random.one_in(3) {
            return self.leaf(kind, random);
        }
        if random.one_in(10) && !self.relations.is_empty() {
            return self.subquery(kind, random);
        }
        self.operation(kind, depth, random)
    }

    /// An operator or a call.
    pub(super) fn operation(&self, kind: Kind, depth: u32, random: &mut Random) -> Expression {
        self.one_of(EXPRESSIONS, kind, depth, random)
    }

    /// An expression that fails for some values.
    pub(super) fn fragile(&self, random: &mut Random) -> Expression {
        // Of columns only, since PostgreSQL computes constants without any row.
        let of_columns = |found: &Expression| {
            found.parts.iter().all(|part| match part {
                Part::Expression(operand) => operand.sql().contains('.') && !operand.sql().contains(':'),
                _ => true,
            })
        };
        for _ in 0..40 {
            let (kind, template) = *random.pick(FRAGILE);
            let found = self.filled(kind, template, 0, random);
            if of_columns(&found) {
                return found;
            }
        }
        self.expression(Kind::Int, 0, random)
    }

    /// A call of an aggregate.
    pub(super) fn aggregate(&self, random: &mut Random) -> Expression {
        let (kind, template, repeated) = *random.pick(AGGREGATES);
        let filter = if random.one_in(6) { " FILTER (WHERE b)" } else { "" };
        let mut call = self.filled(kind, &template.replace('^', filter), 1, random);
        if template.contains('@') {
            let argument = self.expression(repeated, 1, random).sql();
            for part in &mut call.parts {
                if let Part::Text(text) = part {
                    *text = text.replace('@', &argument);
                }
            }
        }
        call
    }

    fn one_of(&self, all: &[(Kind, &str)], kind: Kind, depth: u32, random: &mut Random) -> Expression {
        let templates: Vec<&str> =
            all.iter().filter(|(result, _)| *result == kind).map(|(_, template)| *template).collect();
        let template = *random.pick(&templates);
        self.filled(kind, template, depth - 1, random)
    }

    /// A template with its operands, each at most `depth` operators deep.
    pub(super) fn filled(&self, kind: Kind, template: &str, depth: u32, random: &mut Random) -> Expression {
        let both = Kind::any(random);
        let mut parts = Vec::new();
        let mut text = String::new();
        let letters: Vec<char> = template.chars().collect();
        for (position, letter) in letters.iter().enumerate() {
            let alone = |at: Option<&char>| {
                !at.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '\'' | '%' | '"' | '.' | '+' | '|'))
            };
            let operand = alone(position.checked_sub(1).and_then(|before| letters.get(before)))
                && alone(letters.get(position + 1));
            let wanted = match letter {
                'e' | 'f' => Some(both),
                letter => Kind::of_letter(*letter),
            };
            match wanted {
                Some(wanted) if operand => {
                    text.push('?');
                    parts.push(Part::Expression(self.expression(wanted, depth, random)));
                }
                _ => text.push(*letter),
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
        Expression::text(kind, if kind.needs_cast() { format!("({literal})::{}", kind.sql()) } else { literal })
    }

    /// A value or a test by a subquery.
    pub(super) fn subquery(&self, kind: Kind, random: &mut Random) -> Expression {
        // A bare name would be looked for in the subquery first.
        let around = self.columns.iter().chain(self.outer).filter(|column| column.sql.contains('.'));
        let visible: Vec<Column> = around.cloned().collect();
        if kind != Kind::Bool {
            let query = Query::one_value(self.relations, &visible, kind, random);
            return built(kind, "(?)", vec![Part::Query(Box::new(query))]);
        }
        let shape = random.below(8) as usize;
        if shape < 2 {
            let query = Query::reading(self.relations, &visible, None, random);
            let template = if shape == 0 { "EXISTS (?)" } else { "(NOT EXISTS (?))" };
            return built(kind, template, vec![Part::Query(Box::new(query))]);
        }
        let inner = Kind::any(random);
        let query = Query::reading(self.relations, &visible, Some(inner), random);
        let templates =
            ["(? IN (?))", "(? NOT IN (?))", "(? = ANY (?))", "(? <= ALL (?))", "(? <> ALL (?))", "(? > ANY (?))"];
        let left = self.expression(inner, 1, random);
        built(kind, templates[shape - 2], vec![Part::Expression(left), Part::Query(Box::new(query))])
    }
}

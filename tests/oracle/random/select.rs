//! SELECT: relations joined, filtered, grouped or seen through windows.

use super::expression::{Column, Expression, Part, Scope, built};
use super::join::{From, Source};
use super::kind::Kind;
use super::query::{Query, Relations};
use super::source::Random;
use super::template::ROW_FUNCTIONS;
use super::window::Windows;

#[derive(Debug, Clone, Default)]
pub(super) struct Select {
    distinct: Distinct,
    pub(super) items: Vec<Expression>,
    sources: Vec<Source>,
    pub(super) filter: Option<Expression>,
    group: Vec<Expression>,
    grouping: Grouping,
    having: Option<Expression>,
    /// ` WINDOW …`, or nothing.
    windows: String,
    /// ORDER BY with what follows it.
    pub(super) limit: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Distinct {
    #[default]
    No,
    All,
    /// DISTINCT ON the first item.
    First,
}

/// How the keys of GROUP BY are combined.
#[derive(Debug, Clone, Default)]
enum Grouping {
    #[default]
    Plain,
    /// ROLLUP or CUBE.
    Word(&'static str),
    /// GROUPING SETS of positions of keys.
    Sets(Vec<Vec<usize>>),
}

impl Select {
    pub(super) fn any(relations: &Relations, outer: &[Column], depth: u32, random: &mut Random) -> (Select, Vec<Kind>) {
        let (mut select, visible) = Select::from(relations, outer, depth, random);
        let scope = Scope { columns: &visible, outer, relations };
        if random.one_in(2) {
            select.filter = Some(scope.expression(Kind::Bool, 2, random));
        }
        match random.below(8) {
            0..=2 => select.grouped(&scope, random),
            3 => select.windowed(&scope, random),
            _ => select.plain(&scope, random),
        }
        if select.limit.is_none() && random.one_in(8) {
            select.limit_rows(random);
        }
        let kinds = select.items.iter().map(|item| item.kind).collect();
        (select, kinds)
    }

    /// A query whose expressions fail for some rows: PostgreSQL answers with an error, we leave those rows out and tell.
    pub(super) fn fragile(relations: &Relations, random: &mut Random) -> (Select, Vec<Kind>) {
        let mut from = From::new(relations, &[]);
        from.tables_only = true;
        from.add(0, random);
        if random.one_in(3) {
            from.add(0, random);
        }
        let mut select = Select { sources: from.sources, ..Select::default() };
        let visible = from.visible;
        let scope = Scope { columns: &visible, outer: &[], relations: &[] };
        let key = random.pick(&visible).clone();
        let key = Expression::text(key.kind, key.sql);
        let fails = scope.fragile(random);
        if random.one_in(3) {
            select.group = vec![key.clone()];
            let sum = built(Kind::Big, "count(?)", vec![Part::Expression(fails)]);
            select.items = vec![key, sum];
        } else {
            select.items = vec![key, fails];
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
        let mut from = From::new(relations, outer);
        from.add(0, random);
        (Select { sources: from.sources, ..Select::default() }, from.visible)
    }

    fn from(relations: &Relations, outer: &[Column], depth: u32, random: &mut Random) -> (Select, Vec<Column>) {
        let mut from = From::new(relations, outer);
        for _ in 0..[1, 1, 1, 2, 2, 3][random.below(6) as usize] {
            from.add(depth, random);
        }
        from.visible.append(&mut from.merged);
        (Select { sources: from.sources, ..Select::default() }, from.visible)
    }

    fn plain(&mut self, scope: &Scope<'_>, random: &mut Random) {
        for _ in 0..=random.below(3) {
            self.items.push(scope.expression(Kind::any(random), 2, random));
        }
        if random.one_in(14) {
            let (kind, template) = *random.pick(ROW_FUNCTIONS);
            self.items.push(scope.filled(kind, template, 0, random));
            return;
        }
        self.distinct = match random.below(15) {
            0..=2 => Distinct::All,
            3 if self.items[0].sql().contains(".c") => Distinct::First,
            _ => Distinct::No,
        };
        if self.distinct == Distinct::First {
            self.limit = Some(self.order(random));
        }
    }

    /// ORDER BY all columns.
    fn order(&self, random: &mut Random) -> String {
        let columns: Vec<String> = (1..=self.items.len())
            .map(|position| {
                format!("{position}{}", *random.pick(&["", "", " DESC", " NULLS FIRST", " DESC NULLS LAST"]))
            })
            .collect();
        format!("ORDER BY {}", columns.join(", "))
    }

    /// Leaves only the first rows in an order of all columns, or of some with all ties.
    pub(super) fn limit_rows(&mut self, random: &mut Random) {
        let limit = 1 + random.below(4);
        self.limit = Some(if self.distinct != Distinct::First && random.one_in(4) {
            let direction = *random.pick(&["", " DESC", " NULLS FIRST"]);
            format!("ORDER BY 1{direction} FETCH FIRST {limit} ROWS WITH TIES")
        } else {
            let offset = if random.one_in(3) { format!(" OFFSET {}", random.below(3)) } else { String::new() };
            format!("{} LIMIT {limit}{offset}", self.order(random))
        });
    }

    fn grouped(&mut self, scope: &Scope<'_>, random: &mut Random) {
        for _ in 0..[0, 1, 1, 1, 2, 2][random.below(6) as usize] {
            let column = random.pick(scope.columns);
            let key = match random.one_in(4) && column.kind != Kind::Jsonb {
                true => Scope { relations: &[], outer: &[], ..*scope }.operation(column.kind, 1, random),
                false => Expression::text(column.kind, column.sql.clone()),
            };
            // PostgreSQL shows constants in the rows of grouping sets that they are not in; CASE may be one.
            let key = if key.sql().contains(".c") && !key.sql().contains("CASE") {
                key
            } else {
                Expression::text(column.kind, column.sql.clone())
            };
            if !self.group.iter().any(|known| known.sql() == key.sql()) {
                self.group.push(key);
            }
        }
        if !self.group.is_empty() {
            self.grouping = match random.below(8) {
                0 => Grouping::Word("ROLLUP"),
                1 => Grouping::Word("CUBE"),
                2 => Grouping::Sets(sets(self.group.len(), random)),
                _ => Grouping::Plain,
            };
        }
        self.items = self.group.clone();
        // GROUPING() knows columns.
        let of_columns = self.group.iter().all(|key| key.parts.len() == 1);
        if of_columns && !matches!(self.grouping, Grouping::Plain) && random.one_in(3) {
            let keys: Vec<String> = self.group.iter().map(Expression::sql).collect();
            self.items.push(Expression::text(Kind::Int, format!("GROUPING({})", keys.join(", "))));
        }
        // An aggregate over columns of the query around would be an aggregate of that query.
        let simple = Scope { relations: &[], outer: &[], ..*scope };
        for _ in 0..=random.below(3) {
            self.items.push(simple.aggregate(random));
        }
        if random.one_in(4) {
            let call = simple.aggregate(random);
            let other = match random.one_in(4) {
                true => Query::one_value(scope.relations, &[], call.kind, random).sql(),
                false => call.kind.literal(random),
            };
            self.having = Some(built(Kind::Bool, "(? >= (?))", vec![Part::Expression(call), Part::Text(other)]));
        }
        if random.one_in(8) && matches!(self.grouping, Grouping::Plain) {
            self.items.push(Windows::over_groups(&self.items, random));
        }
    }

    fn windowed(&mut self, scope: &Scope<'_>, random: &mut Random) {
        for _ in 0..=random.below(2) {
            self.items.push(scope.expression(Kind::any(random), 1, random));
        }
        let mut windows = Windows::any(scope, random);
        self.items.append(&mut windows.calls);
        self.windows = windows.clause;
    }

    pub(super) fn sql(&self) -> String {
        let items: Vec<String> =
            self.items.iter().enumerate().map(|(position, item)| format!("{} AS c{position}", item.sql())).collect();
        let distinct = match self.distinct {
            Distinct::No => String::new(),
            Distinct::All => "DISTINCT ".to_string(),
            Distinct::First => format!("DISTINCT ON ({}) ", self.items[0].sql()),
        };
        let mut sql = format!("SELECT {distinct}{}", items.join(", "));
        for (position, source) in self.sources.iter().enumerate() {
            sql += &source.sql(position == 0);
        }
        let clause = |word: &str, condition: &Option<Expression>| match condition {
            Some(condition) => format!(" {word} {}", condition.sql()),
            None => String::new(),
        };
        sql += &clause("WHERE", &self.filter);
        if !self.group.is_empty() {
            let keys: Vec<String> = self.group.iter().map(Expression::sql).collect();
            sql += &match &self.grouping {
                Grouping::Plain => format!(" GROUP BY {}", keys.join(", ")),
                Grouping::Word(word) => format!(" GROUP BY {word} ({})", keys.join(", ")),
                Grouping::Sets(sets) => {
                    let set = |set: &Vec<usize>| {
                        let keys: Vec<&str> = set.iter().map(|key| keys[*key].as_str()).collect();
                        format!("({})", keys.join(", "))
                    };
                    format!(" GROUP BY GROUPING SETS ({})", sets.iter().map(set).collect::<Vec<_>>().join(", "))
                }
            };
        }
        sql += &clause("HAVING", &self.having);
        sql += &self.windows;
        if let Some(limit) = &self.limit {
            sql += &format!(" {limit}");
        }
        sql
    }

    pub(super) fn smaller(&self) -> Vec<Select> {
        let mut found = Vec::new();
        self.smaller_clauses(&mut found);
        self.smaller_lists(&mut found);
        found
    }

    /// Without one of its clauses.
    fn smaller_clauses(&self, found: &mut Vec<Select>) {
        let mut changed = |applies: bool, change: &dyn Fn(&mut Select)| {
            if applies {
                let mut select = self.clone();
                change(&mut select);
                found.push(select);
            }
        };
        changed(self.filter.is_some(), &|select| select.filter = None);
        changed(self.having.is_some(), &|select| select.having = None);
        changed(self.limit.is_some(), &|select| select.limit = None);
        changed(self.distinct != Distinct::No, &|select| select.distinct = Distinct::No);
        changed(!matches!(self.grouping, Grouping::Plain), &|select| select.grouping = Grouping::Plain);
        if let Grouping::Sets(sets) = &self.grouping {
            for position in 0..sets.len() {
                changed(sets.len() > 1, &|select| {
                    let mut sets = sets.clone();
                    sets.remove(position);
                    select.grouping = Grouping::Sets(sets);
                });
            }
        }
        for filter in self.filter.iter().flat_map(Expression::smaller) {
            changed(true, &|select| select.filter = Some(filter.clone()));
        }
        for having in self.having.iter().flat_map(Expression::smaller) {
            changed(true, &|select| select.having = Some(having.clone()));
        }
    }

    /// With one source, item or key less, or a smaller one.
    fn smaller_lists(&self, found: &mut Vec<Select>) {
        let mut changed = |change: &dyn Fn(&mut Select)| {
            let mut select = self.clone();
            change(&mut select);
            found.push(select);
        };
        for position in 0..self.sources.len() {
            if self.sources.len() > 1 {
                changed(&|select| drop(select.sources.remove(position)));
            }
            for source in self.sources[position].smaller() {
                changed(&|select| select.sources[position] = source.clone());
            }
        }
        for position in 0..self.items.len() {
            if self.items.len() > 1 {
                changed(&|select| drop(select.items.remove(position)));
            }
            // A key of GROUP BY stands in both lists, and is no constant.
            let is_key = self.group.get(position).is_some_and(|key| key.sql() == self.items[position].sql());
            for item in self.items[position].smaller().into_iter().filter(|item| !is_key || item.sql().contains(".c")) {
                changed(&|select| {
                    if is_key {
                        select.group[position] = item.clone();
                    }
                    select.items[position] = item.clone();
                });
            }
        }
        for position in 0..self.group.len() {
            changed(&|select| {
                select.group.remove(position);
                select.grouping = Grouping::Plain;
                if select.items.len() > 1 {
                    select.items.remove(position.min(select.items.len() - 1));
                }
            });
        }
    }
}

/// Some sets of keys, in which each key occurs.
fn sets(keys: usize, random: &mut Random) -> Vec<Vec<usize>> {
    let mut sets: Vec<Vec<usize>> = vec![(0..keys).collect()];
    for _ in 0..=random.below(3) {
        sets.push((0..keys).filter(|_| random.one_in(2)).collect());
    }
    sets
}

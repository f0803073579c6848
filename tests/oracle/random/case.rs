//! A random case: tables, views over them and over each other, transactions; and how it is made smaller.

use super::expression::Column;
use super::kind::TYPES;
use super::query::{Query, columns};
use super::select::Select;
use super::source::Random;
use super::statement::{Table, transaction};

/// Everything that is needed to run one case on both sides.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) tables: Vec<String>,
    pub(super) views: Vec<View>,
    /// Transactions; each is run and compared after. The last one empties the tables.
    pub(super) steps: Vec<Vec<String>>,
}

#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) name: String,
    pub(super) query: Query,
    /// Steps that come before it is created.
    pub(super) after: usize,
    /// Steps that come before further views of the same query are created: these agree with it from then on.
    pub(super) copies: Vec<usize>,
    /// Whether its expressions may fail: then PostgreSQL's error must be among its row errors.
    pub(super) fragile: bool,
}

impl View {
    /// The name of a further view of the query.
    pub(super) fn copy(&self, number: usize) -> String {
        format!("{}_copy{number}", self.name)
    }
}

impl Case {
    pub(super) fn random(seed: u64) -> Case {
        let mut random = Random::new(seed);
        let mut tables: Vec<Table> =
            (0..1 + random.below(3)).map(|number| Table::random(number, &mut random)).collect();
        let mut relations: Vec<(String, Vec<Column>)> =
            tables.iter().map(|table| (table.name.clone(), columns(&table.kinds))).collect();
        let transactions = 4 + random.below(6) as usize;
        let mut views = Vec::new();
        for number in 0..1 + random.below(3) {
            let fragile = random.one_in(8);
            let (query, kinds) = if fragile {
                let (select, kinds) = Select::fragile(&relations[..tables.len()], &mut random);
                (Query::Select(Box::new(select)), kinds)
            } else {
                Query::any(&relations, 2, &mut random)
            };
            let name = format!("v{number}");
            relations.push((name.clone(), columns(&kinds)));
            // A view cannot come before the views that it reads.
            let earliest = views.last().map_or(0, |view: &View| view.after);
            let after = if random.one_in(2) { earliest } else { earliest.max(random.below(4) as usize) };
            // In the middle, and when the tables are as full as they get.
            let copies = [after + 2, transactions].into_iter().filter(|_| random.one_in(2)).collect();
            views.push(View { name, query, after, copies, fragile });
        }
        let mut steps: Vec<Vec<String>> = (0..transactions).map(|_| transaction(&mut tables, &mut random)).collect();
        let empty = || tables.iter().map(|table| format!("DELETE FROM {}", table.name)).collect();
        steps.push(empty());
        Case { tables: tables.iter().map(Table::definition).collect(), views, steps }
    }

    /// The case as a script, with the views as PostgreSQL may have them too.
    pub(super) fn script(&self) -> String {
        let mut script = self.tables.iter().map(|table| format!("{table};\n")).collect::<String>();
        if [" mood", " pair"].iter().any(|name| script.contains(name)) {
            script.insert_str(0, &format!("{TYPES};\n"));
        }
        for step in 0..=self.steps.len() {
            for view in &self.views {
                let copies = view.copies.iter().enumerate().filter(|(_, after)| **after == step);
                let copies = copies.map(|(number, _)| view.copy(number));
                for name in (view.after == step).then(|| view.name.clone()).into_iter().chain(copies) {
                    script += &format!("CREATE MATERIALIZED VIEW {name} AS {};\n", view.query.sql());
                }
            }
            if let Some(transaction) = self.steps.get(step) {
                script += &format!("{};\n", transaction.join("; "));
            }
        }
        script
    }

    /// Cases that are smaller in one place, the greatest steps first.
    pub(super) fn smaller(&self) -> Vec<Case> {
        let mut found = Vec::new();
        let mut changed = |change: &dyn Fn(&mut Case)| {
            let mut case = self.clone();
            change(&mut case);
            found.push(case);
        };
        for position in 0..self.views.len() {
            changed(&|case| drop(case.views.remove(position)));
        }
        for step in 0..self.steps.len() {
            changed(&|case| {
                case.steps.remove(step);
                for view in &mut case.views {
                    view.after -= usize::from(view.after > step);
                    view.copies.iter_mut().for_each(|after| *after -= usize::from(*after > step));
                }
            });
        }
        for position in 0..self.views.len() {
            let view = &self.views[position];
            if view.after > 0 {
                changed(&|case| case.views[position].after = 0);
            }
            for copy in 0..view.copies.len() {
                changed(&|case| {
                    case.views[position].copies.remove(copy);
                });
            }
        }
        for position in 0..self.views.len() {
            for query in self.views[position].query.smaller() {
                changed(&|case| case.views[position].query = query.clone());
            }
        }
        for step in 0..self.steps.len() {
            for statement in 0..self.steps[step].len() {
                if self.steps[step].len() > 1 {
                    changed(&|case| drop(case.steps[step].remove(statement)));
                }
                for smaller in with_fewer_rows(&self.steps[step][statement]) {
                    changed(&|case| case.steps[step][statement] = smaller.clone());
                }
            }
        }
        for position in 0..self.tables.len() {
            changed(&|case| drop(case.tables.remove(position)));
        }
        found
    }
}

/// An INSERT of several rows without one of them.
fn with_fewer_rows(statement: &str) -> Vec<String> {
    let Some((head, rows)) = statement.split_once(" VALUES ") else { return Vec::new() };
    if rows.contains(" ON CONFLICT ") {
        return Vec::new();
    }
    let Some(inner) = rows.strip_prefix('(').and_then(|rows| rows.strip_suffix(')')) else { return Vec::new() };
    let rows: Vec<&str> = inner.split("), (").collect();
    let without = |left_out: usize| {
        let kept: Vec<&str> = rows.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, row)| *row).collect();
        format!("{head} VALUES ({})", kept.join("), ("))
    };
    if rows.len() < 2 { Vec::new() } else { (0..rows.len()).map(without).collect() }
}

//! A random case: tables, views over them and over each other, transactions; and how it is made smaller.

use super::expression::{Column, KINDS, Kind};
use super::query::{Query, columns};
use super::source::Random;

/// Everything that is needed to run one case on both sides.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) tables: Vec<String>,
    pub(super) views: Vec<View>,
    /// Transactions; each is run and compared after.
    pub(super) steps: Vec<Vec<String>>,
}

#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) name: String,
    pub(super) query: Query,
    /// Steps that come before it is created.
    pub(super) after: usize,
}

/// A table's name and the types of its columns; `c0` is its key if `keyed`.
struct Table {
    name: String,
    kinds: Vec<Kind>,
    keyed: bool,
    next_key: u64,
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
            let (query, kinds) = Query::any(&relations, 2, &mut random);
            let name = format!("v{number}");
            relations.push((name.clone(), columns(&kinds)));
            // A view cannot come before the views that it reads.
            let earliest = views.last().map_or(0, |view: &View| view.after);
            let after = if random.one_in(2) { earliest } else { earliest.max(random.below(4) as usize) };
            views.push(View { name, query, after });
        }
        let mut steps: Vec<Vec<String>> = (0..transactions)
            .map(|_| {
                (0..=random.below(3))
                    .map(|_| {
                        let table = random.below(tables.len() as u64) as usize;
                        tables[table].statement(&mut random)
                    })
                    .collect()
            })
            .collect();
        steps.push(tables.iter().map(|table| format!("DELETE FROM {}", table.name)).collect());
        Case { tables: tables.iter().map(Table::definition).collect(), views, steps }
    }

    /// The case as a script, with the views as PostgreSQL may have them too.
    pub(super) fn script(&self) -> String {
        let mut script = self.tables.iter().map(|table| format!("{table};\n")).collect::<String>();
        for step in 0..=self.steps.len() {
            for view in self.views.iter().filter(|view| view.after == step) {
                script += &format!("CREATE MATERIALIZED VIEW {} AS {};\n", view.name, view.query.sql());
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
        for step in 0..self.steps.len() {
            changed(&|case| {
                case.steps.remove(step);
                for view in &mut case.views {
                    view.after -= usize::from(view.after > step);
                }
            });
        }
        for position in 0..self.views.len() {
            changed(&|case| drop(case.views.remove(position)));
            changed(&|case| case.views[position].after = 0);
        }
        for step in 0..self.steps.len() {
            for statement in 0..self.steps[step].len() {
                if self.steps[step].len() > 1 {
                    changed(&|case| drop(case.steps[step].remove(statement)));
                }
            }
        }
        for position in 0..self.views.len() {
            for query in self.views[position].query.smaller() {
                changed(&|case| case.views[position].query = query.clone());
            }
        }
        for position in 0..self.tables.len() {
            changed(&|case| drop(case.tables.remove(position)));
        }
        found
    }
}

impl Table {
    fn random(number: u64, random: &mut Random) -> Table {
        let keyed = !random.one_in(4);
        let mut kinds = vec![if keyed { Kind::Big } else { Kind::Int }, Kind::Int];
        kinds.extend((0..1 + random.below(4)).map(|_| *random.pick(&KINDS)));
        Table { name: format!("t{number}"), kinds, keyed, next_key: 0 }
    }

    fn definition(&self) -> String {
        let columns: Vec<String> = self
            .kinds
            .iter()
            .enumerate()
            .map(|(position, kind)| {
                let key = if self.keyed && position == 0 { " PRIMARY KEY" } else { "" };
                format!("c{position} {}{key}", kind.sql())
            })
            .collect();
        format!("CREATE TABLE {} ({})", self.name, columns.join(", "))
    }

    fn value(kind: Kind, random: &mut Random) -> String {
        if random.one_in(6) { "NULL".into() } else { kind.literal(random) }
    }

    fn statement(&mut self, random: &mut Random) -> String {
        let name = self.name.clone();
        let column = random.below(self.kinds.len() as u64 - 1) as usize + 1;
        let kind = self.kinds[column];
        match random.below(8) {
            0..=4 => {
                let rows: Vec<String> = (0..1 + random.below(5)).map(|_| self.row(random)).collect();
                format!("INSERT INTO {name} VALUES {}", rows.join(", "))
            }
            5 => {
                let value = Table::value(kind, random);
                format!("UPDATE {name} SET c{column} = {value} WHERE c1 = {}", Kind::Int.literal(random))
            }
            6 => format!("DELETE FROM {name} WHERE c1 = {}", Kind::Int.literal(random)),
            _ => format!("DELETE FROM {name} WHERE c{column} = {}", kind.literal(random)),
        }
    }

    fn row(&mut self, random: &mut Random) -> String {
        self.next_key += 1;
        let mut values: Vec<String> = self.kinds.iter().map(|kind| Table::value(*kind, random)).collect();
        if self.keyed {
            values[0] = self.next_key.to_string();
        }
        format!("({})", values.join(", "))
    }
}

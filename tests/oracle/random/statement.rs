//! Tables and random transactions over them. Every statement has one result only: what a row becomes never depends on the order in which
//! rows are come upon.

use super::kind::Kind;
use super::source::Random;

/// A table's name and the types of its columns; `c0` is its key if `keyed`, `c1` is always an integer.
pub(super) struct Table {
    pub(super) name: String,
    pub(super) kinds: Vec<Kind>,
    keyed: bool,
    next_key: u64,
}

impl Table {
    pub(super) fn random(number: u64, random: &mut Random) -> Table {
        let keyed = !random.one_in(4);
        let mut kinds = vec![if keyed { Kind::Big } else { Kind::Int }, Kind::Int];
        kinds.extend((0..1 + random.below(4)).map(|_| Kind::any(random)));
        Table { name: format!("t{number}"), kinds, keyed, next_key: 0 }
    }

    pub(super) fn definition(&self) -> String {
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

    fn row(&self, key: u64, random: &mut Random) -> String {
        let mut values: Vec<String> = self.kinds.iter().map(|kind| kind.value(random)).collect();
        if self.keyed {
            values[0] = key.to_string();
        }
        format!("({})", values.join(", "))
    }

    fn insert(&mut self, random: &mut Random) -> String {
        let rows: Vec<String> = (0..1 + random.below(5))
            .map(|_| {
                self.next_key += 1;
                self.row(self.next_key, random)
            })
            .collect();
        format!("INSERT INTO {} VALUES {}", self.name, rows.join(", "))
    }

    /// INSERT … ON CONFLICT of keys that may be there, each once.
    fn upsert(&mut self, column: usize, random: &mut Random) -> String {
        if !self.keyed {
            return self.insert(random);
        }
        let first = 1 + random.below(self.next_key + 2);
        let rows: Vec<String> = (first..=first + random.below(3)).map(|key| self.row(key, random)).collect();
        self.next_key = self.next_key.max(first + 3);
        let action = match random.below(4) {
            0 => "DO NOTHING".to_string(),
            1 => format!("DO UPDATE SET c{column} = excluded.c{column} WHERE {}.c1 > 0", self.name),
            _ => format!("DO UPDATE SET c1 = coalesce({}.c1, 0) + 1, c{column} = excluded.c{column}", self.name),
        };
        let action = if column == 1 { "DO UPDATE SET c1 = excluded.c1".to_string() } else { action };
        format!("INSERT INTO {} VALUES {} ON CONFLICT (c0) {action}", self.name, rows.join(", "))
    }

    fn of_kind(&self, kind: Kind, random: &mut Random) -> Option<usize> {
        let columns: Vec<usize> = (0..self.kinds.len()).filter(|at| self.kinds[*at] == kind).collect();
        (!columns.is_empty()).then(|| *random.pick(&columns))
    }
}

/// A statement that changes one of the tables.
pub(super) fn statement(tables: &mut [Table], random: &mut Random) -> String {
    let at = random.below(tables.len() as u64) as usize;
    let other = random.below(tables.len() as u64) as usize;
    let (name, other_name) = (tables[at].name.clone(), tables[other].name.clone());
    let column = random.below(tables[at].kinds.len() as u64 - 1) as usize + 1;
    let kind = tables[at].kinds[column];
    let number = Kind::Int.literal(random);
    match random.below(16) {
        0..=7 => tables[at].insert(random),
        8 => tables[at].upsert(column, random),
        9 => format!("UPDATE {name} SET c{column} = {} WHERE c1 = {number}", kind.value(random)),
        10 => format!("UPDATE {name} SET c1 = c1 + 1 WHERE c{column} IS NOT NULL"),
        11 => match tables[other].of_kind(kind, random) {
            // One value per key: which of several rows gives it would not be determined.
            Some(from) if kind.has_max() => format!(
                "UPDATE {name} SET c{column} = o.m FROM (SELECT c1, max(c{from}) AS m FROM {other_name} GROUP BY c1) AS o WHERE o.c1 = {name}.c1"
            ),
            _ => format!("UPDATE {name} SET c{column} = NULL WHERE c1 > {number}"),
        },
        12 if other != at => {
            format!("DELETE FROM {name} USING {other_name} AS o WHERE o.c1 = {name}.c1 AND o.c1 <= {number}")
        }
        13 => format!("DELETE FROM {name} WHERE c{column} = {}", kind.literal(random)),
        14 if random.one_in(8) => format!("TRUNCATE {name}"),
        15 if !tables[at].keyed => format!("INSERT INTO {name} SELECT * FROM {name} WHERE c1 = {number}"),
        _ => format!("DELETE FROM {name} WHERE c1 = {number}"),
    }
}

/// A transaction of one or several statements.
pub(super) fn transaction(tables: &mut [Table], random: &mut Random) -> Vec<String> {
    (0..=random.below(3)).map(|_| statement(tables, random)).collect()
}

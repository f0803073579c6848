//! WITH RECURSIVE: R = first ∪ next(R), kept up to date under inserts and deletes.
//!
//! `WITH RECURSIVE r AS (SELECT 1 AS n UNION SELECT e.b FROM r JOIN e ON e.a = r.n)`:
//!
//! | tick | e | output |
//! |---|---|---|
//! | 1 | +(1, 2) +(2, 3) +(3, 2) | +(1) +(2) +(3) |
//! | 2 | −(1, 2) | −(2) −(3) |
//!
//! `next` is linear in R: what it makes of several rows is what it makes of each. So an iteration sees only the rows that are new in
//! the one before (semi-naive), and what the other relations of `next` change is joined with the R that is there.
//!
//! **UNION ALL** sums derivations: ΔR = ΔX + next(ΔX) + next(next(ΔX)) + …, where ΔX is what `first` and the other relations changed.
//! Deletes go through before inserts: without them nothing new can be derived, so that this ends wherever the query itself does.
//!
//! **UNION** counts the derivations of each row, but a row may only be derived from itself, round a cycle. So every row that lost a
//! derivation leaves, with all that lose one thereby; then those that still have one from what stayed come back (Gupta, Mumick and
//! Subrahmanian 1993). A tick costs what is derived from the rows that change, at most a new computation.
//!
//! Everything runs on one worker. A recursion without end is an error that stops the view: no rows of it are its answer.

use std::collections::BTreeMap;

use datafusion::arrow::array::Int64Array;
use datafusion::arrow::datatypes::{DataType, SchemaRef};

use crate::error::{Error, Result, code};
use crate::flow::delta::{add_weights, batch, merge, take_rows};
use crate::flow::state::GroupIndex;
use crate::flow::{Delta, Operator, Output, RowError, Step, Tick};

mod circuit;

pub use circuit::{Circuit, CircuitNode};

/// See the [module](self).
pub struct Recursive {
    name: String,
    next: Circuit,
    iterations_max: u64,
    schema: SchemaRef,
    /// The rows of a UNION; none for UNION ALL.
    rows: Option<Rows>,
}

/// The rows that were derived.
struct Rows {
    index: GroupIndex,
    rows: Vec<Row>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Row {
    /// How often `first` has it and `next` makes it.
    derivations: i64,
    /// Whether it is in R.
    present: bool,
}

/// Rows of a UNION that a tick touched.
#[derive(Default)]
struct Touched {
    /// Whether they were in R before, by number.
    before: BTreeMap<u32, bool>,
    /// Those in R that lost a derivation.
    lost: Vec<u32>,
    /// Those that the last step touched.
    last: Vec<u32>,
}

impl Recursive {
    /// The query `name` over rows of `schema`. Input 0 is `first`, the others are the further ports of `next`; all rows of all inputs
    /// come to one worker. With `all` it is UNION ALL. More than `iterations_max` iterations in one tick are an error.
    pub fn new(name: String, next: Circuit, all: bool, iterations_max: u64, schema: SchemaRef) -> Result<Recursive> {
        let types: Vec<DataType> = schema.fields().iter().map(|field| field.data_type().clone()).collect();
        let rows = match all {
            true => None,
            false => Some(Rows { index: GroupIndex::new(&types, "WITH RECURSIVE … UNION")?, rows: Vec::new() }),
        };
        Ok(Recursive { name, next, iterations_max, schema, rows })
    }

    fn endless(&self) -> Error {
        let message = format!("recursive query \"{}\" did not end after {} iterations", self.name, self.iterations_max);
        Error::new(code::CONFIGURATION_LIMIT_EXCEEDED, message)
            .hint("UNION ends on cycles where UNION ALL does not; max_recursive_iterations sets the bound of views made later")
    }

    /// Derivations: what `first` and the other relations changed, and what follows from that.
    fn derive_all(&mut self, tick: &Tick, parts: [Vec<Vec<Delta>>; 2], out: &mut Output) -> Result<()> {
        let mut changes: Vec<Delta> = Vec::new();
        for (part, inserts) in parts.into_iter().zip([false, true]) {
            let mut new = self.seeds(tick, part, &mut out.errors)?.0;
            let mut iterations = 0;
            while let Some(rows) = merge(new, &self.schema)? {
                if inserts && iterations >= self.iterations_max {
                    return Err(self.endless());
                }
                iterations += 1;
                changes.push(rows.clone());
                new = self.next.run(tick, vec![vec![rows]], &mut out.errors)?;
            }
        }
        out.rows.extend(merge(changes, &self.schema)?);
        Ok(())
    }

    /// What changed inputs change at once: rows of `first`, and what the recursive term makes of the R that is there. The second
    /// tells whether there was any input.
    fn seeds(
        &mut self,
        tick: &Tick,
        mut part: Vec<Vec<Delta>>,
        errors: &mut Vec<RowError>,
    ) -> Result<(Vec<Delta>, bool)> {
        let Some(first) = part.first_mut() else { return Ok((Vec::new(), false)) };
        let mut new = std::mem::take(first);
        let any = !new.is_empty() || part.iter().any(|port| !port.is_empty());
        if part.iter().any(|port| !port.is_empty()) {
            new.extend(self.next.run(tick, part, errors)?);
        }
        Ok((new, any))
    }

    /// Presence: rows leave with those that were derived from them, then those with another derivation come back.
    fn derive_distinct(&mut self, tick: &Tick, parts: [Vec<Vec<Delta>>; 2], out: &mut Output) -> Result<()> {
        let Some(mut rows) = self.rows.take() else { return Err(Error::internal("UNION ALL has no rows")) };
        let mut touched = Touched::default();
        for part in parts {
            let (new, any) = self.seeds(tick, part, &mut out.errors)?;
            if any {
                rows.count(new, &mut touched)?;
            }
        }
        loop {
            let leaving = rows.set(std::mem::take(&mut touched.lost), false);
            if leaving.is_empty() {
                break;
            }
            let delta = rows.delta(&leaving, -1, &self.schema)?;
            let new = self.next.run(tick, vec![vec![delta]], &mut out.errors)?;
            rows.count(new, &mut touched)?;
        }
        touched.last = touched.before.keys().copied().collect();
        let mut iterations = 0;
        loop {
            let coming = rows.set(std::mem::take(&mut touched.last), true);
            if coming.is_empty() {
                break;
            }
            if iterations >= self.iterations_max {
                return Err(self.endless());
            }
            iterations += 1;
            let delta = rows.delta(&coming, 1, &self.schema)?;
            let new = self.next.run(tick, vec![vec![delta]], &mut out.errors)?;
            rows.count(new, &mut touched)?;
        }
        for (weight, present) in [(-1, false), (1, true)] {
            let changed = touched
                .before
                .iter()
                .filter(|(row, before)| rows.rows[**row as usize].present == present && **before != present);
            let changed: Vec<u32> = changed.map(|(row, _)| *row).collect();
            if !changed.is_empty() {
                out.rows.push(rows.delta(&changed, weight, &self.schema)?);
            }
        }
        for row in touched.before.into_keys() {
            let state = rows.rows[row as usize];
            if !state.present && state.derivations == 0 {
                rows.index.remove(row);
            }
        }
        self.rows = Some(rows);
        Ok(())
    }
}

impl Rows {
    /// Adds derivations.
    fn count(&mut self, new: Vec<Delta>, touched: &mut Touched) -> Result<()> {
        touched.last.clear();
        for delta in new {
            let numbers = self.index.locate(delta.rows.columns(), delta.rows.num_rows())?;
            self.rows.resize(self.index.capacity(), Row::default());
            for (at, number) in numbers.into_iter().enumerate() {
                let (row, weight) = (&mut self.rows[number as usize], delta.weight(at));
                touched.before.entry(number).or_insert(row.present);
                touched.last.push(number);
                if weight < 0 && row.present {
                    touched.lost.push(number);
                }
                row.derivations = add_weights(row.derivations, weight)?;
            }
        }
        Ok(())
    }

    /// Puts rows that have a derivation into R, or any out of it; answers those that were not there, or were.
    fn set(&mut self, numbers: Vec<u32>, present: bool) -> Vec<u32> {
        let mut changed = Vec::new();
        for number in numbers {
            let row = &mut self.rows[number as usize];
            if row.present != present && (!present || row.derivations > 0) {
                row.present = present;
                changed.push(number);
            }
        }
        changed
    }

    fn delta(&self, numbers: &[u32], weight: i64, schema: &SchemaRef) -> Result<Delta> {
        let rows = batch(schema, self.index.columns(numbers)?, numbers.len())?;
        Ok(match weight {
            1 => Delta::insert(rows),
            weight => Delta::weighted(rows, Int64Array::from(vec![weight; numbers.len()])),
        })
    }
}

impl Operator for Recursive {
    fn step(&mut self, tick: &Tick, inputs: &mut [Vec<Delta>], out: &mut Output) -> Result<Step> {
        let mut parts: [Vec<Vec<Delta>>; 2] = Default::default();
        for input in inputs.iter_mut() {
            let [deletes, inserts] = by_sign(std::mem::take(input))?;
            parts[0].push(deletes);
            parts[1].push(inserts);
        }
        match self.rows {
            Some(_) => self.derive_distinct(tick, parts, out)?,
            None => self.derive_all(tick, parts, out)?,
        }
        Ok(Step::Done)
    }

    fn bytes(&self) -> usize {
        let rows = self.rows.as_ref().map_or(0, |rows| rows.index.bytes() + rows.rows.capacity() * size_of::<Row>());
        rows + self.next.bytes()
    }

    fn state_rows(&self) -> u64 {
        self.rows.as_ref().map_or(0, |rows| rows.index.len()) + self.next.state_rows()
    }
}

/// What goes and what comes, after what cancels is gone.
fn by_sign(deltas: Vec<Delta>) -> Result<[Vec<Delta>; 2]> {
    let Some(schema) = deltas.first().map(|delta| delta.rows.schema()) else { return Ok(Default::default()) };
    if !deltas.iter().any(Delta::retracts) {
        return Ok([Vec::new(), deltas]);
    }
    let Some(delta) = merge(deltas, &schema)? else { return Ok(Default::default()) };
    let (deletes, inserts) = (0..delta.rows.num_rows() as u32).partition(|row| delta.weight(*row as usize) < 0);
    let part = |rows: Vec<u32>| -> Result<Vec<Delta>> {
        if rows.is_empty() { Ok(Vec::new()) } else { take_rows(&delta, rows).map(|part| vec![part]) }
    };
    Ok([part(deletes)?, part(inserts)?])
}

//! Joins that treat rows without a match apart: LEFT and FULL JOIN, and semi, anti and mark joins with a further condition.
//!
//! With each row its degree is kept, the number of rows of the other side that it matches. `l LEFT JOIN r ON l.k = r.k AND l.x < r.y`:
//!
//! | tick | left | right | output |
//! |---|---|---|---|
//! | 1 | +(1, 5) | +(1, 2) | +(1, 5, NULL, NULL) |
//! | 2 | | +(1, 9) | −(1, 5, NULL, NULL) +(1, 5, 1, 9) |
//! | 3 | +(1, 1) | −(1, 9) | −(1, 5, 1, 9) +(1, 5, NULL, NULL) +(1, 1, 1, 2) |
//!
//! Pairs are those of an inner join: L⁻ ⋈ ΔR + ΔL ⋈ R. The pairs of ΔR say how much the degrees of left rows change, those of ΔL the
//! degrees that new left rows start with. A tick costs the pairs that its changes take part in. The output is linear in the left
//! input, but for FULL.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, new_null_array};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};

use super::keyed::{BATCH_ROWS, Keyed, Keys, Pairs, require_equal_types, settle, weighted};
use crate::compile::expr::Expression;
use crate::compile::plan::JoinKind;
use crate::error::{Error, Result};
use crate::flow::delta::{add_weights, batch, merge, take_rows};
use crate::flow::state::StateTable;
use crate::flow::{Delta, Operator, Output, Step, Tick};

/// See the [module](self).
pub struct DegreeJoin {
    kind: JoinKind,
    left: Side,
    right: Side,
    residual: Option<Expression>,
    /// The left columns, then the right ones.
    pairs: SchemaRef,
    schema: SchemaRef,
}

/// An input with all rows that it has.
struct Side {
    keys: Keys,
    input: SchemaRef,
    /// The input's columns and, if `counts`, the degree.
    rows: StateTable,
    counts: bool,
}

/// State rows by place: how much their degree changes, and their weight.
type Changes = HashMap<(u32, u32), (i64, i64)>;

impl DegreeJoin {
    /// A join of any kind but Inner of inputs 0 and 1, each partitioned by the hash of its keys, which have equal types in pairs; without
    /// keys the right one must be whole on every worker, and for Full both on one. NULL keys match each other only if `null_equal`.
    /// `residual` is a further condition over the left columns and then the right ones. `schema` are those columns, for Semi and Anti the
    /// left ones, for Mark the left ones and a boolean.
    #[allow(clippy::too_many_arguments, reason = "the parts of a join")]
    pub fn new(
        kind: JoinKind,
        left: SchemaRef,
        right: SchemaRef,
        left_keys: Vec<usize>,
        right_keys: Vec<usize>,
        null_equal: bool,
        residual: Option<Expression>,
        schema: SchemaRef,
    ) -> Result<DegreeJoin> {
        require_equal_types(&left, &right, &left_keys, &right_keys)?;
        let pairs: Vec<Field> = left.fields().iter().chain(right.fields()).map(|field| nullable(field)).collect();
        let pairs = Arc::new(Schema::new(pairs));
        let left = Side::new(left, Keys { columns: left_keys, null_equal }, true)?;
        let right = Side::new(right, Keys { columns: right_keys, null_equal }, kind == JoinKind::Full)?;
        Ok(DegreeJoin { kind, left, right, residual, pairs, schema })
    }

    /// Pairs a change of one side with the rows of the other: emits the pairs where they are shown, adds the changed degrees of the other
    /// side to `changed`, and answers the degrees of the changed rows.
    fn pair(&self, change: &Keyed, is_left: bool, changed: &mut Changes, out: &mut Output) -> Result<Vec<i64>> {
        let other = if is_left { &self.right } else { &self.left };
        let width = other.input.fields().len();
        let pairs = Pairs { schema: &self.pairs, residual: self.residual.as_ref(), probe_is_left: is_left, width };
        let shows = matches!(self.kind, JoinKind::Left | JoinKind::Full);
        let mut degrees = vec![0_i64; change.hashes.len()];
        let matches = other.rows.probe(&change.keys, &change.hashes);
        let rows = &mut out.rows;
        pairs.each(change, &matches, &other.rows, &mut out.errors, |pairs, places| {
            for place in places.iter().map(|place| *place as usize) {
                let (row, weight) = (matches.probe[place] as usize, matches.weights[place]);
                degrees[row] = add_weights(degrees[row], weight)?;
                if other.counts {
                    let (degree, _) = changed.entry(matches.place(place)).or_insert((0, weight));
                    *degree = add_weights(*degree, change.delta.weight(row))?;
                }
            }
            if shows {
                rows.push(Delta { rows: batch(&self.schema, pairs.rows.columns().to_vec(), places.len())?, ..pairs });
            }
            Ok(())
        })?;
        Ok(degrees)
    }

    /// Changes the degrees of rows of one side, and emits what follows where they cross 0.
    fn shift(&mut self, is_left: bool, changed: Changes, out: &mut Output) -> Result<()> {
        let mut entries: Vec<((u32, u32), (i64, i64))> =
            changed.into_iter().filter(|(_, (degree, _))| *degree != 0).collect();
        entries.sort_unstable();
        let mut moved = Vec::new();
        for entries in entries.chunks(BATCH_ROWS) {
            let side = if is_left { &self.left } else { &self.right };
            let places: Vec<(u32, u32)> = entries.iter().map(|(place, _)| *place).collect();
            let mut columns = side.rows.at(&places)?;
            let degrees = columns.pop().ok_or_else(|| Error::internal("a state without degrees"))?;
            let old = degrees.as_primitive::<Int64Type>().values().to_vec();
            let new = old.iter().zip(entries).map(|(old, (_, (change, _)))| add_weights(*old, *change));
            let new: Vec<i64> = new.collect::<Result<_>>()?;
            let added: Vec<i64> = entries.iter().map(|(_, (_, weight))| *weight).collect();
            let removed: Vec<i64> = added.iter().map(|weight| -weight).collect();
            let rows = batch(&side.input, columns, entries.len())?;
            self.show(is_left, &Delta::weighted(rows.clone(), removed.clone().into()), &old, out)?;
            self.show(is_left, &Delta::weighted(rows.clone(), added.clone().into()), &new, out)?;
            moved.push(side.with_degrees(&Delta::weighted(rows.clone(), removed.into()), old)?);
            moved.push(side.with_degrees(&Delta::weighted(rows, added.into()), new)?);
        }
        let side = if is_left { &mut self.left } else { &mut self.right };
        if let Some(moved) = merge(moved, side.rows.schema())? {
            let moved = side.keys.keyed(moved);
            side.rows.apply(&moved.delta, &moved.hashes)?;
        }
        Ok(())
    }

    /// Emits what rows of one side give by themselves, by their degrees: with NULLs for the other side, or as they are.
    fn show(&self, is_left: bool, delta: &Delta, degrees: &[i64], out: &mut Output) -> Result<()> {
        let matched = |row: &u32| degrees[*row as usize] > 0;
        let all = 0..degrees.len() as u32;
        let shown: Vec<u32> = match self.kind {
            JoinKind::Semi => all.filter(matched).collect(),
            JoinKind::Mark => all.collect(),
            _ => all.filter(|row| !matched(row)).collect(),
        };
        if shown.is_empty() {
            return Ok(());
        }
        let rows = shown.len();
        let marks: Vec<bool> = shown.iter().map(matched).collect();
        let delta = take_rows(delta, shown)?;
        let mut columns = delta.rows.columns().to_vec();
        match self.kind {
            JoinKind::Mark => columns.push(Arc::new(BooleanArray::from(marks))),
            JoinKind::Left | JoinKind::Full => {
                let width = self.left.input.fields().len();
                let nulls = |fields: &[Arc<Field>]| -> Vec<ArrayRef> {
                    fields.iter().map(|field| new_null_array(field.data_type(), rows)).collect()
                };
                let fields = self.pairs.fields();
                columns = if is_left {
                    [columns, nulls(&fields[width..])].concat()
                } else {
                    [nulls(&fields[..width]), columns].concat()
                };
            }
            _ => {}
        }
        out.rows.push(weighted(&self.schema, columns, (0..rows).map(|row| delta.weight(row)).collect())?);
        Ok(())
    }

    /// The changes of the right input against the left rows before the tick.
    fn right_changed(&mut self, input: &mut Vec<Delta>, out: &mut Output) -> Result<()> {
        let (changes, never) = self.right.keys.changes(input, &self.right.input)?;
        let full = self.kind == JoinKind::Full;
        for delta in never.iter().filter(|_| full) {
            self.show(false, delta, &vec![0; delta.rows.num_rows()], out)?;
        }
        let mut changed = Changes::new();
        let pieces: Vec<Keyed> = changes.into_iter().flat_map(|change| change.pieces(&self.left.rows)).collect();
        for change in pieces {
            let degrees = self.pair(&change, false, &mut changed, out)?;
            if full {
                self.show(false, &change.delta, &degrees, out)?;
            }
            self.right.add(&change, degrees)?;
        }
        self.shift(true, changed, out)
    }

    /// The changes of the left input against the right rows after the tick.
    fn left_changed(&mut self, input: &mut Vec<Delta>, out: &mut Output) -> Result<()> {
        let (changes, never) = self.left.keys.changes(input, &self.left.input)?;
        for delta in &never {
            self.show(true, delta, &vec![0; delta.rows.num_rows()], out)?;
        }
        let mut changed = Changes::new();
        let pieces: Vec<Keyed> = changes.into_iter().flat_map(|change| change.pieces(&self.right.rows)).collect();
        for change in pieces {
            let degrees = self.pair(&change, true, &mut changed, out)?;
            self.show(true, &change.delta, &degrees, out)?;
            self.left.add(&change, degrees)?;
        }
        self.shift(false, changed, out)
    }
}

impl Side {
    fn new(input: SchemaRef, keys: Keys, counts: bool) -> Result<Side> {
        let mut fields: Vec<Field> = input.fields().iter().map(|field| nullable(field)).collect();
        if counts {
            fields.push(Field::new("degree", DataType::Int64, false));
        }
        let rows = StateTable::new(Arc::new(Schema::new(fields)), keys.columns.clone())?;
        Ok(Side { keys, input, rows, counts })
    }

    /// Keeps rows of the input with their degrees.
    fn add(&mut self, change: &Keyed, degrees: Vec<i64>) -> Result<()> {
        let delta = self.with_degrees(&change.delta, degrees)?;
        self.rows.apply(&delta, &change.hashes)
    }

    fn with_degrees(&self, delta: &Delta, degrees: Vec<i64>) -> Result<Delta> {
        let mut columns = delta.rows.columns().to_vec();
        if self.counts {
            columns.push(Arc::new(Int64Array::from(degrees)));
        }
        let rows = batch(self.rows.schema(), columns, delta.rows.num_rows())?;
        Ok(Delta { rows, weights: delta.weights.clone(), hash: None })
    }
}

impl Operator for DegreeJoin {
    fn step(&mut self, _: &Tick, inputs: &mut [Vec<Delta>], out: &mut Output) -> Result<Step> {
        let [left, right] = inputs else { return Err(Error::internal("a join has two inputs")) };
        let mut changes = Output::default();
        self.right_changed(right, &mut changes)?;
        self.left_changed(left, &mut changes)?;
        settle(changes, &self.schema, out)?;
        Ok(Step::Done)
    }

    fn bytes(&self) -> usize {
        self.left.rows.bytes() + self.right.rows.bytes()
    }

    fn state_rows(&self) -> u64 {
        self.left.rows.rows() + self.right.rows.rows()
    }

    fn states(&mut self) -> Vec<(&'static str, &mut StateTable)> {
        vec![("left", &mut self.left.rows), ("right", &mut self.right.rows)]
    }
}

fn nullable(field: &Field) -> Field {
    field.clone().with_nullable(true)
}

//! Inner join: ΔL ⋈ R⁻ + L ⋈ ΔR, where R⁻ is the right input before the tick and L the left one after it.
//!
//! `l JOIN r USING (k)`:
//!
//! | tick | left | right | output |
//! |---|---|---|---|
//! | 1 | +(1, a) | +(1, x) | +(1, a, 1, x) |
//! | 2 | −(1, a) +(1, b) | +(1, y) | −(1, a, 1, x) +(1, b, 1, x) +(1, b, 1, y) |
//!
//! A tick costs its changes and the pairs that they are part of. Without keys that is all rows of the other side for each change.

use datafusion::arrow::datatypes::SchemaRef;

use super::keyed::{Keys, Pairs, require_equal_types, settle};
use crate::compile::expr::Expression;
use crate::error::{Error, Result};
use crate::flow::state::StateTable;
use crate::flow::{Delta, Operator, Output, Step, Tick};

/// See the [module](self).
pub struct Join {
    left: Side,
    right: Side,
    residual: Option<Expression>,
    schema: SchemaRef,
}

/// An input with all rows that it has.
struct Side {
    keys: Keys,
    rows: StateTable,
}

impl Join {
    /// Joins inputs 0 and 1, each partitioned by the hash of its keys; keys have equal types in pairs. NULL keys match
    /// each other only if `null_equal`. `residual` is a further condition over the columns of `schema`: the left ones,
    /// then the right ones. Without keys every left row matches every right row: one input must be whole on every worker.
    pub fn new(
        left: SchemaRef,
        right: SchemaRef,
        left_keys: Vec<usize>,
        right_keys: Vec<usize>,
        null_equal: bool,
        residual: Option<Expression>,
        schema: SchemaRef,
    ) -> Result<Join> {
        require_equal_types(&left, &right, &left_keys, &right_keys)?;
        let side = |schema: SchemaRef, columns: Vec<usize>| -> Result<Side> {
            let rows = StateTable::new(schema, columns.clone())?;
            Ok(Side { keys: Keys { columns, null_equal }, rows })
        };
        Ok(Join { left: side(left, left_keys)?, right: side(right, right_keys)?, residual, schema })
    }

    /// Pairs the changes of one input with the rows of the other, then keeps the changes.
    fn changed(&mut self, input: &mut Vec<Delta>, is_left: bool, out: &mut Output) -> Result<()> {
        let (own, other) = if is_left { (&mut self.left, &self.right) } else { (&mut self.right, &self.left) };
        let width = other.rows.schema().fields().len();
        let pairs = Pairs { schema: &self.schema, residual: self.residual.as_ref(), probe_is_left: is_left, width };
        // Rows that never match need not be kept.
        let (changes, _) = own.keys.changes(input, own.rows.schema())?;
        for change in changes.into_iter().flat_map(|change| change.pieces(&other.rows)) {
            let matches = other.rows.probe(&change.keys, &change.hashes);
            let rows = &mut out.rows;
            pairs.each(&change, &matches, &other.rows, &mut out.errors, |pairs, _| {
                rows.push(pairs);
                Ok(())
            })?;
            own.rows.apply(&change.delta, &change.hashes)?;
        }
        Ok(())
    }
}

impl Operator for Join {
    fn step(&mut self, _: &Tick, inputs: &mut [Vec<Delta>], out: &mut Output) -> Result<Step> {
        let [left, right] = inputs else { return Err(Error::internal("a join has two inputs")) };
        let mut changes = Output::default();
        self.changed(left, true, &mut changes)?;
        self.changed(right, false, &mut changes)?;
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

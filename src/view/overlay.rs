//! A transaction's own changes of one table, on top of what is committed: the transaction sees them, nobody else does.

use std::sync::Arc;

use datafusion::arrow::array::Int64Array;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

use super::changes::{Key, KeyMap, Keys, gather};
use super::contents::Bag;
use super::index::{Index, IndexKeys};
use crate::catalog::RelationId;
use crate::error::Result;
use crate::flow::Delta;

/// Changes with more rows fill their buffers.
const ROWS_TIGHT: usize = 1024;
/// Smaller changes are not worth a copy.
const BYTES_LOOSE: usize = 16 << 10;

/// Changes of one table that are not committed. Statements cost what they change; undoing costs what is undone.
pub struct Overlay {
    pub(super) schema: SchemaRef,
    pub(super) keys: Arc<Keys>,
    /// Rows that came have positive weights, committed rows that went negative ones.
    pub(super) bag: Bag,
    /// All changes in order, to be undone from the end.
    log: Vec<Delta>,
}

impl Overlay {
    pub(super) fn new(schema: SchemaRef, keys: Arc<Keys>, indexes: &[Arc<IndexKeys>]) -> Overlay {
        let bag = Bag::with_indexes(indexes.iter().cloned().map(Index::new).collect());
        Overlay { schema, keys, bag, log: Vec::new() }
    }

    /// The keys of the table's index `id`.
    pub fn index_keys(&self, id: RelationId) -> Option<&Arc<IndexKeys>> {
        self.bag.index(id).map(|index| &index.keys)
    }

    /// Adds changes.
    pub fn apply(&mut self, deltas: Vec<Delta>) -> Result<()> {
        self.add(&deltas)?;
        for delta in deltas {
            self.log.push(tight(&self.schema, delta)?);
        }
        Ok(())
    }

    /// A place to come back to.
    pub fn mark(&self) -> usize {
        self.log.len()
    }

    /// Undoes all changes since `mark`; answers them.
    pub fn roll_back(&mut self, mark: usize) -> Result<Vec<Delta>> {
        let undone = self.log.split_off(mark.min(self.log.len()));
        self.add(&undone.iter().rev().map(negated).collect::<Vec<_>>())?;
        Ok(undone)
    }

    /// The sum of all changes; rows that came and went are not there.
    pub fn changes(&self) -> Result<Vec<Delta>> {
        self.bag.deltas(&self.schema)
    }

    /// By how much the number of rows with a value changed.
    pub fn count(&self, index: RelationId, value: &Key) -> i64 {
        let Some(index) = self.bag.index(index) else { return 0 };
        index.rows(value).iter().map(|row| self.bag.weight(row)).sum()
    }

    /// By how much the number of one row changed.
    pub fn weight(&self, row: &Key) -> i64 {
        self.bag.weight(row)
    }

    /// Committed rows that went, and how often.
    pub(super) fn removed(&self) -> KeyMap<i64> {
        self.bag.weights().filter(|(_, weight)| *weight < 0).map(|(key, weight)| (key, -weight)).collect()
    }

    /// Rows that came.
    pub(super) fn added(&self) -> Result<Vec<RecordBatch>> {
        self.bag.visible()
    }

    /// The identities of rows.
    pub fn row_keys(&self, rows: &RecordBatch) -> Result<Vec<Key>> {
        self.keys.of(rows)
    }

    fn add(&mut self, deltas: &[Delta]) -> Result<()> {
        let row_keys = deltas.iter().map(|delta| self.keys.of(&delta.rows)).collect::<Result<Vec<_>>>()?;
        self.bag.apply(&self.schema, &self.keys, deltas, &row_keys)
    }
}

/// The same rows without the room that was made for more of them: a statement that changes one row may have its value in a buffer for
/// thousands, and a transaction has many statements.
fn tight(schema: &SchemaRef, delta: Delta) -> Result<Delta> {
    let rows = delta.rows.num_rows();
    if rows > ROWS_TIGHT || delta.rows.get_array_memory_size() < BYTES_LOOSE {
        return Ok(delta);
    }
    let places: Vec<(usize, usize)> = (0..rows).map(|row| (0, row)).collect();
    Ok(Delta { rows: gather(schema, &[&delta.rows], &places)?, ..delta })
}

/// The opposite change.
pub(super) fn negated(delta: &Delta) -> Delta {
    let weights: Int64Array = (0..delta.rows.num_rows()).map(|row| Some(-delta.weight(row))).collect();
    Delta::weighted(delta.rows.clone(), weights)
}

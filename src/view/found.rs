//! What a read found, while the relation may go on to change.

use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;

use super::changes::{KeyMap, Keys};
use super::contents::Frozen;
use super::past::without;
use crate::error::Result;

/// What was read, on its way out of the lock.
pub(super) enum Found {
    Rows(RecordBatch),
    All {
        frozen: Frozen,
        added: Vec<RecordBatch>,
    },
    /// Rows that only came, without those that came later.
    Without {
        frozen: Frozen,
        keys: Arc<Keys>,
        removed: KeyMap<i64>,
    },
}

impl Found {
    /// The rows.
    pub(super) fn batches(self) -> Result<Vec<RecordBatch>> {
        match self {
            Found::Rows(rows) => Ok(vec![rows]),
            Found::Without { frozen, keys, removed } => without(frozen.batches()?, &keys, removed),
            Found::All { frozen, added } => {
                let mut batches = frozen.batches()?;
                batches.extend(added);
                Ok(batches)
            }
        }
    }
}

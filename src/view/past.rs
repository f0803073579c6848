//! The past of relations for those who still read it: the changes since the oldest pinned tick are kept, and taken back for whoever
//! reads as of then. A read costs what changed since its tick; where nothing is pinned nothing is kept. What is kept is bounded: beyond,
//! the oldest readers lose their past.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::record_batch::RecordBatch;

use super::changes::{Key, KeyMap, Keys};
use super::overlay::{Overlay, negated};
use crate::error::{Error, Result, code};
use crate::flow::Delta;
use crate::flow::delta::arrow_error;

/// Ticks that somebody reads.
#[derive(Default)]
pub(super) struct Pins(Mutex<Readers>);

#[derive(Default)]
struct Readers {
    /// By tick how many.
    ticks: BTreeMap<u64, usize>,
    /// Earlier ticks are given up.
    first: u64,
}

impl Pins {
    /// Keeps what changes after `tick` until the pin is dropped.
    pub(super) fn pin(self: &Arc<Self>, tick: u64) -> Pin {
        *self.readers().ticks.entry(tick).or_default() += 1;
        Pin { pins: Arc::clone(self), tick }
    }

    /// The oldest one that is not given up.
    pub(super) fn oldest(&self) -> Option<u64> {
        let readers = self.readers();
        readers.ticks.range(readers.first..).next().map(|(tick, _)| *tick)
    }

    /// Gives the oldest one up; answers the first tick that is not given up, and the oldest one then.
    pub(super) fn give_up(&self) -> Option<(u64, Option<u64>)> {
        let first = self.oldest()? + 1;
        self.readers().first = first;
        Some((first, self.oldest()))
    }

    fn readers(&self) -> MutexGuard<'_, Readers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A tick as of which somebody reads.
pub struct Pin {
    pins: Arc<Pins>,
    tick: u64,
}

impl Pin {
    /// The tick.
    pub fn tick(&self) -> u64 {
        self.tick
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut readers = self.pins.readers();
        if let Some(count) = readers.ticks.get_mut(&self.tick) {
            *count -= 1;
            if *count == 0 {
                readers.ticks.remove(&self.tick);
            }
        }
    }
}

/// What one relation changed since the oldest pinned tick.
#[derive(Default)]
pub(super) struct Past {
    changes: Vec<(u64, Vec<Delta>)>,
    /// Of the rows of `changes`.
    bytes: usize,
    /// Reads as of an earlier tick are refused: the relation's columns were others.
    first: u64,
    /// Reads as of an earlier tick are refused: too much changed since.
    kept: u64,
}

impl Past {
    /// Notes the changes of a tick.
    pub(super) fn add(&mut self, tick: u64, deltas: &[Delta], oldest: u64) {
        self.forget(oldest);
        if deltas.iter().any(|delta| delta.rows.num_rows() > 0) {
            self.bytes += bytes(deltas);
            self.changes.push((tick, deltas.to_vec()));
        }
    }

    /// Forgets the changes up to a tick.
    fn forget(&mut self, tick: u64) {
        let first = self.changes.partition_point(|(changed, _)| *changed <= tick);
        self.bytes -= self.changes.drain(..first).map(|(_, deltas)| bytes(&deltas)).sum::<usize>();
    }

    /// Refuses reads as of ticks before `kept`, and forgets what nobody who reads as of `oldest` or later needs.
    pub(super) fn give_up(&mut self, kept: u64, oldest: Option<u64>) {
        self.kept = kept;
        self.forget(oldest.unwrap_or(u64::MAX));
    }

    /// Memory of the changes that are kept.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Nobody reads the past.
    pub(super) fn clear(&mut self) {
        (self.changes, self.bytes) = (Vec::new(), 0);
    }

    /// The relation's columns changed after `tick`.
    pub(super) fn cut(&mut self, tick: u64) {
        self.clear();
        self.first = tick + 1;
    }

    /// Whether anything changed after `tick`.
    pub(super) fn changed_since(&self, tick: u64) -> bool {
        tick < self.first.max(self.kept) || self.changes.iter().any(|(changed, _)| *changed > tick)
    }

    /// What leads from the contents to those at `tick` with a transaction's `own` changes, in `none` yet; `None` if nothing changed.
    pub(super) fn overlay(&self, tick: u64, none: Overlay, own: Option<&Overlay>) -> Result<Option<Overlay>> {
        let changes = self.since(tick)?;
        if changes.is_empty() {
            return Ok(None);
        }
        let mut past = none;
        past.apply(changes.into_iter().map(negated).collect())?;
        if let Some(own) = own {
            past.apply(own.changes()?)?;
        }
        Ok(Some(past))
    }

    /// All changes after `tick`, in order. 40001 if the relation's columns changed since, 72000 if too much did.
    fn since(&self, tick: u64) -> Result<Vec<&Delta>> {
        if tick < self.kept {
            let hint = "too much has changed since the transaction began: end it earlier, or let the server keep more (--past-bytes-max)";
            return Err(Error::new(code::SNAPSHOT_TOO_OLD, "snapshot too old").hint(hint));
        }
        if tick < self.first {
            let message = "could not serialize access: a table was altered since the transaction began";
            return Err(Error::new(code::SERIALIZATION_FAILURE, message).hint("try the transaction again"));
        }
        Ok(self.changes.iter().filter(|(changed, _)| *changed > tick).flat_map(|(_, deltas)| deltas).collect())
    }
}

fn bytes(deltas: &[Delta]) -> usize {
    deltas.iter().map(|delta| delta.rows.get_array_memory_size()).sum()
}

/// Rows without those that are `removed`, each as often as it says.
pub(super) fn without(batches: Vec<RecordBatch>, keys: &Keys, mut removed: KeyMap<i64>) -> Result<Vec<RecordBatch>> {
    let mut left = Vec::with_capacity(batches.len());
    for batch in batches {
        let stays = |key: &Key| match removed.get_mut(key) {
            Some(times) if *times > 0 => {
                *times -= 1;
                Some(false)
            }
            _ => Some(true),
        };
        let mask: BooleanArray = keys.of(&batch)?.iter().map(stays).collect();
        left.push(filter_record_batch(&batch, &mask).map_err(arrow_error)?);
    }
    Ok(left)
}

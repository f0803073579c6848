//! The rows of one relation, changed tick by tick at a cost that depends on the changes, not on the size.
//!
//! Rows live in immutable chunks of at most [`CHUNK_ROWS`]; beside each chunk stands one weight per row. An index finds the place of
//! a row by its [`Key`]. A retraction sets a weight to zero; chunks that are mostly dead are rewritten, small ones are merged in
//! tiers of eight, so a row moves O(log n) times in its life. A snapshot takes the chunks as they are: a chunk that later changes is
//! copied first (its weights only), and what is visible of an unchanged chunk is computed once.
//!
//! A relation that never retracts needs neither index nor weights: [`Contents::Log`].

use std::sync::{Arc, OnceLock};

use datafusion::arrow::array::{ArrayRef, UInt32Array};
use datafusion::arrow::compute::{concat_batches, take};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use hashbrown::HashTable;

use super::changes::{Changes, Key, Keys, arrow_error, gather, with_schema};
use crate::error::{Error, Result};
use crate::flow::Delta;

/// Rows of a chunk at most.
const CHUNK_ROWS: usize = 8192;
/// Chunks of one tier that are merged into one of the next.
const TIER_CHUNKS: usize = 8;
/// Chunks with fewer rows than the n-th bound (and not fewer than the one before) belong to tier n; the others are never merged.
const TIER_BOUNDS: [usize; 4] = [8, 64, 512, 4096];

/// How the rows of a relation are kept.
pub(super) enum Contents {
    /// Rows are only ever added.
    Log(Log),
    /// Rows come and go.
    Bag(Bag),
}

/// A frozen version of [`Contents`], cheap to take; [`Frozen::batches`] does the work outside of any lock.
pub(super) enum Frozen {
    Log(Vec<RecordBatch>),
    Bag(Vec<Arc<Chunk>>),
}

impl Contents {
    /// Empty contents.
    pub(super) fn new(append_only: bool) -> Contents {
        if append_only { Contents::Log(Log::default()) } else { Contents::Bag(Bag::default()) }
    }

    /// The current version.
    pub(super) fn freeze(&self) -> Frozen {
        match self {
            Contents::Log(log) => Frozen::Log(log.full.iter().chain(log.tiers.iter().flatten()).cloned().collect()),
            Contents::Bag(bag) => Frozen::Bag(bag.chunks.iter().flatten().cloned().collect()),
        }
    }
}

impl Frozen {
    /// The rows, weights expanded; rows with a negative weight are not there.
    pub(super) fn batches(&self) -> Result<Vec<RecordBatch>> {
        match self {
            Frozen::Log(batches) => Ok(batches.clone()),
            Frozen::Bag(chunks) => {
                let mut batches = Vec::with_capacity(chunks.len());
                for chunk in chunks {
                    batches.extend(chunk.visible()?.iter().cloned());
                }
                Ok(batches)
            }
        }
    }
}

/// Rows that are only added.
#[derive(Default)]
pub(super) struct Log {
    full: Vec<RecordBatch>,
    tiers: [Vec<RecordBatch>; TIER_BOUNDS.len()],
}

impl Log {
    /// The rows of `deltas` in the relation's schema, weights expanded. Separate from [`Log::append`] so that it needs no lock.
    pub(super) fn prepare(schema: &SchemaRef, deltas: &[Delta]) -> Result<Vec<RecordBatch>> {
        let mut batches = Vec::with_capacity(deltas.len());
        for delta in deltas.iter().filter(|delta| delta.rows.num_rows() > 0) {
            if delta.weights.as_ref().is_some_and(|weights| weights.values().iter().any(|weight| *weight < 0)) {
                return Err(Error::internal("a row was retracted from a relation that only grows"));
            }
            match &delta.weights {
                Some(weights) if weights.values().iter().any(|weight| *weight != 1) => {
                    batches.extend(expand(schema, &delta.rows, weights.values())?);
                }
                _ => batches.push(with_schema(schema, delta.rows.columns().to_vec(), delta.rows.num_rows())?),
            }
        }
        Ok(batches)
    }

    /// Adds prepared rows.
    pub(super) fn append(&mut self, schema: &SchemaRef, batches: Vec<RecordBatch>) -> Result<()> {
        for mut rows in batches {
            while let Some(tier) = tier_of(rows.num_rows()) {
                self.tiers[tier].push(rows);
                if self.tiers[tier].len() < TIER_CHUNKS {
                    rows = RecordBatch::new_empty(Arc::clone(schema));
                    break;
                }
                rows = concat_batches(schema, &std::mem::take(&mut self.tiers[tier])).map_err(arrow_error)?;
            }
            if rows.num_rows() > 0 {
                self.full.push(rows);
            }
        }
        Ok(())
    }
}

/// Rows that come and go.
#[derive(Default)]
pub(super) struct Bag {
    index: HashTable<(Key, Place)>,
    chunks: Vec<Option<Arc<Chunk>>>,
    free: Vec<u32>,
    tiers: [Vec<u32>; TIER_BOUNDS.len()],
}

/// Where a row is.
#[derive(Debug, Clone, Copy)]
struct Place {
    chunk: u32,
    row: u32,
}

/// Rows with weights; zero is a row that is gone, a negative weight one that was retracted more often than inserted.
pub(super) struct Chunk {
    rows: RecordBatch,
    weights: Vec<i64>,
    /// Rows whose weight is not zero.
    occupied: usize,
    visible: OnceLock<Vec<RecordBatch>>,
}

impl Clone for Chunk {
    /// For copy on write: the copy is about to change, so what was visible is left behind.
    fn clone(&self) -> Self {
        Chunk {
            rows: self.rows.clone(),
            weights: self.weights.clone(),
            occupied: self.occupied,
            visible: OnceLock::new(),
        }
    }
}

impl Chunk {
    fn visible(&self) -> Result<&Vec<RecordBatch>> {
        if let Some(visible) = self.visible.get() {
            return Ok(visible);
        }
        let batches = if self.weights.iter().all(|weight| *weight == 1) {
            vec![self.rows.clone()]
        } else {
            expand(&self.rows.schema(), &self.rows, &self.weights)?
        };
        Ok(self.visible.get_or_init(|| batches))
    }
}

impl Bag {
    /// Applies consolidated changes.
    pub(super) fn apply(&mut self, schema: &SchemaRef, keys: &Keys, changes: &Changes) -> Result<()> {
        let mut fresh = Vec::new();
        let mut shrunk = Vec::new();
        for (row, (key, weight)) in changes.keys.iter().zip(&changes.weights).enumerate() {
            match self.index.find_entry(key[0], |(other, _)| other == key) {
                Err(_) => fresh.push((0, row)),
                Ok(entry) => {
                    let place = entry.get().1;
                    let Some(chunk) = self.chunks[place.chunk as usize].as_mut().map(Arc::make_mut) else { continue };
                    chunk.visible = OnceLock::new();
                    let sum = &mut chunk.weights[place.row as usize];
                    *sum += weight;
                    if *sum == 0 {
                        chunk.occupied -= 1;
                        shrunk.push(place.chunk);
                        entry.remove();
                    }
                }
            }
        }
        for places in fresh.chunks(CHUNK_ROWS) {
            let rows = gather(schema, &[&changes.rows], places)?;
            let weights: Vec<i64> = places.iter().map(|(_, row)| changes.weights[*row]).collect();
            let row_keys: Vec<Key> = places.iter().map(|(_, row)| changes.keys[*row]).collect();
            self.push(rows, weights, &row_keys);
        }
        self.compact(schema, keys, shrunk)
    }

    /// Adds a chunk and makes the index point to its rows (inserting those that it does not know).
    fn push(&mut self, rows: RecordBatch, weights: Vec<i64>, keys: &[Key]) {
        let chunk = match self.free.pop() {
            Some(free) => free,
            None => {
                self.chunks.push(None);
                (self.chunks.len() - 1) as u32
            }
        };
        for (row, key) in keys.iter().enumerate() {
            let place = Place { chunk, row: row as u32 };
            match self.index.find_mut(key[0], |(other, _)| other == key) {
                Some(entry) => entry.1 = place,
                None => {
                    self.index.insert_unique(key[0], (*key, place), |(key, _)| key[0]);
                }
            }
        }
        if let Some(tier) = tier_of(rows.num_rows()) {
            self.tiers[tier].push(chunk);
        }
        let occupied = weights.len();
        self.chunks[chunk as usize] = Some(Arc::new(Chunk { rows, weights, occupied, visible: OnceLock::new() }));
    }

    /// Rewrites chunks of which half is gone, then merges full tiers.
    fn compact(&mut self, schema: &SchemaRef, keys: &Keys, mut shrunk: Vec<u32>) -> Result<()> {
        shrunk.sort_unstable();
        shrunk.dedup();
        shrunk.retain(|chunk| {
            self.chunks[*chunk as usize].as_ref().is_some_and(|chunk| chunk.occupied * 2 <= chunk.weights.len())
        });
        if !shrunk.is_empty() {
            self.rewrite(schema, keys, &shrunk)?;
        }
        for tier in 0..TIER_BOUNDS.len() {
            while self.tiers[tier].len() >= TIER_CHUNKS {
                let merged: Vec<u32> = self.tiers[tier][..TIER_CHUNKS].to_vec();
                self.rewrite(schema, keys, &merged)?;
            }
        }
        Ok(())
    }

    /// Moves what is left of `chunks` into new ones.
    fn rewrite(&mut self, schema: &SchemaRef, keys: &Keys, chunks: &[u32]) -> Result<()> {
        for tier in &mut self.tiers {
            tier.retain(|chunk| !chunks.contains(chunk));
        }
        let old: Vec<Arc<Chunk>> = chunks.iter().filter_map(|chunk| self.chunks[*chunk as usize].take()).collect();
        self.free.extend_from_slice(chunks);
        let mut places = Vec::new();
        for (batch, chunk) in old.iter().enumerate() {
            let left = chunk.weights.iter().enumerate().filter(|(_, weight)| **weight != 0);
            places.extend(left.map(|(row, _)| (batch, row)));
        }
        let batches: Vec<&RecordBatch> = old.iter().map(|chunk| &chunk.rows).collect();
        for places in places.chunks(CHUNK_ROWS) {
            let rows = gather(schema, &batches, places)?;
            let weights = places.iter().map(|(batch, row)| old[*batch].weights[*row]).collect();
            let row_keys = keys.of(&rows)?;
            self.push(rows, weights, &row_keys);
        }
        Ok(())
    }
}

fn tier_of(rows: usize) -> Option<usize> {
    TIER_BOUNDS.iter().position(|bound| rows < *bound)
}

/// Each row as often as its weight says, in batches of bounded size.
fn expand(schema: &SchemaRef, rows: &RecordBatch, weights: &[i64]) -> Result<Vec<RecordBatch>> {
    let mut batches = Vec::new();
    let mut indices: Vec<u32> = Vec::new();
    for (row, weight) in weights.iter().enumerate() {
        for _ in 0..(*weight).max(0) {
            indices.push(row as u32);
            if indices.len() == CHUNK_ROWS {
                batches.push(take_rows(schema, rows, std::mem::take(&mut indices))?);
            }
        }
    }
    if !indices.is_empty() {
        batches.push(take_rows(schema, rows, indices)?);
    }
    Ok(batches)
}

fn take_rows(schema: &SchemaRef, rows: &RecordBatch, indices: Vec<u32>) -> Result<RecordBatch> {
    let indices = UInt32Array::from(indices);
    let columns = rows
        .columns()
        .iter()
        .map(|column| take(column, &indices, None))
        .collect::<std::result::Result<Vec<ArrayRef>, _>>()
        .map_err(arrow_error)?;
    with_schema(schema, columns, indices.len())
}

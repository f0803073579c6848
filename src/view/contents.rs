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

use super::changes::{Key, KeyMap, Keys, arrow_error, gather, with_schema};
use super::index::{Index, IndexKeys};
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
    /// Makes rows findable by value. Rows that only grow become rows that have an identity, which costs memory.
    pub(super) fn add_index(&mut self, schema: &SchemaRef, keys: &Keys, index: Arc<IndexKeys>) -> Result<()> {
        if let Contents::Log(log) = self {
            let deltas: Vec<Delta> =
                log.full.iter().chain(log.tiers.iter().flatten()).cloned().map(Delta::insert).collect();
            let row_keys = deltas.iter().map(|delta| keys.of(&delta.rows)).collect::<Result<Vec<_>>>()?;
            let mut bag = Bag::default();
            bag.apply(schema, keys, &deltas, &row_keys)?;
            *self = Contents::Bag(bag);
        }
        match self {
            Contents::Bag(bag) => bag.add_index(keys, index),
            Contents::Log(_) => Ok(()),
        }
    }

    /// Empty contents.
    pub(super) fn new(append_only: bool) -> Contents {
        if append_only { Contents::Log(Log::default()) } else { Contents::Bag(Bag::default()) }
    }

    /// The current version, with the rows `removed` as often away.
    pub(super) fn freeze(&self, removed: Option<&KeyMap<i64>>) -> Frozen {
        match (self, removed) {
            (Contents::Log(log), _) => log.freeze(),
            (Contents::Bag(bag), Some(removed)) => Frozen::Bag(bag.chunks_without(removed)),
            (Contents::Bag(bag), None) => Frozen::Bag(bag.chunks.iter().flatten().cloned().collect()),
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
    /// The current version.
    pub(super) fn freeze(&self) -> Frozen {
        Frozen::Log(self.full.iter().chain(self.tiers.iter().flatten()).cloned().collect())
    }

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
    pub(super) index: HashTable<(Key, Place)>,
    /// From values to rows.
    pub(super) by_value: Vec<Index>,
    pub(super) chunks: Vec<Option<Arc<Chunk>>>,
    free: Vec<u32>,
    tiers: [Vec<u32>; TIER_BOUNDS.len()],
}

/// Where a row is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) chunk: u32,
    pub(super) row: u32,
}

/// Rows with weights; zero is a row that is gone, a negative weight one that was retracted more often than inserted.
pub(super) struct Chunk {
    pub(super) rows: RecordBatch,
    pub(super) weights: Vec<i64>,
    /// Rows whose weight is not zero.
    pub(super) occupied: usize,
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

impl Fresh {
    /// Adds to the weight of a row that came in this tick; answers the sum.
    fn add(&mut self, place: Place, weight: i64) -> i64 {
        // The place names one of these chunks: all others exist.
        let chunk = self.chunks.iter().position(|chunk| *chunk == place.chunk).unwrap_or(0);
        let sum = &mut self.weights[chunk * CHUNK_ROWS + place.row as usize];
        *sum += weight;
        *sum
    }
}

impl Chunk {
    /// Adds to the weight of a row; answers the sum.
    pub(super) fn add(&mut self, row: u32, weight: i64) -> i64 {
        self.visible = OnceLock::new();
        let sum = &mut self.weights[row as usize];
        *sum += weight;
        if *sum == 0 {
            self.occupied -= 1;
        }
        *sum
    }

    /// Its rows, each as often as it is there.
    pub(super) fn visible(&self) -> Result<&Vec<RecordBatch>> {
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

/// Rows of a tick that the index did not know, on their way into chunks.
struct Fresh {
    /// The chunks that the rows will fill, in order, all but the last to [`CHUNK_ROWS`].
    chunks: Vec<u32>,
    /// Where each row comes from: delta and row.
    places: Vec<(usize, usize)>,
    weights: Vec<i64>,
}

impl Bag {
    /// Applies the changes of a tick; `row_keys` are the keys of the rows of each delta.
    pub(super) fn apply(
        &mut self,
        schema: &SchemaRef,
        keys: &Keys,
        deltas: &[Delta],
        row_keys: &[Vec<Key>],
    ) -> Result<()> {
        let mut fresh = Fresh { chunks: Vec::new(), places: Vec::new(), weights: Vec::new() };
        let mut shrunk = Vec::new();
        for (batch, (delta, row_keys)) in deltas.iter().zip(row_keys).enumerate() {
            let values = self.by_value.iter().map(|index| index.keys.of(&delta.rows)).collect::<Result<Vec<_>>>()?;
            for (row, key) in row_keys.iter().enumerate() {
                let weight = delta.weight(row);
                match self.index.find_entry(key[0], |(other, _)| other == key) {
                    Ok(entry) => {
                        let place = entry.get().1;
                        let sum = match &mut self.chunks[place.chunk as usize] {
                            Some(chunk) => Arc::make_mut(chunk).add(place.row, weight),
                            None => fresh.add(place, weight),
                        };
                        if sum == 0 {
                            shrunk.push(place.chunk);
                            entry.remove();
                            for (index, values) in self.by_value.iter_mut().zip(&values) {
                                values[row].inspect(|value| index.remove(*value, *key));
                            }
                        }
                    }
                    Err(_) if weight == 0 => {}
                    Err(_) => {
                        let place = self.place_fresh(&mut fresh, (batch, row), weight);
                        self.index.insert_unique(key[0], (*key, place), |(key, _)| key[0]);
                        for (index, values) in self.by_value.iter_mut().zip(&values) {
                            values[row].inspect(|value| index.add(*value, *key));
                        }
                    }
                }
            }
        }
        let batches: Vec<&RecordBatch> = deltas.iter().map(|delta| &delta.rows).collect();
        let filled = fresh.places.chunks(CHUNK_ROWS).zip(fresh.weights.chunks(CHUNK_ROWS));
        for (chunk, (places, weights)) in fresh.chunks.iter().zip(filled) {
            let rows = gather(schema, &batches, places)?;
            self.fill(*chunk, rows, weights.to_vec());
        }
        self.compact(schema, keys, shrunk)
    }

    /// The place where a new row will be.
    fn place_fresh(&mut self, fresh: &mut Fresh, from: (usize, usize), weight: i64) -> Place {
        let number = fresh.places.len();
        if number / CHUNK_ROWS == fresh.chunks.len() {
            fresh.chunks.push(self.reserve());
        }
        fresh.places.push(from);
        fresh.weights.push(weight);
        Place { chunk: fresh.chunks[number / CHUNK_ROWS], row: (number % CHUNK_ROWS) as u32 }
    }

    /// The number of a chunk that is to be filled.
    fn reserve(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.chunks.push(None);
            (self.chunks.len() - 1) as u32
        })
    }

    fn fill(&mut self, chunk: u32, rows: RecordBatch, weights: Vec<i64>) {
        if let Some(tier) = tier_of(rows.num_rows()) {
            self.tiers[tier].push(chunk);
        }
        let occupied = weights.iter().filter(|weight| **weight != 0).count();
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
            let chunk = self.reserve();
            for (row, key) in keys.of(&rows)?.into_iter().enumerate() {
                if let Some((_, place)) = self.index.find_mut(key[0], |(other, _)| *other == key) {
                    *place = Place { chunk, row: row as u32 };
                }
            }
            self.fill(chunk, rows, weights);
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

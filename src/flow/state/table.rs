//! [`StateTable`]: a bag of rows by key.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int64Array};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

use super::memtable::Memtable;
use super::run::{CHUNK_ROWS, Entry, Run, gather};
use crate::canonical::{Equality, canonical_key, require_supported, values_equal};
use crate::error::Result;
use crate::flow::Delta;
use crate::flow::delta::{batch, merge};
use crate::flow::hash::is_bijective;

/// Rows in the memtable before it becomes a run.
const MEMTABLE_ROWS_MAX: usize = 65_536;
/// Bytes in the memtable before it becomes a run.
const MEMTABLE_BYTES_MAX: usize = 64 << 20;
/// Runs that a probe looks into at most.
const RUNS_MAX: usize = 5;

/// The rows that went in, with the sum of their weights, found by key.
///
/// Changes go to a memtable; a full memtable becomes an immutable run; runs are merged so that few remain. Weights of
/// equal rows are added at the latest when their runs are merged: until then [`probe`](StateTable::probe) may answer a
/// row and its negation.
pub struct StateTable {
    schema: SchemaRef,
    keys: Vec<usize>,
    /// Whether equal hashes mean equal keys as long as no key is NULL.
    bijective: bool,
    memtable: Memtable,
    /// Oldest and greatest first.
    runs: Arc<Vec<Arc<Run>>>,
    /// Sum of the weights of all that went in.
    sum: i64,
}

/// The content of a [`StateTable`] at one moment; costs nothing but the memory that it keeps alive.
#[derive(Clone)]
pub struct Version {
    schema: SchemaRef,
    runs: Arc<Vec<Arc<Run>>>,
}

/// Pairs of a probing row and a state row with equal keys. Positions hold until the state changes.
#[derive(Debug, Default)]
pub struct Matches {
    /// Positions of the probing rows; one that has several matches stands several times.
    pub probe: Vec<u32>,
    /// Weights of the state rows.
    pub weights: Vec<i64>,
    rows: Vec<(u32, u32)>,
}

impl Matches {
    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.probe.len()
    }

    /// Where the state row of a pair is: pairs with one state row have one place.
    pub fn place(&self, pair: usize) -> (u32, u32) {
        self.rows[pair]
    }

    /// Whether nothing matched.
    pub fn is_empty(&self) -> bool {
        self.probe.is_empty()
    }
}

impl StateTable {
    /// An empty state for rows of `schema` that are looked up by the columns `keys`; types that state cannot hold are
    /// refused.
    pub fn new(schema: SchemaRef, keys: Vec<usize>) -> Result<StateTable> {
        require_supported(schema.fields().iter().map(|field| field.data_type()), "state")?;
        let bijective = matches!(keys[..], [key] if is_bijective(schema.field(key).data_type()));
        Ok(StateTable { schema, keys, bijective, memtable: Memtable::new(), runs: Arc::default(), sum: 0 })
    }

    /// The rows' schema.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Adds the rows of `delta`; `hashes` are those of the key columns (see
    /// [`hash_rows`](crate::flow::hash::hash_rows)).
    pub fn apply(&mut self, delta: &Delta, hashes: &[u64]) -> Result<()> {
        if delta.rows.num_rows() == 0 {
            return Ok(());
        }
        self.memtable.apply(&self.schema, delta, hashes)?;
        let added = match delta.weight_values() {
            None => delta.rows.num_rows() as i64,
            Some(weights) => weights.iter().fold(0, |sum: i64, weight| sum.wrapping_add(*weight)),
        };
        self.sum = self.sum.wrapping_add(added);
        if self.sum == 0 {
            // Everything that came has gone again: nothing need be kept.
            return self.cancel();
        }
        if self.memtable.len() >= MEMTABLE_ROWS_MAX || self.memtable.rows_bytes() >= MEMTABLE_BYTES_MAX {
            self.freeze()?;
        }
        Ok(())
    }

    /// Pairs of probing rows and state rows with equal keys, in no useful order. `columns` are the probing key columns,
    /// `hashes` theirs. NULLs match NULLs: a caller for which they do not leaves such rows out.
    pub fn probe(&self, columns: &[ArrayRef], hashes: &[u64]) -> Matches {
        let columns: Vec<ArrayRef> = columns.iter().map(canonical_key).collect();
        let sources = self.sources();
        let exact = self.bijective && columns.iter().all(|column| column.null_count() == 0);
        let equal = |probe: usize, source: u32, row: u32| {
            let source = sources[source as usize];
            let pairs = columns.iter().zip(&self.keys).map(|(column, key)| (column, source.column(*key)));
            let mut pairs = pairs.filter(|(_, stored)| !(exact && stored.null_count() == 0));
            pairs.all(|(column, stored)| {
                values_equal(column.as_ref(), probe, stored.as_ref(), row as usize, Equality::Key)
            })
        };
        let mut matches = Matches::default();
        let mut add = |probe: usize, source: u32, row: u32, weight: i64| {
            if equal(probe, source, row) {
                matches.probe.push(probe as u32);
                matches.weights.push(weight);
                matches.rows.push((source, row));
            }
        };
        for (probe, hash) in hashes.iter().enumerate() {
            self.memtable.find(*hash, |entry| add(probe, entry.source, entry.row, entry.weight));
        }
        let mut first_source = self.memtable.batches.len();
        for run in self.runs.iter() {
            for (probe, hash) in hashes.iter().enumerate() {
                for row in run.find(*hash) {
                    add(probe, (first_source + row / CHUNK_ROWS) as u32, (row % CHUNK_ROWS) as u32, run.weight(row));
                }
            }
            first_source += run.chunks.len();
        }
        matches
    }

    /// The state rows of some of `matches`, as columns.
    pub fn gather(&self, matches: &Matches, range: Range<usize>) -> Result<Vec<ArrayRef>> {
        gather(&self.sources(), &matches.rows[range], 0..self.schema.fields().len())
    }

    /// The rows at places of [`Matches`], as columns.
    pub fn at(&self, places: &[(u32, u32)]) -> Result<Vec<ArrayRef>> {
        gather(&self.sources(), places, 0..self.schema.fields().len())
    }

    /// The rows of each of the keys (one per position, distinct), every row once with its weight; a key without rows
    /// has an empty delta.
    pub fn groups(&self, columns: &[ArrayRef], hashes: &[u64]) -> Result<Vec<Delta>> {
        let mut matches = self.probe(columns, hashes);
        let mut order: Vec<u32> = (0..matches.len() as u32).collect();
        order.sort_by_key(|at| matches.probe[*at as usize]);
        matches.rows = order.iter().map(|at| matches.rows[*at as usize]).collect();
        let sorted: Vec<(u32, i64)> =
            order.iter().map(|at| (matches.probe[*at as usize], matches.weights[*at as usize])).collect();
        let mut groups = Vec::with_capacity(hashes.len());
        let mut start = 0;
        for group in 0..hashes.len() {
            let length = sorted[start..].iter().take_while(|(probe, _)| *probe as usize == group).count();
            let range = start..start + length;
            start += length;
            let mut rows = None;
            if length > 0 {
                let weights: Int64Array = sorted[range.clone()].iter().map(|(_, weight)| *weight).collect();
                let delta = Delta::weighted(batch(&self.schema, self.gather(&matches, range)?, length)?, weights);
                rows = merge(vec![delta], &self.schema)?;
            }
            groups.push(rows.unwrap_or_else(|| Delta::insert(RecordBatch::new_empty(Arc::clone(&self.schema)))));
        }
        Ok(groups)
    }

    /// The content as it is now; later changes do not touch it.
    pub fn version(&mut self) -> Result<Version> {
        if self.memtable.len() > 0 {
            self.freeze()?;
        }
        Ok(Version { schema: Arc::clone(&self.schema), runs: Arc::clone(&self.runs) })
    }

    /// Memory held, in bytes (an estimate).
    pub fn bytes(&self) -> usize {
        self.memtable.bytes() + self.runs.iter().map(|run| run.bytes()).sum::<usize>()
    }

    /// Rows of the bag, each as often as it is there; exactly 0 if none is.
    pub fn rows(&self) -> u64 {
        if self.sum == 0 { self.len() as u64 } else { self.sum.unsigned_abs() }
    }

    /// Entries held: a row that is in several runs counts in each.
    pub fn len(&self) -> usize {
        self.memtable.entries(0).count() + self.runs.iter().map(|run| run.len()).sum::<usize>()
    }

    /// Whether no row is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every batch that rows are in: those of the memtable, then the chunks of each run.
    fn sources(&self) -> Vec<&RecordBatch> {
        self.memtable.batches.iter().chain(self.runs.iter().flat_map(|run| &run.chunks)).collect()
    }

    /// Adds the weights of all equal rows: what cancels is gone.
    fn cancel(&mut self) -> Result<()> {
        let chunks = self.runs.iter().flat_map(|run| &run.chunks);
        let sources: Vec<&RecordBatch> = self.memtable.batches.iter().chain(chunks).collect();
        let mut entries: Vec<Entry> = self.memtable.entries(0).collect();
        let mut first_source = self.memtable.batches.len();
        for run in self.runs.iter() {
            entries.extend(run.entries(first_source as u32));
            first_source += run.chunks.len();
        }
        let left = match entries.is_empty() {
            true => None,
            false => Some(Run::build(&self.schema, &sources, entries)?).filter(|run| run.len() > 0),
        };
        self.runs = Arc::new(left.into_iter().map(Arc::new).collect());
        self.memtable = Memtable::new();
        Ok(())
    }

    /// Turns the memtable into a run.
    fn freeze(&mut self) -> Result<()> {
        let sources: Vec<&RecordBatch> = self.memtable.batches.iter().collect();
        let run = Run::build(&self.schema, &sources, self.memtable.entries(0).collect())?;
        let mut runs = self.runs.as_ref().clone();
        if run.len() > 0 {
            runs.push(Arc::new(run));
        }
        self.runs = Arc::new(merge_runs(&self.schema, runs)?);
        self.memtable = Memtable::new();
        Ok(())
    }
}

impl Version {
    /// All rows; a row and its negation may both be there, unmerged.
    pub fn deltas(&self) -> Vec<Delta> {
        let chunk = |run: &Arc<Run>, number: usize| {
            let rows = run.chunks[number].clone();
            let first = number * CHUNK_ROWS;
            let weights: Int64Array = (first..first + rows.num_rows()).map(|row| run.weight(row)).collect();
            if weights.values().iter().all(|w| *w == 1) { Delta::insert(rows) } else { Delta::weighted(rows, weights) }
        };
        self.runs.iter().flat_map(|run| (0..run.chunks.len()).map(move |number| chunk(run, number))).collect()
    }

    /// The rows' schema.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }
}

/// Keeps at most [`RUNS_MAX`] runs: if there are more, the newest are merged into one, from the end as far as each
/// further run is not more than twice as long as all after it, so that a row is copied a logarithmic number of times.
fn merge_runs(schema: &SchemaRef, mut runs: Vec<Arc<Run>>) -> Result<Vec<Arc<Run>>> {
    if runs.len() <= RUNS_MAX {
        return Ok(runs);
    }
    let mut first = runs.len() - 2;
    let mut rows: usize = runs[first..].iter().map(|run| run.len()).sum();
    while first > 0 && runs[first - 1].len() <= 2 * rows {
        first -= 1;
        rows += runs[first].len();
    }
    let mut sources: Vec<&RecordBatch> = Vec::new();
    let mut entries: Vec<Entry> = Vec::with_capacity(rows);
    for run in &runs[first..] {
        entries.extend(run.entries(sources.len() as u32));
        sources.extend(&run.chunks);
    }
    let merged = Run::build(schema, &sources, entries)?;
    runs.truncate(first);
    if merged.len() > 0 {
        runs.push(Arc::new(merged));
    }
    Ok(runs)
}

//! Immutable runs: rows sorted by the hash of their key, with a radix directory.

use std::ops::Range;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::compute::interleave;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

use crate::canonical::rows_equal;
use crate::error::Result;
use crate::flow::delta::{add_weights, arrow_error, batch};
use crate::flow::hash::hash_columns;

/// Rows per chunk: small enough that the text of a chunk stays below Arrow's 2 GiB for rows of up to 128 KiB.
pub(super) const CHUNK_ROWS: usize = 16_384;
/// Rows per directory entry, on average.
const ROWS_PER_ENTRY: usize = 8;

/// A row of some batches, with the hash of its key and its weight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) hash: u64,
    pub(super) source: u32,
    pub(super) row: u32,
    pub(super) weight: i64,
}

/// Rows sorted by hash. Row r is row r % [`CHUNK_ROWS`] of chunk r / [`CHUNK_ROWS`].
#[derive(Debug)]
pub(super) struct Run {
    pub(super) chunks: Vec<RecordBatch>,
    hashes: Vec<u64>,
    /// `None`: +1 for all.
    weights: Option<Vec<i64>>,
    directory: Directory,
}

impl Run {
    /// Sorts `entries`, rows of `sources`, by hash and adds the weights of equal rows if some are negative. Entries
    /// that are a sequence of sorted stretches are merged in linear time (the standard stable sort finds them).
    pub(super) fn build(schema: &SchemaRef, sources: &[&RecordBatch], mut entries: Vec<Entry>) -> Result<Run> {
        entries.sort_by_key(|entry| entry.hash);
        if entries.iter().any(|entry| entry.weight < 0) {
            entries = cancel(sources, entries)?;
        }
        let mut chunks = Vec::with_capacity(entries.len().div_ceil(CHUNK_ROWS));
        for part in entries.chunks(CHUNK_ROWS) {
            let positions: Vec<(u32, u32)> = part.iter().map(|entry| (entry.source, entry.row)).collect();
            chunks.push(batch(schema, gather(sources, &positions, 0..schema.fields().len())?, part.len())?);
        }
        let hashes: Vec<u64> = entries.iter().map(|entry| entry.hash).collect();
        let weighted = entries.iter().any(|entry| entry.weight != 1);
        let weights = weighted.then(|| entries.iter().map(|entry| entry.weight).collect());
        Ok(Run { chunks, directory: Directory::new(&hashes), hashes, weights })
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// The rows whose key has this hash.
    pub(super) fn find(&self, hash: u64) -> Range<usize> {
        let range = self.directory.lookup(hash);
        let hashes = &self.hashes[range.clone()];
        let before = |stored: &u64| *stored < hash;
        let skip = if hashes.len() > 32 {
            hashes.partition_point(before)
        } else {
            hashes.iter().take_while(|h| before(h)).count()
        };
        let found = hashes[skip..].iter().take_while(|stored| **stored == hash).count();
        range.start + skip..range.start + skip + found
    }

    /// Weight of a row.
    pub(super) fn weight(&self, row: usize) -> i64 {
        self.weights.as_ref().map_or(1, |weights| weights[row])
    }

    /// All rows, sorted, with `first_source` as the number of the first chunk.
    pub(super) fn entries(&self, first_source: u32) -> impl Iterator<Item = Entry> + '_ {
        self.hashes.iter().enumerate().map(move |(row, hash)| Entry {
            hash: *hash,
            source: first_source + (row / CHUNK_ROWS) as u32,
            row: (row % CHUNK_ROWS) as u32,
            weight: self.weight(row),
        })
    }

    /// Memory held, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let rows: usize = self.chunks.iter().map(RecordBatch::get_array_memory_size).sum();
        let weights = self.weights.as_ref().map_or(0, |weights| weights.len() * size_of::<i64>());
        rows + weights + self.hashes.len() * size_of::<u64>() + self.directory.starts.len() * size_of::<u32>()
    }
}

/// Columns made of rows (source, row) of `sources`. Only sources that occur are handed to Arrow, which looks at each
/// one.
pub(super) fn gather(
    sources: &[&RecordBatch],
    positions: &[(u32, u32)],
    columns: impl IntoIterator<Item = usize>,
) -> Result<Vec<ArrayRef>> {
    const UNUSED: u32 = u32::MAX;
    let mut renumbered = vec![UNUSED; sources.len()];
    let mut used = Vec::new();
    let mut indices = Vec::with_capacity(positions.len());
    for (source, row) in positions {
        let number = &mut renumbered[*source as usize];
        if *number == UNUSED {
            *number = used.len() as u32;
            used.push(sources[*source as usize]);
        }
        indices.push((*number as usize, *row as usize));
    }
    let column = |column: usize| {
        let arrays: Vec<&dyn Array> = used.iter().map(|source| source.column(column).as_ref()).collect();
        interleave(&arrays, &indices).map_err(arrow_error)
    };
    columns.into_iter().map(column).collect()
}

/// Adds the weights of equal rows among neighbours of equal hash and leaves out zeros.
fn cancel(sources: &[&RecordBatch], entries: Vec<Entry>) -> Result<Vec<Entry>> {
    let row_hashes: Vec<Vec<u64>> =
        sources.iter().map(|source| hash_columns(source.columns(), source.num_rows())).collect();
    let row_hash = |entry: &Entry| row_hashes[entry.source as usize][entry.row as usize];
    let equal = |a: &Entry, b: &Entry| {
        rows_equal(sources[a.source as usize], a.row as usize, sources[b.source as usize], b.row as usize)
    };
    let mut kept = Vec::with_capacity(entries.len());
    let mut group: Vec<Entry> = Vec::new();
    for same_key in entries.chunk_by(|a, b| a.hash == b.hash) {
        if let [only] = same_key {
            kept.push(*only);
            continue;
        }
        group.clear();
        group.extend_from_slice(same_key);
        group.sort_by_key(row_hash);
        for same_hash in group.chunk_by(|a, b| row_hash(a) == row_hash(b)) {
            let first = kept.len();
            for entry in same_hash {
                match kept[first..].iter_mut().find(|other: &&mut Entry| equal(other, entry)) {
                    Some(other) => other.weight = add_weights(other.weight, entry.weight)?,
                    None => kept.push(*entry),
                }
            }
        }
    }
    kept.retain(|entry| entry.weight != 0);
    Ok(kept)
}

/// Where the rows of a hash are: the range of hashes that occur is cut into equal parts, about one per
/// [`ROWS_PER_ENTRY`] rows.
#[derive(Debug)]
struct Directory {
    lowest: u64,
    shift: u32,
    /// First row of each part, and the number of rows at the end.
    starts: Vec<u32>,
}

impl Directory {
    fn new(hashes: &[u64]) -> Directory {
        let (Some(lowest), Some(highest)) = (hashes.first().copied(), hashes.last().copied()) else {
            return Directory { lowest: 0, shift: 63, starts: vec![0] };
        };
        let parts = (hashes.len() / ROWS_PER_ENTRY).max(1) as u64;
        let width = highest - lowest;
        let mut shift = 0;
        while shift < 63 && width >> shift >= parts {
            shift += 1;
        }
        let parts = (width >> shift) as usize + 1;
        let mut starts = Vec::with_capacity(parts + 1);
        for (row, hash) in hashes.iter().enumerate() {
            let part = ((hash - lowest) >> shift) as usize;
            // A run has fewer than 2³² rows: groups and rows of one worker are numbered with 32 bits.
            starts.resize(starts.len().max(part + 1), row as u32);
        }
        starts.push(hashes.len() as u32);
        Directory { lowest, shift, starts }
    }

    /// The rows among which those of `hash` are.
    fn lookup(&self, hash: u64) -> Range<usize> {
        let Some(distance) = hash.checked_sub(self.lowest) else { return 0..0 };
        let part = (distance >> self.shift) as usize;
        match self.starts.get(part..).unwrap_or_default() {
            [start, end, ..] => *start as usize..*end as usize,
            _ => 0..0,
        }
    }
}

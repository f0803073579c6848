//! The mutable head of a state: recent rows as they came, chained by the hash of their key.

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Slot;

use super::run::{Entry, gather};
use crate::canonical::rows_equal;
use crate::error::Result;
use crate::flow::Delta;
use crate::flow::delta::{add_weights, batch};
use crate::flow::hash::hash_columns;

/// End of a chain.
const NONE: u32 = u32::MAX;
/// Batches that are kept apart before they are copied into one.
const BATCHES_MAX: usize = 64;

/// Rows by hash. A delete that finds its insert here cancels it in place, so that a row that changes in every tick
/// takes no room.
pub(super) struct Memtable {
    pub(super) batches: Vec<RecordBatch>,
    rows: Vec<Row>,
    /// Head of the chain of rows whose keys have one hash.
    heads: HashTable<u32>,
    /// Rows that came with weights, by hash of the whole row.
    identity: HashTable<u32>,
    /// Rows of weight 0: in no chain and not in `identity`.
    dead: usize,
    /// Bytes of the rows in `batches`, of dead ones too.
    bytes: usize,
}

struct Row {
    entry: Entry,
    /// Hash of the whole row, for rows in `identity`.
    row_hash: Option<u64>,
    /// Neighbours in the chain of the key's hash.
    next: u32,
    previous: u32,
}

impl Memtable {
    pub(super) fn new() -> Memtable {
        let (heads, identity) = (HashTable::new(), HashTable::new());
        Memtable { batches: Vec::new(), rows: Vec::new(), heads, identity, dead: 0, bytes: 0 }
    }

    /// Number of rows, cancelled ones included until they are swept.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Adds rows; `hashes` are those of their keys.
    pub(super) fn apply(&mut self, schema: &SchemaRef, delta: &Delta, hashes: &[u64]) -> Result<()> {
        let source = self.batches.len() as u32;
        self.batches.push(delta.rows.clone());
        self.bytes += rows_bytes(&delta.rows);
        match delta.weight_values() {
            None => {
                for (row, hash) in hashes.iter().enumerate() {
                    self.push(Entry { hash: *hash, source, row: row as u32, weight: 1 }, None);
                }
            }
            Some(weights) => {
                let row_hashes = hash_columns(delta.rows.columns(), hashes.len());
                for (row, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight != 0) {
                    let entry = Entry { hash: hashes[row], source, row: row as u32, weight: *weight };
                    self.add(entry, row_hashes[row])?;
                }
            }
        }
        if self.batches.len() > BATCHES_MAX || self.dead > BATCHES_MAX + self.rows.len() / 2 {
            self.sweep(schema)?;
        }
        Ok(())
    }

    /// Calls `found` with every live row whose key has this hash.
    pub(super) fn find(&self, hash: u64, mut found: impl FnMut(&Entry)) {
        let mut at =
            self.heads.find(hash, |head| self.rows[*head as usize].entry.hash == hash).map_or(NONE, |head| *head);
        while at != NONE {
            let row = &self.rows[at as usize];
            found(&row.entry);
            at = row.next;
        }
    }

    /// The live rows, with `first_source` as the number of the first batch.
    pub(super) fn entries(&self, first_source: u32) -> impl Iterator<Item = Entry> + '_ {
        let live = self.rows.iter().map(|row| row.entry).filter(|entry| entry.weight != 0);
        live.map(move |entry| Entry { source: entry.source + first_source, ..entry })
    }

    /// Bytes of the rows held.
    pub(super) fn rows_bytes(&self) -> usize {
        self.bytes
    }

    /// Memory held, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let tables = self.heads.allocation_size() + self.identity.allocation_size();
        self.bytes + tables + self.rows.capacity() * size_of::<Row>()
    }

    /// Adds a weight to the equal row if there is one, else the row.
    fn add(&mut self, entry: Entry, row_hash: u64) -> Result<()> {
        let (rows, batches) = (&self.rows, &self.batches);
        let equal = |at: &u32| {
            let other = &rows[*at as usize];
            let (mine, theirs) = (&batches[entry.source as usize], &batches[other.entry.source as usize]);
            other.row_hash == Some(row_hash) && rows_equal(theirs, other.entry.row as usize, mine, entry.row as usize)
        };
        let Ok(found) = self.identity.find_entry(row_hash, equal) else {
            self.push(entry, Some(row_hash));
            return Ok(());
        };
        let at = *found.get();
        let stored = &mut self.rows[at as usize].entry;
        stored.weight = add_weights(stored.weight, entry.weight)?;
        if stored.weight == 0 {
            found.remove();
            self.dead += 1;
            self.unlink(at);
        }
        Ok(())
    }

    fn push(&mut self, entry: Entry, row_hash: Option<u64>) {
        let at = self.rows.len() as u32;
        let rows = &self.rows;
        let same = |head: &u32| rows[*head as usize].entry.hash == entry.hash;
        let next = match self.heads.entry(entry.hash, same, |head| rows[*head as usize].entry.hash) {
            Slot::Occupied(mut head) => std::mem::replace(head.get_mut(), at),
            Slot::Vacant(slot) => {
                slot.insert(at);
                NONE
            }
        };
        if next != NONE {
            self.rows[next as usize].previous = at;
        }
        self.rows.push(Row { entry, row_hash, next, previous: NONE });
        if let Some(row_hash) = row_hash {
            let rows = &self.rows;
            self.identity.insert_unique(row_hash, at, |at| rows[*at as usize].row_hash.unwrap_or_default());
        }
    }

    /// Takes a row out of its chain.
    fn unlink(&mut self, at: u32) {
        let Row { entry, next, previous, .. } = self.rows[at as usize];
        if next != NONE {
            self.rows[next as usize].previous = previous;
        }
        if previous != NONE {
            self.rows[previous as usize].next = next;
        } else if let Ok(mut head) = self.heads.find_entry(entry.hash, |head| *head == at) {
            if next == NONE {
                head.remove();
            } else {
                *head.get_mut() = next;
            }
        }
    }

    /// Copies the live rows into one batch and forgets the rest.
    fn sweep(&mut self, schema: &SchemaRef) -> Result<()> {
        let sources: Vec<&RecordBatch> = self.batches.iter().collect();
        let live: Vec<&Row> = self.rows.iter().filter(|row| row.entry.weight != 0).collect();
        let positions: Vec<(u32, u32)> = live.iter().map(|row| (row.entry.source, row.entry.row)).collect();
        let mut swept = Memtable::new();
        if !live.is_empty() {
            let rows = batch(schema, gather(&sources, &positions, 0..schema.fields().len())?, live.len())?;
            swept.bytes = rows_bytes(&rows);
            swept.batches.push(rows);
        }
        for (row, old) in live.iter().enumerate() {
            swept.push(Entry { source: 0, row: row as u32, ..old.entry }, old.row_hash);
        }
        *self = swept;
        Ok(())
    }
}

/// Bytes of the rows alone: a slice of a large batch counts only for itself.
fn rows_bytes(rows: &RecordBatch) -> usize {
    // Only lists of types that state refuses have no known size.
    rows.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or_default()).sum()
}

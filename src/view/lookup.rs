//! Rows of a [`Bag`] by value or identity, and what an uncommitted [`Overlay`] makes of them.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::Int64Array;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

use super::changes::{Key, KeyMap, Keys, gather};
use super::contents::{Bag, Chunk, Place};
use super::index::{Index, IndexKeys};
use super::overlay::Overlay;
use crate::catalog::RelationId;
use crate::error::Result;
use crate::flow::Delta;

impl Bag {
    /// Empty, with indexes.
    pub(super) fn with_indexes(by_value: Vec<Index>) -> Bag {
        let mut bag = Bag::default();
        bag.by_value = by_value;
        bag
    }

    /// Adds an index over the rows that are there.
    pub(super) fn add_index(&mut self, keys: &Keys, index: Arc<IndexKeys>) -> Result<()> {
        let mut by_value = Index::new(index);
        for chunk in self.chunks.iter().flatten() {
            let values = by_value.keys.of(&chunk.rows)?;
            let rows = keys.of(&chunk.rows)?;
            for (row, weight) in chunk.weights.iter().enumerate() {
                if let (true, Some(value)) = (*weight != 0, values[row]) {
                    by_value.add(value, rows[row]);
                }
            }
        }
        self.by_value.push(by_value);
        Ok(())
    }

    /// Removes an index.
    pub(super) fn remove_index(&mut self, id: RelationId) {
        self.by_value.retain(|index| index.keys.id != id);
    }

    /// The index of that identity.
    pub(super) fn index(&self, id: RelationId) -> Option<&Index> {
        self.by_value.iter().find(|index| index.keys.id == id)
    }

    /// How the indexes make keys.
    pub(super) fn index_keys(&self) -> Vec<Arc<IndexKeys>> {
        self.by_value.iter().map(|index| Arc::clone(&index.keys)).collect()
    }

    /// How often a row is there.
    pub(super) fn weight(&self, row: &Key) -> i64 {
        self.place(row)
            .and_then(|place| self.chunks[place.chunk as usize].as_ref().map(|chunk| chunk.weight(place)))
            .unwrap_or(0)
    }

    /// Every row and how often it is there.
    pub(super) fn weights(&self) -> impl Iterator<Item = (Key, i64)> {
        self.index.iter().map(|(key, _)| (*key, self.weight(key)))
    }

    /// Rows that are there, each as often as it is.
    pub(super) fn visible(&self) -> Result<Vec<RecordBatch>> {
        let mut batches = Vec::new();
        for chunk in self.chunks.iter().flatten() {
            batches.extend(chunk.visible()?.iter().cloned());
        }
        Ok(batches)
    }

    /// All rows with their weights.
    pub(super) fn deltas(&self, schema: &SchemaRef) -> Result<Vec<Delta>> {
        let mut deltas = Vec::new();
        for chunk in self.chunks.iter().flatten().filter(|chunk| chunk.occupied > 0) {
            let left: Vec<usize> = (0..chunk.weights.len()).filter(|row| chunk.weights[*row] != 0).collect();
            let weights: Int64Array = left.iter().map(|row| Some(chunk.weights[*row])).collect();
            let places: Vec<(usize, usize)> = left.into_iter().map(|row| (0, row)).collect();
            deltas.push(Delta::weighted(gather(schema, &[&chunk.rows], &places)?, weights));
        }
        Ok(deltas)
    }

    /// The rows with one of `values`, without those that the overlay takes away and with those that it adds. The index may be gone:
    /// then all rows.
    pub(super) fn find(
        &self,
        schema: &SchemaRef,
        index: RelationId,
        values: &[Key],
        overlay: Option<&Overlay>,
    ) -> Result<Option<RecordBatch>> {
        let Some(by_value) = self.index(index) else { return Ok(None) };
        let mut rows = Rows::default();
        for value in values {
            for key in by_value.rows(value) {
                let weight = self.weight(&key) + overlay.map_or(0, |overlay| overlay.bag.weight(&key));
                rows.take(self, &key, weight);
            }
            let Some(overlay) = overlay else { continue };
            let added = overlay.bag.index(index).map(|index| index.rows(value)).unwrap_or_default();
            for key in added.iter().filter(|key| self.place(key).is_none()) {
                rows.take(&overlay.bag, key, overlay.bag.weight(key));
            }
        }
        rows.gather(schema).map(Some)
    }

    /// The chunks, those of which the overlay takes rows away copied.
    pub(super) fn chunks_without(&self, removed: &KeyMap<i64>) -> Vec<Arc<Chunk>> {
        let mut chunks: Vec<Option<Arc<Chunk>>> = self.chunks.clone();
        for (key, times) in removed {
            if let Some(place) = self.place(key)
                && let Some(chunk) = &mut chunks[place.chunk as usize]
            {
                Arc::make_mut(chunk).add(place.row, -times);
            }
        }
        chunks.into_iter().flatten().collect()
    }

    fn place(&self, row: &Key) -> Option<Place> {
        self.index.find(row[0], |(other, _)| other == row).map(|(_, place)| *place)
    }
}

impl Chunk {
    fn weight(&self, place: Place) -> i64 {
        self.weights[place.row as usize]
    }
}

/// Rows of several chunks on their way into one batch.
#[derive(Default)]
struct Rows<'a> {
    batches: Vec<&'a RecordBatch>,
    /// Batches by their address.
    known: HashMap<*const RecordBatch, usize>,
    places: Vec<(usize, usize)>,
}

impl<'a> Rows<'a> {
    fn take(&mut self, bag: &'a Bag, key: &Key, times: i64) {
        let Some(place) = bag.place(key) else { return };
        let Some(chunk) = &bag.chunks[place.chunk as usize] else { return };
        let batch = *self.known.entry(&raw const chunk.rows).or_insert_with(|| {
            self.batches.push(&chunk.rows);
            self.batches.len() - 1
        });
        for _ in 0..times.max(0) {
            self.places.push((batch, place.row as usize));
        }
    }

    fn gather(self, schema: &SchemaRef) -> Result<RecordBatch> {
        if self.places.is_empty() {
            return Ok(RecordBatch::new_empty(Arc::clone(schema)));
        }
        gather(schema, &self.batches, &self.places)
    }
}

//! The first rows of each partition: ORDER BY … LIMIT … OFFSET, and `row_number() OVER (PARTITION BY … ORDER BY …)`.
//!
//! `ORDER BY x LIMIT 2`:
//!
//! | tick | input | output |
//! |---|---|---|
//! | 1 | +(5) +(3) +(9) | +(3) +(5) |
//! | 2 | +(4) | −(5) +(4) |
//! | 3 | −(3) | −(3) +(5) |
//!
//! With `rank()` or `dense_rank()` in place of `row_number()` peers come out together: `FETCH FIRST … WITH TIES` is a rank.
//!
//! Each partition is a sorted map from the encoded row (order columns first, in the order wanted, then the others to
//! break ties) to its weight. If rows never leave, only those that can come out are kept (with `dense_rank()` all are).

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array};
use datafusion::arrow::datatypes::{DataType, SchemaRef};

use super::ordered::{Encoding, Key};
use crate::compile::plan::{Ranking, SortColumn};
use crate::error::{Error, Result};
use crate::flow::delta::{add_weights, batch};
use crate::flow::state::GroupIndex;
use crate::flow::{Delta, Operator, Output, Step, Tick};

/// Rows per output batch at most.
const BATCH_ROWS: usize = 16_384;

/// See the [module](self).
pub struct TopK {
    partition: Vec<usize>,
    /// Rows before the first that comes out.
    offset: i64,
    /// Rows up to the last that comes out; `None` for all.
    end: Option<i64>,
    ranking: Ranking,
    row_number: bool,
    append_only: bool,
    schema: SchemaRef,
    encoding: Encoding,
    index: GroupIndex,
    partitions: Vec<Partition>,
    /// Entries of all partitions.
    entries: u64,
}

#[derive(Default)]
struct Partition {
    rows: BTreeMap<Key, i64>,
    /// Sum of the weights.
    total: i64,
}

/// A row that comes out: encoding, row number (0 if that is not asked for), weight.
type Entry = (Key, i64, i64);

impl TopK {
    /// Rows `offset` to `offset + limit` of each partition in `order`, ties broken by the whole row; `row_number`
    /// appends the number of the row in its partition, from 1, counted before `offset`. Input is partitioned by the
    /// hash of the columns `partition` (none: all to worker 0). `append_only`: the input never retracts.
    #[allow(clippy::too_many_arguments, reason = "the parts of the plan's node")]
    pub fn new(
        input: SchemaRef,
        partition: Vec<usize>,
        order: Vec<SortColumn>,
        limit: Option<u64>,
        offset: u64,
        row_number: bool,
        schema: SchemaRef,
        append_only: bool,
    ) -> Result<TopK> {
        let types: Vec<DataType> = input.fields().iter().map(|field| field.data_type().clone()).collect();
        let encoding = Encoding::new(&types, &order, "ORDER BY … LIMIT")?;
        let keys: Vec<DataType> = partition.iter().map(|column| types[*column].clone()).collect();
        let index = GroupIndex::new(&keys, "PARTITION BY")?;
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        let end = limit.map(|limit| offset.saturating_add(i64::try_from(limit).unwrap_or(i64::MAX)));
        let (ranking, partitions) = (Ranking::RowNumber, Vec::new());
        Ok(TopK {
            partition,
            offset,
            end,
            ranking,
            row_number,
            append_only,
            schema,
            encoding,
            index,
            partitions,
            entries: 0,
        })
    }

    /// The same by another number than the row's.
    pub fn ranked(self, ranking: Ranking) -> TopK {
        TopK { ranking, ..self }
    }

    /// The rows of a partition that come out, in order.
    fn head(&self, partition: &Partition) -> Vec<Entry> {
        let end = self.end.unwrap_or(i64::MAX);
        if self.ranking != Ranking::RowNumber {
            return self.ranked_head(partition, end);
        }
        let mut head = Vec::new();
        let mut position = 0_i64;
        for (row, weight) in partition.rows.iter().filter(|(_, weight)| **weight > 0) {
            let (first, last) = (position.max(self.offset), position.saturating_add(*weight).min(end));
            position = position.saturating_add(*weight);
            if self.row_number {
                head.extend((first..last).map(|number| (row.clone(), number + 1, 1)));
            } else if first < last {
                head.push((row.clone(), 0, last - first));
            }
            if position >= end {
                break;
            }
        }
        head
    }

    /// As [`TopK::head`], by the number that peers share.
    fn ranked_head(&self, partition: &Partition, end: i64) -> Vec<Entry> {
        let mut head = Vec::new();
        let (mut position, mut number) = (0_i64, 0_i64);
        let mut last: Option<&Key> = None;
        for (row, weight) in partition.rows.iter().filter(|(_, weight)| **weight > 0) {
            if last.is_none_or(|last| !last.is_peer(row)) {
                number = if self.ranking == Ranking::Rank { position + 1 } else { number + 1 };
            }
            if number > end {
                break;
            }
            if number > self.offset {
                head.push((row.clone(), if self.row_number { number } else { 0 }, *weight));
            }
            position = position.saturating_add(*weight);
            last = Some(row);
        }
        head
    }

    /// How many rows of a partition are kept; `None` for all.
    fn keep(&self) -> Option<i64> {
        self.end.filter(|_| self.append_only && self.ranking != Ranking::DenseRank)
    }

    /// Puts changes into output batches.
    fn emit(&self, changes: &[Entry], out: &mut Output) -> Result<()> {
        for part in changes.chunks(BATCH_ROWS) {
            let mut columns = self.encoding.decode(part.iter().map(|(row, ..)| row))?;
            if self.row_number {
                columns.push(Arc::new(part.iter().map(|(_, number, _)| *number).collect::<Int64Array>()));
            }
            let rows = batch(&self.schema, columns, part.len())?;
            let weights: Vec<i64> = part.iter().map(|(.., weight)| *weight).collect();
            let inserts = weights.iter().all(|weight| *weight == 1);
            out.rows.push(if inserts { Delta::insert(rows) } else { Delta::weighted(rows, weights.into()) });
        }
        Ok(())
    }
}

impl Partition {
    /// Whether a row would stand beyond position `keep`, where rows are not kept; with `ties`, the peers of the last one are.
    fn excludes(&self, row: &[u8], key: usize, keep: Option<i64>, ties: bool) -> bool {
        let last = self.rows.last_key_value().map(|(last, _)| last);
        let behind = |last: &Key| {
            if ties { row[..key] > *last.order() } else { row >= last.bytes() }
        };
        keep.is_some_and(|keep| self.total >= keep) && last.is_some_and(behind)
    }

    /// Adds a row `weight` times.
    fn add(&mut self, row: &[u8], key: usize, weight: i64) -> Result<()> {
        self.total = add_weights(self.total, weight)?;
        match self.rows.get_mut(row) {
            Some(sum) => {
                *sum = add_weights(*sum, weight)?;
                if *sum == 0 {
                    self.rows.remove(row);
                }
            }
            None if weight != 0 => {
                self.rows.insert(Key::new(row, key), weight);
            }
            None => {}
        }
        Ok(())
    }

    /// Forgets rows beyond position `keep`.
    fn cut(&mut self, keep: i64, ties: bool) {
        while self.total > keep && self.last_weight(ties) <= self.total - keep {
            let last = self.rows.last_key_value().map(|(last, _)| last.clone());
            while let (Some(last), Some(entry)) = (&last, self.rows.last_entry())
                && (entry.key() == last || ties && entry.key().is_peer(last))
            {
                self.total -= entry.remove();
            }
        }
    }

    /// How often the last row is there, or with `ties` the last row and its peers.
    fn last_weight(&self, ties: bool) -> i64 {
        let last = self.rows.last_key_value().map(|(last, _)| last);
        let same = |row: &Key| last.is_some_and(|last| row == last || ties && row.is_peer(last));
        self.rows.iter().rev().take_while(|(row, _)| same(row)).map(|(_, weight)| *weight).sum()
    }
}

impl Operator for TopK {
    fn step(&mut self, _: &Tick, inputs: &mut [Vec<Delta>], out: &mut Output) -> Result<Step> {
        let [input] = inputs else { return Err(Error::internal("a top-k has one input")) };
        let (keep, ties) = (self.keep(), self.ranking != Ranking::RowNumber);
        let mut before: BTreeMap<u32, Vec<Entry>> = BTreeMap::new();
        for delta in std::mem::take(input) {
            let columns: Vec<ArrayRef> = self.partition.iter().map(|key| delta.rows.column(*key).clone()).collect();
            let groups = self.index.locate(&columns, delta.rows.num_rows())?;
            self.partitions.resize_with(self.index.capacity(), Partition::default);
            let rows = self.encoding.encode(delta.rows.columns())?;
            let mut bytes = Vec::new();
            for (row, group) in groups.iter().enumerate() {
                let (at, key) = (*group as usize, rows.write(row, &mut bytes));
                if self.partitions[at].excludes(&bytes, key, keep, ties) {
                    continue;
                }
                if !before.contains_key(group) {
                    before.insert(*group, self.head(&self.partitions[at]));
                    self.entries -= self.partitions[at].rows.len() as u64;
                }
                self.partitions[at].add(&bytes, key, delta.weight(row))?;
                if let Some(keep) = keep.filter(|_| !ties) {
                    self.partitions[at].cut(keep, ties);
                }
            }
        }
        let mut changes = Vec::new();
        for (group, old) in before {
            let partition = &mut self.partitions[group as usize];
            // Peers are looked at once per tick.
            if let Some(keep) = keep.filter(|_| ties) {
                partition.cut(keep, ties);
            }
            let partition = &self.partitions[group as usize];
            difference(&old, &self.head(partition), &mut changes);
            self.entries += partition.rows.len() as u64;
            if partition.rows.is_empty() {
                self.index.remove(group);
            }
        }
        self.emit(&changes, out)?;
        Ok(Step::Done)
    }

    fn bytes(&self) -> usize {
        let row = |row: &Key| row.bytes().len() + 2 * size_of::<usize>() + 3 * size_of::<Entry>() / 2;
        let rows: usize = self.partitions.iter().flat_map(|partition| partition.rows.keys()).map(row).sum();
        self.index.bytes() + self.partitions.capacity() * size_of::<Partition>() + rows
    }

    fn state_rows(&self) -> u64 {
        self.entries
    }
}

/// Appends new − old; both are sorted by row and number, and neither has a pair of them twice.
fn difference(old: &[Entry], new: &[Entry], changes: &mut Vec<Entry>) {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(o), Some(n)) => (&o.0, o.1).cmp(&(&n.0, n.1)),
        };
        let removed = if order.is_le() { old.next() } else { None };
        let added = if order.is_ge() { new.next() } else { None };
        let weight = added.map_or(0, |entry| entry.2) - removed.map_or(0, |entry| entry.2);
        if let (Some((row, number, _)), true) = (removed.or(added), weight != 0) {
            changes.push((row.clone(), *number, weight));
        }
    }
}

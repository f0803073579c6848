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
//! Each partition is a sorted map from the encoded row (order columns first, in the order wanted, then the others to
//! break ties) to its weight. If rows never leave, only those that can come out are kept.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::row::{RowConverter, Rows, SortField};

use crate::compile::plan::SortColumn;
use crate::error::{Error, Result};
use crate::flow::canonical::{Equality, canonical_key, canonical_row, require_supported};
use crate::flow::delta::{add_weights, arrow_error, batch};
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
    row_number: bool,
    append_only: bool,
    schema: SchemaRef,
    encoding: Encoding,
    index: GroupIndex,
    partitions: Vec<Partition>,
}

#[derive(Default)]
struct Partition {
    rows: BTreeMap<Arc<[u8]>, i64>,
    /// Sum of the weights.
    total: i64,
}

/// Rows as bytes that compare as the rows do, and back.
struct Encoding {
    converter: RowConverter,
    /// The columns in the order in which they are compared: first as keys, then, to bring them back as they were, those
    /// whose keys do not tell equal values apart.
    columns: Vec<(usize, Equality)>,
    /// Where among `columns` each output column is.
    positions: Vec<usize>,
}

/// A row that comes out: encoding, row number (0 if that is not asked for), weight.
type Entry = (Arc<[u8]>, i64, i64);

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
        require_supported(&types, "ORDER BY … LIMIT")?;
        let encoding = Encoding::new(&types, &order)?;
        let keys: Vec<DataType> = partition.iter().map(|column| types[*column].clone()).collect();
        let index = GroupIndex::new(&keys, "PARTITION BY")?;
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        let end = limit.map(|limit| offset.saturating_add(i64::try_from(limit).unwrap_or(i64::MAX)));
        Ok(TopK { partition, offset, end, row_number, append_only, schema, encoding, index, partitions: Vec::new() })
    }

    /// The rows of a partition that come out, in order.
    fn head(&self, partition: &Partition) -> Vec<Entry> {
        let end = self.end.unwrap_or(i64::MAX);
        let mut head = Vec::new();
        let mut position = 0_i64;
        for (row, weight) in partition.rows.iter().filter(|(_, weight)| **weight > 0) {
            let (first, last) = (position.max(self.offset), position.saturating_add(*weight).min(end));
            position = position.saturating_add(*weight);
            if self.row_number {
                head.extend((first..last).map(|number| (Arc::clone(row), number + 1, 1)));
            } else if first < last {
                head.push((Arc::clone(row), 0, last - first));
            }
            if position >= end {
                break;
            }
        }
        head
    }

    /// Puts changes into output batches.
    fn emit(&self, changes: &[Entry], out: &mut Output) -> Result<()> {
        for part in changes.chunks(BATCH_ROWS) {
            let mut columns = self.encoding.decode(part.iter().map(|(row, ..)| row.as_ref()))?;
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

impl Encoding {
    fn new(types: &[DataType], order: &[SortColumn]) -> Result<Encoding> {
        let mut columns: Vec<(usize, Equality)> = Vec::new();
        let mut fields = Vec::new();
        let ties = (0..types.len()).map(|column| SortColumn { column, descending: false, nulls_first: true });
        for SortColumn { column, descending, nulls_first } in order.iter().copied().chain(ties) {
            if columns.iter().all(|(other, _)| *other != column) {
                columns.push((column, Equality::Key));
                fields
                    .push(SortField::new_with_options(types[column].clone(), SortOptions { descending, nulls_first }));
            }
        }
        for (column, data_type) in types.iter().enumerate().filter(|(_, data_type)| has_intervals(data_type)) {
            columns.push((column, Equality::Row));
            fields.push(SortField::new(data_type.clone()));
        }
        let last = |column: usize| columns.iter().rposition(|(other, _)| *other == column);
        // Every column is there: the ties are all columns.
        let positions = (0..types.len()).filter_map(last).collect();
        Ok(Encoding { converter: RowConverter::new(fields).map_err(arrow_error)?, columns, positions })
    }

    fn encode(&self, columns: &[ArrayRef]) -> Result<Rows> {
        let canonical = |(column, equality): &(usize, Equality)| match equality {
            Equality::Key => canonical_key(&columns[*column]),
            Equality::Row => canonical_row(&columns[*column]),
        };
        let columns: Vec<ArrayRef> = self.columns.iter().map(canonical).collect();
        self.converter.convert_columns(&columns).map_err(arrow_error)
    }

    fn decode<'a>(&'a self, rows: impl Iterator<Item = &'a [u8]>) -> Result<Vec<ArrayRef>> {
        let parser = self.converter.parser();
        let columns = self.converter.convert_rows(rows.map(|row| parser.parse(row))).map_err(arrow_error)?;
        Ok(self.positions.iter().map(|position| columns[*position].clone()).collect())
    }
}

/// Whether equal keys of the type may be different rows.
fn has_intervals(data_type: &DataType) -> bool {
    match data_type {
        DataType::Interval(_) => true,
        DataType::List(item) => has_intervals(item.data_type()),
        _ => false,
    }
}

impl Partition {
    /// Whether a row would stand beyond position `keep`, where rows are not kept.
    fn excludes(&self, row: &[u8], keep: Option<i64>) -> bool {
        let last = self.rows.last_key_value().map(|(last, _)| last);
        keep.is_some_and(|keep| self.total >= keep) && last.is_some_and(|last| *row >= **last)
    }

    /// Adds a row `weight` times; rows beyond position `keep` are not kept.
    fn add(&mut self, row: &[u8], weight: i64, keep: Option<i64>) -> Result<()> {
        self.total = add_weights(self.total, weight)?;
        match self.rows.get_mut(row) {
            Some(sum) => {
                *sum = add_weights(*sum, weight)?;
                if *sum == 0 {
                    self.rows.remove(row);
                }
            }
            None if weight != 0 => {
                self.rows.insert(row.into(), weight);
            }
            None => {}
        }
        while let (Some(keep), Some(last)) = (keep, self.rows.last_entry())
            && self.total - *last.get() >= keep
        {
            self.total -= last.remove();
        }
        Ok(())
    }
}

impl Operator for TopK {
    fn step(&mut self, _: &Tick, inputs: &mut [Vec<Delta>], out: &mut Output) -> Result<Step> {
        let [input] = inputs else { return Err(Error::internal("a top-k has one input")) };
        let keep = self.end.filter(|_| self.append_only);
        let mut before: BTreeMap<u32, Vec<Entry>> = BTreeMap::new();
        for delta in std::mem::take(input) {
            let columns: Vec<ArrayRef> = self.partition.iter().map(|key| delta.rows.column(*key).clone()).collect();
            let groups = self.index.locate(&columns, delta.rows.num_rows())?;
            self.partitions.resize_with(self.index.capacity(), Partition::default);
            let rows = self.encoding.encode(delta.rows.columns())?;
            for (row, group) in groups.iter().enumerate() {
                let (at, encoded) = (*group as usize, rows.row(row));
                if self.partitions[at].excludes(encoded.data(), keep) {
                    continue;
                }
                if !before.contains_key(group) {
                    before.insert(*group, self.head(&self.partitions[at]));
                }
                self.partitions[at].add(encoded.data(), delta.weight(row), keep)?;
            }
        }
        let mut changes = Vec::new();
        for (group, old) in before {
            let partition = &self.partitions[group as usize];
            difference(&old, &self.head(partition), &mut changes);
            if partition.rows.is_empty() {
                self.index.remove(group);
            }
        }
        self.emit(&changes, out)?;
        Ok(Step::Done)
    }

    fn bytes(&self) -> usize {
        let row = |row: &Arc<[u8]>| row.len() + 2 * size_of::<usize>() + 3 * size_of::<Entry>() / 2;
        let rows: usize = self.partitions.iter().flat_map(|partition| partition.rows.keys()).map(row).sum();
        self.index.bytes() + self.partitions.capacity() * size_of::<Partition>() + rows
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
            changes.push((Arc::clone(row), *number, weight));
        }
    }
}

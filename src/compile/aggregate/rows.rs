//! Rows kept for DataFusion until all are there. Columns are kept as they came, which costs no copy; sums, orders and distinct values
//! are made of them at the end.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, UInt32Array, new_empty_array};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::{SortOptions, concat, take};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::DataFusionError;
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::scalar::ScalarValue;

use super::slots::column;
use super::{Accumulator, Ordered, RowOrder, Values, linear};
use crate::batch::scalar;
use crate::canonical::comparable;
use crate::compile::plan::AggregateFunction;
use crate::error::{Error, Result};

/// A call: what is kept of its rows and made of them.
#[derive(Debug, Clone)]
pub(in crate::compile) struct Shape {
    pub(in crate::compile) function: AggregateFunction,
    /// The arguments that differ from row to row.
    pub(in crate::compile) fields: Vec<FieldRef>,
    /// Their places among the given ones.
    pub(in crate::compile) used: Vec<usize>,
    /// Arguments that are given; columns to order by follow them.
    pub(in crate::compile) given: usize,
    /// Types of all columns.
    pub(in crate::compile) types: Vec<DataType>,
    pub(in crate::compile) constant: Option<ScalarValue>,
    pub(in crate::compile) distinct: bool,
    pub(in crate::compile) order: Vec<SortOptions>,
    pub(in crate::compile) output: DataType,
}

impl Shape {
    /// The accumulators, if the function is a sum over its rows.
    fn sums(&self) -> Option<Result<Box<dyn Accumulator>>> {
        let types: Vec<DataType> = self.fields.iter().map(|field| field.data_type().clone()).collect();
        linear(self.function, &types, &self.output)
    }

    fn used(&self, columns: &[ArrayRef]) -> Vec<ArrayRef> {
        self.used.iter().map(|at| ArrayRef::clone(&columns[*at])).collect()
    }
}

/// The rows of many groups.
pub(in crate::compile) struct Grouped {
    shape: Shape,
    /// The group of each row, and all columns, by batch.
    batches: Vec<(Vec<u32>, Vec<ArrayRef>)>,
    groups: usize,
    /// How many of the batches were measured, and their bytes: whoever asks for the size does so after every batch.
    measured: (AtomicUsize, AtomicUsize),
}

impl Grouped {
    pub(in crate::compile) fn new(shape: Shape) -> Grouped {
        Grouped { shape, batches: Vec::new(), groups: 0, measured: Default::default() }
    }

    /// Takes out the rows of the groups that are emitted; the others are renumbered. Answers how many groups that are, too.
    fn emitted(&mut self, emit_to: EmitTo) -> PlanResult<(Grouped, usize)> {
        let EmitTo::First(count) = emit_to else {
            let shape = self.shape.clone();
            let all = std::mem::replace(self, Grouped::new(shape));
            let groups = all.groups;
            return Ok((all, groups));
        };
        let (mut out, mut kept) = (Grouped::new(self.shape.clone()), Grouped::new(self.shape.clone()));
        for (groups, columns) in std::mem::take(&mut self.batches) {
            for (part, emits) in [(&mut out, true), (&mut kept, false)] {
                let rows = (0..groups.len() as u32).filter(|row| ((groups[*row as usize] as usize) < count) == emits);
                let rows: Vec<u32> = rows.collect();
                let start = if emits { 0 } else { count as u32 };
                let numbers = rows.iter().map(|row| groups[*row as usize] - start).collect();
                part.batches.push((numbers, taken(&columns, rows)?));
            }
        }
        (out.groups, kept.groups) = (count, self.groups - count);
        *self = kept;
        Ok((out, count))
    }

    /// All rows in the order of their groups, and the rows of each group. With `sorted`, in the order of the call within.
    fn gathered(&self, sorted: bool) -> Result<(Vec<ArrayRef>, Vec<Range<usize>>)> {
        let groups: Vec<u32> = self.batches.iter().flat_map(|(groups, _)| groups.iter().copied()).collect();
        let mut columns = Vec::with_capacity(self.shape.types.len());
        for (at, data_type) in self.shape.types.iter().enumerate() {
            let parts: Vec<&dyn Array> = self.batches.iter().map(|(_, columns)| columns[at].as_ref()).collect();
            columns.push(match parts.is_empty() {
                true => new_empty_array(data_type),
                false => concat(&parts).map_err(|error| Error::internal(error.to_string()))?,
            });
        }
        let mut positions: Vec<u32> = (0..groups.len() as u32).collect();
        if sorted {
            positions = self.sorted(&columns, &groups)?;
        } else {
            positions.sort_by_key(|position| groups[*position as usize]);
        }
        let mut ranges = vec![0..0; self.groups];
        let mut start = 0;
        while start < positions.len() {
            let group = groups[positions[start] as usize];
            let length = positions[start..].iter().take_while(|at| groups[**at as usize] == group).count();
            ranges[group as usize] = start..start + length;
            start += length;
        }
        let columns = taken(&columns, positions).map_err(|error| Error::internal(error.to_string()))?;
        Ok((columns, ranges))
    }

    /// Positions of the rows by group, then in the order of the call; of equal rows one if only different ones count.
    fn sorted(&self, columns: &[ArrayRef], groups: &[u32]) -> Result<Vec<u32>> {
        let Shape { used, given, order, types, distinct, .. } = &self.shape;
        let mut keys = self.shape.used(columns);
        let mut key_types: Vec<DataType> = used.iter().map(|at| types[*at].clone()).collect();
        keys.extend(columns[*given..].iter().cloned());
        key_types.extend(types[*given..].iter().cloned());
        let order: Vec<(usize, SortOptions)> =
            order.iter().enumerate().map(|(at, options)| (used.len() + at, *options)).collect();
        let encoded = RowOrder::new(&key_types, used.len(), &order)?.encode(&keys)?;
        let rank = |position: &u32| (groups[*position as usize], encoded.row(*position as usize));
        let mut positions: Vec<u32> = (0..groups.len() as u32).collect();
        positions.sort_unstable_by(|one, other| rank(one).cmp(&rank(other)));
        if *distinct {
            // Numerics are the same whatever zeros they end with, and come one after the other.
            let (keys, fields): (Vec<ArrayRef>, Vec<SortField>) =
                keys.iter().map(|column| (comparable(column), SortField::new(column.data_type().clone()))).unzip();
            let internal = |error: ArrowError| Error::internal(error.to_string());
            let same =
                RowConverter::new(fields).and_then(|converter| converter.convert_columns(&keys)).map_err(internal)?;
            let rank = |position: &u32| (groups[*position as usize], same.row(*position as usize));
            positions.dedup_by(|one, other| rank(one) == rank(other));
        }
        Ok(positions)
    }

    fn results(&self) -> Result<Values> {
        let groups: Vec<u32> = (0..self.groups as u32).collect();
        let Some(sums) = self.shape.sums() else {
            let call = &self.shape;
            let ordered = Ordered::new(call.function, &call.fields, call.constant.clone(), &call.output)?;
            let (columns, ranges) = self.gathered(true)?;
            let evaluate = |range: &Range<usize>| {
                let mut arguments: Vec<ArrayRef> =
                    call.used(&columns).iter().map(|column| column.slice(range.start, range.len())).collect();
                if ordered.skips_nulls() {
                    arguments = without_nulls(arguments)?;
                }
                ordered.evaluate(&arguments)
            };
            return column(ranges.iter().map(evaluate), &call.output);
        };
        let mut sums = sums?;
        sums.grow(self.groups);
        if self.shape.distinct {
            let (columns, ranges) = self.gathered(true)?;
            let numbers =
                ranges.iter().zip(&groups).flat_map(|(range, group)| std::iter::repeat_n(*group, range.len()));
            sums.update(&numbers.collect::<Vec<_>>(), &self.shape.used(&columns), None)?;
        } else {
            for (groups, columns) in &self.batches {
                sums.update(groups, &self.shape.used(columns), None)?;
            }
        }
        sums.values(&groups, &vec![0; self.groups])
    }
}

/// Rows whose first column is not NULL.
fn without_nulls(columns: Vec<ArrayRef>) -> Result<Vec<ArrayRef>> {
    match columns.first() {
        Some(first) if first.null_count() > 0 => {
            let rows = (0..first.len() as u32).filter(|row| first.is_valid(*row as usize)).collect();
            taken(&columns, rows).map_err(|error| Error::internal(error.to_string()))
        }
        _ => Ok(columns),
    }
}

fn taken(columns: &[ArrayRef], rows: Vec<u32>) -> PlanResult<Vec<ArrayRef>> {
    let rows = UInt32Array::from(rows);
    columns.iter().map(|column| Ok(take(column, &rows, None)?)).collect()
}

/// The values, or the error of the first group that has none.
fn unfailing(values: Result<Values>) -> PlanResult<ArrayRef> {
    let values = values.map_err(external)?;
    match values.errors.into_iter().next() {
        Some((_, code, reason)) => Err(external(Error::new(code, reason))),
        None => Ok(values.values),
    }
}

fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

impl GroupsAccumulator for Grouped {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        groups: usize,
    ) -> PlanResult<()> {
        self.groups = self.groups.max(groups);
        let numbers = |rows: &mut dyn Iterator<Item = usize>| rows.map(|row| group_indices[row] as u32).collect();
        let Some(filter) = filter else {
            self.batches.push((numbers(&mut (0..group_indices.len())), values.to_vec()));
            return Ok(());
        };
        let passes = |row: &usize| filter.is_valid(*row) && filter.value(*row);
        let rows: Vec<usize> = (0..group_indices.len()).filter(passes).collect();
        let columns = taken(values, rows.iter().map(|row| *row as u32).collect())?;
        self.batches.push((numbers(&mut rows.into_iter()), columns));
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> PlanResult<ArrayRef> {
        unfailing(self.emitted(emit_to)?.0.results())
    }

    fn state(&mut self, emit_to: EmitTo) -> PlanResult<Vec<ArrayRef>> {
        let (emitted, _) = self.emitted(emit_to)?;
        let (columns, ranges) = emitted.gathered(false).map_err(external)?;
        let lengths: Vec<usize> = ranges.iter().map(Range::len).collect();
        let list = |column: ArrayRef| {
            let item = Arc::new(Field::new_list_field(column.data_type().clone(), true));
            let lists = ListArray::try_new(item, OffsetBuffer::from_lengths(lengths.iter().copied()), column, None)?;
            Ok(Arc::new(lists) as ArrayRef)
        };
        columns.into_iter().map(list).collect()
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], groups: usize) -> PlanResult<()> {
        self.groups = self.groups.max(groups);
        let mut numbers = Vec::new();
        if let Some(lists) = values.first().map(|lists| lists.as_list::<i32>()) {
            for (row, group) in group_indices.iter().enumerate() {
                numbers.extend(std::iter::repeat_n(*group as u32, lists.value_length(row) as usize));
            }
        }
        let items = |lists: &ArrayRef| {
            let lists = lists.as_list::<i32>();
            let (first, last) = (lists.value_offsets()[0] as usize, lists.value_offsets()[lists.len()] as usize);
            lists.values().slice(first, last - first)
        };
        self.batches.push((numbers, values.iter().map(items).collect()));
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> PlanResult<Vec<ArrayRef>> {
        let mut each_row = Grouped::new(self.shape.clone());
        let rows: Vec<usize> = (0..values.first().map_or(0, |column| column.len())).collect();
        each_row.update_batch(values, &rows, filter, rows.len())?;
        each_row.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        let batch = |(groups, columns): &(Vec<u32>, Vec<ArrayRef>)| {
            let columns: usize = columns.iter().map(|column| column.get_array_memory_size()).sum();
            groups.capacity() * size_of::<u32>() + columns
        };
        let (batches, bytes) = &self.measured;
        let (known, before) = match batches.load(Ordering::Relaxed) {
            known if known <= self.batches.len() => (known, bytes.load(Ordering::Relaxed)),
            _ => (0, 0),
        };
        let size = before + self.batches[known..].iter().map(batch).sum::<usize>();
        batches.store(self.batches.len(), Ordering::Relaxed);
        bytes.store(size, Ordering::Relaxed);
        size
    }
}

/// The rows of one group; a window takes some away again, the first ones first.
pub(in crate::compile) struct Single {
    rows: Grouped,
    /// Up to date with `rows` where the function is a sum: a window asks after every row.
    sums: Option<Box<dyn Accumulator>>,
}

impl Single {
    pub(in crate::compile) fn new(shape: Shape) -> Result<Single> {
        let mut sums = if shape.distinct { None } else { shape.sums().transpose()? };
        if let Some(sums) = &mut sums {
            sums.grow(1);
        }
        let mut rows = Grouped::new(shape);
        rows.groups = 1;
        Ok(Single { rows, sums })
    }

    fn count(&mut self, values: &[ArrayRef], weight: i64) -> PlanResult<()> {
        let rows = values.first().map_or(0, |column| column.len());
        if let Some(sums) = &mut self.sums {
            let used = self.rows.shape.used(values);
            sums.update(&vec![0; rows], &used, Some(&vec![weight; rows])).map_err(external)?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Single {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.rows.shape.function.name())
    }
}

impl datafusion::logical_expr::Accumulator for Single {
    fn update_batch(&mut self, values: &[ArrayRef]) -> PlanResult<()> {
        self.count(values, 1)?;
        let rows = values.first().map_or(0, |column| column.len());
        self.rows.update_batch(values, &vec![0; rows], None, 1)
    }

    fn evaluate(&mut self) -> PlanResult<ScalarValue> {
        let values = match &self.sums {
            Some(sums) => sums.values(&[0], &[0]),
            None => self.rows.results(),
        };
        let values = unfailing(values)?;
        scalar(&values, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.rows.size() + self.sums.as_ref().map_or(0, |sums| sums.bytes())
    }

    fn state(&mut self) -> PlanResult<Vec<ScalarValue>> {
        let columns = self.rows.state(EmitTo::All)?;
        columns.iter().map(|column| scalar(column, 0)).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> PlanResult<()> {
        let rows = states.first().map_or(0, |column| column.len());
        self.rows.merge_batch(states, &vec![0; rows], 1)?;
        let merged = self.rows.batches.last().map(|(_, columns)| columns.clone()).unwrap_or_default();
        self.count(&merged, 1)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> PlanResult<()> {
        self.count(values, -1)?;
        let mut leaving = values.first().map_or(0, |column| column.len());
        while let Some((groups, columns)) = self.rows.batches.first_mut().filter(|_| leaving > 0) {
            let rows = groups.len().min(leaving);
            leaving -= rows;
            groups.drain(..rows);
            columns.iter_mut().for_each(|column| *column = column.slice(rows, column.len() - rows));
            if groups.is_empty() {
                self.rows.batches.remove(0);
                self.rows.measured = Default::default();
            }
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }
}

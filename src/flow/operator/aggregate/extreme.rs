//! `min` and `max`: the best value seen if the input only grows, else the multiset of values per group.

use std::collections::BTreeMap;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;

use crate::compile::aggregate::{Accumulator, Values, for_each_row, null_buffer, only};
use crate::error::{Error, Result};
use crate::flow::state::{Codec, Encoded, decode_fixed};

/// The accumulators of `min` (or `max`, if `greatest`) over a column of type `argument`.
pub(super) fn extreme(
    argument: &DataType,
    output: &DataType,
    greatest: bool,
    append_only: bool,
) -> Result<Box<dyn Accumulator>> {
    let name = if greatest { "max" } else { "min" };
    if argument != output {
        return Err(Error::internal(format!("{name}({argument}) answers {output}")));
    }
    let codec = Codec::new(std::slice::from_ref(argument), name)?;
    Ok(match (codec, append_only) {
        (codec @ Codec::Fixed(_), true) => Box::new(FixedBest { codec, greatest, slots: Vec::new() }),
        (codec, true) => Box::new(BytesBest { codec, greatest, slots: Vec::new() }),
        (codec @ Codec::Fixed(_), false) => {
            Box::new(Multisets::<u64> { codec, greatest, slots: Vec::new(), entries: 0 })
        }
        (codec, false) => Box::new(Multisets::<Box<[u8]>> { codec, greatest, slots: Vec::new(), entries: 0 }),
    })
}

/// Best value of at most 64 bits; only grows.
struct FixedBest {
    codec: Codec,
    greatest: bool,
    /// The least encoding (of `max`: with all bits flipped) and the number of values.
    slots: Vec<(u64, i64)>,
}

impl Accumulator for FixedBest {
    fn grow(&mut self, groups: usize) {
        self.slots.resize(groups.max(self.slots.len()), (u64::MAX, 0));
    }

    fn update(&mut self, groups: &[u32], arguments: &[ArrayRef], weights: Option<&[i64]>) -> Result<()> {
        let flip = if self.greatest { u64::MAX } else { 0 };
        let values = fixed(&self.codec, arguments)?;
        for_each_row(groups, arguments.first(), weights, |row, group, weight| {
            let slot = &mut self.slots[group];
            slot.0 = slot.0.min(values[row] ^ flip);
            slot.1 = slot.1.wrapping_add(weight);
        });
        Ok(())
    }

    fn values(&self, groups: &[u32], _: &[i64]) -> Result<Values> {
        let flip = if self.greatest { u64::MAX } else { 0 };
        let slots: Vec<(u64, i64)> = groups.iter().map(|group| self.slots[*group as usize]).collect();
        let absent: Vec<usize> = (0..slots.len()).filter(|position| slots[*position].1 <= 0).collect();
        fixed_values(&self.codec, slots.iter().map(|(best, _)| best ^ flip), &absent, groups.len())
    }

    fn is_empty(&self, group: usize) -> bool {
        self.slots[group].1 == 0
    }

    fn clear(&mut self, group: usize) {
        self.slots[group] = (u64::MAX, 0);
    }

    fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<(u64, i64)>()
    }
}

/// Best value as bytes; only grows.
struct BytesBest {
    codec: Codec,
    greatest: bool,
    slots: Vec<Option<Box<[u8]>>>,
}

impl Accumulator for BytesBest {
    fn grow(&mut self, groups: usize) {
        self.slots.resize(groups.max(self.slots.len()), None);
    }

    fn update(&mut self, groups: &[u32], arguments: &[ArrayRef], weights: Option<&[i64]>) -> Result<()> {
        let values = encoded(&self.codec, arguments)?;
        for_each_row(groups, arguments.first(), weights, |row, group, _| {
            let value = bytes_of(&values, row);
            let better = match &self.slots[group] {
                None => true,
                Some(best) => {
                    if self.greatest {
                        *value > **best
                    } else {
                        *value < **best
                    }
                }
            };
            if better {
                self.slots[group] = Some(value.into());
            }
        });
        Ok(())
    }

    fn values(&self, groups: &[u32], _: &[i64]) -> Result<Values> {
        bytes_values(&self.codec, groups.iter().map(|group| self.slots[*group as usize].as_deref()))
    }

    fn is_empty(&self, group: usize) -> bool {
        self.slots[group].is_none()
    }

    fn clear(&mut self, group: usize) {
        self.slots[group] = None;
    }

    fn bytes(&self) -> usize {
        let values: usize = self.slots.iter().flatten().map(|value| value.len()).sum();
        self.slots.capacity() * size_of::<Option<Box<[u8]>>>() + values
    }
}

/// All values of a group with their weights, in order. A value that a tick takes away before it gives it has a negative
/// weight for a moment.
struct Multisets<K> {
    codec: Codec,
    greatest: bool,
    slots: Vec<BTreeMap<K, i64>>,
    /// Different values of all groups.
    entries: u64,
}

/// An encoded value as the key of a multiset.
trait Value: Ord + Clone + Send + Sync + Sized {
    fn from_row(values: &Encoded, row: usize) -> Self;
    fn column(codec: &Codec, values: Vec<Option<&Self>>) -> Result<Values>;
    fn heap_bytes(&self) -> usize;
}

impl Value for u64 {
    fn from_row(values: &Encoded, row: usize) -> u64 {
        match values {
            Encoded::Fixed(values, _) => values[row],
            // The codec of this instance is `Fixed`.
            Encoded::Text(_) | Encoded::Rows(_) => 0,
        }
    }

    fn column(codec: &Codec, values: Vec<Option<&u64>>) -> Result<Values> {
        let absent: Vec<usize> = (0..values.len()).filter(|at| values[*at].is_none()).collect();
        let rows = values.len();
        fixed_values(codec, values.into_iter().map(|value| value.copied().unwrap_or_default()), &absent, rows)
    }

    fn heap_bytes(&self) -> usize {
        0
    }
}

impl Value for Box<[u8]> {
    fn from_row(values: &Encoded, row: usize) -> Box<[u8]> {
        bytes_of(values, row).into()
    }

    fn column(codec: &Codec, values: Vec<Option<&Box<[u8]>>>) -> Result<Values> {
        bytes_values(codec, values.into_iter().map(|value| value.map(|bytes| bytes.as_ref())))
    }

    fn heap_bytes(&self) -> usize {
        self.len()
    }
}

impl<K: Value> Accumulator for Multisets<K> {
    fn grow(&mut self, groups: usize) {
        self.slots.resize(groups.max(self.slots.len()), BTreeMap::new());
    }

    fn update(&mut self, groups: &[u32], arguments: &[ArrayRef], weights: Option<&[i64]>) -> Result<()> {
        use std::collections::btree_map::Entry;
        let values = encoded(&self.codec, arguments)?;
        for_each_row(groups, arguments.first(), weights, |row, group, weight| {
            if weight == 0 {
                return;
            }
            match self.slots[group].entry(K::from_row(&values, row)) {
                Entry::Vacant(entry) => {
                    entry.insert(weight);
                    self.entries += 1;
                }
                Entry::Occupied(mut entry) => {
                    // Within the number of rows of the group, whose sum the operator checks.
                    *entry.get_mut() = entry.get().wrapping_add(weight);
                    if *entry.get() == 0 {
                        entry.remove();
                        self.entries -= 1;
                    }
                }
            }
        });
        Ok(())
    }

    fn values(&self, groups: &[u32], _: &[i64]) -> Result<Values> {
        let best = |group: &u32| {
            let values = &self.slots[*group as usize];
            let mut present = values.iter().filter(|(_, weight)| **weight > 0).map(|(value, _)| value);
            if self.greatest { present.next_back() } else { present.next() }
        };
        K::column(&self.codec, groups.iter().map(best).collect())
    }

    fn is_empty(&self, group: usize) -> bool {
        self.slots[group].is_empty()
    }

    fn clear(&mut self, group: usize) {
        self.entries -= self.slots[group].len() as u64;
        self.slots[group] = BTreeMap::new();
    }

    fn entries(&self) -> u64 {
        self.entries
    }

    fn bytes(&self) -> usize {
        // B-tree nodes are two thirds full on average.
        let entry = |value: &K| 3 * size_of::<(K, i64)>() / 2 + value.heap_bytes();
        let entries: usize = self.slots.iter().flat_map(|values| values.keys()).map(entry).sum();
        self.slots.capacity() * size_of::<BTreeMap<K, i64>>() + entries
    }
}

fn encoded(codec: &Codec, arguments: &[ArrayRef]) -> Result<Encoded> {
    codec.encode(std::slice::from_ref(only(arguments)?))
}

fn fixed(codec: &Codec, arguments: &[ArrayRef]) -> Result<Vec<u64>> {
    match encoded(codec, arguments)? {
        Encoded::Fixed(values, _) => Ok(values),
        Encoded::Text(_) | Encoded::Rows(_) => Err(Error::internal("integers expected")),
    }
}

fn bytes_of(values: &Encoded, row: usize) -> &[u8] {
    match values {
        Encoded::Text(texts) => texts.value(row).as_bytes(),
        Encoded::Rows(rows) => rows.row(row).data(),
        // Codecs of integers go other ways.
        Encoded::Fixed(..) => &[],
    }
}

/// A column of `rows` encoded values, NULL at the positions `absent`.
fn fixed_values(codec: &Codec, values: impl Iterator<Item = u64>, absent: &[usize], rows: usize) -> Result<Values> {
    let Codec::Fixed(data_type) = codec else { return Err(Error::internal("integers expected")) };
    let values = decode_fixed(values, null_buffer(absent, rows), data_type)?;
    Ok(Values { values, errors: Vec::new() })
}

fn bytes_values<'a>(codec: &'a Codec, values: impl Iterator<Item = Option<&'a [u8]>>) -> Result<Values> {
    let mut columns = codec.decode(values)?;
    let values = columns.pop().ok_or_else(|| Error::internal("one column expected"))?;
    Ok(Values { values, errors: Vec::new() })
}

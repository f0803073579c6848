//! Numbers for groups: equal keys get equal numbers, numbers of removed groups are used again.

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::DataType;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use super::codec::{Codec, Encoded, decode_fixed, encode_fixed};
use crate::error::{Error, Result};
use crate::flow::hash::mix;

/// A map from keys to group numbers, which index the columns that an operator keeps per group.
///
/// Keys are compared in canonical form (NULL equals NULL, −0.0 equals 0.0, any NaN any other) and come back in that
/// form.
pub struct GroupIndex {
    keys: Keys,
    /// Numbers of removed groups.
    free: Vec<u32>,
    /// One more than the greatest number ever given.
    capacity: usize,
}

enum Keys {
    /// No key columns: group 0 is the only one.
    None { live: bool },
    /// One column of at most 64 bits; the table has the key beside the group, so that a look-up reads one place.
    Fixed { data_type: DataType, table: HashTable<(u64, u32)>, bits: Vec<u64>, null: Option<u32> },
    /// Any other keys as bytes.
    Bytes { codec: Codec, table: HashTable<Slot>, values: Vec<Key>, null: Option<u32> },
}

/// A slot of the table of byte keys: part of the hash, so that most slots are judged without reading the key.
struct Slot {
    tag: u32,
    group: u32,
}

struct Key {
    hash: u64,
    bytes: Box<[u8]>,
}

impl GroupIndex {
    /// For keys of these types; `what` names the construct in the error for types that cannot be keys.
    pub fn new(types: &[DataType], what: &str) -> Result<GroupIndex> {
        let keys = if types.is_empty() {
            Keys::None { live: false }
        } else {
            match Codec::new(types, what)? {
                Codec::Fixed(data_type) => {
                    Keys::Fixed { data_type, table: HashTable::new(), bits: Vec::new(), null: None }
                }
                codec => Keys::Bytes { codec, table: HashTable::new(), values: Vec::new(), null: None },
            }
        };
        Ok(GroupIndex { keys, free: Vec::new(), capacity: 0 })
    }

    /// One more than the greatest number ever given: the length that columns per group need.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Groups that exist.
    pub fn len(&self) -> u64 {
        (self.capacity - self.free.len()) as u64
    }

    /// Whether no group exists.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of each row's group, made where it is new.
    pub fn locate(&mut self, columns: &[ArrayRef], rows: usize) -> Result<Vec<u32>> {
        let mut numbers = Numbers { free: &mut self.free, capacity: &mut self.capacity };
        match &mut self.keys {
            Keys::None { live } => {
                if !*live && rows > 0 {
                    *live = true;
                    numbers.next()?;
                }
                Ok(vec![0; rows])
            }
            Keys::Fixed { data_type, table, bits, null } => {
                let [column] = columns else { return Err(Error::internal("one key column expected")) };
                let nulls = column.nulls().filter(|nulls| nulls.null_count() > 0);
                locate_fixed(&encode_fixed(column, data_type)?, nulls, table, bits, null, &mut numbers)
            }
            Keys::Bytes { codec, table, values, null } => {
                let mut groups = Vec::with_capacity(rows);
                match codec.encode(columns)? {
                    Encoded::Text(texts) => {
                        for i in 0..rows {
                            let key = (!texts.is_null(i)).then(|| texts.value(i).as_bytes());
                            groups.push(locate_bytes(key, table, values, null, &mut numbers)?);
                        }
                    }
                    Encoded::Rows(encoded) => {
                        for row in encoded.iter() {
                            groups.push(locate_bytes(Some(row.data()), table, values, null, &mut numbers)?);
                        }
                    }
                    Encoded::Fixed(..) => return Err(Error::internal("bytes expected")),
                }
                Ok(groups)
            }
        }
    }

    /// Forgets a group; its number may be given to another.
    pub fn remove(&mut self, group: u32) {
        let at = group as usize;
        match &mut self.keys {
            Keys::None { live } => *live = false,
            Keys::Fixed { table, bits, null, .. } => {
                if *null == Some(group) {
                    *null = None;
                } else if let Ok(entry) = table.find_entry(mix(bits[at]), |(_, found)| *found == group) {
                    entry.remove();
                }
            }
            Keys::Bytes { table, values, null, .. } => {
                if *null == Some(group) {
                    *null = None;
                } else if let Ok(entry) = table.find_entry(values[at].hash, |slot| slot.group == group) {
                    entry.remove();
                    values[at].bytes = Box::default();
                }
            }
        }
        self.free.push(group);
    }

    /// The key columns of `groups`.
    pub fn columns(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        match &self.keys {
            Keys::None { .. } => Ok(Vec::new()),
            Keys::Fixed { data_type, bits, null, .. } => {
                let nulls = null.map(|null| groups.iter().map(|group| *group != null).collect::<NullBuffer>());
                let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
                Ok(vec![decode_fixed(groups.iter().map(|group| bits[*group as usize]), nulls, data_type)?])
            }
            Keys::Bytes { codec, values, null, .. } => codec.decode(
                groups.iter().map(|group| (*null != Some(*group)).then(|| values[*group as usize].bytes.as_ref())),
            ),
        }
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        let own = match &self.keys {
            Keys::None { .. } => 0,
            Keys::Fixed { table, bits, .. } => table.allocation_size() + bits.capacity() * size_of::<u64>(),
            Keys::Bytes { table, values, .. } => {
                let keys: usize = values.iter().map(|key| key.bytes.len()).sum();
                table.allocation_size() + values.capacity() * size_of::<Key>() + keys
            }
        };
        own + self.free.capacity() * size_of::<u32>()
    }
}

/// Gives out group numbers.
struct Numbers<'a> {
    free: &'a mut Vec<u32>,
    capacity: &'a mut usize,
}

impl Numbers<'_> {
    fn next(&mut self) -> Result<u32> {
        if let Some(group) = self.free.pop() {
            return Ok(group);
        }
        let group = u32::try_from(*self.capacity).map_err(|_| {
            Error::new(crate::error::code::CONFIGURATION_LIMIT_EXCEEDED, "more than 4294967296 groups in one worker")
        })?;
        *self.capacity += 1;
        Ok(group)
    }
}

fn locate_fixed(
    values: &[u64],
    nulls: Option<&NullBuffer>,
    table: &mut HashTable<(u64, u32)>,
    bits: &mut Vec<u64>,
    null: &mut Option<u32>,
    numbers: &mut Numbers<'_>,
) -> Result<Vec<u32>> {
    let mut groups = Vec::with_capacity(values.len());
    for (i, value) in values.iter().enumerate() {
        if nulls.is_some_and(|nulls| nulls.is_null(i)) {
            let group = match *null {
                Some(group) => group,
                None => numbers.next()?,
            };
            *null = Some(group);
            bits.resize(bits.len().max(*numbers.capacity), 0);
            groups.push(group);
            continue;
        }
        let hash = mix(*value);
        if let Some((_, group)) = table.find(hash, |(key, _)| key == value) {
            groups.push(*group);
            continue;
        }
        let group = numbers.next()?;
        bits.resize(bits.len().max(*numbers.capacity), 0);
        bits[group as usize] = *value;
        table.insert_unique(hash, (*value, group), |(key, _)| mix(*key));
        groups.push(group);
    }
    Ok(groups)
}

fn locate_bytes(
    key: Option<&[u8]>,
    table: &mut HashTable<Slot>,
    values: &mut Vec<Key>,
    null: &mut Option<u32>,
    numbers: &mut Numbers<'_>,
) -> Result<u32> {
    let mut make = |values: &mut Vec<Key>, hash: u64, bytes: &[u8]| -> Result<u32> {
        let group = numbers.next()?;
        values.resize_with(values.len().max(*numbers.capacity), || Key { hash: 0, bytes: Box::default() });
        values[group as usize] = Key { hash, bytes: bytes.into() };
        Ok(group)
    };
    let Some(bytes) = key else {
        return match *null {
            Some(group) => Ok(group),
            None => {
                let group = make(values, 0, &[])?;
                *null = Some(group);
                Ok(group)
            }
        };
    };
    let hash = xxh3_64(bytes);
    let tag = hash as u32;
    if let Some(slot) = table.find(hash, |slot| slot.tag == tag && *values[slot.group as usize].bytes == *bytes) {
        return Ok(slot.group);
    }
    let group = make(values, hash, bytes)?;
    table.insert_unique(hash, Slot { tag, group }, |slot| values[slot.group as usize].hash);
    Ok(group)
}

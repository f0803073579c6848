//! The fixed hash of rows: a stable 64-bit function of the canonical values of some columns.
//!
//! It decides which worker owns a row and in which order state is kept, so it must give the same number in every
//! process, on every machine and after every restart: it never uses a per-process seed or another library's row hash.
//! Values that are equal as keys (NULL and NULL, −0.0 and 0.0, any two NaN, `1 month` and `30 days`) have equal hashes,
//! integers of different width too. For a single column of at most 64 bits without NULLs the hash is a bijection, so
//! equal hashes mean equal keys.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, GenericListArray, OffsetSizeTrait, UInt64Array};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Date64Type, Decimal128Type, DurationMicrosecondType, DurationSecondType,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit,
    Time64MicrosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use datafusion::arrow::record_batch::RecordBatch;
use xxhash_rust::xxh3::xxh3_64;

use crate::canonical::{canonical_f64, interval_nanoseconds};

/// Version of the hash function; stored with everything that depends on it.
pub const HASH_VERSION: u32 = 1;

/// 2^64 divided by the golden ratio: odd, so that multiplying by it loses nothing.
const STRIDE: u64 = 0x9E37_79B9_7F4A_7C15;
/// Stands for NULL.
const NULL: u64 = 0x5D1E_5EED_0F0A_B5E7;

/// Hash of the columns `keys` of every row; 0 for every row if there are no keys.
pub fn hash_rows(rows: &RecordBatch, keys: &[usize]) -> UInt64Array {
    let mut hashes = vec![0; rows.num_rows()];
    for &key in keys {
        combine(rows.column(key).as_ref(), &mut hashes);
    }
    hashes.into()
}

/// Hash of all of `columns` for each of `rows` rows; 0 if there are none.
pub fn hash_columns(columns: &[ArrayRef], rows: usize) -> Vec<u64> {
    let mut hashes = vec![0; rows];
    for column in columns {
        combine(column.as_ref(), &mut hashes);
    }
    hashes
}

/// Whether the hash of a single column of this type tells all non-null values apart.
pub fn is_bijective(data_type: &DataType) -> bool {
    !matches!(data_type, DataType::Decimal128(..) | DataType::Interval(_))
        && data_type.primitive_width().is_some_and(|w| w <= 8)
        || *data_type == DataType::Boolean
}

/// A bijection of 64-bit numbers whose every output bit depends on every input bit (Degski's xorshift-multiply mixer).
#[inline]
pub fn mix(x: u64) -> u64 {
    const MULTIPLIER: u64 = 0xD6E8_FEB8_6659_FD93;
    let x = (x ^ (x >> 32)).wrapping_mul(MULTIPLIER);
    let x = (x ^ (x >> 32)).wrapping_mul(MULTIPLIER);
    x ^ (x >> 32)
}

/// Adds one value to the hash of the columns before it.
#[inline]
fn add(hash: u64, bits: u64) -> u64 {
    mix((hash.wrapping_mul(STRIDE) ^ bits).wrapping_add(STRIDE))
}

/// Folds 128 bits into 64 so that numbers that fit into 64 bits keep their difference.
#[inline]
fn fold(value: i128) -> u64 {
    value as u64 ^ mix((value >> 64) as u64)
}

/// Adds a column to the hashes. Types that no column of ours has count as NULL: slow, but not wrong.
fn combine(column: &dyn Array, hashes: &mut [u64]) {
    match column.data_type() {
        DataType::Boolean => {
            let values = column.as_boolean();
            each(values, hashes, |i| u64::from(values.value(i)));
        }
        DataType::Int8 => primitive::<Int8Type>(column, hashes, |v| v as u64),
        DataType::Int16 => primitive::<Int16Type>(column, hashes, |v| v as u64),
        DataType::Int32 => primitive::<Int32Type>(column, hashes, |v| v as u64),
        DataType::Int64 => primitive::<Int64Type>(column, hashes, |v| v as u64),
        DataType::UInt8 => primitive::<UInt8Type>(column, hashes, u64::from),
        DataType::UInt16 => primitive::<UInt16Type>(column, hashes, u64::from),
        DataType::UInt32 => primitive::<UInt32Type>(column, hashes, u64::from),
        DataType::UInt64 => primitive::<UInt64Type>(column, hashes, |v| v),
        DataType::Float32 => primitive::<Float32Type>(column, hashes, |v| canonical_f64(f64::from(v)).to_bits()),
        DataType::Float64 => primitive::<Float64Type>(column, hashes, |v| canonical_f64(v).to_bits()),
        DataType::Decimal128(..) => primitive::<Decimal128Type>(column, hashes, fold),
        DataType::Date32 => primitive::<Date32Type>(column, hashes, |v| v as u64),
        DataType::Date64 => primitive::<Date64Type>(column, hashes, |v| v as u64),
        DataType::Time64(TimeUnit::Microsecond) => primitive::<Time64MicrosecondType>(column, hashes, |v| v as u64),
        DataType::Duration(TimeUnit::Microsecond) => primitive::<DurationMicrosecondType>(column, hashes, |v| v as u64),
        DataType::Duration(TimeUnit::Second) => primitive::<DurationSecondType>(column, hashes, |v| v as u64),
        DataType::Timestamp(TimeUnit::Second, _) => primitive::<TimestampSecondType>(column, hashes, |v| v as u64),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            primitive::<TimestampMillisecondType>(column, hashes, |v| v as u64)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            primitive::<TimestampMicrosecondType>(column, hashes, |v| v as u64)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            primitive::<TimestampNanosecondType>(column, hashes, |v| v as u64)
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            primitive::<IntervalMonthDayNanoType>(column, hashes, |v| fold(interval_nanoseconds(v)));
        }
        DataType::Utf8 => {
            let values = column.as_string::<i32>();
            each(values, hashes, |i| xxh3_64(values.value(i).as_bytes()));
        }
        DataType::Binary => {
            let values = column.as_binary::<i32>();
            each(values, hashes, |i| xxh3_64(values.value(i)));
        }
        DataType::LargeBinary => {
            let values = column.as_binary::<i64>();
            each(values, hashes, |i| xxh3_64(values.value(i)));
        }
        DataType::List(_) => list(column.as_list::<i32>(), hashes),
        DataType::Struct(_) => {
            let fields = hash_columns(column.as_struct().columns(), column.len());
            each(column, hashes, |i| fields[i]);
        }
        _ => hashes.iter_mut().for_each(|hash| *hash = add(*hash, NULL)),
    }
}

/// Adds fixed-width values.
fn primitive<T: ArrowPrimitiveType>(column: &dyn Array, hashes: &mut [u64], bits: impl Fn(T::Native) -> u64) {
    let values = column.as_primitive::<T>();
    if values.null_count() > 0 {
        return each(values, hashes, |i| bits(values.value(i)));
    }
    for (hash, value) in hashes.iter_mut().zip(values.values()) {
        *hash = add(*hash, bits(*value));
    }
}

/// Adds values by position, NULLs apart.
fn each(column: &dyn Array, hashes: &mut [u64], bits: impl Fn(usize) -> u64) {
    for (i, hash) in hashes.iter_mut().enumerate() {
        *hash = add(*hash, if column.is_null(i) { NULL } else { bits(i) });
    }
}

/// Adds lists: their length and the hashes of their items.
fn list<O: OffsetSizeTrait>(lists: &GenericListArray<O>, hashes: &mut [u64]) {
    let mut items = vec![0; lists.values().len()];
    combine(lists.values().as_ref(), &mut items);
    let offsets = lists.value_offsets();
    each(lists, hashes, |i| {
        let range = offsets[i].as_usize()..offsets[i + 1].as_usize();
        let length = range.len() as u64;
        items[range].iter().fold(length, |hash, item| add(hash, *item))
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{
        BooleanArray, Decimal128Array, Float32Array, Float64Array, Int16Array, Int64Array, IntervalMonthDayNanoArray,
        ListArray, StringArray,
    };
    use datafusion::arrow::datatypes::IntervalMonthDayNano;

    use super::*;

    fn hash(columns: &[ArrayRef]) -> Vec<u64> {
        hash_columns(columns, columns[0].len())
    }

    /// These numbers are in stored state: a change of them needs another `HASH_VERSION`.
    #[test]
    fn hashes_never_change() {
        let int: ArrayRef = Arc::new(Int64Array::from(vec![Some(0), Some(1), Some(-1), None]));
        let text: ArrayRef = Arc::new(StringArray::from(vec![Some(""), Some("tide"), Some("water"), None]));
        let hashes = [hash(&[Arc::clone(&int)]), hash(&[Arc::clone(&text)]), hash(&[int, text])];
        assert_eq!(hashes, HASHES);
        assert_eq!(hash_columns(&[], 2), [0, 0]);
        assert_eq!(HASH_VERSION, 1);
    }

    #[test]
    fn equal_keys_have_equal_hashes() {
        let same = |column: ArrayRef| {
            let hashes = hash(&[column]);
            assert!(hashes.windows(2).all(|pair| pair[0] == pair[1]), "{hashes:?}");
        };
        same(Arc::new(Float64Array::from(vec![0.0, -0.0])));
        same(Arc::new(Float32Array::from(vec![f32::NAN, -f32::NAN, f32::from_bits(0x7FC0_0001)])));
        let intervals =
            [(1, 0, 0), (0, 30, 0), (0, 29, 86_400_000_000_000)].map(|(m, d, n)| IntervalMonthDayNano::new(m, d, n));
        same(Arc::new(IntervalMonthDayNanoArray::from(intervals.to_vec())));
        let lists = [Some(vec![Some(0.0), None]), Some(vec![Some(-0.0), None])];
        same(Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(lists)));
        let narrow = hash(&[Arc::new(Int16Array::from(vec![-7]))]);
        assert_eq!(narrow, hash(&[Arc::new(Int64Array::from(vec![-7]))]));
    }

    #[test]
    fn different_keys_have_different_hashes() {
        let different = |columns: &[ArrayRef]| {
            let mut hashes = hash(columns);
            let rows = hashes.len();
            hashes.sort_unstable();
            hashes.dedup();
            assert_eq!(hashes.len(), rows);
        };
        different(&[Arc::new(Int64Array::from_iter((0..100_000).map(|i| (i > 0).then_some(i))))]);
        different(&[Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))]);
        different(&[Arc::new(Decimal128Array::from_iter_values((0..100).map(|i| i << 60)))]);
        let lists = [Some(vec![]), None, Some(vec![None]), Some(vec![None, None]), Some(vec![Some(1.0)])];
        different(&[Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(lists))]);
        // Columns do not run into each other.
        let left: ArrayRef = Arc::new(StringArray::from(vec!["ab", "a", ""]));
        let right: ArrayRef = Arc::new(StringArray::from(vec!["", "b", "ab"]));
        different(&[left, right]);
    }

    #[test]
    fn hashes_spread_over_workers() {
        let hashes = hash(&[Arc::new(Int64Array::from_iter_values(0..10_000))]);
        let mut rows = [0; 7];
        hashes.iter().for_each(|hash| rows[crate::flow::delta::worker_of(*hash, 7)] += 1);
        assert!(rows.iter().all(|rows| (1300..1560).contains(rows)), "{rows:?}");
    }

    const HASHES: [[u64; 4]; 3] = [
        [5_627_194_300_713_089_401, 7_551_226_805_739_869_723, 17_825_859_991_557_418_324, 9_304_224_976_575_013_573],
        [4_374_057_024_822_256_179, 1_915_574_051_277_290_865, 470_566_483_385_296_040, 9_304_224_976_575_013_573],
        [955_120_557_298_411_105, 180_330_007_082_409_298, 4_113_105_737_139_351_701, 921_130_259_177_421_258],
    ];
}

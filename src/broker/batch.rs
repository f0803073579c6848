//! The header of a record batch, magic 2: what a broker reads of records, and the little that it writes.
//!
//! Layout after Apache Kafka's protocol documentation, "Record Batch". The first [`PREFIX_BYTES`] (base offset, length, leader epoch)
//! belong to the broker and are not covered by the checksum; all the rest, the **body**, is kept and served as it came.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::records::{
    Compression, Record, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};

use super::protocol::{LEADER_EPOCH, Refusal};

/// Bytes of base offset, length and leader epoch, in front of the body.
pub(super) const PREFIX_BYTES: usize = 16;

/// Bytes of a body without records: magic, checksum, attributes, …, number of records.
const BODY_HEADER_BYTES: usize = 45;
const CHECKSUM_AT: usize = 1;
const CHECKED_FROM: usize = 5;
const MAX_TIMESTAMP_AT: usize = 19;
const TIMESTAMP_TYPE_BIT: i16 = 0x08;
const TRANSACTIONAL_BIT: i16 = 0x10;
const CONTROL_BIT: i16 = 0x20;

/// What the broker needs to know of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    attributes: i16,
    /// Records in the batch minus 1.
    pub(super) last_offset_delta: i32,
    /// The greatest timestamp of its records, milliseconds since 1970.
    pub(super) max_timestamp: i64,
    /// The idempotent producer, or -1.
    pub(super) producer_id: i64,
    /// The producer's epoch.
    pub(super) producer_epoch: i16,
    /// The producer's sequence number of the first record.
    pub(super) base_sequence: i32,
}

impl Header {
    /// Whether the records belong to a transaction.
    pub(super) fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL_BIT != 0
    }

    /// The header of the same batch with the broker's time, see [`stamped`].
    pub(super) fn stamped(&self, millis: i64) -> Header {
        Header { max_timestamp: millis, ..self.clone() }
    }

    /// The sequence number of the last record: sequence numbers go on from 0 after 2³¹ − 1.
    pub(super) fn last_sequence(&self) -> i32 {
        self.base_sequence.wrapping_add(self.last_offset_delta) & i32::MAX
    }

    /// Reads the header of a body.
    ///
    /// # Errors
    /// As Apache Kafka: magic 0 and 1 are not supported, a wrong checksum is `CORRUPT_MESSAGE`.
    fn read(body: &Bytes) -> Result<Header, Refusal> {
        if body.first() != Some(&2) {
            return Err(Refusal::new(
                ResponseError::UnsupportedForMessageFormat,
                "only record batches of magic 2 are supported",
            ));
        }
        let mut rest = &body[CHECKSUM_AT..];
        if rest.get_u32() != crc32c::crc32c(&body[CHECKED_FROM..]) {
            return Err(Refusal::new(ResponseError::CorruptMessage, "the checksum of the record batch is wrong"));
        }
        let attributes = rest.get_i16();
        let last_offset_delta = rest.get_i32();
        let _base_timestamp = rest.get_i64();
        let header = Header {
            attributes,
            last_offset_delta,
            max_timestamp: rest.get_i64(),
            producer_id: rest.get_i64(),
            producer_epoch: rest.get_i16(),
            base_sequence: rest.get_i32(),
        };
        if rest.get_i32().checked_sub(1) != Some(last_offset_delta) || last_offset_delta < 0 {
            return Err(Refusal::new(
                ResponseError::InvalidRecord,
                "the record batch is empty or its last offset is wrong",
            ));
        }
        if attributes & CONTROL_BIT != 0 {
            return Err(Refusal::new(ResponseError::InvalidRecord, "clients may not write control records"));
        }
        if header.producer_id >= 0 && (header.base_sequence < 0 || header.producer_epoch < 0) {
            return Err(Refusal::new(ResponseError::InvalidRecord, "the producer's sequence or epoch is negative"));
        }
        Ok(header)
    }
}

/// Splits what a producer sent for one partition into header and body.
///
/// # Errors
/// `INVALID_RECORD` unless it is exactly one batch, which is all that producers may send since Produce version 3.
pub(super) fn split(mut records: Bytes) -> Result<(Header, Bytes), Refusal> {
    if records.len() < PREFIX_BYTES + BODY_HEADER_BYTES {
        return Err(Refusal::new(ResponseError::InvalidRecord, "there is no complete record batch"));
    }
    let length = (&records[8..12]).get_i32();
    // The length counts what follows it, thus the leader epoch too.
    if usize::try_from(length).ok() != Some(records.len() - 12) {
        return Err(Refusal::new(ResponseError::InvalidRecord, "exactly one record batch is expected for a partition"));
    }
    records.advance(PREFIX_BYTES);
    Ok((Header::read(&records)?, records))
}

/// The first bytes of a batch at offset `base`.
pub(super) fn prefix(base: i64, body: &Bytes) -> [u8; PREFIX_BYTES] {
    let mut bytes = [0; PREFIX_BYTES];
    bytes[..8].copy_from_slice(&base.to_be_bytes());
    // A body came out of a frame whose length is an i32.
    bytes[8..12].copy_from_slice(&(body.len() as i32 + 4).to_be_bytes());
    bytes[12..].copy_from_slice(&LEADER_EPOCH.to_be_bytes());
    bytes
}

/// The same body whose records carry the broker's time `millis` instead of the producer's.
pub(super) fn stamped(body: &Bytes, millis: i64) -> Bytes {
    let mut bytes = BytesMut::from(&body[..]);
    let attributes = (&body[CHECKED_FROM..]).get_i16() | TIMESTAMP_TYPE_BIT;
    bytes[CHECKED_FROM..CHECKED_FROM + 2].copy_from_slice(&attributes.to_be_bytes());
    bytes[MAX_TIMESTAMP_AT..MAX_TIMESTAMP_AT + 8].copy_from_slice(&millis.to_be_bytes());
    let checksum = crc32c::crc32c(&bytes[CHECKED_FROM..]);
    bytes[CHECKSUM_AT..CHECKED_FROM].copy_from_slice(&checksum.to_be_bytes());
    bytes.freeze()
}

/// Timestamp and offset of the first record of a batch whose timestamp is at least `timestamp`. Decompresses the batch.
pub(super) fn find_timestamp(base: i64, body: &Bytes, timestamp: i64) -> Option<(i64, i64)> {
    if (&body[CHECKED_FROM..]).get_i16() & TIMESTAMP_TYPE_BIT != 0 {
        // All records carry the time of the batch, whatever they say themselves.
        let time = (&body[MAX_TIMESTAMP_AT..]).get_i64();
        return (time >= timestamp).then_some((time, base));
    }
    let mut whole = BytesMut::with_capacity(PREFIX_BYTES + body.len());
    whole.put_slice(&prefix(base, body));
    whole.put_slice(body);
    let set = RecordBatchDecoder::decode(&mut whole.freeze())
        .inspect_err(|error| tracing::debug!(%error, "a batch in the log cannot be decoded"))
        .ok()?;
    set.records.iter().find(|record| record.timestamp >= timestamp).map(|record| (record.timestamp, record.offset))
}

/// The body of the control batch that ends a transaction in a partition.
pub(super) fn marker(producer_id: i64, producer_epoch: i16, commit: bool, millis: i64) -> Bytes {
    // Key: version 0, type 0 = abort or 1 = commit. Value: version 0, epoch of the coordinator.
    let key = [0, 0, 0, u8::from(commit)];
    let value = [0; 6];
    let record = Record {
        transactional: true,
        control: true,
        delete_horizon: false,
        partition_leader_epoch: LEADER_EPOCH,
        producer_id,
        producer_epoch,
        timestamp_type: TimestampType::Creation,
        offset: 0,
        sequence: -1,
        timestamp: millis,
        key: Some(Bytes::copy_from_slice(&key)),
        value: Some(Bytes::copy_from_slice(&value)),
        headers: Default::default(),
    };
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    let mut bytes = BytesMut::new();
    // Encoding fails only for sizes beyond an i32 and for codecs that are not compiled in.
    let encoded = RecordBatchEncoder::encode(&mut bytes, [&record], &options);
    debug_assert!(encoded.is_ok(), "a control batch cannot be encoded");
    bytes.freeze().slice(PREFIX_BYTES..)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A batch as a producer sends it: `timestamps.len()` records, from an idempotent producer if one is given as id, epoch, sequence.
    pub(in crate::broker) fn batch(
        timestamps: &[i64],
        producer: Option<(i64, i16, i32)>,
        transactional: bool,
    ) -> Bytes {
        let (producer_id, producer_epoch, sequence) = producer.unwrap_or((-1, -1, -1));
        let records: Vec<Record> = timestamps
            .iter()
            .enumerate()
            .map(|(index, timestamp)| Record {
                transactional,
                control: false,
                delete_horizon: false,
                partition_leader_epoch: -1,
                producer_id,
                producer_epoch,
                timestamp_type: TimestampType::Creation,
                offset: index as i64,
                // The encoder begins a new batch where sequence numbers do not follow one another.
                sequence: sequence + index as i32,
                timestamp: *timestamp,
                key: None,
                value: Some(Bytes::from_static(b"value")),
                headers: Default::default(),
            })
            .collect();
        let mut bytes = BytesMut::new();
        let options = RecordEncodeOptions { version: 2, compression: Compression::Lz4 };
        RecordBatchEncoder::encode(&mut bytes, &records, &options).unwrap();
        bytes.freeze()
    }

    #[test]
    fn reads_what_a_producer_sent_and_finds_timestamps() {
        let sent = batch(&[10, 30, 20], Some((7, 2, 5)), true);
        let (header, body) = split(sent.clone()).unwrap();
        assert_eq!((header.last_offset_delta, header.max_timestamp), (2, 30));
        assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (7, 2, 5));
        assert!(header.is_transactional());
        assert_eq!(header.last_sequence(), 7);
        assert_eq!(&prefix(0, &body)[..12], &sent[..12]);
        assert_eq!(find_timestamp(100, &body, 11), Some((30, 101)));
        assert_eq!(find_timestamp(100, &body, 31), None);
    }

    #[test]
    fn refuses_what_is_no_single_intact_batch() {
        let good = batch(&[1, 2], None, false);
        let error = |bytes: Bytes| split(bytes).unwrap_err().error;
        assert_eq!(error(Bytes::new()), ResponseError::InvalidRecord);
        assert_eq!(error(good.slice(..good.len() - 1)), ResponseError::InvalidRecord);
        assert_eq!(error([good.clone(), good.clone()].concat().into()), ResponseError::InvalidRecord);
        let flipped = |at: usize| {
            let mut bytes = good.to_vec();
            bytes[at] ^= 1;
            Bytes::from(bytes)
        };
        assert_eq!(error(flipped(good.len() - 1)), ResponseError::CorruptMessage);
        assert_eq!(error(flipped(PREFIX_BYTES)), ResponseError::UnsupportedForMessageFormat);
        let control = marker(1, 0, true, 5);
        let whole = [&prefix(0, &control)[..], &control[..]].concat();
        assert_eq!(error(whole.into()), ResponseError::InvalidRecord);
    }

    #[test]
    fn a_stamped_batch_is_intact_and_carries_the_brokers_time() {
        let (_, body) = split(batch(&[1, 2], None, false)).unwrap();
        let body = stamped(&body, 99);
        assert_eq!(Header::read(&body).unwrap().max_timestamp, 99);
        assert_eq!(find_timestamp(0, &body, 50), Some((99, 0)));
    }
}

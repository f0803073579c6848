//! A response on its way to a socket: small parts are gathered, large record batches are shared with the log instead of copied.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

/// Below this many bytes a copy is cheaper than one more slice in the vectored write.
const SHARE_MIN_BYTES: usize = 4096;

/// A response under construction, without its length.
#[derive(Debug, Default)]
pub(super) struct Frame {
    sealed: VecDeque<Bytes>,
    tail: BytesMut,
}

impl Frame {
    /// The end of the response, to append to.
    pub(super) fn tail(&mut self) -> &mut BytesMut {
        &mut self.tail
    }

    /// Appends `bytes`, without a copy if they are many.
    pub(super) fn share(&mut self, bytes: &Bytes) {
        if bytes.len() < SHARE_MIN_BYTES {
            self.tail.extend_from_slice(bytes);
        } else {
            self.seal();
            self.sealed.push_back(bytes.clone());
        }
    }

    /// Puts the length in front: from here on it is only read.
    pub(super) fn finish(mut self) -> Outgoing {
        self.seal();
        let length: usize = self.sealed.iter().map(Bytes::len).sum();
        // A response holds at most what a fetch may return, which is bounded by an i32 of the request.
        self.sealed.push_front(Bytes::copy_from_slice(&(length as i32).to_be_bytes()));
        Outgoing { chunks: self.sealed, remaining: length + 4 }
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.sealed.push_back(self.tail.split().freeze());
        }
    }
}

/// A complete response. Its chunks are never empty.
#[derive(Debug)]
pub(super) struct Outgoing {
    chunks: VecDeque<Bytes>,
    remaining: usize,
}

impl Buf for Outgoing {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        self.chunks.front().map_or(&[], |chunk| chunk.as_ref())
    }

    fn advance(&mut self, count: usize) {
        let mut left = count;
        self.remaining -= count;
        while let Some(first) = self.chunks.front_mut() {
            if left < first.len() {
                first.advance(left);
                return;
            }
            left -= first.len();
            self.chunks.pop_front();
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut count = 0;
        for (slice, chunk) in slices.iter_mut().zip(&self.chunks) {
            *slice = IoSlice::new(chunk);
            count += 1;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_large_parts_and_keeps_their_order() {
        let large = Bytes::from(vec![7u8; SHARE_MIN_BYTES]);
        let mut frame = Frame::default();
        frame.tail().extend_from_slice(b"head");
        frame.share(&large);
        frame.share(&Bytes::from_static(b"small"));
        let mut outgoing = frame.finish();
        let total = 4 + 4 + SHARE_MIN_BYTES + 5;
        assert_eq!(outgoing.remaining(), total);
        assert_eq!(outgoing.chunks.len(), 4);
        assert_eq!(outgoing.chunks[2].as_ptr(), large.as_ptr(), "the large part is not copied");
        let mut read = Vec::new();
        while outgoing.has_remaining() {
            // Steps that do not fall together with chunks, as a socket accepts them.
            let step = outgoing.chunk().len().min(1000);
            read.extend_from_slice(&outgoing.chunk()[..step]);
            outgoing.advance(step);
        }
        assert_eq!(read[..4], (total as i32 - 4).to_be_bytes());
        assert_eq!(&read[4..8], b"head");
        assert_eq!(&read[total - 5..], b"small");
    }
}

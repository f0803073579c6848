//! A client's connection as frames in and messages out. Reads and writes may be dropped half-way: what was read or is still to be
//! written stays in the buffers.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use pgwire::messages::PgWireBackendMessage;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::failure::{Attempt, Failure, code, protocol_violation};
use super::frontend::{Frame, body_bytes_max};
use crate::error::Error;

/// Bytes of output that are gathered before they are written even though more is ready.
pub(super) const FLUSH_BYTES: usize = 64 << 10;
/// Largest start-up packet (PostgreSQL's MAX_STARTUP_PACKET_LENGTH).
const STARTUP_BYTES_MAX: usize = 10_000;
/// Buffers that grew beyond this are given back when they are empty.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// A connection and its buffers.
pub(super) struct Socket {
    stream: TcpStream,
    input: BytesMut,
    /// What is still to be written. Rows are encoded straight into it.
    pub(super) output: BytesMut,
}

impl Socket {
    /// A socket over an accepted connection.
    pub(super) fn new(stream: TcpStream) -> Self {
        Socket { stream, input: BytesMut::with_capacity(8 << 10), output: BytesMut::with_capacity(8 << 10) }
    }

    /// Appends a message to the output.
    pub(super) fn put(&mut self, message: &PgWireBackendMessage) -> Result<(), Error> {
        let start = self.output.len();
        message.encode(&mut self.output).map_err(|error| {
            self.output.truncate(start);
            Error::new(code::PROGRAM_LIMIT_EXCEEDED, format!("message does not fit the protocol: {error}"))
        })
    }

    /// Writes all output.
    pub(super) async fn flush(&mut self) -> Attempt<()> {
        while self.output.has_remaining() {
            self.stream.write_buf(&mut self.output).await?;
        }
        if self.output.capacity() > KEPT_BYTES_MAX {
            self.output = BytesMut::with_capacity(8 << 10);
        }
        Ok(())
    }

    /// The next frame. An end of the connection is [`Failure::Gone`]; a frame that breaks the framing ends the connection.
    pub(super) async fn frame(&mut self) -> Attempt<Frame> {
        loop {
            if let Some(frame) = self.buffered_frame()? {
                return Ok(frame);
            }
            self.read_more().await?;
        }
    }

    /// The type of the next frame, as far as it is here.
    pub(super) fn next_kind(&self) -> Option<u8> {
        self.input.first().copied()
    }

    /// A start-up packet: no type byte, its length counts itself.
    pub(super) async fn startup_packet(&mut self) -> Attempt<Bytes> {
        loop {
            if let Some(length) = self.peek_length(0) {
                if !(8..=STARTUP_BYTES_MAX).contains(&length) {
                    return Err(Failure::Fatal(protocol_violation("invalid length of startup packet")));
                }
                if self.input.len() >= length {
                    let mut packet = self.input.split_to(length).freeze();
                    packet.advance(4);
                    return Ok(packet);
                }
            }
            self.read_more().await?;
        }
    }

    /// Answers a request for encryption: one byte, no framing.
    pub(super) fn put_byte(&mut self, byte: u8) {
        self.output.put_u8(byte);
    }

    /// Ends the sending side, so that the peer reads an end instead of a reset after the last message.
    pub(super) async fn shutdown(&mut self) {
        // The connection ends either way.
        let _ = self.stream.shutdown().await;
    }

    fn buffered_frame(&mut self) -> Attempt<Option<Frame>> {
        let Some(&kind) = self.input.first() else { return Ok(None) };
        let Some(body_max) = body_bytes_max(kind) else {
            return Err(Failure::Fatal(protocol_violation(format!("invalid frontend message type {kind}"))));
        };
        let Some(length) = self.peek_length(1) else { return Ok(None) };
        if length < 4 {
            return Err(Failure::Fatal(protocol_violation("invalid message length")));
        }
        if length - 4 > body_max {
            let message = format!("message of {} bytes is larger than the limit of {body_max}", length - 4);
            return Err(Failure::Fatal(Error::new(code::PROGRAM_LIMIT_EXCEEDED, message)));
        }
        if self.input.len() < length + 1 {
            return Ok(None);
        }
        self.input.advance(5);
        Ok(Some(Frame { kind, body: self.input.split_to(length - 4).freeze() }))
    }

    fn peek_length(&self, at: usize) -> Option<usize> {
        let bytes = self.input.get(at..at + 4)?;
        // A negative length becomes a large one, which is refused.
        Some(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize)
    }

    async fn read_more(&mut self) -> Attempt<()> {
        if self.input.is_empty() && self.input.capacity() > KEPT_BYTES_MAX {
            self.input = BytesMut::with_capacity(8 << 10);
        }
        match self.stream.read_buf(&mut self.input).await? {
            0 => Err(Failure::Gone),
            _ => Ok(()),
        }
    }
}

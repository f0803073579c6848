//! What a client sends after start-up, decoded strictly. In: frames of known length; out: messages. Lengths, counts and UTF-8 are
//! checked and nothing is allocated by a number that the client wrote: a broken message is an error of its own, never a panic, and
//! never shifts the messages behind it. Formats: PostgreSQL's manual, chapter "Message Formats".

use bytes::{Buf, Bytes};

use super::failure::{code, protocol_violation};
use crate::error::{Error, Result};

/// A message's type byte and body.
#[derive(Debug)]
pub(super) struct Frame {
    /// Type byte.
    pub(super) kind: u8,
    /// Body, without type and length.
    pub(super) body: Bytes,
}

/// A decoded message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// Simple query.
    Query(String),
    /// Parse.
    Parse {
        /// Prepared statement, empty for the unnamed one.
        name: String,
        /// SQL.
        sql: String,
        /// Type OIDs of the first parameters, 0 for "not given".
        types: Vec<u32>,
    },
    /// Bind.
    Bind(Bind),
    /// Describe.
    Describe(Target, String),
    /// Execute.
    Execute {
        /// Portal.
        portal: String,
        /// Rows at most; 0 and less mean all.
        rows_max: i32,
    },
    /// Close.
    Close(Target, String),
    /// Flush.
    Flush,
    /// Sync.
    Sync,
    /// Terminate.
    Terminate,
    /// COPY data, its end or its failure outside of a COPY FROM: left over by a client that noticed an error late.
    Copy,
    /// A call of the fast-path function interface, which is not supported.
    FunctionCall,
    /// A password or SASL message after authentication.
    Password,
}

/// Body of a Bind message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bind {
    /// Portal, empty for the unnamed one.
    pub(super) portal: String,
    /// Prepared statement.
    pub(super) statement: String,
    /// Formats of the parameters: none, one for all, or one for each.
    pub(super) parameter_formats: Vec<i16>,
    /// Values; `None` is NULL.
    pub(super) parameters: Vec<Option<Bytes>>,
    /// Formats of the result columns: none, one for all, or one for each.
    pub(super) result_formats: Vec<i16>,
}

/// What Describe and Close name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants are the protocol's names")]
pub(super) enum Target {
    Statement,
    Portal,
}

/// Largest body of a message, bytes. PostgreSQL's is 1 GB; a quarter of it holds every sane parameter.
const BODY_BYTES_MAX: usize = 256 << 20;
/// Largest body of a message that carries names and numbers only (PostgreSQL's PQ_SMALL_MESSAGE_LIMIT).
const SMALL_BODY_BYTES_MAX: usize = 10_000;

/// The largest body that a message of type `kind` may have; `None` if there is no such message.
pub(super) fn body_bytes_max(kind: u8) -> Option<usize> {
    match kind {
        b'Q' | b'P' | b'B' | b'F' | b'd' => Some(BODY_BYTES_MAX),
        b'C' | b'D' | b'E' | b'H' | b'S' | b'X' | b'c' | b'f' => Some(SMALL_BODY_BYTES_MAX),
        b'p' => Some(65_535),
        _ => None,
    }
}

/// Whether an error in a message of type `kind` makes the server skip everything up to the next Sync.
pub(super) fn is_extended(kind: u8) -> bool {
    matches!(kind, b'P' | b'B' | b'D' | b'E' | b'C' | b'H')
}

impl Message {
    /// Decodes a frame; 08P01 for a broken one, 22021 for text that is not UTF-8.
    pub(super) fn decode(frame: Frame) -> Result<Message> {
        let mut body = Body(frame.body);
        let message = match frame.kind {
            b'Q' => Message::Query(body.text()?),
            b'P' => Message::Parse { name: body.text()?, sql: body.text()?, types: body.list(4, Buf::get_u32)? },
            b'B' => Message::Bind(Bind::decode(&mut body)?),
            b'D' => Message::Describe(body.target()?, body.text()?),
            b'E' => Message::Execute { portal: body.text()?, rows_max: body.number(4, Buf::get_i32)? },
            b'C' => Message::Close(body.target()?, body.text()?),
            b'H' => Message::Flush,
            b'S' => Message::Sync,
            b'X' => Message::Terminate,
            b'd' | b'c' | b'f' => return Ok(Message::Copy),
            b'F' => return Ok(Message::FunctionCall),
            b'p' => return Ok(Message::Password),
            kind => return Err(protocol_violation(format!("invalid frontend message type {kind}"))),
        };
        body.end()?;
        Ok(message)
    }
}

impl Bind {
    fn decode(body: &mut Body) -> Result<Bind> {
        let portal = body.text()?;
        let statement = body.text()?;
        let parameter_formats = body.list(2, Buf::get_i16)?;
        let count = body.number(2, Buf::get_u16)?;
        let mut parameters = Vec::new();
        for _ in 0..count {
            parameters.push(body.value()?);
        }
        let result_formats = body.list(2, Buf::get_i16)?;
        Ok(Bind { portal, statement, parameter_formats, parameters, result_formats })
    }
}

/// A body that is read from its start; every read checks that the bytes are there.
pub(super) struct Body(pub(super) Bytes);

impl Body {
    /// A NUL-terminated string.
    pub(super) fn text(&mut self) -> Result<String> {
        let end = memchr::memchr(0, &self.0).ok_or_else(|| protocol_violation("invalid string in message"))?;
        let bytes = self.0.split_to(end);
        self.0.advance(1);
        utf8(&bytes).map(str::to_string)
    }

    /// A number of `width` bytes.
    pub(super) fn number<T>(&mut self, width: usize, read: fn(&mut Bytes) -> T) -> Result<T> {
        if self.0.len() < width {
            return Err(protocol_violation("insufficient data left in message"));
        }
        Ok(read(&mut self.0))
    }

    /// A value with its length before it; length −1 is NULL.
    pub(super) fn value(&mut self) -> Result<Option<Bytes>> {
        let length = self.number(4, Buf::get_i32)?;
        match usize::try_from(length) {
            Ok(length) if length <= self.0.len() => Ok(Some(self.0.split_to(length))),
            Err(_) if length == -1 => Ok(None),
            _ => Err(protocol_violation("insufficient data left in message")),
        }
    }

    /// A list of numbers of `width` bytes with its 16-bit count before it.
    fn list<T>(&mut self, width: usize, read: fn(&mut Bytes) -> T) -> Result<Vec<T>> {
        let count = self.number(2, Buf::get_u16)?;
        (0..count).map(|_| self.number(width, read)).collect()
    }

    fn target(&mut self) -> Result<Target> {
        match self.number(1, Buf::get_u8)? {
            b'S' => Ok(Target::Statement),
            b'P' => Ok(Target::Portal),
            other => Err(protocol_violation(format!("invalid message subtype {other}"))),
        }
    }

    /// Checks that nothing is left.
    pub(super) fn end(&self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(protocol_violation("invalid message format")) }
    }
}

/// `bytes` as text, or PostgreSQL's error 22021 that shows the first bad byte.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|error| {
        let bad = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
        Error::new(
            code::CHARACTER_NOT_IN_REPERTOIRE,
            format!("invalid byte sequence for encoding \"UTF8\": 0x{bad:02x}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(kind: u8, body: &[u8]) -> Result<Message> {
        Message::decode(Frame { kind, body: Bytes::copy_from_slice(body) })
    }

    #[test]
    fn bind_with_null_and_formats() {
        let body = b"p\0s\0\0\x01\0\x01\0\x02\0\0\0\x02ab\xff\xff\xff\xff\0\x01\0\x01";
        let expected = Bind {
            portal: "p".into(),
            statement: "s".into(),
            parameter_formats: vec![1],
            parameters: vec![Some(Bytes::from_static(b"ab")), None],
            result_formats: vec![1],
        };
        assert_eq!(decode(b'B', body).unwrap(), Message::Bind(expected));
    }

    /// Every prefix of a legal message, and every legal message with a byte behind it, is refused without a panic.
    #[test]
    fn broken_messages_are_protocol_violations() {
        let legal: &[(u8, &[u8])] = &[
            (b'Q', b"select 1\0"),
            (b'P', b"name\0select $1\0\0\x02\0\0\0\x14\0\0\0\0"),
            (b'B', b"p\0s\0\0\x01\0\x01\0\x02\0\0\0\x02ab\xff\xff\xff\xff\0\x01\0\x01"),
            (b'D', b"Sname\0"),
            (b'E', b"p\0\xff\xff\xff\xff"),
            (b'C', b"Pname\0"),
        ];
        for (kind, body) in legal {
            decode(*kind, body).unwrap();
            for end in 0..body.len() {
                assert_eq!(decode(*kind, &body[..end]).unwrap_err().code, "08P01", "{kind} cut at {end}");
            }
            let longer = [body, &b"x"[..]].concat();
            assert_eq!(decode(*kind, &longer).unwrap_err().code, "08P01", "{kind} with a byte too many");
        }
    }

    #[test]
    fn counts_and_lengths_that_lie() {
        assert_eq!(decode(b'P', b"\0\0\xff\xff").unwrap_err().code, "08P01");
        assert_eq!(decode(b'B', b"\0\0\0\0\0\x01\x7f\xff\xff\xff").unwrap_err().code, "08P01");
        assert_eq!(decode(b'B', b"\0\0\0\0\0\x01\xff\xff\xff\xfe\0\0").unwrap_err().code, "08P01");
        assert_eq!(decode(b'D', b"Xname\0").unwrap_err().code, "08P01");
        assert_eq!(decode(b'Z', b"").unwrap_err().code, "08P01");
    }

    #[test]
    fn text_must_be_utf8() {
        let error = decode(b'Q', b"select '\xc3\x28'\0").unwrap_err();
        assert_eq!(error.code, "22021");
        assert!(error.message.ends_with("0xc3"), "{}", error.message);
    }
}

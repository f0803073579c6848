//! A client that sends any bytes and notes what comes back.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a statement may take before it is cancelled, and then before it hangs.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

/// What came back for one statement.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// SQLSTATE and message of each error.
    pub(super) errors: Vec<(String, String)>,
    /// Rows.
    pub(super) rows: u64,
    /// No answer, not even to a cancel request.
    pub(super) hangs: bool,
    /// The server closed the connection.
    pub(super) gone: bool,
}

/// A connection.
pub(super) struct Connection {
    stream: TcpStream,
    address: SocketAddr,
    /// Process and secret, as a cancel request wants them.
    key: Vec<u8>,
    /// Bytes that came and were not read yet.
    buffer: Vec<u8>,
}

/// A message of the protocol.
fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    bytes.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> Connection {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut connection = Connection { stream, address, key: Vec::new(), buffer: Vec::new() };
        let body = b"\0\x03\0\0user\0noise\0database\0tidewater\0\0";
        let mut start = (body.len() as u32 + 4).to_be_bytes().to_vec();
        start.extend_from_slice(body);
        connection.stream.write_all(&start).await.unwrap();
        let answer = connection.answer(false).await;
        assert!(answer.errors.is_empty() && !answer.gone, "{answer:?}");
        connection
    }

    /// A plain query.
    pub(super) async fn simple(&mut self, sql: &[u8]) -> Answer {
        self.exchange(message(b'Q', &[sql, b"\0"].concat()), false).await
    }

    /// The extended protocol with parameters as texts.
    pub(super) async fn extended(&mut self, sql: &[u8], parameters: &[Option<Vec<u8>>], binary: bool) -> Answer {
        let mut bytes = message(b'P', &[b"\0", sql, b"\0\0\0"].concat());
        let mut bind = b"\0\0\0\0".to_vec();
        bind.extend_from_slice(&(parameters.len() as u16).to_be_bytes());
        for parameter in parameters {
            match parameter {
                None => bind.extend_from_slice(&(-1_i32).to_be_bytes()),
                Some(value) => {
                    bind.extend_from_slice(&(value.len() as u32).to_be_bytes());
                    bind.extend_from_slice(value);
                }
            }
        }
        bind.extend_from_slice(if binary { b"\0\x01\0\x01" } else { b"\0\0" });
        bytes.extend(message(b'B', &bind));
        bytes.extend(message(b'D', b"P\0"));
        bytes.extend(message(b'E', b"\0\0\0\0\0"));
        bytes.extend(message(b'S', b""));
        self.exchange(bytes, true).await
    }

    async fn exchange(&mut self, bytes: Vec<u8>, extended: bool) -> Answer {
        if self.stream.write_all(&bytes).await.is_err() {
            return Answer { gone: true, ..Answer::default() };
        }
        self.answer(extended).await
    }

    /// Reads until the server waits for the next query.
    async fn answer(&mut self, extended: bool) -> Answer {
        let mut answer = Answer::default();
        let mut cancelled = false;
        loop {
            let (tag, body) = match tokio::time::timeout(PATIENCE, self.read()).await {
                Ok(Some(message)) => message,
                Ok(None) => {
                    answer.gone = true;
                    return answer;
                }
                Err(_) if cancelled => {
                    answer.hangs = true;
                    return answer;
                }
                Err(_) => {
                    cancelled = true;
                    self.cancel().await;
                    continue;
                }
            };
            match tag {
                b'E' => answer.errors.push((field(&body, b'C'), field(&body, b'M'))),
                b'D' => answer.rows += 1,
                b'K' => self.key = body,
                b'G' => self.copy(extended).await,
                b'Z' => return answer,
                _ => {}
            }
        }
    }

    /// What COPY FROM gets.
    async fn copy(&mut self, extended: bool) {
        let mut bytes = message(b'd', b"1\tab\n\\N\t\\x\n\"3,\xff\0\n");
        bytes.extend(message(b'c', b""));
        if extended {
            // The first one was taken for a part of the COPY.
            bytes.extend(message(b'S', b""));
        }
        let _ = self.stream.write_all(&bytes).await;
    }

    async fn cancel(&self) {
        let Ok(mut other) = TcpStream::connect(self.address).await else { return };
        let mut bytes = (self.key.len() as u32 + 8).to_be_bytes().to_vec();
        bytes.extend_from_slice(&80_877_102_u32.to_be_bytes());
        bytes.extend_from_slice(&self.key);
        let _ = other.write_all(&bytes).await;
    }

    async fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        self.fill(5).await?;
        let length = u32::from_be_bytes(self.buffer[1..5].try_into().ok()?) as usize + 1;
        self.fill(length).await?;
        let rest = self.buffer.split_off(length);
        let body = std::mem::replace(&mut self.buffer, rest);
        Some((body[0], body[5..].to_vec()))
    }

    /// Waits until so many bytes are there. Nothing is lost if it is given up.
    async fn fill(&mut self, bytes: usize) -> Option<()> {
        while self.buffer.len() < bytes {
            if self.stream.read_buf(&mut self.buffer).await.ok()? == 0 {
                return None;
            }
        }
        Some(())
    }
}

/// A field of an error.
fn field(body: &[u8], kind: u8) -> String {
    let found = body.split(|byte| *byte == 0).find(|part| part.first() == Some(&kind));
    found.map_or(String::new(), |part| String::from_utf8_lossy(&part[1..]).into_owned())
}

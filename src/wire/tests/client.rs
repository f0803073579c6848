//! A client that speaks the protocol byte by byte.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A message that never comes fails the test instead of hanging it.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Client {
    pub(super) stream: TcpStream,
    pub(super) pid: i32,
    pub(super) key: Vec<u8>,
    /// ParameterStatus messages of the start.
    pub(super) parameters: Vec<(String, String)>,
    address: SocketAddr,
}

/// A message from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) kind: char,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// An error's field: `C` code, `M` message, `P` position, `S` severity.
    pub(super) fn field(&self, tag: u8) -> Option<String> {
        let mut fields = self.body.split(|byte| *byte == 0);
        fields.find(|field| field.first() == Some(&tag)).map(|field| String::from_utf8_lossy(&field[1..]).into_owned())
    }

    /// The SQLSTATE of an error.
    pub(super) fn code(&self) -> String {
        assert_eq!(self.kind, 'E', "no error: {self:?}");
        self.field(b'C').unwrap()
    }

    /// The body without its last NUL, as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(self.body.strip_suffix(&[0]).unwrap_or(&self.body)).into_owned()
    }

    /// The values of a DataRow.
    pub(super) fn values(&self) -> Vec<Option<Vec<u8>>> {
        assert_eq!(self.kind, 'D', "no row: {self:?}");
        let mut rest = &self.body[2..];
        let mut values = Vec::new();
        while !rest.is_empty() {
            let length = i32::from_be_bytes(rest[..4].try_into().unwrap());
            rest = &rest[4..];
            values.push(usize::try_from(length).ok().map(|length| {
                let (value, after) = rest.split_at(length);
                rest = after;
                value.to_vec()
            }));
        }
        values
    }
}

/// A packet of start-up: its length, then `version` and `body`.
pub(super) fn packet(version: i32, body: &[u8]) -> Vec<u8> {
    let length = (body.len() + 8) as i32;
    [&length.to_be_bytes()[..], &version.to_be_bytes(), body].concat()
}

/// A start-up packet with these parameters.
pub(super) fn startup(version: i32, parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut body: Vec<u8> = parameters.iter().flat_map(|(k, v)| format!("{k}\0{v}\0").into_bytes()).collect();
    body.push(0);
    packet(version, &body)
}

/// A message with its type and length.
pub(super) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &((body.len() + 4) as i32).to_be_bytes(), body].concat()
}

pub(super) fn query(sql: &str) -> Vec<u8> {
    message(b'Q', format!("{sql}\0").as_bytes())
}

pub(super) fn parse(name: &str, sql: &str, types: &[u32]) -> Vec<u8> {
    let mut body = format!("{name}\0{sql}\0").into_bytes();
    body.extend((types.len() as u16).to_be_bytes());
    body.extend(types.iter().flat_map(|oid| oid.to_be_bytes()));
    message(b'P', &body)
}

pub(super) fn bind(portal: &str, statement: &str, parameters: &[Option<&[u8]>], formats: (&[i16], &[i16])) -> Vec<u8> {
    let codes = |codes: &[i16]| -> Vec<u8> {
        (codes.len() as u16).to_be_bytes().into_iter().chain(codes.iter().flat_map(|code| code.to_be_bytes())).collect()
    };
    let mut body = format!("{portal}\0{statement}\0").into_bytes();
    body.extend(codes(formats.0));
    body.extend((parameters.len() as u16).to_be_bytes());
    for parameter in parameters {
        body.extend(parameter.map_or(-1, |value| value.len() as i32).to_be_bytes());
        body.extend(parameter.unwrap_or_default());
    }
    body.extend(codes(formats.1));
    message(b'B', &body)
}

/// Bind without parameters, text results.
pub(super) fn bind_plain(portal: &str, statement: &str) -> Vec<u8> {
    bind(portal, statement, &[], (&[], &[]))
}

pub(super) fn describe(target: u8, name: &str) -> Vec<u8> {
    message(b'D', &[&[target][..], name.as_bytes(), b"\0"].concat())
}

pub(super) fn execute(portal: &str, rows_max: i32) -> Vec<u8> {
    message(b'E', &[portal.as_bytes(), b"\0", &rows_max.to_be_bytes()].concat())
}

pub(super) fn close(target: u8, name: &str) -> Vec<u8> {
    message(b'C', &[&[target][..], name.as_bytes(), b"\0"].concat())
}

pub(super) fn sync() -> Vec<u8> {
    message(b'S', b"")
}

pub(super) fn flush() -> Vec<u8> {
    message(b'H', b"")
}

impl Client {
    /// A client with an open session.
    pub(super) async fn connect(address: SocketAddr) -> Client {
        let (client, last) = Client::start(address, &startup(0x3_0000, &[("user", "ann")])).await;
        assert_eq!(last.kind, 'Z', "not ready: {last:?}");
        client
    }

    /// Sends a start-up packet and reads up to ReadyForQuery or an error, which it returns.
    pub(super) async fn start(address: SocketAddr, packet: &[u8]) -> (Client, Answer) {
        let mut client = Client::start_raw(address, packet).await;
        loop {
            let answer = client.receive().await;
            match answer.kind {
                'K' => {
                    client.pid = i32::from_be_bytes(answer.body[..4].try_into().unwrap());
                    client.key = answer.body[4..].to_vec();
                }
                'S' => {
                    let text = answer.text();
                    let (name, value) = text.split_once('\0').unwrap();
                    client.parameters.push((name.to_string(), value.to_string()));
                }
                'Z' | 'E' => return (client, answer),
                _ => {}
            }
        }
    }

    /// A connection on which only `bytes` were sent.
    pub(super) async fn start_raw(address: SocketAddr, bytes: &[u8]) -> Client {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut client = Client { stream, pid: 0, key: Vec::new(), parameters: Vec::new(), address };
        client.send(bytes).await;
        client
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Sends several messages at once.
    pub(super) async fn send_all(&mut self, messages: &[Vec<u8>]) {
        self.send(&messages.concat()).await;
    }

    /// The next message.
    pub(super) async fn receive(&mut self) -> Answer {
        tokio::time::timeout(PATIENCE, self.try_receive()).await.expect("no answer").expect("connection closed")
    }

    /// The next message; `None` at the end of the connection.
    pub(super) async fn try_receive(&mut self) -> Option<Answer> {
        let kind = self.stream.read_u8().await.ok()?;
        let length = self.stream.read_i32().await.ok()?;
        let mut body = vec![0; length as usize - 4];
        self.stream.read_exact(&mut body).await.ok()?;
        Some(Answer { kind: char::from(kind), body })
    }

    /// Messages up to and with the first of type `last`.
    pub(super) async fn receive_until(&mut self, last: char) -> Vec<Answer> {
        let mut answers = Vec::new();
        loop {
            let answer = self.receive().await;
            let done = answer.kind == last;
            answers.push(answer);
            if done {
                return answers;
            }
        }
    }

    /// The types of the messages up to ReadyForQuery, e.g. `TDDCZ`.
    pub(super) async fn kinds(&mut self) -> String {
        kinds(&self.receive_until('Z').await)
    }

    /// Sends a cancel request on a connection of its own, which the server closes without a word.
    pub(super) async fn cancel(&self) {
        let body = [&self.pid.to_be_bytes()[..], &self.key].concat();
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(&packet(80_877_102, &body)).await.unwrap();
        let mut rest = Vec::new();
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await.unwrap().unwrap();
        assert!(rest.is_empty());
    }
}

/// The types of messages, as a word.
pub(super) fn kinds(answers: &[Answer]) -> String {
    answers.iter().map(|answer| answer.kind).collect()
}

/// The command tags among messages.
pub(super) fn tags(answers: &[Answer]) -> Vec<String> {
    answers.iter().filter(|answer| answer.kind == 'C').map(Answer::text).collect()
}

//! Services that are not Kafka: librdkafka only says that it did not understand them. So where it fails, an address is asked once more
//! with a plain request, and what answers is named.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use super::options::KafkaOptions;
use crate::clock;
use crate::error::{Error, code};

/// How long a service may take to let us in, and to say something.
const PATIENCE: Duration = Duration::from_millis(500);

/// Bytes of an answer that are looked at.
const ANSWER_BYTES_MAX: usize = 256;

/// The number by which a Kafka broker's answer is known.
const CORRELATION: [u8; 4] = *b"tide";

/// What listens at the first address of `brokers` that answers, if that is not Kafka. TLS listeners are not asked.
pub(super) fn look(options: &KafkaOptions) -> Option<Error> {
    if options.is_encrypted() {
        return None;
    }
    let answer = options.brokers.split(',').find_map(|address| ask(address.trim()))?;
    let found = name(&answer)?;
    let message = format!("cannot connect to Kafka at \"{}\": {found}", options.brokers);
    Some(
        Error::new(code::FDW_UNABLE_TO_ESTABLISH_CONNECTION, message)
            .hint("give the address of a Kafka listener, mostly port 9092"),
    )
}

/// The beginning of what the service at `address` answers to ApiVersions; `None` if that is nothing.
fn ask(address: &str) -> Option<Vec<u8>> {
    let address = if address.contains(':') { address.to_string() } else { format!("{address}:9092") };
    let address = address.to_socket_addrs().ok()?.min_by_key(std::net::SocketAddr::is_ipv6)?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    // Length; ApiVersions, version 0; correlation; no client's name.
    let request = [&[0, 0, 0, 10, 0, 18, 0, 0][..], &CORRELATION, &[255, 255]].concat();
    stream.write_all(&request).ok()?;
    let mut answer = Vec::new();
    let mut part = [0; ANSWER_BYTES_MAX];
    let deadline: Instant = clock::instant() + PATIENCE;
    while answer.len() < ANSWER_BYTES_MAX && clock::instant() < deadline {
        match stream.read(&mut part) {
            Ok(length) if length > 0 => answer.extend_from_slice(&part[..length]),
            _ => break,
        }
        // Enough to tell Kafka and lines of text.
        if answer.len() >= 8 {
            break;
        }
    }
    (!answer.is_empty()).then_some(answer)
}

/// Names a service by its answer; `None` for Kafka.
fn name(answer: &[u8]) -> Option<String> {
    if answer.get(4..8) == Some(&CORRELATION) {
        return None;
    }
    let line: String = String::from_utf8_lossy(answer).chars().take_while(|c| !c.is_control()).take(60).collect();
    let length = answer.get(1..5).map(|length| u32::from_be_bytes([length[0], length[1], length[2], length[3]]));
    Some(match answer {
        [b'E' | b'v', ..] if length.is_some_and(|length| (8..10_000).contains(&length)) => {
            "what listens there is a PostgreSQL server (or another one that speaks its protocol), not Kafka".to_string()
        }
        [0x15, 3, ..] => {
            "what listens there wants TLS: set kafka.security.protocol = 'SSL' (or 'SASL_SSL')".to_string()
        }
        _ if line.starts_with("HTTP/") => {
            format!("what listens there is an HTTP server, not Kafka (it answered \"{line}\")")
        }
        _ if line.len() >= 3 => format!("what listens there is not Kafka (it answered \"{line}\")"),
        _ => "what listens there is not Kafka".to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_known_by_what_they_answer() {
        let named = |answer: &[u8]| name(answer).unwrap_or_default();
        assert_eq!(name(b"\0\0\0\x20tide\0\0"), None);
        assert!(
            named(b"HTTP/1.1 400 Bad Request\r\n")
                .contains("HTTP server, not Kafka (it answered \"HTTP/1.1 400 Bad Request\")")
        );
        assert!(named(b"E\0\0\0\x6cSFATAL\0").contains("PostgreSQL server"));
        assert!(named(&[0x15, 3, 3, 0, 2, 2, 10]).contains("TLS"));
        assert!(named(b"SSH-2.0-OpenSSH_9.2\r\n").contains("(it answered \"SSH-2.0-OpenSSH_9.2\")"));
        assert_eq!(named(&[1, 2, 3]), "what listens there is not Kafka");
    }
}

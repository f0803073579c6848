//! From an accepted connection to a session: requests for encryption (refused), cancel requests, the start-up packet with its
//! options, authentication, the first ParameterStatus messages and the key for cancel requests.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::startup::{
    Authentication as AuthenticationMessage, BackendKeyData, NegotiateProtocolVersion, ParameterStatus, SecretKey,
};

use super::auth::authenticate;
use super::backend::Backend;
use super::failure::{Attempt, Failure, code, protocol_violation};
use super::frontend::Body;
use super::interrupt::Interrupt;
use super::sessions::Registration;
use super::socket::Socket;
use super::{Authentication, Service};
use crate::error::{Error, Result};

/// The one database of a server.
const DATABASE: &str = "tidewater";
const CANCEL_REQUEST: i32 = 80_877_102;
const SSL_REQUEST: i32 = 80_877_103;
const GSS_ENCRYPTION_REQUEST: i32 = 80_877_104;
/// The newest minor version of protocol 3 that is spoken.
const MINOR_VERSION_MAX: u16 = 2;
/// The version that PostgreSQL 15 clients expect from a server with its features.
const SERVER_VERSION: &str = concat!("15.0 (Tidewater ", env!("CARGO_PKG_VERSION"), ")");
/// What clients are told at start and at each change, with the value where the session has none.
const REPORTED: [(&str, &str); 13] = [
    ("server_version", SERVER_VERSION),
    ("server_encoding", "UTF8"),
    ("client_encoding", "UTF8"),
    ("application_name", ""),
    ("default_transaction_read_only", "off"),
    ("in_hot_standby", "off"),
    ("is_superuser", "on"),
    ("session_authorization", ""),
    ("DateStyle", "ISO, MDY"),
    ("IntervalStyle", "postgres"),
    ("TimeZone", "UTC"),
    ("integer_datetimes", "on"),
    ("standard_conforming_strings", "on"),
];

/// What a new connection wants.
pub(super) enum Request {
    /// A session.
    Session(Startup),
    /// To cancel what a session runs: its pid and its secret.
    Cancel(i32, Bytes),
}

/// A start-up packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Startup {
    minor_version: u16,
    user: String,
    database: String,
    /// Settings in the order they are to be set: those of `options`, then the packet's own.
    settings: Vec<(String, String)>,
    /// Protocol options (`_pq_.…`) that nobody here knows.
    unknown_options: Vec<String>,
}

/// Reads what a new connection wants.
pub(super) async fn read_request(socket: &mut Socket) -> Attempt<Request> {
    loop {
        let mut packet = socket.startup_packet().await?;
        match packet.get_i32() {
            SSL_REQUEST | GSS_ENCRYPTION_REQUEST => {
                socket.put_byte(b'N');
                socket.flush().await?;
            }
            CANCEL_REQUEST if packet.len() >= 4 => return Ok(Request::Cancel(packet.get_i32(), packet)),
            version => return Startup::decode(version, packet).map(Request::Session).map_err(Failure::Fatal),
        }
    }
}

/// Lets the client in and tells it about its session, up to but without the first ReadyForQuery.
pub(super) async fn open_session(
    socket: &mut Socket,
    interrupt: &mut Interrupt,
    service: &Service,
    startup: Startup,
) -> Attempt<(Box<dyn Backend>, Registration)> {
    if startup.minor_version > MINOR_VERSION_MAX || !startup.unknown_options.is_empty() {
        let newest = (3 << 16) | i32::from(startup.minor_version.min(MINOR_VERSION_MAX));
        let message = NegotiateProtocolVersion::new(newest, startup.unknown_options.clone());
        put(socket, PgWireBackendMessage::NegotiateProtocolVersion(message))?;
    }
    if let Authentication::Password(passwords) = &service.authentication {
        authenticate(socket, interrupt, passwords, &startup.user).await?;
    }
    put(socket, PgWireBackendMessage::Authentication(AuthenticationMessage::Ok))?;
    if startup.database != DATABASE && startup.database != startup.user {
        let message = format!("database \"{}\" does not exist", startup.database);
        let error = Error::new(code::INVALID_CATALOG_NAME, message).hint(format!("the database is \"{DATABASE}\""));
        return Err(Failure::Fatal(error));
    }
    // Protocol 3.2 has longer secrets than the four bytes of 3.0.
    let key_bytes = if startup.minor_version >= 2 { 32 } else { 4 };
    let registration = service.sessions.open(key_bytes).map_err(Failure::Fatal)?;
    let mut session = (service.open)(&startup.user, registration.pid);
    for (name, value) in &startup.settings {
        set(session.as_mut(), name, value).map_err(Failure::Fatal)?;
    }
    session.changed_settings();
    for (name, default) in REPORTED {
        let value = match name {
            "session_authorization" => startup.user.clone(),
            name => session.setting(name).unwrap_or_else(|| default.to_string()),
        };
        put(socket, parameter_status(name, value))?;
    }
    let key = SecretKey::Bytes(Bytes::copy_from_slice(&registration.key));
    put(socket, PgWireBackendMessage::BackendKeyData(BackendKeyData::new(registration.pid, key)))?;
    Ok((session, registration))
}

/// A ParameterStatus message.
pub(super) fn parameter_status(name: &str, value: String) -> PgWireBackendMessage {
    let value = value.replace('\0', "");
    PgWireBackendMessage::ParameterStatus(ParameterStatus::new(name.to_string(), value))
}

/// A message that cannot be sent during start-up ends the connection.
fn put(socket: &mut Socket, message: PgWireBackendMessage) -> Attempt<()> {
    socket.put(&message).map_err(Failure::Fatal)
}

/// Sets what the client asks for at start. Text travels as UTF-8 only, so that is the one encoding to choose.
fn set(session: &mut dyn Backend, name: &str, value: &str) -> Result<()> {
    if !name.eq_ignore_ascii_case("client_encoding") {
        return session.set(name, value);
    }
    let plain: String = value.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    match plain.as_str() {
        "utf8" | "unicode" | "sqlascii" | "auto" => Ok(()),
        _ => Err(Error::unsupported(format!("client encoding \"{value}\" is not supported")).hint("use UTF8")),
    }
}

impl Startup {
    fn decode(version: i32, packet: Bytes) -> Result<Startup> {
        let (major, minor_version) = ((version >> 16) as u16, version as u16);
        if major != 3 {
            let message = format!("unsupported frontend protocol {major}.{minor_version}: server supports 3.0 to 3.2");
            return Err(Error::unsupported(message));
        }
        let mut startup = Startup {
            minor_version,
            user: String::new(),
            database: String::new(),
            settings: Vec::new(),
            unknown_options: Vec::new(),
        };
        let mut own = Vec::new();
        let mut body = Body(packet);
        loop {
            let name = body.text()?;
            if name.is_empty() {
                break;
            }
            startup.add(name, body.text()?, &mut own)?;
        }
        body.end()
            .map_err(|_| protocol_violation("invalid startup packet layout: expected terminator as last byte"))?;
        startup.settings.append(&mut own);
        if startup.user.is_empty() {
            return Err(Error::new(code::INVALID_AUTHORIZATION, "no PostgreSQL user name specified in startup packet"));
        }
        if startup.database.is_empty() {
            startup.database.clone_from(&startup.user);
        }
        Ok(startup)
    }

    fn add(&mut self, name: String, value: String, own: &mut Vec<(String, String)>) -> Result<()> {
        match name.as_str() {
            "user" => self.user = value,
            "database" => self.database = value,
            "options" => self.settings.extend(parse_options(&value)?),
            "replication" if matches!(value.as_str(), "false" | "off" | "no" | "0") => {}
            "replication" => return Err(Error::unsupported("replication connections are not supported")),
            option if option.starts_with("_pq_.") => self.unknown_options.push(name),
            _ => own.push((name, value)),
        }
        Ok(())
    }
}

/// The settings in the `options` of a start-up packet (PGOPTIONS): `-c name=value` and `--name=value`, where a backslash takes the
/// next character as it is.
fn parse_options(options: &str) -> Result<Vec<(String, String)>> {
    let mut settings = Vec::new();
    let mut words = split_options(options).into_iter();
    while let Some(word) = words.next() {
        let invalid = || {
            Error::new(code::SYNTAX_ERROR, format!("invalid command-line argument for server process: {word}"))
                .hint("options are -c name=value or --name=value")
        };
        let assignment = match (word.strip_prefix("-c"), word.strip_prefix("--")) {
            (Some(""), _) => words.next().ok_or_else(invalid)?,
            (Some(assignment), _) | (None, Some(assignment)) => assignment.to_string(),
            (None, None) => return Err(invalid()),
        };
        let (name, value) = assignment.split_once('=').ok_or_else(invalid)?;
        settings.push((name.replace('-', "_"), value.to_string()));
    }
    Ok(settings)
}

fn split_options(options: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = options.chars();
    while let Some(character) = characters.next() {
        match character {
            character if character.is_whitespace() => words.extend(word.take()),
            '\\' => word.get_or_insert_default().extend(characters.next()),
            character => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

/// Makes a session for a user; the number is the one that a cancel request names.
pub(super) type OpenSession = Arc<dyn Fn(&str, i32) -> Box<dyn Backend> + Send + Sync>;

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(version: i32, parameters: &[(&str, &str)]) -> Result<Startup> {
        let mut packet: Vec<u8> = parameters.iter().flat_map(|(k, v)| format!("{k}\0{v}\0").into_bytes()).collect();
        packet.push(0);
        Startup::decode(version, packet.into())
    }

    #[test]
    fn options_come_before_the_packets_own_settings() {
        let parameters = [
            ("user", "ann"),
            ("application_name", "psql"),
            ("options", r"-c statement_timeout=5s --search-path=a\ b -cDateStyle=ISO"),
            ("_pq_.future", "1"),
        ];
        let startup = decode(0x3_0002, &parameters).unwrap();
        assert_eq!((startup.user.as_str(), startup.database.as_str(), startup.minor_version), ("ann", "ann", 2));
        let settings: Vec<_> = startup.settings.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(
            settings,
            [("statement_timeout", "5s"), ("search_path", "a b"), ("DateStyle", "ISO"), ("application_name", "psql")]
        );
        assert_eq!(startup.unknown_options, ["_pq_.future"]);
    }

    #[test]
    fn packets_that_are_refused() {
        assert_eq!(decode(0x2_0000, &[("user", "ann")]).unwrap_err().code, "0A000");
        assert_eq!(decode(0x3_0000, &[("database", "tidewater")]).unwrap_err().code, "28000");
        assert_eq!(decode(0x3_0000, &[("user", "a"), ("replication", "database")]).unwrap_err().code, "0A000");
        assert_eq!(decode(0x3_0000, &[("user", "a"), ("options", "-x")]).unwrap_err().code, "42601");
        assert_eq!(decode(0x3_0000, &[("user", "a"), ("options", "-c")]).unwrap_err().code, "42601");
        assert_eq!(Startup::decode(0x3_0000, Bytes::from_static(b"user\0ann\0")).unwrap_err().code, "08P01");
        assert_eq!(Startup::decode(0x3_0000, Bytes::from_static(b"user\0a\0\0x")).unwrap_err().code, "08P01");
    }
}

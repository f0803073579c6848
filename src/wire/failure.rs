//! What ends a message's handling early, and the SQLSTATEs that only the protocol uses.

use std::io;

use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::response::{ErrorResponse, NoticeResponse};

use crate::engine::Notice;
use crate::error::Error;

/// SQLSTATEs of the protocol itself.
pub(super) mod code {
    #![allow(missing_docs, reason = "the names are PostgreSQL's own")]
    pub(in crate::wire) use crate::error::code::*;
    pub(in crate::wire) const PROTOCOL_VIOLATION: &str = "08P01";
    pub(in crate::wire) const CHARACTER_NOT_IN_REPERTOIRE: &str = "22021";
    pub(in crate::wire) const IDLE_IN_TRANSACTION_SESSION_TIMEOUT: &str = "25P03";
}

/// Why a message was not handled to its end.
#[derive(Debug)]
pub(super) enum Failure {
    /// The statement failed; the connection goes on.
    Statement(Error),
    /// The client is told, then the connection ends.
    Fatal(Error),
    /// Nobody is there to be told.
    Gone,
}

/// Result of what may end a connection.
pub(super) type Attempt<T> = Result<T, Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Statement(error)
    }
}

impl From<io::Error> for Failure {
    /// A socket that fails has no peer that could be told.
    fn from(_: io::Error) -> Self {
        Failure::Gone
    }
}

/// A message that breaks the protocol's rules, SQLSTATE 08P01.
pub(super) fn protocol_violation(message: impl Into<String>) -> Error {
    Error::new(code::PROTOCOL_VIOLATION, message)
}

/// `error` as an ErrorResponse.
pub(super) fn error_response(severity: &str, error: &Error) -> PgWireBackendMessage {
    let mut fields = start_fields(severity, error.code, &error.message);
    let mut add = |tag: u8, text: &Option<String>| {
        if let Some(text) = text {
            fields.push((tag, without_nul(text)));
        }
    };
    add(b'D', &error.detail);
    add(b'H', &error.hint);
    add(b'P', &error.position.map(|position| position.to_string()));
    if let Some(subject) = &error.subject {
        add(b'W', &subject.context);
        add(b's', &subject.schema);
        add(b't', &subject.table);
        add(b'c', &subject.column);
        add(b'n', &subject.constraint);
    }
    PgWireBackendMessage::ErrorResponse(ErrorResponse::new(fields))
}

/// `notice` as a NoticeResponse.
pub(super) fn notice_response(notice: &Notice) -> PgWireBackendMessage {
    PgWireBackendMessage::NoticeResponse(NoticeResponse::new(start_fields(
        notice.severity,
        notice.code,
        &notice.message,
    )))
}

fn start_fields(severity: &str, code: &str, message: &str) -> Vec<(u8, String)> {
    vec![
        (b'S', severity.to_string()),
        (b'V', severity.to_string()),
        (b'C', code.to_string()),
        (b'M', without_nul(message)),
    ]
}

/// A NUL would end a field early and break the message's framing.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

//! What every request handler shares: who asks, how a refusal looks, and the protocol's strings.

use std::net::{IpAddr, SocketAddr};

use kafka_protocol::ResponseError;
use kafka_protocol::messages::BrokerId;
use kafka_protocol::protocol::StrBytes;

/// The only node of the cluster.
pub(super) const NODE: BrokerId = BrokerId(1);

/// The leader epoch of every partition: its leader never changes.
pub(super) const LEADER_EPOCH: i32 = 0;

/// Who sent a request, and in which version of its API.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// Version of the request and of its response.
    pub(super) version: i16,
    /// What the client calls itself, empty if it does not.
    pub(super) client_id: StrBytes,
    /// The client's address.
    pub(super) peer: IpAddr,
    /// The address at which the client reached the broker.
    pub(super) local: SocketAddr,
}

/// A request, or a part of it, that is answered with an error code and, where the protocol has room, a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Kafka's error.
    pub(super) error: ResponseError,
    /// The reason; without one, clients show the general text of the error.
    pub(super) message: Option<String>,
}

impl Refusal {
    /// `error` because of `message`.
    pub(super) fn new(error: ResponseError, message: impl Into<String>) -> Self {
        Refusal { error, message: Some(message.into()) }
    }
}

impl From<ResponseError> for Refusal {
    fn from(error: ResponseError) -> Self {
        Refusal { error, message: None }
    }
}

/// The code and the reason of an outcome, as responses carry them: 0 and none for success.
pub(super) fn verdict<T>(outcome: &Result<T, Refusal>) -> (i16, Option<StrBytes>) {
    match outcome {
        Ok(_) => (0, None),
        Err(refusal) => (refusal.error.code(), Some(explanation(refusal))),
    }
}

/// The code of an outcome: 0 for success.
pub(super) fn error_code<T>(outcome: &Result<T, ResponseError>) -> i16 {
    match outcome {
        Ok(_) => 0,
        Err(error) => error.code(),
    }
}

/// A string of the protocol.
pub(super) fn text(value: impl Into<String>) -> StrBytes {
    StrBytes::from_string(value.into())
}

fn explanation(refusal: &Refusal) -> StrBytes {
    text(refusal.message.clone().unwrap_or_else(|| refusal.error.to_string()))
}

//! What librdkafka says, made readable: one cleaned text per trouble, the last one kept, and hints for what users meet most.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use datafusion::common::utils::datafusion_strsim::levenshtein;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;

use crate::clock::Clock;
use crate::error::{Error, code};

/// A trouble that a client told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    /// librdkafka's code; `None` where only a log line told of it.
    pub(super) code: Option<Code>,
    /// Cleaned text.
    pub(super) text: String,
    /// When: µs since 1970-01-01 UTC.
    pub(super) at: i64,
}

impl Trouble {
    /// Whether waiting cannot help: wrong credentials or a certificate that is not trusted.
    pub(super) fn is_permanent(&self) -> bool {
        matches!(self.code, Some(Code::Authentication | Code::SSL | Code::SaslAuthenticationFailed))
    }

    /// Whether nobody listens at the address.
    pub(super) fn is_refused(&self) -> bool {
        self.text.contains("Connection refused")
    }

    /// Whether somebody listened and was not understood.
    pub(super) fn is_of_connection(&self) -> bool {
        !self.is_refused() && !self.is_permanent() && self.code != Some(Code::Resolve)
    }

    /// What the user can check.
    fn hint(&self) -> &'static str {
        match self.code {
            Some(Code::Resolve) => "check the host name in \"brokers\"",
            Some(Code::Authentication | Code::SaslAuthenticationFailed) => {
                "check kafka.security.protocol, kafka.sasl.mechanism, kafka.sasl.username and kafka.sasl.password"
            }
            _ if self.text.contains("PLAINTEXT broker listener") => {
                "the listener at \"brokers\" is not a TLS one: check its port and kafka.security.protocol"
            }
            Some(Code::SSL) => "check kafka.ssl.ca.location and the name in the broker's certificate",
            _ => {
                "check \"brokers\", that a broker listens there and that the addresses it advertises can be reached from here"
            }
        }
    }
}

/// Collects what one librdkafka client reports beside records. Its callbacks run on the thread that polls the client.
#[derive(Default)]
pub(super) struct Events {
    last: Mutex<Option<Trouble>>,
    unresolved: AtomicBool,
    count: AtomicU64,
    lost: Mutex<Option<Trouble>>,
    clock: Clock,
}

impl Events {
    /// The last trouble, also after it passed.
    pub(super) fn last(&self) -> Option<Trouble> {
        lock(&self.last).clone()
    }

    /// Whether a trouble came after the last [`Events::resolve`].
    pub(super) fn is_unresolved(&self) -> bool {
        self.unresolved.load(Ordering::Acquire)
    }

    /// The client works again.
    pub(super) fn resolve(&self) {
        self.unresolved.store(false, Ordering::Release);
    }

    /// The first record since the last call that a producer could not deliver.
    pub(super) fn take_lost(&self) -> Option<Trouble> {
        lock(&self.lost).take()
    }

    /// How many troubles there were so far.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Keeps a trouble as the last one. "All brokers down" follows every other message and says less, so it is not kept.
    pub(super) fn note(&self, code: Option<Code>, text: &str) {
        self.count.fetch_add(1, Ordering::AcqRel);
        if code != Some(Code::AllBrokersDown) && !is_about_groups(code) {
            *lock(&self.last) = Some(self.trouble(code, text));
            self.unresolved.store(true, Ordering::Release);
        }
    }

    fn trouble(&self, code: Option<Code>, text: &str) -> Trouble {
        Trouble { code, text: clean(text), at: self.clock.now_micros() }
    }
}

impl ClientContext for Events {
    fn error(&self, error: KafkaError, reason: &str) {
        self.note(error.rdkafka_error_code(), reason);
    }

    /// Errors on a forwarded queue arrive only here, under the facility `ERROR`.
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        if facility == "ERROR" {
            self.note(None, text);
        }
        tracing::debug!(target: "librdkafka", ?level, facility, "{text}");
    }
}

impl ConsumerContext for Events {}

impl ProducerContext for Events {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            let mut lost = lock(&self.lost);
            if lost.is_none() {
                let code = error.rdkafka_error_code();
                *lost = Some(self.trouble(code, &code.map_or_else(|| error.to_string(), |code| code.to_string())));
            }
        }
    }
}

/// No callback panics while it holds a lock, and the value is replaced whole: a poisoned lock is still good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The client has a group id only because `assign` wants one; it never joins or commits, so group errors mean nothing to it.
fn is_about_groups(code: Option<Code>) -> bool {
    use Code::{CoordinatorLoadInProgress, CoordinatorNotAvailable, GroupAuthorizationFailed, NotCoordinator};
    let groups = [CoordinatorLoadInProgress, CoordinatorNotAvailable, GroupAuthorizationFailed, NotCoordinator];
    code.is_some_and(|code| groups.contains(&code))
}

/// Drops what is only of interest to librdkafka's authors: thread and broker prefixes, state and suppression notes.
pub(super) fn clean(text: &str) -> String {
    let mut text = text.trim();
    if let Some((_, rest)) = text.strip_prefix("[thrd:").and_then(|rest| rest.split_once("]: ")) {
        text = rest;
    }
    while let Some((prefix, rest)) = text.split_once(": ") {
        let names_broker = prefix.contains(['/', ':']) && !prefix.contains(' ');
        if !names_broker && prefix != "GroupCoordinator" && prefix != "Client creation error" {
            break;
        }
        text = rest;
    }
    if text.ends_with(')')
        && let Some(at) = text.rfind(" (after ")
    {
        text = &text[..at];
    }
    text.trim_end_matches('.').to_string()
}

/// The broker cannot be reached or does not let us in.
pub(super) fn unreachable(brokers: &str, trouble: Option<&Trouble>) -> Error {
    let message = format!("cannot connect to Kafka at \"{brokers}\"");
    match trouble {
        Some(trouble) => {
            let message = format!("{message}: {}", trouble.text);
            Error::new(code::FDW_UNABLE_TO_ESTABLISH_CONNECTION, message).hint(trouble.hint())
        }
        None => Error::new(code::FDW_UNABLE_TO_ESTABLISH_CONNECTION, format!("{message}: no usable answer within the time limit"))
            .hint("if the listener wants TLS or SASL, set kafka.security.protocol and kafka.sasl.mechanism, kafka.sasl.username, kafka.sasl.password"),
    }
}

/// The topic does not exist; `existing` are those that do.
pub(super) fn missing_topic(topic: &str, brokers: &str, existing: Vec<String>) -> Error {
    let existing: Vec<String> = existing.into_iter().filter(|name| !name.starts_with("__")).collect();
    let error = Error::new(
        code::FDW_TABLE_NOT_FOUND,
        format!("topic \"{topic}\" does not exist on the brokers at \"{brokers}\""),
    );
    if existing.is_empty() {
        return error.hint("the brokers have no topics yet; create it first");
    }
    let count = existing.len();
    let names: Vec<String> = similar(topic, existing, 5).into_iter().map(|name| format!("\"{name}\"")).collect();
    if count > names.len() {
        error.hint(format!("the brokers have {count} topics, the most similar are {}", names.join(", ")))
    } else {
        error.hint(format!("the topics there are {}", names.join(", ")))
    }
}

/// The `count` candidates nearest to `name`, nearest first.
pub(super) fn similar(name: &str, mut candidates: Vec<String>, count: usize) -> Vec<String> {
    candidates.sort_by_key(|candidate| (!candidate.contains(name), levenshtein(candidate, name)));
    candidates.truncate(count);
    candidates
}

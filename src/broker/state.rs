//! Everything the broker knows, behind one lock that is only ever held for short, synchronous work.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kafka_protocol::protocol::StrBytes;

use crate::clock::{self, Clock};

use super::BrokerOptions;
use super::group::Groups;
use super::log::Moment;
use super::protocol::{Call, text};
use super::topic::Topics;
use super::transaction::{self, Transactions};

/// How often sessions, rebalances, transactions and retention are looked at.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// The broker without its sockets.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) options: BrokerOptions,
    /// Another one for each start, as topics do not survive.
    pub(super) cluster_id: StrBytes,
    clock: Clock,
    state: Mutex<State>,
}

/// What changes.
#[derive(Debug)]
pub(super) struct State {
    pub(super) topics: Topics,
    pub(super) groups: Groups,
    pub(super) transactions: Transactions,
}

impl Core {
    /// A broker without topics.
    pub(super) fn new(options: BrokerOptions) -> Core {
        let state = State::new(options.memory_max_bytes);
        let cluster_id = text(format!("tidewater-{:016x}", clock::random_u64()));
        Core { options, cluster_id, clock: Clock::System, state: Mutex::new(state) }
    }

    /// The state, alone. A panic of another holder is ignored: every change is complete before something can panic.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time, on both clocks.
    pub(super) fn now(&self) -> Moment {
        Moment { instant: clock::instant(), millis: self.clock.now_micros() / 1000 }
    }

    /// Ends what has lasted too long: sessions, rebalances, transactions, the retention of records.
    pub(super) fn tick(&self) {
        let now = self.now();
        let mut state = self.lock();
        state.groups.expire(now.instant);
        transaction::expire(&mut state, now);
        state.topics.expire(now.instant);
    }

    /// Host and port that clients are told to connect to.
    pub(super) fn advertised(&self, call: &Call) -> (StrBytes, i32) {
        let host = match &self.options.advertised_host {
            Some(host) => text(host.as_str()),
            None => text(call.local.ip().to_canonical().to_string()),
        };
        (host, i32::from(call.local.port()))
    }
}

impl State {
    /// Nothing yet; topics may take up to `memory_max_bytes`.
    pub(super) fn new(memory_max_bytes: usize) -> State {
        let topics = Topics::new(memory_max_bytes);
        State { topics, groups: Groups::default(), transactions: Transactions::default() }
    }
}

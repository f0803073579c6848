//! The only door to time and randomness, so that a run can be made a function of its inputs.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Where the engine's wall-clock time comes from.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The machine's clock.
    #[default]
    System,
    /// A clock moved by hand: µs since 1970-01-01 UTC.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A hand-driven clock that shows `micros` (since 1970-01-01 UTC) until it is moved.
    pub fn manual(micros: i64) -> Self {
        Clock::Manual(Arc::new(AtomicI64::new(micros)))
    }

    /// Microseconds since 1970-01-01 UTC.
    pub fn now_micros(&self) -> i64 {
        match self {
            Clock::System => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64),
            Clock::Manual(micros) => micros.load(Ordering::Acquire),
        }
    }
}

/// A monotonic reading for durations and timeouts.
pub fn instant() -> Instant {
    Instant::now()
}

/// An unpredictable 64-bit number, for cancel keys and client ids; never for results.
pub fn random_u64() -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().0
}

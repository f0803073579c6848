//! What functions do to the session that calls them: `set_config`, `pg_sleep`, `nextval`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Session;
use super::settings::Settings;
use crate::catalog::pg_catalog::Effects;
use crate::error::{Error, Result, code};

/// The effects of one session's functions.
#[derive(Default)]
pub(super) struct SessionEffects {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Settings that were set and are not applied yet: name, value, whether until the end of the transaction.
    pending: Vec<(String, String, bool)>,
    /// How long the next rows are to wait.
    sleep: Duration,
    /// The last number of each sequence.
    numbers: HashMap<String, i64>,
    /// The last number of all.
    last: Option<i64>,
}

/// The same with the settings at the statement's begin, against which new values are tested.
struct WithSettings {
    effects: Arc<SessionEffects>,
    settings: Settings,
}

impl SessionEffects {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the functions of one statement.
    pub(super) fn for_functions(self: &Arc<Self>, settings: &Settings) -> Arc<dyn Effects> {
        Arc::new(WithSettings { effects: Arc::clone(self), settings: settings.clone() })
    }

    /// Waits as long as functions asked for.
    pub(super) async fn slept(&self) {
        let duration = std::mem::take(&mut self.state().sleep);
        if !duration.is_zero() {
            tokio::time::sleep(duration).await;
        }
    }
}

impl Effects for SessionEffects {
    fn set_config(&self, name: &str, value: &str, local: bool) -> Result<String> {
        self.state().pending.push((name.to_string(), value.to_string(), local));
        Ok(value.to_string())
    }

    fn sleep(&self, duration: Duration) {
        let mut state = self.state();
        state.sleep = state.sleep.saturating_add(duration);
    }

    fn took(&self, sequence: &str, number: i64) {
        let mut state = self.state();
        state.numbers.insert(sequence.to_string(), number);
        state.last = Some(number);
    }

    fn last_of(&self, sequence: Option<&str>) -> Option<i64> {
        let state = self.state();
        match sequence {
            Some(sequence) => state.numbers.get(sequence).copied(),
            None => state.last,
        }
    }
}

impl Effects for WithSettings {
    fn set_config(&self, name: &str, value: &str, local: bool) -> Result<String> {
        let mut settings = self.settings.clone();
        settings.set(name, Some(value))?;
        let shown = settings.get(name).ok_or_else(|| Error::new(code::UNDEFINED_OBJECT, "no such setting"))?;
        self.effects.set_config(name, value, local)?;
        Ok(shown)
    }

    fn sleep(&self, duration: Duration) {
        self.effects.sleep(duration);
    }

    fn took(&self, sequence: &str, number: i64) {
        self.effects.took(sequence, number);
    }

    fn last_of(&self, sequence: Option<&str>) -> Option<i64> {
        self.effects.last_of(sequence)
    }
}

impl Session {
    /// Applies the settings that functions of the last statement set.
    pub(super) fn apply_effects(&mut self) {
        let pending = std::mem::take(&mut self.effects.state().pending);
        for (name, value, local) in pending {
            // Outside of a transaction block a local one has ended already. The values were tested.
            if !local || self.open.is_some() {
                let _ = self.set_statement(&name, Some(&value), local);
            }
        }
    }
}

//! Functions that do something to the session: `set_config`, `pg_sleep`.

use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::ScalarUDF;

use super::function::{string, volatile};
use super::{Context, Effects};
use crate::error::Error;

/// Longest sleep: an hour.
const SLEEP_SECONDS_MAX: f64 = 3600.0;

/// An error of ours on its way through the planner.
pub(super) fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// What effects need a session for.
pub(super) fn effects_of(effects: &Option<Arc<dyn Effects>>) -> Result<&Arc<dyn Effects>> {
    effects.as_ref().ok_or_else(|| external(Error::unsupported("this function needs a session")))
}

pub(super) fn functions(context: &Context<'_>) -> Vec<ScalarUDF> {
    let (setting, sleeping) = (context.effects.clone(), context.effects.clone());
    vec![
        volatile("set_config", DataType::Utf8, move |arguments| {
            let (Some(name), Some(value)) = (string(arguments, 0), string(arguments, 1)) else {
                return Ok(ScalarValue::Utf8(None));
            };
            let local = matches!(arguments.get(2), Some(ScalarValue::Boolean(Some(true))));
            let set = effects_of(&setting)?.set_config(&name, &value, local).map_err(external)?;
            Ok(ScalarValue::Utf8(Some(set)))
        }),
        volatile("pg_sleep", DataType::Utf8, move |arguments| {
            let seconds = match arguments.first().map(|value| value.cast_to(&DataType::Float64)).transpose()? {
                Some(ScalarValue::Float64(Some(seconds))) => seconds,
                _ => return Ok(ScalarValue::Utf8(None)),
            };
            if seconds > SLEEP_SECONDS_MAX {
                let error = Error::unsupported("pg_sleep of more than an hour is not supported");
                return Err(external(error));
            }
            effects_of(&sleeping)?.sleep(Duration::from_secs_f64(seconds.max(0.0)));
            Ok(ScalarValue::Utf8(Some(String::new())))
        }),
    ]
}

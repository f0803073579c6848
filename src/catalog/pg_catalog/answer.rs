//! Functions with one answer for all: who may do everything, what has no sessions, transactions or partitions to tell of.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::ScalarUDF;

use super::Context;
use super::function::{bigint, function, string, text};
use crate::error::{Error, code};

/// Everything is visible, and everybody may do everything.
const YES: [&str; 22] = [
    "pg_type_is_visible",
    "pg_conversion_is_visible",
    "pg_function_is_visible",
    "pg_operator_is_visible",
    "pg_collation_is_visible",
    "pg_opclass_is_visible",
    "pg_opfamily_is_visible",
    "pg_statistics_obj_is_visible",
    "pg_ts_config_is_visible",
    "pg_ts_dict_is_visible",
    "has_table_privilege",
    "has_schema_privilege",
    "has_database_privilege",
    "has_column_privilege",
    "has_any_column_privilege",
    "has_function_privilege",
    "has_sequence_privilege",
    "has_language_privilege",
    "has_tablespace_privilege",
    "has_type_privilege",
    "has_parameter_privilege",
    "pg_has_role",
];

const NO: [&str; 6] = [
    "pg_relation_is_publishable",
    "pg_is_in_recovery",
    "pg_is_other_temp_schema",
    "pg_is_wal_replay_paused",
    "row_security_active",
    "pg_jit_available",
];

/// Texts that nothing here has.
const NOTHING: [&str; 16] = [
    "pg_get_function_result",
    "pg_get_function_arguments",
    "pg_get_function_identity_arguments",
    "pg_get_function_sqlbody",
    "pg_get_ruledef",
    "pg_get_triggerdef",
    "pg_get_partkeydef",
    "pg_get_partition_constraintdef",
    "pg_get_statisticsobjdef",
    "pg_get_statisticsobjdef_columns",
    "pg_tablespace_location",
    "pg_current_logfile",
    "inet_server_addr",
    "inet_client_addr",
    "pg_describe_object",
    "pg_get_replication_slots",
];

/// Numbers of what is not counted.
const ZERO: [&str; 9] = [
    "pg_stat_get_numscans",
    "pg_stat_get_tuples_returned",
    "pg_stat_get_tuples_fetched",
    "pg_stat_get_live_tuples",
    "pg_stat_get_dead_tuples",
    "pg_stat_get_blocks_fetched",
    "pg_stat_get_blocks_hit",
    "pg_my_temp_schema",
    "pg_trigger_depth",
];

/// Columns of table functions without rows, as arrays.
const EMPTY_ARRAYS: [&str; 6] = [
    "aclexplode_grantor[]",
    "aclexplode_grantee[]",
    "aclexplode_privilege_type[]",
    "aclexplode_is_grantable[]",
    "pg_options_to_table_option_name[]",
    "pg_options_to_table_option_value[]",
];

/// What is refused by name, and what to do instead.
const REFUSED: [(&str, &str); 6] = [
    ("pg_cancel_backend", "the client's own cancel request stops a statement"),
    ("pg_terminate_backend", "the client's own cancel request stops a statement"),
    ("pg_reload_conf", "SET changes a setting of the session"),
    ("pg_advisory_lock", "advisory locks are not kept"),
    ("pg_try_advisory_lock", "advisory locks are not kept"),
    ("pg_advisory_xact_lock", "advisory locks are not kept"),
];

/// All of them.
pub(super) fn functions(context: &Context<'_>) -> Vec<ScalarUDF> {
    let constant =
        |name: &str, value: bool| function(name, DataType::Boolean, move |_| Ok(ScalarValue::Boolean(Some(value))));
    let mut all: Vec<ScalarUDF> = YES.iter().map(|name| constant(name, true)).collect();
    all.extend(NO.iter().map(|name| constant(name, false)));
    all.extend(NOTHING.iter().map(|name| text(name, |_| Ok(None))));
    all.extend(ZERO.iter().map(|name| bigint(name, |_| Ok(Some(0)))));
    all.extend(EMPTY_ARRAYS.iter().map(|name| super::keyword::texts(name, Vec::new())));
    all.extend(REFUSED.iter().map(|(name, hint)| refused(name, hint)));
    // Nothing is locked: there is nothing to give back.
    all.push(text("pg_advisory_unlock_all", |_| Ok(Some(String::new()))));
    all.push(text("pg_get_functiondef", |_| Ok(None)));
    all.push(parse_ident());
    let number = i64::from(context.backend);
    all.extend(["inet_server_port", "inet_client_port"].map(|name| bigint(name, |_| Ok(None))));
    all.extend(["txid_current", "pg_current_xact_id"].map(|name| bigint(name, move |_| Ok(Some(number + 1)))));
    all.extend(["txid_current_if_assigned", "pg_current_xact_id_if_assigned"].map(|name| bigint(name, |_| Ok(None))));
    all
}

/// The parts of a name: those without quotes in lower case.
fn parse_ident() -> ScalarUDF {
    function("parse_ident", text_list(), |arguments| {
        let Some(name) = string(arguments, 0) else { return ScalarValue::try_new_null(&text_list()) };
        let mut parts = vec![String::new()];
        let mut quoted = false;
        for character in name.trim().chars() {
            match (character, quoted, parts.last_mut()) {
                ('"', ..) => quoted = !quoted,
                ('.', false, _) => parts.push(String::new()),
                (character, true, Some(part)) => part.push(character),
                (character, false, Some(part)) => part.extend(character.to_lowercase()),
                (_, _, None) => {}
            }
        }
        if quoted || parts.iter().any(String::is_empty) {
            let error =
                Error::new(code::INVALID_PARAMETER_VALUE, format!("string is not a valid identifier: \"{name}\""));
            return Err(DataFusionError::External(Box::new(error)));
        }
        let parts: Vec<ScalarValue> = parts.into_iter().map(ScalarValue::from).collect();
        Ok(ScalarValue::List(ScalarValue::new_list(&parts, &DataType::Utf8, true)))
    })
}

fn text_list() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)))
}

fn refused(name: &'static str, hint: &'static str) -> ScalarUDF {
    text(name, move |_| {
        let error = Error::unsupported(format!("{name}() is not supported")).hint(hint);
        Err(DataFusionError::External(Box::new(error)))
    })
}

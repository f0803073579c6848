//! What sessions and tables do: `pg_stat_*`. Nothing is counted for tables: their numbers are 0.

use super::{Column, Context, DATABASE, OWNER, bigint, numbers, relations, text, words};
use crate::catalog::RelationKind;

/// The session that asks: others are not told of each other.
pub(super) fn pg_stat_activity(context: &Context<'_>) -> Vec<Column> {
    let setting = |wanted: &str| {
        let found = context.settings.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    vec![
        numbers("datid", DATABASE, 1),
        words("datname", crate::catalog::DATABASE, 1),
        bigint("pid", [i64::from(context.backend)]),
        numbers("usesysid", OWNER, 1),
        text("usename", [context.user]),
        text("application_name", [setting("application_name")]),
        words("state", "active", 1),
        words("backend_type", "client backend", 1),
    ]
}

pub(super) fn pg_stat_user_tables(context: &Context<'_>) -> Vec<Column> {
    let mut rows = relations::all(context);
    rows.retain(|relation| matches!(relation.kind, RelationKind::Table(_) | RelationKind::MaterializedView { .. }));
    vec![
        bigint("relid", rows.iter().map(|relation| i64::from(relation.id.0))),
        text("schemaname", rows.iter().map(|relation| relation.namespace())),
        text("relname", rows.iter().map(|relation| relation.local_name())),
    ]
}

pub(super) fn pg_stat_database() -> Vec<Column> {
    vec![numbers("datid", DATABASE, 1), words("datname", crate::catalog::DATABASE, 1), numbers("numbackends", 1, 1)]
}

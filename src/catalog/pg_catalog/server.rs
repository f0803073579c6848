//! Relations about the server.

use super::{
    Column, Context, DATABASE, INFORMATION_SCHEMA, OWNER, PG_CATALOG, PUBLIC, TIDEWATER, bigint, boolean, flags,
    null_array, nulls, numbers, text, words,
};

pub(super) fn pg_namespace(context: &Context<'_>) -> Vec<Column> {
    let mut rows = vec![
        (PG_CATALOG, "pg_catalog"),
        (PUBLIC, "public"),
        (TIDEWATER, "tidewater"),
        (INFORMATION_SCHEMA, "information_schema"),
    ];
    rows.extend(context.catalog.schemas().map(|(name, oid)| (i64::from(oid), name)));
    vec![
        bigint("oid", rows.iter().map(|row| row.0)),
        text("nspname", rows.iter().map(|row| row.1)),
        numbers("nspowner", OWNER, rows.len()),
        null_array("nspacl", rows.len()),
    ]
}

pub(super) fn pg_database() -> Vec<Column> {
    vec![
        numbers("oid", DATABASE, 1),
        words("datname", crate::catalog::DATABASE, 1),
        numbers("datdba", OWNER, 1),
        numbers("encoding", 6, 1),
        words("datlocprovider", "c", 1),
        flags("datistemplate", false, 1),
        flags("datallowconn", true, 1),
        numbers("datconnlimit", -1, 1),
        numbers("dattablespace", 1663, 1),
        words("datcollate", "C", 1),
        words("datctype", "C.UTF-8", 1),
        nulls("daticulocale", 1),
        nulls("datcollversion", 1),
        null_array("datacl", 1),
    ]
}

pub(super) fn pg_roles(context: &Context<'_>) -> Vec<Column> {
    let mut names = vec![crate::catalog::DATABASE];
    if context.user != crate::catalog::DATABASE {
        names.push(context.user);
    }
    let n = names.len();
    vec![
        bigint("oid", (0..n as i64).map(|i| OWNER + i)),
        text("rolname", &names),
        text("usename", &names),
        bigint("usesysid", (0..n as i64).map(|i| OWNER + i)),
        flags("rolsuper", true, n),
        flags("usesuper", true, n),
        flags("rolinherit", true, n),
        flags("rolcreaterole", false, n),
        flags("rolcreatedb", false, n),
        flags("rolcanlogin", true, n),
        flags("rolreplication", false, n),
        numbers("rolconnlimit", -1, n),
        nulls("rolpassword", n),
        nulls("rolvaliduntil", n),
        flags("rolbypassrls", true, n),
        null_array("rolconfig", n),
    ]
}

pub(super) fn pg_settings(context: &Context<'_>) -> Vec<Column> {
    let rows = context.settings;
    let n = rows.len();
    vec![
        text("name", rows.iter().map(|row| &row.0)),
        text("setting", rows.iter().map(|row| &row.1)),
        nulls("unit", n),
        words("category", "Tidewater", n),
        nulls("short_desc", n),
        words("context", "user", n),
        words("vartype", "string", n),
        words("source", "session", n),
        nulls("min_val", n),
        nulls("max_val", n),
        null_array("enumvals", n),
        text("boot_val", rows.iter().map(|row| &row.1)),
        text("reset_val", rows.iter().map(|row| &row.1)),
        flags("pending_restart", false, n),
    ]
}

pub(super) fn pg_am() -> Vec<Column> {
    vec![
        bigint("oid", [2, 403]),
        text("amname", ["heap", "btree"]),
        text("amhandler", ["heap_tableam_handler", "bthandler"]),
        text("amtype", ["t", "i"]),
    ]
}

pub(super) fn pg_tablespace() -> Vec<Column> {
    vec![
        numbers("oid", 1663, 1),
        words("spcname", "pg_default", 1),
        numbers("spcowner", OWNER, 1),
        null_array("spcacl", 1),
        null_array("spcoptions", 1),
    ]
}

pub(super) fn pg_collation() -> Vec<Column> {
    vec![
        bigint("oid", [100, 950, 951]),
        text("collname", ["default", "C", "POSIX"]),
        numbers("collnamespace", PG_CATALOG, 3),
        numbers("collowner", OWNER, 3),
        text("collprovider", ["d", "c", "c"]),
        flags("collisdeterministic", true, 3),
        numbers("collencoding", -1, 3),
    ]
}

pub(super) fn pg_language() -> Vec<Column> {
    vec![
        bigint("oid", [12, 13, 14]),
        text("lanname", ["internal", "c", "sql"]),
        numbers("lanowner", OWNER, 3),
        flags("lanispl", false, 3),
        boolean("lanpltrusted", [false, false, true]),
    ]
}

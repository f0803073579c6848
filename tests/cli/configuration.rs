//! `serve` with a configuration file, the environment and passwords.

use std::fs::write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use crate::process::{Running, connect, ended, finish, log_in, rows, tidewater};

/// A directory with one `t.toml`.
fn configured(text: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path().join("t.toml"), text).unwrap();
    directory
}

fn served(directory: &Path) -> crate::process::Finished {
    ended(directory, &["serve", "--config", "t.toml", "--listen", "127.0.0.1:0"])
}

#[tokio::test]
async fn pipelines_are_applied_before_the_port_opens() {
    let text = "listen = \"127.0.0.1:0\"\nworkers = 2\n\
        [[pipeline]]\nname = \"a\"\nsql = \"\"\"\nCREATE TABLE t (a BIGINT);\nINSERT INTO t VALUES (1), (2);\n\"\"\"\n\
        [[pipeline]]\nname = \"b\"\nfile = \"b.sql\"\n\
        [[pipeline]]\nname = \"again\"\nfile = \"b.sql\"\n\
        [[pipeline]]\nname = \"in other letters\"\nsql = \"create table T (A int8) -- the same\"\n";
    let directory = configured(text);
    write(directory.path().join("b.sql"), "CREATE MATERIALIZED VIEW s AS SELECT sum(a) AS total FROM t;\n").unwrap();
    // From another directory: paths in the file are relative to the file.
    let path = directory.path().join("t.toml");
    let mut server = Running::start(&mut tidewater(Path::new("/"), &["serve", "--config", path.to_str().unwrap()]));
    let client = connect(&server.address_after("listens on ")).await;
    assert_eq!(rows(&client, "SELECT total FROM s").await, ["3"]);
    drop(client);
    let (finished, _) = server.interrupt();
    finished.with_status(0);
}

#[test]
fn the_command_line_wins_over_the_environment_and_that_over_the_file() {
    // Each layer names another address that cannot be listened on without a password, so the refusal tells which one won.
    let directory = configured("listen = \"0.0.0.0:1001\"\n");
    let at = directory.path();
    ended(at, &["serve", "--config", "t.toml"]).failed_with(&["0.0.0.0:1001", "password"]);
    let environment = |arguments: &[&str]| {
        finish(tidewater(at, arguments).env("TIDEWATER_LISTEN", "0.0.0.0:1002").env("TIDEWATER_CONFIG", "t.toml"))
    };
    environment(&["serve"]).failed_with(&["0.0.0.0:1002", "password"]);
    environment(&["serve", "--listen", "0.0.0.0:1003"]).failed_with(&["0.0.0.0:1003", "password"]);
    // A flag with a value, and one that takes a value back.
    write(at.join("exit.toml"), "exit = true\n").unwrap();
    write(at.join("one.sql"), "SELECT 1 AS one;\n").unwrap();
    let one = ended(at, &["run", "one.sql", "--config", "exit.toml"]).with_status(0);
    assert_eq!(one.out, "one\n1\n");
    finish(tidewater(at, &["run", "one.sql"]).env("TIDEWATER_EXIT", "true")).with_status(0);
    finish(tidewater(at, &["run", "--exit=false", "one.sql", "--listen", "0.0.0.0:1"]).env("TIDEWATER_EXIT", "true"))
        .failed_with(&["password"]);
}

#[test]
fn mistakes_in_the_file_are_told_with_file_and_line() {
    for (text, parts) in [
        ("workers = 1\nlissten = \"x\"\n", ["t.toml:2:", "lissten"]),
        ("workers = 1\n\nlisten = 7\n", ["t.toml:3:", "expected a string"]),
        ("workers = \nlisten = 7\n", ["t.toml:1: workers:", "a value is missing"]),
        ("workers = # two\n", ["t.toml:1: workers:", "a value is missing"]),
        ("workers = 0\n", ["workers", "between 1 and 256"]),
        ("\ndata = \"/tmp\"\n", ["t.toml:2: data: ", "not supported"]),
        ("\npassword_file = \"none\"\n", ["t.toml:2: password_file: ", "none"]),
        ("[[pipeline]]\nname = \"p\"\nsqll = \"SELECT 1\"\n", ["t.toml:3:", "sqll"]),
        ("[[pipeline]]\nname = \"p\"\nfile = \"none.sql\"\n", ["t.toml:3:", "none.sql"]),
        (
            "[[pipeline]]\nname = \"p\"\nsql = \"\"\"\nCREATE TABLE t (a BIGINT);\nCREATE VIEW v AS SELECT b FROM t;\n\"\"\"\n",
            ["t.toml:5:25:", "\"b\""],
        ),
        ("[[pipeline]]\nname = \"p\"\nsql = \"SELECT FROM WHERE\"\n", ["t.toml:3:", ""]),
        ("[[pipeline]]\nname = \"p\"\nfile = \"bad.sql\"\n", ["bad.sql:2:1:", "SELEC"]),
    ] {
        let directory = configured(text);
        write(directory.path().join("bad.sql"), "CREATE TABLE t (a BIGINT);\nSELEC 1;\n").unwrap();
        served(directory.path()).failed_with(&parts);
    }
    let directory = tempfile::tempdir().unwrap();
    served(directory.path()).failed_with(&["t.toml"]);
}

#[test]
fn values_out_of_range_are_told_with_their_place() {
    let at = tempfile::tempdir().unwrap();
    for (command, key, value, range) in [
        ("serve", "workers", "0", "between 1 and 256, not 0"),
        ("serve", "workers", "257", "between 1 and 256, not 257"),
        ("serve", "tick_interval_ms", "0", "between 1 and 60000, not 0"),
        ("serve", "connections_max", "0", "between 1 and 100000, not 0"),
        ("serve", "connections_max", "-3", "between 1 and 100000, not -3"),
        ("demo", "rate", "0", "between 1 and 10000000, not 0"),
        ("broker", "broker_memory", "1", "between 65536 and"),
    ] {
        let (variable, flag) =
            (format!("TIDEWATER_{}", key.to_uppercase()), key.replace("broker_", "").replace('_', "-"));
        let text = format!("# Zero.\n{key} = {value}\n");
        write(at.path().join("t.toml"), text).unwrap();
        let place = format!("t.toml:2: {key}: must be ");
        ended(at.path(), &[command, "--config", "t.toml"]).failed_with(&[&place, range]);
        let place = format!("error: --{flag}: must be ");
        ended(at.path(), &[command, &format!("--{flag}={value}")]).failed_with(&[&place, range]);
        let place = format!("error: {variable}: must be ");
        finish(tidewater(at.path(), &[command]).env(&variable, value)).failed_with(&[&place, range]);
    }
    for (key, value, reason) in
        [("workers", "many", "a whole number"), ("listen", "here", "no address"), ("broker", "x", "no address")]
    {
        let variable = format!("TIDEWATER_{}", key.to_uppercase());
        finish(tidewater(at.path(), &["demo"]).env(&variable, value)).failed_with(&[&variable, value, reason]);
        ended(at.path(), &["demo", &format!("--{key}"), value]).failed_with(&[&format!("--{key}: "), value, reason]);
    }
    ended(at.path(), &["run", "--exit=perhaps", "x.sql"]).failed_with(&["--exit: ", "perhaps"]);
    finish(tidewater(at.path(), &["run", "x.sql"]).env("TIDEWATER_EXIT", "perhaps")).failed_with(&[
        "TIDEWATER_EXIT: ",
        "perhaps",
        "true or false",
    ]);
}

#[test]
fn a_changed_definition_is_an_error_that_names_it() {
    let entry = |name: &str, sql: &str| format!("[[pipeline]]\nname = \"{name}\"\nsql = \"{sql}\"\n");
    let text = entry("a", "CREATE TABLE t (a BIGINT); CREATE MATERIALIZED VIEW totals AS SELECT sum(a) AS s FROM t")
        + &entry("b", "CREATE MATERIALIZED VIEW totals AS SELECT max(a) AS s FROM t");
    served(configured(&text).path()).failed_with(&["t.toml:6:", "\"totals\""]);
}

#[test]
fn a_data_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    ended(directory.path(), &["serve", "--data", "state"])
        .failed_with(&["data directory is not supported", "leave it out"]);
}

#[test]
fn a_taken_port_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for command in ["serve", "demo", "broker"] {
        ended(Path::new("."), &[command, "--listen", &address]).failed_with(&[&address, "in use"]);
    }
}

#[test]
fn a_password_file_that_protects_nothing_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users.txt");
    let served = |text: &str, mode: u32| {
        write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        ended(directory.path(), &["serve", "--listen", "127.0.0.1:0", "--password-file", "users.txt"])
    };
    served("# nobody\n\n", 0o600).failed_with(&["\"users.txt\"", "names no user"]);
    served("ann:secret\n", 0o602).failed_with(&["\"users.txt\"", "can be changed by everybody", "chmod o-rwx"]);
    // One that can be read is only warned of, without colors where nobody sees them.
    write(&path, "ann:secret\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o604)).unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let warned =
        ended(directory.path(), &["serve", "--listen", &address, "--password-file", "users.txt"]).with_status(1);
    assert!(warned.err.contains("can be read by everybody") && !warned.err.contains('\x1b'), "{}", warned.err);
}

#[tokio::test]
async fn passwords_are_checked_with_scram() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path().join("users.txt"), "# users\ntidewater:right\n").unwrap();
    let arguments = ["serve", "--listen", "0.0.0.0:0", "--password-file", "users.txt"];
    let mut server = Running::start(&mut tidewater(directory.path(), &arguments));
    let address = server.address_after("listens on ").replace("0.0.0.0", "127.0.0.1");
    let client = log_in(&address, "right").await.unwrap();
    assert_eq!(rows(&client, "SELECT 1").await, ["1"]);
    let error = log_in(&address, "wrong").await.err().unwrap();
    assert_eq!(error.code().map(|code| code.code()), Some("28P01"), "{error:?}");
    assert!(log_in(&address, "").await.is_err());
}

//! Runs the binary: to its end, or in the background until a line appears. Nothing waits longer than [`PATIENCE`].
#![allow(unsafe_code, reason = "sending a signal to a child is a call of libc")]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// How long anything may take on a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The binary with arguments, in a directory, without options from this process's environment.
pub(crate) fn tidewater(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidewater"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TIDEWATER_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).current_dir(directory);
    command
}

/// What a process that ended left behind.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Finished {
    /// Fails the test unless the status is this one.
    pub(crate) fn with_status(self, status: i32) -> Finished {
        assert_eq!(self.status.code(), Some(status), "{self:?}");
        self
    }

    /// Status 1, nothing on standard output, and one line of error with these parts.
    pub(crate) fn failed_with(self, parts: &[&str]) {
        let finished = self.with_status(1);
        assert_eq!(finished.out, "", "{finished:?}");
        assert!(finished.err.starts_with("error: "), "{finished:?}");
        for part in parts {
            assert!(finished.err.contains(part), "{part:?} is missing: {finished:?}");
        }
    }
}

/// Runs a command to its end.
pub(crate) fn finish(command: &mut Command) -> Finished {
    Running::start(command).finish()
}

/// Runs the binary with arguments to its end.
pub(crate) fn ended(directory: &Path, arguments: &[&str]) -> Finished {
    finish(&mut tidewater(directory, arguments))
}

/// A process in the background; it is killed when this value goes.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<(bool, String)>,
    out: String,
    err: String,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Running {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        read(true, child.stdout.take().unwrap(), sender.clone());
        read(false, child.stderr.take().unwrap(), sender);
        Running { child, lines, out: String::new(), err: String::new() }
    }

    /// The first line from here on, on either output, that contains the text.
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.next(deadline) {
                Ok(line) if line.contains(text) => return line,
                Ok(_) => {}
                Err(error) => panic!("{text:?} never came ({error}): {}{}", self.out, self.err),
            }
        }
    }

    /// The address that stands after the text in the first line that contains it.
    pub(crate) fn address_after(&mut self, text: &str) -> String {
        let line = self.line_with(text);
        let after = line.split(text).nth(1).unwrap();
        after.split([';', ' ', '\n']).next().unwrap().to_string()
    }

    /// How long processors have worked for it.
    pub(crate) fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // The name may have blanks; user and system time are the 12th and 13th field behind it, in hundredths of a second.
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        let hundredths = |at: usize| fields[at].parse::<u64>().unwrap();
        Duration::from_millis(10 * (hundredths(11) + hundredths(12)))
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: i32) {
        // SAFETY: kill(2) has no memory effects; the process is our child and was not waited for, so its id is still its own.
        let sent = unsafe { libc::kill(self.child.id() as libc::pid_t, signal) };
        assert_eq!(sent, 0);
    }

    /// Ctrl-C; then the end, and how long it took.
    pub(crate) fn interrupt(self) -> (Finished, Duration) {
        let start = Instant::now();
        self.signal(libc::SIGINT);
        let finished = self.finish();
        (finished, start.elapsed())
    }

    /// The end of a process that ends by itself.
    pub(crate) fn finish(mut self) -> Finished {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.next(deadline) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end: {}{}", self.out, self.err),
            }
        }
        let status = self.child.wait().unwrap();
        Finished { status, out: std::mem::take(&mut self.out), err: std::mem::take(&mut self.err) }
    }

    fn next(&mut self, deadline: Instant) -> Result<String, RecvTimeoutError> {
        let (is_out, line) = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now()))?;
        if is_out { &mut self.out } else { &mut self.err }.push_str(&line);
        Ok(line)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends the lines of an output as they come.
fn read(is_out: bool, output: impl Read + Send + 'static, lines: Sender<(bool, String)>) {
    std::thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while output.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            if lines.send((is_out, String::from_utf8_lossy(&line).into_owned())).is_err() {
                return;
            }
            line.clear();
        }
    });
}

/// A client of the Postgres port at `address`.
pub(crate) async fn connect(address: &str) -> Client {
    log_in(address, "").await.unwrap()
}

/// A client that logs in as `tidewater` with a password, if one is given.
pub(crate) async fn log_in(address: &str, password: &str) -> Result<Client, tokio_postgres::Error> {
    let (host, port) = address.rsplit_once(':').unwrap();
    let mut options = tokio_postgres::Config::new();
    options.host(host).port(port.parse().unwrap()).user("tidewater");
    if !password.is_empty() {
        options.password(password);
    }
    let (client, connection) = options.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Rows of a query as text, columns separated by `|`, NULL as nothing.
pub(crate) async fn rows(client: &Client, sql: &str) -> Vec<String> {
    let messages = client.simple_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let row = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => {
            Some((0..row.len()).map(|i| row.get(i).unwrap_or_default()).collect::<Vec<_>>().join("|"))
        }
        _ => None,
    };
    messages.iter().filter_map(row).collect()
}

/// Asks again until the rows are the expected ones.
pub(crate) async fn rows_become(client: &Client, sql: &str, expected: &[&str]) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = rows(client, sql).await;
        if found == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{sql}: {found:?} instead of {expected:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

//! A session's connection: its state, and the loop over its messages.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::response::{CommandComplete, ReadyForQuery, TransactionStatus};

use super::backend::Backend;
use super::beside::Remote;
use super::cursor::Cursor;
use super::extended::Portal;
use super::failure::{Attempt, Failure, code, error_response, notice_response, protocol_violation};
use super::frontend::{Frame, Message, is_extended};
use super::interrupt::Interrupt;
use super::prepared::Prepared;
use super::sessions::Registration;
use super::socket::Socket;
use super::startup::parameter_status;
use crate::engine::Transaction;
use crate::error::{Error, Result};
use crate::format::text::{TextOptions, TimeZone};

/// A connection with an open session.
pub(super) struct Connection {
    pub(super) socket: Socket,
    pub(super) interrupt: Interrupt,
    pub(super) session: Remote,
    /// By name; the unnamed one is "". Those of PREPARE and of Parse share their names.
    pub(super) statements: HashMap<String, Arc<Prepared>>,
    /// By name; the unnamed one is "".
    pub(super) portals: HashMap<String, Portal>,
    /// Those of DECLARE, by name.
    pub(super) cursors: HashMap<String, Cursor>,
    /// The transaction's state after the last statement.
    transaction: Transaction,
    /// After an error in the extended protocol: everything up to the next Sync is skipped.
    skipping: bool,
    /// Whether the transaction of a pipeline's statements was begun.
    pub(super) pipelined: bool,
    /// Whether the last thing sent was ReadyForQuery.
    ready: bool,
    /// Holds the session's place until the connection ends.
    _registration: Registration,
}

impl Connection {
    /// A connection whose client was told about its session.
    pub(super) fn new(
        socket: Socket,
        mut interrupt: Interrupt,
        session: Box<dyn Backend>,
        registration: Registration,
    ) -> Self {
        interrupt.listen(registration.cancel.clone());
        Connection {
            socket,
            interrupt,
            session: Remote::new(session),
            statements: HashMap::new(),
            portals: HashMap::new(),
            cursors: HashMap::new(),
            transaction: Transaction::Idle,
            skipping: false,
            pipelined: false,
            ready: false,
            _registration: registration,
        }
    }

    /// The socket, when the session is over.
    pub(super) fn into_socket(self) -> Socket {
        self.socket
    }

    /// Answers messages until the client ends the session or something else does.
    pub(super) async fn run(&mut self) -> Attempt<()> {
        self.ready_for_query().await?;
        loop {
            let frame = self.next_frame().await?;
            if self.ready {
                self.ready = false;
                self.interrupt.forget_cancel();
            }
            let kind = frame.kind;
            if self.skipping && !matches!(kind, b'S' | b'X') {
                continue;
            }
            match self.handle(frame).await {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => return Ok(()),
                Err(Failure::Statement(error)) => self.report(kind, &error).await?,
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Ends a statement's answer: what it changed and had to say, then the command tag.
    pub(super) fn complete(&mut self, tag: String) -> Result<()> {
        self.put_notices();
        self.socket.put(&PgWireBackendMessage::CommandComplete(CommandComplete::new(tag)))
    }

    /// Starts the clock of a statement.
    pub(super) fn start_clock(&mut self) {
        let timeout = self.duration_setting("statement_timeout");
        self.interrupt.start(timeout);
    }

    /// How the session wants text.
    pub(super) fn text_options(&self) -> TextOptions {
        let zone = self.session.setting("TimeZone").and_then(|name| TimeZone::parse(&name).ok());
        TextOptions {
            time_zone: zone.unwrap_or_default(),
            bytea_escape: self.session.setting("bytea_output").is_some_and(|format| format == "escape"),
        }
    }

    /// Refuses what a failed transaction does not allow, 25P02.
    pub(super) fn refuse_if_failed(&self) -> Result<()> {
        if self.session.transaction() != Transaction::Failed {
            return Ok(());
        }
        let message = "current transaction is aborted, commands ignored until end of transaction block";
        Err(Error::new(code::IN_FAILED_SQL_TRANSACTION, message))
    }

    /// Ends portals and cursors with their transaction, if the last statement ended it.
    pub(super) fn note_transaction(&mut self, committed: bool) {
        let now = self.session.transaction();
        if self.transaction != Transaction::Idle && now == Transaction::Idle {
            self.portals.clear();
            self.cursors.retain(|_, cursor| cursor.survives(committed));
        }
        self.transaction = now;
    }

    async fn handle(&mut self, frame: Frame) -> Attempt<ControlFlow<()>> {
        if !matches!(frame.kind, b'S' | b'X' | b'H') {
            self.session.back(&mut self.interrupt).await?;
        }
        match Message::decode(frame)? {
            Message::Query(sql) => {
                self.simple_query(sql).await?;
                self.end_pipeline().await?;
                self.end_implicit_transaction();
                self.ready_for_query().await?;
            }
            Message::Parse { name, sql, types } => self.on_parse(name, sql, types).await?,
            Message::Bind(bind) => self.on_bind(bind)?,
            Message::Describe(target, name) => self.on_describe(target, &name)?,
            Message::Execute { portal, rows_max } => self.on_execute(portal, rows_max).await?,
            Message::Close(target, name) => self.on_close(target, &name)?,
            Message::Flush => self.interrupt.guard_idle(self.socket.flush()).await??,
            Message::Sync => {
                self.skipping = false;
                self.end_pipeline().await?;
                self.end_implicit_transaction();
                self.ready_for_query().await?;
            }
            Message::Terminate => return Ok(ControlFlow::Break(())),
            Message::Copy => {}
            Message::FunctionCall => {
                return Err(Error::unsupported("the fast-path function call interface is not supported").into());
            }
            Message::Password => {
                return Err(Failure::Fatal(protocol_violation("unexpected password message")));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Portals live no longer than their transaction, and outside of a block that ends here.
    fn end_implicit_transaction(&mut self) {
        if self.session.transaction() == Transaction::Idle {
            self.portals.clear();
        }
    }

    /// Tells the client of an error in a message of type `kind`, which ends its transaction.
    async fn report(&mut self, kind: u8, error: &Error) -> Attempt<()> {
        self.put_notices();
        self.socket.put(&error_response("ERROR", error)).map_err(Failure::Fatal)?;
        if self.session.transaction() == Transaction::Open {
            self.session.fail_transaction();
        }
        self.pipelined = false;
        self.note_transaction(false);
        self.portals.clear();
        self.skipping = is_extended(kind);
        if self.skipping {
            return self.interrupt.guard_idle(self.socket.flush()).await?;
        }
        self.ready_for_query().await
    }

    async fn ready_for_query(&mut self) -> Attempt<()> {
        self.put_notices();
        for (name, value) in self.session.changed_settings() {
            self.socket.put(&parameter_status(&name, value))?;
        }
        let status = match self.session.transaction() {
            Transaction::Idle => TransactionStatus::Idle,
            Transaction::Open => TransactionStatus::Transaction,
            Transaction::Failed => TransactionStatus::Error,
        };
        self.socket.put(&PgWireBackendMessage::ReadyForQuery(ReadyForQuery::new(status)))?;
        self.interrupt.guard_idle(self.socket.flush()).await??;
        self.ready = true;
        Ok(())
    }

    async fn next_frame(&mut self) -> Attempt<Frame> {
        let idle_in_transaction = self.ready && self.session.transaction() != Transaction::Idle;
        let timeout = self.duration_setting("idle_in_transaction_session_timeout").filter(|_| idle_in_transaction);
        let frame = self.socket.frame();
        let Some(timeout) = timeout else { return self.interrupt.guard_idle(frame).await? };
        match self.interrupt.guard_idle(tokio::time::timeout(timeout, frame)).await? {
            Ok(frame) => frame,
            Err(_) => Err(Failure::Fatal(Error::new(
                code::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
                "terminating connection due to idle-in-transaction timeout",
            ))),
        }
    }

    fn put_notices(&mut self) {
        for notice in self.session.notices() {
            if let Err(error) = self.socket.put(&notice_response(&notice)) {
                tracing::warn!(%error, "a notice was not sent");
            }
        }
    }

    /// A setting that is a time; `None` for 0, which switches it off.
    fn duration_setting(&self, name: &str) -> Option<Duration> {
        let value = self.session.setting(name)?;
        parse_duration(&value).filter(|duration| !duration.is_zero())
    }
}

/// A time as settings hold it: a number with a unit of `us`, `ms` (also without unit), `s`, `min`, `h` or `d`.
fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let micros = match unit {
        "us" => 1.0,
        "" | "ms" => 1e3,
        "s" => 1e6,
        "min" => 60e6,
        "h" => 3_600e6,
        "d" => 86_400e6,
        _ => return None,
    };
    let micros = number.trim().parse::<f64>().ok()? * micros;
    (micros >= 0.0).then(|| Duration::from_micros(micros as u64))
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    #[test]
    fn durations_of_settings() {
        assert_eq!(parse_duration("250"), Some(Duration::from_millis(250)));
        assert_eq!(parse_duration("0"), Some(Duration::ZERO));
        assert_eq!(parse_duration("1.5s"), Some(Duration::from_millis(1500)));
        assert_eq!(parse_duration("2min"), Some(Duration::from_secs(120)));
        assert_eq!(parse_duration("1 d"), Some(Duration::from_secs(86_400)));
        assert_eq!(parse_duration("-1"), None);
        assert_eq!(parse_duration("5 weeks"), None);
    }
}

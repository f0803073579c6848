use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use datafusion::arrow::datatypes::FieldRef;
use datafusion::scalar::ScalarValue;

use super::effect::SessionEffects;
use super::read::parameter_hints;
use super::settings::{self, Settings};
use super::transaction::OpenTransaction;
use super::{Description, Engine, Fate, Notice, Outcome, Transaction, show};
use crate::catalog::Relation;
use crate::compile::analyze;
use crate::compile::parse::{self, Kind, Statement};
use crate::error::{Error, Result, code};
use crate::view::LeftOut;

/// One connection's state: settings and transaction. Statements of a session run one after the other.
pub struct Session {
    pub(super) engine: Engine,
    pub(super) user: String,
    /// What `pg_backend_pid()` answers; 0 without a client connection.
    pub(super) backend: i32,
    pub(super) settings: Settings,
    /// The open transaction, if there is one.
    pub(super) open: Option<OpenTransaction>,
    notices: Vec<Notice>,
    /// What reads of streams leave out, while they run.
    pub(super) left_out: Vec<Arc<LeftOut>>,
    pub(super) fate: Arc<Fate>,
    /// Types of the running statement's parameters, where its client knows them.
    parameter_types: Vec<FieldRef>,
    /// What functions did to the session.
    pub(super) effects: Arc<SessionEffects>,
    /// The tick that the running query reads; 0 while it reads nothing of a tick.
    pub(super) tick: Arc<AtomicU64>,
}

impl Session {
    pub(super) fn new(engine: Engine, user: &str) -> Session {
        let mut session = Session {
            engine,
            user: user.to_string(),
            backend: 0,
            settings: Settings::default(),
            open: None,
            notices: Vec::new(),
            left_out: Vec::new(),
            fate: Arc::default(),
            parameter_types: Vec::new(),
            effects: Arc::default(),
            tick: Arc::default(),
        };
        // The setting exists and takes any text.
        let _ = session.settings.set("session_authorization", Some(user));
        session
    }

    /// The number by which clients know the connection: the one that a cancel request names.
    pub fn set_backend(&mut self, number: i32) {
        self.backend = number;
    }

    /// Splits text into statements (PostgreSQL's grammar and ours). Empty text is an empty vector.
    pub fn parse(&self, sql: &str) -> Result<Vec<Statement>> {
        parse::parse(sql)
    }

    /// The user this session belongs to.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// What a statement needs and answers. `hints` are the client's parameter types (`None` = not given).
    pub async fn describe(&mut self, statement: &Statement, hints: &[Option<FieldRef>]) -> Result<Description> {
        let nothing = || Description { parameters: Vec::new(), columns: None };
        Ok(match &statement.kind {
            Kind::Query(query) => {
                let select = self.plan(query, hints)?;
                Description { parameters: select.parameters, columns: Some(select.schema) }
            }
            Kind::Insert(insert) => self.describe_insert(insert, hints)?,
            Kind::Update(update) => self.describe_update(update, hints)?,
            Kind::Delete(delete) => self.describe_delete(delete, hints)?,
            Kind::Subscribe(subscribe) => {
                Description { parameters: Vec::new(), columns: Some(self.subscription_schema(subscribe)?) }
            }
            kind => match show::schema(kind) {
                Some(schema) => Description { parameters: Vec::new(), columns: Some(schema) },
                None => nothing(),
            },
        })
    }

    /// The fate of the statement that runs: whoever gives it up asks here whether that is still possible.
    pub fn running(&self) -> Arc<Fate> {
        Arc::clone(&self.fate)
    }

    /// A session that takes this one's place when its statement is given up and does not end: with its settings, its open transaction
    /// failed. `None` if that transaction has a savepoint to come back to.
    pub fn spare(&self) -> Option<Session> {
        let (settings, open) = match &self.open {
            None => (self.settings.clone(), None),
            Some(open) => {
                let failed = open.failed_copy(&self.engine.inner.locks)?;
                (self.settings.clone(), Some(failed))
            }
        };
        let mut spare = Session::new(self.engine.published(), &self.user);
        (spare.backend, spare.settings, spare.open) = (self.backend, settings, open);
        spare.fail_transaction();
        Some(spare)
    }

    /// Runs one statement whose parameters have the types that it was described with. See [`Session::execute`].
    pub async fn execute_typed(
        &mut self,
        statement: &Statement,
        parameters: &[ScalarValue],
        types: &[FieldRef],
    ) -> Result<Outcome> {
        self.parameter_types = types.to_vec();
        let outcome = self.execute(statement, parameters).await;
        self.parameter_types.clear();
        outcome
    }

    /// The types that values have: a statement is planned for the values that it runs with.
    pub(super) fn parameter_hints(&self, parameters: &[ScalarValue]) -> Vec<Option<FieldRef>> {
        let known = |at: usize, value: &ScalarValue| {
            let field = self.parameter_types.get(at)?;
            (*field.data_type() == value.data_type()).then(|| Arc::clone(field))
        };
        let values = parameters.iter().zip(parameter_hints(parameters)).enumerate();
        values.map(|(at, (value, hint))| known(at, value).or(hint)).collect()
    }

    /// Runs one statement. Dropping the future or the returned rows cancels it. An error inside a transaction fails the transaction.
    pub async fn execute(&mut self, statement: &Statement, parameters: &[ScalarValue]) -> Result<Outcome> {
        self.apply_effects();
        if self.transaction() == Transaction::Failed
            && !matches!(statement.kind, Kind::Commit | Kind::Rollback | Kind::RollbackTo(_))
        {
            return Err(Error::new(
                code::IN_FAILED_SQL_TRANSACTION,
                "current transaction is aborted, commands ignored until end of transaction block",
            )
            .hint("ROLLBACK ends it"));
        }
        let outcome = self.run(statement, parameters).await;
        if outcome.is_err() {
            self.fail_transaction();
        }
        outcome.map_err(|error| placed(error, statement))
    }

    async fn run(&mut self, statement: &Statement, parameters: &[ScalarValue]) -> Result<Outcome> {
        self.refuse_if_read_only(&statement.kind, &statement.text)?;
        if reads(&statement.kind) {
            self.start_reading().await?;
        }
        match &statement.kind {
            Kind::Query(query) => self.select(query, parameters).await,
            Kind::Insert(insert) => self.insert(insert, parameters).await,
            Kind::Update(update) => self.update(update, parameters).await,
            Kind::Delete(delete) => self.delete(delete, parameters).await,
            Kind::Truncate { tables, restart } => self.truncate(tables, *restart).await,
            kind if kind.is_definition() => {
                self.writing(async |session| session.change_definitions(statement).await).await
            }
            Kind::Comment { on, text } => self.writing(async |session| session.comment(on, text.clone()).await).await,
            Kind::NoEffect { tag, notice } => {
                if let Some(notice) = notice {
                    self.notice("NOTICE", "00000", *notice);
                }
                Ok(Outcome::Done((*tag).into()))
            }
            Kind::Subscribe(subscribe) => self.subscribe(subscribe).await,
            Kind::Flush => {
                self.outside_transaction("FLUSH")?;
                self.engine.runtime().flush().await?;
                Ok(Outcome::Done("FLUSH".into()))
            }
            Kind::Begin(modes, tag) => self.begin(*modes, tag),
            Kind::SetTransaction { modes, session } => self.set_transaction(*modes, *session),
            Kind::Commit => self.commit().await,
            Kind::Rollback => self.rollback().await,
            Kind::Savepoint(name) => self.savepoint(name),
            Kind::Release(name) => self.release(name),
            Kind::RollbackTo(name) => self.roll_back_to(name).await,
            Kind::Set { name, value, local } => self.set_statement(name, value.as_deref(), *local),
            Kind::Reset(name) => {
                self.set_statement(name, None, false)?;
                Ok(Outcome::Done("RESET".into()))
            }
            Kind::Lock { tables, writers } => self.lock_tables(tables, *writers).await,
            Kind::ResetAll => {
                self.settings.reset();
                Ok(Outcome::Done("RESET".into()))
            }
            Kind::Discard { all } => {
                if *all {
                    self.outside_transaction("DISCARD ALL")?;
                    self.settings.reset();
                }
                Ok(Outcome::Done(if *all { "DISCARD ALL" } else { "DISCARD" }.into()))
            }
            Kind::Declare { .. }
            | Kind::Fetch { .. }
            | Kind::Close { .. }
            | Kind::CopyTo { .. }
            | Kind::CopyFrom(_)
            | Kind::Prepare { .. }
            | Kind::Execute { .. }
            | Kind::Deallocate { .. } => {
                Err(Error::unsupported("cursors, prepared statements and COPY exist only on a client connection"))
            }
            kind => self.show(kind).await,
        }
    }

    /// The relation that a name in a statement stands for.
    pub(super) fn relation(&self, name: &str) -> Result<Arc<Relation>> {
        match self.find(&self.engine.catalog(), name) {
            Some(relation) => Ok(relation),
            None => self.engine.relation(name),
        }
    }

    /// Where the session's transaction stands.
    pub fn transaction(&self) -> Transaction {
        match &self.open {
            None => Transaction::Idle,
            Some(open) if open.failed => Transaction::Failed,
            Some(_) => Transaction::Open,
        }
    }

    /// The value of a setting as SHOW prints it (`TimeZone`, `DateStyle`, `bytea_output`, …).
    pub fn setting(&self, name: &str) -> Option<String> {
        self.settings.get(name)
    }

    /// A setting that is a duration, in ms; 0 if it is off.
    pub fn setting_milliseconds(&self, name: &str) -> u64 {
        self.settings.get(name).and_then(|value| settings::milliseconds(&value)).unwrap_or(0)
    }

    /// Sets a setting for the session (start-up packet).
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        self.settings.set(name, Some(value))
    }

    /// Settings changed since the last call that clients want to be told of (ParameterStatus).
    pub fn changed_settings(&mut self) -> Vec<(String, String)> {
        self.apply_effects();
        self.settings.take_changed()
    }

    /// Notices raised since the last call.
    pub fn notices(&mut self) -> Vec<Notice> {
        self.notice_left_out();
        std::mem::take(&mut self.notices)
    }

    pub(super) fn notice(&mut self, severity: &'static str, code: &'static str, message: impl Into<String>) {
        self.notices.push(Notice { severity, code, message: message.into() });
    }

    /// The settings that change what SQL means.
    pub(super) fn plan_settings(&self) -> analyze::Settings {
        let defaults = analyze::Settings::default();
        let iterations = self.settings.get("max_recursive_iterations").and_then(|value| value.parse().ok());
        analyze::Settings {
            time_zone: self.settings.get("timezone").unwrap_or(defaults.time_zone),
            recursive_iterations_max: iterations.unwrap_or(defaults.recursive_iterations_max),
        }
    }

    /// Refuses what cannot be undone inside a transaction.
    pub(super) fn outside_transaction(&self, what: &str) -> Result<()> {
        if self.open.is_none() {
            return Ok(());
        }
        let verb: Vec<&str> = what.split_whitespace().take(2).collect();
        Err(Error::new(
            code::ACTIVE_SQL_TRANSACTION,
            format!("{} cannot run inside a transaction block", verb.join(" ").to_uppercase()),
        )
        .hint("COMMIT first: definitions take effect at once"))
    }

    pub(super) fn set_statement(&mut self, name: &str, value: Option<&str>, local: bool) -> Result<Outcome> {
        if let ("transaction_isolation" | "transaction_read_only", Some(value)) = (name, value) {
            self.set_mode(name, value)?;
            return Ok(Outcome::Done("SET".into()));
        }
        if local && self.open.is_none() {
            self.notice("WARNING", "25P01", "SET LOCAL can only be used in transaction blocks");
            return Ok(Outcome::Done("SET".into()));
        }
        let before = self.settings.clone();
        self.settings.set(name, value)?;
        if let Some(open) = &mut self.open {
            open.settings_changed(name, before, local);
        }
        Ok(Outcome::Done("SET".into()))
    }
}

/// Whether a statement reads or changes rows.
fn reads(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Query(_)
            | Kind::Insert(_)
            | Kind::Update(_)
            | Kind::Delete(_)
            | Kind::Truncate { .. }
            | Kind::Subscribe(_)
    )
}

/// The error about a column that a writing statement names, with the place where it does.
fn placed(error: Error, statement: &Statement) -> Error {
    let is_writing = matches!(statement.kind, Kind::Insert(_) | Kind::Update(_));
    if error.code != code::UNDEFINED_COLUMN || error.position.is_some() || !is_writing {
        return error;
    }
    let name = error.message.split('"').nth(1).map(str::to_string);
    match name.and_then(|name| statement.position_of(&name)) {
        Some(position) => error.at(position),
        None => error,
    }
}

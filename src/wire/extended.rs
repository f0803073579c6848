//! The extended protocol: Parse, Bind, Describe, Execute, Close. A portal holds its rows between two Executes; those of a
//! subscription suspend as soon as some rows were sent and none is ready, so that a client with a fetch size sees each row at once.

use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::data::{NoData, ParameterDescription};
use pgwire::messages::extendedquery::{BindComplete, CloseComplete, ParseComplete, PortalSuspended};
use pgwire::messages::response::EmptyQueryResponse;

use super::connection::Connection;
use super::cursor::Fetch;
use super::decode::{self, Parameters};
use super::encode::{Formats, row_description};
use super::failure::{Attempt, code};
use super::frontend::{Bind, Target};
use super::pg_type;
use super::prepared::Prepared;
use super::rows::{DataRows, Pace, Results};
use super::statement::{Reply, check_limit};
use crate::compile::parse::Kind;
use crate::error::{Error, Result};

/// Portals of a session.
const PORTALS_MAX: usize = 1024;

/// A prepared statement with the values of its parameters.
pub(super) struct Portal {
    prepared: Arc<Prepared>,
    parameters: Parameters,
    formats: Formats,
    state: State,
}

/// How far a portal is.
enum State {
    New,
    Rows(Results),
    Fetch(Fetch),
    /// Done; with the tag of another Execute, if it may be executed again.
    Done(Option<String>),
}

impl Connection {
    pub(super) async fn on_parse(&mut self, name: String, sql: String, types: Vec<u32>) -> Attempt<()> {
        if name.is_empty() {
            self.statements.remove("");
        }
        self.prepare_text(name, sql, &types).await?;
        Ok(self.socket.put(&PgWireBackendMessage::ParseComplete(ParseComplete::new()))?)
    }

    pub(super) fn on_bind(&mut self, bind: Bind) -> Result<()> {
        let prepared = self.prepared(&bind.statement)?;
        let ends_transaction =
            prepared.statement.as_ref().is_some_and(|s| matches!(s.kind, Kind::Commit | Kind::Rollback));
        if !ends_transaction {
            self.refuse_if_failed()?;
        }
        let parameter_formats = Formats::new(&bind.parameter_formats)?;
        let options = self.text_options();
        let mut values =
            decode::parameters(&bind.parameters, &parameter_formats, &prepared.parameters, &bind.statement, &options)?;
        values.truncate(prepared.parameters_used);
        let parameters = Parameters { values, types: prepared.parameter_types() };
        let formats = Formats::new(&bind.result_formats)?;
        if let Some(columns) = self.columns(&prepared) {
            formats.check(columns.fields().len(), "result")?;
        }
        if bind.portal.is_empty() {
            self.portals.remove("");
        } else if self.portals.contains_key(&bind.portal) || self.cursors.contains_key(&bind.portal) {
            let message = format!("cursor \"{}\" already exists", bind.portal);
            return Err(Error::new(code::DUPLICATE_CURSOR, message));
        }
        check_limit(self.portals.len(), PORTALS_MAX, "portals", "close those that are not needed")?;
        self.portals.insert(bind.portal, Portal { prepared, parameters, formats, state: State::New });
        self.socket.put(&PgWireBackendMessage::BindComplete(BindComplete::new()))
    }

    pub(super) fn on_describe(&mut self, target: Target, name: &str) -> Result<()> {
        if target == Target::Statement {
            let prepared = self.prepared(name)?;
            let types = prepared.parameters.iter().map(|parameter| parameter.oid).collect();
            self.socket.put(&PgWireBackendMessage::ParameterDescription(ParameterDescription::new(types)))?;
            let columns = self.columns(&prepared);
            return self.put_columns(columns.as_deref(), &Formats::default());
        }
        if let Some(portal) = self.portals.get(name) {
            let (columns, formats) = (self.columns(&portal.prepared), portal.formats.clone());
            return self.put_columns(columns.as_deref(), &formats);
        }
        // Portals and cursors share their names, and some drivers describe the cursor that they declared.
        let schema = self.cursor(name).map_err(|_| no_portal(name))?.results.schema.clone();
        self.put_columns(Some(&schema), &Formats::default())
    }

    pub(super) async fn on_execute(&mut self, name: String, rows_max: i32) -> Attempt<()> {
        // Zero and less mean all, as in PostgreSQL.
        let rows_max = u64::try_from(rows_max).ok().filter(|rows_max| *rows_max > 0);
        let Some(mut portal) = self.portals.remove(&name) else {
            self.refuse_if_failed()?;
            self.cursor(&name).map_err(|_| no_portal(&name))?;
            self.start_clock();
            return self
                .execute_fetch(&mut Fetch::new(name, None, None), rows_max, Formats::default())
                .await
                .map(|_| ());
        };
        self.start_clock();
        self.execute_portal(&mut portal, &name, rows_max).await?;
        self.portals.insert(name, portal);
        Ok(())
    }

    pub(super) fn on_close(&mut self, target: Target, name: &str) -> Result<()> {
        match target {
            Target::Statement => {
                if let Some(prepared) = self.statements.remove(name) {
                    self.portals.retain(|_, portal| !Arc::ptr_eq(&portal.prepared, &prepared));
                }
            }
            Target::Portal => {
                if self.portals.remove(name).is_none() {
                    self.cursors.remove(name);
                }
            }
        }
        self.socket.put(&PgWireBackendMessage::CloseComplete(CloseComplete::new()))
    }

    fn put_columns(&mut self, columns: Option<&Schema>, formats: &Formats) -> Result<()> {
        match columns {
            Some(schema) => self.socket.put(&row_description(schema, formats)?),
            None => self.socket.put(&PgWireBackendMessage::NoData(NoData::new())),
        }
    }

    async fn execute_portal(&mut self, portal: &mut Portal, name: &str, rows_max: Option<u64>) -> Attempt<()> {
        if matches!(portal.state, State::New) {
            let Some(statement) = &portal.prepared.statement else {
                self.socket.put(&PgWireBackendMessage::EmptyQueryResponse(EmptyQueryResponse::new()))?;
                return Ok(());
            };
            self.join_pipeline(&statement.kind).await?;
            // A FETCH is described by its cursor, which may have changed since: what is sent now is what counts.
            portal.state = match self.start(statement, &portal.parameters).await? {
                Reply::Done(tag) => {
                    portal.state = State::Done(None);
                    return Ok(self.complete(tag)?);
                }
                Reply::Copy(copy) => {
                    portal.state = State::Done(None);
                    let tag = self.copy_out(copy).await?;
                    return Ok(self.complete(tag)?);
                }
                Reply::CopyIn(copy) => {
                    portal.state = State::Done(None);
                    let tag = self.copy_in(&copy).await?;
                    return Ok(self.complete(tag)?);
                }
                Reply::Rows(results) => {
                    check_unchanged(self.columns(&portal.prepared).as_deref(), &results.schema)?;
                    State::Rows(results)
                }
                Reply::Fetch(fetch) => State::Fetch(fetch),
            };
        }
        match &mut portal.state {
            State::Rows(results) => {
                let finished = self.execute_rows(results, rows_max, &portal.formats).await?;
                if finished {
                    portal.state = State::Done(Some(results.tag(0)));
                }
            }
            State::Fetch(fetch) => {
                if self.execute_fetch(fetch, rows_max, portal.formats.clone()).await? {
                    portal.state = State::Done(Some("FETCH 0".to_string()));
                }
            }
            State::Done(Some(tag)) => {
                let tag = tag.clone();
                self.complete(tag)?;
            }
            State::New | State::Done(None) => {
                let message = format!("portal \"{name}\" cannot be run");
                return Err(Error::new(code::OBJECT_NOT_IN_PREREQUISITE_STATE, message).into());
            }
        }
        Ok(())
    }

    /// Sends rows of a portal; whether it is finished.
    async fn execute_rows(&mut self, results: &mut Results, rows_max: Option<u64>, formats: &Formats) -> Attempt<bool> {
        let format = DataRows::new(formats.clone(), self.text_options());
        let pace = Pace { rows_max, stop_when_idle: results.live && rows_max.is_some(), wait_until: None };
        let sent = results.send(&format, &mut self.socket, &mut self.interrupt, pace).await?;
        if sent.ended {
            self.complete(results.tag(sent.rows))?;
        } else {
            self.suspend()?;
        }
        Ok(sent.ended)
    }

    /// Sends rows of a cursor; whether the FETCH is answered.
    async fn execute_fetch(&mut self, fetch: &mut Fetch, rows_max: Option<u64>, formats: Formats) -> Attempt<bool> {
        let columns = self.cursor(&fetch.cursor)?.results.schema.fields().len();
        formats.check(columns, "result")?;
        let format = DataRows::new(formats, self.text_options());
        let fetched = self.fetch(fetch, rows_max, &format).await?;
        if fetched.done {
            self.complete(format!("FETCH {}", fetched.rows))?;
        } else {
            self.suspend()?;
        }
        Ok(fetched.done)
    }

    fn suspend(&mut self) -> Result<()> {
        self.socket.put(&PgWireBackendMessage::PortalSuspended(PortalSuspended::new()))
    }
}

fn no_portal(name: &str) -> Error {
    Error::new(code::INVALID_CURSOR_NAME, format!("portal \"{name}\" does not exist"))
}

/// The client decodes by the columns it was told of: other ones, because the catalog changed since, must not reach it.
fn check_unchanged(described: Option<&Schema>, actual: &Schema) -> Result<()> {
    let oids =
        |schema: &Schema| -> Vec<u32> { schema.fields().iter().map(|field| pg_type::field_oid(field)).collect() };
    if described.is_some_and(|described| oids(described) == oids(actual)) {
        return Ok(());
    }
    Err(Error::unsupported("cached plan must not change result type").hint("prepare the statement again"))
}

//! The engine as a connection sees it: one session, behind a trait object so that the protocol can be driven by a script in tests.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::FieldRef;
use datafusion::scalar::ScalarValue;

use crate::compile::parse::{CopyFrom, Statement};
use crate::engine::{CopyColumns, Description, Fate, Notice, Outcome, Session, Transaction};
use crate::error::Result;

/// What a connection needs of a session. The contract of each method is [`Session`]'s.
#[async_trait]
pub(super) trait Backend: Send {
    /// See [`Session::parse`].
    fn parse(&self, sql: &str) -> Result<Vec<Statement>>;
    /// See [`Session::describe`].
    async fn describe(&mut self, statement: &Statement, hints: &[Option<FieldRef>]) -> Result<Description>;
    /// See [`Session::execute_typed`].
    async fn execute(
        &mut self,
        statement: &Statement,
        parameters: &[ScalarValue],
        types: &[FieldRef],
    ) -> Result<Outcome>;
    /// See [`Session::running`].
    fn fate(&self) -> Arc<Fate>;
    /// See [`Session::spare`].
    fn spare(&self) -> Option<Box<dyn Backend>>;
    /// See [`Session::begin_group`].
    fn begin_group(&mut self) -> Result<()>;
    /// See [`Session::end_group`].
    async fn end_group(&mut self) -> Result<()>;
    /// See [`Session::copy_columns`].
    fn copy_columns(&self, copy: &CopyFrom) -> Result<CopyColumns>;
    /// See [`Session::copy_rows`].
    async fn copy_rows(&mut self, copy: &CopyFrom, columns: Vec<ArrayRef>, rows: usize) -> Result<usize>;
    /// See [`Session::transaction`].
    fn transaction(&self) -> Transaction;
    /// See [`Session::fail_transaction`].
    fn fail_transaction(&mut self);
    /// See [`Session::setting`].
    fn setting(&self, name: &str) -> Option<String>;
    /// See [`Session::set`].
    fn set(&mut self, name: &str, value: &str) -> Result<()>;
    /// See [`Session::changed_settings`].
    fn changed_settings(&mut self) -> Vec<(String, String)>;
    /// See [`Session::notices`].
    fn notices(&mut self) -> Vec<Notice>;
}

#[async_trait]
impl Backend for Session {
    fn parse(&self, sql: &str) -> Result<Vec<Statement>> {
        Session::parse(self, sql)
    }

    async fn describe(&mut self, statement: &Statement, hints: &[Option<FieldRef>]) -> Result<Description> {
        Session::describe(self, statement, hints).await
    }

    async fn execute(
        &mut self,
        statement: &Statement,
        parameters: &[ScalarValue],
        types: &[FieldRef],
    ) -> Result<Outcome> {
        Session::execute_typed(self, statement, parameters, types).await
    }

    fn fate(&self) -> Arc<Fate> {
        Session::running(self)
    }

    fn spare(&self) -> Option<Box<dyn Backend>> {
        Session::spare(self).map(|spare| Box::new(spare) as Box<dyn Backend>)
    }

    fn begin_group(&mut self) -> Result<()> {
        Session::begin_group(self)
    }

    async fn end_group(&mut self) -> Result<()> {
        Session::end_group(self).await
    }

    fn copy_columns(&self, copy: &CopyFrom) -> Result<CopyColumns> {
        Session::copy_columns(self, copy)
    }

    async fn copy_rows(&mut self, copy: &CopyFrom, columns: Vec<ArrayRef>, rows: usize) -> Result<usize> {
        Session::copy_rows(self, copy, columns, rows).await
    }

    fn transaction(&self) -> Transaction {
        Session::transaction(self)
    }

    fn fail_transaction(&mut self) {
        Session::fail_transaction(self);
    }

    fn setting(&self, name: &str) -> Option<String> {
        Session::setting(self, name)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        Session::set(self, name, value)
    }

    fn changed_settings(&mut self) -> Vec<(String, String)> {
        Session::changed_settings(self)
    }

    fn notices(&mut self) -> Vec<Notice> {
        Session::notices(self)
    }
}

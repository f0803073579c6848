//! A session whose statements do what their words say.
//!
//! `rows N` — N rows of bigint and text; `live N` — the same, then silence for ever; `wide N` — N rows of 10 kB; `never` — a plan
//! that is never ready; `busy MS` — computes that long without a pause; `fail` — an error at character 3; `broken N` — N rows, then an error; `echo` — its parameters as a row;
//! `notice`; `begin`, `commit`, `rollback`; `set name value`; `declare c [hold] for …`; `fetch n|all c [ms]`; `close c`;
//! `copy [csv|binary] …`; `prepare n as …`; `deallocate n`; `done TAG`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::scalar::ScalarValue;
use futures::{Stream, StreamExt, stream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::client::Client;
use crate::compile::parse::{
    CopyFormat, CopyFrom, CopyOptions, Kind, Statement, Subscribe, SubscribeTarget, TransactionModes,
};
use crate::engine::{CopyColumns, Description, Fate, Notice, Outcome, Rows, Transaction};
use crate::error::{Error, Result};
use crate::types::SqlType;
use crate::wire::backend::Backend;
use crate::wire::{Authentication, Server, WireOptions, serve_backend};

/// Rows of one batch.
const BATCH_ROWS: u64 = 1000;

/// A server over scripted sessions, and the names of the statements whose rows or plans were dropped before their end.
pub(super) struct Scripted {
    pub(super) server: Server,
    pub(super) dropped: tokio::sync::mpsc::UnboundedReceiver<String>,
}

impl Scripted {
    pub(super) async fn start() -> Scripted {
        Scripted::with(Authentication::Trust, 20).await
    }

    pub(super) async fn with(authentication: Authentication, connections_max: usize) -> Scripted {
        let (sender, dropped) = unbounded_channel();
        let open = move |user: &str, _| Box::new(Script::new(user, sender.clone())) as Box<dyn Backend>;
        let listen = "127.0.0.1:0".parse().unwrap();
        let options = WireOptions { listen, authentication, connections_max };
        let server = serve_backend(Arc::new(open), options).await.unwrap();
        Scripted { server, dropped }
    }

    /// A connected client after its first ReadyForQuery.
    pub(super) async fn client(&self) -> Client {
        Client::connect(self.server.address()).await
    }
}

struct Script {
    transaction: Transaction,
    settings: BTreeMap<String, String>,
    changed: Vec<(String, String)>,
    notices: Vec<Notice>,
    dropped: UnboundedSender<String>,
    fate: Arc<Fate>,
}

/// Tells when it is dropped.
struct Guard(String, UnboundedSender<String>);

impl Drop for Guard {
    fn drop(&mut self) {
        // The test may be over.
        let _ = self.1.send(self.0.clone());
    }
}

impl Script {
    fn new(user: &str, dropped: UnboundedSender<String>) -> Script {
        let settings = BTreeMap::from([("user".to_string(), user.to_string())]);
        let fate = Arc::default();
        Script { transaction: Transaction::Idle, settings, changed: Vec::new(), notices: Vec::new(), dropped, fate }
    }

    fn rows(&self, text: &str) -> Result<Outcome> {
        let mut words = text.split_whitespace();
        let verb = words.next().unwrap_or_default().to_string();
        let count = words.next().and_then(|count| count.parse().ok()).unwrap_or(0);
        let width = if verb == "wide" { 10_000 } else { 1 };
        let schema = columns();
        let batches = stream::iter((0..count).step_by(BATCH_ROWS as usize)).map(move |first| {
            let numbers: Vec<i64> = (first..count.min(first + BATCH_ROWS)).map(|number| number as i64).collect();
            let texts: Vec<String> = numbers.iter().map(|number| number.to_string().repeat(width)).collect();
            let arrays: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(numbers)), Arc::new(StringArray::from(texts))];
            Ok(RecordBatch::try_new(columns(), arrays).unwrap())
        });
        let live = verb == "live";
        let end: Rows = match verb.as_str() {
            "live" => Box::pin(stream::pending()),
            "broken" => Box::pin(stream::once(async { Err(Error::new("22012", "division by zero")) })),
            _ => Box::pin(stream::empty()),
        };
        let guard = Guard(text.to_string(), self.dropped.clone());
        let rows = Box::pin(Guarded { rows: Box::pin(batches.chain(end)), _guard: guard });
        Ok(Outcome::Rows { schema, rows, verb: if live { "SUBSCRIBE" } else { "SELECT" }, live })
    }

    fn done(&mut self, tag: &str) -> Result<Outcome> {
        Ok(Outcome::Done(tag.to_string()))
    }
}

struct Guarded {
    rows: Rows,
    _guard: Guard,
}

impl Stream for Guarded {
    type Item = Result<RecordBatch>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.rows.as_mut().poll_next(context)
    }
}

fn columns() -> SchemaRef {
    Arc::new(Schema::new(vec![SqlType::BigInt.field("n"), SqlType::Text.field("t")]))
}

fn parse_one(text: &str, offset: usize) -> Result<Statement> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let rest = |skip: usize| -> Result<Box<Statement>> { Ok(Box::new(parse_one(&words[skip..].join(" "), offset)?)) };
    let kind = match words.as_slice() {
        ["syntax", ..] => return Err(Error::new("42601", "syntax error at or near \"syntax\"").at(offset + 1)),
        ["begin"] => Kind::Begin(TransactionModes::default(), "BEGIN"),
        ["commit"] => Kind::Commit,
        ["rollback"] => Kind::Rollback,
        ["set", name, value] => Kind::Set { name: name.to_string(), value: Some(value.to_string()), local: false },
        ["declare", name, "hold", "for", ..] => {
            Kind::Declare { cursor: name.to_string(), statement: rest(4)?, hold: true }
        }
        ["declare", name, "for", ..] => Kind::Declare { cursor: name.to_string(), statement: rest(3)?, hold: false },
        ["fetch", count, name, timeout @ ..] => Kind::Fetch {
            cursor: name.to_string(),
            count: count.parse().ok(),
            timeout_ms: timeout.first().and_then(|timeout| timeout.parse().ok()),
        },
        ["close", name] => Kind::Close { cursor: (*name != "all").then(|| name.to_string()) },
        ["copy", "csv", ..] => Kind::CopyTo {
            statement: rest(2)?,
            options: CopyOptions { format: CopyFormat::Csv, header: true, ..CopyOptions::default() },
        },
        ["copy", "binary", ..] => Kind::CopyTo {
            statement: rest(2)?,
            options: CopyOptions { format: CopyFormat::Binary, ..CopyOptions::default() },
        },
        ["copy", ..] => Kind::CopyTo { statement: rest(1)?, options: CopyOptions::default() },
        ["prepare", name, "as", ..] => Kind::Prepare { name: name.to_string(), types: Vec::new(), statement: rest(3)? },
        ["execute", name] => Kind::Execute { name: name.to_string(), arguments: None, literals: Vec::new() },
        ["deallocate", name] => Kind::Deallocate { name: (*name != "all").then(|| name.to_string()) },
        ["rows" | "live" | "wide" | "broken" | "echo" | "never" | "busy" | "fail", ..] => Kind::Subscribe(Subscribe {
            target: SubscribeTarget::Relation(text.to_string()),
            snapshot: true,
            progress: false,
        }),
        _ => Kind::ShowSetting { name: text.to_string() },
    };
    Ok(Statement { text: text.to_string(), offset, kind })
}

#[async_trait]
impl Backend for Script {
    fn copy_columns(&self, _: &CopyFrom) -> Result<CopyColumns> {
        Err(Error::unsupported("the script takes no rows"))
    }

    async fn copy_rows(&mut self, _: &CopyFrom, _: Vec<ArrayRef>, _: usize) -> Result<usize> {
        Err(Error::unsupported("the script takes no rows"))
    }

    fn parse(&self, sql: &str) -> Result<Vec<Statement>> {
        let mut offset = 0;
        let mut statements = Vec::new();
        for text in sql.split(';') {
            if !text.trim().is_empty() {
                let start = offset + text.chars().take_while(|character| character.is_whitespace()).count();
                statements.push(parse_one(text.trim(), start)?);
            }
            offset += text.chars().count() + 1;
        }
        Ok(statements)
    }

    async fn describe(&mut self, statement: &Statement, hints: &[Option<FieldRef>]) -> Result<Description> {
        let text = statement.text.as_str();
        let default = || Arc::new(SqlType::Integer.field("p"));
        if text == "echo" {
            let parameters: Vec<FieldRef> = hints.iter().map(|hint| hint.clone().unwrap_or_else(default)).collect();
            let columns = Schema::new(parameters.clone());
            return Ok(Description { parameters, columns: Some(Arc::new(columns)) });
        }
        let columns = matches!(statement.kind, Kind::Subscribe(_)).then(columns);
        Ok(Description { parameters: Vec::new(), columns })
    }

    fn fate(&self) -> Arc<Fate> {
        Arc::clone(&self.fate)
    }

    fn spare(&self) -> Option<Box<dyn Backend>> {
        None
    }

    fn begin_group(&mut self) -> Result<()> {
        Ok(())
    }

    async fn end_group(&mut self) -> Result<()> {
        Ok(())
    }

    async fn execute(
        &mut self,
        statement: &Statement,
        parameters: &[ScalarValue],
        _types: &[FieldRef],
    ) -> Result<Outcome> {
        if self.transaction == Transaction::Failed && !matches!(statement.kind, Kind::Commit | Kind::Rollback) {
            return Err(Error::new("25P02", "current transaction is aborted"));
        }
        match &statement.kind {
            Kind::Begin(..) => {
                self.transaction = Transaction::Open;
                return self.done("BEGIN");
            }
            Kind::Commit | Kind::Rollback => {
                let commits = matches!(statement.kind, Kind::Commit) && self.transaction == Transaction::Open;
                self.transaction = Transaction::Idle;
                return self.done(if commits { "COMMIT" } else { "ROLLBACK" });
            }
            Kind::Set { name, value, .. } => {
                let value = value.clone().unwrap_or_default();
                self.settings.insert(name.clone(), value.clone());
                self.changed.push((name.clone(), value));
                return self.done("SET");
            }
            _ => {}
        }
        let text = statement.text.as_str();
        match text.split_whitespace().next().unwrap_or_default() {
            "never" => {
                let _guard = Guard(text.to_string(), self.dropped.clone());
                std::future::pending().await
            }
            "busy" => {
                std::thread::sleep(Duration::from_millis(text.strip_prefix("busy ").unwrap().parse().unwrap()));
                self.done("BUSY")
            }
            "fail" => Err(Error::new("42703", "column \"x\" does not exist").at(3)),
            "echo" => {
                let arrays: Vec<ArrayRef> = parameters.iter().map(|value| value.to_array().unwrap()).collect();
                let fields: Vec<_> = arrays
                    .iter()
                    .map(|array| datafusion::arrow::datatypes::Field::new("p", array.data_type().clone(), true))
                    .collect();
                let schema = Arc::new(Schema::new(fields));
                let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).unwrap();
                let rows: Rows = Box::pin(stream::iter([Ok(batch)]));
                Ok(Outcome::Rows { schema, rows, verb: "SELECT", live: false })
            }
            "notice" => {
                self.notices.push(Notice { severity: "NOTICE", code: "00000", message: "hello".into() });
                self.done("NOTICE")
            }
            "done" => self.done(text.strip_prefix("done ").unwrap_or_default()),
            _ => self.rows(text),
        }
    }

    fn transaction(&self) -> Transaction {
        self.transaction
    }

    fn fail_transaction(&mut self) {
        if self.transaction == Transaction::Open {
            self.transaction = Transaction::Failed;
        }
    }

    fn setting(&self, name: &str) -> Option<String> {
        self.settings.get(name).cloned()
    }

    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        if name == "wrong" {
            return Err(Error::new("42704", "unrecognized configuration parameter \"wrong\""));
        }
        self.settings.insert(name.to_string(), value.to_string());
        Ok(())
    }

    fn changed_settings(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.changed)
    }

    fn notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }
}

//! A pair of servers that runs one case after the other and compares them.

use std::time::{Duration, Instant};

use tidewater::engine::Engine;
use tokio_postgres::Client;

use super::answer::{self, Rows, contents, difference, query, row_errors, same, state_rows};
use super::case::{Case, View};
use crate::harness::Server;

/// Attempts at making a failing case smaller.
const ATTEMPTS_MAX: usize = 600;
/// Time for making a failing case smaller.
const SHRINKING_MAX: Duration = Duration::from_secs(90);

/// How a case ended.
#[derive(Debug)]
pub(super) enum Verdict {
    Right,
    /// PostgreSQL does not take it: the generator went wrong.
    Invalid(String),
    /// We do not maintain it, and say so.
    Refused(String),
    /// The kind of mistake, and what is to be seen.
    Wrong(String, String),
}

/// See the [module](self).
pub(super) struct Arena {
    pub(super) server: Server,
    pub(super) engine: Engine,
    pub(super) ours: Client,
    pub(super) theirs: Client,
}

/// A case on its way.
struct Run<'a> {
    arena: &'a Arena,
    case: &'a Case,
    /// Views that are refused, and those that read them; the queries of the former can still be compared.
    missing: Vec<&'a str>,
    refused: Option<String>,
    /// Views that are there, with the view of the case that they show.
    made: Vec<(String, &'a View)>,
}

type Step = Result<(), Verdict>;

fn invalid(error: (String, String)) -> Verdict {
    Verdict::Invalid(format!("{} {}", error.0, error.1))
}

impl Arena {
    pub(super) async fn run(&mut self, case: &Case) -> Verdict {
        if self.ours.is_closed() {
            self.ours = self.server.connect().await;
        }
        let mut run = Run { arena: self, case, missing: Vec::new(), refused: None, made: Vec::new() };
        let verdict = match run.steps().await {
            Ok(()) => run.refused.map_or(Verdict::Right, Verdict::Refused),
            Err(verdict) => verdict,
        };
        let names: Vec<&str> =
            case.tables.iter().map(|table| table.split_whitespace().nth(2).unwrap_or_default()).collect();
        let views: Vec<&str> = case.views.iter().map(|view| view.name.as_str()).collect();
        let tables = format!("DROP TABLE IF EXISTS {} CASCADE", names.join(", "));
        let _ = query(&self.theirs, "ROLLBACK").await;
        if !views.is_empty() {
            let _ = query(&self.theirs, &format!("DROP VIEW IF EXISTS {} CASCADE", views.join(", "))).await;
        }
        let _ = query(&self.theirs, &tables).await;
        let _ = query(&self.ours, "ROLLBACK").await;
        // A view of constants only reads no table.
        let known: Vec<String> = self.engine.catalog().iter().map(|relation| relation.name.clone()).collect();
        for view in known.iter().filter(|name| name.starts_with('v')) {
            let _ = query(&self.ours, &format!("DROP MATERIALIZED VIEW IF EXISTS {view} CASCADE")).await;
        }
        match query(&self.ours, &tables).await {
            Err((state, message)) if state != "gone" => Verdict::Wrong("cleaning".into(), format!("{state} {message}")),
            _ => verdict,
        }
    }

    /// A case that fails in the same way and has nothing left that can be taken away.
    pub(super) async fn shrunk(&mut self, mut case: Case, kind: &str, mut message: String) -> (Case, String) {
        let (mut attempts, begun) = (0, Instant::now());
        'again: loop {
            for smaller in case.smaller() {
                attempts += 1;
                if attempts > ATTEMPTS_MAX || begun.elapsed() > SHRINKING_MAX {
                    return (case, message);
                }
                match self.run(&smaller).await {
                    Verdict::Wrong(other, text) if other == kind => {
                        (case, message) = (smaller, text);
                        continue 'again;
                    }
                    _ => {}
                }
            }
            return (case, message);
        }
    }
}

impl<'a> Run<'a> {
    async fn steps(&mut self) -> Step {
        let tables = self.case.tables.join("; ");
        query(&self.arena.theirs, &tables).await.map_err(invalid)?;
        if let Err((state, message)) = query(&self.arena.ours, &tables).await {
            return Err(Verdict::Wrong("table".into(), format!("{tables}: {state} {message}")));
        }
        for step in 0..=self.case.steps.len() {
            let case = self.case;
            for view in &case.views {
                if view.after == step {
                    self.create(view).await?;
                }
                self.copy(view, step).await?;
            }
            self.compare(step).await?;
            let Some(transaction) = case.steps.get(step) else { break };
            let sql = match transaction.len() {
                1 => transaction[0].clone(),
                _ => format!("BEGIN; {}; COMMIT", transaction.join("; ")),
            };
            query(&self.arena.theirs, &sql).await.map_err(invalid)?;
            if let Err((state, message)) = query(&self.arena.ours, &sql).await {
                return Err(Verdict::Wrong(format!("transaction {state}"), format!("{sql}: {message}")));
            }
        }
        self.check_states().await
    }

    async fn create(&mut self, view: &'a View) -> Step {
        let sql = view.query.sql();
        let created = query(&self.arena.theirs, &format!("CREATE VIEW {} AS {sql}", view.name)).await;
        created.map_err(invalid)?;
        if reads(&sql, &self.missing) {
            self.missing.push(&view.name);
            return Ok(());
        }
        match query(&self.arena.ours, &format!("CREATE MATERIALIZED VIEW {} AS {sql}", view.name)).await {
            Ok(_) => self.made.push((view.name.clone(), view)),
            Err((state, message)) if is_refusal(&state) => {
                self.missing.push(&view.name);
                self.refused.get_or_insert(message);
            }
            Err((state, message)) => return Err(Verdict::Wrong(kind(&state, &message), format!("{message}\n{sql}"))),
        }
        Ok(())
    }

    /// Further views of the same query, over rows that are there already.
    async fn copy(&mut self, view: &'a View, step: usize) -> Step {
        for (number, _) in view.copies.iter().enumerate().filter(|(_, after)| **after == step && **after > view.after) {
            if self.missing.contains(&view.name.as_str()) {
                continue;
            }
            let (name, sql) = (view.copy(number), view.query.sql());
            match query(&self.arena.ours, &format!("CREATE MATERIALIZED VIEW {name} AS {sql}")).await {
                Ok(_) => self.made.push((name, view)),
                Err((state, message)) => {
                    return Err(Verdict::Wrong(kind(&state, &message), format!("{message}\n{sql}")));
                }
            }
        }
        Ok(())
    }

    /// Compares the views that exist; before the last step, which empties the tables, also their queries as ordinary SELECTs.
    async fn compare(&mut self, step: usize) -> Step {
        let known: Vec<&View> = self.case.views.iter().filter(|view| view.after <= step).collect();
        let names: Vec<&str> = known.iter().map(|view| view.name.as_str()).collect();
        let wants = answer::all(&self.arena.theirs, &names).await;
        if let Err(error) = self.arena.engine.runtime().flush().await {
            return Err(Verdict::Wrong("flush".into(), error.to_string()));
        }
        // What has other rows than PostgreSQL's query would have, since some fail.
        let mut partial: Vec<&str> = Vec::new();
        for (view, want) in known.iter().zip(&wants) {
            let sql = view.query.sql();
            if reads(&sql, &partial) {
                partial.push(&view.name);
                continue;
            }
            for (name, _) in self.made.iter().filter(|(_, shown)| shown.name == view.name) {
                let fails = self.check(name, view, want, step)?;
                if fails && !partial.contains(&view.name.as_str()) {
                    partial.push(&view.name);
                }
            }
            if let (Ok(want), true) = (want, step + 1 == self.case.steps.len())
                && !partial.contains(&view.name.as_str())
            {
                self.select(view, want, step).await?;
            }
        }
        Ok(())
    }

    /// Compares one view of ours; answers whether it leaves out rows.
    fn check(
        &self,
        name: &str,
        view: &View,
        want: &Result<Rows, (String, String)>,
        step: usize,
    ) -> Result<bool, Verdict> {
        let context = || format!("{name} before step {step}\n{}", view.query.sql());
        let got = contents(&self.arena.engine, name);
        let errors = row_errors(&self.arena.engine, name);
        let wrong =
            |kind: &'static str, text: String| Err(Verdict::Wrong(kind.into(), format!("{}\n{text}", context())));
        match (got, want) {
            (Err((state, message)), _) => wrong("read", format!("{state} {message}")),
            (Ok(_), Err((state, message))) if view.fragile && !errors.contains(state) => {
                wrong("no error", format!("PostgreSQL: {state} {message}\nours: {errors:?}"))
            }
            (Ok(_), Err(_)) => Ok(true),
            (Ok(_), Ok(_)) if view.fragile && !errors.is_empty() => wrong("error", format!("ours: {errors:?}")),
            (Ok(got), Ok(want)) if same(&got, want) => Ok(false),
            (Ok(got), Ok(want)) => {
                let errors = if errors.is_empty() { String::new() } else { format!("\nrow errors: {errors:?}") };
                wrong("view", format!("{}{errors}", difference(got, want.clone())))
            }
        }
    }

    /// The query of a view as an ordinary SELECT, and the view itself, over the wire.
    async fn select(&mut self, view: &View, want: &Rows, step: usize) -> Step {
        let sql = view.query.sql();
        if reads(&sql, &self.missing) {
            return Ok(());
        }
        let context = || format!("{} before step {step}\n{sql}", view.name);
        let mut statements = vec![sql.clone()];
        if !self.missing.contains(&view.name.as_str()) {
            statements.push(format!("SELECT * FROM {}", view.name));
        }
        for statement in statements {
            match query(&self.arena.ours, &statement).await {
                Ok(got) if same(&got, want) => {}
                Ok(got) => {
                    let text = format!("{}\n{}", context(), difference(got, want.clone()));
                    return Err(Verdict::Wrong("select".into(), text));
                }
                Err((state, message)) if is_refusal(&state) => {
                    self.refused.get_or_insert(format!("SELECT: {message}"));
                }
                Err((state, message)) => {
                    return Err(Verdict::Wrong(
                        format!("select {}", kind(&state, &message)),
                        format!("{}\n{message}", context()),
                    ));
                }
            }
        }
        Ok(())
    }

    /// When all rows are gone, no operator holds any but those of constants, as in a view that is made now; and no row fails.
    async fn check_states(&self) -> Step {
        let names = self.case.tables.iter().map(|table| table.split_whitespace().nth(2).unwrap_or_default());
        let any: Vec<String> = names.map(|name| format!("EXISTS (SELECT FROM {name})")).collect();
        if any.is_empty() {
            return Ok(());
        }
        let filled = query(&self.arena.theirs, &format!("SELECT {}", any.join(" OR "))).await.map_err(invalid)?;
        if filled != [["f"]] {
            return Ok(());
        }
        for (name, view) in &self.made {
            let held = state_rows(&self.arena.engine, name);
            let errors = row_errors(&self.arena.engine, name);
            if held != Some(0) && held != self.held_by_constants(view).await? {
                let text = format!("{name} holds {held:?} rows of nothing\n{}", view.query.sql());
                return Err(Verdict::Wrong("state".into(), text));
            }
            if !errors.is_empty() {
                let text = format!("{name} has errors of no rows: {errors:?}\n{}", view.query.sql());
                return Err(Verdict::Wrong("errors".into(), text));
            }
        }
        Ok(())
    }
}

impl Run<'_> {
    /// The rows that operators hold of a view that never saw any.
    async fn held_by_constants(&self, view: &View) -> Result<Option<u64>, Verdict> {
        let sql = format!("CREATE MATERIALIZED VIEW v_empty AS {}", view.query.sql());
        if let Err((state, message)) = query(&self.arena.ours, &sql).await {
            return Err(Verdict::Wrong(kind(&state, &message), format!("{message}\n{sql}")));
        }
        if let Err(error) = self.arena.engine.runtime().flush().await {
            return Err(Verdict::Wrong("flush".into(), error.to_string()));
        }
        let held = state_rows(&self.arena.engine, "v_empty");
        let _ = query(&self.arena.ours, "DROP MATERIALIZED VIEW v_empty").await;
        Ok(held)
    }
}

/// Whether a query that PostgreSQL answers is refused by name, not mistaken.
fn is_refusal(state: &str) -> bool {
    state == "0A000"
}

/// What tells one mistake from another: the SQLSTATE and how the message begins.
fn kind(state: &str, message: &str) -> String {
    let words: Vec<&str> = message.split_whitespace().filter(|word| !word.contains(['.', '"'])).take(4).collect();
    format!("{state} {}", words.join(" "))
}

/// Whether a query names one of these views.
fn reads(sql: &str, views: &[&str]) -> bool {
    sql.split(|c: char| !c.is_alphanumeric()).any(|word| views.contains(&word))
}

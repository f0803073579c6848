//! Answers of both sides, and whether they are the same.

use std::time::Duration;

use tidewater::engine::Engine;
use tidewater::flow::runtime::ViewState;
use tidewater::format::text::{TextOptions, Writer};
use tokio_postgres::{Client, SimpleQueryMessage};

use super::super::is_close;

/// A statement that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) type Rows = Vec<Vec<String>>;

/// Rows, or SQLSTATE and message.
pub(super) type Answer = Result<Rows, (String, String)>;

/// The rows of the statements of `sql`, one after the other.
pub(super) async fn queries(client: &Client, sql: &str) -> Result<Vec<Rows>, (String, String)> {
    let answer = match tokio::time::timeout(PATIENCE, client.simple_query(sql)).await {
        Ok(answer) => answer,
        Err(_) => return Err(("hang".into(), format!("no answer to {sql}"))),
    };
    match answer {
        Ok(messages) => {
            let mut found = vec![Rows::new()];
            for message in messages {
                match message {
                    SimpleQueryMessage::Row(row) => {
                        let row = (0..row.len()).map(|i| row.get(i).unwrap_or("NULL").to_string()).collect();
                        found.last_mut().expect("at least one").push(row);
                    }
                    SimpleQueryMessage::CommandComplete(_) => found.push(Rows::new()),
                    _ => {}
                }
            }
            found.pop();
            Ok(found)
        }
        Err(error) => match error.as_db_error() {
            Some(error) => Err((error.code().code().to_string(), error.message().to_string())),
            None => Err(("gone".into(), error.to_string())),
        },
    }
}

/// The rows of one statement.
pub(super) async fn query(client: &Client, sql: &str) -> Answer {
    queries(client, sql).await.map(|mut answers| answers.pop().unwrap_or_default())
}

/// What these views hold, each by itself: one that fails does not stop the others.
pub(super) async fn all(client: &Client, views: &[&str]) -> Vec<Answer> {
    let selects: Vec<String> = views.iter().map(|view| format!("SELECT * FROM {view}")).collect();
    if let Ok(answers) = queries(client, &selects.join("; ")).await
        && answers.len() == views.len()
    {
        return answers.into_iter().map(Ok).collect();
    }
    let mut answers = Vec::new();
    for select in &selects {
        answers.push(query(client, select).await);
    }
    answers
}

/// What a view of ours holds at the last tick, as the wire would write it.
pub(super) fn contents(engine: &Engine, view: &str) -> Answer {
    let internal = |error: tidewater::error::Error| ("XX000".to_string(), error.to_string());
    let catalog = engine.catalog();
    let Some(relation) = catalog.iter().find(|relation| relation.name == view) else {
        return Err(("42P01".into(), format!("{view} does not exist")));
    };
    if let Some(ViewState::Failed(why)) = engine.runtime().view_state(relation.id) {
        return Err(("55000".into(), why));
    }
    let (_, snapshot) = engine.runtime().store().snapshot(relation.id).map_err(internal)?;
    let mut rows = Rows::new();
    for batch in &snapshot.batches {
        let first = rows.len();
        rows.resize(first + batch.num_rows(), Vec::new());
        for (column, field) in batch.columns().iter().zip(snapshot.schema.fields()) {
            let writer = Writer::new(field, &TextOptions::default()).map_err(internal)?;
            let values = writer.bind(column.as_ref()).map_err(internal)?;
            for row in 0..batch.num_rows() {
                let mut text = Vec::new();
                match values.is_null(row) {
                    true => text.extend(b"NULL"),
                    false => values.write(row, &mut text),
                }
                rows[first + row].push(String::from_utf8_lossy(&text).into_owned());
            }
        }
    }
    Ok(rows)
}

/// SQLSTATEs of the rows that a view of ours leaves out.
pub(super) fn row_errors(engine: &Engine, view: &str) -> Vec<String> {
    let errors = engine.runtime().row_errors(u64::MAX).into_iter();
    errors.filter(|(name, _)| name == view).map(|(_, error)| error.code.to_string()).collect()
}

/// How many rows the operators of a view of ours hold.
pub(super) fn state_rows(engine: &Engine, view: &str) -> Option<u64> {
    let catalog = engine.catalog();
    let relation = catalog.iter().find(|relation| relation.name == view)?;
    engine.runtime().state_rows(relation.id)
}

/// Whether the same rows are there, in any order. Numbers may differ in the zeros they end with, since which of equal numerics stands for a
/// group depends on the order of the rows, and those that may be floats in the last digits, since PostgreSQL's sums of floats do.
pub(super) fn same(got: &Rows, want: &Rows) -> bool {
    let sorted = |rows: &Rows| {
        let mut rows = rows.clone();
        rows.sort();
        rows
    };
    if got.len() != want.len() {
        return false;
    }
    if sorted(got) == sorted(want) {
        return true;
    }
    // By their rounded values, so that close numbers stand at the same place.
    let rounded = |rows: &Rows| {
        let value = |text: &String| match text.parse::<f64>() {
            Ok(number) if text.contains('.') => format!("{:.6e}", if number == 0.0 { 0.0 } else { number }),
            Ok(number) if number.fract() == 0.0 => format!("{:.6e}", if number == 0.0 { 0.0 } else { number }),
            _ => text.clone(),
        };
        let mut keyed: Vec<(Vec<String>, Vec<String>)> =
            rows.iter().map(|row| (row.iter().map(value).collect(), row.clone())).collect();
        keyed.sort();
        keyed
    };
    rounded(got)
        .iter()
        .zip(rounded(want))
        .all(|((_, got), (_, want))| got.iter().zip(&want).all(|(got, want)| got == want || is_same_number(got, want)))
}

/// Whether texts are the same number but for zeros at the end or, if they may be floats, the last digits.
fn is_same_number(got: &str, want: &str) -> bool {
    let is_plain =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || b"-.".contains(&byte));
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text.to_string(),
    };
    if is_plain(got) && is_plain(want) && trimmed(got) == trimmed(want) {
        return true;
    }
    let may_be_float = |text: &str| {
        let digits = text.trim_start_matches(|letter| "-0.".contains(letter));
        digits.split('e').next().unwrap_or(digits).bytes().filter(u8::is_ascii_digit).count() <= 18
    };
    may_be_float(got) && may_be_float(want) && (got.contains('.') || want.contains('.')) && is_close(got, want)
}

/// The rows that only one side has.
pub(super) fn difference(mut got: Rows, mut want: Rows) -> String {
    got.sort();
    want.sort();
    let only = |some: &Rows, others: &Rows| {
        let mut others = others.clone();
        let left: Vec<&Vec<String>> = some
            .iter()
            .filter(|row| match others.iter().position(|other| other == *row) {
                Some(at) => {
                    others.swap_remove(at);
                    false
                }
                None => true,
            })
            .collect();
        format!("{:?}", left.iter().take(5).collect::<Vec<_>>())
    };
    format!("only ours: {}\nonly PostgreSQL's: {}", only(&got, &want), only(&want, &got))
}

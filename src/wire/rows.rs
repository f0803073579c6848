//! Rows on their way to the client. In: batches as they become ready; out: messages, written when nothing more is ready or when
//! enough is gathered, so that a slow stream shows each row at once and a fast one is not slowed down by writes.

use bytes::BytesMut;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use futures::{FutureExt, StreamExt};
use tokio::time::Instant;

use super::beside::RowsBeside;
use super::encode::{Encoders, Formats};
use super::failure::Attempt;
use super::interrupt::Interrupt;
use super::socket::{FLUSH_BYTES, Socket};
use crate::engine::Rows;
use crate::error::Result;
use crate::format::text::TextOptions;

/// The rows of a query or subscription that were not sent yet.
pub(super) struct Results {
    /// Columns.
    pub(super) schema: SchemaRef,
    /// First word of the command tag.
    pub(super) verb: &'static str,
    /// Whether rows come for ever.
    pub(super) live: bool,
    /// Whether the rows are of changes that are committed: it is too late to cancel them.
    pub(super) committed: bool,
    rows: Rows,
    /// The batch that is being sent, and its next row.
    batch: Option<(RecordBatch, usize)>,
    ended: bool,
    /// Rows that were written to the output so far.
    taken: u64,
}

/// When to stop sending although there may be more.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pace {
    /// After this many rows.
    pub(super) rows_max: Option<u64>,
    /// As soon as some rows were sent and none is ready.
    pub(super) stop_when_idle: bool,
    /// When nothing became ready until then.
    pub(super) wait_until: Option<Instant>,
}

/// What was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    /// Rows.
    pub(super) rows: u64,
    /// Whether there are no more.
    pub(super) ended: bool,
}

/// How rows become messages.
pub(super) trait RowFormat: Send + Sync {
    /// Makes the writer for the rows of a batch.
    fn bind<'a>(&'a self, batch: &'a RecordBatch) -> Result<Box<dyn RowWriter + 'a>>;
}

/// Writes the rows of one batch as messages.
pub(super) trait RowWriter: Send {
    /// Appends the message of a row; nothing after an error.
    fn write(&mut self, row: usize, out: &mut BytesMut) -> Result<()>;
}

impl Results {
    /// Rows to be sent.
    pub(super) fn new(schema: SchemaRef, rows: Rows, verb: &'static str, live: bool) -> Self {
        // Subscriptions wait; what they do for a tick is little.
        let rows = if live { rows } else { Box::pin(RowsBeside::new(rows)) };
        Results { schema, verb, live, committed: false, rows, batch: None, ended: false, taken: 0 }
    }

    /// The command tag after `rows` rows.
    pub(super) fn tag(&self, rows: u64) -> String {
        match self.verb {
            "SHOW" | "EXPLAIN" => self.verb.to_string(),
            verb => format!("{verb} {rows}"),
        }
    }

    /// How many rows were taken so far, also those that an error kept from the client.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// The first row of a result, as a batch of one row; `None` if there is none.
    pub(super) async fn first_row(&mut self) -> Result<Option<RecordBatch>> {
        while let Some(batch) = self.rows.next().await {
            let batch = batch?;
            if batch.num_rows() > 0 {
                return Ok(Some(batch.slice(0, 1)));
            }
        }
        Ok(None)
    }

    /// Sends rows until `pace` says stop or there are no more.
    pub(super) async fn send(
        &mut self,
        format: &dyn RowFormat,
        socket: &mut Socket,
        interrupt: &mut Interrupt,
        pace: Pace,
    ) -> Attempt<Sent> {
        if self.live {
            interrupt.set_live();
        }
        if self.committed {
            interrupt.set_committed();
        }
        let mut sent = 0;
        loop {
            let left = pace.rows_max.map_or(u64::MAX, |rows_max| rows_max - sent);
            if let Some((batch, next)) = &mut self.batch {
                let start = *next;
                let result = send_batch(batch, next, left, format, socket, interrupt).await;
                self.taken += (*next - start) as u64;
                result?;
                sent += (*next - start) as u64;
                if *next == batch.num_rows() {
                    self.batch = None;
                }
            }
            if pace.rows_max.is_some_and(|rows_max| sent >= rows_max) || self.ended {
                return Ok(Sent { rows: sent, ended: self.ended && self.batch.is_none() });
            }
            match self.next_batch(socket, interrupt, pace, sent).await? {
                Next::Batch(batch) => self.batch = Some((batch, 0)),
                Next::End => self.ended = true,
                Next::Idle => return Ok(Sent { rows: sent, ended: false }),
            }
        }
    }

    /// The next batch: at once if it is ready, else after what was gathered is written.
    async fn next_batch(
        &mut self,
        socket: &mut Socket,
        interrupt: &mut Interrupt,
        pace: Pace,
        sent: u64,
    ) -> Attempt<Next> {
        // Looks at all signals also when batches are always ready.
        interrupt.guard(std::future::ready(())).await?;
        if let Some(next) = self.rows.next().now_or_never() {
            return Next::of(next);
        }
        if pace.stop_when_idle && sent > 0 {
            return Ok(Next::Idle);
        }
        interrupt.guard(socket.flush()).await??;
        let Some(wait_until) = pace.wait_until else { return Next::of(interrupt.guard(self.rows.next()).await?) };
        match interrupt.guard(tokio::time::timeout_at(wait_until, self.rows.next())).await? {
            Ok(next) => Next::of(next),
            Err(_) => Ok(Next::Idle),
        }
    }
}

enum Next {
    Batch(RecordBatch),
    End,
    Idle,
}

impl Next {
    fn of(item: Option<Result<RecordBatch>>) -> Attempt<Next> {
        Ok(match item.transpose()? {
            Some(batch) => Next::Batch(batch),
            None => Next::End,
        })
    }
}

/// Sends at most `left` rows of a batch from `next` on, and moves `next` behind them.
async fn send_batch(
    batch: &RecordBatch,
    next: &mut usize,
    left: u64,
    format: &dyn RowFormat,
    socket: &mut Socket,
    interrupt: &mut Interrupt,
) -> Attempt<()> {
    let end = usize::try_from(left).map_or(batch.num_rows(), |left| batch.num_rows().min(next.saturating_add(left)));
    if *next == end {
        return Ok(());
    }
    let mut writer = format.bind(batch)?;
    while *next < end {
        writer.write(*next, &mut socket.output)?;
        *next += 1;
        if socket.output.len() >= FLUSH_BYTES {
            interrupt.guard(socket.flush()).await??;
        }
    }
    Ok(())
}

/// Rows as DataRow messages.
pub(super) struct DataRows {
    formats: Formats,
    options: TextOptions,
}

impl DataRows {
    /// Rows in these formats, with text as `options` say.
    pub(super) fn new(formats: Formats, options: TextOptions) -> Self {
        DataRows { formats, options }
    }
}

impl RowFormat for DataRows {
    fn bind<'a>(&'a self, batch: &'a RecordBatch) -> Result<Box<dyn RowWriter + 'a>> {
        Ok(Box::new(Encoders::new(batch, &self.formats, &self.options)?))
    }
}

impl RowWriter for Encoders<'_> {
    fn write(&mut self, row: usize, out: &mut BytesMut) -> Result<()> {
        self.data_row(row, out)
    }
}

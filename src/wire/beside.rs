//! Work beside the connections: parsing, planning and computing may take long without ever waiting, and then nothing could be
//! answered on the threads that serve the sockets. It runs on threads for blocking work; the connection waits for it under its
//! interrupt. Work that is given up ends where it next waits for something or looks at its [`Claim`]; until then its thread goes on in
//! the background, and the connection goes on with a session of its own. What commits is not given up, see [`Fate`].

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use datafusion::arrow::record_batch::RecordBatch;
use futures::future::BoxFuture;
use futures::{FutureExt, Stream, StreamExt};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle};

use super::backend::Backend;
use super::failure::{Attempt, Failure};
use super::interrupt::Interrupt;
use crate::claim::Claim;
use crate::engine::{Fate, Notice, Rows, Transaction};
use crate::error::{Error, Result, code};

/// Works that were given up and still run, of all connections; with more, nothing new is begun.
const GIVEN_UP_MAX: usize = 16;
/// How long a given up work may take until its connection goes on without it.
const GIVE_UP_TIMEOUT: Duration = Duration::from_millis(20);

static GIVEN_UP: AtomicUsize = AtomicUsize::new(0);

/// Stack of a thread that plans; only what is used becomes memory.
const STACK_BYTES: usize = 256 << 20;
/// Threads that compute for connections; a connection takes one at a time.
const BLOCKING_THREADS_MAX: usize = 4096;

/// Where statements are computed, and the tasks that they begin: sockets, timers and cancel requests never wait behind them.
static COMPUTE: LazyLock<std::io::Result<Runtime>> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .thread_name("compute")
        .thread_stack_size(STACK_BYTES)
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build()
});

/// The runtime that computes; that of the connection if the system has no threads for another.
fn compute() -> Handle {
    COMPUTE.as_ref().map_or_else(|_| Handle::current(), |runtime| runtime.handle().clone())
}

const RUNS: u8 = 0;
const ENDED: u8 = 1;
const ABANDONED: u8 = 2;

/// Gives a work up when dropped.
struct Hold {
    claim: Claim,
    /// Dropped with it.
    _cancel: oneshot::Sender<()>,
    phase: Arc<AtomicU8>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        // What has ended may have left tasks behind for the next work of the same query.
        if self.phase.swap(ABANDONED, Ordering::AcqRel) == RUNS {
            self.claim.give_up();
            GIVEN_UP.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// Counts the end of a work, however it ends.
struct End(Arc<AtomicU8>);

impl Drop for End {
    fn drop(&mut self) {
        if self.0.swap(ENDED, Ordering::AcqRel) == ABANDONED {
            GIVEN_UP.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// A work that runs: gives the value back that it was lent; what is to be held until then; the answer, which is there then.
type Started<S, T> = (JoinHandle<S>, Hold, oneshot::Receiver<T>);

/// Runs `work` on a thread of its own. 53000 if too many that were given up still run.
fn start<S, T>(mut lent: S, work: impl FnOnce(&mut S) -> BoxFuture<'_, T> + Send + 'static) -> Started<S, T>
where
    S: Send + 'static,
    T: Send + 'static,
{
    let (cancel, canceled) = oneshot::channel::<()>();
    let (answer, answered) = oneshot::channel();
    let phase = Arc::new(AtomicU8::new(RUNS));
    let end = End(Arc::clone(&phase));
    let claim = Claim::default();
    let claimed = claim.clone();
    let compute = compute();
    let runtime = compute.clone();
    let task = compute.spawn_blocking(move || {
        let value = runtime.block_on(async {
            tokio::select! { biased;
                _ = canceled => None,
                value = claimed.work(work(&mut lent)) => Some(value),
            }
        });
        drop(end);
        if let Some(value) = value {
            // Nobody waits any more if it was given up meanwhile.
            let _ = answer.send(value);
        }
        lent
    });
    (task, Hold { claim, _cancel: cancel, phase }, answered)
}

fn check_given_up() -> Result<()> {
    if GIVEN_UP.load(Ordering::Acquire) < GIVEN_UP_MAX {
        return Ok(());
    }
    let message = "too many canceled statements have not ended yet";
    Err(Error::new(code::INSUFFICIENT_RESOURCES, message).hint("they end by themselves; try again later"))
}

/// Waits for a work unless something interrupts it; nothing interrupts what commits, but the client's and the server's end.
async fn guarded<S>(
    task: &mut JoinHandle<S>,
    interrupt: &mut Interrupt,
    fate: &Fate,
) -> Attempt<std::result::Result<S, JoinError>> {
    match interrupt.guard(&mut *task).await {
        Err(failure) if fate.cancel() => Err(failure),
        Err(Failure::Statement(_)) => {
            interrupt.set_committed();
            interrupt.guard(task).await
        }
        ended => ended,
    }
}

/// A connection's session, which works beside it.
pub(super) struct Remote {
    place: Place,
    /// The transaction's state when the session was last here.
    transaction: Transaction,
}

enum Place {
    Here(Box<dyn Backend>),
    Away(JoinHandle<Box<dyn Backend>>),
    /// A panic took it.
    Lost,
}

impl Remote {
    pub(super) fn new(session: Box<dyn Backend>) -> Self {
        let transaction = session.transaction();
        Remote { place: Place::Here(session), transaction }
    }

    /// Waits until the session has ended what was given up.
    pub(super) async fn back(&mut self, interrupt: &mut Interrupt) -> Attempt<()> {
        if let Place::Away(task) = &mut self.place {
            // The statement that was given up has no deadline any more, the next one none yet.
            interrupt.start(None);
            let returned = interrupt.guard(task).await?;
            self.returned(returned);
        }
        Ok(())
    }

    /// Lets the session do `work`; the answer, unless something interrupts it.
    pub(super) async fn work<T: Send + 'static>(
        &mut self,
        interrupt: &mut Interrupt,
        work: impl FnOnce(&mut Box<dyn Backend>) -> BoxFuture<'_, T> + Send + 'static,
    ) -> Attempt<T> {
        self.back(interrupt).await?;
        check_given_up()?;
        let session = match std::mem::replace(&mut self.place, Place::Lost) {
            Place::Here(session) => session,
            _ => return Err(Failure::Fatal(lost())),
        };
        self.transaction = session.transaction();
        let (fate, spare) = (session.fate(), session.spare());
        fate.begin();
        let (mut task, hold, mut answer) = start(session, work);
        match guarded(&mut task, interrupt, &fate).await {
            Ok(returned) => {
                self.returned(returned);
                answer.try_recv().map_err(|_| Failure::Fatal(lost()))
            }
            Err(failure) => {
                drop(hold);
                match (tokio::time::timeout(GIVE_UP_TIMEOUT, &mut task).await, spare) {
                    (Ok(returned), _) => self.returned(returned),
                    // The one that is given up keeps what its transaction holds until it ends.
                    (Err(_), Some(spare)) => self.place = Place::Here(spare),
                    (Err(_), None) => self.place = Place::Away(task),
                }
                Err(failure)
            }
        }
    }

    fn returned(&mut self, session: std::result::Result<Box<dyn Backend>, JoinError>) {
        let was_away = matches!(self.place, Place::Away(_));
        self.place = match session {
            Ok(mut session) => {
                // Its client was told that the statement had failed.
                if was_away && session.transaction() == Transaction::Open {
                    session.fail_transaction();
                }
                Place::Here(session)
            }
            Err(_) => Place::Lost,
        };
    }

    /// What answers at once.
    pub(super) fn here(&self) -> Result<&dyn Backend> {
        match &self.place {
            Place::Here(session) => Ok(session.as_ref()),
            _ => Err(lost()),
        }
    }

    /// The transaction's state; of a session that is away, as its client knows it.
    pub(super) fn transaction(&self) -> Transaction {
        match (&self.place, self.transaction) {
            (Place::Here(session), _) => session.transaction(),
            (_, Transaction::Idle) => Transaction::Idle,
            _ => Transaction::Failed,
        }
    }

    /// See [`Backend::fail_transaction`].
    pub(super) fn fail_transaction(&mut self) {
        if let Place::Here(session) = &mut self.place {
            session.fail_transaction();
        }
    }

    /// See [`Backend::begin_group`].
    pub(super) fn begin_group(&mut self) -> Result<()> {
        match &mut self.place {
            Place::Here(session) => session.begin_group(),
            _ => Err(lost()),
        }
    }

    /// See [`Backend::setting`].
    pub(super) fn setting(&self, name: &str) -> Option<String> {
        self.here().ok()?.setting(name)
    }

    /// See [`Backend::changed_settings`].
    pub(super) fn changed_settings(&mut self) -> Vec<(String, String)> {
        match &mut self.place {
            Place::Here(session) => session.changed_settings(),
            _ => Vec::new(),
        }
    }

    /// See [`Backend::notices`].
    pub(super) fn notices(&mut self) -> Vec<Notice> {
        match &mut self.place {
            Place::Here(session) => session.notices(),
            _ => Vec::new(),
        }
    }
}

fn lost() -> Error {
    Error::internal("the session was lost in a statement that failed")
}

type Item = Option<Result<RecordBatch>>;

/// Rows that are computed beside the connection.
pub(super) struct RowsBeside {
    rows: Option<Rows>,
    running: Option<Started<Rows, Vec<Item>>>,
    /// Batches that are there.
    items: VecDeque<Item>,
}

impl RowsBeside {
    pub(super) fn new(rows: Rows) -> Self {
        RowsBeside { rows: Some(rows), running: None, items: VecDeque::new() }
    }
}

/// The next batch, and what is ready behind it: mostly the end.
fn next_items(rows: &mut Rows) -> BoxFuture<'_, Vec<Item>> {
    async {
        let first = rows.next().await;
        let mut items = Vec::with_capacity(2);
        let more = first.as_ref().is_some_and(Result::is_ok);
        items.push(first);
        if more {
            items.extend(rows.next().now_or_never());
        }
        items
    }
    .boxed()
}

impl Stream for RowsBeside {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Item> {
        loop {
            if let Some(item) = self.items.pop_front() {
                return Poll::Ready(item);
            }
            if let Some((task, _, answer)) = &mut self.running {
                let returned = ready!(Pin::new(task).poll(context));
                let answer = answer.try_recv();
                self.running = None;
                let (Ok(rows), Ok(items)) = (returned, answer) else { return Poll::Ready(Some(Err(lost()))) };
                self.rows = Some(rows);
                self.items = items.into();
                continue;
            }
            let Some(rows) = self.rows.take() else { return Poll::Ready(None) };
            if let Err(error) = check_given_up() {
                return Poll::Ready(Some(Err(error)));
            }
            self.running = Some(start(rows, next_items));
        }
    }
}

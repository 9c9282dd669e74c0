//! `replicate`: feeds a replica without a handler.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use diesel_async::{AsyncConnection, AsyncConnectionCore};
use serde::de::DeserializeOwned;

use super::Consumer;
use super::error::ConsumerError;
use super::source::{Handler, Message, NextDue, Origin, Source, letter};
use super::tally::Consumed;
use crate::dead_letter::Redriven;
use crate::dependent::Dependent;
use crate::error::{NotConnected, Result};
use crate::event::Event;
use crate::format::{Binding, Decode, Reading};
use crate::front::asynchronous::AsyncExecutor;
use crate::model::Gap;
use crate::operation::replica::dead_letters::keep::{NewLetter, has_any, keep_all, keep_behind};
use crate::operation::replica::dead_letters::requested::execute;
use crate::operation::replica::dead_letters::{Passing, redrive};
use crate::operation::requests::turn::exist;
use crate::operation::{self, NoHook};
use crate::outcome::Outcome;
use crate::parked_record::ParkedRecord;

/// The time for which the requests have a connection for themselves.
const REQUESTS: Duration = Duration::from_secs(1);

/// Opens connections to the replica's database. Every closure such as
/// `|| AsyncPgConnection::establish(URL)` or `|| pool.get()` implements it.
pub trait Connect: Send + Sync {
    /// The type of the connection.
    type Connection: AsyncConnection;

    /// Opens a connection.
    fn connect(&self) -> impl Future<Output = Result<Self::Connection>> + Send;
}

impl<F, Fut, C, E> Connect for F
where
    F: Fn() -> Fut + Send + Sync,
    Fut: Future<Output = std::result::Result<C, E>> + Send,
    C: AsyncConnection,
    E: fmt::Display + Send,
{
    type Connection = C;

    fn connect(&self) -> impl Future<Output = Result<C>> + Send {
        let connecting = self();
        async move { connecting.await.map_err(NotConnected::because) }
    }
}

impl<S: Source> Consumer<S> {
    /// Applies the events to the replica `M`, as
    /// [`apply_all`](crate::prelude::DependentDsl::apply_all) does, in
    /// [batches](Self::batch) of those that have arrived. Runs until `shutdown` is ready. See
    /// [`run`](Self::run) for shutdown and errors.
    ///
    /// With `gap = "park"`, early events are parked as they were received, as
    /// [`apply_json`](crate::prelude::DependentDsl::apply_json) does. A batch that fails is split,
    /// until the event that fails is alone.
    ///
    /// `connect` is called when a batch needs a connection, never twice at a time. A connection of a
    /// pool goes back after the batch, so that a pool of any size works and other users of the pool
    /// have their turn. A connection of its own is used again, and closed after an error.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// ```text
    /// consumer.replicate::<TicketCopy, _>(|| AsyncPgConnection::establish(URL), shutdown).await?;
    /// ```
    #[allow(
        clippy::manual_async_fn,
        reason = "the future must be known to be `Send`"
    )]
    pub fn replicate<M, C>(
        &self,
        connect: C,
        shutdown: impl Future + Send,
    ) -> impl Future<Output = Result<Consumed, ConsumerError>> + Send
    where
        C: Connect,
        M: Dependent<<C::Connection as AsyncConnectionCore>::Backend> + DeserializeOwned,
    {
        async move {
            let conns = Connections {
                binding: S::BINDING,
                connect,
                connecting: tokio::sync::Mutex::new(()),
                idle: Mutex::new(Vec::new()),
                form: self.form.clone(),
                keeps_letters: AtomicBool::new(false),
                has_requests: AtomicBool::new(false),
            };
            let batch = self.settings.batch;
            self.run_with::<M, _>(batch, conns, shutdown).await
        }
    }
}

/// The connections to the replica's database.
struct Connections<C: Connect> {
    binding: Binding,
    connect: C,
    /// Held while a connection is opened, or taken from a pool.
    connecting: tokio::sync::Mutex<()>,
    idle: Mutex<Vec<C::Connection>>,
    /// The form of the messages.
    form: Option<Arc<dyn Decode>>,
    /// Whether there is a table of dead letters.
    keeps_letters: AtomicBool,
    /// Whether there are tables of requests.
    has_requests: AtomicBool,
}

impl<C, M, B> Handler<M, B> for Connections<C>
where
    C: Connect,
    B: Message,
    M: Dependent<<C::Connection as AsyncConnectionCore>::Backend> + DeserializeOwned,
{
    const KEEPS: bool = true;
    const PARKS: bool = matches!(M::GAP, Gap::Park);

    async fn handle(&self, events: Vec<Event<M>>, origins: Vec<Origin<B>>) -> Result<Vec<Outcome>> {
        let mut conn = self.take().await?;
        let mut executor = AsyncExecutor::new(&mut conn);
        let mut outcomes = apply(&events, &origins, &mut executor).await;
        if let (Ok(outcomes), true) = (&mut outcomes, self.keeps_letters.load(Ordering::Relaxed)) {
            keep_early::<M, _, _>(&events, &origins, outcomes, &mut executor).await?;
        }
        drop(executor);
        self.give_back(conn, &outcomes);
        outcomes
    }

    async fn keep(&self, letters: &[NewLetter]) -> Result<()> {
        let mut conn = self.take().await?;
        let mut executor = AsyncExecutor::new(&mut conn);
        let kept = keep_all::<M, _>(letters, &mut executor).await;
        drop(executor);
        self.give_back(conn, &kept);
        kept
    }

    async fn redrive(&self, pass: Passing) -> Result<Option<(Redriven, i64)>> {
        let mut conn = self.take().await?;
        let mut executor = AsyncExecutor::new(&mut conn);
        let reading = Reading {
            form: self.form.as_deref(),
            binding: self.binding,
        };
        let done = redrive::<M, _>(pass, reading, &mut executor).await;
        drop(executor);
        self.keeps_letters.fetch_or(done.is_ok(), Ordering::Relaxed);
        self.give_back(conn, &done);
        done.map(Some)
    }

    async fn execute(&self) -> Result<Option<NextDue>> {
        let mut conn = self.take().await?;
        let mut executor = AsyncExecutor::new(&mut conn);
        let reading = Reading {
            form: self.form.as_deref(),
            binding: self.binding,
        };
        let done = async {
            if !self.has_requests.load(Ordering::Relaxed) {
                let exist = exist::<M::Sql, _>(&mut executor).await?;
                self.has_requests.store(exist, Ordering::Relaxed);
                if !exist {
                    return Ok(None);
                }
            }
            let due = execute::<M, _>(REQUESTS, reading, &mut executor).await?;
            Ok(Some(due))
        };
        let done = done.await;
        drop(executor);
        self.give_back(conn, &done);
        done
    }

    async fn parked(&self, after: Option<String>, most: usize) -> Result<Vec<ParkedRecord>> {
        let mut conn = self.take().await?;
        let mut executor = AsyncExecutor::new(&mut conn);
        let found = operation::waiting::<M, _>(after.as_deref(), most, &mut executor).await;
        drop(executor);
        self.give_back(conn, &found);
        found
    }
}

async fn apply<M, C, B>(
    events: &[Event<M>],
    origins: &[Origin<B>],
    executor: &mut AsyncExecutor<'_, C>,
) -> Result<Vec<Outcome>>
where
    C: AsyncConnection,
    M: Dependent<C::Backend>,
    B: Message,
{
    let json: Vec<Option<Cow<'_, str>>> = match M::GAP {
        Gap::Park => origins.iter().map(json_of).collect(),
        Gap::Nack => Vec::new(),
    };
    let json: Vec<Option<&str>> = json.iter().map(Option::as_deref).collect();
    match events {
        [event] => {
            let json = json.first().copied().flatten();
            let outcome = operation::apply(event, json, true, executor, NoHook).await?;
            Ok(vec![outcome])
        }
        events => operation::apply_all(events, &json, executor).await,
    }
}

/// The event as JSON, with all fields of the message.
fn json_of(origin: &Origin<impl Message>) -> Option<Cow<'_, str>> {
    match &origin.whole {
        Some(whole) => serde_json::to_string(whole).ok().map(Cow::Owned),
        None => std::str::from_utf8(origin.message.bytes())
            .ok()
            .map(Cow::Borrowed),
    }
}

/// Keeps the events that are early because an older event of their record is a dead letter.
async fn keep_early<M, C, B>(
    events: &[Event<M>],
    origins: &[Origin<B>],
    outcomes: &mut [Outcome],
    executor: &mut AsyncExecutor<'_, C>,
) -> Result<()>
where
    C: AsyncConnection,
    M: Dependent<C::Backend>,
    B: Message,
{
    let is_early = |outcome: &Outcome| matches!(outcome, Outcome::Gap { .. });
    if !outcomes.iter().any(is_early) || !has_any::<M, _>(executor).await? {
        return Ok(());
    }
    for (outcome, (event, origin)) in outcomes.iter_mut().zip(events.iter().zip(origins)) {
        let Outcome::Gap { current, .. } = *outcome else {
            continue;
        };
        let record = (event.key.clone(), event.turn());
        let letter = letter(&origin.message, Some(record));
        if keep_behind::<M, _>(&letter, current, executor).await? {
            *outcome = Outcome::Parked;
        }
    }
    Ok(())
}

impl<C: Connect> Connections<C> {
    fn give_back<T>(&self, conn: C::Connection, done: &Result<T>) {
        if done.is_ok() && !is_pooled::<C::Connection>() {
            self.idle().push(conn);
        }
    }

    async fn take(&self) -> Result<C::Connection> {
        if let Some(conn) = self.idle().pop() {
            return Ok(conn);
        }
        let _connecting = self.connecting.lock().await;
        if let Some(conn) = self.idle().pop() {
            return Ok(conn);
        }
        self.connect.connect().await
    }

    fn idle(&self) -> MutexGuard<'_, Vec<C::Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns whether a connection belongs to a pool. `diesel-async` gives those the transaction
/// manager `PoolTransactionManager`, which it does not export.
fn is_pooled<C: AsyncConnection>() -> bool {
    std::any::type_name::<C::TransactionManager>().contains("PoolTransactionManager")
}

#[cfg(test)]
mod tests {
    #[cfg(feature = "postgres")]
    #[test]
    fn a_connection_of_a_pool_is_told_from_one_of_its_own() {
        use diesel_async::AsyncPgConnection;

        assert!(!super::is_pooled::<AsyncPgConnection>());
        assert!(super::is_pooled::<Box<AsyncPgConnection>>());
    }
}

//! `replicate`: feeds a replica without a handler.

use std::fmt;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use diesel_async::{AsyncConnection, AsyncConnectionCore};
use serde::de::DeserializeOwned;

use super::JetStreamConsumer;
use super::consumer::Body;
use crate::consumer::{Consumed, NotConnected};
use crate::dependent::Dependent;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::front::asynchronous::AsyncExecutor;
use crate::model::Gap;
use crate::operation::{self, NoHook};
use crate::outcome::Outcome;

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
        async move {
            let failed = |error: E| Error::other(NotConnected(error.to_string()));
            connecting.await.map_err(failed)
        }
    }
}

impl JetStreamConsumer {
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
    /// ```text
    /// consumer.replicate::<TicketCopy, _>(|| AsyncPgConnection::establish(URL), shutdown).await
    /// ```
    #[allow(
        clippy::manual_async_fn,
        reason = "the future must be known to be `Send`"
    )]
    pub fn replicate<M, C>(
        &self,
        connect: C,
        shutdown: impl Future + Send,
    ) -> impl Future<Output = Consumed> + Send
    where
        C: Connect,
        M: Dependent<<C::Connection as AsyncConnectionCore>::Backend> + DeserializeOwned,
    {
        async move {
            let conns = Connections {
                connect,
                connecting: tokio::sync::Mutex::new(()),
                idle: Mutex::new(Vec::new()),
            };
            let handle = |events: Vec<Event<M>>, bodies| conns.apply(events, bodies);
            self.run_with(self.settings.batch, handle, shutdown).await
        }
    }
}

/// The connections to the replica's database.
struct Connections<C: Connect> {
    connect: C,
    /// Held while a connection is opened, or taken from a pool.
    connecting: tokio::sync::Mutex<()>,
    idle: Mutex<Vec<C::Connection>>,
}

impl<C: Connect> Connections<C> {
    async fn apply<M>(&self, events: Vec<Event<M>>, bodies: Vec<Body>) -> Result<Vec<Outcome>>
    where
        M: Dependent<<C::Connection as AsyncConnectionCore>::Backend>,
    {
        let mut conn = self.take().await?;
        let json: Vec<Option<&str>> = match M::GAP {
            Gap::Park => bodies.iter().map(Body::text).collect(),
            Gap::Nack => Vec::new(),
        };
        let mut executor = AsyncExecutor::new(&mut conn);
        let outcomes = match (events.as_slice(), json.as_slice()) {
            ([event], json) => {
                let json = json.first().copied().flatten();
                let outcome = operation::apply(event, json, true, &mut executor, NoHook).await;
                outcome.map(|outcome| vec![outcome])
            }
            (events, json) => operation::apply_all(events, json, &mut executor).await,
        };
        drop(executor);
        if outcomes.is_ok() && !is_pooled::<C::Connection>() {
            self.idle().push(conn);
        }
        outcomes
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

//! `replicate`: feeds a replica without a handler.

use std::fmt;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use diesel_async::{AsyncConnection, AsyncConnectionCore};
use serde::de::DeserializeOwned;

use super::JetStreamConsumer;
use crate::consumer::Consumed;
use crate::dependent::Dependent;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::front::asynchronous::AsyncExecutor;
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
            connecting
                .await
                .map_err(|error| Error::other(error.to_string()))
        }
    }
}

impl JetStreamConsumer {
    /// Applies each event to the replica `M`, as
    /// [`apply_json`](crate::prelude::DependentDsl::apply_json) does, on one connection for each
    /// event in flight. Runs until `shutdown` is ready. See [`run`](Self::run) for shutdown and
    /// errors.
    ///
    /// A connection is reused for the next event, and closed after an error.
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
            let idle = Idle {
                connect,
                conns: Mutex::new(Vec::new()),
            };
            let handle = |event: Event<M>, body| idle.apply(event, body);
            self.run_with(handle, shutdown).await
        }
    }
}

/// The idle connections.
struct Idle<C: Connect> {
    connect: C,
    conns: Mutex<Vec<C::Connection>>,
}

impl<C: Connect> Idle<C> {
    async fn apply<M>(&self, event: Event<M>, payload: impl AsRef<[u8]>) -> Result<Outcome>
    where
        M: Dependent<<C::Connection as AsyncConnectionCore>::Backend>,
    {
        let kept = self.conns().pop();
        let mut conn = match kept {
            Some(conn) => conn,
            None => self.connect.connect().await?,
        };
        let json = std::str::from_utf8(payload.as_ref()).ok();
        let mut executor = AsyncExecutor::new(&mut conn);
        let outcome = operation::apply(&event, json, true, &mut executor, NoHook).await;
        drop(executor);
        if outcome.is_ok() {
            self.conns().push(conn);
        }
        outcome
    }

    fn conns(&self) -> MutexGuard<'_, Vec<C::Connection>> {
        self.conns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The relay of an outbox, on connections of `diesel-async`.

use std::fmt;
use std::future::Future;

use diesel_async::AsyncConnection;

use super::AsyncExecutor;
use crate::clock::Tokio;
use crate::error::Error;
use crate::operation::outbox::relay;
use crate::outbox::{Pass, Publisher, Relay, RelayProblem, SupportedBackend, Totals};

impl<P: Publisher> Relay<P> {
    /// Claims one batch, publishes it and deletes the events that the broker acknowledged, on a
    /// connection of `diesel-async` and with tokio's timer.
    ///
    /// If the future is dropped while the batch is published, the events stay in the outbox, and
    /// the next pass may publish them again. If the future was inside its transaction, the
    /// connection is broken: its next use returns an error, and pools close it.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`run_once`](Self::run_once).
    #[allow(
        clippy::manual_async_fn,
        reason = "the future must be known to be `Send`"
    )]
    pub fn run_once_async<C>(
        &self,
        conn: &mut C,
    ) -> impl Future<Output = Result<Pass, Error>> + Send
    where
        C: AsyncConnection,
        C::Backend: SupportedBackend,
    {
        async move { relay::pass(self, &Tokio, &mut AsyncExecutor::new(conn)).await }
    }

    /// Publishes until `shutdown` is ready, and returns the totals of the run, on connections of
    /// `diesel-async` and with tokio's timer.
    ///
    /// It connects, reports and retries as [`run`](Self::run) does. Dropping the future also ends
    /// the run, without finishing the current batch.
    ///
    /// ```no_run
    /// # use versioned_core::async_prelude::*;
    /// # use versioned_core::outbox::{Publisher, Relay, Shutdown, Totals};
    /// # use diesel_async::AsyncPgConnection;
    /// # async fn f(publisher: impl Publisher + 'static) -> Totals {
    /// let relay = Relay::new(publisher).batch(1_000);
    /// let connect = || AsyncPgConnection::establish("postgres:///tickets");
    /// relay.run_async(connect, tokio::signal::ctrl_c()).await
    /// # }
    /// ```
    pub fn run_async<C, E, F>(
        &self,
        connect: impl FnMut() -> F + Send,
        shutdown: impl Future + Send,
    ) -> impl Future<Output = Totals> + Send
    where
        F: Future<Output = Result<C, E>> + Send,
        C: AsyncConnection,
        C::Backend: SupportedBackend,
        E: fmt::Display + Send,
    {
        let line = Reconnecting {
            relay: self,
            connect,
            conn: None,
            commits: None,
        };
        async move { relay::run(self, &Tokio, line, shutdown).await }
    }
}

/// A connection that is opened again after a failure.
struct Reconnecting<'r, P, F, C> {
    relay: &'r Relay<P>,
    connect: F,
    conn: Option<C>,
    /// The number of the last pass, where the database counts the commits of others.
    commits: Option<i64>,
}

impl<P, F, Fut, C, E> relay::Reconnecting for Reconnecting<'_, P, F, C>
where
    P: Publisher,
    F: FnMut() -> Fut + Send,
    Fut: Future<Output = Result<C, E>> + Send,
    C: AsyncConnection,
    C::Backend: SupportedBackend,
    E: fmt::Display + Send,
{
    async fn pass(&mut self) -> Option<Pass> {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => match (self.connect)().await {
                Ok(conn) => conn,
                Err(error) => {
                    let reason = error.to_string();
                    self.relay.report(&RelayProblem::NotConnected(&reason));
                    return None;
                }
            },
        };
        self.commits = relay::commits(&mut AsyncExecutor::new(&mut conn)).await;
        let done =
            relay::pass_and_probe(self.relay, &Tokio, &mut AsyncExecutor::new(&mut conn)).await;
        match done {
            Ok(pass) => {
                self.conn = Some(conn);
                Some(pass)
            }
            Err(error) => {
                self.relay.report(&RelayProblem::Failed(&error));
                None
            }
        }
    }

    async fn has_changed(&mut self) -> Option<bool> {
        let before = self.commits?;
        let mut executor = AsyncExecutor::new(self.conn.as_mut()?);
        // If the query fails, the next pass tells what is wrong.
        Some(relay::commits(&mut executor).await != Some(before))
    }
}

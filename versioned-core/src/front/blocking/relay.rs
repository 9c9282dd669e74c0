//! The relay of an outbox, on blocking connections.

use std::fmt;

use diesel::connection::LoadConnection;

use super::BlockingExecutor;
use crate::clock::{Parking, block_on};
use crate::error::Error;
use crate::operation::outbox::relay;
use crate::outbox::{Pass, Publisher, Relay, RelayProblem, SupportedBackend, Totals};

impl<P: Publisher> Relay<P> {
    /// Claims one batch, publishes it and deletes the events that the broker acknowledged.
    ///
    /// The thread sleeps while the publisher waits.
    ///
    /// # Errors
    ///
    /// - [`Error::Database`](crate::Error::Database) with Diesel's `AlreadyInTransaction`, if a
    ///   transaction is open on the connection. Its events are not committed yet and must not be
    ///   published.
    /// - [`Error::Database`](crate::Error::Database), if a query fails.
    /// - [`Error::Conflict`](crate::Error::Conflict) of kind
    ///   [`Serialization`](crate::ConflictKind::Serialization), if the database rejects a statement
    ///   because of another transaction.
    ///
    /// After an error, events that were already published may be published again.
    pub fn run_once<C>(&self, conn: &mut C) -> Result<Pass, Error>
    where
        C: LoadConnection,
        C::Backend: SupportedBackend,
    {
        block_on(relay::pass(
            self,
            &Parking,
            &mut BlockingExecutor::new(conn),
        ))
    }

    /// Publishes until `shutdown` is ready, and returns the totals of the run.
    ///
    /// `connect` opens the connection, and a new one after each error of the database. The relay
    /// finishes the current batch before it ends. Errors of the broker and of the database do not
    /// end the run: the relay [reports](Self::on_problem) and retries them. On SQLite, `connect`
    /// must set `busy_timeout`, and so must the connections of the writers. A panic of the
    /// publisher, of `connect` or of the hook of [`on_problem`](Self::on_problem) ends it.
    ///
    /// ```no_run
    /// # use diesel::prelude::*;
    /// # use versioned_core::outbox::{Publisher, Relay, Shutdown};
    /// # fn f(publisher: impl Publisher + 'static) {
    /// let shutdown = Shutdown::new();
    /// let relay = Relay::new(publisher).on_problem(|problem| eprintln!("{problem}"));
    /// let stop = shutdown.clone();
    /// let connect = || SqliteConnection::establish("tickets.db");
    /// let thread = std::thread::spawn(move || relay.run(connect, stop));
    /// // ..
    /// shutdown.stop();
    /// let totals = thread.join().unwrap();
    /// println!("{} events published", totals.published);
    /// # }
    /// ```
    pub fn run<C, E>(
        &self,
        connect: impl FnMut() -> Result<C, E> + Send,
        shutdown: impl Future + Send,
    ) -> Totals
    where
        C: LoadConnection,
        C::Backend: SupportedBackend,
        E: fmt::Display,
    {
        let line = Reconnecting {
            relay: self,
            connect,
            conn: None,
            commits: None,
        };
        block_on(relay::run(self, &Parking, line, shutdown))
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

impl<P, F, C, E> relay::Reconnecting for Reconnecting<'_, P, F, C>
where
    P: Publisher,
    F: FnMut() -> Result<C, E> + Send,
    C: LoadConnection,
    C::Backend: SupportedBackend,
    E: fmt::Display,
{
    async fn pass(&mut self) -> Option<Pass> {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => match (self.connect)() {
                Ok(conn) => conn,
                Err(error) => {
                    let reason = error.to_string();
                    self.relay.report(&RelayProblem::NotConnected(&reason));
                    return None;
                }
            },
        };
        self.commits = relay::commits(&mut BlockingExecutor::new(&mut conn)).await;
        let done =
            relay::pass_and_probe(self.relay, &Parking, &mut BlockingExecutor::new(&mut conn))
                .await;
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
        let mut executor = BlockingExecutor::new(self.conn.as_mut()?);
        // If the query fails, the next pass tells what is wrong.
        Some(relay::commits(&mut executor).await != Some(before))
    }
}

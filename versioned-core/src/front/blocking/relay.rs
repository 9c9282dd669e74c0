//! A relay on blocking connections.

use std::fmt;

use diesel::connection::LoadConnection;

use super::BlockingExecutor;
use crate::clock::{Parking, block_on};
use crate::error::Error;
use crate::operation::outbox::relay;
use crate::outbox::{Pass, Publisher, Relay, RelayProblem, SupportedBackend, Totals};

impl<P: Publisher> Relay<P> {
    /// Takes one batch, publishes it and deletes what the broker has.
    ///
    /// The thread sleeps while the publisher waits.
    ///
    /// # Errors
    ///
    /// What the database says; what was published is published again then. When a transaction is open on the connection: its
    /// events are not committed yet, and must not be published.
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

    /// Publishes until `shutdown` is ready, and answers with what it did.
    ///
    /// `connect` makes the connection, and a new one after each error of the database. The batch in
    /// hand is finished before it ends. Errors of the broker and of the database do not end it:
    /// they are [reported](Self::on_problem), and tried again. A panic of the publisher, of
    /// `connect` or of the hook of [`on_problem`](Self::on_problem) does.
    ///
    /// ```no_run
    /// # use diesel::prelude::*;
    /// # use versioned_core::outbox::{Publisher, Relay, Shutdown};
    /// # fn f(publisher: impl Publisher + 'static) {
    /// let shutdown = Shutdown::new();
    /// let relay = Relay::new(publisher).on_problem(|problem| eprintln!("{problem}"));
    /// let stop = shutdown.clone();
    /// let thread = std::thread::spawn(move || relay.run(|| SqliteConnection::establish("tickets.db"), stop));
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
        };
        block_on(relay::run(self, &Parking, line, shutdown))
    }
}

/// A connection, made anew where it broke.
struct Reconnecting<'r, P, F, C> {
    relay: &'r Relay<P>,
    connect: F,
    conn: Option<C>,
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
        let done = relay::pass(self.relay, &Parking, &mut BlockingExecutor::new(&mut conn)).await;
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
}

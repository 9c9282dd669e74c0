//! The listener of a relay, on connections of `diesel-async`.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;

use diesel::pg::{Pg, PgNotification};
use diesel::result::QueryResult;
use diesel_async::AsyncConnection;
use futures_core::Stream;

use crate::clock::Tokio;
use crate::operation::outbox::listen::{self, LISTEN};
use crate::outbox::Listener;

/// The notifications of a connection.
type Notifications<'c> = Pin<Box<dyn Stream<Item = QueryResult<PgNotification>> + Send + 'c>>;

impl Listener {
    /// Wakes the relay at each notification until `shutdown` is ready, on connections of
    /// `diesel-async` and with tokio's timer.
    ///
    /// It connects, reports and retries as [`run`](Self::run) does. `receive` returns the stream of
    /// the connection's notifications. Dropping the future also ends the run.
    ///
    /// ```no_run
    /// # use versioned_core::async_prelude::*;
    /// # use versioned_core::outbox::{Publisher, Relay, Shutdown};
    /// # use diesel_async::AsyncPgConnection;
    /// # #[cfg(feature = "postgres")]
    /// # async fn f(publisher: impl Publisher + 'static) {
    /// let connect = || AsyncPgConnection::establish("postgres:///tickets");
    /// let shutdown = Shutdown::new();
    /// let relay = Relay::new(publisher).on_problem(|problem| eprintln!("{problem}"));
    /// let listener = relay.listener();
    /// tokio::join!(
    ///     relay.run_async(connect, shutdown.clone()),
    ///     listener.run_async(connect, |conn| Box::pin(conn.notifications_stream()), shutdown),
    /// );
    /// # }
    /// ```
    pub fn run_async<C, E, F>(
        &self,
        connect: impl FnMut() -> F + Send,
        receive: impl FnMut(&mut C) -> Notifications<'_> + Send,
        shutdown: impl Future + Send,
    ) -> impl Future<Output = ()> + Send
    where
        F: Future<Output = Result<C, E>> + Send,
        C: AsyncConnection<Backend = Pg>,
        E: fmt::Display + Send,
    {
        let ear = Ear {
            connect,
            receive,
            conn: None,
        };
        async move { listen::listen(self, &Tokio, ear, shutdown).await }
    }
}

struct Ear<F, R, C> {
    connect: F,
    receive: R,
    conn: Option<C>,
}

impl<F, R, Fut, C, E> listen::Ear for Ear<F, R, C>
where
    F: FnMut() -> Fut + Send,
    Fut: Future<Output = Result<C, E>> + Send,
    R: FnMut(&mut C) -> Notifications<'_> + Send,
    C: AsyncConnection<Backend = Pg>,
    E: fmt::Display + Send,
{
    async fn open(&mut self) -> Result<(), String> {
        let mut conn = (self.connect)().await.map_err(|error| error.to_string())?;
        conn.batch_execute(LISTEN)
            .await
            .map_err(|error| error.to_string())?;
        self.conn = Some(conn);
        Ok(())
    }

    async fn next(&mut self) -> Result<PgNotification, String> {
        let conn = self.conn.as_mut().ok_or("no connection")?;
        let mut notifications = (self.receive)(conn);
        let next = poll_fn(|task| notifications.as_mut().poll_next(task)).await;
        let ended = || Err("the stream of notifications has ended".to_owned());
        next.map_or_else(ended, |next| next.map_err(|error| error.to_string()))
    }

    fn close(&mut self) {
        self.conn = None;
    }
}

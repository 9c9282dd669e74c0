//! The listener of a relay, on blocking connections.

use std::fmt;
use std::time::Duration;

use diesel::connection::Connection;
use diesel::pg::{Pg, PgNotification};
use diesel::result::QueryResult;

use crate::clock::{Clock as _, Parking, block_on};
use crate::operation::outbox::listen::{self, LISTEN};
use crate::outbox::Listener;

/// The pause between two looks at the connection. Diesel cannot wait for a notification.
const PAUSE: Duration = Duration::from_millis(5);

impl Listener {
    /// Wakes the relay at each notification until `shutdown` is ready.
    ///
    /// `connect` opens the connection, and a new one after each failure. `receive` returns the next
    /// notification that has arrived on it, and does not wait for one; it is called every 5 ms.
    /// Failures do not end the run: the listener
    /// [reports](crate::outbox::Relay::on_problem) and retries them.
    ///
    /// ```ignore
    /// let connect = || PgConnection::establish("postgres:///tickets");
    /// let shutdown = Shutdown::new();
    /// let (stop, stop_too) = (shutdown.clone(), shutdown.clone());
    /// let relay = Relay::new(publisher).on_problem(|problem| eprintln!("{problem}"));
    /// let listener = relay.listener();
    /// thread::spawn(move || relay.run(connect, stop));
    /// thread::spawn(move || listener.run(connect, |conn| conn.notifications_iter().next(), stop_too));
    /// ```
    pub fn run<C, E>(
        &self,
        connect: impl FnMut() -> Result<C, E> + Send,
        receive: impl FnMut(&mut C) -> Option<QueryResult<PgNotification>> + Send,
        shutdown: impl Future + Send,
    ) where
        C: Connection<Backend = Pg>,
        E: fmt::Display,
    {
        let ear = Ear {
            connect,
            receive,
            conn: None,
        };
        block_on(listen::listen(self, &Parking, ear, shutdown));
    }
}

struct Ear<F, R, C> {
    connect: F,
    receive: R,
    conn: Option<C>,
}

impl<F, R, C, E> listen::Ear for Ear<F, R, C>
where
    F: FnMut() -> Result<C, E> + Send,
    R: FnMut(&mut C) -> Option<QueryResult<PgNotification>> + Send,
    C: Connection<Backend = Pg>,
    E: fmt::Display,
{
    async fn open(&mut self) -> Result<(), String> {
        let mut conn = (self.connect)().map_err(|error| error.to_string())?;
        conn.batch_execute(LISTEN)
            .map_err(|error| error.to_string())?;
        self.conn = Some(conn);
        Ok(())
    }

    async fn next(&mut self) -> Result<PgNotification, String> {
        loop {
            let conn = self.conn.as_mut().ok_or("no connection")?;
            if let Some(notification) = (self.receive)(conn) {
                return notification.map_err(|error| error.to_string());
            }
            Parking.sleep(PAUSE).await;
        }
    }

    fn close(&mut self) {
        self.conn = None;
    }
}

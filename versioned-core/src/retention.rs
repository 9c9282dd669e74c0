//! Deleting what a replica or an owner does not need to remember any more: old tombstones, dead
//! letters, parked events and requests.
//!
//! ```
//! # use diesel::prelude::*;
//! # use versioned_core::prelude::*;
//! # diesel::table! { ticket_copies { id -> BigInt, price -> BigInt, version -> BigInt, } }
//! # #[derive(Clone, Queryable, Selectable, serde::Deserialize, Versioned)]
//! # #[diesel(table_name = ticket_copies)]
//! # #[versioned(dependent, entity = "tickets")]
//! # struct TicketCopy { id: i64, price: i64, version: i64 }
//! use std::time::Duration;
//! use versioned_core::retention::{Purged, Retention};
//!
//! const DAY: Duration = Duration::from_secs(24 * 60 * 60);
//!
//! fn once_an_hour(conn: &mut SqliteConnection) -> versioned_core::Result<Purged> {
//!     let retention = Retention::new()
//!         .dead_letters(90 * DAY)
//!         .parked(90 * DAY)
//!         .tombstones(100 * DAY);
//!     retention.purge::<TicketCopy, _>(conn)
//! }
//! ```
//!
//! A purge works beside everything else. It deletes a [batch](Retention::batch) in a transaction,
//! and leaves out the rows that others have locked. On PostgreSQL, one purge of a model runs at a
//! time. Elsewhere, purges leave out each other's rows. Run it on a clock of its own, and not only
//! when there is nothing else to do. [`Retention::run`] is such a loop.
//!
//! Ages are taken by the clock of the database. The times in the tables are by the clocks of the
//! services that wrote them.
//!
//! | rows | age since | deleted if older, unless |
//! | --- | --- | --- |
//! | tombstones, of a replica or an owner | the deletion | the record exists again, a dead letter or a parked event may be one from before the deletion, or an event of the record is in the outbox |
//! | dead letters | the message came first | another transaction has locked the letter |
//! | parked events | the event was parked | another transaction has locked the record's position |
//! | requests, of a replica or an owner | the request ended | it is open |
//! | positions of records that exist | | never deleted |
//! | events in the outbox | | never deleted, because they are not delivered: repair the cause of a [rejection](crate::outbox::Rejected), and retry |
//!
//! An event that is older than a purged deletion is new to the replica. If it is version 1 or a
//! snapshot, or with `policy = "latest"`, it restores the record. Other events wait for their
//! predecessors.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use diesel::connection::LoadConnection;
#[cfg(feature = "async")]
use diesel_async::AsyncConnection;

#[cfg(feature = "async")]
use crate::clock::Tokio;
use crate::clock::{Parking, block_on};
use crate::error::{NotConnected, Result};
#[cfg(feature = "async")]
use crate::front::asynchronous::AsyncExecutor;
use crate::front::blocking::{BlockingExecutor, poll_ready};
use crate::loadable::Persisted;
use crate::operation::{self, Purging};
use crate::outbox::SupportedBackend;
pub use crate::purged::{Old, Purged, Retention};

impl Retention {
    /// Deletes what `M` does not need any more, and returns how much that was.
    ///
    /// ```sql
    /// -- PostgreSQL and SQLite, without FOR UPDATE there:
    /// DELETE FROM versioned_dead_letters WHERE id = ANY(ARRAY(SELECT id FROM versioned_dead_letters
    ///     WHERE replica = $1 AND entity = $2 AND first_at < now - $3 ORDER BY id LIMIT $4 FOR UPDATE SKIP LOCKED))
    /// -- For each record that has old parked events:
    /// SELECT version FROM versioned_positions WHERE replica = $1 AND entity = $2 AND key = $3 FOR UPDATE SKIP LOCKED
    /// DELETE FROM versioned_parked WHERE replica = $1 AND entity = $2 AND key = $3 AND at < now - $4
    /// DELETE FROM versioned_positions WHERE replica = $1 AND entity = $2 AND key = ANY(ARRAY(SELECT key
    ///     FROM versioned_positions WHERE replica = $1 AND entity = $2 AND key >= $3 AND deleted_at < now - $4
    ///     AND NOT EXISTS (..) AND .. ORDER BY key LIMIT $5 FOR UPDATE SKIP LOCKED))
    /// ```
    ///
    /// On MySQL and MariaDB, the keys are selected without a lock. Each row is then locked with
    /// `FOR UPDATE SKIP LOCKED`, and deleted by its key.
    ///
    /// In a transaction of the caller, the locks are held until it ends.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Other`](crate::Error::Other) if tombstones would be kept for a shorter time
    /// than dead letters or parked events, [`Error::Conflict`](crate::Error::Conflict) of kind
    /// `Serialization` after a deadlock or a serialization failure, and
    /// [`Error::Database`](crate::Error::Database) if a statement fails for another reason. The
    /// batches before are deleted then.
    pub fn purge<M, C>(&self, conn: &mut C) -> Result<Purged>
    where
        C: LoadConnection,
        M: Persisted<C::Backend>,
    {
        poll_ready(operation::purge::<M, _>(
            self,
            &mut BlockingExecutor::new(conn),
        ))
    }

    /// As [`purge`](Self::purge), without the model: `replica` and `entity` are the names in the tables
    /// of this crate. An empty `replica` is the owner of the entity.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`purge`](Self::purge).
    pub fn purge_named<C>(&self, replica: &str, entity: &str, conn: &mut C) -> Result<Purged>
    where
        C: LoadConnection,
        C::Backend: SupportedBackend,
    {
        let mut executor = BlockingExecutor::new(conn);
        poll_ready(operation::purge_of::<
            <C::Backend as SupportedBackend>::Sql,
            _,
        >(self, replica, entity, &mut executor))
    }

    /// Counts what [`purge_named`](Self::purge_named) would delete, each up to `most`. Writes nothing.
    ///
    /// ```sql
    /// SELECT count(*) FROM (SELECT 1 FROM versioned_dead_letters WHERE replica = $1 AND entity = $2
    ///     AND first_at < now - $3 LIMIT $4) AS c           -- and so on
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the errors of [`purge`](Self::purge).
    pub fn old<C>(&self, replica: &str, entity: &str, most: u64, conn: &mut C) -> Result<Old>
    where
        C: LoadConnection,
        C::Backend: SupportedBackend,
    {
        let mut executor = BlockingExecutor::new(conn);
        poll_ready(operation::old::<<C::Backend as SupportedBackend>::Sql, _>(
            self,
            replica,
            entity,
            most,
            &mut executor,
        ))
    }

    /// Purges at once, and then `every` so often, until `shutdown` is ready. Calls `report` with the
    /// result of each purge. An error does not end the run.
    ///
    /// `connect` opens a connection for each purge, or takes one from a pool. A purge that runs is
    /// finished before the run ends.
    ///
    /// ```no_run
    /// # use diesel::prelude::*;
    /// # use versioned_core::prelude::*;
    /// # diesel::table! { ticket_copies { id -> BigInt, price -> BigInt, version -> BigInt, } }
    /// # #[derive(Clone, Queryable, Selectable, serde::Deserialize, Versioned)]
    /// # #[diesel(table_name = ticket_copies)]
    /// # #[versioned(dependent, entity = "tickets")]
    /// # struct TicketCopy { id: i64, price: i64, version: i64 }
    /// use std::time::Duration;
    /// use versioned_core::outbox::Shutdown;
    /// use versioned_core::retention::Retention;
    ///
    /// let shutdown = Shutdown::new();
    /// let until = shutdown.clone();
    /// let hour = Duration::from_secs(60 * 60);
    /// let connect = || SqliteConnection::establish("replica.db");
    /// let report = |purged| match purged {
    ///     Ok(purged) => println!("{purged}"),
    ///     Err(error) => eprintln!("not purged: {error}"),
    /// };
    /// let retention = Retention::new().tombstones(24 * 100 * hour);
    /// let thread = std::thread::spawn(move || {
    ///     retention.run::<TicketCopy, _, _>(hour, connect, report, until);
    /// });
    /// # let _ = (thread, shutdown);
    /// ```
    pub fn run<M, C, E>(
        &self,
        every: Duration,
        connect: impl FnMut() -> Result<C, E> + Send,
        report: impl FnMut(Result<Purged>),
        shutdown: impl Future,
    ) where
        C: LoadConnection,
        M: Persisted<C::Backend>,
        E: fmt::Display,
    {
        let model = PhantomData::<fn() -> M>;
        let purging = Connecting {
            retention: self,
            connect,
            model,
        };
        block_on(operation::keep_purging(
            &Parking, every, purging, report, shutdown,
        ));
    }
}

struct Connecting<'r, M, F> {
    retention: &'r Retention,
    connect: F,
    model: PhantomData<fn() -> M>,
}

impl<M, C, E, F> Purging for Connecting<'_, M, F>
where
    F: FnMut() -> Result<C, E> + Send,
    C: LoadConnection,
    M: Persisted<C::Backend>,
    E: fmt::Display,
{
    fn purge(&mut self) -> impl Future<Output = Result<Purged>> + Send {
        let purged = (self.connect)()
            .map_err(NotConnected::because)
            .and_then(|mut conn| self.retention.purge::<M, _>(&mut conn));
        std::future::ready(purged)
    }
}

#[cfg(feature = "async")]
impl Retention {
    /// As [`purge`](Self::purge), on a connection of `diesel-async`. A future that is dropped before
    /// it completes leaves the connection broken, and its next use is an error.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`purge`](Self::purge).
    #[allow(
        clippy::manual_async_fn,
        reason = "the future must be known to be `Send`"
    )]
    pub fn purge_async<M, C>(&self, conn: &mut C) -> impl Future<Output = Result<Purged>> + Send
    where
        C: AsyncConnection,
        M: Persisted<C::Backend>,
    {
        async move { operation::purge::<M, _>(self, &mut AsyncExecutor::new(conn)).await }
    }

    /// As [`purge_named`](Self::purge_named), on a connection of `diesel-async`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`purge`](Self::purge).
    #[allow(
        clippy::manual_async_fn,
        reason = "the future must be known to be `Send`"
    )]
    pub fn purge_named_async<C>(
        &self,
        replica: &str,
        entity: &str,
        conn: &mut C,
    ) -> impl Future<Output = Result<Purged>> + Send
    where
        C: AsyncConnection,
        C::Backend: SupportedBackend,
    {
        async move {
            let mut executor = AsyncExecutor::new(conn);
            operation::purge_of::<<C::Backend as SupportedBackend>::Sql, _>(
                self,
                replica,
                entity,
                &mut executor,
            )
            .await
        }
    }

    /// As [`old`](Self::old), on a connection of `diesel-async`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`purge`](Self::purge).
    #[allow(
        clippy::manual_async_fn,
        reason = "the future must be known to be `Send`"
    )]
    pub fn old_async<C>(
        &self,
        replica: &str,
        entity: &str,
        most: u64,
        conn: &mut C,
    ) -> impl Future<Output = Result<Old>> + Send
    where
        C: AsyncConnection,
        C::Backend: SupportedBackend,
    {
        async move {
            let mut executor = AsyncExecutor::new(conn);
            operation::old::<<C::Backend as SupportedBackend>::Sql, _>(
                self,
                replica,
                entity,
                most,
                &mut executor,
            )
            .await
        }
    }

    /// As [`run`](Self::run), on connections of `diesel-async`. Dropping the future also ends the
    /// run, without finishing the current batch.
    #[allow(
        clippy::manual_async_fn,
        reason = "the future must be known to be `Send`"
    )]
    pub fn run_async<M, C, E, Fut>(
        &self,
        every: Duration,
        connect: impl FnMut() -> Fut + Send,
        report: impl FnMut(Result<Purged>) + Send,
        shutdown: impl Future + Send,
    ) -> impl Future<Output = ()> + Send
    where
        Fut: Future<Output = Result<C, E>> + Send,
        C: AsyncConnection,
        M: Persisted<C::Backend>,
        E: fmt::Display + Send,
    {
        async move {
            let model = PhantomData::<fn() -> M>;
            let purging = ConnectingAsync {
                retention: self,
                connect,
                model,
            };
            operation::keep_purging(&Tokio, every, purging, report, shutdown).await;
        }
    }
}

#[cfg(feature = "async")]
struct ConnectingAsync<'r, M, F> {
    retention: &'r Retention,
    connect: F,
    model: PhantomData<fn() -> M>,
}

#[cfg(feature = "async")]
impl<M, C, E, F, Fut> Purging for ConnectingAsync<'_, M, F>
where
    F: FnMut() -> Fut + Send,
    Fut: Future<Output = Result<C, E>> + Send,
    C: AsyncConnection,
    M: Persisted<C::Backend>,
    E: fmt::Display + Send,
{
    async fn purge(&mut self) -> Result<Purged> {
        let conn = (self.connect)().await;
        let mut conn = conn.map_err(NotConnected::because)?;
        self.retention.purge_async::<M, _>(&mut conn).await
    }
}

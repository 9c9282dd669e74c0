//! The positions of records, as a whole: what was deleted is forgotten, a replica is made anew.
//!
//! # After the owner was restored from a backup
//!
//! Its versions have gone back, and its replicas take the new history for the old one: without a word they ignore it.
//! The repair needs no field, only room in the numbers. Stop the writers, let the replicas apply what the broker still holds,
//! and
//!
//! 1. at the owner: `UPDATE tickets SET version = version + 4294967296`, and the same for `version`
//!    in `versioned_positions WHERE replica = '' AND entity = 'tickets'` if the model has
//!    `tombstones`;
//! 2. send a [snapshot](crate::prelude::OwnerDsl::snapshot) to the replicas: each of its events is newer than anything
//!    that was ever announced;
//! 3. at each replica, once it has applied the snapshot, delete the rows that it left behind
//!    (`DELETE FROM ticket_copies WHERE version < 4294967296`): the backup does not have them any more;
//! 4. start the writers, and do not use the keys of these records again: let an identity go on beyond the largest key that
//!    was ever given.
//!
//! The next restore adds another 4294967296. The [guide](crate::guide::how_to::restore) has the details.

use std::time::Duration;

use diesel::connection::LoadConnection;

use crate::dependent::Dependent;
use crate::error::Result;
use crate::fetch::Persisted;
use crate::front::blocking::{BlockingExecutor, poll_ready};
use crate::operation;

/// Forgets the deletions of `M`'s records that are older than `age`; answers with their number.
///
/// Only safe once no event from before the deletion can come any more: choose more than the broker's retention, the
/// outbox's lag and whatever is kept for replay together. A late event of a record whose deletion is forgotten brings
/// the record back.
///
/// ```sql
/// DELETE FROM versioned_positions WHERE replica = 'ticket_copies' AND entity = 'tickets' AND deleted_at < $1
/// ```
///
/// On MySQL and MariaDB this statement would lock the positions of live records too: the keys are looked for without a lock there,
/// and forgotten one by one, in one transaction.
///
/// ```
/// # use diesel::prelude::*;
/// # use versioned_core::prelude::*;
/// # diesel::table! { ticket_copies { id -> BigInt, price -> BigInt, version -> BigInt, } }
/// # #[derive(Clone, Queryable, Selectable, serde::Deserialize, Versioned)]
/// # #[diesel(table_name = ticket_copies)]
/// # #[versioned(dependent, entity = "tickets")]
/// # struct TicketCopy { id: i64, price: i64, version: i64 }
/// use std::time::Duration;
/// use versioned_core::positions;
///
/// fn once_a_day(conn: &mut SqliteConnection) -> versioned_core::Result<usize> {
///     let month = Duration::from_secs(30 * 24 * 60 * 60);
///     positions::purge_tombstones::<TicketCopy, _>(month, conn)
/// }
/// ```
///
/// # Errors
///
/// What the database says.
pub fn purge_tombstones<M, C>(age: Duration, conn: &mut C) -> Result<usize>
where
    C: LoadConnection,
    M: Persisted<C::Backend>,
{
    poll_ready(operation::purge_tombstones::<M, _>(
        age,
        &mut BlockingExecutor::new(conn),
    ))
}

/// Empties a replica, its positions and its parked events, in one transaction: to be filled again by a
/// [snapshot](crate::prelude::OwnerDsl::snapshot) and the events since.
///
/// ```sql
/// LOCK TABLE versioned_positions IN SHARE ROW EXCLUSIVE MODE          -- PostgreSQL
/// DELETE FROM versioned_positions WHERE replica = 'ticket_copies' AND entity = 'tickets'
/// DELETE FROM versioned_parked WHERE replica = 'ticket_copies' AND entity = 'tickets'
/// DELETE FROM ticket_copies
/// ```
///
/// ```
/// # use diesel::prelude::*;
/// # use versioned_core::prelude::*;
/// # diesel::table! { ticket_copies { id -> BigInt, price -> BigInt, version -> BigInt, } }
/// # #[derive(Clone, Queryable, Selectable, serde::Deserialize, Versioned)]
/// # #[diesel(table_name = ticket_copies)]
/// # #[versioned(dependent, entity = "tickets")]
/// # struct TicketCopy { id: i64, price: i64, version: i64 }
/// use versioned_core::{Event, positions};
///
/// fn anew(snapshot: &[Event<TicketCopy>], conn: &mut SqliteConnection) -> versioned_core::Result<()> {
///     positions::rebuild::<TicketCopy, _>(conn)?;
///     TicketCopy::apply_all(snapshot, conn)?;
///     Ok(())
/// }
/// ```
///
/// # Errors
///
/// What the database says; nothing is emptied then.
pub fn rebuild<M, C>(conn: &mut C) -> Result<()>
where
    C: LoadConnection,
    M: Dependent<C::Backend>,
{
    poll_ready(operation::rebuild::<M, _>(&mut BlockingExecutor::new(conn)))
}

/// The same for the connections of `diesel-async`.
#[cfg(feature = "async")]
pub mod nonblocking {
    use std::time::Duration;

    use diesel_async::AsyncConnection;

    use crate::dependent::Dependent;
    use crate::error::Result;
    use crate::fetch::Persisted;
    use crate::front::asynchronous::AsyncExecutor;
    use crate::operation;

    /// As [`positions::purge_tombstones`](super::purge_tombstones).
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// use std::time::Duration;
    /// # use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
    /// use versioned_core::async_prelude::*;
    /// use versioned_core::positions::nonblocking::purge_tombstones;
    /// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
    /// # #[derive(Clone, Queryable, Selectable, Versioned)]
    /// # #[diesel(table_name = tickets)]
    /// # #[versioned(owner, tombstones)]
    /// # struct Ticket { id: i64, price: i64, version: i64 }
    /// # type Connection = SyncConnectionWrapper<SqliteConnection>;
    ///
    /// async fn once_a_day(conn: &mut Connection) -> versioned_core::Result<usize> {
    ///     let month = Duration::from_secs(30 * 24 * 60 * 60);
    ///     purge_tombstones::<Ticket, _>(month, conn).await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// What the database says.
    #[allow(
        clippy::manual_async_fn,
        reason = "the future must be known to be `Send`"
    )]
    pub fn purge_tombstones<M, C>(
        age: Duration,
        conn: &mut C,
    ) -> impl Future<Output = Result<usize>> + Send
    where
        C: AsyncConnection,
        M: Persisted<C::Backend>,
    {
        async move { operation::purge_tombstones::<M, _>(age, &mut AsyncExecutor::new(conn)).await }
    }

    /// As [`positions::rebuild`](super::rebuild).
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
    /// use versioned_core::Event;
    /// use versioned_core::async_prelude::*;
    /// use versioned_core::positions::nonblocking::rebuild;
    /// # diesel::table! { ticket_copies { id -> BigInt, price -> BigInt, version -> BigInt, } }
    /// # #[derive(Clone, Queryable, Selectable, Versioned)]
    /// # #[diesel(table_name = ticket_copies)]
    /// # #[versioned(dependent)]
    /// # struct TicketCopy { id: i64, price: i64, version: i64 }
    /// # type Connection = SyncConnectionWrapper<SqliteConnection>;
    ///
    /// async fn anew(snapshot: &[Event<TicketCopy>], conn: &mut Connection) -> versioned_core::Result<()> {
    ///     rebuild::<TicketCopy, _>(conn).await?;
    ///     TicketCopy::apply_all(snapshot, conn).await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// What the database says; nothing is emptied then. A future that is dropped in the middle leaves the connection broken:
    /// it says so at its next use.
    #[allow(
        clippy::manual_async_fn,
        reason = "the future must be known to be `Send`"
    )]
    pub fn rebuild<M, C>(conn: &mut C) -> impl Future<Output = Result<()>> + Send
    where
        C: AsyncConnection,
        M: Dependent<C::Backend>,
    {
        async move { operation::rebuild::<M, _>(&mut AsyncExecutor::new(conn)).await }
    }
}

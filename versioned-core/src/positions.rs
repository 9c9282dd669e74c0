//! Maintenance of the positions of records: forgetting old deletions or one record, and rebuilding a
//! replica.
//!
//! # After the owner was restored from a backup
//!
//! The restore moves versions back. Replicas treat the new events as old ones and ignore them
//! without an error. The repair needs no new column, only unused version numbers. Stop the writers,
//! and let the replicas apply the events that the broker still holds. Then:
//!
//! 1. At the owner, run `UPDATE tickets SET version = version + 4294967296`. If the model has
//!    `tombstones`, do the same for `version` in
//!    `versioned_positions WHERE replica = '' AND entity = 'tickets'`.
//! 2. Send a [snapshot](crate::prelude::OwnerDsl::snapshot) to the replicas. Each of its events is
//!    newer than every event before it.
//! 3. At each replica, once it has applied the snapshot, delete the rows that the snapshot does not
//!    contain, because the backup does not have them:
//!    `DELETE FROM ticket_copies WHERE version < 4294967296`.
//! 4. Start the writers. Do not reuse the keys of the deleted records: let an identity column
//!    continue after the largest key that was ever assigned.
//!
//! The next restore adds another 4294967296. The [guide](crate::guide::how_to::restore) has the
//! details.

use std::time::Duration;

use diesel::connection::LoadConnection;
#[cfg(feature = "async")]
use diesel_async::AsyncConnection;

use crate::dependent::Dependent;
use crate::error::Result;
#[cfg(feature = "async")]
use crate::front::asynchronous::AsyncExecutor;
use crate::front::blocking::{BlockingExecutor, poll_ready};
use crate::loadable::Persisted;
use crate::operation;
use crate::purged::Retention;

/// Deletes the remembered deletions of `M`'s records that are older than `age`, and returns their
/// number.
///
/// Short for [`Retention::purge`](crate::retention::Retention::purge) with
/// [`tombstones`](crate::retention::Retention::tombstones) alone, without pauses and without a limit.
/// Read there what a safe `age` is, and which deletions are kept for longer. On PostgreSQL, nothing is
/// deleted while another purge of the model is running.
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
/// Returns [`Error::Conflict`](crate::Error::Conflict) of kind `Serialization` after a deadlock or
/// a serialization failure, and [`Error::Database`](crate::Error::Database) if a statement fails
/// for another reason.
pub fn purge_tombstones<M, C>(age: Duration, conn: &mut C) -> Result<usize>
where
    C: LoadConnection,
    M: Persisted<C::Backend>,
{
    let purged = all_tombstones(age).purge::<M, _>(conn)?;
    Ok(purged.tombstones)
}

fn all_tombstones(age: Duration) -> Retention {
    let all = Retention::new().tombstones(age).at_most(usize::MAX);
    all.pause(Duration::ZERO)
}

/// Deletes the rows of a replica, its positions, its parked events and its
/// [dead letters](crate::dead_letters), in one transaction. Fill the replica again from a
/// [snapshot](crate::prelude::OwnerDsl::snapshot) and later events.
///
/// ```sql
/// LOCK TABLE versioned_positions IN SHARE ROW EXCLUSIVE MODE          -- PostgreSQL
/// DELETE FROM versioned_positions WHERE replica = 'ticket_copies' AND entity = 'tickets'
/// DELETE FROM versioned_parked WHERE replica = 'ticket_copies' AND entity = 'tickets'
/// DELETE FROM versioned_dead_letters WHERE replica = 'ticket_copies' AND entity = 'tickets'
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
/// fn refill(snapshot: &[Event<TicketCopy>], conn: &mut SqliteConnection) -> versioned_core::Result<()> {
///     positions::rebuild::<TicketCopy, _>(conn)?;
///     TicketCopy::apply_all(snapshot, conn)?;
///     Ok(())
/// }
/// ```
///
/// # Errors
///
/// Returns [`Error::Conflict`](crate::Error::Conflict) of kind `Serialization` after a deadlock or
/// a serialization failure, and [`Error::Database`](crate::Error::Database) if a statement fails
/// for another reason. Nothing is deleted then.
pub fn rebuild<M, C>(conn: &mut C) -> Result<()>
where
    C: LoadConnection,
    M: Dependent<C::Backend>,
{
    poll_ready(operation::rebuild::<M, _>(&mut BlockingExecutor::new(conn)))
}

/// Forgets one record of a replica for good: deletes its row, its parked events and its
/// [dead letters](crate::dead_letters), in one transaction, and remembers the deletion. Until
/// [`purge_tombstones`], all other events of the record are duplicates, including snapshots and
/// [`Op::DeletedForever`](crate::Op::DeletedForever).
///
/// Use it for a record that must be erased, or that waits for an event that will never come. To
/// repair a record, apply a [snapshot](crate::prelude::OwnerDsl::snapshot) of it instead.
///
/// Messages that could not be read are of no record, and stay among the dead letters. So does a
/// message that a consumer keeps while this runs, until the next
/// [`redrive`](crate::dead_letters::redrive) finds that it is superseded. To erase a record, stop the
/// events of the record at the owner first.
///
/// ```sql
/// INSERT INTO versioned_positions .. ON CONFLICT .. DO UPDATE SET version = 9223372036854775807, deleted_at = $1
/// DELETE FROM ticket_copies WHERE id = $1
/// DELETE FROM versioned_parked WHERE replica = 'ticket_copies' AND entity = 'tickets' AND key = $1
/// DELETE FROM versioned_dead_letters WHERE replica = 'ticket_copies' AND entity = 'tickets' AND key = $1
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
/// use versioned_core::positions;
///
/// fn erase(id: i64, conn: &mut SqliteConnection) -> versioned_core::Result<()> {
///     positions::forget::<TicketCopy, _>(&id, conn)
/// }
/// ```
///
/// # Errors
///
/// Returns [`EventError::Deletion`](crate::EventError::Deletion) if the replica has
/// `guard = "row"`, because it remembers no deletions, and
/// [`EventError::KeyTooLong`](crate::EventError::KeyTooLong) for a key of more than 2,400 bytes. Returns
/// [`Error::Conflict`](crate::Error::Conflict) of kind `Serialization` after a deadlock or a
/// serialization failure in a transaction of the caller, and
/// [`Error::Database`](crate::Error::Database) if a statement fails for another reason. Nothing is
/// deleted then.
pub fn forget<M, C>(id: &M::Id, conn: &mut C) -> Result<()>
where
    C: LoadConnection,
    M: Dependent<C::Backend>,
{
    poll_ready(operation::forget::<M, _>(
        id,
        &mut BlockingExecutor::new(conn),
    ))
}

/// As [`positions::purge_tombstones`](purge_tombstones), on a connection of
/// `diesel-async`.
///
/// ```
/// # use diesel::prelude::*;
/// use std::time::Duration;
/// # use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
/// use versioned_core::async_prelude::*;
/// use versioned_core::positions::purge_tombstones_async;
/// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
/// # #[derive(Clone, Queryable, Selectable, Versioned)]
/// # #[diesel(table_name = tickets)]
/// # #[versioned(owner, tombstones)]
/// # struct Ticket { id: i64, price: i64, version: i64 }
/// # type Connection = SyncConnectionWrapper<SqliteConnection>;
///
/// async fn once_a_day(conn: &mut Connection) -> versioned_core::Result<usize> {
///     let month = Duration::from_secs(30 * 24 * 60 * 60);
///     purge_tombstones_async::<Ticket, _>(month, conn).await
/// }
/// ```
///
/// # Errors
///
/// Returns [`Error::Conflict`](crate::Error::Conflict) of kind `Serialization` after a deadlock
/// or a serialization failure, and [`Error::Database`](crate::Error::Database) if a statement
/// fails for another reason.
#[cfg(feature = "async")]
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn purge_tombstones_async<M, C>(
    age: Duration,
    conn: &mut C,
) -> impl Future<Output = Result<usize>> + Send
where
    C: AsyncConnection,
    M: Persisted<C::Backend>,
{
    async move {
        let purged = all_tombstones(age).purge_async::<M, _>(conn).await?;
        Ok(purged.tombstones)
    }
}

/// As [`positions::rebuild`](rebuild), on a connection of `diesel-async`.
///
/// ```
/// # use diesel::prelude::*;
/// # use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
/// use versioned_core::Event;
/// use versioned_core::async_prelude::*;
/// use versioned_core::positions::rebuild_async;
/// # diesel::table! { ticket_copies { id -> BigInt, price -> BigInt, version -> BigInt, } }
/// # #[derive(Clone, Queryable, Selectable, Versioned)]
/// # #[diesel(table_name = ticket_copies)]
/// # #[versioned(dependent)]
/// # struct TicketCopy { id: i64, price: i64, version: i64 }
/// # type Connection = SyncConnectionWrapper<SqliteConnection>;
///
/// async fn refill(snapshot: &[Event<TicketCopy>], conn: &mut Connection) -> versioned_core::Result<()> {
///     rebuild_async::<TicketCopy, _>(conn).await?;
///     TicketCopy::apply_all(snapshot, conn).await?;
///     Ok(())
/// }
/// ```
///
/// # Errors
///
/// Returns [`Error::Conflict`](crate::Error::Conflict) of kind `Serialization` after a deadlock
/// or a serialization failure, and [`Error::Database`](crate::Error::Database) if a statement
/// fails for another reason. Nothing is deleted then. A future that is dropped before it
/// completes leaves the connection broken, and its next use is an error.
#[cfg(feature = "async")]
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn rebuild_async<M, C>(conn: &mut C) -> impl Future<Output = Result<()>> + Send
where
    C: AsyncConnection,
    M: Dependent<C::Backend>,
{
    async move { operation::rebuild::<M, _>(&mut AsyncExecutor::new(conn)).await }
}

/// As [`positions::forget`](forget), on a connection of `diesel-async`.
///
/// # Errors
///
/// Returns the errors of [`forget`]. A future that is dropped before it completes leaves the
/// connection broken, and its next use is an error.
#[cfg(feature = "async")]
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn forget_async<M, C>(id: &M::Id, conn: &mut C) -> impl Future<Output = Result<()>> + Send
where
    C: AsyncConnection,
    M: Dependent<C::Backend>,
{
    async move { operation::forget::<M, _>(id, &mut AsyncExecutor::new(conn)).await }
}

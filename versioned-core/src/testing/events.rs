//! The events that an owner's code causes.

use diesel::connection::LoadConnection;
#[cfg(feature = "async")]
use diesel_async::AsyncConnection;
use serde::de::DeserializeOwned;

use crate::error::Result;
use crate::event::Event;
#[cfg(feature = "async")]
use crate::front::asynchronous::AsyncExecutor;
use crate::front::blocking::{BlockingExecutor, poll_ready};
use crate::operation::outbox::written::{events_after, last_event};
use crate::outbox::SupportedBackend;

/// Runs `body`, and returns the events that it caused, in the order in which they were written to the
/// outbox.
///
/// `T` is the type of the data: a replica's model, or `serde_json::Value` for events of several
/// entities. The outbox keeps the events. `body` may open transactions, and a test transaction may
/// be open. What it rolls back is not returned.
///
/// ```
/// # use diesel::connection::SimpleConnection;
/// # use diesel::prelude::*;
/// # use diesel_migrations::MigrationHarness;
/// # use versioned_core::prelude::*;
/// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
/// # #[derive(Debug, Clone, Queryable, Selectable, serde::Serialize, Versioned)]
/// # #[diesel(table_name = tickets)]
/// # #[versioned(owner, outbox)]
/// # struct Ticket { id: i64, price: i64, version: i64 }
/// use serde_json::Value;
/// use versioned_core::testing::events_of;
/// use versioned_core::{Event, Op};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// # let conn = &mut SqliteConnection::establish(":memory:")?;
/// # conn.batch_execute("CREATE TABLE tickets (id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)")?;
/// # conn.run_pending_migrations(versioned_core::MIGRATIONS)?;
/// let mut ticket = Ticket { id: 7, price: 20, version: 0 };
/// ticket.insert(conn)?;
///
/// let events: Vec<Event<Value>> = events_of(conn, |conn| {
///     ticket.price = 25;
///     ticket.save(conn)
/// })?;
/// assert_eq!(events.len(), 1);
/// assert_eq!((events[0].id().as_str(), events[0].op), ("tickets/7/2", Op::Updated));
/// assert_eq!(events[0].data.as_ref().unwrap()["price"], 25);
/// # Ok(())
/// # }
/// ```
///
/// ```sql
/// SELECT COALESCE(MAX(id), 0) FROM versioned_outbox
/// SELECT id, entity, key, version, op, payload, attempts, at FROM versioned_outbox
/// WHERE id > $1 ORDER BY id
/// ```
///
/// Events that other connections commit in the meantime are returned too, and those that a relay
/// has published are not. So give each test a database of its own, or a test transaction on `SQLite`,
/// and no relay.
///
/// # Errors
///
/// Returns the error of `body`, [`Error::Database`](crate::Error::Database) if a query fails, and
/// [`Error::Event`](crate::Error::Event) with
/// [`EventError::Unreadable`](crate::EventError::Unreadable) if an event has other data than a `T`.
pub fn events_of<T, C, R>(
    conn: &mut C,
    body: impl FnOnce(&mut C) -> Result<R>,
) -> Result<Vec<Event<T>>>
where
    T: DeserializeOwned,
    C: LoadConnection,
    C::Backend: SupportedBackend,
{
    let last = poll_ready(last_event(&mut BlockingExecutor::new(conn)))?;
    body(conn)?;
    poll_ready(events_after(last, &mut BlockingExecutor::new(conn)))
}

/// As [`events_of`], on a connection of `diesel-async` and with an `async` closure.
///
/// # Errors
///
/// As [`events_of`].
#[cfg(feature = "async")]
pub async fn events_of_async<T, C, R>(
    conn: &mut C,
    body: impl AsyncFnOnce(&mut C) -> Result<R>,
) -> Result<Vec<Event<T>>>
where
    T: DeserializeOwned,
    C: AsyncConnection,
    C::Backend: SupportedBackend,
{
    let last = last_event(&mut AsyncExecutor::new(conn)).await?;
    body(conn).await?;
    events_after(last, &mut AsyncExecutor::new(conn)).await
}

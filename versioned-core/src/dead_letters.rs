//! Messages that a consumer could not apply, and kept.
//!
//! [`Consumer::replicate`](crate::consumer::Consumer::replicate) keeps a message in
//! the replica's database if it cannot be read, if it is not for the replica, or if the database has
//! rejected it [too often](crate::consumer::Consumer::attempts). The message is then
//! acknowledged. Later events of its record that would leave a gap are kept behind it. Nothing is
//! lost, and other records are not affected.
//!
//! The consumer applies the dead letters again when it starts, and then [now and
//! then](crate::consumer::Consumer::redrive_every). After a corrected deployment, or after the
//! cause is gone, they are therefore applied by themselves. [`redrive`] does it at once. They are kept
//! until a [purge](crate::retention), if there is one.
//!
//! ```
//! # use diesel::prelude::*;
//! # use versioned_core::prelude::*;
//! # diesel::table! { ticket_copies { id -> BigInt, price -> BigInt, version -> BigInt, } }
//! # #[derive(Clone, Queryable, Selectable, serde::Deserialize, Versioned)]
//! # #[diesel(table_name = ticket_copies)]
//! # #[versioned(dependent, entity = "tickets")]
//! # struct TicketCopy { id: i64, price: i64, version: i64 }
//! use versioned_core::dead_letters;
//!
//! fn look(conn: &mut SqliteConnection) -> versioned_core::Result<()> {
//!     for letter in dead_letters::list::<TicketCopy, _>(0, 100, conn)? {
//!         eprintln!("{letter}");
//!     }
//!     let redriven = dead_letters::redrive::<TicketCopy, _>(conn)?;
//!     eprintln!("{} applied, {} failed again", redriven.applied, redriven.failed);
//!     Ok(())
//! }
//! ```

use std::time::Duration;

use diesel::connection::LoadConnection;
#[cfg(feature = "async")]
use diesel_async::AsyncConnection;

pub use crate::dead_letter::{DeadLetter, Redriven};
use crate::dependent::Dependent;
use crate::error::Result;
use crate::format::{Binding, Decode, Reading};
#[cfg(feature = "async")]
use crate::front::asynchronous::AsyncExecutor;
use crate::front::blocking::{BlockingExecutor, poll_ready};
use crate::loadable::Persisted;
use crate::model::FromJson;
use crate::operation::replica::dead_letters as operation;
use crate::operation::replica::dead_letters::Passing;

/// Every letter, however many fail.
const ALL: Passing = Passing {
    after: 0,
    failures: usize::MAX,
    time: Duration::MAX,
};

/// Loads the dead letters of a replica in the order of arrival: at most so many, after the one with
/// the id `after`.
///
/// ```sql
/// SELECT .. FROM versioned_dead_letters WHERE replica = $1 AND entity = $2 AND id > $3 ORDER BY id LIMIT $4
/// ```
///
/// # Errors
///
/// Returns [`Error::Database`](crate::Error::Database) if the query fails, for example because the
/// [migrations](crate::MIGRATIONS) have not been run.
pub fn list<M, C>(after: i64, most: usize, conn: &mut C) -> Result<Vec<DeadLetter>>
where
    C: LoadConnection,
    M: Persisted<C::Backend>,
{
    poll_ready(operation::list::<M, _>(
        after,
        most,
        &mut BlockingExecutor::new(conn),
    ))
}

/// Applies the dead letters of a replica again, those of one record in the order of their versions.
///
/// A transaction applies up to 500 letters of one record. A letter that was applied is deleted, and
/// so is one that is superseded because the replica is at its version or a newer one, even if it
/// cannot be read. A letter that fails again stays, with the reason, and so do the letters behind
/// it.
///
/// The letters are read as this crate's own messages. For a consumer with a
/// [form](crate::consumer::Consumer::format), use [`redrive_as`].
///
/// # Errors
///
/// Returns [`Error::Database`](crate::Error::Database) if a statement about the letters fails. The
/// letters that were applied by then are gone.
pub fn redrive<M, C>(conn: &mut C) -> Result<Redriven>
where
    C: LoadConnection,
    M: Dependent<C::Backend> + FromJson,
{
    redrive_all::<M, C>(Reading::OURS, conn)
}

/// As [`redrive`], for messages of a form other than that of this crate. `binding` is that of the
/// consumer's broker.
///
/// Use it after an option of the form has changed. A letter that the form skips stays.
///
/// ```
/// # use diesel::prelude::*;
/// # use versioned_core::prelude::*;
/// # diesel::table! { ticket_copies { id -> BigInt, price -> BigInt, version -> BigInt, } }
/// # #[derive(Clone, Queryable, Selectable, serde::Deserialize, Versioned)]
/// # #[diesel(table_name = ticket_copies)]
/// # #[versioned(dependent, entity = "tickets")]
/// # struct TicketCopy { id: i64, price: i64, version: i64 }
/// # #[cfg(feature = "formats")]
/// # fn redrive(conn: &mut SqliteConnection) -> versioned_core::Result<()> {
/// use versioned_core::dead_letters;
/// use versioned_core::format::{Binding, Debezium, Deletions};
///
/// let form = Debezium::new().deletions(Deletions::Final);
/// let redriven = dead_letters::redrive_as::<TicketCopy, _>(&form, Binding::Nats, conn)?;
/// println!("{} applied, {} failed again", redriven.applied, redriven.failed);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Returns the errors of [`redrive`].
pub fn redrive_as<M, C>(form: &dyn Decode, binding: Binding, conn: &mut C) -> Result<Redriven>
where
    C: LoadConnection,
    M: Dependent<C::Backend> + FromJson,
{
    let form = Some(form);
    redrive_all::<M, C>(Reading { form, binding }, conn)
}

fn redrive_all<M, C>(reading: Reading<'_>, conn: &mut C) -> Result<Redriven>
where
    C: LoadConnection,
    M: Dependent<C::Backend> + FromJson,
{
    let mut executor = BlockingExecutor::new(conn);
    let done = poll_ready(operation::redrive::<M, _>(ALL, reading, &mut executor));
    done.map(|(redriven, _)| redriven)
}

/// Deletes a dead letter. Returns `false` if the replica has none with this id.
///
/// A sequential replica then never receives the version of that event. Its later events wait until a
/// [snapshot](crate::prelude::OwnerDsl::snapshot) replaces the record.
///
/// ```sql
/// DELETE FROM versioned_dead_letters WHERE replica = $1 AND entity = $2 AND id = $3
/// ```
///
/// # Errors
///
/// Returns [`Error::Database`](crate::Error::Database) if the statement fails.
pub fn discard<M, C>(id: i64, conn: &mut C) -> Result<bool>
where
    C: LoadConnection,
    M: Persisted<C::Backend>,
{
    poll_ready(operation::discard::<M, _>(
        id,
        &mut BlockingExecutor::new(conn),
    ))
}

/// As [`dead_letters::list`](list), on a connection of `diesel-async`.
///
/// # Errors
///
/// Returns the errors of [`list`].
#[cfg(feature = "async")]
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn list_async<M, C>(
    after: i64,
    most: usize,
    conn: &mut C,
) -> impl Future<Output = Result<Vec<DeadLetter>>> + Send
where
    C: AsyncConnection,
    M: Persisted<C::Backend>,
{
    async move { operation::list::<M, _>(after, most, &mut AsyncExecutor::new(conn)).await }
}

/// As [`dead_letters::redrive`](redrive), on a connection of `diesel-async`. A future that is dropped
/// before it completes leaves the connection broken, and its next use is an error.
///
/// # Errors
///
/// Returns the errors of [`redrive`].
#[cfg(feature = "async")]
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn redrive_async<M, C>(conn: &mut C) -> impl Future<Output = Result<Redriven>> + Send
where
    C: AsyncConnection,
    M: Dependent<C::Backend> + FromJson,
{
    redrive_all_async::<M, C>(Reading::OURS, conn)
}

/// As [`dead_letters::redrive_as`](redrive_as), on a connection of `diesel-async`.
///
/// # Errors
///
/// Returns the errors of [`redrive`].
#[cfg(feature = "async")]
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn redrive_as_async<M, C>(
    form: &dyn Decode,
    binding: Binding,
    conn: &mut C,
) -> impl Future<Output = Result<Redriven>> + Send
where
    C: AsyncConnection,
    M: Dependent<C::Backend> + FromJson,
{
    let form = Some(form);
    redrive_all_async::<M, C>(Reading { form, binding }, conn)
}

#[cfg(feature = "async")]
async fn redrive_all_async<M, C>(reading: Reading<'_>, conn: &mut C) -> Result<Redriven>
where
    C: AsyncConnection,
    M: Dependent<C::Backend> + FromJson,
{
    let done = operation::redrive::<M, _>(ALL, reading, &mut AsyncExecutor::new(conn)).await;
    done.map(|(redriven, _)| redriven)
}

/// As [`dead_letters::discard`](discard), on a connection of `diesel-async`.
///
/// # Errors
///
/// Returns the errors of [`discard`].
#[cfg(feature = "async")]
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn discard_async<M, C>(id: i64, conn: &mut C) -> impl Future<Output = Result<bool>> + Send
where
    C: AsyncConnection,
    M: Persisted<C::Backend>,
{
    async move { operation::discard::<M, _>(id, &mut AsyncExecutor::new(conn)).await }
}

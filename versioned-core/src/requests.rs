//! Requests: an operator, or a program without models and handlers, asks, and the service acts.
//!
//! A request is a row in the service's database. It stays when the process that stored it ends, and
//! the service executes it: [`Consumer::replicate`](crate::consumer::Consumer::replicate) executes a
//! [`Redrive`] and a [`Forget`] of its replica, and a [`Resender`] a [`Resend`] of
//! its models. Both write a result for each letter or record.
//!
//! The tables come with [`MIGRATIONS.with_requests()`](crate::Migrations::with_requests). A database
//! without requests does not need them.
//!
//! ```
//! # use diesel::prelude::*;
//! # use diesel_migrations::MigrationHarness;
//! use versioned_core::requests::{self, Filter, Redrive, RequestState};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! # let conn = &mut SqliteConnection::establish(":memory:")?;
//! # conn.run_pending_migrations(versioned_core::MIGRATIONS.with_requests())?;
//! let filter = Filter::new().reason_contains("value too long");
//! let redrive = Redrive::new("ticket_copies", "tickets", filter)
//!     .limit(1_000)
//!     .rate(50)
//!     .requested_by("alice");
//! let plan = redrive.plan(conn)?; // writes nothing
//! println!("{} letters, {} more beyond the limit", plan.chosen, plan.beyond_limit);
//! let request = redrive.store(conn)?;
//! // ..
//! if let Some(request) = requests::find(request.id, conn)? {
//!     println!("{request}"); // 1 redrive of tickets at ticket_copies, done: ..
//! #   assert_eq!(request.state, RequestState::Done);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What a request guarantees
//!
//! - **Its letters are fixed when it is stored.** Later ones are not touched; [`newer`] counts them.
//! - **One transaction per step.** A step locks the request and handles letters of one record, the
//!   lowest version first. The letters' events, their results and the progress are committed
//!   together. After a crash of the service, the next step continues where the last commit was. Two
//!   services never execute the same request at the same time, and no lease has to expire.
//! - **The same path as [`redrive`](crate::dead_letters::redrive).** A position never goes back.
//! - **Again is harmless.** What an earlier request has applied is
//!   [superseded](ItemOutcome::Superseded).

mod forget;
mod redrive;
mod resend;
mod resender;

use std::time::Duration;

use diesel::connection::LoadConnection;
#[cfg(feature = "async")]
use diesel_async::AsyncConnection;

pub use self::forget::Forget;
pub use self::redrive::{Plan, Redrive};
pub use self::resend::Resend;
#[cfg(feature = "async")]
pub use self::resender::AsyncResender;
pub use self::resender::Resender;
use crate::dependent::Dependent;
use crate::error::Result;
pub use crate::filter::Filter;
use crate::format::{Binding, Decode, Reading};
#[cfg(feature = "async")]
use crate::front::asynchronous::AsyncExecutor;
use crate::front::blocking::{BlockingExecutor, poll_ready};
use crate::model::FromJson;
use crate::operation::replica::dead_letters::requested::execute as execute_open;
use crate::operation::requests as operation;
use crate::outbox::SupportedBackend;
pub use crate::request::{Counts, ItemOutcome, Request, RequestItem, RequestKind, RequestState};

/// Loads requests in the order in which they were stored: at most so many, after the one with the id
/// `after`.
///
/// ```sql
/// SELECT .. FROM versioned_requests WHERE id > $1 ORDER BY id LIMIT $2
/// ```
///
/// # Errors
///
/// Returns [`Error::Database`](crate::Error::Database) if the query fails, for example because the
/// database has no [tables of requests](crate::Migrations::with_requests).
pub fn list<C>(after: i64, most: usize, conn: &mut C) -> Result<Vec<Request>>
where
    C: LoadConnection,
    C::Backend: SupportedBackend,
{
    poll_ready(operation::list(
        after,
        most,
        &mut BlockingExecutor::new(conn),
    ))
}

/// Loads a request. Returns `None` if there is none with this id.
///
/// # Errors
///
/// Returns the errors of [`list`].
pub fn find<C>(id: i64, conn: &mut C) -> Result<Option<Request>>
where
    C: LoadConnection,
    C::Backend: SupportedBackend,
{
    poll_ready(operation::find(id, &mut BlockingExecutor::new(conn)))
}

/// Loads the letters or records of a request with their results: at most so many, after the item
/// `after`. A resend of all records has none.
///
/// ```sql
/// SELECT .. FROM versioned_request_items WHERE request = $1 AND item > $2 ORDER BY item LIMIT $3
/// ```
///
/// # Errors
///
/// Returns the errors of [`list`].
pub fn results<C>(id: i64, after: i64, most: usize, conn: &mut C) -> Result<Vec<RequestItem>>
where
    C: LoadConnection,
    C::Backend: SupportedBackend,
{
    poll_ready(operation::results(
        id,
        after,
        most,
        &mut BlockingExecutor::new(conn),
    ))
}

/// Counts the letters that the filter of a redrive matches now and that were kept after it was
/// stored. It counts up to 10,001.
///
/// # Errors
///
/// Returns the errors of [`list`].
pub fn newer<C>(id: i64, conn: &mut C) -> Result<u64>
where
    C: LoadConnection,
    C::Backend: SupportedBackend,
{
    poll_ready(operation::newer(id, &mut BlockingExecutor::new(conn)))
}

/// Cancels a request. Returns `false` if it is not open.
///
/// If a service is executing it, the statement waits for the end of the step, which is a fraction of
/// a second. Nothing of the request is tried after that. What was applied stays applied.
///
/// ```sql
/// UPDATE versioned_requests SET state = 'canceled' WHERE id = $1 AND state = 'open'
/// ```
///
/// # Errors
///
/// Returns the errors of [`list`].
pub fn cancel<C>(id: i64, conn: &mut C) -> Result<bool>
where
    C: LoadConnection,
    C::Backend: SupportedBackend,
{
    poll_ready(operation::cancel(id, &mut BlockingExecutor::new(conn)))
}

/// Executes the open [`Forget`]s and [`Redrive`]s of a replica until none is due. Returns the time until the next one is
/// due, because of its [rate](Redrive::rate) or because another service executes it, or `None` if no
/// request is open.
///
/// [`Consumer::replicate`](crate::consumer::Consumer::replicate) does this by itself. Use it in
/// services that feed the replica in another way.
///
/// The letters are read as this crate's own messages. For another
/// [form](crate::consumer::Consumer::format), use [`execute_as`].
///
/// ```sql
/// SELECT due - now FROM versioned_requests WHERE state = 'open' AND kind = 'redrive' AND replica = $1 AND entity = $2 ..
/// BEGIN;
/// SELECT .. FROM versioned_requests WHERE state = 'open' .. LIMIT 1 FOR UPDATE SKIP LOCKED;
/// SELECT .. FROM versioned_dead_letters WHERE replica = $1 AND entity = $2 AND id = ANY($3) AND key = $4 ORDER BY version, id FOR UPDATE;
/// -- each event is applied here
/// DELETE FROM versioned_dead_letters ..;
/// UPDATE versioned_request_items SET outcome = 'applied' ..;
/// UPDATE versioned_requests SET state = .., progress = .. WHERE id = $1;
/// COMMIT;
/// ```
///
/// A step of a [`Forget`] forgets one record, with the statements of
/// [`positions::forget`](crate::positions::forget).
///
/// # Errors
///
/// Returns [`Error::Database`](crate::Error::Database) if a statement about the requests or the
/// letters fails. The step that failed is rolled back, and the request stays open.
pub fn execute<M, C>(conn: &mut C) -> Result<Option<Duration>>
where
    C: LoadConnection,
    M: Dependent<C::Backend> + FromJson,
{
    execute_all::<M, C>(Reading::OURS, conn)
}

/// As [`execute`], for messages of a form other than that of this crate. `binding` is that
/// of the consumer's broker.
///
/// # Errors
///
/// Returns the errors of [`execute`].
pub fn execute_as<M, C>(
    form: &dyn Decode,
    binding: Binding,
    conn: &mut C,
) -> Result<Option<Duration>>
where
    C: LoadConnection,
    M: Dependent<C::Backend> + FromJson,
{
    let form = Some(form);
    execute_all::<M, C>(Reading { form, binding }, conn)
}

fn execute_all<M, C>(reading: Reading<'_>, conn: &mut C) -> Result<Option<Duration>>
where
    C: LoadConnection,
    M: Dependent<C::Backend> + FromJson,
{
    let mut executor = BlockingExecutor::new(conn);
    poll_ready(execute_open::<M, _>(Duration::MAX, reading, &mut executor))
}

/// As [`requests::list`](list), on a connection of `diesel-async`.
///
/// # Errors
///
/// Returns the errors of [`list`].
#[cfg(feature = "async")]
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn list_async<C>(
    after: i64,
    most: usize,
    conn: &mut C,
) -> impl Future<Output = Result<Vec<Request>>> + Send
where
    C: AsyncConnection,
    C::Backend: SupportedBackend,
{
    async move { operation::list(after, most, &mut AsyncExecutor::new(conn)).await }
}

/// As [`requests::find`](find), on a connection of `diesel-async`.
///
/// # Errors
///
/// Returns the errors of [`list`].
#[cfg(feature = "async")]
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn find_async<C>(id: i64, conn: &mut C) -> impl Future<Output = Result<Option<Request>>> + Send
where
    C: AsyncConnection,
    C::Backend: SupportedBackend,
{
    async move { operation::find(id, &mut AsyncExecutor::new(conn)).await }
}

/// As [`requests::results`](results), on a connection of `diesel-async`.
///
/// # Errors
///
/// Returns the errors of [`list`].
#[cfg(feature = "async")]
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn results_async<C>(
    id: i64,
    after: i64,
    most: usize,
    conn: &mut C,
) -> impl Future<Output = Result<Vec<RequestItem>>> + Send
where
    C: AsyncConnection,
    C::Backend: SupportedBackend,
{
    async move { operation::results(id, after, most, &mut AsyncExecutor::new(conn)).await }
}

/// As [`requests::newer`](newer), on a connection of `diesel-async`.
///
/// # Errors
///
/// Returns the errors of [`list`].
#[cfg(feature = "async")]
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn newer_async<C>(id: i64, conn: &mut C) -> impl Future<Output = Result<u64>> + Send
where
    C: AsyncConnection,
    C::Backend: SupportedBackend,
{
    async move { operation::newer(id, &mut AsyncExecutor::new(conn)).await }
}

/// As [`requests::cancel`](cancel), on a connection of `diesel-async`.
///
/// # Errors
///
/// Returns the errors of [`list`].
#[cfg(feature = "async")]
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn cancel_async<C>(id: i64, conn: &mut C) -> impl Future<Output = Result<bool>> + Send
where
    C: AsyncConnection,
    C::Backend: SupportedBackend,
{
    async move { operation::cancel(id, &mut AsyncExecutor::new(conn)).await }
}

/// As [`requests::execute`](execute), on a connection of `diesel-async`. A future
/// that is dropped before it completes rolls its step back and leaves the connection broken.
///
/// # Errors
///
/// Returns the errors of [`execute`].
#[cfg(feature = "async")]
pub fn execute_async<M, C>(conn: &mut C) -> impl Future<Output = Result<Option<Duration>>> + Send
where
    C: AsyncConnection,
    M: Dependent<C::Backend> + FromJson,
{
    execute_all_async::<M, C>(Reading::OURS, conn)
}

/// As [`requests::execute_as`](execute_as), on a connection of `diesel-async`.
///
/// # Errors
///
/// Returns the errors of [`execute`].
#[cfg(feature = "async")]
pub fn execute_as_async<M, C>(
    form: &dyn Decode,
    binding: Binding,
    conn: &mut C,
) -> impl Future<Output = Result<Option<Duration>>> + Send
where
    C: AsyncConnection,
    M: Dependent<C::Backend> + FromJson,
{
    let form = Some(form);
    execute_all_async::<M, C>(Reading { form, binding }, conn)
}

#[cfg(feature = "async")]
async fn execute_all_async<M, C>(reading: Reading<'_>, conn: &mut C) -> Result<Option<Duration>>
where
    C: AsyncConnection,
    M: Dependent<C::Backend> + FromJson,
{
    execute_open::<M, _>(Duration::MAX, reading, &mut AsyncExecutor::new(conn)).await
}

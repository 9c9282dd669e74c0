//! The same functions on connections of `diesel-async`.

use diesel_async::AsyncConnection;

use crate::arrival::Arrival;
use crate::backlog::Count;
use crate::error::Result;
use crate::filter::Filter;
use crate::front::asynchronous::AsyncExecutor;
use crate::inspected::{Letter, LetterMessage, Parked, ParkedPlace, PendingEvent};
use crate::operation::outbox::pending as outbox;
use crate::operation::replica::inspect as replica;
use crate::outbox::SupportedBackend;

/// As [`inspect::letters`](super::letters), on a connection of `diesel-async`.
///
/// # Errors
///
/// Returns the errors of [`letters`](super::letters).
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn letters_async<C>(
    filter: &Filter,
    after: i64,
    most: usize,
    conn: &mut C,
) -> impl Future<Output = Result<Vec<Letter>>> + Send
where
    C: AsyncConnection,
    C::Backend: SupportedBackend,
{
    async move { replica::letters(filter, after, most, &mut AsyncExecutor::new(conn)).await }
}

/// As [`inspect::letter`](super::letter), on a connection of `diesel-async`.
///
/// # Errors
///
/// Returns the errors of [`letter`](super::letter).
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn letter_async<C>(
    id: i64,
    conn: &mut C,
) -> impl Future<Output = Result<Option<(Letter, LetterMessage)>>> + Send
where
    C: AsyncConnection,
    C::Backend: SupportedBackend,
{
    async move { replica::letter(id, &mut AsyncExecutor::new(conn)).await }
}

/// As [`inspect::count_letters`](super::count_letters), on a connection of `diesel-async`.
///
/// # Errors
///
/// Returns the errors of [`count_letters`](super::count_letters).
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn count_letters_async<C>(
    filter: &Filter,
    most: u64,
    conn: &mut C,
) -> impl Future<Output = Result<Count>> + Send
where
    C: AsyncConnection,
    C::Backend: SupportedBackend,
{
    async move { replica::count_letters(filter, most, &mut AsyncExecutor::new(conn)).await }
}

/// As [`inspect::discard_letters`](super::discard_letters), on a connection of `diesel-async`.
///
/// # Errors
///
/// Returns the errors of [`discard_letters`](super::discard_letters).
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn discard_letters_async<C>(
    ids: &[i64],
    conn: &mut C,
) -> impl Future<Output = Result<usize>> + Send
where
    C: AsyncConnection,
    C::Backend: SupportedBackend,
{
    async move { replica::discard_letters(ids, &mut AsyncExecutor::new(conn)).await }
}

/// As [`inspect::parked`](super::parked), on a connection of `diesel-async`.
///
/// # Errors
///
/// Returns the errors of [`parked`](super::parked).
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn parked_async<C>(
    filter: &Filter,
    after: Option<&ParkedPlace>,
    most: usize,
    conn: &mut C,
) -> impl Future<Output = Result<Vec<Parked>>> + Send
where
    C: AsyncConnection,
    C::Backend: SupportedBackend,
{
    async move { replica::parked(filter, after, most, &mut AsyncExecutor::new(conn)).await }
}

/// As [`inspect::count_parked`](super::count_parked), on a connection of `diesel-async`.
///
/// # Errors
///
/// Returns the errors of [`count_parked`](super::count_parked).
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn count_parked_async<C>(
    filter: &Filter,
    most: u64,
    conn: &mut C,
) -> impl Future<Output = Result<Count>> + Send
where
    C: AsyncConnection,
    C::Backend: SupportedBackend,
{
    async move { replica::count_parked(filter, most, &mut AsyncExecutor::new(conn)).await }
}

/// As [`inspect::arrival`](super::arrival), on a connection of `diesel-async`.
///
/// # Errors
///
/// Returns the errors of [`arrival`](super::arrival).
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn arrival_async<C>(
    replica: &str,
    entity: &str,
    key: &str,
    version: i64,
    conn: &mut C,
) -> impl Future<Output = Result<Arrival>> + Send
where
    C: AsyncConnection,
    C::Backend: SupportedBackend,
{
    async move {
        let mut executor = AsyncExecutor::new(conn);
        replica::arrival(replica, entity, key, version, &mut executor).await
    }
}

/// As [`inspect::pending`](super::pending), on a connection of `diesel-async`.
///
/// # Errors
///
/// Returns the errors of [`pending`](super::pending).
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn pending_async<C>(
    filter: &Filter,
    after: (u32, i64),
    most: usize,
    conn: &mut C,
) -> impl Future<Output = Result<Vec<PendingEvent>>> + Send
where
    C: AsyncConnection,
    C::Backend: SupportedBackend,
{
    async move { outbox::pending(filter, after, most, &mut AsyncExecutor::new(conn)).await }
}

/// As [`inspect::count_pending`](super::count_pending), on a connection of `diesel-async`.
///
/// # Errors
///
/// Returns the errors of [`count_pending`](super::count_pending).
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn count_pending_async<C>(
    filter: &Filter,
    most: u64,
    conn: &mut C,
) -> impl Future<Output = Result<Count>> + Send
where
    C: AsyncConnection,
    C::Backend: SupportedBackend,
{
    async move { outbox::count_pending(filter, most, &mut AsyncExecutor::new(conn)).await }
}

/// As [`inspect::retry`](super::retry), on a connection of `diesel-async`.
///
/// # Errors
///
/// Returns the errors of [`retry`](super::retry).
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn retry_async<C>(ids: &[i64], conn: &mut C) -> impl Future<Output = Result<usize>> + Send
where
    C: AsyncConnection,
    C::Backend: SupportedBackend,
{
    async move { outbox::retry(ids, &mut AsyncExecutor::new(conn)).await }
}

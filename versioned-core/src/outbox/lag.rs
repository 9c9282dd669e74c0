//! How far the relays are behind.

use std::time::Duration;

use diesel::connection::LoadConnection;

use super::SupportedBackend;
use crate::blocking::{Blocking, poll_ready};
use crate::error::Result;
use crate::operation::relay;

/// What waits in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Lag {
    /// Events that wait.
    pub pending: u64,
    /// Those among them that the broker has refused at least once.
    pub rejected: u64,
    /// How long ago the oldest one was written, by the clocks of its writer and of the caller; none where nothing waits.
    pub oldest: Option<Duration>,
}

/// What waits in the outbox, for a metric or an alarm. It reads the whole table, which is short as long as a relay runs.
///
/// ```sql
/// SELECT COUNT(*), COUNT(CASE WHEN attempts > 0 THEN 1 END), COALESCE(MIN(at), 0) FROM versioned_outbox
/// ```
///
/// Those that are refused again and again, and why: `SELECT entity, key, version, attempts, error FROM versioned_outbox WHERE
/// attempts > 0`. To give one up is to delete its row, and to leave a gap at the replicas.
///
/// # Errors
///
/// What the database says.
pub fn lag<C>(conn: &mut C) -> Result<Lag>
where
    C: LoadConnection,
    C::Backend: SupportedBackend,
{
    poll_ready(relay::lag(&mut Blocking::new(conn)))
}

/// As [`lag`], on a connection of `diesel-async`.
///
/// # Errors
///
/// As [`lag`].
#[cfg(feature = "async")]
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn lag_async<C>(conn: &mut C) -> impl Future<Output = Result<Lag>> + Send
where
    C: diesel_async::AsyncConnection,
    C::Backend: SupportedBackend,
{
    async move { relay::lag(&mut crate::nonblocking::Nonblocking::new(conn)).await }
}

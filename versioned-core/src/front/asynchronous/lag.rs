//! How far the relays are behind, on connections of `diesel-async`.

use diesel_async::AsyncConnection;

use super::AsyncExecutor;
use crate::error::Result;
use crate::operation::outbox::relay;
use crate::outbox::{Lag, SupportedBackend};

impl Lag {
    /// Counts the events that wait in the outbox, as [`load`](Self::load) does, on a connection of `diesel-async`.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Database`](crate::Error::Database) if the query fails.
    #[allow(
        clippy::manual_async_fn,
        reason = "the future must be known to be `Send`"
    )]
    pub fn load_async<C>(conn: &mut C) -> impl Future<Output = Result<Self>> + Send
    where
        C: AsyncConnection,
        C::Backend: SupportedBackend,
    {
        async move { relay::lag(&mut AsyncExecutor::new(conn)).await }
    }
}

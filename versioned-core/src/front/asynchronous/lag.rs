//! The lag of an outbox, on connections of `diesel-async`.

use diesel_async::AsyncConnection;

use super::AsyncExecutor;
use crate::error::Result;
use crate::operation::outbox::look;
use crate::outbox::{Lag, SupportedBackend};

impl Lag {
    /// Counts the pending events of the outbox, on a connection of `diesel-async`.
    ///
    /// See [`load`](Self::load) for the SQL.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Conflict`](crate::Error::Conflict) of kind `Serialization` if the database
    /// is locked, and [`Error::Database`](crate::Error::Database) if the query fails for another
    /// reason.
    #[allow(
        clippy::manual_async_fn,
        reason = "the future must be known to be `Send`"
    )]
    pub fn load_async<C>(conn: &mut C) -> impl Future<Output = Result<Self>> + Send
    where
        C: AsyncConnection,
        C::Backend: SupportedBackend,
    {
        async move { look::lag(&mut AsyncExecutor::new(conn)).await }
    }
}

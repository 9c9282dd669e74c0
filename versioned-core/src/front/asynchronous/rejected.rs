//! The rejected events of an outbox, on connections of `diesel-async`.

use diesel_async::AsyncConnection;

use super::AsyncExecutor;
use crate::error::Result;
use crate::operation::outbox::look;
use crate::outbox::{Rejected, SupportedBackend};

impl Rejected {
    /// As [`load`](Self::load), on a connection of `diesel-async`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`load`](Self::load).
    #[allow(
        clippy::manual_async_fn,
        reason = "the future must be known to be `Send`"
    )]
    pub fn load_async<C>(
        after: Option<&Self>,
        most: usize,
        conn: &mut C,
    ) -> impl Future<Output = Result<Vec<Self>>> + Send
    where
        C: AsyncConnection,
        C::Backend: SupportedBackend,
    {
        async move { look::rejected(after, most, &mut AsyncExecutor::new(conn)).await }
    }

    /// As [`retry_all`](Self::retry_all), on a connection of `diesel-async`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`retry_all`](Self::retry_all).
    #[allow(
        clippy::manual_async_fn,
        reason = "the future must be known to be `Send`"
    )]
    pub fn retry_all_async<C>(conn: &mut C) -> impl Future<Output = Result<usize>> + Send
    where
        C: AsyncConnection,
        C::Backend: SupportedBackend,
    {
        async move { look::retry_rejected(&mut AsyncExecutor::new(conn)).await }
    }
}

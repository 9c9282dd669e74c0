//! Transactions on `diesel-async` that restore the versions in memory after a rollback.

use std::future::Future;

use diesel_async::AsyncConnection;

use super::{AsyncExecutor, TransactionFn};
use crate::executor::Executor as _;
use crate::transaction::{Models, Restore, Shape};

/// Runs the `async` closure `body` in a transaction, and restores the versions of `models` in
/// memory if the transaction does not commit.
///
/// The versions are also restored if the future is dropped before it completes. The connection is
/// then broken: its next use returns an error, and pools close it. See
/// [`transaction`](fn@crate::transaction) for the statements and an example.
///
/// # Errors
///
/// Returns the error of `body`, or the error of BEGIN or COMMIT.
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn transaction<'a, C, M, R, E, F>(
    conn: &'a mut C,
    models: M,
    body: F,
) -> impl Future<Output = Result<R, E>> + Send + 'a
where
    C: AsyncConnection,
    M: Models<Guard: Send> + Send + 'a,
    R: Send + 'a,
    E: From<diesel::result::Error> + Send + 'a,
    for<'r, 's> F: AsyncFnOnce(&'r mut C, <M::Shape as Shape>::Ref<'s>) -> Result<R, E>
        + TransactionFn<&'r mut C, <M::Shape as Shape>::Ref<'s>, Result<R, E>, Fut: Send>
        + Send
        + 'a,
{
    async move {
        let mut guard = models.remember();
        let mut executor = AsyncExecutor::new(conn);
        executor.begin().await?;
        match body(&mut *executor.conn, guard.lend()).await {
            Ok(value) => {
                executor.commit().await?;
                guard.keep();
                Ok(value)
            }
            Err(error) => {
                // The first error is the result. If the rollback fails too, the connection is
                // broken, and its next use returns an error.
                drop(executor.rollback().await);
                Err(error)
            }
        }
    }
}

//! Transactions on `diesel-async`, after whose rollback the versions in memory are what they were before.

use std::future::Future;

use diesel_async::AsyncConnection;

use super::{AsyncExecutor, TransactionFn};
use crate::executor::Executor as _;
use crate::transaction::{Models, Restore, Shape};

/// As [`transaction`](crate::transaction) with an `async` closure. The versions are put back also when the future is dropped
/// in the middle. The connection is broken then, and says so at its next use; pools close it.
///
/// # Errors
///
/// What `body` returns, and what BEGIN and COMMIT return.
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
                // What went wrong first is the answer; a connection on which the rollback fails too is broken, and says
                // so at its next use.
                drop(executor.rollback().await);
                Err(error)
            }
        }
    }
}

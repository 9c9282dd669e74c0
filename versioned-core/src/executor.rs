//! What an operation needs of a connection, blocking or not.

use std::time::Duration;

use diesel::result::QueryResult;

use crate::dialect::{Dialect, SqlFor};
use crate::runner::Runner;

/// A [`Runner`] that nobody else uses meanwhile, so that it can also have transactions. Operations are written over it once.
pub(crate) trait Executor: Runner {
    /// The dialect; asks the connection under `MultiConnection`, and sends nothing.
    fn dialect<F>(&mut self) -> impl Future<Output = QueryResult<Dialect>> + Send
    where
        F: SqlFor<Self::Backend> + ?Sized;

    /// Opens a transaction, a savepoint inside of one.
    fn begin(&mut self) -> impl Future<Output = QueryResult<()>> + Send;

    /// Commits what `begin` opened.
    fn commit(&mut self) -> impl Future<Output = QueryResult<()>> + Send;

    /// Rolls back what `begin` opened.
    fn rollback(&mut self) -> impl Future<Output = QueryResult<()>> + Send;

    /// Whether a transaction is open.
    fn in_transaction(&mut self) -> bool;

    /// Waits.
    fn sleep(&mut self, duration: Duration) -> impl Future<Output = ()> + Send;
}

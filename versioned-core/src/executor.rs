//! The connection that an operation needs, blocking or async.

use std::time::Duration;

use diesel::result::QueryResult;

use crate::dialect::{Dialect, SqlFor};
use crate::runner::Runner;

/// A [`Runner`] with exclusive use of its connection, which can therefore have transactions.
/// Operations are written once, over this trait.
pub(crate) trait Executor: Runner {
    /// Returns the dialect. It asks the connection of a `MultiConnection`, and runs no SQL.
    fn dialect<F>(&mut self) -> impl Future<Output = QueryResult<Dialect>> + Send
    where
        F: SqlFor<Self::Backend> + ?Sized;

    /// Opens a transaction, or a savepoint inside one.
    fn begin(&mut self) -> impl Future<Output = QueryResult<()>> + Send;

    /// Commits the innermost transaction or savepoint that `begin` opened.
    fn commit(&mut self) -> impl Future<Output = QueryResult<()>> + Send;

    /// Rolls back the innermost transaction or savepoint that `begin` opened.
    fn rollback(&mut self) -> impl Future<Output = QueryResult<()>> + Send;

    /// Returns whether a transaction is open.
    fn in_transaction(&mut self) -> bool;

    /// Waits for `duration`.
    fn sleep(&mut self, duration: Duration) -> impl Future<Output = ()> + Send;
}

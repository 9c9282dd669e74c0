//! What an operation needs of a connection, blocking or not.

use std::time::Duration;

use diesel::backend::Backend;
use diesel::deserialize::FromSqlRow;
use diesel::expression::QueryMetadata;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::{Dialect, SqlFor};

/// Runs statements, one at a time. Each front implements it for its connections, also for those that are shared.
///
/// No lifetime stands on the methods' generics: with one, a caller could not prove the futures `Send`.
pub trait Runner: Send {
    /// The backend of the connection.
    type Backend: Backend;

    /// Runs a statement and counts the rows that it touched.
    fn execute<S>(&mut self, statement: S) -> impl Future<Output = QueryResult<usize>> + Send
    where
        S: QueryFragment<Self::Backend> + QueryId + Send;

    /// Runs a statement to its end and reads its first row, of the SQL type `ST`.
    fn first<T, ST, S>(
        &mut self,
        statement: S,
    ) -> impl Future<Output = QueryResult<Option<T>>> + Send
    where
        T: FromSqlRow<ST, Self::Backend> + Send,
        Self::Backend: QueryMetadata<ST>,
        S: QueryFragment<Self::Backend> + QueryId + Send;

    /// Runs a statement and reads its rows, of the SQL type `ST`.
    fn all<T, ST, S>(&mut self, statement: S) -> impl Future<Output = QueryResult<Vec<T>>> + Send
    where
        T: FromSqlRow<ST, Self::Backend> + Send,
        Self::Backend: QueryMetadata<ST>,
        S: QueryFragment<Self::Backend> + QueryId + Send;
}

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

//! What an operation needs of a connection, blocking or not.

use std::time::Duration;

use diesel::backend::Backend;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::Dialect;
use crate::fetch::Fetch;

/// Runs statements. Operations are written over it once; each front implements it for its connections.
///
/// No lifetime stands on the methods' generics: with one, a caller could not prove the futures `Send`.
pub(crate) trait Executor: Send {
    type Backend: Backend;

    /// The dialect; asks the connection under `MultiConnection`, and sends nothing.
    fn dialect<M>(&mut self) -> impl Future<Output = QueryResult<Dialect>> + Send
    where
        M: Fetch<Self::Backend>;

    /// Runs a statement and counts the rows that it touched.
    fn execute<S>(&mut self, statement: S) -> impl Future<Output = QueryResult<usize>> + Send
    where
        S: QueryFragment<Self::Backend> + QueryId + Send;

    /// Runs a statement that returns at most one row of `M`.
    fn row<M, S>(&mut self, statement: S) -> impl Future<Output = QueryResult<Option<M>>> + Send
    where
        M: Fetch<Self::Backend>,
        S: QueryFragment<Self::Backend> + QueryId + Send;

    /// Runs a statement that returns rows of `M`.
    fn rows<M, S>(&mut self, statement: S) -> impl Future<Output = QueryResult<Vec<M>>> + Send
    where
        M: Fetch<Self::Backend>,
        S: QueryFragment<Self::Backend> + QueryId + Send;

    /// Runs a statement that returns the version of at most one row of `M`.
    fn version<M, S>(
        &mut self,
        statement: S,
    ) -> impl Future<Output = QueryResult<Option<M::Version>>> + Send
    where
        M: Fetch<Self::Backend>,
        S: QueryFragment<Self::Backend> + QueryId + Send;

    /// Runs a statement that returns one number, of at most one row.
    fn number<M, S>(
        &mut self,
        statement: S,
    ) -> impl Future<Output = QueryResult<Option<i64>>> + Send
    where
        M: Fetch<Self::Backend>,
        S: QueryFragment<Self::Backend> + QueryId + Send;

    /// Runs a statement that returns one text, of at most one row.
    fn text<M, S>(
        &mut self,
        statement: S,
    ) -> impl Future<Output = QueryResult<Option<String>>> + Send
    where
        M: Fetch<Self::Backend>,
        S: QueryFragment<Self::Backend> + QueryId + Send;

    /// Runs a statement that returns texts with a number each.
    fn pairs<M, S>(
        &mut self,
        statement: S,
    ) -> impl Future<Output = QueryResult<Vec<(String, i64)>>> + Send
    where
        M: Fetch<Self::Backend>,
        S: QueryFragment<Self::Backend> + QueryId + Send;

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

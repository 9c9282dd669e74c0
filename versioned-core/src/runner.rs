//! Runs the statements of an operation, blocking or not.

use diesel::backend::Backend;
use diesel::deserialize::FromSqlRow;
use diesel::expression::QueryMetadata;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::result::QueryResult;

/// Runs statements, one at a time. Each front implements it for its connections, including shared
/// ones.
///
/// The generics of the methods have no lifetimes. With one, a caller could not prove that the
/// futures are `Send`.
pub trait Runner: Send {
    /// The backend of the connection.
    type Backend: Backend;

    /// Runs a statement and returns the number of affected rows.
    fn execute<S>(&mut self, statement: S) -> impl Future<Output = QueryResult<usize>> + Send
    where
        S: QueryFragment<Self::Backend> + QueryId + Send;

    /// Runs a statement to its end and returns its first row, of the SQL type `ST`.
    fn first<T, ST, S>(
        &mut self,
        statement: S,
    ) -> impl Future<Output = QueryResult<Option<T>>> + Send
    where
        T: FromSqlRow<ST, Self::Backend> + Send,
        Self::Backend: QueryMetadata<ST>,
        S: QueryFragment<Self::Backend> + QueryId + Send;

    /// Runs a statement and returns its rows, of the SQL type `ST`.
    fn all<T, ST, S>(&mut self, statement: S) -> impl Future<Output = QueryResult<Vec<T>>> + Send
    where
        T: FromSqlRow<ST, Self::Backend> + Send,
        Self::Backend: QueryMetadata<ST>,
        S: QueryFragment<Self::Backend> + QueryId + Send;
}

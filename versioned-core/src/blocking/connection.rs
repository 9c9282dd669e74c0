//! A Diesel connection runs the statements of an operation.

use std::future::ready;
use std::time::Duration;

use diesel::connection::{LoadConnection, TransactionManager};
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::{self, Dialect, Flavor};
use crate::executor::Executor;
use crate::fetch::Fetch;

/// A Diesel connection as an [`Executor`].
pub(crate) struct Blocking<'c, C>(pub(crate) &'c mut C);

impl<C: LoadConnection> Executor for Blocking<'_, C> {
    type Backend = C::Backend;

    fn dialect<M>(&mut self) -> impl Future<Output = QueryResult<Dialect>> + Send
    where
        M: Fetch<Self::Backend>,
    {
        ready(match M::On::KNOWN {
            Some(dialect) => Ok(dialect),
            None => dialect::ask::<C, M::On>(self.0),
        })
    }

    fn execute<S>(&mut self, statement: S) -> impl Future<Output = QueryResult<usize>> + Send
    where
        S: QueryFragment<Self::Backend> + QueryId + Send,
    {
        ready(self.0.execute_returning_count(&statement))
    }

    fn row<M, S>(&mut self, statement: S) -> impl Future<Output = QueryResult<Option<M>>> + Send
    where
        M: Fetch<Self::Backend>,
        S: QueryFragment<Self::Backend> + QueryId + Send,
    {
        ready(M::fetch_row(statement, self.0))
    }

    fn rows<M, S>(&mut self, statement: S) -> impl Future<Output = QueryResult<Vec<M>>> + Send
    where
        M: Fetch<Self::Backend>,
        S: QueryFragment<Self::Backend> + QueryId + Send,
    {
        ready(M::fetch_rows(statement, self.0))
    }

    fn version<M, S>(
        &mut self,
        statement: S,
    ) -> impl Future<Output = QueryResult<Option<M::Version>>> + Send
    where
        M: Fetch<Self::Backend>,
        S: QueryFragment<Self::Backend> + QueryId + Send,
    {
        ready(M::fetch_version(statement, self.0))
    }

    fn number<M, S>(
        &mut self,
        statement: S,
    ) -> impl Future<Output = QueryResult<Option<i64>>> + Send
    where
        M: Fetch<Self::Backend>,
        S: QueryFragment<Self::Backend> + QueryId + Send,
    {
        ready(M::On::fetch_number(statement, self.0))
    }

    fn text<M, S>(
        &mut self,
        statement: S,
    ) -> impl Future<Output = QueryResult<Option<String>>> + Send
    where
        M: Fetch<Self::Backend>,
        S: QueryFragment<Self::Backend> + QueryId + Send,
    {
        ready(M::On::fetch_text(statement, self.0))
    }

    fn pairs<M, S>(
        &mut self,
        statement: S,
    ) -> impl Future<Output = QueryResult<Vec<(String, i64)>>> + Send
    where
        M: Fetch<Self::Backend>,
        S: QueryFragment<Self::Backend> + QueryId + Send,
    {
        ready(M::On::fetch_pairs(statement, self.0))
    }

    fn begin(&mut self) -> impl Future<Output = QueryResult<()>> + Send {
        ready(C::TransactionManager::begin_transaction(self.0))
    }

    fn commit(&mut self) -> impl Future<Output = QueryResult<()>> + Send {
        ready(C::TransactionManager::commit_transaction(self.0))
    }

    fn rollback(&mut self) -> impl Future<Output = QueryResult<()>> + Send {
        ready(C::TransactionManager::rollback_transaction(self.0))
    }

    fn in_transaction(&mut self) -> bool {
        let status = C::TransactionManager::transaction_manager_status_mut(self.0);
        !matches!(status.transaction_depth(), Ok(None))
    }

    fn sleep(&mut self, duration: Duration) -> impl Future<Output = ()> + Send {
        if !duration.is_zero() {
            std::thread::sleep(duration);
        }
        ready(())
    }
}

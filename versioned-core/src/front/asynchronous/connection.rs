//! Runs the statements of an operation on a `diesel-async` connection.

use std::future::poll_fn;
use std::num::NonZeroU32;
use std::pin::{Pin, pin};
use std::time::Duration;

use diesel::connection::TransactionManagerStatus;
use diesel::deserialize::FromSqlRow;
use diesel::expression::QueryMetadata;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::result::{Error, QueryResult};
use diesel_async::{AsyncConnection, AsyncConnectionCore, TransactionManager};
use futures_core::Stream;

use crate::dialect::{Dialect, SqlFor};
use crate::executor::Executor;
use crate::runner::Runner;
use crate::statement::{Erased, Rows};

/// A `diesel-async` connection as an [`Executor`].
///
/// If the future of an operation is dropped inside a transaction that the operation began, the
/// executor marks the connection as broken, because later writes on it would never be committed.
/// On MySQL and MariaDB it also does so if the future is dropped while a statement runs, because
/// the driver takes the answer to that statement for the answer to the next one. Pools close a
/// broken connection.
pub(crate) struct AsyncExecutor<'c, C> {
    pub(crate) conn: &'c mut C,
    /// The number of transactions that were begun here and have not ended.
    open: u32,
    /// Whether a statement was sent, and its answer has not been read.
    is_waiting: bool,
    status: Option<Status<C>>,
}

/// Reads the transaction manager's status of a connection that supports transactions.
type Status<C> = fn(&mut C) -> &mut TransactionManagerStatus;

impl<'c, C> AsyncExecutor<'c, C> {
    pub(crate) fn new(conn: &'c mut C) -> Self
    where
        C: AsyncConnection,
    {
        Self {
            conn,
            open: 0,
            is_waiting: false,
            status: Some(C::TransactionManager::transaction_manager_status_mut),
        }
    }

    /// An executor for statements outside transactions, on a connection that may not support them.
    pub(crate) fn pipelined(conn: &'c mut C) -> Self {
        Self {
            conn,
            open: 0,
            is_waiting: false,
            status: None,
        }
    }

    /// Returns an error if the connection is broken.
    fn check(&mut self) -> QueryResult<()> {
        match self.status {
            Some(status) => status(self.conn).transaction_depth().map(drop),
            None => Ok(()),
        }
    }
}

impl<C> Drop for AsyncExecutor<'_, C> {
    fn drop(&mut self) {
        if let (true, Some(status)) = (self.open > 0 || self.is_waiting, self.status) {
            status(self.conn).set_in_error();
        }
    }
}

/// Returns whether the driver of a backend forgets that a statement was sent if its future is
/// dropped. Those of PostgreSQL and `SQLite` do not, and any other may. A backend need not be
/// `'static`, so it has no `TypeId`.
fn forgets<DB>() -> bool {
    let name = std::any::type_name::<DB>();
    !name.ends_with("::Pg") && !name.ends_with("::Sqlite")
}

impl<C: AsyncConnectionCore> Runner for AsyncExecutor<'_, C> {
    type Backend = C::Backend;

    async fn execute<S>(&mut self, statement: S) -> QueryResult<usize>
    where
        S: QueryFragment<Self::Backend> + QueryId + Send,
    {
        self.check()?;
        self.is_waiting = forgets::<C::Backend>();
        let run = self.conn.execute_returning_count(Erased::new(&statement));
        let ran = run.await;
        self.is_waiting = false;
        ran
    }

    async fn first<T, ST, S>(&mut self, statement: S) -> QueryResult<Option<T>>
    where
        T: FromSqlRow<ST, Self::Backend> + Send,
        Self::Backend: QueryMetadata<ST>,
        S: QueryFragment<Self::Backend> + QueryId + Send,
    {
        self.check()?;
        self.is_waiting = forgets::<C::Backend>();
        let found = first(statement, self.conn).await;
        self.is_waiting = false;
        found
    }

    async fn all<T, ST, S>(&mut self, statement: S) -> QueryResult<Vec<T>>
    where
        T: FromSqlRow<ST, Self::Backend> + Send,
        Self::Backend: QueryMetadata<ST>,
        S: QueryFragment<Self::Backend> + QueryId + Send,
    {
        self.check()?;
        self.is_waiting = forgets::<C::Backend>();
        let found = all(statement, self.conn).await;
        self.is_waiting = false;
        found
    }
}

impl<C: AsyncConnection> Executor for AsyncExecutor<'_, C> {
    async fn dialect<F>(&mut self) -> QueryResult<Dialect>
    where
        F: SqlFor<Self::Backend> + ?Sized,
    {
        // diesel-async has no `MultiConnection`.
        F::KNOWN.ok_or(Error::NotFound)
    }

    async fn begin(&mut self) -> QueryResult<()> {
        self.open += 1;
        let begun = C::TransactionManager::begin_transaction(self.conn).await;
        if begun.is_err() {
            self.open -= 1;
        }
        begun
    }

    async fn commit(&mut self) -> QueryResult<()> {
        let before = self.depth();
        let done = C::TransactionManager::commit_transaction(self.conn).await;
        if done.is_err() {
            self.take_back(before).await;
        }
        self.open = self.open.saturating_sub(1);
        done
    }

    async fn rollback(&mut self) -> QueryResult<()> {
        let done = C::TransactionManager::rollback_transaction(self.conn).await;
        self.open = self.open.saturating_sub(1);
        done
    }

    fn in_transaction(&mut self) -> bool {
        let status = C::TransactionManager::transaction_manager_status_mut(self.conn);
        !matches!(status.transaction_depth(), Ok(None))
    }

    async fn sleep(&mut self, duration: Duration) {
        if !duration.is_zero() {
            tokio::time::sleep(duration).await;
        }
    }
}

impl<C: AsyncConnection> AsyncExecutor<'_, C> {
    /// Rolls back to a savepoint that could not be released. Otherwise its writes would be
    /// committed with the surrounding transaction, or PostgreSQL could not commit that transaction
    /// at all.
    async fn take_back(&mut self, before: Option<NonZeroU32>) {
        let now = self.depth();
        if now == before {
            // The blocking connection inside a `SyncConnectionWrapper` still counts the savepoint.
            drop(C::TransactionManager::rollback_transaction(self.conn).await);
        } else if let Some(around) = now {
            // diesel-async no longer counts the savepoint, and left it open.
            let savepoint = format!("ROLLBACK TO SAVEPOINT diesel_savepoint_{around}");
            drop(self.conn.batch_execute(&savepoint).await);
        }
    }

    /// Returns the number of nested transactions, or `None` if none is open or the connection is
    /// broken.
    fn depth(&mut self) -> Option<NonZeroU32> {
        let status = C::TransactionManager::transaction_manager_status_mut(self.conn);
        status.transaction_depth().ok().flatten()
    }
}

/// A connection that is shared with other futures. It runs statements and has no transactions.
pub(crate) struct Shared<'c, C>(pub(crate) &'c mut C);

impl<C: AsyncConnectionCore> Runner for Shared<'_, C> {
    type Backend = C::Backend;

    async fn execute<S>(&mut self, statement: S) -> QueryResult<usize>
    where
        S: QueryFragment<Self::Backend> + QueryId + Send,
    {
        AsyncExecutor::pipelined(self.0).execute(statement).await
    }

    async fn first<T, ST, S>(&mut self, statement: S) -> QueryResult<Option<T>>
    where
        T: FromSqlRow<ST, Self::Backend> + Send,
        Self::Backend: QueryMetadata<ST>,
        S: QueryFragment<Self::Backend> + QueryId + Send,
    {
        AsyncExecutor::pipelined(self.0)
            .first::<T, ST, S>(statement)
            .await
    }

    async fn all<T, ST, S>(&mut self, statement: S) -> QueryResult<Vec<T>>
    where
        T: FromSqlRow<ST, Self::Backend> + Send,
        Self::Backend: QueryMetadata<ST>,
        S: QueryFragment<Self::Backend> + QueryId + Send,
    {
        AsyncExecutor::pipelined(self.0)
            .all::<T, ST, S>(statement)
            .await
    }
}

impl<C: AsyncConnectionCore> Executor for Shared<'_, C> {
    async fn dialect<F>(&mut self) -> QueryResult<Dialect>
    where
        F: SqlFor<Self::Backend> + ?Sized,
    {
        F::KNOWN.ok_or(Error::NotFound)
    }

    async fn begin(&mut self) -> QueryResult<()> {
        Err(Error::QueryBuilderError(
            "this save needs a transaction, which a shared connection cannot start: use `save`"
                .into(),
        ))
    }

    async fn commit(&mut self) -> QueryResult<()> {
        Err(Error::NotInTransaction)
    }

    async fn rollback(&mut self) -> QueryResult<()> {
        Err(Error::NotInTransaction)
    }

    fn in_transaction(&mut self) -> bool {
        false
    }

    async fn sleep(&mut self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Reads the first row. It runs the statement to its end, because an error may come with the last
/// step.
async fn first<T, ST, C, S>(statement: S, conn: &mut C) -> QueryResult<Option<T>>
where
    C: AsyncConnectionCore,
    C::Backend: QueryMetadata<ST>,
    T: FromSqlRow<ST, C::Backend>,
    S: QueryFragment<C::Backend>,
{
    let query = conn.load(Rows::<_, ST>::new(Erased::new(&statement)));
    let mut rows = pin!(query.await?);
    let mut first = None;
    while let Some(row) = next::<T, ST, _, _, _>(rows.as_mut()).await {
        let row = row?;
        first.get_or_insert(row);
    }
    Ok(first)
}

async fn all<T, ST, C, S>(statement: S, conn: &mut C) -> QueryResult<Vec<T>>
where
    C: AsyncConnectionCore,
    C::Backend: QueryMetadata<ST>,
    T: FromSqlRow<ST, C::Backend>,
    S: QueryFragment<C::Backend>,
{
    let query = conn.load(Rows::<_, ST>::new(Erased::new(&statement)));
    let mut rows = pin!(query.await?);
    let mut all = Vec::new();
    while let Some(row) = next::<T, ST, _, _, _>(rows.as_mut()).await {
        all.push(row?);
    }
    Ok(all)
}

/// Reads the next row while it is polled, because a row of the driver must not be held across an
/// await.
async fn next<'r, T, ST, DB, R, Rs>(mut rows: Pin<&mut Rs>) -> Option<QueryResult<T>>
where
    DB: diesel::backend::Backend,
    T: FromSqlRow<ST, DB>,
    R: diesel::row::Row<'r, DB>,
    Rs: Stream<Item = QueryResult<R>>,
{
    poll_fn(|context| {
        rows.as_mut()
            .poll_next(context)
            .map(|row| row.map(|row| T::build_from_row(&row?).map_err(Error::DeserializationError)))
    })
    .await
}

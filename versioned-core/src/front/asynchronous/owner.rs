//! `ticket.save(conn).await`: the methods of an owner.

use std::future::Future;

use super::{AsyncExecutor, At, Closure, ModifyFn, Shared};
use crate::change::Change;
use crate::connection::{AsyncConnection, PipelinedConnection};
use crate::error::Result;
use crate::event::Event;
use crate::model::{OwnerModel, PlainOwner, Versioned};
use crate::operation::{self, Deleting, Saving};
use crate::owner::Owner;
use crate::retry::Retry;
use crate::statement::{Bump, NewRow};
use crate::version::SequentialVersion;

/// The methods of an owner on a `diesel-async` connection: those of
/// [`prelude::OwnerDsl`](crate::prelude::OwnerDsl), with the same statements, outcomes and errors.
///
/// The futures are `Send`. One that is dropped in the middle leaves the model as it was; whether
/// the write happened is then not known here. Load the record again; the next `save` also finds
/// out. If it was in the middle of a transaction, the connection is broken: its next write is an
/// error, and pools close it. See the [guide](crate::guide::first_steps::owner).
///
/// `find`, `reload`, `verify` and `save_pipelined` also take a PostgreSQL connection that is shared, as `&mut &conn`. Futures
/// that are polled together then go over it in a pipeline: each statement is sent without waiting for the answers to
/// those before.
///
/// ```
/// # use diesel::prelude::*;
/// # use diesel_async::AsyncConnectionCore;
/// use versioned_core::async_prelude::*;
/// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
/// # #[derive(Clone, Queryable, Selectable, Versioned)]
/// # #[diesel(table_name = tickets)]
/// # #[versioned(owner)]
/// # struct Ticket { id: i64, price: i64, version: i64 }
///
/// # async fn save_both<C>(a: &mut Ticket, b: &mut Ticket, conn: &C) -> versioned_core::Result<()>
/// # where
/// #     for<'c> &'c C: AsyncConnectionCore<Backend = diesel::sqlite::Sqlite>,
/// # {
/// let (mut first, mut second) = (conn, conn); // both are `&AsyncPgConnection`
/// let (a, b) = tokio::join!(a.save_pipelined(&mut first), b.save_pipelined(&mut second));
/// a?; // one that is stale does no harm to the other
/// b?;
/// # Ok(())
/// # }
/// ```
pub trait OwnerDsl: OwnerModel {
    /// As [`prelude::OwnerDsl::insert`](crate::prelude::OwnerDsl::insert).
    fn insert<'m, C>(
        &'m mut self,
        conn: &mut C,
    ) -> impl Future<Output = Result<Change<'m, Self>>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Db>,
    {
        async move { operation::insert(self, &mut AsyncExecutor::new(conn)).await }
    }

    /// As [`prelude::OwnerDsl::save`](crate::prelude::OwnerDsl::save).
    fn save<'m, C>(
        &'m mut self,
        conn: &mut C,
    ) -> impl Future<Output = Result<Change<'m, Self>>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Db>,
    {
        async move { operation::save(self, &mut AsyncExecutor::new(conn)).await }
    }

    /// As [`save`](OwnerDsl::save), also on a PostgreSQL connection that is shared, as `&mut &conn`: futures that are polled
    /// together go over it in a pipeline, each sent without waiting for the answers to those before.
    ///
    /// # Errors
    ///
    /// As [`save`](OwnerDsl::save). A save that takes a transaction (one with an outbox, elsewhere than on PostgreSQL or of a
    /// model with fields that are not written) is refused before any SQL: a shared connection has none.
    fn save_pipelined<'m, C>(
        &'m mut self,
        conn: &mut C,
    ) -> impl Future<Output = Result<Change<'m, Self>>> + Send
    where
        C: PipelinedConnection,
        Self: Owner<C::Db>,
    {
        async move { operation::save(self, &mut Shared(conn)).await }
    }

    /// As [`prelude::OwnerDsl::touch`](crate::prelude::OwnerDsl::touch).
    fn touch<'m, C>(
        &'m mut self,
        conn: &mut C,
    ) -> impl Future<Output = Result<Change<'m, Self>>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Db>,
    {
        async move { operation::touch(self, &mut AsyncExecutor::new(conn)).await }
    }

    /// As [`prelude::OwnerDsl::delete`](crate::prelude::OwnerDsl::delete).
    fn delete<'m, C>(
        &'m mut self,
        conn: &mut C,
    ) -> impl Future<Output = Result<Change<'m, Self>>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Db>,
    {
        async move { operation::delete(self, &mut AsyncExecutor::new(conn)).await }
    }

    /// As [`prelude::OwnerDsl::insert_all`](crate::prelude::OwnerDsl::insert_all).
    fn insert_all<'m, C>(
        models: &'m mut [Self],
        conn: &mut C,
    ) -> impl Future<Output = Result<Vec<Change<'m, Self>>>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Db>,
    {
        async move { operation::insert_all(models, &mut AsyncExecutor::new(conn)).await }
    }

    /// As [`prelude::OwnerDsl::save_all`](crate::prelude::OwnerDsl::save_all).
    fn save_all<'m, C>(
        models: &'m mut [Self],
        conn: &mut C,
    ) -> impl Future<Output = Result<Vec<Change<'m, Self>>>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Db>,
    {
        async move { operation::write_all::<Saving, _, _>(models, &mut AsyncExecutor::new(conn)).await }
    }

    /// As [`prelude::OwnerDsl::delete_all`](crate::prelude::OwnerDsl::delete_all).
    fn delete_all<'m, C>(
        models: &'m mut [Self],
        conn: &mut C,
    ) -> impl Future<Output = Result<Vec<Change<'m, Self>>>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Db>,
    {
        async move {
            operation::write_all::<Deleting, _, _>(models, &mut AsyncExecutor::new(conn)).await
        }
    }

    /// As [`prelude::OwnerDsl::save_each`](crate::prelude::OwnerDsl::save_each).
    fn save_each<'m, C>(
        models: &'m mut [Self],
        conn: &mut C,
    ) -> impl Future<Output = Result<Vec<Result<Change<'m, Self>>>>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Db>,
    {
        async move { operation::save_each(models, &mut AsyncExecutor::new(conn)).await }
    }

    /// As [`prelude::OwnerDsl::create`](crate::prelude::OwnerDsl::create).
    fn create<N, C>(new: N, conn: &mut C) -> impl Future<Output = Result<Self>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Db>,
        N: NewRow<Self, C::Db> + Send,
    {
        async move { operation::create(new, &mut AsyncExecutor::new(conn)).await }
    }

    /// As [`prelude::OwnerDsl::import`](crate::prelude::OwnerDsl::import).
    fn import<C>(&self, conn: &mut C) -> impl Future<Output = Result<()>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Db>,
    {
        async move { operation::import(self, &mut AsyncExecutor::new(conn)).await }
    }

    /// As [`prelude::OwnerDsl::find`](crate::prelude::OwnerDsl::find).
    fn find<C>(id: &Self::Id, conn: &mut C) -> impl Future<Output = Result<Self>> + Send
    where
        C: PipelinedConnection,
        Self: Owner<C::Db>,
    {
        async move { operation::find(id, &mut AsyncExecutor::pipelined(conn)).await }
    }

    /// As [`prelude::OwnerDsl::reload`](crate::prelude::OwnerDsl::reload).
    fn reload<C>(&mut self, conn: &mut C) -> impl Future<Output = Result<()>> + Send
    where
        C: PipelinedConnection,
        Self: Owner<C::Db>,
    {
        async move { operation::reload(self, &mut AsyncExecutor::pipelined(conn)).await }
    }

    /// As [`prelude::OwnerDsl::verify`](crate::prelude::OwnerDsl::verify).
    fn verify<C>(&self, conn: &mut C) -> impl Future<Output = Result<()>> + Send
    where
        C: PipelinedConnection,
        Self: Owner<C::Db>,
    {
        async move { operation::verify(self, &mut AsyncExecutor::pipelined(conn)).await }
    }

    /// As [`prelude::OwnerDsl::at`](crate::prelude::OwnerDsl::at).
    fn at(id: impl Into<Self::Id>, version: impl Into<Self::Version>) -> At<Self> {
        At::new(id.into(), version.into())
    }

    /// As [`prelude::OwnerDsl::update_with`](crate::prelude::OwnerDsl::update_with), with an `async` closure; waits without
    /// blocking, on tokio's clock.
    fn update_with<C, F>(
        id: &Self::Id,
        conn: &mut C,
        change: F,
    ) -> impl Future<Output = Result<Self>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Db>,
        for<'m> F:
            AsyncFnMut(&'m mut Self) -> Result<()> + ModifyFn<&'m mut Self, Fut: Send> + Send,
    {
        async move { Self::update_with_retry(id, Retry::default(), conn, change).await }
    }

    /// As [`prelude::OwnerDsl::update_with_retry`](crate::prelude::OwnerDsl::update_with_retry).
    fn update_with_retry<C, F>(
        id: &Self::Id,
        retry: Retry,
        conn: &mut C,
        change: F,
    ) -> impl Future<Output = Result<Self>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Db>,
        for<'m> F:
            AsyncFnMut(&'m mut Self) -> Result<()> + ModifyFn<&'m mut Self, Fut: Send> + Send,
    {
        async move {
            operation::update_with(id, &mut AsyncExecutor::new(conn), retry, Closure(change)).await
        }
    }

    /// As [`prelude::OwnerDsl::snapshot`](crate::prelude::OwnerDsl::snapshot).
    fn snapshot<C>(
        after: Option<&Event<Self>>,
        limit: usize,
        conn: &mut C,
    ) -> impl Future<Output = Result<Vec<Event<Self>>>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Db> + Versioned<Version: SequentialVersion>,
    {
        async move { operation::snapshot(after, limit, &mut AsyncExecutor::new(conn)).await }
    }

    /// As [`prelude::OwnerDsl::bump`](crate::prelude::OwnerDsl::bump).
    fn bump() -> Bump<Self>
    where
        Self: PlainOwner + Versioned<Version: SequentialVersion>,
    {
        Bump::new()
    }
}

impl<M: OwnerModel> OwnerDsl for M {}

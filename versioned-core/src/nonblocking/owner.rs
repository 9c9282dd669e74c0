//! `ticket.save(conn).await`: the methods of an owner.

use std::future::Future;

use diesel_async::AsyncConnection;

use super::{At, Closure, ModifyFn, Nonblocking};
use crate::change::Change;
use crate::error::Result;
use crate::event::Event;
use crate::model::{OwnerModel, PlainOwner, Versioned};
use crate::operation::{self, Deleting, Saving};
use crate::owner::Owner;
use crate::retry::Retry;
use crate::statement::{Bump, NewRow};
use crate::version::SequentialVersion;

/// What an owner can do on a `diesel-async` connection: the methods of [`prelude::OwnerDsl`](crate::prelude::OwnerDsl), with
/// the same statements, outcomes and errors.
///
/// The futures are `Send`. One that is dropped in the middle leaves the model as it was; whether the write happened is
/// then not known here, and the next `save` finds out.
pub trait OwnerDsl: OwnerModel {
    /// As [`prelude::OwnerDsl::insert`](crate::prelude::OwnerDsl::insert).
    fn insert<'m, C>(
        &'m mut self,
        conn: &mut C,
    ) -> impl Future<Output = Result<Change<'m, Self>>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Backend>,
    {
        async move { operation::insert(self, &mut Nonblocking(conn)).await }
    }

    /// As [`prelude::OwnerDsl::save`](crate::prelude::OwnerDsl::save).
    fn save<'m, C>(
        &'m mut self,
        conn: &mut C,
    ) -> impl Future<Output = Result<Change<'m, Self>>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Backend>,
    {
        async move { operation::save(self, &mut Nonblocking(conn)).await }
    }

    /// As [`prelude::OwnerDsl::touch`](crate::prelude::OwnerDsl::touch).
    fn touch<'m, C>(
        &'m mut self,
        conn: &mut C,
    ) -> impl Future<Output = Result<Change<'m, Self>>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Backend>,
    {
        async move { operation::touch(self, &mut Nonblocking(conn)).await }
    }

    /// As [`prelude::OwnerDsl::delete`](crate::prelude::OwnerDsl::delete).
    fn delete<'m, C>(
        &'m mut self,
        conn: &mut C,
    ) -> impl Future<Output = Result<Change<'m, Self>>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Backend>,
    {
        async move { operation::delete(self, &mut Nonblocking(conn)).await }
    }

    /// As [`prelude::OwnerDsl::insert_all`](crate::prelude::OwnerDsl::insert_all).
    fn insert_all<'m, C>(
        models: &'m mut [Self],
        conn: &mut C,
    ) -> impl Future<Output = Result<Vec<Change<'m, Self>>>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Backend>,
    {
        async move { operation::insert_all(models, &mut Nonblocking(conn)).await }
    }

    /// As [`prelude::OwnerDsl::save_all`](crate::prelude::OwnerDsl::save_all).
    fn save_all<'m, C>(
        models: &'m mut [Self],
        conn: &mut C,
    ) -> impl Future<Output = Result<Vec<Change<'m, Self>>>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Backend>,
    {
        async move { operation::write_all::<Saving, _, _>(models, &mut Nonblocking(conn)).await }
    }

    /// As [`prelude::OwnerDsl::delete_all`](crate::prelude::OwnerDsl::delete_all).
    fn delete_all<'m, C>(
        models: &'m mut [Self],
        conn: &mut C,
    ) -> impl Future<Output = Result<Vec<Change<'m, Self>>>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Backend>,
    {
        async move { operation::write_all::<Deleting, _, _>(models, &mut Nonblocking(conn)).await }
    }

    /// As [`prelude::OwnerDsl::save_each`](crate::prelude::OwnerDsl::save_each).
    fn save_each<'m, C>(
        models: &'m mut [Self],
        conn: &mut C,
    ) -> impl Future<Output = Result<Vec<Result<Change<'m, Self>>>>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Backend>,
    {
        async move { operation::save_each(models, &mut Nonblocking(conn)).await }
    }

    /// As [`prelude::OwnerDsl::create`](crate::prelude::OwnerDsl::create).
    fn create<N, C>(new: N, conn: &mut C) -> impl Future<Output = Result<Self>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Backend>,
        N: NewRow<Self, C::Backend> + Send,
    {
        async move { operation::create(new, &mut Nonblocking(conn)).await }
    }

    /// As [`prelude::OwnerDsl::import`](crate::prelude::OwnerDsl::import).
    fn import<C>(&self, conn: &mut C) -> impl Future<Output = Result<()>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Backend>,
    {
        async move { operation::import(self, &mut Nonblocking(conn)).await }
    }

    /// As [`prelude::OwnerDsl::find`](crate::prelude::OwnerDsl::find).
    fn find<C>(id: &Self::Id, conn: &mut C) -> impl Future<Output = Result<Self>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Backend>,
    {
        async move { operation::find(id, &mut Nonblocking(conn)).await }
    }

    /// As [`prelude::OwnerDsl::reload`](crate::prelude::OwnerDsl::reload).
    fn reload<C>(&mut self, conn: &mut C) -> impl Future<Output = Result<()>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Backend>,
    {
        async move { operation::reload(self, &mut Nonblocking(conn)).await }
    }

    /// As [`prelude::OwnerDsl::verify`](crate::prelude::OwnerDsl::verify).
    fn verify<C>(&self, conn: &mut C) -> impl Future<Output = Result<()>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Backend>,
    {
        async move { operation::verify(self, &mut Nonblocking(conn)).await }
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
        Self: Owner<C::Backend>,
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
        Self: Owner<C::Backend>,
        for<'m> F:
            AsyncFnMut(&'m mut Self) -> Result<()> + ModifyFn<&'m mut Self, Fut: Send> + Send,
    {
        async move { operation::update_with(id, &mut Nonblocking(conn), retry, Closure(change)).await }
    }

    /// As [`prelude::OwnerDsl::snapshot`](crate::prelude::OwnerDsl::snapshot).
    fn snapshot<C>(
        after: Option<&Event<Self>>,
        limit: usize,
        conn: &mut C,
    ) -> impl Future<Output = Result<Vec<Event<Self>>>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Backend> + Versioned<Version: SequentialVersion>,
    {
        async move { operation::snapshot(after, limit, &mut Nonblocking(conn)).await }
    }

    /// As [`prelude::OwnerDsl::bump`](crate::prelude::OwnerDsl::bump).
    fn bump() -> Bump<Self>
    where
        Self: PlainOwner,
    {
        Bump::new()
    }
}

impl<M: OwnerModel> OwnerDsl for M {}

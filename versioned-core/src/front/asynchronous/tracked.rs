//! `tracked.save(conn).await`: the methods of a tracked model.

use std::future::Future;

use super::AsyncExecutor;
use crate::change::Change;
use crate::connection::AsyncConnection;
use crate::error::Result;
use crate::model::Fields;
use crate::operation;
use crate::owner::Owner;
use crate::tracked::{Keep, Tracked};

/// What a [`Tracked`] model can do on a `diesel-async` connection: the methods of
/// [`prelude::TrackedDsl`](crate::prelude::TrackedDsl).
pub trait TrackedDsl<T> {
    /// As [`prelude::TrackedDsl::save`](crate::prelude::TrackedDsl::save).
    fn save<'m, C>(
        &'m mut self,
        conn: &mut C,
    ) -> impl Future<Output = Result<Option<Change<'m, T>>>> + Send
    where
        C: AsyncConnection,
        T: Owner<C::Db> + Fields + Clone + 'm;

    /// As [`prelude::TrackedDsl::rebase`](crate::prelude::TrackedDsl::rebase).
    fn rebase<C>(&mut self, conn: &mut C) -> impl Future<Output = Result<()>> + Send
    where
        C: AsyncConnection,
        T: Owner<C::Db> + Fields + Clone;

    /// As [`prelude::TrackedDsl::rebase_with`](crate::prelude::TrackedDsl::rebase_with).
    fn rebase_with<C, F>(
        &mut self,
        conn: &mut C,
        choose: F,
    ) -> impl Future<Output = Result<()>> + Send
    where
        C: AsyncConnection,
        T: Owner<C::Db> + Fields + Clone,
        F: FnMut(&'static str, &T, &T) -> Keep + Send;

    /// As [`prelude::TrackedDsl::reload`](crate::prelude::TrackedDsl::reload).
    fn reload<C>(&mut self, conn: &mut C) -> impl Future<Output = Result<()>> + Send
    where
        C: AsyncConnection,
        T: Owner<C::Db> + Fields + Clone;

    /// As [`prelude::TrackedDsl::touch`](crate::prelude::TrackedDsl::touch).
    fn touch<'m, C>(
        &'m mut self,
        conn: &mut C,
    ) -> impl Future<Output = Result<Change<'m, T>>> + Send
    where
        C: AsyncConnection,
        T: Owner<C::Db> + Fields + 'm;

    /// As [`prelude::TrackedDsl::delete`](crate::prelude::TrackedDsl::delete).
    fn delete<'m, C>(
        &'m mut self,
        conn: &mut C,
    ) -> impl Future<Output = Result<Change<'m, T>>> + Send
    where
        C: AsyncConnection,
        T: Owner<C::Db> + Fields + 'm;

    /// As [`prelude::TrackedDsl::verify`](crate::prelude::TrackedDsl::verify).
    fn verify<C>(&mut self, conn: &mut C) -> impl Future<Output = Result<()>> + Send
    where
        C: AsyncConnection,
        T: Owner<C::Db> + Fields;
}

impl<T> TrackedDsl<T> for Tracked<T> {
    async fn save<'m, C>(&'m mut self, conn: &mut C) -> Result<Option<Change<'m, T>>>
    where
        C: AsyncConnection,
        T: Owner<C::Db> + Fields + Clone + 'm,
    {
        operation::save_changes(self, &mut AsyncExecutor::new(conn)).await
    }

    async fn rebase<C>(&mut self, conn: &mut C) -> Result<()>
    where
        C: AsyncConnection,
        T: Owner<C::Db> + Fields + Clone,
    {
        let never = None::<fn(&'static str, &T, &T) -> Keep>;
        operation::rebase(self, &mut AsyncExecutor::new(conn), never).await
    }

    async fn rebase_with<C, F>(&mut self, conn: &mut C, choose: F) -> Result<()>
    where
        C: AsyncConnection,
        T: Owner<C::Db> + Fields + Clone,
        F: FnMut(&'static str, &T, &T) -> Keep + Send,
    {
        operation::rebase(self, &mut AsyncExecutor::new(conn), Some(choose)).await
    }

    async fn reload<C>(&mut self, conn: &mut C) -> Result<()>
    where
        C: AsyncConnection,
        T: Owner<C::Db> + Fields + Clone,
    {
        operation::reload_tracked(self, &mut AsyncExecutor::new(conn)).await
    }

    async fn touch<'m, C>(&'m mut self, conn: &mut C) -> Result<Change<'m, T>>
    where
        C: AsyncConnection,
        T: Owner<C::Db> + Fields + 'm,
    {
        operation::touch_tracked(self, &mut AsyncExecutor::new(conn)).await
    }

    async fn delete<'m, C>(&'m mut self, conn: &mut C) -> Result<Change<'m, T>>
    where
        C: AsyncConnection,
        T: Owner<C::Db> + Fields + 'm,
    {
        operation::delete_tracked(self, &mut AsyncExecutor::new(conn)).await
    }

    async fn verify<C>(&mut self, conn: &mut C) -> Result<()>
    where
        C: AsyncConnection,
        T: Owner<C::Db> + Fields,
    {
        operation::verify_tracked(self, &mut AsyncExecutor::new(conn)).await
    }
}

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

/// The methods of a [`Tracked`] model on a `diesel-async` connection. They run the same statements
/// and return the same errors as those of [`prelude::TrackedDsl`](crate::prelude::TrackedDsl).
///
/// | purpose | methods |
/// | --- | --- |
/// | write the changed columns | [`save`](TrackedDsl::save), [`save_all`](TrackedDsl::save_all) |
/// | merge the changes with a newer row | [`rebase`](TrackedDsl::rebase), [`rebase_with`](TrackedDsl::rebase_with) |
/// | load the current row | [`reload`](TrackedDsl::reload) |
/// | increment the version, or delete the row | [`touch`](TrackedDsl::touch), [`delete`](TrackedDsl::delete) |
/// | check and hold the version | [`verify`](TrackedDsl::verify) |
pub trait TrackedDsl<T>: Sized {
    /// Writes the changed columns if the row is still at the version that was loaded, and
    /// increments the version. Returns `None` if nothing changed.
    ///
    /// See [`prelude::TrackedDsl::save`](crate::prelude::TrackedDsl::save) for the SQL and the
    /// errors.
    fn save<'m, C>(
        &'m mut self,
        conn: &mut C,
    ) -> impl Future<Output = Result<Option<Change<'m, T>>>> + Send
    where
        C: AsyncConnection,
        T: Owner<C::Db> + Fields + Clone + 'm;

    /// Writes the changed columns of all of these models, or nothing.
    ///
    /// See [`prelude::TrackedDsl::save_all`](crate::prelude::TrackedDsl::save_all) for the SQL and
    /// the errors.
    fn save_all<'m, C>(
        all: &'m mut [Self],
        conn: &mut C,
    ) -> impl Future<Output = Result<Vec<Option<Change<'m, T>>>>> + Send
    where
        C: AsyncConnection,
        T: Owner<C::Db> + Fields + Clone + 'm;

    /// Loads the current row and applies the changes in memory to it. Writes nothing.
    ///
    /// See [`prelude::TrackedDsl::rebase`](crate::prelude::TrackedDsl::rebase) for the SQL and the
    /// errors.
    fn rebase<C>(&mut self, conn: &mut C) -> impl Future<Output = Result<()>> + Send
    where
        C: AsyncConnection,
        T: Owner<C::Db> + Fields + Clone;

    /// Merges as [`rebase`](TrackedDsl::rebase) does, and calls `choose` for each column that both
    /// sides changed to different values.
    ///
    /// See [`prelude::TrackedDsl::rebase_with`](crate::prelude::TrackedDsl::rebase_with) for the
    /// SQL and the errors.
    fn rebase_with<C, F>(
        &mut self,
        conn: &mut C,
        choose: F,
    ) -> impl Future<Output = Result<()>> + Send
    where
        C: AsyncConnection,
        T: Owner<C::Db> + Fields + Clone,
        F: FnMut(&'static str, &T, &T) -> Keep + Send;

    /// Replaces the model, which must be unchanged, and its original with the current row.
    ///
    /// See [`prelude::TrackedDsl::reload`](crate::prelude::TrackedDsl::reload) for the SQL and the
    /// errors.
    fn reload<C>(&mut self, conn: &mut C) -> impl Future<Output = Result<()>> + Send
    where
        C: AsyncConnection,
        T: Owner<C::Db> + Fields + Clone;

    /// Increments the version of the row and writes nothing else.
    ///
    /// See [`prelude::TrackedDsl::touch`](crate::prelude::TrackedDsl::touch) for the SQL and the
    /// errors.
    fn touch<'m, C>(
        &'m mut self,
        conn: &mut C,
    ) -> impl Future<Output = Result<Change<'m, T>>> + Send
    where
        C: AsyncConnection,
        T: Owner<C::Db> + Fields + 'm;

    /// Deletes the row if the row is still at the version that was loaded.
    ///
    /// See [`prelude::TrackedDsl::delete`](crate::prelude::TrackedDsl::delete) for the SQL and the
    /// errors.
    fn delete<'m, C>(
        &'m mut self,
        conn: &mut C,
    ) -> impl Future<Output = Result<Change<'m, T>>> + Send
    where
        C: AsyncConnection,
        T: Owner<C::Db> + Fields + 'm;

    /// Checks that the row is still at the version that was loaded, and locks it at that version.
    ///
    /// See [`prelude::TrackedDsl::verify`](crate::prelude::TrackedDsl::verify) for the SQL and the
    /// errors.
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

    async fn save_all<'m, C>(
        all: &'m mut [Self],
        conn: &mut C,
    ) -> Result<Vec<Option<Change<'m, T>>>>
    where
        C: AsyncConnection,
        T: Owner<C::Db> + Fields + Clone + 'm,
    {
        operation::save_all_changes(all, &mut AsyncExecutor::new(conn)).await
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

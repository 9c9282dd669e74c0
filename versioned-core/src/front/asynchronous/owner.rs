//! `ticket.save(conn).await`: the methods of an owner.

use std::future::Future;

use super::{AsyncExecutor, At, Closure, ModifyFn, Shared};
use crate::change::Change;
use crate::connection::{AsyncConnection, PipelinedConnection};
use crate::error::Result;
use crate::event::Event;
use crate::model::{OwnerModel, PlainOwner, ScopeOf, Scoped, Unscoped, Versioned};
use crate::operation::{self, Deleting, Saving};
use crate::owner::Owner;
use crate::retry::Retry;
use crate::statement::{Bump, NewRow, NewRows};
use crate::version::SequentialVersion;

/// The methods of an owner on a `diesel-async` connection. They run the same statements and return
/// the same errors as those of [`prelude::OwnerDsl`](crate::prelude::OwnerDsl).
///
/// | purpose | methods |
/// | --- | --- |
/// | insert a record | [`insert`](OwnerDsl::insert), [`create`](OwnerDsl::create), [`import`](OwnerDsl::import) |
/// | read | [`find`](OwnerDsl::find), [`reload`](OwnerDsl::reload), [`verify`](OwnerDsl::verify), [`snapshot`](OwnerDsl::snapshot), [`snapshot_in`](OwnerDsl::snapshot_in) a scope |
/// | send again | [`resend`](OwnerDsl::resend), [`resend_page`](OwnerDsl::resend_page), [`resend_page_in`](OwnerDsl::resend_page_in) a scope |
/// | write a loaded record | [`save`](OwnerDsl::save), [`save_pipelined`](OwnerDsl::save_pipelined), [`touch`](OwnerDsl::touch), [`delete`](OwnerDsl::delete) |
/// | write a record that may not exist yet | [`upsert`](OwnerDsl::upsert) |
/// | write without a loaded record | [`at`](OwnerDsl::at), [`update_with`](OwnerDsl::update_with), [`update_with_retry`](OwnerDsl::update_with_retry), [`bump`](OwnerDsl::bump) |
/// | write many records | [`insert_all`](OwnerDsl::insert_all), [`create_all`](OwnerDsl::create_all), [`save_all`](OwnerDsl::save_all), [`upsert_all`](OwnerDsl::upsert_all), [`delete_all`](OwnerDsl::delete_all), [`save_each`](OwnerDsl::save_each) |
///
/// # Dropped futures
///
/// The futures are `Send`. If a future is dropped before it completes, the model is unchanged, and
/// whether the write happened is unknown. Load the record again to find out; the next `save` also
/// detects it. If the future was inside a transaction, the connection is broken: its next write
/// returns an error, and pools close it. See the [guide](crate::guide::first_steps::owner).
///
/// # Pipelines
///
/// `find`, `reload`, `verify` and `save_pipelined` also take a shared PostgreSQL connection, as
/// `&mut &conn`. Futures that are polled together then form a pipeline: each statement is sent
/// without waiting for the results of the earlier ones.
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
/// # async fn save_both<C>(
/// #     a: &mut Ticket,
/// #     b: &mut Ticket,
/// #     conn: &C,
/// # ) -> versioned_core::Result<()>
/// # where
/// #     for<'c> &'c C: AsyncConnectionCore<Backend = diesel::sqlite::Sqlite>,
/// # {
/// let (mut first, mut second) = (conn, conn); // both are `&AsyncPgConnection`
/// let (a, b) = tokio::join!(
///     a.save_pipelined(&mut first),
///     b.save_pipelined(&mut second),
/// );
/// a?; // a conflict of one save does not affect the other
/// b?;
/// # Ok(())
/// # }
/// ```
pub trait OwnerDsl: OwnerModel {
    /// Inserts the record with the key that it carries, at the initial version, and sets the
    /// version in memory.
    ///
    /// See [`prelude::OwnerDsl::insert`](crate::prelude::OwnerDsl::insert) for the SQL and the
    /// errors.
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

    /// Writes all fields to the row if the row is still at the version that was loaded, and
    /// increments the version.
    ///
    /// See [`prelude::OwnerDsl::save`](crate::prelude::OwnerDsl::save) for the SQL and the errors.
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

    /// Writes all fields as [`save`](OwnerDsl::save) does, also on a shared PostgreSQL connection
    /// (`&mut &conn`).
    ///
    /// Futures that are polled together form a pipeline: each statement is sent without waiting for
    /// the results of the earlier ones.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`save`](OwnerDsl::save). Returns
    /// [`Error::Database`](crate::Error::Database), before any SQL, if the save needs a transaction,
    /// which a shared connection does not have. On PostgreSQL, a save needs one in two cases:
    ///
    /// - The model has an outbox, and fields that are not written or that the database may round.
    /// - The key of the model is not the primary key of its `table!` declaration.
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

    /// Inserts the record if no row has its key. Otherwise saves it, if the row is still at the
    /// version in memory.
    ///
    /// See [`prelude::OwnerDsl::upsert`](crate::prelude::OwnerDsl::upsert) for the SQL and the
    /// errors.
    fn upsert<'m, C>(
        &'m mut self,
        conn: &mut C,
    ) -> impl Future<Output = Result<Change<'m, Self>>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Db>,
    {
        async move { operation::upsert(self, &mut AsyncExecutor::new(conn)).await }
    }

    /// Increments the version of the row if the row is still at the version that was loaded, and
    /// writes nothing else.
    ///
    /// See [`prelude::OwnerDsl::touch`](crate::prelude::OwnerDsl::touch) for the SQL and the
    /// errors.
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

    /// Deletes the row if the row is still at the version that was loaded.
    ///
    /// See [`prelude::OwnerDsl::delete`](crate::prelude::OwnerDsl::delete) for the SQL and the
    /// errors.
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

    /// Inserts all of these records at the initial version, or none.
    ///
    /// See [`prelude::OwnerDsl::insert_all`](crate::prelude::OwnerDsl::insert_all) for the SQL and
    /// the errors.
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

    /// Saves all of these records, or none. Each row must be at the version that its model was
    /// loaded at.
    ///
    /// See [`prelude::OwnerDsl::save_all`](crate::prelude::OwnerDsl::save_all) for the SQL and the
    /// errors.
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

    /// Inserts or saves all of these records, as [`upsert`](OwnerDsl::upsert) does, or none.
    ///
    /// See [`prelude::OwnerDsl::upsert_all`](crate::prelude::OwnerDsl::upsert_all) for the SQL and
    /// the errors.
    fn upsert_all<'m, C>(
        models: &'m mut [Self],
        conn: &mut C,
    ) -> impl Future<Output = Result<Vec<Change<'m, Self>>>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Db>,
    {
        async move { operation::upsert_all(models, &mut AsyncExecutor::new(conn)).await }
    }

    /// Deletes all of these records, or none. Each row must be at the version that its model was
    /// loaded at.
    ///
    /// See [`prelude::OwnerDsl::delete_all`](crate::prelude::OwnerDsl::delete_all) for the SQL and
    /// the errors.
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

    /// Saves those of these records that can be saved, and returns a result for each.
    ///
    /// See [`prelude::OwnerDsl::save_each`](crate::prelude::OwnerDsl::save_each) for the SQL and
    /// the errors.
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

    /// Inserts a row for which the database generates the key or other columns, and returns the
    /// row.
    ///
    /// See [`prelude::OwnerDsl::create`](crate::prelude::OwnerDsl::create) for the SQL and the
    /// errors.
    fn create<N, C>(new: N, conn: &mut C) -> impl Future<Output = Result<Self>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Db>,
        N: NewRow<Self, C::Db> + Send,
    {
        async move { operation::create(new, &mut AsyncExecutor::new(conn)).await }
    }

    /// Inserts rows for which the database generates the keys or other columns, or none, and returns
    /// them in the order in which they are given.
    ///
    /// See [`prelude::OwnerDsl::create_all`](crate::prelude::OwnerDsl::create_all) for the SQL and
    /// the errors.
    fn create_all<N, C>(
        rows: Vec<N>,
        conn: &mut C,
    ) -> impl Future<Output = Result<Vec<Self>>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Db>,
        N: NewRows<Self, C::Db> + Send,
    {
        async move { operation::create_all(rows, &mut AsyncExecutor::new(conn)).await }
    }

    /// Inserts the record at the version that it carries, for records from another system.
    ///
    /// See [`prelude::OwnerDsl::import`](crate::prelude::OwnerDsl::import) for the SQL and the
    /// errors.
    fn import<C>(&self, conn: &mut C) -> impl Future<Output = Result<()>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Db>,
    {
        async move { operation::import(self, &mut AsyncExecutor::new(conn)).await }
    }

    /// Loads the record with this key.
    ///
    /// See [`prelude::OwnerDsl::find`](crate::prelude::OwnerDsl::find) for the SQL and the errors.
    fn find<C>(id: &Self::Id, conn: &mut C) -> impl Future<Output = Result<Self>> + Send
    where
        C: PipelinedConnection,
        Self: Owner<C::Db>,
    {
        async move { operation::find(id, &mut AsyncExecutor::pipelined(conn)).await }
    }

    /// Replaces the model with its current row.
    ///
    /// See [`prelude::OwnerDsl::reload`](crate::prelude::OwnerDsl::reload) for the SQL and the
    /// errors.
    fn reload<C>(&mut self, conn: &mut C) -> impl Future<Output = Result<()>> + Send
    where
        C: PipelinedConnection,
        Self: Owner<C::Db>,
    {
        async move { operation::reload(self, &mut AsyncExecutor::pipelined(conn)).await }
    }

    /// Checks that the row is still at the version that was loaded, and writes nothing.
    ///
    /// See [`prelude::OwnerDsl::verify`](crate::prelude::OwnerDsl::verify) for the SQL and the
    /// errors.
    fn verify<C>(&self, conn: &mut C) -> impl Future<Output = Result<()>> + Send
    where
        C: PipelinedConnection,
        Self: Owner<C::Db>,
    {
        async move { operation::verify(self, &mut AsyncExecutor::pipelined(conn)).await }
    }

    /// Names a record and a version without loading it, for the version that a client sent
    /// (`If-Match`). Runs no SQL.
    ///
    /// See [`At`](crate::At) for the methods.
    fn at(id: impl Into<Self::Id>, version: impl Into<Self::Version>) -> At<Self> {
        At::new(id.into(), version.into())
    }

    /// Loads the record, runs the `async` closure `change` on it and saves it; returns the saved
    /// record.
    ///
    /// After a conflict, the method loads the record again and runs `change` again, up to 200
    /// times, as [`Retry::default`] defines. It waits with tokio's timer and does not block the
    /// thread.
    ///
    /// See [`prelude::OwnerDsl::update_with`](crate::prelude::OwnerDsl::update_with) for the
    /// errors.
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

    /// Loads, changes and saves the record as [`update_with`](OwnerDsl::update_with) does, with
    /// another retry policy.
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

    /// Returns a page of the current records, as events, for a replica that joins late.
    ///
    /// See [`prelude::OwnerDsl::snapshot`](crate::prelude::OwnerDsl::snapshot) for the SQL and the
    /// errors.
    fn snapshot<C>(
        after: Option<&Event<Self>>,
        limit: usize,
        conn: &mut C,
    ) -> impl Future<Output = Result<Vec<Event<Self>>>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Db> + Versioned<Version: SequentialVersion, KeyColumns: Unscoped>,
    {
        async move { operation::snapshot(None, after, limit, &mut AsyncExecutor::new(conn)).await }
    }

    /// Returns a page of the current records of one scope, as events.
    ///
    /// See [`prelude::OwnerDsl::snapshot_in`](crate::prelude::OwnerDsl::snapshot_in) for the limits and
    /// the errors.
    fn snapshot_in<C>(
        scope: &<Self as Scoped<C::Db>>::Scope,
        after: Option<&Event<Self>>,
        limit: usize,
        conn: &mut C,
    ) -> impl Future<Output = Result<Vec<Event<Self>>>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Db> + Scoped<C::Db> + Versioned<Version: SequentialVersion>,
    {
        async move {
            let scope = ScopeOf::<Self, C::Db>(scope);
            operation::snapshot(Some(&scope), after, limit, &mut AsyncExecutor::new(conn)).await
        }
    }

    /// Sends the present state of a record once more, through the outbox.
    ///
    /// See [`prelude::OwnerDsl::resend`](crate::prelude::OwnerDsl::resend) for the SQL and the
    /// errors.
    fn resend<C>(id: &Self::Id, conn: &mut C) -> impl Future<Output = Result<()>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Db>,
    {
        async move { operation::resend::<Self, _>(id, &mut AsyncExecutor::new(conn)).await }
    }

    /// Sends the present state of a page of records once more, through the outbox.
    ///
    /// See [`prelude::OwnerDsl::resend_page`](crate::prelude::OwnerDsl::resend_page) for an example
    /// and the errors.
    fn resend_page<C>(
        after: Option<&Event<Self>>,
        limit: usize,
        conn: &mut C,
    ) -> impl Future<Output = Result<Vec<Event<Self>>>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Db> + Versioned<Version: SequentialVersion, KeyColumns: Unscoped>,
    {
        async move { operation::resend_page(None, after, limit, &mut AsyncExecutor::new(conn)).await }
    }

    /// Sends the present state of a page of the records of one scope once more.
    ///
    /// See [`prelude::OwnerDsl::resend_page_in`](crate::prelude::OwnerDsl::resend_page_in) for the limits and
    /// the errors.
    fn resend_page_in<C>(
        scope: &<Self as Scoped<C::Db>>::Scope,
        after: Option<&Event<Self>>,
        limit: usize,
        conn: &mut C,
    ) -> impl Future<Output = Result<Vec<Event<Self>>>> + Send
    where
        C: AsyncConnection,
        Self: Owner<C::Db> + Scoped<C::Db> + Versioned<Version: SequentialVersion>,
    {
        async move {
            let scope = ScopeOf::<Self, C::Db>(scope);
            operation::resend_page(Some(&scope), after, limit, &mut AsyncExecutor::new(conn)).await
        }
    }

    /// Returns the assignment `version = version + 1` for an ordinary Diesel update of many rows.
    ///
    /// See [`prelude::OwnerDsl::bump`](crate::prelude::OwnerDsl::bump) for an example and its
    /// limits.
    fn bump() -> Bump<Self>
    where
        Self: PlainOwner + Versioned<Version: SequentialVersion>,
    {
        Bump::new()
    }
}

impl<M: OwnerModel> OwnerDsl for M {}

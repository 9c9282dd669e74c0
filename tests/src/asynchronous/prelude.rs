//! The methods of [`versioned_core::prelude`], each by way of its namesake in [`versioned_core::async_prelude`].

#![allow(
    clippy::missing_errors_doc,
    reason = "they fail as their namesakes fail"
)]

use std::future::ready;

use versioned_core::async_prelude::{self as front, AsyncConnection};
pub use versioned_core::async_prelude::{Dependent, Owner, Versioned};
use versioned_core::model::{DependentModel, Fields, FromJson, OwnerModel, PlainOwner};
use versioned_core::version::SequentialVersion;
use versioned_core::{
    Bump, Change, Changes, Event, Keep, Models, NewRow, Outcome, Result, Retry, Shape, Tracked,
};

use super::block_on;

/// The methods of an owner.
pub trait OwnerDsl: OwnerModel {
    /// As its namesake.
    fn insert<C>(&mut self, conn: &mut C) -> Result<Change<'_, Self>>
    where
        C: AsyncConnection,
        Self: Owner<C::Backend>,
    {
        block_on(front::OwnerDsl::insert(self, conn))
    }

    /// As its namesake.
    fn create<N, C>(new: N, conn: &mut C) -> Result<Self>
    where
        C: AsyncConnection,
        Self: Owner<C::Backend>,
        N: NewRow<Self, C::Backend> + Send,
    {
        block_on(<Self as front::OwnerDsl>::create(new, conn))
    }

    /// As its namesake.
    fn import<C>(&self, conn: &mut C) -> Result<()>
    where
        C: AsyncConnection,
        Self: Owner<C::Backend>,
    {
        block_on(front::OwnerDsl::import(self, conn))
    }

    /// As its namesake.
    fn find<C>(id: &Self::Id, conn: &mut C) -> Result<Self>
    where
        C: AsyncConnection,
        Self: Owner<C::Backend>,
    {
        block_on(<Self as front::OwnerDsl>::find(id, conn))
    }

    /// As its namesake.
    fn save<C>(&mut self, conn: &mut C) -> Result<Change<'_, Self>>
    where
        C: AsyncConnection,
        Self: Owner<C::Backend>,
    {
        block_on(front::OwnerDsl::save(self, conn))
    }

    /// As its namesake.
    fn touch<C>(&mut self, conn: &mut C) -> Result<Change<'_, Self>>
    where
        C: AsyncConnection,
        Self: Owner<C::Backend>,
    {
        block_on(front::OwnerDsl::touch(self, conn))
    }

    /// As its namesake.
    fn delete<C>(&mut self, conn: &mut C) -> Result<Change<'_, Self>>
    where
        C: AsyncConnection,
        Self: Owner<C::Backend>,
    {
        block_on(front::OwnerDsl::delete(self, conn))
    }

    /// As its namesake.
    fn insert_all<'m, C>(models: &'m mut [Self], conn: &mut C) -> Result<Vec<Change<'m, Self>>>
    where
        C: AsyncConnection,
        Self: Owner<C::Backend>,
    {
        block_on(<Self as front::OwnerDsl>::insert_all(models, conn))
    }

    /// As its namesake.
    fn save_all<'m, C>(models: &'m mut [Self], conn: &mut C) -> Result<Vec<Change<'m, Self>>>
    where
        C: AsyncConnection,
        Self: Owner<C::Backend>,
    {
        block_on(<Self as front::OwnerDsl>::save_all(models, conn))
    }

    /// As its namesake.
    fn delete_all<'m, C>(models: &'m mut [Self], conn: &mut C) -> Result<Vec<Change<'m, Self>>>
    where
        C: AsyncConnection,
        Self: Owner<C::Backend>,
    {
        block_on(<Self as front::OwnerDsl>::delete_all(models, conn))
    }

    /// As its namesake.
    fn save_each<'m, C>(
        models: &'m mut [Self],
        conn: &mut C,
    ) -> Result<Vec<Result<Change<'m, Self>>>>
    where
        C: AsyncConnection,
        Self: Owner<C::Backend>,
    {
        block_on(<Self as front::OwnerDsl>::save_each(models, conn))
    }

    /// As its namesake.
    fn reload<C>(&mut self, conn: &mut C) -> Result<()>
    where
        C: AsyncConnection,
        Self: Owner<C::Backend>,
    {
        block_on(front::OwnerDsl::reload(self, conn))
    }

    /// As its namesake.
    fn verify<C>(&self, conn: &mut C) -> Result<()>
    where
        C: AsyncConnection,
        Self: Owner<C::Backend>,
    {
        block_on(front::OwnerDsl::verify(self, conn))
    }

    /// As its namesake.
    fn at(id: impl Into<Self::Id>, version: impl Into<Self::Version>) -> At<Self> {
        At {
            id: id.into(),
            version: version.into(),
        }
    }

    /// As its namesake.
    fn update_with<C, F>(id: &Self::Id, conn: &mut C, mut change: F) -> Result<Self>
    where
        C: AsyncConnection,
        Self: Owner<C::Backend>,
        F: FnMut(&mut Self) -> Result<()> + Send,
    {
        let change = |model: &mut Self| ready(change(model));
        block_on(<Self as front::OwnerDsl>::update_with(id, conn, change))
    }

    /// As its namesake.
    fn update_with_retry<C, F>(
        id: &Self::Id,
        retry: Retry,
        conn: &mut C,
        mut change: F,
    ) -> Result<Self>
    where
        C: AsyncConnection,
        Self: Owner<C::Backend>,
        F: FnMut(&mut Self) -> Result<()> + Send,
    {
        let change = |model: &mut Self| ready(change(model));
        block_on(<Self as front::OwnerDsl>::update_with_retry(
            id, retry, conn, change,
        ))
    }

    /// As its namesake.
    fn snapshot<C>(
        after: Option<&Event<Self>>,
        limit: usize,
        conn: &mut C,
    ) -> Result<Vec<Event<Self>>>
    where
        C: AsyncConnection,
        Self: Owner<C::Backend> + versioned_core::Versioned<Version: SequentialVersion>,
    {
        block_on(<Self as front::OwnerDsl>::snapshot(after, limit, conn))
    }

    /// As its namesake.
    fn bump() -> Bump<Self>
    where
        Self: PlainOwner + versioned_core::Versioned<Version: SequentialVersion>,
    {
        <Self as front::OwnerDsl>::bump()
    }
}

impl<M: OwnerModel> OwnerDsl for M {}

/// The methods of a tracked model.
pub trait TrackedDsl<T> {
    /// As its namesake.
    fn save<C>(&mut self, conn: &mut C) -> Result<Option<Change<'_, T>>>
    where
        C: AsyncConnection,
        T: Owner<C::Backend> + Fields + Clone;

    /// As its namesake.
    fn rebase<C>(&mut self, conn: &mut C) -> Result<()>
    where
        C: AsyncConnection,
        T: Owner<C::Backend> + Fields + Clone;

    /// As its namesake.
    fn rebase_with<C, F>(&mut self, conn: &mut C, choose: F) -> Result<()>
    where
        C: AsyncConnection,
        T: Owner<C::Backend> + Fields + Clone,
        F: FnMut(&'static str, &T, &T) -> Keep + Send;

    /// As its namesake.
    fn reload<C>(&mut self, conn: &mut C) -> Result<()>
    where
        C: AsyncConnection,
        T: Owner<C::Backend> + Fields + Clone;

    /// As its namesake.
    fn touch<C>(&mut self, conn: &mut C) -> Result<Change<'_, T>>
    where
        C: AsyncConnection,
        T: Owner<C::Backend> + Fields;

    /// As its namesake.
    fn delete<C>(&mut self, conn: &mut C) -> Result<Change<'_, T>>
    where
        C: AsyncConnection,
        T: Owner<C::Backend> + Fields;

    /// As its namesake.
    fn verify<C>(&mut self, conn: &mut C) -> Result<()>
    where
        C: AsyncConnection,
        T: Owner<C::Backend> + Fields;
}

impl<T> TrackedDsl<T> for Tracked<T> {
    fn save<C>(&mut self, conn: &mut C) -> Result<Option<Change<'_, T>>>
    where
        C: AsyncConnection,
        T: Owner<C::Backend> + Fields + Clone,
    {
        block_on(front::TrackedDsl::save(self, conn))
    }

    fn rebase<C>(&mut self, conn: &mut C) -> Result<()>
    where
        C: AsyncConnection,
        T: Owner<C::Backend> + Fields + Clone,
    {
        block_on(front::TrackedDsl::rebase(self, conn))
    }

    fn rebase_with<C, F>(&mut self, conn: &mut C, choose: F) -> Result<()>
    where
        C: AsyncConnection,
        T: Owner<C::Backend> + Fields + Clone,
        F: FnMut(&'static str, &T, &T) -> Keep + Send,
    {
        block_on(front::TrackedDsl::rebase_with(self, conn, choose))
    }

    fn reload<C>(&mut self, conn: &mut C) -> Result<()>
    where
        C: AsyncConnection,
        T: Owner<C::Backend> + Fields + Clone,
    {
        block_on(front::TrackedDsl::reload(self, conn))
    }

    fn touch<C>(&mut self, conn: &mut C) -> Result<Change<'_, T>>
    where
        C: AsyncConnection,
        T: Owner<C::Backend> + Fields,
    {
        block_on(front::TrackedDsl::touch(self, conn))
    }

    fn delete<C>(&mut self, conn: &mut C) -> Result<Change<'_, T>>
    where
        C: AsyncConnection,
        T: Owner<C::Backend> + Fields,
    {
        block_on(front::TrackedDsl::delete(self, conn))
    }

    fn verify<C>(&mut self, conn: &mut C) -> Result<()>
    where
        C: AsyncConnection,
        T: Owner<C::Backend> + Fields,
    {
        block_on(front::TrackedDsl::verify(self, conn))
    }
}

/// What [`OwnerDsl::at`] answers with.
#[derive(Debug)]
pub struct At<M: OwnerModel> {
    id: M::Id,
    version: M::Version,
}

impl<M: OwnerModel> At<M> {
    /// As its namesake.
    pub fn update<S, C>(&self, changes: S, conn: &mut C) -> Result<M>
    where
        C: AsyncConnection,
        M: Owner<C::Backend>,
        S: Changes<M, C::Backend> + Send,
    {
        let at = <M as front::OwnerDsl>::at(self.id.clone(), self.version.clone());
        block_on(at.update(changes, conn))
    }

    /// As its namesake.
    pub fn touch<C>(&self, conn: &mut C) -> Result<M>
    where
        C: AsyncConnection,
        M: Owner<C::Backend>,
    {
        let at = <M as front::OwnerDsl>::at(self.id.clone(), self.version.clone());
        block_on(at.touch(conn))
    }

    /// As its namesake.
    pub fn delete<C>(&self, conn: &mut C) -> Result<M::Version>
    where
        C: AsyncConnection,
        M: Owner<C::Backend>,
    {
        let at = <M as front::OwnerDsl>::at(self.id.clone(), self.version.clone());
        block_on(at.delete(conn))
    }
}

/// The methods of a dependent.
pub trait DependentDsl: DependentModel {
    /// As its namesake.
    fn apply<C>(event: &Event<Self>, conn: &mut C) -> Result<Outcome>
    where
        C: AsyncConnection,
        Self: Dependent<C::Backend>,
    {
        block_on(<Self as front::DependentDsl>::apply(event, conn))
    }

    /// As its namesake.
    fn apply_json<C>(json: &str, conn: &mut C) -> Result<Outcome>
    where
        C: AsyncConnection,
        Self: Dependent<C::Backend> + FromJson,
    {
        block_on(<Self as front::DependentDsl>::apply_json(json, conn))
    }

    /// As its namesake.
    fn apply_with<C, F>(event: &Event<Self>, conn: &mut C, mut then: F) -> Result<Outcome>
    where
        C: AsyncConnection,
        Self: Dependent<C::Backend>,
        F: FnMut(&mut C, &Event<Self>) -> Result<()> + Send,
    {
        let then = |conn: &mut C, event: &Event<Self>| ready(then(conn, event));
        block_on(<Self as front::DependentDsl>::apply_with(event, conn, then))
    }

    /// As its namesake.
    fn apply_all<C>(events: &[Event<Self>], conn: &mut C) -> Result<Vec<Outcome>>
    where
        C: AsyncConnection,
        Self: Dependent<C::Backend>,
    {
        block_on(<Self as front::DependentDsl>::apply_all(events, conn))
    }

    /// As its namesake.
    fn find<C>(id: &Self::Id, conn: &mut C) -> Result<Self>
    where
        C: AsyncConnection,
        Self: Dependent<C::Backend>,
    {
        block_on(<Self as front::DependentDsl>::find(id, conn))
    }

    /// As its namesake.
    fn find_by_event<C>(event: &Event<Self>, conn: &mut C) -> Result<Self>
    where
        C: AsyncConnection,
        Self: Dependent<C::Backend>,
    {
        block_on(<Self as front::DependentDsl>::find_by_event(event, conn))
    }
}

impl<M: DependentModel> DependentDsl for M {}

/// As its namesake.
pub fn transaction<C, M, R, E>(
    conn: &mut C,
    models: M,
    body: impl for<'s> FnOnce(&mut C, <M::Shape as Shape>::Ref<'s>) -> Result<R, E> + Send,
) -> Result<R, E>
where
    C: AsyncConnection,
    M: Models<Guard: Send> + Send,
    R: Send,
    E: From<diesel::result::Error> + Send,
{
    let body = |conn: &mut C, models: <M::Shape as Shape>::Ref<'_>| ready(body(conn, models));
    block_on(front::transaction(conn, models, body))
}

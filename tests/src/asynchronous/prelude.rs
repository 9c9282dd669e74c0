//! The methods of [`versioned_core::prelude`], each as a call of the method of the same name in
//! [`versioned_core::async_prelude`] that waits for its future.

#![allow(
    clippy::missing_errors_doc,
    reason = "they fail as the async methods fail"
)]

use std::future::ready;

use versioned_core::async_prelude::{self as front, AsyncConnection};
pub use versioned_core::async_prelude::{Dependent, Owner, Versioned};
use versioned_core::model::{
    DependentModel, Fields, FromJson, OwnerModel, PlainOwner, Scoped, Unscoped,
};
use versioned_core::version::SequentialVersion;
use versioned_core::{
    AsyncAt, Bump, Change, Changes, Conditions, Event, Keep, Models, NewRow, NewRows, Outcome,
    Result, Retry, Shape, Tracked,
};

use super::block_on;

/// Methods of a trait that call the async methods of the same names. `C` is an async connection,
/// and the bound in the first line applies to all of them. After a semicolon follows a closure,
/// which the async method receives as one that returns a future.
///
/// ```ignore
/// fn insert<C>(self: &mut Self, conn: &mut C) -> Result<Change<'_, Self>>
/// where
///     C: AsyncConnection,
///     Self: Owner<C::Backend>,
/// {
///     block_on(<Self as front::OwnerDsl>::insert(self, conn))
/// }
/// ```
macro_rules! forward {
    (
        <$this:ty as $front:path> where $subject:ty: $bound:path;
        $(
            fn $name:ident $(<$lifetime:lifetime>)? (
                $($argument:ident: $type:ty),+
                $(; $closure:ident: |$($given:ident: $of:ty),+|)?
            ) -> $output:ty
            $(where $bounded:ty: $more:path)?;
        )+
    ) => {$(
        #[doc = concat!("Waits for the async `", stringify!($name), "`.")]
        fn $name<$($lifetime,)? C>(
            $($argument: $type,)+
            $(mut $closure: impl FnMut($($of),+) -> Result<()> + Send)?
        ) -> $output
        where
            C: AsyncConnection,
            $subject: $bound,
            $($bounded: $more,)?
        {
            $(let $closure = |$($given: $of),+| ready($closure($($given),+));)?
            block_on(<$this as $front>::$name($($argument,)+ $($closure)?))
        }
    )+};
}

/// The methods of an owner.
pub trait OwnerDsl: OwnerModel {
    forward! {
        <Self as front::OwnerDsl> where Self: Owner<C::Backend>;

        fn insert(self: &mut Self, conn: &mut C) -> Result<Change<'_, Self>>;
        fn create(new: impl NewRow<Self, C::Backend> + Send, conn: &mut C) -> Result<Self>;
        fn create_all(
            rows: Vec<impl NewRows<Self, C::Backend> + Send>,
            conn: &mut C
        ) -> Result<Vec<Self>>;
        fn import(self: &Self, conn: &mut C) -> Result<()>;
        fn find(id: &Self::Id, conn: &mut C) -> Result<Self>;
        fn save(self: &mut Self, conn: &mut C) -> Result<Change<'_, Self>>;
        fn upsert(self: &mut Self, conn: &mut C) -> Result<Change<'_, Self>>;
        fn touch(self: &mut Self, conn: &mut C) -> Result<Change<'_, Self>>;
        fn delete(self: &mut Self, conn: &mut C) -> Result<Change<'_, Self>>;
        fn insert_all<'m>(models: &'m mut [Self], conn: &mut C) -> Result<Vec<Change<'m, Self>>>;
        fn save_all<'m>(models: &'m mut [Self], conn: &mut C) -> Result<Vec<Change<'m, Self>>>;
        fn upsert_all<'m>(models: &'m mut [Self], conn: &mut C) -> Result<Vec<Change<'m, Self>>>;
        fn delete_all<'m>(models: &'m mut [Self], conn: &mut C) -> Result<Vec<Change<'m, Self>>>;
        fn save_each<'m>(
            models: &'m mut [Self],
            conn: &mut C
        ) -> Result<Vec<Result<Change<'m, Self>>>>;
        fn reload(self: &mut Self, conn: &mut C) -> Result<()>;
        fn verify(self: &Self, conn: &mut C) -> Result<()>;
        fn update_with(id: &Self::Id, conn: &mut C; change: |model: &mut Self|) -> Result<Self>;
        fn update_with_retry(
            id: &Self::Id,
            retry: Retry,
            conn: &mut C;
            change: |model: &mut Self|
        ) -> Result<Self>;
        fn snapshot(
            after: Option<&Event<Self>>,
            limit: usize,
            conn: &mut C
        ) -> Result<Vec<Event<Self>>>
        where Self: versioned_core::Versioned<Version: SequentialVersion, KeyColumns: Unscoped>;
        fn resend(id: &Self::Id, conn: &mut C) -> Result<()>;
        fn resend_page(
            after: Option<&Event<Self>>,
            limit: usize,
            conn: &mut C
        ) -> Result<Vec<Event<Self>>>
        where Self: versioned_core::Versioned<Version: SequentialVersion, KeyColumns: Unscoped>;
    }

    /// Waits for the async `snapshot_in`.
    fn snapshot_in<C>(
        scope: &<Self as Scoped<C::Backend>>::Scope,
        after: Option<&Event<Self>>,
        limit: usize,
        conn: &mut C,
    ) -> Result<Vec<Event<Self>>>
    where
        C: AsyncConnection,
        Self: Owner<C::Backend> + Scoped<C::Backend>,
        Self: versioned_core::Versioned<Version: SequentialVersion>,
    {
        block_on(<Self as front::OwnerDsl>::snapshot_in(
            scope, after, limit, conn,
        ))
    }

    /// Waits for the async `resend_page_in`.
    fn resend_page_in<C>(
        scope: &<Self as Scoped<C::Backend>>::Scope,
        after: Option<&Event<Self>>,
        limit: usize,
        conn: &mut C,
    ) -> Result<Vec<Event<Self>>>
    where
        C: AsyncConnection,
        Self: Owner<C::Backend> + Scoped<C::Backend>,
        Self: versioned_core::Versioned<Version: SequentialVersion>,
    {
        block_on(<Self as front::OwnerDsl>::resend_page_in(
            scope, after, limit, conn,
        ))
    }

    /// A row at a version that was not loaded here.
    fn at(id: impl Into<Self::Id>, version: impl Into<Self::Version>) -> At<Self> {
        At(<Self as front::OwnerDsl>::at(id, version))
    }

    /// The async `bump`, which waits for nothing.
    fn bump() -> Bump<Self>
    where
        Self: PlainOwner + versioned_core::Versioned<Version: SequentialVersion>,
    {
        <Self as front::OwnerDsl>::bump()
    }
}

impl<M: OwnerModel> OwnerDsl for M {}

/// The methods of a tracked model.
pub trait TrackedDsl<T: Fields>: front::TrackedDsl<T> {
    forward! {
        <Self as front::TrackedDsl<T>> where T: Owner<C::Backend>;

        fn save(self: &mut Self, conn: &mut C) -> Result<Option<Change<'_, T>>> where T: Clone;
        fn save_all<'m>(
            all: &'m mut [Self],
            conn: &mut C
        ) -> Result<Vec<Option<Change<'m, T>>>>
        where T: Clone;
        fn rebase(self: &mut Self, conn: &mut C) -> Result<()> where T: Clone;
        fn rebase_with(
            self: &mut Self,
            conn: &mut C,
            choose: impl FnMut(&'static str, &T, &T) -> Keep + Send
        ) -> Result<()>
        where T: Clone;
        fn reload(self: &mut Self, conn: &mut C) -> Result<()> where T: Clone;
        fn touch(self: &mut Self, conn: &mut C) -> Result<Change<'_, T>>;
        fn delete(self: &mut Self, conn: &mut C) -> Result<Change<'_, T>>;
        fn verify(self: &mut Self, conn: &mut C) -> Result<()>;
    }
}

impl<T: Fields> TrackedDsl<T> for Tracked<T> {}

/// Returned by [`OwnerDsl::at`].
#[derive(Debug)]
pub struct At<M: OwnerModel, P = ()>(AsyncAt<M, P>);

impl<M: OwnerModel, P> At<M, P> {
    /// The async `filter`, which waits for nothing.
    #[must_use]
    pub fn filter<T>(self, condition: T) -> At<M, (P, T)> {
        At(self.0.filter(condition))
    }
}

/// Its methods are no trait's, so that [`forward!`] cannot call them.
macro_rules! forward_at {
    ($(fn $name:ident($($argument:ident: $type:ty),+) -> $output:ty;)+) => {
        impl<M: OwnerModel, P> At<M, P> {$(
            #[doc = concat!("Waits for the async `", stringify!($name), "`.")]
            pub fn $name<C>(&self, $($argument: $type),+) -> Result<$output>
            where
                C: AsyncConnection,
                M: Owner<C::Backend>,
                P: Conditions<M, C::Backend>,
            {
                block_on(self.0.$name($($argument),+))
            }
        )+}
    };
}

forward_at! {
    fn update(changes: impl Changes<M, C::Backend> + Send, conn: &mut C) -> M;
    fn touch(conn: &mut C) -> M;
    fn delete(conn: &mut C) -> M::Version;
}

/// The methods of a dependent.
pub trait DependentDsl: DependentModel {
    forward! {
        <Self as front::DependentDsl> where Self: Dependent<C::Backend>;

        fn apply(event: &Event<Self>, conn: &mut C) -> Result<Outcome>;
        fn apply_json(json: &str, conn: &mut C) -> Result<Outcome> where Self: FromJson;
        fn apply_with(
            event: &Event<Self>,
            conn: &mut C;
            then: |conn: &mut C, event: &Event<Self>|
        ) -> Result<Outcome>;
        fn apply_all(events: &[Event<Self>], conn: &mut C) -> Result<Vec<Outcome>>;
        fn find(id: &Self::Id, conn: &mut C) -> Result<Self>;
        fn find_by_event(event: &Event<Self>, conn: &mut C) -> Result<Self>;
    }
}

impl<M: DependentModel> DependentDsl for M {}

/// Waits for the async `transaction`.
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

//! Which connections the methods take: Diesel's own bounds and those of `diesel-async`, under names of ours, so that rustc says
//! which prelude is the right one. Nobody implements these traits; generic code asks for `LoadConnection` or `AsyncConnection`.

use diesel::backend::Backend;
use diesel::connection::LoadConnection;
#[cfg(feature = "async")]
use diesel_async::AsyncConnectionCore;

/// A connection of Diesel's own, for the methods of the [`prelude`](crate::prelude): every `LoadConnection`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a blocking connection of the `diesel` that `versioned-core` uses: give one, or import `versioned_core::async_prelude`",
    label = "not a blocking connection of this `diesel`",
    note = "`async_prelude` has the same methods, as futures: `.await` them",
    note = "`cargo tree -d` shows whether there is another version of `diesel`, whose connections are other types",
    note = "of a pool give a connection: `&mut pool.get()?`",
    note = "in generic code ask for `C: LoadConnection`"
)]
pub trait BlockingConnection: LoadConnection<Backend = <Self as BlockingConnection>::Db> {
    /// Its backend. (`C::Backend` would let rustc speak of Diesel's trait first.)
    type Db: Backend;
}

#[diagnostic::do_not_recommend]
impl<C: LoadConnection<Backend = DB>, DB: Backend> BlockingConnection for C {
    type Db = DB;
}

/// A connection of `diesel-async`, for the methods of the [`async_prelude`](crate::async_prelude): every `AsyncConnection`.
#[cfg(feature = "async")]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a connection of the `diesel-async` that `versioned-core` uses: give one, or import `versioned_core::prelude`",
    label = "not a connection of this `diesel-async`",
    note = "`prelude` has the same methods, without `.await`",
    note = "`cargo tree -d` shows whether there is another version of `diesel-async`, whose connections are other types",
    note = "of a pool give a connection: `&mut pool.get().await?`",
    note = "in generic code ask for `C: AsyncConnection`"
)]
pub trait AsyncConnection:
    diesel_async::AsyncConnection + AsyncConnectionCore<Backend = <Self as AsyncConnection>::Db>
{
    /// Its backend.
    type Db: Backend;
}

#[cfg(feature = "async")]
#[diagnostic::do_not_recommend]
impl<C, DB> AsyncConnection for C
where
    C: diesel_async::AsyncConnection + AsyncConnectionCore<Backend = DB>,
    DB: Backend,
{
    type Db = DB;
}

/// As [`AsyncConnection`], for what needs no transaction: every `AsyncConnectionCore`, the `&conn` of a pipeline too.
#[cfg(feature = "async")]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a connection of the `diesel-async` that `versioned-core` uses: give one, or import `versioned_core::prelude`",
    label = "not a connection of this `diesel-async`",
    note = "`prelude` has the same methods, without `.await`",
    note = "`cargo tree -d` shows whether there is another version of `diesel-async`, whose connections are other types",
    note = "of a pool give a connection: `&mut pool.get().await?`",
    note = "in generic code ask for `C: AsyncConnection`"
)]
pub trait PipelinedConnection:
    AsyncConnectionCore<Backend = <Self as PipelinedConnection>::Db>
{
    /// Its backend.
    type Db: Backend;
}

#[cfg(feature = "async")]
#[diagnostic::do_not_recommend]
impl<C: AsyncConnectionCore<Backend = DB>, DB: Backend> PipelinedConnection for C {
    type Db = DB;
}

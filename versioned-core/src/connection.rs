//! The connections that the methods accept.
//!
//! These traits rename the bounds of Diesel and `diesel-async`, so that the compiler can name the
//! right prelude in an error. They are implemented for every connection, and users never implement
//! them. Generic code uses `LoadConnection` or `AsyncConnection` as its bound.

use diesel::backend::Backend;
use diesel::connection::LoadConnection;
#[cfg(feature = "async")]
use diesel_async::AsyncConnectionCore;

/// A connection of Diesel, for the methods of the [`prelude`](crate::prelude). Every
/// `LoadConnection` implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a blocking connection of the `diesel` that `versioned-core` uses: pass one, or import `versioned_core::async_prelude`",
    label = "not a blocking connection of this `diesel`",
    note = "`async_prelude` has the same methods, which return futures: `.await` them",
    note = "`cargo tree -d` shows whether the build has two versions of `diesel`, whose connections are different types",
    note = "pass a connection from the pool: `&mut pool.get()?`",
    note = "in generic code, add the bound `C: LoadConnection`"
)]
pub trait BlockingConnection: LoadConnection<Backend = <Self as BlockingConnection>::Db> {
    /// The backend of the connection. (With `C::Backend`, rustc would report Diesel's trait first.)
    type Db: Backend;
}

#[diagnostic::do_not_recommend]
impl<C: LoadConnection<Backend = DB>, DB: Backend> BlockingConnection for C {
    type Db = DB;
}

/// A connection of `diesel-async`, for the methods of the [`async_prelude`](crate::async_prelude).
/// Every `AsyncConnection` implements it.
#[cfg(feature = "async")]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a connection of the `diesel-async` that `versioned-core` uses: pass one, or import `versioned_core::prelude`",
    label = "not a connection of this `diesel-async`",
    note = "`prelude` has the same methods, without `.await`",
    note = "`cargo tree -d` shows whether the build has two versions of `diesel-async`, whose connections are different types",
    note = "pass a connection from the pool: `&mut pool.get().await?`",
    note = "in generic code, add the bound `C: AsyncConnection`"
)]
pub trait AsyncConnection:
    diesel_async::AsyncConnection + AsyncConnectionCore<Backend = <Self as AsyncConnection>::Db>
{
    /// The backend of the connection.
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

/// As [`AsyncConnection`], for methods that need no transaction. Every `AsyncConnectionCore`
/// implements it, including the `&conn` of a pipeline.
#[cfg(feature = "async")]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a connection of the `diesel-async` that `versioned-core` uses: pass one, or import `versioned_core::prelude`",
    label = "not a connection of this `diesel-async`",
    note = "`prelude` has the same methods, without `.await`",
    note = "`cargo tree -d` shows whether the build has two versions of `diesel-async`, whose connections are different types",
    note = "pass a connection from the pool: `&mut pool.get().await?`",
    note = "in generic code, add the bound `C: AsyncConnection`"
)]
pub trait PipelinedConnection:
    AsyncConnectionCore<Backend = <Self as PipelinedConnection>::Db>
{
    /// The backend of the connection.
    type Db: Backend;
}

#[cfg(feature = "async")]
#[diagnostic::do_not_recommend]
impl<C: AsyncConnectionCore<Backend = DB>, DB: Backend> PipelinedConnection for C {
    type Db = DB;
}

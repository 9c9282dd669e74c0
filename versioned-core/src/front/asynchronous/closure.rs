//! Closures that return `Send` futures.
//!
//! The bound `AsyncFnMut` cannot require a `Send` future. These traits can. Every `async` closure
//! that does not lend its captures implements them.

use std::future::Future;

use super::AsyncExecutor;
use crate::error::Result;
use crate::event::Event;
use crate::operation::{AfterApply, Modify};

/// `async |ticket: &mut Ticket| -> Result<()>`
pub trait ModifyFn<A>: FnMut(A) -> <Self as ModifyFn<A>>::Fut {
    /// The future that the closure returns.
    type Fut: Future<Output = Result<()>>;
}

impl<F, A, Fut> ModifyFn<A> for F
where
    F: FnMut(A) -> Fut,
    Fut: Future<Output = Result<()>>,
{
    type Fut = Fut;
}

/// `async |conn: &mut C, event: &Event<T>| -> Result<()>`
pub trait AfterApplyFn<A, B>: FnMut(A, B) -> <Self as AfterApplyFn<A, B>>::Fut {
    /// The future that the closure returns.
    type Fut: Future<Output = Result<()>>;
}

impl<F, A, B, Fut> AfterApplyFn<A, B> for F
where
    F: FnMut(A, B) -> Fut,
    Fut: Future<Output = Result<()>>,
{
    type Fut = Fut;
}

/// `async |conn: &mut C, models| -> Result<R, E>`
pub trait TransactionFn<A, B, R>: FnOnce(A, B) -> <Self as TransactionFn<A, B, R>>::Fut {
    /// The future that the closure returns.
    type Fut: Future<Output = R>;
}

impl<F, A, B, R, Fut> TransactionFn<A, B, R> for F
where
    F: FnOnce(A, B) -> Fut,
    Fut: Future<Output = R>,
{
    type Fut = Fut;
}

pub(super) struct Closure<F>(pub(super) F);

impl<M, F> Modify<M> for Closure<F>
where
    F: for<'m> ModifyFn<&'m mut M, Fut: Send>,
{
    fn modify(&mut self, model: &mut M) -> impl Future<Output = Result<()>> + Send {
        (self.0)(model)
    }
}

impl<'c, M, C, F> AfterApply<M, AsyncExecutor<'c, C>> for Closure<F>
where
    F: for<'x, 'e> AfterApplyFn<&'x mut C, &'e Event<M>, Fut: Send>,
{
    fn then(
        &mut self,
        executor: &mut AsyncExecutor<'c, C>,
        event: &Event<M>,
    ) -> impl Future<Output = Result<()>> + Send {
        (self.0)(executor.conn, event)
    }
}

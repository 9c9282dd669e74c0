//! A blocking closure as a step of an operation: it is finished when it returns.

use std::future::{Future, ready};

use super::BlockingExecutor;
use crate::error::Result;
use crate::event::Event;
use crate::operation::{AfterApply, Modify};

pub(super) struct Closure<F>(pub(super) F);

impl<M, F> Modify<M> for Closure<F>
where
    F: FnMut(&mut M) -> Result<()>,
{
    fn modify(&mut self, model: &mut M) -> impl Future<Output = Result<()>> + Send {
        ready((self.0)(model))
    }
}

impl<'c, M, C, F> AfterApply<M, BlockingExecutor<'c, C>> for Closure<F>
where
    C: diesel::Connection,
    F: FnMut(&mut C, &Event<M>) -> Result<()>,
{
    fn then(
        &mut self,
        executor: &mut BlockingExecutor<'c, C>,
        event: &Event<M>,
    ) -> impl Future<Output = Result<()>> + Send {
        ready((self.0)(executor.conn, event))
    }
}

//! The caller's closures inside an operation. Each front has its own kind.

use std::future::Future;

use crate::error::Result;
use crate::event::Event;

/// The change that `update_with` makes to a loaded record.
pub(crate) trait Modify<M> {
    fn modify(&mut self, model: &mut M) -> impl Future<Output = Result<()>> + Send;
}

/// The caller's part of `apply_with`: it runs after an event was applied, in the same transaction.
pub(crate) trait AfterApply<M, C> {
    fn then(&mut self, conn: &mut C, event: &Event<M>) -> impl Future<Output = Result<()>> + Send;
}

/// No closure.
pub(crate) struct NoHook;

impl<M: Sync, C: Send> AfterApply<M, C> for NoHook {
    async fn then(&mut self, _: &mut C, _: &Event<M>) -> Result<()> {
        Ok(())
    }
}

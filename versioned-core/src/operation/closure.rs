//! Closures of the caller's, called from an operation: each front has its own kind.

use std::future::Future;

use crate::error::Result;
use crate::event::Event;

/// What `update_with` does to a record that it has loaded.
pub(crate) trait Modify<M> {
    fn modify(&mut self, model: &mut M) -> impl Future<Output = Result<()>> + Send;
}

/// What `apply_with` does after an event was applied, in the same transaction.
pub(crate) trait AfterApply<M, C> {
    fn then(&mut self, conn: &mut C, event: &Event<M>) -> impl Future<Output = Result<()>> + Send;
}

/// Nothing.
pub(crate) struct NoHook;

impl<M: Sync, C: Send> AfterApply<M, C> for NoHook {
    async fn then(&mut self, _: &mut C, _: &Event<M>) -> Result<()> {
        Ok(())
    }
}
